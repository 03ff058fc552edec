"""What the tests of faults share beside the servers of tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import DaemonProcess
from bridge.testing.kafka import Broker, BrokerError, KafkaBroker
from tests.e2e.evidence import Start, hostile


@pytest.fixture(scope="module")
def ill_treated(broker_jars: Path) -> Iterator[KafkaBroker]:
    """Behind `fragile`."""
    with KafkaBroker() as started:
        yield started


@pytest.fixture
def fragile(ill_treated: KafkaBroker) -> Iterator[KafkaBroker]:
    """A broker of our own to stop, kill and stall; it runs again afterwards."""
    yield ill_treated
    with suppress(BrokerError):  # it was killed
        ill_treated.resume()
    if not ill_treated.answers():
        ill_treated.kill()
        ill_treated.start()


@pytest.fixture
def name() -> str:
    return f"erp-{uuid4().hex[:8]}"


@pytest.fixture
def start(tmp_path: Path, broker: Broker) -> Iterator[Start]:
    """Starts daemons that the end of the test stops."""
    started: list[DaemonProcess] = []

    def run(connectors: Mapping[str, Any], address: str = broker.address, **options: Any) -> DaemonProcess:
        folder = tmp_path / f"daemon{len(started)}"
        environment = {**hostile(folder), **options.pop("environment", {})}
        daemon = DaemonProcess(folder, address, connectors, environment=environment, **options)
        started.append(daemon)
        daemon.start()
        return daemon

    yield run
    for daemon in started:
        daemon.stop()

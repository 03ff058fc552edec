"""What the tests of faults share beside the servers of tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bridge.testing.kafka import BrokerError, KafkaBroker


@pytest.fixture(scope="session")
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

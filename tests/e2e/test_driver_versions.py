"""Two versions of one driver in one daemon: each connector has a process, and a JVM, of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.testing import need
from bridge.testing.daemon import consume
from bridge.testing.databases import driver_jar
from bridge.testing.kafka import Broker
from tests.e2e.evidence import Start, arrived

pytestmark = pytest.mark.slow

FORMER = Path(__file__).parents[2] / "jars" / "peers"
MADE = r"create table if not exists t(id int primary key, v varchar)\;merge into t values (1, h2version())"


def h2(jar: Path) -> dict[str, Any]:
    streams = {"PUBLIC.T": {"mode": "incrementing", "interval": "200ms"}}
    return {"kind": "jdbc", "url": f"jdbc:h2:mem:x;INIT={MADE}", "jars": [str(jar)], "streams": streams}


def test_two_versions_of_a_driver_run_side_by_side(start: Start, broker: Broker, name: str) -> None:
    jars = {"old": next(iter(FORMER.glob("h2-*.jar")), None), "new": driver_jar("h2")}
    if jars["old"] is None:
        need("there is no former H2 in jars/peers: run `make setup`")
    start({f"{name}-{age}": h2(jar) for age, jar in jars.items() if jar})
    for age, jar in jars.items():
        topic = f"{name}-{age}.PUBLIC.T"
        assert arrived(broker.address, topic, [1], "ID") == [1]
        (event,) = consume(broker.address, topic)
        assert json.loads(event.value or b"")["after"]["V"] == str(jar).rpartition("-")[2].removesuffix(
            ".jar"
        )

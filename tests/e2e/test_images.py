"""A source that can only be read as a whole: whatever dies, whenever, the topic becomes the table."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from bridge.testing.daemon import DaemonProcess, Record, consume, wait_until
from bridge.testing.folding import Folded, folded
from bridge.testing.kafka import Broker
from bridge.testing.killing import deaths
from bridge.testing.sqlite_source import SqliteSource
from tests.e2e.evidence import Start, doomed, in_state, meanwhile, oddities, parked_stream, source

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

KILLS_A_STEP = 2
NEVER_PARKED = {"restarts": 1_000_000}


class Copied:
    """A table of one file, and its topic."""

    def __init__(self, legacy: SqliteSource, broker: Broker, name: str) -> None:
        self.legacy, self.name, self._broker = legacy, name, broker

    def connectors(self, **options: Any) -> dict[str, Any]:
        streams = {"orders": {"images": True}}
        path = str(self.legacy.path)
        return {
            self.name: {"kind": "sqlite", "path": path, "interval": "50ms", "streams": streams, **options}
        }

    def records(self, isolation: str = "read_committed") -> list[Record]:
        return consume(self._broker.address, f"{self.name}.orders", isolation)

    def topic(self, isolation: str = "read_committed") -> Folded:
        return folded((record.event for record in self.records(isolation) if record.value), "id")

    def settle(self) -> None:
        """Wait until the topic is the table."""
        wait_until(self._is_the_table, 60, "the topic to be the table", 0.5)

    def _is_the_table(self) -> bool:
        with self.legacy.session() as database:
            rows = database.execute("SELECT id, customer, payload FROM orders").fetchall()
        return self.topic().rows == {
            (id_,): {"id": id_, "customer": customer, "payload": payload} for id_, customer, payload in rows
        }


@pytest.fixture
def copied(broker: Broker, tmp_path: Path, name: str) -> Copied:
    return Copied(source(tmp_path / "erp.db"), broker, name)


def test_inserts_updates_and_deletes_are_found(copied: Copied, start: Start) -> None:
    copied.legacy.insert(1000)
    daemon = start(copied.connectors())
    copied.settle()
    with copied.legacy.session() as database:
        database.execute("INSERT INTO orders (id, payload) VALUES (5000, 'new')")
        database.execute("UPDATE orders SET payload = 'changed' WHERE id = 7")
        database.execute("DELETE FROM orders WHERE id = 8")
    copied.settle()
    in_state(daemon, copied.name, "RUNNING")
    daemon.stop()
    assert copied.topic().operations == {"r": 1000, "c": 1, "u": 1, "d": 1}


def test_workers_killed_at_every_step_leave_the_topic_what_the_table_is(
    copied: Copied, broker: Broker, tmp_path: Path
) -> None:
    """After the commit in Kafka and before the one in the cache, among others."""
    copied.legacy.insert(2000)
    chance = random.Random(3)
    dying = deaths(KILLS_A_STEP, chance, passages=3, latest_ms=1500)
    connectors = copied.connectors(max_delete="100%")
    daemon, plan = doomed(tmp_path / "daemon", broker.address, connectors, dying, daemon=NEVER_PARKED)
    with daemon:
        with meanwhile(lambda: copied.legacy.change(10, chance), 0.05):
            wait_until(lambda: daemon.killed() == len(dying), 200, "deaths", 0.2)
        copied.settle()
    assert plan.left == 0
    assert copied.topic().doubled == 0
    assert oddities(copied.records(), "id") == []
    committed, seen = copied.topic().operations, copied.topic("read_uncommitted").operations
    assert sum(seen.values()) > sum(committed.values())


def test_a_source_that_suddenly_shows_little_of_itself_parks_the_stream(copied: Copied, start: Start) -> None:
    copied.legacy.insert(100)
    daemon = start(copied.connectors())
    copied.settle()
    with copied.legacy.session() as database:
        database.execute("DELETE FROM orders WHERE id > 50")
    reason = parked_stream(daemon, copied.name)
    assert "50 of 100 rows of orders are gone at once, which is more than max_delete (30%)" in reason
    daemon.stop()
    assert copied.topic().operations == {"r": 100}


def test_a_host_without_the_cache_reads_the_state_from_its_topic(
    copied: Copied, broker: Broker, tmp_path: Path
) -> None:
    copied.legacy.insert(500)
    with DaemonProcess(tmp_path / "one", broker.address, copied.connectors()):
        copied.settle()
    with copied.legacy.session() as database:
        database.execute("DELETE FROM orders WHERE id = 3")
    with DaemonProcess(tmp_path / "two", broker.address, copied.connectors()) as daemon:
        copied.settle()
        assert "state read from its topic" in daemon.logged()
    assert copied.topic().operations == {"r": 500, "d": 1}

"""A source that can only be read as a whole: whatever dies, whenever, the topic becomes the table."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.folding import Folded, folded
from bridge.testing.kafka import Broker
from bridge.testing.killing import DEATHS, PLAN_VARIABLE, Plan, Step
from bridge.testing.sqlite_source import SqliteSource
from tests.e2e.evidence import in_state, meanwhile, parked_stream, source

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

KILLS_A_STEP = 2
NEVER_PARKED = {"restarts": 1_000_000}


def images(path: Path, **options: Any) -> dict[str, Any]:
    """A connector to the table `orders` of one file."""
    streams = {"orders": {"images": True}}
    return {"kind": "sqlite", "path": str(path), "interval": "50ms", "streams": streams, **options}


def topic_of(broker: Broker, name: str, isolation: str = "read_committed") -> Folded:
    records = consume(broker.address, f"{name}.orders", isolation)
    return folded((record.event for record in records if record.value), "id")


def as_published(legacy: SqliteSource) -> dict[tuple[int], str | None]:
    return {(each,): payload for each, payload in legacy.rows().items()}


def payloads(topic: Folded) -> dict[tuple[Any, ...], str]:
    return {key: row["payload"] for key, row in topic.rows.items()}


def becomes_the_table(broker: Broker, name: str, legacy: SqliteSource) -> None:
    wait_until(
        lambda: payloads(topic_of(broker, name)) == as_published(legacy), 60, "the topic to be the table", 0.5
    )


def test_inserts_updates_and_deletes_are_found(broker: Broker, tmp_path: Path) -> None:
    name = f"erp-{uuid4().hex[:8]}"
    legacy = source(tmp_path / "erp.db")
    legacy.insert(1000)
    with DaemonProcess(tmp_path / "daemon", broker.address, {name: images(legacy.path)}) as daemon:
        becomes_the_table(broker, name, legacy)
        with legacy.session() as database:
            database.execute("INSERT INTO orders (id, payload) VALUES (5000, 'new')")
            database.execute("UPDATE orders SET payload = 'changed' WHERE id = 7")
            database.execute("DELETE FROM orders WHERE id = 8")
        becomes_the_table(broker, name, legacy)
        in_state(daemon, name, "RUNNING")
    assert topic_of(broker, name).operations == {"r": 1000, "c": 1, "u": 1, "d": 1}


def test_workers_killed_at_every_step_leave_the_topic_what_the_table_is(
    broker: Broker, tmp_path: Path
) -> None:
    """After the commit in Kafka and before the one in the cache, among others."""
    name = f"erp-{uuid4().hex[:8]}"
    legacy = source(tmp_path / "erp.db")
    legacy.insert(2000)
    plan, chance = Plan(tmp_path / "plan"), random.Random(3)
    deaths = [
        (step, chance.randint(200, 1500) if step is Step.ANY_TIME else chance.randint(1, 3))
        for step in DEATHS
        for _ in range(KILLS_A_STEP)
    ]
    chance.shuffle(deaths)
    plan.write(deaths)
    connectors = {name: images(legacy.path, max_delete="100%")}
    daemon = DaemonProcess(
        tmp_path / "daemon", broker.address, connectors, daemon=NEVER_PARKED,
        environment={PLAN_VARIABLE: str(tmp_path / "plan")}, command=("-m", "bridge.testing.killing", "run"),
    )  # fmt: skip
    with daemon:
        with meanwhile(lambda: legacy.change(10, chance), 0.05):
            wait_until(lambda: daemon.killed() == len(deaths), 200, "deaths", 0.2)
        becomes_the_table(broker, name, legacy)
    assert plan.left == 0
    assert topic_of(broker, name).doubled == 0
    assert sum(topic_of(broker, name, "read_uncommitted").operations.values()) > sum(
        topic_of(broker, name).operations.values()
    )


def test_a_source_that_suddenly_shows_little_of_itself_parks_the_stream(
    broker: Broker, tmp_path: Path
) -> None:
    name = f"erp-{uuid4().hex[:8]}"
    legacy = source(tmp_path / "erp.db")
    legacy.insert(100)
    with DaemonProcess(tmp_path / "daemon", broker.address, {name: images(legacy.path)}) as daemon:
        becomes_the_table(broker, name, legacy)
        with legacy.session() as database:
            database.execute("DELETE FROM orders WHERE id > 50")
        reason = parked_stream(daemon, name)
        assert "50 of 100 rows of orders are gone at once, which is more than max_delete (30%)" in reason
    assert topic_of(broker, name).operations == {"r": 100}


def test_a_host_without_the_cache_reads_the_state_from_its_topic(broker: Broker, tmp_path: Path) -> None:
    name = f"erp-{uuid4().hex[:8]}"
    legacy = source(tmp_path / "erp.db")
    legacy.insert(500)
    with DaemonProcess(tmp_path / "one", broker.address, {name: images(legacy.path)}):
        becomes_the_table(broker, name, legacy)
    with legacy.session() as database:
        database.execute("DELETE FROM orders WHERE id = 3")
    with DaemonProcess(tmp_path / "two", broker.address, {name: images(legacy.path)}) as daemon:
        becomes_the_table(broker, name, legacy)
        assert "state read from its topic" in daemon.logged()
    assert topic_of(broker, name).operations == {"r": 500, "d": 1}

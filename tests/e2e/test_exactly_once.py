"""The claim everything hangs on: whatever dies, whenever, each row is published once and in order."""

from __future__ import annotations

import functools
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from bridge import positions
from bridge.positions import Stored
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.killing import PARENT_VARIABLE, Plan, Step, deaths
from bridge.testing.sqlite_source import SqliteSource
from tests.e2e.evidence import doomed, end_of, reload, writing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

KILLS_A_STEP = 8
SUPERVISOR_KILLS_A_STEP = 2
NEVER_PARKED = {"restarts": 1_000_000}
THE_SUPERVISOR = {PARENT_VARIABLE: "yes"}
"""Dies, or is asked to stop, in place of its worker."""


class Systems:
    """Some legacy systems, each with a growing table, and what arrived of it in Kafka."""

    def __init__(self, folder: Path, address: str, count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.names = [f"erp-{uuid4().hex[:8]}" for _ in range(count)]
        self.sources = {name: SqliteSource(folder / f"{name}.db") for name in self.names}

    def connectors(self, **options: Any) -> dict[str, Any]:
        return {
            name: {
                "kind": "sqlite", "path": str(source.path), "interval": "20ms",
                "streams": {"orders": {}}, **options,
            }
            for name, source in self.sources.items()
        }  # fmt: skip

    def published(self, name: str, isolation: str = "read_committed") -> list[int]:
        return [record.event["after"]["id"] for record in consume(self.address, f"{name}.orders", isolation)]

    def settle(self, timeout: float = 60.0) -> None:
        """Wait until as many events as rows are there; whether they are the right ones is for the test."""
        for name, source in self.sources.items():
            rows = len(source.ids())
            wait_until(functools.partial(self._has, name, rows), timeout, f"{rows} rows of {name}", 0.5)

    def _has(self, name: str, rows: int) -> bool:
        return end_of(self.address, f"{name}.orders") >= rows and self._count(name) >= rows

    def _count(self, name: str, isolation: str = "read_committed") -> int:
        return len(consume(self.address, f"{name}.orders", isolation))

    def total(self) -> int:
        return sum(map(self._count, self.names))

    def grew(self, before: int) -> bool:
        return self.total() > before

    def verdict(self) -> tuple[int, int, bool]:
        """Rows lost, events doubled, all in order."""
        lost, doubled, in_order = 0, 0, True
        for name, source in self.sources.items():
            rows, seen = source.ids(), self.published(name)
            lost += len(set(rows) - set(seen))
            doubled += len(seen) - len(set(seen))
            in_order &= seen == rows
        return lost, doubled, in_order

    def hidden(self) -> int:
        """Records on the broker that no read_committed consumer sees: what the kills left behind."""
        return sum(self._count(name, "read_uncommitted") - self._count(name) for name in self.names)


def test_workers_killed_at_every_step_lose_and_double_nothing(broker: Broker, tmp_path: Path) -> None:
    systems = Systems(tmp_path, broker.address, 3)
    dying = deaths(KILLS_A_STEP, random.Random(1))
    daemon, plan = doomed(
        tmp_path / "daemon", broker.address, systems.connectors(), dying, daemon=NEVER_PARKED
    )
    with daemon, writing(*systems.sources.values()):
        wait_until(lambda: daemon.killed() == len(dying), 300, "deaths", 0.2)
    with daemon:
        systems.settle()
    assert plan.left == 0
    assert systems.verdict() == (0, 0, True)
    assert systems.hidden() > 0


def test_supervisors_killed_at_every_step_lose_and_double_nothing(broker: Broker, tmp_path: Path) -> None:
    systems = Systems(tmp_path, broker.address, 1)
    dying = deaths(SUPERVISOR_KILLS_A_STEP, random.Random(2))
    daemon, plan = doomed(
        tmp_path / "daemon", broker.address, systems.connectors(), dying, environment=THE_SUPERVISOR
    )
    with writing(*systems.sources.values()):
        for _ in dying:
            daemon.start()
            assert ended(daemon) == -signal.SIGKILL
    assert plan.left == 0
    with daemon:
        systems.settle()
    assert systems.verdict() == (0, 0, True)
    assert systems.hidden() > 0


def ended(daemon: DaemonProcess) -> int:
    """Its exit code, once it has ended."""
    wait_until(lambda: not daemon.running, 60, "the end of the daemon")
    assert daemon.process is not None
    code: int = daemon.process.returncode
    return code


COPIED = 30_000


def asked_to_stop(
    folder: Path, address: str, times: int, **options: Any
) -> tuple[Systems, DaemonProcess, Plan]:
    """A daemon with a system to copy, which is asked to stop so many times in the middle of the copy.

    A batch does not fit into the producer's queue: a stop finds most of it still to be sent.
    """
    systems = Systems(folder, address, 1)
    systems.sources[systems.names[0]].insert(COPIED)
    crowded = {"queue.buffering.max.messages": 500}
    asked = [(Step.ASKED, 1)] * times
    daemon, plan = doomed(folder / "daemon", address, systems.connectors(), asked, kafka=crowded, **options)
    return systems, daemon, plan


def test_workers_asked_to_stop_in_the_middle_of_a_copy_lose_and_double_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    systems, daemon, plan = asked_to_stop(tmp_path, broker.address, 2)
    with daemon:
        systems.settle()
    assert plan.left == 0
    assert daemon.logged().count('"how": "stopped"') == 2
    assert systems.verdict() == (0, 0, True)


def test_a_daemon_asked_to_stop_in_the_middle_of_a_copy_loses_and_doubles_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    systems, daemon, _ = asked_to_stop(tmp_path, broker.address, 1, environment=THE_SUPERVISOR)
    daemon.start()
    assert ended(daemon) == 0
    assert systems.total() < COPIED, "it was stopped in the middle"
    with daemon:
        systems.settle()
    assert systems.verdict() == (0, 0, True)


@contextmanager
def frozen_in_mid_transaction(
    folder: Path, systems: Systems, **kafka: Any
) -> Iterator[tuple[DaemonProcess, int]]:
    """A daemon whose worker was stopped (SIGSTOP) with records on the broker, and that worker's pid."""
    daemon, _ = doomed(
        folder / "frozen", systems.address, systems.connectors(), [(Step.FREEZE, 3)], name="first",
        kafka=kafka, daemon={"lease": "5s"},
    )  # fmt: skip
    (name,) = systems.names
    with daemon, writing(*systems.sources.values()):
        wait_until(lambda: daemon.worker_pid(name), 30, "a worker")
        pid = daemon.worker_pid(name)
        assert pid is not None
        wait_until(lambda: _stopped(pid), 60, "the worker frozen in mid-transaction")
        yield daemon, pid


def _stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_zombie_publishes_nothing_and_stands_by_until_its_successor_lets_go(
    broker: Broker, tmp_path: Path
) -> None:
    systems = Systems(tmp_path, broker.address, 1)
    (name,) = systems.names
    with frozen_in_mid_transaction(tmp_path, systems) as (zombie, pid):
        successor = DaemonProcess(tmp_path / "successor", broker.address, systems.connectors(), name="second")
        with successor:
            before = len(systems.published(name))
            wait_until(lambda: len(systems.published(name)) > before, 30, "the successor's events")
            os.kill(pid, signal.SIGCONT)
            wait_until(lambda: zombie.connector(name).get("state") == "STANDBY", 30, "the zombie standing by")
            assert "fenced" in zombie.logged()
            assert successor.stream(name, "orders")["state"] == "RUNNING"
        wait_until(
            lambda: zombie.stream(name, "orders").get("state") == "RUNNING", 30, "the standby taking over"
        )
        systems.settle()
    with zombie:
        systems.settle()
    assert systems.verdict() == (0, 0, True)
    assert systems.hidden() > 0


def test_a_daemon_that_has_nothing_to_write_says_within_seconds_that_another_took_its_connector(
    broker: Broker, tmp_path: Path
) -> None:
    systems = Systems(tmp_path, broker.address, 1)
    (name,) = systems.names
    first = DaemonProcess(tmp_path / "one", broker.address, systems.connectors(), name="first")
    second = DaemonProcess(tmp_path / "two", broker.address, systems.connectors(), name="second")
    with first:
        wait_until(lambda: first.stream(name, "orders").get("state") == "RUNNING", 30, "the first RUNNING")
        with second:
            wait_until(lambda: second.stream(name, "orders").get("state") == "RUNNING", 30, "its taking over")
            wait_until(lambda: first.connector(name).get("state") == "STANDBY", 60, "the first standing by")
            pid = first.worker_pid(name)
            first.document["connectors"][name]["interval"] = "150ms"
            reload(first)
            wait_until(lambda: first.worker_pid(name) not in (None, pid), 30, "a new worker")
            wait_until(lambda: first.connector(name).get("state") == "STANDBY", 60, "it standing by, too")
            assert second.stream(name, "orders")["state"] == "RUNNING"


def test_a_worker_whose_transaction_expired_comes_back_by_itself(broker: Broker, tmp_path: Path) -> None:
    systems = Systems(tmp_path, broker.address, 1)
    (name,) = systems.names
    expiring = {"transaction.timeout.ms": 4_000, "message.timeout.ms": 4_000}
    with frozen_in_mid_transaction(tmp_path, systems, **expiring) as (daemon, pid):
        wait_until(
            lambda: _lso_is_end(broker.address, f"{name}.orders"),
            40,
            "the broker ending the transaction",
            0.5,
        )
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: daemon.worker_pid(name) not in (None, pid), 30, "a new worker")
        wait_until(lambda: daemon.stream(name, "orders").get("state") == "RUNNING", 30, "RUNNING again")
        assert "standing by" not in daemon.logged()
    with daemon:
        systems.settle()
    assert systems.verdict() == (0, 0, True)
    assert systems.hidden() > 0


def _lso_is_end(address: str, topic: str) -> bool:
    """Whether no transaction is open in the topic's first partition."""
    from confluent_kafka import Consumer, TopicPartition

    ends = []
    for isolation in ("read_committed", "read_uncommitted"):
        consumer = Consumer({"bootstrap.servers": address, "group.id": "ends", "isolation.level": isolation})
        try:
            ends.append(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1])
        finally:
            consumer.close()
    return ends[0] == ends[1]


def test_an_open_transaction_of_another_producer_never_makes_an_old_position_the_last(broker: Broker) -> None:
    """Even in the same partition, where Kafka reports the end of the partition in front of it."""
    connector = f"erp-{uuid4().hex[:8]}"
    topic = positions.topic(connector)
    ours, theirs = (_transactional(broker.address, f"{connector}-{who}") for who in ("ours", "theirs"))
    _create_compacted(broker.address, topic)
    _commit(ours, topic, 10)
    theirs.begin_transaction()
    theirs.produce(topic, b"{}", b"unrelated")
    theirs.flush(10)
    _commit(ours, topic, 20)

    seen = positions.glance({"bootstrap.servers": broker.address}, connector, threading.Event())
    assert seen.streams["orders"].position == 10  # the hazard is real on this broker

    found: list[positions.Ledger] = []
    settings = {"bootstrap.servers": broker.address}
    reader = threading.Thread(
        target=lambda: found.append(positions.read(settings, connector, threading.Event()))
    )
    reader.start()
    reader.join(1.0)
    assert reader.is_alive()  # it waits rather than believe 10
    theirs.abort_transaction(10)
    reader.join(20.0)
    assert found[0].streams["orders"].position == 20


def _transactional(address: str, transactional_id: str) -> Producer:
    producer = Producer({"bootstrap.servers": address, "transactional.id": transactional_id})
    producer.init_transactions(30)
    return producer


def _commit(producer: Producer, topic: str, position: int) -> None:
    key, value = positions.record(positions.STREAM + "orders", Stored(position, "sqlite", 1, "here"))
    producer.begin_transaction()
    producer.produce(topic, value, key)
    producer.commit_transaction(10)


def _create_compacted(address: str, topic: str) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, 1, 1, config={"cleanup.policy": "compact"})])[topic].result(30)


def test_a_neighbour_stuck_in_a_transaction_does_not_hold_up_a_restart(
    broker: Broker, tmp_path: Path
) -> None:
    stuck, free = Systems(tmp_path / "a", broker.address, 1), Systems(tmp_path / "b", broker.address, 1)
    with frozen_in_mid_transaction(tmp_path, stuck) as (_, pid):
        daemon = DaemonProcess(tmp_path / "free", broker.address, free.connectors())
        for _ in range(2):
            with daemon:
                with writing(*free.sources.values()):
                    time.sleep(1.0)
                free.settle(30)
        assert free.verdict() == (0, 0, True)
        os.kill(pid, signal.SIGKILL)

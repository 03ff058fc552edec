"""An Oracle shop in Kafka: whoever dies, the topics become the tables, and each message comes once."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import oracledb
import pytest

from bridge.testing.daemon import DaemonProcess, Record, consume, wait_until
from bridge.testing.folding import folded
from bridge.testing.kafka import Broker
from bridge.testing.killing import deaths
from bridge.testing.oracle.orders import CUSTOMERS, LINES, ORDERS, Orders
from bridge.testing.oracle.server import OraclePeer
from tests.e2e.evidence import Start, command, doomed, in_state, meanwhile, oddities, parked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PASSWORD_VARIABLE = "E2E_ORACLE_PASSWORD"
OUTBOX, STOCK, EVENTS = "SALES.OUTBOX", "SALES.STOCK", "SALES.EVENTS_Q"
NEVER_PARKED = {"restarts": 1_000_000}
PATIENCE_S = 60
TELLING: dict[str, Any] = {ORDERS: {}, LINES: {"before": True}, CUSTOMERS: {"mode": "images"}}
"""Modes that leave the source as it is."""
TAKING: dict[str, Any] = {OUTBOX: {"mode": "outbox"}, STOCK: {"mode": "mview_log"}, EVENTS: {"mode": "aq"}}
KEYS = {ORDERS: ("ID",), LINES: ("ORDER_ID", "LINE"), CUSTOMERS: ("ID",), STOCK: ("ID",)}


class Shop:
    """The database, those who work in it, and the topics of a connector that reads it."""

    def __init__(self, peer: OraclePeer, broker: Broker, name: str) -> None:
        self.peer, self.name, self._address = peer, name, broker.address
        self.chance = random.Random(31)
        self.orders = Orders(peer.store, 60)
        self.serial = count(1)
        self.sent: list[int] = []
        store, grants = peer.store, peer.grants
        columns = [("ID", "NUMBER(10) NOT NULL"), ("X", "NUMBER(10)")]
        store.create("SALES", "OUTBOX", columns, key=["ID"])
        store.create_log(store.create("SALES", "STOCK", columns, key=["ID"]))
        peer.queues.create(EVENTS, max_retries=1_000_000)
        for action, on in (("DELETE", OUTBOX), ("DELETE", "SALES.MLOG$_STOCK"), ("DEQUEUE", EVENTS)):
            grants.grant(action, on)

    def connectors(self, streams: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        known = {"kind": "oracle", "dsn": self.peer.dsn, "user": self.peer.user, "interval": "50ms"}
        secret = {"password": f"env:{PASSWORD_VARIABLE}", "max_delete": "100%", "streams": dict(streams)}
        return {self.name: {**known, **secret, **more}}

    @property
    def environment(self) -> dict[str, str]:
        return {PASSWORD_VARIABLE: self.peer.password}

    # -- those who work there

    def work(self) -> None:
        self.chance.choice((self.orders.step, self.orders.step, self.tell, self.store_goods, self.rename))()

    def tell(self) -> None:
        """An event in the outbox, under a key that may have been there before, and one in the queue."""
        number = next(self.serial)
        key = number % 7 if self.is_free(number % 7) else 100 + number
        with self.peer.store.transaction() as tx:
            tx.insert(OUTBOX, {"ID": key, "X": number})
        self.peer.queues.put(EVENTS, b"%d" % number)
        self.sent.append(number)

    def is_free(self, key: int) -> bool:
        table = self.peer.store.table(OUTBOX)
        return all(version.values[0] != key for version in table.as_of(self.peer.store.scn))

    def store_goods(self) -> None:
        key, number = self.chance.randrange(20), next(self.serial)
        known = key in {row["ID"] for row in self.table(STOCK)}
        with self.peer.store.transaction() as tx:
            if not known:
                tx.insert(STOCK, {"ID": key, "X": number})
            elif self.chance.random() < 0.7:
                tx.update(STOCK, (key,), {"X": number})
            else:
                tx.delete(STOCK, (key,))

    def rename(self) -> None:
        with self.peer.store.transaction() as tx:
            tx.update(CUSTOMERS, (self.chance.randint(1, 20),), {"NAME": f"Customer {next(self.serial)}"})

    def trouble(self) -> None:
        """Work, and now and then all sessions are lost."""
        self.work()
        if self.chance.random() < 0.02:
            self.peer.kill()

    # -- the topics

    def records(self, stream: str, isolation: str = "read_committed") -> list[Record]:
        return consume(self._address, f"{self.name}.{stream}", isolation)

    def events(self, stream: str) -> list[dict[str, Any]]:
        return [record.event for record in self.records(stream) if record.value]

    def table(self, stream: str) -> list[dict[str, Any]]:
        """Its columns of whole numbers and texts."""
        with self.peer.store.lock:
            table = self.peer.store.table(stream)
            versions = table.as_of(self.peer.store.scn)
            rows = [dict(zip(table.place, version.values, strict=True)) for version in versions]
        return sorted(map(plain, rows), key=str)

    def told(self, stream: str) -> list[dict[str, Any]]:
        return sorted(map(plain, folded(self.events(stream), *KEYS[stream]).rows.values()), key=str)

    def settle(self, *streams: str) -> None:
        """Wait until the topics are the tables."""
        for stream in streams:
            same = partial(self._is_told, stream)
            try:
                wait_until(same, PATIENCE_S, every=0.5)
            except TimeoutError:
                assert self.told(stream) == self.table(stream), stream  # shows the difference

    def _is_told(self, stream: str) -> bool:
        return self.told(stream) == self.table(stream)

    def numbers(self, stream: str) -> list[int]:
        rows = [event["after"] for event in self.events(stream)]
        return [int(base64.b64decode(row["USER_DATA"])) if stream == EVENTS else row["X"] for row in rows]

    def settle_each(self, *streams: str) -> None:
        """Wait until all that was sent has come; once each, is what is left to see."""
        for stream in streams:
            wait_until(
                lambda stream=stream: len(self.numbers(stream)) >= len(self.sent),  # type: ignore[misc]
                PATIENCE_S,
                f"{len(self.sent)} in {stream}",
                0.5,
            )
            assert sorted(self.numbers(stream)) == self.sent, stream

    def judge(self, *streams: str) -> None:
        for stream in streams:
            assert folded(self.events(stream), *KEYS[stream]).doubled == 0, stream
            assert oddities(self.records(stream), *KEYS[stream]) == [], stream


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """What has one form in the database, in an event and from the driver."""
    exact = {"ID", "ORDER_ID", "LINE", "CUSTOMER_ID", "X", "QUANTITY"}
    texts = {"NAME", "TOWN", "STATUS", "ARTICLE"}
    known = {name: int(value) for name, value in row.items() if name in exact}
    return {**known, **{name: value for name, value in row.items() if name in texts}}


@pytest.fixture
def shop(peer: OraclePeer, broker: Broker, name: str) -> Shop:
    return Shop(peer, broker, name)


def test_inserts_updates_and_deletes_become_events(shop: Shop, start: Start) -> None:
    daemon = start(shop.connectors(TELLING | TAKING), environment=shop.environment)
    shop.settle(ORDERS)
    with shop.peer.store.transaction() as tx:
        tx.update(ORDERS, (1,), {"STATUS": "closed"})
        tx.insert(ORDERS, {"ID": 9_000, "CUSTOMER_ID": 1, "STATUS": "open"})
        tx.update(ORDERS, (2,), {"ID": 9_002})
    shop.tell()
    shop.settle(*KEYS)
    shop.settle_each(OUTBOX, EVENTS)
    for stream in TELLING | TAKING:
        in_state(daemon, shop.name, "RUNNING", stream=stream)
    daemon.stop()
    assert folded(shop.events(ORDERS), "ID").operations == {"r": 60, "u": 1, "c": 2, "d": 1}


@pytest.mark.parametrize("streams", [TELLING, TAKING], ids=["telling", "taking"])
def test_workers_killed_at_every_step_leave_the_topics_what_the_database_has(
    streams: dict[str, Any], shop: Shop, broker: Broker, tmp_path: Path
) -> None:
    dying = deaths(1, shop.chance, passages=3, latest_ms=3_000)
    connectors = shop.connectors(streams)
    folder, around = tmp_path / "daemon", shop.environment
    daemon, plan = doomed(folder, broker.address, connectors, dying, environment=around, daemon=NEVER_PARKED)
    changing = [stream for stream in streams if stream in KEYS]
    with daemon:
        with meanwhile(shop.trouble, 0.02):
            wait_until(lambda: daemon.killed() == len(dying), 250, "deaths", 0.2)
        shop.settle(*changing)
        if OUTBOX in streams:
            shop.settle_each(OUTBOX, EVENTS)
        verified = command("verify", daemon.config, shop.name, environment={**os.environ, **around})
    assert plan.left == 0
    shop.judge(*changing)
    assert verified.returncode == 0 or OUTBOX in streams, verified.stdout + verified.stderr
    assert not shop.peer.store.transactions
    withheld = [len(shop.records(each, "read_uncommitted")) - len(shop.records(each)) for each in streams]
    assert sum(withheld) > 0


def test_undo_that_is_gone_is_a_gap_and_a_rescan_finds_what_went_with_it(shop: Shop, start: Start) -> None:
    streams: dict[str, Any] = {ORDERS: {}}
    daemon = start(shop.connectors(streams, on_gap="rescan"), environment=shop.environment)
    shop.settle(ORDERS)
    daemon.stop()
    with shop.peer.store.transaction() as tx:
        for number in (3, 4):
            tx.delete(ORDERS, (number,))
        tx.update(ORDERS, (5,), {"STATUS": "lost"})
    shop.peer.store.forget(shop.peer.store.scn)
    start(shop.connectors(streams, on_gap="rescan"), environment=shop.environment)
    shop.settle(ORDERS)
    shop.judge(ORDERS)
    letters = consume(shop._address, f"_bridge.dead-letters.{shop.name}")
    assert any("gap" in json.dumps(letter.event) for letter in letters)


def test_a_password_that_is_refused_is_told_once_and_nowhere_else(shop: Shop, start: Start) -> None:
    wrong = "no-such-password-4711"
    daemon = start(shop.connectors({ORDERS: {}}), environment={PASSWORD_VARIABLE: wrong})
    error = parked(daemon, shop.name)
    assert "ORA-01017" in error
    time.sleep(1)
    assert len(shop.peer.logins) == 1
    status = str(daemon.status())
    daemon.stop()
    files = [path.read_bytes().decode(errors="replace") for path in told_by(daemon)]
    assert not [place[:200] for place in (daemon.logged(), status, error, *files) if wrong in place]


def told_by(daemon: DaemonProcess) -> Iterator[Path]:
    return (path for path in daemon.folder.rglob("*") if path.is_file())


def test_a_database_that_goes_down_and_comes_up_again_loses_nothing(shop: Shop, start: Start) -> None:
    daemon = start(shop.connectors(TELLING | TAKING), environment=shop.environment)
    with meanwhile(shop.work, 0.02):
        wait_until(lambda: shop.records(ORDERS), PATIENCE_S, "the snapshot", 0.2)
        shop.peer.stop()
        time.sleep(1.5)
        shop.peer.start()
        time.sleep(1)
    shop.settle(*KEYS)
    shop.settle_each(OUTBOX, EVENTS)
    daemon.stop()
    shop.judge(*KEYS)


@pytest.fixture
def alone() -> Iterator[str]:
    """The dsn of a simulated database in a process of its own, in which somebody works."""
    with subprocess.Popen(
        [sys.executable, "-m", "bridge.testing.oracle", "--rate", "50"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().partition(",")[0]
        process.terminate()


def test_workers_killed_at_random_leave_the_topics_what_another_process_has(
    alone: str, broker: Broker, name: str, start: Start
) -> None:
    streams: dict[str, Any] = {stream: {} for stream in (ORDERS, LINES, CUSTOMERS)}
    connector = {
        "kind": "oracle", "dsn": alone, "user": OraclePeer.user, "password": f"env:{PASSWORD_VARIABLE}",
        "interval": "50ms", "streams": streams,
    }  # fmt: skip
    around = {PASSWORD_VARIABLE: OraclePeer.password}
    daemon = start({name: connector}, environment=around, daemon=NEVER_PARKED)
    chance = random.Random(5)
    for number in range(5):
        wait_until(lambda: daemon.worker_pid(name), PATIENCE_S, "a worker")
        time.sleep(chance.uniform(0.3, 2))
        kill(daemon.worker_pid(name))
        wait_until(partial(died, daemon, number + 1), PATIENCE_S, "the death to be noticed")

    def events(stream: str) -> list[dict[str, Any]]:
        return [record.event for record in consume(broker.address, f"{name}.{stream}") if record.value]

    with oracledb.connect(user=OraclePeer.admin, password=OraclePeer.admin_password, dsn=alone) as database:

        def told(stream: str) -> bool:
            """As of the SCN that the topic has reached: somebody works on."""
            found = events(stream)
            reached = max((event["source"].get("scn") or 0 for event in found), default=0)
            rows = folded(found, *KEYS[stream]).rows.values()
            return reached > 0 and sorted(map(plain, rows), key=str) == as_of(database, stream, reached)

        for stream in (ORDERS, LINES):
            wait_until(partial(told, stream), PATIENCE_S, stream, 0.3)
    for stream in streams:
        assert folded(events(stream), *KEYS[stream]).doubled == 0


def as_of(database: oracledb.Connection, stream: str, scn: int) -> list[dict[str, Any]]:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {stream} AS OF SCN :scn", {"scn": scn})
        names = [column[0] for column in cursor.description]
        return sorted((plain(dict(zip(names, row, strict=True))) for row in cursor), key=str)


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def died(daemon: DaemonProcess, times: int) -> bool:
    return daemon.killed() >= times

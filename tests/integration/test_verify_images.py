"""`verify` of sources that are read as a whole: it gives the daemon the time for one more scan."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from bridge import config
from bridge.contract import Ask, Batch, Position, Stream
from bridge.redact import Redactor
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.sqlite_source import SqliteConfig, SqliteConnector, SqliteSource
from bridge.verify import Verification
from bridge.verify.report import Report

ROWS = 40
STREAMS = {"orders": {"images": True, "max_delete": "100%"}}


class Erp:
    """A table that is read as a whole every now and then, and published by a daemon."""

    def __init__(self, folder: Path, address: str, interval: str = "300ms") -> None:
        self.address, self.name = address, f"erp-{uuid4().hex[:8]}"
        self.source = SqliteSource(folder / "erp.db")
        self.source.insert(ROWS)
        connector = {
            "kind": "sqlite", "path": str(self.source.path), "interval": interval, "streams": STREAMS,
        }  # fmt: skip
        self.daemon = DaemonProcess(folder, address, {self.name: connector})
        self.told: list[str] = []

    def sql(self, *statements: str) -> None:
        with self.source.session() as database:
            for statement in statements:
                database.execute(statement)

    def events(self) -> int:
        return int(self.daemon.stream(self.name, "orders").get("events", 0))

    def published(self, events: int) -> None:
        wait_until(lambda: self.events() >= events, what=f"{events} events")

    def spoil(self) -> None:
        """The last event of row 5 is another one."""
        records = consume(self.address, f"{self.name}.orders")
        last = [record.value or b"" for record in records if record.key == b'{"id":5}'][-1]
        producer = Producer({"bootstrap.servers": self.address})
        producer.produce(f"{self.name}.orders", last.replace(b'"customer":4', b'"customer":77'), b'{"id":5}')
        assert producer.flush(10) == 0

    def verify(self, kind: type[SqliteConnector] = SqliteConnector) -> Report:
        settings = config.load(self.daemon.config)
        options = {"path": self.source.path, "streams": {"orders": {"images": True}}}
        connector = kind(SqliteConfig.model_validate(options))
        connector.open()
        with closing(connector):
            told = self.told.append
            return Verification(settings, self.name, Redactor(()), lambda what, *_: told(what), 5).run(
                connector, []
            )


@pytest.fixture
def erp(tmp_path: Path, broker: Broker) -> Erp:
    return Erp(tmp_path, broker.address)


CHANGES = (
    "UPDATE orders SET payload = 'new' WHERE id = 7",
    "DELETE FROM orders WHERE id = 8",
    "INSERT INTO orders (id, payload) VALUES (90, 'new'), (91, NULL)",
)


def test_what_has_changed_since_the_last_scan_is_judged_after_the_next(
    tmp_path: Path, broker: Broker
) -> None:
    erp = Erp(tmp_path, broker.address, interval="3s")
    with erp.daemon:
        erp.published(ROWS)
        erp.sql(*CHANGES)
        report = erp.verify()
    assert report.sound, [*report.lines()]
    assert not report.early
    assert (report.total("rows"), report.total("pending")) == (ROWS + 1, 0)


def test_a_sound_topic_is_not_waited_for(erp: Erp) -> None:
    with erp.daemon:
        erp.published(ROWS)
        erp.sql(*CHANGES)
        erp.published(ROWS + 3)
        wait_until(lambda: erp.verify().total("differing") == 0)
        erp.told.clear()
        report = erp.verify()
    assert report.sound
    assert (report.total("pending"), report.total("dead_letters")) == (0, 1)
    assert not any("next scan" in each for each in erp.told)


def test_a_fault_is_one_after_the_next_scan_too(erp: Erp) -> None:
    with erp.daemon:
        erp.published(ROWS)
        erp.spoil()
        report = erp.verify()
    assert (report.total("lost"), report.total("differing"), report.early) == (0, 1, {})
    assert report.outcomes[0].differing.keys == ('{"id":5}',)


@contextmanager
def changing(erp: Erp) -> Iterator[None]:
    """Rows come, change and go, and a field is set and reset; nothing but that becomes what it was."""
    stop, chance = threading.Event(), random.Random(1)

    def change() -> None:
        for number in count(1):
            if stop.wait(0.02):
                return
            row = chance.randint(1, ROWS)
            erp.sql(
                f"UPDATE orders SET payload = 'changed {number}' WHERE id = {row}",
                f"DELETE FROM orders WHERE id = {chance.randint(1, ROWS)} AND id % 7 = 0",
                f"INSERT OR IGNORE INTO orders (id, payload) VALUES ({1000 + number}, 'new')",
                f"UPDATE orders SET customer = -{number} WHERE id % 3 = 0",
            )
            stop.wait(0.02)
            erp.sql("UPDATE orders SET customer = 1 WHERE id % 3 = 0")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_it_works_while_rows_change(erp: Erp) -> None:
    with erp.daemon:
        erp.published(ROWS)
        with changing(erp):
            for _ in range(3):
                report = erp.verify()
                assert not report.early
                assert not report.faulty, [*report.lines()]


def test_without_a_daemon_it_says_what_counts_as_different(erp: Erp) -> None:
    with erp.daemon:
        erp.published(ROWS)
    erp.sql(*CHANGES)
    report = erp.verify()
    # An update and a delete; a new row and one that cannot be published.
    assert (report.total("lost"), report.total("differing")) == (2, 2)
    (said,) = [line for line in report.lines() if "has changed since its last scan" in line]
    assert "orders: what has changed since its last scan counts as different: the daemon is down" in said


class Cut(SqliteConnector):
    """Answers half of the rows, and cannot say whether these are all."""

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        return replace(super().poll(stream, position, replace(ask, rows=ROWS // 2)), scan=None, more=False)


def test_what_is_missing_in_an_answer_that_may_be_cut_is_not_known(erp: Erp) -> None:
    with erp.daemon:
        erp.published(ROWS)
    report = erp.verify(Cut)
    assert (report.sound, report.faulty, report.outcomes) == (False, False, ())
    (said,) = [line for line in report.lines() if "not verified" in line]
    assert said.startswith("orders: not verified: the source does not tell all of its rows")


def test_a_stream_that_is_paused_is_not_waited_for(erp: Erp) -> None:
    with erp.daemon:
        erp.published(ROWS)
        assert erp.daemon.ask({"command": "pause", "connector": erp.name}, "admin.sock") == {"error": None}
        erp.sql(*CHANGES)
        report = erp.verify()
    assert report.faulty
    assert report.early == {"orders": "its state is PAUSED"}

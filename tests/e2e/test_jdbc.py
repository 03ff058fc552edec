"""Workers, a database and a broker, all real: whichever step kills a worker, the topic becomes the table."""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import Record, consume, wait_until
from bridge.testing.databases import DatabaseServer
from bridge.testing.folding import folded
from bridge.testing.kafka import Broker
from bridge.testing.killing import deaths
from tests.e2e.evidence import Start, command, doomed, oddities

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS_A_STEP = 2
KEYS = 300
BY_TIME = {"columns": ["at"], "late_window": 0}  # open transactions alone tell how far it is safe to read
IMAGES = {"mode": "images", "max_delete": "100%"}
MODES: dict[str, dict[str, Any]] = {
    "growing": {"mode": "incrementing"},
    "grown": {"mode": "incrementing", "snapshot": True},
    "timed": {"mode": "timestamp", **BY_TIME, "snapshot": False},
    "numbered": {"mode": "timestamp+incrementing", **BY_TIME, "columns": ["at", "id"]},
    "whole": IMAGES,
    "loose": IMAGES,
    "asked": {**IMAGES, "query": "SELECT id, x, at FROM $.asked WHERE id IS NOT NULL", "key": ["id"]},
}
"""Table -> how it is read: in each mode, with and without a snapshot first, and by a query."""
READ_FIRST = ("grown", "numbered", "whole", "loose", "asked")
GROWING, DELETED = ("growing", "grown"), ("whole", "loose", "asked")


type Row = tuple[int, int, str]
"""The whole of one: id, x, at, as events tell them."""


class Shop:
    """A schema of PostgreSQL with a table for each mode, and writers that overlap."""

    def __init__(self, server: DatabaseServer) -> None:
        self.server, self.schema = server, f"s{uuid4().hex[:10]}"
        self.sql("CREATE SCHEMA $;")
        for table in MODES:
            key = "" if table == "loose" else "PRIMARY KEY"
            self.sql(
                f"CREATE TABLE $.{table} (id serial {key}, x int, at timestamp(6) NOT NULL);"
                f" INSERT INTO $.{table} (x, at) SELECT 0, clock_timestamp() FROM generate_series(1, {KEYS});"
            )

    @property
    def streams(self) -> dict[str, dict[str, Any]]:
        return {self.stream(table): self._options(table) for table in MODES}

    def _options(self, table: str) -> dict[str, Any]:
        options = MODES[table]
        query = options.get("query", "").replace("$", self.schema)
        return {**options, "query": query} if query else options

    def stream(self, table: str) -> str:
        return table if "query" in MODES[table] else f"{self.schema}.{table}"

    def sql(self, text: str) -> str:
        return self.server.execute(text.replace("$", self.schema))

    def rows(self, table: str) -> Counter[Row]:
        lines = [line.split("|") for line in self.sql(f"SELECT id, x, at FROM $.{table};").splitlines()]
        return Counter(
            (int(key), int(x), datetime.fromisoformat(at).isoformat(timespec="microseconds"))
            for key, x, at in lines
        )

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One writer commits at once, the other late; each has rows of its own."""
        stop = threading.Event()
        writers = [threading.Thread(target=self._change, args=(stop, number)) for number in range(2)]
        for writer in writers:
            writer.start()
        try:
            yield
        finally:
            stop.set()
            for writer in writers:
                writer.join()

    def _change(self, stop: threading.Event, number: int) -> None:
        chance = random.Random(number)
        while not stop.wait(0.2):
            late = "SELECT pg_sleep(1.6);" if number else ""
            end = "ROLLBACK" if chance.random() < 0.1 else "COMMIT"
            changes = " ".join(self._changes(table, number, chance) for table in MODES)
            self.sql(f"BEGIN; {changes} {late} {end};")

    @staticmethod
    def _changes(table: str, number: int, chance: random.Random) -> str:
        keys = [chance.randrange(number + 2, 2 * KEYS, 2) for _ in range(10)]
        if table in GROWING:
            rows = ", ".join(f"({chance.randrange(1000)}, clock_timestamp())" for _ in keys)
            return f"INSERT INTO $.{table} (x, at) VALUES {rows};"
        values = ", ".join(f"({key}, {chance.randrange(1000)}, clock_timestamp())" for key in set(keys))
        upsert = "" if table == "loose" else "ON CONFLICT (id) DO UPDATE SET x = excluded.x, at = excluded.at"
        gone = f"DELETE FROM $.{table} WHERE id IN ({keys[0]}, {keys[1]});" if table in DELETED else ""
        return f"INSERT INTO $.{table} (id, x, at) VALUES {values} {upsert}; {gone}"


def events(records: Iterable[Record]) -> list[Any]:
    return [record.event for record in records if record.value]


def counted(found: Iterable[Any]) -> Counter[Row]:
    """The rows that are there after these events, where equal ones count."""
    rows = Counter[Row]()
    for event in found:
        row, sign = (event["before"], -1) if event["op"] == "d" else (event["after"], 1)
        rows[row["id"], row["x"], row["at"]] += sign
    return rows


def kept(table: str, found: Sequence[Any]) -> Counter[Row]:
    """A table as its topic's consumers have it."""
    if table == "loose":
        return counted(found)
    return Counter((row["id"], row["x"], row["at"]) for row in folded(found, "id").rows.values())


def test_workers_killed_at_every_step_leave_every_topic_what_its_table_is(
    broker: Broker, postgres: DatabaseServer, tmp_path: Path, name: str
) -> None:
    """One connector reads in every mode at once; the first of its workers die in their snapshots."""
    shop = Shop(postgres)
    dying = deaths(KILLS_A_STEP, random.Random(7), passages=3, latest_ms=3000)
    account = {"url": postgres.url, "user": postgres.user, "password": "env:TEST_PASSWORD"}
    small = {"prefetch": {"rows": 100}, "transaction": {"rows": 1_000}, "interval": "100ms"}
    connector = {"kind": "jdbc", **account, **small, "streams": shop.streams}
    environment = {"TEST_PASSWORD": postgres.password}
    daemon, plan = doomed(
        tmp_path / "daemon", broker.address, {name: connector}, dying, daemon={"restarts": 1_000_000},
        environment=environment,
    )  # fmt: skip

    def records(table: str, isolation: str = "read_committed") -> list[Record]:
        return consume(broker.address, f"{name}.{shop.stream(table)}", isolation)

    def published(table: str) -> bool:
        return kept(table, events(records(table))) == shop.rows(table)

    def all_is_published() -> None:
        for table in MODES:
            wait_until(partial(published, table), 60, f"the topic to be {table}", 0.5)

    with daemon:
        with shop.changing():
            wait_until(lambda: daemon.killed() == len(dying), 400, "deaths", 0.2)
        all_is_published()
        for table in DELETED:
            shop.sql(f"DELETE FROM $.{table} WHERE id = 1;")
        all_is_published()
        verified = command("verify", daemon.config, name, environment={**os.environ, **environment})
    shop.sql("DROP SCHEMA $ CASCADE;")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert plan.left == 0
    hidden = 0
    for table in MODES:
        committed = records(table)
        found = events(committed)
        operations = {event["op"] for event in found}
        assert ("d" in operations) is (table in DELETED)
        assert ("r" in operations) is (table in READ_FIRST)
        assert oddities(committed, *([] if table == "loose" else ["id"])) == []
        assert table == "loose" or folded(found, "id").doubled == 0
        hidden += len(records(table, "read_uncommitted")) - len(committed)
    assert hidden > 0


@pytest.mark.parametrize(
    ("options", "differing"),
    [
        ({"mode": "incrementing"}, 0),
        ({"mode": "timestamp", "columns": ["AT"]}, 1),
    ],
    ids=lambda each: each["mode"] if isinstance(each, dict) else None,
)
def test_a_row_that_commits_later_than_the_window_is_one_that_verify_misses(
    broker: Broker, h2: DatabaseServer, start: Start, name: str, options: dict[str, Any], differing: int
) -> None:
    """By time an update is missed in the same way, and the row in the topic is the former one."""
    table = f"T{uuid4().hex[:10]}".upper()
    stream, secret = f"PUBLIC.{table}", {"TEST_PASSWORD": h2.password}
    h2.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, at timestamp(6) NOT NULL);")
    h2.execute(f"INSERT INTO {table} VALUES (1, '2024-01-01 10:00:00'), (3, '2024-01-01 12:00:00');")
    now = "CAST(CURRENT_TIMESTAMP AT TIME ZONE 'UTC' AS timestamp(6))"
    account = {"url": h2.url, "user": h2.user, "password": "env:TEST_PASSWORD"}
    streams = {stream: {**options, "late_window": 0}}
    daemon = start(
        {name: {"kind": "jdbc", **account, "interval": "100ms", "streams": streams}}, environment=secret
    )

    def ids() -> list[int]:
        return [record.event["after"]["ID"] for record in consume(broker.address, f"{name}.{stream}")]

    def verified() -> subprocess.CompletedProcess[str]:
        return command("verify", daemon.config, name, environment={**os.environ, **secret})

    wait_until(lambda: ids() == [1, 3], 60, "both rows", 0.3)
    assert verified().returncode == 0
    h2.execute(f"INSERT INTO {table} VALUES (2, '2024-01-01 11:00:00'), (4, {now});")
    if differing:
        h2.execute(f"UPDATE {table} SET at = '2024-01-01 10:30:00' WHERE id = 1;")
    wait_until(lambda: 4 in ids(), 60, "what was in time", 0.3)
    report = verified()
    assert ids() == [1, 3, 4]
    assert report.returncode == 1
    assert 'lost: {"ID":2}' in report.stdout
    assert f"lost=1 doubled=0 differing={differing}" in report.stdout
    h2.execute(f"DROP TABLE {table};")

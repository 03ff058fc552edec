"""Workers, a database and a broker, all real: whichever step kills a worker, the topic becomes the table."""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.databases import DatabaseServer
from bridge.testing.folding import Folded, folded
from bridge.testing.kafka import Broker
from bridge.testing.killing import DEATHS, PLAN_VARIABLE, Plan, Step
from tests.e2e.evidence import Start, command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS_A_STEP = 2
KEYS = 500
MODES = {
    "images": {"mode": "images", "max_delete": "100%"},
    "timestamp+incrementing": {
        "mode": "timestamp+incrementing",
        "columns": ["at", "id"],
        "late_window": 0,  # the open transactions alone tell how far it is safe to read
    },
}


class Table:
    """Of PostgreSQL, with writers that overlap."""

    def __init__(self, server: DatabaseServer) -> None:
        self.server, self.name = server, f"t{uuid4().hex[:10]}"
        self.stream = f"public.{self.name}"
        self.sql("CREATE TABLE $ (id int PRIMARY KEY, x int, at timestamp(6) NOT NULL);")
        self.sql(f"INSERT INTO $ SELECT n, 0, clock_timestamp() FROM generate_series(1, {KEYS}) n;")

    def sql(self, text: str) -> str:
        return self.server.execute(text.replace("$", self.stream))

    def rows(self) -> dict[tuple[Any, ...], int]:
        lines = [line.split("|") for line in self.sql("SELECT id, x FROM $;").splitlines()]
        return {(int(key),): int(x) for key, x in lines}

    @contextmanager
    def changing(self, *, deletes: bool) -> Iterator[None]:
        """One writer commits at once, the other late; each has rows of its own."""
        stop = threading.Event()
        writers = [threading.Thread(target=self._change, args=(stop, number, deletes)) for number in range(2)]
        for writer in writers:
            writer.start()
        try:
            yield
        finally:
            stop.set()
            for writer in writers:
                writer.join()

    def _change(self, stop: threading.Event, number: int, deletes: bool) -> None:  # noqa: FBT001
        chance = random.Random(number)
        while not stop.wait(0.1):
            keys = [chance.randrange(number, 2 * KEYS, 2) for _ in range(10)]
            values = ", ".join(f"({key}, {chance.randrange(1000)}, clock_timestamp())" for key in set(keys))
            upsert = "ON CONFLICT (id) DO UPDATE SET x = excluded.x, at = excluded.at"
            gone = f"DELETE FROM $ WHERE id IN ({keys[0]}, {keys[1]});" if deletes else ""
            late = "SELECT pg_sleep(1.6);" if number else ""
            end = "ROLLBACK" if chance.random() < 0.1 else "COMMIT"
            self.sql(f"BEGIN; INSERT INTO $ VALUES {values} {upsert}; {gone} {late} {end};")


def topic(broker: Broker, name: str, stream: str, isolation: str = "read_committed") -> Folded:
    records = consume(broker.address, f"{name}.{stream}", isolation)
    return folded((record.event for record in records if record.value), "id")


@pytest.mark.parametrize("mode", MODES)
def test_workers_killed_at_every_step_leave_the_topic_what_the_table_is(
    broker: Broker, postgres: DatabaseServer, tmp_path: Path, mode: str, name: str
) -> None:
    table, plan, chance = Table(postgres), Plan(tmp_path / "plan"), random.Random(7)
    deaths = [
        (step, chance.randint(500, 3000) if step is Step.ANY_TIME else chance.randint(1, 3))
        for step in DEATHS
        for _ in range(KILLS_A_STEP)
    ]
    chance.shuffle(deaths)
    plan.write(deaths)
    account = {"url": postgres.url, "user": postgres.user, "password": "env:TEST_PASSWORD"}
    connector = {"kind": "jdbc", **account, "interval": "100ms", "streams": {table.stream: MODES[mode]}}
    environment = {PLAN_VARIABLE: str(tmp_path / "plan"), "TEST_PASSWORD": postgres.password}
    daemon = DaemonProcess(
        tmp_path / "daemon", broker.address, {name: connector}, daemon={"restarts": 1_000_000},
        environment=environment, command=("-m", "bridge.testing.killing", "run"),
    )  # fmt: skip

    def published() -> bool:
        rows = topic(broker, name, table.stream).rows
        return {key: row["x"] for key, row in rows.items()} == table.rows()

    with daemon:
        with table.changing(deletes=mode == "images"):
            wait_until(lambda: daemon.killed() == len(deaths), 400, "deaths", 0.2)
        wait_until(published, 60, "the topic to be the table", 0.5)
        verified = command("verify", daemon.config, name, environment={**os.environ, **environment})
    table.sql("DROP TABLE $;")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert plan.left == 0
    committed = topic(broker, name, table.stream)
    assert committed.doubled == 0
    assert ("d" in committed.operations) is (mode == "images")
    seen = topic(broker, name, table.stream, "read_uncommitted")
    assert sum(seen.operations.values()) > sum(committed.operations.values())


@pytest.mark.parametrize(
    "options",
    [{"mode": "incrementing"}, {"mode": "timestamp", "columns": ["AT"]}],
    ids=lambda each: each["mode"],
)
def test_a_row_that_commits_later_than_the_window_is_one_that_verify_misses(
    broker: Broker, h2: DatabaseServer, start: Start, name: str, options: dict[str, Any]
) -> None:
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
    wait_until(lambda: 4 in ids(), 60, "what was in time", 0.3)
    report = verified()
    assert ids() == [1, 3, 4]
    assert report.returncode == 1
    assert 'lost: {"ID":2}' in report.stdout
    assert "lost=1 doubled=0 differing=0" in report.stdout
    h2.execute(f"DROP TABLE {table};")

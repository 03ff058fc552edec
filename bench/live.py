"""A connector beside a live database: how old its events are, and what hundreds of idle tables cost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from bench.measures import Measure
from bench.processes import cpu_s
from bench.stage import fresh
from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.databases import PostgresServer

SECONDS, A_SECOND, A_COMMIT = 20, 1_000, 10
TABLES = 500
SETTLE_S, WATCH_S = 70.0, 30.0
"""Only after its late window has a table nothing to be asked twice for."""
TICKS = f"INSERT INTO ticks (at) SELECT clock_timestamp() FROM generate_series(1, {A_COMMIT});"


def measures(folder: Path, address: str, server: PostgresServer) -> Iterator[Measure]:
    written = Written(server)
    ages = sorted(_ages(folder / "fresh", address, server, written))
    yield Measure("changes written meanwhile", written.rate, "a second")
    for share, must, aim in ((0.5, None, None), (0.99, 150, 110)):
        age = ages[int(share * (len(ages) - 1))] * 1000
        yield Measure(
            f"age of an event at 1,000 a second, polls of 100 ms, p{share * 100:g}", age, "ms", must, aim
        )
    share, polls = _idle(folder / "idle", address, server)
    yield Measure(
        f"{TABLES} idle tables of one connector at polls of 1 s", share * 100, "% of a core", must=20, aim=10
    )
    yield Measure(
        "polls of the one that had the fewest", polls, "a second", must=0.9, aim=0.95, better="more"
    )


class Written:
    """Changes at a steady pace, and how many a second they were."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.rate = 0.0
        self.thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        commits = SECONDS * A_SECOND // A_COMMIT
        began = time.monotonic()
        self._server.execute(f"""DO $$ DECLARE began TIMESTAMPTZ := clock_timestamp(); BEGIN
            FOR n IN 1..{commits} LOOP
                {TICKS}
                COMMIT;
                PERFORM pg_sleep(greatest(0, extract(epoch FROM
                    began + n * INTERVAL '{A_COMMIT} s' / {A_SECOND} - clock_timestamp())));
            END LOOP; END $$;""")
        self.rate = commits * A_COMMIT / (time.monotonic() - began)


def _connector(server: PostgresServer, interval: str, table: str) -> dict[str, Any]:
    return {
        "kind": "jdbc", "url": server.url, "user": server.user, "password": "env:BENCH_PASSWORD",
        "interval": interval, "streams": {table: {"mode": "incrementing"}},
    }  # fmt: skip


def _ages(folder: Path, address: str, server: PostgresServer, written: Written) -> Iterator[float]:
    """Seconds from the statement that wrote a row to its event at a consumer of committed records."""
    server.execute("CREATE TABLE ticks (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at TIMESTAMPTZ);")
    name, environment = fresh("live"), {"BENCH_PASSWORD": server.password}
    server.execute(TICKS)
    connector = {name: _connector(server, "100ms", "public.ticks")}
    with DaemonProcess(folder, address, connector, environment=environment) as daemon:
        wait_until(lambda: daemon.stream(name, "public.ticks").get("events"), 60, "the first event")
        written.thread.start()
        yield from _heard(address, f"{name}.public.ticks", written.thread)


def _heard(address: str, topic: str, writer: threading.Thread) -> Iterator[float]:
    consumer = Consumer(
        {
            "bootstrap.servers": address, "group.id": "live", "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )  # fmt: skip
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        last, heard = time.monotonic(), set[int]()
        while writer.is_alive() or time.monotonic() - last < 1:
            message = consumer.poll(0.2)
            if message is None or message.error() or not message.value():
                continue
            now, last = time.time(), time.monotonic()
            after = json.loads(message.value() or b"")["after"]
            heard.add(after["id"])
            if after["id"] > 2 * A_SECOND:  # the first seconds warm the worker up
                yield now - datetime.fromisoformat(after["at"]).timestamp()
    finally:
        consumer.close()
    if len(heard) != A_COMMIT + SECONDS * A_SECOND:
        raise AssertionError(f"of {A_COMMIT + SECONDS * A_SECOND} rows {len(heard)} were heard")


def _idle(folder: Path, address: str, server: PostgresServer) -> tuple[float, float]:
    """The worker's share of a core; polls a second of the table that has the fewest."""
    tables = (
        f"CREATE TABLE idle_{number} (id BIGINT PRIMARY KEY, text VARCHAR(80));"
        f"INSERT INTO idle_{number} VALUES (7, 'a row that was there before');"
        for number in range(TABLES)
    )
    server.execute("".join(tables))
    name, environment = fresh("idle"), {"BENCH_PASSWORD": server.password}
    connector = {name: _connector(server, "1s", "public.idle_*")}
    with DaemonProcess(folder, address, connector, environment=environment) as daemon:
        wait_until(lambda: len(daemon.connector(name).get("streams", {})) == TABLES, 60, "all tables")
        time.sleep(SETTLE_S)
        pid = daemon.worker_pid(name)
        assert pid is not None
        polls = {each: told["polls"] for each, told in daemon.connector(name)["streams"].items()}
        began, before = time.monotonic(), cpu_s(pid)
        time.sleep(WATCH_S)
        took, used = time.monotonic() - began, cpu_s(pid) - before
        told = daemon.connector(name)["streams"]
        return used / took, min(told[each]["polls"] - count for each, count in polls.items()) / took

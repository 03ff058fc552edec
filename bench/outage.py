"""After the source, or Kafka, was away: how fast a JDBC connector catches up beside the writers who went on.

Ten minutes, scaled down: longer than every time-out and most of the back-off, so that a longer outage takes
the same ways and leaves a longer backlog. All is read off the topics in the end: when each row was written,
and when its event was made.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench.measures import Measure
from bench.stage import fresh
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.databases import PostgresServer
from bridge.testing.kafka import KafkaBroker
from bridge.testing.proxy import TcpProxy

OUTAGE_S = float(os.environ.get("LEGACY_BRIDGE_OUTAGE_S", "60"))
A_SECOND, A_COMMIT = 1_000, 20
BEFORE_S, AFTER_S = 10.0, 5.0
PATIENCE_S = 180.0
FRESH_S = 1.0
"""An event so young shows that its stream has caught up."""
STREAMS = {
    "public.ticks": {"mode": "timestamp", "columns": ["at"], "late_window": "2s"},
    "ticks by number": {"mode": "incrementing", "query": "SELECT id, at FROM ticks", "key": ["id"]},
}


@dataclass(frozen=True, slots=True)
class Told:
    """One event: the row's number, when it was written and when it became an event (seconds, epoch)."""

    id: int
    written: float
    made: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """Of one stream after one outage."""

    backlog: int
    first_s: float
    """From the end of the outage to the first event."""
    took_s: float
    """From there until events were fresh again."""
    amiss: int
    """Rows without an event, and events without a new row."""

    @property
    def against_live(self) -> float:
        return self.backlog / self.took_s / A_SECOND


def measures(folder: Path) -> Iterator[Measure]:
    """With servers of its own, which it ill-treats."""
    with KafkaBroker() as broker, PostgresServer() as server, TcpProxy(server.port) as proxy:
        server.execute(
            "CREATE TABLE ticks (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at TIMESTAMPTZ);"
        )
        away: dict[str, Callable[[], AbstractContextManager[None]]] = {
            "the source": proxy.silence,
            "Kafka": partial(_stopped, broker),
        }
        for what, outage in away.items():
            server.execute("TRUNCATE ticks;")
            found = _recoveries(folder / fresh("outage"), broker, server, proxy.port, outage())
            rate, after = min(each.against_live for each in found), f"{what} was away for {OUTAGE_S:.0f} s"
            yield Measure(f"{after}: catching up against the live rate", rate, "x", must=3, better="more")
            yield Measure(f"{after}: first event", max(each.first_s for each in found), "s after")
            yield Measure(f"{after}: lost or doubled", sum(each.amiss for each in found), "rows", must=0)


@contextmanager
def _stopped(broker: KafkaBroker) -> Iterator[None]:
    broker.kill()
    try:
        yield
    finally:
        broker.start()


def _recoveries(
    folder: Path, broker: KafkaBroker, server: PostgresServer, port: int, outage: AbstractContextManager[None]
) -> list[Recovery]:
    name, environment = fresh("outage"), {"BENCH_PASSWORD": server.password}
    connector: dict[str, Any] = {
        "kind": "jdbc", "url": server.url.replace(str(server.port), str(port)), "user": server.user,
        "password": "env:BENCH_PASSWORD", "interval": "200ms", "streams": STREAMS,
    }  # fmt: skip
    with DaemonProcess(folder, broker.address, {name: connector}, environment=environment) as daemon:
        with _writing(server):
            wait_until(lambda: _all_run(daemon, name), 60, "the first events")
            time.sleep(BEFORE_S)
            with outage:
                time.sleep(OUTAGE_S)
            ended = time.time()
            wait_until(lambda: _all_run(daemon, name), PATIENCE_S, "the streams to run again")
            time.sleep(AFTER_S)
        rows = int(server.execute("SELECT count(*) FROM ticks;"))
        topics = [f"{name}.{stream.replace(' ', '_')}" for stream in STREAMS]
        for topic in topics:
            wait_until(lambda: len(consume(broker.address, topic)) >= rows, PATIENCE_S, "all rows", 2.0)  # noqa: B023
    return [_recovery([*_told(broker.address, topic)], rows, ended) for topic in topics]


def _all_run(daemon: DaemonProcess, name: str) -> bool:
    streams = [daemon.stream(name, stream) for stream in STREAMS]
    return all(each.get("state") == "RUNNING" and each.get("events") for each in streams)


@contextmanager
def _writing(server: PostgresServer) -> Iterator[None]:
    """`A_SECOND` rows a second, whatever becomes of those who read them."""
    stop = threading.Event()
    insert = f"INSERT INTO ticks (at) SELECT clock_timestamp() FROM generate_series(1, {A_COMMIT});"
    second = (insert + f"SELECT pg_sleep({A_COMMIT / A_SECOND});") * (A_SECOND // A_COMMIT)

    def write() -> None:
        while not stop.is_set():
            server.execute(second)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def _told(address: str, topic: str) -> Iterator[Told]:
    for record in consume(address, topic):
        event = record.event
        written = datetime.fromisoformat(event["after"]["at"]).timestamp()
        yield Told(event["after"]["id"], written, event["ts_ms"] / 1000)


def _recovery(topic: list[Told], rows: int, ended: float) -> Recovery:
    after = [each for each in topic if each.made > ended]
    first = after[0].made
    caught_up = next(each.made for each in after if each.made - each.written < FRESH_S)
    backlog = sum(each.made <= caught_up for each in after)
    ids = {each.id for each in topic}
    return Recovery(
        backlog, first - ended, max(caught_up - first, 0.001), len(topic) - len(ids) + abs(rows - len(ids))
    )

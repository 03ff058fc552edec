"""The measures of the Oracle connector: a snapshot beside the bare driver, polls at rest, many tables.

The database is simulated (bridge.testing.oracle), so only what a client spends is measured here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import oracledb
import pyarrow as pa
from confluent_kafka.admin import AdminClient, NewTopic

from bench.measures import Measure
from bench.processes import cpu_s, pss_mib
from bench.stage import fresh
from bridge.contract import Ask, Changes, Op, Position, Stream, Table
from bridge.encode import EncoderOptions, Origin, encoder
from bridge.publisher import Publisher
from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.kafka import KafkaBroker, qualify
from bridge.testing.oracle.orders import CUSTOMERS, LINES, ORDERS, Orders
from bridge.testing.oracle.server import OraclePeer
from connectors.oracle import OracleConnector

VARIABLE = "BENCH_ORACLE_PASSWORD"
COUNT, PAGE, TURNS, FEW = 40_000, 10_000, 2, 20
"""Orders in the simulated database, each of some lines; its table of customers has few rows."""
TABLES, POLLS_S, ROUNDS = 200, 15.0, 20
PATIENCE_S = 120


def measures() -> Iterator[Measure]:
    os.environ[VARIABLE] = OraclePeer.password
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with KafkaBroker() as broker:
            qualify(broker.address)
            with _alone() as dsn:
                yield from _snapshot(folder, broker.address, dsn)
            yield from _many_tables(folder, broker.address)
        yield from _rest()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options(dsn: str, streams: Mapping[str, Any]) -> dict[str, Any]:
    account = {"user": OraclePeer.user, "password": f"env:{VARIABLE}"}
    return {"dsn": dsn, **account, "streams": dict(streams)}


# -- a snapshot


@contextmanager
def _alone() -> Iterator[str]:
    """The dsn of a database in a process of its own."""
    command = [sys.executable, "-m", "bridge.testing.oracle", "--orders", str(COUNT), "--rate", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().partition(",")[0]
        finally:
            process.terminate()


def _snapshot(folder: Path, address: str, dsn: str) -> Iterator[Measure]:
    """Two workers that live equally long and differ in the rows they copy: all else is apart."""
    with _connected(dsn) as connection, connection.cursor() as cursor:
        rows = int(cursor.execute(f"SELECT COUNT(*) FROM {LINES}").fetchone()[0])
    spent = []
    for _ in range(TURNS):
        many, lived = _worker(folder, address, dsn, LINES, rows)
        few, _ = _worker(folder, address, dsn, CUSTOMERS, FEW, lived)
        spent.append(1e6 * (many - few) / (rows - FEW))
    ours, bare = median(spent), median(_bare(address, dsn, rows) for _ in range(TURNS))
    yield Measure("snapshot, the worker", ours, "us of CPU/row")
    yield Measure("the bare driver's fetch, and the spine's publish", bare, "us of CPU/row")
    yield Measure("snapshot against both", ours / bare, "x", must=1.5)


def _connected(dsn: str) -> oracledb.Connection:
    return oracledb.connect(user=OraclePeer.user, password=OraclePeer.password, dsn=dsn)


def _worker(
    folder: Path, address: str, dsn: str, table: str, rows: int, lives: float = 0.0
) -> tuple[float, float]:
    """Seconds of processor of a worker that copies the rows, and how long it lived: `lives` at least."""
    name = fresh("copy")
    connector = {"kind": "oracle", "interval": "60s", **_options(dsn, {table: {"mode": "snapshot"}})}
    around = {VARIABLE: OraclePeer.password}
    with DaemonProcess(folder / name, address, {name: connector}, environment=around) as daemon:
        wait_until(lambda: daemon.worker_pid(name), PATIENCE_S, "a worker", 0.02)
        began, pid = time.monotonic(), daemon.worker_pid(name)
        assert pid is not None

        def copied() -> bool:
            return int(daemon.stream(name, table).get("events") or 0) >= rows

        wait_until(copied, PATIENCE_S, f"{rows} rows of {table}", 0.5)
        time.sleep(max(0.0, lives - (time.monotonic() - began)))
        return cpu_s(pid), time.monotonic() - began


def _bare(address: str, dsn: str, rows: int) -> float:
    """Microseconds of processor a row."""
    oracledb.defaults.fetch_decimals = True  # no number loses a digit, as in the worker
    encode = encoder(EncoderOptions()).encode
    origin, topic = Origin(connector="erp", kind="oracle", version="1"), fresh("bare")
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)
    publisher = Publisher({"bootstrap.servers": address}, topic, Event())
    publisher.open()
    with _connected(dsn) as connection:
        began = time.process_time()
        for frame in connection.fetch_df_batches(f"SELECT * FROM {LINES}", size=PAGE):
            publisher.begin()
            for batch in pa.table(frame).to_batches():
                table = Table(LINES, batch.schema, ("ORDER_ID", "LINE"))
                changes = Changes(table, batch, Op.READ, source=_source(batch.num_rows))
                events = encode(changes, origin, 0)
                publisher.send(topic, events.keys, events.values)
            publisher.commit()
        took = time.process_time() - began
    publisher.close()
    return 1e6 * took / rows


def _source(rows: int) -> pa.RecordBatch:
    """What the worker's events have of their source, too."""
    told = {"scn": pa.scalar(2_000_000), "xid": pa.scalar(None, pa.string()), "rowid": pa.scalar("A" * 18)}
    return pa.RecordBatch.from_pydict({name: pa.repeat(value, rows) for name, value in told.items()})


# -- polls of what rests


def _rest() -> Iterator[Measure]:
    """Rounds of three tables in which nothing happens."""
    with OraclePeer() as peer:
        Orders(peer.store, FEW)
        tables = (ORDERS, LINES, CUSTOMERS)
        config = OracleConnector.Config.model_validate(_options(peer.dsn, {table: {} for table in tables}))
        connector = OracleConnector(config)
        try:
            connector.open()
            streams = connector.discover()
            positions = {stream.name: _read(connector, stream) for stream in streams}
            peer.store.create("OTHER", "T", [("ID", "NUMBER(10)")])
            peer.statements.clear()
            before, began = peer.round_trips, time.process_time()
            for number in range(ROUNDS):
                _work_elsewhere(peer, number)
                for stream in streams:
                    assert not connector.poll(stream, positions[stream.name], Ask()).rows
            took, trips = time.process_time() - began, peer.round_trips - before
        finally:
            connector.close()
    looks = sum("VERSIONS" not in text for text in peer.statements)
    polls = ROUNDS * len(tables)
    yield Measure("round trips of a poll of an unchanged table", (trips - looks) / polls, "", must=1.0)
    yield Measure("looks at the SCN of a round of three tables", looks / ROUNDS, "", must=1.0)
    yield Measure("a poll of an unchanged table, both ends", 1e6 * took / polls, "us of CPU")


def _read(connector: OracleConnector, stream: Stream) -> Position:
    position: Position = None
    while True:
        batch = connector.poll(stream, position, Ask())
        position = batch.position
        if not batch.more:
            return position


# -- hundreds of tables


def _many_tables(folder: Path, address: str) -> Iterator[Measure]:
    """Each polled every second."""
    name = fresh("many")
    with OraclePeer() as peer:
        for number in range(TABLES):
            peer.store.create("SALES", f"T{number:03}", [("ID", "NUMBER(10) NOT NULL")], key=["ID"])
        peer.store.create("OTHER", "T", [("ID", "NUMBER(10)")])
        connector = {"kind": "oracle", "interval": "1s", **_options(peer.dsn, {"SALES.T*": {}})}
        around = {VARIABLE: peer.password}
        with (
            _meanwhile(lambda: _work_elsewhere(peer, 1), 0.1),
            DaemonProcess(folder / name, address, {name: connector}, environment=around) as daemon,
        ):
            wait_until(lambda: _polls(peer) > 3 * TABLES, PATIENCE_S, "polls", 0.2)
            pid = daemon.worker_pid(name)
            assert pid is not None
            before, used, began = _polls(peer), cpu_s(pid), time.monotonic()
            time.sleep(POLLS_S)
            took = time.monotonic() - began
            rate, share = (_polls(peer) - before) / took, (cpu_s(pid) - used) / took
            sessions, memory = len(peer.sessions), pss_mib(pid)
    yield Measure(f"polls of {TABLES} tables at 1 s", rate, "polls/s", must=0.95 * TABLES, better="more")
    yield Measure("their sessions", sessions, "", must=1)
    yield Measure("their worker", 100 * share, "% of a core")
    yield Measure("its memory", memory, "MiB PSS")


def _work_elsewhere(peer: OraclePeer, number: int) -> None:
    """A database's SCN moves all the time."""
    peer.store.insert("OTHER.T", [{"ID": number}])


@contextmanager
def _meanwhile(action: Callable[[], object], pause_s: float) -> Iterator[None]:
    stop = Event()

    def act() -> None:
        while not stop.wait(pause_s):
            action()

    thread = Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _polls(peer: OraclePeer) -> int:
    return sum("VERSIONS BETWEEN" in text for text in peer.statements)

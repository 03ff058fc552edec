"""One million rows of an ERP's table from PostgreSQL into a topic: by the bridge, and by its peer.

Both are watched through the same glass, the topic's end: from the first record there to the last that a
read_committed consumer can have; the steady middle is from row 200,000 to row 900,000.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bench import peer
from bench.processes import cpu_s, peak_mib
from bench.stage import fresh
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.databases import DatabaseServer, PostgresServer

ROWS = 1_000_000
MIDDLE = (200_000, 900_000)
LOOK_S = 0.02
PATIENCE_S = 180.0

SHAPE = """(id BIGINT PRIMARY KEY, customer VARCHAR(40), article VARCHAR(40), remark VARCHAR(60),
    amount NUMERIC(12,2), quantity INT, due DATE, changed_at TIMESTAMP(6), open BOOLEAN)"""
"""Nine columns of about 120 bytes together."""

FILL = {
    "postgresql": """INSERT INTO {table} SELECT n, 'customer ' || n % 5000, 'article ' || n % 900,
        'remark on order number ' || n, n % 100000 / 100.0, n % 1000, DATE '2020-01-01' + (n % 2000)::int,
        TIMESTAMP '2024-01-01 00:00:00.000001' + n * INTERVAL '1 second', n % 3 = 0
        FROM generate_series({first}, {last}) AS n""",
    "h2": """INSERT INTO {table} SELECT x, 'customer ' || MOD(x, 5000), 'article ' || MOD(x, 900),
        'remark on order number ' || x, MOD(x, 100000) / 100.0, MOD(x, 1000),
        DATEADD(DAY, MOD(x, 2000), DATE '2020-01-01'),
        DATEADD(SECOND, x, TIMESTAMP '2024-01-01 00:00:00.000001'), MOD(x, 3) = 0
        FROM SYSTEM_RANGE({first}, {last})""",
}


class Copy(NamedTuple):
    """Rows a second of the whole and of the steady middle; processor seconds a million rows; MiB at most."""

    rate: float
    middle: float
    cpu: float
    memory: float


def fill(server: DatabaseServer, table: str, rows: int = ROWS) -> None:
    server.execute(f"CREATE TABLE {table} {SHAPE};")
    server.execute(FILL[server.kind].format(table=table, first=1, last=rows) + ";")
    if server.kind == "postgresql":
        server.execute(f"VACUUM ANALYZE {table};")


def bridge(folder: Path, address: str, server: DatabaseServer, table: str, name: str | None = None) -> Copy:
    """By a fresh daemon with a fresh worker; `name`: of the connector."""
    name = name or fresh("copy")
    with (
        _daemon(folder, address, server, table, name) as daemon,
        _glass(address, f"{name}.{table}") as watch,
    ):
        wait_until(lambda: daemon.worker_pid(name), 30, "a worker", 0.01)
        pid = daemon.worker_pid(name)
        assert pid is not None
        copy = watch(pid, lambda: None)
    events = consume(address, f"{name}.{table}")
    if len(events) != ROWS or len({each.key for each in events}) != ROWS:
        raise AssertionError(f"the topic has {len(events)} events of {ROWS} rows")
    return copy


def _daemon(folder: Path, address: str, server: DatabaseServer, table: str, name: str) -> DaemonProcess:
    connector = {
        "kind": "jdbc", "url": server.url, "user": server.user, "password": "env:BENCH_PASSWORD",
        "interval": "100ms", "streams": {table: {"mode": "incrementing"}},
    }  # fmt: skip
    environment = {"BENCH_PASSWORD": server.password}
    return DaemonProcess(folder, address, {name: connector}, environment=environment)


def connect(folder: Path, address: str, server: PostgresServer, table: str, batch: int, heap: str) -> Copy:
    """By a fresh worker of Kafka Connect."""
    name = fresh("peer")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        peer.ConnectWorker(folder, address, name, heap=heap) as worker,
        _glass(address, f"{name}.{table}") as watch,
    ):
        worker.copy(server, table, batch)

        def check() -> None:
            if trace := worker.failure():
                raise AssertionError(f"the peer's task failed: {trace[:1500]}")

        return watch(worker.pid, check)


type Glass = Callable[[int, Callable[[], None]], Copy]


@contextmanager
def _glass(address: str, topic: str) -> Iterator[Glass]:
    common = {"bootstrap.servers": address, "group.id": "glass", "topic.metadata.refresh.interval.ms": 100}
    written = Consumer({**common, "isolation.level": "read_uncommitted", "log_level": 0})
    committed = Consumer({**common, "isolation.level": "read_committed", "log_level": 0})

    def watch(pid: int, check: Callable[[], None]) -> Copy:
        """From the first record to the last. `check` raises when there will be none."""
        seen: list[tuple[float, int]] = []
        used = cpu_s(pid)
        looked = began = time.monotonic()
        while True:
            now, there = time.monotonic(), _end(written, topic)
            if there and not seen:
                used = cpu_s(pid)
            if there:
                seen.append((now, there))
            if there >= ROWS and _end(committed, topic) >= ROWS:
                break
            if now - looked > 1:
                check()
                looked = now
            if now - began > PATIENCE_S:
                raise TimeoutError(f"{topic} has {there} of {ROWS} rows after {PATIENCE_S:.0f} s")
            time.sleep(LOOK_S)
        took = time.monotonic() - seen[0][0]
        low, high = (next(at for at, count in seen if count >= rows) for rows in MIDDLE)
        middle = (MIDDLE[1] - MIDDLE[0]) / (high - low)
        return Copy(ROWS / took, middle, (cpu_s(pid) - used) / ROWS * 1e6, peak_mib(pid))

    try:
        yield watch
    finally:
        written.close()
        committed.close()


def _end(consumer: Consumer, topic: str) -> int:
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=5)[1])
    except KafkaException:
        return 0

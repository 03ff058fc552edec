"""Tables read as images: what a scan of ten million rows costs of which a thousand have changed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measures import Measure
from bench.processes import peak_mib
from bench.stage import fresh
from bridge.testing.daemon import DaemonProcess, consume, end_of, wait_until
from bridge.testing.databases import PostgresServer

ROWS = 10_000_000
CHANGED, DELETED = 1_000, 100
PATIENCE_S = 900.0
TABLE = "public.stock"

CREATE = f"""CREATE TABLE {TABLE}
    (id BIGINT PRIMARY KEY, article VARCHAR(40), quantity INT, amount NUMERIC(12,2));
INSERT INTO {TABLE} SELECT n, 'article ' || n % 90000, n % 1000, n % 100000 / 100.0
    FROM generate_series(1, {{rows}}) n;
VACUUM ANALYZE {TABLE};"""
CHANGE = f"""UPDATE {TABLE} SET quantity = quantity + 1 WHERE id % ({{rows}} / {CHANGED}) = 1;
DELETE FROM {TABLE} WHERE id % ({{rows}} / {DELETED}) = 2;"""
"""The second time the same are changed, and there is nothing to delete."""


def measures(folder: Path, address: str, server: PostgresServer, rows: int = ROWS) -> Iterator[Measure]:
    """First a scan that fills the state; then by a fresh worker each: the state from its topic, a scan."""
    name = fresh("stock")
    server.execute(CREATE.format(rows=rows))
    connector = {
        "kind": "jdbc", "url": server.url, "user": server.user, "password": "env:BENCH_PASSWORD",
        "statement_timeout": "120s", "deadline": "300s",
        "interval": "1h", "streams": {TABLE: {"mode": "images"}},
    }  # fmt: skip
    millions = f"{rows / 1e6:g}M keys"
    first, _ = _scan(folder, address, server, name, connector)
    yield Measure(f"first scan of {millions}, every row an event", first, "s")
    scanned = end_of(address, f"{name}.{TABLE}")
    shutil.rmtree(folder / "state")
    server.execute(CHANGE.format(rows=rows))
    _, log = _scan(folder, address, server, name, connector)
    rebuilt = next(line for line in log.lines() if line.get("event") == "state read from its topic")
    yield Measure(f"state of {millions} from its topic", rebuilt["took_s"], "s", must=90, aim=30)
    scanned = _has(CHANGED + DELETED, address, name, scanned)
    server.execute(CHANGE.format(rows=rows))
    third, log = _scan(folder, address, server, name, connector)
    _has(CHANGED, address, name, scanned)
    yield Measure(f"images scan of {millions}, {CHANGED:,} changed", third, "s", must=60, aim=30)
    yield Measure("images scan, the worker's most memory", log.most_mib, "MiB", must=512)


def _has(keys: int, address: str, name: str, since: int) -> int:
    """Where the events of these keys end, if there are as many as changed since."""
    found = len({each.key for each in consume(address, f"{name}.{TABLE}", since=since)})
    if found != keys:
        raise AssertionError(f"a scan told of {found} keys, not of the {keys} that had changed")
    return end_of(address, f"{name}.{TABLE}")


class _Watched(DaemonProcess):
    most_mib = 0.0


def _scan(
    folder: Path, address: str, server: PostgresServer, name: str, connector: dict[str, Any]
) -> tuple[float, _Watched]:
    """Seconds from the first poll of a fresh worker to the commit of the whole scan."""
    environment = {"BENCH_PASSWORD": server.password}
    with _Watched(folder, address, {name: connector}, environment=environment) as daemon:
        wait_until(lambda: daemon.stream(name, TABLE).get("polls"), PATIENCE_S, "the scan to begin", 0.02)
        began = time.monotonic()
        wait_until(lambda: daemon.stream(name, TABLE)["scans"], PATIENCE_S, "its end", 0.1)
        took = time.monotonic() - began
        pid = daemon.worker_pid(name)
        assert pid is not None
        daemon.most_mib = peak_mib(pid)
        return took, daemon

"""A broker that stands still costs a bounded amount of memory, however fast the source can be read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.databases import DatabaseServer
from bridge.testing.kafka import KafkaBroker
from tests.e2e.evidence import arrived, end_of, in_state, source, sqlite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

STALL_S = float(os.environ.get("LEGACY_BRIDGE_STALL_S", "15"))
GROWTH_MIB = 32
ROWS, PAYLOAD = 300_000, "p" * 400
"""Far more than may be read ahead."""
A_POLL = 10_000


@dataclass(frozen=True)
class Table:
    """ROWS rows with the keys 1 to ROWS."""

    stream: str
    connector: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def in_sqlite(tmp_path: Path) -> Table:
    legacy = source(tmp_path / "erp.db")
    legacy.insert(ROWS, payload=PAYLOAD)
    return Table("orders", sqlite(legacy.path))


@pytest.fixture
def in_postgres(postgres: DatabaseServer, name: str) -> Iterator[Table]:
    """Its worker has a JVM."""
    stream = f"public.{name.replace('-', '_')}"
    postgres.execute(f"CREATE UNLOGGED TABLE {stream} (id int PRIMARY KEY, payload text);")
    postgres.execute(f"INSERT INTO {stream} SELECT n, '{PAYLOAD}' FROM generate_series(1, {ROWS}) n;")
    account = {"url": postgres.url, "user": postgres.user, "password": "env:TEST_PASSWORD"}
    streams = {stream: {"mode": "incrementing"}}
    connector = {"kind": "jdbc", **account, "interval": "100ms", "streams": streams}
    yield Table(stream, connector, {"TEST_PASSWORD": postgres.password})
    postgres.execute(f"DROP TABLE {stream};")


def memory_mib(pid: int) -> float:
    """The process's share of all memory it has mapped (PSS), in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_broker_that_stalls_in_mid_copy_costs_the_worker_less_than_32_mib(
    fragile: KafkaBroker,
    tmp_path: Path,
    name: str,
    kind: str,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table: Table = request.getfixturevalue(f"in_{kind}")
    topic, rows = f"{name}.{table.stream}", list(range(1, ROWS + 1))
    connectors = {name: table.connector}
    folder = tmp_path / "daemon"
    with DaemonProcess(folder, fragile.address, connectors, environment=table.environment) as daemon:
        wait_until(lambda: end_of(fragile.address, topic) > 0, 60, "the copy to begin", 0.01)
        fragile.pause()
        stalled, pid = time.monotonic(), daemon.worker_pid(name)
        assert pid is not None
        before = memory_mib(pid)
        seen: list[tuple[float, float, dict[str, Any]]] = []
        while time.monotonic() < stalled + STALL_S:
            time.sleep(0.5)
            seen.append((time.monotonic() - stalled, memory_mib(pid), daemon.stream(name, table.stream)))
        fragile.resume()
        assert arrived(fragile.address, topic, rows) == rows
        in_state(daemon, name, "RUNNING", stream=table.stream)
    growth = max(memory for _, memory, _ in seen) - before
    with capsys.disabled():
        print(f"\n{kind}: {before:.0f} MiB, and at most {growth:.1f} more while stalled", end=" ")  # noqa: T201
    assert growth < GROWTH_MIB
    later = [stream for at, _, stream in seen if at > STALL_S / 2]
    assert {stream["state"] for stream in later} == {"BACKOFF"}
    assert len({stream["polls"] for stream in later}) == 1, "the queues are full: nothing is read"
    assert later[0]["polls"] * A_POLL < ROWS, "and there is more to read"

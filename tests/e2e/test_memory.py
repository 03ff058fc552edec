"""A broker that stands still costs a bounded amount of memory, however fast the source can be read."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.kafka import KafkaBroker
from tests.e2e.evidence import arrived, in_state, source, sqlite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

STALL_S = float(os.environ.get("LEGACY_BRIDGE_STALL_S", "15"))
GROWTH_MIB = 32
ROWS, PAYLOAD = 300_000, "p" * 400
"""Far more than may be read ahead."""
A_POLL = 10_000


def memory_mib(pid: int) -> float:
    """The process's share of all memory it has mapped (PSS), in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def test_a_broker_that_stalls_in_mid_copy_costs_the_worker_less_than_32_mib(
    fragile: KafkaBroker, tmp_path: Path
) -> None:
    name = f"erp-{uuid4().hex[:8]}"
    legacy = source(tmp_path / "erp.db")
    legacy.insert(ROWS, payload=PAYLOAD)
    with DaemonProcess(tmp_path / "daemon", fragile.address, {name: sqlite(legacy.path)}) as daemon:
        wait_until(lambda: daemon.stream(name, "orders").get("events", 0) > 0, 60, "the copy to begin")
        pid = daemon.worker_pid(name)
        assert pid is not None
        fragile.pause()
        stalled, before = time.monotonic(), memory_mib(pid)
        seen: list[tuple[float, float, dict[str, Any]]] = []
        while time.monotonic() < stalled + STALL_S:
            time.sleep(0.5)
            seen.append((time.monotonic() - stalled, memory_mib(pid), daemon.stream(name, "orders")))
        fragile.resume()
        assert arrived(fragile.address, f"{name}.orders", legacy.ids()) == legacy.ids()
        in_state(daemon, name, "RUNNING")
    assert max(memory for _, memory, _ in seen) - before < GROWTH_MIB
    later = [stream for at, _, stream in seen if at > STALL_S / 2]
    assert {stream["state"] for stream in later} == {"BACKOFF"}
    assert len({stream["polls"] for stream in later}) == 1, "the queues are full: nothing is read"
    assert later[0]["polls"] * A_POLL < ROWS, "and there is more to read"

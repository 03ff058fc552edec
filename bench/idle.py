"""What a daemon costs that has nothing to do, and how fast it says how it is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.measures import Measure
from bench.processes import cpu_s, pss_mib
from bench.stage import TABLE, Stage, fresh
from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.kafka import free_ports
from bridge.testing.sqlite_source import SqliteSource

SETTLE_S, WATCH_S = 65.0, 30.0
"""Only after its late window has a table nothing to be asked twice for."""
HEALTH_TIMES = 15


def measures(stage: Stage) -> Iterator[Measure]:
    """One daemon with two workers at polls of 1 s: SQLite, and H2 through a JVM."""
    plain, java = fresh("plain"), fresh("java")
    source = SqliteSource(stage.folder() / "erp.db")
    source.insert(10)
    sqlite = {"kind": "sqlite", "path": str(source.path), "interval": "1s", "streams": {"orders": {}}}
    with stage.daemon({plain: sqlite, java: stage.jdbc()}, daemon={"http": "127.0.0.1:0"}) as daemon:
        wait_until(lambda: daemon.stream(plain, "orders").get("events"), 60, "events of SQLite")
        wait_until(lambda: daemon.stream(java, TABLE).get("events"), 60, "events of H2")
        assert daemon.process is not None
        pids = {
            "supervisor": daemon.process.pid,
            "worker": _pid(daemon, plain),
            "worker with JVM": _pid(daemon, java),
        }
        yield from _idle(pids)
        yield Measure("health, whole process", median(_health(daemon, 0)) * 1000, "ms", must=300)
    (port,) = free_ports(1)
    dead = {**stage.jdbc(), "url": f"jdbc:h2:tcp://127.0.0.1:{port}/./erp"}
    with stage.daemon({plain: sqlite, fresh("dead"): dead}) as daemon:
        wait_until(lambda: _health_once(daemon).returncode == 1, 60, "the dead source to show")
        took = median(_health(daemon, 1)) * 1000
        yield Measure("health while a source is dead", took, "ms", must=300)


def _pid(daemon: DaemonProcess, connector: str) -> int:
    pid = daemon.worker_pid(connector)
    assert pid is not None
    return pid


def _idle(pids: dict[str, int]) -> Iterator[Measure]:
    time.sleep(SETTLE_S)
    began, before = time.monotonic(), {what: cpu_s(pid) for what, pid in pids.items()}
    time.sleep(WATCH_S)
    passed = time.monotonic() - began
    bounds = {"supervisor": (60, None), "worker": (90, 60), "worker with JVM": (160, 130)}
    for what, pid in pids.items():
        must, aim = bounds[what]
        yield Measure(f"idle memory, {what}", pss_mib(pid), "MiB PSS", must=must, aim=aim)
    for what, pid in pids.items():
        share = (cpu_s(pid) - before[what]) / passed * 100
        yield Measure(f"idle at polls of 1 s, {what}", share, "% of a core", must=0.5)


def _health(daemon: DaemonProcess, expected: int) -> Iterator[float]:
    """Seconds of `legacy-bridge health`, from its start to its exit."""
    for _ in range(HEALTH_TIMES):
        began = time.monotonic()
        done = _health_once(daemon)
        yield time.monotonic() - began
        assert done.returncode == expected, done.stdout + done.stderr


def _health_once(daemon: DaemonProcess) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("legacy-bridge")
    command = list(map(str, (program, "health", daemon.config)))
    return subprocess.run(command, capture_output=True, text=True, check=False)

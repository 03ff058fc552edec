"""How long it takes until an event is there: after `run`, and after a worker was killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from statistics import median

from bench.measures import Measure
from bench.stage import TABLE, Stage, ear, fresh
from bridge.testing.daemon import wait_until

TIMES = 7


def measures(stage: Stage) -> Iterator[Measure]:
    cold = median(cold_start(stage) for _ in range(TIMES))
    yield Measure("cold start of run to the first event, JVM", cold, "s", must=2.2, aim=1.3)
    killed = median(takeovers(stage, signal.SIGKILL))
    yield Measure("takeover after kill -9 of a worker, JVM", killed, "s", must=3.0)
    crashed = median(takeovers(stage, signal.SIGSEGV))
    yield Measure("takeover after a crash of the JVM", crashed, "s", must=5.0)


def cold_start(stage: Stage) -> float:
    """Seconds from `run`, with a connector that never ran, to its first event in a topic that awaits it."""
    name = fresh("cold")
    with ear(stage.address, f"{name}.{TABLE}") as listening:
        daemon = stage.daemon({name: stage.jdbc()})
        began = time.monotonic()
        with daemon:
            return listening.hear() - began


def takeovers(stage: Stage, number: signal.Signals) -> Iterator[float]:
    """Seconds from the signal that ends the worker to the event of a row that was inserted just then."""
    name = fresh("takeover")
    daemon = stage.daemon({name: stage.jdbc()}, daemon={"restarts": 1_000})
    with ear(stage.address, f"{name}.{TABLE}") as listening, daemon:
        listening.hear()
        for _ in range(TIMES):
            listening.drain(1.0)
            wait_until(lambda: daemon.worker_pid(name), 10, "a worker")
            pid = daemon.worker_pid(name)
            assert pid is not None
            os.kill(pid, number)
            began = time.monotonic()
            stage.insert()
            yield listening.hear() - began

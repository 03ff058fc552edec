"""A soak run of the Oracle connector: time-outs first, then random lives of each mode, a process a processor.

A kill is the end of a life here, at any step or call of the driver; what comes after it knows Kafka alone.
The database is the peer of the tests (bridge.testing.oracle): one life in twenty reaches it over a wire.
Time-outs are of the driver as it is, over a wire all of them, in a process that must not crash.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from threading import Event

from bench.swarm import Lived, SwarmError, swarm
from bench.torment import Until, Verdict
from tests.property import oracle_takings
from tests.property.oracle_house import House
from tests.property.oracle_lives import MODES, live

TIME_OUTS = 1_000
COUNTED = ("gaps", "renewals", "parts", "undo expired", "deaths at a call")


def soak(until: Until, seed: int, stop: Event) -> Verdict:
    """Errors: SwarmError."""
    _time_out()
    return swarm(lives, until, seed, stop)


def _time_out() -> None:
    """Errors: SwarmError."""
    script = "tests.integration.oracle_time_outs"
    ended = subprocess.run(
        [sys.executable, "-m", script, str(TIME_OUTS)], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SwarmError(f"time-outs: exit code {ended.returncode}: {ended.stderr[-2000:]}")
    print(ended.stdout.strip(), flush=True)


def lives(seeds: Sequence[int]) -> Generator[Lived]:
    """Those of one process, with databases of its own: in one of them time goes faster."""
    with House() as house, House() as other:
        for seed in seeds:
            for mode in MODES:
                yield _lived(house, mode, seed)
            for mode in oracle_takings.MODES:
                yield _lived(other, mode, seed)


def _lived(house: House, mode: str, seed: int) -> Lived:
    began = time.monotonic()
    outcome = (live if mode in MODES else oracle_takings.live)(house, mode, seed)
    amiss = outcome.doubled + outcome.disordered + outcome.odd
    cost = (outcome.lost, amiss, outcome.false_deletes)
    verdict = Verdict(outcome.kills, 1, *cost, hidden=outcome.hidden)
    counts = {name: outcome.hits.get(name, 0) for name in COUNTED}
    return Lived("oracle", mode, seed, verdict, counts, str(outcome), time.monotonic() - began)

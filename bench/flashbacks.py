"""A soak run of the Oracle connector: random lives of each mode, a process a processor.

A kill is the end of a life here, at any step or call of the driver; what comes after it knows Kafka alone.
The database is the peer of the tests (bridge.testing.oracle), on a wire.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from threading import Event

from bench.swarm import Lived, swarm
from bench.torment import Until, Verdict
from tests.property import oracle_takings
from tests.property.oracle_house import House
from tests.property.oracle_lives import MODES, live

COUNTED = ("gaps", "renewals", "parts", "undo expired", "deaths at a call")


def soak(until: Until, seed: int, stop: Event) -> Verdict:
    """Errors: SwarmError."""
    return swarm(lives, until, seed, stop)


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

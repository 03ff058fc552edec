"""A soak run of the SAP connector: random lives of each mode, a process a processor.

A kill is the end of a life here, at any step or call of the client; what comes after it knows Kafka alone.
The system is the peer of the tests (bridge.testing.sap): one life in twenty reads it on a wire, by two
clients in turn, the others in this process.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Generator, Sequence
from threading import Event

from bench.swarm import Lived, swarm
from bench.torment import Until, Verdict
from tests.property.sap_lives import CLIENTS, MODES, live

COUNTED = (*CLIENTS, "polls", "meddled", "leaps", "TransientError", "deaths at a call")


def soak(until: Until, seed: int, stop: Event) -> Verdict:
    """Errors: SwarmError."""
    return swarm(lives, until, seed, stop)


def lives(seeds: Sequence[int]) -> Generator[Lived]:
    """Those of one process."""
    logging.disable(logging.ERROR)  # the peer tells of each call that it cannot read
    gc.freeze()  # what is loaded stays: else each of many collections looks at it
    for seed in seeds:
        for mode in MODES:
            yield _lived(mode, seed)


def _lived(mode: str, seed: int) -> Lived:
    began = time.monotonic()
    outcome = live(mode, seed)
    amiss = outcome.doubled + outcome.disordered + outcome.odd
    cost = (outcome.lost, amiss, outcome.false_deletes)
    verdict = Verdict(outcome.kills, 1, *cost, hidden=outcome.hidden)
    counts = {name: outcome.hits.get(name, 0) for name in COUNTED}
    return Lived("sap", mode, seed, verdict, counts, str(outcome), time.monotonic() - began)

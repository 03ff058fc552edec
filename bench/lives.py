"""A soak run of the JDBC connector: random lives of each mode on each database, a process a processor.

A kill is the end of a life here, at any step, and what comes after it knows Kafka alone; workers of their own
are killed by the spine's run, and by tests/e2e/test_jdbc.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from threading import Event

from bench.swarm import Lived, swarm
from bench.torment import Until, Verdict
from bridge.testing.databases import DatabaseServer, MariaServer, PostgresServer
from tests.property import jdbc_house
from tests.property.jdbc_house import House
from tests.property.jdbc_lives import MODES, RESNAPSHOTS, live

ON_SERVERS = 30
"""One life in so many is lived on a server, too; H2 is faster."""


def soak(until: Until, seed: int, stop: Event) -> Verdict:
    """Errors: SwarmError."""
    return swarm(lives, until, seed, stop)


def lives(seeds: Sequence[int]) -> Generator[Lived]:
    """Those of one process, with databases of its own."""
    os.environ["TEST_PASSWORD"] = DatabaseServer.password
    with ExitStack() as stack:
        servers = [stack.enter_context(kind()) for kind in (PostgresServer, MariaServer)]
        houses = [jdbc_house.h2(), *map(jdbc_house.of, servers)]
        for house in houses:
            stack.callback(house.close)
        for house, mode, seed in _lives(houses, seeds):
            yield _lived(house, mode, seed)


def _lived(house: House, mode: str, seed: int) -> Lived:
    began = time.monotonic()
    outcome = live(house, mode, seed)
    amiss = outcome.doubled + outcome.disordered + outcome.odd
    cost = (outcome.lost, amiss, outcome.false_deletes)
    verdict = Verdict(outcome.kills, 1, *cost, hidden=outcome.hidden)
    counts = {
        "dead letters": outcome.refused,
        "resnapshots": outcome.hits[RESNAPSHOTS],
        "rows that came too late and verify reports": outcome.overdue,
    }
    return Lived(house.name, mode, seed, verdict, counts, str(outcome), time.monotonic() - began)


def _lives(houses: Sequence[House], seeds: Sequence[int]) -> Iterator[tuple[House, str, int]]:
    h2, *servers = houses
    for number, seed in enumerate(seeds):
        for mode in MODES:
            yield h2, mode, seed
            for turn, house in enumerate(servers):
                if number % ON_SERVERS == turn:
                    yield house, mode, seed

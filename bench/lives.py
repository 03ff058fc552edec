"""A soak run of the JDBC connector: random lives in this process, of each mode on each database.

A kill is the end of a life here, at any step, and what comes after it knows Kafka alone; workers of their own
are killed by the spine's run, and by tests/e2e/test_jdbc.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from threading import Event

from bench.torment import Verdict
from bridge.testing.databases import DatabaseServer, MariaServer, PostgresServer
from tests.property import jdbc_house
from tests.property.jdbc_house import House
from tests.property.jdbc_lives import MODES, live

ON_SERVERS = 10
"""One life in so many is on a server; the others are on H2, which is faster."""
SAY_S = 30.0


def soak(kills: int, minutes: float | None, seed: int, stop: Event) -> Verdict:
    """Lives until so many kills, or minutes, are over; one that costs something is the last."""
    total, deadline = Verdict(), time.monotonic() + minutes * 60 if minutes else float("inf")
    os.environ["TEST_PASSWORD"] = DatabaseServer.password
    with ExitStack() as stack:
        servers = [stack.enter_context(kind()) for kind in (PostgresServer, MariaServer)]
        houses = [jdbc_house.h2(), *map(jdbc_house.of, servers)]
        for house in houses:
            stack.callback(house.close)
        said = time.monotonic()
        for house, mode, number in _lives(houses, seed):
            total += _life(house, mode, number)
            if stop.is_set() or total.kills >= kills or time.monotonic() > deadline or not total.clean:
                break
            if time.monotonic() - said > SAY_S:
                said = time.monotonic()
                print(total, flush=True)
    return total


def _lives(houses: Sequence[House], seed: int) -> Iterator[tuple[House, str, int]]:
    h2, *servers = houses
    for number in count(seed):
        for mode in MODES:
            yield h2, mode, number
            for turn, house in enumerate(servers):
                if number % ON_SERVERS == turn:
                    yield house, mode, number


def _life(house: House, mode: str, seed: int) -> Verdict:
    outcome = live(house, mode, seed)
    if not outcome.clean:
        print(f"{house.url.split(':')[1]} {mode}, seed {seed}: {outcome}", flush=True)
    lost, doubled, false = outcome.lost, outcome.doubled, outcome.false_deletes
    return Verdict(outcome.kills, 1, lost, doubled, false, hidden=outcome.hidden)

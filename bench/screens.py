"""A soak run of the mainframe connector: random lives over each 3270 client.

A kill is the end of a life here, at any call of a terminal or of Kafka, and what comes after it knows Kafka
alone. Beside the lives spoilt 3270 records are poured over the clients.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from threading import Event

from bench.swarm import Lived, swarm
from bench.torment import Until, Verdict
from bridge.testing.mainframe import Recording
from bridge.testing.mainframe.torrent import pour
from connectors.mainframe.terminal import Endpoint, Terminal
from connectors.mainframe.transports import terminal
from tests.property.mainframe_house import House, Transport
from tests.property.mainframe_lives import TRANSPORTS, live

STREAMS = Path(__file__).parents[1] / "tests" / "streams"
BESIDE = 4
"""Processes on a processor: a life waits for most of its time."""
TURNS = 8
"""One life in so many is lived over s3270; tnz is faster."""
POURS, SPOILT = 10, 12
"""After so many lives of a process, so many records for each of them."""


def soak(until: Until, seed: int, stop: Event) -> Verdict:
    """Errors: SwarmError."""
    return swarm(lives, until, seed, stop, beside=BESIDE)


def lives(seeds: Sequence[int]) -> Generator[Lived]:
    """Those of one process, with a host of its own."""
    tnz, s3270 = TRANSPORTS
    records = [each for file in sorted(STREAMS.glob("*.3270")) for each in Recording.load(file).records]
    with House() as house:
        for number, seed in enumerate(seeds, 1):
            yield _lived(house, tnz if number % TURNS else s3270, seed)
            if number % POURS == 0:
                yield _poured(tnz if number // POURS % 2 else s3270, records, seed)


def _lived(house: House, transport: Transport, seed: int) -> Lived:
    began = time.monotonic()
    outcome = live(house, transport, seed)
    amiss = outcome.doubled + outcome.disordered + outcome.odd
    cost = (outcome.lost, amiss, outcome.false_deletes)
    verdict = Verdict(outcome.kills, 1, *cost, hidden=outcome.hidden)
    counts = {**outcome.hits, "dead letters": outcome.refused}
    return Lived(transport, "lives", seed, verdict, counts, str(outcome), time.monotonic() - began)


def _poured(transport: Transport, records: Sequence[bytes], seed: int) -> Lived:
    """What is wrong on a screen after a spoilt record would be an event of what never was."""
    began, count = time.monotonic(), POURS * SPOILT
    seeds = range(seed * count, (seed + 1) * count)
    poured = pour(partial(_connected, transport), records, seeds, until=lambda: False)
    counts = {"spoilt records": poured.streams, "sessions lost over them": poured.lost}
    verdict, told = Verdict(doubled=len(poured.wrong)), f"{poured.wrong[:3]}"
    return Lived(transport, "spoilt records", seed, verdict, counts, told, time.monotonic() - began)


def _connected(transport: Transport, port: int) -> Terminal:
    made = terminal(transport, Endpoint("127.0.0.1", port))
    made.connect()
    return made

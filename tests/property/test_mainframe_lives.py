"""For some seconds a client: whatever happens, Kafka ends up with what the host has (see mainframe_lives)."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from bridge.testing import need
from tests.property.mainframe_house import House, Transport
from tests.property.mainframe_lives import TRANSPORTS, live

SECONDS = 9.0
"""`make soak ONLY=mainframe` goes on for longer."""
SEED_VARIABLE = "BRIDGE_SEED"
"""Repeats a run, or a life that has failed."""

type Said = Callable[[str, object], None]
"""pytest's record_property: the end of the run shows what was `said`."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as house:
        yield house


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_kafka_has_is_the_hosts_file(house: House, transport: Transport, record_property: Said) -> None:
    if transport == "s3270" and shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")
    first = int(os.environ.get(SEED_VARIABLE) or random.randrange(1_000_000))
    seed, deadline, hits = first, time.monotonic() + SECONDS, Counter[str]()
    while seed == first or time.monotonic() < deadline:
        outcome = live(house, transport, seed)
        assert outcome.clean, f"{transport}, {SEED_VARIABLE}={seed}: {outcome}"
        hits.update(outcome.hits)
        seed += 1
    assert hits["scans"] >= seed - first
    told = f"{hits['scans']} scans, {hits['scans cut']} cut"
    record_property("said", f"{transport}: {seed - first} lives, {told}, {SEED_VARIABLE}={first}")

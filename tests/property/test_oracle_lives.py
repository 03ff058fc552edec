"""For some seconds a mode: whatever happens, Kafka has in the end what was committed (see oracle_lives)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.property.oracle_house import House
from tests.property.oracle_lives import MODES, live

SECONDS = 4.0
SEED_VARIABLE = "BRIDGE_SEED"
"""Repeats a run, or a life that has failed."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as house:
        yield house


@pytest.mark.parametrize("mode", MODES)
def test_what_kafka_has_is_what_was_committed(
    house: House, mode: str, record_property: Callable[[str, object], None]
) -> None:
    first = int(os.environ.get(SEED_VARIABLE) or random.randrange(1_000_000))
    seed, deadline = first, time.monotonic() + SECONDS
    while seed == first or time.monotonic() < deadline:
        outcome = live(house, mode, seed)
        assert outcome.clean, f"{mode}, {SEED_VARIABLE}={seed}: {outcome}"
        seed += 1
    record_property("said", f"oracle {mode}: {seed - first} lives, {SEED_VARIABLE}={first}")

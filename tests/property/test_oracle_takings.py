"""For some seconds a mode: every row and message once, and tables as they are (see oracle_takings)."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.property.oracle_house import House
from tests.property.oracle_takings import MODES, live

SECONDS = 3.0
SEED_VARIABLE = "BRIDGE_SEED"
"""Repeats a run, or a life that has failed."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as house:
        yield house


@pytest.mark.parametrize("mode", MODES)
def test_what_is_taken_away_comes_once_and_what_stays_is_as_it_is(
    house: House, mode: str, record_property: Callable[[str, object], None]
) -> None:
    first = int(os.environ.get(SEED_VARIABLE) or random.randrange(1_000_000))
    seed, deadline, hits = first, time.monotonic() + SECONDS, Counter[str]()
    while seed == first or time.monotonic() < deadline:
        wrong, happened = live(house, mode, seed)
        assert not wrong, f"{mode}, {SEED_VARIABLE}={seed}: {wrong}"
        seed, hits = seed + 1, hits + happened
    record_property("said", f"oracle {mode}: {seed - first} lives, {hits['deaths']} deaths, from {first}")

"""For some seconds a mode: whatever happens, Kafka has in the end what the table has (see jdbc_lives)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from bridge.testing.databases import DatabaseServer
from tests.property import jdbc_house
from tests.property.jdbc_house import House
from tests.property.jdbc_lives import MODES, live

SECONDS, ON_SERVERS = 3.3, 2.0
SEED_VARIABLE = "BRIDGE_SEED"
"""Repeats a run, or a life that has failed."""

type Said = Callable[[str, object], None]
"""pytest's record_property: the end of the run shows what was `said`."""


@pytest.fixture(scope="module", autouse=True)
def password() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PASSWORD", DatabaseServer.password)
        yield


@pytest.fixture(scope="module")
def h2_house(password: None) -> Iterator[House]:
    house = jdbc_house.h2()
    yield house
    house.close()


@pytest.fixture(scope="module")
def server_house(request: pytest.FixtureRequest, password: None) -> Iterator[House]:
    house = jdbc_house.of(request.getfixturevalue(request.param))
    yield house
    house.close()


@pytest.mark.parametrize("mode", MODES)
def test_what_kafka_has_is_the_table(h2_house: House, mode: str, record_property: Said) -> None:
    all_lives_end_well(h2_house, mode, SECONDS, record_property)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("server_house", ["postgres", "mariadb"], indirect=True)
def test_so_it_is_by_the_clock_and_the_open_transactions_of_a_server(
    server_house: House, mode: str, record_property: Said
) -> None:
    all_lives_end_well(server_house, mode, ON_SERVERS, record_property)


def all_lives_end_well(house: House, mode: str, seconds: float, record_property: Said) -> None:
    first = int(os.environ.get(SEED_VARIABLE) or random.randrange(1_000_000))
    seed, deadline = first, time.monotonic() + seconds
    while seed == first or time.monotonic() < deadline:
        outcome = live(house, mode, seed)
        assert outcome.clean, f"{mode}, {SEED_VARIABLE}={seed}: {outcome}"
        seed += 1
    record_property("said", f"{house.name} {mode}: {seed - first} lives, {SEED_VARIABLE}={first}")

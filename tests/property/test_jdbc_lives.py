"""For some seconds a mode: whatever happens, Kafka has in the end what the table has (see jdbc_lives)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from bridge.testing.databases import DatabaseServer
from tests.property import jdbc_house
from tests.property.jdbc_house import House
from tests.property.jdbc_lives import MODES, RESNAPSHOTS, live
from tests.property.living import Said, all_end_well

SECONDS, ON_SERVERS = 3.3, 2.0


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
    all_end_well(f"h2 {mode}", partial(live, h2_house, mode), SECONDS, record_property, (RESNAPSHOTS,))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("server_house", ["postgres", "mariadb"], indirect=True)
def test_so_it_is_by_the_clock_and_the_open_transactions_of_a_server(
    server_house: House, mode: str, record_property: Said
) -> None:
    house = server_house
    lives = partial(live, house, mode)
    all_end_well(f"{house.name} {mode}", lives, ON_SERVERS, record_property, (RESNAPSHOTS,))

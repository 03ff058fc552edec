"""For some seconds a mode: every row and message once, and tables as they are (see oracle_takings)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.property.living import Said, all_end_well
from tests.property.oracle_house import House
from tests.property.oracle_takings import MODES, live

SECONDS = 3.0


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as house:
        yield house


@pytest.mark.parametrize("mode", MODES)
def test_what_is_taken_away_comes_once_and_what_stays_is_as_it_is(
    house: House, mode: str, record_property: Said
) -> None:
    all_end_well(f"oracle {mode}", partial(live, house, mode), SECONDS, record_property, ["deaths"])

"""For some seconds a mode: whatever happens, Kafka has in the end what was committed (see oracle_lives)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.property.living import Said, all_end_well
from tests.property.oracle_house import House
from tests.property.oracle_lives import MODES, live

SECONDS = 4.0


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as house:
        yield house


@pytest.mark.parametrize("mode", MODES)
def test_what_kafka_has_is_what_was_committed(house: House, mode: str, record_property: Said) -> None:
    all_end_well(f"oracle {mode}", partial(live, house, mode), SECONDS, record_property)

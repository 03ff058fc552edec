"""For some seconds a mode: whatever happens, Kafka has in the end what was committed (see sap_lives)."""

from __future__ import annotations

from functools import partial

import pytest

from tests.property.living import Said, all_end_well
from tests.property.sap_lives import MODES, live

SECONDS = 3.0


@pytest.mark.parametrize("mode", MODES)
def test_what_kafka_has_is_what_was_committed(mode: str, record_property: Said) -> None:
    all_end_well(f"sap {mode}", partial(live, mode), SECONDS, record_property)

"""For some seconds a mode: whatever happens, Kafka has in the end what was committed (see sap_lives)."""

from __future__ import annotations

from functools import partial

import pytest

from tests.property.living import Said, all_end_well
from tests.property.sap_lives import CLIENTS, MODES, live

SECONDS = {"direct": 2.0, "wire": 1.5}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", SECONDS)
def test_what_kafka_has_is_what_was_committed(way: str, mode: str, record_property: Said) -> None:
    living = partial(live, mode, wired=float(way == "wire"))
    all_end_well(f"sap {mode} ({way})", living, SECONDS[way], record_property, CLIENTS)

"""Time stamps of ABAP: 100 ns, counted since the first day of the Julian calendar's year 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sap_rfc.clients.utclong import counted, told

DAY = 86_400 * 10_000_000
LAST = "9999-12-31T23:59:59.9999999"


@pytest.mark.parametrize(
    ("ticks", "moment"),
    [
        (0, ""),
        (1, "0001-01-01T00:00:00.0000000"),
        (2, "0001-01-01T00:00:00.0000001"),
        (365 * DAY + 1, "0002-01-01T00:00:00.0000000"),
        ((3 * 365 + 59) * DAY + 1, "0004-02-29T00:00:00.0000000"),
        (counted("1582-10-15T00:00:00") - 1, "1582-10-04T23:59:59.9999999"),
        (719_164 * DAY + 1, "1970-01-01T00:00:00.0000000"),
    ],
)
def test_it_is_counted_from_one(ticks: int, moment: str) -> None:
    assert told(ticks) == moment
    assert counted(moment) == ticks


@given(st.integers(1, counted(LAST)))
def test_it_comes_back_as_it_went(ticks: int) -> None:
    assert counted(told(ticks)) == ticks


@given(st.integers(1, counted(LAST)), st.integers(1, counted(LAST)))
def test_texts_have_the_order_of_time(one: int, other: int) -> None:
    assert (told(one) < told(other)) == (one < other)


@pytest.mark.parametrize("moment", ["2026-01-02 03:04:05.1234567", "2026-01-02T03:04:05.1234567Z"])
def test_other_ways_to_write_it_are_understood(moment: str) -> None:
    assert told(counted(moment)) == "2026-01-02T03:04:05.1234567"

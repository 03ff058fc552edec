"""When it was that a database's clock showed a time, with summer time in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shown import earliest

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "UTC",
)


def read(zone: str, began: datetime, now: datetime) -> datetime:
    """As a session does: by what the clock showed, and by what it is ahead of UTC now."""
    there = now.astimezone(ZoneInfo(zone))
    offset = there.utcoffset()
    assert offset is not None
    shown = began.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return earliest(shown, there.replace(tzinfo=timezone(offset))).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("began", "now"),
    [
        ("2026-10-25T00:30", "2026-10-25T01:10"),  # 02:30 is to come once more
        ("2026-10-25T00:30", "2026-10-25T01:40"),
        ("2026-10-24T12:00", "2026-10-25T12:00"),
        ("2026-10-20T12:00", "2026-11-20T12:00"),
    ],
)
def test_what_began_in_summer_time_is_not_read_an_hour_late(began: str, now: str) -> None:
    assert read("Europe/Berlin", utc(began), utc(now)) == utc(began)


def test_an_hour_that_came_twice_is_taken_for_the_first() -> None:
    now, began = utc("2026-10-25T01:50"), utc("2026-10-25T01:30")
    assert read("Europe/Berlin", began, now) == began - timedelta(hours=1)


@pytest.mark.parametrize("now", ["2026-07-01T12:00", "2026-12-01T12:00"])
def test_far_from_a_change_it_is_the_moment_itself(now: str) -> None:
    began = utc(now) - timedelta(minutes=20)
    assert read("Europe/Berlin", began, utc(now)) == began


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(0), timedelta(days=90)),
)
def test_it_is_never_read_too_late(zone: str, began: datetime, open_for: timedelta) -> None:
    assert read(zone, began, began + open_for) <= began

"""The end of the quiet hours is the first moment at which the wall clock has left them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bridge.config.quiet import QuietHours

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "UTC",
]
times = st.tuples(st.integers(0, 23), st.integers(0, 59))
moments = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
# Within a day of a change of the clock in one of the zones.
changes = st.sampled_from(
    ["2025-03-30 01:00", "2025-10-26 01:00", "2025-03-09 07:00", "2025-11-02 06:00", "2025-04-05 15:00"]
)
near_changes = st.builds(
    lambda change, minutes: datetime.fromisoformat(f"{change}+00:00") + timedelta(minutes=minutes),
    changes,
    st.integers(-1500, 1500),
)


def on_the_wall(ranges: list[tuple[tuple[int, int], tuple[int, int]]], zone: str, moment: datetime) -> bool:
    """Whether a clock on a wall in the zone shows a time inside one of the ranges."""
    wall = moment.astimezone(ZoneInfo(zone))
    now = (wall.hour, wall.minute)
    return any(start <= now < end if start < end else now >= start or now < end for start, end in ranges)


@given(
    st.lists(st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=3),
    st.sampled_from(ZONES),
    st.one_of(moments, near_changes),
)
def test_quiet_until_the_wall_clock_leaves_the_hours(
    ranges: list[tuple[tuple[int, int], tuple[int, int]]], zone: str, now: datetime
) -> None:
    text = ",".join("{:02}:{:02}-{:02}:{:02}".format(*start, *end) for start, end in ranges)
    try:
        hours = QuietHours.parse(f"{text} {zone}")
    except ValueError:
        return  # the whole day
    left = hours.remaining(now)
    end = now + timedelta(seconds=left)

    assert (left > 0) == on_the_wall(ranges, zone, now)
    assert not on_the_wall(ranges, zone, end)
    minutes = range(0, int(left), 60)
    assert all(on_the_wall(ranges, zone, now + timedelta(seconds=minute)) for minute in minutes)


@given(st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]), st.sampled_from(ZONES))
def test_the_text_of_quiet_hours_reads_back_as_the_same(
    pair: tuple[tuple[int, int], tuple[int, int]], zone: str
) -> None:
    hours = QuietHours.parse("{:02}:{:02}-{:02}:{:02}".format(*pair[0], *pair[1]) + f" {zone}")

    assert QuietHours.parse(str(hours)) == hours

"""Quiet hours follow the clock on the wall, also in the nights it is put forward or back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bridge.config.quiet import QuietHours

HOUR = 3600.0


def local(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


@pytest.mark.parametrize(
    ("hours", "now", "left"),
    [
        ("22:00-02:00 Europe/Berlin", "2025-06-01 21:59:59", 0),
        ("22:00-02:00 Europe/Berlin", "2025-06-01 22:00:00", 4 * HOUR),
        ("22:00-02:00 Europe/Berlin", "2025-06-01 23:30:00", 2.5 * HOUR),
        ("22:00-02:00 Europe/Berlin", "2025-06-02 01:59:59.500", 0.5),
        ("22:00-02:00 Europe/Berlin", "2025-06-02 02:00:00", 0),
        ("12:00-13:00, 22:00-24:00, 00:00-01:00 Europe/Berlin", "2025-06-01 12:30:00", 0.5 * HOUR),
        ("12:00-13:00, 22:00-24:00, 00:00-01:00 Europe/Berlin", "2025-06-01 23:00:00", 2 * HOUR),
        ("22:00-02:00 Asia/Kolkata", "2025-06-01 19:00:00", 3.5 * HOUR),
    ],
)
def test_what_is_left_of_the_quiet_hours(hours: str, now: str, left: float) -> None:
    assert QuietHours.parse(hours).remaining(local(now)) == left


def test_the_night_the_clock_is_put_forward_is_an_hour_shorter() -> None:
    hours = QuietHours.parse("22:00-06:00 Europe/Berlin")

    assert hours.remaining(local("2025-03-29 22:00")) == 7 * HOUR
    assert hours.remaining(local("2025-03-28 22:00")) == 8 * HOUR


def test_the_night_the_clock_is_put_back_is_an_hour_longer() -> None:
    assert QuietHours.parse("22:00-06:00 Europe/Berlin").remaining(local("2025-10-25 22:00")) == 9 * HOUR


def test_an_end_in_the_hour_that_does_not_exist_comes_when_the_clock_is_put_forward() -> None:
    hours = QuietHours.parse("01:00-02:30 Europe/Berlin")

    assert hours.remaining(local("2025-03-30 01:30")) == 0.5 * HOUR


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    hours = QuietHours.parse("02:15-02:45 Europe/Berlin")

    assert hours.remaining(local("2025-10-26 02:30", fold=0)) == 0.25 * HOUR
    assert hours.remaining(local("2025-10-26 02:50", fold=0)) == 0
    assert hours.remaining(local("2025-10-26 02:30", fold=1)) == 0.25 * HOUR


def test_an_end_put_back_into_the_range_is_followed() -> None:
    hours = QuietHours.parse("02:30-03:00 Europe/Berlin")

    # 03:00 is 02:00 again: outside, until the second 02:30.
    assert hours.remaining(local("2025-10-26 02:45", fold=0)) == 0.25 * HOUR


def test_the_time_may_be_given_in_any_zone() -> None:
    moment = datetime(2025, 6, 1, 21, 0, tzinfo=UTC)

    assert QuietHours.parse("22:00-02:00 Europe/Berlin").remaining(moment) == 3 * HOUR


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("22:00-02:00", "time zone"),
        ("22:00-02:00 Berlin", r"no known time zone at its end; did you mean Europe/Berlin\?"),
        ("22:00-02:00 ../etc/passwd", "time zone"),
        ("22:00 Europe/Berlin", "has '22:00', which is not a range of hours; write it like"),
        ("22:00-22:00 Europe/Berlin", "has 22:00-22:00, which ends where it begins; .* pause it"),
        ("25:00-26:00 UTC", "has 25:00, a time that no day has; write it like"),
        ("24:00-02:00 UTC", "has 24:00, a time that no day has"),
        ("10:00-24:30 UTC", "has 24:30, a time that no day has"),
        ("22:60-23:00 UTC", "not a range"),
        ("00:00-24:00 UTC", "no minute of the day"),
        ("00:00-12:00, 12:00-00:00 UTC", "no minute of the day"),
        ("", "time zone"),
    ],
)
def test_what_is_no_quiet_hours_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        QuietHours.parse(text)

"""UTCLONG: 100 ns since the first of January of the year 1, counted from one; zero is initial.

ABAP has the Julian calendar before the fifteenth of October 1582 (ABAP Keyword Documentation, "Gregorian
calendar"), so that its first day is two before that of Python's calendar.
"""

from __future__ import annotations

from datetime import date, timedelta

_TICKS = 10_000_000
_DAY_S = 86_400
_APART = 2
_REFORM = date(1582, 10, 15).toordinal() - 1 + _APART
_FOUR_YEARS, _YEAR = 1461, 365
_LEAP, _COMMON = date(4, 1, 1), date(1, 1, 1)
"""A year's first day, with and without a twenty-ninth of February."""


def told(ticks: int) -> str:
    """`2026-01-31T12:00:00.1234567`, or nothing."""
    if ticks <= 0:
        return ""
    seconds, fraction = divmod(ticks - 1, _TICKS)
    days, rest = divmod(seconds, _DAY_S)
    hours, minutes = divmod(rest // 60, 60)
    return f"{_day(days)}T{hours:02}:{minutes:02}:{rest % 60:02}.{fraction:07}"


def counted(moment: str) -> int:
    """Of a text as `told` gives it, also with a blank for the T. Errors: ValueError."""
    text = moment.strip().removesuffix("Z")
    if not text:
        return 0
    day, _, clock = text.replace("T", " ").partition(" ")
    hours, minutes, seconds = (clock or "0:0:0").split(":")
    whole, _, fraction = seconds.partition(".")
    spent = (_days(day) * 24 + int(hours)) * 3600 + int(minutes) * 60 + int(whole)
    return spent * _TICKS + int(fraction[:7].ljust(7, "0")) + 1


def _day(days: int) -> str:
    if days >= _REFORM:
        return date.fromordinal(days + 1 - _APART).isoformat()
    cycles, rest = divmod(days, _FOUR_YEARS)
    years = min(rest // _YEAR, 3)
    first = _LEAP if years == 3 else _COMMON  # noqa: PLR2004 -- the fourth
    found = first + timedelta(days=rest - years * _YEAR)
    return f"{cycles * 4 + years + 1:04}-{found.month:02}-{found.day:02}"


def _days(day: str) -> int:
    year, month, number = (int(part) for part in day.split("-"))
    if day >= "1582-10-15":
        return date(year, month, number).toordinal() - 1 + _APART
    cycles, years = divmod(year - 1, 4)
    first = _LEAP if years == 3 else _COMMON  # noqa: PLR2004
    return cycles * _FOUR_YEARS + years * _YEAR + (first.replace(month=month, day=number) - first).days

"""Intervals as text (SQL Language Reference, Literals: Interval Literals)."""

from __future__ import annotations

import re

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, SECOND, DaySecond, YearMonth

_UNITS = {"DAY": DAY, "HOUR": 3600 * SECOND, "MINUTE": 60 * SECOND, "SECOND": SECOND}


_DAY_TIME = re.compile(
    r"\s*(?P<sign>[-+]?)\s*(?P<days>\d+)\s+(?P<hours>\d+)(?::(?P<minutes>\d+)(?::(?P<seconds>\d+(?:\.\d+)?))?)?\s*"
)


def interval_literal(text: str, leading: str, trailing: str) -> tuple[DaySecond | YearMonth, Type]:
    """What stands in the quotes of INTERVAL '...' DAY TO SECOND and its like; ORA-01867."""
    if leading in ("YEAR", "MONTH"):
        return _year_month(text, leading, trailing), Type("INTERVAL YEAR TO MONTH", precision=9)
    if leading not in _UNITS or trailing not in _UNITS:
        raise OracleError(1867)
    nanoseconds = _sum_of(text.strip().lstrip("+-"), leading, trailing)
    negative = text.strip().startswith("-")
    return DaySecond(-nanoseconds if negative else nanoseconds), Type("INTERVAL DAY TO SECOND", 9, 9)


def _sum_of(text: str, leading: str, trailing: str) -> int:
    names = list(_UNITS)
    wanted = names[names.index(leading) : names.index(trailing) + 1]
    parts = re.split(r"[ :]+", text.strip())
    if len(parts) != len(wanted) or not all(re.fullmatch(r"\d+(\.\d+)?", part) for part in parts):
        raise OracleError(1867)
    total = 0
    for unit, part in zip(wanted, parts, strict=True):
        whole, _, fraction = part.partition(".")
        total += int(whole) * _UNITS[unit]
        total += int(fraction.ljust(9, "0")[:9]) if fraction else 0
    return total


def _year_month(text: str, leading: str, trailing: str) -> YearMonth:
    match = re.fullmatch(r"\s*([-+]?)(\d+)(?:-(\d+))?\s*", text)
    if match is None:
        raise OracleError(1867)
    first, second = int(match[2]), int(match[3] or 0)
    months = first * 12 + second if leading == "YEAR" else first
    if trailing == leading and match[3]:
        raise OracleError(1867)
    return YearMonth(-months if match[1] == "-" else months)


def interval_text(value: DaySecond | YearMonth, type_: Type) -> str:
    """As TO_CHAR shows it: `+05 10:30:00.500000`, `+01-02`."""
    leading = 2 if type_.precision is None else type_.precision
    if isinstance(value, YearMonth):
        years, months = divmod(abs(value.months), 12)
        return f"{'-' if value.months < 0 else '+'}{years:0{leading}d}-{months:02d}"
    days, rest = divmod(abs(value.nanoseconds), DAY)
    seconds, nano = divmod(rest, SECOND)
    digits = 6 if type_.scale is None else type_.scale
    fraction = f".{nano:09d}"[: digits + 1] if digits else ""
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{'-' if value.nanoseconds < 0 else '+'}{days:0{leading}d} {clock}{fraction}"


def parsed_day_second(text: str) -> DaySecond:
    """TO_DSINTERVAL: the SQL format; ORA-01867."""
    match = _DAY_TIME.fullmatch(text)
    if match is None:
        raise OracleError(1867)
    seconds, _, fraction = (match["seconds"] or "0").partition(".")
    total = int(match["days"]) * DAY + int(match["hours"]) * _UNITS["HOUR"]
    total += int(match["minutes"] or 0) * _UNITS["MINUTE"] + int(seconds) * SECOND
    total += int(fraction.ljust(9, "0")[:9]) if fraction else 0
    return DaySecond(-total if match["sign"] == "-" else total)

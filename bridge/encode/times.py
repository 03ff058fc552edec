"""Dates, times and durations as ISO 8601, with exactly the digits of the Arrow type's unit, or fewer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_WITH_DIGITS = frozenset(kind.id for kind in (pa.time32("s"), pa.time64("us"), pa.timestamp("s")))
_DAY = 86_400
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
# The largest and smallest numbers, as in PostgreSQL's own binary form.
_ENDLESS_DATES = {2**31 - 1: "infinity", -(2**31): "-infinity"}
_ENDLESS = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_FIRST_DAY, _LAST_DAY = -719_528, 2_932_896  # 0000-01-01 and 9999-12-31: ISO 8601 without a sign


def digits_of(kind: pa.DataType) -> int:
    """Of a fraction of a second."""
    return _DIGITS[kind.unit]


def has_digits(kind: pa.DataType) -> bool:
    """Whether it may declare fewer than its unit has."""
    return kind.id in _WITH_DIGITS


def shortened(texts: pa.Array, digits: int) -> pa.Array:
    """To so many digits of a second, where all others are zeros: nothing is cut off."""
    kept = rf"(\.\d{{{digits}}})" if digits else r"\."
    return pc.replace_substring_regex(texts, rf"{kept}0+(Z?)$", r"\1\2" if digits else r"\1")


def is_plain(array: pa.Array) -> bool:
    """Whether all days, or timestamps, are of years that ISO 8601 writes without a sign."""
    per_day = 1 if pa.types.is_date32(array.type) else _DAY * 10 ** _DIGITS[array.type.unit]
    return _within(_counts(array), _FIRST_DAY * per_day, (_LAST_DAY + 1) * per_day - 1)


def date(array: pa.Array) -> pa.Array:
    days = array.cast(pa.date32())
    counts = days.view(pa.int32())
    if is_plain(days):
        return days.cast(pa.string())
    return _each(counts, lambda count: _ENDLESS_DATES.get(count) or _date_text(count))


def time(array: pa.Array) -> pa.Array:
    digits = _DIGITS[array.type.unit]
    counts = _counts(array)
    if _within(counts, 0, _DAY * 10**digits - 1):
        return array.cast(pa.string())
    return _each(counts, lambda count: _time_text(count, digits))


def timestamp(array: pa.Array) -> pa.Array:
    """With the suffix Z where the type has a zone: Arrow keeps the instant, and the zone only for display."""
    digits, suffix = _DIGITS[array.type.unit], "Z" if array.type.tz else ""
    counts = _counts(array)
    if not is_plain(array):
        return _each(counts, lambda count: _ENDLESS.get(count) or _timestamp_text(count, digits) + suffix)
    text = pc.binary_replace_slice(array.view(pa.timestamp(array.type.unit)).cast(pa.string()), 10, 11, "T")
    return pc.binary_join_element_wise(text, suffix, "") if suffix else text


def duration(array: pa.Array) -> pa.Array:
    digits = _DIGITS[array.type.unit]
    return _each(_counts(array), lambda count: "PT" + _seconds(count, digits) + "S")


def interval(array: pa.Array) -> pa.Array:
    return _each(array, lambda i: f"P{i.months}M{i.days}DT{_seconds(i.nanoseconds, 9)}S")


def epoch(array: pa.Array) -> pa.Array:
    """The bare count of the type's own unit."""
    return _counts(array.cast(pa.date32()) if pa.types.is_date(array.type) else array)


def _counts(array: pa.Array) -> pa.Array:
    return array.view(pa.int32() if array.type.bit_width == pa.int32().bit_width else pa.int64())


def _within(counts: pa.Array, low: int, high: int) -> bool:
    ends = pc.min_max(counts).as_py()
    return ends["min"] is None or (low <= ends["min"] and ends["max"] <= high)


def _each(array: pa.Array, text: Callable[[Any], str]) -> pa.Array:
    """The slow way, for columns with values that Arrow's own casts do not write as ISO 8601."""
    return pa.array([None if value is None else text(value) for value in array.to_pylist()], pa.string())


def _date_text(days: int) -> str:
    """Proleptic Gregorian, any year; beyond 9999 with a plus sign. The calendar repeats in 400 years."""
    cycles, day = divmod(days + _EPOCH_ORDINAL - 1, 146_097)
    inside = dt.date.fromordinal(day + 1)
    year = inside.year + 400 * cycles
    sign = "-" if year < 0 else "+" if year > dt.date.max.year else ""
    return f"{sign}{abs(year):04}-{inside:%m-%d}"


def _time_text(count: int, digits: int) -> str:
    """24:00:00 is a time in ISO 8601 and in PostgreSQL. Errors: ValueError outside one day."""
    if not 0 <= count <= _DAY * 10**digits:
        raise ValueError(f"{_seconds(count, digits)} seconds since midnight is no time of day")
    seconds, fraction = divmod(count, 10**digits)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:0{digits}}" if digits else text


def _timestamp_text(count: int, digits: int) -> str:
    days, rest = divmod(count, _DAY * 10**digits)
    return f"{_date_text(days)}T{_time_text(rest, digits)}"


def _seconds(count: int, digits: int) -> str:
    whole, fraction = divmod(abs(count), 10**digits)
    sign = "-" if count < 0 else ""
    return f"{sign}{whole}.{fraction:0{digits}}" if digits else f"{sign}{whole}"

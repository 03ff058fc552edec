"""Arrow arrays from what canonical JSON says, and from what connectors say in Python's own values.

Nothing is guessed: what cannot be of the type is an error, and so is text that could mean several things.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Of a second."""
_SECOND = 10**9
_DAY = 86_400
_CYCLE = 146_097
"""Days in which the calendar repeats: 400 years."""
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_DATE = re.compile(r"([+-]?\d{4,})-(\d\d)-(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_MOMENT = re.compile(r"(.+)[T ]([^Z+-]+)(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DURATION = re.compile(r"PT(-?)(\d+)(?:\.(\d{1,9}))?S", re.ASCII)
_INTERVAL = re.compile(r"P(-?\d+)M(-?\d+)DT(-?)(\d+)\.(\d{9})S", re.ASCII)
_NO_NUMBERS = {"NaN", "Infinity", "-Infinity"}

ERRORS = (ValueError, TypeError, ArithmeticError, pa.ArrowException)
"""What `array` raises of values that are none of the type."""

type Values = Sequence[Any]


def array(values: Values, kind: pa.DataType) -> pa.Array:
    """Errors: ERRORS."""
    read = next((read for fits, read in _READERS if any(test(kind) for test in fits)), None)
    return pa.array(values, kind) if read is None else read(values, kind)


def repeated(value: Any, kind: pa.DataType) -> pa.Array:
    """Of one value, which may be Arrow's own. Errors: ERRORS."""
    if not isinstance(value, pa.Scalar):
        return array([value], kind)
    if value.type != kind:
        raise TypeError(f"{value.type} is not {kind}")
    return pa.repeat(value, 1)


def _each(values: Values, read: Callable[[Any], Any]) -> list[Any]:
    return [None if value is None else read(value) for value in values]


def _of(*classes: type) -> Callable[[Any], Any]:
    """The value itself, when it is one of these; True is no number."""

    def checked(value: Any) -> Any:
        if not isinstance(value, classes) or isinstance(value, bool):
            raise TypeError(f"{value!r} is no {classes[0].__name__}")
        return value

    return checked


_whole, _text, _numeral = _of(int), _of(str), _of(str, int, Decimal)


def _decimals(values: Values, kind: pa.DataType) -> pa.Array:
    return pa.array(_each(values, lambda value: str(_numeral(value))), pa.string()).cast(kind)


def _floats(values: Values, kind: pa.DataType) -> pa.Array:
    return pa.array(_each(values, _float), pa.float64()).cast(kind)


def _float(value: Any) -> float:
    return float(value if value in _NO_NUMBERS else _of(float, int)(value))


def _octets(values: Values, kind: pa.DataType) -> pa.Array:
    return pa.array(_each(values, _bytes), pa.binary()).cast(kind)


def _bytes(value: Any) -> bytes:
    """Text is base64, as bytes are written; Python's own decoder takes almost everything for that."""
    if isinstance(value, bytes):
        return value
    octets = base64.b64decode(_text(value), validate=True)
    if base64.b64encode(octets).decode() != value:
        raise ValueError(f"{value!r} is not base64")
    return octets


# -- dates and times: as Arrow reads them, and where it does not, by hand


def _dates(values: Values, kind: pa.DataType) -> pa.Array:
    texts = pa.array(_each(values, str), pa.string())
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        days = pa.array(_each(texts.to_pylist(), _endless(_days, 32)), pa.int32())
        return days.view(pa.date32()).cast(kind)


def _times(values: Values, kind: pa.DataType) -> pa.Array:
    texts = _each(values, str)
    number = pa.int32() if t.is_time32(kind) else pa.int64()
    try:  # Arrow reads no times of day, but points in time
        moments = pa.array(_each(texts, lambda time: f"1970-01-01T{time}"), pa.string())
        return moments.cast(pa.timestamp(kind.unit)).cast(pa.int64()).cast(number).view(kind)
    except pa.ArrowInvalid:
        return pa.array(_each(texts, lambda time: _time(time, _TICKS[kind.unit])), number).view(kind)


def _timestamps(values: Values, kind: pa.DataType) -> pa.Array:
    texts = pa.array(_each(values, str), pa.string())
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        counted = _endless(lambda text: _moment(text, kind), 64)
        return pa.array(_each(texts.to_pylist(), counted), pa.int64()).view(kind)


def _endless(count: Callable[[str], int], bits: int) -> Callable[[str], int]:
    """The extreme numbers stand for the infinities."""
    ends = {"infinity": 2 ** (bits - 1) - 1, "-infinity": -(2 ** (bits - 1))}
    return lambda text: ends[text] if text in ends else count(text)


def _days(text: str) -> int:
    """Since 1970, of a date in any year of the proleptic Gregorian calendar."""
    year, month, day = map(int, _matched(_DATE, text))
    cycles, inside = divmod(year - 1, 400)
    return dt.date(inside + 1, month, day).toordinal() + cycles * _CYCLE - _EPOCH_ORDINAL


def _time(text: str, ticks: int) -> int:
    """Since midnight; the end of the day is 24:00:00."""
    hours, minutes, seconds, fraction = _matched(_TIME, text)
    since = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    count = since * ticks + _fraction(fraction, ticks)
    if int(minutes) > 59 or int(seconds) > 59 or count > _DAY * ticks:  # noqa: PLR2004 -- of a clock
        raise ValueError(f"{text} is no time of day")
    return count


def _moment(text: str, kind: pa.DataType) -> int:
    """Since 1970, in the type's unit; with a zone exactly where the type has one."""
    date, time, zone = _matched(_MOMENT, text)
    if bool(zone) != bool(kind.tz):
        raise ValueError(f"{text!r} and {kind}: one of them has a zone")
    ticks = _TICKS[kind.unit]
    return (_days(date) * _DAY - _offset(zone)) * ticks + _time(time, ticks)


def _offset(zone: str) -> int:
    """Seconds ahead of UTC."""
    if zone in ("", "Z"):
        return 0
    hours, minutes = map(int, zone[1:].split(":"))
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def _fraction(text: str, ticks: int) -> int:
    """Of a second; digits that the type does not have must be zeros."""
    count, more = divmod(int(text.ljust(9, "0")), _SECOND // ticks)
    if more:
        raise ValueError(f".{text} is finer than the type")
    return count


def _matched(form: re.Pattern[str], text: str) -> Sequence[str]:
    """What is in its groups; of those that are not there, nothing."""
    if (match := form.fullmatch(text)) is None:
        raise ValueError(f"{text!r} is none of its type")
    return match.groups("")


def _durations(values: Values, kind: pa.DataType) -> pa.Array:
    counts = _each(values, lambda value: _duration(value, _TICKS[kind.unit]))
    return pa.array(counts, pa.int64()).view(kind)


def _duration(value: Any, ticks: int) -> int:
    if isinstance(value, dt.timedelta):
        microseconds = value // dt.timedelta(microseconds=1)
        value = f"PT{'-' * (microseconds < 0)}{abs(microseconds) // 10**6}.{abs(microseconds) % 10**6:06}S"
    sign, seconds, fraction = _matched(_DURATION, value)
    count = int(seconds) * ticks + _fraction(fraction, ticks)
    return -count if sign else count


def _intervals(values: Values, kind: pa.DataType) -> pa.Array:
    return pa.array(_each(values, _interval), kind)


def _interval(value: Any) -> Any:
    if isinstance(value, pa.MonthDayNano):
        return value
    months, days, sign, seconds, nanoseconds = _matched(_INTERVAL, value)
    total = int(seconds) * _SECOND + int(nanoseconds)
    return pa.MonthDayNano([int(months), int(days), -total if sign else total])


# -- types of types


def _structs(values: Values, kind: pa.StructType) -> pa.Array:
    if not kind.num_fields:
        return pa.array(values, kind)
    empty = dict.fromkeys(field.name for field in kind)
    members = [empty if value is None else value for value in values]
    children = [array([each[field.name] for each in members], field.type) for field in kind]
    mask = pa.array([value is None for value in values])
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)


def _lists(values: Values, kind: pa.DataType) -> pa.Array:
    """By way of an array of another type of list: the types of what is in it are what matters."""
    inner = array([each for value in values if value is not None for each in value], kind.value_type)
    return pa.LargeListArray.from_arrays(_offsets(values), inner).cast(kind)


def _maps(values: Values, kind: pa.MapType) -> pa.Array:
    """The names of an object's members are the JSON text of the keys, unquoted."""
    pairs = [each for value in values if value is not None for each in _pairs(value)]
    keys = array([_named(key, kind.key_type) for key, _ in pairs], kind.key_type)
    items = array([item for _, item in pairs], kind.item_type)
    return pa.MapArray.from_arrays(_offsets(values).cast(pa.int32()), keys, items, type=kind)


def _pairs(value: Any) -> Sequence[tuple[Any, Any]]:
    return list(value.items() if isinstance(value, dict) else value)


def _named(key: Any, kind: pa.DataType) -> Any:
    plain = t.is_integer(kind) or t.is_floating(kind) or t.is_boolean(kind)
    return json.loads(key) if plain and isinstance(key, str) and key not in _NO_NUMBERS else key


def _offsets(values: Values) -> pa.Array:
    """Where each begins; a null in place of that says that it is null."""
    begins, end = [], 0
    for value in values:
        begins.append(None if value is None else end)
        end += len(value or ())
    return pa.array([*begins, end], pa.int64())


def _dictionaries(values: Values, kind: pa.DictionaryType) -> pa.Array:
    return array(values, kind.value_type).dictionary_encode().cast(kind)


def _runs(values: Values, kind: pa.RunEndEncodedType) -> pa.Array:
    return pc.run_end_encode(array(values, kind.value_type), kind.run_end_type)


def _extended(values: Values, kind: pa.BaseExtensionType) -> pa.Array:
    return pa.ExtensionArray.from_storage(kind, array(values, kind.storage_type))


def _is_extension(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType)


def _only(check: Callable[[Any], Any]) -> Callable[[Values, pa.DataType], pa.Array]:
    return lambda values, kind: pa.array(_each(values, check), kind)


_READERS: tuple[tuple[tuple[Callable[[pa.DataType], bool], ...], Callable[[Values, Any], pa.Array]], ...] = (
    ((t.is_integer,), _only(_whole)),
    ((t.is_string, t.is_large_string, t.is_string_view), _only(_text)),
    ((t.is_decimal,), _decimals),
    ((t.is_date,), _dates),
    ((t.is_time,), _times),
    ((t.is_timestamp,), _timestamps),
    ((t.is_floating,), _floats),
    ((t.is_binary, t.is_large_binary, t.is_fixed_size_binary, t.is_binary_view), _octets),
    ((t.is_duration,), _durations),
    ((t.is_interval,), _intervals),
    ((t.is_struct,), _structs),
    ((t.is_map,), _maps),
    ((t.is_list, t.is_large_list, t.is_fixed_size_list), _lists),
    ((t.is_dictionary,), _dictionaries),
    ((t.is_run_end_encoded,), _runs),
    ((_is_extension,), _extended),
)

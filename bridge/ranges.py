"""Ranges of keys, as an operator writes them: `COLUMN=VALUE`, or `COLUMN=FROM..TO`.

Both ends belong to the range, and either may be left out. Of a key of one column, `COLUMN=` may be left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from bridge.contract import Ranges, Table
from bridge.errors import ConfigError

_ENDLESS = ("infinity", "-infinity")
"""What events have for dates and times of PostgreSQL that never come, or always were."""
_BOOLEANS = {"true": True, "false": False}
LONGEST, SHOWN = 2000, 60
"""Characters of a range: it is kept in the order's record, which is bounded; and of one that is told."""
FORM = "write COLUMN=VALUE, or COLUMN=FROM..TO, with a column of the key"


def parsed(where: Sequence[str], table: Table) -> Ranges:
    """The ranges, in the form that connectors get. Errors: ConfigError."""
    ranges: dict[str, tuple[Any, Any]] = {}
    for text in where:
        column, low, high = _split(text, table)
        if column in ranges:
            raise ConfigError(f"--where: column {column} is there twice", remedy="give one range of it")
        kind = table.schema.field(column).type
        if low == "" and not _is_text(kind):
            raise ConfigError(f"--where: {text!r} is no range", remedy=FORM)
        ends = [None if end is None else _value(column, end, kind) for end in (low, high)]
        if None not in ends and not _is_text(kind) and _rank(ends[0], kind) > _rank(ends[1], kind):
            raise ConfigError(f"--where: {text!r} ends before it begins", remedy="write the lower end first")
        ranges[column] = (ends[0], ends[1]) if _is_text(kind) else _opened(ends[0], ends[1])
    return ranges


def _opened(low: Any, high: Any) -> tuple[Any, Any]:
    """Up to infinity is no end, also where the source has no such time."""
    if low == high:
        return low, high
    return None if low == "-infinity" else low, None if high == "infinity" else high


def _split(text: str, table: Table) -> tuple[str, str | None, str | None]:
    """Column, low and high as they were written; an empty one is text that is empty."""
    if len(text) > LONGEST:
        raise ConfigError(
            f"--where: {text[:SHOWN]}... has {len(text)} characters", remedy=f"at most {LONGEST}"
        )
    column, found, values = text.partition("=")
    if not found or column not in table.key:
        if len(table.key) != 1 or column in table.schema.names:
            raise ConfigError(
                f"--where: {text!r} names no column of the key of {table.name}",
                remedy=f"{FORM}: {', '.join(table.key)}",
            )
        column, values = table.key[0], text
    low, dots, high = values.partition("..")
    if not dots and text:
        return column, low, low
    if not (low or high):
        raise ConfigError(f"--where: {text!r} is no range", remedy=FORM)
    return column, low or None, high or None


def _value(column: str, text: str, kind: pa.DataType) -> int | bool | str:
    """Errors: ConfigError when it is none of the column's."""
    with suppress(ValueError, KeyError, ArithmeticError, pa.ArrowException):
        return _read(text, kind)
    raise ConfigError(
        f"--where: {text!r} is no value of column {column}, which is of type {kind}", remedy=_example(kind)
    )


def _rank(end: Any, kind: pa.DataType) -> Any:
    """What an end is compared by; the order of text is the source's."""
    return Decimal(end) if pa.types.is_decimal(kind) or pa.types.is_floating(kind) else end


type _Reader = Callable[[str, pa.DataType], int | bool | str]


def _read(text: str, kind: pa.DataType) -> int | bool | str:
    """Errors: ValueError and its like."""
    return next(read for fits, read in _READERS if fits(kind))(text, kind)


def _whole(text: str, kind: pa.DataType) -> int:
    return int(pa.scalar(int(text), kind).as_py())


def _decimal(text: str, kind: pa.DataType) -> str:
    number = Decimal(text)
    pa.scalar(number, kind)  # that it fits, or written out it could take as much as its exponent says
    return format(number, "f")


def _double(text: str, _kind: pa.DataType) -> str:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return repr(number)


def _time(text: str, kind: pa.DataType) -> str:
    moment = time.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError(text)
    return str(pa.scalar(moment, kind).cast(pa.string()).as_py())


def _moment(text: str, kind: pa.DataType) -> str:
    if text in _ENDLESS:
        return text
    return str(pa.scalar(text).cast(kind).cast(pa.string()).as_py()).replace(" ", "T")


def _none(text: str, _kind: pa.DataType) -> str:
    raise ValueError(text)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


_READERS: Sequence[tuple[Callable[[pa.DataType], bool], _Reader]] = (
    (pa.types.is_integer, _whole),
    (pa.types.is_boolean, lambda text, _: _BOOLEANS[text.lower()]),
    (_is_text, lambda text, _: text),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_floating, _double),
    (_is_bytes, lambda text, _: bytes.fromhex(text).hex()),
    (pa.types.is_time, _time),
    (pa.types.is_temporal, _moment),
    (lambda _: True, _none),
)


def _example(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return "write a number"
    if pa.types.is_boolean(kind):
        return "write true or false"
    if _is_bytes(kind):
        return "write hexadecimal digits"
    if pa.types.is_time(kind):
        return "write it as 12:00:00"
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    if pa.types.is_temporal(kind):
        return f"write it as 2026-01-31{'T12:00:00Z' if zoned else ', with T12:00:00 if it has a time'}"
    return "give a range of another column, or none"

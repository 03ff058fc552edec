"""A value made fit for a column (SQL Language Reference, Data Types; Data Conversion)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from bridge.testing.oracle.datatypes import CHARACTERS, INTERVALS, NUMBERS, TIMES, Type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, DaySecond, Json, Obj, RowId, Stamp, Xml, YearMonth

PRECISE = Context(prec=40, rounding=ROUND_HALF_UP)
"""NUMBER keeps up to 40 decimal digits."""
_WIDE = Context(prec=200, rounding=ROUND_HALF_UP)


def stored(type_: Type, value: Any, column: str = "") -> Any:
    """What a column of this type keeps of a Python value; the errors of an INSERT for what does not fit."""
    if value is None:
        return None
    if type_.name in NUMBERS:
        return _number(type_, value)
    if type_.name in CHARACTERS:
        return _text(type_, value, column)
    if type_.name in TIMES:
        return _time(type_, value)
    if type_.name in INTERVALS:
        return _interval(type_, value)
    return _other(type_, value, column)


def _number(type_: Type, value: Any) -> Any:
    if isinstance(value, str):
        value = number_of(value)
    if type_.name in ("BINARY_FLOAT", "BINARY_DOUBLE"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        raise OracleError(932, type_.name, type(value).__name__)
    number = PRECISE.create_decimal(repr(value) if isinstance(value, float) else value)
    if not number.is_finite():
        raise OracleError(1722, str(value))
    if type_.name == "NUMBER" and type_.scale is not None:
        number = number.quantize(Decimal(1).scaleb(-type_.scale), context=_WIDE)
        if type_.precision is not None and number.adjusted() >= type_.precision - type_.scale and number:
            raise OracleError(1438)
    return shortest(number)


def shortest(number: Decimal) -> int | Decimal:
    """A whole number as `int`, any other without trailing zeros."""
    if number == number.to_integral_value() and abs(number.adjusted()) < 60:
        return int(number)
    return number.normalize(_WIDE)


def number_of(text: str) -> int | Decimal:
    """The number that a text spells; ORA-01722."""
    try:
        number = PRECISE.create_decimal(text.strip())
    except ArithmeticError:
        raise OracleError(1722, text) from None
    if not number.is_finite():
        raise OracleError(1722, text)
    return shortest(number)


def _text(type_: Type, value: Any, column: str) -> str | None:
    text = value if isinstance(value, str) else str(value)
    if type_.name in ("CLOB", "NCLOB", "LONG"):
        return text
    if text == "":
        return None
    size = type_.size or 1
    length = len(text) if type_.unit == "CHAR" else len(text.encode())
    if length > size:
        raise OracleError(12899, column, length, size)
    return text + " " * (size - length) if type_.name in ("CHAR", "NCHAR") else text


def _time(type_: Type, value: Any) -> Stamp:
    stamp = value if isinstance(value, Stamp) else None
    if isinstance(value, dt.date):
        stamp = Stamp.of(value)
    if stamp is None:
        raise OracleError(932, type_.name, type(value).__name__)
    match type_.name:
        case "DATE":
            return Stamp(stamp.wall // 1_000_000_000 * 1_000_000_000)
        case "TIMESTAMP":
            return stamp.plain().rounded(_digits(type_))
        case "TIMESTAMP WITH TIME ZONE":
            return (stamp if stamp.offset is not None else stamp.zoned(0)).rounded(_digits(type_))
    return stamp.zoned(0).rounded(_digits(type_))


def _digits(type_: Type) -> int:
    return 6 if type_.scale is None else type_.scale


def _interval(type_: Type, value: Any) -> DaySecond | YearMonth:
    if isinstance(value, dt.timedelta):
        value = DaySecond.of(value)
    if isinstance(value, DaySecond) and type_.name == "INTERVAL DAY TO SECOND":
        if abs(value.nanoseconds) // DAY >= 10 ** (2 if type_.precision is None else type_.precision):
            raise OracleError(1873)
        return value
    if isinstance(value, YearMonth) and type_.name == "INTERVAL YEAR TO MONTH":
        return value
    raise OracleError(932, type_.name, type(value).__name__)


def _other(type_: Type, value: Any, column: str) -> Any:  # noqa: C901, PLR0911 -- one line a type
    match type_.name, value:
        case "RAW", bytes():
            if len(value) > (type_.size or 1):
                raise OracleError(12899, column, len(value), type_.size)
            return value or None
        case (("BLOB" | "LONG RAW"), bytes()):
            return value
        case "BOOLEAN", bool():
            return value
        case (("ROWID" | "UROWID"), RowId()):
            return value
        case (("ROWID" | "UROWID"), str()):
            return RowId.parse(value)
        case "JSON", _:
            return value if isinstance(value, Json) else Json(value)
        case "XMLTYPE", (Xml() | str()):
            return value if isinstance(value, Xml) else Xml(value)
        case "VECTOR", _ if not isinstance(value, str | bytes):
            return tuple(value)
        case _, Obj() if type_.of_object:
            return value
        case _, Mapping() if type_.of_object:
            return Obj(type_.name, tuple(value.items()))
    raise OracleError(932, type_.name, type(value).__name__)

"""Literals of a condition as values of the column they are compared with.

ABAP Keyword Documentation, "sql_cond - Comparisons": a value is converted to the type of the column, and one
that would lose by it is a runtime error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from bridge.testing.sap.abap import Kind, Type
from bridge.testing.sap.errors import ShortDump

NUMERIC = frozenset(
    {Kind.BCD, Kind.INT, Kind.INT1, Kind.INT2, Kind.INT8, Kind.DECF16, Kind.DECF34, Kind.FLOAT}
)


def value(type_: Type, text: str) -> Any:
    """A literal as a value of the column; what would be lost is a runtime error.

    SAPSQL_DATA_LOSS ("Data was lost while copying a value."): metalsimyaci/SapCo2 issue 13 met it, for one
    longer than its column.
    """
    trimmed = text.rstrip(" ")
    try:
        return _VALUES.get(type_.kind, _text)(type_, trimmed)
    except (ValueError, InvalidOperation):
        raise ShortDump("SAPSQL_DATA_LOSS", "Data was lost while copying a value.") from None


def _text(type_: Type, text: str) -> str:
    if len(text) > type_.leng:
        raise ValueError(text)
    return text


def _digits(type_: Type, text: str) -> str:
    if text and not text.isdigit():
        raise ValueError(text)
    return _text(type_, text.zfill(type_.leng) if text else text)


def _date(_: Type, text: str) -> str:
    """A blank is less than the initial date; a day that no calendar has is lost."""
    if text and text != "00000000":
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    return text


def _time(_: Type, text: str) -> str:
    if len(text) not in {0, 6} or (text and not text.isdigit()):
        raise ValueError(text)
    return text


def _number(_: Type, text: str) -> Decimal:
    """Commercial notation too: the sign behind."""
    plain = text.strip()
    number = Decimal("-" + plain[:-1] if plain.endswith("-") else plain or "0")
    if not number.is_finite():
        raise ValueError(text)
    return number


def _bytes(type_: Type, text: str) -> bytes:
    if len(text) > 2 * type_.leng:
        raise ValueError(text)
    return bytes.fromhex(text).ljust(type_.leng, b"\0")


_VALUES: Mapping[Kind, Callable[[Type, str], Any]] = {
    Kind.NUM: _digits,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.BYTE: _bytes,
    Kind.FLOAT: lambda type_, text: float(_number(type_, text)),
    **dict.fromkeys(NUMERIC - {Kind.FLOAT}, _number),
}

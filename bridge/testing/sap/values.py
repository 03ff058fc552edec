"""Values as the tables keep them: one form for each type, so that they compare as the database compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from bridge.testing.sap.abap import Kind, Structure, Type, initial
from bridge.testing.sap.errors import Misuse

Row = tuple[Any, ...]

_WIDE = Context(prec=62)  # more digits than any packed number has

_RANGES = {Kind.INT1: (0, 255), Kind.INT2: (-(2**15), 2**15 - 1), Kind.INT: (-(2**31), 2**31 - 1)}
_RANGES[Kind.INT8] = (-(2**63), 2**63 - 1)


def canonical(type_: Type, value: Any) -> Any:
    """The value in the form of its type; `Misuse` when it does not fit."""
    if value is None:
        return initial(type_)
    return _FORMS[type_.kind](type_, value)


def row_of(structure: Structure, values: Mapping[str, Any]) -> Row:
    """A whole row; what is not named is initial."""
    _known(structure, values)
    return tuple(canonical(each.type, values.get(each.name)) for each in structure.fields)  # type: ignore[arg-type]


def changed_row(structure: Structure, row: Row, values: Mapping[str, Any]) -> Row:
    """The row with these values in place of its own."""
    _known(structure, values)
    fields = zip(structure.fields, row, strict=True)
    return tuple(
        canonical(each.type, values[each.name]) if each.name in values else old  # type: ignore[arg-type]
        for each, old in fields
    )


def _known(structure: Structure, values: Mapping[str, Any]) -> None:
    unknown = values.keys() - structure.by_name.keys()
    if unknown:
        raise Misuse(f"{structure.name} has no component {', '.join(sorted(unknown))}")


def _char(type_: Type, value: Any) -> str:
    text = str(value).rstrip(" ")
    length = len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
    if length > type_.leng:
        raise Misuse(f"{text!r} is longer than {type_.leng}")
    return text


def _num(type_: Type, value: Any) -> str:
    text = str(value).zfill(type_.leng)
    if len(text) > type_.leng or not text.isdigit():
        raise Misuse(f"{value!r} is no NUMC of {type_.leng}")
    return text


def _date(_: Type, value: Any) -> str:
    text = value.strftime("%Y%m%d") if isinstance(value, date) else str(value)
    if len(text) not in {0, 8}:
        raise Misuse(f"{value!r} is no date")
    return text or "00000000"


def _time(_: Type, value: Any) -> str:
    text = value.strftime("%H%M%S") if isinstance(value, time) else str(value)
    if len(text) not in {0, 6}:
        raise Misuse(f"{value!r} is no time")
    return text or "000000"


def _packed(type_: Type, value: Any) -> Decimal:
    number = Decimal(value).quantize(Decimal(1).scaleb(-type_.decimals), ROUND_HALF_UP, _WIDE)
    if len(number.as_tuple().digits) > type_.length and number:
        raise Misuse(f"{value!r} has more than {type_.length} digits")
    return number


def _whole(type_: Type, value: Any) -> int:
    low, high = _RANGES[type_.kind]
    if not low <= int(value) <= high:
        raise Misuse(f"{value!r} is out of the range of {type_.datatype}")
    return int(value)


def _raw(type_: Type, value: Any) -> bytes:
    data = bytes(value)
    if len(data) > type_.leng:
        raise Misuse(f"{len(data)} bytes are more than {type_.leng}")
    return data.ljust(type_.leng, b"\0")


_FORMS: dict[Kind, Callable[[Type, Any], Any]] = {
    Kind.CHAR: _char,
    Kind.NUM: _num,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.BCD: _packed,
    Kind.FLOAT: lambda _, value: float(value),
    Kind.INT: _whole,
    Kind.INT1: _whole,
    Kind.INT2: _whole,
    Kind.INT8: _whole,
    Kind.DECF16: lambda _, value: Decimal(value),
    Kind.DECF34: lambda _, value: Decimal(value),
    Kind.BYTE: _raw,
    Kind.STRING: lambda _, value: str(value),
    Kind.XSTRING: lambda _, value: bytes(value),
    Kind.UTCLONG: lambda _, value: str(value),
}

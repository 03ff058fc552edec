"""Values of the configuration, or of a row, as a function's parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Context, Decimal, InvalidOperation
from math import isinf
from typing import Any, NoReturn

from bridge.errors import ConfigError
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.conditions import units
from connectors.sap_rfc.types import row_of

_RANGES: Mapping[Kind, tuple[int, int]] = {
    Kind.INT1: (0, 2**8 - 1),
    Kind.INT2: (-(2**15), 2**15 - 1),
    Kind.INT: (-(2**31), 2**31 - 1),
    Kind.INT8: (-(2**63), 2**63 - 1),
}
_DATE = re.compile(r"\d{8}|\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3])(:?)[0-5]\d\2[0-5]\d", re.ASCII)
_ZEROS: Mapping[Kind, int] = {Kind.DATE: 8, Kind.TIME: 6, Kind.NUM: 0}
"""How many are their initial value; 0: as the field is long."""
_EXACT = Context(prec=10_000)
_DIGITS = {Kind.DECF16: 16, Kind.DECF34: 34}


def parameter(field: Field, value: Any, path: str = "") -> Any:
    """As a client takes it; None in a structure, as no value, leaves the field initial.

    Errors: ConfigError naming the path of what does not fit.
    """
    path = path or field.name
    match field.kind:
        case Kind.STRUCTURE:
            return _structure(field, value, path)
        case Kind.TABLE:
            return _table(field, value, path)
    return _LEAVES[field.kind](field, value, path)


def _structure(field: Field, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        _refuse(path, "is a structure", f"give its fields: {_names(field)}")
    known = {each.name: each for each in field.fields}
    for name in value:
        if name not in known:
            _refuse(f"{path}.{name}", "is not there", f"the fields are {_names(field)}")
    given = {
        name: parameter(known[name], each, f"{path}.{name}")
        for name, each in value.items()
        if each is not None
    }
    return _initial(field) | given


def _initial(structure: Field) -> dict[str, Any]:
    """Its fields of digits: some clients would send blanks."""
    found: dict[str, Any] = {}
    for field in structure.fields:
        if field.kind is Kind.STRUCTURE and (inner := _initial(field)):
            found[field.name] = inner
        elif field.kind in _ZEROS:
            found[field.name] = "0" * (_ZEROS[field.kind] or field.length)
    return found


def _table(field: Field, value: Any, path: str) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        _refuse(path, "is a table", "give a list of its rows")
    row = row_of(field)
    rows = [parameter(row, each, f"{path}[{at}]") for at, each in enumerate(value)]
    return rows if row.kind is Kind.STRUCTURE else [{"": each} for each in rows]


def _names(field: Field) -> str:
    return ", ".join(each.name for each in field.fields)


def _refuse(path: str, what: str, remedy: str = "") -> NoReturn:
    raise ConfigError(f"parameter {path} {what}", remedy=remedy)


def _text(field: Field, value: Any, path: str) -> str:
    if not isinstance(value, str):
        _refuse(path, f"is a text, not {type(value).__name__}", "put it in quotes, with its leading zeros")
    if field.kind is Kind.CHAR and units(value) > field.length:
        _refuse(path, f"has {units(value)} characters, of which {field.length} fit")
    return value


def _digits(field: Field, value: Any, path: str) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch("[0-9]*", text, re.ASCII):
        _refuse(path, "has digits only")
    if len(text) > field.length:
        _refuse(path, f"has {len(text)} digits, of which {field.length} fit")
    return text.zfill(field.length)


def _date(_: Field, value: Any, path: str) -> str:
    if value in (None, "", "00000000"):
        return "00000000"
    text = value.isoformat()[:10] if isinstance(value, date) else str(value)
    try:
        return f"{date.fromisoformat(text if _DATE.fullmatch(text) else '')}".replace("-", "")
    except ValueError:
        _refuse(path, "is no date", 'write it as "2026-12-31" or "20261231"')


def _time(_: Field, value: Any, path: str) -> str:
    if value in (None, ""):
        return "000000"
    text = value.isoformat() if isinstance(value, time) else str(value)
    if not _TIME.fullmatch(text):
        _refuse(path, "is no time of a day", 'write it as "23:59:59" or "235959", in quotes')
    return text.replace(":", "")


def _number(value: Any, path: str) -> Decimal:
    is_number = isinstance(value, int | float | str | Decimal) and not isinstance(value, bool)
    try:
        number = Decimal(str(value)) if is_number else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        _refuse(path, "is a number")
    return number


def _packed(field: Field, value: Any, path: str) -> Decimal:
    number = _number(value, path)
    _, digits, exponent = number.normalize(_EXACT).as_tuple()
    whole = len(digits) + int(exponent) if number else 0
    if -int(exponent) > field.decimals or whole > field.length - field.decimals:
        _refuse(path, f"is a number of {field.length} digits, {field.decimals} of them decimals")
    return number


def _floating(field: Field, value: Any, path: str) -> Decimal:
    number = _number(value, path)
    most = _DIGITS[field.kind]
    if len(number.normalize(_EXACT).as_tuple().digits) > most:
        _refuse(path, f"has more than {most} digits")
    return number


def _float(_: Field, value: Any, path: str) -> float:
    number = float(_number(value, path))
    if isinf(number):
        _refuse(path, "is a number of at most 308 digits")
    return number


def _whole(field: Field, value: Any, path: str) -> int:
    number = _number(value, path)
    least, most = _RANGES[field.kind]
    if not least <= number <= most or number != int(number):
        _refuse(path, f"is a whole number from {least} to {most}")
    return int(number)


def _bytes(field: Field, value: Any, path: str) -> bytes:
    try:
        raw = value if isinstance(value, bytes) else bytes.fromhex(value)
    except (TypeError, ValueError):
        _refuse(path, "is binary", "write it in hexadecimal digits, in quotes")
    if field.kind is Kind.BYTE and len(raw) > field.length:
        _refuse(path, f"has {len(raw)} bytes, of which {field.length} fit")
    return raw


_LEAVES: Mapping[Kind, Callable[[Field, Any, str], Any]] = {
    **dict.fromkeys((Kind.CHAR, Kind.STRING, Kind.UTCLONG), _text),
    **dict.fromkeys((Kind.BYTE, Kind.XSTRING), _bytes),
    **dict.fromkeys(_RANGES, _whole),
    **dict.fromkeys(_DIGITS, _floating),
    Kind.NUM: _digits,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.BCD: _packed,
    Kind.FLOAT: _float,
}

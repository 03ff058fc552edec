"""How values and interfaces of functions pass between JCo and Python: as JSON (bridge.jco.Answer, Interface).

Decimals are text there, bytes are base64; all else is what it is to be.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from connectors.sap_rfc.clients.client import Direction, Field, Kind, Parameter

# com.sap.conn.jco.JCoMetaData; what is not here is text in a form of its own.
_KINDS: Mapping[int, Kind] = {
    0: Kind.CHAR,
    1: Kind.DATE,
    2: Kind.BCD,
    3: Kind.TIME,
    4: Kind.BYTE,
    6: Kind.NUM,
    7: Kind.FLOAT,
    8: Kind.INT,
    9: Kind.INT2,
    10: Kind.INT1,
    17: Kind.STRUCTURE,
    23: Kind.DECF16,
    24: Kind.DECF34,
    29: Kind.STRING,
    30: Kind.XSTRING,
    40: Kind.INT8,
    51: Kind.UTCLONG,
    99: Kind.TABLE,
}
_OTHER_TEXT = range(52, 60)  # UTCSECOND to CDAY
_SIZED = frozenset({Kind.CHAR, Kind.NUM, Kind.BYTE})
_DIGITS = {Kind.DECF16: 16, Kind.DECF34: 34, Kind.DATE: 8, Kind.TIME: 6}


type Repair = Callable[[dict[str, Any]], None]
"""Puts what JSON has no form for in the place of its text."""


def repair_of(fields: tuple[Field, ...]) -> Repair | None:
    """None where there is nothing to do: it is the rows that cost."""
    made = [(field.name, convert) for field in fields if (convert := _value_of(field))]

    def repair(record: dict[str, Any]) -> None:
        for name, convert in made:
            if name in record:  # what is only sent does not come back
                record[name] = convert(record[name])

    return repair if made else None


def _value_of(field: Field) -> Callable[[Any], Any] | None:
    match field.kind:
        case Kind.BCD | Kind.DECF16 | Kind.DECF34:
            return _decimal
        case Kind.BYTE | Kind.XSTRING:
            return a2b_base64
        case Kind.STRUCTURE | Kind.TABLE:
            inner = repair_of(field.fields)
            if inner is None:
                return None
            return _in_rows(inner) if field.kind is Kind.TABLE else _in_record(inner)
    return None


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _in_record(repair: Repair) -> Callable[[Any], Any]:
    def convert(record: dict[str, Any]) -> dict[str, Any]:
        repair(record)
        return record

    return convert


def _in_rows(repair: Repair) -> Callable[[Any], Any]:
    def convert(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            repair(row)
        return rows

    return convert


def plain(value: Any) -> Any:
    """What JSON has no form for, on its way out. Errors: TypeError."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return b2a_base64(value, newline=False).decode()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no value of ABAP")


def parameters(told: Mapping[str, Any]) -> Iterator[tuple[str, Parameter]]:
    for direction in Direction:
        for each in told[direction]:
            for field in _fields([each]):
                yield field.name, Parameter(field, direction, optional=bool(each["optional"]))


def _fields(told: list[dict[str, Any]]) -> tuple[Field, ...]:
    """Without references to objects and boxed components: they have no value of their own."""
    return tuple(
        Field(each["name"], kind, _length(kind, each["length"]), each["decimals"], _fields(each["fields"]))
        for each in told
        if (kind := _kind(each["type"]))
    )


def _kind(number: int) -> Kind | None:
    return Kind.STRING if number in _OTHER_TEXT else _KINDS.get(number)


def _length(kind: Kind, told: int) -> int:
    if kind is Kind.BCD:
        return 2 * told - 1
    return told if kind in _SIZED else _DIGITS.get(kind, 0)

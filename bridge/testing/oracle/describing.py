"""Columns and values as the wire shows them (seerdb's terms)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from seerdb.common.tns import ColumnMeta
from seerdb.common.tns_consts import AL16UTF16_CHARSET

from bridge.testing.oracle.values import (
    DAY,
    SECOND,
    DaySecond,
    Fields,
    Json,
    LogicalId,
    RowId,
    Stamp,
    Xml,
    YearMonth,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.testing.oracle.datatypes import Type
    from bridge.testing.oracle.objects import ObjectType
    from bridge.testing.oracle.session import ResultColumn

CODES = {
    "VARCHAR2": 1,
    "NVARCHAR2": 1,
    "NUMBER": 2,
    "FLOAT": 2,
    "LONG": 8,
    "ROWID": 11,
    "DATE": 12,
    "RAW": 23,
    "LONG RAW": 24,
    "CHAR": 96,
    "NCHAR": 96,
    "BINARY_FLOAT": 100,
    "BINARY_DOUBLE": 101,
    "XMLTYPE": 109,
    "CLOB": 112,
    "NCLOB": 112,
    "BLOB": 113,
    "BFILE": 114,
    "JSON": 119,
    "VECTOR": 127,
    "TIMESTAMP": 180,
    "TIMESTAMP WITH TIME ZONE": 181,
    "INTERVAL YEAR TO MONTH": 182,
    "INTERVAL DAY TO SECOND": 183,
    "UROWID": 208,
    "TIMESTAMP WITH LOCAL TIME ZONE": 231,
    "BOOLEAN": 252,
}
_LENGTHS = {"DATE": 7, "TIMESTAMP": 11, "TIMESTAMP WITH LOCAL TIME ZONE": 11, "TIMESTAMP WITH TIME ZONE": 13}
_NATIONAL = frozenset({"NCHAR", "NVARCHAR2", "NCLOB"})
_VECTORS = {"FLOAT32": 2, "FLOAT64": 3, "INT8": 4, "BINARY": 5}
_FLEXIBLE = 0x01
_UNKNOWN_SCALE = -127
XMLTYPE_OID = bytes.fromhex("00000000000000000000000000020100")


def described(column: ResultColumn, types: Mapping[str, ObjectType]) -> ColumnMeta:
    """A column of an answer as a describe has it."""
    type_ = column.type
    if type_.of_object:
        return _described_object(column, types[type_.name])
    more: dict[str, Any] = {"null_ok": int(column.nullable)}
    if type_.name in _NATIONAL:
        more |= {"charset": AL16UTF16_CHARSET, "csfrm": 2}
    if type_.name == "XMLTYPE":
        more |= {"type_schema": b"SYS", "type_name": b"XMLTYPE", "type_oid": XMLTYPE_OID}
    if type_.name == "JSON":
        more["is_json"] = True
    if type_.name == "VECTOR":
        more |= {
            "vector_format": _VECTORS.get(type_.unit, 0) or None,
            "vector_dimensions": type_.size or 0,
            "vector_flags": 0 if type_.size else _FLEXIBLE,
        }
    precision, scale = _digits(type_)
    length, size = _sizes(type_)
    name = column.name.encode()
    return ColumnMeta(name, CODES[type_.name], length, size, precision=precision, scale=scale, **more)


def _described_object(column: ResultColumn, made: ObjectType) -> ColumnMeta:
    identity: dict[str, Any] = {
        "type_oid": made.oid,
        "type_schema": made.owner.encode(),
        "type_name": made.name.encode(),
    }
    return ColumnMeta(
        column.name.encode(),
        CODES["XMLTYPE"],
        2000,
        0,
        charset=0,
        csfrm=0,
        null_ok=int(column.nullable),
        **identity,
    )


def _digits(type_: Type) -> tuple[int, int]:
    match type_.name:
        case "NUMBER" if type_.precision is None:
            return 0, _UNKNOWN_SCALE
        case "FLOAT":
            return type_.precision or 126, _UNKNOWN_SCALE
    return type_.precision or 0, type_.scale or 0


def _sizes(type_: Type) -> tuple[int, int]:
    """Bytes and characters of the widest value."""
    size = type_.size or 0
    match type_.name:
        case "NUMBER" | "FLOAT":
            return 22, 0
        case "VARCHAR2" | "CHAR":
            return (min(size * 4, 32_767) if type_.unit == "CHAR" else size), size
        case "NVARCHAR2" | "NCHAR":
            return size * 2, size
        case "RAW":
            return size, size
    return _LENGTHS.get(type_.name, 0), 0


def wired(type_: Type, value: Any, offset: int) -> Any:
    """A value as seerdb encodes it; `offset` is the session's time zone in minutes.

    Dates and intervals go as the bytes of their formats (seerdb would cut them to microseconds).
    """
    if isinstance(value, Stamp):
        return _stamp(type_.name, value, offset)
    encode = _ENCODED.get(type(value))
    return value if encode is None else encode(value)


def _stamp(name: str, stamp: Stamp, offset: int) -> bytes:
    match name:
        case "TIMESTAMP WITH TIME ZONE":
            hours, minutes = _zone(stamp.offset or 0)
            return _moment(Stamp(stamp.instant).fields) + bytes([hours + 20, minutes + 60])
        case "TIMESTAMP WITH LOCAL TIME ZONE":
            return _moment((stamp if stamp.offset is None else stamp.zoned(offset)).fields)
        case "TIMESTAMP":
            return _moment(stamp.fields)
    return _moment(stamp.fields)[:7]


def _zone(offset: int) -> tuple[int, int]:
    """Hours and minutes, of one sign."""
    sign = -1 if offset < 0 else 1
    return sign * (abs(offset) // 60), sign * (abs(offset) % 60)


def _moment(fields: Fields) -> bytes:
    """Century and year from 100, the clock from 1, then nanoseconds."""
    sign = -1 if fields.year < 0 else 1
    century, year = divmod(abs(fields.year), 100)
    clock = fields.month, fields.day, fields.hour + 1, fields.minute + 1, fields.second + 1
    return bytes([100 + sign * century, 100 + sign * year, *clock]) + fields.nano.to_bytes(4, "big")


def _day_second(nanoseconds: int) -> bytes:
    sign = -1 if nanoseconds < 0 else 1
    days, rest = divmod(abs(nanoseconds), DAY)
    seconds, nano = divmod(rest, SECOND)
    clock = (sign * part for part in (seconds // 3600, seconds // 60 % 60, seconds % 60))
    return (
        (2**31 + sign * days).to_bytes(4, "big")
        + bytes(60 + part for part in clock)
        + (2**31 + sign * nano).to_bytes(4, "big")
    )


def _year_month(months: int) -> bytes:
    sign = -1 if months < 0 else 1
    years, months = divmod(abs(months), 12)
    return (2**31 + sign * years).to_bytes(4, "big") + bytes([60 + sign * months])


_ENCODED: dict[type, Callable[[Any], Any]] = {
    DaySecond: lambda value: _day_second(value.nanoseconds),
    Json: lambda value: value.value,
    LogicalId: str,
    RowId: str,
    Xml: lambda value: value.text,
    YearMonth: lambda value: _year_month(value.months),
    tuple: list,
}

"""Object types and collections: what clients are told of a type, and objects on the wire.

A client asks for a type by DBMS_PICKLER.GET_TYPE_SHAPE, which answers with its descriptor (TDS) and a cursor
of its attributes; the driver's own block that does so is answered whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import md5
from typing import Any

from seerdb.common.dbobject import DbObject, DbObjectType
from seerdb.common.tns import ColumnMeta
from seerdb.server.backend import CursorResult

from bridge.testing.oracle.datatypes import Type, parse_type
from bridge.testing.oracle.describing import CODES, XMLTYPE_OID
from bridge.testing.oracle.values import Obj, Stamp

ASKED = re.compile(r"\bdbms_pickler\s*\.\s*get_type_shape\s*\(", re.IGNORECASE)
UNKNOWN_TYPE = 1001
NATIONAL = frozenset({"NCHAR", "NVARCHAR2", "NCLOB"})
XMLTYPE_TDS = bytes.fromhex(
    "00000029260100010001ff2900000000001e1b000000193a2afd0000000d010000000700000000000000090007"
)
_ATTRIBUTES = (
    *("VERSION", "NAME", "ATTRIBUTE#", "TYPE_NAME", "TYPE_OWNER", "TYPE_PACKAGE", "ATTR_TOID"),
    *("INSTANTIABLE", "SUPERTYPE_OWNER", "SUPERTYPE_NAME"),
)
_FORMS = {"VERSION": (2, 22, 22), "ATTRIBUTE#": (2, 22, 22), "ATTR_TOID": (23, 16, 16)}
"""Of the columns that are no texts: type, length, size."""
_ZONED = {
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP WITH TZ",
    "TIMESTAMP WITH LOCAL TIME ZONE": "TIMESTAMP WITH LOCAL TZ",
}
_BODY, _ELEMENT = 18, 29
_VARRAY, _NESTED_TABLE = 3, 2
_UNBOUND = 0


@dataclass(frozen=True, slots=True)
class ObjectType:
    """CREATE TYPE: of an object with attributes, or a collection of `element`s up to `bound`."""

    owner: str
    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    element: str = ""
    bound: int | None = None

    @property
    def oid(self) -> bytes:
        return md5(f"{self.owner}.{self.name}".encode(), usedforsecurity=False).digest()


Types = Mapping[str, ObjectType]
_AGENT = ObjectType(
    "SYS", "AQ$_AGENT", (("NAME", "VARCHAR2(512)"), ("ADDRESS", "VARCHAR2(1024)"), ("PROTOCOL", "NUMBER"))
)
_PROPERTY = ObjectType(
    "SYS",
    "AQ$_JMS_USERPROPERTY",
    (
        *(("NAME", "VARCHAR2(200)"), ("TYPE", "INTEGER"), ("STR_VALUE", "VARCHAR2(2000)")),
        *(("NUM_VALUE", "NUMBER"), ("JAVA_TYPE", "INTEGER")),
    ),
)
_PROPERTIES = ObjectType("SYS", "AQ$_JMS_USERPROPARRAY", element="SYS.AQ$_JMS_USERPROPERTY", bound=100)
_HEADER = ObjectType(
    "SYS",
    "AQ$_JMS_HEADER",
    (
        *(("REPLYTO", "SYS.AQ$_AGENT"), ("TYPE", "VARCHAR2(100)"), ("USERID", "VARCHAR2(100)")),
        *(("APPID", "VARCHAR2(100)"), ("GROUPID", "VARCHAR2(100)"), ("GROUPSEQ", "INTEGER")),
        ("PROPERTIES", "SYS.AQ$_JMS_USERPROPARRAY"),
    ),
)
_TEXT_MESSAGE = ObjectType(
    "SYS",
    "AQ$_JMS_TEXT_MESSAGE",
    (
        *(("HEADER", "SYS.AQ$_JMS_HEADER"), ("TEXT_LEN", "INTEGER"), ("TEXT_VC", "VARCHAR2(4000)")),
        ("TEXT_LOB", "CLOB"),
    ),
)
JMS: Types = {
    f"{each.owner}.{each.name}": each for each in (_AGENT, _PROPERTY, _PROPERTIES, _HEADER, _TEXT_MESSAGE)
}
"""What a queue of JMS text messages carries (Advanced Queuing User's Guide, JMS Types)."""


def shape(types: Types, names: Sequence[str], given: Mapping[str, Any]) -> list[Any]:
    """The binds of the driver's block, in their order."""
    full = str(given.get("FULL_NAME") or "").replace('"', "")
    answer: dict[str, Any] = {"RET_VAL": UNKNOWN_TYPE, "VERSION": 0, "ATTRS_RC": _cursor([])}
    made = types.get(full)
    if full == "SYS.XMLTYPE":
        answer |= {"RET_VAL": 0, "VERSION": 1, "OID": XMLTYPE_OID, "TDS": XMLTYPE_TDS}
        answer |= {"SCHEMA": "SYS", "NAME": "XMLTYPE"}
    elif made is not None:
        answer |= {"RET_VAL": 0, "VERSION": 1, "OID": made.oid, "TDS": descriptor(types, made)}
        answer |= {"SCHEMA": made.owner, "NAME": made.name, "ATTRS_RC": _cursor(_attributes(types, made))}
    answer["FULL_NAME"] = given.get("FULL_NAME")
    return [answer.get(name) for name in names]


def _cursor(rows: list[tuple[Any, ...]]) -> CursorResult:
    columns = [ColumnMeta(name.encode(), *_FORMS.get(name, (1, 128, 128))) for name in _ATTRIBUTES]
    return CursorResult(columns, rows)


def _attributes(types: Types, made: ObjectType) -> list[tuple[Any, ...]]:
    rows = []
    for place, (name, declared) in enumerate(made.attributes, 1):
        type_ = parse_type(declared)
        owner, _, plain = type_.name.rpartition(".")
        oid = types[type_.name].oid if type_.of_object else bytes(16)
        rows.append((1, name, place, _ZONED.get(plain, plain), owner or None, None, oid, "YES", None, None))
    return rows


def descriptor(types: Types, made: ObjectType) -> bytes:
    """Its TDS: the codes of its attributes, or of a collection's element, between a head and an index."""
    if made.element:
        kind = _NESTED_TABLE if made.bound is None else _VARRAY
        bound = _UNBOUND if made.bound is None else made.bound
        head = b"\x1c" + _ELEMENT.to_bytes(4, "big") + bound.to_bytes(4, "big") + bytes([kind]) + b"\x2a"
        return _framed(head + _leaf(types, parse_type(made.element), within=False), [_BODY], collection=True)
    body, places = b"", []
    for _, declared in made.attributes:
        places.append(_BODY + len(body))
        body += _leaf(types, parse_type(declared), within=True)
    return _framed(body + b"\x2a", places, collection=False)


def _framed(body: bytes, places: list[int], *, collection: bool) -> bytes:
    index = b"".join((place - 11).to_bytes(2, "big") for place in places)
    head = b"\x26\x02\x00\x01" + len(places).to_bytes(2, "big") + (b"\xff" if collection else b"\x00")
    rest = head + b"\x29\x00\x00" + (_BODY + len(body) - 13).to_bytes(4, "big") + body + index
    return len(rest).to_bytes(4, "big") + rest


def _leaf(types: Types, type_: Type, *, within: bool) -> bytes:
    """The code of a type; an object within an object is spelled out, any other is a reference."""
    made = types.get(type_.name)
    if made is not None and within and not made.element:
        return (
            b"\x27"
            + b"".join(_leaf(types, parse_type(kind), within=True) for _, kind in made.attributes)
            + b"\x28"
        )
    if made is not None:
        return b"\x1b" + bytes(4) + (b"\xfb" if made.element else b"\xfa")
    return _CODE[type_.name](type_)


def _text(code: int, national: bool) -> Callable[[Type], bytes]:  # noqa: FBT001 -- one of two charset forms
    form = b"\x82" if national else b"\x01"
    return lambda type_: bytes([code]) + (type_.size or 1).to_bytes(2, "big") + form + bytes(2)


def _bare(code: int) -> Callable[[Type], bytes]:
    return lambda _: bytes([code])


def _time(code: int) -> Callable[[Type], bytes]:
    return lambda type_: bytes([code, 6 if type_.scale is None else type_.scale])


def _number(type_: Type) -> bytes:
    return bytes([0x06, type_.precision or 0, 0x81 if type_.scale is None else type_.scale & 0xFF])


_CODE: dict[str, Callable[[Type], bytes]] = {
    "BINARY_DOUBLE": _bare(0x2D),
    "BINARY_FLOAT": _bare(0x25),
    "BLOB": _bare(0x1E),
    "BOOLEAN": _bare(0x08),
    "CHAR": _text(0x01, national=False),
    "CLOB": _bare(0x1D),
    "DATE": _bare(0x02),
    "FLOAT": lambda type_: bytes([0x05, type_.precision or 126]),
    "NCHAR": _text(0x01, national=True),
    "NCLOB": _bare(0x1D),
    "NUMBER": _number,
    "NVARCHAR2": _text(0x07, national=True),
    "RAW": lambda type_: b"\x13" + (type_.size or 1).to_bytes(2, "big"),
    "TIMESTAMP": _time(0x15),
    "TIMESTAMP WITH LOCAL TIME ZONE": _time(0x21),
    "TIMESTAMP WITH TIME ZONE": _time(0x17),
    "VARCHAR2": _text(0x07, national=False),
}


def carried(types: Types, type_: Type, value: Any) -> DbObject:
    """An object, or a collection as a tuple, as seerdb encodes it."""
    made = types[type_.name]
    kind = _kind(types, made)
    if made.element:
        element = parse_type(made.element)
        elements = value.attributes if isinstance(value, Obj) else value
        return DbObject(made.name, elements=[_part(types, element, part) for part in elements], dbtype=kind)
    given = dict(value.attributes)
    parts = [
        (name, _part(types, parse_type(declared), given.get(name))) for name, declared in made.attributes
    ]
    return DbObject(made.name, parts, dbtype=kind)


def _part(types: Types, type_: Type, value: Any) -> Any:
    if value is not None and type_.of_object:
        return carried(types, type_, value)
    if isinstance(value, Stamp):
        return value.datetime
    return Decimal(value) if type_.name == "NUMBER" and isinstance(value, float) else value


def _kind(types: Types, made: ObjectType) -> DbObjectType:
    if not made.element:
        layouts = [_layout(types, name, parse_type(declared)) for name, declared in made.attributes]
        return DbObjectType(made.owner, made.name, made.oid, 1, layouts)  # type: ignore[no-untyped-call]
    kind = _NESTED_TABLE if made.bound is None else _VARRAY
    element = _layout(types, "", parse_type(made.element))
    return DbObjectType(made.owner, made.name, made.oid, 1, [], True, kind, element, made.bound or 0)  # type: ignore[no-untyped-call]


def _layout(types: Types, name: str, type_: Type) -> dict[str, Any]:
    if type_.of_object:
        return {
            "name": name,
            "type_name": type_.name,
            "data_type": 109,
            "object_type": _kind(types, types[type_.name]),
        }
    charset = {"charset": 2000} if type_.name in NATIONAL else {}
    return {"name": name, "type_name": type_.name, "data_type": CODES[type_.name], **charset}

"""Calls as they come and answers as they go: parameters in records, by the interface of the function."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from bridge.testing.sap import asxml, layout, lzh
from bridge.testing.sap.abap import AnyType, Direction, Function, Parameter, Structure, TableType, Type
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.records import Tag, record, records, text

_COUNTS = struct.Struct(">II")
_WORTH_IT = 8192
_PIECE = 250
Rows = Callable[[Structure | Type, Sequence[Any]], list[bytes]]
_VARIABLES = (Tag.VARIABLE_1, Tag.VARIABLE_2, Tag.VARIABLE_3, Tag.VARIABLE_4)


@dataclass
class Call:
    """A call in the bytes of its client."""

    function: str = ""
    wanted: set[str] = field(default_factory=set)
    values: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, list[bytes]] = field(default_factory=dict)
    documents: dict[str, ET.Element] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        return {*self.values, *self.rows, *self.documents}


def read(stream: bytes) -> Call:
    """The call in these records."""
    call, name, document = Call(), "", bytearray()
    for tag, value in records(stream):
        match tag:
            case Tag.FUNCTION:
                call.function = _text(value)
            case Tag.WANTED:
                call.wanted.add(_text(value))
            case Tag.NAME | Tag.TABLE:
                name = _text(value)
            case Tag.VALUE:
                call.values[name] = value
            case Tag.TABLE_SHAPE:
                call.rows[name] = []
            case Tag.ROW | Tag.ROW_OF_ANSWER:
                call.rows[name].append(value)
            case Tag.XML_TEXT:
                document += value
            case Tag.XML if document:
                element = asxml.parsed(bytes(document))
                call.documents[element.tag] = element
                document.clear()
    return call


def parameters(call: Call, function: Function) -> dict[str, Any]:
    """The values that the client has sent; None of what the function has no parameter for."""
    known = function.by_name
    return {name: _value(call, known[name]) if name in known else None for name in call.names}


def plain(row: Structure | Type, rows: Sequence[Any]) -> list[bytes]:
    """Each row in a record of its own, without what fills it up."""
    encode = layout.encoder(row)
    size = layout.width(row) if isinstance(row, Structure) else row.intlen
    if size >= 0xFFFF:
        return [record(Tag.ROW_OF_ANSWER, encode(each)[:size]) for each in rows]
    mark = Tag.ROW_OF_ANSWER.to_bytes(2)
    before = mark + size.to_bytes(2)
    return [before + encode(each)[:size] + mark for each in rows]


def compressed(row: Structure | Type, rows: Sequence[Any]) -> list[bytes]:
    """Rows of more than 8 KB in one compressed stream, as systems send them."""
    data = b"".join(map(layout.encoder(row), rows))
    if len(data) < _WORTH_IT:
        return plain(row, rows)
    packed = lzh.stream(data)
    return [record(Tag.COMPRESSED_ROWS, packed[at : at + _PIECE]) for at in range(0, len(packed), _PIECE)]


def answer(function: Function, call: Call, results: Mapping[str, Any], rows: Rows = plain) -> bytes:
    """The records of a call that has gone well, the rows of its tables in this form."""
    returned = [each for each in function.parameters if _comes_back(each, call)]
    out = [record(Tag.PARAMETERS)]
    out += [text(Tag.WANTED, each.name) for each in returned if each.direction is not Direction.TABLES]
    for number, each in enumerate(returned, 1):
        out += _parameter(each, results.get(each.name), number, rows)
    return done(b"".join(out), f"SAPL{function.group}")


def done(body: bytes, program: str) -> bytes:
    """What goes before and after the parameters of every answer that is no error."""
    head = record(Tag.ANSWER) + record(Tag.ANSWERED) + record(Tag.TOKEN, bytes(16))
    tail = text(Tag.PROGRAM, program.ljust(40)) + record(Tag.DURATION, struct.pack("<d", 100.0))
    return head + record(Tag.RETURN_CODE, bytes(4)) + body + tail + END


END = record(Tag.END)


def _comes_back(parameter: Parameter, call: Call) -> bool:
    match parameter.direction:
        case Direction.IMPORT:
            return False
        case Direction.TABLES:
            return True
    return parameter.name in call.wanted


def _parameter(parameter: Parameter, value: Any, number: int, rows: Rows) -> list[bytes]:
    """What is flat as it is in memory, tables row by row; what is deep as XML, but for single strings."""
    name, type_ = parameter.name, _type(parameter)
    if isinstance(type_, TableType) and not type_.row.deep:
        return [*_shape(name, type_.row, value or [], number), *rows(type_.row, value or [])]
    if type_.deep and not isinstance(type_, Type):
        return _document(name, type_, value)
    return [text(Tag.NAME, name), record(Tag.VALUE, layout.encode(type_, value))]


def _type(parameter: Parameter) -> AnyType:
    """A TABLES parameter is a table of its type."""
    if parameter.direction is Direction.TABLES and not isinstance(parameter.type, TableType):
        return TableType("", parameter.type)
    return parameter.type


def _shape(name: str, row: Structure | Type, rows: Sequence[Any], number: int) -> list[bytes]:
    """Before the rows: their width as it is in memory, and how many they are."""
    shape = _COUNTS.pack(row.intlen, len(rows))
    numbered = record(Tag.TABLE_NUMBER, number.to_bytes(4))
    return [text(Tag.TABLE, name), numbered, record(Tag.TABLE_SHAPE, shape)]


def _document(name: str, type_: AnyType, value: Any) -> list[bytes]:
    """The element's opening tag is a record of its own, as of a system of release 7.58."""
    opening, _, rest = asxml.write(name, type_, value).partition(">")
    parts = [record(Tag.XML_TEXT, part.encode()) for part in (f"{opening}>", rest)]
    return [record(Tag.XML), *parts, record(Tag.XML)]


def _value(call: Call, parameter: Parameter) -> Any:
    name, type_ = parameter.name, _type(parameter)
    if name in call.documents:
        return asxml.value_of(type_, call.documents[name])
    if isinstance(type_, TableType):
        return [layout.decode(type_.row, row) for row in call.rows[name]]
    return layout.decode(type_, call.values[name])


def _text(value: bytes) -> str:
    """Log-ons have their texts in one byte a character, calls in two."""
    wide = len(value) % 2 == 0 and not any(value[1::2])
    return value.decode("utf-16-le" if wide else "latin-1").rstrip(" \0")


def raised(error: AbapException) -> bytes:
    """The records of an exception: its message if it has one, and its name."""
    out = [record(Tag.ANSWER)]
    if error.message_class:
        out += [text(Tag.MESSAGE_CLASS, error.message_class), text(Tag.MESSAGE_TYPE, "E")]
    out.append(text(Tag.MESSAGE_NUMBER, error.number))
    out += [text(tag, value) for tag, value in zip(_VARIABLES, error.values, strict=False) if value]
    out.append(text(Tag.EXCEPTION, error.key))
    return b"".join(out) + END


def dumped(error: ShortDump) -> bytes:
    """The records of a short dump: message 00 341, the runtime error and its text."""
    out = [record(Tag.ANSWER), text(Tag.MESSAGE_CLASS, "00"), text(Tag.MESSAGE_TYPE, "X")]
    out += [text(Tag.MESSAGE_NUMBER, "341"), text(Tag.VARIABLE_1, error.key)]
    return b"".join([*out, text(Tag.ABORT, error.key), text(Tag.TEXT, error.text)]) + END

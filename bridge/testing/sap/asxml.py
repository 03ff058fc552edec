"""What is deep, as XML: strings in structures, internal tables, and tables in structures in tables.

`<NAME><item><FIELD>text</FIELD>...</item>...</NAME>`: the form of STFC_DEEP_TABLE on a system of release 7.58
(tests/golden/framing/stfc_deep_table_response.bin of the project saprfclib); bytes are base64 there.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from bridge.testing.sap.abap import AnyType, Kind, Structure, TableType, Type, initial

_WRITERS: Mapping[Kind, Callable[[Any], str]] = {
    Kind.CHAR: lambda value: str(value).rstrip(" "),
    Kind.DATE: lambda value: f"{value[:4]}-{value[4:6]}-{value[6:]}",
    Kind.TIME: lambda value: f"{value[:2]}:{value[2:4]}:{value[4:]}",
    Kind.FLOAT: repr,
    Kind.BCD: lambda value: f"{Decimal(value):f}",
    Kind.DECF16: lambda value: f"{Decimal(value):f}",
    Kind.DECF34: lambda value: f"{Decimal(value):f}",
    Kind.BYTE: lambda value: base64.b64encode(value).decode(),
    Kind.XSTRING: lambda value: base64.b64encode(value).decode(),
}
_READERS: Mapping[Kind, Callable[[str], Any]] = {
    Kind.DATE: lambda text: text.replace("-", ""),
    Kind.TIME: lambda text: text.replace(":", ""),
    Kind.BCD: Decimal,
    Kind.DECF16: Decimal,
    Kind.DECF34: Decimal,
    Kind.FLOAT: float,
    Kind.INT: int,
    Kind.INT1: int,
    Kind.INT2: int,
    Kind.INT8: int,
    Kind.BYTE: base64.b64decode,
    Kind.XSTRING: base64.b64decode,
}


def write(name: str, type_: AnyType, value: Any) -> str:
    """An element with this value in it."""
    return f"<{name}>{_content(type_, initial(type_) if value is None else value)}</{name}>"


def parsed(document: bytes) -> ET.Element:
    """A document of one element. Raises ET.ParseError."""
    return ET.fromstring(document)  # noqa: S314 (of a client under test, or for one)


def _content(type_: AnyType, value: Any) -> str:
    match type_:
        case TableType():
            return "".join(write("item", type_.row, row) for row in value)
        case Structure():
            return "".join(write(each.name, each.type, value.get(each.name)) for each in type_.fields)
        case Type():
            return escape(_WRITERS.get(type_.kind, str)(value))


def value_of(type_: AnyType, element: ET.Element) -> Any:
    """What this element has of that type."""
    match type_:
        case TableType():
            return [value_of(type_.row, item) for item in element]
        case Structure():
            given = {item.tag: item for item in element}
            return {
                each.name: value_of(each.type, given[each.name]) if each.name in given else initial(each.type)
                for each in type_.fields
            }
        case Type():
            text = element.text or ""
            return _READERS.get(type_.kind, str)(text) if text else initial(type_)

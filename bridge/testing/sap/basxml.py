"""Binary XML (basXML): all parameters of a call in one compressed document, where the client asks so.

The tokens are those that erpl-pyrfc writes, read from its requests: `+` a name for the table of names, `<` an
The tokens are those erpl-pyrfc writes, read from its requests: `+` a name for the table of names, `<` an
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from bridge.testing.sap import asxml
from bridge.testing.sap.abap import AnyType, Kind, Structure, TableType, Type, initial

_MAGIC = b"BXML"
_PIECE = 0x4000
"""The longest text in one token."""
_URI = "http://www.sap.com/abapxml"
_NO_SPACE, _ASX, _HINT = 1, 2, 3
_BYTES = {Kind.BYTE, Kind.XSTRING}


def write(values: Mapping[str, tuple[AnyType, Any]]) -> bytes:
    """A compressed document of these parameters."""
    writer = _Writer()
    for name, (type_, value) in values.items():
        writer.element(name, type_, initial(type_) if value is None else value)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(writer.document()) + packer.flush()


def read(data: bytes) -> dict[str, ET.Element]:
    """The parameters of a compressed document, as elements; bytes in them are base64. Raises ValueError."""
    try:
        root = _Reader(zlib.decompress(data, -15)).root()
    except (zlib.error, IndexError) as error:
        raise ValueError("no binary XML") from error
    return {each.tag: each for values in root for each in values}


class _Writer:
    """Names get their numbers when they are first written."""

    def __init__(self) -> None:
        self._out = bytearray(_MAGIC)
        self._names: dict[str, int] = {}
        for key, value in (("VER", "0.7"), ("ENC", "utf-8")):
            self._out += b"?" + _string(key) + _string(value)
        self._space("asx", _URI)
        self._open("abap", _ASX)
        self._attribute("version", "1.0", _NO_SPACE)
        self._space("asxhint", f"{_URI}/hint")
        self._out += b"*" + _number(_HINT)
        self._open("values", _ASX)

    def document(self) -> bytes:
        return bytes(self._out + b">>")

    def element(self, name: str, type_: AnyType, value: Any) -> None:
        self._open(name, _NO_SPACE)
        match type_:
            case TableType():
                self._attribute("lines", str(len(value)), _HINT)
                for row in value:
                    self.element("item", type_.row, row)
            case Structure():
                for each in type_.fields:
                    inner = value.get(each.name)
                    self.element(each.name, each.type, initial(each.type) if inner is None else inner)
            case Type():
                self._text(type_, value)
        self._out += b">"

    def _text(self, type_: Type, value: Any) -> None:
        raw = type_.kind in _BYTES
        data = bytes(value) if raw else asxml.plain(type_, value).encode()
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            self._out += (b"B" if raw else b"T") + _number(len(piece)) + piece

    def _open(self, name: str, space: int) -> None:
        number = self._name(name)
        self._out += b"<" + number + _number(space)

    def _attribute(self, name: str, value: str, space: int) -> None:
        number = self._name(name)
        self._out += b"@" + number + _number(space) + b"A" + _string(value)

    def _space(self, prefix: str, uri: str) -> None:
        names = self._name(prefix) + self._name(uri)
        self._out += b":" + names

    def _name(self, name: str) -> bytes:
        if name not in self._names:
            self._names[name] = len(self._names) + 2
            self._out += b"+" + _string(name)
        return _number(self._names[name])


class _Reader:
    def __init__(self, data: bytes) -> None:
        if not data.startswith(_MAGIC):
            raise ValueError("no binary XML")
        self._data = data
        self._at = len(_MAGIC)
        self._names = ["", ""]

    def root(self) -> ET.Element:
        """The outermost element."""
        holder = ET.Element("document")
        open_ = [holder]
        for token in self._tokens():
            match token:
                case "+":
                    self._names.append(self._taken().decode())
                case "<":
                    open_.append(ET.SubElement(open_[-1], self._names[self._number()]))
                    self._number()
                case "T":
                    open_[-1].text = (open_[-1].text or "") + self._taken().decode()
                case "B":
                    open_[-1].text = asxml.joined(open_[-1].text, self._taken())
                case ">":
                    open_.pop()
                case _:
                    self._skip(token)
        return holder[0]

    def _tokens(self) -> Iterator[str]:
        while self._at < len(self._data):
            self._at += 1
            yield chr(self._data[self._at - 1])

    def _skip(self, token: str) -> None:
        match token:
            case "?":
                self._taken()
                self._taken()
            case ":" | "@":
                self._number()
                self._number()
            case "*":
                self._number()
            case "A":
                self._taken()
            case _:
                raise ValueError(f"binary XML has no token {token!r}")

    def _taken(self) -> bytes:
        size = self._number()
        self._at += size
        return self._data[self._at - size : self._at]

    def _number(self) -> int:
        first = self._data[self._at]
        size = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        self._at += size
        return ord(self._data[self._at - size : self._at].decode("utf-8", "surrogatepass"))


def _number(value: int) -> bytes:
    return chr(value).encode("utf-8", "surrogatepass")


def _string(value: str) -> bytes:
    data = value.encode()
    return _number(len(data)) + data

"""Values as the bytes they are in the memory of a Unicode system (UTF-16 and integers: low byte first).

Packed numbers, dates and structures: ABAP Keyword Documentation, "Built-In ABAP Types" and "Alignment".
Decimal floating point numbers are IEEE 754 with densely packed digits; a time stamp counts units of 100 ns
since the year 1, from 1.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from saprfclib.codec import decode_decfloat, encode_decfloat

from bridge.testing.sap.abap import AnyType, Kind, Structure, TableType, Type, initial

Encoder = Callable[[Any], bytes]
Decoder = Callable[[bytes], Any]

_NUMBERS = {
    Kind.INT: struct.Struct("<i"),
    Kind.INT1: struct.Struct("<B"),
    Kind.INT2: struct.Struct("<h"),
    Kind.INT8: struct.Struct("<q"),
    Kind.FLOAT: struct.Struct("<d"),
}
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,7}))?Z?")
_YEAR_1 = datetime(1, 1, 1)  # noqa: DTZ001 (UTC by definition of the type)
_JULIAN = timedelta(days=2)
"""Its first of January is two days before the Gregorian one: ABAP has the Julian calendar until 1582."""
_UNITS = 10_000_000


class NotFlat(Exception):
    """What is deep has no bytes of its own: strings and internal tables go another way."""


def encode(type_: AnyType, value: Any) -> bytes:
    """A parameter's bytes; None is the initial value."""
    return encoder(type_)(initial(type_) if value is None else value)


def decode(type_: AnyType, data: bytes) -> Any:
    """The value of these bytes."""
    return decoder(type_)(data)


@cache
def encoder(type_: AnyType) -> Encoder:
    """What makes bytes of a flat value, or of a string that stands alone."""
    match type_:
        case Structure():
            return _structure_encoder(type_)
        case TableType():
            raise NotFlat(type_.name)
        case Type():
            return _ENCODERS.get(type_.kind, _number)(type_)


@cache
def decoder(type_: AnyType) -> Decoder:
    match type_:
        case Structure():
            return _structure_decoder(type_)
        case TableType():
            raise NotFlat(type_.name)
        case Type():
            return _DECODERS.get(type_.kind, _read_number)(type_)


def width(structure: Structure) -> int:
    """Bytes of a row on the wire: its last component ends it, though it is longer in memory."""
    return sum(structure.layout[-1][1:]) if structure.layout else 0


def _structure_encoder(structure: Structure) -> Encoder:
    if structure.deep:
        raise NotFlat(structure.name)
    ends = [offset for _, offset, _ in structure.layout[1:]] + [structure.intlen]
    parts = [
        (each.name, encoder(each.type), encode(each.type, None), bytes(end - offset - length))
        for (each, offset, length), end in zip(structure.layout, ends, strict=True)
    ]

    def of(row: Mapping[str, Any]) -> bytes:
        pieces = []
        for name, component, blank, gap in parts:
            value = row.get(name)
            pieces.append((blank if value is None else component(value)) + gap)
        return b"".join(pieces)

    return of


def _structure_decoder(structure: Structure) -> Decoder:
    parts = [
        (each.name, decoder(each.type), offset, offset + length) for each, offset, length in structure.layout
    ]

    def of(data: bytes) -> dict[str, Any]:
        whole = data.ljust(structure.intlen, b"\0")
        return {name: component(whole[start:end]) for name, component, start, end in parts}

    return of


def _char(type_: Type) -> Encoder:
    size, blanks = type_.intlen, b" \0" * type_.leng
    return lambda value: (str(value).encode("utf-16-le") + blanks)[:size]


def _digits(type_: Type) -> Encoder:
    count = type_.leng
    return lambda value: str(value).rjust(count, "0")[-count:].encode("utf-16-le")


def _packed(type_: Type) -> Encoder:
    """Two digits a byte, the sign in the last half byte: C or D."""
    digits, decimals = 2 * type_.intlen - 1, type_.decimals

    def of(value: Any) -> bytes:
        whole = int(Decimal(value).scaleb(decimals).to_integral_value())
        text = f"{abs(whole):0{digits}d}"
        if len(text) > digits:
            raise OverflowError(f"{value} has no room in {digits} digits with {decimals} decimals")
        return bytes.fromhex(text + ("d" if whole < 0 else "c"))

    return of


def _unpacked(type_: Type) -> Decoder:
    decimals = type_.decimals

    def of(data: bytes) -> Decimal:
        digits = data.hex()
        return Decimal(digits[:-1] or "0").scaleb(-decimals) * (-1 if digits[-1] in "bd" else 1)

    return of


def _floating(type_: Type) -> Encoder:
    size = type_.intlen
    return lambda value: bytes(encode_decfloat(Decimal(value), size))


def _bytes(type_: Type) -> Encoder:
    size = type_.intlen
    return lambda value: bytes(value).ljust(size, b"\0")[:size]


def _number(type_: Type) -> Encoder:
    return _NUMBERS[type_.kind].pack


def _read_number(type_: Type) -> Decoder:
    number = _NUMBERS[type_.kind]
    return lambda data: number.unpack(data[: number.size])[0]


_ENCODERS: Mapping[Kind, Callable[[Type], Encoder]] = {
    Kind.CHAR: _char,
    Kind.NUM: _digits,
    Kind.DATE: _digits,
    Kind.TIME: _digits,
    Kind.BCD: _packed,
    Kind.DECF16: _floating,
    Kind.DECF34: _floating,
    Kind.BYTE: _bytes,
    Kind.STRING: lambda _: str.encode,
    Kind.XSTRING: lambda _: bytes,
    Kind.UTCLONG: lambda _: lambda value: units(value).to_bytes(8, "little"),
}
_DECODERS: Mapping[Kind, Callable[[Type], Decoder]] = {
    Kind.CHAR: lambda _: lambda data: data.decode("utf-16-le").rstrip(" \0"),
    Kind.NUM: lambda _: lambda data: data.decode("utf-16-le"),
    Kind.DATE: lambda _: lambda data: data.decode("utf-16-le"),
    Kind.TIME: lambda _: lambda data: data.decode("utf-16-le"),
    Kind.BCD: _unpacked,
    Kind.DECF16: lambda _: decode_decfloat,
    Kind.DECF34: lambda _: decode_decfloat,
    Kind.BYTE: lambda _: bytes,
    Kind.STRING: lambda _: bytes.decode,
    Kind.XSTRING: lambda _: bytes,
    Kind.UTCLONG: lambda _: lambda data: stamp(int.from_bytes(data, "little")),
}


def units(stamp_: str) -> int:
    """Of a time stamp as ISO 8601 has it; 0 is the initial one.

    Raises ValueError.
    """
    if not stamp_.strip():
        return 0
    found = _STAMP.fullmatch(stamp_.strip())
    if not found:
        raise ValueError(f"{stamp_!r} is no time stamp")
    date, time, fraction = found.groups()
    since = datetime.fromisoformat(f"{date}T{time}") - _YEAR_1 + _JULIAN
    return (since.days * 86400 + since.seconds) * _UNITS + int((fraction or "0").ljust(7, "0")) + 1


def stamp(units_: int) -> str:
    """The other way: `2026-11-22T23:59:59.1234567`."""
    if not units_:
        return ""
    seconds, fraction = divmod(units_ - 1, _UNITS)
    return f"{(_YEAR_1 + (timedelta(seconds=seconds) - _JULIAN)).isoformat()}.{fraction:07d}"

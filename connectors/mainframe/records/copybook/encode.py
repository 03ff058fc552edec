"""Values to a record's bytes: for requests, and the way back from what `decode` makes."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from connectors.mainframe.records.copybook.codes import code_page
from connectors.mainframe.records.copybook.fields import fill, is_binary
from connectors.mainframe.records.copybook.item import Item, Sign, Usage
from connectors.mainframe.records.copybook.nodes import (
    Choice,
    Group,
    Layout,
    Leaf,
    Node,
    Row,
    Table,
    columns,
    nulls_of,
    same,
)
from connectors.mainframe.records.copybook.picture import Kind, Picture
from connectors.mainframe.records.options import RecordOptions

type _Values = Mapping[str, Any]

_PRECISION = 80
_ZONE_PLUS, _ZONE_MINUS, _ZONE = 0xC0, 0xD0, 0xF0
_ASCII_PLUS, _ASCII_MINUS = b"{ABCDEFGHI", b"}JKLMNOPQR"


class Encoder:
    """Errors of `encode`: ValueError naming the item."""

    def __init__(self, layout: Layout, options: RecordOptions) -> None:
        self._row, self._options = layout.row, options
        self._blank = code_page(options.code_page).encode(" ")

    def encode(self, values: _Values) -> bytes:
        """A record; items that are not named, or None, have what INITIALIZE gives them: blanks and zeros.

        Tables are lists, groups of struct columns mappings; of items that redefine one another those count
        that are named. Counters of tables may be left out.
        """
        return self._encoded(self._row, values)

    def must_know(self, names: Mapping[str, Any]) -> None:
        """Errors: ValueError, when an item is none of the record."""
        _named(self._row.members, names, self._options)

    def _encoded(self, row: Row, values: _Values) -> bytes:
        parts = [
            bytearray() if isinstance(part, Table) else bytearray(self._blank * part) for part in row.parts
        ]
        self._members(row.members, _named(row.members, values, self._options), parts)
        return b"".join(parts)

    def _members(self, members: Sequence[Node], values: _Values, parts: list[bytearray]) -> None:
        for node in members:
            match node:
                case Leaf():
                    self._put(parts[node.part], node.offset, self._leaf(node, values.get(node.label)))
                case Group() if self._options.groups == "flat":
                    self._members(node.members, values, parts)
                case Group():
                    inner = values.get(node.label) or {}
                    self._members(node.members, _named(node.members, inner, self._options), parts)
                case Choice():
                    self._members(self._chosen(node, values), values, parts)
                case Table():
                    self._table(node, values.get(node.label) or (), parts)

    def _chosen(self, choice: Choice, values: _Values) -> Sequence[Node]:
        """The alternative of which something is named, else the first."""
        for _, members in choice.alternatives:
            if any(values.get(node.label) is not None for node in columns(members, self._options)):
                return members
        return choice.alternatives[0][1]

    def _table(self, table: Table, elements: Sequence[Any], parts: list[bytearray]) -> None:
        if not len(elements) <= table.most:
            raise ValueError(f"{table.label} has {len(elements)} elements; it takes {table.most}")
        label = table.plain.label if table.plain else ""
        rows = [self._encoded(table.row, {label: each} if table.plain else each) for each in elements]
        least = table.least if table.counter else table.most
        rows += [self._encoded(table.row, {})] * (least - len(rows))
        if table.counter is None:
            self._put(parts[table.part], table.offset, b"".join(rows))
        else:
            parts[table.part][:] = b"".join(rows)
            self._put(parts[table.counter.part], table.counter.offset, self._leaf(table.counter, len(rows)))

    def _put(self, part: bytearray, offset: int, raw: bytes) -> None:
        part[offset : offset + len(raw)] = raw

    def _leaf(self, leaf: Leaf, value: Any) -> bytes:
        try:
            if value is None and (told := nulls_of(leaf, self._options)):
                return fill(told[0], self._options.code_page) * leaf.size
            return self._raw(leaf, value)
        except (ValueError, InvalidOperation, OverflowError, struct.error) as error:
            told_ = str(error) if type(error) is ValueError else "it is not of its type"
            raise ValueError(f"{leaf.label} cannot be {value}: {told_}") from None

    def _raw(self, leaf: Leaf, value: Any) -> bytes:
        item = leaf.item
        if is_binary(leaf, self._options):
            raw = bytes.fromhex(value) if isinstance(value, str) else bytes(value or b"")
            return _filled(raw, item, b"\0")
        if item.usage in (Usage.FLOAT, Usage.DOUBLE):
            return self._floating(item, float(value or 0))
        picture = item.picture
        assert picture is not None  # noqa: S101 -- the grammar's
        if picture.kind is Kind.NUMBER:
            return self._number(item, picture, _scaled(value or 0, picture))
        page = code_page("utf-16-be" if picture.kind is Kind.NATIONAL else self._options.code_page)
        try:
            return _filled(page.encode("" if value is None else str(value)), item, page.encode(" "))
        except UnicodeEncodeError as error:
            raise ValueError(f"{error.object[error.start]!r} is not in {self._options.code_page}") from None

    # -- numbers

    def _number(self, item: Item, picture: Picture, number: int) -> bytes:
        if number < 0 and not picture.signed:
            raise ValueError("it has no sign")
        if item.usage in (Usage.BINARY, Usage.NATIVE):
            return self._binary(item, picture, number)
        if abs(number) >= 10**picture.digits:
            raise ValueError(f"it has {picture.digits} digits")
        digits = f"{abs(number):0{picture.digits}}"
        if item.usage is Usage.PACKED:
            nibble = "f" if not picture.signed else "d" if number < 0 else "c"
            return bytes.fromhex(f"{digits}{nibble}".zfill(2 * item.size))
        return self._zoned(item.sign or Sign(), digits, number < 0, signed=picture.signed)

    def _binary(self, item: Item, picture: Picture, number: int) -> bytes:
        if item.usage is Usage.BINARY and abs(number) >= 10**picture.digits:
            raise ValueError(f"it has {picture.digits} digits")
        order = self._options.byte_order if item.usage is Usage.NATIVE else "big"
        return number.to_bytes(item.size, order, signed=picture.signed)

    def _zoned(self, sign: Sign, digits: str, negative: bool, *, signed: bool) -> bytes:  # noqa: FBT001 -- a sign
        page = code_page(self._options.code_page)
        raw = bytearray(page.encode(digits))
        if not signed:
            return bytes(raw)
        if sign.separate:
            mark = page.encode("-" if negative else "+")
            return bytes(mark + raw if sign.leading else raw + mark)
        at = 0 if sign.leading else -1
        digit = int(digits[at])
        if page.is_ebcdic:
            raw[at] = (_ZONE_MINUS if negative else _ZONE_PLUS) | digit
        else:
            raw[at] = (_ASCII_MINUS if negative else _ASCII_PLUS)[digit]
        return bytes(raw)

    def _floating(self, item: Item, number: float) -> bytes:
        if self._options.floats == "ieee":
            order = ">" if self._options.byte_order == "big" else "<"
            return struct.pack(order + ("f" if item.usage is Usage.FLOAT else "d"), number)
        return _hexadecimal(number, item.size)


def _hexadecimal(number: float, size: int) -> bytes:
    """The nearest float of base 16, normalised."""
    bits = 8 * (size - 1)
    sign = 0x80 if math.copysign(1, number) < 0 else 0
    if number == 0:
        return bytes([sign]).ljust(size, b"\0")
    mantissa, power = math.frexp(abs(number))
    exponent = -(-power // 4)
    fraction = round(math.ldexp(mantissa, power - 4 * exponent + bits))
    if fraction == 1 << bits:
        fraction, exponent = fraction >> 4, exponent + 1
    if not 0 <= exponent + 64 < 128:  # noqa: PLR2004 -- seven bits, excess 64
        raise ValueError("it is too large or too small for a hexadecimal float")
    return bytes([sign | exponent + 64]) + fraction.to_bytes(size - 1, "big")


def _scaled(value: Any, picture: Picture) -> int:
    """The number that the digits show."""
    with localcontext(prec=_PRECISION):
        scaled = Decimal(str(value)).scaleb(picture.scale)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"it has decimals beyond its picture's, which end at 1e{-picture.scale}")
        return int(scaled)


def _filled(raw: bytes, item: Item, blank: bytes) -> bytes:
    if len(raw) > item.size:
        raise ValueError(f"it has {item.size} bytes")
    padding = blank * ((item.size - len(raw)) // len(blank))
    return padding + raw if item.justified else raw + padding


def _named(members: Sequence[Node], values: _Values, options: RecordOptions) -> _Values:
    """By the columns' labels, however the names are spelled."""
    known: Mapping[str, str] = {same(node.label): node.label for node in columns(members, options)}
    named = {known.get(same(name), ""): value for name, value in values.items()}
    if "" in named:
        strange = next(name for name in values if same(name) not in known)
        raise ValueError(f"there is no item {strange}; there are {', '.join(known.values())}")
    return named

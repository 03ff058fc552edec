"""How an elementary item is read: by which function, to which type, and what it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

import pyarrow as pa

from bridge.errors import ConfigError
from connectors.mainframe.records.copybook import numbers, texts
from connectors.mainframe.records.copybook.codes import code_page
from connectors.mainframe.records.copybook.item import Item, Usage
from connectors.mainframe.records.copybook.nodes import Condition, Leaf, fits
from connectors.mainframe.records.copybook.numbers import Read
from connectors.mainframe.records.copybook.picture import Kind
from connectors.mainframe.records.options import RecordOptions, Value

type Reading = Callable[[bytes, int, Item, RecordOptions], Read]

_FILLS = {"spaces": " ", "zeros": "0"}
_BYTES = {"low-values": 0x00, "high-values": 0xFF}
_BY_USAGE: Mapping[Usage, Reading] = {
    Usage.BINARY: numbers.binary,
    Usage.NATIVE: numbers.binary,
    Usage.PACKED: numbers.packed,
    Usage.FLOAT: numbers.floating,
    Usage.DOUBLE: numbers.floating,
    Usage.POINTER: texts.octets,
}


def reading_of(leaf: Leaf, options: RecordOptions) -> Reading:
    picture = leaf.item.picture
    if picture is None or leaf.item.usage in _BY_USAGE:
        return _BY_USAGE[leaf.item.usage or Usage.POINTER]
    if picture.kind is Kind.NUMBER:
        return numbers.zoned
    if picture.kind is Kind.NATIONAL:
        return texts.national
    return texts.octets if any(fits(pattern, leaf) for pattern in options.binary) else texts.text


def is_binary(leaf: Leaf, options: RecordOptions) -> bool:
    return reading_of(leaf, options) is texts.octets


def type_of(leaf: Leaf, options: RecordOptions) -> pa.DataType:
    reading = reading_of(leaf, options)
    if reading is texts.octets:
        return pa.binary()
    return pa.string() if reading in (texts.text, texts.national) else numbers.arrow_type(leaf.item)


_KINDS = {
    Usage.PACKED: "packed number",
    Usage.BINARY: "number of an int64",
    Usage.NATIVE: "number of an int64",
    Usage.FLOAT: "finite number",
    Usage.DOUBLE: "finite number",
}


def fill(name: str, page: str) -> bytes:
    return bytes([_BYTES[name]]) if name in _BYTES else code_page(page).encode(_FILLS[name])


def reason_of(leaf: Leaf, raw: bytes, options: RecordOptions) -> str:
    for name in ("spaces", "low-values", "high-values"):
        if raw == fill(name, options.code_page) * len(raw):
            return f"holds {name}"
    if leaf.item.picture and leaf.item.picture.kind is not Kind.NUMBER:
        return f"is no text in {options.code_page}"
    return f"is no {_KINDS.get(leaf.item.usage or Usage.DISPLAY, 'zoned number')}"


def values_of(condition: Condition, kind: pa.DataType) -> pa.Array:
    return pa.array([_value(condition.leaf, value, kind) for value in condition.values], kind)


def _value(leaf: Leaf, value: Value, kind: pa.DataType) -> str | bytes | int | Decimal | float:
    """Errors: ConfigError, when the item never holds such a value."""
    try:
        if pa.types.is_string(kind):
            return str(value)
        if pa.types.is_binary(kind):
            return bytes.fromhex(str(value))
        number = Decimal(str(value))
        return number if pa.types.is_decimal(kind) else int(number)
    except (ValueError, InvalidOperation):
        raise ConfigError(f"{leaf.label} never holds {value}", remedy="correct the condition") from None

"""The declared types of columns out of Java maps, lists and beans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connectors.mainframe import columns
from connectors.mainframe.records.java_options import JavaField
from connectors.mainframe.records.java_values import walk
from connectors.mainframe.values import reader


def type_of(each: JavaField) -> pa.DataType:
    if each.fields:
        return pa.struct([pa.field(name, type_of(field)) for name, field in each.fields.items()])
    if each.items is not None:
        return pa.list_(type_of(each.items))
    if each.type is None:
        return columns.type_of(each)
    if each.type.startswith("decimal"):
        precision, scale = map(int, each.type[8:-1].split(","))
        return pa.decimal128(precision, scale)
    return _TYPES[each.type]


_TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(), "integer": pa.int64(), "double": pa.float64(), "boolean": pa.bool_(),
    "date": pa.date32(), "time": pa.time64("us"), "timestamp": pa.timestamp("us"), "binary": pa.binary(),
}  # fmt: skip


def value_of(each: JavaField, value: Any) -> Any:
    """Errors: ValueError, when it is not of the field's type."""
    if value is None or (isinstance(value, str) and value.strip() in each.null):
        return None
    if each.fields:
        if not isinstance(value, Mapping):
            raise ValueError("is no map or bean")
        return {
            name: value_of(field, walk(value, (field.path or name).split(".")))
            for name, field in each.fields.items()
        }
    if each.items is not None:
        if not isinstance(value, list):
            raise ValueError("is no list")
        return [value_of(each.items, one) for one in value]
    if each.type is None:
        if isinstance(value, Mapping | list | bytes):
            raise ValueError("is no text")
        return reader(each, "none")(str(value))
    kind = type_of(each)
    try:
        made = _MAKE[each.type.partition("(")[0]](value)
        return pa.scalar(made, kind).as_py()
    except (TypeError, LookupError, ArithmeticError, pa.ArrowInvalid):
        raise ValueError(f"is no {each.type}") from None


def _whole(value: Any) -> int:
    number = Decimal(str(value))
    if isinstance(value, bool) or number != number.to_integral_value():
        raise TypeError
    return int(number)


def _true(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[str(value).strip().lower()]


def _octets(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError
    return value


def _timestamp(value: Any) -> dt.datetime:
    """Of the moment in UTC, where it tells its zone."""
    found = dt.datetime.fromisoformat(str(value))
    return found.astimezone(dt.UTC).replace(tzinfo=None) if found.tzinfo else found


def _plain(value: Any) -> str:
    if isinstance(value, Mapping | list | bytes):
        raise TypeError
    return str(value)


_MAKE: Mapping[str, Callable[[Any], Any]] = {
    "text": _plain,
    "integer": _whole,
    "decimal": lambda value: Decimal(_plain(value)),
    "double": float,
    "boolean": _true,
    "date": lambda value: dt.date.fromisoformat(str(value)[:10]),
    "time": lambda value: dt.time.fromisoformat(str(value)),
    "timestamp": _timestamp,
    "binary": _octets,
}

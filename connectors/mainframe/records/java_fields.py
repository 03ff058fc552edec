"""The declared types of columns out of Java maps, lists and beans."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connectors.mainframe import columns
from connectors.mainframe.records.java_options import JavaField
from connectors.mainframe.records.java_values import Garbled, walk
from connectors.mainframe.values import reader


def field_of(name: str, each: JavaField, *, nullable: bool = True) -> pa.Field:
    if each.type is None and not each.fields and each.items is None:
        return columns.field_of(name, each, nullable=nullable)
    return pa.field(name, type_of(each), nullable)


def type_of(each: JavaField) -> pa.DataType:
    if each.fields:
        return pa.struct([field_of(name, field) for name, field in each.fields.items()])
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
    if type(value) is Garbled:
        raise ValueError("is no text of Unicode: it has half a character")
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


def _date(value: Any) -> dt.date:
    """A time of day of 0 goes with it in Java's older classes. Errors: _Lossy, TypeError."""
    found = _parsed(dt.datetime.fromisoformat, value)
    if found.tzinfo:
        raise _Lossy("is an instant, whose day depends on the zone: read it as a timestamp")
    if found.time() != dt.time():
        raise _Lossy("has a time of day: read it as a timestamp")
    return found.date()


def _time(value: Any) -> dt.time:
    """Errors: _Lossy, TypeError."""
    found = _parsed(dt.time.fromisoformat, value)
    if found.tzinfo:
        raise _Lossy("has a zone: read it as text")
    return found


def _timestamp(value: Any) -> dt.datetime:
    """Of the moment in UTC, where it tells its zone. Errors: _Lossy, TypeError."""
    found = _parsed(dt.datetime.fromisoformat, value)
    return found.astimezone(dt.UTC).replace(tzinfo=None) if found.tzinfo else found


class _Lossy(ValueError):
    """A value that its type would cut."""


def _parsed[T](parse: Callable[[str], T], value: Any) -> T:
    """Python's parsers drop what is finer than microseconds."""
    text = str(value)
    try:
        found = parse(text)
    except ValueError:
        raise TypeError from None
    if _FINER.search(text):
        raise _Lossy("has more than microseconds: read it as text")
    return found


_FINER = re.compile(r"[.,]\d{6}0*[1-9]")


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
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "binary": _octets,
}

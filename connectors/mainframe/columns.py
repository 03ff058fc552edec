"""The declared Arrow columns of a map's fields. Nothing is inferred from what the first screens show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from bridge.contract import declared
from connectors.mainframe.dates import Format
from connectors.mainframe.meanings import Value
from connectors.mainframe.shapes import NumberPicture

_MOST_DIGITS_OF_INT64 = 18
_MILLISECONDS = 3


def schema(fields: Mapping[str, Value], key: Collection[str]) -> pa.Schema:
    """The columns of a screen's fields or of a list, hidden ones left out, in the map's order."""
    shown = {name: each for name, each in fields.items() if not each.hidden}
    return pa.schema([field_of(name, each, nullable=name not in key) for name, each in shown.items()])


def field_of(name: str, value: Value, *, nullable: bool = True) -> pa.Field:
    form = value.compiled
    metadata = declared(form.digits) if isinstance(form, Format) else None
    return pa.field(name, type_of(value), nullable, metadata)


def type_of(value: Value) -> pa.DataType:
    """Whole numbers are int64 up to 18 digits, all other numbers exact decimals."""
    if value.true is not None:
        return pa.bool_()
    match value.compiled:
        case NumberPicture(digits=digits, scale=0) if digits <= _MOST_DIGITS_OF_INT64:
            return pa.int64()
        case NumberPicture(digits=digits, scale=scale):
            return pa.decimal128(max(digits, scale), scale)
        case Format() as form:
            return _type_of_time(form)
    return pa.string()


def kind_of(value: Value) -> str:
    """What its values can be compared with."""
    kind = type_of(value)
    if pa.types.is_string(kind):
        return "text"
    return "number" if pa.types.is_integer(kind) or pa.types.is_decimal(kind) else str(kind)


def _type_of_time(form: Format) -> pa.DataType:
    """In the coarsest unit that loses nothing."""
    unit = "s" if not form.digits else "ms" if form.digits <= _MILLISECONDS else "us"
    if form.kind == "date":
        return pa.date32()
    if form.kind == "time":
        return pa.time64(unit) if unit == "us" else pa.time32(unit)
    return pa.timestamp(unit)


def batch(columns: pa.Schema, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows of values as columns; a row that lacks a value has a null there, so leave out those with problems.

    Errors: KeyError when a row lacks a value that cannot be null.
    """
    arrays = [pa.array(_values(field, rows), field.type) for field in columns]
    return pa.record_batch(arrays, schema=columns)


def _values(field: pa.Field, rows: Iterable[Mapping[str, Any]]) -> list[Any]:
    return [row.get(field.name) if field.nullable else row[field.name] for row in rows]

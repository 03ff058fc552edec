"""The form in which images are compared: canonical JSON, whatever their events look like."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from bridge.contract import NUMBER_TEXT, Table, declared
from bridge.diff.reading import ERRORS, array, repeated
from bridge.encode import EncoderOptions
from bridge.encode.columns import Columns, UnsupportedError
from bridge.encode.texts import NOTHING, joined, members
from bridge.errors import PermanentError

DIGEST = 16
"""Bytes: 128 bit, BLAKE2b (RFC 7693)."""
MARK = 8
"""Bytes: a mark is compared with one other only, that of the same row."""

_COLUMNS = Columns(EncoderOptions.model_validate({}))
_PLAIN = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
_UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}
"""By the digits of a second."""


def texts(rows: pa.RecordBatch, absent: Mapping[str, pa.Array] = NOTHING) -> list[bytes | None]:
    """A JSON object for each row; None for one that has no such form. Errors: PermanentError."""
    count = rows.num_rows
    try:
        return [*joined([b"{", *members(rows, _COLUMNS, absent), b"}"], count)] if count else []
    except UnsupportedError as error:
        raise PermanentError(str(error), remedy="exclude the column") from error
    except ValueError:
        if count == 1:
            return [None]
    half = count // 2
    first = {name: mask.slice(0, half) for name, mask in absent.items()}
    last = {name: mask.slice(half) for name, mask in absent.items()}
    return texts(rows.slice(0, half), first) + texts(rows.slice(half), last)


def digests(
    rows: pa.RecordBatch,
    absent: Mapping[str, pa.Array] = NOTHING,
    *,
    before: bytes = b"",
    formless: bytes = b"",
) -> list[bytes]:
    """`before` and a digest for each row; of one without a form, `formless` and that of its Arrow bytes."""
    forms = texts(rows, absent)
    hashed, size = blake2b, DIGEST
    return [
        before + hashed(form, digest_size=size).digest()
        if form is not None
        else formless + hashed(_raw(rows, row), digest_size=size).digest()
        for row, form in enumerate(forms)
    ]


def marked(marks: pa.Array, form: str) -> list[bytes]:
    """What is kept of a connector's marks, nothing of a null; errors: PermanentError.

    The table's `form` is a part of it: when that changes, every row is another one, and must be read.
    """
    known, start = marks.is_valid().to_pylist(), form.encode()
    written = texts(pa.RecordBatch.from_arrays([marks], ["mark"]))
    return [
        blake2b(start + text, digest_size=MARK).digest() if text is not None and is_known else b""
        for text, is_known in zip(written, known, strict=True)
    ]


def _raw(rows: pa.RecordBatch, row: int) -> bytes:
    """The same wherever the row stands: a slice would be written as it lies in its columns."""
    return bytes(rows.take([row]).serialize())


def digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=DIGEST).digest()


def key_row(values: Mapping[str, Any] | None, table: Table) -> pa.RecordBatch | None:
    """The key of a reject as a row's; None when these are no values of it."""
    fields = [table.schema.field(name) for name in table.key]
    try:
        arrays = [repeated(values[field.name], field.type) for field in fields] if values else []
    except (KeyError, *ERRORS):
        return None
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)) if arrays else None


def key_of(values: Mapping[str, Any] | None, table: Table) -> bytes | None:
    """The form of such a key; None when there is none."""
    row = key_row(values, table)
    return None if row is None else texts(row)[0]


def rows_of(forms: Sequence[bytes], table: Table, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The columns `names` of rows, from the forms of just these, as they were written then.

    Errors: PermanentError.
    """
    objects: dict[Hashable, tuple[tuple[pa.Field, ...], list[Any]]] = {}
    for form, fields in zip(forms, fields_of(forms, table, names), strict=True):
        objects.setdefault(alike(fields), (fields, []))[1].append(json.loads(form))
    try:
        for fields, some in objects.values():
            arrays = [array([each[field.name] for each in some], field.type) for field in fields]
            yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
    except ERRORS as error:
        raise PermanentError(
            f"table {table.name}: its deleted rows cannot be told by their key: {error}",
            remedy="choose a key of numbers, texts, dates or times",
        ) from error


def fields_of(forms: Sequence[bytes], table: Table, names: Sequence[str]) -> list[tuple[pa.Field, ...]]:
    """Of each form those by which its columns `names` are written so: today's, if these still do."""
    objects = [json.loads(form) for form in forms]
    fields = (table.schema.field(name) for name in names)
    columns = [_fields(field, [each[field.name] for each in objects]) for field in fields]
    return [*zip(*columns, strict=True)] if columns else [()] * len(forms)


def alike(fields: Iterable[pa.Field]) -> Hashable:
    """The same of fields by which the same is written; Arrow's own comparison passes metadata over."""
    return tuple((field, str(field.metadata)) for field in fields)


def _fields(field: pa.Field, values: Sequence[Any]) -> list[pa.Field]:
    try:
        rows = pa.RecordBatch.from_arrays([array(values, field.type)], schema=pa.schema([field]))
        forms = [form and json.loads(form)[field.name] for form in texts(rows)]
    except ERRORS:
        half = len(values) // 2
        if half == 0:
            return [_former(field, value) for value in values]
        return _fields(field, values[:half]) + _fields(field, values[half:])
    # 1, 1.0 and true are equal, and three keys.
    return [
        field if repr(form) == repr(value) else _former(field, value)
        for form, value in zip(forms, values, strict=True)
    ]


def _former(field: pa.Field, value: Any) -> pa.Field:
    """By what a value was written that today's type would write otherwise, or not at all."""
    if not isinstance(value, str):
        if isinstance(value, int) and value >= 2**63:
            return pa.field(field.name, pa.uint64())
        return pa.field(field.name, _PLAIN.get(type(value)) or pa.array([value]).type)
    kind, count = field.type, len(value.removesuffix("Z").partition(".")[2])
    unit = next((unit for most, unit in _UNITS.items() if count <= most), None)
    if pa.types.is_timestamp(kind) and "T" in value and unit:
        zone = "UTC" if value.endswith("Z") else None
        return pa.field(field.name, pa.timestamp(unit, zone), metadata=declared(count))
    if pa.types.is_time(kind) and unit:
        of = pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)
        return pa.field(field.name, of, metadata=declared(count))
    return pa.field(field.name, pa.string(), metadata=NUMBER_TEXT if pa.types.is_decimal(kind) else None)

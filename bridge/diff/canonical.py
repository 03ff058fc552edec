"""The form in which images are compared: canonical JSON, whatever their events look like."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.types as t

from bridge.contract import Table
from bridge.encode import EncoderOptions
from bridge.encode.columns import Columns, UnsupportedError
from bridge.encode.texts import NOTHING, joined, members
from bridge.errors import PermanentError

DIGEST = 16
"""Bytes: 128 bit, BLAKE2b (RFC 7693)."""
MARK = 8
"""Bytes: a mark is compared with one other only, that of the same row."""

_COLUMNS = Columns(EncoderOptions.model_validate({}))


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


def key_of(values: Mapping[str, Any], table: Table) -> bytes | None:
    """The form of a key that came as plain values; None when they are none of the table's."""
    try:
        fields = [table.schema.field(name) for name in table.key]
        arrays = [_array([values[field.name]], field.type) for field in fields]
        (form,) = texts(pa.RecordBatch.from_arrays(arrays, list(table.key)))
    except (KeyError, ValueError, TypeError, pa.ArrowException):
        return None
    return form


def rows_of(forms: Sequence[bytes], table: Table, names: Sequence[str]) -> pa.RecordBatch:
    """The columns `names` of rows, from the forms of just these. Errors: PermanentError."""
    objects = [json.loads(form) for form in forms]
    fields = [table.schema.field(name) for name in names]
    try:
        arrays = [_array([each[field.name] for each in objects], field.type) for field in fields]
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise PermanentError(
            f"table {table.name}: its deleted rows cannot be told by their key: {error}",
            remedy="choose a key of numbers, texts, dates or times",
        ) from error
    return pa.RecordBatch.from_arrays(arrays, list(names))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values as JSON has them, as Arrow has them."""
    if t.is_time(kind):  # Arrow reads no times of day, but points in time
        moments = pa.array([None if value is None else _moment(value) for value in values])
        counts = moments.cast(pa.timestamp(kind.unit)).cast(pa.int64())
        return (counts.cast(pa.int32()) if t.is_time32(kind) else counts).cast(kind)
    if (t.is_date32(kind) or t.is_timestamp(kind)) and not _ENDLESS.isdisjoint(map(str, values)):
        return _with_endless(values, kind)
    for fits, read in _READ:
        if fits(kind):
            return pa.array([None if value is None else read(value) for value in values]).cast(kind)
    return pa.array(values, kind)


def _moment(time: str) -> str:
    return f"1970-01-02T00{time[2:]}" if time.startswith("24") else f"1970-01-01T{time}"


def _with_endless(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Of dates and timestamps the extreme numbers stand for these."""
    largest = 2 ** (kind.bit_width - 1) - 1
    ends = {"infinity": largest, "-infinity": -largest - 1}
    number = pa.int32() if t.is_date32(kind) else pa.int64()
    finite = _array([None if value in ends else value for value in values], kind).view(number).to_pylist()
    counts = [ends.get(value, count) for value, count in zip(values, finite, strict=True)]
    return pa.array(counts, number).view(kind)


def _is_text(kind: pa.DataType) -> bool:
    tests = (t.is_decimal, t.is_date, t.is_timestamp)
    return any(test(kind) for test in tests)


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (t.is_binary, t.is_large_binary, t.is_fixed_size_binary, t.is_binary_view)
    return any(test(kind) for test in tests)


_ENDLESS = {"infinity", "-infinity"}
_READ: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]], ...] = (
    (_is_text, str),
    (_is_bytes, base64.b64decode),
    (t.is_floating, float),
)

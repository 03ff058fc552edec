"""Arrow rows to JSON text, one piece of bytes a row. A text that is the same for all rows is kept once."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby, repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t
from arro3.io import write_ndjson

from bridge.encode.columns import Columns, UnsupportedError

type Text = bytes | list[bytes]
"""One text for all rows, or one for each."""

NOTHING: Mapping[str, pa.Array] = {}

_FINITE = frozenset(
    kind.id for kind in (pa.null(), pa.bool_(), pa.int16(), pa.int32(), pa.int64(), pa.string())
)
"""Most columns, found at once."""
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
UNAVAILABLE = b'"__debezium_unavailable_value"'


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def joined(parts: Sequence[Text], rows: int) -> list[bytes]:
    """The parts side by side, `rows` texts of them."""
    merged: list[Text] = []
    for part in parts:
        if isinstance(part, bytes) and merged and isinstance(merged[-1], bytes):
            merged[-1] += part
        else:
            merged.append(part)
    if len(merged) == 1 and isinstance(merged[0], list):
        return merged[0]
    streams = (repeat(part, rows) if isinstance(part, bytes) else part for part in merged)
    return list(map(b"".join, zip(*streams, strict=True)))


def members(batch: pa.RecordBatch, columns: Columns, absent: Mapping[str, pa.Array] = NOTHING) -> list[Text]:
    """The inside of each row's JSON object. Errors: UnsupportedError and ValueError name the column."""
    names, fields = batch.schema.names, list(batch.schema)
    plain = [_plain(field, column, columns) for field, column in zip(fields, batch.columns, strict=True)]
    special = [
        (_numbers(column) if columns.unquotes(field) else {}) | _special(column, absent.get(field.name))
        for field, column in zip(fields, plain, strict=True)
    ]
    if not any(special):
        return [_written(plain, names)]
    parts: list[Text] = []
    for is_special, indices in groupby(range(len(names)), key=lambda i: bool(special[i])):
        for run in ([i] for i in indices) if is_special else (list(indices),):
            text = _written([plain[i] for i in run], [names[i] for i in run])
            for row, value in special[run[0]].items():
                text[row] = compact(names[run[0]]) + b":" + value
            parts += [b",", text] if parts else [text]
    return parts


def _plain(field: pa.Field, array: pa.Array, columns: Columns) -> pa.Array:
    try:
        plain = columns.column(field, array)
    except (UnsupportedError, NotImplementedError) as error:
        raise UnsupportedError(f"column {field.name}: {error}") from error
    except ValueError as error:
        raise ValueError(f"column {field.name}: {error}") from error
    return checked(field, plain)


def checked(field: pa.Field, array: pa.Array, *, full: bool = True) -> pa.Array:
    """The same, its buffers large enough; `full`: its texts are UTF-8, too. Errors: ValueError."""
    try:
        array.validate(full=full)  # text that is not UTF-8 would reach the event as it is
    except ValueError as error:
        raise ValueError(f"column {field.name}: {error}") from error
    return array


def _written(arrays: list[pa.Array], names: list[str]) -> list[bytes]:
    """The rows as `"a":1,"b":2`. No JSON text has a raw line feed inside, so it can be split there."""
    file = io.BytesIO()
    try:
        write_ndjson(pa.RecordBatch.from_arrays(arrays, names), file, explicit_nulls=True)
    except Exception as error:  # the writer raises nothing more special
        raise ValueError(str(error)) from error
    return file.getvalue()[1:-2].split(b"}\n{")


def _special(array: pa.Array, absent: pa.Array | None) -> dict[int, bytes]:
    """The rows whose text the writer cannot make: floats that JSON has no number for, and values not read."""
    special: dict[int, bytes] = {}
    if not _finite(array):
        for row, value in enumerate(array.to_pylist()):
            if not _finite_value(value):
                special[row] = _rendered(value, array.type).encode()
    if absent is not None:
        special |= dict.fromkeys(pc.indices_nonzero(absent).to_pylist(), UNAVAILABLE)
    return special


def _numbers(array: pa.Array) -> dict[int, bytes]:
    """The rows whose text is a number, and no NaN."""
    texts = enumerate(array.to_pylist())
    return {row: text.encode() for row, text in texts if text is not None and _NUMBER.fullmatch(text)}


def _finite(array: pa.Array) -> bool:
    if array.type.id in _FINITE:
        return True
    if t.is_floating(array.type):
        return bool(pc.all(pc.is_finite(array), min_count=0).as_py())
    if t.is_struct(array.type):
        return all(map(_finite, array.flatten()))
    if t.is_map(array.type):
        return _finite(array.items)
    return not t.is_large_list(array.type) or _finite(array.flatten())


def _finite_value(value: Any) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case dict():
            return all(map(_finite_value, value.values()))
        case list() | tuple():
            return all(map(_finite_value, value))
    return True


def _rendered(value: Any, kind: pa.DataType) -> str:
    """The slow way, for a value with a NaN or an infinity somewhere in it."""
    if value is None:
        return "null"
    if t.is_struct(kind):
        return "{" + ",".join(_member(field.name, value[field.name], field.type) for field in kind) + "}"
    if t.is_map(kind):
        return "{" + ",".join(_member(name, item, kind.item_type) for name, item in value) + "}"
    if t.is_large_list(kind):
        return "[" + ",".join(_rendered(item, kind.value_type) for item in value) + "]"
    return _float(value, kind) if t.is_floating(kind) else _scalar(value)


def _float(value: float, kind: pa.DataType) -> str:
    if math.isnan(value):
        return '"NaN"'
    if math.isinf(value):
        return '"Infinity"' if value > 0 else '"-Infinity"'
    return str(pa.scalar(value, kind).cast(pa.string()))


def _scalar(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else compact(value).decode()


def _member(name: str, value: Any, kind: pa.DataType) -> str:
    return f"{compact(name).decode()}:{_rendered(value, kind)}"

"""A running query, as Arrow batches."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jpype
import pyarrow as pa

from bridge.errors import PermanentError
from connectors.jdbc.jvm import java
from connectors.jdbc.statements import Statement
from connectors.jdbc.types import NO_LIMIT, Column, Limit
from connectors.jdbc.values import Bound, Temporal, Written, written


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that does not fit its types: how many rows of the batch came before it, and why.

    `known` is one row of the columns that it is known by; those of them that cannot be read, either, are null
    there, and `strange`: the driver's own text of each.
    """

    after: int
    reason: str
    known: pa.RecordBatch
    strange: Mapping[str, str]

    @property
    def keys(self) -> Mapping[str, Written | None]:
        """What it is known by as a position has it, or in the driver's words; None when it has none."""
        columns = zip(self.known.schema.names, self.known.columns, strict=True)
        return {
            name: self.strange.get(name) or (written(values, 0) if values.null_count == 0 else None)
            for name, values in columns
        }


class Reader:
    """Opens cursors on one connection; they share the buffer in which batches leave Java."""

    def __init__(self, connection: Any, timeout: float, fetch_rows: int) -> None:
        """`timeout`: of a statement, in seconds; 0: somebody else sees to it."""
        self._connection, self._fetch_rows = connection, fetch_rows
        self._timeout = round(timeout)
        self._cursor, self._packer = java("bridge.jdbc.Cursor"), java("bridge.jdbc.Packer")()

    def open(self, statement: Statement) -> Cursor:
        """Prepare; `execute()` is the cursor's, so that `cancel()` has something to cancel meanwhile."""
        values = [_java_value(value) for value in statement.values]
        cursor = self._cursor(self._connection, statement.sql, values, self._fetch_rows, self._timeout)
        return Cursor(cursor, self._packer)


class Cursor:
    def __init__(self, cursor: Any, packer: Any) -> None:
        self._java = cursor
        self._packer = packer
        self._keys: Sequence[str] = ()
        self._limit = NO_LIMIT
        self._bound = False
        self.columns: Sequence[Column] = ()
        self.read_rows = 0

    def execute(self) -> str:
        """Run the query; returns the description of its columns (types.described). Errors: PermanentError."""
        try:
            return str(self._java.execute())
        except UnicodeDecodeError:
            raise PermanentError(
                f"the name of column {self._java.oddNames()} has no UTF-8 form: half of a surrogate pair",
                remedy="rename it, or leave it out by a `query`",
            ) from None

    def is_quiet(self, description: str) -> bool:
        """Run a query and end its transaction in one call: it brings no row, and its columns are the same."""
        return bool(self._java.isQuiet(description))

    def is_quiet_alone(self, description: str) -> bool:
        """The same outside a transaction."""
        return bool(self._java.isQuietAlone(description))

    def bind(self, columns: Sequence[Column], keys: Sequence[str], limit: Limit = NO_LIMIT) -> None:
        """Say how the columns are read, and which ones identify a row that cannot be."""
        self.columns, self._keys, self._limit = columns, keys, limit
        self._bound = False

    def _bind(self) -> None:
        """Not before there is a row: most polls find none."""
        names = [column.name for column in self.columns]
        places = [names.index(key) for key in self._keys]
        kinds = [column.kind for column in self.columns]
        self._java.bind(kinds, places, self._limit.bytes or 0, self._limit.oversize)
        self._bound = True

    @property
    def waiting(self) -> bool:
        """Is there a row that was not read yet?"""
        return bool(self._java.waiting())

    def read(self, schema: pa.Schema, rows: int, size: int) -> tuple[pa.RecordBatch, list[Refused]]:
        if not self._bound:
            self._bind()
        count = int(self._java.read(max(1, rows), max(1, size)))
        read, refused = self._batch(schema, count), self._refused(schema)
        self.read_rows += count + len(refused)
        return read, refused

    def _batch(self, schema: pa.Schema, count: int) -> pa.RecordBatch:
        if count == 0:
            return pa.RecordBatch.from_pylist([], schema=schema)
        return self._unpacked(schema, count, _numbers(self._packer.pack(self._java, count)))

    def _refused(self, schema: pa.Schema) -> list[Refused]:
        """They are rare."""
        if not (rejects := self._java.rejects()):
            return []
        fields = pa.schema([schema.field(name) for name in self._keys])
        known = self._unpacked(fields, len(rejects), _numbers(self._packer.packKeys(self._java)))
        return [
            Refused(int(row), str(why), known.slice(at, 1), self._strange(texts))
            for at, (row, why, *texts) in enumerate(rejects)
        ]

    def _strange(self, texts: Sequence[object | None]) -> dict[str, str]:
        pairs = zip(self._keys, texts, strict=True)
        return {name: str(text) for name, text in pairs if text is not None}

    def _unpacked(self, schema: pa.Schema, count: int, layout: Sequence[int]) -> pa.RecordBatch:
        """`layout`: as the packer tells it, of the columns that were asked for; others are null."""
        if not layout:
            return pa.RecordBatch.from_pylist([{}] * count, schema=schema)
        whole = pa.allocate_buffer(layout[-2] + layout[-1])
        pa.FixedSizeBufferWriter(whole).write(memoryview(self._packer.packed())[: whole.size])
        parts = [whole.slice(start, size) for start, size in zip(layout[::2], layout[1::2], strict=True)]
        brought = iter(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
        arrays = [
            pa.nulls(count) if pa.types.is_null(kind) else _array(kind, count, *next(brought))
            for kind in schema.types
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def cancel(self) -> None:
        self._java.cancel()

    def close(self) -> None:
        self._java.close()


def _numbers(array: Any) -> tuple[int, ...]:
    """Java's, at once and not one by one."""
    return struct.unpack(f"={len(array)}i", array)


def _array(
    kind: pa.DataType, count: int, validity: pa.Buffer, values: pa.Buffer, offsets: pa.Buffer
) -> pa.Array:
    varying = pa.types.is_string(kind) or pa.types.is_binary(kind)
    buffers = [validity if validity.size else None, *([offsets, values] if varying else [values])]
    return pa.Array.from_buffers(kind, count, buffers)


_CLASSES: dict[str | type, str] = {
    "date": "java.time.LocalDate",
    "time": "java.time.LocalTime",
    "timestamp": "java.time.LocalDateTime",
    "instant": "java.time.OffsetDateTime",
    "offset": "java.time.OffsetDateTime",
    bool: "java.lang.Boolean",
    float: "java.lang.Double",
    str: "java.lang.String",
}


def _java_value(value: Bound) -> Any:
    if isinstance(value, Temporal):
        return java(_CLASSES[value.form]).parse(value.text)
    if isinstance(value, bytes):
        return jpype.JArray(jpype.JByte)(value)
    if type(value) in _CLASSES:
        return java(_CLASSES[type(value)])(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value  # which JPype makes a java.lang.Long
    return java("java.math.BigDecimal")(str(value))

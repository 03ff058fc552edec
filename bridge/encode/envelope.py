"""Debezium's envelope in JSON: before, after, source, op, ts_ms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import repeat

import pyarrow as pa

from bridge.contract import Changes, Op
from bridge.encode import Encoded, EncoderOptions, Failure, Origin
from bridge.encode.columns import Columns, UnsupportedError, lossless
from bridge.encode.packing import Line
from bridge.encode.texts import NOTHING, Text, compact, joined, members
from bridge.errors import PermanentError
from bridge.native import library

_DELETE = b"d"
_READ = b"r"
_OWN = frozenset({"version", "connector", "name", "ts_ms", "snapshot", "table"})


class JsonEncoder:
    """Encodes a batch at once; only when a row of it has no encoding, smaller and smaller halves of it."""

    def __init__(self, options: EncoderOptions, *, native: bool = True) -> None:
        """`native`: whether C does what it can, where there is a library; the bytes are the same."""
        self._columns, self._key_columns = Columns(options), Columns(_lossless(options))
        self._packs = native and library() is not None

    def encode(self, changes: Changes, origin: Origin, now_ms: int) -> Encoded:
        """Errors: PermanentError names the table and what in it can never be encoded."""
        _check(changes)
        try:
            return self._from(0, changes, origin, now_ms)
        except UnsupportedError as error:
            raise PermanentError(
                f"table {changes.table.name}: {error}", remedy="exclude the column"
            ) from error

    def _from(self, first: int, changes: Changes, origin: Origin, now_ms: int) -> Encoded:
        rows = changes.rows.num_rows
        try:
            return self._whole(changes, origin, now_ms) if rows else Encoded([], [])
        except ValueError as error:
            if rows == 1:
                failure = Failure(first, str(error), self._key_if_possible(changes), _shown(changes.rows))
                return Encoded([], [], (failure,))
        half = rows // 2
        left = self._from(first, _part(changes, 0, half), origin, now_ms)
        right = self._from(first + half, _part(changes, half, rows - half), origin, now_ms)
        keys, values = [*left.keys, *right.keys], [*left.values, *right.values]
        return Encoded(keys, values, left.failures + right.failures)

    def _whole(self, changes: Changes, origin: Origin, now_ms: int) -> Encoded:
        rows = changes.rows.num_rows
        ops = _ops(changes)
        if self._packs and isinstance(ops, bytes) and _is_simple(changes, ops):
            return self._packed(changes, ops, origin, now_ms)
        keys = self._keys(changes)
        parts: list[Text] = [b'{"before":', *self._before(changes, ops, keys)]
        parts += [b',"after":', *self._after(changes, ops)]
        parts += [b',"source":', *self._source(changes, ops, origin)]
        parts += [b',"op":"', ops, b'","ts_ms":%d}' % now_ms]
        values = joined(parts, rows)
        if keys is None:
            return Encoded([None] * rows, [*values])
        return _with_tombstones(keys, values, ops) if _DELETE in ops else Encoded([*keys], [*values])

    def _packed(self, changes: Changes, op: bytes, origin: Origin, now_ms: int) -> Encoded:
        rows, key = changes.rows.num_rows, list(changes.table.key)
        line = Line(self._columns)
        line.text(b'{"before":null,"after":{')
        line.members(changes.rows)
        line.text(b'},"source":' + _named(origin) + b",")
        if changes.ts is None:
            line.text(b'"ts_ms":null')
        else:
            line.members(pa.RecordBatch.from_arrays([changes.ts], ["ts_ms"]))
        line.text(b',"snapshot":"%b"' % (b"true" if op == _READ else b"false"))
        line.text(b',"table":' + compact(changes.table.name))
        if changes.source is not None and changes.source.num_columns:
            line.text(b",")
            line.members(changes.source)
        line.text(b'},"op":"%b","ts_ms":%d}' % (op, now_ms))
        keys = Line(self._key_columns)
        keys.text(b"{")
        keys.members(changes.rows.select(key))
        keys.text(b"}")
        return Encoded(keys.written(rows) if key else [None] * rows, line.written(rows))

    def _keys(self, changes: Changes) -> list[bytes] | None:
        key = list(changes.table.key)
        parts = [b"{", *members(changes.rows.select(key), self._key_columns), b"}"]
        return joined(parts, changes.rows.num_rows) if key else None

    def _key_if_possible(self, changes: Changes) -> bytes | None:
        try:
            keys = self._keys(changes)
        except ValueError:
            return None
        return keys[0] if keys else None

    def _before(self, changes: Changes, ops: Text, keys: list[bytes] | None) -> list[Text]:
        """Where no before image is known: of a delete its key, or all it has in a table without a key."""
        before, rows = changes.before, changes.rows.num_rows
        identity: list[Text] = [b"null"]
        if _DELETE in ops:
            row = keys or joined(self._object(changes.rows), rows)
            identity = [_where(ops, _DELETE, row, b"null")]
        if before is None:
            return identity
        images = self._object(pa.RecordBatch.from_struct_array(before))
        if not before.null_count:
            return images
        known = before.is_valid().to_pylist()
        return [_where(known, True, joined(images, rows), joined(identity, rows))]

    def _after(self, changes: Changes, ops: Text) -> list[Text]:
        if ops == _DELETE:
            return [b"null"]
        images = self._object(changes.rows, changes.absent)
        if _DELETE in ops:
            return [_where(ops, _DELETE, b"null", joined(images, changes.rows.num_rows))]
        return images

    def _source(self, changes: Changes, ops: Text, origin: Origin) -> list[Text]:
        parts: list[Text] = [_named(origin), b","]
        if changes.ts is None:
            parts += [b'"ts_ms":null']
        else:
            parts += members(pa.RecordBatch.from_arrays([changes.ts], ["ts_ms"]), self._columns)
        snapshot = _where(ops, _READ, b"true", b"false")
        parts += [b',"snapshot":"', snapshot, b'","table":', compact(changes.table.name)]
        if changes.source is not None and changes.source.num_columns:
            parts += [b",", *members(changes.source, self._columns)]
        return [*parts, b"}"]

    def _object(self, rows: pa.RecordBatch, absent: Mapping[str, pa.Array] = NOTHING) -> list[Text]:
        return [b"{", *members(rows, self._columns, absent), b"}"]


def _lossless(options: EncoderOptions) -> EncoderOptions:
    return options.model_copy(update={"decimal": lossless(options.decimal)})


def _named(origin: Origin) -> bytes:
    """The beginning of the source's object."""
    names = {"version": origin.version, "connector": origin.kind, "name": origin.connector}
    return compact(names)[:-1]


def _is_simple(changes: Changes, op: bytes) -> bool:
    """Whether what the rows are now is all there is to tell of them."""
    return op != _DELETE and changes.before is None and not changes.absent


def _ops(changes: Changes) -> Text:
    if isinstance(changes.op, Op):
        return changes.op.value.encode()
    ops = [op.encode() for op in changes.op.to_pylist()]
    return ops[0] if len(set(ops)) == 1 else ops


def _where(tests: bytes | Sequence[object], wanted: object, yes: Text, no: Text) -> Text:
    """`yes` for the rows whose test is as wanted, `no` for the others."""
    if isinstance(tests, bytes):
        return yes if tests == wanted else no
    choices = zip(tests, _each(yes), _each(no), strict=False)
    return [first if test == wanted else second for test, first, second in choices]


def _each(text: Text) -> Iterable[bytes]:
    return repeat(text) if isinstance(text, bytes) else text


def _with_tombstones(keys: list[bytes], values: list[bytes], ops: Text) -> Encoded:
    all_keys: list[bytes | None] = []
    all_values: list[bytes | None] = []
    for key, value, op in zip(keys, values, _each(ops), strict=False):
        all_keys.append(key)
        all_values.append(value)
        if op == _DELETE:
            all_keys.append(key)
            all_values.append(None)
    return Encoded(all_keys, all_values)


def _part(changes: Changes, start: int, rows: int) -> Changes:
    def cut[A](array: A) -> A:
        return array.slice(start, rows) if isinstance(array, pa.Array | pa.RecordBatch) else array

    return replace(
        changes,
        rows=cut(changes.rows),
        op=cut(changes.op),
        before=cut(changes.before),
        absent={name: cut(mask) for name, mask in changes.absent.items()},
        source=cut(changes.source),
        ts=cut(changes.ts),
    )


def _check(changes: Changes) -> None:
    """What a connector must not do, found before any row is looked at."""
    names, table = changes.rows.schema.names, changes.table
    beside = (changes.op, changes.before, changes.source, changes.ts, *changes.absent.values())
    lengths = {len(part) for part in beside if isinstance(part, pa.Array | pa.RecordBatch)}
    own = changes.source.schema.names if changes.source is not None else []
    ops = set() if isinstance(changes.op, Op) else set(changes.op.unique().to_pylist())
    troubles = ["has two columns of one name"] if len(set(names)) < len(names) else []
    troubles += [
        f"has {count} values beside {len(changes.rows)} rows" for count in lengths - {len(changes.rows)}
    ]
    troubles += [f"has no key column {name}" for name in table.key if name not in names]
    troubles += [f"has no column {name} to be absent" for name in changes.absent if name not in names]
    troubles += [f"calls its key column {name} absent" for name in changes.absent if name in table.key]
    troubles += [f"redefines source.{name}" for name in _OWN.intersection(own)]
    troubles += [f"has an operation {op}, which is none of c, u, d, r" for op in ops - set(Op)]
    if troubles:
        raise PermanentError(f"table {table.name} {troubles[0]}", remedy="this is the connector's to mend")


def _shown(rows: pa.RecordBatch) -> str:
    """One row for a human, whatever is wrong with it."""
    return compact(dict(zip(rows.schema.names, map(_shown_value, rows.columns), strict=True))).decode()


def _shown_value(column: pa.Array) -> str | None:
    try:
        value = column[0].as_py()
        return None if value is None else str(value)
    except ValueError:
        if not isinstance(column, pa.StringArray | pa.LargeStringArray):
            return "(unreadable)"
        return str(column[0].as_buffer().to_pybytes(), errors="backslashreplace")

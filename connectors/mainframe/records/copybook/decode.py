"""Records to Arrow by a copybook's layout: whole columns of a block at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from bridge.errors import ConfigError
from connectors.mainframe.records.copybook import numbers, texts
from connectors.mainframe.records.copybook.codes import code_page
from connectors.mainframe.records.copybook.grammar import Item, Usage
from connectors.mainframe.records.copybook.layout import (
    Choice,
    Condition,
    Group,
    Layout,
    Leaf,
    Node,
    Table,
    columns,
    fits,
    nulls_of,
)
from connectors.mainframe.records.copybook.numbers import Read
from connectors.mainframe.records.copybook.picture import Kind
from connectors.mainframe.records.options import RecordOptions, Value

type Reading = Callable[[bytes, int, Item, RecordOptions], Read]
type Place = Callable[[int], tuple[int, int]]
"""Index in a block -> index of the record, offset in it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What cannot be read in a record: `offset` and `raw` bytes of the item."""

    row: int
    field: str
    offset: int
    raw: bytes
    reason: str
    whole: bool = False
    """Nothing of the record can be trusted: it has another length."""

    def __str__(self) -> str:
        shown = self.raw.hex() if len(self.raw) <= _SHOWN else f"{self.raw[:_SHOWN].hex()}..."
        return f"{self.field} at offset {self.offset}: {self.reason} (hex {shown})"


@dataclass(frozen=True, slots=True)
class Decoded:
    """All records, those with problems among them: what could not be read there holds zeros or nothing."""

    rows: pa.RecordBatch
    problems: Sequence[Problem] = ()


_SHOWN = 64
_FILLS = {"spaces": " ", "zeros": "0"}
_BYTES = {"low-values": 0x00, "high-values": 0xFF}


@dataclass(frozen=True, slots=True)
class Block:
    """`count` pieces of `width` bytes each."""

    data: pa.Buffer
    count: int
    width: int
    place: Place

    @property
    def array(self) -> pa.Array:
        return pa.Array.from_buffers(pa.binary(self.width), self.count, [None, self.data])

    def gather(self, offset: int, size: int) -> bytes:
        """The same bytes of every piece, one after the other."""
        if not self.count:
            return b""
        cut = self.array if size == self.width else pc.binary_slice(self.array, offset, offset + size)
        raw: bytes = cut.buffers()[1].to_pybytes()
        return raw[: self.count * size]

    def pieces(self, offset: int, width: int, each: int) -> Block:
        """`each` pieces out of every one, from `offset` on."""

        def place(index: int) -> tuple[int, int]:
            row, at = self.place(index // each)
            return row, at + offset + index % each * width

        return Block(pa.py_buffer(self.gather(offset, width * each)), self.count * each, width, place)

    def only(self, indices: Sequence[int]) -> Block:
        if not indices:
            return Block(pa.py_buffer(b""), 0, self.width, self.place)
        chosen = self.array.take(pa.array(indices, pa.int64()))
        return Block(chosen.buffers()[1], len(indices), self.width, lambda index: self.place(indices[index]))


@dataclass(frozen=True, slots=True)
class _Elements:
    """What a table of varying length holds: of all rows, and where each row's begin."""

    block: Block
    offsets: Sequence[int]


type _Parts = Sequence[Block | _Elements]


@dataclass(frozen=True, slots=True)
class _View:
    """What is decoded now: a row's parts, those of the whole record, and what was wrong so far."""

    parts: _Parts
    record: _Parts
    problems: list[Problem] | None
    """None: nobody wants to know; what cannot be read is null."""

    def block(self, part: int) -> Block:
        block = self.parts[part]
        assert isinstance(block, Block)  # noqa: S101 -- only tables refer to elements
        return block

    def of(self, parts: _Parts) -> _View:
        return _View(parts, self.record, self.problems)

    def silently(self, *, outer: bool = False) -> _View:
        """For items that are read in passing, and once more as columns."""
        return _View(self.record if outer else self.parts, self.record, None)

    def refuse(self, row: int, field: str, offset: int, raw: bytes, reason: str) -> None:
        if self.problems is not None:
            self.problems.append(Problem(row, field, offset, raw, reason))


class Decoder:
    """`schema` is declared by the copybook, whatever the records hold. Errors: ConfigError."""

    def __init__(self, layout: Layout, options: RecordOptions, key: Sequence[str] = ()) -> None:
        """`key`: columns that are never NULL."""
        self.layout, self._options, self._row = layout, options, layout.row
        fields = self._fields(self._row.members)
        names = [field.name for field in fields]
        for name in key:
            if name not in names:
                raise ConfigError(f"{layout.name} has no column {name}", remedy=f"it has {', '.join(names)}")
        self.schema = pa.schema([field.with_nullable(field.name not in key) for field in fields])

    @property
    def width(self) -> int:
        """Bytes of a record, at most."""
        return self._row.width

    def fixed(self, data: bytes, width: int | None = None) -> Decoded:
        """Of records of `width` bytes, one after the other; what is behind the last item is ignored."""
        width = width or self._row.width
        if self._row.varies:
            return self._ragged([data[at : at + width] for at in range(0, len(data), width)], exact=False)
        block = Block(pa.py_buffer(data), len(data) // width, width, lambda index: (index, 0))
        return self._decoded([block], {})

    def records(self, records: Sequence[bytes]) -> Decoded:
        """Of records that may differ in length; one that is not as long as the copybook says is a problem."""
        return self._ragged(records, exact=True)

    def area(self, raw: bytes) -> Decoded:
        """Of one record, which may be followed by what the copybook does not describe."""
        return self._ragged([raw], exact=False)

    def fulfil(self, data: Sequence[bytes], conditions: Sequence[Condition]) -> pa.BooleanArray:
        """Which records fulfil all conditions, by items in front of whatever varies."""
        first = self._row.parts[0]
        assert isinstance(first, int)  # noqa: S101 -- a table's counter stands before it
        heads = b"".join([record[:first].ljust(first, b"\0") for record in data])
        block = Block(pa.py_buffer(heads), len(data), first, lambda index: (index, 0))
        view = _View([block], [block], None)
        return self._all(conditions, view, block)

    def condition(self, name: str, values: Value | tuple[Value, ...]) -> Condition:
        """Errors: ConfigError."""
        leaf = self.layout.find(name)
        if leaf.part:
            raise ConfigError(
                f"{name} stands behind a table that varies", remedy="decide by an item before it"
            )
        found = Condition(leaf, values if isinstance(values, tuple) else (values,))
        _values(found, _type(leaf, self._options))
        return found

    def _decoded(self, parts: _Parts, unreadable: Mapping[int, Problem]) -> Decoded:
        """`unreadable`: records whose other problems do not matter."""
        found: list[Problem] = []
        view = _View(parts, parts, found)
        arrays = [array for node in self._row.members for array in self._arrays(node, view)]
        problems = [problem for problem in found if problem.row not in unreadable]
        problems += unreadable.values()
        problems.sort(key=lambda problem: (problem.row, problem.offset))
        return Decoded(pa.RecordBatch.from_arrays(arrays, schema=self.schema), problems)

    # -- parts

    def _ragged(self, records: Sequence[bytes], *, exact: bool) -> Decoded:
        """Each part of all records as one block; records that end too early are filled up, and told."""
        starts = [0] * len(records)
        parts: list[Block | _Elements] = []
        refused: dict[int, Problem] = {}

        def refuse(row: int, at: int, reason: str) -> None:
            refused.setdefault(row, Problem(row, self.layout.name, at, records[row], reason, whole=True))

        for part in self._row.parts:
            if isinstance(part, Table):
                sizes, each = self._counts(part, parts, refuse), part.row.width
            else:
                sizes, each = [1] * len(records), part
            ends = [at + size * each for at, size in zip(starts, sizes, strict=True)]
            pieces = [record[at:end] for record, at, end in zip(records, starts, ends, strict=True)]
            for row, (record, end) in enumerate(zip(records, ends, strict=True)):
                if len(record) < end:
                    refuse(row, starts[row], f"the record ends after {len(record)} bytes")
                    pieces[row] = pieces[row].ljust(sizes[row] * each, b"\0")
            parts.append(_joined(part, pieces, starts, sizes, each))
            starts = ends
        for row, (record, end) in enumerate(zip(records, starts, strict=True)):
            if exact and len(record) > end:
                refuse(row, end, f"the record has {len(record)} bytes, the copybook describes {end}")
        return self._decoded(parts, refused)

    def _counts(self, table: Table, parts: _Parts, refuse: Callable[[int, int, str], None]) -> list[int]:
        counter = table.counter
        assert counter is not None  # noqa: S101 -- it varies
        read = self._leaf(counter, _View(parts, parts, None))
        counts = [-1 if count is None else int(count) for count in read.to_pylist()]
        for row, count in enumerate(counts):
            if not table.least <= count <= table.most:
                told = "no number" if count < 0 else count
                reason = (
                    f"{counter.label} is {told}; {table.label} has {table.least} to {table.most} elements"
                )
                refuse(row, counter.offset, reason)
                counts[row] = 0
        return counts

    # -- nodes

    def _arrays(self, node: Node, view: _View) -> Iterator[pa.Array]:
        """One for each column that `columns` names."""
        match node:
            case Leaf():
                yield self._leaf(node, view)
            case Table():
                yield self._table(node, view)
            case Choice():
                yield from self._choice(node, view)
            case Group():
                arrays = [array for member in node.members for array in self._arrays(member, view)]
                if self._options.groups == "flat":
                    yield from arrays
                else:
                    yield pa.StructArray.from_arrays(arrays, fields=self._fields(node.members))

    def _leaf(self, leaf: Leaf, view: _View) -> pa.Array:
        block = view.block(leaf.part)
        raw = block.gather(leaf.offset, leaf.size)
        empty = self._empty(leaf, raw, block.count)
        read = _reading(leaf, self._options)(raw, block.count, leaf.item, self._options)
        for index in read.bad:
            if index not in empty:
                row, at = block.place(index)
                piece = raw[index * leaf.size : (index + 1) * leaf.size]
                view.refuse(row, leaf.label, at + leaf.offset, piece, _reason(leaf, piece, self._options))
        if view.problems is None:
            empty |= set(read.bad)
        if not empty:
            return read.values
        mask = pa.array([index in empty for index in range(block.count)], pa.bool_())
        return pc.if_else(mask, pa.scalar(None, read.values.type), read.values)

    def _empty(self, leaf: Leaf, raw: bytes, count: int) -> set[int]:
        """Rows whose content means NULL."""
        told = nulls_of(leaf, self._options)
        if not told:
            return set()
        fills = {fill(name, self._options.code_page) * leaf.size for name in told}
        pieces = pa.Array.from_buffers(pa.binary(leaf.size), count, [None, pa.py_buffer(raw)])
        found = pc.is_in(pieces, pa.array(sorted(fills), pieces.type))
        return set(pc.indices_nonzero(found).to_pylist()) if found.true_count else set()

    def _table(self, table: Table, view: _View) -> pa.Array:
        part = view.parts[table.part]
        if isinstance(part, _Elements):
            elements, offsets = part.block, part.offsets
        else:
            elements = part.pieces(table.offset, table.row.width, table.most)
            offsets = range(0, elements.count + 1, table.most)
        values = self._element(table, view.of([elements]))
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=self._field(table).type)

    def _element(self, table: Table, view: _View) -> pa.Array:
        if table.plain:
            return self._leaf(table.plain, view)
        arrays = [array for node in table.row.members for array in self._arrays(node, view)]
        return pa.StructArray.from_arrays(arrays, fields=self._fields(table.row.members))

    # -- variants

    def _choice(self, choice: Choice, view: _View) -> Iterator[pa.Array]:
        block = view.block(choice.part)
        chosen = self._chosen(choice, view, block)
        for at, (_, members) in enumerate(choice.alternatives):
            indices = [index for index, each in enumerate(chosen) if each == at]
            if len(indices) == block.count:
                yield from (array for node in members for array in self._arrays(node, view))
                continue
            places = {index: place for place, index in enumerate(indices)}
            back = pa.array([places.get(index) for index in range(block.count)], pa.int64())
            some = list(view.parts)
            some[choice.part] = block.only(indices)
            for node in members:
                for array in self._arrays(node, view.of(some)):
                    yield array.take(back)

    def _chosen(self, choice: Choice, view: _View, block: Block) -> Sequence[int | None]:
        """Of each row the alternative; None: none of them."""
        first = choice.cases[0]
        if not first.conditions:
            return [first.chosen] * block.count
        chosen: list[int | None] = [None] * block.count
        waiting = pa.array([True] * block.count, pa.bool_())
        for case in choice.cases:
            holds = pc.and_(waiting, self._all(case.conditions, view, block))
            for index in pc.indices_nonzero(holds).to_pylist():
                chosen[index] = case.chosen
            waiting = pc.and_not(waiting, holds)
        for index in pc.indices_nonzero(waiting).to_pylist():
            row, at = block.place(index)
            raw = block.gather(choice.offset, 1)[index : index + 1]
            reason = "no condition tells which of the items that redefine it is there"
            view.refuse(row, choice.item.told, at + choice.offset, raw, reason)
        return chosen

    def _all(self, conditions: Sequence[Condition], view: _View, block: Block) -> pa.BooleanArray:
        """Where all conditions hold."""
        holds = pa.array([True] * block.count, pa.bool_())
        for condition in conditions:
            values = self._leaf(condition.leaf, view.silently(outer=condition.outer))
            if condition.outer:
                rows = [block.place(index)[0] for index in range(block.count)]
                values = values.take(pa.array(rows, pa.int64()))
            holds = pc.and_(holds, pc.is_in(values, _values(condition, values.type)))
        return holds

    # -- types

    def _field(self, node: Leaf | Group | Table) -> pa.Field:
        if isinstance(node, Leaf):
            return pa.field(node.label, _type(node, self._options))
        if isinstance(node, Group):
            return pa.field(node.label, pa.struct(self._fields(node.members)))
        element = (
            _type(node.plain, self._options) if node.plain else pa.struct(self._fields(node.row.members))
        )
        return pa.field(node.label, pa.list_(element))

    def _fields(self, members: Sequence[Node]) -> list[pa.Field]:
        return [self._field(node) for node in columns(members, self._options)]


def _joined(
    part: int | Table, pieces: Sequence[bytes], starts: Sequence[int], sizes: Sequence[int], each: int
) -> Block | _Elements:
    data = pa.py_buffer(b"".join(pieces))
    if not isinstance(part, Table):
        return Block(data, len(pieces), each, lambda index: (index, starts[index]))
    offsets = [0, *accumulate(sizes)]

    def place(index: int) -> tuple[int, int]:
        row = bisect_right(offsets, index) - 1
        return row, starts[row] + (index - offsets[row]) * each

    return _Elements(Block(data, offsets[-1], each, place), offsets)


_BY_USAGE: Mapping[Usage, Reading] = {
    Usage.BINARY: numbers.binary,
    Usage.NATIVE: numbers.binary,
    Usage.PACKED: numbers.packed,
    Usage.FLOAT: numbers.floating,
    Usage.DOUBLE: numbers.floating,
    Usage.POINTER: texts.octets,
}


def _reading(leaf: Leaf, options: RecordOptions) -> Reading:
    picture = leaf.item.picture
    if picture is None or leaf.item.usage in _BY_USAGE:
        return _BY_USAGE[leaf.item.usage or Usage.POINTER]
    if picture.kind is Kind.NUMBER:
        return numbers.zoned
    if picture.kind is Kind.NATIONAL:
        return texts.national
    return texts.octets if any(fits(pattern, leaf) for pattern in options.binary) else texts.text


def is_binary(leaf: Leaf, options: RecordOptions) -> bool:
    return _reading(leaf, options) is texts.octets


def _type(leaf: Leaf, options: RecordOptions) -> pa.DataType:
    reading = _reading(leaf, options)
    if reading is texts.octets:
        return pa.binary()
    return pa.string() if reading in (texts.text, texts.national) else numbers.arrow_type(leaf.item)


_KINDS = {
    Usage.PACKED: "packed number",
    Usage.BINARY: "number of an int64",
    Usage.NATIVE: "number of an int64",
}


def fill(name: str, page: str) -> bytes:
    return bytes([_BYTES[name]]) if name in _BYTES else code_page(page).encode(_FILLS[name])


def _reason(leaf: Leaf, raw: bytes, options: RecordOptions) -> str:
    for name in ("spaces", "low-values", "high-values"):
        if raw == fill(name, options.code_page) * len(raw):
            return f"holds {name}"
    if leaf.item.picture and leaf.item.picture.kind is not Kind.NUMBER:
        return f"is no text in {options.code_page}"
    return f"is no {_KINDS.get(leaf.item.usage or Usage.DISPLAY, 'zoned number')}"


def _values(condition: Condition, kind: pa.DataType) -> pa.Array:
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

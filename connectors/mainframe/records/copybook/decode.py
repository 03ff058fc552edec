"""Records to Arrow by a copybook's layout: whole columns of a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from bridge.errors import ConfigError
from connectors.mainframe.records.copybook.blocks import (
    Block,
    Decoded,
    Elements,
    Parts,
    Problem,
    View,
    joined,
)
from connectors.mainframe.records.copybook.fields import fill, reading_of, reason_of, type_of, values_of
from connectors.mainframe.records.copybook.nodes import (
    Choice,
    Condition,
    Group,
    Layout,
    Leaf,
    Node,
    Table,
    columns,
    nulls_of,
)
from connectors.mainframe.records.options import RecordOptions, Value


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
        view = View([block], [block], None)
        return self._all(conditions, view, block)

    def condition(self, name: str, values: Value | tuple[Value, ...]) -> Condition:
        """Errors: ConfigError."""
        leaf = self.layout.find(name)
        if leaf.part:
            raise ConfigError(
                f"{name} stands behind a table that varies", remedy="decide by an item before it"
            )
        found = Condition(leaf, values if isinstance(values, tuple) else (values,))
        values_of(found, type_of(leaf, self._options))
        return found

    def _decoded(self, parts: Parts, unreadable: Mapping[int, Problem]) -> Decoded:
        """`unreadable`: records whose other problems do not matter."""
        found: list[Problem] = []
        view = View(parts, parts, found)
        arrays = [array for node in self._row.members for array in self._arrays(node, view)]
        problems = [problem for problem in found if problem.row not in unreadable]
        problems += unreadable.values()
        problems.sort(key=lambda problem: (problem.row, problem.offset))
        return Decoded(pa.RecordBatch.from_arrays(arrays, schema=self.schema), problems)

    # -- parts

    def _ragged(self, records: Sequence[bytes], *, exact: bool) -> Decoded:
        """Each part of all records as one block; records that end too early are filled up, and told."""
        starts = [0] * len(records)
        parts: list[Block | Elements] = []
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
            parts.append(joined(part, pieces, starts, sizes, each))
            starts = ends
        for row, (record, end) in enumerate(zip(records, starts, strict=True)):
            if exact and len(record) > end:
                refuse(row, end, f"the record has {len(record)} bytes, the copybook describes {end}")
        return self._decoded(parts, refused)

    def _counts(self, table: Table, parts: Parts, refuse: Callable[[int, int, str], None]) -> list[int]:
        counter = table.counter
        assert counter is not None  # noqa: S101 -- it varies
        read = self._leaf(counter, View(parts, parts, None))
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

    def _arrays(self, node: Node, view: View) -> Iterator[pa.Array]:
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

    def _leaf(self, leaf: Leaf, view: View) -> pa.Array:
        block = view.block(leaf.part)
        raw = block.gather(leaf.offset, leaf.size)
        empty = self._empty(leaf, raw, block.count)
        read = reading_of(leaf, self._options)(raw, block.count, leaf.item, self._options)
        for index in read.bad:
            if index not in empty:
                row, at = block.place(index)
                piece = raw[index * leaf.size : (index + 1) * leaf.size]
                view.refuse(row, leaf.label, at + leaf.offset, piece, reason_of(leaf, piece, self._options))
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

    def _table(self, table: Table, view: View) -> pa.Array:
        part = view.parts[table.part]
        if isinstance(part, Elements):
            elements, offsets = part.block, part.offsets
        else:
            elements = part.pieces(table.offset, table.row.width, table.most)
            offsets = range(0, elements.count + 1, table.most)
        values = self._element(table, view.of([elements]))
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=self._field(table).type)

    def _element(self, table: Table, view: View) -> pa.Array:
        if table.plain:
            return self._leaf(table.plain, view)
        arrays = [array for node in table.row.members for array in self._arrays(node, view)]
        return pa.StructArray.from_arrays(arrays, fields=self._fields(table.row.members))

    # -- variants

    def _choice(self, choice: Choice, view: View) -> Iterator[pa.Array]:
        block = view.block(choice.part)
        chosen = self._chosen(choice, view, block)
        for at, (_, members) in enumerate(choice.alternatives):
            indices = [index for index, each in enumerate(chosen) if each == at]
            if len(indices) == block.count:
                yield from (array for node in members for array in self._arrays(node, view))
                continue
            places = {index: place for place, index in enumerate(indices)}
            back = pa.array([places.get(index) for index in range(block.count)], pa.int64())
            some = [part.only(indices) if isinstance(part, Block) else part for part in view.parts]
            for node in members:
                for array in self._arrays(node, view.of(some)):
                    yield array.take(back)

    def _chosen(self, choice: Choice, view: View, block: Block) -> Sequence[int | None]:
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

    def _all(self, conditions: Sequence[Condition], view: View, block: Block) -> pa.BooleanArray:
        """Where all conditions hold."""
        holds = pa.array([True] * block.count, pa.bool_())
        for condition in conditions:
            values = self._leaf(condition.leaf, view.silently(outer=condition.outer))
            if condition.outer:
                rows = [block.place(index)[0] for index in range(block.count)]
                values = values.take(pa.array(rows, pa.int64()))
            holds = pc.and_(holds, pc.is_in(values, values_of(condition, values.type)))
        return holds

    # -- types

    def _field(self, node: Leaf | Group | Table) -> pa.Field:
        if isinstance(node, Leaf):
            return pa.field(node.label, type_of(node, self._options))
        if isinstance(node, Group):
            return pa.field(node.label, pa.struct(self._fields(node.members)))
        element = (
            type_of(node.plain, self._options) if node.plain else pa.struct(self._fields(node.row.members))
        )
        return pa.field(node.label, pa.list_(element))

    def _fields(self, members: Sequence[Node]) -> list[pa.Field]:
        return [self._field(node) for node in columns(members, self._options)]

"""Records side by side: the same bytes of all of them are one column's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from connectors.mainframe.records.copybook.nodes import Table

_SHOWN = 64

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
class Elements:
    """What a table of varying length holds: of all rows, and where each row's begin."""

    block: Block
    offsets: Sequence[int]


type Parts = Sequence[Block | Elements]


@dataclass(frozen=True, slots=True)
class View:
    """What is decoded now: a row's parts, those of the whole record, and what was wrong so far."""

    parts: Parts
    record: Parts
    problems: list[Problem] | None
    """None: nobody wants to know; what cannot be read is null."""

    def block(self, part: int) -> Block:
        block = self.parts[part]
        assert isinstance(block, Block)  # noqa: S101 -- only tables refer to elements
        return block

    def of(self, parts: Parts) -> View:
        return View(parts, self.record, self.problems)

    def silently(self, *, outer: bool = False) -> View:
        """For items that are read in passing, and once more as columns."""
        return View(self.record if outer else self.parts, self.record, None)

    def refuse(self, row: int, field: str, offset: int, raw: bytes, reason: str) -> None:
        if self.problems is not None:
            self.problems.append(Problem(row, field, offset, raw, reason))


def joined(
    part: int | Table, pieces: Sequence[bytes], starts: Sequence[int], sizes: Sequence[int], each: int
) -> Block | Elements:
    data = pa.py_buffer(b"".join(pieces))
    if not isinstance(part, Table):
        return Block(data, len(pieces), each, lambda index: (index, starts[index]))
    offsets = [0, *accumulate(sizes)]

    def place(index: int) -> tuple[int, int]:
        row = bisect_right(offsets, index) - 1
        return row, starts[row] + (index - offsets[row]) * each

    return Elements(Block(data, offsets[-1], each, place), offsets)

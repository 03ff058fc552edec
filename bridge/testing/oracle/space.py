"""Where rows lie: segments of extents of blocks (Database Concepts, Logical Storage Structures)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.testing.oracle.values import RowId

ROWS_PER_BLOCK = 8
BLOCKS_PER_EXTENT = 8


@dataclass(frozen=True, slots=True)
class Extent:
    """Neighbouring blocks of one file."""

    object: int
    file: int
    block: int
    blocks: int = BLOCKS_PER_EXTENT


@dataclass(eq=False)
class Segment:
    """The space of a table, or of one of its partitions: `object` is its data object number."""

    object: int
    extents: list[Extent] = field(default_factory=list)
    free: list[RowId] = field(default_factory=list)
    """ROWIDs of rows deleted, to be used again."""
    used: int = 0
    """Rows of the last extent that were ever used."""

    def vacant(self, extend: Callable[[Segment], Extent], *, reuse: bool) -> RowId:
        """Where a new row goes: into space that a deleted one left, or behind the last one."""
        if self.free and reuse:
            return self.free.pop()
        if not self.extents or self.used == ROWS_PER_BLOCK * BLOCKS_PER_EXTENT:
            self.extents.append(extend(self))
            self.used = 0
        block, slot = divmod(self.used, ROWS_PER_BLOCK)
        self.used += 1
        extent = self.extents[-1]
        return RowId(extent.object, extent.file, extent.block + block, slot)

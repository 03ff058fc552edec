"""Arrow columns to one text a row: a constant before each value, and one behind the last."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import pyarrow as pa
import pyarrow.compute as pc

from bridge.native import library
from bridge.native.packed import Packed


class Kind(IntEnum):
    """As in rows.c."""

    NULL = 0
    RAW = 1
    """Text as it is."""
    TEXT = 2
    """A JSON string of it."""
    BOOLEAN = 3
    SIGNED8 = 4
    SIGNED16 = 5
    SIGNED32 = 6
    SIGNED64 = 7
    UNSIGNED8 = 8
    UNSIGNED16 = 9
    UNSIGNED32 = 10
    UNSIGNED64 = 11
    DATE = 12
    TIMESTAMP = 13
    DECIMAL = 14


_VARYING = {Kind.RAW: 1, Kind.TEXT: 6}
"""Bytes that one of a text may take."""
_MOST = 48
"""Bytes of any other value, and of a text's quotes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A column and what stands before its values; dates and timestamps are of the years 0 to 9999."""

    lead: bytes
    kind: Kind
    array: pa.Array
    digits: int = 0
    """Of the fraction of a timestamp or decimal."""
    least: int | None = None
    """To which a timestamp is shortened where the others are zeros."""
    is_utc: bool = False
    """The timestamp has the suffix Z."""

    @property
    def most(self) -> int:
        """Bytes that all its rows may take."""
        varying = _VARYING.get(self.kind)
        texts = varying * (pc.sum(pc.binary_length(self.array)).as_py() or 0) if varying else 0
        return texts + len(self.array) * (len(self.lead) + _MOST)


class _Column(ctypes.Structure):
    """`column` of rows.c."""

    _fields_ = (
        ("kind", ctypes.c_int32),
        ("digits", ctypes.c_int16),
        ("least", ctypes.c_int8),
        ("is_utc", ctypes.c_int8),
        ("offset", ctypes.c_int64),
        ("validity", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("ends", ctypes.c_void_p),
        ("lead", ctypes.c_char_p),
        ("lead_size", ctypes.c_int64),
    )


_ARGUMENTS = (
    ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p,
    ctypes.c_void_p,
)  # fmt: skip


def written(cells: Sequence[Cell], tail: bytes, rows: int) -> Packed:
    """The rows' texts. To be called only where there is a library."""
    native = library()
    assert native is not None  # noqa: S101 -- see above
    columns = (_Column * len(cells))(*map(_column, cells))
    texts = pa.allocate_buffer(sum(each.most for each in cells) + rows * len(tail))
    ends = pa.allocate_buffer((rows + 1) * 8)
    native.bridge_rows.restype = ctypes.c_int64
    native.bridge_rows.argtypes = _ARGUMENTS
    longest = native.bridge_rows(columns, len(cells), tail, len(tail), rows, texts.address, ends.address)
    return Packed(texts, ends, longest)


def _column(cell: Cell) -> _Column:
    array = cell.array
    validity, *others = (buffer.address if buffer else None for buffer in array.buffers())
    ends, values = others if cell.kind in _VARYING else (None, others[0] if others else None)
    known = validity if array.null_count else None
    lead = (cell.lead, len(cell.lead))
    least = cell.digits if cell.least is None else cell.least
    return _Column(cell.kind, cell.digits, least, cell.is_utc, array.offset, known, values, ends, *lead)

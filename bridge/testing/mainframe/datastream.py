"""A 3270 screen as the writes that paint it: what mfmock's own builders lack.

Rows and columns count from 1. Orders, attributes and addresses: IBM GA23-0059, 3270 Data Stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from mfmock.tn3270 import datastream as ds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mfmock.core.ebcdic import Codec


class Style(Enum):
    """How a field looks: intensity and, on colour terminals, its colour."""

    PLAIN = "normal", ds.COLOR_DEFAULT
    TITLE = "bright", ds.COLOR_WHITE
    LABEL = "normal", ds.COLOR_TURQUOISE
    ALARM = "bright", ds.COLOR_RED
    HIDDEN = "hidden", ds.COLOR_DEFAULT

    @property
    def intensity(self) -> str:
        return self.value[0]

    @property
    def color(self) -> int:
        return self.value[1]


class Erase(Enum):
    """The command a write begins with."""

    NOTHING = ds.CMD_WRITE
    DEFAULT = ds.CMD_ERASE_WRITE
    ALTERNATE = ds.CMD_ERASE_WRITE_ALT


at = lru_cache(maxsize=4096)(ds.sba)
"""Set Buffer Address."""


def repeat_to(address: int, cell: int) -> bytes:
    """Repeat to Address: the cell, from where the last order ended until before `address`."""
    return bytes([ds.ORDER_RA]) + ds.encode_address(address) + bytes([cell])


@dataclass(frozen=True, slots=True)
class Entry:
    """An unprotected field, by the name that the host calls it."""

    name: str
    address: int
    length: int


@dataclass
class Drawing:
    """One screen being laid out; later pieces are painted over earlier ones that begin in the same cell."""

    rows: int
    columns: int
    codec: Codec
    extended: bool = True
    entries: dict[int, Entry] = field(default_factory=dict)
    cursor: int = 0
    _pieces: dict[int, bytes] = field(default_factory=dict)

    def text(self, row: int, column: int, text: str, style: Style = Style.PLAIN) -> None:
        """A protected field; its attribute stands in the cell before. It ends where the next one begins."""
        self._field(self.address(row, column), self.codec.encode(text), style)

    def bare(self, row: int, column: int, text: str) -> None:
        """Characters without a field; a screen of them alone is unformatted."""
        self._pieces[self.address(row, column)] = self.codec.encode(text)

    def entry(
        self, name: str, row: int, column: int, length: int, value: str = "", style: Style = Style.PLAIN
    ) -> None:
        """A field to be typed into, and the protected one that ends it. The first takes the cursor."""
        address = self.address(row, column)
        if not self.entries:
            self.cursor = address
        self.entries[address] = Entry(name, address, length)
        cells = self.codec.encode(value[:length]).ljust(length, b"\0")
        self._pieces[address - 1] = self._attribute(style, protected=False) + cells
        self._pieces[address + length] = self._attribute(Style.PLAIN)

    @property
    def formatted(self) -> bool:
        return any(piece[0] in (ds.ORDER_SF, ds.ORDER_SFE) for piece in self._pieces.values())

    def address(self, row: int, column: int) -> int:
        return (row - 1) * self.columns + column - 1

    def write(
        self, erase: Erase, *, rows: Sequence[int] | None = None, unlock: bool = True, wipe: bool = True
    ) -> bytes:
        """The write that paints these rows (all without), and gives the keyboard back or keeps it."""
        wanted = rows or range(1, self.rows + 1)
        out = bytearray([erase.value, ds.wcc(restore_keyboard=unlock, reset_mdt=unlock)])
        if erase is Erase.NOTHING and wipe:
            out += self._wiped(wanted)
        for address in sorted(self._pieces):
            if address // self.columns + 1 in wanted:
                out += at(address) + self._pieces[address]
        return bytes(out + at(self.cursor) + ds.ic())

    def _wiped(self, rows: Iterable[int]) -> bytes:
        """What these rows held before, fields too."""
        size = self.rows * self.columns
        ends = ((self.address(row, 1), self.address(row + 1, 1) % size) for row in rows)
        return b"".join(at(start) + repeat_to(end, 0) for start, end in ends)

    def _field(self, address: int, cells: bytes, style: Style) -> None:
        self._pieces[(address - 1) % (self.rows * self.columns)] = self._attribute(style) + cells

    def _attribute(self, style: Style, *, protected: bool = True) -> bytes:
        return _field_order(style, protected, self.extended)


@lru_cache
def _field_order(style: Style, protected: bool, extended: bool) -> bytes:  # noqa: FBT001 -- a table's key
    attribute = ds.field_attribute(protected=protected, intensity=style.intensity)
    return ds.sfe(attribute, style.color) if extended and style.color else ds.sf(attribute)

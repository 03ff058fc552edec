"""One snapshot of a 3270 screen: what every transport delivers and every screen map reads."""

import re
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass

FILLER = "\x00"  # in the second cell of a double-byte character
_WIDE = re.compile(f" ?((?:[^{FILLER}]{FILLER})+) ?")


@dataclass(frozen=True, slots=True)
class Field:
    """The cells between two attributes; its own attribute is in the cell before `start`."""

    start: int  # address of its first data cell, 0-based, row-major; 0 when the attribute is in the last cell
    length: (
        int  # cells of data; 0 when another attribute follows at once. A field may wrap to the screen's top
    )
    protected: bool
    numeric: bool
    hidden: bool
    intensified: bool
    modified: bool


def spelled(cells: str) -> str:
    """As a value has it: no fillers, and no blanks for the shift codes around double-byte characters."""
    return _WIDE.sub(r"\1", cells).replace(FILLER, "") if FILLER in cells else cells


def without_cells(text: str, start: int, length: int) -> str:
    """A screen's text without these cells, which may go on at its top."""
    end, size = start + length, len(text)
    text = text[:start] + " " * (min(end, size) - start) + text[end:]
    return text if end <= size else " " * (end - size) + text[end - size :]


def without_words(text: str, words: Collection[str]) -> str:
    """A text with blanks for all of these words; hosts tell what was typed in capitals, too."""
    longest = sorted(filter(str.strip, words), key=len, reverse=True)
    if not longest:
        return text
    known = "|".join(re.escape(word.strip()) for word in longest)
    return re.sub(known, lambda found: " " * len(found[0]), text, flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Screen:
    """Rows and columns are counted from 1, addresses from 0. Hidden data is never in it."""

    rows: int
    columns: int
    text: str  # a character a cell; attributes, nulls, shift codes and hidden data are blanks
    fields: tuple[Field, ...]  # by address; () when the screen is unformatted
    cursor: int
    locked: bool  # the keyboard takes no input

    def row(self, number: int) -> str:
        """A line, a character a cell: fillers are still in it, so that columns can be counted."""
        end = number * self.columns
        return self.text[end - self.columns : end]

    def cut(self, row: int, column: int, length: int) -> str:
        """The text of so many cells, which may run on into the next line."""
        start = (row - 1) * self.columns + column - 1
        return spelled(self.text[start : start + length])

    def field_at(self, address: int) -> Field | None:
        """The field with a data cell at this address; None for attributes and unformatted screens."""
        if not self.fields:
            return None
        # -1, the last field, for what lies before the first one: fields wrap.
        field = self.fields[bisect_right(self.fields, address, key=lambda each: each.start) - 1]
        return field if (address - field.start) % len(self.text) < field.length else None

    @property
    def lines(self) -> tuple[str, ...]:
        text, width = self.text, self.columns
        return tuple([text[at : at + width] for at in range(0, self.rows * width, width)])

    @property
    def title(self) -> str:
        """The first line that is not blank; what messages quote is without what a map hides."""
        lines = (line.replace(FILLER, "").strip() for line in self.lines)
        return next(filter(None, lines), "")

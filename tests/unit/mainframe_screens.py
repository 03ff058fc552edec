"""Screens for tests, painted without a host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connectors.mainframe.bms import BmsMap
from connectors.mainframe.screen import Field, Screen

type Piece = tuple[int, int, str, int, str]
"""Row, column, text, cells, attributes: p(rotected) n(umeric) h(idden) i(ntensified) m(odified)."""


def painted(pieces: Iterable[Piece], rows: int = 24, columns: int = 80, cursor: int = 0) -> Screen:
    """A formatted screen: each piece is a field, its attribute in the cell before it."""
    cells = [" "] * (rows * columns)
    fields: dict[int, Field] = {}
    for row, column, text, length, attributes in pieces:
        start = (row - 1) * columns + column - 1
        shown = "" if "h" in attributes else text[:length]
        cells[start : start + len(shown)] = shown
        fields[start] = Field(start, length, *(letter in attributes for letter in "pnhim"))
    return Screen(
        rows, columns, "".join(cells), tuple(fields[start] for start in sorted(fields)), cursor, False
    )


def typed(lines: Iterable[str], rows: int = 24, columns: int = 80) -> Screen:
    """An unformatted screen."""
    whole = [line.ljust(columns) for line in lines]
    whole += [" " * columns] * (rows - len(whole))
    return Screen(rows, columns, "".join(whole), (), 0, False)


def sent(of: BmsMap, values: Mapping[str, str]) -> Screen:
    """The screen that SEND MAP paints; an element of a field that OCCURS is named `REMARK(2)`."""
    pieces: list[Piece] = []
    for each in of.fields:
        name = f"{each.name}({each.number})" if each.number else each.name or ""
        attributes = ("p" if each.protected else "") + ("h" if each.hidden else "")
        pieces.append((each.row, each.column, values.get(name, each.initial), each.length, attributes))
    return painted(pieces)

"""A screen drawn for people: lines and columns counted, borders of fields marked, a map's fields named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

from rich.text import Text

from connectors.mainframe.recognise import Place
from connectors.mainframe.screen import FILLER, Screen

PROTECTED, OPEN, HIDDEN = "|", ">", "#"
LEGEND = f"  {PROTECTED} a field begins, {OPEN} one to type into, {HIDDEN} a hidden one"
_COLOURS = ("black on cyan", "black on yellow", "black on green", "black on magenta", "white on blue")
_LONGEST = 40


def drawn(screen: Screen, places: Sequence[Place]) -> Iterator[Text]:
    """Line by line; `places` are highlighted, and listed below with what they show."""
    colours = dict(zip(dict.fromkeys(place.name for place in places), cycle(_COLOURS), strict=False))
    yield Text("     " + _ruler(screen.columns), "dim")
    cells, styles = _cells(screen), _styles(screen)
    for place in places:
        for address in range(place.start, place.start + _length(screen, place)):
            styles[address] = colours[place.name]
    for row in range(screen.rows):
        line = Text(f"{row + 1:>3}  ", "dim")
        for address in range(row * screen.columns, (row + 1) * screen.columns):
            line.append(cells[address], styles[address])
        line.rstrip()
        yield line
    if screen.fields:
        yield Text(LEGEND, "dim")
    yield from _listed(screen, places, colours)


def _ruler(columns: int) -> str:
    return "".join(f"----+----{ten % 10}" for ten in range(1, columns // 10 + 2))[:columns]


def _cells(screen: Screen) -> list[str]:
    """What is shown for each cell; nothing for the second one of a wide character."""
    cells = [each if each.isprintable() else "" if each == FILLER else "?" for each in screen.text]
    for field in screen.fields:
        cells[field.start - 1] = HIDDEN if field.hidden else PROTECTED if field.protected else OPEN
    return cells


def _styles(screen: Screen) -> list[str]:
    styles = [""] * len(screen.text)
    for field in screen.fields:
        style = " ".join(
            word for word, has in (("underline", not field.protected), ("bold", field.intensified)) if has
        )
        styles[field.start - 1] = "dim"
        for address in range(field.start, field.start + field.length):
            styles[address % len(styles)] = style
    return styles


def _listed(screen: Screen, places: Sequence[Place], colours: dict[str, str]) -> Iterator[Text]:
    """Each field with its place and text, each column of a list once."""
    width = max(map(len, colours), default=0)
    first: dict[tuple[str, bool], list[Place]] = {}
    for place in places:
        first.setdefault((place.name, place.line is not None), []).append(place)
    for (name, in_list), found in first.items():
        row, column = divmod(found[0].start, screen.columns)
        length = _length(screen, found[0])
        lines = f"rows {found[0].line}-{found[-1].line}" if in_list else f"row {row + 1}"
        told = f"  {lines}, column {column + 1}, length {length}"
        shown = screen.cut(row + 1, column + 1, length).strip()
        line = Text("  ").append(name, colours[name]).append(" " * (width - len(name)) + told)
        if shown:
            line.append(f"  {shown[:_LONGEST]!r}")
        yield line


def _length(screen: Screen, place: Place) -> int:
    """Up to the end of its line, or to the last word where it goes on: fields may reach to the next one."""
    end = place.start + place.length
    words = len(screen.text[:end].rstrip(" "))
    return min(end, max(words, (place.start // screen.columns + 1) * screen.columns)) - place.start

"""The list that a captured screen seems to show, for a draft of its map. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from connectors.mainframe.drafted import DECIDE, Item, Rows, end_marker, named, next_key, page_number
from connectors.mainframe.runs import Run, looks_like
from connectors.mainframe.screen import Screen

FEWEST_ROWS = 3
_RULE = re.compile(r"(?<!\S)[-=_]{2,}(?!\S)|(?<=\s)[-=_](?=\s)")
_MORE = re.compile(r"(?:MORE|CONTINUED)\b", re.IGNORECASE)


class Lines(NamedTuple):
    """Rows from `first` to `last`; `heading`: the row with the names of the columns, 0 for none."""

    heading: int
    first: int
    last: int
    columns: tuple[tuple[int, int], ...]
    """Column and length."""


def find(screen: Screen, runs: Sequence[Run], without: Collection[int]) -> Lines | None:
    """The longest block of lines that look alike; those `without` are none of it."""
    found = _by_fields(screen, without) or _by_gaps(runs, without)
    if found is None:
        return None
    above = sorted({run.row for run in runs if runs[0].row < run.row < found.first}.difference(without))
    ruled = tuple((each.start() + 1, len(each[0])) for each in _RULE.finditer(_row(screen, above)))
    if len(ruled) > 1:
        above.pop()
    gaps = _gaps(screen, range(found.first, found.last + 1), _row(screen, above))
    columns = ruled if len(ruled) > 1 else found.columns or tuple(gaps)
    return Lines(above[-1] if above else 0, found.first, found.last, columns)


def _row(screen: Screen, rows: Sequence[int]) -> str:
    """The last of these lines."""
    return screen.row(rows[-1]) if rows else " " * screen.columns


def _by_fields(screen: Screen, without: Collection[int]) -> Lines | None:
    """Lines with the same fields in the same columns, some of them filled."""

    def layout(row: int) -> tuple[tuple[int, int], ...]:
        first = (row - 1) * screen.columns
        return tuple(
            (field.start - first + 1, min(field.length, screen.columns - (field.start - first)))
            for field in screen.fields
            if first <= field.start < first + screen.columns and field.length and row not in without
        )

    found: list[Lines] = []
    for columns, group in groupby(range(1, screen.rows + 1), layout):
        rows = list(group)
        filled = any(screen.cut(row, *place).strip() for row in rows for place in columns)
        if len(columns) > 1 and len(rows) >= FEWEST_ROWS and filled:
            found.append(Lines(0, rows[0], rows[-1], columns))
    return max(found, key=lambda lines: lines.last - lines.first, default=None)


def _by_gaps(runs: Sequence[Run], without: Collection[int]) -> Lines | None:
    """Lines, one below the other, that begin alike."""
    rows = sorted({run.row for run in runs}.difference(without))
    numbered = groupby(enumerate(rows), lambda pair: pair[1] - pair[0])
    block = max(([row for _, row in group] for _, group in numbered), key=len, default=[])
    for skipped in (0, 1, 2):  # headings, and a rule below them
        body = block[skipped:]
        starts = [tuple(run.column for run in runs if run.row == row)[:2] for row in body]
        if len(body) >= FEWEST_ROWS and len(set(starts)) == 1 and len(starts[0]) > 1:
            return Lines(0, body[0], body[-1], ())
    return None


def _gaps(screen: Screen, rows: Iterable[int], heading: str) -> Iterator[tuple[int, int]]:
    """Column and length of each stretch between blank columns; it may grow up to the next one.

    A single blank column is a gap only where a heading begins behind it.
    """
    lines = [screen.row(row) for row in rows]
    used = [any(line[at] != " " for line in lines) for at in range(screen.columns)]
    begins = []
    for at, here in enumerate(used):
        before = used[max(0, at - 2) : at]
        headed = heading[at] != " " and (at == 0 or heading[at - 1] == " ")
        if here and not (before and before[-1]) and (headed or not any(before)):
            begins.append(at)
    for begin, following in zip(begins, [*begins[1:], screen.columns + 1], strict=True):
        yield begin + 1, following - begin - 1


def table(screen: Screen, runs: Sequence[Run], found: Lines) -> Rows:
    items: list[Item] = []
    keys: list[str] = []
    for number, (column, length) in enumerate(found.columns, 1):
        heading = _heading(screen, found.heading, column, length)
        name = named(heading, {item.name for item in items}, f"column_{number}")
        values = [screen.cut(row, column, length).strip() for row in range(found.first, found.last + 1)]
        items.append(Item(name, {"column": column, "length": length}, looks_like(values)))
        keys += [name] if _distinct(values) else []
    rows = Rows(
        found.first, found.last, items, (keys or [items[0].name])[0], next_key(run.text for run in runs)
    )
    beside = (row for row in range(1, screen.rows + 1) if not found.first <= row <= found.last)
    rows.page = next(filter(None, (page_number(row, screen.row(row)) for row in beside)), None)
    rows.notes.append(f"{DECIDE}are lines {found.first} to {found.last} those of a full page?")
    for run in runs:
        if run.row > found.last and (marker := end_marker(run.text)):
            rows.end.append({"row": run.row, "text": marker})
            rows.notes.append(f"{DECIDE}is {marker!r} on the last page alone?")
        elif run.row > found.last and _MORE.match(run.text):
            rows.more.append({"row": run.row, "text": run.text})
    return rows


def _heading(screen: Screen, row: int, column: int, length: int) -> str:
    """The words above a column."""
    words = re.finditer(r"\S+", screen.row(row)) if row else ()
    return " ".join(each[0] for each in words if column <= each.end() and each.start() < column + length - 1)


def _distinct(values: Iterable[str]) -> bool:
    """Whether a column tells the rows shown apart."""
    shown = [value for value in values if value]
    return len(shown) > 1 and len(set(shown)) == len(shown)

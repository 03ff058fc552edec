"""A first map from one captured screen: what looks like a title, a value behind its label, a list. Pure.

It guesses, and says so: types are left to people, for a wrong picture rejects rows and a text loses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from connectors.mainframe.drafted import DECIDE, Draft, Item, Rows, end_marker, named, next_key
from connectors.mainframe.screen import FILLER, Screen

ATTRIBUTE = "\x01"
"""In the cells of attributes, for the text of two fields with nothing else between them."""
FEWEST_ROWS = 3
_WORDS = re.compile(rf"[^\s{ATTRIBUTE}]+(?: [^\s{ATTRIBUTE}]+)*")
_LABELLED = re.compile(r"(?P<label>.*?\w.*?(?::|={1,4}>))(?: +(?P<value>\S.*)|)")
_RULE = re.compile(r"(?<!\S)[-=_]{2,}(?!\S)|(?<=\s)[-_=](?=\s)")
_CHANGES = re.compile(r"\d")
_NUMBER = re.compile(r"\(?[+-]?\$?\d[\d,. ]*[.,]\d+ ?(?:[+-]|CR|DB|\))?")
_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{2,4}")


class Run(NamedTuple):
    """Words with single blanks between them; rows and columns from 1."""

    row: int
    column: int
    text: str

    @property
    def end(self) -> int:
        """The column after it."""
        return self.column + len(self.text)


class Pair(NamedTuple):
    label: str
    row: int
    column: int
    length: int
    value: str


def draft(screen: Screen, name: str) -> Draft:
    runs = list(_runs(screen))
    pairs = list(_pairs(screen, runs))
    of_pairs = {pair.row for pair in pairs}
    made = Draft(named(name, (), "screen"), f"{screen.rows}x{screen.columns}")
    found = _list(screen, runs, of_pairs)
    if found:
        made.table = _table(screen, runs, found)
    made.identify = list(_identify(runs, pairs, found))
    if not made.identify:
        made.notes.append(f"{DECIDE}what identifies this screen? Nothing on it looks like a title")
    inside = range(found.first, found.last + 1) if found else ()
    made.fields = list(_items(pair for pair in pairs if pair.row not in inside))
    return made


def _runs(screen: Screen) -> Iterator[Run]:
    cells = list(screen.text)
    for field in screen.fields:
        cells[field.start - 1] = ATTRIBUTE
    for row in range(screen.rows):
        line = "".join(cells[row * screen.columns : (row + 1) * screen.columns])
        for found in _WORDS.finditer(line):
            yield Run(row + 1, found.start() + 1, found[0])


# -- a label and what stands behind it


def _pairs(screen: Screen, runs: Sequence[Run]) -> Iterator[Pair]:
    for at, run in enumerate(runs):
        found = _LABELLED.fullmatch(run.text)
        if found is None:
            continue
        later = [each for each in runs[at + 1 :] if each.row == run.row]
        column = run.column + found.start("value") if found["value"] else None
        if column is None and later and not _LABELLED.fullmatch(later[0].text):
            column = later.pop(0).column
        end = later[0].column - 1 if later else screen.columns + 1
        label = found["label"]
        begin, length = _extent(screen, run.row, run.column + len(label) + 1, column, end)
        if length > 0:
            yield Pair(label, run.row, begin, length, screen.cut(run.row, begin, length).strip())


def _extent(screen: Screen, row: int, first: int, column: int | None, end: int) -> tuple[int, int]:
    """Column and length of a value: its field's, where one begins behind the label, else up to `end`."""
    start = (row - 1) * screen.columns - 1  # the address before column 1
    until = end - 1 if column is None else column
    for field in screen.fields:
        if first <= field.start - start <= until and field.length:
            return field.start - start, min(field.length, screen.columns - (field.start - start) + 1)
    begin = first if column is None else column
    return begin, end - begin


def _items(pairs: Iterable[Pair]) -> Iterator[Item]:
    taken: set[str] = set()
    for pair in pairs:
        name = named(re.sub(r"[\s.]+|=+>", " ", pair.label), taken)
        taken.add(name)
        place = {"row": pair.row, "column": pair.column, "length": pair.length}
        yield Item(name, place, _guess([pair.value]))


def _guess(values: Iterable[str]) -> str:
    shown = [value for value in values if value]
    if shown and all(map(_NUMBER.fullmatch, shown)):
        return f"{DECIDE}{shown[0]!r} looks like a number; a picture?"
    if shown and all(map(_DATE.fullmatch, shown)):
        return f"{DECIDE}{shown[0]!r} looks like a date; date: ..., and a window?"
    return ""


# -- what stays the same


def _identify(runs: Sequence[Run], pairs: Iterable[Pair], found: _List | None) -> Iterator[dict[str, object]]:
    """The title, without what changes (page numbers, times, values), and the headings of a list."""
    values = {(pair.row, pair.column) for pair in pairs}
    top = runs[0].row if runs else 0
    heading = found.heading if found else 0
    for run in runs:
        if run.row not in (top, heading) or (run.row, run.column) in values or _CHANGES.search(run.text):
            continue
        labelled = _LABELLED.fullmatch(run.text)
        text = labelled["label"] if labelled else run.text
        yield {"row": run.row, "column": run.column, "text": text.replace(FILLER, "")}


# -- lists


class _List(NamedTuple):
    heading: int  # its row; 0: none
    first: int
    last: int
    columns: tuple[tuple[int, int], ...]  # column and length


def _list(screen: Screen, runs: Sequence[Run], without: set[int]) -> _List | None:
    """The longest block of lines that look alike; lines with labels are none of it."""
    found = _by_fields(screen, without)
    if found is None:
        found = _by_gaps(screen, runs, without)
    if found is None:
        return None
    above = sorted({run.row for run in runs if runs[0].row < run.row < found.first} - without)
    ruled = (
        [(each.start() + 1, len(each[0])) for each in _RULE.finditer(screen.row(above[-1]))] if above else []
    )
    if len(ruled) > 1:
        above.pop()
        found = found._replace(columns=tuple(ruled))
    return found._replace(heading=above[-1] if above else 0)


def _by_fields(screen: Screen, without: set[int]) -> _List | None:
    """Lines with the same fields in the same columns, some of them filled."""

    def layout(row: int) -> tuple[tuple[int, int], ...]:
        first = (row - 1) * screen.columns
        return tuple(
            (field.start - first + 1, min(field.length, screen.columns - (field.start - first)))
            for field in screen.fields
            if first <= field.start < first + screen.columns and field.length and row not in without
        )

    best: _List | None = None
    for columns, group in groupby(range(1, screen.rows + 1), layout):
        rows = list(group)
        wide = tuple(each for each in columns if _filled(screen, rows, each))
        if len(columns) > 1 and len(rows) >= FEWEST_ROWS and wide:
            longer = best is None or len(rows) > best.last - best.first + 1
            best = _List(0, rows[0], rows[-1], columns) if longer else best
    return best


def _filled(screen: Screen, rows: Iterable[int], place: tuple[int, int]) -> bool:
    return any(screen.cut(row, *place).strip() for row in rows)


def _by_gaps(screen: Screen, runs: Sequence[Run], without: set[int]) -> _List | None:
    """Lines, one below the other, with blanks in the same columns."""
    rows = sorted({run.row for run in runs} - without)
    blocks = [
        [row for _, row in group] for _, group in groupby(enumerate(rows), lambda pair: pair[1] - pair[0])
    ]
    block = max(blocks, key=len, default=[])
    for skipped in (0, 1, 2):  # headings, and a rule below them
        body = block[skipped:]
        starts = [tuple(run.column for run in runs if run.row == row)[:2] for row in body]
        if len(body) >= FEWEST_ROWS and len(set(starts[:FEWEST_ROWS])) == 1 and len(starts[0]) > 1:
            return _List(0, body[0], body[-1], tuple(_gaps(screen, body)))
    return None


def _gaps(screen: Screen, rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Column and length of each stretch without two blank columns; it may grow up to the next one."""
    used = [any(screen.row(row)[at] != " " for row in rows) for at in range(screen.columns)]
    around = zip([False, *used], used, [*used[1:], False], strict=False)
    used = [here or (before and after) for before, here, after in around]  # one blank column is no gap
    begins = [at for at, here in enumerate(used) if here and not (at and used[at - 1])]
    for begin, following in zip(begins, [*begins[1:], screen.columns + 1], strict=True):
        yield begin + 1, following - begin - 1


def _table(screen: Screen, runs: Sequence[Run], found: _List) -> Rows:
    items: list[Item] = []
    keys: list[str] = []
    for number, (column, length) in enumerate(found.columns, 1):
        heading = _heading(screen, found.heading, column, length)
        name = named(heading, {item.name for item in items}, f"column_{number}")
        values = [screen.cut(row, column, length).strip() for row in range(found.first, found.last + 1)]
        items.append(Item(name, {"column": column, "length": length}, _guess(values)))
        keys += [name] if _distinct(values) else []
    rows = Rows(
        found.first, found.last, items, (keys or [items[0].name])[0], next_key(run.text for run in runs)
    )
    rows.notes.append(f"{DECIDE}are lines {found.first} to {found.last} those of a full page?")
    for run in runs:
        if run.row > found.last and (marker := end_marker(run.text)):
            rows.end.append({"row": run.row, "text": marker})
    return rows


def _heading(screen: Screen, row: int, column: int, length: int) -> str:
    """The words above a column."""
    words = re.finditer(r"\S+", screen.row(row)) if row else ()
    return " ".join(each[0] for each in words if column <= each.end() and each.start() < column + length - 1)


def _distinct(values: Iterable[str]) -> bool:
    """Whether a column tells the rows shown apart."""
    shown = [value for value in values if value]
    return len(shown) > 1 and len(set(shown)) == len(shown)

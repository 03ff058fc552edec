"""A first map from one captured screen: what looks like a title, a value behind its label, a list. Pure.

It guesses, and says so: types are left to people, for a wrong picture rejects rows and a text loses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from connectors.mainframe import draft_list, recognise
from connectors.mainframe.draft_list import Lines
from connectors.mainframe.drafted import DECIDE, Draft, Item, named
from connectors.mainframe.maps import FieldMap, Rule, ScreenMap
from connectors.mainframe.runs import Run, looks_like
from connectors.mainframe.runs import runs as runs_of
from connectors.mainframe.screen import FILLER, Screen

_LABELLED = re.compile(r"(?P<label>.*?\w.*?(?::|={1,4}>))(?: +(?P<value>\S.*)|)")
_CHANGES = re.compile(r"\d")


class Pair(NamedTuple):
    label: str
    row: int
    column: int
    length: int
    value: str


def draft(screen: Screen, name: str) -> Draft:
    runs = list(runs_of(screen))
    pairs = list(_pairs(screen, runs))
    made = Draft(named(name, (), "screen"), f"{screen.rows}x{screen.columns}")
    found = draft_list.find(screen, runs, {pair.row for pair in pairs})
    if found:
        made.table = draft_list.table(screen, runs, found)
    made.identify = list(_identify(runs, pairs, found))
    if not made.identify:
        made.notes.append(f"{DECIDE}what identifies this screen? Nothing on it looks like a title")
    inside = range(found.first, found.last + 1) if found else ()
    made.fields = list(_items(screen, [pair for pair in pairs if pair.row not in inside]))
    return made


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


def _items(screen: Screen, pairs: Sequence[Pair]) -> Iterator[Item]:
    """By their labels, where those lead to the values that are seen behind them; else by their places."""
    names: list[str] = []
    for pair in pairs:
        names.append(named(re.sub(r"[\s.]+|=+>", " ", pair.label), names))
    by_label = {name: FieldMap(label=pair.label) for name, pair in zip(names, pairs, strict=True)}
    read = recognise.record(ScreenMap(identify=(Rule(text=" "),), fields=by_label), screen).values
    for name, pair in zip(names, pairs, strict=True):
        place: dict[str, object] = {"row": pair.row, "column": pair.column, "length": pair.length}
        if read.get(name) == pair.value:
            place = {"label": pair.label}
        if (field := screen.field_at((pair.row - 1) * screen.columns + pair.column - 1)) and field.hidden:
            place["hidden"] = True
        yield Item(name, place, looks_like([pair.value]))


# -- what stays the same


def _identify(runs: Sequence[Run], pairs: Iterable[Pair], found: Lines | None) -> Iterator[dict[str, object]]:
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

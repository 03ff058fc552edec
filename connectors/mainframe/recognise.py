"""Which screen is this, and what does it say? Names, rows and problems from a screen and the maps. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from connectors.mainframe import places, rules
from connectors.mainframe.fitted import Fitted, FittedTable, Problem, Row, compiled, span
from connectors.mainframe.maps import ErrorClass, Maps, Rule, ScreenMap, Table
from connectors.mainframe.places import Cells, Labels, Misplaced
from connectors.mainframe.rules import View
from connectors.mainframe.screen import FILLER, Screen, without_cells

CONTRADICTION = "it shows both an `end` marker and a sign of `more`"
"""Of a page."""


@dataclass(frozen=True, slots=True)
class Identified:
    """`name` when exactly one map knows the screen; `also`: all of several that do; `told`: why no name."""

    name: str | None
    also: tuple[str, ...] = ()
    told: str = ""


@dataclass(frozen=True, slots=True)
class HostError:
    """An error of a map's `errors`, and the line that shows it."""

    kind: ErrorClass
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page of a list.

    `ended`: a marker of the last page shows; `more`: a marker of a further page shows, None where the map has
    none; `short`: an empty line ended the rows before the table's last line; `number`: its own, where the map
    says where it shows; `first`: whether it is the first, None where no map can say that.
    """

    rows: list[Row]
    ended: bool
    more: bool | None
    short: bool
    number: int | None = None
    last: int | None = None
    """The number of the last page."""
    first: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Cells of a field; `line` for those of a list."""

    name: str
    start: int
    length: int
    line: int | None = None
    hidden: bool = False


def identify(maps: Maps, screen: Screen) -> Identified:
    """The one screen that this is; none and several are both no answer."""
    view = View(screen)
    names = tuple(name for name, each, fitted in _fitted(maps, screen) if _is(each, fitted, view))
    if len(names) == 1:
        return Identified(names[0])
    if names:
        return Identified(
            None, names, f"the maps {', '.join(names)} all know it: tell them apart by `identify`"
        )
    return Identified(None, (), "no map knows it")


def _fitted(maps: Maps, screen: Screen) -> list[tuple[str, ScreenMap, Fitted]]:
    """The maps for a screen of this size."""
    size = screen.rows, screen.columns
    known: list[tuple[str, ScreenMap, Fitted]] | None = maps.by_size.get(size)
    if known is None:
        each = ((name, each, compiled(each, screen)) for name, each in maps.screens.items())
        known = maps.by_size[size] = [found for found in each if not found[2].misfit]
    return known


def _is(each: ScreenMap, fitted: Fitted, view: View) -> bool:
    if view.wide:
        return all(rules.holds(rule, view) for rule in each.identify)
    text = view.text
    for wanted, at in fitted.texts:
        if not text.startswith(wanted, at):
            return False
    return all(rules.holds(rule, view) for rule in fitted.rules)


def why_not(screen_map: ScreenMap, screen: Screen) -> list[str]:
    """Each thing that keeps a screen from being this one, with what is there instead."""
    view, misfit = View(screen), compiled(screen_map, screen).misfit
    failing = (rules.told(rule, view) for rule in screen_map.identify if not rules.holds(rule, view))
    return [*([misfit] if misfit else ()), *failing]


def shows(rule: Rule, screen: Screen) -> bool:
    return rules.holds(rule, View(screen))


def host_error(maps: Maps, screen: Screen, name: str | None) -> HostError | None:
    """The first error that shows, by the rules of the screen itself and then by those for all screens.

    One about a row gives way to an error on another line: with that, the screen says nothing of rows.
    """
    view, screen_map = View(screen), maps.screens[name] if name else None
    known = (*(screen_map.errors if screen_map else ()), *maps.errors)
    errors = [(rule, rules.line_of(rule, view)) for rule in known if rules.holds(rule, view)]
    if not errors:
        return None
    rule, line = first = errors[0]
    if rule.kind == "reject":
        elsewhere = ((other, at) for other, at in errors if other.kind != "reject" and at != line)
        rule, line = next(elsewhere, first)
    shown = without_hidden(screen_map, screen) if screen_map else screen
    text = shown.row(line).replace(FILLER, "").strip() if line else shown.title
    return HostError(rule.kind, text)


def without_hidden(screen_map: ScreenMap, screen: Screen) -> Screen:
    """The screen without what its map calls hidden: to be told, kept, or read for what is not."""
    fitted = compiled(screen_map, screen)
    if not (fitted.hidden or fitted.sought):
        return screen
    text = screen.text
    for start, length in fitted.hidden:
        text = without_cells(text, start, length)
    for each in fitted.sought:
        view = View(screen)
        with suppress(Misplaced):
            start, end = places.locate(each, view, Labels(view, fitted.labels)).span
            text = without_cells(text, start, end - start)
    return replace(screen, text=text)


def bare(maps: Maps, screen: Screen) -> Screen:
    """The screen without what any map that knows it calls hidden."""
    found = identify(maps, screen)
    for name in found.also or filter(None, (found.name,)):
        screen = without_hidden(maps.screens[name], screen)
    return screen


def record(screen_map: ScreenMap, screen: Screen) -> Row:
    """The values of a screen's fields, hidden ones left out, and their cells blank for all others."""
    view, row = View(without_hidden(screen_map, screen)), Row({}, [])
    fitted = compiled(screen_map, screen)
    if fitted.misfit:
        row.problems.append(Problem("", view.screen.title, fitted.misfit))
    labels = Labels(view, fitted.labels)
    for name, read, place in fitted.fields:
        raw = ""
        try:
            cells = place if isinstance(place, Cells) else places.locate(place, view, labels)
            raw = view.cut(cells.start, cells.end)
            places.must_be_whole(cells, view, raw)
            row.values[name] = read(raw)
        except Misplaced as error:
            row.problems.append(Problem(name, error.raw, str(error)))
        except ValueError as error:
            row.problems.append(Problem(name, raw, str(error)))
    return row


def page(screen_map: ScreenMap, screen: Screen) -> Page:
    """The rows of a screen's list. Errors: ValueError when the map has none, or is for another size."""
    fitted = compiled(screen_map, screen)
    table, lines = screen_map.table, fitted.table
    if table is None or lines is None:
        raise ValueError(fitted.misfit or "the map has no table")
    view, shown = View(screen), View(without_hidden(screen_map, screen))
    markers = [rule for rule in (*table.end, *table.more) if not rule.absent and rules.line_of(rule, view)]
    rows: list[Row] = []
    short = False
    for line in range(table.top, table.bottom + 1):
        row = lines.row(shown, line)
        if row is None or _is_marker(markers, table.key, row, view):
            short = short or table.blank == "end"
        elif short:
            raw = shown.screen.row(line)
            rows.append(Row({}, [Problem("", raw, "stands below an empty line")], line, raw))
        else:
            rows.append(row)
    if screen.fields:
        _refuse_strangers(rows, lines, shown)
    named = {row.line for row in rows if row.line and row.values.keys() >= {*table.key}}

    def says(each: Sequence[Rule]) -> bool | None:
        """None: the map has no such markers."""
        shown = (rules.holds(rule, view, () if _is_beside(table, rule) else named) for rule in each)
        return any(shown) if each else None

    number, last = _number(table, view) or (None, None)
    ended, more, first = says(table.end) or False, says(table.more), says(table.first)
    if number is not None and last is not None:
        ended, more = ended or number >= last, more or number < last
    if first is None and table.page is not None:
        first = number is not None and number <= 1
    return Page(rows, ended, more, short, number, last, first)


def _number(table: Table, view: View) -> tuple[int, int | None] | None:
    """The page's, and the last one's."""
    rule = table.page
    return rule.find(view.screen.row(rule.row)) if rule and rule.row <= view.screen.rows else None


def _refuse_strangers(rows: Sequence[Row], lines: FittedTable, view: View) -> None:
    """Lines whose key does not begin a field where that of most others does, as those of a message."""
    attributes, width = view.attributes, view.screen.columns
    at = [start - 1 - width for name, start, *_ in lines.columns if name in lines.key]
    begins = [tuple([attributes[(row.line or 1) * width + each] for each in at]) for row in rows]
    if len(set(begins)) <= 1:
        return
    usual = max(set(begins), key=lambda each: (begins.count(each), each))
    for row, each in zip(rows, begins, strict=True):
        if each != usual:
            row.raw = view.screen.row(row.line or 1)
            row.values, row.problems = {}, [Problem("", row.raw, "has other fields than the lines around it")]


def _is_beside(table: Table, rule: Rule) -> bool:
    """Whether a marker has cells that no column of the list has: it is no part of a value.

    A pattern may go on to the end of its line.
    """
    if rule.column is None:
        return False
    first, last = rule.column, rule.column + len(rule.text) if rule.text else math.inf
    return all(each.column + each.cells <= first or last <= each.column for each in table.columns.values())


def _is_marker(markers: Sequence[Rule], key: Sequence[str], row: Row, view: View) -> bool:
    """Whether a marker has the line to itself, or in words of others stands where its rule says, and no key.

    Any other line with the text of a marker may be a row that has it in a value.
    """
    for rule in markers:
        other = rules.beside(rule, view, row.line or 0)
        if other is None:
            continue
        if not any(map(str.isalnum, other)):
            return True
        if rule.row is not None and any(name not in row.values for name in key):
            return True
    return False


def address(screen_map: ScreenMap, name: str, screen: Screen, line: int | None = None) -> int | None:
    """Where to type into a field, or into a column of a line of the list; None when it is not there."""
    if line is not None:
        column = screen_map.table.columns.get(name) if screen_map.table else None
        return (line - 1) * screen.columns + column.column - 1 if column else None
    each = screen_map.fields.get(name)
    if each is None:
        return None
    if each.row is not None and each.column is not None:
        return (each.row - 1) * screen.columns + each.column - 1
    view = View(screen)
    if each.field is not None:
        found = places.numbered(each, view)
        return found.start if found else None
    try:
        after = Labels(view, compiled(screen_map, screen).labels).end(each, screen.columns)
    except Misplaced:
        return None
    line_end = (after - 1) // screen.columns * screen.columns + screen.columns
    fields = (each for each in view.shown_fields if after <= each.start < line_end and not each.protected)
    return next((each.start for each in fields), None)


def places_of(screen_map: ScreenMap, screen: Screen) -> Iterator[Place]:
    """All cells that a map names, hidden ones too; those that are not on this screen are left out."""
    view, labels = View(screen), Labels(View(screen), compiled(screen_map, screen).labels)
    for name, each in screen_map.fields.items():
        try:
            start, end = span(each, screen.columns) or places.locate(each, view, labels).span
        except Misplaced:
            continue
        yield Place(name, start, end - start, None, each.hidden)
    table = screen_map.table
    rule = table.page if table else None
    if rule and rule.row <= screen.rows and (cells := rule.place(screen.row(rule.row))):
        yield Place("page", (rule.row - 1) * screen.columns + cells[0], cells[1] - cells[0])
    for line in range(table.top, table.bottom + 1) if table else ():
        for name, column in table.columns.items() if table else ():
            start = (line - 1) * screen.columns + column.column - 1
            yield Place(name, start, column.cells, line, column.hidden)

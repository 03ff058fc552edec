"""A screen map compiled for one size of screen, and the rows of its list. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectors.mainframe import places
from connectors.mainframe.maps import FieldMap, Rule, ScreenMap, Table
from connectors.mainframe.places import CLOSING, OPENING, Cells, Label
from connectors.mainframe.rules import View
from connectors.mainframe.screen import FILLER, Screen, spelled
from connectors.mainframe.values import Content, Reader, is_blank, reader

_MOST_LAYOUTS = 256  # of lines; a list has a few, and a host that sends nonsense any number
_BEFORE, _AFTER = OPENING + " ", CLOSING + " "


@dataclass(frozen=True, slots=True)
class Problem:
    """Cells that are no value. `field` is empty when it is about a whole line."""

    field: str
    raw: str
    reason: str

    def __str__(self) -> str:
        return f"{f'{self.field}: ' if self.field else ''}{self.raw.strip()!r} {self.reason}"


@dataclass(slots=True)
class Row:
    """What a screen, or one line of its list, says. A field with a problem has no value.

    `raw`: the line, hidden columns blanked, when it has problems.
    """

    values: dict[str, Content]
    problems: list[Problem]
    line: int | None = None
    raw: str = ""


type _Column = tuple[str, int, int, Reader, bool, bool]
"""Name, from and up to in the line, how to read it, whether what touches it there is part of it."""


@dataclass(frozen=True, slots=True)
class FittedTable:
    columns: tuple[_Column, ...]
    key: tuple[str, ...]
    divided: dict[bytes, tuple[tuple[str, int, int], ...]] = field(default_factory=dict)
    """Attributes of a line -> columns that have one inside: name, where the first is, and where they end."""

    def row(self, view: View, line: int) -> Row | None:
        """What a line says; None when it is empty. `view`: of a screen without what is hidden."""
        cells = view.screen.row(line)
        if (cells.replace(FILLER, "") if view.wide else cells).isspace():
            return None
        row = Row({}, [], line)
        values, wide = row.values, view.wide
        for name, start, end, read, left, right in self.columns:
            raw = cells[start:end]
            try:
                if left and raw[0] != " " and cells[start - 1] not in _BEFORE:
                    row.problems.append(Problem(name, raw, places.BEGINS_BEFORE))
                elif right and raw[-1] != " " and cells[end] not in _AFTER:
                    row.problems.append(Problem(name, raw, places.GOES_ON))
                else:
                    values[name] = read(spelled(raw) if wide else raw)
            except ValueError as error:
                row.problems.append(Problem(name, raw, str(error)))
        self._check(row, cells, view)
        if row.problems:
            row.raw = cells
        return row

    def _check(self, row: Row, cells: str, view: View) -> None:
        """Values that are of two fields of the screen, or of none, and are the key."""
        for name, at, end in self._divided(view, row.line or 0) if view.screen.fields else ():
            if cells[at + 1 : end].strip(" "):
                self._refuse(row, name, cells, f"has a field in it that begins in column {at + 2}")
        for name in self.key:
            if is_blank(row.values.get(name, name)):
                self._refuse(row, name, cells, "is blank, and is the key")

    def _refuse(self, row: Row, name: str, cells: str, reason: str) -> None:
        if name in row.values:
            del row.values[name]
            start, end = next((start, end) for known, start, end, *_ in self.columns if known == name)
            row.problems.append(Problem(name, cells[start:end], reason))

    def _divided(self, view: View, line: int) -> tuple[tuple[str, int, int], ...]:
        width = view.screen.columns
        attributes = view.attributes[(line - 1) * width : line * width]
        known = self.divided.get(attributes)
        if known is None:
            if len(self.divided) >= _MOST_LAYOUTS:
                self.divided.clear()
            first = ((name, attributes.find(1, start, end), end) for name, start, end, *_ in self.columns)
            known = self.divided[attributes] = tuple(each for each in first if each[1] >= 0)
        return known


@dataclass(frozen=True, slots=True)
class Fitted:
    """`misfit`: why the map is not for this size; empty when it is."""

    misfit: str
    texts: tuple[tuple[str, int], ...]  # that must be at these addresses
    rules: tuple[Rule, ...]  # to identify it, those of `texts` left out
    fields: tuple[tuple[str, Reader, Cells | FieldMap], ...]
    labels: Mapping[str, Label]
    table: FittedTable | None
    hidden: tuple[tuple[int, int], ...]
    """Cells that nobody is to see: where they begin, and how many they are."""
    sought: tuple[FieldMap, ...]
    """Hidden fields that are not always at one place."""


def compiled(screen_map: ScreenMap, screen: Screen) -> Fitted:
    """Compiled once for each size."""
    size = screen.rows, screen.columns
    known: Fitted | None = screen_map.by_size.get(size)
    if known is None:
        known = screen_map.by_size[size] = _fitted(screen_map, *size)
    return known


def _fitted(screen_map: ScreenMap, rows: int, columns: int) -> Fitted:
    labels = places.labels_of(screen_map.fields.values())
    misfit = screen_map.misfit(rows, columns)
    hidden = tuple(_hidden(screen_map, columns))
    sought = tuple(each for each in screen_map.fields.values() if each.hidden and not span(each, columns))
    if misfit:
        return Fitted(misfit, (), (), (), labels, None, hidden, sought)
    texts = {rule: at for rule in screen_map.identify if (at := _address(rule, columns)) is not None}
    other = tuple(rule for rule in screen_map.identify if rule not in texts)
    spans = [cells for each in screen_map.fields.values() if (cells := span(each, columns))]
    fields = []
    for name, each in screen_map.fields.items():
        cells = span(each, columns)
        place = places.fixed(*cells, columns, spans) if cells else each
        if not each.hidden:
            fields.append((name, reader(each, "both" if each.label else "right"), place))
    table = _table(screen_map.table, columns) if screen_map.table else None
    fixed = tuple((rule.text or "", at) for rule, at in texts.items())
    return Fitted("", fixed, other, tuple(fields), labels, table, hidden, sought)


def _hidden(screen_map: ScreenMap, columns: int) -> Iterator[tuple[int, int]]:
    for each in screen_map.fields.values():
        if each.hidden and (cells := span(each, columns)):
            start, end = cells
            yield start, end - start
    table = screen_map.table
    listed = [each for each in table.columns.values() if each.hidden] if table else []
    for line in range(table.top, table.bottom + 1) if table and listed else ():
        yield from (((line - 1) * columns + each.column - 1, each.cells) for each in listed)


def _address(rule: Rule, columns: int) -> int | None:
    """Of a text that must be there; None for all other rules."""
    if rule.text is None or rule.row is None or rule.column is None or rule.absent:
        return None
    in_line = rule.column - 1 + len(rule.text) <= columns
    return (rule.row - 1) * columns + rule.column - 1 if in_line else None


def span(each: FieldMap, columns: int) -> tuple[int, int] | None:
    """The cells of a field with a fixed place."""
    if each.row is None or each.column is None:
        return None
    start = (each.row - 1) * columns + each.column - 1
    return start, start + (each.cells or 0)


def _table(table: Table, columns: int) -> FittedTable:
    spans = {name: (each.column - 1, each.column - 1 + each.cells) for name, each in table.columns.items()}
    fitted = []
    for name, each in table.columns.items():
        cells = places.fixed(*spans[name], columns, list(spans.values()))
        if not each.hidden:
            fitted.append((name, cells.start, cells.end, reader(each, "right"), cells.left, cells.right))
    return FittedTable(tuple(fitted), table.key)

"""A screen map from a BMS map: literals identify it, named fields are read, numbered ones are rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from connectors.mainframe import pictures
from connectors.mainframe.bms import BmsField, BmsMap
from connectors.mainframe.drafted import DECIDE, Draft, Item, Rows, end_marker, named, next_key

SIZES = frozenset({(24, 80), (32, 80), (43, 80), (27, 132)})
FEWEST_ROWS = 3
"""Two numbered fields, one above the other, are no list yet."""
LONE_COLUMN = 5
"""So many lines make a list where no other column stands beside them: three may be an address."""
_DATES = re.compile(r"(99|9999)([/B0-])99\2(99|9999)")
_DIGITS = re.compile(r"\d+")
_PAGE = re.compile(r"PAGE ?[:.]?", re.IGNORECASE)
_OF = re.compile(r"OF|/", re.IGNORECASE)


class Column(NamedTuple):
    """Fields in one column, line after line, that differ by a number in their names."""

    name: str
    fields: tuple[BmsField, ...]

    @property
    def rows(self) -> tuple[int, int]:
        return self.fields[0].row, self.fields[-1].row


def drafts(maps: Iterable[BmsMap]) -> list[Draft]:
    made: list[Draft] = []
    for each in maps:
        made.append(_draft(each, named(each.name, {draft.name for draft in made}, "screen")))
    return made


def _draft(of: BmsMap, name: str) -> Draft:
    draft = Draft(name, notes=list(_notes(of)))
    if (of.rows, of.columns) in SIZES and (of.first_row, of.first_column) == (1, 1):
        draft.size = f"{of.rows}x{of.columns}"
    literals = [each for each in of.fields if not each.name and _shown(each)]
    if not literals:
        literals = [each for each in of.fields if each.protected and _shown(each)]
        draft.notes.append(
            f"{DECIDE}no literal is without a name here; does the program leave these texts as they are?"
            if literals
            else f"{DECIDE}what identifies this screen? The source has no literals"
        )
    draft.identify = [_identify(each, of) for each in literals if each.initial.isprintable()]
    draft.notes += [
        f"{DECIDE}what shows in row {each.row}, column {each.column}? Its XINIT has codes that are no text"
        for each in literals
        if not each.initial.isprintable()
    ]
    columns = _columns(of.fields)
    if columns:
        draft.table = _table(columns, [each.initial for each in of.fields])
        draft.table.notes += _page(of.fields)
    listed = {id(each) for column in columns for each in column.fields}
    draft.fields = list(_fields([each for each in of.fields if id(each) not in listed]))
    return draft


def _notes(of: BmsMap) -> Iterator[str]:
    if of.floats:
        yield f"{DECIDE}the program places this map (LINE or COLUMN): rows and columns count from its corner"
    for name in of.nowhere:
        yield f"{name} has no POS: it is not on the screen"
    if of.skipped:
        yield f"{DECIDE}these statements were not read: {', '.join(of.skipped)}"
    groups: dict[str, list[str]] = defaultdict(list)
    for each in of.fields:
        if each.group and each.name:
            groups[each.group].append(each.name)
    for group, names in groups.items():
        yield f"{group} is one field of the screen with these parts: {', '.join(names)}"


def _shown(each: BmsField) -> bool:
    return not each.hidden and each.number <= 1 and each.initial[: each.length].strip() != ""


def _identify(each: BmsField, of: BmsMap) -> dict[str, object]:
    """The literal without the blanks around it, as far as it is on its first line."""
    in_line = of.first_column + of.columns - each.column
    shown = each.initial[: min(each.length, in_line)]
    text = shown.lstrip()
    return {"row": each.row, "column": each.column + len(shown) - len(text), "text": text.rstrip()}


# -- fields


def _fields(fields: Iterable[BmsField]) -> Iterator[Item]:
    taken: set[str] = set()
    shown = [each for each in fields if each.name and each.length]
    for each in shown:
        if each.name:
            name = named(each.name + (f"_{each.number}" if each.number else ""), taken)
            taken.add(name)
            options, note = _read(each)
            note = _over_hidden(each, shown) or note
            yield Item(name, {"row": each.row, "column": each.column, **options}, note)


def _over_hidden(each: BmsField, others: Iterable[BmsField]) -> str:
    """What is to say of a field that shows cells of a hidden one: no map may have both."""
    under = (
        other.name
        for other in others
        if not each.hidden and other.hidden and other.row == each.row
        if max(each.column, other.column) < min(each.column + each.length, other.column + other.length)
    )
    name = next(under, None)
    return f"{DECIDE}it is over cells of {name}, which is hidden: leave one of the two out" if name else ""


def _read(each: BmsField) -> tuple[dict[str, object], str]:
    """Length and type of a field, and what is to say about them."""
    options: dict[str, object] = {"length": each.length}
    note = ""
    if each.shown:
        note = _unfit(each.shown, each.length)
        if not note:
            options["picture"] = each.shown
            note = f'{DECIDE}null: [""], if it may be blank'
            if _DATES.fullmatch(each.shown):
                note = f"{DECIDE}a date? then `date: ...` instead of the picture"
    elif each.typed:
        note = f"{DECIDE}typed as {each.typed}; a picture?"
    elif "NUM" in each.attributes:
        note = f"{DECIDE}numeric; a picture?"
    if each.hidden:
        options["hidden"] = True
    return options, note


def _unfit(picture: str, length: int) -> str:
    """What speaks against a picture, if anything does."""
    try:
        width = pictures.picture(picture).width
    except pictures.NoPicture as error:
        return f"{DECIDE}the source's picture {picture} {error}"
    if width != length:
        return f"{DECIDE}the source's picture {picture} shows {width} characters, the field has {length}"
    return ""


# -- rows


def _table(columns: Sequence[Column], texts: Sequence[str]) -> Rows:
    first, last = columns[0].rows
    items: list[Item] = []
    firsts = [column.fields[0] for column in columns]
    for column in columns:
        options, note = _read(column.fields[0])
        note = _over_hidden(column.fields[0], firsts) or note
        name = named(column.name, {item.name for item in items}, "column")
        items.append(Item(name, {"column": column.fields[0].column, **options}, note))
    visible = [item for item in items if not item.options.get("hidden")]
    key = next((item for item in visible if item.options["length"] != 1), (visible or items)[0])
    rows = Rows(first, last, items, key.name, next_key(texts))
    if not visible:
        rows.notes.append(f"{DECIDE}all columns are hidden (DRK), and such a one is no key: is this a list?")
    if len(items) == 1:
        rows.notes.append(f"{DECIDE}one text a line; cut it into columns")
    marker = next(((text, found) for text in texts if (found := end_marker(text))), None)
    if marker:
        rows.notes.append(f"{DECIDE}is {marker[1]!r} on every page? Else it marks the end")
    return rows


def _page(fields: Sequence[BmsField]) -> Iterator[str]:
    """A literal PAGE before a named field, and OF before another one, may be the number of the page."""
    for at, each in enumerate(fields):
        number, between, last = (*fields[at + 1 : at + 4], None, None, None)[:3]
        word = each.initial.strip()
        if each.name or not _PAGE.fullmatch(word) or not (number and number.name and number.row == each.row):
            continue
        text = f"{word} N"
        if between and last and last.name and _OF.fullmatch(between.initial.strip()):
            text += f" {between.initial.strip()} M"
        yield f'{DECIDE}page: {{row: {each.row}, text: "{text}"}}, if {number.name} is the number of the page'


def _columns(fields: Iterable[BmsField]) -> list[Column]:
    """The columns of the list there seems to be: those that the most rows, or the most columns, share."""
    found: dict[tuple[int, int], list[Column]] = defaultdict(list)
    for column in _distinct(_candidates(fields)):
        found[column.rows].append(column)
    lists = [columns for columns in found.values() if _is_list(columns)]
    best = max(lists, key=lambda columns: sum(len(column.fields) for column in columns), default=[])
    return sorted(best, key=lambda column: column.fields[0].column)


def _is_list(columns: Sequence[Column]) -> bool:
    rows = len(columns[0].fields)
    repeated = any(column.fields[0].number for column in columns)
    return repeated or rows >= (FEWEST_ROWS if len(columns) > 1 else LONE_COLUMN)


def _candidates(fields: Iterable[BmsField]) -> Iterator[Column]:
    groups: dict[tuple[str, int, int], list[tuple[int, BmsField]]] = defaultdict(list)
    for each in fields:
        if each.name and each.length:
            for stem, number in _stems(each):
                groups[stem, each.column, each.length].append((number, each))
    for (stem, _, _), members in groups.items():
        members.sort(key=lambda member: member[0])
        if len(members) > 1 and all(
            later[0] - one[0] == 1 and later[1].row - one[1].row == 1 for one, later in pairwise(members)
        ):
            yield Column(stem.replace("#", "", 1), tuple(each for _, each in members))


def _stems(each: BmsField) -> Iterator[tuple[str, int]]:
    """The name with a number taken out, and that number, for each number in it."""
    name = each.name or ""
    if each.number:
        yield f"{name}#", each.number
        return
    for found in _DIGITS.finditer(name):
        yield f"{name[: found.start()]}#{name[found.end() :]}", int(found[0])


def _distinct(columns: Iterable[Column]) -> Iterator[Column]:
    """The longest first; no field is in two of them."""
    used: set[int] = set()
    for column in sorted(columns, key=lambda each: -len(each.fields)):
        if not any(id(each) in used for each in column.fields):
            used.update(map(id, column.fields))
            yield column

"""What a change document says of rows: its lines (CDPOS), those of one row taken together.

CHNGIND, by the domain CDCHNGIND: U changed, I inserted, D deleted, and, of a field for itself, J inserted
with its row, E deleted with it. Of a row inserted or deleted as a whole there is one line, its FNAME is KEY.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

from bridge.contract import Op
from connectors.sap_rfc.dictionary import Relation

KEY = "KEY"
LONGEST_KEY = 70
"""Of TABKEY; what is longer is kept elsewhere, under a number."""
_CREATED, _DELETED = frozenset("IJ"), frozenset("DE")
_SPELLED = frozenset({"CHAR", "CLNT", "NUMC", "DATS", "TIMS", "LANG", "CUKY", "UNIT", "ACCP"})
"""Types whose values stand in TABKEY as they are."""

type Line = Mapping[str, Any]
"""A row of CDPOS."""


class Value(NamedTuple):
    """As CDPOS writes it, and its currency or unit."""

    text: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RowChange:
    """`old`, `new`: column -> value, of those that the document logs; `others`: lines of no column."""

    table: str
    key: str
    """TABKEY: the values of the key's columns, the client first, side by side."""
    op: Op
    old: Mapping[str, Value] = field(default_factory=dict)
    new: Mapping[str, Value] = field(default_factory=dict)
    others: Sequence[Line] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        return tuple(sorted({*self.old, *self.new}))


def rows(lines: Iterable[Line], columns: Mapping[str, frozenset[str]]) -> Iterator[RowChange]:
    """Of the lines of one document; `columns`: of the tables that are wanted."""
    wanted = [each for each in lines if each["TABNAME"] in columns]
    for (table, key), some in groupby(sorted(wanted, key=_place), _place):
        yield from _of_row(table, key, list(some), columns[table])


def _of_row(table: str, key: str, lines: Sequence[Line], columns: frozenset[str]) -> Iterator[RowChange]:
    told = [each for each in lines if _is_of(each, columns)]
    others = [each for each in lines if not _is_of(each, columns) and not _is_whole(each)]
    deleted = [each for each in lines if each["CHNGIND"] in _DELETED and not each.get("TEXT_CASE")]
    created = [each for each in lines if each["CHNGIND"] in _CREATED and not each.get("TEXT_CASE")]
    if deleted:
        old = {each["FNAME"]: _old(each) for each in told if each["CHNGIND"] not in _CREATED}
        yield RowChange(table, key, Op.DELETE, old=old, others=() if created else others)
    if created:
        new = {each["FNAME"]: _new(each) for each in told if each["CHNGIND"] not in _DELETED}
        yield RowChange(table, key, Op.CREATE, new=new, others=others)
    if not (deleted or created):
        old = {each["FNAME"]: _old(each) for each in told}
        yield RowChange(table, key, Op.UPDATE, old, {each["FNAME"]: _new(each) for each in told}, others)


def _place(line: Line) -> tuple[str, str]:
    return line["TABNAME"], line["TABKEY"]


def _is_whole(line: Line) -> bool:
    return line["FNAME"] == KEY and not line.get("TEXT_CASE")


def _is_of(line: Line, columns: frozenset[str]) -> bool:
    return line["FNAME"] in columns and not line.get("TEXT_CASE")


def _old(line: Line) -> Value:
    return Value(line["VALUE_OLD"] or "", line.get("CUKY_OLD") or line.get("UNIT_OLD") or "")


def _new(line: Line) -> Value:
    return Value(line["VALUE_NEW"] or "", line.get("CUKY_NEW") or line.get("UNIT_NEW") or "")


def key_places(relation: Relation) -> tuple[tuple[str, int, int], ...]:
    """Column, offset and length in TABKEY; nothing where TABKEY is not the key's values side by side."""
    names = ([relation.client] if relation.client else []) + list(relation.key)
    columns = [relation.column(name) for name in names]
    ends = [sum(each.length for each in columns[: i + 1]) for i in range(len(columns))]
    if not relation.key or ends[-1] > LONGEST_KEY or any(each.abap not in _SPELLED for each in columns):
        return ()
    places = [(each.name, end - each.length, each.length) for each, end in zip(columns, ends, strict=True)]
    return tuple(place for place in places if place[0] != relation.client)

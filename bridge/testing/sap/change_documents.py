"""Change documents: CDHDR and CDPOS, as the function modules behind <class>_WRITE_DOCUMENT write them.

Tables and their fields: sapdatasheet.org, CDHDR and CDPOS (the shapes before data aging). What a change
indicator means: SAP Help, "Change Documents: Structure", and the fixed values of domain CDCHNGIND: U changed,
I inserted, D deleted (key alone), E and J deleted and inserted (each field).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.testing.sap import clock
from bridge.testing.sap.abap import Field, Structure, Table, Type, char, initial
from bridge.testing.sap.texts import moved
from bridge.testing.sap.values import Row

_KEY = "KEY"
_WIDTH = 254
_CLIENT = Type("CLNT", name="MANDT", domain="MANDT")
_DATE = Type("DATS")
_TIME = Type("TIMS")
_UNIT = Type("UNIT", 3)
_CURRENCY = Type("CUKY")


def _key(name: str, type_: Type, text: str) -> Field:
    return Field(name, type_, key=True, text=text)


CDHDR = Table(
    Structure(
        "CDHDR",
        (
            _key("MANDANT", _CLIENT, "Client"),
            _key("OBJECTCLAS", char(15, "CDOBJECTCL"), "Object class"),
            _key("OBJECTID", char(90, "CDOBJECTV"), "Object value"),
            _key("CHANGENR", char(10, "CDCHANGENR"), "Document change number"),
            Field("USERNAME", char(12, "CDUSERNAME"), text="User"),
            Field("UDATE", _DATE, text="Creation date of the change document"),
            Field("UTIME", _TIME, text="Time changed"),
            Field("TCODE", char(20, "CDTCODE"), text="Transaction"),
            Field("PLANCHNGNR", char(12, "CDPLANCHNG"), text="Planned change number"),
            Field("ACT_CHNGNO", char(10, "CD_CHNGNO"), text="Change number of the document"),
            Field("WAS_PLANND", char(1, "CD_PLANNED"), text="Flag that changes were planned"),
            Field("CHANGE_IND", char(1, "CDCHNGINDH"), text="Application object change type"),
            Field("LANGU", Type("LANG"), text="Language key"),
            Field("VERSION", char(3, "CDVERSION"), text="Version"),
        ),
        "Change document header",
    )
)
CDPOS = Table(
    Structure(
        "CDPOS",
        (
            _key("MANDANT", _CLIENT, "Client"),
            _key("OBJECTCLAS", char(15, "CDOBJECTCL"), "Object class"),
            _key("OBJECTID", char(90, "CDOBJECTV"), "Object value"),
            _key("CHANGENR", char(10, "CDCHANGENR"), "Document change number"),
            _key("TABNAME", char(30, "TABNAME"), "Table name"),
            _key("TABKEY", char(70, "CDTABKEY"), "Changed table record key"),
            _key("FNAME", char(30, "FIELDNAME"), "Field name"),
            _key("CHNGIND", char(1, "CDCHNGIND"), "Change type (U, I, E, D)"),
            Field("TEXT_CASE", char(1, "CDTXTCASE"), text="Flag: text change"),
            Field("UNIT_OLD", _UNIT, text="Old unit"),
            Field("UNIT_NEW", _UNIT, text="New unit"),
            Field("CUKY_OLD", _CURRENCY, text="Old currency"),
            Field("CUKY_NEW", _CURRENCY, text="New currency"),
            Field("VALUE_NEW", char(_WIDTH, "CDFLDVALN"), text="New contents of changed field"),
            Field("VALUE_OLD", char(_WIDTH, "CDFLDVALO"), text="Old contents of changed field"),
        ),
        "Change document items",
    )
)
TCDOB = Table(
    Structure(
        "TCDOB",
        (
            Field("OBJECT", char(15, "CDOBJECTCL"), key=True, text="Object class"),
            Field("TABNAME", char(30, "CDTABNAME"), key=True, text="Table name"),
            Field("MULTCASE", char(1, "CDMULTCASE"), text="Copy as internal table"),
            Field("DOCUDEL", char(1, "CDDOCUDEL"), text="Doc. for individual fields at delete"),
            Field("DOCUINS", char(1, "CDDOCUINS"), text="Doc. for individual fields at insert"),
        ),
        "Objects for change document creation",
    )
)
"""The tables of each class, with a part of its columns."""


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """How a class is documented: whether inserts and deletes tell each field, or one item all of them.

    SAP Help, "Define change document object", flag "Doc. for individual fields at delete".
    """

    name: str
    insert_fields: bool = False
    delete_fields: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A row before and after; None where there is none."""

    table: Table
    before: Row | None
    after: Row | None

    @property
    def indicator(self) -> str:
        return "I" if self.before is None else "D" if self.after is None else "U"


@dataclass(frozen=True, slots=True)
class Document:
    """One change document: its number, and who changed what when."""

    kind: ObjectClass
    id: str
    number: str
    client: str
    user: str
    tcode: str
    moment: datetime

    def header(self, indicator: str) -> Mapping[str, Any]:
        return self._keys | {
            "USERNAME": self.user,
            "UDATE": clock.date(self.moment),
            "UTIME": clock.time(self.moment),
            "TCODE": self.tcode,
            "CHANGE_IND": indicator,
            "LANGU": "E",
        }

    def items(self, changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
        for change in changes:
            table_key = {"TABNAME": change.table.name, "TABKEY": key_text(change)}
            for item in _items(change, self.kind):
                yield {**self._keys, **table_key, **item}

    @property
    def _keys(self) -> dict[str, Any]:
        keys = {"MANDANT": self.client, "OBJECTCLAS": self.kind.name, "OBJECTID": self.id}
        return keys | {"CHANGENR": self.number}


def key_text(change: Change) -> str:
    """TABKEY: the fields of the key one behind another, each as wide as it is."""
    fields = zip(change.table.row.fields, change.after or change.before or (), strict=True)
    return "".join(moved(each.type, value, each.type.leng) for each, value in fields if each.key)  # type: ignore[arg-type, union-attr]


def _items(change: Change, kind: ObjectClass) -> Iterator[dict[str, Any]]:
    by_field = {"U": True, "I": kind.insert_fields, "D": kind.delete_fields}[change.indicator]
    items = list(_fields(change)) if by_field else []
    if not items and change.indicator != "U":
        items = [{"FNAME": _KEY, "CHNGIND": change.indicator}]
    yield from items


def _fields(change: Change) -> Iterator[dict[str, Any]]:
    indicator = {"U": "U", "I": "J", "D": "E"}[change.indicator]
    blank = tuple(initial(each.type) for each in change.table.row.fields)
    before, after = change.before or blank, change.after or blank
    for place, each in enumerate(change.table.row.fields):
        if not each.key and each.logged and before[place] != after[place]:
            yield {"FNAME": each.name, "CHNGIND": indicator} | _values(
                change.table, each, place, before, after
            )


def _values(table: Table, each: Field, place: int, before: Row, after: Row) -> dict[str, Any]:
    type_ = each.type
    assert isinstance(type_, Type)
    item = {"VALUE_OLD": _text(type_, before[place]), "VALUE_NEW": _text(type_, after[place])}
    prefix = {"CURR": "CUKY", "QUAN": "UNIT"}.get(type_.datatype)
    if prefix is None or each.reference is None or each.reference[0] != table.name:
        return item
    names = [other.name for other in table.row.fields]
    unit = names.index(each.reference[1])
    return item | {f"{prefix}_OLD": before[unit], f"{prefix}_NEW": after[unit]}


def _text(type_: Type, value: Any) -> str:
    """What is initial is blank."""
    return (
        "" if value == initial(type_) else moved(type_, value, min(_WIDTH, type_.wide or _WIDTH)).rstrip(" ")
    )

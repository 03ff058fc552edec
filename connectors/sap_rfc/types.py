"""From a column of SAP's dictionary, or a field of a function's interface, to its Arrow field.

Sources: ABAP Keyword Documentation, "Predefined Dictionary Types"; structure DFIES.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from bridge.contract import NUMBER_TEXT
from connectors.sap_rfc.clients.client import Field, Kind

_DIGITS = 38
"""Most digits of an Arrow decimal."""
MINOR = 2
"""Decimals of a currency that TCURX does not name."""
_DEEP = frozenset("gyhuv")
"""ABAP types of what is not in the row itself (strings, tables): RFC_READ_TABLE cannot read them."""

_NEEDED: Mapping[str, int] = {"X": 2, "F": 24, "a": 23, "e": 42}
"""Characters of a byte, or of a number with all digits: ABAP does not tell of those it leaves out."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, as DFIES tells of it.

    `abap`: type of the dictionary (CHAR, CURR); `inttype`: of ABAP (C, P); `length`: characters that
    RFC_READ_TABLE gives it (LENG: so it has no room for both sign and point of a full number, nor for more
    than half of a RAW); `alpha`: has the conversion exit ALPHA; `reference`: the column with the currency or
    unit, as TABLE-FIELD when it is another table's.
    """

    name: str
    abap: str
    inttype: str
    length: int
    decimals: int
    field: pa.Field
    key: bool = False
    alpha: bool = False
    reference: str | None = None

    @property
    def is_deep(self) -> bool:
        """A string: RFC_READ_TABLE cannot read it."""
        return self.inttype in _DEEP

    def lost(self, width: int) -> str:
        """Why not every value can be had whole, from a text of so many characters ("": they can).

        A number that is too long ABAP marks with an asterisk: so its rows are refused, and no others.
        """
        if self.is_deep:
            return "is a string, which is not in the row itself"
        needed = _NEEDED.get(self.inttype, 1) * (self.length if self.inttype == "X" else 1)
        if width >= needed:
            return ""
        what = "cut" if self.inttype == "X" else "rounded"
        return f"would be {what}: it needs {needed} characters, and the function module gives it {width}"

    @property
    def is_amount(self) -> bool:
        """Its decimals are those of a currency."""
        return self.abap == "CURR"


def column(dfies: Mapping[str, Any]) -> Column:
    """Of a line of DFIES_TAB. What is of a type nobody knows is text, as ABAP moves it to text."""
    abap = _told(dfies, "DATATYPE")
    inttype = _LETTERS.get(abap) or _told(dfies, "INTTYPE")
    length, decimals = int(dfies["LENG"] or 0), int(dfies["DECIMALS"] or 0)
    name = _told(dfies, "FIELDNAME")
    return Column(
        name,
        abap,
        inttype,
        length,
        decimals,
        _named(name, _known(inttype, length, decimals)),
        key=bool(_told(dfies, "KEYFLAG")),
        alpha=_told(dfies, "CONVEXIT") == "ALPHA",
        reference=_reference(dfies),
    )


def shifted(column: Column, most: int) -> Column:
    """An amount as it is read when the decimals of its row's currency count, of which there are `most`."""
    scale = max(most, MINOR)
    digits = column.length + scale
    kind = pa.decimal128 if digits <= _DIGITS else pa.decimal256
    return replace(column, field=column.field.with_type(kind(digits, scale)))


def arrow_of(field: Field) -> pa.DataType:
    """The type of its values, whatever the depth. A row of a table is a struct, unless it is elementary."""
    match field.kind:
        case Kind.STRUCTURE:
            return pa.struct([arrow_field(each) for each in field.fields])
        case Kind.TABLE:
            return pa.list_(_row(field))
        case Kind.BCD:
            return pa.decimal128(min(max(field.length, field.decimals, 1), _DIGITS), field.decimals)
    return _KINDS[field.kind]


def arrow_field(field: Field) -> pa.Field:
    kind = pa.string() if field.kind in _FLOATING else None
    metadata = NUMBER_TEXT if kind else None
    return pa.field(field.name, kind or arrow_of(field), metadata=metadata)


def row_of(table: Field) -> Field:
    """What a table's lines are. It has no name."""
    if len(table.fields) == 1 and not table.fields[0].name:
        return table.fields[0]
    return replace(table, name="", kind=Kind.STRUCTURE)


def _row(table: Field) -> pa.Field:
    return arrow_field(row_of(table)).with_name("item")


def _named(name: str, known: pa.DataType | None) -> pa.Field:
    return pa.field(name, known or pa.string(), metadata=None if known else NUMBER_TEXT)


def _known(inttype: str, length: int, decimals: int) -> pa.DataType | None:
    """None: a number with as many digits as each value has."""
    if inttype in ("a", "e"):
        return None
    if inttype == "P":
        return pa.decimal128(min(max(length, decimals, 1), _DIGITS), decimals)
    return _INTERNAL.get(inttype, pa.string())


def _reference(dfies: Mapping[str, Any]) -> str | None:
    table, field = _told(dfies, "REFTABLE"), _told(dfies, "REFFIELD")
    if not field:
        return None
    return field if table in ("", _told(dfies, "TABNAME")) else f"{table}-{field}"


def _told(dfies: Mapping[str, Any], name: str) -> str:
    return str(dfies.get(name) or "").strip()


_LETTERS: Mapping[str, str] = {"INT1": "b", "INT2": "s", "INT4": "I", "PREC": "s"}
"""The dictionary may say X of these, since to it they are bytes."""
_FLOATING = (Kind.DECF16, Kind.DECF34)
_INTERNAL: Mapping[str, pa.DataType] = {
    "D": pa.date32(),
    "T": pa.time32("s"),
    "I": pa.int32(),
    "b": pa.int16(),
    "s": pa.int16(),
    "8": pa.int64(),
    "F": pa.float64(),
    "X": pa.binary(),
    "y": pa.binary(),
}
_KINDS: Mapping[Kind, pa.DataType] = {
    **dict.fromkeys((Kind.CHAR, Kind.NUM, Kind.STRING, Kind.UTCLONG, *_FLOATING), pa.string()),
    **dict.fromkeys((Kind.BYTE, Kind.XSTRING), pa.binary()),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time32("s"),
    Kind.FLOAT: pa.float64(),
    Kind.INT: pa.int32(),
    Kind.INT1: pa.int16(),
    Kind.INT2: pa.int16(),
    Kind.INT8: pa.int64(),
}

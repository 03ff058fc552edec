"""DDIF_FIELDINFO_GET: what the dictionary says of structures, tables and other types; and its table types.

Interface and structure DFIES: SAP's documentation of the function module. What comes over RFC is as saprfclib
saw it at a system of release 7.58 (its connection.py): places of the columns, lengths in bytes of a Unicode
system, INTTYPE I for INT4, and for SYST 171 rows of elementary fields alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bridge.testing.sap.abap import (
    AnyType,
    Field,
    Function,
    Structure,
    Table,
    TableType,
    Type,
    char,
    numc,
)
from bridge.testing.sap.modules import Call
from bridge.testing.sap.shapes import FLAG, NAME, blank, gives, lists, missing, name_of, row, takes

if TYPE_CHECKING:
    from bridge.testing.sap.system import System

DFIES = row(
    "DFIES",
    """TABNAME:C30 FIELDNAME:C30 LANGU:LANG POSITION:N4 OFFSET:N6 DOMNAME:C30 ROLLNAME:C30 CHECKTABLE:C30
    LENG:N6 INTLEN:N6 OUTPUTLEN:N6 DECIMALS:N6 DATATYPE:C4 INTTYPE:C1 REFTABLE:C30 REFFIELD:C30
    PRECFIELD:C30 AUTHORID:C3 MEMORYID:C20 LOGFLAG:C1 MASK:C20 MASKLEN:N4 CONVEXIT:C5 HEADLEN:N2
    SCRLEN1:N2 SCRLEN2:N2 SCRLEN3:N2 FIELDTEXT:C60 REPTEXT:C55 SCRTEXT_S:C10 SCRTEXT_M:C20 SCRTEXT_L:C40
    KEYFLAG:C1 LOWERCASE:C1 MAC:C1 GENKEY:C1 NOFORKEY:C1 VALEXI:C1 NOAUTHCH:C1 SIGN:C1 DYNPFLD:C1
    F4AVAILABL:C1 COMPTYPE:C1 LFIELDNAME:C132 LTRFLDDIS:C1 BIDICTRLC:C1 OUTPUTSTYLE:N2 NOHISTORY:C1
    AMPMFORMAT:C1""",
)
X030L = row("X030L", "TABNAME:C30 DBASE:C1 CRSTAMP:C14 TABTYPE:C1 TABFORM:C1 REFNAME:C30 TABLEN:INT4")
DDFIXVALUE = row("DDFIXVALUE", "LOW:C10 HIGH:C10 OPTION:C2 DDLANGUAGE:LANG DDTEXT:C60")
DDTYPEDESC = Structure(
    "DDTYPEDESC",
    (Field("TYPENAME", NAME), Field("TYPEKIND", char(4)), Field("FIELDS", TableType("DDFIELDS", DFIES))),
)


DDIF_FIELDINFO_GET = Function(
    "DDIF_FIELDINFO_GET",
    (
        takes("TABNAME", NAME, optional=False),
        takes("FIELDNAME", NAME),
        takes("LANGU", Type("LANG")),
        takes("LFIELDNAME", char(132)),
        takes("ALL_TYPES", FLAG),
        takes("GROUP_NAMES", FLAG),
        takes("UCLEN", Type("INT1")),
        takes("DO_NOT_WRITE", FLAG),
        gives("X030L_WA", X030L),
        gives("DDOBJTYPE", char(8)),
        gives("DFIES_WA", DFIES),
        gives("LINES_DESCR", TableType("DDTYPELIST", DDTYPEDESC)),
        lists("DFIES_TAB", DFIES),
        lists("FIXED_VALUES", DDFIXVALUE),
    ),
    exceptions=("NOT_FOUND", "INTERNAL_ERROR"),
    group="SDIFRUNTIME",
)


_BLANK = blank(DFIES)
_HEADER = blank(X030L)


def ddif_fieldinfo_get(call: Call) -> dict[str, Any]:
    """Without ALL_TYPES only flat structures and tables are known to it.

    The components of substructures take the place of these, with their offsets in the whole.
    """
    name = name_of(call, "TABNAME")
    table, found = call.system.table(name), call.system.type(name) or call.system.element(name)
    all_types = name_of(call, "ALL_TYPES") == "X"
    if found is None or not (all_types or (isinstance(found, Structure) and not found.deep)):
        raise missing("NOT_FOUND", "DA", "131", name)
    if not isinstance(found, Structure):
        kind = "TTYP" if isinstance(found, TableType) else "DTEL"
        alone = _typed(found) | {"TABNAME": name}
        return {"DDOBJTYPE": kind, "DFIES_WA": alone, "LINES_DESCR": list(_lines(found))}
    wanted, long_name = name_of(call, "FIELDNAME"), name_of(call, "LFIELDNAME")
    rows = [
        each
        for each in _described(name, found)
        if wanted in ("", each["FIELDNAME"]) and long_name in ("", each["LFIELDNAME"])
    ]
    if not rows:
        raise missing("NOT_FOUND", "DA", "131", name)
    return {
        "DDOBJTYPE": table.table_class if table else "INTTAB",
        "X030L_WA": _HEADER | {"TABNAME": name, "TABLEN": found.intlen},
        "DFIES_TAB": [] if long_name else rows,
        "DFIES_WA": rows[0] if long_name else _BLANK,
        "LINES_DESCR": list(_lines(found)),
    }


def _described(name: str, row: Structure) -> list[dict[str, Any]]:
    leaves = enumerate(_leaves(row, "", 0), 1)
    return [
        _field(each, offset) | {"TABNAME": name, "POSITION": f"{position:04}", "LFIELDNAME": long_name}
        for position, (long_name, each, offset) in leaves
    ]


def _leaves(row: Structure, prefix: str, at: int) -> Iterator[tuple[str, Field, int]]:
    for each, offset, _ in row.layout:
        if isinstance(each.type, Structure):
            yield from _leaves(each.type, f"{prefix}{each.name}-", at + offset)
        else:
            yield f"{prefix}{each.name}", each, at + offset


def _field(each: Field, offset: int) -> dict[str, Any]:
    reference = each.reference or ("", "")
    return _typed(each.type) | {
        "FIELDNAME": each.name,
        "LANGU": "E",
        "OFFSET": f"{offset:06}",
        "CHECKTABLE": each.check_table,
        "REFTABLE": reference[0],
        "REFFIELD": reference[1],
        "FIELDTEXT": each.text,
        "REPTEXT": each.text,
        "KEYFLAG": "X" if each.key else "",
        "LOGFLAG": "X" if each.logged and not each.key else "",
    }


@lru_cache(1_000)
def _typed(type_: AnyType) -> dict[str, Any]:
    if not isinstance(type_, Type):
        kind = {"DATATYPE": "TTYP", "INTTYPE": "h", "COMPTYPE": "L"}
        return _BLANK | kind | {"ROLLNAME": type_.name, "INTLEN": f"{type_.intlen:06}"}
    return _BLANK | {
        "ROLLNAME": type_.name,
        "DOMNAME": type_.domain or type_.name,
        "LENG": f"{type_.leng:06}",
        "INTLEN": f"{type_.intlen:06}",
        "OUTPUTLEN": f"{_output(type_):06}",
        "DECIMALS": f"{type_.decimals:06}",
        "DATATYPE": type_.datatype,
        "INTTYPE": type_.letter,
        "CONVEXIT": type_.exit,
        "SIGN": "X" if type_.letter == "P" and type_.signed else "",
        "COMPTYPE": "E",
    }


def _output(type_: Type) -> int:
    """Characters on a screen: of packed numbers with separators, point and sign."""
    match type_.letter:
        case "P":
            whole = type_.leng - type_.decimals
            return type_.leng + max((whole - 1) // 3, 0) + (type_.decimals > 0) + type_.signed
        case "X":
            return 2 * type_.leng
        case "D":
            return 10
        case "T":
            return 8
    return type_.leng + (type_.letter in "Is8")


def _lines(type_: AnyType) -> Iterator[dict[str, Any]]:
    """The rows of every table in it, at any depth."""
    match type_:
        case TableType(row=Structure() as inner):
            yield {"TYPENAME": type_.name, "TYPEKIND": "TTYP", "FIELDS": _described(type_.name, inner)}
            yield from _lines(inner)
        case TableType():
            yield {"TYPENAME": type_.name, "TYPEKIND": "TTYP", "FIELDS": [{**_typed(type_.row)}]}
        case Structure():
            for each in type_.fields:
                yield from _lines(each.type)


DD40L = Table(
    Structure(
        "DD40L",
        (
            Field("TYPENAME", NAME, key=True),
            Field("AS4LOCAL", FLAG, key=True),
            Field("ROWTYPE", NAME),
            Field("ROWKIND", FLAG),
            Field("DATATYPE", char(4)),
            Field("LENG", numc(6)),
            Field("DECIMALS", numc(6)),
            Field("ACCESSMODE", FLAG),
        ),
    )
)
"""Table types. ROWKIND: S structure, E data element, empty for a built-in type."""


def table_types(system: System) -> Iterator[dict[str, Any]]:
    for each in system.types:
        if isinstance(each, TableType):
            flat = isinstance(each.row, Type)
            kind = "S" if not flat else "E" if each.row.name else ""
            row = {"TYPENAME": each.name, "AS4LOCAL": "A", "ROWTYPE": each.row.name, "ROWKIND": kind}
            yield row | (_built_in(each.row) if isinstance(each.row, Type) else {}) | {"ACCESSMODE": "T"}


def _built_in(type_: Type) -> dict[str, Any]:
    return {"DATATYPE": type_.datatype, "LENG": str(type_.leng), "DECIMALS": str(type_.decimals)}

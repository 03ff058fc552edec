"""DDIF_FIELDINFO_GET: what the dictionary says of a table's or a structure's fields.

Interface and structure DFIES: sapdatasheet.org, function group SDIFRUNTIME.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.testing.sap.abap import (
    Direction,
    Field,
    Function,
    Parameter,
    Placed,
    Structure,
    Table,
    TableType,
    Type,
    char,
    numc,
    structure,
)
from bridge.testing.sap.errors import AbapException
from bridge.testing.sap.modules import Call

_LANGUAGE = Type("LANG", name="DDLANGUAGE")
_FLAG = char(1, "DDBOOL_D")

DFIES = structure(
    "DFIES",
    "DD interface: table fields for DDIF_FIELDINFO_GET",
    TABNAME=char(30, "TABNAME"),
    FIELDNAME=char(30, "FIELDNAME"),
    LANGU=_LANGUAGE,
    POSITION=numc(4, "TABFDPOS"),
    OFFSET=numc(6, "DOFFSET"),
    DOMNAME=char(30, "DOMNAME"),
    ROLLNAME=char(30, "ROLLNAME"),
    CHECKTABLE=char(30, "TABNAME"),
    LENG=numc(6, "DDLENG"),
    INTLEN=numc(6, "INTLEN"),
    OUTPUTLEN=numc(6, "OUTPUTLEN"),
    DECIMALS=numc(6, "DECIMALS"),
    DATATYPE=char(4, "DYNPTYPE"),
    INTTYPE=char(1, "INTTYPE"),
    REFTABLE=char(30, "REFTABLE"),
    REFFIELD=char(30, "REFFIELD"),
    PRECFIELD=char(30, "PRECFIELD"),
    AUTHORID=char(3, "AUTHORID"),
    MEMORYID=char(20, "MEMORYID"),
    LOGFLAG=char(1, "LOGFLAG"),
    MASK=char(20, "AS4MASK"),
    MASKLEN=numc(4, "MASKLEN"),
    CONVEXIT=char(5, "CONVEXIT"),
    HEADLEN=numc(2, "HEADLEN"),
    SCRLEN1=numc(2, "SCRLEN_S"),
    SCRLEN2=numc(2, "SCRLEN_M"),
    SCRLEN3=numc(2, "SCRLEN_L"),
    FIELDTEXT=char(60, "AS4TEXT"),
    REPTEXT=char(55, "REPTEXT"),
    SCRTEXT_S=char(10, "SCRTEXT_S"),
    SCRTEXT_M=char(20, "SCRTEXT_M"),
    SCRTEXT_L=char(40, "SCRTEXT_L"),
    KEYFLAG=char(1, "KEYFLAG"),
    LOWERCASE=char(1, "LOWERCASE"),
    MAC=char(1, "MAC"),
    GENKEY=char(1, "GENKEY"),
    NOFORKEY=char(1, "NOFORKEY"),
    VALEXI=char(1, "VALEXI"),
    NOAUTHCH=char(1, "NOAUTHCH"),
    SIGN=char(1, "SIGNFLAG"),
    DYNPFLD=char(1, "DYNPFLD"),
    F4AVAILABL=char(1, "DDF4AVAIL"),
    COMPTYPE=char(1, "COMPTYPE"),
    LFIELDNAME=char(132, "FNAM_____4"),
    LTRFLDDIS=char(1, "LTRFLDDIS"),
    BIDICTRLC=char(1, "BIDICTRLC"),
    OUTPUTSTYLE=numc(2, "OUTPUTSTYLE"),
    NOHISTORY=char(1, "DDNOHISTORY"),
    AMPMFORMAT=char(1, "DDAMPMFORMAT"),
)
X030L = structure(
    "X030L",
    "Nametab header",
    TABNAME=char(30, "TABNAME"),
    DBASE=char(1, "DDDBASE"),
    UUID=Type("RAW", 16),
    CRSTAMP=char(14),
    ABSTAMP=char(14),
    DYSTAMP=char(14),
    TABLEN=Type("INT4"),
    KEYLEN=Type("INT2"),
    FLDCNT=Type("INT2"),
    TABFORM=char(1),
    TABTYPE=char(1),
    UNICODELG=char(1),
)
DFIES_TABLE = TableType("DDFIELDS", DFIES)
DDTYPEDESC = structure(
    "DDTYPEDESC",
    "Type description",
    TYPENAME=char(30, "TYPENAME"),
    TYPEKIND=char(4, "TYPEKIND"),
    FIELDS=DFIES_TABLE,
)
_FIXED = structure("DDFIXVALUE", LOW=char(10), HIGH=char(10), OPTION=char(2), DDTEXT=char(60))

DDIF_FIELDINFO_GET = Function(
    "DDIF_FIELDINFO_GET",
    (
        Parameter("TABNAME", Direction.IMPORT, char(30, "DDOBJNAME"), text="Name of the table"),
        Parameter("FIELDNAME", Direction.IMPORT, char(30, "FIELDNAME"), True, "' '", "One field alone"),
        Parameter("LANGU", Direction.IMPORT, _LANGUAGE, True, "SY-LANGU"),
        Parameter("LFIELDNAME", Direction.IMPORT, char(132, "FNAM_____4"), True, "' '"),
        Parameter("ALL_TYPES", Direction.IMPORT, _FLAG, True, "' '", "Take all types into consideration"),
        Parameter("GROUP_NAMES", Direction.IMPORT, _FLAG, True, "' '"),
        Parameter("UCLEN", Direction.IMPORT, Type("RAW", 1, name="UNICODELG"), True),
        Parameter("DO_NOT_WRITE", Direction.IMPORT, _FLAG, True, "' '"),
        Parameter("X030L_WA", Direction.EXPORT, X030L, text="Nametab header of the table"),
        Parameter("DDOBJTYPE", Direction.EXPORT, char(8, "DD02V-TABCLASS"), text="Kind of type"),
        Parameter("DFIES_WA", Direction.EXPORT, DFIES, text="Single information if necessary"),
        Parameter("LINES_DESCR", Direction.EXPORT, TableType("DDTYPELIST", DDTYPEDESC)),
        Parameter("DFIES_TAB", Direction.TABLES, DFIES, True, text="Field list if necessary"),
        Parameter("FIXED_VALUES", Direction.TABLES, _FIXED, True),
    ),
    ("NOT_FOUND", "INTERNAL_ERROR"),
    "SDIFRUNTIME",
    "DD: interface to read nametab information",
)


def ddif_fieldinfo_get(call: Call) -> Mapping[str, Any]:
    """NOT_FOUND for what the dictionary does not know, and for a field that is not there."""
    name = call["TABNAME"].strip()
    table, row = _found(call, name)
    lines = [line_of(name, placed, place) for place, placed in enumerate(row.layout, 1)]
    wanted = call["FIELDNAME"].strip()
    if wanted:
        lines = [line for line in lines if line["FIELDNAME"] == wanted]
    if not lines:
        raise AbapException("NOT_FOUND")
    return {
        "DDOBJTYPE": "INTTAB" if table is None else str(table.table_class),
        "DFIES_TAB": lines,
        "DFIES_WA": {name: lines[0].get(name, value) for name, value in _BLANK.items()} if wanted else _BLANK,
    }


def _found(call: Call, name: str) -> tuple[Table | None, Structure]:
    table = call.system.table(name)
    if table is not None:
        return table, table.row
    known = call.system.type(name)
    if isinstance(known, TableType) and isinstance(known.row, Structure) and call["ALL_TYPES"].strip():
        return None, known.row
    if not isinstance(known, Structure):
        raise AbapException("NOT_FOUND")
    return None, known


def line_of(name: str, placed: Placed, position: int) -> dict[str, Any]:
    """A line of DFIES_TAB; what is no elementary type has the name of its structure as ROLLNAME."""
    field, type_ = placed.field, placed.field.type
    line = _BLANK | {
        "TABNAME": name,
        "FIELDNAME": field.name,
        "LANGU": "E",
        "POSITION": f"{position:04}",
        "OFFSET": f"{placed.offset:06}",
        "INTLEN": f"{placed.length:06}",
        "CHECKTABLE": field.check_table,
        "FIELDTEXT": field.text,
        "REPTEXT": field.text[:55],
        "KEYFLAG": "X" if field.key else "",
        "LFIELDNAME": field.name,
        "COMPTYPE": "E",
    }
    if not isinstance(type_, Type):
        return line | _of_compound(type_)
    return line | _of_type(type_) | _of_reference(field) | {"LOGFLAG": "X" if field.logged else ""}


def _of_compound(type_: Structure | TableType) -> dict[str, Any]:
    kinds = ("STRU", "S") if isinstance(type_, Structure) else ("TTYP", "L")
    return {"ROLLNAME": type_.name, "INTTYPE": type_.letter, "DATATYPE": kinds[0], "COMPTYPE": kinds[1]}


def _of_type(type_: Type) -> dict[str, Any]:
    return {
        "ROLLNAME": type_.name,
        "DOMNAME": type_.domain or type_.name,
        "LENG": f"{type_.leng:06}",
        "OUTPUTLEN": f"{type_.wide:06}",
        "DECIMALS": f"{type_.decimals:06}",
        "DATATYPE": type_.datatype,
        "INTTYPE": type_.dictionary_letter,
        "CONVEXIT": type_.exit,
        "SIGN": "X" if type_.letter == "P" and type_.signed else "",
    }


def _of_reference(field: Field) -> dict[str, Any]:
    if field.reference is None:
        return {}
    return {"REFTABLE": field.reference[0], "REFFIELD": field.reference[1]}


_BLANK: dict[str, Any] = {
    each.name: "0" * each.type.leng if isinstance(each.type, Type) and each.type.letter == "N" else ""
    for each in DFIES.fields
}

"""The function modules that read tables: RFC_READ_TABLE, what SAP made of it, and what customers copied.

Interfaces: public copies of RFC_READ_TABLE of both generations, and for /BODS/RFC_READ_TABLE2 what its
clients wrote down: OUT_TABLE names the one of five tables that has the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bridge.testing.sap.abap import (
    Direction,
    Function,
    Parameter,
    Structure,
    TableType,
    Type,
    char,
    numc,
    structure,
)
from bridge.testing.sap.modules import Body, Call
from bridge.testing.sap.read_table import CLASSIC, LIMIT, MODERN, read_table, rfc_read_table

OUTPUTS = (128, 512, 2048, 8192, 30_000)

RFC_DB_OPT = structure("RFC_DB_OPT", "Selection entries", TEXT=char(72, "SO_TEXT"))
RFC_DB_FLD = structure(
    "RFC_DB_FLD",
    "Fields of a table",
    FIELDNAME=char(30, "FIELDNAME"),
    OFFSET=numc(6, "DOFFSET"),
    LENGTH=numc(6, "DDLENG"),
    TYPE=char(1, "INTTYPE"),
    FIELDTEXT=char(60, "AS4TEXT"),
)
TAB512 = structure("TAB512", "A row", WA=char(LIMIT, "CHAR512"))
SDTI_RESULT = structure("SDTI_RESULT", "A row of any length", LINE=Type("STRG"))

EXCEPTIONS = (
    "TABLE_NOT_AVAILABLE",
    "TABLE_WITHOUT_DATA",
    "OPTION_NOT_VALID",
    "FIELD_NOT_VALID",
    "NOT_AUTHORIZED",
    "DATA_BUFFER_EXCEEDED",
)
_FLAG = char(1, "SONV-FLAG")
_ROWS = Type("INT4", name="SOID-ACCNT")
_ASKED = (
    Parameter("QUERY_TABLE", Direction.IMPORT, char(30, "TABNAME"), text="Table read"),
    Parameter(
        "DELIMITER", Direction.IMPORT, _FLAG, True, "SPACE", "Sign for indicating field limits in DATA"
    ),
    Parameter("NO_DATA", Direction.IMPORT, _FLAG, True, "SPACE", "If <> SPACE, only FIELDS is filled"),
    Parameter("ROWSKIPS", Direction.IMPORT, _ROWS, True, "0"),
    Parameter("ROWCOUNT", Direction.IMPORT, _ROWS, True, "0"),
)
_TABLES = (
    Parameter("OPTIONS", Direction.TABLES, RFC_DB_OPT, text='Selection entries, "WHERE clauses" (in)'),
    Parameter("FIELDS", Direction.TABLES, RFC_DB_FLD, text="Names (in) and structure (out) of fields read"),
)
_DATA = Parameter("DATA", Direction.TABLES, TAB512, text="Data read (out)")
_MODERN = (
    Parameter("GET_SORTED", Direction.IMPORT, char(1, "BOOLE_D"), True),
    Parameter("USE_ET_DATA_4_RETURN", Direction.IMPORT, char(1, "BOOLE_D"), True),
    Parameter("ET_DATA", Direction.EXPORT, TableType("SDTI_RESULT_TAB", SDTI_RESULT)),
)


def rfc_read_table2(call: Call) -> Mapping[str, Any]:
    """Rows in the narrowest of five tables that holds them; OUT_TABLE is its name."""
    read, lines = read_table(call, replace(CLASSIC, limit=OUTPUTS[-1]))
    width = next(each for each in OUTPUTS if each >= read.width)
    name = f"TBLOUT{width}"
    return {
        "OUT_TABLE": name,
        "FIELDS": [each.line for each in read.columns],
        name: [{"WA": line} for line in lines],
    }


def functions(release: str) -> Iterable[tuple[Function, Body]]:
    """All readers, with what a system of this release does."""
    modern = release > "750"
    dialect = MODERN if modern else CLASSIC
    own = (*_ASKED, *_MODERN, *_TABLES, _DATA) if modern else (*_ASKED, *_TABLES, _DATA)
    yield (
        Function("RFC_READ_TABLE", own, EXCEPTIONS, "SDTX", "External access to tables"),
        rfc_read_table(dialect),
    )
    plain = (*_ASKED, *_TABLES, _DATA)
    for name, group in (("BBP_RFC_READ_TABLE", "BBPB"), ("Z_RFC_READ_TABLE", "ZRFC")):
        yield Function(name, plain, EXCEPTIONS, group, "Copy of RFC_READ_TABLE"), rfc_read_table(CLASSIC)
    for space in ("/BODS/", "/SAPDS/"):
        outputs = (Parameter(f"TBLOUT{width}", Direction.TABLES, _wide(space, width)) for width in OUTPUTS)
        out = Parameter("OUT_TABLE", Direction.EXPORT, char(30, "TABNAME"))
        parameters = (*_ASKED, out, *_TABLES, *outputs)
        name = f"{space}RFC_READ_TABLE2"
        yield Function(name, parameters, EXCEPTIONS, f"{space}BODS", "Read table"), rfc_read_table2


def _wide(space: str, width: int) -> Structure:
    return structure(f"{space}TAB{'30K' if width == OUTPUTS[-1] else width}", WA=char(width))

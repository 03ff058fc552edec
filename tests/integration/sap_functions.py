"""Function modules for the tests of clients: they give back what they were given."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bridge.testing.sap.abap import (
    Direction,
    Function,
    Parameter,
    Structure,
    TableType,
    Type,
    char,
    structure,
)
from bridge.testing.sap.modules import Call

SCALARS: Mapping[str, Type] = {
    "DECF34": Type("D34N"),
    "CHAR": char(10),
    "NUM": Type("NUMC", 8),
    "DATE": Type("DATS"),
    "TIME": Type("TIMS"),
    "BCD": Type("DEC", 13, 3),
    "FLOAT": Type("FLTP"),
    "INT": Type("INT4"),
    "INT1": Type("INT1"),
    "INT2": Type("INT2"),
    "INT8": Type("INT8"),
    "DECF16": Type("D16N"),
    "BYTE": Type("RAW", 4),
}
STRINGS: Mapping[str, Type] = {"STRING": Type("STRG"), "XSTRING": Type("RSTR")}
FULL: Mapping[str, Any] = {
    "CHAR": "Grüße €",
    "NUM": "00001234",
    "DATE": "20261231",
    "TIME": "235959",
    "BCD": Decimal("-1234567890.123"),
    "FLOAT": -1.5,
    "INT": -2_147_483_648,
    "INT1": 255,
    "INT2": -32_768,
    "INT8": 9_223_372_036_854_775_807,
    "DECF16": Decimal("-123456789.0123456"),
    "DECF34": Decimal("1234567890123456789012345678901.234"),
    "BYTE": b"\x00\xff\x00\x01",
    "STRING": "beliebig lang, mit Blanks am Ende  ",
    "XSTRING": b"\x00\x01\x02",
}
ROW = structure("ZROW", **SCALARS)
INNER = structure("ZINNER", ID=char(3), AMOUNT=Type("DEC", 7, 2))
NESTED = structure("ZNESTED", ID=char(3), INNER=INNER)
WORDS = TableType("ZWORDS", Type("STRG"))
LINES = TableType("ZLINES", INNER)
DEEP = structure("ZDEEP", ID=char(3), TEXT=Type("STRG"), INNER=INNER, LINES=LINES, WORDS=WORDS)


def echo(name: str, **types: Type | Structure | TableType) -> Function:
    """A function with, for each of them, an import parameter I_... and an export parameter E_..."""
    parameters = [
        Parameter(f"{letter}_{each}", direction, type_, optional=letter == "I")
        for each, type_ in types.items()
        for letter, direction in (("I", Direction.IMPORT), ("E", Direction.EXPORT))
    ]
    return Function(name, tuple(parameters), group="ZECHO")


def echoing(call: Call) -> Mapping[str, Any]:
    return {f"E_{name[2:]}": value for name, value in call.parameters.items() if name.startswith("I_")}


WIDE = structure("ZECHO_LINE", LINE=char(256))
ECHO = echo("Z_ECHO", **SCALARS, **STRINGS)
ECHO_ROW = echo("Z_ECHO_ROW", ROW=ROW, NESTED=NESTED)
ECHO_DEEP = echo("Z_ECHO_DEEP", DEEP=DEEP, WORDS=WORDS, LINES=LINES)
ECHO_TABLE = Function(
    "Z_ECHO_TABLE", (Parameter("ROWS", Direction.TABLES, ROW, optional=True),), group="ZECHO"
)
ECHO_LINES = Function(
    "Z_ECHO_LINES", (Parameter("LINES", Direction.TABLES, WIDE, optional=True),), group="ZECHO"
)
ECHO_MOMENT = echo("Z_ECHO_MOMENT", UTCLONG=Type("UTCL"))


def same(call: Call) -> Mapping[str, Any]:
    return {"ROWS": call.table("ROWS")}


def same_lines(call: Call) -> Mapping[str, Any]:
    return {"LINES": call.table("LINES")}


FUNCTIONS = (
    (ECHO, echoing),
    (ECHO_ROW, echoing),
    (ECHO_DEEP, echoing),
    (ECHO_LINES, same_lines),
    (ECHO_TABLE, same),
    (ECHO_MOMENT, echoing),
)

"""Every type of the ABAP dictionary, what Arrow has for it, and values as they stand in events.

test_sap_types.py reads all of it with both clients; docs/connectors/sap-types.md is written from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from bridge.testing.sap.abap import AnyType, Field, Structure, TableType
from bridge.testing.sap.abap import Kind as AbapKind
from bridge.testing.sap.abap import Type as AbapType
from bridge.testing.sap.values import canonical
from tests.integration.jdbc_types import Rejected, Type

TEXT, BINARY = pa.string(), pa.binary()
NO_ROOM = Rejected("has more digits than the function module has room for")
NO_DATE, NO_TIME = Rejected("holds no date"), Rejected("holds no time of a day")
_WHAT = re.compile(r"(\w+)(?:\((\d+)(?:,(\d+))?\))?(?: in (\w+))?")

_WORDS = (
    Type("CHAR(10)", TEXT, {"ab": "ab", " a": " a", "": "", "Zürich €": "Zürich €", "日本🙂": "日本🙂"}),
    Type("NUMC(6)", TEXT, {"42": "000042", "0": "000000"}),
    Type("ACCP", TEXT, {"202412": "202412"}),
    Type("LANG", TEXT, {"D": "D"}),
    Type("UNIT(3)", TEXT, {"KG": "KG"}),
    Type("CUKY", TEXT, {"EUR": "EUR"}),
)
_TIMES = (
    Type(
        "DATS",
        pa.date32(),
        {
            "20240229": "2024-02-29",
            "99991231": "9999-12-31",
            "00000000": None,
            "20230229": NO_DATE,
            "20240000": NO_DATE,
        },
    ),
    Type("TIMS", pa.time32("s"), {"235959": "23:59:59", "000000": None, "240000": NO_TIME}),
)
TABLES = (
    *_WORDS,
    *_TIMES,
    Type("DEC(7,2)", pa.decimal128(7, 2), {"-123.45": "-123.45", "9999.99": "9999.99", "99999.99": NO_ROOM}),
    Type("DEC(31,0)", pa.decimal128(31, 0), {"9" * 31: "9" * 31}),
    Type("QUAN(13,3)", pa.decimal128(13, 3), {"0.500": "0.500", "-1.250": "-1.250"}),
    Type("CURR(13,2) in EUR", pa.decimal128(18, 5), {"123.45": "123.45000"}),
    Type("CURR(13,2) in JPY", pa.decimal128(18, 5), {"123.45": "12345.00000"}),
    Type("CURR(13,2) in KWD", pa.decimal128(18, 5), {"-123.45": "-12.34500"}),
    Type("INT1", pa.int16(), {"255": 255}),
    Type("INT2", pa.int16(), {"32767": 32767, "-9999": -9999, "-32768": NO_ROOM}),
    Type("INT4", pa.int32(), {"2147483647": 2147483647, "-999999999": -999999999, "-2147483648": NO_ROOM}),
    Type("INT8", pa.int64(), {"9223372036854775807": 9223372036854775807}),
    Type("UTCL", TEXT, {"2024-02-29 23:59:59.1234567": "2024-02-29T23:59:59.1234567Z", "": None}),
)
"""As RFC_READ_TABLE tells them."""
ROOMY = (
    Type("DEC(7,2)", pa.decimal128(7, 2), {"-99999.99": "-99999.99"}),
    Type("INT4", pa.int32(), {"-2147483648": -2147483648}),
    Type("FLTP", pa.float64(), {"0.1": 0.1, "-1.7976931348623157e+308": -1.7976931348623157e308}),
    Type("RAW(4)", BINARY, {"000102FF": "AAEC/w==", "01000000": "AQAAAA=="}),
    Type("D16N", TEXT, {"-1.5": "-1.5", "1E+3": "1000"}),
    Type("D34N", TEXT, {"0.1234567890123456789012345678901234": "0.1234567890123456789012345678901234"}),
)
"""What needs a function module that has room for it."""
FUNCTIONS = (
    *_WORDS,
    *_TIMES,
    Type("DEC(7,2)", pa.decimal128(7, 2), {"-99999.99": "-99999.99"}),
    Type("CURR(13,2)", pa.decimal128(13, 2), {"123.45": "123.45"}),
    Type("QUAN(13,3)", pa.decimal128(13, 3), {"0.500": "0.500"}),
    Type("INT1", pa.int16(), {"255": 255}),
    Type("INT2", pa.int16(), {"-32768": -32768}),
    Type("INT4", pa.int32(), {"-2147483648": -2147483648}),
    Type("INT8", pa.int64(), {"-9223372036854775808": -9223372036854775808}),
    Type("FLTP", pa.float64(), {"0.1": 0.1}),
    Type("D16N", TEXT, {"-1.5": "-1.5"}),
    Type("D34N", TEXT, {"1E+3": "1000"}),
    Type("RAW(4)", BINARY, {"000102FF": "AAEC/w==", "01000000": "AQAAAA=="}),
    Type("STRG", TEXT, {"Grüße 🙂": "Grüße 🙂", "": ""}),
    Type("RSTR", BINARY, {"000102": "AAEC", "": ""}),
    Type("UTCL", TEXT, {"2024-02-29T23:59:59.1234567": "2024-02-29T23:59:59.1234567Z", "": None}),
)
"""As functions answer them."""
TYPES = {"sap": TABLES, "sap_roomy": ROOMY, "sap_functions": FUNCTIONS}


def abap_type(ddl: str) -> AbapType:
    name, length, decimals = told(ddl)[:3]
    return AbapType(name, int(length or 0), int(decimals or 0))


def told(ddl: str) -> tuple[str, str, str, str]:
    """Type, length, decimals, currency."""
    found = _WHAT.fullmatch(ddl)
    assert found is not None
    name, length, decimals, currency = found.groups(default="")
    return name, length, decimals, currency


def stored(ddl: str, literal: str) -> Any:
    """As the simulated system keeps it."""
    type_ = abap_type(ddl)
    is_binary = type_.kind in (AbapKind.BYTE, AbapKind.XSTRING)
    return canonical(type_, bytes.fromhex(literal) if is_binary else literal)


def columns(types: Iterable[Type]) -> Iterable[Field]:
    """ID, C0, C1 ..., each amount with its currency."""
    yield Field("ID", AbapType("NUMC", 5), key=True)
    for at, one in enumerate(types):
        currency = told(one.ddl)[3]
        yield Field(f"C{at}", abap_type(one.ddl), reference=("ZTYPES", f"K{at}") if currency else None)
        if currency:
            yield Field(f"K{at}", AbapType("CUKY"))


def row(types: tuple[Type, ...], number: int, literals: Mapping[int, str]) -> dict[str, Any]:
    values = {f"C{at}": stored(types[at].ddl, literal) for at, literal in literals.items()}
    currencies = {f"K{at}": told(one.ddl)[3] for at, one in enumerate(types) if told(one.ddl)[3]}
    return {"ID": f"{number:05}", **currencies, **values}


_SINCE = Structure("ZSINCE", (Field("DAY", AbapType("DATS")), Field("NOTE", AbapType("STRG"))))
_PART = Structure("ZPART", (Field("NO", AbapType("NUMC", 3)), Field("SINCE", _SINCE)))
DEEP: Mapping[str, tuple[AnyType, Any, Any]] = {
    "PART": (
        _PART,
        {"NO": "007", "SINCE": {"DAY": "20240229", "NOTE": "ü"}},
        {"NO": "007", "SINCE": {"DAY": "2024-02-29", "NOTE": "ü"}},
    ),
    "PARTS": (
        TableType("ZPARTS", _PART),
        [{"NO": "001", "SINCE": {"DAY": "00000000", "NOTE": ""}}],
        [{"NO": "001", "SINCE": {"DAY": None, "NOTE": ""}}],
    ),
    "WORDS": (TableType("ZWORDS", AbapType("STRG")), ["a", ""], ["a", ""]),
}
"""Structures and tables in the rows of a function: type, value, and how it stands in the event."""

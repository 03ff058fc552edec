"""Every type of Oracle Database, what Arrow has for it, and values as they stand in events.

test_oracle_types.py reads all of it through the driver; docs/connectors/oracle-types.md is written from it.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from bridge.testing.oracle.values import Fields, Json, Obj, Stamp
from tests.integration.jdbc_types import Rejected, Type

TEXT, BINARY = pa.string(), pa.binary()
_PLACE = pa.struct([("STREET", TEXT), ("SINCE", pa.timestamp("s")), ("AT", pa.struct([("X", TEXT)]))])

BC = Rejected("is before the year 1")

ORACLE = (
    Type("NUMBER(1)", pa.int64(), {"1": 1, "-9": -9}),
    Type("NUMBER(18)", pa.int64(), {"999999999999999999": 10**18 - 1, "-999999999999999999": 1 - 10**18}),
    Type("NUMBER(19)", pa.decimal128(19, 0), {"9999999999999999999": "9999999999999999999"}),
    Type("NUMBER(38)", pa.decimal128(38, 0), {"9" * 38: "9" * 38, "-" + "9" * 38: "-" + "9" * 38}),
    Type("INTEGER", pa.decimal128(38, 0), {"42": "42"}),
    Type("NUMBER(12,2)", pa.decimal128(12, 2), {"-12.3": "-12.30", "9999999999.99": "9999999999.99"}),
    Type("NUMBER(38,38)", pa.decimal128(38, 38), {"0." + "0" * 37 + "1": "0." + "0" * 37 + "1"}),
    Type("NUMBER(5,-2)", TEXT, {"12345": "12300"}),
    Type("NUMBER(3,5)", TEXT, {"0.00123": "0.00123", "-0.00999": "-0.00999"}),
    Type(
        "NUMBER",
        TEXT,
        {
            "5": "5",
            "-0.5": "-0.5",
            "100": "100",
            "1234567890.123456789012345678901234567": "1234567890.123456789012345678901234567",
            "1E-30": "0." + "0" * 29 + "1",
            "-1E125": "-1" + "0" * 125,
        },
    ),
    Type("FLOAT", TEXT, {"0.1": "0.1", "12345678901234567890": "12345678901234567890"}),
    Type("FLOAT(24)", TEXT, {"-0.5": "-0.5"}),
    Type(
        "BINARY_FLOAT",
        pa.float32(),
        {"1.1": 1.1, "BINARY_FLOAT_NAN": "NaN", "-BINARY_FLOAT_INFINITY": "-Infinity"},
    ),
    Type(
        "BINARY_DOUBLE",
        pa.float64(),
        {"0.1": 0.1, "BINARY_DOUBLE_NAN": "NaN", "BINARY_DOUBLE_INFINITY": "Infinity", "1.0E308D": 1e308},
    ),
    Type("BOOLEAN", pa.bool_(), {"TRUE": True, "FALSE": False}),
    Type("CHAR(5)", TEXT, {"'ab'": "ab   "}),
    Type("NCHAR(3)", TEXT, {"'ü'": "ü  "}),
    Type("VARCHAR2(9)", TEXT, {"'Zürich'": "Zürich", "'  a '": "  a "}),
    Type("VARCHAR2(32767)", TEXT, {"'x'": "x"}),
    Type("NVARCHAR2(9)", TEXT, {"'naïve 😀'": "naïve 😀"}),
    Type("CLOB", TEXT, {"'naïve 😀'": "naïve 😀", "EMPTY_CLOB()": ""}),
    Type("NCLOB", TEXT, {"'ü'": "ü"}),
    Type("LONG", TEXT, {"'long'": "long"}),
    Type("RAW(9)", BINARY, {"HEXTORAW('00FF')": "AP8="}),
    Type("BLOB", BINARY, {"TO_BLOB(HEXTORAW('00FF'))": "AP8=", "EMPTY_BLOB()": ""}),
    Type(
        "DATE",
        pa.timestamp("s"),
        {
            "DATE '2024-03-31'": "2024-03-31T00:00:00",
            "TO_DATE('9999-12-31 23:59:59', 'YYYY-MM-DD HH24:MI:SS')": "9999-12-31T23:59:59",
            "DATE '0001-01-01'": "0001-01-01T00:00:00",
            "DATE '-0044-03-15'": BC,
        },
    ),
    Type("TIMESTAMP(0)", pa.timestamp("s"), {"TIMESTAMP '2024-03-31 02:30:00'": "2024-03-31T02:30:00"}),
    Type(
        "TIMESTAMP(2)", pa.timestamp("ms"), {"TIMESTAMP '2024-01-01 00:00:00.12'": "2024-01-01T00:00:00.12"}
    ),
    Type(
        "TIMESTAMP(3)", pa.timestamp("ms"), {"TIMESTAMP '2024-01-01 00:00:00.123'": "2024-01-01T00:00:00.123"}
    ),
    Type(
        "TIMESTAMP(4)", pa.timestamp("us"), {"TIMESTAMP '2024-01-01 00:00:00.5'": "2024-01-01T00:00:00.5000"}
    ),
    Type(
        "TIMESTAMP",
        pa.timestamp("us"),
        {
            "TIMESTAMP '9999-12-31 23:59:59.999999'": "9999-12-31T23:59:59.999999",
            "TIMESTAMP '0001-01-01 00:00:00.000001'": "0001-01-01T00:00:00.000001",
            "TIMESTAMP '-4712-01-01 00:00:00'": BC,
        },
    ),
    Type(
        "TIMESTAMP(9)",
        TEXT,
        {
            "TIMESTAMP '2024-01-01 00:00:00.123456789'": "2024-01-01T00:00:00.123456789",
            "TIMESTAMP '-0001-01-01 00:00:00'": BC,
        },
    ),
    Type(
        "TIMESTAMP WITH TIME ZONE",
        TEXT,
        {
            "TIMESTAMP '2024-10-27 02:30:00.5 +02:00'": "2024-10-27T02:30:00.500000+02:00",
            "TIMESTAMP '2024-10-27 02:30:00.5 -03:30'": "2024-10-27T02:30:00.500000-03:30",
            "TIMESTAMP '2024-10-27 02:30:00 +00:00'": "2024-10-27T02:30:00.000000Z",
        },
    ),
    Type(
        "TIMESTAMP(0) WITH TIME ZONE",
        TEXT,
        {"TIMESTAMP '2024-10-27 02:30:00 +14:00'": "2024-10-27T02:30:00+14:00"},
    ),
    Type(
        "TIMESTAMP(9) WITH TIME ZONE",
        TEXT,
        {"TIMESTAMP '2024-01-01 00:00:00.000000001 +01:00'": "2024-01-01T00:00:00.000000001+01:00"},
    ),
    Type(
        "TIMESTAMP(1) WITH LOCAL TIME ZONE",
        pa.timestamp("ms", "UTC"),
        {"TIMESTAMP '2024-10-27 02:30:00.5 +02:00'": "2024-10-27T00:30:00.5Z"},
    ),
    Type(
        "TIMESTAMP WITH LOCAL TIME ZONE",
        pa.timestamp("us", "UTC"),
        {"TIMESTAMP '2024-10-27 02:30:00.5 +02:00'": "2024-10-27T00:30:00.500000Z"},
    ),
    Type(
        "TIMESTAMP(3) WITH LOCAL TIME ZONE",
        pa.timestamp("ms", "UTC"),
        {"TIMESTAMP '2024-10-27 02:30:00.123 +02:00'": "2024-10-27T00:30:00.123Z"},
    ),
    Type(
        "TIMESTAMP(9) WITH LOCAL TIME ZONE",
        TEXT,
        {"TIMESTAMP '2024-10-27 02:30:00.000000001 +02:00'": "2024-10-27T00:30:00.000000001Z"},
    ),
    Type(
        "INTERVAL YEAR TO MONTH",
        TEXT,
        {"INTERVAL '1-2' YEAR TO MONTH": "P1Y2M", "INTERVAL '-0-11' YEAR TO MONTH": "P-11M"},
    ),
    Type(
        "INTERVAL DAY(3) TO SECOND(9)",
        TEXT,
        {
            "INTERVAL '1 02:03:04.5' DAY TO SECOND": "P1DT2H3M4.5S",
            "INTERVAL '-0 00:00:00.000000001' DAY TO SECOND(9)": "PT-0.000000001S",
        },
    ),
    Type("ROWID", TEXT, {"'AAAR3sAAEAAAACXAAA'": "AAAR3sAAEAAAACXAAA"}),
    Type("UROWID", TEXT, {"'AAAR3sAAEAAAACXAAA'": "AAAR3sAAEAAAACXAAA"}),
    Type("JSON", TEXT, {"""JSON('{"k":[1,null,1.5]}')""": '{"k":[1,null,1.5]}'}),
    Type("XMLTYPE", TEXT, {"XMLTYPE('<a>ü</a>')": "<a>ü</a>"}),
    Type("VECTOR(2, FLOAT32)", TEXT, {"TO_VECTOR('[1.5,-2]')": "[1.5E+000,-2.0E+000]"}),
    Type(
        "$.PLACE",
        _PLACE,
        {
            "$.PLACE('Hauptstr. 1', DATE '2024-01-01', $.POINT(0.5))": {
                "STREET": "Hauptstr. 1",
                "SINCE": "2024-01-01T00:00:00",
                "AT": {"X": "0.5"},
            },
            "$.PLACE(NULL, NULL, NULL)": {"STREET": None, "SINCE": None, "AT": None},
            "$.PLACE('old', DATE '-0044-03-15', NULL)": BC,
        },
    ),
    Type("$.TAGS", TEXT, {"$.TAGS('a', 'b')": "<TAGS><VARCHAR2>a</VARCHAR2><VARCHAR2>b</VARCHAR2></TAGS>"}),
)
TYPES: dict[str, tuple[Type, ...]] = {"oracle": ORACLE}

OBJECTS_IN_SQL = {
    "POINT": "OBJECT (X NUMBER)",
    "PLACE": "OBJECT (STREET VARCHAR2(30), SINCE DATE, AT $.POINT)",
    "TAGS": "VARRAY(9) OF VARCHAR2(9)",
}
OBJECTS: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {
    "POINT": ((("X", "NUMBER"),), ""),
    "PLACE": ((("STREET", "VARCHAR2(30)"), ("SINCE", "DATE"), ("AT", "$.POINT")), ""),
    "TAGS": ((), "VARCHAR2(9)"),
}
"""Object types that some columns are of: their attributes, or what a VARRAY holds."""


def _place(street: str | None, since: Stamp | None, at: Obj | None) -> Obj:
    return Obj("LB_TEST.PLACE", (("STREET", street), ("SINCE", since), ("AT", at)))


STORED: dict[str, Any] = {
    "BINARY_FLOAT_NAN": float("nan"),
    "-BINARY_FLOAT_INFINITY": float("-inf"),
    "BINARY_DOUBLE_NAN": float("nan"),
    "BINARY_DOUBLE_INFINITY": float("inf"),
    """JSON('{"k":[1,null,1.5]}')""": Json({"k": [1, None, Decimal("1.5")]}),
    "TO_VECTOR('[1.5,-2]')": (1.5, -2.0),
    "$.PLACE('Hauptstr. 1', DATE '2024-01-01', $.POINT(0.5))": _place(
        "Hauptstr. 1", Stamp.of(date(2024, 1, 1)), Obj("LB_TEST.POINT", (("X", Decimal("0.5")),))
    ),
    "$.PLACE(NULL, NULL, NULL)": _place(None, None, None),
    "$.PLACE('old', DATE '-0044-03-15', NULL)": _place("old", Stamp.at(Fields(-44, 3, 15, 0, 0, 0, 0)), None),
    "$.TAGS('a', 'b')": Obj("LB_TEST.TAGS", (("VARCHAR2", "a"), ("VARCHAR2", "b"))),
}
"""What the simulator's SQL has no words for, as its store keeps it; LB_TEST is its schema."""

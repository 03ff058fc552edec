"""Every column gets an Arrow type that loses nothing."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from connectors.jdbc.dialects import GENERIC, dialect_of
from connectors.jdbc.keyset import Keyset
from connectors.jdbc.statements import Quote
from connectors.jdbc.types import Column, Described, column, columns, described, unknown_types

POSTGRES = dialect_of("jdbc:postgresql://db/erp")
H2 = dialect_of("jdbc:h2:mem:x")
ORACLE = dialect_of("jdbc:oracle:thin:@//db/erp")
MARIA = dialect_of("jdbc:mariadb://db/erp")
SQL_SERVER = dialect_of("jdbc:sqlserver://db")

BOOLEAN, BIT, BIGINT, INTEGER, SMALLINT, TINYINT = 16, -7, -5, 4, 5, -6
NUMERIC, DECIMAL, REAL, DOUBLE, FLOAT = 2, 3, 7, 8, 6
CHAR, VARCHAR, LONGVARCHAR, CLOB, OTHER, ARRAY, STRUCT = 1, 12, -1, 2005, 1111, 2003, 2002
VARBINARY, BLOB = -3, 2004
DATE, TIME, TIMESTAMP, TIME_TZ, TIMESTAMP_TZ = 91, 92, 93, 2013, 2014


def of(code: int, name: str = "", precision: int = 0, scale: int = 0, *, unsigned: bool = False) -> Described:
    return Described("c", code, name, precision, scale, signed=not unsigned)


@pytest.mark.parametrize(
    ("one", "kind", "arrow"),
    [
        (of(BIGINT), "int64", pa.int64()),
        (of(INTEGER), "int32", pa.int32()),
        (of(TINYINT), "int16", pa.int16()),
        (of(INTEGER, unsigned=True), "int64", pa.int64()),
        (of(BIGINT, unsigned=True), "decimal:0", pa.decimal128(20, 0)),
        (of(REAL), "float32", pa.float32()),
        (of(DOUBLE), "float64", pa.float64()),
        (of(DECIMAL, precision=12, scale=2), "decimal:2", pa.decimal128(12, 2)),
        (of(NUMERIC, precision=38, scale=38), "decimal:38", pa.decimal128(38, 38)),
        (of(NUMERIC, precision=39, scale=2), "number", pa.string()),
        (of(NUMERIC), "number", pa.string()),
        (of(NUMERIC, precision=5, scale=-2), "number", pa.string()),
        (of(CHAR), "char", pa.string()),
        (of(VARCHAR), "text", pa.string()),
        (of(CLOB), "long_text", pa.string()),
        (of(LONGVARCHAR), "long_text", pa.string()),
        (of(OTHER), "unknown", pa.string()),
        (of(ARRAY), "array", pa.string()),
        (of(BIT), "bool", pa.bool_()),
        (of(BIT, precision=8), "binary", pa.binary()),
        (of(TIMESTAMP, scale=0), "timestamp:6", pa.timestamp("us")),
        (of(TIMESTAMP, scale=12), "timestamp_text:9", pa.string()),
        (of(VARBINARY), "binary", pa.binary()),
        (of(BLOB), "long_binary", pa.binary()),
        (of(DATE), "date", pa.date32()),
    ],
)
def test_types_of_every_database(one: Described, kind: str, arrow: pa.DataType) -> None:
    found = column(one, replace(GENERIC, loose=False))
    assert (found.kind, found.type) == (kind, arrow)


@pytest.mark.parametrize(
    ("one", "kind", "arrow"),
    [
        (of(BIGINT), "whole:8", pa.int64()),
        (of(INTEGER), "whole:4", pa.int32()),
        (of(TINYINT), "whole:2", pa.int16()),
        (of(INTEGER, unsigned=True), "whole:8", pa.int64()),
        (of(REAL), "real", pa.float64()),
        (of(DOUBLE), "real", pa.float64()),
        (of(DECIMAL, precision=12, scale=2), "decimal:2", pa.decimal128(12, 2)),
    ],
)
def test_numbers_of_a_database_that_nobody_knows(one: Described, kind: str, arrow: pa.DataType) -> None:
    found = column(one, GENERIC)
    assert (found.kind, found.type) == (kind, arrow)


@pytest.mark.parametrize(
    ("one", "kind", "arrow"),
    [
        (of(TIMESTAMP, "TIMESTAMP", scale=0), "timestamp:0", pa.timestamp("s")),
        (of(TIMESTAMP, "TIMESTAMP", scale=2), "timestamp:3", pa.timestamp("ms")),
        (of(TIMESTAMP, "TIMESTAMP", scale=6), "timestamp:6", pa.timestamp("us")),
        (of(TIMESTAMP, "TIMESTAMP", scale=9), "timestamp_text:9", pa.string()),
        (of(TIME, "TIME", scale=0), "time:0", pa.time32("s")),
        (of(TIME, "TIME", scale=6), "time:6", pa.time64("us")),
        (of(TIME, "TIME", scale=9), "time_text:9", pa.string()),
        (of(TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE", scale=6), "offset_text:6", pa.string()),
        (of(TIME_TZ, "TIME WITH TIME ZONE", scale=0), "offset_time_text:0", pa.string()),
        (of(-2, "UUID"), "text", pa.string()),
        (of(NUMERIC, "DECFLOAT", precision=20), "number", pa.string()),
        (of(OTHER, "ENUM('calm', 'cross')"), "text", pa.string()),
        (of(OTHER, 'ROW("A" INTEGER)'), "unknown", pa.string()),
    ],
)
def test_types_of_h2(one: Described, kind: str, arrow: pa.DataType) -> None:
    found = column(one, H2)
    assert (found.kind, found.type) == (kind, arrow)


@pytest.mark.parametrize(
    ("one", "kind", "arrow"),
    [
        (of(TIMESTAMP, "timestamptz", scale=6), "instant:6", pa.timestamp("us", "UTC")),
        (of(TIMESTAMP, "timestamp", scale=3), "timestamp:3", pa.timestamp("ms")),
        (of(TIME, "timetz", scale=6), "offset_time_text:6", pa.string()),
        (of(BIT, "bool", precision=1), "bool", pa.bool_()),
        (of(BIT, "bit", precision=8), "text", pa.string()),
        (of(DOUBLE, "money"), "text", pa.string()),
        (of(BIGINT, "oid", unsigned=True), "int64", pa.int64()),
        (of(ARRAY, "_mood"), "text", pa.string()),
        (of(STRUCT, "pair"), "unknown", pa.string()),
    ],
)
def test_types_of_postgresql(one: Described, kind: str, arrow: pa.DataType) -> None:
    found = column(one, POSTGRES)
    assert (found.kind, found.type) == (kind, arrow)


@pytest.mark.parametrize(
    ("one", "kind", "arrow"),
    [
        (of(TIMESTAMP, "TIMESTAMP", scale=6), "instant:6", pa.timestamp("us", "UTC")),
        (of(TIMESTAMP, "DATETIME", scale=6), "timestamp:6", pa.timestamp("us")),
        (of(TIME, "TIME", scale=3), "span_text:3", pa.string()),
        (of(DATE, "YEAR", unsigned=True), "int16", pa.int16()),
        (of(BOOLEAN, "BOOLEAN", precision=1), "flag", pa.bool_()),
        (of(BOOLEAN, "BIT", precision=1), "bool", pa.bool_()),
        (of(BIT, "BIT", precision=12), "binary", pa.binary()),
    ],
)
def test_types_of_mariadb(one: Described, kind: str, arrow: pa.DataType) -> None:
    found = column(one, MARIA)
    assert (found.kind, found.type) == (kind, arrow)


@pytest.mark.parametrize("name", ["UUID ARRAY", "DECFLOAT ARRAY", "JSON ARRAY(3)"])
def test_an_array_of_h2_is_one_whatever_it_is_of(name: str) -> None:
    assert column(of(ARRAY, name), H2).kind == "array"


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (of(VARCHAR, "varchar"), "CAST(? AS varchar(8000))"),
        (of(CHAR, "char"), "CAST(? AS varchar(8000))"),
        (of(VARCHAR, "nvarchar"), "?"),
        (of(TIMESTAMP, "datetime", scale=3), "CAST(? AS datetime)"),
        (of(TIMESTAMP, "datetime2", scale=7), "?"),
    ],
)
def test_what_sql_server_compares_as_it_sorts_is_of_the_columns_own_type(one: Described, value: str) -> None:
    """A NVARCHAR beside a VARCHAR, or a DATETIME2 beside a DATETIME, is compared in another order."""
    found = column(one, SQL_SERVER)
    assert found.value == value
    first, last = Keyset((found, Column("id", "int64", pa.int64()))).after(
        {"c": "2024-01-01T00:00:00.007" if "time" in one.type_name else "a-c", "id": 7}, Quote('"')
    )
    assert [condition.sql for condition in (*first, *last)] == [
        f'"c" = {value}',
        '"id" > ?',
        f'"c" > {value}',
    ]


@pytest.mark.parametrize(
    ("one", "kind", "digits"),
    [
        (of(TIME, "TIME", precision=10), "sent_span_text:0", 0),
        (of(TIME, "TIME", precision=13), "sent_span_text:2", 0),
        (of(TIMESTAMP, "DATETIME", precision=19), "timestamp:0", 0),
        (of(TIMESTAMP, "DATETIME", precision=21), "timestamp:3", 1),
        (of(TIMESTAMP, "DATETIME", precision=26), "timestamp:6", 6),
        (of(TIMESTAMP, "TIMESTAMP", precision=24), "instant:6", 4),
    ],
)
def test_mysqls_driver_tells_how_long_a_time_is(one: Described, kind: str, digits: int) -> None:
    found = column(one, dialect_of("jdbc:mysql://db/erp"))
    assert (found.kind, found.digits) == (kind, digits)


def test_a_driver_that_does_not_tell_the_digits_of_a_time_may_have_all_of_them() -> None:
    assert column(of(TIME, "TIME", scale=0), dialect_of("jdbc:mysql://db/erp")).kind == "sent_span_text:6"


@pytest.mark.parametrize(
    ("one", "kind", "arrow"),
    [
        (of(NUMERIC, "NUMBER", precision=18), "int64", pa.int64()),
        (of(NUMERIC, "NUMBER", precision=19), "decimal:0", pa.decimal128(19, 0)),
        (of(NUMERIC, "NUMBER", precision=12, scale=2), "decimal:2", pa.decimal128(12, 2)),
        (of(NUMERIC, "NUMBER", scale=-127), "number", pa.string()),
        (of(NUMERIC, "NUMBER", precision=5, scale=-2), "number", pa.string()),
        (of(FLOAT, "FLOAT", precision=126, scale=-127), "number", pa.string()),
        (of(101, "BINARY_DOUBLE"), "float64", pa.float64()),
        (of(100, "BINARY_FLOAT"), "float32", pa.float32()),
        (of(TIMESTAMP, "DATE"), "timestamp:6", pa.timestamp("us")),
        (of(TIMESTAMP, "TIMESTAMP", scale=9), "timestamp_text:9", pa.string()),
        (of(-101, "TIMESTAMP WITH TIME ZONE", scale=6), "offset_text:6", pa.string()),
        (of(-102, "TIMESTAMP WITH LOCAL TIME ZONE", scale=6), "instant:6", pa.timestamp("us", "UTC")),
        (of(-104, "INTERVALDS"), "text", pa.string()),
        (of(2002, "SALES.PLACE"), "unknown", pa.string()),
    ],
)
def test_types_of_oracle(one: Described, kind: str, arrow: pa.DataType) -> None:
    """As the connector `oracle` has them, but for what its driver does not tell."""
    found = column(one, ORACLE)
    assert (found.kind, found.type) == (kind, arrow)


def test_columns_of_unknown_types_are_named_with_them() -> None:
    description = "a\x1f4\x1fint4\x1f10\x1f0\x1f1\x1eb\x1f2002\x1fpair\x1f0\x1f0\x1f0\x1e"
    assert unknown_types(description, POSTGRES) == {"b": "pair"}
    assert [one.kind for one in columns(description, POSTGRES, "string")] == ["int32", "text"]
    assert [one.kind for one in columns(description, POSTGRES, "reject")] == ["int32", "refused"]


def test_digits_that_a_driver_does_not_tell_are_taken_as_six() -> None:
    assert column(of(TIMESTAMP, scale=0), GENERIC).type == pa.timestamp("us")
    assert column(of(TIMESTAMP, scale=0), MARIA).type == pa.timestamp("s")


def test_a_description_is_read_back() -> None:
    text = "id\x1f-5\x1fint8\x1f19\x1f0\x1f1\x1eodd, name\x1f12\x1ftext\x1f0\x1f0\x1f0\x1e"
    assert described(text) == [
        Described("id", -5, "int8", 19, 0, signed=True),
        Described("odd, name", 12, "text", 0, 0, signed=False),
    ]

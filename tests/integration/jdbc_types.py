"""Every type of three databases, what Arrow has for it, and values as they stand in events.

The integration tests read all of it from real servers; docs/connectors/jdbc-types.md is written from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa


class Rejected(NamedTuple):
    """The row becomes a dead letter; the reason says this."""

    reason: str


class Type(NamedTuple):
    """`values`: literal -> what is in the event's JSON. `$.` stands for the schema."""

    ddl: str
    arrow: pa.DataType
    values: Mapping[str, Any]


TEXT, BINARY = pa.string(), pa.binary()

_POSTGRESQL = (
    Type("smallint", pa.int16(), {"-32768": -32768, "32767": 32767}),
    Type("integer", pa.int32(), {"2147483647": 2147483647}),
    Type("bigint", pa.int64(), {"-9223372036854775808": -9223372036854775808}),
    Type("oid", pa.int64(), {"4294967295": 4294967295}),
    Type(
        "numeric(12,2)",
        pa.decimal128(12, 2),
        {"-12.30": "-12.30", "'NaN'": Rejected("does not fit its type")},
    ),
    Type(
        "numeric(38,0)",
        pa.decimal128(38, 0),
        {"99999999999999999999999999999999999999": "99999999999999999999999999999999999999"},
    ),
    Type("numeric(39,2)", TEXT, {"1e36": "1000000000000000000000000000000000000.00"}),
    Type(
        "numeric",
        TEXT,
        {
            "1e-30": "0.000000000000000000000000000001",
            "'NaN'": "NaN",
            "'Infinity'": "Infinity",
            "1e40": "10000000000000000000000000000000000000000",
        },
    ),
    Type("numeric(5,-2)", TEXT, {"12300": "12300"}),
    Type("numeric(3,5)", TEXT, {"0.00123": "0.00123"}),
    Type("money", TEXT, {"12.5": "$12.50"}),
    Type("real", pa.float32(), {"1.1": 1.1, "'NaN'": "NaN", "'-Infinity'": "-Infinity", "'1e-45'": 1e-45}),
    Type(
        "double precision",
        pa.float64(),
        {"0.1": 0.1, "'NaN'": "NaN", "'Infinity'": "Infinity", "1e308": 1e308},
    ),
    Type("boolean", pa.bool_(), {"true": True, "false": False}),
    Type("char(5)", TEXT, {"'ab'": "ab   "}),
    Type('"char"', TEXT, {"'a'": "a"}),
    Type("varchar(9)", TEXT, {"'Zürich'": "Zürich"}),
    Type("text", TEXT, {"'naïve 😀'": "naïve 😀", "''": ""}),
    Type("bytea", BINARY, {"'\\x00ff'": "AP8=", "''": ""}),
    Type("bit", TEXT, {"B'1'": "1"}),
    Type("bit(8)", TEXT, {"B'10100000'": "10100000"}),
    Type("varbit(9)", TEXT, {"B'101'": "101"}),
    Type(
        "date",
        pa.date32(),
        {
            "'0044-03-15'": "0044-03-15",
            "'1582-10-10'": "1582-10-10",
            "'9999-12-31'": "9999-12-31",
            "'infinity'": "infinity",
            "'0044-03-15 BC'": "-0043-03-15",
            "'20240-01-01'": "+20240-01-01",
            "'-infinity'": "-infinity",
        },
    ),
    Type("time", pa.time64("us"), {"'23:59:59.999999'": "23:59:59.999999", "'24:00'": "24:00:00.000000"}),
    Type("time(0)", pa.time32("s"), {"'12:00'": "12:00:00"}),
    Type("time(1)", pa.time32("ms"), {"'12:00:00.1'": "12:00:00.1", "'24:00'": "24:00:00.0"}),
    Type("time(3)", pa.time32("ms"), {"'12:00:00.123'": "12:00:00.123"}),
    Type(
        "timestamp",
        pa.timestamp("us"),
        {
            "'1582-10-10 12:00'": "1582-10-10T12:00:00.000000",
            "'9999-12-31 23:59:59.999999'": "9999-12-31T23:59:59.999999",
            "'2024-03-31 02:30'": "2024-03-31T02:30:00.000000",
            "'2024-10-27 02:30'": "2024-10-27T02:30:00.000000",
            "'infinity'": "infinity",
            "'0044-03-15 01:02:03.4 BC'": "-0043-03-15T01:02:03.400000",
            "'294276-12-31 23:59:59.999999'": Rejected("is out of the range of its type"),
            "'-infinity'": "-infinity",
        },
    ),
    Type("timestamp(0)", pa.timestamp("s"), {"'2024-01-01'": "2024-01-01T00:00:00"}),
    Type("timestamp(2)", pa.timestamp("ms"), {"'2024-01-01 00:00:00.12'": "2024-01-01T00:00:00.12"}),
    Type("timestamp(3)", pa.timestamp("ms"), {"'2024-01-01 00:00:00.123'": "2024-01-01T00:00:00.123"}),
    Type(
        "timestamp(4)",
        pa.timestamp("us"),
        {
            "'2024-01-01 00:00:00.1234'": "2024-01-01T00:00:00.1234",
            "'0044-03-15 01:02:03.4 BC'": "-0043-03-15T01:02:03.4000",
            "'infinity'": "infinity",
        },
    ),
    Type(
        "timestamptz",
        pa.timestamp("us", "UTC"),
        {
            "'2024-10-27 00:30Z'": "2024-10-27T00:30:00.000000Z",
            "'2024-10-27 01:30Z'": "2024-10-27T01:30:00.000000Z",
            "'infinity'": "infinity",
            "'1500-01-01 00:00Z'": "1500-01-01T00:00:00.000000Z",
            "'0044-03-15 01:02:03.4Z BC'": "-0043-03-15T01:02:03.400000Z",
        },
    ),
    Type("timestamptz(0)", pa.timestamp("s", "UTC"), {"'2024-01-01Z'": "2024-01-01T00:00:00Z"}),
    Type("timestamptz(1)", pa.timestamp("ms", "UTC"), {"'2024-01-01Z'": "2024-01-01T00:00:00.0Z"}),
    Type(
        "timetz",
        TEXT,
        {"'10:00:00.25+05:30'": "10:00:00.250000+05:30", "'10:00+01:02:03'": "10:00:00.000000+01:02:03"},
    ),
    Type("timetz(0)", TEXT, {"'10:00:00-03'": "10:00:00-03:00"}),
    Type(
        "interval", TEXT, {"'1 mon 2 days'": "P1M2D", "'-1 year 00:00:01.5'": "P-1YT1.5S", "'3 days'": "P3D"}
    ),
    Type("uuid", TEXT, {"'00000000-0000-0000-0000-0000000000ff'": "00000000-0000-0000-0000-0000000000ff"}),
    Type("json", TEXT, {"'{\"k\": [1, null]}'": '{"k": [1, null]}'}),
    Type("jsonb", TEXT, {"'{\"k\": 1.10}'": '{"k": 1.10}'}),
    Type("xml", TEXT, {"'<a>ü</a>'": "<a>ü</a>"}),
    Type("int[]", TEXT, {"'{1,NULL,3}'": "{1,NULL,3}"}),
    Type("text[]", TEXT, {"array['a,b','\"']": '{"a,b","\\""}'}),
    Type("numeric[]", TEXT, {"'{1.10}'": "{1.10}"}),
    Type("timestamp[]", TEXT, {"'{2024-01-01}'": '{"2024-01-01 00:00:00"}'}),
    Type("bytea[]", TEXT, {"array['\\x00'::bytea]": '{"\\\\x00"}'}),
    Type(
        "uuid[]", TEXT, {"'{00000000-0000-0000-0000-0000000000ff}'": "{00000000-0000-0000-0000-0000000000ff}"}
    ),
    Type("boolean[]", TEXT, {"'{t,f}'": "{t,f}"}),
    Type("float8[]", TEXT, {"'{0.1,NaN}'": "{0.1,NaN}"}),
    Type("int[][]", TEXT, {"'{{1,2},{3,4}}'": "{{1,2},{3,4}}"}),
    Type("inet", TEXT, {"'10.0.0.1/8'": "10.0.0.1/8"}),
    Type("cidr", TEXT, {"'10.0.0.0/8'": "10.0.0.0/8"}),
    Type("macaddr", TEXT, {"'08:00:2b:01:02:03'": "08:00:2b:01:02:03"}),
    Type("point", TEXT, {"'(1,2)'": "(1.0,2.0)"}),
    Type("box", TEXT, {"'((0,0),(1,1))'": "(1.0,1.0),(0.0,0.0)"}),
    Type("tsvector", TEXT, {"'a b'": "'a' 'b'"}),
    Type("int4range", TEXT, {"'[1,5)'": "[1,5)"}),
    Type("numrange", TEXT, {"'[1.5,)'": "[1.5,)"}),
    Type("int4multirange", TEXT, {"'{[1,3),[5,8)}'": "{[1,3),[5,8)}"}),
    Type("pg_lsn", TEXT, {"'16/B374D848'": "16/B374D848"}),
    Type("$.mood", TEXT, {"'cross'": "cross"}),
    Type("$.pair", TEXT, {"'(1,x)'": "(1,x)"}),
    Type("$.posint", pa.int32(), {"5": 5}),
)

_H2 = (
    Type("tinyint", pa.int16(), {"-128": -128}),
    Type("smallint", pa.int16(), {"-32768": -32768}),
    Type("int", pa.int32(), {"2147483647": 2147483647}),
    Type("bigint", pa.int64(), {"-9223372036854775808": -9223372036854775808}),
    Type("numeric(12,2)", pa.decimal128(12, 2), {"-12.30": "-12.30"}),
    Type(
        "numeric(38,0)",
        pa.decimal128(38, 0),
        {"99999999999999999999999999999999999999": "99999999999999999999999999999999999999"},
    ),
    Type("numeric(60,30)", TEXT, {"1e-30": "0.000000000000000000000000000001"}),
    Type("numeric", TEXT, {"5": "5"}),
    Type("decimal(5)", pa.decimal128(5, 0), {"12345": "12345"}),
    Type(
        "decfloat(20)",
        TEXT,
        {"1.25": "1.25", "'NaN'": "NaN", "'Infinity'": "Infinity", "1e30": "1000000000000000000000000000000"},
    ),
    Type("decfloat", TEXT, {"1e-30": "0.000000000000000000000000000001"}),
    Type("real", pa.float32(), {"1.5": 1.5, "'NaN'": "NaN"}),
    Type("double precision", pa.float64(), {"0.1": 0.1, "'NaN'": "NaN", "'-Infinity'": "-Infinity"}),
    Type("float", pa.float64(), {"0.1": 0.1}),
    Type("float(20)", pa.float64(), {"0.5": 0.5}),
    Type("boolean", pa.bool_(), {"true": True}),
    Type("char(5)", TEXT, {"'ab'": "ab   "}),
    Type("varchar(9)", TEXT, {"'Zürich'": "Zürich"}),
    Type("varchar_ignorecase(9)", TEXT, {"'Aa'": "Aa"}),
    Type("nvarchar(9)", TEXT, {"'ü'": "ü"}),
    Type("clob", TEXT, {"'naïve 😀'": "naïve 😀"}),
    Type("nclob", TEXT, {"'ü'": "ü"}),
    Type("binary(4)", BINARY, {"x'00ff'": "AP8AAA=="}),
    Type("varbinary(9)", BINARY, {"x'00ff'": "AP8="}),
    Type("blob", BINARY, {"x''": ""}),
    Type(
        "date",
        pa.date32(),
        {
            "date '0044-03-15'": "0044-03-15",
            "date '1582-10-10'": "1582-10-10",
            "date '9999-12-31'": "9999-12-31",
            "date '-0043-03-15'": "-0043-03-15",
        },
    ),
    Type("time", pa.time32("s"), {"time '23:59:59'": "23:59:59"}),
    Type("time(2)", pa.time32("ms"), {"time '23:59:59.12'": "23:59:59.12"}),
    Type("time(3)", pa.time32("ms"), {"time '23:59:59.123'": "23:59:59.123"}),
    Type("time(9)", TEXT, {"time '23:59:59.123456789'": "23:59:59.123456789"}),
    Type(
        "timestamp",
        pa.timestamp("us"),
        {
            "timestamp '1582-10-10 00:00:00.123456'": "1582-10-10T00:00:00.123456",
            "timestamp '2024-03-31 02:30:00'": "2024-03-31T02:30:00.000000",
            "timestamp '-0043-01-01 00:00:00'": "-0043-01-01T00:00:00.000000",
        },
    ),
    Type("timestamp(0)", pa.timestamp("s"), {"timestamp '2024-01-01 00:00:00'": "2024-01-01T00:00:00"}),
    Type("timestamp(1)", pa.timestamp("ms"), {"timestamp '2024-01-01 00:00:00'": "2024-01-01T00:00:00.0"}),
    Type(
        "timestamp(3)", pa.timestamp("ms"), {"timestamp '9999-12-31 23:59:59.999'": "9999-12-31T23:59:59.999"}
    ),
    Type(
        "timestamp(9)", TEXT, {"timestamp '2024-01-01 00:00:00.123456789'": "2024-01-01T00:00:00.123456789"}
    ),
    Type(
        "timestamp with time zone",
        TEXT,
        {
            "timestamp with time zone '2024-10-27 02:30:00.5+02:00'": "2024-10-27T02:30:00.500000+02:00",
            "timestamp with time zone '2024-10-27 02:30:00.5+01:00'": "2024-10-27T02:30:00.500000+01:00",
        },
    ),
    Type(
        "timestamp(9) with time zone",
        TEXT,
        {
            "timestamp with time zone '1500-01-01 00:00:00.123456789-17:59:59'": (
                "1500-01-01T00:00:00.123456789-17:59:59"
            )
        },
    ),
    Type(
        "timestamp(0) with time zone",
        TEXT,
        {"timestamp with time zone '2024-01-01 00:00:00Z'": "2024-01-01T00:00:00Z"},
    ),
    Type("time with time zone", TEXT, {"time with time zone '10:00:00+05:30'": "10:00:00+05:30"}),
    Type(
        "time(9) with time zone", TEXT, {"time with time zone '10:00:00.123456789Z'": "10:00:00.123456789Z"}
    ),
    Type("interval year", TEXT, {"interval '3' year": "INTERVAL '3' YEAR"}),
    Type("interval year to month", TEXT, {"interval '1-2' year to month": "INTERVAL '1-2' YEAR TO MONTH"}),
    Type("interval day", TEXT, {"interval '3' day": "INTERVAL '3' DAY"}),
    Type(
        "interval day to second",
        TEXT,
        {"interval '1 02:03:04.5' day to second": "INTERVAL '1 02:03:04.5' DAY TO SECOND"},
    ),
    Type(
        "uuid", TEXT, {"uuid '00000000-0000-0000-0000-0000000000ff'": "00000000-0000-0000-0000-0000000000ff"}
    ),
    Type("json", TEXT, {"json '{\"k\": [1, null]}'": '{"k":[1,null]}'}),
    Type("enum('calm','cross')", TEXT, {"'cross'": "cross"}),
    Type("int array", TEXT, {"array[1,null,3]": "[1,null,3]"}),
    Type("varchar array", TEXT, {"array['a,b', '\"\\ü', '']": r'["a,b","\"\\ü",""]', "array[]": "[]"}),
    Type("double precision array", TEXT, {"array[5e-1, cast('NaN' as double precision)]": '[0.5,"NaN"]'}),
    Type("numeric(9,2) array array", TEXT, {"array[array[1.5], array[]]": "[[1.50],[]]"}),
    Type("varbinary array", TEXT, {"array[x'00ff']": '["AP8="]'}),
    Type("row(a int, b varchar)", TEXT, {"row(1,'x')": "ROW (1, x)"}),
    Type("geometry", TEXT, {"'POINT (1 2)'": "POINT (1 2)"}),
    Type("java_object", BINARY, {"x'aced0005740001'": "rO0ABXQAAQ=="}),
)

_MARIADB = (
    Type("tinyint", pa.int16(), {"-128": -128}),
    Type("tinyint unsigned", pa.int32(), {"255": 255}),
    Type("smallint", pa.int16(), {"-32768": -32768}),
    Type("smallint unsigned", pa.int32(), {"65535": 65535}),
    Type("mediumint", pa.int32(), {"-8388608": -8388608}),
    Type("mediumint unsigned", pa.int64(), {"16777215": 16777215}),
    Type("int", pa.int32(), {"-2147483648": -2147483648}),
    Type("int unsigned", pa.int64(), {"4294967295": 4294967295}),
    Type("bigint", pa.int64(), {"-9223372036854775808": -9223372036854775808}),
    Type("bigint unsigned", pa.decimal128(20, 0), {"18446744073709551615": "18446744073709551615"}),
    Type("int(5) unsigned zerofill", pa.int64(), {"42": 42}),
    Type("decimal(12,2)", pa.decimal128(12, 2), {"-12.30": "-12.30"}),
    Type("decimal(12,2) unsigned", pa.decimal128(12, 2), {"12.30": "12.30"}),
    Type(
        "decimal(38,0)",
        pa.decimal128(38, 0),
        {"99999999999999999999999999999999999999": "99999999999999999999999999999999999999"},
    ),
    Type(
        "decimal(38,38)",
        pa.decimal128(38, 38),
        {"0.00000000000000000000000000000000000001": "0.00000000000000000000000000000000000001"},
    ),
    Type("decimal(65,30)", TEXT, {"1e-30": "0.000000000000000000000000000001"}),
    Type("decimal", pa.decimal128(10, 0), {"5": "5"}),
    Type("float", pa.float32(), {"1.1": 1.1, "1e-45": 1e-45, "16777215": 16777215.0}),
    Type("double", pa.float64(), {"0.1": 0.1}),
    Type("boolean", pa.bool_(), {"true": True, "false": False, "5": Rejected("is 5, which is no boolean")}),
    Type("tinyint(1) unsigned", pa.bool_(), {"200": Rejected("is 200, which is no boolean")}),
    Type("bit", pa.bool_(), {"b'1'": True}),
    Type("bit(8)", BINARY, {"b'10100000'": "oA=="}),
    Type("bit(64)", BINARY, {"b'1'": "AAAAAAAAAAE="}),
    Type("char(5)", TEXT, {"'ab'": "ab"}),
    Type("varchar(9)", TEXT, {"'Zürich'": "Zürich"}),
    Type("varchar(9) character set latin1", TEXT, {"'Zürich'": "Zürich"}),
    Type("char(5) character set ascii collate ascii_bin", TEXT, {"'ab'": "ab"}),
    Type("tinytext", TEXT, {"'t'": "t"}),
    Type("text", TEXT, {"'naïve 😀'": "naïve 😀"}),
    Type("mediumtext", TEXT, {"'m'": "m"}),
    Type("longtext", TEXT, {"'l'": "l", "''": ""}),
    Type("binary(4)", BINARY, {"x'00ff'": "AP8AAA=="}),
    Type("varbinary(9)", BINARY, {"x'00ff'": "AP8="}),
    Type("tinyblob", BINARY, {"x'00'": "AA=="}),
    Type("blob", BINARY, {"x''": ""}),
    Type("mediumblob", BINARY, {"x'00'": "AA=="}),
    Type("longblob", BINARY, {"x'ff'": "/w=="}),
    Type(
        "date",
        pa.date32(),
        {
            "'0044-03-15'": "0044-03-15",
            "'1582-10-10'": "1582-10-10",
            "'9999-12-31'": "9999-12-31",
            "'0000-00-00'": None,
            "'2024-00-00'": Rejected("Invalid value for MonthOfYear"),
            "'2024-02-31'": Rejected("Invalid date 'FEBRUARY 31'"),
        },
    ),
    Type(
        "time",
        TEXT,
        {
            "'23:59:59'": "23:59:59",
            "'-838:59:59'": "-838:59:59",
            "'838:59:59'": "838:59:59",
            "'24:00:00'": "24:00:00",
        },
    ),
    Type("time(3)", TEXT, {"'01:02:03.123'": "01:02:03.123", "'100:00:00'": "100:00:00.000"}),
    Type("time(6)", TEXT, {"'01:02:03.123456'": "01:02:03.123456", "'-00:00:00.5'": "-00:00:00.500000"}),
    Type(
        "datetime",
        pa.timestamp("s"),
        {
            "'1000-01-01'": "1000-01-01T00:00:00",
            "'9999-12-31 23:59:59'": "9999-12-31T23:59:59",
            "'0000-00-00'": None,
            "'2024-03-31 02:30:00'": "2024-03-31T02:30:00",
            "'2024-02-00 01:00:00'": Rejected("Invalid value for DayOfMonth"),
        },
    ),
    Type("datetime(2)", pa.timestamp("ms"), {"'2024-01-01 00:00:00.12'": "2024-01-01T00:00:00.12"}),
    Type("datetime(3)", pa.timestamp("ms"), {"'2024-01-01 00:00:00.123'": "2024-01-01T00:00:00.123"}),
    Type(
        "datetime(6)",
        pa.timestamp("us"),
        {
            "'1582-10-10 00:00:00.123456'": "1582-10-10T00:00:00.123456",
            "'0001-01-01 00:00:00.000001'": "0001-01-01T00:00:00.000001",
        },
    ),
    Type(
        "timestamp null",
        pa.timestamp("s", "UTC"),
        {
            "'2024-10-27 00:30:00'": "2024-10-27T00:30:00Z",
            "'2024-10-27 01:30:00'": "2024-10-27T01:30:00Z",
            "0": None,
        },
    ),
    Type(
        "timestamp(4) null",
        pa.timestamp("us", "UTC"),
        {"'2038-01-19 03:14:07.9999'": "2038-01-19T03:14:07.9999Z"},
    ),
    Type(
        "timestamp(6) null",
        pa.timestamp("us", "UTC"),
        {"'2038-01-19 03:14:07.999999'": "2038-01-19T03:14:07.999999Z"},
    ),
    Type("year", pa.int16(), {"2024": 2024, "0": 0, "1901": 1901}),
    Type("enum('calm','cross')", TEXT, {"'cross'": "cross", "''": ""}),
    Type("set('a','b')", TEXT, {"'a,b'": "a,b", "''": ""}),
    Type("json", TEXT, {"'{\"k\": [1, null]}'": '{"k": [1, null]}'}),
    Type("uuid", TEXT, {"'00000000-0000-0000-0000-0000000000ff'": "00000000-0000-0000-0000-0000000000ff"}),
    Type("inet4", TEXT, {"'10.0.0.1'": "10.0.0.1"}),
    Type("inet6", TEXT, {"'::1'": "::1"}),
    Type("point", BINARY, {"POINT(1,2)": "AAAAAAEBAAAAAAAAAAAA8D8AAAAAAAAAQA=="}),
)

# What has to be there before the table.
BEFORE = {
    "postgresql": "CREATE TYPE $.mood AS ENUM ('calm', 'cross'); CREATE TYPE $.pair AS (a int, b text);"
    " CREATE DOMAIN $.posint AS int CHECK (VALUE > 0);"
}
# Its own clients' settings: of literals, not of what is read.
SETTINGS = {"mariadb": "SET time_zone = '+00:00'; SET sql_mode = 'ALLOW_INVALID_DATES';"}
TYPES: Mapping[str, tuple[Type, ...]] = {"postgresql": _POSTGRESQL, "h2": _H2, "mariadb": _MARIADB}

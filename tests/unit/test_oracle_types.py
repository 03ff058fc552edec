"""Every column gets an Arrow type that loses nothing, and a select item that the driver cannot spoil."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import NUMBER_TEXT
from connectors.oracle import values
from connectors.oracle.rows import AT_ONCE, Lead, Reading
from connectors.oracle.types import Described, How, Types, column, is_known

TEXT = pa.string()
NO_TYPES: Types = {}


def of(kind: str, precision: int | None = None, scale: int | None = None, **more: Any) -> Described:
    return Described("C", kind, precision=precision, scale=scale, **more)


@pytest.mark.parametrize(
    ("one", "declared", "arrow"),
    [
        (of("NUMBER", 1, 0), "NUMBER(1)", pa.int64()),
        (of("NUMBER", 18, 0), "NUMBER(18)", pa.int64()),
        (of("NUMBER", 19, 0), "NUMBER(19)", pa.decimal128(19, 0)),
        (of("NUMBER", 38, 0), "NUMBER(38)", pa.decimal128(38, 0)),
        (of("NUMBER", None, 0), "NUMBER(*,0)", pa.decimal128(38, 0)),
        (of("NUMBER", 12, 2), "NUMBER(12,2)", pa.decimal128(12, 2)),
        (of("NUMBER", 38, 38), "NUMBER(38,38)", pa.decimal128(38, 38)),
        (of("NUMBER", 5, -2), "NUMBER(5,-2)", TEXT),
        (of("NUMBER", 3, 5), "NUMBER(3,5)", TEXT),
        (of("NUMBER"), "NUMBER", TEXT),
        (of("FLOAT", 126), "FLOAT(126)", TEXT),
        (of("FLOAT", 24), "FLOAT(24)", TEXT),
        (of("INTEGER"), "INTEGER", TEXT),
        (of("SMALLINT"), "SMALLINT", TEXT),
        (of("DECIMAL", 12, 2), "DECIMAL", pa.decimal128(12, 2)),
        (of("REAL"), "REAL", TEXT),
        (of("DOUBLE PRECISION"), "DOUBLE PRECISION", TEXT),
        (of("BINARY_FLOAT"), "BINARY_FLOAT", pa.float32()),
        (of("BINARY_DOUBLE"), "BINARY_DOUBLE", pa.float64()),
        (of("BOOLEAN"), "BOOLEAN", pa.bool_()),
        (of("CHAR", length=5), "CHAR(5)", TEXT),
        (of("NVARCHAR2", length=64), "NVARCHAR2(64)", TEXT),
        (of("VARCHAR2", length=32767), "VARCHAR2(32767)", TEXT),
        (of("CLOB", length=4000), "CLOB", TEXT),
        (of("NCLOB", length=4000), "NCLOB", TEXT),
        (of("LONG"), "LONG", TEXT),
        (of("BLOB", length=4000), "BLOB", pa.binary()),
        (of("RAW", length=16), "RAW(16)", pa.binary()),
        (of("LONG RAW"), "LONG RAW", pa.binary()),
        (of("DATE"), "DATE", pa.timestamp("s")),
        (of("TIMESTAMP(0)", scale=0), "TIMESTAMP(0)", pa.timestamp("s")),
        (of("TIMESTAMP(2)", scale=2), "TIMESTAMP(2)", pa.timestamp("ms")),
        (of("TIMESTAMP(6)", scale=6), "TIMESTAMP(6)", pa.timestamp("us")),
        (of("TIMESTAMP(9)", scale=9), "TIMESTAMP(9)", TEXT),
        (of("TIMESTAMP(6) WITH TIME ZONE", scale=6), "TIMESTAMP(6) WITH TIME ZONE", TEXT),
        (
            of("TIMESTAMP(3) WITH LOCAL TIME ZONE", scale=3),
            "TIMESTAMP(3) WITH LOCAL TIME ZONE",
            pa.timestamp("ms", "UTC"),
        ),
        (of("TIMESTAMP(7) WITH LOCAL TIME ZONE", scale=7), "TIMESTAMP(7) WITH LOCAL TIME ZONE", TEXT),
        (of("INTERVAL YEAR(2) TO MONTH", 2, 0), "INTERVAL YEAR(2) TO MONTH", TEXT),
        (of("INTERVAL DAY(2) TO SECOND(6)", 2, 6), "INTERVAL DAY(2) TO SECOND(6)", TEXT),
        (of("ROWID"), "ROWID", TEXT),
        (of("UROWID", length=4000), "UROWID", TEXT),
        (of("JSON"), "JSON", TEXT),
        (of("XMLTYPE", owner="SYS"), "XMLTYPE", TEXT),
        (of("VECTOR"), "VECTOR", TEXT),
    ],
)
def test_a_column_has_an_arrow_type_that_loses_nothing(
    one: Described, declared: str, arrow: pa.DataType
) -> None:
    assert is_known(one, NO_TYPES)
    found = column(one, NO_TYPES)
    assert (found.declared, found.field.type) == (declared, arrow)


def test_numbers_without_bounds_are_told_as_numbers_in_text() -> None:
    found = column(of("NUMBER"), NO_TYPES)
    assert found.field.metadata == {key.encode(): value.encode() for key, value in NUMBER_TEXT.items()}
    assert not column(of("VARCHAR2", length=9), NO_TYPES).field.metadata


def test_the_database_tells_of_years_that_no_calendar_of_ours_has() -> None:
    reading = Reading([column(of("DATE"), NO_TYPES), column(of("NUMBER", 5, 0), NO_TYPES)])
    assert reading.items == (
        """CASE WHEN t."C" >= DATE '0001-01-01' THEN t."C" END AS "C", t."C" AS "C","""
        """ CASE WHEN t."C" < DATE '0001-01-01' THEN 0 END AS "?\""""
    )
    assert reading.troubles[0][1:] == ("C", "column C: is before the year 1")


def test_a_mode_may_select_more_before_the_columns() -> None:
    number = column(Described('A"B', "NUMBER", precision=5, scale=0), NO_TYPES)
    reading = Reading([number], leads=[Lead("SCN#", "versions_startscn", pa.int64())], alias="o")
    assert reading.items == 'versions_startscn AS "SCN#", o."A""B" AS "A""B"'
    assert reading.schema == pa.schema([("SCN#", pa.int64()), ('A"B', pa.int64())])
    assert reading.wire.types == [pa.int64(), pa.decimal128(5, 0)]


def test_an_object_is_read_attribute_by_attribute() -> None:
    types = {
        ("S", "PLACE"): (
            Described("STREET", "VARCHAR2", length=9),
            Described("SINCE", "DATE"),
            Described("AT", "POINT", "S"),
        ),
        ("S", "POINT"): (Described("X", "NUMBER", precision=3, scale=0),),
    }
    found = column(Described("ADDR", "PLACE", "S"), types)
    point = pa.struct([("X", pa.int64())])
    assert found.field.type == pa.struct([("STREET", TEXT), ("SINCE", pa.timestamp("s")), ("AT", point)])
    items = [item for item, _ in found.selected('t."ADDR"')]
    assert items == [
        'CASE WHEN t."ADDR" IS NULL THEN 0 ELSE 1 END',
        't."ADDR"."STREET"',
        """CASE WHEN t."ADDR"."SINCE" >= DATE '0001-01-01' THEN t."ADDR"."SINCE" END""",
        'CASE WHEN t."ADDR"."AT" IS NULL THEN 0 ELSE 1 END',
        't."ADDR"."AT"."X"',
    ]
    assert list(found.troubles('t."ADDR"')) == [
        ("""t."ADDR"."SINCE" < DATE '0001-01-01'""", "column ADDR.SINCE: is before the year 1")
    ]


@pytest.mark.parametrize("kind", [of("TAGS", owner="S"), of("ANYDATA", owner="SYS"), of("BFILE")])
def test_types_that_have_no_place_in_an_event_are_known_as_such(kind: Described) -> None:
    assert not is_known(kind, NO_TYPES)


def test_what_has_no_place_in_an_event_is_xml_or_a_reject() -> None:
    tags = of("TAGS", owner="S")
    assert column(tags, NO_TYPES).template == "XMLSERIALIZE(CONTENT XMLTYPE({0}) AS CLOB)"
    for refused in (column(tags, NO_TYPES, How(unknown="reject")), column(of("BFILE"), NO_TYPES)):
        assert (refused.template, refused.trouble) == ("NULL", "{0} IS NOT NULL")
        assert "which is not known" in refused.why


def test_a_lob_is_left_in_the_database_when_it_is_too_long() -> None:
    found = column(of("CLOB", length=4000), NO_TYPES, How(limit=1000))
    assert found.template == "CASE WHEN NVL(LENGTH({0}), 0) <= 1000 THEN {0} END"
    assert (found.trouble, found.why) == ("NVL(LENGTH({0}), 0) > 1000", "is longer than 1000 bytes")
    assert found.is_long
    cut = column(of("CLOB", length=4000), NO_TYPES, How(1000, "truncate"))
    assert cut.template.endswith("ELSE SUBSTR({0}, 1, 1000) END")
    assert not cut.trouble
    cut = column(of("BLOB", length=4000), NO_TYPES, How(5000, "truncate"))
    assert cut.template.endswith("ELSE TO_BLOB(DBMS_LOB.SUBSTR({0}, 2000, 1)) END")


def test_round_trips_bring_fewer_rows_of_tables_whose_rows_may_be_long() -> None:
    assert Reading([column(of("NUMBER", 5, 0), NO_TYPES)]).at_once(10_000) == 10_000
    lob = column(of("CLOB"), NO_TYPES, How(limit=8 * 1024 * 1024))
    assert Reading([lob]).at_once(10_000) == AT_ONCE // (4 * 8 * 1024 * 1024 + 32)
    assert Reading([lob] * 100).at_once(10_000) == 1


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("5", "5"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("1.5E+70", "15" + "0" * 69),
        ("-1.E-70", "-0." + "0" * 69 + "1"),
        (None, None),
    ],
)
def test_numbers_are_plain(text: str | None, plain: str | None) -> None:
    assert values.plain_numbers(pa.array([text], TEXT)).to_pylist() == [plain]


@pytest.mark.parametrize(
    ("text", "iso"),
    [("+01-02", "P1Y2M"), ("-00-11", "P-11M"), ("+00-00", "P0M"), ("+123-00", "P123Y"), (None, None)],
)
def test_intervals_of_years_and_months_are_iso_durations(text: str | None, iso: str | None) -> None:
    assert values.years_and_months(pa.array([text], TEXT)).to_pylist() == [iso]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("+01 02:03:04.500000", "P1DT2H3M4.5S"),
        ("-00 00:00:00.000000001", "PT-0.000000001S"),
        ("+00 00:00:00.000000", "PT0S"),
        ("+10 00:00:00", "P10D"),
        ("-99 23:59:59", "P-99DT-23H-59M-59S"),
    ],
)
def test_intervals_of_days_and_seconds_are_iso_durations(text: str, iso: str) -> None:
    assert values.days_and_seconds(pa.array([text], TEXT)).to_pylist() == [iso]


def test_no_offset_is_z() -> None:
    texts = pa.array(["2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00-05:30", None])
    assert values.with_z(texts).to_pylist() == ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00-05:30", None]


def test_values_are_cut_to_whole_characters() -> None:
    assert values.cut(pa.array(["üü", None]), 3).to_pylist() == ["ü", None]
    assert values.cut(pa.array([b"abcd"]), 3).to_pylist() == [b"abc"]


def test_bytes_that_are_no_text_are_found() -> None:
    buffers = [None, pa.array([0, 2, 3, 3], pa.int32()).buffers()[1], pa.py_buffer(b"ok\xff")]
    strange = pa.Array.from_buffers(TEXT, 3, buffers)
    found = values.no_texts(strange)
    assert found is not None
    assert found.to_pylist() == [False, True, False]
    assert values.no_texts(pa.array(["ok", None])) is None

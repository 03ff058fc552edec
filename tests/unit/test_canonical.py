"""Keys come back from their canonical form as they were."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import NUMBER_TEXT, Table, declared
from bridge.diff.canonical import alike, fields_of, key_of, rows_of, texts

EXTREMES = [2**63 - 1, -(2**63), 0, None]


@pytest.mark.parametrize(
    "keys",
    [
        pa.array([2**31 - 1, -(2**31), 0, None], pa.int32()).view(pa.date32()),
        *(pa.array(EXTREMES, pa.int64()).view(pa.timestamp(unit, "UTC")) for unit in ("s", "ms", "us")),
        pa.array([86_400_000_000, 0, 1, None], pa.int64()).view(pa.time64("us")),
        pa.array([86_400, 0, 1, None], pa.int32()).view(pa.time32("s")),
    ],
    ids=lambda keys: str(keys.type),
)
def test_infinite_times_and_the_end_of_the_day_can_be_keys(keys: pa.Array) -> None:
    table = Table("t", pa.schema([pa.field("k", keys.type)]), ("k",))
    forms = texts(pa.RecordBatch.from_arrays([keys], ["k"]))
    (rows,) = rows_of([form for form in forms if form], table, ["k"])
    assert rows.column(0).equals(keys)


NESTED: list[pa.Array] = [
    pa.array([{"a": 1, "b": "x"}, None], pa.struct([("a", pa.int32()), ("b", pa.string())])),
    pa.array([[date(2024, 1, 1), None], [], None], pa.list_(pa.date32())),
    pa.array([[b"a"], [], None], pa.large_list(pa.binary())),
    pa.array([[1, 2], [None, 4], None], pa.list_(pa.int8(), 2)),
    pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int32())),
    pa.array([[(7, Decimal("1.50"))], None], pa.map_(pa.int32(), pa.decimal128(5, 2))),
    pa.array([timedelta(1, 2, 3), timedelta(-1, 5, 7), None], pa.duration("us")),
    pa.array([pa.MonthDayNano([1, -2, 3]), pa.MonthDayNano([0, 0, -1_500_000_000]), None]),
    pa.array(["x", "y", None]).dictionary_encode(),
    pa.array([None, None]),
]


@pytest.mark.parametrize("column", NESTED, ids=lambda column: str(column.type))
def test_rows_without_a_key_come_back_whatever_their_types(column: pa.Array) -> None:
    table = Table("t", pa.schema([pa.field("c", column.type)]), ())
    forms = texts(pa.RecordBatch.from_arrays([column], ["c"]))
    (rows,) = rows_of([form for form in forms if form], table, ["c"])
    assert rows.column(0).equals(column)


@pytest.mark.parametrize(
    ("kind", "forms"),
    [
        (pa.decimal128(9, 3), ["1.000", "2.00", "3", "4.0000"]),
        (
            pa.timestamp("ms"),
            ["2024-01-01T00:00:00.000", "2024-01-01T00:00:00", "2024-01-01T00:00:00.0001"],
        ),
        (
            pa.timestamp("us", "UTC"),
            ["2024-01-01T00:00:00.000000Z", "2024-01-01", "2024-01-01T00:00:00.01"],
        ),
        (pa.time32("ms"), ["24:00:00.000", "10:00:00", "10:00:00.000001"]),
        (pa.int64(), [1, "1", "1.00", True, 1.5]),
        (pa.string(), ["1", 1, 2**63]),
        (pa.bool_(), [True, 1, "true"]),
        (pa.float64(), [1.0, 1, "1", True]),
        (pa.struct([("a", pa.float64())]), [{"a": 1.0}, {"a": 1}]),
    ],
    ids=str,
)
def test_a_row_is_told_as_it_was_written_whatever_today_s_type(kind: pa.DataType, forms: list[Any]) -> None:
    """Else what is deleted would be another row, and maybe one that is there."""
    table = Table("t", pa.schema([pa.field("k", kind)]), ("k",))
    written = [f'{{"k":{json.dumps(form, separators=(",", ":"))}}}'.encode() for form in forms]
    told = [text for rows in rows_of(written, table, ["k"]) for text in texts(rows)]
    assert sorted(text or b"" for text in told) == sorted(written)
    fields = fields_of(written, table, ["k"])
    assert [own == tuple(table.schema) for own in fields] == [True] + [False] * (len(forms) - 1)


@pytest.mark.parametrize("digits", [1, 2, 3])
@pytest.mark.parametrize("kind", [pa.timestamp("ms"), pa.timestamp("ms", "UTC"), pa.time32("ms")], ids=str)
def test_a_time_is_told_with_the_digits_that_its_type_declared_then(kind: pa.DataType, digits: int) -> None:
    """What is written with others of today's is another key, though Arrow calls its type the same."""
    begin, zone = "" if pa.types.is_time(kind) else "2024-01-01T", "Z" * bool(getattr(kind, "tz", None))
    texts_ = [f"{begin}10:00:00{fraction}{zone}" for fraction in ("", ".1", ".10", ".100", ".123", ".1000")]
    forms = [json.dumps({"k": text}, separators=(",", ":")).encode() for text in texts_]
    table = Table("t", pa.schema([pa.field("k", kind, metadata=declared(digits))]), ("k",))
    told = [text for rows in rows_of(forms, table, ["k"]) for text in texts(rows)]
    assert sorted(text or b"" for text in told) == sorted(forms)
    today = alike(table.schema)
    fields = fields_of(forms, table, ["k"])
    assert [n for n, own in enumerate(fields) if alike(own) == today] == [digits, 4]


def test_numbers_that_are_kept_as_text_stay_numbers() -> None:
    field = pa.field("k", pa.string(), metadata=NUMBER_TEXT)
    table = Table("t", pa.schema([field]), ("k",))
    (rows,) = rows_of([b'{"k":"1.5"}'], table, ["k"])
    assert rows.schema.field("k").equals(field, check_metadata=True)
    table = Table("t", pa.schema([pa.field("k", pa.decimal128(9, 3))]), ("k",))
    (rows,) = rows_of([b'{"k":"1.5"}'], table, ["k"])
    assert rows.schema.field("k").equals(field, check_metadata=True)


ZONED, PLAIN = pa.timestamp("us", "UTC"), pa.timestamp("ms")
NO_KEY = None


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (pa.date32(), "-infinity", '"-infinity"'),
        (pa.timestamp("us"), "-infinity", '"-infinity"'),
        (pa.date32(), "-0043-03-15", '"-0043-03-15"'),
        (pa.date32(), "+20240-01-01", '"+20240-01-01"'),
        (pa.date32(), date(2024, 1, 31), '"2024-01-31"'),
        (pa.date32(), "0044-03-15 BC", NO_KEY),
        (pa.date32(), "2024-02-30", NO_KEY),
        (PLAIN, datetime.fromisoformat("2024-01-01T00:00:00.005"), '"2024-01-01T00:00:00.005"'),
        (PLAIN, "2024-01-01 00:00:00.0050", '"2024-01-01T00:00:00.005"'),
        (PLAIN, "-0043-01-01T00:00:00.005", '"-0043-01-01T00:00:00.005"'),
        (PLAIN, "-0043-01-01T00:00:00.0051", NO_KEY),
        (PLAIN, "-0043-01-01T00:00:00Z", NO_KEY),
        (PLAIN, "2024-01-01 00:00:00+00", NO_KEY),
        (ZONED, "2024-01-01T02:00:00+02:00", '"2024-01-01T00:00:00.000000Z"'),
        (ZONED, "+12024-01-01T02:00:00+02:00", '"+12024-01-01T00:00:00.000000Z"'),
        (ZONED, datetime(2024, 1, 1, tzinfo=UTC), '"2024-01-01T00:00:00.000000Z"'),
        (ZONED, "2024-01-01 00:00:00", NO_KEY),
        (ZONED, datetime.fromisoformat("2024-01-01"), NO_KEY),
        (pa.time64("us"), time(10, 0), '"10:00:00.000000"'),
        (pa.time64("us"), "24:00:00", '"24:00:00.000000"'),
        (pa.time64("us"), "24:00:01", NO_KEY),
        (pa.time32("s"), "10:00:00.5", NO_KEY),
        (pa.time32("s"), "10:00:00+02:00", NO_KEY),
        (pa.binary(), b"ORDER003", '"T1JERVIwMDM="'),
        (pa.binary(), "T1JERVIwMDM=", '"T1JERVIwMDM="'),
        (pa.binary(), "ORDER003", '"ORDER003"'),
        (pa.binary(), "ORDER00", NO_KEY),
        (pa.binary(), "[B@43383a", NO_KEY),
        (pa.binary(), "AB==", NO_KEY),
        (pa.binary(3), b"ab", NO_KEY),
        (pa.decimal128(9, 2), Decimal("1.5"), '"1.50"'),
        (pa.decimal128(9, 2), "1.5", '"1.50"'),
        (pa.decimal128(9, 2), 3, '"3.00"'),
        (pa.decimal128(9, 2), "1.555", NO_KEY),
        (pa.decimal128(9, 2), 1.5, NO_KEY),
        (pa.float64(), 3.1, "3.1"),
        (pa.float64(), "-Infinity", '"-Infinity"'),
        (pa.float64(), "3.1", NO_KEY),
        (pa.int64(), 2**70, NO_KEY),
        (pa.int64(), 1.5, NO_KEY),
        (pa.int64(), True, NO_KEY),
        (pa.int64(), "5", NO_KEY),
        (pa.int64(), None, "null"),
        (pa.bool_(), True, "true"),
        (pa.bool_(), 1, NO_KEY),
        (pa.string(), b"x", NO_KEY),
        (pa.string(), "\ud800", NO_KEY),
        (pa.int32(), pa.scalar(5, pa.int32()), "5"),
        (pa.int32(), pa.scalar(5, pa.int64()), NO_KEY),
        (pa.binary(), pa.scalar("QUJD"), NO_KEY),
    ],
    ids=str,
)
def test_a_reject_is_known_by_its_key_or_not_at_all(
    kind: pa.DataType, value: object, told: str | None
) -> None:
    table = Table("t", pa.schema([pa.field("k", kind)]), ("k",))
    form = key_of({"k": value}, table)
    assert form == (None if told is NO_KEY else f'{{"k":{told}}}'.encode())
    if form is not None:
        assert [text for rows in rows_of([form], table, ["k"]) for text in texts(rows)] == [form]


@pytest.mark.parametrize("column", NESTED[6:9], ids=lambda column: str(column.type))
def test_arrow_s_own_values_have_the_form_of_their_row(column: pa.Array) -> None:
    table = Table("t", pa.schema([pa.field("k", column.type)]), ("k",))
    forms = texts(pa.RecordBatch.from_arrays([column], ["k"]))
    assert [key_of({"k": value}, table) for value in column] == forms

"""Ranges of keys, from what an operator writes to what connectors get."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import Table
from bridge.errors import ConfigError
from bridge.ranges import parsed


def table(**columns: pa.DataType) -> Table:
    """All of its columns but the last are its key."""
    return Table("t", pa.schema([*columns.items(), ("payload", pa.string())]), tuple(columns))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("id=7", 7, 7),
        ("id=3..5", 3, 5),
        ("id=3..", 3, None),
        ("id=..5", None, 5),
        ("-5..-3", -5, -3),
        ("..5", None, 5),
    ],
)
def test_either_end_may_be_left_out_and_so_may_the_only_column(
    text: str, low: int | None, high: int | None
) -> None:
    assert parsed([text], table(id=pa.int64())) == {"id": (low, high)}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (pa.string(), "EU=x", "EU=x"),
        (pa.date32(), "infinity", "infinity"),
        (pa.timestamp("us", "UTC"), "-infinity", "-infinity"),
        (pa.bool_(), "true", True),
        (pa.bool_(), "False", False),
        (pa.decimal128(10, 2), "1.50", "1.50"),
        (pa.float64(), "1.5", "1.5"),
        (pa.decimal128(10, 0), "1e5", "100000"),
        (pa.time64("us"), "12:00", "12:00:00.000000"),
        (pa.time32("s"), "23:59:59", "23:59:59"),
        (pa.binary(), "00FF", "00ff"),
        (pa.date32(), "2026-01-31", "2026-01-31"),
        (pa.timestamp("us"), "2026-01-31T12:00:00", "2026-01-31T12:00:00.000000"),
        (pa.timestamp("s"), "2026-01-31", "2026-01-31T00:00:00"),
        (pa.timestamp("us", "UTC"), "2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000000Z"),
    ],
)
def test_values_are_what_json_can_hold(kind: pa.DataType, text: str, value: Any) -> None:
    assert parsed([text], table(k=kind)) == {"k": (value, value)}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pa.int16(), "40000"),
        (pa.int32(), "99999999999999999999"),
        (pa.int64(), "9" * 1900),
        (pa.uint8(), "-1"),
        (pa.decimal128(10, 2), "1e300000"),
        (pa.decimal128(10, 2), "1e-300000"),
        (pa.decimal128(10, 2), "1.555"),
        (pa.float64(), "nan"),
        (pa.float64(), "1e400"),
        (pa.time64("us"), "25:00"),
        (pa.time64("us"), "12:00+01:00"),
        (pa.int64(), "x"),
        (pa.int64(), "1..2..3"),
        (pa.bool_(), "yes"),
        (pa.decimal128(10, 2), "NaN"),
        (pa.date32(), "31.01.2026"),
        (pa.timestamp("us", "UTC"), "2026-01-31T12:00:00"),
        (pa.binary(), "xyz"),
        (pa.struct([]), "1"),
    ],
)
def test_a_value_that_is_none_of_the_column_is_refused_with_its_type(kind: pa.DataType, text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no value of column k, which is of type .*; \w+"):
        parsed([f"k={text}"], table(k=kind))


def test_times_that_never_come_are_after_all_others() -> None:
    days = table(k=pa.date32())
    assert parsed(["k=2026-01-31..infinity"], days) == {"k": ("2026-01-31", None)}
    assert parsed(["k=-infinity..2026-01-31"], days) == {"k": (None, "2026-01-31")}
    assert parsed(["k=infinity.."], days) == {"k": ("infinity", None)}
    assert parsed(["k=a..infinity"], table(k=pa.string())) == {"k": ("a", "infinity")}
    with pytest.raises(ConfigError, match="ends before it begins"):
        parsed(["k=infinity..2026-01-31"], days)


def test_an_empty_text_is_named_with_its_column() -> None:
    assert parsed(["k="], table(k=pa.string())) == {"k": ("", "")}
    for nothing in ("", "k=..", ".."):
        with pytest.raises(ConfigError, match="is no range"):
            parsed([nothing], table(k=pa.string()))


def test_a_number_is_asked_for_where_a_number_is_wanted() -> None:
    for kind in (pa.int32(), pa.decimal128(10, 2), pa.float64()):
        with pytest.raises(ConfigError, match=r"; write a number$"):
            parsed(["k=x"], table(k=kind))


def test_several_ranges_are_of_several_columns_of_the_key() -> None:
    composite = table(region=pa.string(), number=pa.int32())
    assert parsed(["region=EU", "number=..99"], composite) == {"region": ("EU", "EU"), "number": (None, 99)}
    for wrong, said in (
        (["7"], "names no column of the key of t; .*: region, number"),
        (["payload=x"], "names no column of the key"),
        (["number=1", "number=2"], "twice"),
        (["number=.."], "is no range"),
        (["number=5..3"], "'number=5..3' ends before it begins; write the lower end first"),
        (["number="], "is no range"),
        (["region=" + "x" * 2000], "region=x+... has 2007 characters; at most 2000"),
    ):
        with pytest.raises(ConfigError, match=said):
            parsed(wrong, composite)

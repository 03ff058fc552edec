"""Keys in positions: what was read goes back to the database as it was."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from bridge.errors import PermanentError
from connectors.oracle.keyset import Keyset, bound, written
from connectors.oracle.types import Column


def column(declared: str, kind: pa.DataType | None = None, name: str = "ID") -> Column:
    return Column(name, declared, pa.field(name, kind or pa.string()), nullable=False)


@pytest.mark.parametrize(
    ("declared", "kind", "value", "told", "again"),
    [
        ("NUMBER(10)", pa.int64(), 7, 7, 7),
        ("NUMBER(12,2)", pa.decimal128(12, 2), Decimal("1.50"), "1.50", Decimal("1.50")),
        ("NUMBER", pa.string(), "1" + "0" * 60, "1" + "0" * 60, Decimal(10) ** 60),
        ("VARCHAR2(20)", pa.string(), "a'b", "a'b", "a'b"),
        ("RAW(16)", pa.binary(), b"\x00\xff", "00ff", "00FF"),
        (
            "DATE",
            pa.timestamp("s"),
            datetime(2026, 1, 2),  # noqa: DTZ001
            "2026-01-02T00:00:00",
            "2026-01-02T00:00:00",
        ),
        (
            "TIMESTAMP(6)",
            pa.timestamp("us"),
            datetime(2026, 1, 2, 3, 4, 5, 60),  # noqa: DTZ001
            "2026-01-02T03:04:05.00006",
            "2026-01-02T03:04:05.000060000",
        ),
        (
            "TIMESTAMP(6) WITH LOCAL TIME ZONE",
            pa.timestamp("us", "UTC"),
            datetime(2026, 1, 2, tzinfo=UTC),
            "2026-01-02T00:00:00Z",
            "2026-01-02T00:00:00.000000000+00:00",
        ),
        (
            "TIMESTAMP(9) WITH TIME ZONE",
            pa.string(),
            "2026-01-02T00:00:00.123456789+05:30",
            "2026-01-02T00:00:00.123456789+05:30",
            "2026-01-02T00:00:00.123456789+05:30",
        ),
    ],
)
def test_values_travel_through_positions(
    declared: str, kind: pa.DataType, value: object, told: object, again: object
) -> None:
    assert written(pa.scalar(value, kind)) == told
    assert bound(column(declared, kind), told) == again


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("NUMBER(10)", "one"),
        ("NUMBER(10)", True),
        ("NUMBER(10)", None),
        ("VARCHAR2(9)", 1),
        ("RAW(16)", "xyz"),
        ("DATE", "yesterday"),
        ("DATE", "2026-01-02T00:00:00Z"),
    ],
)
def test_what_is_no_value_of_the_column_is_refused(declared: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        bound(column(declared), value)


def test_rows_after_a_key_are_found_by_its_first_column() -> None:
    keyset = Keyset((column("NUMBER(5)", pa.int64(), "A"), column("DATE", pa.timestamp("s"), "B")))
    sql, binds = keyset.after([7, "2026-01-02T00:00:00"])
    later = """TO_DATE(:after1, 'YYYY-MM-DD"T"HH24:MI:SS')"""
    assert sql == f't."A" >= :after0 AND (t."A" > :after0 OR t."A" = :after0 AND (t."B" > {later}))'
    assert binds == {"after0": 7, "after1": "2026-01-02T00:00:00"}


def test_a_place_of_another_key_is_none_of_this() -> None:
    keyset = Keyset((column("NUMBER(5)", pa.int64()),))
    for place in ([1, 2], [], "7", ["seven"]):
        with pytest.raises(ValueError, match=r"."):
            keyset.after(place)


def test_ranges_have_both_ends_or_one() -> None:
    keyset = Keyset((column("NUMBER(5)", pa.int64()),))
    assert keyset.within({"ID": (1, None)}) == [('t."ID" >= :least0', {"least0": 1})]
    assert [binds for _, binds in keyset.within({"ID": (1, 2)})] == [{"least0": 1}, {"most0": 2}]
    with pytest.raises(PermanentError, match="is no value of ID"):
        keyset.within({"ID": ("x", None)})


@pytest.mark.parametrize(
    "declared", ["BINARY_DOUBLE", "CLOB", "JSON", "INTERVAL DAY TO SECOND", "SALES.POINT"]
)
def test_columns_that_cannot_be_compared_are_no_key(declared: str) -> None:
    with pytest.raises(PermanentError, match="rows cannot be told apart"):
        Keyset((column(declared),))


def test_the_last_place_is_of_the_last_row_that_has_one() -> None:
    keyset = Keyset((column("NUMBER(5)", pa.int64()),))
    assert keyset.last(pa.record_batch({"ID": pa.array([1, 2, None])})) == [2]
    assert keyset.last(pa.record_batch({"ID": pa.array([None], pa.int64())})) is None

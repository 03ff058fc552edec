"""Numbers that are short in the database and huge when written out: each is a dead letter, and no more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jpype
import pytest

from bridge.contract import Batch
from connectors.jdbc import jvm
from tests.integration.jdbc_tables import Corner, polled

HUGE = ("1E900000000", "-1E900000000", "1E-900000000", "1E2147483647", "1E-2147483647")


def filled(corner: Corner, kind: str = "decfloat") -> None:
    """Nine rows: a huge number in every second, none of which the driver writes out."""
    corner.execute(f"CREATE TABLE $.t (id int PRIMARY KEY, x {kind});")
    for number in range(9):
        text = HUGE[number // 2 % len(HUGE)] if number % 2 else "1.5"
        corner.execute(f"INSERT INTO $.t VALUES ({number}, {_literal(kind, text)});")


def _literal(kind: str, text: str) -> str:
    number = f"CAST('{text}' AS decfloat)"
    return f"ARRAY[{number}]" if "array" in kind else number


def reasons(batches: list[Batch]) -> set[str]:
    return {reject.reason.partition(" bytes")[0] for batch in batches for reject in batch.rejects}


def reject_keys(batches: list[Batch]) -> list[int]:
    return [reject.key["ID"].as_py() for batch in batches for reject in batch.rejects if reject.key]


@pytest.mark.parametrize("kind", ["decfloat", "decfloat array"])
@pytest.mark.parametrize("mode", ["images", "incrementing"])
def test_a_number_that_is_huge_when_written_out_is_a_dead_letter(
    h2_corner: Corner, mode: str, kind: str
) -> None:
    filled(h2_corner, kind)
    with h2_corner.reading("t", mode) as (connector, stream):
        batches = polled(connector, stream)
    rows = [row for batch in batches for row in h2_corner.rows(batch)]
    assert {row["x"] for row in rows} == {"1.5" if kind == "decfloat" else "[1.5]"}
    assert (sorted(row["id"] for row in rows), reject_keys(batches)) == ([0, 2, 4, 6, 8], [1, 3, 5, 7])
    (reason,) = reasons(batches)
    assert reason.startswith("column X: is longer than ")


@pytest.mark.parametrize("oversize", ["reject", "truncate"])
def test_the_limit_of_values_is_one_of_numbers_too_which_are_not_cut(
    h2_corner: Corner, oversize: str
) -> None:
    h2_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY, x decfloat);")
    fits, longer = ("1E8", "-1E7", "1E-7", "-1.234567"), ("1E9", "-1E8", "1E-8", "-1.2345678")
    for number, text in enumerate((*fits, "0E7", *longer)):
        h2_corner.execute(f"INSERT INTO $.t VALUES ({number}, CAST('{text}' AS decfloat));")
    with h2_corner.reading("t", "images", max_value_bytes=9, oversize=oversize) as (connector, stream):
        (batch,) = polled(connector, stream)
    assert [Decimal(row["x"]) for row in h2_corner.rows(batch)] == [*map(Decimal, fits), 0]
    assert not any("E" in row["x"] for row in h2_corner.rows(batch))
    assert len(batch.rejects) == len(longer)
    assert reasons([batch]) == {"column X: is longer than 9"}


@pytest.mark.parametrize("limit", range(1, 25))
def test_an_array_is_cut_where_its_text_is_long_enough(h2_corner: Corner, limit: int) -> None:
    h2_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY, x varchar array);")
    h2_corner.execute("INSERT INTO $.t VALUES (1, ARRAY['ü', 'ab😀', '\"x']);")
    options: dict[str, Any] = {"max_value_bytes": limit, "oversize": "truncate"}
    with h2_corner.reading("t", "images", **options) as (connector, stream):
        (batch,) = polled(connector, stream)
    whole = '["ü","ab😀","\\"x"]'.encode()
    assert h2_corner.rows(batch) == [{"id": 1, "x": whole[:limit].decode(errors="ignore")}]


def put(kind: str, numbers: list[str]) -> tuple[list[Any], list[str]]:
    """What the helper reads of numbers that a driver tells, whatever their column was declared as."""
    left, current = iter(numbers), [""]

    def proxy(kind: str, **methods: Any) -> Any:
        return jpype.JProxy(f"java.sql.{kind}", dict=methods)

    def step() -> bool:
        current[0] = next(left, "")
        return bool(current[0])

    meta = proxy("ResultSetMetaData", getColumnCount=lambda: 0, getColumnLabel=lambda _: "X")
    rows = proxy(
        "ResultSet",
        next=step,
        getMetaData=lambda: meta,
        getBigDecimal=lambda _: jvm.java("java.math.BigDecimal")(current[0]),
        setFetchSize=lambda _: None,
    )
    statement = proxy(
        "PreparedStatement",
        executeQuery=lambda: rows,
        **dict.fromkeys(("setFetchSize", "setQueryTimeout"), lambda _: None),
    )
    connection = proxy("Connection", prepareStatement=lambda *_: statement)
    cursor = jvm.java("bridge.jdbc.Cursor")(connection, "SELECT", [], 1, 1)
    cursor.execute()
    cursor.bind([kind], [], 0, "reject")
    packer = jvm.java("bridge.jdbc.Packer")()
    count = int(cursor.read(100, 1000))
    places = [int(each) for each in packer.pack(cursor, count)]
    octets = bytes(memoryview(packer.packed()))[places[2] : places[2] + places[3]]
    values = [int.from_bytes(octets[at : at + 16], "little", signed=True) for at in range(0, 16 * count, 16)]
    return values, [str(why) for _, why in cursor.rejects()]


def test_a_decimal_of_another_size_than_its_column_is_looked_at_before_it_is_written_out(
    h2_corner: Corner,
) -> None:
    """SQLite's columns, say, hold anything."""
    h2_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY);")
    with h2_corner.reading("t", "images"):
        values, refused = put(
            "decimal:2", ["1.5", "1E3", "1.250", "0E900000000", "0E-900000000", "-1E35", *HUGE]
        )
        assert values == [150, 100_000, 125, 0, 0, -(10**37)]
        assert refused == [
            *["column X: has more than 38 digits"] * 2,
            "column X: Rounding necessary",
            "column X: has more than 38 digits",
            "column X: Rounding necessary",
        ]

"""Incrementing: what is asked of the database, and what positions look like."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ConfigError, PermanentError
from connectors.jdbc.config import JdbcStream
from connectors.jdbc.keyset import Read
from connectors.jdbc.modes import check_position
from connectors.jdbc.modes.incrementing import Incrementing
from connectors.jdbc.reader import Refused
from connectors.jdbc.statements import Quote, Statement, TableName
from connectors.jdbc.types import Column

TABLE = TableName("public", "orders")
QUOTE = Quote('"')
INTEGER = Column("id", "int64", pa.int64())
EXACT = Column("id", "decimal:0", pa.decimal128(38, 0))
NUMBER = Column("id", "number", pa.string())
BY_KEY = JdbcStream(mode="incrementing", columns=())
BY_ID = JdbcStream(mode="incrementing", columns=("id",))
WORD = Column("word", "text", pa.string())
LATE_S = 60.0
GARBLED = {"after": {"id": 7}, "gaps": [[3]]}


def by(column: Column) -> Incrementing:
    return Incrementing(TABLE, column.name, [column, WORD], LATE_S)


def statement(column: Column, position: object, page: str = "") -> Statement:
    (only,) = by(column).statements(position, QUOTE, page)
    return only


def rows(column: Column, *numbers: object) -> Read:
    return Read(pa.record_batch({column.name: pa.array(numbers, column.type)}), ())


def after(column: Column, position: object, *numbers: object, now_ms: int = 0) -> Any:
    """The position after rows with these numbers, as it comes back from Kafka."""
    return json.loads(json.dumps(by(column).after(position, rows(column, *numbers), now_ms)))


def test_the_first_statement_takes_all_that_has_a_number() -> None:
    assert statement(INTEGER, {"id": None}) == Statement(
        'SELECT * FROM "public"."orders" WHERE "id" IS NOT NULL ORDER BY "id"'
    )


def test_the_next_statement_binds_the_last_number() -> None:
    assert statement(INTEGER, {"id": 7}, "LIMIT 5") == Statement(
        'SELECT * FROM "public"."orders" WHERE "id" > ? ORDER BY "id" LIMIT 5', (7,)
    )


def test_names_are_quoted_as_the_database_quotes() -> None:
    nasty = TableName("", 'x"; DROP TABLE y; --')
    assert nasty.sql(Quote('"')) == '"x""; DROP TABLE y; --"'
    assert Quote("`").name("a`b") == "`a``b`"
    assert TABLE.sql(Quote(" ")) == "public.orders"


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_integer_positions_survive_json(value: int) -> None:
    position = after(INTEGER, {"id": value - 1}, value)
    assert statement(INTEGER, position).values == (value,)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimal_positions_survive_json_exactly(value: Decimal) -> None:
    position = after(NUMBER, {"id": format(value, "f")}, format(value, "f"))
    assert isinstance(position["id"], str)
    (bound,) = statement(NUMBER, position).values
    assert bound == value


def test_numbers_that_were_passed_over_are_asked_for_before_what_is_new() -> None:
    position = after(INTEGER, {"id": 3}, 4, 7, 10, now_ms=1_000)
    assert position == {"after": {"id": 10}, "gaps": [[5, 6, 1_000], [8, 9, 1_000]], "asked": True}
    position, again = by(INTEGER).ended(position, 1_000)
    assert not again
    late = statement(INTEGER, position)
    assert late.sql.endswith(
        'WHERE "id" BETWEEN ? AND ? AND ("id" BETWEEN ? AND ? OR "id" BETWEEN ? AND ?) ORDER BY "id"'
    )
    assert late.values == (5, 9, 5, 6, 8, 9)

    position, again = by(INTEGER).ended(after(INTEGER, position, 8), 2_000)
    assert again
    assert position["gaps"] == [[5, 6, 1_000], [9, 9, 1_000]]
    assert statement(INTEGER, position).values == (10,)


def test_rows_all_over_a_gap_leave_as_many_as_a_statement_and_a_position_can_hold() -> None:
    position, _ = by(INTEGER).ended(after(INTEGER, {"id": None}, 1_000_000), 0)
    scattered = [number for number in range(1, 200_000) if number % 11 in (1, 4, 9)]
    for at in range(0, len(scattered), 10_000):
        position = after(INTEGER, position, *scattered[at : at + 10_000])
        assert len(json.dumps(position)) < 32_768
        assert len(statement(INTEGER, position).values) <= 1_002
    assert position["gaps"][-1] == [scattered[-1] + 1, 999_999, 0], "and what is not read yet is among them"


def test_below_the_first_number_ever_there_may_be_others() -> None:
    position, _ = by(INTEGER).ended(after(INTEGER, {"id": None}, 2, 3), 0)
    late = statement(INTEGER, position)
    assert (late.sql.partition("WHERE ")[2], late.values) == (
        '"id" <= ? AND ("id" <= ?) ORDER BY "id"',
        (1, 1),
    )


def test_a_gap_is_forgotten_once_it_was_asked_for_after_the_late_window() -> None:
    position, _ = by(INTEGER).ended(after(INTEGER, {"id": 3}, 5, now_ms=0), 0)
    kept, _ = by(INTEGER).ended(position, round(LATE_S * 1000) - 1)
    gone, again = by(INTEGER).ended(position, round(LATE_S * 1000))
    assert kept["gaps"] == [[4, 4, 0]]
    assert gone == {"id": 5}
    assert again, "what is new comes next"


def test_a_position_without_gaps_is_that_of_former_versions() -> None:
    assert after(INTEGER, {"id": 3}, 4, 5) == {"id": 5}


@pytest.mark.parametrize(("column", "numbers"), [(NUMBER, ["1", "8.5", "9"]), (INTEGER, [1, 9])])
def test_numbers_that_may_have_fractions_and_windows_of_nothing_have_no_gaps(
    column: Column, numbers: list[object]
) -> None:
    mode = Incrementing(TABLE, "id", [column, WORD], LATE_S if column is NUMBER else 0.0)
    assert mode.after({"id": None}, rows(column, *numbers), 0).keys() == {"id"}


@pytest.mark.parametrize("big", [9, 10**30])
def test_numbers_of_any_precision_have_gaps_while_they_are_whole(big: int) -> None:
    position = after(NUMBER, {"id": "1"}, "3", "4.00", str(big), now_ms=5)
    assert position["gaps"] == [[2, 2, 5], [5, big - 1, 5]]
    position, _ = by(NUMBER).ended(position, 5)
    assert after(NUMBER, position, "2", now_ms=6)["gaps"] == [[5, big - 1, 5]]
    assert "gaps" not in after(NUMBER, {"id": "1.5"}, "3")


def test_after_what_is_no_number_the_last_that_is_one_counts() -> None:
    assert after(NUMBER, {"id": "1"}, "2", "Infinity", "NaN") == {"id": "2"}
    with pytest.raises(PermanentError, match="NaN or infinity, after which nothing comes; correct or delete"):
        after(NUMBER, {"id": "2"}, "Infinity", "NaN")


@pytest.mark.parametrize("huge", ["1E+900000000", "-1E+900000000", "1E-900000000"])
def test_a_huge_number_is_not_written_out(huge: str) -> None:
    """Nor reckoned with: it has a gigabyte of digits."""
    known = pa.record_batch({"id": pa.array([None], pa.string())})
    read = Read(rows(NUMBER).rows, (Refused(0, "is longer than 9 bytes", known, {"id": huge}),))
    position = by(NUMBER).after({"id": None}, read, 0)
    assert position == {"id": huge}
    assert statement(NUMBER, position).values == (Decimal(huge),)
    assert after(NUMBER, position, "7", "9") == {"id": "9"}


def test_a_position_of_another_column_is_refused() -> None:
    with pytest.raises(PermanentError, match="not one of column id"):
        statement(INTEGER, {"changed_at": 3})


def test_a_position_that_is_no_number_is_refused() -> None:
    with pytest.raises(PermanentError, match="not one of column id"):
        statement(INTEGER, {"id": "yesterday"})


@pytest.mark.parametrize(
    "position",
    [
        {"id": 7},
        {"id": "7.25"},
        {"id": None},
        {"after": {"id": 7}},
        {"after": {"id": 7}, "gaps": [[3, 4, 0]]},
        {"after": {"id": 7}, "snapshot": 9},
    ],
)
@pytest.mark.parametrize("options", [None, BY_KEY, BY_ID])
def test_a_position_written_by_hand_is_known_by_its_shape(
    options: JdbcStream | None, position: object
) -> None:
    check_position(options, position)


@pytest.mark.parametrize(
    "position",
    [
        7,
        [],
        {},
        {"id": 1, "no": 2},
        {"id": "x"},
        {"id": True},
        {"id": [1]},
        {"id": "NaN"},
        {"ID": 7},
        GARBLED,
    ],
)
def test_a_position_that_cannot_be_right_is_refused_with_one_that_can(position: object) -> None:
    with pytest.raises(ConfigError, match=r'the column that grows; write {"id": NUMBER}'):
        check_position(BY_ID, position)


def test_a_key_that_is_declared_is_the_column_that_grows() -> None:
    by_key = JdbcStream(mode="incrementing", key=("payno",))
    check_position(by_key, {"payno": 5})
    with pytest.raises(ConfigError, match=r'write {"payno": NUMBER}'):
        check_position(by_key, {"payx": 5})


def test_which_column_a_position_is_of_is_not_known_without_the_configuration() -> None:
    check_position(BY_KEY, {"ID": 7})
    with pytest.raises(ConfigError, match=r'write {"COLUMN": NUMBER}'):
        check_position(BY_KEY, 7)


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(PermanentError, match="has no column number; it has id, word"):
        Incrementing(TABLE, "number", [INTEGER, WORD], LATE_S)


def test_a_column_that_is_no_number_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"word of public\.orders is no number"):
        Incrementing(TABLE, "word", [INTEGER, WORD], LATE_S)

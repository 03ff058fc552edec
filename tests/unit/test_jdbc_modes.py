"""Incrementing: what is asked of the database, and what positions look like."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ConfigError, PermanentError
from connectors.jdbc.config import JdbcStream
from connectors.jdbc.modes import Incrementing, check_position
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


def by(column: Column) -> Incrementing:
    return Incrementing(TABLE, column.name, [column, WORD])


def test_the_first_statement_takes_all_that_has_a_number() -> None:
    assert by(INTEGER).statement(None, QUOTE, "") == Statement(
        'SELECT * FROM "public"."orders" WHERE "id" IS NOT NULL ORDER BY "id"'
    )
    assert by(INTEGER).statement({"id": None}, QUOTE, "") == by(INTEGER).statement(None, QUOTE, "")


def test_the_next_statement_binds_the_last_number() -> None:
    assert by(INTEGER).statement({"id": 7}, QUOTE, "LIMIT 5") == Statement(
        'SELECT * FROM "public"."orders" WHERE "id" > ? ORDER BY "id" LIMIT 5', (7,)
    )


def test_names_are_quoted_as_the_database_quotes() -> None:
    nasty = TableName("", 'x"; DROP TABLE y; --')
    assert Quote('"').table(nasty) == '"x""; DROP TABLE y; --"'
    assert Quote("`").name("a`b") == "`a``b`"
    assert Quote(" ").table(TABLE) == "public.orders"


@given(st.integers(-(2**63), 2**63 - 1))
def test_integer_positions_survive_json(value: int) -> None:
    mode = by(INTEGER)
    position = json.loads(json.dumps(mode.after({"id": value})))
    assert mode.statement(position, QUOTE, "").values == (value,)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.sampled_from([EXACT, NUMBER]))
def test_decimal_positions_survive_json_exactly(value: Decimal, column: Column) -> None:
    mode = by(column)
    position = json.loads(json.dumps(mode.after({"id": value})))
    assert isinstance(position["id"], str)
    (bound,) = mode.statement(position, QUOTE, "").values
    assert bound == value


def test_a_position_of_another_column_is_refused() -> None:
    with pytest.raises(PermanentError, match="not one of column id"):
        by(INTEGER).statement({"changed_at": 3}, QUOTE, "")


def test_a_position_that_is_no_number_is_refused() -> None:
    with pytest.raises(PermanentError, match="not one of column id"):
        by(INTEGER).statement({"id": "yesterday"}, QUOTE, "")


@pytest.mark.parametrize("position", [{"id": 7}, {"id": "7.25"}, {"id": None}])
@pytest.mark.parametrize("options", [None, BY_KEY, BY_ID])
def test_a_position_written_by_hand_is_known_by_its_shape(
    options: JdbcStream | None, position: object
) -> None:
    check_position(options, position)


@pytest.mark.parametrize(
    "position",
    [7, [], {}, {"id": 1, "no": 2}, {"id": "x"}, {"id": True}, {"id": [1]}, {"id": "NaN"}, {"ID": 7}],
)
def test_a_position_that_cannot_be_right_is_refused_with_one_that_can(position: object) -> None:
    with pytest.raises(ConfigError, match=r'the column that grows; write {"id": NUMBER}'):
        check_position(BY_ID, position)


def test_which_column_a_position_is_of_is_not_known_without_the_configuration() -> None:
    check_position(BY_KEY, {"ID": 7})
    with pytest.raises(ConfigError, match=r'write {"COLUMN": NUMBER}'):
        check_position(BY_KEY, 7)


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(PermanentError, match="has no column number; it has id, word"):
        Incrementing(TABLE, "number", [INTEGER, WORD])


def test_a_column_that_is_no_number_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"word of public\.orders is no number"):
        Incrementing(TABLE, "word", [INTEGER, WORD])

"""The Oracle connector, all by SQL: against the simulator, and against ORACLE_TEST_DSN where that is set."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import pytest

from bridge.errors import GapError
from tests.integration.oracle_database import READS, SETTLES, Database
from tests.integration.oracle_streams import Reader, reading

COLUMNS = "ID NUMBER(10) NOT NULL, V VARCHAR2(40), PRIMARY KEY (ID)"
REST_S = 4.0
"""A real database knows a table's definition by times that are three seconds apart (ORA-01466)."""


@pytest.fixture
def base(oracle_database: Database) -> Database:
    return oracle_database


@pytest.fixture
def orders(base: Database) -> str:
    """A table of three rows; its stream."""
    name = base.create("ORDERS", COLUMNS)
    base.execute(*(f"INSERT INTO $.ORDERS VALUES ({number}, 'v{number}')" for number in (1, 2, 3)))
    if base.peer is None:
        time.sleep(REST_S)
    return name


def read(base: Database, stream: str, **options: Any) -> AbstractContextManager[Reader]:
    return reading(base, stream, options)  # type: ignore[arg-type]


def told(reader: Reader) -> list[tuple[str, Any, Any]]:
    """Operation, ID and V of all that is new."""
    return [(op, int(row["ID"]), row["V"]) for op, row in reader.take()]


def test_a_snapshot_and_then_what_happens_in_the_order_of_commits(base: Database, orders: str) -> None:
    with read(base, orders) as reader:
        assert sorted(told(reader)) == [("r", 1, "v1"), ("r", 2, "v2"), ("r", 3, "v3")]
        assert told(reader) == []
        base.execute("UPDATE $.ORDERS SET V = 'new' WHERE ID = 1")
        base.execute("DELETE FROM $.ORDERS WHERE ID = 2")
        base.execute("INSERT INTO $.ORDERS VALUES (4, 'v4')")
        assert told(reader) == [("u", 1, "new"), ("d", 2, None), ("c", 4, "v4")]


def test_a_key_that_changes_is_a_delete_and_an_insert(base: Database, orders: str) -> None:
    with read(base, orders) as reader:
        told(reader)
        base.execute("UPDATE $.ORDERS SET ID = 9 WHERE ID = 1")
        assert [(op, key) for op, key, _ in told(reader)] == [("d", 1), ("c", 9)]


def test_keys_that_change_places_keep_their_last_rows(base: Database, orders: str) -> None:
    with read(base, orders) as reader:
        told(reader)
        base.execute("UPDATE $.ORDERS SET ID = 3 - ID WHERE ID IN (1, 2)")
        assert sorted(told(reader)) == [("u", 1, "v2"), ("u", 2, "v1")]


def test_of_several_changes_in_a_transaction_the_last_counts(base: Database, orders: str) -> None:
    with read(base, orders) as reader:
        told(reader)
        base.execute(
            "UPDATE $.ORDERS SET V = 'first' WHERE ID = 1",
            "UPDATE $.ORDERS SET V = 'last' WHERE ID = 1",
            "INSERT INTO $.ORDERS VALUES (5, 'gone again')",
            "DELETE FROM $.ORDERS WHERE ID = 5",
            "DELETE FROM $.ORDERS WHERE ID = 3",
            "INSERT INTO $.ORDERS VALUES (3, 'back')",
        )
        assert sorted(told(reader)) == [("u", 1, "last"), ("u", 3, "back")]


def test_a_transaction_that_commits_late_is_not_missed(base: Database, orders: str) -> None:
    with read(base, orders) as reader, base.writer() as late:
        told(reader)
        late.cursor().execute(base.named("INSERT INTO $.ORDERS VALUES (5, 'late')"))
        base.execute("INSERT INTO $.ORDERS VALUES (6, 'early')")
        assert told(reader) == [("c", 6, "early")]
        late.commit()
        assert told(reader) == [("c", 5, "late")]


def test_what_is_rolled_back_never_was(base: Database, orders: str) -> None:
    with read(base, orders) as reader, base.writer() as writer:
        told(reader)
        writer.cursor().execute(base.named("UPDATE $.ORDERS SET V = 'no'"))
        writer.rollback()
        assert told(reader) == []


def test_another_process_goes_on_where_one_died(base: Database, orders: str) -> None:
    with read(base, orders) as reader:
        told(reader)
        base.execute("UPDATE $.ORDERS SET V = 'a' WHERE ID = 1")
        assert told(reader) == [("u", 1, "a")]
        base.execute("UPDATE $.ORDERS SET V = 'b' WHERE ID = 1")
        reader.died()
        assert told(reader) == [("u", 1, "b")]


def test_a_table_emptied_by_truncate_is_a_gap(base: Database, orders: str) -> None:
    with read(base, orders) as reader:
        told(reader)
        base.execute("TRUNCATE TABLE $.ORDERS")
        before = reader.position
        with pytest.raises(GapError):
            told(reader)
        assert reader.position == before


def test_a_table_that_took_the_place_of_another_is_a_gap(base: Database, orders: str) -> None:
    base.create("FRESH", COLUMNS)
    base.execute("INSERT INTO $.FRESH VALUES (7, 'v7')")
    with read(base, orders) as reader:
        told(reader)
        base.execute("ALTER TABLE $.ORDERS RENAME TO ORDERS_OLD", "ALTER TABLE $.FRESH RENAME TO ORDERS")
        base.execute("UPDATE $.ORDERS SET V = 'new' WHERE ID = 7")
        with pytest.raises(GapError):
            told(reader)


def test_a_row_that_is_archived_stays_until_it_is_deleted(base: Database) -> None:
    name = base.create("KEPT", COLUMNS, how="ROW ARCHIVAL")
    base.execute("INSERT INTO $.KEPT VALUES (1, 'v1')", "INSERT INTO $.KEPT VALUES (2, 'v2')")
    if base.peer is None:
        time.sleep(REST_S)
    with read(base, name) as reader:
        assert len(told(reader)) == 2
        base.execute("UPDATE $.KEPT SET ORA_ARCHIVE_STATE = '1' WHERE ID = 1")
        assert told(reader) == [("u", 1, "v1")]
        with base.writer() as writer, writer.cursor() as cursor:
            cursor.execute("ALTER SESSION SET ROW ARCHIVAL VISIBILITY = ALL")
            cursor.execute(base.named("DELETE FROM $.KEPT WHERE ID = 1"))
            writer.commit()
        assert told(reader) == [("d", 1, None)]


def test_changes_before_a_column_was_added_are_told(base: Database, orders: str) -> None:
    """A real database may stop there, as Oracle's courses have it: then it must not be silent."""
    with read(base, orders) as reader:
        told(reader)
        base.execute("UPDATE $.ORDERS SET V = 'new' WHERE ID = 1", "DELETE FROM $.ORDERS WHERE ID = 2")
        base.execute("ALTER TABLE $.ORDERS ADD (NOTE VARCHAR2(9))")
        base.execute("INSERT INTO $.ORDERS VALUES (4, 'v4', 'note')")
        assert told(reader) == [("d", 2, None), ("u", 1, "new"), ("c", 4, "v4")]


def test_rows_that_were_shrunk_to_another_address_are_known(base: Database) -> None:
    """As many as fill some blocks, so that there is something to shrink."""
    name = base.create("WIDE", "ID NUMBER(10) NOT NULL, V VARCHAR2(1000), PRIMARY KEY (ID)")
    with base.writer() as writer:
        rows = [(number, "v" * 1000) for number in range(200)]
        writer.cursor().executemany(base.named("INSERT INTO $.WIDE VALUES (:1, :2)"), rows)
        writer.commit()
    base.execute("ALTER TABLE $.WIDE ENABLE ROW MOVEMENT")
    if base.peer is None:
        time.sleep(REST_S)
    with read(base, name) as reader:
        assert len(told(reader)) == 200
        base.execute("UPDATE $.WIDE SET V = 'new' WHERE ID = 199", "DELETE FROM $.WIDE WHERE ID < 100")
        base.execute("ALTER TABLE $.WIDE SHRINK SPACE")
        base.execute("DELETE FROM $.WIDE WHERE ID > 150")
        found = told(reader)
        assert [key for op, key, _ in found if op != "d"] == [199]
        assert sorted(key for op, key, _ in found if op == "d") == [*range(100), *range(151, 200)]


def test_rows_by_their_time_of_change(base: Database) -> None:
    name = base.create("T", "ID NUMBER(10) NOT NULL, V VARCHAR2(40), AT TIMESTAMP(6), PRIMARY KEY (ID)")
    base.execute("INSERT INTO $.T VALUES (1, 'a', SYSTIMESTAMP - INTERVAL '1' HOUR)")
    with read(base, name, mode="timestamp", columns=["AT"]) as reader:
        assert told(reader) == [("r", 1, "a")]


def test_an_outbox_is_read_and_emptied(base: Database) -> None:
    name = base.create("OUTBOX", COLUMNS, SETTLES)
    base.execute(*(f"INSERT INTO $.OUTBOX VALUES ({number}, 'v{number}')" for number in (2, 1)))
    with read(base, name, mode="outbox") as reader:
        assert [key for _, key, _ in told(reader)] == [1, 2]
        with base.writer() as writer, writer.cursor() as cursor:
            assert cursor.execute(base.named("SELECT COUNT(*) FROM $.OUTBOX")).fetchone() == (0,)


def test_a_materialized_view_log_tells_what_changed(base: Database, orders: str) -> None:
    base.execute("CREATE MATERIALIZED VIEW LOG ON $.ORDERS WITH PRIMARY KEY, SEQUENCE INCLUDING NEW VALUES")
    base.grant("MLOG$_ORDERS", SETTLES)
    with read(base, orders, mode="mview_log") as reader:
        told(reader)
        base.execute("UPDATE $.ORDERS SET V = 'new' WHERE ID = 1", "DELETE FROM $.ORDERS WHERE ID = 2")
        assert sorted((op, int(row["ID"])) for op, row in reader.take()) == [("d", 2), ("u", 1)]


def test_a_view_is_read_as_a_whole(base: Database, orders: str) -> None:
    base.execute("CREATE VIEW $.FEW AS SELECT ID, V FROM $.ORDERS WHERE ID < 3")
    base.grant("FEW", "SELECT")
    with read(base, f"{base.owner}.FEW", mode="images", key=["ID"]) as reader:
        assert sorted((int(row["ID"]), row["V"]) for _, row in reader.take()) == [(1, "v1"), (2, "v2")]


VALUES = {
    "N NUMBER": ("1.5", Decimal("1.5")),
    "N38 NUMBER(38)": (
        "12345678901234567890123456789012345678",
        Decimal(12345678901234567890123456789012345678),
    ),
    "N122 NUMBER(12,2)": ("-10.25", Decimal("-10.25")),
    "BD BINARY_DOUBLE": ("2.5", 2.5),
    "C CHAR(3)": ("'ab'", "ab "),
    "V30 VARCHAR2(30)": ("'höchst'", "höchst"),
    "R RAW(4)": ("HEXTORAW('0102')", b"\x01\x02"),
    "CL CLOB": ("TO_CLOB('text')", "text"),
}


def test_values_arrive_as_they_are(base: Database) -> None:
    name = base.create("T", f"ID NUMBER(10) NOT NULL, {', '.join(VALUES)}, PRIMARY KEY (ID)", READS)
    base.execute(f"INSERT INTO $.T VALUES (1, {', '.join(literal for literal, _ in VALUES.values())})")
    with read(base, name, mode="snapshot") as reader:
        ((_, row),) = reader.take()
    expected = {column.split()[0]: value for column, (_, value) in VALUES.items()}
    assert {column: _number(row[column]) for column in expected} == expected


def _number(value: Any) -> Any:
    """A NUMBER of any precision may come as a text."""
    try:
        return Decimal(value) if isinstance(value, str) else value
    except ArithmeticError:
        return value

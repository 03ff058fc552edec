"""Outboxes and materialized view logs: what Kafka has is deleted, that and nothing else, however we die."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import oracledb
import pytest

from bridge.contract import MAX_POSITION_BYTES, Caveat
from bridge.errors import PermanentError, TransientError
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.tables import Kind, Table
from bridge.testing.oracle.values import Fields, Stamp
from connectors.oracle.session import Session
from tests.integration.oracle_streams import Event, Reader, reading
from tests.integration.oracle_tables import executed

OUTBOX, ORDERS, LOG = "SALES.OUTBOX", "SALES.ORDERS", "SALES.MLOG$_ORDERS"
AS_OUTBOX, AS_LOG = {"mode": "outbox"}, {"mode": "mview_log"}


@pytest.fixture
def outbox(peer: OraclePeer) -> Table:
    peer.grants.grant("DELETE", OUTBOX)
    return peer.store.create(
        "SALES", "OUTBOX", [("ID", "NUMBER(10) NOT NULL"), ("BODY", "VARCHAR2(200)")], key=["ID"]
    )


@pytest.fixture
def orders(peer: OraclePeer) -> Table:
    """With a log."""
    table = peer.store.create(
        "SALES", "ORDERS", [("ID", "NUMBER(10) NOT NULL"), ("STATUS", "VARCHAR2(20)")], key=["ID"]
    )
    peer.store.create_log(table)
    peer.grants.grant("DELETE", LOG)
    return table


def add(peer: OraclePeer, *numbers: int, body: str = "") -> None:
    peer.store.insert(OUTBOX, [{"ID": number, "BODY": body or f"event {number}"} for number in numbers])


def left(peer: OraclePeer, table: Table) -> list[Any]:
    return sorted(int(version.values[0]) for version in table.as_of(peer.store.scn))


def ids(events: list[tuple[str, dict[str, Any]]]) -> list[int]:
    return [row["ID"] for _, row in events]


# -- outboxes


def test_rows_come_in_the_order_of_their_keys_and_are_deleted_when_kafka_has_them(
    peer: OraclePeer, outbox: Table
) -> None:
    add(peer, 3, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        assert reader.stream.settles
        batch = reader.poll()
        assert reader.published(batch) == [("c", {"ID": n, "BODY": f"event {n}"}) for n in (1, 2, 3)]
        assert left(peer, outbox) == [1, 2, 3]
        reader.settle()
        assert left(peer, outbox) == []


def test_a_crash_between_kafka_and_the_delete_neither_loses_nor_doubles(
    peer: OraclePeer, outbox: Table
) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        first = reader.published(reader.poll())
        add(peer, 3)
        reader.died()
        reader.settle()
        assert left(peer, outbox) == [3]
        assert ids(first + reader.take()) == [1, 2, 3]


def test_rows_that_kafka_has_not_are_read_again(peer: OraclePeer, outbox: Table) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        assert ids(reader_events := reader.published(reader.poll())) == [1, 2]
        reader.position = None
        reader.died()
        assert reader.take() == reader_events


def test_a_crash_after_the_delete_leaves_a_new_row_with_the_old_key_at_the_old_rowid(
    peer: OraclePeer, outbox: Table
) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        reader.settle()
        add(peer, 1, 2, body="again")
        named = {rowid for rowid, *_ in reader.position["rows"]}
        assert named == {str(version.rowid) for version in outbox.as_of(peer.store.scn)}
        reader.died()
        reader.settle()
        assert reader.take() == [("c", {"ID": n, "BODY": "again"}) for n in (1, 2)]


@pytest.mark.parametrize("why", ["undo is gone", "no grant"])
def test_where_versions_do_not_tell_a_part_of_what_was_deleted_together_is_new(
    why: str, peer: OraclePeer, outbox: Table
) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        reader.settle()
        add(peer, 1, body="again")
        if why == "no grant":
            peer.grants.revoke("FLASHBACK", OUTBOX)
        else:
            peer.store.forget(peer.store.scn)
        reader.died()
        reader.settle()
        assert reader.take() == [("c", {"ID": 1, "BODY": "again"})]


def test_where_versions_do_not_tell_what_is_all_there_was_not_deleted(
    peer: OraclePeer, outbox: Table
) -> None:
    add(peer, 1, 2)
    peer.grants.revoke("FLASHBACK", OUTBOX)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        reader.died()
        reader.settle()
        assert left(peer, outbox) == []


def test_an_account_that_may_not_ask_for_the_scn_settles_all_the_same(
    peer: OraclePeer, outbox: Table
) -> None:
    peer.grants.revoke("SELECT", "SYS.V_$DATABASE")
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        assert ids(reader.take()) == [1, 2]


def test_rows_that_come_meanwhile_stay_and_late_commits_are_found(peer: OraclePeer, outbox: Table) -> None:
    late = peer.store.transaction()
    late.insert(OUTBOX, {"ID": 1, "BODY": "late"})
    add(peer, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        first = reader.published(reader.poll())
        late.commit()
        reader.settle()
        assert left(peer, outbox) == [1]
        assert ids(first + reader.take()) == [2, 1]


def test_rows_that_have_moved_since_are_deleted_by_their_key(peer: OraclePeer, outbox: Table) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        peer.store.rebuild(OUTBOX)
        add(peer, 3)
        reader.settle()
        assert left(peer, outbox) == [3]


@pytest.mark.parametrize("settled", ["before", "not before"])
def test_after_a_crash_rows_that_have_moved_or_are_new_are_neither_published_nor_deleted(
    settled: str, peer: OraclePeer, outbox: Table
) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        if settled == "before":
            reader.settle()
            add(peer, 1, 2, body="again")
        peer.store.rebuild(OUTBOX)
        add(peer, 3)
        reader.died()
        with pytest.raises(PermanentError, match=r"2 published rows .* never come again, .* `key: \[ID\]`"):
            reader.settle()
        assert left(peer, outbox) == [1, 2, 3]


def test_after_a_crash_rows_that_have_moved_are_deleted_by_keys_that_never_come_again(
    peer: OraclePeer, outbox: Table
) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, {**AS_OUTBOX, "key": ["ID"]}) as reader:
        first = reader.published(reader.poll())
        peer.store.rebuild(OUTBOX)
        add(peer, 3)
        reader.died()
        reader.settle()
        assert left(peer, outbox) == [3]
        assert ids(first + reader.take()) == [1, 2, 3]


def test_after_a_crash_behind_the_delete_a_move_changes_nothing(peer: OraclePeer, outbox: Table) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        reader.settle()
        add(peer, 1, 3)
        peer.store.rebuild(OUTBOX)
        reader.died()
        reader.settle()
        assert ids(reader.take()) == [1, 3]


@pytest.mark.parametrize("died", [True, False])
def test_rows_that_have_moved_are_not_deleted_by_a_key_that_others_have(died: bool, peer: OraclePeer) -> None:  # noqa: FBT001
    peer.grants.grant("DELETE", OUTBOX)
    table = peer.store.create("SALES", "OUTBOX", [("ID", "NUMBER(10) NOT NULL")])
    peer.store.insert(OUTBOX, [{"ID": 1}])
    with reading(peer, OUTBOX, {**AS_OUTBOX, "key": ["ID"]}) as reader:
        reader.published(reader.poll())
        peer.store.rebuild(OUTBOX)
        peer.store.insert(OUTBOX, [{"ID": 1}])
        if died:
            reader.died()
        with pytest.raises(PermanentError, match="several have the same ID"):
            reader.settle()
        assert left(peer, table) == [1, 1]


def test_rows_that_were_named_by_another_key_are_not_published_again(peer: OraclePeer) -> None:
    peer.grants.grant("DELETE", OUTBOX)
    columns = [("ID", "NUMBER(10) NOT NULL"), ("NUMBER", "NUMBER(10) NOT NULL")]
    table = peer.store.create("SALES", "OUTBOX", columns, key=["ID"])
    peer.store.insert(OUTBOX, [{"ID": n, "NUMBER": 10 + n} for n in (1, 2)])
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        position = reader.position
    with (
        reading(peer, OUTBOX, {**AS_OUTBOX, "key": ["NUMBER"]}) as reader,
        pytest.raises(PermanentError, match="named by ID, and not by NUMBER; configure the former `key`"),
    ):
        reader.connector.commit(reader.stream, position)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.connector.commit(reader.stream, position)
    assert not left(peer, table)


def test_rows_whose_names_are_none_of_the_keys_type_are_told(peer: OraclePeer, outbox: Table) -> None:
    add(peer, 1)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        ((rowid, _),) = reader.published(reader.poll()) and reader.position["rows"]
        reader.position["rows"] = [[rowid, "one"]]
        with pytest.raises(PermanentError, match="named by values of another type, and not by ID"):
            reader.settle()


def test_a_table_in_a_cluster_which_has_no_versions_settles_after_a_crash(peer: OraclePeer) -> None:
    peer.grants.grant("DELETE", OUTBOX)
    table = peer.store.create(
        "SALES", "OUTBOX", [("ID", "NUMBER(10) NOT NULL")], key=["ID"], kind=Kind.CLUSTER
    )
    peer.store.insert(OUTBOX, [{"ID": 1}, {"ID": 2}])
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        reader.died()
        reader.settle()
        assert left(peer, table) == []


def test_a_settled_position_forgets_the_rows(peer: OraclePeer, outbox: Table) -> None:
    add(peer, 1)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.take()
        assert reader.position == {"mode": "outbox"}
        add(peer, 1)
        reader.died()
        reader.settle()
        assert left(peer, outbox) == [1]


def test_a_position_has_room_for_what_it_names(peer: OraclePeer) -> None:
    peer.grants.grant("DELETE", OUTBOX)
    table = peer.store.create("SALES", "OUTBOX", [("ID", "VARCHAR2(900) NOT NULL")], key=["ID"])
    peer.store.insert(OUTBOX, [{"ID": f"{number:06}" + "ä" * 400} for number in range(700)])
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        batch = reader.poll()
        assert batch.more
        assert len(json.dumps(batch.position)) < MAX_POSITION_BYTES
        taken = reader.take()
        assert [row["ID"][:6] for _, row in taken] == [f"{number:06}" for number in range(700)]
    assert not [*table.as_of(peer.store.scn)]


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("NUMBER(38)", [10**37, 7]),
        ("NUMBER", [Decimal("-0.5"), Decimal(10) ** 60]),
        ("NUMBER(9,3)", [Decimal("0.125")]),
        ("VARCHAR2(20)", ["a'b", "ü"]),
        ("CHAR(8)", ["abc"]),
        ("NVARCHAR2(8)", ["žluť"]),
        ("RAW(16)", [b"\x00" * 16, b"\xff" * 16]),
        ("DATE", [Stamp.at(Fields(2026, 3, 29, 2, 30, 0, 0))]),
        ("TIMESTAMP(9)", [Stamp.at(Fields(2026, 1, 1, 0, 0, 0, 1))]),
        ("TIMESTAMP(6)", [Stamp.at(Fields(1999, 12, 31, 23, 59, 59, 999_999_000))]),
        ("TIMESTAMP(3) WITH TIME ZONE", [datetime(2026, 1, 1, tzinfo=UTC)]),
        ("TIMESTAMP(6) WITH LOCAL TIME ZONE", [datetime(2026, 1, 1, tzinfo=UTC)]),
    ],
)
def test_a_row_is_deleted_whatever_its_key_is(declared: str, values: list[Any], peer: OraclePeer) -> None:
    peer.grants.grant("DELETE", OUTBOX)
    table = peer.store.create("SALES", "OUTBOX", [("ID", f"{declared} NOT NULL")], key=["ID"])
    peer.store.insert(OUTBOX, [{"ID": value} for value in values])
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        batch = reader.poll()
        assert len(reader.published(batch)) == len(values)
        reader.died()
        reader.settle()
        assert not [*table.as_of(peer.store.scn)]


def test_keys_of_the_national_character_set_are_bound_in_it(
    peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's own may lack their characters; the peer has one for both, so it cannot tell."""
    sizes: list[dict[str, Any]] = []
    told = oracledb.Cursor.setinputsizes

    def spied(own: oracledb.Cursor, **each: Any) -> Any:
        sizes.append(each)
        return told(own, **each)

    monkeypatch.setattr(oracledb.Cursor, "setinputsizes", spied)
    peer.grants.grant("DELETE", OUTBOX)
    columns = [("ID", "NVARCHAR2(20) NOT NULL"), ("BODY", "VARCHAR2(20)")]
    table = peer.store.create("SALES", "OUTBOX", columns, key=["ID"])
    peer.store.insert(OUTBOX, [{"ID": "Я"}, {"ID": "中"}])
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        assert len(reader.take()) == 2
    assert sizes == [{"key0": oracledb.DB_TYPE_NVARCHAR}]
    assert not [*table.as_of(peer.store.scn)]


def test_a_row_that_cannot_be_read_stays_where_it_is_and_parks_until_somebody_has_seen_to_it(
    peer: OraclePeer,
) -> None:
    peer.grants.grant("DELETE", OUTBOX)
    table = peer.store.create("SALES", "OUTBOX", [("ID", "NUMBER(10) NOT NULL"), ("AT", "DATE")], key=["ID"])
    long_ago = Stamp.at(Fields(-44, 3, 15, 0, 0, 0, 0))
    peer.store.insert(OUTBOX, [{"ID": 1}, {"ID": 2, "AT": long_ago}, {"ID": 3}])
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        batch = reader.poll()
        assert not batch.rejects
        assert ids(reader.published(batch)) == [1]
        reader.settle()
        with pytest.raises(PermanentError, match="column AT"):
            reader.poll()
        reader.died()
        with pytest.raises(PermanentError, match="column AT") as caught:
            reader.poll()
        assert left(peer, table) == [2, 3]
        remedy = caught.value.remedy
        executed(peer, remedy[remedy.index("DELETE") :].partition(";")[0])
        assert ids(reader.take()) == [3]
    assert not left(peer, table)


def test_a_value_that_is_too_long_stays_where_it_is(peer: OraclePeer, outbox: Table) -> None:
    add(peer, 1, body="the only copy")
    with (
        reading(peer, OUTBOX, {**AS_OUTBOX, "max_value_bytes": 10}) as reader,
        pytest.raises(PermanentError, match="column BODY"),
    ):
        reader.take()
    assert left(peer, outbox) == [1]
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        assert ids(reader.take()) == [1]


def test_nothing_is_published_that_may_not_be_deleted(peer: OraclePeer, outbox: Table) -> None:
    peer.grants.revoke("DELETE", OUTBOX)
    add(peer, 1)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        with pytest.raises(PermanentError, match=r"GRANT SELECT, DELETE ON SALES\.OUTBOX TO BRIDGE"):
            reader.poll()
        peer.grants.grant("DELETE", OUTBOX)
        assert ids(reader.take()) == [1]
    assert not left(peer, outbox)


@pytest.mark.parametrize("kind", [Kind.IOT, Kind.EXTERNAL, Kind.TEMPORARY])
def test_a_table_whose_rows_have_no_lasting_address_is_no_outbox(kind: Kind, peer: OraclePeer) -> None:
    peer.store.create("SALES", "OUTBOX", [("ID", "NUMBER(10) NOT NULL")], key=["ID"], kind=kind)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader, pytest.raises(PermanentError, match=r"flashback mode"):
        reader.poll()


def test_a_column_that_was_just_added_is_published_before_its_row_is_deleted(
    peer: OraclePeer, outbox: Table
) -> None:
    add(peer, 1)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.take()
        peer.store.add_column(OUTBOX, "TENANT", "VARCHAR2(20)")
        peer.store.insert(OUTBOX, [{"ID": 2, "BODY": "b", "TENANT": "acme"}])
        assert [row.get("TENANT") for _, row in reader.take()] == ["acme"]
    assert left(peer, outbox) == []


def test_a_table_without_a_key_is_no_outbox(peer: OraclePeer) -> None:
    peer.store.create("SALES", "OUTBOX", [("ID", "NUMBER(10)")])
    with reading(peer, OUTBOX, AS_OUTBOX) as reader, pytest.raises(PermanentError, match=r"no primary key"):
        reader.poll()


@pytest.mark.parametrize("code", [60, 1555, 8176])
def test_a_delete_that_fails_is_undone_and_done_again(code: int, peer: OraclePeer, outbox: Table) -> None:
    add(peer, 1, 2)
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        reader.published(reader.poll())
        peer.switches.refuse("DELETE", code)
        with pytest.raises(TransientError):
            reader.settle()
        assert left(peer, outbox) == [1, 2]
        reader.died()
        reader.settle()
        assert left(peer, outbox) == []


def test_positions_of_other_modes_are_refused(peer: OraclePeer, outbox: Table) -> None:
    with reading(peer, OUTBOX, AS_OUTBOX) as reader:
        for strange in (
            {"mode": "mview_log"},
            {"mode": "outbox", "rows": [["AAA"]]},
            {"mode": "outbox", "x": 1},
        ):
            reader.position = strange
            with pytest.raises(PermanentError, match="not one of outbox mode"):
                reader.poll()


@pytest.mark.parametrize(("name", "options"), [(OUTBOX, AS_OUTBOX), (ORDERS, AS_LOG)])
def test_rows_that_a_delete_does_not_find_are_published_once_and_park(
    name: str,
    options: dict[str, str],
    peer: OraclePeer,
    outbox: Table,
    orders: Table,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row-level policy for DELETE alone, which the database keeps to itself."""
    add(peer, 1, 2)
    peer.store.insert(ORDERS, [{"ID": 1, "STATUS": "new"}, {"ID": 2, "STATUS": "new"}])
    change = Session.change
    assert len(left(peer, outbox)) == len(left(peer, orders)) == 2
    with reading(peer, name, options) as reader:
        with monkeypatch.context() as patch:
            patch.setattr(Session, "change", lambda it, told, many=None: 0 if many else change(it, told))
            seen: list[Event] = []
            with pytest.raises(PermanentError, match="still there") as raised:
                _run(reader, seen)
            assert "policy" in raised.value.remedy
            assert len(ids(seen)) == len(set(ids(seen)))
        reader.settle()  # as it is resumed
        reader.take()
        assert reader.take() == []


def _run(reader: Reader, seen: list[Event]) -> None:
    for _ in range(5):
        seen += reader.published(reader.poll(rows=1))
        reader.settle()


# -- materialized view logs


def test_the_log_of_an_index_organized_table_is_refused(peer: OraclePeer) -> None:
    columns = [("ID", "NUMBER(10) NOT NULL"), ("STATUS", "VARCHAR2(20)")]
    peer.store.create("SALES", "ORDERS", columns, key=["ID"], kind=Kind.IOT)
    with reading(peer, ORDERS, AS_LOG) as reader, pytest.raises(PermanentError, match="index-organized"):
        reader.poll()


def test_a_log_tells_the_last_image_of_each_key_once(peer: OraclePeer, orders: Table) -> None:
    with reading(peer, ORDERS, AS_LOG) as reader:
        assert Caveat.COLLAPSES in reader.stream.caveats
        peer.store.insert(ORDERS, [{"ID": n, "STATUS": "open"} for n in (1, 2, 3)])
        assert reader.take() == [("c", {"ID": n, "STATUS": "open"}) for n in (1, 2, 3)]
        with peer.store.transaction() as tx:
            tx.update(ORDERS, (1,), {"STATUS": "paid"})
            tx.update(ORDERS, (1,), {"STATUS": "shipped"})
            tx.delete(ORDERS, (2,))
            tx.insert(ORDERS, {"ID": 4, "STATUS": "open"})
            tx.delete(ORDERS, (4,))
            tx.update(ORDERS, (3,), {"ID": 5})
        assert reader.take() == [
            ("u", {"ID": 1, "STATUS": "shipped"}),
            ("d", {"ID": 2, "STATUS": None}),
            ("d", {"ID": 3, "STATUS": None}),
            ("c", {"ID": 5, "STATUS": "open"}),
        ]
        assert orders.log is not None
        assert not [*orders.log.as_of(peer.store.scn)]


def test_a_log_tells_the_values_of_a_column_that_was_just_added(peer: OraclePeer, orders: Table) -> None:
    peer.store.insert(ORDERS, [{"ID": 1, "STATUS": "new"}])
    with reading(peer, ORDERS, AS_LOG) as reader:
        reader.take()
        peer.store.add_column(ORDERS, "TENANT", "VARCHAR2(20)")
        peer.store.insert(ORDERS, [{"ID": 2, "STATUS": "new", "TENANT": "acme"}])
        assert [row.get("TENANT") for _, row in reader.take()] == ["acme"]


def test_a_key_with_more_notes_than_a_page_has_is_told_once(peer: OraclePeer, orders: Table) -> None:
    peer.store.insert(ORDERS, [{"ID": 7, "STATUS": "0"}, {"ID": 8, "STATUS": "0"}])
    for number in range(20):
        with peer.store.transaction() as tx:
            tx.update(ORDERS, (7,), {"STATUS": str(number)})
    with reading(peer, ORDERS, AS_LOG) as reader:
        found = []
        for _ in range(12):
            found += reader.published(reader.poll(rows=3))
            reader.settle()
            reader.died()
        assert found == [("c", {"ID": 7, "STATUS": "19"}), ("c", {"ID": 8, "STATUS": "0"})]


def test_what_is_known_of_a_key_half_told_outlives_a_crash_and_the_notes_of_others(
    peer: OraclePeer, orders: Table
) -> None:
    peer.store.insert(ORDERS, [{"ID": 7, "STATUS": "old"}])
    with reading(peer, ORDERS, AS_LOG) as reader:
        reader.take()
        with peer.store.transaction() as tx:
            tx.delete(ORDERS, (7,))
            tx.insert(ORDERS, {"ID": 7, "STATUS": "new"})
            tx.delete(ORDERS, (7,))
        found = reader.published(reader.poll(rows=1))
        reader.settle()
        reader.died()
        with peer.store.transaction() as tx:
            for status in ("a", "b", "c"):
                tx.insert(ORDERS, {"ID": 2, "STATUS": status})
                tx.delete(ORDERS, (2,))
        found += reader.take(rows=1)
        assert [(op, row["ID"]) for op, row in found] == [("d", 7)]
        assert not left(peer, peer.store.table(LOG))


@pytest.mark.parametrize("key", [["7"], ["no number"], []])
def test_what_is_carried_of_a_key_that_has_no_notes_is_forgotten(
    key: list[str], peer: OraclePeer, orders: Table
) -> None:
    peer.store.insert(ORDERS, [{"ID": 2, "STATUS": "new"}])
    with reading(peer, ORDERS, AS_LOG) as reader:
        reader.position = {"mode": "mview_log", "carry": [key, True]}
        assert reader.take() == [("c", {"ID": 2, "STATUS": "new"})]
        assert reader.position == {"mode": "mview_log"}


def test_an_image_and_its_notes_are_of_one_moment(peer: OraclePeer, orders: Table) -> None:
    """What changes while a page is published has notes of its own."""
    peer.store.insert(ORDERS, [{"ID": n, "STATUS": "open"} for n in range(1, 7)])
    with reading(peer, ORDERS, AS_LOG) as reader:
        first = reader.published(reader.poll(rows=3))
        with peer.store.transaction() as tx:
            for number in range(1, 7):
                tx.delete(ORDERS, (number,))
        reader.settle()
        events = first + reader.take(rows=3)
        assert [op for op, row in events if row["ID"] == 1] == ["c", "d"]
        assert [op for op, row in events if row["ID"] == 6] == ["c", "d"]


@pytest.mark.parametrize("column", ["ID", "SEQUENCE$$"])
def test_notes_from_before_the_log_had_its_columns_park_the_stream(
    peer: OraclePeer, orders: Table, column: str
) -> None:
    """As after ADD PRIMARY KEY, SEQUENCE: nobody can tell which rows they are about."""
    peer.store.insert(ORDERS, [{"ID": 1, "STATUS": "open"}])
    log = peer.store.table(LOG)
    place = log.place[column]
    for versions in log.history.values():
        for each in versions:
            each.values = (*each.values[:place], None, *each.values[place + 1 :])
    with reading(peer, ORDERS, AS_LOG) as reader:
        with pytest.raises(PermanentError, match="notes without a key or a number") as told:
            reader.poll()
        assert str(told.value.remedy).startswith(
            f'delete in {LOG} the rows with "SEQUENCE$$" IS NULL OR "ID" IS NULL; then `resume`'
        )


def test_notes_are_deleted_where_the_log_has_been_moved_to(peer: OraclePeer, orders: Table) -> None:
    peer.store.insert(ORDERS, [{"ID": n, "STATUS": "open"} for n in (1, 2)])
    with reading(peer, ORDERS, AS_LOG) as reader:
        reader.published(reader.poll())
        peer.store.rebuild(LOG)
        peer.store.insert(ORDERS, [{"ID": 3, "STATUS": "open"}])
        reader.settle()
        assert reader.take() == [("c", {"ID": 3, "STATUS": "open"})]


def test_a_crash_between_kafka_and_the_delete_of_notes_neither_loses_nor_doubles(
    peer: OraclePeer, orders: Table
) -> None:
    peer.store.insert(ORDERS, [{"ID": 1, "STATUS": "open"}])
    with reading(peer, ORDERS, AS_LOG) as reader:
        events = reader.published(reader.poll())
        with peer.store.transaction() as tx:
            tx.update(ORDERS, (1,), {"STATUS": "paid"})
        reader.died()
        reader.settle()
        reader.died()
        reader.settle()
        assert [op for op, _ in events + reader.take()] == ["c", "u"]


def test_a_note_that_has_got_the_address_of_one_that_was_deleted_stays(
    peer: OraclePeer, orders: Table
) -> None:
    peer.store.insert(ORDERS, [{"ID": 1, "STATUS": "open"}])
    log = peer.store.table(LOG)
    with reading(peer, ORDERS, AS_LOG) as reader:
        reader.published(reader.poll())
        reader.settle()
        with peer.store.transaction() as tx:
            tx.update(ORDERS, (1,), {"STATUS": "paid"})
        (note,) = log.as_of(peer.store.scn)
        assert str(note.rowid) == reader.position["rows"][0][0], "else this shows nothing"
        reader.died()
        reader.settle()
        assert [op for op, _ in reader.take()] == ["u"]


@pytest.mark.parametrize("settled", ["before", "not before"])
def test_after_a_crash_notes_that_have_moved_are_deleted_by_their_numbers(
    settled: str, peer: OraclePeer, orders: Table
) -> None:
    assert orders.log is not None
    peer.store.insert(ORDERS, [{"ID": 1, "STATUS": "open"}])
    with reading(peer, ORDERS, AS_LOG) as reader:
        assert reader.published(reader.poll()) == [("c", {"ID": 1, "STATUS": "open"})]
        if settled == "before":
            reader.settle()
        peer.store.insert(ORDERS, [{"ID": 2, "STATUS": "open"}])
        peer.store.rebuild(orders.log)
        reader.died()
        reader.settle()
        assert reader.take() == [("c", {"ID": 2, "STATUS": "open"})]


def test_a_table_without_a_log_says_how_to_make_one(peer: OraclePeer) -> None:
    peer.store.create("SALES", "ORDERS", [("ID", "NUMBER(10) NOT NULL")], key=["ID"])
    with (
        reading(peer, ORDERS, AS_LOG) as reader,
        pytest.raises(
            PermanentError, match=r"CREATE MATERIALIZED VIEW LOG ON SALES\.ORDERS WITH PRIMARY KEY"
        ),
    ):
        reader.poll()


def test_a_log_without_numbers_says_what_to_add(peer: OraclePeer) -> None:
    table = peer.store.create("SALES", "ORDERS", [("ID", "NUMBER(10) NOT NULL")], key=["ID"])
    peer.store.create_log(table, sequence=False)
    with reading(peer, ORDERS, AS_LOG) as reader, pytest.raises(PermanentError, match=r"ADD SEQUENCE"):
        reader.poll()


def test_a_log_that_may_not_be_read_says_what_to_grant(peer: OraclePeer, orders: Table) -> None:
    assert orders.log is not None
    peer.grants.revoke("DELETE", LOG)
    with (
        reading(peer, ORDERS, AS_LOG) as reader,
        pytest.raises(PermanentError, match=r"GRANT SELECT, DELETE"),
    ):
        reader.poll()

"""Flashback over the wire: what was committed is told in its order, once, whatever happened to the rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import oracledb
import pytest

from bridge.contract import Ask
from bridge.errors import ConfigError, GapError, PermanentError, TransientError
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.tables import Kind, Table
from connectors.oracle.modes import flashback, versions
from connectors.oracle.modes.flashback import Told
from connectors.oracle.modes.versions import Page, Place
from tests.integration.oracle_streams import Reader, reading

ORDERS = "SALES.ORDERS"
COLUMNS = [("ID", "NUMBER(10) NOT NULL"), ("STATUS", "VARCHAR2(20)")]
CHANGES: dict[str, Any] = {"snapshot": False}


@pytest.fixture
def peer() -> Iterator[OraclePeer]:
    with OraclePeer() as peer:
        yield peer


@pytest.fixture
def table(peer: OraclePeer) -> Table:
    return peer.store.create("SALES", "ORDERS", COLUMNS, key=["ID"])


def insert(store: Store, *numbers: int, status: str = "open") -> int:
    return store.insert(ORDERS, [{"ID": number, "STATUS": status} for number in numbers])


def short(events: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, int, str | None]]:
    return [(op, row["ID"], row["STATUS"]) for op, row in events]


def begun(reader: Reader) -> Reader:
    assert reader.take() == []
    return reader


def test_inserts_updates_and_deletes_come_in_the_order_of_commits(peer: OraclePeer, table: Table) -> None:
    insert(peer.store, 1, 2)
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        late = peer.store.transaction()
        late.update(table, 1, {"STATUS": "late"})
        insert(peer.store, 3)
        with peer.store.transaction() as tx:
            tx.update(table, 3, {"STATUS": "paid"})
            tx.delete(table, 2)
        assert short(reader.take()) == [("c", 3, "open"), ("d", 2, None), ("u", 3, "paid")]
        late.commit()
        assert short(reader.take()) == [("u", 1, "late")]
        assert reader.take() == []


def test_each_event_has_scn_transaction_rowid_and_time_of_its_commit(peer: OraclePeer, table: Table) -> None:
    peer.store.offset = 120  # minutes: the server's clock is not in UTC
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        tx = peer.store.transaction()
        rowid = tx.insert(table, {"ID": 1, "STATUS": "open"})
        scn, at = tx.commit(), peer.store.clock()
        (changes,) = reader.poll().changes
        assert changes.source is not None
        assert changes.source.to_pylist() == [{"scn": scn, "xid": tx.xid.hex().upper(), "rowid": str(rowid)}]
        assert changes.ts is not None
        assert abs(changes.ts[0].as_py() - at / 1e6) < 3000, "Oracle knows times of commits by 3 s"


@pytest.mark.parametrize("per_change", [False, True])
@pytest.mark.parametrize("split", [False, True])
def test_what_a_transaction_did_to_keys_counts_and_not_how(
    peer: OraclePeer, table: Table, *, per_change: bool, split: bool
) -> None:
    peer.store.per_change, peer.store.split_keys = per_change, split
    insert(peer.store, 1, 2, 3, 4, 5)
    with reading(peer, ORDERS, {**CHANGES, "before": True}) as reader:
        begun(reader)
        with peer.store.transaction() as tx:
            tx.update(table, 1, {"ID": 11, "STATUS": "renamed"})
            tx.update(table, 2, {"STATUS": "twice"})
            tx.update(table, 2, {"STATUS": "changed"})
            tx.insert(table, {"ID": 6, "STATUS": "came and went"})
            tx.delete(table, 6)
            tx.delete(table, 3)
            tx.insert(table, {"ID": 3, "STATUS": "again"})
            tx.move(table, 4, {"STATUS": "moved"})
            tx.update(table, 5, {"ID": 55})
            tx.delete(table, 55)
        batch = reader.poll()
        events = sorted(short(reader.published(batch)))
        assert events == [
            ("c", 11, "renamed"),
            ("d", 1, None),
            ("d", 5, None),
            ("u", 2, "changed"),
            ("u", 3, "again"),
            ("u", 4, "moved"),
        ]
        (changes,) = batch.changes
        assert changes.before is not None
        before = {row["ID"]: row["STATUS"] for row in changes.before.to_pylist() if row}
        assert before == dict.fromkeys((1, 2, 3, 4, 5), "open")


def test_deletes_come_before_the_images_of_their_transaction(peer: OraclePeer, table: Table) -> None:
    insert(peer.store, 1, 2)
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        with peer.store.transaction() as tx:
            tx.update(table, 1, {"STATUS": "x"})
            tx.delete(table, 2)
        assert [op for op, *_ in short(reader.take())] == ["d", "u"]


def test_a_transaction_larger_than_memory_is_told_in_parts_across_deaths(
    peer: OraclePeer, table: Table
) -> None:
    insert(peer.store, *range(40))
    with reading(peer, ORDERS, CHANGES) as reader, patch.object(versions, "LARGE", 1):
        begun(reader)
        with peer.store.transaction() as tx:
            for number in range(40):
                tx.delete(table, number)
            for number in range(10, 50):
                tx.insert(table, {"ID": number, "STATUS": "new"})
        found = []
        while True:
            batch = reader.poll(rows=7)
            found += short(reader.published(batch))
            if not batch.more:
                break
            reader.died()
    assert sorted(found) == sorted(
        [("d", number, None) for number in range(10)]
        + [("u", number, "new") for number in range(10, 40)]
        + [("c", number, "new") for number in range(40, 50)]
    )


def test_a_bulk_load_asks_the_database_nothing_about_keys(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, CHANGES) as reader, patch.object(versions, "LARGE", 1):
        begun(reader)
        insert(peer.store, *range(60))
        peer.statements.clear()
        assert [op for op, *_ in short(reader.take(rows=10))] == ["c"] * 60
        assert not [text for text in peer.statements if "JOIN" in text or "ROWID IN" in text]


@pytest.mark.parametrize("code", [1555, 30052])
def test_undo_that_is_gone_is_a_gap_and_never_passed_over(peer: OraclePeer, table: Table, code: int) -> None:
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        insert(peer.store, 1)
        insert(peer.store, 2)
        peer.store.forget(peer.store.scn, code=code)
        for _ in range(2):
            with pytest.raises(GapError, match=f"ORA-{code:05}"):
                reader.poll()


def test_a_table_that_was_truncated_is_a_gap(peer: OraclePeer, table: Table) -> None:
    insert(peer.store, 1)
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        peer.store.truncate(table)
        with pytest.raises(GapError, match="ORA-01466"):
            reader.poll()


def test_without_a_snapshot_it_goes_on_from_now_after_a_gap(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        insert(peer.store, 1)
        assert short(reader.take()) == [("c", 1, "open")]
        insert(peer.store, 2)
        peer.store.forget(peer.store.scn)
        with pytest.raises(GapError):
            reader.poll()
        reader.position = None  # as `on_gap: rescan` begins again
        assert reader.take() == [], "nothing is told twice, and the gap is over"
        insert(peer.store, 3)
        assert short(reader.take()) == [("c", 3, "open")]


@pytest.mark.usefixtures("table")
def test_a_table_that_was_just_made_is_followed_as_soon_as_that_can_be(peer: OraclePeer) -> None:
    """A database knows its definition by times that are some seconds apart; that is no gap."""
    with reading(peer, ORDERS, CHANGES) as reader:
        peer.switches.refuse("VERSIONS", 1466, times=3)
        for _ in range(3):
            with pytest.raises(TransientError, match="a moment ago"):
                reader.take()
            assert reader.position is None
            reader.died()
        begun(reader)
        insert(peer.store, 1)
        assert short(reader.take()) == [("c", 1, "open")]


def test_an_scn_that_an_instance_has_not_seen_is_asked_for_again(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        insert(peer.store, 1)
        peer.switches.refuse("versions", 8181)
        with pytest.raises(TransientError, match="ORA-08181"):
            reader.poll()
        assert short(reader.take()) == [("c", 1, "open")]


def test_a_database_that_is_older_than_the_position_is_no_silence(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, CHANGES) as reader:
        reader.position = {"mode": "flashback", "scn": peer.store.scn + 1000}
        with pytest.raises(TransientError, match="before that of the position"):
            reader.poll()


def test_an_unchanged_table_costs_one_statement_beside_the_scn(peer: OraclePeer) -> None:
    names = [f"SALES.T{number}" for number in range(5)]
    for name in names:
        peer.store.create("SALES", name[6:], COLUMNS, key=["ID"])
    with reading(peer, "SALES.T*", CHANGES) as reader:
        streams = reader.connector.discover()
        places = {each.name: reader.connector.poll(each, None, Ask()).position for each in streams}
        peer.store.insert("SALES.T0", [{"ID": 1, "STATUS": "open"}])
        for each in streams:
            places[each.name] = reader.connector.poll(each, places[each.name], Ask()).position
        _ = peer.store.create("SALES", "OTHER", COLUMNS, key=["ID"])  # so that the SCN moves
        peer.statements.clear()
        before = peer.round_trips
        for each in streams:
            assert not reader.connector.poll(each, places[each.name], Ask()).changes
        assert len(peer.statements) == len(names) + 1
        assert peer.round_trips - before == len(names) + 1


def test_a_cluster_shows_a_commit_late_and_it_is_found_and_nothing_else_is_told_again(
    peer: OraclePeer, table: Table
) -> None:
    insert(peer.store, 1, 2)
    with reading(peer, ORDERS, {**CHANGES, "overlap": "30s"}) as reader:
        begun(reader)
        late = peer.store.transaction()
        late.update(table, 1, {"STATUS": "late"})
        for number in (3, 4, 5):
            insert(peer.store, number)
        assert short(reader.take()) == [("c", number, "open") for number in (3, 4, 5)]
        late.commit(behind=2)
        reader.died()
        assert short(reader.take(rows=1)) == [("u", 1, "late")]
        insert(peer.store, 6)
        assert short(reader.take(rows=1)) == [("c", 6, "open")]


def test_what_an_overlap_remembers_is_bounded() -> None:
    told = Told(10).overlapping(8.0)
    with patch.object(flashback, "MOST_KNOWN", 3), patch("time.time", lambda: 1e9):
        for scn in range(11, 31):
            told = told.after(Page(Place(scn), transactions=((scn, f"{scn:016}"),))).looked(scn, 8.0)
        assert len(told.known) == 3
        assert told.since == 27
    with patch("time.time", lambda: 2e9):
        told = told.looked(40, 8.0)
        assert told.since == 27, "what was committed up to 40 may yet show"
    with patch("time.time", lambda: 2e9 + 9):
        assert told.looked(41, 8.0).known == ()


def test_what_an_overlap_remembers_is_bounded_before_it_has_caught_up(peer: OraclePeer, table: Table) -> None:
    with (
        patch.object(flashback, "MOST_KNOWN", 3),
        reading(peer, ORDERS, {**CHANGES, "overlap": "30s"}) as reader,
    ):
        begun(reader)
        for number in range(1, 21):
            insert(peer.store, number)
        found: list[int] = []
        while True:
            batch = reader.poll(rows=4)
            found += [row["ID"] for _, row in reader.published(batch)]
            assert len(reader.position["known"]) <= 3
            if not batch.more:
                break
            reader.died()
        assert found == [*range(1, 21)]
        insert(peer.store, 21)
        assert short(reader.take()) == [("c", 21, "open")]


def test_what_an_overlap_has_forgotten_is_not_read_again() -> None:
    with patch.object(flashback, "MOST_KNOWN", 3), patch("time.time") as clock:
        clock.return_value = 0.0
        told = Told(10).overlapping(8.0)
        for scn in range(11, 91):
            clock.return_value += 0.25
            happened = ((scn, f"{scn:016}"),) if scn <= 45 else ()
            told = told.after(Page(Place(scn), transactions=happened)).looked(scn, 8.0)
            assert {known for known, _ in told.known} == {*range(told.since + 1, min(scn, 45) + 1)}


@pytest.mark.parametrize("mode", ["flashback", "snapshot", "rowscn", "outbox"])
def test_a_column_that_is_named_like_what_the_connector_selects_parks_its_stream(
    peer: OraclePeer, mode: str
) -> None:
    peer.store.create("SALES", "ORDERS", [*COLUMNS, ("?rowid", "NUMBER(1)")], key=["ID"])
    peer.grants.grant("DELETE", ORDERS)
    insert(peer.store, 1)
    with (
        reading(peer, ORDERS, {"mode": mode}) as reader,
        pytest.raises(PermanentError, match=r"column \?rowid"),
    ):
        reader.take()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Kind.EXTERNAL, "external table"),
        (Kind.TEMPORARY, "temporary table"),
        (Kind.CLUSTER, "cluster"),
        (Kind.IOT, "index-organized"),
    ],
)
def test_kinds_whose_changes_oracle_does_not_tell_are_refused(peer: OraclePeer, kind: Kind, why: str) -> None:
    peer.store.create("SALES", "ORDERS", COLUMNS, key=["ID"], kind=kind)
    with reading(peer, ORDERS, {}) as reader, pytest.raises(PermanentError, match=why):
        reader.poll()


def test_a_table_without_a_key_asks_for_one(peer: OraclePeer) -> None:
    peer.store.create("SALES", "ORDERS", COLUMNS)
    with reading(peer, ORDERS, {}) as reader, pytest.raises(PermanentError, match="under `key`"):
        reader.poll()
    with reading(peer, ORDERS, {**CHANGES, "key": ["ID"]}) as reader:
        begun(reader)
        insert(peer.store, 1)
        assert short(reader.take()) == [("c", 1, "open")]


def test_rows_with_null_in_their_key_are_left_out_of_the_snapshot_and_of_the_changes(
    peer: OraclePeer,
) -> None:
    table = peer.store.create("SALES", "ORDERS", [("ID", "NUMBER(10)"), ("STATUS", "VARCHAR2(20)")])
    with peer.store.transaction() as tx:
        for number, status in ((1, "one"), (None, "bare"), (None, "named later")):
            tx.insert(table, {"ID": number, "STATUS": status})
    with reading(peer, ORDERS, {"key": ["ID"], "before": True}) as reader:
        assert short(reader.take()) == [("r", 1, "one")]
        with oracledb.connect(user=peer.admin, password=peer.admin_password, dsn=peer.dsn) as connection:
            cursor = connection.cursor()
            cursor.execute("DELETE FROM SALES.ORDERS t WHERE t.STATUS = 'bare'")
            cursor.execute("UPDATE SALES.ORDERS t SET t.ID = 3 WHERE t.STATUS = 'named later'")
            cursor.execute("INSERT INTO SALES.ORDERS (ID, STATUS) VALUES (NULL, 'new')")
            connection.commit()
            assert short(reader.take()) == [("c", 3, "named later")]
            cursor.execute("UPDATE SALES.ORDERS t SET t.ID = NULL WHERE t.ID = 1")
            connection.commit()
            assert short(reader.take()) == [("d", 1, None)]


def test_a_row_that_cannot_be_had_is_a_reject_with_its_key(peer: OraclePeer) -> None:
    table = peer.store.create("SALES", "ORDERS", [*COLUMNS, ("NOTE", "CLOB")], key=["ID"])
    with reading(peer, ORDERS, {**CHANGES, "max_value_bytes": 10}) as reader:
        begun(reader)
        with peer.store.transaction() as tx:
            tx.insert(table, {"ID": 1, "STATUS": "open", "NOTE": "x" * 50})
            tx.insert(table, {"ID": 2, "STATUS": "open"})
        batch = reader.poll()
        assert short(reader.published(batch)) == [("c", 2, "open")]
        (reject,) = batch.rejects
        assert "NOTE" in reject.reason
        assert reject.key is not None
        assert {name: value.as_py() for name, value in reject.key.items()} == {"ID": 1}
        assert "x" not in str(reject.raw)


def test_a_position_of_another_mode_says_what_one_would_be(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, CHANGES) as reader:
        for position in ({"mode": "flashback", "scn": "x"}, {"mode": "flashback"}, {"high": 1}):
            reader.position = position
            with pytest.raises(PermanentError, match="is not one of flashback mode"):
                reader.poll()
        with pytest.raises(ConfigError):
            reader.connector.check_position(ORDERS, {"mode": "images"})


def shrunk(store: Store, table: Table, *numbers: int) -> None:
    """The last rows go to where these were, and nobody tells."""
    with store.transaction() as tx:
        for number in numbers:
            tx.delete(table, number)
    store.enable_row_movement(table)
    store.shrink(table)


def test_rows_that_were_shrunk_to_another_address_are_known_by_what_they_were_there(
    peer: OraclePeer, table: Table
) -> None:
    store = peer.store
    insert(store, *range(1, 9))
    with reading(peer, ORDERS, CHANGES | {"before": True}) as reader:
        begun(reader)
        with store.transaction() as tx:
            tx.update(table, 3, {"STATUS": "paid"})
        shrunk(store, table, 1, 2)
        for number, values in ((8, None), (7, {"ID": 70}), (6, {"STATUS": "paid"})):
            with store.transaction() as tx:
                tx.update(table, number, values) if values else tx.delete(table, number)
        found = reader.take()
    assert short(found) == [
        ("u", 3, "paid"), ("d", 1, None), ("d", 2, None), ("d", 8, None), ("d", 7, None), ("c", 70, "open"),
        ("u", 6, "paid"),
    ]  # fmt: skip


def test_an_address_that_a_row_was_shrunk_from_holds_what_is_inserted_there(
    peer: OraclePeer, table: Table
) -> None:
    store = peer.store
    insert(store, 1, 2, 3)
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        with store.transaction() as tx:
            tx.update(table, 3, {"STATUS": "paid"})
        shrunk(store, table, 1)
        insert(store, 4)
        assert str(table.keys[4,]) > str(table.keys[3,])
        assert short(reader.take()) == [("u", 3, "paid"), ("d", 1, None), ("c", 4, "open")]


def test_a_row_that_was_inserted_and_shrunk_and_deleted_within_a_poll_is_gone(
    peer: OraclePeer, table: Table
) -> None:
    store = peer.store
    insert(store, 1, 2, 3)
    with reading(peer, ORDERS, CHANGES) as reader:
        begun(reader)
        insert(store, 4)
        shrunk(store, table, 1)
        with store.transaction() as tx:
            tx.delete(table, 4)
        assert short(reader.take()) == [("c", 4, "open"), ("d", 1, None), ("d", 4, None)]

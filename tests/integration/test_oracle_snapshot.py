"""Snapshots over the wire: as of one SCN, taken up again anywhere, and the changes follow without a gap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest

from bridge.contract import Ask, Batch, Level, Op, Scan
from bridge.errors import GapError, PermanentError, TransientError
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.tables import Kind, Table
from connectors.oracle import statements
from connectors.oracle.modes import snapshot, stretches
from tests.integration.oracle_streams import Reader, reading

ORDERS = "SALES.ORDERS"
COLUMNS = [("ID", "NUMBER(10) NOT NULL"), ("STATUS", "VARCHAR2(20)")]
CHUNK = r"AS OF SCN :scn t.* ORDER BY t\.ROWID"
ROWS = 60
"""Of eight blocks, and two files."""


@pytest.fixture
def peer() -> Iterator[OraclePeer]:
    with OraclePeer() as peer:
        yield peer


@pytest.fixture
def table(peer: OraclePeer) -> Table:
    table = peer.store.create("SALES", "ORDERS", COLUMNS, key=["ID"])
    insert(peer.store, *range(ROWS))
    return table


@pytest.fixture
def chunks() -> Iterator[None]:
    """Each block is a chunk, as 4096 of them are where tables are large."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(stretches, "CHUNK_ROWS", 0))
        stack.enter_context(patch.object(statements, "PREFIX", 15))
        yield


def insert(store: Store, *numbers: int, status: str = "open") -> int:
    return store.insert(ORDERS, [{"ID": number, "STATUS": status} for number in numbers])


def short(events: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, int, str | None]]:
    return [(op, row["ID"], row["STATUS"]) for op, row in events]


def read(reader: Reader, rows: int) -> Batch:
    """One poll, published."""
    batch = reader.poll(rows=rows)
    reader.published(batch)
    return batch


READ = [("r", number, "open") for number in range(ROWS)]


def test_a_snapshot_is_as_of_one_scn_and_the_changes_since_follow(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, {}) as reader:
        found = short(reader.published(reader.poll(rows=10)))
        with peer.store.transaction() as tx:
            tx.update(table, 5, {"STATUS": "read before"})
            tx.update(table, 50, {"STATUS": "not yet read"})
            tx.delete(table, 51)
            tx.insert(table, {"ID": 100, "STATUS": "new"})
        found += short(reader.take(rows=10))
    assert sorted(found[:ROWS]) == READ
    assert sorted(found[ROWS:]) == [
        ("c", 100, "new"),
        ("d", 51, None),
        ("u", 5, "read before"),
        ("u", 50, "not yet read"),
    ]


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("rows", [5, 8, 1000])
def test_it_goes_on_where_it_was_killed_without_a_repeat(peer: OraclePeer, table: Table, rows: int) -> None:
    with reading(peer, ORDERS, {}) as reader:
        found: list[tuple[str, int, str | None]] = []
        while not found or reader.position["mode"] == "snapshot":
            found += short(reader.published(reader.poll(rows=rows)))
            reader.died()
            with peer.store.transaction() as tx:
                tx.update(table, 3, {"STATUS": "changed"})
    assert sorted(found) == READ


@pytest.mark.usefixtures("table", "chunks")
def test_chunks_are_bounded_in_number_and_end_where_blocks_do(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader, patch.object(stretches, "MOST_BOUNDS", 3):
        read(reader, 1)
        assert len(reader.position["bounds"]) == 2
        assert len(reader.take()) == ROWS - 1


@pytest.mark.usefixtures("table")
def test_a_small_table_is_read_without_looking_for_chunks(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        peer.statements.clear()
        assert len(reader.take()) == ROWS
    assert not any("GROUP BY" in text for text in peer.statements)


@pytest.mark.usefixtures("chunks")
def test_what_is_yet_to_be_read_is_read_at_a_newer_scn_when_undo_is_gone(
    peer: OraclePeer, table: Table
) -> None:
    with reading(peer, ORDERS, {"before": True}) as reader:
        found = short(reader.published(reader.poll(rows=16)))
        with peer.store.transaction() as tx:
            tx.update(table, 1, {"STATUS": "changed"})
            tx.delete(table, 2)
            tx.update(table, 40, {"STATUS": "changed"})
            tx.delete(table, 41)
        reader.died()
        peer.switches.refuse(CHUNK, 1555)
        found += short(reader.take(rows=16))
        insert(peer.store, 100)
        found += short(reader.take(rows=16))
    reads = [event for event in found if event[0] == "r"]
    told = [event for event in found if event[0] != "r"]
    assert told == [("d", 2, None), ("u", 1, "changed"), ("c", 100, "open")]
    expected = {number: "open" for number in range(ROWS) if number != 41} | {40: "changed"}
    assert sorted(reads) == [("r", number, status) for number, status in sorted(expected.items())]


@pytest.mark.usefixtures("chunks", "table")
def test_a_snapshot_whose_own_changes_are_gone_is_a_gap(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        read(reader, 16)
        insert(peer.store, 100)
        reader.died()
        peer.store.forget(peer.store.scn)
        assert not reader.published(reader.poll()), "it is begun anew at a newer SCN"
        with pytest.raises(GapError, match="ORA-01555"):
            reader.poll()


@pytest.mark.usefixtures("table")
def test_a_table_that_was_just_made_is_read_as_soon_as_it_can_be(peer: OraclePeer) -> None:
    """A database knows its definition by times that are some seconds apart; that is no gap."""
    with reading(peer, ORDERS, {}) as reader:
        peer.switches.refuse(CHUNK, 1466, times=5)
        for _ in range(5):
            with pytest.raises(TransientError, match="a moment ago"):
                reader.poll()
            reader.died()
        assert short(reader.take()) == READ


@pytest.mark.usefixtures("table")
def test_a_snapshot_waits_no_longer_than_it_must_when_our_clock_is_put_back(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {"overlap": "30s"}) as reader:
        assert not reader.take()
        reader.position["ripe"] += 3600
        assert short(reader.take()) == READ


def shrink(peer: OraclePeer, table: Table, *, ends: bool = True) -> None:
    """The last rows go to where the first ones were, and nobody tells; that rows may move ends with it."""
    with peer.store.transaction() as tx:
        for number in (0, 1, 2):
            tx.delete(table, number)
    peer.store.clock = lambda: time.time_ns() + 10**10
    if not table.row_movement:
        peer.store.enable_row_movement(table)
    peer.store.shrink(table)
    if ends:
        peer.store.enable_row_movement(table, on=False)


@pytest.mark.parametrize("ends", [True, False], ids=["row movement ends", "row movement stays"])
def test_rows_that_were_shrunk_to_where_it_was_read_already_are_read(
    peer: OraclePeer, table: Table, *, ends: bool
) -> None:
    """At a newer SCN. No time tells of a shrink, but of the row movement that it wants."""
    if not ends:
        peer.store.enable_row_movement(table)
    with reading(peer, ORDERS, {}) as reader:
        found = short(reader.published(reader.poll(rows=16)))
        reader.died()
        with peer.store.transaction() as tx:
            tx.update(table, 40, {"STATUS": "changed"})
        shrink(peer, table, ends=ends)
        peer.switches.refuse(CHUNK, 1555)
        found += short(reader.take(rows=16))
        ops = {number: op for op, number, _ in found}
        assert ops == {**dict.fromkeys((0, 1, 2), "d"), **dict.fromkeys(range(3, ROWS), "r")}
        assert {op for op, number, _ in found if number == 40} == {"r"}
        assert reader.take() == []


@pytest.mark.parametrize("again", [0, 4], ids=["nothing", "some"])
def test_while_a_shrunk_table_is_read_again_deletes_of_rows_that_were_read_before_are_told(
    peer: OraclePeer, table: Table, again: int
) -> None:
    """The undo for the reading from the first row is gone, too, when it has read nothing, or some rows."""
    with reading(peer, ORDERS, {}) as reader:
        found = short(reader.published(reader.poll(rows=16)))
        reader.died()
        shrink(peer, table)
        peer.switches.refuse(CHUNK, 1555)
        while reader.position.get("behind") or not reader.position.get("again"):
            found += short(reader.published(reader.poll(rows=16)))
        if again:
            found += short(reader.published(reader.poll(rows=again)))
        reader.died()
        with peer.store.transaction() as tx:
            tx.delete(table, 12)
        peer.switches.refuse(CHUNK, 1555)
        found += short(reader.take(rows=16))
        ops = {number: op for op, number, _ in found}
        assert ops == {**dict.fromkeys(range(3, ROWS), "r"), **dict.fromkeys((0, 1, 2, 12), "d")}


@pytest.mark.usefixtures("table")
def test_undo_that_does_not_last_for_one_chunk_is_told(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        peer.switches.refuse(CHUNK, 1555, times=100)
        for _ in range(snapshot.MOST_RENEWALS):
            assert not read(reader, 16).changes
        with pytest.raises(GapError, match="ORA-01555"):
            reader.poll()


@pytest.mark.usefixtures("table")
def test_tables_that_begin_at_one_time_are_read_as_of_one_scn(peer: OraclePeer) -> None:
    peer.store.create("SALES", "ITEMS", COLUMNS, key=["ID"])
    peer.store.insert("SALES.ITEMS", [{"ID": 1, "STATUS": "open"}])
    with reading(peer, "SALES.*", {}) as reader:
        scns = set[int]()
        for stream in reader.connector.discover():
            batch = reader.connector.poll(stream, None, Ask())
            insert(peer.store, 100 + len(scns))
            for changes in batch.changes:
                assert changes.source is not None
                scns.update(changes.source.column("scn").to_pylist())
        assert len(scns) == 1


@pytest.mark.usefixtures("table")
def test_what_begins_anew_is_no_older_than_what_was_told(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        reader.take()
        insert(peer.store, 100)
        assert short(reader.take()) == [("c", 100, "open")]
        reader.position = None  # as after a gap
        assert [op for op, *_ in short(reader.take())] == ["r"] * (ROWS + 1)


@pytest.mark.usefixtures("table")
def test_it_is_marked_as_a_scan_for_rescans(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        scans = []
        while reader.position is None or reader.position["mode"] == "snapshot":
            batch = read(reader, 25)
            assert {changes.op for changes in batch.changes} <= {Op.READ}
            scans.append(batch.scan)
        assert scans == [Scan.FIRST, Scan.MORE, Scan.LAST]
        assert reader.poll().scan is None


@pytest.mark.usefixtures("chunks")
def test_what_changed_while_undo_ran_out_is_part_of_the_scan(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, {}) as reader:
        read(reader, 16)
        with peer.store.transaction() as tx:
            tx.delete(table, 2)
        reader.died()
        peer.switches.refuse(CHUNK, 1555)
        assert [read(reader, 16).scan for _ in range(2)] == [Scan.MORE, Scan.MORE]


def test_mode_snapshot_reads_once_and_rests(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, {"mode": "snapshot"}) as reader:
        assert sorted(short(reader.take(rows=10))) == READ
        with peer.store.transaction() as tx:
            tx.update(table, 1, {"STATUS": "changed"})
        reader.died()
        assert reader.take() == []
        (changes,) = again(reader, None, 100, ID=(1, 1)).changes
        assert changes.rows.to_pylist() == [{"ID": 1, "STATUS": "changed"}]


def test_a_table_kept_in_its_index_is_read_by_its_key(peer: OraclePeer) -> None:
    peer.store.create("SALES", "ORDERS", COLUMNS, key=["ID"], kind=Kind.IOT)
    insert(peer.store, *range(ROWS))
    with reading(peer, ORDERS, {"mode": "snapshot"}) as reader:
        found: list[tuple[str, int, str | None]] = []
        while not found or "done" not in reader.position:
            found += short(reader.published(reader.poll(rows=7)))
            reader.died()
        assert found == READ


@pytest.mark.parametrize("kind", [Kind.IOT, Kind.CLUSTER])
def test_what_has_no_versions_is_read_at_a_newer_scn_as_long_as_no_row_was_read_at_another(
    peer: OraclePeer, kind: Kind
) -> None:
    peer.store.create("SALES", "ORDERS", COLUMNS, key=["ID"], kind=kind)
    insert(peer.store, *range(ROWS))
    too_old = r"AS OF SCN :scn t"
    with reading(peer, ORDERS, {"mode": "snapshot"}) as reader:
        peer.switches.refuse(too_old, 1555)
        assert not read(reader, 10).changes
        read(reader, 10)
        reader.died()
        place = reader.position
        peer.switches.refuse(too_old, 1555)
        with pytest.raises(GapError, match="ORA-01555"):
            reader.poll()
        assert reader.position == place
        reader.position = None
        assert sorted(short(reader.take())) == READ


@pytest.mark.parametrize("kind", [Kind.EXTERNAL, Kind.TEMPORARY, "view"])
@pytest.mark.parametrize(
    ("options", "instead"),
    [({"mode": "snapshot"}, "images mode"), ({"mode": "timestamp", "columns": ["AT"]}, "`snapshot: false`")],
)
def test_what_has_no_rowids_or_no_past_has_no_snapshot_and_says_what_to_do(
    options: dict[str, Any], instead: str, kind: Kind | str, peer: OraclePeer
) -> None:
    columns = [*COLUMNS, ("AT", "TIMESTAMP(6)")]
    if isinstance(kind, Kind):
        peer.store.create("SALES", "ORDERS", columns, key=["ID"], kind=kind)
    else:
        peer.store.create("SALES", "T", columns, key=["ID"])
        peer.store.create_view("SALES", "ORDERS", "SELECT t.ID, t.STATUS, t.AT FROM SALES.T t")
    with reading(peer, ORDERS, {**options, "key": ["ID"]}) as reader:
        with pytest.raises(PermanentError, match="no snapshot can be read of") as refused:
            reader.poll()
        assert instead in refused.value.remedy
        told = [(each.level, each.remedy) for each in reader.connector.check() if each.stream == ORDERS]
        assert told == [(Level.CRITICAL, refused.value.remedy)]
    if options["mode"] == "timestamp":
        with reading(peer, ORDERS, {**options, "key": ["ID"], "snapshot": False}) as reader:
            assert reader.take() == []


# -- once more


def again(reader: Reader, place: Any, rows: int, **within: tuple[Any, Any]) -> Batch:
    return reader.connector.reread(reader.stream, reader.position, place, within, Ask(rows=rows))


def test_all_rows_are_read_once_more_as_of_what_the_polls_have_told(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, {}) as reader:
        reader.take()
        with peer.store.transaction() as tx:
            tx.update(table, 7, {"STATUS": "not yet told"})
        place, found = None, []
        while True:
            batch = again(reader, place, 16)
            found += [row for changes in batch.changes for row in changes.rows.to_pylist()]
            place = batch.position
            if not batch.more:
                break
            reader.died()
        assert sorted(row["ID"] for row in found) == [*range(ROWS)]
        assert {row["STATUS"] for row in found} == {"open"}


def test_rows_that_a_snapshot_is_yet_to_read_are_not_read_beside_it(peer: OraclePeer, table: Table) -> None:
    with reading(peer, ORDERS, {}) as reader:
        found = reader.published(reader.poll(rows=16))
        with pytest.raises(TransientError, match="when its snapshot is through"):
            again(reader, None, 1000)  # row 50 would come, and be gone when the snapshot gets there
        with peer.store.transaction() as tx:
            tx.delete(table, 50)
        reader.died()
        peer.switches.refuse(CHUNK, 1555)
        found += reader.take(rows=16)
        assert 50 not in {row["ID"] for _, row in found}
        batch = again(reader, None, 1000)
        assert sum(changes.rows.num_rows for changes in batch.changes) == ROWS - 1


@pytest.mark.usefixtures("table")
def test_a_range_of_keys_is_read_once_more(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        reader.take()
        (changes,) = again(reader, None, 100, ID=(7, 9)).changes
        assert sorted(changes.rows.column("ID").to_pylist()) == [7, 8, 9]


@pytest.mark.usefixtures("table")
def test_a_place_of_something_else_is_told(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        reader.take()
        with pytest.raises(PermanentError, match="none by ROWID"):
            again(reader, {"page": 1}, 100)
        reader.position = {"mode": "snapshot", "scn": 1}
        with pytest.raises(PermanentError, match="a snapshot, in the middle"):
            reader.poll()

"""Modes timestamp and rowscn over the wire: what changed is read, what commits late is found."""

from __future__ import annotations

import time as wall
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.contract import Ask, Caveat, Emits
from bridge.errors import GapError, PermanentError
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.tables import Kind, Table
from bridge.testing.oracle.transactions import Transaction
from connectors.oracle.modes import snapshot
from tests.integration.oracle_streams import Reader, events_of, reading

ORDERS = "SALES.ORDERS"
COLUMNS = [("ID", "NUMBER(10) NOT NULL"), ("STATUS", "VARCHAR2(20)"), ("CHANGED_AT", "TIMESTAMP(6)")]
BY_TIME: dict[str, Any] = {
    "mode": "timestamp",
    "columns": ["CHANGED_AT"],
    "snapshot": False,
    "late_window": "60s",
}
BY_SCN: dict[str, Any] = {"mode": "rowscn", "snapshot": False}
HOUR = 3600
BERLIN = ZoneInfo("Europe/Berlin")


class Time:
    """The server's clock, which stands still until told."""

    def __init__(self) -> None:
        self.now = 1_793_000_000 * 10**9

    def __call__(self) -> int:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += round(seconds * 10**9)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def peer(time: Time) -> Any:
    with OraclePeer(Store(time)) as peer:
        yield peer


def table(peer: OraclePeer, time: str = "TIMESTAMP(6)", **more: Any) -> Table:
    columns = [*COLUMNS[:2], ("CHANGED_AT", time)]
    return peer.store.create("SALES", "ORDERS", columns, key=["ID"], **more)


def write(peer: OraclePeer, *numbers: int, status: str = "open") -> None:
    now = peer.store.now()
    peer.store.insert(ORDERS, [{"ID": n, "STATUS": status, "CHANGED_AT": now} for n in numbers])


def update(peer: OraclePeer, number: int, status: str) -> None:
    with peer.store.transaction() as tx:
        tx.update(ORDERS, (number,), {"STATUS": status, "CHANGED_AT": peer.store.now()})


def told(reader: Reader, **ask: Any) -> dict[int, str]:
    """Everything up to now; what the engine makes of repeats is not for here."""
    reader.connector._sessions[""].fresh()
    return {row["ID"]: row["STATUS"] for _, row in reader.take(**ask)}


# -- timestamp


@pytest.mark.parametrize(
    "declared",
    [
        "DATE",
        "TIMESTAMP(0)",
        "TIMESTAMP(6)",
        "TIMESTAMP(9)",
        "TIMESTAMP(6) WITH TIME ZONE",
        "TIMESTAMP(6) WITH LOCAL TIME ZONE",
    ],
)
@pytest.mark.parametrize("offset", [0, 120, -300])
def test_rows_that_changed_are_read_whatever_the_columns_type_and_the_servers_zone(
    declared: str, offset: int, peer: OraclePeer, time: Time
) -> None:
    peer.store.offset = offset
    table(peer, declared)
    write(peer, 1, 2, 3)
    with reading(peer, ORDERS, BY_TIME) as reader:
        assert reader.stream.emits is Emits.IMAGES
        assert reader.stream.caveats == {Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES}
        assert told(reader, rows=2) == {1: "open", 2: "open", 3: "open"}
        time.passes(HOUR)
        update(peer, 2, "paid")
        assert told(reader, rows=2)[2] == "paid"
        time.passes(HOUR)
        assert told(reader) == {2: "paid"}
        assert told(reader) == {}
        write(peer, 4)
        reader.died()
        assert told(reader) == {4: "open"}


def test_what_commits_within_the_late_window_is_found(peer: OraclePeer, time: Time) -> None:
    table(peer)
    late = peer.store.transaction()
    late.insert(ORDERS, {"ID": 1, "STATUS": "late", "CHANGED_AT": peer.store.now()})
    time.passes(30)
    write(peer, 2)
    with reading(peer, ORDERS, BY_TIME) as reader:
        assert told(reader) == {2: "open"}
        time.passes(20)
        late.commit()
        assert told(reader) == {1: "late", 2: "open"}


@pytest.mark.parametrize("grants", [("SYS.GV_$TRANSACTION",), ()])
def test_what_commits_after_it_is_found_where_open_transactions_are_told(
    grants: tuple[str, ...], peer: OraclePeer, time: Time
) -> None:
    table(peer)
    for view in grants:
        peer.grants.grant("SELECT", view)
    late = peer.store.transaction()
    late.insert(ORDERS, {"ID": 1, "STATUS": "late", "CHANGED_AT": peer.store.now()})
    with reading(peer, ORDERS, BY_TIME) as reader:
        for number in range(2, 6):
            time.passes(HOUR)
            write(peer, number)
            told(reader)
        late.commit()
        assert (1 in told(reader)) == bool(grants)


def test_rows_with_one_time_are_paged_by_what_follows_in_the_order(peer: OraclePeer) -> None:
    table(peer)
    write(peer, *range(1, 8))
    with reading(peer, ORDERS, BY_TIME) as reader:
        batches = []
        for _ in range(4):
            batches.append(reader.poll(rows=2))
            reader.published(batches[-1])
            reader.died()
        assert [row["ID"] for batch in batches for _, row in events_of(batch)] == [1, 2, 3, 4, 5, 6, 7]
        assert [batch.more for batch in batches] == [True, True, True, False]


def test_a_row_with_null_in_a_further_column_is_read(peer: OraclePeer) -> None:
    table(peer)
    now = peer.store.now()
    rows = [{"ID": n, "STATUS": None if n % 2 else "open", "CHANGED_AT": now} for n in range(5)]
    peer.store.insert(ORDERS, rows)
    with reading(peer, ORDERS, BY_TIME | {"columns": ["CHANGED_AT", "STATUS"]}) as reader:
        assert told(reader, rows=2).keys() == {0, 1, 2, 3, 4}


def test_a_poll_of_what_rests_asks_one_statement_and_the_clock(peer: OraclePeer, time: Time) -> None:
    table(peer)
    write(peer, 1)
    with reading(peer, ORDERS, BY_TIME) as reader:
        told(reader)
        time.passes(HOUR)
        told(reader)
        told(reader)
        peer.statements.clear()
        before = reader.position
        assert told(reader) == {}
        assert reader.position == before
        assert [text.split(" FROM ")[-1][:16] for text in peer.statements] == ["DUAL", '"SALES"."ORDERS"']


def test_after_a_snapshot_it_goes_on_with_what_changed_since(peer: OraclePeer, time: Time) -> None:
    table(peer)
    write(peer, 1, 2)
    with reading(peer, ORDERS, BY_TIME | {"snapshot": True}) as reader:
        batch = reader.poll()
        reader.published(batch)
        update(peer, 1, "paid")
        time.passes(1)
        assert told(reader)[1] == "paid"


@pytest.mark.parametrize("options", [BY_TIME, BY_SCN])
def test_a_snapshot_that_is_begun_again_is_no_older_than_what_was_told(
    options: dict[str, Any], peer: OraclePeer, time: Time
) -> None:
    table(peer)
    write(peer, 1)
    with reading(peer, ORDERS, options | {"snapshot": True}) as reader:
        told(reader)
        time.passes(1)
        update(peer, 1, "paid")
        time.passes(1)
        assert told(reader)[1] == "paid"
        reader.position = None
        assert events_of(reader.poll())[0][1]["STATUS"] == "paid"


@pytest.mark.parametrize("how", ["row movement", "ALTER TABLE MOVE"])
@pytest.mark.parametrize("options", [BY_TIME, BY_SCN])
def test_a_row_that_moved_to_what_was_read_is_not_lost_when_undo_runs_out(
    options: dict[str, Any], how: str, peer: OraclePeer
) -> None:
    orders = table(peer, row_movement=how == "row movement")
    write(peer, *range(1, 11))
    with reading(peer, ORDERS, options | {"snapshot": True}) as reader:
        found = reader.published(reader.poll(rows=4))
        with peer.store.transaction() as tx:
            tx.delete(orders, (1,))
            tx.delete(orders, (2,))
        if how == "row movement":
            with peer.store.transaction() as tx:
                tx.move(orders, (9,), {})
        else:
            peer.store.rebuild(orders)
        reader.died()
        peer.switches.refuse("AS OF SCN", 1555)
        found += reader.take(rows=4)
        assert {row["ID"] for _, row in found} >= set(range(3, 11))


def test_rows_that_stay_are_read_once_however_often_undo_runs_out(peer: OraclePeer) -> None:
    table(peer)
    write(peer, *range(1, 11))
    with reading(peer, ORDERS, BY_TIME | {"snapshot": True}) as reader:
        found = reader.published(reader.poll(rows=2))
        for _ in range(6):
            reader.died()
            peer.switches.refuse("AS OF SCN", 1555)
            found += reader.published(reader.poll(rows=1))
            found += reader.published(reader.poll(rows=1))
        assert [row["ID"] for _, row in found] == list(range(1, 9))


def test_a_snapshot_that_is_begun_again_and_again_is_a_gap(peer: OraclePeer) -> None:
    table(peer, row_movement=True)
    write(peer, *range(1, 11))
    with reading(peer, ORDERS, BY_TIME | {"snapshot": True}) as reader:
        for _ in range(snapshot.MOST_RENEWALS):
            reader.published(reader.poll(rows=2))
            reader.died()
            peer.switches.refuse("AS OF SCN", 1555)
            assert not reader.published(reader.poll(rows=2))
        reader.published(reader.poll(rows=2))
        reader.died()
        peer.switches.refuse("AS OF SCN", 1555)
        with pytest.raises(GapError, match="ORA-01555"):
            reader.poll()


@pytest.mark.parametrize("options", [BY_TIME, BY_SCN])
def test_a_table_that_is_altered_in_the_middle_of_its_snapshot_is_read_as_soon_as_it_can_be(
    options: dict[str, Any], peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No SCN of the first seconds is known as later than the new definition."""
    orders = table(peer)
    write(peer, *range(1, 11))
    second = 0
    ours = SimpleNamespace(time=lambda: second, monotonic=wall.monotonic)
    monkeypatch.setattr(snapshot, "time", ours)
    with reading(peer, ORDERS, options | {"snapshot": True}) as reader:
        found = reader.published(reader.poll(rows=4))
        reader.died()
        for second in range(30):
            if second < 4:
                orders.ddl_scn = peer.store.scn + 1
            found += reader.published(reader.poll(rows=4))
            write(peer, 100 + second)
        assert {row["ID"] for _, row in found} >= set(range(1, 11))
        assert reader.position["mode"] == options["mode"]


@pytest.mark.parametrize(
    ("named", "shown"),
    [("Europe/Berlin", timedelta(hours=2)), ("Asia/Kolkata", timedelta(hours=5, minutes=30))],
)
def test_times_of_another_zone_than_the_servers_are_read_by_their_zone(
    named: str, shown: timedelta, peer: OraclePeer, time: Time
) -> None:
    """In autumn of 2026; the server's clock is UTC."""
    time.now = int(datetime.fromisoformat("2026-09-01T12:00:00+00:00").timestamp()) * 10**9
    table(peer)
    now = peer.store.now().datetime + shown
    peer.store.insert(ORDERS, [{"ID": 1, "STATUS": "there", "CHANGED_AT": now.replace(tzinfo=None)}])
    with reading(peer, ORDERS, BY_TIME | {"time_zone": named}) as reader:
        assert told(reader) == {1: "there"}
    with reading(peer, ORDERS, BY_TIME) as reader:
        assert told(reader) == {}, "it is not yet so late on the server"


def test_a_clock_that_is_set_back_misses_nothing(peer: OraclePeer, time: Time) -> None:
    table(peer)
    write(peer, 1)
    with reading(peer, ORDERS, BY_TIME) as reader:
        told(reader)
        time.passes(-HOUR)
        write(peer, 2)
        assert 2 in told(reader)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_in_the_hour_that_comes_twice_in_autumn_nothing_is_missed(
    zone: str | None, peer: OraclePeer, time: Time
) -> None:
    """It is polled less often than the late window is long."""
    time.now = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()) * 10**9
    table(peer)
    seen: set[int] = set()
    with reading(peer, ORDERS, BY_TIME | ({"time_zone": zone} if zone else {})) as reader:
        for number in range(30):
            shown = datetime.fromtimestamp(time.now / 1e9, BERLIN)
            ahead = shown.utcoffset() or timedelta()
            peer.store.offset = 0 if zone else ahead // timedelta(minutes=1)
            peer.store.insert(
                ORDERS, [{"ID": number, "STATUS": "open", "CHANGED_AT": shown.replace(tzinfo=None)}]
            )
            if number % 3 == 0:
                seen |= told(reader).keys()
            time.passes(300)
        assert seen | told(reader).keys() == set(range(30))


@pytest.mark.parametrize("ends", [50, 100])
@pytest.mark.parametrize("server", ["Europe/Berlin", "Asia/Kolkata"])
def test_a_transaction_that_is_open_while_the_clock_is_put_back_hides_nothing(
    server: str, ends: int, peer: OraclePeer, time: Time
) -> None:
    """It begins at 2:50, and writes another row when it is 2:10 for the second time."""
    time.now = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()) * 10**9
    table(peer)
    peer.grants.grant("SELECT", "SYS.GV_$TRANSACTION")
    seen: set[int] = set()
    opened: list[Transaction] = []
    with reading(peer, ORDERS, BY_TIME | {"time_zone": "Europe/Berlin"}) as reader:
        for number in range(140):
            offset = datetime.fromtimestamp(time.now / 1e9, ZoneInfo(server)).utcoffset() or timedelta()
            peer.store.offset = offset // timedelta(minutes=1)
            shown = datetime.fromtimestamp(time.now / 1e9, BERLIN).replace(tzinfo=None)
            row = {"ID": number, "STATUS": "open", "CHANGED_AT": shown}
            if number == 20:
                opened.append(peer.store.transaction())
            if number in (20, 40):
                opened[0].insert(ORDERS, row)
            else:
                peer.store.insert(ORDERS, [row])
            if number == ends:
                opened[0].commit()
            seen |= told(reader).keys()
            time.passes(60)
    assert seen == set(range(140))


def test_in_autumn_a_late_window_of_more_than_an_hour_reaches_as_far_back_as_ever(
    peer: OraclePeer, time: Time
) -> None:
    time.now = int(datetime(2026, 10, 25, 1, 2, tzinfo=UTC).timestamp()) * 10**9
    table(peer)
    shown = datetime.fromtimestamp(time.now / 1e9, BERLIN).replace(tzinfo=None)
    late = peer.store.transaction()
    late.insert(ORDERS, {"ID": 1, "STATUS": "late", "CHANGED_AT": shown})
    peer.store.insert(ORDERS, [{"ID": 2, "STATUS": "open", "CHANGED_AT": shown}])
    options = BY_TIME | {"time_zone": "Europe/Berlin", "late_window": "90m"}
    with reading(peer, ORDERS, options) as reader:
        for number in range(3, 9):
            time.passes(600)
            shown = datetime.fromtimestamp(time.now / 1e9, BERLIN).replace(tzinfo=None)
            peer.store.insert(ORDERS, [{"ID": number, "STATUS": "open", "CHANGED_AT": shown}])
            told(reader)
        late.commit()
        assert 1 in told(reader)


@pytest.mark.parametrize("after", [["open", 4], ["open"], [4, 4, 4]])
def test_a_pass_whose_order_is_another_one_meanwhile_begins_anew(
    after: list[Any], peer: OraclePeer, time: Time
) -> None:
    """A further column was made NOT NULL, or is no more; the key is another one."""
    table(peer)
    write(peer, *range(1, 11))
    with reading(peer, ORDERS, BY_TIME) as reader:
        reader.published(reader.poll(rows=4))
        reader.position["after"][1:] = after
        reader.died()
        assert told(reader, rows=4).keys() == set(range(1, 11))


def test_a_column_without_times_is_refused(peer: OraclePeer) -> None:
    table(peer)
    with (
        reading(peer, ORDERS, BY_TIME | {"columns": ["STATUS"]}) as reader,
        pytest.raises(PermanentError, match=r"column STATUS of SALES\.ORDERS holds no time"),
    ):
        reader.poll()


def test_positions_of_another_column_are_refused(peer: OraclePeer) -> None:
    table(peer)
    with reading(peer, ORDERS, BY_TIME) as reader:
        for strange in (
            {"mode": "timestamp", "by": "OTHER", "high": None},
            {"mode": "timestamp", "by": "CHANGED_AT", "high": "yesterday"},
            {"mode": "timestamp", "by": "CHANGED_AT", "high": ""},
            {"mode": "timestamp", "by": "CHANGED_AT", "high": None, "until": "2026-01-01T00:00:00"},
            {"mode": "rowscn", "scn": 1},
        ):
            reader.position = strange
            with pytest.raises(PermanentError, match="CHANGED_AT"):
                reader.poll()


# -- rowscn


@pytest.mark.parametrize("kept", ["by row", "by block"])
def test_rows_of_later_commits_are_read_and_of_their_neighbours(kept: str, peer: OraclePeer) -> None:
    table(peer, row_dependencies=kept == "by row")
    write(peer, *range(1, 21))
    with reading(peer, ORDERS, BY_SCN) as reader:
        assert reader.stream.caveats == {Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES}
        assert len(told(reader, rows=3)) == 20
        assert told(reader) == {}
        update(peer, 5, "paid")
        found = told(reader, rows=3)
        assert found.pop(5) == "paid"
        assert bool(found) == (kept == "by block")
        reader.died()
        assert told(reader) == {}


def test_a_page_may_end_in_the_middle_of_a_commit(peer: OraclePeer) -> None:
    table(peer, row_dependencies=True)
    write(peer, *range(1, 31))
    found: set[int] = set()
    with reading(peer, ORDERS, BY_SCN) as reader:
        while True:
            batch = reader.poll(rows=7)
            found |= {row["ID"] for _, row in reader.published(batch)}
            reader.died()
            if not batch.more:
                break
    assert found == {*range(1, 31)}


def test_a_commit_however_late_is_found_by_its_scn(peer: OraclePeer) -> None:
    table(peer)
    late = peer.store.transaction()
    late.insert(ORDERS, {"ID": 1, "STATUS": "late", "CHANGED_AT": peer.store.now()})
    write(peer, 2)
    with reading(peer, ORDERS, BY_SCN) as reader:
        assert told(reader) == {2: "open"}
        late.commit()
        assert told(reader)[1] == "late"


def test_after_a_snapshot_rowscn_goes_on_at_its_scn(peer: OraclePeer) -> None:
    table(peer, row_dependencies=True)
    write(peer, 1, 2)
    with reading(peer, ORDERS, {"mode": "rowscn"}) as reader:
        assert told(reader) == {1: "open", 2: "open"}
        update(peer, 1, "paid")
        assert told(reader) == {1: "paid"}


def test_a_view_has_no_row_scn(peer: OraclePeer) -> None:
    table(peer)
    peer.store.create_view("SALES", "OPEN_ORDERS", "SELECT id, status FROM sales.orders")
    with (
        reading(peer, "SALES.OPEN_ORDERS", BY_SCN | {"key": ["ID"]}) as reader,
        pytest.raises(PermanentError, match="whose rows have no ORA_ROWSCN"),
    ):
        reader.poll()


@pytest.mark.parametrize("options", [BY_SCN, {"mode": "rowscn"}])
def test_an_index_organized_table_has_no_rowids_to_go_on_after(
    options: dict[str, Any], peer: OraclePeer
) -> None:
    table(peer, kind=Kind.IOT)
    with (
        reading(peer, ORDERS, options) as reader,
        pytest.raises(PermanentError, match="index-organized table, whose rows have no ROWIDs"),
    ):
        reader.poll()


@pytest.mark.parametrize("options", [BY_TIME, BY_SCN])
def test_a_table_without_a_key_is_refused(options: dict[str, Any], peer: OraclePeer) -> None:
    peer.store.create("SALES", "ORDERS", COLUMNS, kind=Kind.TABLE)
    with reading(peer, ORDERS, options) as reader, pytest.raises(PermanentError, match="under `key`"):
        reader.poll()


@pytest.mark.parametrize("options", [BY_TIME, BY_SCN])
def test_rows_are_read_once_more_by_their_key(options: dict[str, Any], peer: OraclePeer) -> None:
    table(peer)
    write(peer, *range(1, 8))
    with reading(peer, ORDERS, options) as reader:
        reader.take()
        place, found = None, []
        for _ in range(4):
            batch = reader.connector.reread(
                reader.stream, reader.position, place, {"ID": (2, 6)}, Ask(rows=2)
            )
            found += [row["ID"] for _, row in events_of(batch)]
            place = batch.position
            reader.died()
            if not batch.more:
                break
        assert found == [2, 3, 4, 5, 6]

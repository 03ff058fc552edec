"""A table that another one takes the place of is not the one whose changes were told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from bridge.errors import GapError, TransientError
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.tables import Table
from tests.integration.oracle_streams import Reader, reading

ORDERS = "SALES.ORDERS"
COLUMNS = [("ID", "NUMBER(10) NOT NULL"), ("STATUS", "VARCHAR2(20)")]


@pytest.fixture
def peer() -> Iterator[OraclePeer]:
    with OraclePeer() as peer:
        yield peer


@pytest.fixture(autouse=True)
def fresh(peer: OraclePeer) -> Table:
    """Beside ORDERS; filled before it takes its place."""
    made(peer, "ORDERS", range(1, 6))
    return made(peer, "ORDERS_NEW", range(3, 9))


def made(peer: OraclePeer, name: str, numbers: Iterable[int]) -> Table:
    table = peer.store.create("SALES", name, COLUMNS, key=["ID"])
    peer.store.insert(table, [{"ID": number, "STATUS": name} for number in numbers])
    return table


def swap(peer: OraclePeer) -> None:
    peer.store.rename(ORDERS, "ORDERS_OLD")
    peer.store.rename("SALES.ORDERS_NEW", "ORDERS")


def update(peer: OraclePeer, table: Table) -> None:
    with peer.store.transaction() as tx:
        tx.update(table, 3, {"STATUS": "paid"})


@pytest.mark.parametrize("died", [False, True])
@pytest.mark.parametrize("snapshot", [False, True])
def test_it_is_a_gap(peer: OraclePeer, fresh: Table, *, died: bool, snapshot: bool) -> None:
    with reading(peer, ORDERS, {"snapshot": snapshot}) as reader:
        reader.take()
        swap(peer)
        update(peer, fresh)
        if died:
            reader.died()
        for _ in range(2):
            with pytest.raises(GapError, match="another table"):
                reader.take()
        reader.position = None
        assert sorted(keys(reader)) == (list(range(3, 9)) if snapshot else [])
        update(peer, fresh)
        assert keys(reader) == [3]


def test_it_is_a_gap_though_nothing_was_told_between_two_starts(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        reader.take()
        swap(peer)
        reader.died()
        with pytest.raises(GapError, match="another table"):
            reader.take()


def test_it_is_a_gap_in_the_middle_of_a_snapshot(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        reader.published(reader.poll(rows=2))
        assert reader.position["mode"] == "snapshot"
        swap(peer)
        reader.died()
        with pytest.raises(GapError, match="another table"):
            reader.take()


def test_a_position_from_before_that_was_known_goes_on(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        reader.take()
        del reader.position["object"]
        update(peer, peer.store.table(ORDERS))
        assert keys(reader) == [3]
        swap(peer)
        reader.died()
        with pytest.raises(GapError, match="another table"):
            reader.take()


def test_a_table_that_comes_back_under_its_name_goes_on(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, {}) as reader:
        reader.take()
        swap(peer)
        peer.store.rename(ORDERS, "ORDERS_NEW")
        peer.store.rename("SALES.ORDERS_OLD", "ORDERS")
        update(peer, peer.store.table(ORDERS))
        assert keys(reader) == [3]


def test_a_table_of_which_versions_cannot_be_told_yet_is_not_begun(peer: OraclePeer) -> None:
    """Seen on Oracle Free 23: a young table can be read as of an SCN a while before its versions can."""
    peer.switches.refuse("VERSIONS BETWEEN", 1466, times=2)
    with reading(peer, ORDERS, {}) as reader:
        for _ in range(2):
            with pytest.raises(TransientError, match="a moment ago"):
                reader.poll()
        assert keys(reader) == [1, 2, 3, 4, 5]
        update(peer, peer.store.table(ORDERS))
        assert keys(reader) == [3]


def keys(reader: Reader) -> list[int]:
    return [int(row["ID"]) for _, row in reader.take()]

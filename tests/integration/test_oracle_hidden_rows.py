"""Rows that the account's queries do not show: archived ones (ROW ARCHIVAL), and those a policy hides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bridge.contract import Level
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.tables import STATE, Column, Table
from tests.integration.oracle_streams import Reader, configured, reading

ORDERS = "SALES.ORDERS"
POLICIES = "a row-level policy (VPD) hides"


@pytest.fixture
def table(peer: OraclePeer) -> Table:
    columns = [Column.declared("ID", "NUMBER(10) NOT NULL"), Column.declared("STATUS", "VARCHAR2(20)")]
    table = peer.store.create("SALES", "ORDERS", [*columns, STATE], key=["ID"])
    peer.store.insert(table, [{"ID": number, "STATUS": "open"} for number in (1, 2)])
    return table


@pytest.fixture(params=["19", "23"])
def peer(request: pytest.FixtureRequest) -> Iterator[OraclePeer]:
    with OraclePeer(release=request.param) as peer:
        yield peer


def archive(peer: OraclePeer, table: Table, key: int) -> None:
    with peer.store.transaction() as tx:
        tx.update(table, key, {"ORA_ARCHIVE_STATE": "1"})


def purge(peer: OraclePeer, table: Table, key: int) -> None:
    with peer.store.transaction() as tx:
        tx.delete(table, key)


def keys(reader: Reader) -> list[tuple[str, int]]:
    return [(op, int(row["ID"])) for op, row in reader.take()]


def test_a_row_that_is_archived_stays_and_is_deleted_when_the_archive_is_purged(
    peer: OraclePeer, table: Table
) -> None:
    with reading(peer, ORDERS, {}) as reader:
        assert keys(reader) == [("r", 1), ("r", 2)]
        archive(peer, table, 1)
        assert keys(reader) == [("u", 1)]
        purge(peer, table, 1)
        assert keys(reader) == [("d", 1)]


@pytest.mark.parametrize("mode", ["snapshot", "images", "rowscn"])
def test_archived_rows_are_read_like_others(peer: OraclePeer, table: Table, mode: str) -> None:
    archive(peer, table, 1)
    with reading(peer, ORDERS, {"mode": mode}) as reader:
        assert [int(row["ID"]) for _, row in reader.take()] == [1, 2]


@pytest.mark.parametrize("exempt", [False, True])
def test_doctor_tells_of_policies_that_the_account_is_not_exempt_from(
    peer: OraclePeer, table: Table, monkeypatch: pytest.MonkeyPatch, *, exempt: bool
) -> None:
    table.policy = lambda row: row[1] == "open"
    if exempt:
        peer.grants.grant("EXEMPT ACCESS POLICY")
    warned = [] if exempt else [ORDERS]
    assert told(peer, monkeypatch) == warned


def test_a_row_that_an_update_takes_behind_a_policy_is_told_by_the_next_images(
    peer: OraclePeer, table: Table
) -> None:
    table.policy = lambda row: row[1] == "open"
    with reading(peer, ORDERS, {}) as reader, reading(peer, ORDERS, {"mode": "images"}) as images:
        reader.take()
        with peer.store.transaction() as tx:
            tx.update(table, 1, {"STATUS": "secret"})
        assert keys(reader) == [], "versions are hidden no less than rows"
        assert [int(row["ID"]) for _, row in images.take()] == [2]


def told(peer: OraclePeer, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setenv("TEST_ORACLE_PASSWORD", peer.password)
    connector = configured(peer, {ORDERS: {}})
    try:
        connector.open()
        connector.discover()
        return [each.stream for each in connector.check() if _of_policies(each.level, each.text)]
    finally:
        connector.close()


def _of_policies(level: Level, text: str) -> bool:
    return level is Level.WARNING and POLICIES in text

"""Mode images over the wire: one query is one scan, and where it is lost a key takes it up again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import oracledb
import pytest

from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.contract import Ask, Caveat, Emits, Scan
from bridge.errors import PermanentError, TransientError
from bridge.testing.fakes import FakeKafka
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.simulation import BRISK, Clock, Engine
from tests.integration.oracle_streams import PASSWORD_VARIABLE, Reader, configured, reading
from tests.property.living import Source

ORDERS, VIEW = "SALES.ORDERS", "SALES.OPEN_ORDERS"
IMAGES = {"mode": "images"}


@pytest.fixture
def peer() -> Iterator[OraclePeer]:
    """Seven orders, and a view of those that are open."""
    with OraclePeer() as peer:
        columns = [("ID", "NUMBER(10) NOT NULL"), ("STATUS", "VARCHAR2(20)")]
        peer.store.create("SALES", "ORDERS", columns, key=["ID"])
        peer.store.insert(ORDERS, [{"ID": n, "STATUS": "open"} for n in range(1, 8)])
        text = "SELECT id, status FROM sales.orders WHERE status = 'open'"
        peer.store.create_view("SALES", "OPEN_ORDERS", text)
        yield peer


def scan(reader: Reader, *, rows: int) -> tuple[list[int], list[Scan | None]]:
    found, marks = [], []
    while True:
        batch = reader.poll(rows=rows)
        found += [row["ID"] for _, row in reader.published(batch)]
        marks.append(batch.scan)
        if not batch.more:
            return found, marks


REMOTE = "SALES.REMOTE_ORDERS"


@pytest.mark.parametrize("rows", [100, 3])
def test_a_view_over_a_database_link_leaves_no_transaction_open(peer: OraclePeer, rows: int) -> None:
    """Else it would be the oldest of the database from then on, which no timestamp stream passes."""
    peer.store.create_view("SALES", "REMOTE_ORDERS", "SELECT * FROM sales.orders", remote=True)
    with reading(peer, REMOTE, {**IMAGES, "key": ["ID"]}) as reader:
        assert peer.store.transactions == {}
        for _ in range(2):
            found, _ = scan(reader, rows=rows)
            assert sorted(found) == list(range(1, 8))
            assert peer.store.transactions == {}
        reader.connector.check()
        assert peer.store.transactions == {}


def test_a_scan_that_goes_on_is_not_cut_by_the_poll_of_another_stream(
    peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, peer.password)
    peer.store.create_view("SALES", "REMOTE_ORDERS", "SELECT * FROM sales.orders", remote=True)
    connector = configured(peer, {REMOTE: IMAGES, VIEW: IMAGES})
    connector.open()
    streams = {stream.name: stream for stream in connector.discover()}
    first = connector.poll(streams[REMOTE], None, Ask(rows=3))
    assert connector.poll(streams[VIEW], None, Ask()).scan is Scan.ONLY
    assert len(peer.store.transactions) == 1
    last = connector.poll(streams[REMOTE], first.position, Ask())
    assert last.scan is Scan.LAST
    assert peer.store.transactions == {}
    connector.close()


def test_a_place_in_a_key_of_the_national_character_set_is_bound_in_it(
    peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's own may lack its characters; the peer has one for both, so it cannot tell."""
    kinds: list[Any] = []
    fetch = oracledb.Connection.fetch_df_batches

    def spied(own: oracledb.Connection, sql: str, binds: dict[str, Any], *more: Any, **how: Any) -> Any:
        kinds.extend(each.type for each in binds.values())
        return fetch(own, sql, binds, *more, **how)

    monkeypatch.setattr(oracledb.Connection, "fetch_df_batches", spied)
    peer.store.create("SALES", "NAMES", [("ID", "NVARCHAR2(20) NOT NULL")], key=["ID"])
    peer.store.insert("SALES.NAMES", [{"ID": "Я"}, {"ID": "中"}])
    with reading(peer, "SALES.NAMES", IMAGES) as reader:
        assert [row["ID"] for _, row in reader.published(reader.poll(rows=1))] == ["Я"]
        reader.died()
        assert [row["ID"] for _, row in reader.published(reader.poll())] == ["中"]
    assert kinds == [oracledb.DB_TYPE_NVARCHAR]


@pytest.mark.parametrize(
    ("name", "options"), [(ORDERS, IMAGES), (VIEW, IMAGES), (VIEW, IMAGES | {"key": ["ID"]})]
)
def test_a_scan_brings_every_row_and_says_where_it_stands(
    name: str, options: dict[str, object], peer: OraclePeer
) -> None:
    with reading(peer, name, options) as reader:
        assert reader.stream.emits is Emits.IMAGES
        assert reader.stream.caveats == {Caveat.COLLAPSES}
        found, marks = scan(reader, rows=3)
        assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]
        assert marks == [Scan.FIRST, Scan.MORE, Scan.LAST]
        assert scan(reader, rows=100)[1] == [Scan.ONLY]


def test_a_scan_is_one_query_of_one_moment(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, IMAGES) as reader:
        peer.statements.clear()
        reader.published(reader.poll(rows=3))
        with peer.store.transaction() as tx:
            tx.delete(ORDERS, (7,))
            tx.insert(ORDERS, {"ID": 8, "STATUS": "open"})
        assert scan(reader, rows=3)[0] == [4, 5, 6, 7]
        assert [each for each in peer.statements if "ALL_TAB_COLS" not in each] == peer.statements[:1]
        assert scan(reader, rows=3)[0] == [1, 2, 3, 4, 5, 6, 8]


def test_a_scan_by_key_goes_on_in_another_process(peer: OraclePeer) -> None:
    with reading(peer, VIEW, IMAGES | {"key": ["ID"]}) as reader:
        reader.published(reader.poll(rows=3))
        reader.died()
        found, marks = scan(reader, rows=3)
        assert (found, marks) == ([4, 5, 6, 7], [Scan.MORE, Scan.LAST])


def test_a_scan_without_a_key_begins_anew_in_another_process(peer: OraclePeer) -> None:
    with reading(peer, VIEW, IMAGES) as reader:
        reader.published(reader.poll(rows=3))
        reader.died()
        found, marks = scan(reader, rows=4)
        assert (len(found), marks) == (7, [Scan.FIRST, Scan.LAST])


def test_a_query_that_is_too_old_is_taken_up_by_its_key(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, IMAGES) as reader:
        reader.published(reader.poll(rows=3))
        assert reader.connector._readings is not None
        reader.connector._readings.release()
        assert scan(reader, rows=3)[0] == [4, 5, 6, 7]


@pytest.mark.parametrize(
    "options",
    [IMAGES, {"mode": "rowscn", "snapshot": False}, {"mode": "outbox"}],
    ids=lambda options: str(options["mode"]),
)
def test_a_query_that_outlasts_the_undo_is_no_gap(options: dict[str, object], peer: OraclePeer) -> None:
    peer.grants.grant("DELETE", ORDERS)
    with reading(peer, ORDERS, options) as reader:
        reader.published(reader.poll(rows=3))
        reader.settle()
        peer.switches.refuse(r"SELECT .* FROM \"SALES\"\.\"ORDERS\" t", 1555)
        reader.connector._readings.release()  # type: ignore[union-attr]
        with pytest.raises(TransientError, match="ORA-01555"):
            reader.poll(rows=3)
        reader.died()
        assert [row["ID"] for _, row in reader.published(reader.poll(rows=3))] == [4, 5, 6]


def test_rows_without_a_value_in_the_key_are_left_out(peer: OraclePeer) -> None:
    peer.store.create("SALES", "LOOSE", [("ID", "NUMBER(10)"), ("STATUS", "VARCHAR2(20)")])
    peer.store.insert("SALES.LOOSE", [{"ID": 1}, {"STATUS": "without"}, {"ID": 2}])
    with reading(peer, "SALES.LOOSE", IMAGES | {"key": ["ID"]}) as reader:
        assert scan(reader, rows=1)[0] == [1, 2]


def test_a_key_that_cannot_be_compared_is_refused(peer: OraclePeer) -> None:
    peer.store.create("SALES", "LOOSE", [("ID", "BINARY_DOUBLE"), ("STATUS", "VARCHAR2(20)")])
    with (
        reading(peer, "SALES.LOOSE", IMAGES | {"key": ["ID"]}) as reader,
        pytest.raises(PermanentError, match="name other columns under `key`"),
    ):
        reader.poll()


def test_a_position_of_another_key_begins_a_scan(peer: OraclePeer) -> None:
    with reading(peer, ORDERS, IMAGES) as reader:
        for strange in ({"mode": "images", "after": ["a", 1]}, {"mode": "images", "after": ["one"]}):
            reader.position = strange
            assert reader.poll().scan is Scan.ONLY
        for other in ({"mode": "images"}, {"after": [1]}, {"mode": "rowscn", "scn": 1}):
            reader.position = other
            with pytest.raises(PermanentError, match="images scan"):
                reader.poll()


def test_rows_without_a_key_are_no_mass_delete_when_their_table_gets_a_column(
    peer: OraclePeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are known by all their columns; that is told to the engine before any of them."""
    monkeypatch.setenv(PASSWORD_VARIABLE, peer.password)
    peer.store.create("SALES", "NOTES", [("A", "NUMBER(5)")])
    peer.store.insert("SALES.NOTES", [{"A": n} for n in range(30)])
    source, kafka = Source(partial(configured, peer, {"SALES.NOTES": IMAGES})), FakeKafka()
    settings = ConnectorSettings(name="erp", kind="oracle", defaults=BRISK, discover_every=3600)
    with Clock() as clock:
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        engine.run(3)
        peer.store.add_column("SALES.NOTES", "B", "NUMBER(5)")
        peer.store.insert("SALES.NOTES", [{"A": 30, "B": 1}])
        engine.run(10)
        assert not engine.parked("SALES.NOTES")
        told = [json.loads(each.value) for each in kafka.committed("erp.SALES.NOTES") if each.value]
        engine.restart()
        source.close()
    assert [each["op"] for each in told[30:]].count("d") == 30
    created = [each["after"] for each in told[30:] if each["op"] == "c"]
    assert created == [*({"A": n, "B": None} for n in range(30)), {"A": 30, "B": 1}]


def test_a_table_with_another_key_after_a_gap_is_no_mass_delete(
    peer: OraclePeer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By which columns its rows are known is told to the engine before any of them."""
    monkeypatch.setenv(PASSWORD_VARIABLE, peer.password)
    columns = [("A", "NUMBER(5) NOT NULL"), ("B", "NUMBER(5) NOT NULL")]
    options = StreamOptions.model_validate({"interval": "1s", "on_gap": "rescan"})
    settings = ConnectorSettings(name="erp", kind="oracle", defaults=options, discover_every=3600)
    source, kafka = Source(partial(configured, peer, {"SALES.NOTES": {}})), FakeKafka()
    with Clock() as clock:
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        for key in ("A", "B"):
            peer.store.create("SALES", "NOTES", columns, key=[key])
            peer.store.insert("SALES.NOTES", [{"A": n, "B": 100 + n} for n in range(30)])
            engine.run(20)
            assert not engine.parked("SALES.NOTES")
            peer.store.drop("SALES", "NOTES")
        events = [json.loads(each.value) for each in kafka.committed("erp.SALES.NOTES") if each.value]
        engine.restart()
        source.close()
    assert [each["op"] for each in events[:60]] == ["r"] * 30 + ["c"] * 30
    assert sorted(each["before"]["A"] for each in events[60:]) == list(range(30))

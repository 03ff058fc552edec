"""Tables are found through the dictionary: by name or pattern, with their columns, keys and kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from bridge.errors import GoneError, PermanentError, TransientError
from bridge.testing.oracle.dictionary_keys import Index
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.tables import Column
from bridge.testing.oracle.tables import Kind as PeerKind
from connectors.oracle.catalog import Catalog, Kind, Relation
from tests.integration.oracle_tables import config, declare, executed, polled, reading, rows, session
from tests.integration.oracle_types import OBJECTS

ID = ("ID", "NUMBER(9) NOT NULL")


@pytest.fixture
def peer() -> Iterator[OraclePeer]:
    with OraclePeer() as served:
        yield served


def found(peer: OraclePeer, streams: Mapping[str, Any]) -> dict[str, Relation]:
    with session(peer) as opened:
        return Catalog(opened).find(config(peer, streams).streams)


def test_hundreds_of_tables_are_found_by_few_statements(peer: OraclePeer) -> None:
    for number in range(300):
        peer.store.create("SALES", f"C{number:03}", [ID, ("V", "VARCHAR2(9)")], key=("ID",))
    peer.store.create("SALES", "D", [ID], key=("ID",))
    peer.store.create("STOCK", "C999", [ID], key=("ID",))
    with session(peer) as opened:
        before = len(peer.statements)
        tables = Catalog(opened).find(config(peer, {"SALES.C*": {}}).streams)
        assert len(peer.statements) - before <= 9
    assert len(tables) == 300
    assert {table.key for table in tables.values()} == {("ID",)}
    assert [column.name for column in tables["SALES.C007"].columns] == ["ID", "V"]


def test_many_names_are_asked_for_in_a_few_statements(peer: OraclePeer) -> None:
    for number in range(150):
        peer.store.create("SALES", f"C{number:03}", [ID], key=("ID",))
    with session(peer) as opened:
        before = len(peer.statements)
        named = {f"SALES.C{number:03}": {"mode": "rowscn"} for number in range(150)}
        assert len(Catalog(opened).find(config(peer, named).streams)) == 150
        assert len(peer.statements) - before <= 16


def test_what_a_name_and_a_pattern_find_is_found_once(peer: OraclePeer) -> None:
    names = [f"SALES.C{number:03}" for number in range(120)]
    for name in names:
        peer.store.create("SALES", name.partition(".")[2], [ID, ("V", "NUMBER")], key=("ID",))
    tables = found(peer, {**{name: {} for name in names}, "SALES.*": {}})
    assert tables.keys() == set(names)
    for table in tables.values():
        assert ([column.name for column in table.columns], table.key) == (["ID", "V"], ("ID",))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("SALES.A_B", {"SALES.A_B"}),
        ("SALES.A_?", {"SALES.A_B", "SALES.A_%"}),
        ("SALES.A[XY]B", {"SALES.AXB"}),
        ("*.AXB", {"SALES.AXB", "STOCK.AXB"}),
        ('SALES.*"*', {'SALES.odd"one'}),
        ("SALES.ORDERS.OLD", {"SALES.ORDERS.OLD"}),
        ("SALES.ODD[1]", {"SALES.ODD[1]"}),
    ],
)
def test_a_pattern_fits_names_as_file_names(peer: OraclePeer, pattern: str, names: set[str]) -> None:
    for name in ("A_B", "AXB", "A_%", 'odd"one', "ORDERS.OLD", "AXBC", "ODD[1]"):
        peer.store.create("SALES", name, [ID], key=("ID",))
    peer.store.create("STOCK", "AXB", [ID], key=("ID",))
    assert found(peer, {pattern: {}}).keys() == names


def test_the_kind_of_a_table_is_known(peer: OraclePeer) -> None:
    kinds = {
        PeerKind.TABLE: Kind.TABLE,
        PeerKind.IOT: Kind.IOT,
        PeerKind.MVIEW: Kind.MVIEW,
        PeerKind.EXTERNAL: Kind.EXTERNAL,
        PeerKind.TEMPORARY: Kind.TEMPORARY,
        PeerKind.CLUSTER: Kind.CLUSTER,
    }
    for kind in kinds:
        peer.store.create("SALES", kind.name, [ID], key=("ID",), kind=kind)
    peer.store.create_view("SALES", "V", 'SELECT ID, ID * 2 AS TWICE FROM SALES."TABLE"')
    tables = found(peer, {"SALES.*": {"key": ["ID"]}})
    assert {name: table.kind for name, table in tables.items()} == {
        **{f"SALES.{kind.name}": told for kind, told in kinds.items()},
        "SALES.V": Kind.VIEW,
    }
    assert [column.name for column in tables["SALES.V"].columns] == ["ID", "TWICE"]


def test_the_key_is_the_primary_one_in_its_order(peer: OraclePeer) -> None:
    columns = [("A", "NUMBER NOT NULL"), ("B", "NUMBER NOT NULL"), ("C", "NUMBER NOT NULL")]
    peer.store.create("SALES", "T", columns, key=("C", "A"))
    peer.indexes.append(Index("SALES", "T_B", "T", ("B",), unique=True))
    assert found(peer, {"SALES.T": {}})["SALES.T"].key == ("C", "A")


def test_a_partitioned_table_is_found_by_its_name_and_by_a_pattern(peer: OraclePeer) -> None:
    peer.store.create("SALES", "T", [ID], key=("ID",), partitions=3)
    for name in ("SALES.T", "SALES.*"):
        assert found(peer, {name: {}}).keys() == {"SALES.T"}


def test_a_primary_key_that_old_rows_need_not_keep_is_none(peer: OraclePeer) -> None:
    columns = [("A", "NUMBER NOT NULL"), ("B", "NUMBER NOT NULL")]
    table = peer.store.create("SALES", "T", columns, key=("A",))
    table.validated = False
    assert found(peer, {"SALES.T": {}})["SALES.T"].key == ()
    peer.indexes.append(Index("SALES", "T_B", "T", ("B",), unique=True))
    assert found(peer, {"SALES.T": {}})["SALES.T"].key == ("B",)


def test_a_primary_key_that_is_not_read_is_none(peer: OraclePeer) -> None:
    columns = [Column.declared("A", "NUMBER"), replace(Column.declared("ID", "NUMBER"), hidden=True)]
    peer.store.create("SALES", "T", columns, key=("ID",))
    assert found(peer, {"SALES.T": {}})["SALES.T"].key == ()


def test_without_one_it_is_the_smallest_unique_index_without_nulls(peer: OraclePeer) -> None:
    filled = [Column.declared(name, "NUMBER NOT NULL") for name in ("A", "B", "C", "SYS_NC00005$")]
    filled[-1] = replace(filled[-1], hidden=True)  # an expression's
    peer.store.create("SALES", "T", [*filled, Column.declared("D", "NUMBER")])
    for names in (("A", "B"), ("C", "B"), ("D",), ("A", "B", "C"), ("SYS_NC00005$",)):
        peer.indexes.append(Index("SALES", f"I_{len(peer.indexes)}", "T", names, unique=True))
    peer.indexes.append(Index("SALES", "PLAIN", "T", ("A",), unique=False))
    assert found(peer, {"SALES.T": {}})["SALES.T"].key == ("A", "B")


def test_what_the_operator_names_is_the_key(peer: OraclePeer) -> None:
    peer.store.create("SALES", "T", [ID, ("V", "NUMBER")], key=("ID",))
    assert found(peer, {"SALES.T": {"key": ["V"]}})["SALES.T"].key == ("V",)


def test_columns_that_nobody_sees_are_not_read(peer: OraclePeer) -> None:
    hidden = replace(Column.declared("SECRET", "NUMBER"), hidden=True)
    peer.store.create(
        "SALES", "T", [Column.declared(*ID), hidden, Column.declared("V", "NUMBER")], key=("ID",)
    )
    (table,) = found(peer, {"SALES.T": {}}).values()
    assert [column.name for column in table.columns] == ["ID", "V"]


def test_what_oracle_keeps_beside_tables_is_read_only_when_it_is_named(peer: OraclePeer) -> None:
    for name in ("T", "BIN$abc==$0", "MLOG$_T", "RUPD$_T", "AQ$_Q_H", "SYSTEMS"):
        peer.store.create("SALES", name, [ID], key=("ID",))
    assert found(peer, {"SALES.*": {}}).keys() == {"SALES.T", "SALES.SYSTEMS"}
    assert found(peer, {"SALES.MLOG$_T": {}}).keys() == {"SALES.MLOG$_T"}


def test_a_queue_is_no_table_and_a_table_no_queue(peer: OraclePeer) -> None:
    peer.store.create("SALES", "T", [ID], key=("ID",))
    peer.queues.create("SALES.Q", payload="JSON")
    assert found(peer, {"SALES.T": {"mode": "aq"}}) == {}
    assert found(peer, {"SALES.Q": {}}) == {}
    (queue,) = found(peer, {"SALES.Q": {"mode": "aq"}}).values()
    assert (queue.kind, queue.columns, queue.key) == (Kind.QUEUE, (), ())


def test_object_types_are_looked_up_down_to_their_last_attribute(peer: OraclePeer) -> None:
    declare(peer, OBJECTS)
    peer.store.create("SALES", "T", [ID, ("P", "SALES.PLACE")], key=("ID",))
    (table,) = found(peer, {"SALES.T": {}}).values()
    assert [part.name for part in table.columns[1].parts] == ["STREET", "SINCE", "AT"]
    assert [part.name for part in table.columns[1].parts[2].parts] == ["X"]
    assert table.unknown == ()


@pytest.mark.parametrize(
    ("asked", "remedy"),
    [
        ("sales.orders", "did you mean SALES.ORDERS?"),
        ("SALES.Orders", "did you mean SALES.ORDERS?"),
        ("SALES.ORDRES", "did you mean SALES.ORDERS?"),
        ("SALES.NOTHING_LIKE_IT", "GRANT SELECT, FLASHBACK ON it TO BRIDGE"),
        ("NOBODY.ORDERS", "GRANT SELECT, FLASHBACK ON it TO BRIDGE"),
        ("ORDERS", "check its name, OWNER.NAME"),
    ],
)
def test_a_table_that_is_not_there_is_told_in_one_message(peer: OraclePeer, asked: str, remedy: str) -> None:
    peer.store.create("SALES", "ORDERS", [ID], key=("ID",))
    with reading(peer, {asked: {}}) as (connector, streams), pytest.raises(GoneError) as told:
        polled(connector, streams[asked])
    assert told.value.text == f"streams: the database has no table {asked} that BRIDGE may read"
    assert remedy in told.value.remedy


def test_a_table_without_a_grant_is_as_good_as_none_and_found_with_it(peer: OraclePeer) -> None:
    peer.store.create("SALES", "ORDERS", [ID], key=("ID",))
    for action in ("SELECT", "FLASHBACK"):
        peer.grants.revoke(action, "SALES.ORDERS")
    with reading(peer, {"SALES.ORDERS": {"mode": "snapshot"}}) as (connector, streams):
        with pytest.raises(GoneError, match="GRANT SELECT, FLASHBACK"):
            polled(connector, streams["SALES.ORDERS"])
        for action in ("SELECT", "FLASHBACK"):
            peer.grants.grant(action, "SALES.ORDERS")
        executed(peer, "INSERT INTO SALES.ORDERS VALUES (1)")
        with pytest.raises(TransientError, match="looked for anew"):  # its key is not known to who polls it
            polled(connector, streams["SALES.ORDERS"])
        (found,) = connector.discover()
        assert rows(polled(connector, found)) == [{"ID": 1}]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": ["id"]}, "table SALES.T has no column id; did you mean ID?"),
        ({"key": ["X"]}, "table SALES.T has no column X; it has ID, CHANGED_AT"),
        (
            {"mode": "timestamp", "columns": ["CHANGED"]},
            "table SALES.T has no column CHANGED; did you mean CHANGED_AT?",
        ),
    ],
)
def test_a_column_that_is_not_there_parks_its_stream_alone(
    peer: OraclePeer, options: Mapping[str, Any], message: str
) -> None:
    peer.store.create("SALES", "T", [ID, ("CHANGED_AT", "TIMESTAMP")], key=("ID",))
    peer.store.create("SALES", "U", [ID], key=("ID",))
    streams = {"SALES.T": options, "SALES.U": {"mode": "snapshot"}}
    with reading(peer, streams) as (connector, known):
        with pytest.raises(PermanentError) as told:
            polled(connector, known["SALES.T"])
        assert str(told.value) == message
        assert rows(polled(connector, known["SALES.U"])) == []


def test_a_table_that_is_meant_to_be_a_queue_is_told_so(peer: OraclePeer) -> None:
    peer.store.create("SALES", "ORDERS", [ID], key=("ID",))
    queue = {"SALES.ORDERS": {"mode": "aq"}}
    with reading(peer, queue) as (connector, streams), pytest.raises(GoneError) as told:
        polled(connector, streams["SALES.ORDERS"])
    assert told.value.text == "streams: the database has no queue SALES.ORDERS that BRIDGE may read"


def test_a_synonym_is_told_with_what_it_stands_for(peer: OraclePeer) -> None:
    peer.store.create("SALES", "ORDERS", [ID], key=("ID",))
    peer.store.synonyms["BESTELLUNGEN"] = ("SALES", "ORDERS")
    asked = "PUBLIC.BESTELLUNGEN"
    with reading(peer, {asked: {}}) as (connector, streams), pytest.raises(GoneError) as told:
        polled(connector, streams[asked])
    assert "did you mean SALES.ORDERS?" in told.value.remedy

"""Every type of Oracle through driver, connector and encoder: docs/connectors/oracle-types.md is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import zip_longest
from time import sleep
from typing import Any

import oracledb
import pyarrow as pa
import pytest

from bridge.contract import Ask, Batch, Level
from bridge.encode import EncoderOptions, Origin, encoder
from bridge.errors import PermanentError, TransientError
from bridge.testing.oracle.datatypes import Type as OracleType
from bridge.testing.oracle.datatypes import parse_type
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.tables import Column
from tests.integration.jdbc_types import Rejected, Type
from tests.integration.oracle_database import Database
from tests.integration.oracle_tables import declare, executed, polled, reading, rows
from tests.integration.oracle_types import OBJECTS, OBJECTS_IN_SQL, ORACLE, STORED

REST_S = 4.0
"""A real database knows a table's definition by times that are three seconds apart (ORA-01466)."""
STREAM = {"SALES.T": {"mode": "snapshot"}}


@pytest.fixture
def peer() -> Iterator[OraclePeer]:
    """Hardened, as the CIS benchmark wants it: nobody but who is granted it may use DBMS_LOB."""
    with OraclePeer() as served:
        served.grants.revoke("EXECUTE", "SYS.DBMS_LOB", of="PUBLIC")
        yield served


def rows_of(types: tuple[Type, ...]) -> list[dict[int, str]]:
    """Column -> literal: a row without any, a few with all values, and one for each that is rejected."""
    good = [[text for text, told in one.values.items() if not isinstance(told, Rejected)] for one in types]
    found: list[dict[int, str]] = [{}]
    found += [{at: text for at, text in enumerate(texts) if text} for texts in zip_longest(*good)]
    found += [
        {at: text}
        for at, one in enumerate(types)
        for text, told in one.values.items()
        if isinstance(told, Rejected)
    ]
    return found


def create(base: Database, types: tuple[Type, ...], wanted: list[dict[int, str]]) -> str:
    """A table of these types and rows; its stream."""
    columns = ", ".join(f"C{at} {one.ddl}" for at, one in enumerate(types))
    name = base.create("T", f"ID NUMBER(9) PRIMARY KEY, {columns}")
    stored = STORED if base.peer else {}
    inserts = []
    for number, row in enumerate(wanted):
        told = {at: text for at, text in row.items() if text not in stored}
        names = ", ".join(["ID", *(f"C{at}" for at in told)])
        inserts.append(f"INSERT INTO $.T ({names}) VALUES ({', '.join([str(number), *told.values()])})")
    base.execute(*inserts)
    if base.peer is None:
        sleep(REST_S)
        return name
    with base.peer.store.transaction() as tx:
        for number, row in enumerate(wanted):
            values = {f"C{at}": stored[text] for at, text in row.items() if text in stored}
            if values:
                tx.update(name, number, values)
    return name


def published(batches: list[Batch]) -> Iterator[dict[str, Any]]:
    """The rows as they are in the events."""
    json_encoder = encoder(EncoderOptions())
    for changes in (changes for batch in batches for changes in batch.changes):
        encoded = json_encoder.encode(changes, Origin("erp", "oracle", "1"), 0)
        assert not encoded.failures
        for value in encoded.values:
            assert value is not None
            yield json.loads(value)["after"]


@pytest.fixture
def base(oracle_database: Database) -> Database:
    made = oracle_database
    if made.peer:
        declare(made.peer, OBJECTS, made.owner)
    else:
        made.execute(*(f"CREATE TYPE $.{name} AS {text}" for name, text in OBJECTS_IN_SQL.items()))
    return made


def there(base: Database, one: Type) -> bool:
    """Releases have the one or the other type not yet."""
    try:
        base.execute(f"CREATE TABLE $.PROBE (C {one.ddl})", "DROP TABLE $.PROBE")
    except oracledb.DatabaseError:
        return False
    return True


def test_every_type_arrives_as_the_documentation_says(base: Database) -> None:
    types = tuple(one for one in ORACLE if base.peer or there(base, one))
    wanted_rows = rows_of(types)
    name = create(base, types, wanted_rows)
    with reading(base, {name: {"mode": "snapshot"}}) as (connector, streams):
        batches = polled(connector, streams[name])
    (schema,) = {changes.table.schema for batch in batches for changes in batch.changes}
    arrow = {one.ddl: schema.field(f"C{at}").type for at, one in enumerate(types)}
    assert arrow == {one.ddl: one.arrow for one in types}
    assert schema.field("ID").type == pa.int64()

    told = {row["ID"]: row for row in published(batches)}
    rejects = {
        reject.key["ID"].as_py(): reject.reason for batch in batches for reject in batch.rejects if reject.key
    }
    assert told.keys() | rejects.keys() == set(range(len(wanted_rows)))
    assert set(told[0].values()) == {0, None}
    found: dict[tuple[str, str], Any] = {}
    wanted: dict[tuple[str, str], Any] = {}
    for number, row in enumerate(wanted_rows):
        for at, literal in row.items():
            value = types[at].values[literal]
            wanted[types[at].ddl, literal] = value
            if isinstance(value, Rejected) and value.reason in rejects.get(number, ""):
                found[types[at].ddl, literal] = value
            else:
                found[types[at].ddl, literal] = told.get(number, {}).get(f"C{at}", rejects.get(number))
    assert found == wanted


def test_numbers_of_any_precision_are_text_numbers_or_doubles_as_wanted(peer: OraclePeer) -> None:
    executed(
        peer,
        "CREATE TABLE SALES.T (ID NUMBER(9) PRIMARY KEY, NARROW NUMBER(9,2), WIDE NUMBER)",
        "INSERT INTO SALES.T VALUES (1, 1.5, 1.5)",
    )
    with reading(peer, STREAM) as (connector, streams):
        changes = polled(connector, streams["SALES.T"])[0].changes[0]
    for decimal, wanted in (("string", '"1.50","WIDE":"1.5"'), ("number", '1.50,"WIDE":1.5')):
        options = EncoderOptions.model_validate({"decimal": decimal})
        (value,) = encoder(options).encode(changes, Origin("erp", "oracle", "1"), 0).values
        assert f'"NARROW":{wanted}' in str(value)


@pytest.mark.parametrize(
    ("scale", "kept", "long"),
    [(0, Decimal(10**38 - 1), Decimal(10**38)), (2, Decimal("-1.5"), Decimal("1E36"))],
)
def test_a_number_of_more_digits_than_arrow_has_room_for_is_a_reject(
    peer: OraclePeer, scale: int, kept: Decimal, long: Decimal
) -> None:
    """INTEGER is NUMBER(*,0), and of that Oracle counts no digits (ALL_TAB_COLS: DATA_PRECISION is NULL)."""
    number, less = Column("N", OracleType("NUMBER", None, scale)), kept.copy_negate()
    peer.store.create("SALES", "T", [Column.declared("ID", "NUMBER(9) NOT NULL"), number], key=["ID"])
    peer.store.insert("SALES.T", [{"ID": at, "N": value} for at, value in enumerate((kept, long, less))])
    with reading(peer, STREAM) as (connector, streams):
        batches = polled(connector, streams["SALES.T"])
    assert [row["N"] for row in rows(batches)] == [kept, less]
    (reject,) = (reject for batch in batches for reject in batch.rejects)
    assert (reject.reason, reject.key) == ("column N: has more than 38 digits", {"ID": pa.scalar(1)})


def test_char_is_padded_and_trimmed_when_wanted_in_keys_too(peer: OraclePeer) -> None:
    executed(
        peer,
        "CREATE TABLE SALES.T (K CHAR(5) PRIMARY KEY, V VARCHAR2(5), N NCHAR(3))",
        "INSERT INTO SALES.T VALUES ('ab', ' v  ', 'n')",
    )
    for trim, wanted in ((False, ("ab   ", " v  ", "n  ")), (True, ("ab", " v  ", "n"))):
        with reading(peer, {"SALES.T": {"mode": "snapshot", "trim": trim}}) as (connector, streams):
            (row,) = rows(polled(connector, streams["SALES.T"]))
        assert tuple(row.values()) == wanted


def test_texts_are_as_long_as_oracle_has_them(peer: OraclePeer) -> None:
    text = "x" + "ü" * 16_383
    executed(peer, "CREATE TABLE SALES.T (ID NUMBER(9) PRIMARY KEY, V VARCHAR2(32767), C CLOB)")
    with peer.store.transaction() as tx:
        tx.insert("SALES.T", {"ID": 1, "V": text, "C": text * 40})
    with reading(peer, STREAM) as (connector, streams):
        assert rows(polled(connector, streams["SALES.T"])) == [{"ID": 1, "V": text, "C": text * 40}]


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("NUMBER(9)", "NUMBER(11,2)", "1.5"),
        ("NUMBER(9,1)", "NUMBER", "1.25"),
        ("TIMESTAMP(0)", "TIMESTAMP(3)", "TIMESTAMP '2024-01-01 00:00:00.5'"),
        ("DATE", "TIMESTAMP(3)", "TIMESTAMP '2024-01-01 00:00:00.5'"),
    ],
)
def test_a_column_that_was_altered_loses_nothing(
    peer: OraclePeer, before: str, after: str, value: str
) -> None:
    """The driver would cut off what is not asked for."""
    executed(peer, f"CREATE TABLE SALES.T (ID NUMBER(9) PRIMARY KEY, C {before})")
    with reading(peer, STREAM) as (connector, streams):
        table = peer.store.table("SALES.T")
        table.columns = (table.columns[0], replace(table.columns[1], type=parse_type(after)))
        peer.store.version += 1  # statements are parsed anew
        executed(peer, f"INSERT INTO SALES.T VALUES (1, {value})")
        with pytest.raises(TransientError, match="altered"):
            polled(connector, streams["SALES.T"])
    with reading(peer, STREAM) as (connector, streams):
        (row,) = rows(polled(connector, streams["SALES.T"]))
    assert str(row["C"]) in ("1.50", "1.25", "2024-01-01 00:00:00.500000")


LONG = ("VARCHAR2(99)", "CLOB", "RAW(99)", "BLOB", "NVARCHAR2(99)", "NCLOB")


def create_long(peer: OraclePeer) -> None:
    """Four letters of two bytes each, or four bytes, and then nine."""
    columns = ", ".join(f"C{at} {kind}" for at, kind in enumerate(LONG))
    inserts = []
    for number, count in enumerate((4, 9)):
        text, octets = f"'{'ü' * count}'", f"HEXTORAW('{'00' * count}')"
        values = f"{text}, {text}, {octets}, TO_BLOB({octets}), {text}, {text}"
        inserts.append(f"INSERT INTO SALES.T VALUES ({number}, {values})")
    executed(peer, f"CREATE TABLE SALES.T (ID NUMBER(9) PRIMARY KEY, {columns})", *inserts)


def test_values_over_the_limit_make_their_row_a_reject(peer: OraclePeer) -> None:
    create_long(peer)
    with reading(peer, {"SALES.T": {"mode": "snapshot", "max_value_bytes": 8}}) as (connector, streams):
        batches = polled(connector, streams["SALES.T"])
    assert [row["ID"] for row in rows(batches)] == [0]
    (reject,) = (reject for batch in batches for reject in batch.rejects)
    assert reject.reason == "column C0: is longer than 8 bytes"
    assert reject.key == {"ID": pa.scalar(1)}


@pytest.mark.parametrize("kind", ["CLOB", "BLOB"])
def test_a_lob_over_the_limit_is_never_read(peer: OraclePeer, kind: str) -> None:
    """8 characters of two bytes each are found too long here, 9 in the database."""
    make = "TO_BLOB(HEXTORAW('{}'))" if kind == "BLOB" else "'{}'"
    each = "00" if kind == "BLOB" else "ü"
    counts = (1, 8, 9)
    executed(
        peer,
        f"CREATE TABLE SALES.T (ID NUMBER(9) PRIMARY KEY, C {kind})",
        *(f"INSERT INTO SALES.T VALUES ({count}, {make.format(each * count)})" for count in counts),
    )
    with reading(peer, {"SALES.T": {"mode": "snapshot", "max_value_bytes": 8}}) as (connector, streams):
        batches = polled(connector, streams["SALES.T"])
    assert [row["ID"] for row in rows(batches)] == ([1, 8] if kind == "BLOB" else [1])
    assert {reject.reason for batch in batches for reject in batch.rejects} == {
        "column C: is longer than 8 bytes"
    }


@pytest.mark.parametrize(("limit", "letters"), [(9, 4), (10, 5), (1, 0)])
def test_values_over_the_limit_are_cut_where_that_is_wanted(
    peer: OraclePeer, limit: int, letters: int
) -> None:
    create_long(peer)
    peer.grants.grant("EXECUTE", "SYS.DBMS_LOB")
    options = {"mode": "snapshot", "max_value_bytes": limit, "oversize": "truncate"}
    with reading(peer, {"SALES.T": options}) as (connector, streams):
        batches = polled(connector, streams["SALES.T"])
    text, octets = "ü" * letters, b"\0" * min(limit, 9)
    first, last = rows(batches)
    assert last == {"ID": 1, "C0": text, "C1": text, "C2": octets, "C3": octets, "C4": text, "C5": text}
    assert first["C1"] == "ü" * min(4, letters)
    assert not any(batch.rejects for batch in batches)


def test_a_blob_cannot_be_cut_by_whom_the_package_is_not_granted(peer: OraclePeer) -> None:
    create_long(peer)
    options = {"mode": "snapshot", "max_value_bytes": 8, "oversize": "truncate"}
    with reading(peer, {"SALES.T": options}) as (connector, streams):
        with pytest.raises(PermanentError, match=r"GRANT EXECUTE ON SYS\.DBMS_LOB TO BRIDGE"):
            polled(connector, streams["SALES.T"])
        (told,) = (each for each in connector.check() if each.level is Level.CRITICAL)
        assert "GRANT EXECUTE ON SYS.DBMS_LOB TO BRIDGE" in told.remedy
        assert told.stream == "SALES.T"


@pytest.mark.parametrize("mode", ["flashback", "snapshot", "images", "rowscn", "outbox"])
def test_doctor_asks_for_the_columns_that_will_be_read(peer: OraclePeer, mode: str) -> None:
    create_long(peer)
    for right in ("DELETE", "UPDATE"):
        peer.grants.grant(right, "SALES.T")
    with reading(peer, {"SALES.T": {"mode": mode}}) as (connector, _):
        assert [each for each in connector.check() if each.level is Level.CRITICAL] == []
        peer.switches.refuse(r"LENGTH.* 1 = 0", 904)
        (told,) = (each for each in connector.check() if each.level is Level.CRITICAL)
        assert "ORA-00904" in told.text


def test_a_key_is_not_cut(peer: OraclePeer) -> None:
    executed(
        peer,
        "CREATE TABLE SALES.T (K VARCHAR2(9) PRIMARY KEY)",
        "INSERT INTO SALES.T VALUES ('abc')",
        "INSERT INTO SALES.T VALUES ('abcd')",
    )
    options = {"mode": "snapshot", "max_value_bytes": 3, "oversize": "truncate"}
    with reading(peer, {"SALES.T": options}) as (connector, streams):
        batches = polled(connector, streams["SALES.T"])
    assert rows(batches) == [{"K": "abc"}]
    assert [reject.reason for batch in batches for reject in batch.rejects] == [
        "column K: is longer than 3 bytes"
    ]


def test_a_type_without_a_place_in_an_event_is_xml_or_a_reject_or_the_end(base: Database) -> None:
    name = create(base, (Type("$.TAGS", pa.string(), {}),), [{}, {0: "$.TAGS('a', 'b')"}])
    xml = {"ID": 1, "C0": "<TAGS><VARCHAR2>a</VARCHAR2><VARCHAR2>b</VARCHAR2></TAGS>"}
    read, rejects = unknown_as(base, name, "string")
    assert (read, rejects) == ([{"ID": 0, "C0": None}, xml], [])
    read, rejects = unknown_as(base, name, "reject")
    assert read == [{"ID": 0, "C0": None}]
    assert rejects == [f"column C0: is of type {base.owner}.TAGS, which is not known"]
    with pytest.raises(PermanentError, match="no place in an event: C0"):
        unknown_as(base, name, "fail")


def unknown_as(base: Database, name: str, wanted: str) -> tuple[list[dict[str, Any]], list[str]]:
    options = {"mode": "snapshot", "unknown_types": wanted}
    with reading(base, {name: options}) as (connector, streams):
        batches = polled(connector, streams[name])
    return rows(batches), [reject.reason for batch in batches for reject in batch.rejects]


def test_a_deletion_of_a_row_that_cannot_be_read_is_told_by_its_key(peer: OraclePeer) -> None:
    executed(
        peer,
        "CREATE TABLE SALES.T (ID NUMBER(9) PRIMARY KEY, D DATE)",
        "INSERT INTO SALES.T VALUES (1, DATE '-0044-03-15')",
    )
    with reading(peer, {"SALES.T": {"snapshot": False}}) as (connector, streams):
        stream = streams["SALES.T"]
        position = polled(connector, stream)[-1].position
        executed(peer, "DELETE FROM SALES.T")
        batch = connector.poll(stream, position, Ask())
    told = [change.rows.column("ID").to_pylist() for change in batch.changes]
    assert told == [[1]] or [reject.key for reject in batch.rejects] == [{"ID": pa.scalar(1)}]

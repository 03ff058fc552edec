"""A connection without a wire answers as python-oracledb does over one: random lives trust in that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import oracledb
import pyarrow as pa
import pytest

from bridge.testing.oracle.near import Connection
from bridge.testing.oracle.server import OraclePeer
from connectors.oracle import connecting  # noqa: F401 -- which sets how the driver fetches
from tests.integration.oracle_peer import connect

QUEUE = "SALES.EVENTS_Q"
COLUMNS = (
    ("ID", "NUMBER(10) NOT NULL"),
    ("PRICE", "NUMBER(12,2)"),
    ("WORD", "VARCHAR2(40)"),
    ("BITS", "RAW(16)"),
    ("DAY", "DATE"),
    ("AT", "TIMESTAMP(6)"),
    ("SHARE", "BINARY_DOUBLE"),
)
WIRE = pa.schema(
    [
        ("0", pa.int64()),
        ("1", pa.decimal128(12, 2)),
        ("2", pa.string()),
        ("3", pa.binary()),
        ("4", pa.timestamp("us")),
        ("5", pa.timestamp("us")),
        ("6", pa.float64()),
        ("7", pa.string()),
        ("8", pa.decimal128(10, 0)),
    ]
)
ALL = "SELECT ID, PRICE, WORD, BITS, DAY, AT, SHARE, ROWIDTOCHAR(ROWID), ID FROM SALES.T"
type Ask = Callable[[Any, OraclePeer], Any]


@pytest.fixture
def peer() -> Any:
    with OraclePeer() as peer:
        table = peer.store.create("SALES", "T", COLUMNS, key=["ID"])
        now = peer.store.now().plain()
        rows: list[dict[str, Any]] = [
            {
                "ID": 1,
                "PRICE": "12.50",
                "WORD": "één",
                "BITS": b"\x00\xff",
                "DAY": now,
                "AT": now,
                "SHARE": 0.5,
            },
            *({"ID": number} for number in range(2, 6)),
        ]
        peer.store.insert(table, rows)
        for action in ("INSERT", "UPDATE", "DELETE"):
            peer.grants.grant(action, "SALES.T")
        peer.grants.grant("DEQUEUE", QUEUE)
        peer.queues.create(QUEUE)
        yield peer


def told(error: oracledb.Error) -> tuple[Any, ...]:
    said = error.args[0]
    return type(error), said.full_code, said.code, said.isrecoverable, str(error)


def both(peer: OraclePeer, ask: Ask) -> tuple[Any, Any]:
    """What each of them says to the same, or raises, with the rest of the database as it was."""
    found = []
    for opened in (lambda: connect(peer), lambda: Connection(peer, peer.user)):
        connection: Any = opened()
        try:
            answer = ask(connection, peer)
        except oracledb.Error as error:
            answer = told(error)
        found.append((answer, connection.is_healthy()))
        peer.switches.clear()
        if connection.is_healthy():
            connection.rollback()
            connection.close()
        peer.bury()
    return found[0], found[1]


def rows(connection: Any, sql: str, binds: Mapping[str, Any] | None = None, size: int = 2) -> Any:
    with connection.cursor() as cursor:
        cursor.arraysize, cursor.prefetchrows = size, size + 1
        cursor.execute(sql, dict(binds or {}))
        return cursor.fetchall()


def frames(connection: Any) -> list[dict[str, Any]]:
    batches = connection.fetch_df_batches(ALL, {}, 2, fetch_decimals=True, requested_schema=WIRE)
    tables = [pa.table(each) for each in batches]
    assert {str(each.schema.types) for each in tables} == {str(WIRE.types)}
    return [row for each in tables for row in each.to_pylist()]


def changed(connection: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM SALES.T WHERE ID < :most", {"most": 3})
        first = cursor.rowcount
        cursor.executemany("DELETE FROM SALES.T WHERE ID = :id", [{"id": 3}, {"id": 3}, {"id": 4}])
        return first, cursor.rowcount, rows(connection, "SELECT ID FROM SALES.T")


def refused(code: int | None) -> Ask:
    def ask(connection: Any, peer: OraclePeer) -> Any:
        peer.switches.refuse("SALES", code)
        return rows(connection, ALL)

    return ask


def after(first: Ask) -> Ask:
    """What comes of the next call."""

    def ask(connection: Any, peer: OraclePeer) -> Any:
        with pytest.raises(oracledb.Error):
            first(connection, peer)
        peer.switches.clear()
        return rows(connection, "SELECT 1 FROM DUAL")

    return ask


def cut(connection: Any, peer: OraclePeer) -> Any:
    peer.kill()
    peer.bury()
    return rows(connection, ALL)


def cut_amid(connection: Any, peer: OraclePeer) -> Any:
    with connection.cursor() as cursor:
        cursor.arraysize, cursor.prefetchrows = 2, 2
        cursor.execute(ALL)
        cut_off = iter(cursor)
        next(cut_off)
        peer.kill()
        peer.bury()
        return list(cut_off)


def locked(connection: Any, peer: OraclePeer) -> Any:
    with peer.store.transaction() as other:
        other.delete("SALES.T", (1,))
        try:
            return changed(connection)
        finally:
            other.rollback()


def dequeued(connection: Any, peer: OraclePeer) -> Any:
    peer.queues.create(QUEUE)
    ids = [peer.queues.put(QUEUE, text, correlation="c") for text in (b"one", b"two", b"three")]
    queue = connection.queue(QUEUE)
    queue.deqoptions.wait = oracledb.DEQ_NO_WAIT
    queue.deqoptions.navigation = oracledb.DEQ_FIRST_MSG
    seen = [
        (ids.index(each.msgid), each.payload, each.correlation, each.priority, type(each.enqtime))
        for each in queue.deqmany(2)
    ]
    connection.rollback()
    queue.deqoptions.mode, queue.deqoptions.msgid = oracledb.DEQ_REMOVE_NODATA, ids[1]
    removed = queue.deqone() is not None, queue.deqone()
    queue.deqoptions.mode, queue.deqoptions.msgid = oracledb.DEQ_BROWSE, ids[2]
    browsed = queue.deqone().payload
    connection.commit()
    return seen, removed, browsed, [each.payload for each in peer.queues[QUEUE].messages]


def without(_: Any, peer: OraclePeer) -> Any:
    peer.grants.revoke("DEQUEUE", QUEUE)
    return dequeued(_, peer)


ASKED: Mapping[str, Ask] = {
    "rows": lambda connection, _: rows(connection, f"{ALL} WHERE ID >= :low ORDER BY ID", {"low": 1}),
    "no rows": lambda connection, _: rows(connection, f"{ALL} WHERE ID = :id", {"id": 77}),
    "functions": lambda connection, _: rows(connection, "SELECT 1, 'x', NULL, COUNT(*), 1/4 FROM SALES.T"),
    "frames": lambda connection, _: frames(connection),
    "changes": lambda connection, _: changed(connection),
    "a lock": locked,
    "no statement": lambda connection, _: rows(connection, "SELEC 1"),
    "no table": lambda connection, _: rows(connection, "SELECT 1 FROM SALES.NONE"),
    "no such SCN": lambda connection, _: rows(connection, "SELECT 1 FROM SALES.T AS OF SCN 9999999999"),
    "dequeues": dequeued,
    "no grant": without,
    "cut": cut,
    "after a cut": after(cut),
    "cut amid rows": cut_amid,
    **{f"ORA-{code:05}": refused(code) for code in (28, 54, 60, 1089, 1555, 3113, 12537, 30052, 20_001)},
    **{f"after ORA-{code:05}": after(refused(code)) for code in (28, 60, 1089, 3113, 12537)},
    "hung up": refused(None),
}


@pytest.mark.parametrize("what", ASKED)
def test_the_same_comes_of_it_with_a_wire_and_without(what: str, peer: OraclePeer) -> None:
    wired, near = both(peer, ASKED[what])
    assert near == wired


def test_what_a_lost_session_held_is_held_until_it_is_buried(peer: OraclePeer) -> None:
    peer.lingers = True
    with Connection(peer, peer.user).cursor() as cursor:
        cursor.execute("DELETE FROM SALES.T WHERE ID = 1")
        peer.kill()
    other = Connection(peer, peer.user)
    with pytest.raises(oracledb.DatabaseError, match="ORA-00054"):
        rows(other, "DELETE FROM SALES.T WHERE ID = 1")
    peer.bury()
    with other.cursor() as cursor:
        cursor.execute("DELETE FROM SALES.T WHERE ID = 1")
        assert cursor.rowcount == 1
    other.close()


def test_a_log_in_is_refused_as_over_a_wire(peer: OraclePeer) -> None:
    peer.switches.login = 28000
    with pytest.raises(oracledb.DatabaseError, match="ORA-28000"):
        Connection(peer, peer.user)

"""The simulated Oracle Database, looked at with python-oracledb alone: what is said of it must be so."""

from __future__ import annotations

import datetime as dt
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracledb
import pytest

from bridge.testing.mainframe.authority import Authority
from bridge.testing.oracle.dictionary_keys import Index
from bridge.testing.oracle.grants import Account, Status
from bridge.testing.oracle.objects import ObjectType
from bridge.testing.oracle.orders import Orders
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.switches import Drip, Stage
from bridge.testing.oracle.tables import Kind
from bridge.testing.oracle.values import Fields, Obj, RowId, Stamp, YearMonth
from tests.integration.oracle_peer import code, connect, connected, rows

SCN = "SELECT current_scn FROM v$database"
ORDERS = "SALES.ORDERS"


@pytest.fixture(autouse=True)
def numbers_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracledb.defaults, "fetch_decimals", True)
    monkeypatch.setattr(oracledb.defaults, "fetch_lobs", False)


@pytest.fixture
def orders(peer: OraclePeer) -> Iterator[oracledb.Connection]:
    """A table of three orders, and a connection."""
    peer.store.create(
        "SALES", "ORDERS", [("ID", "NUMBER(10) NOT NULL"), ("TOTAL", "NUMBER(12,2)")], key=["ID"]
    )
    peer.store.insert(ORDERS, [{"ID": number, "TOTAL": Decimal(number) / 4} for number in (1, 2, 3)])
    with connected(peer) as connection:
        yield connection


def test_a_session_knows_what_database_it_is_in(peer: OraclePeer) -> None:
    with connected(peer) as connection:
        assert connection.version == "23.6.0.24.10"
        assert rows(connection, "SELECT dummy FROM dual") == [("X",)]
        assert rows(connection, "SELECT name, open_mode FROM v$database") == [("FREE", "READ WRITE")]
        assert rows(connection, SCN)[0][0] == peer.store.scn


def test_a_table_is_read_as_of_an_scn_and_by_its_versions(
    orders: oracledb.Connection, peer: OraclePeer
) -> None:
    before = peer.store.scn
    with peer.store.transaction() as tx:
        tx.update(ORDERS, 2, {"TOTAL": Decimal("9.75")})
        tx.delete(ORDERS, 3)
    was = "SELECT id, total FROM sales.orders AS OF SCN :scn ORDER BY id"
    assert rows(orders, was, scn=before) == [(1, Decimal("0.25")), (2, Decimal("0.5")), (3, Decimal("0.75"))]
    changes = rows(
        orders,
        "SELECT versions_operation, id, total FROM sales.orders VERSIONS BETWEEN SCN :low AND :high"
        " WHERE versions_startscn > :low AND versions_operation IS NOT NULL ORDER BY versions_startscn, id",
        low=before,
        high=peer.store.scn,
    )
    assert changes == [("U", 2, Decimal("9.75")), ("D", 3, Decimal("0.75"))]


def test_what_undo_no_longer_has_is_refused(orders: oracledb.Connection, peer: OraclePeer) -> None:
    before = peer.store.scn
    peer.store.insert(ORDERS, [{"ID": 4}])
    peer.store.forget(peer.store.scn)
    with pytest.raises(oracledb.Error) as raised:
        rows(orders, "SELECT id FROM sales.orders AS OF SCN :scn", scn=before)
    assert code(raised) == "ORA-01555"


def test_a_statement_nobody_knows_is_refused(peer: OraclePeer) -> None:
    with connected(peer) as connection, pytest.raises(oracledb.Error) as raised:
        rows(connection, "GRUMBLE AND MOAN")
    assert code(raised) == "ORA-00900"


# -- who may log in, and see what


@pytest.mark.parametrize("number", [1017, 28000, 28001, 1045, 12516, 1033])
def test_a_log_in_is_refused_with_the_code_asked_for(peer: OraclePeer, number: int) -> None:
    peer.switches.login = number
    with pytest.raises(oracledb.Error) as raised:
        connect(peer)
    assert code(raised) == f"ORA-{number:05d}"


def test_a_wrong_password_is_refused_and_counted(peer: OraclePeer) -> None:
    with pytest.raises(oracledb.Error) as raised:
        connect(peer, password="no")
    assert code(raised) == "ORA-01017"
    assert peer.logins == [peer.user]


@pytest.mark.parametrize(
    ("status", "expected"), [(Status.LOCKED, "ORA-28000"), (Status.EXPIRED, "ORA-28001")]
)
def test_an_account_that_is_locked_or_expired_does_not_get_in(
    peer: OraclePeer,
    status: Status,
    expected: str,
) -> None:
    peer.accounts[peer.user].status = status
    with pytest.raises(oracledb.Error) as raised:
        connect(peer)
    assert code(raised) == expected


def test_a_proxy_gets_in_for_whoever_lets_him(peer: OraclePeer) -> None:
    with pytest.raises(oracledb.Error) as raised:
        connect(peer, user=f"{peer.user}[APP]")
    assert code(raised) == "ORA-28150"
    peer.accounts["APP"] = Account("unused", proxies={peer.user})
    peer.grants.plain("APP")
    with connected(peer, user=f"{peer.user}[APP]") as connection:
        who = "SELECT SYS_CONTEXT('USERENV', 'SESSION_USER'), SYS_CONTEXT('USERENV', 'PROXY_USER') FROM dual"
        assert rows(connection, who) == [("APP", peer.user)]


def test_a_session_is_labelled_for_whoever_looks_at_the_database(peer: OraclePeer) -> None:
    with connected(peer) as connection:
        connection.module, connection.action, connection.client_identifier = "bridge", "SALES.ORDERS", "erp"
        rows(connection, "SELECT 1 FROM dual")
        with connected(peer, user=peer.admin, password=peer.admin_password) as dba:
            seen = "SELECT module, action, client_identifier FROM v$session WHERE username = :name"
            assert rows(dba, seen, name=peer.user) == [("bridge", "SALES.ORDERS", "erp")]


def test_a_table_without_a_grant_is_not_there(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.grants.revoke("SELECT", ORDERS)
    peer.grants.revoke("FLASHBACK", ORDERS)
    with pytest.raises(oracledb.Error) as raised:
        rows(orders, "SELECT id FROM sales.orders")
    assert code(raised) == "ORA-00942"
    assert rows(orders, "SELECT table_name FROM all_tables WHERE owner = 'SALES'") == []


def test_flashback_needs_a_grant_of_its_own(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.grants.revoke("FLASHBACK", ORDERS)
    with pytest.raises(oracledb.Error) as raised:
        rows(orders, "SELECT id FROM sales.orders AS OF SCN :scn", scn=peer.store.scn)
    assert code(raised) == "ORA-41900"


@pytest.mark.parametrize("view", ["GV$TRANSACTION", "V$UNDOSTAT", "V$PARAMETER", "DBA_EXTENTS", "V$SESSION"])
def test_a_plain_account_does_not_see_what_is_the_dbas(peer: OraclePeer, view: str) -> None:
    with connected(peer) as connection:
        with pytest.raises(oracledb.Error) as raised:
            rows(connection, f"SELECT COUNT(*) FROM {view}")
        assert code(raised) == "ORA-00942"
        peer.grants.grant("SELECT", f"SYS.{view.replace('V$', 'V_$')}")
        assert len(rows(connection, f"SELECT COUNT(*) FROM {view}")) == 1


def test_an_administrator_makes_accounts_and_grants(orders: oracledb.Connection, peer: OraclePeer) -> None:
    with connected(peer, user=peer.admin, password=peer.admin_password) as dba, dba.cursor() as cursor:
        for statement in (
            'CREATE USER reader IDENTIFIED BY "Secret_1"',
            "GRANT CREATE SESSION TO reader",
            'GRANT SELECT, FLASHBACK ON "SALES".ORDERS TO reader',
        ):
            cursor.execute(statement)
        with connected(peer, user="reader", password="Secret_1") as connection:
            assert rows(connection, "SELECT COUNT(*) FROM sales.orders") == [(3,)]
            cursor.execute("REVOKE SELECT ON sales.orders FROM reader")
            with pytest.raises(oracledb.Error, match=r"ORA-00942|ORA-01031|ORA-41900"):
                rows(connection, "SELECT COUNT(*) FROM sales.orders")
        cursor.execute("ALTER USER reader ACCOUNT LOCK")
        with pytest.raises(oracledb.Error, match="ORA-28000"):
            connect(peer, user="reader", password="Secret_1")
        cursor.execute("DROP USER reader CASCADE")
    with pytest.raises(oracledb.Error, match="ORA-01017"):
        connect(peer, user="reader", password="Secret_1")
    with pytest.raises(oracledb.Error, match="ORA-01031"):
        orders.cursor().execute("CREATE USER other IDENTIFIED BY word")


# -- transactions


def test_nothing_is_committed_unless_somebody_says_so(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.grants.grant("DELETE", ORDERS)
    with orders.cursor() as cursor:
        cursor.execute("DELETE FROM sales.orders WHERE id = :id", id=1)
        assert cursor.rowcount == 1
    with connected(peer) as other:
        assert rows(other, "SELECT COUNT(*) FROM sales.orders") == [(3,)]
        orders.commit()
        assert rows(other, "SELECT COUNT(*) FROM sales.orders") == [(2,)]


def test_many_rows_are_inserted_at_once(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.grants.grant("INSERT", ORDERS)
    with orders.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO sales.orders VALUES (:1, :2)", [(number, 1.5) for number in range(10, 20)]
        )
        assert cursor.rowcount == 10
    orders.commit()
    assert rows(orders, "SELECT COUNT(*) FROM sales.orders WHERE total = 1.5") == [(10,)]
    assert len([each for each in peer.statements if each.startswith("INSERT")]) == 1


def test_a_statement_is_parsed_without_being_run(orders: oracledb.Connection) -> None:
    with orders.cursor() as cursor:
        cursor.parse("SELECT id, total FROM sales.orders")
        assert [column.name for column in cursor.description] == ["ID", "TOTAL"]
        with pytest.raises(oracledb.Error, match="ORA-00904"):
            cursor.parse("SELECT nothing FROM sales.orders")


def test_a_ping_is_answered(orders: oracledb.Connection, peer: OraclePeer) -> None:
    orders.ping()
    peer.kill(28)
    with pytest.raises(oracledb.Error, match="ORA-00028"):
        orders.ping()


def test_a_session_that_ends_is_rolled_back(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.grants.grant("DELETE", ORDERS)
    with connected(peer) as connection:
        connection.cursor().execute("DELETE FROM sales.orders")
    connection = connect(peer)
    connection.cursor().execute("DELETE FROM sales.orders")
    peer.kill()
    with connected(peer) as other:
        _until(lambda: not peer.store.transactions)
        assert rows(other, "SELECT COUNT(*) FROM sales.orders") == [(3,)]


def test_an_open_transaction_is_seen_with_its_start(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.grants.grant("SELECT", "SYS.GV_$TRANSACTION")
    tx = peer.store.transaction()
    tx.insert(ORDERS, {"ID": 9})
    assert rows(orders, "SELECT RAWTOHEX(xid), start_scn FROM gv$transaction") == [
        (tx.xid.hex().upper(), tx.start_scn)
    ]
    tx.rollback()
    assert rows(orders, "SELECT MIN(start_date) FROM gv$transaction") == [(None,)]


# -- the dictionary


def test_the_dictionary_tells_of_tables_and_their_columns(orders: oracledb.Connection) -> None:
    tables = "SELECT owner, table_name, num_rows, row_movement FROM all_tables WHERE owner = :owner"
    assert rows(orders, tables, owner="SALES") == [("SALES", "ORDERS", 3, "DISABLED")]
    columns = (
        "SELECT column_name, data_type, data_length, data_precision, data_scale, nullable FROM all_tab_cols"
        " WHERE owner = 'SALES' AND table_name = 'ORDERS' ORDER BY column_id"
    )
    assert rows(orders, columns) == [("ID", "NUMBER", 22, 10, 0, "N"), ("TOTAL", "NUMBER", 22, 12, 2, "Y")]


def test_the_dictionary_tells_keys_and_indexes(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.indexes.append(Index("SALES", "ORDERS_TOTAL", "ORDERS", ("TOTAL",)))
    key = (
        "SELECT c.constraint_type, k.column_name, k.position FROM all_constraints c JOIN all_cons_columns k"
        " ON k.owner = c.owner AND k.constraint_name = c.constraint_name"
        " WHERE c.owner = 'SALES' AND c.constraint_type = 'P'"
    )
    assert rows(orders, key) == [("P", "ID", 1)]
    indexes = "SELECT index_name, column_name FROM all_ind_columns WHERE table_owner = 'SALES' ORDER BY 1"
    assert rows(orders, indexes) == [("ORDERS_TOTAL", "TOTAL"), ("PK_ORDERS", "ID")]


def test_the_dictionary_tells_the_kinds_that_flashback_refuses(peer: OraclePeer) -> None:
    for kind in Kind:
        peer.store.create("S", kind.name, [("ID", "NUMBER NOT NULL")], key=["ID"], kind=kind)
    kinds = (
        "SELECT table_name, iot_type, temporary, external, CASE WHEN cluster_name IS NULL THEN 0 ELSE 1 END"
        " FROM all_tables WHERE owner = 'S' ORDER BY 1"
    )
    with connected(peer) as connection:
        assert rows(connection, kinds) == [
            ("CLUSTER", None, "N", "NO", 1),
            ("EXTERNAL", None, "N", "YES", 0),
            ("IOT", "IOT", "N", "NO", 0),
            ("MVIEW", None, "N", "NO", 0),
            ("TABLE", None, "N", "NO", 0),
            ("TEMPORARY", None, "Y", "NO", 0),
        ]
        assert rows(connection, "SELECT mview_name FROM all_mviews") == [("MVIEW",)]
        assert rows(connection, "SELECT table_name FROM all_external_tables") == [("EXTERNAL",)]


def test_the_dictionary_tells_logs_queues_and_privileges(
    orders: oracledb.Connection, peer: OraclePeer
) -> None:
    peer.store.create_log(ORDERS)
    peer.queues.create("SALES.INBOX")
    peer.grants.grant("DEQUEUE", "SALES.INBOX")
    logs = "SELECT master, log_table, primary_key, sequence FROM all_mview_logs"
    assert rows(orders, logs) == [("ORDERS", "MLOG$_ORDERS", "YES", "YES")]
    queues = "SELECT name, queue_table, TRIM(dequeue_enabled) FROM all_queues"
    assert rows(orders, queues) == [("INBOX", "INBOX_TAB", "YES")]
    granted = (
        "SELECT privilege FROM user_tab_privs WHERE owner = 'SALES' AND table_name = 'ORDERS' ORDER BY 1"
    )
    assert rows(orders, granted) == [("FLASHBACK",), ("SELECT",)]
    assert rows(orders, "SELECT privilege FROM session_privs") == [("CREATE SESSION",)]


def test_the_dictionary_tells_objects_and_views(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.store.create_view("SALES", "FEW", "SELECT id, total FROM sales.orders WHERE id < 3")
    kinds = (
        "SELECT object_name, object_type, status FROM all_objects WHERE owner = 'SALES' ORDER BY object_name"
    )
    assert rows(orders, kinds) == [("FEW", "VIEW", "VALID"), ("ORDERS", "TABLE", "VALID")]
    assert rows(orders, "SELECT view_name, text FROM all_views") == [
        ("FEW", "SELECT id, total FROM sales.orders WHERE id < 3")
    ]
    columns = (
        "SELECT column_name, data_precision FROM all_tab_columns WHERE table_name = 'FEW' ORDER BY column_id"
    )
    assert rows(orders, columns) == [("ID", 10), ("TOTAL", 12)]
    assert rows(orders, "SELECT COUNT(*) FROM user_tables") == [(0,)]


def test_the_dictionary_tells_types_as_they_were_declared(peer: OraclePeer) -> None:
    declared = {
        "TIMESTAMP(9) WITH TIME ZONE": ("TIMESTAMP(9) WITH TIME ZONE", 13, None, 9),
        "INTERVAL DAY(3) TO SECOND(2)": ("INTERVAL DAY(3) TO SECOND(2)", 11, 3, 2),
        "INTERVAL YEAR(4) TO MONTH": ("INTERVAL YEAR(4) TO MONTH", 5, 4, None),
        "VARCHAR2(10 CHAR)": ("VARCHAR2", 40, None, None),
        "NVARCHAR2(10)": ("NVARCHAR2", 20, None, None),
        "FLOAT": ("FLOAT", 22, 126, None),
        "NUMBER": ("NUMBER", 22, None, None),
        "XMLTYPE": ("XMLTYPE", 2000, None, None),
    }
    peer.store.create("S", "T", [(f"C{place}", each) for place, each in enumerate(declared)])
    asked = "SELECT data_type, data_length, data_precision, data_scale FROM all_tab_cols WHERE owner = 'S'"
    with connected(peer) as connection:
        assert rows(connection, f"{asked} ORDER BY column_id") == list(declared.values())


def test_the_dictionary_tells_object_types(peer: OraclePeer) -> None:
    peer.types["S.PLACE"] = ObjectType("S", "PLACE", (("X", "NUMBER(5,2)"), ("NAME", "VARCHAR2(20)")))
    peer.types["S.PLACES"] = ObjectType("S", "PLACES", element="S.PLACE", bound=9)
    with connected(peer) as connection:
        types = "SELECT type_name, typecode FROM all_types WHERE owner = 'S' ORDER BY 1"
        assert rows(connection, types) == [("PLACE", "OBJECT"), ("PLACES", "COLLECTION")]
        attributes = (
            "SELECT attr_name, attr_type_name, length, precision, scale FROM all_type_attrs WHERE owner = 'S'"
        )
        assert rows(connection, attributes) == [
            ("X", "NUMBER", None, 5, 2),
            ("NAME", "VARCHAR2", 20, None, None),
        ]
        elements = "SELECT coll_type, upper_bound, elem_type_name FROM all_coll_types WHERE owner = 'S'"
        assert rows(connection, elements) == [("VARYING ARRAY", 9, "PLACE")]


def test_extents_are_where_the_rows_are(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.grants.grant("SELECT", "SYS.DBA_EXTENTS")
    blocks = rows(
        orders, "SELECT relative_fno, block_id, blocks FROM dba_extents WHERE segment_name = 'ORDERS'"
    )
    for (rowid,) in rows(orders, "SELECT rowid FROM sales.orders"):
        place = RowId.parse(rowid)
        assert any(
            file == place.file and first <= place.block < first + count for file, first, count in blocks
        )


def test_the_dba_sees_the_instance(peer: OraclePeer) -> None:
    peer.instances = 2
    with connected(peer, user=peer.admin, password=peer.admin_password) as connection:
        assert rows(connection, "SELECT inst_id, status FROM gv$instance") == [(1, "OPEN"), (2, "OPEN")]
        assert rows(connection, "SELECT instance_number, parallel FROM v$instance") == [(1, "YES")]
        assert rows(connection, "SELECT tuned_undoretention, maxquerylen FROM v$undostat") == [(900, 60)]
        assert rows(connection, "SELECT value FROM v$parameter WHERE name = 'undo_retention'") == [("900",)]
        assert rows(connection, "SELECT banner FROM v$version")[0][0].startswith("Oracle Database 23")
        assert rows(connection, "SELECT version_full FROM product_component_version") == [("23.6.0.24.10",)]
        charset = "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'"
        assert rows(connection, charset) == [("AL32UTF8",)]
        assert rows(connection, "SELECT username FROM all_users WHERE username = 'SYSTEM'") == [("SYSTEM",)]
        synonyms = "SELECT table_owner, table_name FROM all_synonyms WHERE synonym_name = 'V$DATABASE'"
        assert rows(connection, synonyms) == [("SYS", "V_$DATABASE")]
        assert rows(connection, "SELECT role FROM session_roles") == [("DBA",)]


@pytest.mark.parametrize("version", ["12.1.0.2.0", "19.24.0.0.0", "21.3.0.0.0"])
def test_older_releases_introduce_themselves(version: str) -> None:
    with OraclePeer(release=version.partition(".")[0]) as old, connected(old) as connection:
        assert connection.version == version
        assert rows(connection, "SELECT 'as ever' FROM dual") == [("as ever",)]


def test_a_release_too_old_for_the_driver_is_refused_by_it() -> None:
    with OraclePeer(release="11") as old, pytest.raises(oracledb.Error, match="DPY-3010"):
        connect(old)


# -- types


NOON = dt.datetime(2026, 11, 22, 12, 30, 15, 123456)  # noqa: DTZ001 -- a wall clock has no zone
VALUES: list[tuple[str, Any, Any]] = [
    ("NUMBER", Decimal("1.5"), Decimal("1.5")),
    ("NUMBER(38)", 10**37 + 7, Decimal(10**37 + 7)),
    ("NUMBER(12,2)", Decimal("-10.25"), Decimal("-10.25")),
    ("FLOAT", Decimal("1.25"), Decimal("1.25")),
    ("BINARY_FLOAT", 1.5, 1.5),
    ("BINARY_DOUBLE", -2.5e100, -2.5e100),
    ("CHAR(3)", "ab", "ab "),
    ("NCHAR(3)", "äb", "äb "),
    ("VARCHAR2(30 CHAR)", "héllo", "héllo"),
    ("VARCHAR2(32767)", "x" * 32_767, "x" * 32_767),
    ("NVARCHAR2(10)", "ñ€", "ñ€"),
    ("RAW(10)", b"\x01\x02", b"\x01\x02"),
    ("DATE", NOON, NOON.replace(microsecond=0)),
    ("TIMESTAMP(6)", NOON, NOON),
    ("TIMESTAMP(6) WITH TIME ZONE", Stamp.of(NOON).zoned(0).zoned(-330), NOON - dt.timedelta(minutes=330)),
    ("TIMESTAMP(6) WITH LOCAL TIME ZONE", NOON.replace(tzinfo=dt.UTC), NOON),
    ("INTERVAL DAY(9) TO SECOND(6)", dt.timedelta(days=-3, seconds=5), dt.timedelta(days=-3, seconds=5)),
    ("INTERVAL YEAR(4) TO MONTH", YearMonth(-25), oracledb.IntervalYM(-2, -1)),
    ("ROWID", RowId(73_000, 5, 128, 3), "AAAR0oAAFAAAACAAAD"),
    ("BOOLEAN", True, True),
    ("LONG", "long text", "long text"),
    ("LONG RAW", b"raw", b"raw"),
    ("CLOB", "clöb " * 10_000, "clöb " * 10_000),
    ("NCLOB", "nclob€", "nclob€"),
    ("BLOB", b"blob" * 10_000, b"blob" * 10_000),
    ("JSON", {"a": [1, None, "x"]}, {"a": [Decimal(1), None, "x"]}),
    ("XMLTYPE", "<a>b</a>", "<a>b</a>"),
]


@pytest.mark.parametrize(("declared", "stored", "fetched"), VALUES, ids=[value[0] for value in VALUES])
def test_a_value_of_each_type_crosses_the_wire(
    peer: OraclePeer,
    declared: str,
    stored: Any,
    fetched: Any,
) -> None:
    peer.store.create("S", "T", [("ID", "NUMBER NOT NULL"), ("V", declared)], key=["ID"])
    peer.store.insert("S.T", [{"ID": 1, "V": stored}, {"ID": 2, "V": None}])
    with connected(peer) as connection:
        assert rows(connection, "SELECT v FROM s.t ORDER BY id") == [(fetched,), (None,)]


def test_a_vector_crosses_the_wire(peer: OraclePeer) -> None:
    peer.store.create("S", "T", [("V", "VECTOR(3, FLOAT64)")])
    peer.store.insert("S.T", [{"V": (1.5, 2.0, -3.25)}])
    with connected(peer) as connection:
        assert list(rows(connection, "SELECT v FROM s.t")[0][0]) == [1.5, 2.0, -3.25]


def test_an_object_with_another_in_it_crosses_the_wire(peer: OraclePeer) -> None:
    place = ObjectType("S", "PLACE", (("X", "BINARY_DOUBLE"), ("Y", "NUMBER(5)")))
    address = ObjectType("S", "ADDRESS", (("STREET", "VARCHAR2(40)"), ("PLACE", "S.PLACE")))
    peer.types |= {"S.PLACE": place, "S.ADDRESS": address}
    peer.store.create("S", "T", [("V", "S.ADDRESS")])
    value = Obj("S.ADDRESS", (("STREET", "Deich 3"), ("PLACE", Obj("S.PLACE", (("X", 1.5), ("Y", 7))))))
    peer.store.insert("S.T", [{"V": value}, {"V": None}])
    with connected(peer) as connection:
        first, second = rows(connection, "SELECT v FROM s.t")
        assert (first[0].STREET, first[0].PLACE.X, first[0].PLACE.Y, second[0]) == ("Deich 3", 1.5, 7, None)


def test_a_date_before_christ_is_more_than_the_driver_can_read(peer: OraclePeer) -> None:
    peer.store.create("S", "T", [("V", "DATE")])
    peer.store.insert("S.T", [{"V": Stamp.at(Fields(-44, 3, 15, 0, 0, 0, 0))}])
    with connected(peer) as connection, pytest.raises(ValueError, match="-44"):
        rows(connection, "SELECT v FROM s.t")


def test_a_result_is_fetched_in_pieces_and_as_arrow(peer: OraclePeer) -> None:
    peer.store.create("S", "T", [("ID", "NUMBER(10) NOT NULL"), ("V", "VARCHAR2(20)")], key=["ID"])
    peer.store.insert("S.T", [{"ID": number, "V": f"row {number}"} for number in range(500)])
    with connected(peer) as connection:
        batches = list(connection.fetch_df_batches("SELECT id, v FROM s.t ORDER BY id", size=200))
        assert [batch.num_rows() for batch in batches] == [200, 200, 100]
        assert len(rows(connection, "SELECT id, v FROM s.t")) == 500


# -- faults


@pytest.mark.parametrize("number", [12514, 12505, 12528])
def test_a_listener_without_a_service_refuses(peer: OraclePeer, number: int) -> None:
    peer.switches.listener = number
    expected = {12514: "DPY-6001", 12505: "DPY-6003", 12528: "ORA-12528"}[number]
    with pytest.raises(oracledb.OperationalError, match=expected):
        connect(peer)


def test_a_service_nobody_registered_is_refused(peer: OraclePeer) -> None:
    with pytest.raises(oracledb.OperationalError, match="DPY-6001"):
        connect(peer, dsn=peer.dsn.replace(peer.service, f"NOBODY_{'X' * 80}"))


def test_the_machine_is_down_and_comes_up_again(peer: OraclePeer) -> None:
    peer.stop()
    with pytest.raises(oracledb.OperationalError, match="DPY-6005"):
        connect(peer)
    peer.start()
    connect(peer).close()


def test_a_statement_is_refused_as_often_as_asked(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.switches.refuse("sales.orders", 1555, after=1, times=1)
    statement = "SELECT COUNT(*) FROM sales.orders"
    assert rows(orders, statement) == [(3,)]
    with pytest.raises(oracledb.Error) as raised:
        rows(orders, statement)
    assert code(raised) == "ORA-01555"
    assert rows(orders, statement) == [(3,)]


def test_a_fetch_is_refused_in_the_middle_of_a_result(peer: OraclePeer) -> None:
    peer.store.create("S", "T", [("ID", "NUMBER(10) NOT NULL")], key=["ID"])
    peer.store.insert("S.T", [{"ID": number} for number in range(100)])
    peer.switches.refuse_fetch(1555, after=1)
    with connected(peer) as connection, connection.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = 10
        cursor.execute("SELECT id FROM s.t")
        assert len(cursor.fetchmany(20)) == 20
        with pytest.raises(oracledb.Error) as raised:
            cursor.fetchall()
        assert code(raised) == "ORA-01555"


@pytest.mark.parametrize("number", [28, 3113, 3114])
def test_some_codes_are_the_last_word(orders: oracledb.Connection, peer: OraclePeer, number: int) -> None:
    peer.switches.refuse("dual", number)
    with pytest.raises(oracledb.Error, match=f"ORA-{number:05d}"):
        rows(orders, "SELECT 1 FROM dual")
    assert not orders.is_healthy()


def test_a_killed_session_hears_of_it_at_its_next_call(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.kill(28)
    with pytest.raises(oracledb.Error, match="ORA-00028"):
        rows(orders, "SELECT 1 FROM dual")
    connect(peer).close()


def test_a_line_is_cut_without_a_word(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.switches.refuse("dual", None)
    with pytest.raises(oracledb.Error) as raised:
        rows(orders, "SELECT 1 FROM dual")
    assert code(raised) == "DPY-4011"


def test_a_line_is_cut_in_the_middle_of_a_result(peer: OraclePeer) -> None:
    peer.store.create("S", "T", [("V", "VARCHAR2(100)")])
    peer.store.insert("S.T", [{"V": "x" * 100}] * 200)
    with connected(peer) as connection:
        peer.switches.cut_after = 9_000
        with pytest.raises(oracledb.Error) as raised:
            rows(connection, "SELECT v FROM s.t")
        assert code(raised) == "DPY-4011"


def test_a_call_that_lasts_too_long_is_broken_and_the_session_goes_on(
    orders: oracledb.Connection,
    peer: OraclePeer,
) -> None:
    orders.call_timeout = 2000
    peer.switches.stall("dual", 30)
    with pytest.raises(oracledb.Error) as raised:
        rows(orders, "SELECT 1 FROM dual")
    assert code(raised) == "DPY-4024"
    assert rows(orders, "SELECT 1 FROM dual") == [(1,)]


def test_a_call_is_cancelled_by_another_thread(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.switches.stall("dual", 30)

    def cancel() -> None:
        _until(lambda: peer.statements)
        orders.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(oracledb.Error) as raised:
        rows(orders, "SELECT 1 FROM dual")
    thread.join()
    assert code(raised) == "ORA-01013"
    assert rows(orders, "SELECT 1 FROM dual") == [(1,)]


def test_a_server_that_says_nothing_is_left(orders: oracledb.Connection, peer: OraclePeer) -> None:
    orders.call_timeout = 200
    peer.switches.silence = Stage.CALLS
    with pytest.raises(oracledb.Error) as raised:
        rows(orders, "SELECT 1 FROM dual")
    assert code(raised) == "DPY-4011"


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.LOGIN])
def test_a_listener_says_nothing_before_or_after_the_handshake(peer: OraclePeer, stage: Stage) -> None:
    peer.switches.silence = stage
    logged_in = threading.Event()

    def log_in() -> None:
        connect(peer).close()
        logged_in.set()

    thread = threading.Thread(target=log_in)
    thread.start()
    assert not logged_in.wait(0.3)
    peer.switches.clear()
    assert logged_in.wait(10)
    thread.join()


def test_a_slow_line_carries_all_the_same(orders: oracledb.Connection, peer: OraclePeer) -> None:
    peer.switches.drip = Drip(32, 0.001)
    assert rows(orders, "SELECT COUNT(*) FROM sales.orders") == [(3,)]


def test_statements_and_round_trips_are_counted(orders: oracledb.Connection, peer: OraclePeer) -> None:
    before = peer.round_trips
    rows(orders, "SELECT COUNT(*) FROM sales.orders")
    orders.commit()
    assert peer.statements == ["SELECT COUNT(*) FROM sales.orders"]
    assert peer.round_trips - before == 2


# -- TLS


def test_a_listener_speaks_tls(peer: OraclePeer, tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    port = peer.tcps(*authority.issue("peer"))
    context = ssl.create_default_context(cafile=authority.file)
    dsn = f"tcps://localhost:{port}/{peer.service}"
    with connected(peer, dsn=dsn, ssl_context=context) as connection:
        assert rows(connection, "SELECT 1 FROM dual") == [(1,)]
    with pytest.raises(oracledb.Error):
        connect(peer, dsn=dsn)


# -- queues


@pytest.fixture
def inbox(peer: OraclePeer) -> Iterator[oracledb.Queue]:
    peer.queues.create("SALES.INBOX", max_retries=1)
    for privilege in ("ENQUEUE", "DEQUEUE"):
        peer.grants.grant(privilege, "SALES.INBOX")
    with connected(peer) as connection:
        queue = connection.queue("SALES.INBOX")
        assert isinstance(queue, oracledb.Queue)
        queue.deqoptions.wait = oracledb.DEQ_NO_WAIT
        yield queue


def test_a_message_is_there_until_its_dequeue_is_committed(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    msgid = peer.queues.put("SALES.INBOX", b"one", correlation="c")
    message = inbox.deqone()
    assert (message.msgid, message.payload, message.correlation, message.attempts) == (msgid, b"one", "c", 0)
    assert inbox.deqone() is None
    inbox.connection.rollback()
    assert inbox.deqone().attempts == 1
    inbox.connection.commit()
    assert inbox.deqone() is None
    assert peer.queues["SALES.INBOX"].messages == []


def test_a_message_in_a_lost_session_comes_back(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    peer.queues.put("SALES.INBOX", b"one")
    assert inbox.deqone().payload == b"one"
    peer.kill()
    _until(lambda: not peer.sessions)
    with connected(peer) as connection:
        queue = connection.queue("SALES.INBOX")
        queue.deqoptions.wait = oracledb.DEQ_NO_WAIT
        assert (queue.deqone().attempts, queue.deqone()) == (0, None)


def test_a_message_tried_too_often_leaves_the_queue(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    peer.queues.put("SALES.INBOX", b"one")
    for _ in range(2):
        assert inbox.deqone() is not None
        inbox.connection.rollback()
    assert inbox.deqone() is None
    assert [message.payload for message in peer.queues["SALES.INBOX"].exceptions] == [b"one"]


def test_many_messages_are_dequeued_at_once(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    for number in range(250):
        peer.queues.put("SALES.INBOX", b"%d" % number)
    taken = [*inbox.deqmany(200), *inbox.deqmany(200)]
    assert [message.payload for message in taken] == [b"%d" % number for number in range(250)]
    assert inbox.deqmany(200) == []


def test_a_message_put_over_the_wire_is_seen_once_committed(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    inbox.enqone(inbox.connection.msgproperties(payload=b"new" * 400, correlation="c", priority=2))
    with connected(peer) as connection:
        other = connection.queue("SALES.INBOX")
        other.deqoptions.wait = oracledb.DEQ_NO_WAIT
        assert other.deqone() is None
        inbox.connection.commit()
        message = other.deqone()
        assert (message.payload, message.correlation, message.priority) == (b"new" * 400, "c", 2)


def test_messages_are_browsed_one_after_the_other(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    for payload in (b"one", b"two"):
        peer.queues.put("SALES.INBOX", payload)
    inbox.deqoptions.mode = oracledb.DEQ_BROWSE
    inbox.deqoptions.navigation = oracledb.DEQ_FIRST_MSG
    assert inbox.deqone().payload == b"one"
    inbox.deqoptions.navigation = oracledb.DEQ_NEXT_MSG
    assert (inbox.deqone().payload, inbox.deqone()) == (b"two", None)
    assert len(peer.queues["SALES.INBOX"].messages) == 2


def test_a_message_is_dequeued_for_good_without_a_commit(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    peer.queues.put("SALES.INBOX", b"one")
    inbox.deqoptions.visibility = oracledb.DEQ_IMMEDIATE
    assert inbox.deqone().payload == b"one"
    inbox.connection.rollback()
    assert inbox.deqone() is None


def test_a_message_is_found_by_its_id_and_its_correlation(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    peer.queues.put("SALES.INBOX", b"one", correlation="a")
    second = peer.queues.put("SALES.INBOX", b"two", correlation="b")
    inbox.deqoptions.correlation = "b"
    assert inbox.deqone().payload == b"two"
    inbox.connection.rollback()
    inbox.deqoptions.correlation = ""
    inbox.deqoptions.msgid = second
    assert inbox.deqone().payload == b"two"


def test_a_dequeue_waits_for_a_message_as_long_as_asked(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    inbox.deqoptions.wait = 30
    threading.Timer(0.2, peer.queues.put, ("SALES.INBOX", b"late")).start()
    assert inbox.deqone().payload == b"late"
    inbox.connection.call_timeout = 200
    with pytest.raises(oracledb.Error, match="DPY-4024"):
        inbox.deqone()


def test_a_message_is_there_when_its_time_has_come_and_not_after(
    inbox: oracledb.Queue, peer: OraclePeer
) -> None:
    peer.queues.put("SALES.INBOX", b"later", delay=3600)
    peer.queues.put("SALES.INBOX", b"too late", expiration=0)
    assert inbox.deqone() is None


def test_a_queue_that_is_stopped_gives_nothing(inbox: oracledb.Queue, peer: OraclePeer) -> None:
    peer.queues["SALES.INBOX"].dequeue_enabled = False
    with pytest.raises(oracledb.Error, match="ORA-25226"):
        inbox.deqone()
    peer.queues["SALES.INBOX"].enqueue_enabled = False
    with pytest.raises(oracledb.Error, match="ORA-25207"):
        inbox.enqone(inbox.connection.msgproperties(payload=b"new"))


def test_a_queue_carries_json(peer: OraclePeer) -> None:
    peer.queues.create("SALES.DOCS", payload="JSON")
    peer.grants.grant("DEQUEUE", "SALES.DOCS")
    peer.queues.put("SALES.DOCS", {"id": 7, "tags": ["a"]})
    with connected(peer) as connection:
        queue = connection.queue("SALES.DOCS", "JSON")
        queue.deqoptions.wait = oracledb.DEQ_NO_WAIT
        assert queue.deqone().payload == {"id": Decimal(7), "tags": ["a"]}


def test_a_queue_carries_jms_text_messages(peer: OraclePeer) -> None:
    kind = "SYS.AQ$_JMS_TEXT_MESSAGE"
    peer.queues.create("SALES.JMS", payload=kind)
    peer.grants.grant("DEQUEUE", "SALES.JMS")
    wanted = Obj("SYS.AQ$_JMS_USERPROPERTY", (("NAME", "colour"), ("TYPE", 100), ("STR_VALUE", "red")))
    agent = Obj(
        "SYS.AQ$_AGENT", (("NAME", "erp"),)
    )  # without one, the driver takes all of the header for NULL
    header = Obj("SYS.AQ$_JMS_HEADER", (("REPLYTO", agent), ("TYPE", "order"), ("PROPERTIES", (wanted,))))
    short = Obj(kind, (("HEADER", header), ("TEXT_LEN", 5), ("TEXT_VC", "short")))
    long = Obj(kind, (("TEXT_LEN", 5000), ("TEXT_LOB", "long " * 1000)))
    for message in (short, long):
        peer.queues.put("SALES.JMS", message)
    with connected(peer) as connection:
        queue = connection.queue("SALES.JMS", connection.gettype(kind))
        queue.deqoptions.wait = oracledb.DEQ_NO_WAIT
        first, second = (each.payload for each in queue.deqmany(5))
        assert (first.TEXT_VC, first.TEXT_LOB, first.HEADER.TYPE) == ("short", None, "order")
        assert [(each.NAME, each.STR_VALUE) for each in first.HEADER.PROPERTIES.aslist()] == [
            ("colour", "red")
        ]
        assert (second.HEADER, second.TEXT_LOB.read()) == (None, "long " * 1000)
        of_queue = "SELECT type, object_type FROM all_queue_tables"
        assert rows(connection, of_queue) == [("OBJECT", kind)]


def test_each_consumer_has_his_own_messages(peer: OraclePeer) -> None:
    peer.queues.create("SALES.NEWS", subscribers=("BRIDGE", "OTHER"))
    peer.grants.grant("DEQUEUE", "SALES.NEWS")
    peer.queues.put("SALES.NEWS", b"one")
    with connected(peer) as connection:
        queue = connection.queue("SALES.NEWS")
        queue.deqoptions.wait = oracledb.DEQ_NO_WAIT
        with pytest.raises(oracledb.Error, match="ORA-25231"):
            queue.deqone()
        queue.deqoptions.consumername = "BRIDGE"
        assert queue.deqone().payload == b"one"
        assert queue.deqone() is None
        connection.commit()
    assert [message.consumer for message in peer.queues["SALES.NEWS"].messages] == ["OTHER"]


def test_a_queue_without_a_grant_is_not_there(peer: OraclePeer) -> None:
    peer.queues.create("SALES.SECRET")
    with connected(peer) as connection, pytest.raises(oracledb.Error, match="ORA-24010"):
        connection.queue("SALES.SECRET").deqone()


# -- the order system, and the peer by itself


def test_the_order_system_works_and_every_line_has_its_order(peer: OraclePeer) -> None:
    orders = Orders(peer.store, count=10)
    for _ in range(200):
        orders.step()
    with connected(peer) as connection:
        numbers = rows(connection, "SELECT id FROM sales.orders ORDER BY id")
        assert [int(number) for (number,) in numbers] == sorted(orders.orders)
        lines = rows(connection, "SELECT order_id, COUNT(*) FROM sales.order_lines GROUP BY order_id")
        assert {int(number): int(count) for number, count in lines} == orders.orders
        assert rows(connection, "SELECT COUNT(DISTINCT status) FROM sales.orders")[0][0] > 1


def test_the_same_seed_makes_the_same_orders() -> None:
    first, second = (Orders(Store(), count=20, seed=7) for _ in range(2))
    for _ in range(50):
        first.step()
        second.step()
    assert first.orders == second.orders


def test_the_peer_runs_by_itself_until_it_is_told_to_end() -> None:
    command = [sys.executable, "-m", "bridge.testing.oracle", "--orders", "5", "--rate", "50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        try:
            dsn, user, password = (part.split()[-1] for part in said.split(", "))
            with oracledb.connect(user=user, password=password, dsn=dsn) as connection:
                scn = rows(connection, SCN)[0][0]
                _until(lambda: rows(connection, SCN)[0][0] > scn + 5)
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def _until(done: Any) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)

"""What doctor says of an Oracle database: each missing grant as its statement, and what tables can bear."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.contract import Finding, Level
from bridge.testing.oracle.dictionary_keys import Index
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.store import Store, View
from bridge.testing.oracle.tables import Column, Kind
from bridge.testing.oracle.values import Stamp
from connectors.oracle import OracleConnector
from connectors.oracle import findings as findings_module

COLUMNS = [("ID", "NUMBER(10)"), ("NAME", "VARCHAR2(20)"), ("CHANGED_AT", "TIMESTAMP(6)")]

AQ = {"mode": "aq"}


@pytest.fixture(autouse=True)
def table(peer: OraclePeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_PASSWORD", peer.password)
    peer.store.create("SALES", "ORDERS", columns=COLUMNS, key=["ID"])


def examined(
    peer: OraclePeer, exclude_tables: Sequence[str] = (), **streams: Any
) -> tuple[Sequence[Finding], OracleConnector]:
    """`ORDERS={...}` stands for SALES.ORDERS."""
    told = {
        "dsn": peer.dsn,
        "user": peer.user,
        "password": "env:ERP_PASSWORD",
        "streams": {f"SALES.{name}": options for name, options in (streams or {"ORDERS": {}}).items()},
        "exclude_tables": exclude_tables,
    }
    connector = OracleConnector(OracleConnector.Config.model_validate(told))
    try:
        connector.open()
        connector.discover()
        return connector.check(), connector
    finally:
        connector.close()


def findings(peer: OraclePeer, **streams: Any) -> list[tuple[Level, str | None, str, str]]:
    found, _ = examined(peer, **streams)
    return [(each.level, each.stream, each.text, each.remedy) for each in found]


def remedies(peer: OraclePeer, level: Level, **streams: Any) -> list[str]:
    return [remedy for found, _, _, remedy in findings(peer, **streams) if found is level]


def everything(peer: OraclePeer) -> None:
    for view in ("V_$UNDOSTAT", "V_$PARAMETER", "GV_$TRANSACTION"):
        peer.grants.grant("SELECT", f"SYS.{view}")


class TestGrants:
    def test_an_account_that_may_do_all_it_needs_is_told_nothing(self, peer: OraclePeer) -> None:
        everything(peer)
        assert [each for each in findings(peer) if each[0] is not Level.OK] == []

    def test_a_missing_right_to_select_is_a_statement(self, peer: OraclePeer) -> None:
        peer.grants.revoke("SELECT", "SALES.ORDERS")
        (remedy,) = remedies(peer, Level.CRITICAL)
        assert "GRANT SELECT" in remedy

    def test_a_missing_right_to_look_back_is_a_statement(self, peer: OraclePeer) -> None:
        peer.grants.revoke("FLASHBACK", "SALES.ORDERS")
        asked = ['GRANT FLASHBACK ON "SALES"."ORDERS" TO BRIDGE']
        assert remedies(peer, Level.CRITICAL) == asked
        assert remedies(peer, Level.CRITICAL, ORDERS={"mode": "snapshot"}) == asked

    def test_without_a_right_to_the_scn_all_else_is_told_still(self, peer: OraclePeer) -> None:
        peer.grants.revoke("SELECT", "SYS.V_$DATABASE")
        peer.grants.revoke("SELECT", "SALES.ORDERS")
        asked = "GRANT SELECT ON SYS.V_$DATABASE TO BRIDGE, or EXECUTE ON SYS.DBMS_FLASHBACK"
        told = findings(peer)
        assert [each[3] for each in told if each[0] is Level.CRITICAL and each[1] is None] == [asked]
        assert any(each[0] is Level.CRITICAL and "GRANT SELECT" in each[3] for each in told if each[1])
        assert "the clocks agree" in [each[2] for each in told]

    def test_a_table_that_cannot_be_looked_back_at_is_not_called_readable(self, peer: OraclePeer) -> None:
        peer.grants.revoke("SELECT", "SYS.V_$DATABASE")
        for options, readable in (({}, False), ({"mode": "snapshot"}, False), ({"mode": "images"}, True)):
            told = [each[2] for each in findings(peer, ORDERS=options)]
            assert any("can be read" in text for text in told) is readable

    def test_images_need_no_right_to_look_back(self, peer: OraclePeer) -> None:
        peer.grants.revoke("FLASHBACK", "SALES.ORDERS")
        assert remedies(peer, Level.CRITICAL, ORDERS={"mode": "images"}) == []

    def test_an_outbox_needs_the_right_to_delete(self, peer: OraclePeer) -> None:
        outbox = {"mode": "outbox"}
        assert remedies(peer, Level.CRITICAL, ORDERS=outbox) == ['GRANT DELETE ON "SALES"."ORDERS" TO BRIDGE']
        peer.grants.grant("DELETE", "SALES.ORDERS")
        assert remedies(peer, Level.CRITICAL, ORDERS=outbox) == []

    def test_a_log_needs_the_right_to_delete_and_its_table_does_not(self, peer: OraclePeer) -> None:
        logged = {"mode": "mview_log"}
        (none,) = (each for each in findings(peer, ORDERS=logged) if each[0] is Level.CRITICAL)
        assert "no materialized view log" in none[2]
        peer.store.create_log(peer.store.table("SALES.ORDERS"))
        peer.grants.grant("DELETE", "SALES.ORDERS")
        asked = ['GRANT DELETE ON "SALES"."MLOG$_ORDERS" TO BRIDGE']
        assert remedies(peer, Level.CRITICAL, ORDERS=logged) == asked
        peer.grants.revoke("DELETE", "SALES.ORDERS")
        peer.grants.grant("DELETE", "SALES.MLOG$_ORDERS")
        assert remedies(peer, Level.CRITICAL, ORDERS=logged) == []
        peer.grants.revoke("SELECT", "SALES.MLOG$_ORDERS")
        assert remedies(peer, Level.CRITICAL, ORDERS=logged) == [
            'GRANT SELECT ON "SALES"."MLOG$_ORDERS" TO BRIDGE'
        ]

    def test_a_queue_needs_the_right_to_dequeue(self, peer: OraclePeer) -> None:
        peer.queues.create("SALES.EVENTS_Q", max_retries=1000)
        asked = ["EXECUTE DBMS_AQADM.GRANT_QUEUE_PRIVILEGE('DEQUEUE', 'SALES.EVENTS_Q', 'BRIDGE')"]
        assert remedies(peer, Level.CRITICAL, EVENTS_Q=AQ) == asked
        peer.grants.grant("DEQUEUE", "SALES.EVENTS_Q")
        assert remedies(peer, Level.CRITICAL, EVENTS_Q=AQ) == []

    def test_what_only_tells_more_is_a_warning(self, peer: OraclePeer) -> None:
        told = remedies(peer, Level.WARNING)
        assert "GRANT SELECT ON SYS.V_$UNDOSTAT TO BRIDGE" in told
        assert "GRANT SELECT ON SYS.V_$PARAMETER TO BRIDGE" in told

    def test_timestamp_mode_asks_for_the_open_transactions(self, peer: OraclePeer) -> None:
        stamped = {"mode": "timestamp", "columns": ["CHANGED_AT"]}
        asked = "GRANT SELECT ON SYS.GV_$TRANSACTION TO BRIDGE"
        assert asked in remedies(peer, Level.WARNING, ORDERS=stamped)
        everything(peer)
        assert asked not in remedies(peer, Level.WARNING, ORDERS=stamped)

    @pytest.mark.parametrize("role", ["PHYSICAL STANDBY", "LOGICAL STANDBY", "SNAPSHOT STANDBY"])
    def test_a_standby_is_not_said_to_show_the_transactions_of_its_primary(
        self, peer: OraclePeer, role: str
    ) -> None:
        everything(peer)
        peer.role = role
        stamped = {"mode": "timestamp", "columns": ["CHANGED_AT"]}
        told = [text for level, _, text, _ in findings(peer, ORDERS=stamped) if level is Level.WARNING]
        assert any("standby" in text and "`late_window`" in text for text in told)
        peer.role = "PRIMARY"
        assert not any("standby" in text for _, _, text, _ in findings(peer, ORDERS=stamped))

    def test_an_account_that_may_write_is_warned_of_before_release_23(self) -> None:
        for release, warned in (("19", True), ("23", False)):
            with OraclePeer(release=release) as peer:
                peer.store.create("SALES", "ORDERS", columns=COLUMNS, key=["ID"])
                peer.grants.grant("UPDATE", "SALES.ORDERS")
                told = remedies(peer, Level.WARNING)
            assert any("REVOKE UPDATE" in remedy for remedy in told) is warned


class TestTables:
    def test_a_table_that_is_missing_is_told_with_what_may_be_meant(self, peer: OraclePeer) -> None:
        (told,) = (each for each in findings(peer, ORDER={}) if each[0] is Level.CRITICAL)
        assert told[1] == "SALES.ORDER"
        assert "SALES.ORDERS" in told[3]

    @pytest.mark.parametrize("kind", [Kind.EXTERNAL, Kind.TEMPORARY, Kind.CLUSTER])
    def test_kinds_without_versions_are_refused_by_name(self, peer: OraclePeer, kind: Kind) -> None:
        peer.store.create("SALES", "ODD", columns=COLUMNS, key=["ID"], kind=kind)
        told = [each for each in findings(peer, ODD={}) if each[0] is Level.CRITICAL]
        assert told
        assert "images" in told[0][3]

    def test_timestamp_mode_wants_an_index_on_its_column(self, peer: OraclePeer) -> None:
        stamped = {"mode": "timestamp", "columns": ["CHANGED_AT"]}
        create = 'CREATE INDEX "SALES"."ORDERS_CHANGED_AT_IX" ON "SALES"."ORDERS" ("CHANGED_AT")'
        wanted = f"{create}; of a view, on its table"
        assert wanted in remedies(peer, Level.WARNING, ORDERS=stamped)
        peer.indexes.append(Index("SALES", "ORDERS_CHANGED", "ORDERS", ("CHANGED_AT",)))
        assert wanted not in remedies(peer, Level.WARNING, ORDERS=stamped)

    def test_a_queue_that_gives_up_on_messages_is_warned_of(self, peer: OraclePeer) -> None:
        for name, most in (("FEW", 5), ("MANY", 1000)):
            peer.queues.create(f"SALES.{name}", max_retries=most)
            peer.grants.grant("DEQUEUE", f"SALES.{name}")
        (told,) = (each for each in findings(peer, FEW=AQ, MANY=AQ) if "exception queue" in each[2])
        assert told[0] is Level.WARNING
        assert told[3] == "DBMS_AQADM.ALTER_QUEUE('SALES.FEW', max_retries => 1000)"

    @pytest.mark.parametrize(
        ("code", "level", "told"),
        [(4063, Level.CRITICAL, "ORA-04063"), (1466, Level.WARNING, "made or altered a moment ago")],
    )
    def test_what_one_table_answers_does_not_hide_the_others(
        self, peer: OraclePeer, code: int, level: Level, told: str
    ) -> None:
        peer.store.create("SALES", "BAD", columns=COLUMNS, key=["ID"])
        peer.switches.refuse("BAD.*1 = 0", code, times=1)
        found = [each for each in findings(peer, BAD={}, ORDERS={}) if each[1]]
        assert [(each[0], told in each[2]) for each in found if each[1] == "SALES.BAD"] == [(level, True)]
        assert (Level.OK, "SALES.ORDERS") in [each[:2] for each in found]

    def test_row_movement_is_told(self, peer: OraclePeer) -> None:
        peer.store.create("SALES", "MOVED", columns=COLUMNS, key=["ID"], row_movement=True)
        told = [each for each in findings(peer, MOVED={}) if "row movement" in each[2]]
        assert [each[0] for each in told] == [Level.OK]

    def test_what_a_poll_reads_is_told_and_a_large_table_is_warned_of(
        self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        peer.store.insert("SALES.ORDERS", [{"ID": number} for number in range(1200)])
        told = [each for each in findings(peer) if "each poll reads" in each[2]]
        assert told[0][0] is Level.OK
        assert "1,200 rows" in told[0][2]
        monkeypatch.setattr(findings_module, "_HEAVY_BYTES", 1)
        told = [each for each in findings(peer) if "each poll reads" in each[2]]
        assert told[0][0] is Level.WARNING
        assert "interval" in told[0][3]

    def test_rowscn_mode_is_told_when_scns_are_kept_by_block(self, peer: OraclePeer) -> None:
        peer.store.create("SALES", "BY_ROW", columns=COLUMNS, key=["ID"], row_dependencies=True)
        for name, warned in (("ORDERS", True), ("BY_ROW", False)):
            told = remedies(peer, Level.WARNING, **{name: {"mode": "rowscn"}})
            assert any("ROWDEPENDENCIES" in remedy for remedy in told) is warned

    def test_an_outbox_whose_rows_may_move_is_warned_of(self, peer: OraclePeer) -> None:
        peer.store.create("SALES", "BOX", columns=COLUMNS, key=["ID"], row_movement=True)
        peer.grants.grant("DELETE", "SALES.BOX")
        told = remedies(peer, Level.WARNING, BOX={"mode": "outbox"})
        assert "ALTER TABLE ... DISABLE ROW MOVEMENT" in told


class TestDatabase:
    @pytest.mark.parametrize(
        ("clustered", "options", "warned"),
        [
            ("TRUE", {}, True),
            ("TRUE", {"overlap": "5s"}, False),
            ("TRUE", {"mode": "images"}, False),
            ("FALSE", {}, False),
        ],
    )
    def test_a_cluster_that_is_read_without_overlap_is_warned_of(
        self,
        peer: OraclePeer,
        clustered: str,
        options: dict[str, Any],
        warned: bool,  # noqa: FBT001
    ) -> None:
        everything(peer)
        peer.parameters["cluster_database"] = clustered
        told = remedies(peer, Level.WARNING, ORDERS=options)
        assert ("set `overlap: 5s` for SALES.ORDERS" in told) is warned

    def test_undo_that_is_short_for_the_longest_query_is_warned_of(self, peer: OraclePeer) -> None:
        everything(peer)
        names = ("TUNED_UNDORETENTION", "MAXQUERYLEN", "SSOLDERRCNT")
        columns = tuple(Column.declared(name, "NUMBER") for name in names)
        peer.store.register(View("SYS", "V_$UNDOSTAT", columns, lambda *_: [(900, 3600, 2)]), "V$UNDOSTAT")
        found, connector = examined(peer)
        assert connector.keeps == {"SALES.ORDERS": 900.0}
        told = [each.text for each in found if each.level is Level.WARNING]
        assert any("the longest query of the last days took 60 minutes" in text for text in told)
        assert any("snapshots were too old (ORA-01555) 2 times" in text for text in told)

    def test_for_how_long_undo_keeps_changes_is_told_to_the_engine(self, peer: OraclePeer) -> None:
        everything(peer)
        found, connector = examined(peer)
        (kept,) = connector.keeps.values()
        assert list(connector.keeps) == ["SALES.ORDERS"]
        assert f"keeps {kept / 60:.0f} minutes of changes, as undo" in [each.text for each in found]

    def test_modes_that_read_no_undo_are_told_nothing_of_it(self, peer: OraclePeer) -> None:
        everything(peer)
        found, connector = examined(peer, ORDERS={"mode": "images"})
        assert connector.keeps == {}
        assert not any("undo" in each.text for each in found)

    @pytest.mark.parametrize(("ahead", "told"), [(0, "the clocks agree"), (60, "this host's by +6")])
    def test_a_clock_that_is_off_is_told(self, ahead: int, told: str) -> None:
        with OraclePeer(Store(lambda: time.time_ns() + ahead * 1_000_000_000)) as peer:
            peer.store.create("SALES", "ORDERS", columns=COLUMNS, key=["ID"])
            assert any(told in each[2] for each in findings(peer))

    @pytest.mark.parametrize(("days", "warned"), [(3, True), (100, False)])
    def test_a_password_that_expires_soon_is_told(self, peer: OraclePeer, days: int, warned: bool) -> None:  # noqa: FBT001
        expires = Stamp.of(datetime.now() + timedelta(days=days))  # noqa: DTZ005 -- as the view has it
        columns = (Column.declared("USERNAME", "VARCHAR2(128)"), Column.declared("EXPIRY_DATE", "DATE"))
        view = View("SYS", "USER_USERS", columns, lambda session, _: [(session.user, expires)])
        peer.store.register(view, "USER_USERS")
        assert any("the password of BRIDGE expires" in each[2] for each in findings(peer)) is warned


def test_an_exclusion_that_leaves_out_nothing_is_told_with_what_it_may_have_meant(peer: OraclePeer) -> None:
    for name in ("A", "A_TMP", "B_OLD"):
        peer.store.create("SALES", name, columns=COLUMNS, key=["ID"])
    excluded = ["SALES.A_TPM", "SALES.b_old", "A_T?P", "SALES.O*", "*_BACKUP"]
    found, _ = examined(peer, excluded, **{"*": {}})
    told = [each for each in found if "exclude_tables" in each.text]
    assert [(each.level, each.text.split()[1]) for each in told] == [
        (Level.WARNING, each) for each in excluded[:3]
    ]
    meant = ["SALES.A_TMP", "SALES.B_OLD", "SALES.A_TMP"]
    assert [each.remedy.split("?")[0] for each in told] == [f"did you mean {each}" for each in meant]

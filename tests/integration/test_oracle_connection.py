"""Connections to Oracle: who logs on and how, in which time, and what an interrupt ends."""

from __future__ import annotations

import gc
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import oracledb
import pytest

from bridge.contract import Ask
from bridge.errors import BridgeError, ConfigError, CredentialsError, TransientError
from bridge.testing import need
from bridge.testing.mainframe.authority import Authority, AuthorityError
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.switches import Drip, Stage
from bridge.testing.proxy import TcpProxy
from connectors.oracle import connector as connector_module
from connectors.oracle import session as session_module
from connectors.oracle.config import OracleConfig
from connectors.oracle.connector import OracleConnector
from connectors.oracle.session import Session
from connectors.oracle.sockets import Sockets
from connectors.oracle.statements import Statement

ORDERS = "SALES.ORDERS"


# The driver leaves sockets that were reset to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def tables(peer: OraclePeer) -> Iterator[None]:
    orders(peer)
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERP_PASSWORD", OraclePeer.password)


def orders(peer: OraclePeer, rows: int = 3) -> None:
    peer.store.create("SALES", "ORDERS", columns=[("ID", "NUMBER(10)"), ("NAME", "VARCHAR2(20)")], key=["ID"])
    with peer.store.transaction() as transaction:
        for number in range(rows):
            transaction.insert("SALES.ORDERS", {"ID": number, "NAME": f"order {number}"})


def config(peer: OraclePeer, **options: Any) -> OracleConfig:
    least = {
        "dsn": peer.dsn,
        "user": peer.user,
        "password": "env:ERP_PASSWORD",
        "streams": {ORDERS: {}},
        "login_timeout": "5s",
    }
    return OracleConfig.model_validate(least | options)


@contextmanager
def opened(peer: OraclePeer, **options: Any) -> Iterator[OracleConnector]:
    connector = OracleConnector(config(peer, **options))
    try:
        connector.open()
        yield connector
    finally:
        connector.close()


def failed(peer: OraclePeer, **options: Any) -> BridgeError:
    with pytest.raises(BridgeError) as caught, opened(peer, **options):
        pass
    assert OraclePeer.password not in str(caught.value)
    return caught.value


@contextmanager
def session(peer: OraclePeer, **options: Any) -> Iterator[Session]:
    one = Session(config(peer, **options))
    try:
        one.open()
        yield one
    finally:
        one.close()


def parameters(peer: OraclePeer) -> dict[str, str]:
    """Of the session that logged on last."""
    told = peer.sessions[-1].session
    assert told is not None
    return dict(told.settings)


@contextmanager
def silent() -> Iterator[int]:
    """A port where everybody is accepted and nobody is answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def nobody() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class TestWhoLogsOn:
    def test_a_session_is_told_to_the_dba(self, peer: OraclePeer) -> None:
        peer.grants.grant("SELECT", "SYS.V_$SESSION")
        one = Session(config(peer, session_label="plant-hamburg"), name="erp")
        try:
            one.open()
            one.begin(ORDERS)
            asked = "SELECT PROGRAM, MODULE, ACTION, CLIENT_IDENTIFIER FROM V$SESSION"
            told = one.one(Statement(f"{asked} WHERE USERNAME = 'BRIDGE'"))
        finally:
            one.close()
        assert told == ("legacy-bridge", "plant-hamburg", ORDERS, "erp")

    def test_rows_are_compared_in_one_order_whatever_the_account_has(self, peer: OraclePeer) -> None:
        with session(peer):
            told = parameters(peer)
        assert (told["NLS_SORT"], told["NLS_COMP"], told["NLS_CALENDAR"]) == ("BINARY", "BINARY", "GREGORIAN")

    def test_a_connection_is_kept_alive(self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[float] = []
        monkeypatch.setattr(Sockets, "keep_alive", lambda _, every_s: told.append(every_s))
        with session(peer, keep_alive="42s"):
            assert told == [42.0]

    def test_the_identity_is_the_same_in_every_session(self, peer: OraclePeer) -> None:
        with session(peer) as first, session(peer) as second:
            assert first.identity == second.identity
            assert first.identity.startswith("oracle:")
            assert first.user == "BRIDGE"

    def test_an_account_logs_on_on_behalf_of_another(self, peer: OraclePeer) -> None:
        peer.accounts["APP"] = type(peer.accounts["BRIDGE"])("another", proxies={"BRIDGE"})
        peer.grants.plain("APP")
        with session(peer, proxy_for="APP") as one:
            assert one.user == "APP"

    def test_a_session_only_reads_since_release_23(self, peer: OraclePeer) -> None:
        with session(peer):
            assert parameters(peer).get("READ_ONLY") == "TRUE"

    @pytest.mark.parametrize("release", ["12", "19", "21"])
    def test_older_releases_are_served(self, release: str) -> None:
        with OraclePeer(release=release) as peer:
            orders(peer)
            with session(peer) as one:
                assert one.version[0] == int(release)
                assert one.scn() > 0
                assert "READ_ONLY" not in parameters(peer)

    def test_release_11_is_too_old(self) -> None:
        with OraclePeer(release="11") as peer:
            error = failed(peer)
        assert isinstance(error, ConfigError)
        assert "12.1 and later" in error.remedy

    def test_a_name_of_tnsnames_is_looked_up(self, peer: OraclePeer, tmp_path: Path) -> None:
        address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={peer.host})(PORT={peer.port}))"
        place = f"(CONNECT_DATA=(SERVICE_NAME={peer.service}))"
        (tmp_path / "tnsnames.ora").write_text(f"ERP_PROD = (DESCRIPTION={address}{place})\n")
        with session(peer, dsn="ERP_PROD", config_dir=tmp_path) as one:
            assert one.healthy
        error = failed(peer, dsn="ERP_TEST", config_dir=tmp_path)
        assert isinstance(error, ConfigError)
        assert "ERP_TEST" in error.text

    def test_what_the_driver_cites_of_a_place_it_cannot_read_is_masked(self, peer: OraclePeer) -> None:
        error = failed(peer, dsn="(DESCRIPTION=(ADDRESS=hidden")
        assert isinstance(error, ConfigError)
        assert error.text.startswith("connecting to the database of `dsn`: DPY-")
        assert "hidden" not in str(error)

    def test_an_edition_is_asked_for(self, peer: OraclePeer) -> None:
        peer.editions.add("RELEASE_2")
        with session(peer, edition="RELEASE_2") as one:
            assert one.healthy
        error = failed(peer, edition="RELEASE_3")
        assert isinstance(error, ConfigError)
        assert "edition" in error.remedy


class TestWhoIsRefused:
    def test_a_wrong_password_is_tried_once(self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ERP_PASSWORD", "wr0ng-passw0rd")
        error = failed(peer)
        assert isinstance(error, CredentialsError)
        assert "ORA-01017" in error.text
        assert "wr0ng" not in str(error)
        assert len(peer.logins) == 1

    def test_it_is_tried_once_though_there_are_more_addresses(
        self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ERP_PASSWORD", "wr0ng-passw0rd")
        twice = f"{peer.host}:{peer.port},{peer.host}:{peer.port}/{peer.service}"
        assert isinstance(failed(peer, dsn=twice), CredentialsError)
        assert len(peer.logins) == 1

    def test_attempts_that_were_given_up_try_no_password_later(
        self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ERP_PASSWORD", "wr0ng-passw0rd")
        address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={peer.host})(PORT={peer.port}))"
        again = "(RETRY_COUNT=20)(RETRY_DELAY=1)"
        dsn = f"(DESCRIPTION={again}{address}(CONNECT_DATA=(SERVICE_NAME={peer.service})))"
        peer.stop()
        for _ in range(3):
            assert isinstance(failed(peer, dsn=dsn, login_timeout="1s"), TransientError)
        peer.start()
        time.sleep(1.5)
        assert peer.logins == []

    @pytest.mark.parametrize("code", [28000, 28001, 1045, 28150, 28049, 28051])
    def test_an_account_that_may_not_log_on_is_not_tried_again(self, peer: OraclePeer, code: int) -> None:
        peer.switches.login = code
        error = failed(peer)
        assert isinstance(error, CredentialsError)
        assert f"ORA-{code:05}" in error.text

    @pytest.mark.parametrize("code", [12516, 1033, 20])
    def test_a_database_that_takes_nobody_now_is_tried_again(self, peer: OraclePeer, code: int) -> None:
        peer.switches.login = code
        assert isinstance(failed(peer), TransientError)

    @pytest.mark.parametrize("code", [12514, 12505, 12528, 12516])
    def test_a_listener_whose_service_is_down_is_tried_again(self, peer: OraclePeer, code: int) -> None:
        peer.switches.listener = code
        error = failed(peer)
        assert isinstance(error, TransientError)
        assert "listener" in error.remedy

    def test_nobody_who_listens_is_tried_again(self, peer: OraclePeer) -> None:
        assert isinstance(failed(peer, dsn=f"127.0.0.1:{nobody()}/x"), TransientError)


class TestTimeLimits:
    def test_a_listener_that_accepts_and_stays_silent_does_not_hold_us(self, peer: OraclePeer) -> None:
        with silent() as port:
            error = failed(peer, dsn=f"127.0.0.1:{port}/x", login_timeout="1s")
        assert isinstance(error, TransientError)
        assert "no answer within 1 s" in error.text

    @pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.LOGIN])
    def test_a_server_that_falls_silent_while_we_log_on_does_not_hold_us(
        self, peer: OraclePeer, stage: Stage
    ) -> None:
        peer.switches.silence = stage
        assert isinstance(failed(peer, login_timeout="1s"), TransientError)

    def test_a_server_that_falls_silent_after_the_log_on_does_not_hold_us(self, peer: OraclePeer) -> None:
        with opened(peer, statement_timeout="2s") as connector:
            peer.switches.silence = Stage.CALLS
            with pytest.raises(TransientError, match="no answer within 2 s"):
                connector.discover()

    def test_a_statement_whose_time_is_up_is_cancelled(
        self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session_module, "_PATIENCE_S", 60.0)  # before its socket is shut
        peer.switches.stall("ALL_TABLES", 60)
        with opened(peer, statement_timeout="3s") as connector:
            began = time.monotonic()
            with pytest.raises(TransientError, match="no answer within 3 s"):
                connector.discover()
            assert time.monotonic() - began < 30, "the database was not asked to stop"

    def test_a_connection_that_is_dead_is_not_asked_to_cancel(
        self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """That ends the interpreter."""
        cancelled: list[Any] = []
        monkeypatch.setattr(oracledb.Connection, "is_healthy", lambda _: False)
        monkeypatch.setattr(oracledb.Connection, "cancel", cancelled.append)
        with session(peer, statement_timeout="1s") as one:
            peer.switches.stall("FROM DUAL", 30)
            one.begin()
            with pytest.raises(Exception, match=r"DPY-|closed"):
                one.rows(Statement("SELECT 1 FROM DUAL"))
        assert cancelled == []

    def test_the_next_address_is_tried(self, peer: OraclePeer) -> None:
        with silent() as port:
            for first in (nobody(), port):
                places = f"127.0.0.1:{first},127.0.0.1:{peer.port}/{peer.service}"
                with session(peer, dsn=places, login_timeout="4s") as one:
                    assert one.healthy

    def test_the_next_address_that_a_name_stands_for_is_tried(
        self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = socket.getaddrinfo

        def resolve(host: Any, *wanted: Any, **how: Any) -> Any:
            if host != "scan.bank.example":
                return known(host, *wanted, **how)
            return [each for one in ("127.0.0.2", peer.host) for each in known(one, *wanted, **how)]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        peer.switches.drip = Drip(160, 0.02)  # logging on takes a second
        with (
            socket.create_server(("127.0.0.2", peer.port)),
            session(peer, dsn=f"scan.bank.example:{peer.port}/{peer.service}", login_timeout="6s") as one,
        ):
            assert one.healthy

    def test_a_session_that_was_forgotten_while_it_rested_is_replaced(
        self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connector_module, "IDLE_S", 0.0)
        monkeypatch.setattr(connector_module, "PROBE_S", 0.5)
        with TcpProxy(peer.port) as proxy:
            dsn = f"127.0.0.1:{proxy.port}/{peer.service}"
            with opened(peer, dsn=dsn) as connector:
                found = connector.discover()
                proxy.forget()
                assert connector.discover() == found

    def test_a_pluggable_database_that_was_cloned_again_is_another_one(self, peer: OraclePeer) -> None:
        """Under its name, in the same container."""
        with session(peer) as opened:
            identity = opened.identity
        peer.pluggable_dbid += 1
        with session(peer) as opened:
            assert opened.identity != identity

    @pytest.mark.parametrize("which", ["that reads", "that deletes"])
    def test_a_session_of_another_database_is_not_taken_for_one_of_this(
        self, which: str, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The name in `dsn` has moved to a copy, and one session is there still."""
        if which == "that reads":
            monkeypatch.setattr(connector_module, "IDLE_S", 0.0)
            monkeypatch.setattr(Session, "lives", lambda *_: False)
        with OraclePeer() as copy, TcpProxy(peer.port) as proxy:
            copy.resetlogs += 1
            orders(copy)
            for each in (peer, copy):
                each.grants.grant("DELETE", ORDERS)
            dsn = f"127.0.0.1:{proxy.port}/{peer.service}"
            with opened(peer, dsn=dsn, streams={ORDERS: {"mode": "outbox"}}) as connector:
                (stream,) = connector.discover()
                proxy.target = copy.port
                with pytest.raises(TransientError, match="another database answers at"):
                    connector.poll(stream, None, Ask())
                connector.close()
                connector.open()
                assert connector.discover()[0].identity != stream.identity

    def test_closing_is_soon_done_whatever_the_server_does(self, peer: OraclePeer) -> None:
        with opened(peer) as connector:
            peer.switches.silence = Stage.CALLS
            began = time.monotonic()
            connector.close()
            connector.close()
            assert time.monotonic() - began < 30


class TestInterrupts:
    @staticmethod
    def interrupted(connector: OracleConnector, call: Any) -> float:
        """Seconds from the interrupt to its error."""
        at: list[float] = []

        def interrupt() -> None:
            at.append(time.monotonic())
            connector.interrupt()

        timer = threading.Timer(0.3, interrupt)
        timer.start()
        with pytest.raises(TransientError, match="interrupted"):
            call()
        ended = time.monotonic()
        timer.join()
        return ended - at[0]

    def test_connecting_is_interrupted(self, peer: OraclePeer) -> None:
        with silent() as port:
            connector = OracleConnector(config(peer, dsn=f"127.0.0.1:{port}/x", login_timeout="60s"))
            assert self.interrupted(connector, connector.open) < 30
            connector.close()

    def test_logging_on_is_interrupted(self, peer: OraclePeer) -> None:
        peer.switches.silence = Stage.LOGIN
        connector = OracleConnector(config(peer, login_timeout="60s"))
        assert self.interrupted(connector, connector.open) < 30
        connector.close()

    def test_a_long_statement_is_cancelled(self, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(session_module, "_PATIENCE_S", 60.0)  # before its socket is shut
        peer.switches.stall("ALL_TABLES", 60)
        with opened(peer, statement_timeout="60s") as connector:
            assert self.interrupted(connector, connector.discover) < 30

    def test_a_server_that_does_not_answer_a_cancel_either_is_left(self, peer: OraclePeer) -> None:
        with opened(peer, statement_timeout="60s") as connector:
            peer.switches.silence = Stage.CALLS
            assert self.interrupted(connector, connector.discover) < 30

    def test_an_interrupt_between_calls_is_of_no_consequence(self, peer: OraclePeer) -> None:
        with opened(peer) as connector:
            connector.interrupt()
            assert connector.discover()

    def test_a_session_that_was_interrupted_is_not_used_again(self, peer: OraclePeer) -> None:
        peer.switches.stall("ALL_TABLES", 60)
        with opened(peer) as connector:
            self.interrupted(connector, connector.discover)
            assert connector.discover()
            assert len(peer.logins) == 2

    def test_an_interrupt_at_any_moment_leaves_a_connector_that_works_or_says_so(
        self, peer: OraclePeer
    ) -> None:
        chance = random.Random(6)
        connector = OracleConnector(config(peer))
        for _ in range(60):
            timer = threading.Timer(chance.uniform(0, 0.03), connector.interrupt)
            timer.start()
            try:
                connector.open()
                connector.discover()
                connector.discover()
            except TransientError:
                connector.close()
            timer.join()
        connector.open()
        assert connector.discover()
        connector.close()


class TestSessions:
    def test_a_session_that_reads_refuses_to_write(self, peer: OraclePeer) -> None:
        with session(peer) as one, pytest.raises(BridgeError, match="only reads"):
            one.change(Statement('DELETE FROM "SALES"."ORDERS"'))
        with session(peer) as one, pytest.raises(BridgeError, match="only reads"):
            one.rows(Statement('DELETE FROM "SALES"."ORDERS"'))

    def test_the_scn_grows_and_one_look_is_shared(self, peer: OraclePeer) -> None:
        with session(peer) as one:
            before = peer.round_trips
            first = one.scn()
            assert one.scn() == first
            assert peer.round_trips - before == 1
            one.fresh()
            assert one.scn() >= first

    def test_the_scn_comes_from_the_package_where_the_view_is_not_granted(self, peer: OraclePeer) -> None:
        peer.grants.revoke("SELECT", "SYS.V_$DATABASE")
        with session(peer) as one:
            with pytest.raises(BridgeError, match=r"GRANT SELECT ON SYS.V_\$DATABASE TO BRIDGE"):
                one.scn()
            peer.grants.grant("EXECUTE", "SYS.DBMS_FLASHBACK")
            assert one.scn() > 0

    def test_the_database_tells_its_time_and_its_oldest_transaction_where_granted(
        self, peer: OraclePeer
    ) -> None:
        with session(peer) as one:
            moment = one.moment()
            assert abs(moment.now / 1e9 - time.time()) < 5
            assert (moment.sees, moment.oldest) == (False, None)
        peer.grants.grant("SELECT", "SYS.GV_$TRANSACTION")
        with session(peer) as one:
            assert (one.moment().sees, one.moment().oldest) == (True, None)
            with peer.store.transaction() as transaction:
                transaction.insert("SALES.ORDERS", {"ID": 99, "NAME": "late"})
                one.fresh()
                moment = one.moment()
                assert moment.oldest is not None
                assert 0 <= moment.now - moment.oldest < 5_000_000_000

    def test_a_standby_tells_nothing_of_its_primarys_transactions_until_it_is_the_primary(
        self, peer: OraclePeer
    ) -> None:
        peer.grants.grant("SELECT", "SYS.GV_$TRANSACTION")
        peer.role = "PHYSICAL STANDBY"
        with session(peer) as one, peer.store.transaction():
            moment = one.moment()
            assert (moment.sees, moment.oldest, moment.standby) == (False, None, True)
            peer.role = "PRIMARY"
            one.fresh()
            moment = one.moment()
            assert moment.sees
            assert not moment.standby
            assert moment.oldest is not None

    def test_a_transaction_of_the_last_hour_of_summer_time_is_not_taken_for_a_later_one(self) -> None:
        clock = [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]
        with OraclePeer(Store(lambda: int(clock[0].timestamp()) * 1_000_000_000)) as peer:
            peer.store.create("SALES", "ORDERS", columns=[("ID", "NUMBER(10)")], key=["ID"])
            peer.grants.grant("SELECT", "SYS.GV_$TRANSACTION")
            peer.store.offset = 120
            with peer.store.transaction() as transaction, session(peer) as one:
                transaction.insert("SALES.ORDERS", {"ID": 99})
                began, clock[0], peer.store.offset = clock[0], clock[0] + timedelta(minutes=40), 60
                oldest = one.moment().oldest
        assert oldest is not None
        assert datetime.fromtimestamp(oldest / 1e9, UTC) == began

    def test_a_right_that_is_missing_is_none(self, peer: OraclePeer) -> None:
        with session(peer) as one:
            assert one.allowed(Statement("SELECT COUNT(*) FROM V$TRANSACTION")) is None
            assert one.allowed(Statement("SELECT 1 FROM DUAL")) == [(1,)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    try:
        return Authority.make(tmp_path_factory.mktemp("authority"))
    except AuthorityError as error:
        need(str(error))
        raise


class TestTls:
    def place(self, peer: OraclePeer, port: int, host: str = "localhost") -> str:
        return f"tcps://{host}:{port}/{peer.service}"

    def test_a_server_whose_certificate_is_trusted_is_read(
        self, peer: OraclePeer, authority: Authority
    ) -> None:
        dsn = self.place(peer, peer.tcps(*authority.issue("server")))
        with session(peer, dsn=dsn, tls={"ca_file": authority.file}) as one:
            assert one.scn() > 0

    def test_tls_may_be_asked_for_apart_from_the_place(self, peer: OraclePeer, authority: Authority) -> None:
        dsn = f"localhost:{peer.tcps(*authority.issue('server'))}/{peer.service}"
        with session(peer, dsn=dsn, tls={"ca_file": authority.file}) as one:
            assert one.healthy

    def test_a_certificate_of_somebody_else_parks(self, peer: OraclePeer, authority: Authority) -> None:
        error = failed(peer, dsn=self.place(peer, peer.tcps(*authority.issue("server"))))
        assert isinstance(error, ConfigError)
        assert "certificate" in error.text

    def test_a_certificate_of_another_host_parks(self, peer: OraclePeer, authority: Authority) -> None:
        dsn = self.place(peer, peer.tcps(*authority.issue("other", names="DNS:other.example")))
        error = failed(peer, dsn=dsn, tls={"ca_file": authority.file})
        assert isinstance(error, ConfigError)
        assert "name" in error.text

    def test_another_distinguished_name_is_accepted_where_it_is_configured(
        self, peer: OraclePeer, authority: Authority
    ) -> None:
        dsn = self.place(peer, peer.tcps(*authority.issue("other", names="DNS:other.example")))
        with session(peer, dsn=dsn, tls={"ca_file": authority.file, "server_dn": "CN=other"}) as one:
            assert one.healthy

    def test_a_server_that_asks_who_we_are_is_shown(self, peer: OraclePeer, authority: Authority) -> None:
        dsn = self.place(peer, peer.tcps(*authority.issue("server"), clients=authority.file))
        own = authority.issue("client")
        shown = {"ca_file": authority.file, "certificate": own.file, "key": own.key}
        with session(peer, dsn=dsn, tls=shown) as one:
            assert one.healthy
        assert isinstance(failed(peer, dsn=dsn, tls={"ca_file": authority.file}), BridgeError)

    def test_a_file_that_cannot_be_read_is_named(self, peer: OraclePeer, tmp_path: Path) -> None:
        error = failed(peer, dsn=self.place(peer, 1), tls={"ca_file": tmp_path / "none.pem"})
        assert isinstance(error, ConfigError)
        assert "none.pem" in error.text

    def test_a_wallet_without_its_file_is_named(self, peer: OraclePeer, tmp_path: Path) -> None:
        error = failed(peer, dsn=self.place(peer, peer.port), tls={"wallet": tmp_path})
        assert isinstance(error, ConfigError)
        assert "ewallet.pem" in error.text

    def test_a_wallet_will_do(self, peer: OraclePeer, authority: Authority, tmp_path: Path) -> None:
        own = authority.issue("client")
        parts = (own.key, own.file, authority.file)
        (tmp_path / "ewallet.pem").write_text("".join(part.read_text() for part in parts))
        dsn = self.place(peer, peer.tcps(*authority.issue("server"), clients=authority.file))
        with session(peer, dsn=dsn, tls={"wallet": tmp_path}) as one:
            assert one.healthy

    def test_tls_towards_a_listener_that_has_none_parks(self, peer: OraclePeer) -> None:
        error = failed(peer, dsn=self.place(peer, peer.port), login_timeout="2s")
        assert isinstance(error, (ConfigError, TransientError))

    def test_a_listener_that_fails_in_the_handshake_is_asked_again(self, peer: OraclePeer) -> None:
        """As one does that is starting: a TLS alert, internal_error (RFC 8446, 6.2)."""
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answers() -> None:
                with listener.accept()[0] as line:
                    line.recv(65536)
                    line.sendall(bytes.fromhex("15 0303 0002 0250"))

            thread = threading.Thread(target=answers, daemon=True)
            thread.start()
            error = failed(peer, dsn=self.place(peer, listener.getsockname()[1], "127.0.0.1"))
            thread.join(5)
        assert isinstance(error, TransientError)
        assert "ALERT_INTERNAL_ERROR" in error.text

    def test_nothing_is_cancelled_over_tls_that_the_place_alone_asks_for(
        self, peer: OraclePeer, authority: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        broken: list[Any] = []
        monkeypatch.setattr(Session, "_break", lambda _, connection: broken.append(connection))
        dsn = self.place(peer, peer.tcps(*authority.issue("server")))
        with session(peer, dsn=dsn, statement_timeout="1s") as one:
            peer.switches.stall("FROM DUAL", 30)
            one.begin()
            with pytest.raises(Exception, match=r"DPY-|closed"):
                one.rows(Statement("SELECT 1 FROM DUAL"))
            one.end()
        assert broken == []

    def test_an_interrupt_ends_a_call_over_tls(self, peer: OraclePeer, authority: Authority) -> None:
        dsn = self.place(peer, peer.tcps(*authority.issue("server")))
        with opened(peer, dsn=dsn, tls={"ca_file": authority.file}, statement_timeout="60s") as connector:
            peer.switches.stall("ALL_TABLES", 60)
            assert TestInterrupts.interrupted(connector, connector.discover) < 30


def test_hundreds_of_time_outs_do_not_end_the_interpreter() -> None:
    script = Path(__file__).parent / "oracle_time_outs.py"
    told = subprocess.run(
        [sys.executable, script, "200"], capture_output=True, text=True, timeout=240, check=False
    )
    assert (told.returncode, told.stdout.strip()) == (0, "200 time-outs"), told.stderr

"""What can go wrong between the bridge and an Oracle database: each fault, and what happens to the stream."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from bridge.contract import Ask, Batch, Op, Position, Stream
from bridge.errors import (
    BridgeError,
    CredentialsError,
    GapError,
    GoneError,
    PermanentError,
    TransientError,
)
from bridge.testing.oracle.grants import Status
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.switches import Drip, Stage
from bridge.testing.proxy import TcpProxy
from connectors.oracle import OracleConnector
from connectors.oracle.codes import CODES, Kind
from connectors.oracle.errors import ERRORS

TABLE = "SALES.ORDERS"
ROWS = 2000
ASK = Ask(rows=100)
# The driver leaves sockets that were reset to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def orders(peer: OraclePeer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ERP_PASSWORD", peer.password)
    columns = [("ID", "NUMBER(10)"), ("NAME", "VARCHAR2(200)")]
    peer.store.create("SALES", "ORDERS", columns=columns, key=["ID"])
    peer.store.insert(TABLE, [{"ID": number, "NAME": "x" * 100} for number in range(ROWS)])
    yield
    gc.collect()


@pytest.fixture
def proxy(peer: OraclePeer) -> Iterator[TcpProxy]:
    with TcpProxy(peer.port) as one:
        yield one


@contextmanager
def opened(peer: OraclePeer, **options: Any) -> Iterator[tuple[OracleConnector, Stream]]:
    least = {
        "dsn": peer.dsn,
        "user": peer.user,
        "password": "env:ERP_PASSWORD",
        "login_timeout": "3s",
        "statement_timeout": "2s",
        "streams": {TABLE: {"mode": "flashback"}},
    }
    connector = OracleConnector(OracleConnector.Config.model_validate(least | options))
    try:
        connector.open()
        yield connector, next(iter(connector.discover()))
    finally:
        began = time.monotonic()
        connector.close()
        assert time.monotonic() - began < 30, "closing took too long"


def through(proxy: TcpProxy, peer: OraclePeer) -> dict[str, str]:
    return {"dsn": f"127.0.0.1:{proxy.port}/{peer.service}"}


def polled(connector: OracleConnector, stream: Stream, position: Position | None) -> Iterator[Batch]:
    """Until there is no more."""
    more = True
    while more:
        batch = connector.poll(stream, position, ASK)
        yield batch
        position, more = batch.position, batch.more


def caught_up(connector: OracleConnector, stream: Stream) -> Position:
    """Where it stands after all there is."""
    return list(polled(connector, stream, None))[-1].position


def change(peer: OraclePeer, number: int) -> None:
    with peer.store.transaction() as transaction:
        transaction.update(TABLE, number, {"NAME": "y"})


def ids(batch: Batch) -> list[int]:
    return [int(value) for each in batch.changes for value in each.rows.column("ID").to_pylist()]


def read_on(peer: OraclePeer, position: Position | None, **options: Any) -> list[int]:
    """What a new instance reads from there."""
    with opened(peer, **options) as (connector, stream):
        return [one for batch in polled(connector, stream, position) for one in ids(batch)]


def failing(peer: OraclePeer, fault: Callable[[], Any], **options: Any) -> BridgeError:
    """What a poll says, once there is the fault; nothing is lost or doubled by it."""
    with opened(peer, **options) as (connector, stream):
        first = connector.poll(stream, None, ASK)
        fault()
        with pytest.raises(BridgeError) as caught:
            for _ in polled(connector, stream, first.position):
                pass
    peer.switches.clear()
    rest = read_on(peer, first.position)
    assert sorted([*ids(first), *rest]) == list(range(ROWS)), "a row was lost or doubled"
    return caught.value


class TestTheLine:
    def test_it_is_reset(self, peer: OraclePeer, proxy: TcpProxy) -> None:
        assert isinstance(failing(peer, proxy.cut, **through(proxy, peer)), TransientError)

    def test_it_is_cut_while_rows_come(self, peer: OraclePeer) -> None:
        def cut() -> None:
            peer.switches.cut_after = 3000

        assert isinstance(failing(peer, cut), TransientError)

    def test_it_falls_silent(self, peer: OraclePeer, proxy: TcpProxy) -> None:
        with ExitStack() as until, opened(peer, **through(proxy, peer)) as (connector, stream):
            first = connector.poll(stream, None, ASK)
            until.enter_context(proxy.silence())
            with pytest.raises(TransientError, match="no answer within 2 s"):
                for _ in polled(connector, stream, first.position):
                    pass
        assert sorted([*ids(first), *read_on(peer, first.position)]) == list(range(ROWS))

    @pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.LOGIN])
    def test_it_is_silent_from_the_start(self, peer: OraclePeer, stage: Stage) -> None:
        peer.switches.silence = stage
        with pytest.raises(TransientError), opened(peer, login_timeout="1s"):
            pass
        peer.switches.clear()
        assert sorted(read_on(peer, None)) == list(range(ROWS))

    def test_it_drips(self, peer: OraclePeer) -> None:
        with opened(peer, statement_timeout="20s") as (connector, stream):
            peer.switches.drip = Drip(size=2000, every=0.005)
            read = [one for batch in polled(connector, stream, None) for one in ids(batch)]
        assert sorted(read) == list(range(ROWS))

    def test_nobody_listens_any_more_and_then_somebody_does(self, peer: OraclePeer) -> None:
        with opened(peer) as (connector, stream):
            first = connector.poll(stream, None, ASK)
            peer.stop()
            with pytest.raises(TransientError):
                connector.poll(stream, first.position, ASK)
        with pytest.raises(TransientError), opened(peer):
            pass
        peer.start()
        assert sorted([*ids(first), *read_on(peer, first.position)]) == list(range(ROWS))


class TestTheServer:
    @pytest.mark.parametrize("code", [28, 3113, 3114, 600, 1033, 1089, 2396])
    def test_the_session_is_ended(self, peer: OraclePeer, code: int) -> None:
        def end() -> None:
            peer.kill(code)

        assert isinstance(failing(peer, end), TransientError)

    @pytest.mark.parametrize("code", [54, 60, 1013, 4068, 8103, 8181, 12805])
    def test_a_statement_does_not_work_out(self, peer: OraclePeer, code: int) -> None:
        def refuse() -> None:
            peer.switches.refuse(TABLE.partition(".")[2], code)
            peer.switches.refuse_fetch(code)

        error = failing(peer, refuse)
        assert isinstance(error, TransientError)
        assert f"ORA-{code:05}" in error.text

    @pytest.mark.parametrize("code", [12514, 12505, 12528, 12516])
    def test_the_listener_is_up_and_the_service_is_not(self, peer: OraclePeer, code: int) -> None:
        peer.switches.listener = code
        with pytest.raises(TransientError), opened(peer):
            pass
        peer.switches.clear()
        assert sorted(read_on(peer, None)) == list(range(ROWS))

    @pytest.mark.parametrize("status", [Status.LOCKED, Status.EXPIRED])
    def test_an_account_that_is_closed_is_asked_once(self, peer: OraclePeer, status: Status) -> None:
        peer.accounts[peer.user].status = status
        with pytest.raises(CredentialsError), opened(peer):
            pass
        assert len(peer.logins) == 1


class TestTheTable:
    def test_it_is_gone_and_there_again(self, peer: OraclePeer) -> None:
        with opened(peer) as (connector, stream):
            position = caught_up(connector, stream)
            peer.grants.revoke("SELECT", TABLE)
            change(peer, 1)
            with pytest.raises(GoneError):
                connector.poll(stream, position, ASK)
            peer.grants.grant("SELECT", TABLE)
            assert ids(connector.poll(stream, position, ASK)) == [1]

    def test_a_right_that_is_taken_away_parks_the_stream_alone(self, peer: OraclePeer) -> None:
        peer.store.create("SALES", "OTHERS", columns=[("ID", "NUMBER(10)")], key=["ID"])
        streams: dict[str, dict[str, str]] = {TABLE: {}, "SALES.OTHERS": {}}
        with opened(peer, streams=streams) as (connector, stream):
            position = caught_up(connector, stream)
            peer.grants.revoke("FLASHBACK", TABLE)
            change(peer, 1)
            with pytest.raises(PermanentError):
                connector.poll(stream, position, ASK)
            other = next(each for each in connector.discover() if each.name == "SALES.OTHERS")
            assert connector.poll(other, None, ASK).position

    @pytest.mark.parametrize("mode", ["flashback", "images"])
    def test_a_column_that_is_added_is_in_the_next_events(self, peer: OraclePeer, mode: str) -> None:
        with opened(peer, streams={TABLE: {"mode": mode}}) as (connector, stream):
            position = caught_up(connector, stream)
            peer.store.add_column(TABLE, "PRICE", "NUMBER(8,2)")
            with peer.store.transaction() as transaction:
                transaction.update(TABLE, 1, {"PRICE": 42})
            found = [each for batch in polled(connector, stream, position) for each in batch.changes]
            prices = [one for each in found for one in each.rows.column("PRICE").to_pylist() if one]
        assert prices == [42]

    def test_a_column_that_is_dropped_costs_an_attempt_and_not_the_stream(self, peer: OraclePeer) -> None:
        with opened(peer, streams={TABLE: {"mode": "images"}}) as (connector, stream):
            position = caught_up(connector, stream)
            peer.store.drop_column(TABLE, "NAME")
            with pytest.raises(TransientError, match="ORA-00904"):
                connector.poll(stream, position, ASK)
        assert sorted(read_on(peer, position, streams={TABLE: {"mode": "images"}})) == list(range(ROWS))

    def test_undo_that_is_gone_is_a_gap_and_the_position_stays(self, peer: OraclePeer) -> None:
        with opened(peer) as (connector, stream):
            position = caught_up(connector, stream)
            change(peer, 1)
            peer.store.forget(peer.store.scn)
            change(peer, 2)
            for _ in range(2):
                with pytest.raises(GapError):
                    connector.poll(stream, position, ASK)
            again = list(polled(connector, stream, None))
            assert sorted(one for batch in again for one in ids(batch)) == list(range(ROWS))
            assert {each.op for batch in again for each in batch.changes} == {Op.READ}


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith("ORA-")])
def test_every_code_of_the_table_is_what_the_table_says(peer: OraclePeer, code: str) -> None:
    number = int(code.removeprefix("ORA-"))
    with opened(peer) as (connector, stream):
        position = caught_up(connector, stream)
        change(peer, 1)
        peer.switches.refuse("VERSIONS", number, times=2)  # of some the driver tries once more by itself
        with pytest.raises(BridgeError) as caught:
            connector.poll(stream, position, ASK)
    about_us = CODES[code].kind in (Kind.CREDENTIALS, Kind.CONFIG)
    assert type(caught.value) is (PermanentError if about_us else ERRORS[CODES[code].kind])
    assert code in caught.value.text


def test_a_view_whose_database_link_is_refused_parks_alone_and_is_tried_once(peer: OraclePeer) -> None:
    """ORA-01017 of another database is nothing that our own account has to do with."""
    peer.store.create_view("SALES", "V_FAR", 'SELECT id FROM "SALES"."ORDERS"')
    streams = {TABLE: {}, "SALES.V_FAR": {"mode": "images", "key": ["ID"]}}
    with opened(peer, streams=streams) as (connector, _):
        table, far = sorted(connector.discover(), key=lambda each: each.name)
        peer.switches.refuse("V_FAR", 1017)
        with pytest.raises(PermanentError, match=r"ORA-01017.* database link") as caught:
            connector.poll(far, None, ASK)
        assert not isinstance(caught.value, CredentialsError)
        assert connector.poll(table, None, ASK).rows


def test_a_view_that_has_errors_disturbs_no_other_stream_and_goes_on_when_it_is_mended(
    peer: OraclePeer,
) -> None:
    peer.store.create_view("SALES", "V_ORDERS", 'SELECT id FROM "SALES"."ORDERS"')
    streams = {TABLE: {}, "SALES.V_ORDERS": {"mode": "images", "key": ["ID"]}}
    with opened(peer, streams=streams) as (connector, _):
        table, view = sorted(connector.discover(), key=lambda each: each.name)
        peer.switches.refuse("V_ORDERS", 4063)
        with pytest.raises(GoneError, match="ORA-04063"):
            connector.poll(view, None, ASK)
        assert connector.poll(table, None, ASK).rows
        assert view in connector.discover()
        assert connector.poll(view, None, ASK).rows

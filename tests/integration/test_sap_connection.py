"""Connections to an SAP system by either client, and all that can go wrong with one."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.contract import Ask
from bridge.errors import (
    BridgeError,
    ConfigError,
    CredentialsError,
    GoneError,
    PermanentError,
    TransientError,
)
from bridge.testing.sap import logon
from bridge.testing.sap.abap import Direction, Function, Parameter, char, structure
from bridge.testing.sap.calls import Call
from bridge.testing.sap.conversation import Conversation
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.logon import State
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.switches import Cut, Drip, Hang, Stage
from connectors.sap_rfc import line, system
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.connector import SapConnector
from connectors.sap_rfc.errors import AbapError, AlteredError, UnauthorisedError, UnknownFunctionError
from connectors.sap_rfc.system import System
from tests.integration.sap_functions import FUNCTIONS
from tests.integration.sap_places import MessageServer, Router

LIBRARIES = ("saprfclib", "pyrfc")
CANARY = "Pa55-canary-Word"
SOON_S = 5.0


@pytest.fixture
def peer() -> Iterator[SapPeer]:
    with SapPeer() as peer:
        peer.users[peer.user].password = CANARY
        for function, body in FUNCTIONS:
            peer.system.install(function, body)
        yield peer


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened(peer: SapPeer, library: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., System]]:
    monkeypatch.setenv("SAP_PASSWORD", CANARY)
    made: list[System] = []

    def make(**options: Any) -> System:
        made.append(System(config(peer, library=library, **options)))
        return made[-1]

    yield make
    peer.switches.clear()
    for each in made:
        each.close()


def config(peer: SapPeer, **options: Any) -> SapConfig:
    least = {
        "ashost": peer.ashost,
        "sysnr": peer.sysnr,
        "client": peer.client,
        "user": peer.user,
        "password": "env:SAP_PASSWORD",
        "streams": {"T001": {"mode": "table", "images": True}},
    }
    whole = least | options
    return SapConfig.model_validate({name: value for name, value in whole.items() if value is not None})


def failure(call: Callable[[], object]) -> BridgeError:
    """What it raises, which holds no secret."""
    with pytest.raises(BridgeError) as caught:
        call()
    assert CANARY not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


def says(system: System) -> str:
    return str(system.call("STFC_CONNECTION", REQUTEXT="Grüße, 5 €")["ECHOTEXT"])


# -- logging on


def test_it_knows_whom_it_talks_to(opened: Callable[..., System], library: str) -> None:
    there = opened()
    there.open()
    assert (there.identity, there.user, there.unicode) == ("SIM/100", "BRIDGE", True)
    assert there.found.library == library
    assert says(there) == "Grüße, 5 €"


@pytest.mark.parametrize("state", [state for state in State if state])
def test_a_user_that_may_not_log_on_is_tried_once(
    peer: SapPeer, opened: Callable[..., System], state: State
) -> None:
    peer.users[peer.user].state = state
    error = failure(opened().open)
    assert type(error) is CredentialsError
    assert state in error.text
    assert "SU01" in error.remedy
    assert peer.logons == ["BRIDGE"]


@pytest.mark.parametrize("wrong", [{"user": "NOBODY"}, {"client": "200"}])
def test_a_wrong_user_or_client_is_tried_once(
    peer: SapPeer, opened: Callable[..., System], wrong: dict[str, str]
) -> None:
    assert type(failure(opened(**wrong).open)) is CredentialsError
    assert len(peer.logons) == 1


def test_a_wrong_password_is_tried_once(peer: SapPeer, opened: Callable[..., System]) -> None:
    peer.users[peer.user].password = "another"
    error = failure(opened().open)
    assert type(error) is CredentialsError
    assert "Name or password is incorrect" in error.text
    assert peer.users[peer.user].failures == 1


def test_a_password_that_changed_meanwhile_is_tried_once(
    peer: SapPeer, opened: Callable[..., System]
) -> None:
    there = opened()
    there.open()
    peer.users[peer.user].password = "another"
    peer.cut()
    failed = [failure(lambda: says(there)) for _ in range(2)]
    assert CredentialsError in map(type, failed)
    assert peer.users[peer.user].failures == 1


def test_a_logon_that_is_refused_when_nobody_waits_any_more_is_not_tried_again(
    peer: SapPeer, opened: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "PATIENCE_S", 0.0)
    refused: dict[int, BridgeError] = {}
    monkeypatch.setattr(system, "_refused", refused)
    peer.users[peer.user].password = "another"
    peer.switches.drip = Drip(1, 0.01)
    assert type(failure(opened(login_timeout="1s").open)) is TransientError
    deadline = time.monotonic() + 120.0
    while not refused and time.monotonic() < deadline:
        time.sleep(0.05)
    error = failure(opened().open)
    assert type(error) is CredentialsError
    assert "Name or password is incorrect" in error.text
    assert peer.users[peer.user].failures == 1


def test_there_is_no_other_logon_while_one_is_not_answered_however_long_that_takes(
    peer: SapPeer, opened: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "PATIENCE_S", 0.0)
    monkeypatch.setattr(system, "_refused", {})
    answered, refusal = threading.Event(), logon.refusal
    monkeypatch.setattr(logon, "refusal", lambda *given: answered.wait(60.0) and refusal(*given))
    peer.users[peer.user].password = "another"
    until = time.monotonic() + 3.5  # longer than a client of its own would listen
    while time.monotonic() < until:
        assert type(failure(opened(login_timeout="1s").open)) is TransientError
        time.sleep(0.2)
    answered.set()
    deadline = time.monotonic() + 30.0
    while type(failure(opened().open)) is TransientError:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert type(failure(opened().open)) is CredentialsError
    assert peer.users[peer.user].failures == len(peer.logons) == 1


def test_a_gateway_that_is_not_there_is_tried_again(peer: SapPeer, opened: Callable[..., System]) -> None:
    error = failure(opened(sysnr="01").open)
    assert type(error) is TransientError
    assert "gateway" in error.remedy


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.LOGON])
def test_a_handshake_that_hangs_is_left_behind(
    peer: SapPeer, opened: Callable[..., System], monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    monkeypatch.setattr(line, "PATIENCE_S", 0.1)
    peer.switches.silence = stage
    begun = time.monotonic()
    error = failure(opened(login_timeout="1s").open)
    assert time.monotonic() - begun < SOON_S
    assert type(error) is TransientError
    assert "no answer within 1 s" in error.text


def test_a_system_that_lets_nobody_log_on_is_tried_again(
    peer: SapPeer, opened: Callable[..., System]
) -> None:
    peer.switches.refuse_logon = "No more free work processes available"
    assert type(failure(opened().open)) is TransientError


def test_a_connection_goes_through_a_saprouter(peer: SapPeer, opened: Callable[..., System]) -> None:
    with Router(peer.ashost) as router:
        assert says(opened(saprouter=f"/H/{peer.ashost}/S/3299"))
    (route,) = router.routes
    assert peer.ashost.encode() in route
    assert b"3300" in route


def test_the_password_of_a_route_is_in_no_error(
    peer: SapPeer, opened: Callable[..., System], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    route = tmp_path / "route"
    route.write_text(f"/H/{peer.ashost}/S/3298/P/{CANARY}")
    error = failure(opened(saprouter=f"file:{route}").open)
    assert type(error) is TransientError


def test_a_gateway_may_be_elsewhere(peer: SapPeer, opened: Callable[..., System], library: str) -> None:
    if library != "saprfclib":
        pytest.skip("erpl-pyrfc knows no gateway")
    there = opened(ashost="127.0.0.1", gateway={"host": peer.ashost, "service": "sapgw00"})
    assert says(there)


def test_a_message_server_names_the_application_server(
    peer: SapPeer, opened: Callable[..., System], library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever web proxy the environment names."""
    if library != "saprfclib":
        pytest.skip("erpl-pyrfc speaks its own protocol, which nobody here answers")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with MessageServer(peer.ashost, 8101, (peer.ashost, peer.port)) as server:
        there = opened(ashost=None, sysnr=None, mshost=peer.ashost, msserv="3601", group="RFC USERS")
        assert says(there)
    assert server.asked == ["/msgserver/text/logon?version=1.2&group=RFC%20USERS"]


def test_a_message_server_that_is_not_there_is_tried_again(
    peer: SapPeer, opened: Callable[..., System]
) -> None:
    error = failure(opened(ashost=None, sysnr=None, mshost=peer.ashost, msserv="3601", group="RFC").open)
    assert type(error) is TransientError


def test_something_else_that_listens_there_is_no_logon(peer: SapPeer, opened: Callable[..., System]) -> None:
    with socket.create_server((peer.ashost, 3302)) as listener:
        threading.Thread(target=_greet, args=(listener,), daemon=True).start()
        error = failure(opened(sysnr="02", login_timeout="2s").open)
    assert type(error) is TransientError


def _greet(listener: socket.socket) -> None:
    accepted, _ = listener.accept()
    with accepted:
        accepted.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
        accepted.recv(1024)


# -- calls


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.INSIDE, Stage.AFTER])
def test_a_call_that_hangs_is_cut_and_its_connection_discarded(
    peer: SapPeer, opened: Callable[..., System], stage: Stage
) -> None:
    there = opened(call_timeout="1s")
    says(there)
    peer.switches.fault("STFC_CONNECTION", Hang(), at=stage)
    begun = time.monotonic()
    error = failure(lambda: says(there))
    assert time.monotonic() - begun < SOON_S
    assert type(error) is TransientError
    assert "no answer within 1 s" in error.text
    assert not there.healthy
    assert says(there)  # over a new one
    assert peer.logons == ["BRIDGE"] * 2


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.INSIDE, Stage.AFTER])
def test_a_line_that_is_cut_is_replaced(peer: SapPeer, opened: Callable[..., System], stage: Stage) -> None:
    there = opened()
    says(there)
    peer.switches.fault("STFC_CONNECTION", Cut(), at=stage)
    assert type(failure(lambda: says(there))) is TransientError
    assert not there.healthy
    assert says(there)


def test_a_line_that_was_cut_while_it_rested_is_replaced_without_a_word(
    peer: SapPeer, opened: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = opened()
    says(there)
    peer.cut()
    monkeypatch.setattr(system, "IDLE_S", 0.0)
    assert says(there)


def test_a_line_that_is_dead_but_was_not_closed_is_replaced_without_a_word(
    peer: SapPeer, opened: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = opened()
    says(there)
    monkeypatch.setattr(system, "IDLE_S", 0.0)
    monkeypatch.setattr(system, "PROBE_S", 0.3)
    peer.switches.fault("RFC_?PING", Hang())
    assert says(there)


def test_a_slow_line_is_slow(peer: SapPeer, opened: Callable[..., System]) -> None:
    there = opened()
    peer.switches.drip = Drip(size=64, every=0.001)
    assert says(there)


def test_an_interrupt_ends_a_call(peer: SapPeer, opened: Callable[..., System]) -> None:
    there = opened()
    says(there)
    peer.switches.fault("STFC_CONNECTION", Hang())
    threading.Timer(0.2, there.cancel).start()
    begun = time.monotonic()
    error = failure(lambda: says(there))
    assert time.monotonic() - begun < SOON_S
    assert "interrupted" in error.text
    assert "interrupted" in failure(lambda: says(there)).text
    there.begin()
    assert says(there)


@pytest.mark.parametrize("function", ["STFC_CONNECTION", "RFC_READ_TABLE"])
def test_an_answer_that_lost_some_bytes_costs_a_new_logon_and_no_data(
    peer: SapPeer, opened: Callable[..., System], monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    there = opened()
    there.open()
    there.describe(function)
    answer, torn = Conversation._answer, [function]

    def tear(self: Conversation, stream: bytes, call: Call | None = None) -> None:
        if call and call.function in torn:
            torn.clear()
            stream = stream[: len(stream) // 2] + stream[len(stream) // 2 + 3 :]
        answer(self, stream, call)

    monkeypatch.setattr(Conversation, "_answer", tear)
    asked = {"REQUTEXT": "x"} if function == "STFC_CONNECTION" else {"QUERY_TABLE": "T000"}
    assert type(failure(lambda: there.call(function, **asked))) is TransientError
    assert not torn
    assert not there.healthy
    assert says(there)
    assert len(peer.logons) == 2


def test_an_answer_that_was_read_by_a_former_interface_is_not_taken(
    peer: SapPeer, opened: Callable[..., System], library: str
) -> None:
    """The process keeps what PyRFC has once read, whatever the connection."""

    def install(*names: str) -> None:
        row = structure("Z_ALTERED_ROW", **dict.fromkeys(names, char(4)))
        rows = Parameter("ROWS", Direction.TABLES, row, optional=True)
        peer.system.install(
            Function("Z_ALTERED", (rows,)), lambda _: {"ROWS": [{each: each for each in names}]}
        )

    install("ID", "LAND", "CITY")
    there = opened()
    assert "Z_ALTERED" in there.describe("Z_ALTERED", watched=True).name
    right = [{"ID": "ID", "LAND": "LAND", "CITY": "CITY"}]
    assert there.call("Z_ALTERED")["ROWS"] == right
    there.prove()
    install("ID", "CITY", "LAND")
    assert there.call("Z_ALTERED")["ROWS"] != right
    with pytest.raises(
        AlteredError if library == "saprfclib" else RuntimeError, match="Z_ALTERED has changed"
    ):
        there.prove()
    assert not there.healthy
    if library == "saprfclib":
        there.describe("Z_ALTERED", watched=True)
        assert there.call("Z_ALTERED")["ROWS"] == right
        there.prove()
    else:
        with pytest.raises(RuntimeError):
            opened().describe("Z_ALTERED", watched=True)


def test_rows_of_a_function_that_is_altered_are_published_by_its_new_interface(
    peer: SapPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAP_PASSWORD", CANARY)

    def install(*names: str) -> None:
        row = structure("Z_MOVED_ROW", **dict.fromkeys(names, char(4)))
        rows = Parameter("ROWS", Direction.TABLES, row, optional=True)
        peer.system.install(
            Function("Z_MOVED", (rows,)), lambda _: {"ROWS": [{each: each for each in names}]}
        )

    install("ID", "LAND", "CITY")
    moved = {"mode": "function", "function": "Z_MOVED", "rows": "ROWS", "key": ["ID"]}
    connector = SapConnector(config(peer, library="saprfclib", streams={"moved": moved}))
    connector.open()
    try:
        (stream,) = connector.discover()
        connector.poll(stream, None, Ask())
        install("ID", "ZONE", "LAND")
        with pytest.raises(AlteredError):
            connector.poll(stream, None, Ask())
        (changes,) = connector.poll(stream, None, Ask()).changes
        assert changes.rows.to_pylist() == [{"ID": "ID", "ZONE": "ZONE", "LAND": "LAND"}]
    finally:
        connector.close()


def test_an_interrupt_ends_a_logon(
    peer: SapPeer, opened: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "PATIENCE_S", 0.1)
    peer.switches.silence = Stage.LOGON
    there = opened(login_timeout="60s")
    threading.Timer(0.2, there.cancel).start()
    begun = time.monotonic()
    assert "interrupted" in failure(there.open).text
    assert time.monotonic() - begun < SOON_S


# -- what SAP refuses


def test_an_exception_of_a_function_has_its_name_and_leaves_the_connection(
    peer: SapPeer, opened: Callable[..., System]
) -> None:
    there = opened()
    peer.switches.fault("STFC_CONNECTION", AbapException("NO_CUSTOMER_FOUND"))
    error = failure(lambda: says(there))
    assert isinstance(error, AbapError)
    assert error.key == "NO_CUSTOMER_FOUND"
    assert "NO_CUSTOMER_FOUND" in error.text
    assert there.healthy
    assert says(there)
    assert len(peer.logons) == 1


def test_an_exception_with_a_message_tells_it(peer: SapPeer, opened: Callable[..., System]) -> None:
    there = opened()
    raised = AbapException("NOT_FOUND", message_class="F2", number="153", values=("4711",))
    peer.switches.fault("STFC_CONNECTION", raised)
    error = failure(lambda: says(there))
    assert isinstance(error, AbapError)
    assert "4711" in error.text
    assert "153" in error.text


@pytest.mark.parametrize("dump", ["TIME_OUT", "TSV_TNEW_PAGE_ALLOC_FAILED", "SOME_OTHER_DUMP"])
def test_a_short_dump_is_tried_again_over_a_new_connection(
    peer: SapPeer, opened: Callable[..., System], dump: str
) -> None:
    there = opened()
    peer.switches.fault("STFC_CONNECTION", ShortDump(dump, "Time limit exceeded."))
    error = failure(lambda: says(there))
    assert type(error) is TransientError
    assert "ST22" in error.remedy
    assert not there.healthy
    assert says(there)


def test_a_missing_right_to_call_names_the_function(peer: SapPeer, opened: Callable[..., System]) -> None:
    there = opened()
    peer.system.grants.denied_functions.add("STFC_CONNECTION")
    error = failure(lambda: says(there))
    assert isinstance(error, UnauthorisedError)
    assert "S_RFC" in error.remedy
    assert "STFC_CONNECTION" in error.remedy
    assert there.allowed("STFC_CONNECTION", REQUTEXT="") is None
    assert there.allowed("RFC_SYSTEM_INFO")


def test_a_missing_right_to_read_names_the_table(peer: SapPeer, opened: Callable[..., System]) -> None:
    there = opened()
    peer.system.grants.denied_tables.add("CDHDR")
    error = failure(lambda: there.call("RFC_READ_TABLE", QUERY_TABLE="CDHDR"))
    assert isinstance(error, UnauthorisedError)
    assert "S_TABU_NAM" in error.remedy
    assert "CDHDR" in error.remedy
    assert there.healthy


@pytest.mark.parametrize("asked", ["call", "describe"])
def test_an_unknown_function_is_named(peer: SapPeer, opened: Callable[..., System], asked: str) -> None:
    there = opened()
    error = failure(lambda: getattr(there, asked)("Z_NOT_THERE"))
    assert isinstance(error, UnknownFunctionError)
    assert "Z_NOT_THERE" in error.text
    assert "SE37" in error.remedy


def test_an_unknown_table_may_come_back(opened: Callable[..., System]) -> None:
    error = failure(lambda: opened().call("RFC_READ_TABLE", QUERY_TABLE="NOT_THERE"))
    assert type(error) is GoneError
    assert "NOT_THERE" in error.remedy


def test_a_parameter_that_there_is_not_is_refused(opened: Callable[..., System]) -> None:
    there = opened()
    error = failure(lambda: there.call("STFC_CONNECTION", WRONG="x"))
    assert isinstance(error, PermanentError)
    assert not isinstance(error, ConfigError)
    assert "WRONG" in error.text


# -- its clock


def test_it_tells_the_time_of_the_system(peer: SapPeer, opened: Callable[..., System]) -> None:
    there = opened()
    moment = there.moment()
    assert abs(moment.ahead_s) < SOON_S
    assert there.moment() is moment
    there.fresh()
    assert there.moment() is not moment


def test_without_the_right_to_ask_the_zone_is_what_fits_our_clock(
    peer: SapPeer, opened: Callable[..., System]
) -> None:
    there = opened()
    asked = there.moment().offset_s
    peer.system.grants.denied_functions.add("RFC_SYSTEM_INFO")
    there.fresh()
    assert there.moment().offset_s == asked


def test_a_secret_is_in_no_log(
    peer: SapPeer, opened: Callable[..., System], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        there = opened()
        there.open()
        says(there)
        peer.users[peer.user].password = "another"
        failure(opened().open)
    assert CANARY not in caplog.text


def test_the_zone_is_asked_for_once(peer: SapPeer, opened: Callable[..., System]) -> None:
    there = opened()
    for _ in range(3):
        there.fresh()
        there.moment()
    assert peer.calls.count("STFC_CONNECTION") == 3
    assert peer.calls.count("RFC_SYSTEM_INFO") == 1


def test_what_may_not_be_asked_costs_one_connection(peer: SapPeer, opened: Callable[..., System]) -> None:
    peer.system.grants.denied_functions.add("RFC_SYSTEM_INFO")
    there = opened()
    for _ in range(3):
        there.fresh()
        there.moment()
    assert len(peer.logons) <= 2


def test_another_system_in_its_place_is_noticed(peer: SapPeer, opened: Callable[..., System]) -> None:
    there = opened()
    says(there)
    peer.cut()
    peer.system.sysid = "QAS"
    errors = [failure(lambda: says(there)) for _ in range(2)]
    assert "was SIM/100 before, and now is QAS/100" in errors[-1].text

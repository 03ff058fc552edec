"""The peer that all tests of SAP speak with, and two clients that know nothing of each other nor of ours."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import pyrfc
import pytest
import saprfclib
from saprfclib.invoke import _extract_name_value_pairs

from bridge.testing.daemon import wait_until
from bridge.testing.sap import asxml, calls, gateway, layout, tables
from bridge.testing.sap.abap import (
    Direction,
    Function,
    Parameter,
    TableType,
    Type,
    char,
    dec,
    numc,
    structure,
)
from bridge.testing.sap.clerks import Clerks
from bridge.testing.sap.company import Company
from bridge.testing.sap.deep import ORDER, order
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.logon import ATTEMPTS, State, User
from bridge.testing.sap.modules import Call
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.records import Tag, record, text
from bridge.testing.sap.switches import Cut, Drip, Hang, Stage
from bridge.testing.sap.system import System
from connectors.sap_rfc.clients.pure import Dial

Opened = Callable[..., Any]

ALL_TYPES = structure(
    "ZTEST_TYPES",
    CHAR=char(4),
    NUM=numc(5),
    DATE=Type("DATS"),
    TIME=Type("TIMS"),
    PACKED=dec(15, 2),
    WHOLE=dec(4, 0),
    FLOAT=Type("FLTP"),
    INT1=Type("INT1"),
    INT2=Type("INT2"),
    INT4=Type("INT4"),
    INT8=Type("INT8"),
    DECF16=Type("D16N"),
    DECF34=Type("D34N"),
    RAW=Type("RAW", 3),
)
VALUES = {
    "CHAR": "aü€",
    "NUM": "00042",
    "DATE": "20261122",
    "TIME": "235959",
    "PACKED": Decimal("-1234.56"),
    "WHOLE": Decimal(77),
    "FLOAT": -1.5e300,
    "INT1": 255,
    "INT2": -32768,
    "INT4": -(2**31),
    "INT8": 2**62,
    "DECF16": Decimal("12.50"),
    "DECF34": Decimal("-1E+30"),
    "RAW": b"\x00\x01\xff",
}
INNER = structure("ZTEST_INNER", LAND=char(4), COUNT=Type("INT4"))
NESTED = structure("ZTEST_NESTED", KEY=char(2), INNER=INNER, LAST=char(2))
ECHO = Function(
    "Z_TEST_ECHO",
    (
        Parameter("IN", Direction.IMPORT, ALL_TYPES, optional=True),
        Parameter("TEXT_IN", Direction.IMPORT, Type("STRG"), optional=True),
        Parameter("BYTES_IN", Direction.IMPORT, Type("RSTR"), optional=True),
        Parameter("ROWS_IN", Direction.IMPORT, TableType("ZTEST_TYPES_T", ALL_TYPES), optional=True),
        Parameter("OUT", Direction.EXPORT, ALL_TYPES),
        Parameter("TEXT", Direction.EXPORT, Type("STRG")),
        Parameter("BYTES", Direction.EXPORT, Type("RSTR")),
        Parameter("ROWS", Direction.EXPORT, TableType("ZTEST_TYPES_T", ALL_TYPES)),
        Parameter("COUNTER", Direction.CHANGING, Type("INT4"), optional=True),
        Parameter("NESTED", Direction.EXPORT, NESTED),
        Parameter("TABLE", Direction.TABLES, ALL_TYPES, optional=True),
    ),
    exceptions=("NOT_FOUND",),
    group="ZTEST",
)


def echo(call: Call) -> dict[str, Any]:
    return {
        "OUT": call["IN"],
        "TEXT": call["TEXT_IN"],
        "BYTES": call["BYTES_IN"],
        "ROWS": call["ROWS_IN"],
        "COUNTER": call["COUNTER"] + 1,
        "NESTED": {"KEY": "k", "INNER": {"LAND": "DE", "COUNT": 7}, "LAST": "zz"},
        "TABLE": [*call.table("TABLE"), VALUES],
    }


@pytest.fixture(scope="module")
def company() -> Company:
    made = Company(customers=20)
    made.system.install(ECHO, echo)
    return made


@pytest.fixture
def peer(company: Company) -> Iterator[SapPeer]:
    with SapPeer(company.system) as peer:
        yield peer


def erpl(peer: SapPeer, *, timeout: float = 5, **other: str) -> Any:
    return pyrfc.Connection(config={"timeout": timeout}, **{**peer.parameters, **other})


def pure(peer: SapPeer, *, timeout: float = 5, **other: str) -> Any:
    """The library leaves its socket open when a log-on fails; we do not."""
    line = Dial(timeout, None)
    options: dict[str, Any] = {**peer.parameters, **other, "socket_factory": line}
    try:
        return saprfclib.connect(**options, connect_timeout=timeout, read_timeout=timeout)
    except BaseException:
        line.close()
        raise


@pytest.fixture(params=[erpl, pure], ids=["erpl-pyrfc", "saprfclib"])
def connect(request: pytest.FixtureRequest, peer: SapPeer) -> Iterator[Opened]:
    """Opens connections of one client or the other, and closes them."""
    opened: list[Any] = []

    def open_(**options: Any) -> Any:
        opened.append(request.param(peer, **options))
        return opened[-1]

    yield open_
    for each in opened:
        with suppress(Exception):
            each.close()


@contextmanager
def abap_error(kind: str) -> Iterator[pytest.ExceptionInfo[Any]]:
    errors = {
        "exception": (pyrfc.ABAPApplicationError, saprfclib.AbapApplicationError),
        "dump": (pyrfc.ABAPRuntimeError, saprfclib.AbapApplicationError),
        "lost": (pyrfc.CommunicationError, saprfclib.CommunicationError),
        "refused": (pyrfc.LogonError, ValueError),
    }[kind]
    with pytest.raises(errors) as raised:
        yield raised


def test_a_client_logs_on_and_calls(connect: Opened, peer: SapPeer) -> None:
    answer = connect().call("STFC_CONNECTION", REQUTEXT="Grüße für 5 €")
    assert answer["ECHOTEXT"] == "Grüße für 5 €"
    assert peer.logons == [peer.user]
    assert peer.calls[-1] == "STFC_CONNECTION"


def test_a_client_learns_where_it_is(connect: Opened, peer: SapPeer) -> None:
    told = connect().get_connection_attributes()
    said = set((told if isinstance(told, dict) else vars(told)).values())
    assert {peer.system.sysid, peer.client, peer.user, peer.system.release, peer.system.host} <= said


def test_a_client_pings(connect: Opened) -> None:
    assert connect().ping() in {None, True}


def test_every_flat_type_goes_there_and_back(connect: Opened) -> None:
    connection = connect()
    answer = connection.call("Z_TEST_ECHO", IN=VALUES, ROWS_IN=[VALUES, VALUES], TABLE=[VALUES])
    assert answer["OUT"] == VALUES
    assert answer["ROWS"] == [VALUES, VALUES]
    assert answer["TABLE"] == [VALUES, VALUES]


def test_initial_values_are_initial(connect: Opened) -> None:
    out = connect().call("Z_TEST_ECHO")["OUT"]
    assert out["DATE"] in {"", "00000000"}
    assert out["TIME"] in {"", "000000"}
    assert (out["CHAR"], out["NUM"], out["PACKED"], out["INT8"], out["RAW"]) == ("", "00000", 0, 0, bytes(3))


def test_strings_of_any_length_go_there_and_back(connect: Opened) -> None:
    text, data = "länger als ein Rahmen " * 5000, bytes(range(256)) * 500
    answer = connect().call("Z_TEST_ECHO", TEXT_IN=text, BYTES_IN=data)
    assert answer["TEXT"] == text
    assert answer["BYTES"] == data


def test_a_changing_parameter_is_changed(connect: Opened) -> None:
    assert connect().call("Z_TEST_ECHO", COUNTER=41)["COUNTER"] == 42


def test_components_of_substructures_have_their_places(connect: Opened) -> None:
    nested = connect().call("Z_TEST_ECHO")["NESTED"]
    assert nested == {"KEY": "k", "LAND": "DE", "COUNT": 7, "LAST": "zz"}


def test_the_dictionary_tells_the_long_names_of_components(connect: Opened) -> None:
    answer = connect().call("DDIF_FIELDINFO_GET", TABNAME="ZTEST_NESTED", ALL_TYPES="X")
    told = [(row["LFIELDNAME"], int(row["OFFSET"]), row["DATATYPE"]) for row in answer["DFIES_TAB"]]
    assert told == [
        ("KEY", 0, "CHAR"),
        ("INNER-LAND", 4, "CHAR"),
        ("INNER-COUNT", 12, "INT4"),
        ("LAST", 16, "CHAR"),
    ]


def test_deep_structures_are_unknown_unless_all_types_are_asked_for(connect: Opened) -> None:
    connection = connect()
    with abap_error("exception") as raised:
        connection.call("DDIF_FIELDINFO_GET", TABNAME=ORDER.name)
    assert raised.value.key == "NOT_FOUND"
    assert connection.call("DDIF_FIELDINFO_GET", TABNAME=ORDER.name, ALL_TYPES="X")["DFIES_TAB"]


def test_a_data_element_is_described_alone(connect: Opened) -> None:
    told = connect().call("DDIF_FIELDINFO_GET", TABNAME="NETWR", ALL_TYPES="X")["DFIES_WA"]
    assert (told["DATATYPE"], int(told["LENG"]), int(told["DECIMALS"])) == ("CURR", 15, 2)


def test_table_types_and_their_rows_can_be_read(connect: Opened) -> None:
    answer = connect().call(
        "RFC_READ_TABLE",
        QUERY_TABLE="DD40L",
        DELIMITER="|",
        OPTIONS=[{"TEXT": "TYPENAME = 'ZBRIDGE_ORDERS'"}],
        FIELDS=[{"FIELDNAME": "ROWTYPE"}, {"FIELDNAME": "ROWKIND"}],
    )
    assert [row["WA"].split("|")[0].strip() for row in answer["DATA"]] == [ORDER.name]


def test_deep_values_are_xml(company: Company) -> None:
    function = company.system.function("Z_BRIDGE_GET_ORDERS")
    assert function is not None
    parameter = function.by_name["ET_ORDERS"]
    asked = calls.Call(function.name, wanted={"ET_ORDERS"})
    documents: dict[str, bytes] = {}
    stream = calls.answer(function, asked, {"ET_ORDERS": [order(1), order(2)]})
    _extract_name_value_pairs(stream, None, documents)
    assert asxml.value_of(parameter.type, asxml.parsed(documents["ET_ORDERS"])) == [order(1), order(2)]


def test_deep_values_are_read_as_they_are_written(company: Company) -> None:
    function = company.system.function("Z_BRIDGE_ECHO")
    assert function is not None
    document = asxml.write("IT_ORDERS", function.by_name["IT_ORDERS"].type, [order(3)]).encode()
    parts = [text(Tag.FUNCTION, "Z_BRIDGE_ECHO"), record(Tag.XML), record(Tag.XML_TEXT, document[:100])]
    parts += [record(Tag.XML_TEXT, document[100:]), record(Tag.XML), record(Tag.END)]
    assert calls.parameters(calls.read(b"".join(parts)), function) == {"IT_ORDERS": [order(3)]}


@pytest.mark.parametrize(
    "stamp",
    ["2026-11-22T23:59:59.1234567", "1582-10-15T00:00:00.0000000", "9999-12-31T23:59:59.9999999", ""],
)
def test_a_time_stamp_is_a_number_of_units(stamp: str) -> None:
    assert layout.stamp(layout.units(stamp)) == stamp


def test_a_time_stamp_arrives(peer: SapPeer, company: Company) -> None:
    stamped = structure("ZTEST_STAMP", AT=Type("UTCL"))
    rows = Parameter("ROWS", Direction.TABLES, stamped)
    company.system.install(
        Function("Z_TEST_STAMP", (rows,), group="ZTEST"),
        lambda _: {"ROWS": [{"AT": "2026-11-22T23:59:59.1234567"}, {"AT": ""}]},
    )
    with erpl(peer) as connection:
        told = [row["AT"] for row in connection.call("Z_TEST_STAMP")["ROWS"]]
    assert told == ["2026-11-22 23:59:59.1234567", ""]


def test_a_message_goes_with_its_exception(connect: Opened, peer: SapPeer) -> None:
    connection = connect()
    error = AbapException("NOT_FOUND", message_class="DA", number="131", values=("KNA1", "b", "c", "d"))
    peer.switches.fault("Z_TEST_ECHO", error)
    with abap_error("exception") as raised:
        connection.call("Z_TEST_ECHO")
    told = raised.value
    assert (told.key, told.msg_class, told.msg_type, told.msg_number) == ("NOT_FOUND", "DA", "E", "131")
    assert (told.msg_v1, told.msg_v2, told.msg_v3, told.msg_v4) == ("KNA1", "b", "c", "d")
    assert connection.call("Z_TEST_ECHO", COUNTER=1)["COUNTER"] == 2


def test_an_exception_may_be_a_name_alone(connect: Opened, peer: SapPeer) -> None:
    peer.switches.fault("Z_TEST_ECHO", AbapException("NOT_FOUND"))
    with abap_error("exception") as raised:
        connect().call("Z_TEST_ECHO")
    assert raised.value.key == "NOT_FOUND"
    assert not raised.value.msg_class


def test_a_short_dump_names_its_runtime_error(connect: Opened, peer: SapPeer) -> None:
    connection = connect()
    peer.switches.fault("Z_TEST_ECHO", ShortDump("TIME_OUT", "Time limit exceeded."), after=1)
    connection.call("Z_TEST_ECHO")
    with abap_error("dump") as raised:
        connection.call("Z_TEST_ECHO")
    assert raised.value.key == "TIME_OUT"
    assert raised.value.msg_type == "X"
    assert connection.call("Z_TEST_ECHO")["OUT"]


@pytest.mark.parametrize("function", ["Z_NOWHERE", "Z_BRIDGE_LOCAL"])
def test_what_is_not_there_or_not_remote_is_not_found(connect: Opened, function: str) -> None:
    with abap_error("exception") as raised:
        connect().call(function)
    assert raised.value.key == "FU_NOT_FOUND"


def test_what_may_not_be_called_is_a_matter_of_authority(connect: Opened, peer: SapPeer) -> None:
    connection = connect()
    peer.system.grants.denied_functions.add("Z_TEST_ECHO")
    try:
        with abap_error("dump") as raised:
            connection.call("Z_TEST_ECHO")
    finally:
        peer.system.grants.denied_functions.clear()
    assert raised.value.key == "RFC_NO_AUTHORITY"


@pytest.mark.parametrize("other", [{"passwd": "wrong"}, {"user": "NOBODY"}, {"client": "200"}])
def test_who_is_not_known_is_refused(connect: Opened, other: dict[str, str]) -> None:
    with abap_error("refused") as raised:
        connect(**other)
    assert "Name or password is incorrect" in str(raised.value)


@pytest.mark.parametrize("state", [state for state in State if state])
def test_the_state_of_a_user_is_told(connect: Opened, peer: SapPeer, state: State) -> None:
    peer.users["OTHER"] = User("secret", state)
    with abap_error("refused") as raised:
        connect(user="OTHER", passwd="secret")
    assert state in str(raised.value)


def test_wrong_passwords_lock_a_user(connect: Opened, peer: SapPeer) -> None:
    for _ in range(ATTEMPTS):
        with abap_error("refused"):
            connect(passwd="wrong")
    with abap_error("refused") as raised:
        connect()
    assert State.TRIED_OUT in str(raised.value)


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.INSIDE, Stage.AFTER])
def test_a_line_is_cut(connect: Opened, peer: SapPeer, stage: Stage) -> None:
    connection = connect()
    connection.call("Z_TEST_ECHO")
    peer.switches.fault("Z_TEST_ECHO", Cut(), at=stage)
    with abap_error("lost"):
        connection.call("Z_TEST_ECHO")
    assert connect().call("Z_TEST_ECHO")["OUT"]


@pytest.mark.parametrize("stage", [Stage.BEFORE, Stage.INSIDE, Stage.AFTER])
def test_a_call_hangs_until_the_client_has_enough(connect: Opened, peer: SapPeer, stage: Stage) -> None:
    connection = connect(timeout=1)
    connection.call("Z_TEST_ECHO")
    peer.switches.fault("Z_TEST_ECHO", Hang(), at=stage)
    with abap_error("lost"):
        connection.call("Z_TEST_ECHO")
    assert connect().call("Z_TEST_ECHO")["OUT"]


def test_a_call_that_hung_goes_on(connect: Opened, peer: SapPeer) -> None:
    connection = connect()
    peer.switches.fault("Z_TEST_ECHO", Hang(0.2))
    began = time.monotonic()
    assert connection.call("Z_TEST_ECHO", COUNTER=1)["COUNTER"] == 2
    assert time.monotonic() - began >= 0.2


def test_a_function_has_run_when_its_answer_is_lost(connect: Opened, peer: SapPeer) -> None:
    connection = connect()
    connection.call("Z_TEST_ECHO")
    before = peer.system.calls["Z_TEST_ECHO"]
    peer.switches.fault("Z_TEST_ECHO", Cut(), at=Stage.AFTER)
    with abap_error("lost"):
        connection.call("Z_TEST_ECHO")
    assert peer.system.calls["Z_TEST_ECHO"] == before + 1


def test_a_half_open_line_says_nothing_at_all(connect: Opened, peer: SapPeer) -> None:
    connection = connect(timeout=1)
    peer.switches.silence = Stage.BEFORE
    with abap_error("lost"):
        connection.call("STFC_CONNECTION", REQUTEXT="anybody there?")


def test_a_line_drips(connect: Opened, peer: SapPeer) -> None:
    connection = connect()
    connection.call("STFC_CONNECTION", REQUTEXT="x")
    peer.switches.drip = Drip(size=64, every=0.002)
    began = time.monotonic()
    assert connection.call("STFC_CONNECTION", REQUTEXT="x")["ECHOTEXT"] == "x"
    assert time.monotonic() - began > 0.03


def test_a_line_is_cut_after_so_many_bytes(connect: Opened, peer: SapPeer) -> None:
    connection = connect()
    connection.call("STFC_CONNECTION", REQUTEXT="x")
    peer.switches.cut_after = 500
    with abap_error("lost"):
        connection.call("STFC_CONNECTION", REQUTEXT="x")


def test_several_connections_are_served_at_once(connect: Opened, peer: SapPeer) -> None:
    connections = [connect() for _ in range(6)]
    peer.switches.fault("Z_TEST_ECHO", Hang(0.5), times=6)
    for each in connections:
        each.call("STFC_CONNECTION", REQUTEXT="x")
    began = time.monotonic()
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda each: each.call("Z_TEST_ECHO", COUNTER=1)["COUNTER"], connections))
    assert answers == [2] * 6
    assert time.monotonic() - began < 2.5
    assert peer.connections == 6


def test_20_000_rows_of_512_characters_come_fast(connect: Opened, peer: SapPeer) -> None:
    system = peer.system
    if system.table("ZBRIDGE_WIDE") is None:
        system.define(tables.wide())
        tables.load_wide(system, 20_000)
    connection = connect(timeout=60)
    began = time.monotonic()
    fields = [{"FIELDNAME": each.name} for each in tables.wide().row.fields[1:]]
    answer = connection.call("RFC_READ_TABLE", QUERY_TABLE="ZBRIDGE_WIDE", FIELDS=fields)
    assert len(answer["DATA"]) == 20_000
    assert {len(row["WA"]) for row in answer["DATA"]} == {512}
    assert time.monotonic() - began < 20


def test_tables_come_compressed(peer: SapPeer) -> None:
    """erpl-pyrfc says of itself that it cannot expand them."""
    peer.switches.compress = True
    with pure(peer) as connection:
        answer = connection.call("Z_TEST_ECHO", ROWS_IN=[VALUES] * 300, TABLE=[VALUES] * 200)
    assert answer["ROWS"] == [VALUES] * 300
    assert answer["TABLE"] == [VALUES] * 201


def test_many_rows_can_be_sent_too(connect: Opened) -> None:
    sent = [VALUES] * 3_000
    assert connect(timeout=60).call("Z_TEST_ECHO", TABLE=sent)["TABLE"] == [*sent, VALUES]


def test_a_system_runs_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "bridge.testing.sap", "--rate", "200", "--customers", "3", "--wide", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ashost, number, *account = process.stdout.readline().strip().split(", ")
        client, user, password = (word.rpartition(" ")[2] for word in account)
        logon = {"ashost": ashost, "sysnr": number[-2:], "client": client, "user": user, "passwd": password}
        with pyrfc.Connection(**logon) as connection:
            wait_until(lambda: len(rows(connection, "CDHDR", "CHANGENR")) > 3, 10, "clerks to work")
            assert rows(connection, "ZBRIDGE_WIDE", "K")
        process.terminate()
        assert process.wait(10) == 0


def rows(connection: Any, table: str, column: str) -> list[Any]:
    fields = [{"FIELDNAME": column}]
    return list(connection.call("RFC_READ_TABLE", QUERY_TABLE=table, FIELDS=fields)["DATA"])


def test_clerks_leave_as_many_customers_as_they_know_of() -> None:
    company = Company(customers=5)
    clerks = Clerks(company.customers, seed=3)
    for _ in range(200):
        clerks.step()
    assert sorted(clerks.numbers) == [int(row["KUNNR"]) for row in company.system.rows("KNA1")]
    assert {row["CHANGE_IND"] for row in company.system.rows("CDHDR")} == {"I", "U", "D"}


def test_each_peer_has_an_address_of_its_own() -> None:
    with SapPeer(System()) as one, SapPeer(System()) as other:
        assert one.ashost != other.ashost
        assert (one.port, other.port) == (3300, 3300)


def test_a_peer_that_is_closed_hangs_up(company: Company) -> None:
    with SapPeer(company.system) as peer:
        connection = erpl(peer)
    with pytest.raises(pyrfc.CommunicationError):
        connection.call("STFC_CONNECTION", REQUTEXT="x")


def test_long_answers_are_cut_into_frames() -> None:
    body = bytes(1_000_000)
    frames, sizes, at = gateway.framed(b"12345678", body), [], 0
    while at < len(frames):
        size = int.from_bytes(frames[at : at + 4])
        sizes.append(size - 80)
        at += 4 + size
    assert sizes == [280_000, 280_000, 280_000, 160_000]

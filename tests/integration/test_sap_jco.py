"""JCo's path, against Java of ours that has the signatures of SAP's types; it has not met SAP's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import jpype
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import Ask
from bridge.errors import ConfigError, CredentialsError, PermanentError, TransientError
from bridge.testing.sap.abap import Direction, Function, Parameter, TableType, Type, structure
from bridge.testing.sap.company import Company
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.modules import Call
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.switches import Hang
from connectors import jvm
from connectors.jvm import java
from connectors.sap_rfc import SapConnector
from connectors.sap_rfc.clients import Logon, found, jco
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.clients.jco import Jco
from connectors.sap_rfc.errors import Asked, UnauthorisedError, fault, translate
from tests.integration.sap_jco import Backend, jco_jar

ALL = structure(
    "ZALL",
    "",
    C=Type("CHAR", 10),
    N=Type("NUMC", 6),
    D=Type("DATS"),
    T=Type("TIMS"),
    P=Type("CURR", 13, 2),
    F=Type("FLTP"),
    I=Type("INT4"),
    I1=Type("INT1"),
    I2=Type("INT2"),
    I8=Type("INT8"),
    D16=Type("D16N"),
    D34=Type("D34N"),
    X=Type("RAW", 4),
    G=Type("STRG"),
    Y=Type("RSTR"),
    U=Type("UTCL"),
)
LINES = TableType("ZLINES", Type("STRG"))
ITEM = structure("ZITEM", "", POS=Type("NUMC", 6), ALL=ALL, NOTES=LINES)
ORDER = structure("ZORDER", "", ID=Type("CHAR", 10), ITEMS=TableType("ZITEMS", ITEM), HEAD=ALL)
ECHO = Function(
    "Z_ECHO",
    (
        Parameter("TAKES", Direction.IMPORT, ORDER, optional=True),
        Parameter("WORDS", Direction.IMPORT, LINES, optional=True),
        Parameter("GIVES", Direction.EXPORT, ORDER),
        Parameter("TOLD", Direction.EXPORT, LINES),
        Parameter("TURNS", Direction.CHANGING, ALL, optional=True),
        Parameter("ROWS", Direction.TABLES, ALL, optional=True),
    ),
)


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return jco_jar(tmp_path_factory.mktemp("jco")).parent


@pytest.fixture
def backend(jars: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(jars))
    jvm.start((jars / "sapjco3.jar", jco.HELPER), "256m")
    made = Backend()
    made.system.install(ECHO, echo)
    with made.serving():
        yield made
    until(lambda: left() == 0)


def echo(call: Call) -> dict[str, Any]:
    return {
        "GIVES": call["TAKES"],
        "TOLD": call["WORDS"],
        "TURNS": call["TURNS"],
        "ROWS": [*call.table("ROWS"), *call.table("ROWS")],
    }


def connected(backend: Backend, passwd: str | None = None, timeout: float = 10) -> Jco:
    return jco.connect(
        found("jco"), Logon({**backend.parameters, "passwd": passwd or backend.password}, timeout)
    )


def left() -> int:
    return int(java("bridge.jco.Session").left())


def until(condition: Any) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it does not come to pass"
        time.sleep(0.01)


def refused(backend: Backend, passwd: str) -> Any:
    with pytest.raises(jpype.JException) as raised:
        connected(backend, passwd)
    return raised.value


# -- what is found


def test_without_the_customers_jar_there_is_no_jco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(tmp_path))
    with pytest.raises(ConfigError, match=r"library: jco is not installed; .*sapjco3\.jar"):
        found("jco")


def test_the_jar_tells_its_version_without_a_jvm(jars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(jars))
    assert str(found("jco")) == "jco of SAP JCo 3.1.0 (SAP's, as the customer holds it)"


def test_a_jar_that_says_no_version_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sapjco3.jar").write_bytes(b"no archive")
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(tmp_path))
    assert found("jco").version == "3"


def test_a_missing_native_library_is_named_with_where_it_belongs(backend: Backend) -> None:
    backend.broken = "java.lang.UnsatisfiedLinkError"
    with pytest.raises(ConfigError, match=r"UnsatisfiedLinkError: no sapjco3 in .*; put libsapjco3\.so"):
        connected(backend)


def test_an_error_of_the_jvm_itself_is_no_error_of_sap(backend: Backend) -> None:
    backend.broken = "java.lang.InternalError"
    with pytest.raises(jco.JvmError):
        connected(backend)


# -- connections


def test_a_connection_tells_who_it_is_and_where(backend: Backend) -> None:
    with closing(connected(backend)) as client:
        told = client.attributes()
        assert (told.sysid, told.client, told.user) == ("SIM", "100", "BRIDGE")
        system = backend.system
        assert (told.release, told.host, told.codepage) == (system.release, system.host, "4103")
        assert told.unicode
        assert (client.name, client.version) == ("jco", "3.1.0")
        client.ping()


def test_all_calls_share_a_connection_and_all_end_with_it(backend: Backend) -> None:
    with closing(connected(backend)) as client:
        for _ in range(3):
            client.call("STFC_CONNECTION", REQUTEXT="hello")
        assert ["STFC_CONNECTION"] * 3 in backend.seen.values()
        assert len(backend.open) == 2  # the other is JCo's own, for interfaces
    until(lambda: not backend.open)
    client.close()


def test_a_wrong_password_is_tried_once(backend: Backend) -> None:
    error = refused(backend, "battery-staple")
    assert error.getGroup() == 103
    assert backend.logons == ["BRIDGE"]
    asked = Asked("logging on", user="BRIDGE", client="100")
    translated = translate(error, asked, ["battery-staple"])
    assert isinstance(translated, CredentialsError)
    assert "Name or password is incorrect" in str(translated)


def test_no_secret_is_in_what_jco_says_or_is_called(backend: Backend) -> None:
    secret = "battery-staple"
    error = refused(backend, secret)
    logon = Logon({**backend.parameters, "passwd": secret}, 1)
    threads = [str(each.getName()) for each in java("java.lang.Thread").getAllStackTraces().keySet()]
    assert not [text for text in (str(error), repr(error), repr(logon), *threads) if secret in text]


def test_a_logon_that_nobody_answers_is_given_up(backend: Backend) -> None:
    backend.silent = True
    begun = time.monotonic()
    with pytest.raises(jpype.JException) as raised:
        connected(backend, timeout=1)
    assert time.monotonic() - begun < 5
    assert isinstance(translate(raised.value, Asked("logging on")), TransientError)
    assert left() == 1


# -- calls


def test_the_answer_of_a_function_is_as_of_any_client(backend: Backend) -> None:
    with closing(connected(backend)) as client:
        answer = client.call("STFC_CONNECTION", REQUTEXT="Grüße für 5 €, \"so\" \\ and 'so'")
    assert answer["ECHOTEXT"] == "Grüße für 5 €, \"so\" \\ and 'so'"
    assert answer["RESPTEXT"].startswith("SAP")


def test_an_interface_is_told_whatever_its_depth(backend: Backend) -> None:
    with closing(connected(backend)) as client:
        told = client.describe("Z_ECHO")
    assert {name: (each.direction.name, each.optional) for name, each in told.parameters.items()} == {
        "TAKES": ("IMPORT", True),
        "WORDS": ("IMPORT", True),
        "GIVES": ("EXPORT", False),
        "TOLD": ("EXPORT", False),
        "TURNS": ("CHANGING", True),
        "ROWS": ("TABLES", True),
    }
    order = told.parameters["TAKES"].field
    assert [each.kind for each in order.fields] == [Kind.CHAR, Kind.TABLE, Kind.STRUCTURE]
    item = order.fields[1]
    assert item.fields[2] == Field("NOTES", Kind.TABLE, fields=(Field("", Kind.STRING),))
    assert item.fields[1].fields[:5] == (
        Field("C", Kind.CHAR, 10),
        Field("N", Kind.NUM, 6),
        Field("D", Kind.DATE, 8),
        Field("T", Kind.TIME, 6),
        Field("P", Kind.BCD, 13, 2),
    )


TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=10)
SHORT = TEXT.map(lambda text: text.encode("utf-16-le")[:20].decode("utf-16-le", "ignore").rstrip(" "))
ROW = st.fixed_dictionaries(
    {
        "C": SHORT,
        "N": st.integers(0, 999999).map("{:06}".format),
        "D": st.sampled_from(["00000000", "20261231", "99991231", "17530101"]),
        "T": st.sampled_from(["000000", "235959", "240000"]),
        "P": st.integers(-(10**13) + 1, 10**13 - 1).map(lambda cents: Decimal(cents).scaleb(-2)),
        "F": st.floats(allow_nan=False),
        "I": st.integers(-(2**31), 2**31 - 1),
        "I1": st.integers(0, 255),
        "I2": st.integers(-(2**15), 2**15 - 1),
        "I8": st.integers(-(2**63), 2**63 - 1),
        "D16": st.decimals(
            allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9
        ),
        "D34": st.sampled_from(
            [Decimal(0), Decimal("1E+6000"), Decimal("-1.234567890123456789012345678901234")]
        ),
        "X": st.binary(min_size=4, max_size=4),
        "G": TEXT,
        "Y": st.binary(max_size=9),
        "U": st.sampled_from(["", "2026-11-23T00:15:00.1234567"]),
    }
)
TYPES = {
    **dict.fromkeys("CNDTGU", str),
    **dict.fromkeys(("P", "D16", "D34"), Decimal),
    **dict.fromkeys(("I", "I1", "I2", "I8"), int),
    **dict.fromkeys("XY", bytes),
    "F": float,
}
NOTES = st.lists(TEXT.map(lambda text: {"": text}), max_size=2)
ITEMS = st.lists(st.fixed_dictionaries({"POS": st.just("000010"), "ALL": ROW, "NOTES": NOTES}), max_size=2)
ORDERS = st.fixed_dictionaries({"ID": st.just("4711"), "ITEMS": ITEMS, "HEAD": ROW})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=ORDERS, words=NOTES, turns=ROW, rows=st.lists(ROW, max_size=3))
def test_values_of_every_type_come_back_as_they_went_whatever_the_depth(
    backend: Backend, order: Any, words: Any, turns: Any, rows: Any
) -> None:
    with closing(connected(backend)) as client:
        answer = client.call("Z_ECHO", TAKES=order, WORDS=words, TURNS=turns, ROWS=rows)
    assert answer == {"GIVES": order, "TOLD": words, "TURNS": turns, "ROWS": [*rows, *rows]}
    if rows:
        assert {name: type(each) for name, each in answer["ROWS"][0].items()} == TYPES


def test_blanks_at_the_end_of_a_char_go_and_those_of_a_string_stay(backend: Backend) -> None:
    with closing(connected(backend)) as client:
        row = client.call("Z_ECHO", ROWS=[{"C": "a b  ", "G": "a b  "}])["ROWS"][0]
    assert (row["C"], row["G"]) == ("a b", "a b  ")


def test_half_of_a_character_that_abap_has_cut_arrives_as_it_is(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ABAP counts in UTF-16, and a field may end in the midst of a pair."""
    units = jpype.JArray(jpype.JChar)(["a", chr(0xD83D)])
    row = java("java.util.HashMap")()
    row.put("G", java("java.lang.String")(units))
    rows = java("java.util.ArrayList")()
    rows.add(row)
    told = java("java.util.HashMap")()
    told.put("ROWS", rows)
    monkeypatch.setattr(backend, "call", lambda *_: told)
    with closing(connected(backend)) as client:
        assert client.call("Z_ECHO")["ROWS"][0]["G"] == "a\ud83d"


def test_what_is_not_given_is_initial(backend: Backend) -> None:
    with closing(connected(backend)) as client:
        head = client.call("Z_ECHO", TAKES={"ID": "1", "HEAD": {"I": 1, "D": None}})["GIVES"]["HEAD"]
    assert (head["C"], head["N"], head["D"], head["I"], head["P"]) == (
        "",
        "000000",
        "00000000",
        1,
        Decimal("0.00"),
    )


def test_rows_of_an_elementary_type_may_be_given_as_they_are(backend: Backend) -> None:
    with closing(connected(backend)) as client:
        assert client.call("Z_ECHO", WORDS=["one", "two"])["TOLD"] == [{"": "one"}, {"": "two"}]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"NOSUCH": 1}, "NOSUCH"),
        ({"ROWS": [{"NOSUCH": 1}]}, "NOSUCH"),
        ({"ROWS": [{"I": "twelve"}]}, "twelve"),
        ({"ROWS": "no table"}, "the value of ROWS does not have the form"),
        ({"ROWS": [{"C": {"no": "text"}}]}, "the value of C does not have the form"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_for_good_and_the_connection_stays(
    backend: Backend, parameters: dict[str, Any], says: str
) -> None:
    with closing(connected(backend)) as client:
        with pytest.raises(jpype.JException) as raised:
            client.call("Z_ECHO", **parameters)
        translated = translate(raised.value, Asked("calling Z_ECHO", "Z_ECHO"))
        assert isinstance(translated, PermanentError)
        assert says in str(translated)
        assert client.call("Z_ECHO")["ROWS"] == []


def test_what_is_no_value_of_abap_is_not_sent(backend: Backend) -> None:
    with closing(connected(backend)) as client, pytest.raises(TypeError, match="a set is no value of ABAP"):
        client.call("Z_ECHO", WORDS=[{"a set"}])


# -- errors


def test_an_exception_of_a_function_has_its_key_and_message(backend: Backend) -> None:
    def fails(_: Call) -> dict[str, Any]:
        raise AbapException("NOT_FOUND", message_class="F2", number="153", values=("0000004711",))

    backend.system.install(Function("Z_FAILS", exceptions=("NOT_FOUND",)), fails)
    with closing(connected(backend)) as client:
        with pytest.raises(jpype.JException) as raised:
            client.call("Z_FAILS")
        assert client.call("Z_ECHO")["ROWS"] == []
    told = fault(raised.value)
    assert (told.kind.name, told.key) == ("RAISED", "NOT_FOUND")
    assert "0000004711" in told.text


def test_a_function_that_is_not_there_or_not_for_others_is_said_so(backend: Backend) -> None:
    backend.system.install(Function("Z_INSIDE", remote=False), lambda _: {})
    with closing(connected(backend)) as client:
        for name in ("Z_NONE", "Z_INSIDE"):
            with pytest.raises(jpype.JException) as raised:
                client.call(name)
            assert fault(raised.value).kind.name == "FUNCTION"
            assert isinstance(translate(raised.value, Asked("calling", name)), PermanentError)


def test_a_missing_authorisation_parks_and_says_what_to_grant(backend: Backend) -> None:
    backend.system.grants.denied_functions.add("Z_ECHO")
    with closing(connected(backend)) as client, pytest.raises(jpype.JException) as raised:
        client.call("Z_ECHO")
    translated = translate(raised.value, Asked("calling Z_ECHO", "Z_ECHO", user="BRIDGE"))
    assert isinstance(translated, UnauthorisedError)
    assert "grant BRIDGE S_RFC for Z_ECHO" in str(translated)


def test_a_short_dump_is_tried_again(backend: Backend) -> None:
    def dumps(_: Call) -> dict[str, Any]:
        raise ShortDump("TIME_OUT", "Time limit exceeded.")

    backend.system.install(Function("Z_DUMPS"), dumps)
    with closing(connected(backend)) as client, pytest.raises(jpype.JException) as raised:
        client.call("Z_DUMPS")
    assert isinstance(translate(raised.value, Asked("calling Z_DUMPS", "Z_DUMPS")), TransientError)


def test_a_connection_that_was_cut_is_transient(backend: Backend) -> None:
    with closing(connected(backend)) as client:
        client.call("Z_ECHO")
        backend.open.clear()
        with pytest.raises(jpype.JException) as raised:
            client.call("Z_ECHO")
    assert isinstance(translate(raised.value, Asked("calling")), TransientError)


# -- calls that do not end


def hanging(backend: Backend) -> tuple[Jco, list[BaseException], threading.Thread]:
    """A client whose call does not come back, in a thread of its own."""
    client = connected(backend)
    client.describe("Z_ECHO")
    backend.switches.fault("Z_ECHO", Hang())
    ended: list[BaseException] = []

    def call() -> None:
        try:
            client.call("Z_ECHO")
        except BaseException as error:  # noqa: BLE001 -- the test looks at it
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    until(lambda: any("Z_ECHO" in names for names in backend.seen.values()))
    return client, ended, thread


def test_a_call_that_hangs_is_given_up_at_once_and_its_connection_with_it(backend: Backend) -> None:
    client, ended, thread = hanging(backend)
    begun = time.monotonic()
    client.cancel()
    thread.join(5)
    assert time.monotonic() - begun < 5
    assert isinstance(translate(ended[0], Asked("calling")), TransientError)
    with pytest.raises(jpype.JException):
        client.call("STFC_CONNECTION", REQUTEXT="")
    client.close()
    with closing(connected(backend)) as other:
        assert other.call("STFC_CONNECTION", REQUTEXT="on")["ECHOTEXT"] == "on"
    assert left() == 1
    backend.released.set()
    until(lambda: not backend.open)


def test_the_thread_of_a_call_that_was_given_up_ends_with_the_call(backend: Backend) -> None:
    client, _, thread = hanging(backend)
    client.cancel()
    thread.join(5)
    backend.released.set()
    until(lambda: left() == 0)
    until(lambda: not backend.open)


def test_calls_that_were_given_up_do_not_heap_up(backend: Backend) -> None:
    backend.silent = True
    for _ in range(8):
        with suppress(jpype.JException):
            connected(backend, timeout=0.05)
    backend.silent = False
    with pytest.raises(jpype.JException) as raised:
        connected(backend)
    assert "8 calls that were given up have not ended yet" in str(raised.value)
    assert isinstance(translate(raised.value, Asked("logging on")), TransientError)
    backend.released.set()
    until(lambda: left() == 0)
    connected(backend).close()


def test_a_connection_that_is_cancelled_between_calls_takes_no_other(backend: Backend) -> None:
    client = connected(backend)
    client.cancel()
    with pytest.raises(jpype.JException, match="given up"):
        client.ping()
    client.close()


def test_closing_waits_for_no_call_that_hangs(backend: Backend) -> None:
    client, _, thread = hanging(backend)
    begun = time.monotonic()
    client.close()
    assert time.monotonic() - begun < 5
    backend.released.set()
    thread.join(5)
    assert not thread.is_alive()


# -- the whole connector


STREAMS = {
    "KNA1": {"mode": "table", "images": True},
    "list": {
        "mode": "function",
        "function": "BAPI_CUSTOMER_GETLIST",
        "parameters": {"IDRANGE": [{"SIGN": "I", "OPTION": "CP", "LOW": "*"}]},
        "rows": "ADDRESSDATA",
        "key": ["CUSTOMER"],
        "detail": {"function": "BAPI_CUSTOMER_GETDETAIL2", "parameters": {"CUSTOMERNO": "CUSTOMER"}},
    },
}
ORDERS_STREAM = {
    "mode": "function",
    "function": "Z_BRIDGE_GET_ORDERS",
    "rows": "ET_ORDERS",
    "key": ["VBELN"],
}


def configured(library: str, streams: dict[str, Any], **options: Any) -> SapConnector:
    told = {
        "ashost": "erp1",
        "client": "100",
        "user": "BRIDGE",
        "password": "env:SAP_PASSWORD",
        "library": library,
        "streams": streams,
    }
    return SapConnector(SapConnector.Config.model_validate({**told, **options}))


def rows_by(connector: SapConnector) -> dict[str, list[dict[str, Any]]]:
    with closing(connector):
        connector.open()
        batches = {each.name: connector.poll(each, None, Ask()) for each in connector.discover()}
    return {
        name: sorted((row for each in batch.changes for row in each.rows.to_pylist()), key=str)
        for name, batch in batches.items()
    }


@pytest.fixture
def of_company(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Backend:
    company = Company(customers=30)
    backend.system = company.system
    monkeypatch.setenv("SAP_PASSWORD", backend.password)
    return backend


def test_by_jco_come_the_same_rows_as_over_the_wire(
    of_company: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_jco = rows_by(configured("jco", STREAMS))
    with SapPeer(of_company.system) as peer:
        monkeypatch.setenv("SAP_PASSWORD", peer.password)
        by_wire = rows_by(configured("saprfclib", STREAMS, ashost=peer.ashost))
    assert by_jco == by_wire
    assert {name: len(rows) for name, rows in by_jco.items()} == {"KNA1": 30, "list": 30}


def test_structures_and_tables_in_rows_become_columns_of_their_own(of_company: Backend) -> None:
    order = rows_by(configured("jco", {"orders": ORDERS_STREAM}))["orders"][0]
    assert order["SHIP_TO"]["COUNTRY"] == {"LAND1": "PL", "NAME": "Polska"}
    assert order["ITEMS"][0]["PARTNERS"] == [{"ROLE": "WE", "NUMBER": "0000000001"}]
    assert order["TAGS"] == ["tag 0"]
    assert order["NETWR"] == Decimal("19.99")


def test_a_poll_that_takes_too_long_is_cut_and_the_next_one_reads_on(of_company: Backend) -> None:
    with closing(configured("jco", {"orders": ORDERS_STREAM}, call_timeout=1)) as connector:
        connector.open()
        (stream,) = connector.discover()
        of_company.switches.fault("Z_BRIDGE_GET_ORDERS", Hang())
        begun = time.monotonic()
        with pytest.raises(TransientError, match="no answer within 1 s"):
            connector.poll(stream, None, Ask())
        assert time.monotonic() - begun < 3
        assert connector.poll(stream, None, Ask()).rows == 20


def test_an_interrupted_poll_ends_at_once(of_company: Backend) -> None:
    with closing(configured("jco", {"orders": ORDERS_STREAM})) as connector:
        connector.open()
        (stream,) = connector.discover()
        of_company.switches.fault("Z_BRIDGE_GET_ORDERS", Hang())
        threading.Timer(0.3, connector.interrupt).start()
        begun = time.monotonic()
        with pytest.raises(TransientError, match="interrupted"):
            connector.poll(stream, None, Ask())
        assert time.monotonic() - begun < 5


def test_doctor_says_which_jco_it_is(of_company: Backend) -> None:
    with closing(configured("jco", STREAMS)) as connector:
        connector.open()
        connector.discover()
        told = [each.text for each in connector.check()]
    assert told[0] == "the client is jco of SAP JCo 3.1.0 (SAP's, as the customer holds it)"


def test_a_password_is_in_no_error_and_no_log(
    of_company: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    canary = "Pa55-canary-Word"
    monkeypatch.setenv("SAP_PASSWORD", canary)
    with (
        closing(configured("jco", STREAMS)) as connector,
        pytest.raises(CredentialsError) as caught,
    ):
        connector.open()
    assert canary not in f"{caught.value!r} {caught.value} {caught.value.__cause__} {caplog.text}"
    assert of_company.logons == ["BRIDGE"]

"""What an operator writes for an SAP system, and what he is told when it cannot be right."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from pydantic import ValidationError

from bridge import cli
from bridge.config.options import StreamOptions
from bridge.contract import Secret
from bridge.errors import ConfigError, CredentialsError, PermanentError, TransientError
from bridge.inspection import inspected
from connectors.sap_rfc import SapConnector, clients
from connectors.sap_rfc.clients import Found, Logon
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.errors import Asked, Kind, fault, masked, translate
from connectors.sap_rfc.logon import logon, secrets
from tests.unit.config_files import config_file

TABLE = {"mode": "table", "images": True}
LEAST: dict[str, Any] = {
    "ashost": "erp1",
    "client": "100",
    "user": "bridge",
    "password": "env:SAP_PASSWORD",
    "streams": {"KNA1": TABLE},
}
POINTERS = {"mode": "change_pointers", "message_type": "DEBMAS"}
FUNCTION = {"mode": "function", "function": "Z_LIST", "rows": "ROWS", "key": ["ID"]}


def config(**options: Any) -> SapConfig:
    whole = LEAST | options
    return SapConfig.model_validate({name: value for name, value in whole.items() if value is not None})


def refused(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        config(**options)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in caught.value.errors())


def stream(name: str = "KNA1", **options: Any) -> str:
    return refused(streams={name: options})


# -- connections


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"ashost": None}, "needs either `ashost` or `mshost`"),
        ({"mshost": "ms", "sysid": "PRD"}, "needs either `ashost` or `mshost`"),
        ({"group": "RFC"}, "`msserv` and `group` have no meaning with `ashost`"),
        ({"ashost": None, "mshost": "ms"}, "`mshost` needs `sysid`"),
        ({"password": None}, "needs `password`, or `mysapsso2`, `x509` or `snc`"),
        ({"mysapsso2": "env:TICKET"}, "`password` and `mysapsso2` exclude each other"),
        ({"user": None}, "needs the `user` whose `password` it is"),
        ({"password": None, "x509": "file:/cert"}, "`x509` needs `snc`"),
        (
            {"password": None, "mysapsso2": "env:TICKET", "library": "saprfclib"},
            "`mysapsso2` is not for saprfclib; use library: pyrfc or jco",
        ),
        ({"library": "pyrfc", "heap": "1g"}, "`heap` has no meaning with library: pyrfc"),
        ({"library": "jco", "heap": "much"}, "is not the size of a heap"),
        ({"client": 100}, 'client: Value error, is a number; write it in quotes: "100"'),
        ({"sysnr": 0}, 'sysnr: Value error, is a number; write it in quotes: "00"'),
        ({"client": "1"}, "client"),
        ({"saprouter": "/H/router/S/3299/W/secret"}, "has a password; write the whole route into a file"),
        ({"library": "nwrfc"}, "library"),
        ({"streams": {}}, "streams"),
    ],
)
def test_a_connection_that_cannot_be_says_why(options: dict[str, Any], why: str) -> None:
    assert why in refused(**options)


def test_a_refusal_shows_nothing_of_what_was_written() -> None:
    assert "secret" not in refused(saprouter="/H/router/S/3299/W/secret").replace("secrets", "")


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "erp1:00"),
        ({"sysnr": "07"}, "erp1:07"),
        ({"ashost": None, "mshost": "ms", "sysid": "PRD"}, "ms/PUBLIC"),
        ({"ashost": None, "mshost": "ms", "msserv": "3601", "group": "RFC"}, "ms/RFC"),
    ],
)
def test_messages_tell_the_place(options: dict[str, Any], place: str) -> None:
    assert config(**options).place == place


def test_a_connection_has_the_parameters_of_sapnwrfc_ini(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAP_PASSWORD", "s3cret")
    route = tmp_path / "route"
    route.write_text("/H/router/S/3299/W/hop-secret/H/inner\n")
    given = logon(
        config(
            ashost=None,
            mshost="ms",
            sysid="PRD",
            group="RFC",
            msserv="3601",
            language="de",
            saprouter=f"file:{route}",
            gateway={"host": "gw", "service": "sapgw01"},
            snc={"partner": "p:CN=PRD", "lib": "/lib/snc.so", "qop": 9, "myname": "p:CN=BRIDGE"},
        )
    )
    assert given.parameters == {
        "mshost": "ms",
        "group": "RFC",
        "msserv": "3601",
        "sysid": "PRD",
        "saprouter": "/H/router/S/3299/W/hop-secret/H/inner",
        "gwhost": "gw",
        "gwserv": "sapgw01",
        "client": "100",
        "lang": "DE",
        "user": "bridge",
        "passwd": "s3cret",
        "snc_mode": "1",
        "snc_qop": "9",
        "snc_partnername": "p:CN=PRD",
        "snc_myname": "p:CN=BRIDGE",
        "snc_lib": "/lib/snc.so",
    }
    assert secrets(given) == ["s3cret", "hop-secret"]
    assert "s3cret" not in repr(given)
    assert "hop-secret" not in repr(given)


def test_a_route_without_a_password_is_written_as_it_is() -> None:
    assert config(saprouter="/H/router/S/3299").saprouter == "/H/router/S/3299"
    assert isinstance(config(saprouter="env:ROUTE").saprouter, Secret)


@pytest.mark.parametrize(("library", "sessions"), [("saprfclib", 1), ("pyrfc", 1), ("jco", 2)])
def test_jco_counts_for_two_sessions(library: str, sessions: int) -> None:
    told = SapConnector(config(library=library)).sessions
    assert told is not None
    assert told.most == sessions


def test_by_default_a_call_ends_before_its_poll_is_interrupted() -> None:
    assert config().call_timeout < StreamOptions().deadline


# -- streams


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"mode": "odp"}, "SAP Note 3255746"),
        ({}, "mode"),
        (
            {"mode": "table"},
            "needs either `columns`, with the time of a row's last change, or",
        ),
        ({"mode": "table", "columns": ["AEDAT"], "images": True}, "needs either `columns`"),
        (TABLE | {"key": ["KUNNR", "KUNNR"]}, "names one twice"),
        (TABLE | {"fields": ["kunnr"]}, "'kunnr' is no name of SAP's dictionary; write KUNNR"),
        (TABLE | {"fields": ["NAME 1"]}, "'NAME 1' is no name of SAP's dictionary"),
        (TABLE | {"process": True}, "`process` has no meaning in table mode"),
        (TABLE | {"function": "Z"}, "`function` has no meaning in table mode"),
        ({"mode": "change_documents"}, "change_documents mode needs `classes`"),
        ({"mode": "change_documents", "classes": ["DEBI"], "columns": ["A"]}, "`columns` has no meaning"),
        ({"mode": "function", "rows": "ROWS", "key": ["ID"]}, "function mode needs `function`"),
        ({"mode": "function", "function": "Z", "key": ["ID"]}, "function mode needs `rows`"),
        ({"mode": "function", "function": "Z", "rows": "ROWS"}, "function mode needs `key`"),
        (FUNCTION | {"mark": ["AEDAT"]}, "`mark` is of no use without `detail`"),
        (FUNCTION | {"pages": {"parameter": "IDRANGE"}}, "`pages` is of no use without `cap`"),
        (FUNCTION | {"detail": {"parameters": {}}}, "names either a `function` or a `table`"),
        (FUNCTION | {"detail": {"function": "A", "table": "B"}}, "names either a `function` or a `table`"),
        (FUNCTION | {"detail": {"table": "B"}}, "`detail` needs a `function`"),
        (FUNCTION | {"missing": ["F2718"]}, "is no message; write class and number, like F2 718"),
        (FUNCTION | {"alpha": "strip"}, "`alpha` has no meaning in function mode"),
        (
            {"mode": "change_documents", "classes": ["A"], "enrich": {"table": "B", "rows": ["C"]}},
            "`enrich` of a table takes no `parameters` and no `rows`",
        ),
        (FUNCTION | {"cap": {"parameter": "MAXROWS", "value": 0}}, "cap.value"),
        ({"mode": "change_pointers"}, "change_pointers mode needs `message_type`"),
        (POINTERS | {"process": True, "since": "2026-01-01"}, "`since` is of no use with `process`"),
        (
            POINTERS | {"process_function": "Z_DONE"},
            "`process_function` is of no use without `process: true`",
        ),
    ],
)
def test_a_stream_that_cannot_be_says_why(options: dict[str, Any], why: str) -> None:
    assert why in stream(**options)


def test_a_stream_is_no_pattern_and_a_table_has_a_name() -> None:
    assert "'Z*' is a pattern; name each stream" in stream("Z*", **TABLE)
    assert "'my customers' is no name of a table; write it as `table`" in stream("my customers", **TABLE)
    assert config(streams={"my customers": TABLE | {"table": "KNA1"}}).streams["my customers"].table == "KNA1"
    assert config(streams={"/BIC/AZSD_O01": TABLE}).streams


def test_what_streams_inherit_may_be_for_others() -> None:
    inherited = {"late_window": "60s", "safety_interval": "2s"}
    assert config(streams={"customers": FUNCTION | inherited}).streams["customers"].late_window == 60.0


DOCUMENTS = {"mode": "change_documents", "classes": ["DEBI"]}
PROCESS = {"process": True}
BY_TIME = {"mode": "table", "columns": ["AEDAT"]}
PASSED = {"mode": "table", "columns": ["AEDAT"], "high": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("options", "position", "fits"),
    [
        (TABLE, {"mode": "images", "scan": "complete"}, True),
        (TABLE, {"mode": "table", "columns": ["AEDAT"]}, False),
        (FUNCTION, {"mode": "function", "scan": "complete"}, True),
        (FUNCTION, 4711, False),
        (DOCUMENTS, {"mode": "function"}, False),
        (DOCUMENTS, {"mode": "change_documents", "floor": "20260101000000"}, True),
        (DOCUMENTS, {"mode": "change_documents", "floor": "2026-01-01"}, False),
        (DOCUMENTS, {"mode": "change_documents"}, False),
        (POINTERS, {"mode": "change_pointers", "flor": 1}, False),
        (POINTERS, {"mode": "change_pointers", "floor": "20260101000000"}, True),
        (POINTERS, {"mode": "change_documents", "floor": "20260101000000"}, False),
        (POINTERS | PROCESS, {"mode": "change_pointers", "floor": "20260101000000"}, False),
        (POINTERS | PROCESS, {"mode": "change_pointers", "done": ["1"]}, True),
        (TABLE, {"mode": "images", "after": ["1"]}, True),
        (TABLE, {"mode": "images", "after": [1]}, False),
        (TABLE, {"mode": "images", "after": ["1"], "since": None}, False),
        (BY_TIME, {"mode": "table"}, False),
        (BY_TIME, {"mode": "table", "columns": ["AEDAT"], "high": "nonsense"}, False),
        (BY_TIME, {"mode": "table", "columns": ["ERDAT"], "high": "2026-01-01T00:00:00+00:00"}, False),
        (BY_TIME, {"mode": "table", "columns": ["AEDAT"], "high": "2026-01-01T00:00:00+00:00"}, True),
        (BY_TIME, {**PASSED, "left": [["1", "2"]]}, True),
        (BY_TIME, {**PASSED, "left": [["1"]], "since": None, "until": None, "after": ["1"]}, True),
        (BY_TIME, {**PASSED, "left": ["1"]}, False),
        (FUNCTION, {"mode": "function"}, False),
    ],
)
def test_a_position_of_another_mode_is_refused(options: Any, position: Any, fits: bool) -> None:  # noqa: FBT001
    connector = SapConnector(config(streams={"KNA1": options}))
    if fits:
        connector.check_position("KNA1", position)
        return
    with pytest.raises(ConfigError, match=r'write \{"mode": "'):
        connector.check_position("KNA1", position)


@pytest.mark.parametrize(("option", "name"), [("mysapsso2", "mysapsso2"), ("x509", "x509cert")])
def test_a_ticket_and_a_certificate_reach_the_client_and_no_message(
    monkeypatch: pytest.MonkeyPatch, option: str, name: str
) -> None:
    monkeypatch.setenv("SAP_PROOF", "AjExMDAgAA1wb3J0YWw6")
    snc = {"partner": "p:CN=ERP", "lib": "/opt/snc.so"}
    told = logon(config(password=None, snc=snc, **{option: "env:SAP_PROOF"}))
    assert told.parameters[name] == "AjExMDAgAA1wb3J0YWw6"
    assert "passwd" not in told.parameters
    assert secrets(told) == ["AjExMDAgAA1wb3J0YWw6"]


@pytest.mark.parametrize("value", [{"VALUE": "1000"}, {}, {"value": 1, "of": 2}, 7, ["A"]])
def test_a_parameter_of_a_detail_is_a_column_or_a_constant(value: Any) -> None:
    detail = {"function": "Z_F", "parameters": {"CODE": value}}
    with pytest.raises(ValidationError, match=r"CODE needs the name of a column, or \{value: "):
        config(
            streams={
                "A": {"mode": "function", "function": "Z_L", "rows": "R", "key": ["K"], "detail": detail}
            }
        )


# -- clients


def test_the_options_are_read_without_a_client_and_without_arrow() -> None:
    script = (
        "import sys, connectors.sap_rfc;"
        "print([name for name in ('pyrfc', 'saprfclib', 'pyarrow', 'jpype') if name in sys.modules])"
    )
    told = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_the_first_client_that_is_installed_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Found("saprfclib", "saprfclib", "0.1.8", "MPL-2.0")
    monkeypatch.setattr(clients, "_LOOKS", {"pyrfc": lambda: None, "saprfclib": lambda: there, "jco": _none})
    assert clients.found() == there
    assert clients.installed() == [there]
    assert str(there) == "saprfclib 0.1.8 (MPL-2.0)"


def test_without_a_client_three_ways_to_one_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_LOOKS", dict.fromkeys(clients.LIBRARIES, _none))
    with pytest.raises(ConfigError) as caught:
        clients.found()
    for way in ("pip install pyrfcx", "pip install 'legacy-bridge[sap]'", "sapjco3.jar", "NW RFC SDK"):
        assert way in str(caught.value)
    assert "pip install pyrfcx" in SapConnector.drivers()[0]


def test_a_client_that_was_asked_for_and_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_LOOKS", dict.fromkeys(clients.LIBRARIES, _none))
    with pytest.raises(ConfigError, match="library: jco is not installed"):
        clients.found("jco")


def test_a_client_that_cannot_be_loaded_is_a_matter_of_its_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients, "_MODULES", {"saprfclib": "not_there"})
    with pytest.raises(
        ConfigError, match=r"saprfclib 0.1.8 \(MPL-2.0\) cannot be loaded: No module"
    ) as caught:
        clients.connect(Found("saprfclib", "saprfclib", "0.1.8", "MPL-2.0"), Logon({}, 1.0))
    assert "SAPNWRFC_HOME" in caught.value.remedy


def test_the_installed_clients_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["connectors", "sap"]) == 0
    printed = capsys.readouterr().out
    for client in clients.installed():
        assert client.version in printed
    assert "reads with: saprfclib" in printed
    assert cli.main(["connectors", "sap", "--json"]) == 0
    (kind,) = json.loads(capsys.readouterr().out)["connectors"]
    assert kind["drivers"] == list(map(str, clients.installed()))


def test_a_client_for_tests_says_so() -> None:
    assert "for evaluation and tests only" in str(clients.found("pyrfc"))


def _none() -> None:
    return None


# -- errors


class LogonError(Exception):
    """As PyRFC's."""


class SdkNotFoundError(Exception):
    """As pyrfcx's, which is no RFCError."""


class ABAPRuntimeError(Exception):
    """As PyRFC's."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.message, self.key = message, key


class ExternalRuntimeError(ABAPRuntimeError):
    """As PyRFC's, which has it for parameters of its own."""


class JCoException(Exception):
    """As JCo's through JPype."""

    def __init__(self, group: int, key: str, message: str) -> None:
        super().__init__(message)
        self._told = group, key, message

    def getGroup(self) -> int:  # noqa: N802
        return self._told[0]

    def getKey(self) -> str:  # noqa: N802
        return self._told[1]

    def getMessage(self) -> str:  # noqa: N802
        return self._told[2]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LogonError("Name or password is incorrect"), Kind.LOGON),
        (SdkNotFoundError("libsapnwrfc.so: not found"), Kind.CONFIG),
        (
            ABAPRuntimeError("No RFC authorization for function module RFC_PING.", "RFC_NO_AUTHORITY"),
            Kind.AUTHORISATION,
        ),
        (ABAPRuntimeError("Time limit exceeded.", "TIME_OUT"), Kind.FAILURE),
        (ABAPRuntimeError("Function module Z is unknown", "CALL_FUNCTION_NOT_FOUND"), Kind.FUNCTION),
        (JCoException(103, "JCO_ERROR_LOGON_FAILURE", "Initialization failed: password"), Kind.LOGON),
        (JCoException(102, "JCO_ERROR_COMMUNICATION", "partner not reached"), Kind.COMMUNICATION),
        (JCoException(104, "JCO_ERROR_SYSTEM_FAILURE", "Division by 0"), Kind.FAILURE),
        (JCoException(126, "NOT_FOUND", "NOT_FOUND"), Kind.RAISED),
        (JCoException(123, "JCO_ERROR_FUNCTION_NOT_FOUND", "Z"), Kind.FUNCTION),
        (ConnectionResetError("reset"), Kind.COMMUNICATION),
        (EOFError("closed"), Kind.COMMUNICATION),
    ],
)
def test_errors_of_all_clients_are_told_apart(error: Exception, kind: Kind) -> None:
    assert fault(error).kind is kind


def test_an_error_of_the_network_is_no_exception_of_a_function() -> None:
    assert not fault(EOFError("closed")).was_raised
    assert not fault(ABAPRuntimeError("", "RFC_NO_AUTHORITY")).was_raised
    assert fault(JCoException(126, "NOT_AUTHORIZED", "")).was_raised


@pytest.mark.parametrize(
    "text",
    [
        "open failed: ashost=erp1 user=bridge passwd=s3cret client=100",
        "{'user': 'bridge', 'passwd': 's3cret'}",
        "MYSAPSSO2=s3cret,LANG=EN",
        "/H/router/S/3299/W/s3cret/H/erp1: route denied",
        "password: s3cret",
    ],
)
def test_what_stands_where_secrets_stand_is_hidden(text: str) -> None:
    assert "s3cret" not in masked(text)
    assert "***" in masked(text)


def test_a_known_secret_is_hidden_wherever_it_stands() -> None:
    error = translate(LogonError("refused s3cret for bridge"), Asked("logging on"), ["s3cret"])
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("secret", ["se\\cret, word-two", "ein 'zwei\" drei", "a\tb c"])
def test_a_known_secret_is_hidden_as_python_repeats_it(secret: str) -> None:
    told = masked(f"unknown parameters { ({'ashost': 'erp1', 'x': secret}) }", [secret])
    assert told == "unknown parameters {'ashost': 'erp1', 'x': '***'}"


@pytest.mark.parametrize(
    "text",
    [
        "Maximum number of failed logon attempts exceeded; user is locked",
        "Maximum number of logon attempts reached",
        "Password logon no longer possible: maximum number of attempts",
        "Kennwort gesperrt: der Benutzer wird gestartet",
    ],
)
def test_a_refusal_is_none_to_be_tried_again_whatever_else_it_says(text: str) -> None:
    assert isinstance(translate(LogonError(text), Asked("logging on")), CredentialsError)


NOT_AUTHORIZED = "You are not authorized to log on to the target system (error code 1)."


@pytest.mark.parametrize(
    "error",
    [
        ABAPRuntimeError(NOT_AUTHORIZED, "CALL_FUNCTION_SIGNON_REJECTED"),
        ABAPRuntimeError("The logon data is incomplete.", "CALL_FUNCTION_SIGNON_INVALID"),
        ABAPRuntimeError("No trusted system.", "CALL_FUNCTION_SINGLE_LOGIN_REJ"),
        ABAPRuntimeError(NOT_AUTHORIZED, "RFC_ABAP_RUNTIME_FAILURE"),
        JCoException(104, "JCO_ERROR_SYSTEM_FAILURE", NOT_AUTHORIZED),
        JCoException(102, "JCO_ERROR_COMMUNICATION", "Logon failed: user is locked"),
    ],
)
def test_a_logon_that_is_refused_in_other_words_is_not_tried_again_either(error: Exception) -> None:
    assert isinstance(translate(error, Asked("logging on")), CredentialsError)
    assert isinstance(translate(error, Asked("calling Z_ECHO", "Z_ECHO")), TransientError)


@pytest.mark.parametrize(
    "text",
    [
        "Connect to SAP gateway failed: partner erp1:3300 not reached",
        "Logon failed: no free work process",
        "connection attempt timed out",
    ],
)
def test_a_logon_at_which_nobody_looked_is_tried_again(text: str) -> None:
    error = JCoException(102, "JCO_ERROR_COMMUNICATION", text)
    assert isinstance(translate(error, Asked("logging on")), TransientError)


def test_an_option_that_a_client_refuses_is_one_of_the_connection() -> None:
    wrong = ExternalRuntimeError("Invalid value for 'trace'", "RFC_INVALID_PARAMETER")
    error = translate(wrong, Asked("logging on to erp1"))
    assert isinstance(error, ConfigError)
    assert "connection's options" in error.remedy
    called = translate(wrong, Asked("calling Z_ECHO", "Z_ECHO"))
    assert isinstance(called, PermanentError)
    assert "SE37" in called.remedy


def test_a_logon_s_parameters_are_not_shown() -> None:
    assert repr(Logon({"passwd": "s3cret", "user": "bridge"}, 1.0)) == "Logon(passwd, user)"


def test_the_example_is_right() -> None:
    assert list(map(str, inspected(Path(__file__).parents[2] / "config" / "sap.yaml"))) == []


@pytest.mark.parametrize(
    "options",
    [
        {"ashost": "/H/gate/S/3299/W/tiger/H/erp1"},
        {"mshost": "/H/gate/P/tiger/H/erp1", "sysid": "PRD", "ashost": None},
        {"gateway": {"host": "/H/gate/W/tiger/H/erp1", "service": "3300"}},
    ],
    ids=str,
)
def test_a_route_in_the_place_of_a_host_is_not_shown(tmp_path: Path, options: dict[str, Any]) -> None:
    connector = {name: each for name, each in {**LEAST, "kind": "sap", **options}.items() if each is not None}
    (told,) = map(str, inspected(config_file(tmp_path, connector)))
    assert "is a route; write all before the last host under `saprouter`" in told
    assert "tiger" not in told

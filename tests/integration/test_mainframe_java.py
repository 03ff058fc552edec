"""A compiled Java connector that nobody here wrote for the bridge, driven by configuration alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import ValidationError

from bridge.contract import Ask, Batch, Level, Scan
from bridge.errors import ConfigError, CredentialsError, PermanentError, TransientError
from connectors.jvm import java
from connectors.mainframe.records import JavaOptions, JavaSource, java_session
from connectors.mainframe.records.java_values import python_of
from tests.integration.mainframe_records import java_jar
from tests.integration.mainframe_streams import written

SCREEN = {
    "identify": [{"row": 1, "text": "CUSTOMER INQUIRY"}],
    "fields": {
        "customer_id": {"label": "CUSTOMER ID:"},
        "name": {"label": "NAME:"},
        "balance": {"label": "BALANCE:", "picture": "Z.ZZ9,99-", "decimal": ","},
    },
}
COPYBOOK = """
       01  AREA.
           05  CUST-ID   PIC 9(8).
           05  CUST-NAME PIC X(13).
           05  BALANCE   PIC S9(5)V99 COMP-3.
"""


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return java_jar(tmp_path_factory.mktemp("in-house"))


@pytest.fixture
def options(jar: Path) -> dict[str, Any]:
    return {
        "transport": "java",
        "jars": [str(jar)],
        "class": "in.house.MainframeConnector",
        "arguments": ["{host}", "{port}"],
        "host": "mvs1",
        "port": 3270,
        "connect": "connect",
        "disconnect": "disconnect",
        "screens": {"custinq": SCREEN},
    }


def inquiry(*ids: str, **more: Any) -> dict[str, Any]:
    """The reference transaction."""
    asked = {"CUSTOMER_ID": "{customer_id}", "REQUEST_TYPE": "BALANCE"}
    return {
        "execute": {"method": "executeTransaction", "arguments": ["CUSTINQ", asked]},
        "answer": "getScreenData",
        "screen": "custinq",
        "key": ["customer_id"],
        "keys": [{"customer_id": each} for each in ids],
        **more,
    }


@contextmanager
def opened(options: dict[str, Any], **streams: Any) -> Iterator[JavaSource]:
    with closing(JavaSource(JavaOptions.model_validate({**options, "streams": streams}))) as source:
        source.open()
        yield source


def scan(source: JavaSource, ask: Ask | None = None) -> list[Batch]:
    """Of the only stream."""
    (stream,) = source.discover()
    batches = [source.poll(stream, None, ask or Ask())]
    while batches[-1].more:
        batches.append(source.poll(stream, batches[-1].position, ask or Ask()))
    return batches


def rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for each in batch.changes for row in each.rows.to_pylist()]


def test_the_reference_connector_is_driven_by_configuration_alone(options: dict[str, Any]) -> None:
    with opened(options, customers=inquiry("1", "2")) as source:
        (batch,) = scan(source)
    assert batch.scan is Scan.ONLY
    assert rows([batch]) == [
        {"customer_id": "1", "name": "MÜLLER 1", "balance": Decimal("-1234.51")},
        {"customer_id": "2", "name": "MÜLLER 2", "balance": Decimal("-1234.52")},
    ]


def test_a_factory_makes_it_from_a_map(options: dict[str, Any]) -> None:
    made = {**options, "factory": "create", "arguments": [{"host": "{host}", "port": "{port}"}]}
    with opened(made, customers=inquiry("1")) as source:
        assert [row["name"] for row in rows(scan(source))] == ["MÜLLER 1"]


def test_a_scan_comes_in_pages_of_keys(options: dict[str, Any]) -> None:
    with opened(options, customers=inquiry(*"12345")) as source:
        batches = scan(source, Ask(rows=2))
    assert [batch.scan for batch in batches] == [Scan.FIRST, Scan.MORE, Scan.LAST]
    assert [row["customer_id"] for row in rows(batches)] == list("12345")


def test_keys_come_from_a_file_each_once(options: dict[str, Any], tmp_path: Path) -> None:
    keys = tmp_path / "keys.csv"
    written(keys, "customer_id,else\n3,x\n1,y\n3,z\n")
    stream = inquiry() | {"keys": {"file": str(keys)}}
    with opened(options, customers=stream) as source:
        assert [row["customer_id"] for row in rows(scan(source))] == ["3", "1"]
        keys.write_text("customer_id,else\n3,x\n")
        with pytest.raises(TransientError, match="written to just now"):
            scan(source)
        keys.unlink()
        assert "No such file" in source.check()[-1].text


def test_a_value_that_cannot_be_read_is_a_reject_with_its_key(options: dict[str, Any]) -> None:
    with opened(options, customers=inquiry("1", "7", "2")) as source:
        (batch,) = scan(source)
    assert [row["customer_id"] for row in rows([batch])] == ["1", "2"]
    (reject,) = batch.rejects
    assert reject.key == {"customer_id": "7"}
    assert "balance" in reject.reason
    assert "?????" in str(reject.raw)


def test_a_key_that_is_not_there_is_no_row(options: dict[str, Any]) -> None:
    gone = {"identify": [{"pattern": "DFHXX404"}], "fields": {"message": {"label": "MESSAGE:"}}}
    found = {**SCREEN, "identify": [*SCREEN["identify"], {"pattern": "DFHXX404", "absent": True}]}
    screens = {"screens": {"custinq": found, "gone": gone}}
    stream = inquiry("404", "405", "700", "1", missing=["gone", "NOT ON FILE"], missing_null=True)
    with opened({**options, **screens}, customers=stream) as source:
        (batch,) = scan(source)
    assert [row["customer_id"] for row in rows([batch])] == ["1"]
    assert not batch.rejects


def test_a_key_that_the_host_fills_up_is_the_one_that_was_asked_for(options: dict[str, Any]) -> None:
    """A row and its reject have one key: neither deletes the row."""
    with opened(options, customers=inquiry("8", "7")) as source:
        (batch,) = scan(source)
    assert [row["customer_id"] for row in rows([batch])] == ["8"]
    assert [reject.key for reject in batch.rejects] == [{"customer_id": "7"}]


@pytest.mark.parametrize("key", ["404", "405"], ids=["a screen", "an exception"])
def test_an_error_is_no_missing_key_whatever_else_it_says(options: dict[str, Any], key: str) -> None:
    listed = {**SCREEN, "identify": [{"row": 1, "text": "CUSTOMER LIST"}]}
    screens = {"custinq": listed, "gone": {"identify": [{"pattern": "DFHXX404"}]}}
    errors = {"errors": [{"pattern": "NO SUCH|NOT ON", "class": "retry"}], "screens": screens}
    stream = inquiry(key, missing=["gone", "NOT ON FILE"])
    with opened({**options, **errors}, customers=stream) as source, pytest.raises(TransientError, match=key):
        scan(source)


ALL = {
    "execute": {"method": "customers", "arguments": [{"as": "long", "value": "{id}"}]},
    "fields": {"id": {"type": "integer"}, "note": {"type": "text"}},
    "key": ["id"],
    "keys": [{"id": 0}],
}


def test_an_answer_without_rows_says_nothing_of_its_key_unless_that_is_told(options: dict[str, Any]) -> None:
    listed = ALL | {"rows": "result.rows"}
    with opened(options, c=listed) as source, pytest.raises(TransientError, match="the answer has no rows"):
        scan(source)
    with opened(options, c=listed | {"missing_null": True}) as source:
        assert rows(scan(source)) == []


def test_a_key_may_bring_more_than_its_columns(options: dict[str, Any]) -> None:
    asked = {"keys": [{"id": 1, "limit": 1}], "rows": "result.rows"}
    call = {"execute": {"method": "customers", "arguments": [{"as": "long", "value": "{limit}"}]}}
    with opened(options, c=ALL | asked | call) as source:
        assert rows(scan(source)) == [{"id": 1, "note": "note 1"}]


def test_what_is_asked_with_is_no_value_of_the_answer(options: dict[str, Any]) -> None:
    columns = {"fields": {"id": {"type": "integer"}, "note": {"type": "text"}, "limit": {"type": "integer"}}}
    asked = {"keys": [{"id": 1, "limit": 1}], "rows": "result.rows"}
    call = {"execute": {"method": "customers", "arguments": [{"as": "long", "value": "{limit}"}]}}
    with opened(options, c=ALL | asked | call | columns) as source:
        assert rows(scan(source)) == [{"id": 1, "note": "note 1", "limit": None}]


def test_several_rows_for_one_key_are_a_dead_letter(options: dict[str, Any]) -> None:
    """Else the last one would be published, whichever that is."""
    call = {"execute": {"method": "customers", "arguments": [{"as": "long", "value": "{limit}"}]}}
    asked = {"key": ["branch"], "keys": [{"branch": "B1", "limit": 2}], "fields": {"note": {"type": "text"}}}
    with opened(options, c=ALL | call | asked | {"rows": "result.rows"}) as source:
        (batch,) = scan(source)
    (reject,) = batch.rejects
    assert (rows([batch]), reject.key) == ([], {"branch": "B1", "limit": "2"})
    assert "has 2 rows, which are not alike" in reject.reason


def test_rows_of_one_answer_with_one_key_are_a_dead_letter(options: dict[str, Any]) -> None:
    """Both would be published, in every scan: each is another row than the one before."""
    call = {"method": "customers", "arguments": [{"as": "long", "value": "3"}]}
    listed = {"execute": call, "rows": "result.rows", "key": ["active"]}
    fields = {"active": {"type": "boolean"}, "note": {"type": "text"}}
    with opened(options, c=listed | {"fields": fields}) as source:
        (batch,) = scan(source)
    (reject,) = batch.rejects
    assert rows([batch]) == [{"active": False, "note": "note 2"}]
    assert reject.key == {"active": True}
    assert "has 2 rows with this key, which are not alike" in reject.reason


def test_a_text_that_is_none_of_unicode_is_a_reject_of_its_row_alone(options: dict[str, Any]) -> None:
    fields = {"id": {"type": "integer"}, "name": {"type": "text"}}
    with opened(options, c={"execute": {"method": "halves"}, "key": ["id"], "fields": fields}) as source:
        (batch,) = scan(source)
    assert rows([batch]) == [{"id": 1, "name": "one"}, {"id": 3, "name": "\U0001f600"}]
    (reject,) = batch.rejects
    assert reject.key == {"id": 2}
    assert "name: is no text of Unicode" in reject.reason
    assert "x" in str(reject.raw)


def test_an_answer_with_none_of_the_columns_is_no_row_of_nulls(options: dict[str, Any]) -> None:
    with opened(options, c=ALL) as source:
        (batch,) = scan(source)
    assert (rows([batch]), [reject.key for reject in batch.rejects]) == ([], [{"id": 0}])
    assert "none of the columns" in batch.rejects[0].reason


@pytest.mark.parametrize(
    ("key", "kind", "error"),
    [("500", "retry", TransientError), ("501", "retry", TransientError), ("501", "fatal", PermanentError),
     ("500", "credentials", CredentialsError)],
)  # fmt: skip
def test_errors_of_screens_and_exceptions_have_their_class(
    options: dict[str, Any], key: str, kind: str, error: type[Exception]
) -> None:
    errors = {"errors": [{"pattern": "ABEND ASRA", "class": kind}]}
    with opened({**options, **errors}, customers=inquiry("1", key)) as source:
        with pytest.raises(error, match=f"key {key}: .*ABEND ASRA") as told:
            scan(source)
        assert type(told.value) is error


def test_a_key_that_the_host_rejects_is_a_dead_letter(options: dict[str, Any]) -> None:
    errors = {"errors": [{"pattern": "ABEND ASRA", "class": "reject"}]}
    with opened({**options, **errors}, customers=inquiry("501", "1")) as source:
        (batch,) = scan(source)
    assert [reject.key for reject in batch.rejects] == [{"customer_id": "501"}]
    assert [row["customer_id"] for row in rows([batch])] == ["1"]


def test_a_host_that_wants_a_new_log_on_gets_one(options: dict[str, Any]) -> None:
    errors = {"errors": [{"text": "SIGN ON AGAIN", "class": "relogin"}]}
    with opened({**options, **errors}, customers=inquiry("600")) as source:
        before = java("in.house.MainframeConnector").connections()
        with pytest.raises(TransientError, match="key 600: DFHAC2001"):
            scan(source)
        assert java("in.house.MainframeConnector").connections() == before + 2


def test_a_screen_that_no_map_knows_fails_the_poll(options: dict[str, Any]) -> None:
    told = "expected the screen custinq, seen 'DFHAC2206"
    with opened(options, customers=inquiry("500")) as source, pytest.raises(TransientError, match=told):
        scan(source)


def test_only_what_the_host_says_makes_a_key_missing(options: dict[str, Any]) -> None:
    """Not our own words, and not the name of a screen."""
    screens = {"custinq": SCREEN, "refused": {**SCREEN, "identify": [{"row": 1, "text": "REFUSED"}]}}
    late = {**options, "timeout": "1s", "screens": screens}
    stream = inquiry("901", missing=["refused", "answer|calling|execute"])
    with opened(late, customers=stream) as source, pytest.raises(TransientError, match="no answer within"):
        scan(source)


@pytest.mark.parametrize("key", ["900", "901"], ids=["sleeps", "heeds no interrupt"])
def test_a_call_that_hangs_is_cut_off(options: dict[str, Any], key: str) -> None:
    short = {**options, "timeout": "1s"}
    with (
        opened(short, customers=inquiry(key)) as source,
        pytest.raises(TransientError, match="no answer within"),
    ):
        scan(source)


def test_a_poll_can_be_interrupted(options: dict[str, Any]) -> None:
    with opened(options, customers=inquiry("900")) as source:
        naps = java("in.house.MainframeConnector").naps
        before = naps()

        def interrupt() -> None:
            for _ in range(6_000):
                if naps() > before:
                    break
                time.sleep(0.01)
            source.interrupt()

        thread = Thread(target=interrupt)
        thread.start()
        with pytest.raises(TransientError, match="interrupted"):
            scan(source)
        thread.join()


def test_secrets_reach_the_connector_and_no_message(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MF_PASSWORD", "hunter2xyz")
    secret = {"user": "BRIDGE", "password": "env:MF_PASSWORD"}
    connect = {"method": "connect", "arguments": ["{user}", "{password}"]}
    with opened({**options, **secret, "connect": connect}, customers=inquiry("1")) as source:
        assert rows(scan(source))
        assert [finding.level for finding in source.check()] == [Level.OK, Level.WARNING]
        assert "accounts lock" in source.check()[1].text
    with (
        pytest.raises(TransientError) as told,
        opened({**options, **secret, "port": 1}, customers=inquiry("1")),
    ):
        pass
    assert "IEFA107I cannot connect as ***" in str(told.value)
    monkeypatch.setenv("MF_PASSWORD", "wrong")
    errors = {"errors": [{"pattern": "ICH408I", "class": "credentials"}]}
    wrong = {**options, **secret, **errors, "connect": connect}
    with pytest.raises(CredentialsError), opened(wrong, customers=inquiry("1")):
        pass


def test_an_exception_that_is_named_after_a_refusal_is_not_asked_for_twice(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MF_PASSWORD", "wrong")
    secret = {"user": "bridge", "password": "env:MF_PASSWORD"}
    refused = {**options, **secret, "connect": {"method": "connect", "arguments": ["{user}", "{password}"]}}
    with pytest.raises(CredentialsError, match="ICH408I"), opened(refused, customers=inquiry("1")):
        pass
    again = {"errors": [{"pattern": "ICH408I", "class": "retry"}]}
    with pytest.raises(TransientError, match="ICH408I"), opened({**refused, **again}, customers=inquiry("1")):
        pass


@pytest.mark.parametrize("password", ["no realm", "late"])
def test_a_log_on_that_could_not_be_tried_is_no_refusal(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """Else a night's work on the network would park the connector."""
    monkeypatch.setenv("MF_PASSWORD", password)
    connect = {"method": "connect", "arguments": ["bridge", "{password}"]}
    away = {**options, "password": "env:MF_PASSWORD", "connect": connect}
    with pytest.raises(TransientError), opened(away, customers=inquiry("1")):
        pass


@pytest.mark.parametrize(
    ("kinds", "refused"),
    [
        (["java.lang.SecurityException"], True),
        (["javax.security.auth.login.FailedLoginException"], True),
        (["javax.security.auth.login.CredentialExpiredException"], True),
        (["java.io.IOException", "com.vendor.SignOn$AuthenticationException"], True),
        (["com.vendor.SessionLoginException", "java.lang.IllegalStateException"], True),
        (["com.vendor.LogonRequiredException"], False),
        (["com.vendor.NotAuthenticatedException"], False),
        (["com.vendor.SecurityServerUnavailableException"], False),
        (["org.vendor.AuthenticationServiceException"], False),
        (["com.vendor.LoginException", "java.net.SocketTimeoutException"], False),
        (["java.io.IOException"], False),
        (["javax.net.ssl.SSLException", "java.security.GeneralSecurityException"], False),
    ],
)
def test_only_what_is_named_after_a_refused_account_is_one(kinds: list[str], refused: bool) -> None:  # noqa: FBT001
    assert java_session._is_refused(kinds) is refused


def test_what_was_connected_half_way_is_disconnected(options: dict[str, Any]) -> None:
    with opened(options, customers=inquiry("1")):
        before = java("in.house.MainframeConnector").disconnections()
    with pytest.raises(TransientError), opened({**options, "port": 1}, customers=inquiry("1")):
        pass
    assert java("in.house.MainframeConnector").disconnections() == before + 2


@pytest.mark.parametrize("rule", [{}, {"errors": [{"pattern": "hunter", "class": "retry"}]}])
def test_a_secret_that_the_host_repeats_is_not_told(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, rule: dict[str, Any]
) -> None:
    monkeypatch.setenv("MF_PASSWORD", "hunter2xyz")
    asked = {"method": "executeTransaction", "arguments": ["CUSTINQ", {"CUSTOMER_ID": "{password}"}]}
    secret = {**options, **rule, "password": "env:MF_PASSWORD"}
    with (
        opened(secret, customers=inquiry("1") | {"execute": asked}) as source,
        pytest.raises(TransientError, match=r"\*\*\*") as told,
    ):
        scan(source)
    assert "hunter2xyz" not in str(told.value)


@pytest.mark.parametrize("told", ["secret42x", "SECRET42X", "Secret42x"])
def test_a_secret_is_not_told_in_another_case_either(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv("MF_PASSWORD", "Secret42x")
    session = java_session.Session(
        JavaOptions.model_validate(
            {**options, "password": "env:MF_PASSWORD", "streams": {"customers": inquiry("1")}}
        )
    )
    assert session.masked(f"password {told} is wrong") == "password *** is wrong"


@pytest.mark.parametrize("password", ["toldTOPSECRET", "told  TOP SECRET", "told\tTOP\nSECRET"])
def test_a_message_that_is_cut_short_has_no_part_of_a_secret(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("MF_PASSWORD", password)
    secret = {"user": "BRIDGE", "password": "env:MF_PASSWORD"}
    connect = {"method": "connect", "arguments": ["{user}", "{password}"]}
    with (
        pytest.raises(TransientError) as told,
        opened({**options, **secret, "connect": connect}, customers=inquiry("1")),
    ):
        pass
    assert "log-on with ***" in str(told.value)
    assert "TOP" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"class": "in.house.Nothing"}, "in.house.Nothing"),
        ({"connect": "dial"}, "dial"),
        ({"arguments": ["{host}"]}, "MainframeConnector"),
        ({"jars": ["/nowhere/*.jar"]}, "/nowhere"),
        ({"arguments": ["{host}", "{prot}"]}, "prot"),
    ],
)
def test_what_does_not_fit_the_jar_is_a_mistake_in_the_configuration(
    options: dict[str, Any], change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told), opened({**options, **change}, customers=inquiry("1")):
        pass


def test_a_jar_that_is_incomplete_parks(options: dict[str, Any]) -> None:
    told = "com/ibm/ctg/client/JavaGateway"
    with opened(options, customers=inquiry("999")) as source, pytest.raises(ConfigError, match=told):
        scan(source)


def test_a_commarea_is_encoded_and_decoded_by_a_copybook(options: dict[str, Any], tmp_path: Path) -> None:
    copybook = tmp_path / "area.cpy"
    copybook.write_text(COPYBOOK)
    request = {"as": "record", "copybook": str(copybook), "values": {"CUST-ID": "{cust_id}"}}
    stream = {
        "execute": {"method": "flow", "arguments": ["CUSTPGM", request, 100]},
        "record": {"copybook": str(copybook)},
        "key": ["cust_id"],
        "keys": [{"cust_id": 42}, {"cust_id": "43"}, {"cust_id": "nobody"}],
    }
    with opened(options, areas=stream) as source:
        (batch,) = scan(source)
    assert rows([batch]) == [
        {"cust_id": number, "cust_name": f"NAME {number:08}", "balance": Decimal("-123.45")}
        for number in (42, 43)
    ]
    assert [reject.key for reject in batch.rejects] == [{"cust_id": "nobody"}]


def test_a_key_that_no_record_repeats_is_the_rows(options: dict[str, Any], tmp_path: Path) -> None:
    copybook = tmp_path / "area.cpy"
    copybook.write_text(COPYBOOK.replace("CUST-ID ", "FILLER  "))
    area = {"as": "record", "copybook": str(copybook), "values": {}}
    stream = {
        "execute": {"method": "flow", "arguments": ["CUSTPGM", area, 100]},
        "record": {"copybook": str(copybook)},
        "key": ["branch"],
        "keys": [{"branch": "B1"}],
    }
    with opened(options, areas=stream) as source:
        (row,) = rows(scan(source))
    assert (row["branch"], row["balance"]) == ("B1", Decimal("-123.45"))


def test_a_request_names_items_of_its_copybook(options: dict[str, Any], tmp_path: Path) -> None:
    copybook = tmp_path / "area.cpy"
    copybook.write_text(COPYBOOK)
    request = {"as": "record", "copybook": str(copybook), "values": {"CUST-NO": "{cust_id}"}}
    execute = {"method": "flow", "arguments": ["CUSTPGM", request, 100]}
    stream = {"execute": execute, "record": {"copybook": str(copybook)}, "key": ["cust_id"]}
    told = "no item CUST-NO; there are cust_id"
    keys = {"keys": [{"cust_id": 1}]}
    with opened(options, areas=stream | keys) as source, pytest.raises(ConfigError, match=told):
        scan(source)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"arguments": [{"as": "int32", "value": 1}]}, "is not of the form"),
        ({"arguments": [{"as": "int"}]}, "is not of the form"),
        ({"timeout": "soon"}, "is not a duration"),
        ({"heap": "much"}, "heap"),
        ({"stream": {"record": {"copybook": "x"}}}, "needs one of `screen`, `record` and `fields`"),
        ({"stream": {"screen": None, "record": {}}}, "`record` needs a `copybook`"),
        ({"stream": {"rows": "a.b"}}, "`rows` goes with `fields`"),
        ({"stream": {"keys": []}}, "at least 1 item"),
        ({"stream": {"screen": None, "fields": {"a": {"type": "money"}}}}, "is no type"),
        ({"stream": {"screen": None, "fields": {"a": {"type": "decimal(39,2)"}}}}, "at most 38"),
        ({"stream": {"screen": None, "fields": {"a": {"type": "text", "picture": "9"}}}}, "needs one of"),
    ],
)
def test_options_are_checked_without_java(options: dict[str, Any], change: dict[str, Any], told: str) -> None:
    whole = {**options, **change}
    stream = inquiry("1") | whole.pop("stream", {})
    with pytest.raises(ValidationError, match=told):
        JavaOptions.model_validate({**whole, "streams": {"customers": stream}})


def test_maps_lists_and_beans_are_converted_recursively(options: dict[str, Any]) -> None:
    stream = {
        "execute": {"method": "customers", "arguments": [{"as": "long", "value": 4}]},
        "rows": "result.rows",
        "fields": {
            "id": {"type": "integer"},
            "balance": {"type": "decimal(9,2)"},
            "active": {"type": "boolean"},
            "since": {"type": "date"},
            "status": {},
            "remark": {"path": "note"},
            "code": {"type": "text"},
            "orders": {
                "items": {"fields": {"number": {"type": "integer"}, "lines": {"items": {"type": "integer"}}}}
            },
            "first_order": {"path": "orders.0.number", "type": "integer"},
        },
        "key": ["id"],
    }
    with opened(options, customers=stream) as source:
        (batch,) = scan(source)
    first, _, third = rows([batch])
    assert first == {
        "id": 1, "balance": Decimal("-11.50"), "active": True, "since": date(2020, 2, 1), "status": "CLOSED",
        "remark": "note 1", "code": "AB", "orders": [{"number": 9_000_000_001, "lines": [1, 2]}],
        "first_order": 9_000_000_001,
    }  # fmt: skip
    assert third["balance"] is None
    (reject,) = batch.rejects
    assert reject.key == {"id": 4}
    assert "since" in reject.reason
    assert "yesterday" in str(reject.raw)


def test_a_number_of_any_class_keeps_its_decimals(options: dict[str, Any]) -> None:
    with opened(options, customers=inquiry("1")):
        adder = java("java.util.concurrent.atomic.DoubleAdder")()
        adder.add(12.75)
        count = java("java.util.concurrent.atomic.AtomicLong")(7)
        assert [python_of(adder), python_of(count)] == ["12.75", "7"]
        assert python_of(java("java.lang.Long")(2**40)) == 2**40

"""The options of screens: what is refused, and what is typed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bridge.config.problems import faults
from bridge.errors import ConfigError
from connectors.mainframe import MainframeConnector
from connectors.mainframe.config import MainframeConfig
from connectors.mainframe.lists import Known
from connectors.mainframe.records.options import FileOptions
from connectors.mainframe.walk import Texts

LIST: dict[str, Any] = {"mode": "list", "screen": "custlist"}
INQUIRY: dict[str, Any] = {
    "mode": "inquiry",
    "screen": "answer",
    "steps": [{"press": "enter"}],
    "key": ["id"],
}


def config(**options: Any) -> MainframeConfig:
    return MainframeConfig.model_validate({"host": "mvs1", **options})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"sessions": 3, "lu": ["A", "B"]}, "`sessions` is 3, and `lu` names 2"),
        ({"sessions": 2, "lu": ["A", "A"]}, "`lu` names one twice"),
        ({"logon": [{"type": "{password"}]}, "has a '{' that is of no {placeholder}"),
        ({"logon": [{"fill": {"a": "x}"}}]}, "logon.0.fill.a\n  Value error, has a '}'"),
        ({"logon": [{"type": "{}"}]}, "has a '{'"),
        ({"secrets": {"password": "env:X"}}, "has a place of its own"),
        ({"streams": {"cust*": LIST}}, "a name of its own, not a pattern"),
        ({"streams": {"a": LIST | {"mark": "changed"}}}, "`mark` is for lists with `detail`"),
        ({"streams": {"a": LIST | {"detail": {"screen": "custdet"}}}}, "needs either `select` or `goto`"),
        ({"streams": {"a": LIST | {"goto": [{"press": "f8"}]}}}, "is no key"),
        ({"streams": {"a": INQUIRY | {"keys": []}}}, "at least 1 item"),
        (
            {"streams": {"a": INQUIRY | {"keys": [{"id": 1}, {"no": 2}]}}},
            "entry 2 lacks 'id', which is in `key`",
        ),
        ({"streams": {"a": INQUIRY | {"keys": [{"id": 1}, {"id": " "}]}}}, "entry 2 lacks 'id'"),
        ({"streams": {"a": INQUIRY | {"keys": [{"id": 1}], "steps": []}}}, "at least 1 item"),
        ({"password": "swordfish"}, "not a reference to a secret"),
        ({"timeout": "-1s"}, "timeout"),
        ({"tls": {"host_name": ""}}, "host_name\n  Value error, is no name of a host"),
        ({"tls": {"host_name": "*"}}, "host_name\n  Value error, is no name of a host"),
        ({"tls": {"key": "own.key"}}, "`key` and `key_password` are of a `certificate`, and none is named"),
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        config(**options)
    assert told in str(refusal.value)


def test_short_forms_stand_for_lists_of_one() -> None:
    options = config(lu="LU1", streams={"a": LIST | {"detail": {"screen": "d", "goto": "pf2"}}})
    assert options.lu == ("LU1",)
    (step,) = options.streams["a"].detail.goto  # type: ignore[union-attr]
    assert step.press == "pf2"


def test_each_transport_has_its_own_options() -> None:
    files = {"transport": "file", "streams": {"a": {"path": "/x", "copybook": "/y"}}}
    assert isinstance(MainframeConnector.Config.model_validate(files), FileOptions)
    assert isinstance(MainframeConnector.Config.model_validate({"host": "mvs1"}), MainframeConfig)
    with pytest.raises(ValidationError, match="transport"):
        MainframeConnector.Config.model_validate({"host": "mvs1", "transport": "tn5250"})
    with pytest.raises(ValidationError, match="host"):
        MainframeConnector.Config.model_validate({"transport": "tnz"})


def test_the_account_is_known_without_a_connection() -> None:
    connector = MainframeConnector(config(user="BRIDGE", sessions=4))
    assert connector.sessions is not None
    assert (connector.sessions.account, connector.sessions.most) == ("BRIDGE at mvs1:23", 4)
    by_reference = MainframeConnector(config(user="env:MF_USER"))
    assert by_reference.sessions is not None
    assert by_reference.sessions.account == "env:MF_USER at mvs1:23"


def test_placeholders_are_filled_and_braces_written_twice() -> None:
    texts = Texts({"user": "BRIDGE"}, {"pin": "1234"}).with_key({"id": "7"})
    assert texts.fill("{user}/{id} {{x}} {pin}") == "BRIDGE/7 {x} 1234"
    assert texts.with_key({"cust-id": "7"}).fill("{cust-id}") == "7"
    assert texts.secret("{pin}")
    assert not texts.secret("{user} {{pin}}")
    with pytest.raises(ConfigError, match=r"did you mean \{user\}"):
        texts.fill("{usr}")
    with pytest.raises(ConfigError, match=r"did you mean \{user\}"):
        texts.fill("{ user }")


def test_a_secret_is_not_shown_by_a_step() -> None:
    options = config(logon=[{"fill": {"password": "{password}"}, "type": "secret", "press": "enter"}])
    assert str(options.logon[0]) == "type, fill password, press enter"


def test_a_scan_is_doubted_until_what_is_there_is_known() -> None:
    known = Known()
    assert known.doubts({(1,), (2,)})
    known.scanned({(1,), (2,)})
    assert known.doubts({(1,), (2,)}), "an earlier process may have known more"
    known.scanned({(1,), (2,)})
    assert not known.doubts({(1,), (2,), (3,)})
    assert known.doubts({(1,)})
    known.scanned({(1,)})
    assert known.doubts({(1,)}), "its delete waits for a second scan"
    known.scanned({(1,)})
    assert not known.doubts({(1,)})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": 6}, ("model", "6 is not allowed", "allowed: 2, 3, 4, 5")),
        ({"transport": "jav"}, ("transport", "'jav' is not allowed", "did you mean 'java'? allowed: file, ")),
        ({"transport": ["tnz"]}, ("transport", "a list is not allowed", "allowed: file, java, s3270, tnz")),
        ({"host": ""}, ("host", "'' is no name or address of a host", "")),
        ({"host": "mvs 1"}, ("host", "'mvs 1' is no name or address of a host", "")),
        ({"streams": {"a": {"screen": "x"}}}, ("streams.a", "'mode' is missing", "")),
        (
            {"streams": {"a": {"mode": "lst"}}},
            ("streams.a.mode", "'lst' is not allowed", "did you mean 'list'"),
        ),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_would_do(
    options: dict[str, Any], told: tuple[str, str, str]
) -> None:
    data = {"host": "mvs1", **options}
    with pytest.raises(ValidationError) as refusal:
        MainframeConnector.Config.model_validate(data)
    (fault,) = faults(refusal.value, MainframeConnector.Config, data)
    assert (".".join(map(str, fault.path)), fault.text) == told[:2]
    assert told[2] in fault.remedy

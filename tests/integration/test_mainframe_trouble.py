"""What can go wrong at a host: no row comes of it, nor a delete, but one line, and the screen is kept."""

from __future__ import annotations

import asyncio
import re
import stat
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from mfmock.core.keys import Key
from mfmock.tn3270 import datastream as ds

from bridge import cli
from bridge.contract import Ask, Level, Scan
from bridge.errors import ConfigError, CredentialsError, PermanentError, TransientError
from bridge.testing import need
from bridge.testing.kafka import free_ports
from bridge.testing.mainframe import Host, TwoWrites
from bridge.testing.mainframe.authority import AuthorityError
from bridge.testing.mainframe.conversation import Conversation
from bridge.testing.mainframe.datastream import Drawing, Style
from bridge.testing.mainframe.desk import Desk, Heard, Scene
from bridge.testing.mainframe.options import INQUIRY, LIST, MAPS, PASSWORD_VARIABLE, options
from bridge.testing.mainframe.scenes import SignOn
from bridge.testing.mainframe.transactions import framed
from connectors.mainframe import MainframeConnector, captured, kept
from connectors.mainframe.errors import Kind, Trouble
from connectors.mainframe.transports.s3270 import S3270
from connectors.mainframe.transports.tnz import TnzTerminal
from connectors.mainframe.walk import Walk
from tests.integration.mainframe_streams import (
    DETAILS,
    TRANSPORTS,
    configured,
    interrupted_once_heard,
    keys,
    opened,
    scan,
)

CUSTOMERS = {"customers": LIST}
INQUIRIES = {"inquiries": INQUIRY | {"keys": keys(*range(10, 310, 10))}}
CANARY = "C4NARY77"

both = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with Host(count=30, page_size=5) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        yield host


def failing_scan(connector: MainframeConnector, name: str = "customers") -> TransientError:
    """The error that ends a scan before it is complete; no row of it may be wrong, and none is deleted."""
    (stream,) = [each for each in connector.discover() if each.name == name]
    position = None
    while True:
        try:
            batch = connector.poll(stream, position, Ask(rows=1))
        except TransientError as error:
            return error
        assert batch.scan in (Scan.FIRST, Scan.MORE), "the scan was complete, whatever happened"
        assert batch.rejects == ()
        position = batch.position


# -- the pages of a list


@both
@pytest.mark.parametrize(
    ("switch", "told"),
    [
        ("abend", "page 3: expected custlist, seen 'DFHAC2206 .*ASRA"),
        ("garbage", r"page 3: expected custlist, seen '.*' \(no map knows it\)"),
        ("broadcast", r"page \d: expected custlist, seen '.*OPERATOR: SYSTEM CICSTEST GOES DOWN"),
        ("drop", "page 3: expected custlist, last seen 'CUSTOMER LIST"),
        ("mute", "page 3: expected custlist, seen 'CUSTOMER LIST.*: the host does not answer"),
    ],
)
def test_trouble_on_a_page_ends_the_scan(host: Host, transport: str, switch: str, told: str) -> None:
    with opened(host, CUSTOMERS, transport=transport, timeout="1s") as connector:
        setattr(host.switches, switch, 4)  # CLEAR, and two pages before it
        error = failing_scan(connector)
    assert str(error).startswith("reading customers: ")
    assert "\n" not in str(error)
    assert re.search(told, str(error))


@both
def test_after_trouble_the_next_instance_reads_all(host: Host, transport: str) -> None:
    for switch in ("abend", "garbage", "broadcast", "drop", "mute"):
        with opened(host, CUSTOMERS, transport=transport, timeout="1s") as connector:
            setattr(host.switches, switch, 4)
            failing_scan(connector)
        with opened(host, CUSTOMERS, transport=transport) as connector:
            assert len(scan(connector, "customers").rows) == 30


@both
def test_a_column_that_has_moved_is_no_list_any_more(host: Host, transport: str) -> None:
    with opened(host, CUSTOMERS, transport=transport, timeout="1s") as connector:
        scan(connector, "customers")
        host.switches.drift = 2
        error = failing_scan(connector)
    assert "expected custlist, seen 'CUSTOMER LIST" in str(error)
    assert "no map knows it" in str(error)


def test_trouble_on_a_detail_ends_the_scan(host: Host) -> None:
    with opened(host, {"customers": DETAILS}, timeout="1s") as connector:
        host.switches.garbage = 3
        error = failing_scan(connector)
    assert "row 10, to custdet: expected custdet, seen" in str(error) or "row 10: expected custdet" in str(
        error
    )


def test_a_message_classed_fatal_parks_the_stream(host: Host) -> None:
    fatal = [{"pattern": "DFHAC2206", "class": "fatal"}]
    with opened(host, CUSTOMERS, errors=fatal) as connector:
        (stream,) = connector.discover()
        host.switches.abend = 3
        with pytest.raises(PermanentError, match="DFHAC2206") as error:
            connector.poll(stream, None, Ask())
        assert not isinstance(error.value, ConfigError | CredentialsError)
        assert scan(connector, "customers").marks[-1] in (Scan.LAST, Scan.ONLY), "its siblings run on"


# -- between the polls


@both
def test_a_session_that_was_dropped_while_it_rested_is_renewed_without_a_word(
    host: Host, transport: str
) -> None:
    with opened(host, CUSTOMERS, transport=transport) as connector:
        scan(connector, "customers")
        host.cut()
        host.until(lambda: not host.sessions)
        assert len(scan(connector, "customers").rows) == 30
    assert host.counts["sign-ons"] == 2


@both
def test_a_session_that_was_signed_off_logs_on_anew(host: Host, transport: str) -> None:
    """Hosts sign off whom they have not heard for a while."""
    away = {"away": LIST | {"goto": [{"type": "CESF", "press": "enter", "expect": "signed_off"}]}}
    streams = away | CUSTOMERS
    with opened(host, streams, transport=transport, timeout="1s") as connector:
        with pytest.raises(TransientError):
            scan(connector, "away")
        assert len(scan(connector, "customers").rows) == 30
    assert host.counts["sign-ons"] == 2


def test_a_message_classed_relogin_gets_a_new_log_on(host: Host) -> None:
    relogin = [{"pattern": "DFHAC2206", "class": "relogin"}]
    with opened(host, INQUIRIES, errors=relogin) as connector:
        host.switches.abend = 8
        assert len(scan(connector, "inquiries").rows) == 30
    assert host.counts["sign-ons"] == 2


def test_closing_logs_off(host: Host) -> None:
    with opened(host, INQUIRIES, sessions=3) as connector:
        scan(connector, "inquiries")
        assert len(host.sessions) == 3
    host.until(lambda: not host.sessions)
    assert [told.text for told in host.told].count("CESF LOGOFF") == 3


# -- the account


@both
def test_a_wrong_password_is_tried_once(host: Host, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    connector = configured(host, INQUIRIES, transport=transport, sessions=4)
    with pytest.raises(CredentialsError) as refusal:
        connector.open()
    connector.close()
    assert "DFHCE3523 PASSWORD NOT VALID" in str(refusal.value)
    assert CANARY not in "".join(traceback.format_exception(refusal.value))
    assert host.counts["sign-ons"] == 1


def test_a_sign_on_screen_that_comes_again_has_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its message is not mapped; nobody tries a password three times for that."""
    monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    del screens["signon"]["errors"]
    connector = configured(host, CUSTOMERS, screens=screens, maps=[])
    with pytest.raises(CredentialsError, match="the account is refused"):
        connector.open()
    connector.close()
    assert host.counts["sign-ons"] == 1


@both
@pytest.mark.parametrize(("switch", "told"), [("expired", "PASSWORD EXPIRED"), ("locked", "ACCOUNT LOCKED")])
def test_an_expired_password_or_a_locked_account_is_tried_once(
    host: Host, transport: str, switch: str, told: str
) -> None:
    setattr(host.switches, switch, True)
    connector = configured(host, CUSTOMERS, transport=transport)
    with pytest.raises(CredentialsError, match=told):
        connector.open()
    connector.close()
    assert host.counts["sign-ons"] == 1


def test_what_the_first_session_was_allowed_another_is_refused_once(host: Host) -> None:
    with opened(host, INQUIRIES, sessions=8) as connector:
        host.switches.expired = True
        with pytest.raises(CredentialsError):
            scan(connector, "inquiries")
        with pytest.raises(CredentialsError):
            scan(connector, "inquiries")
    assert host.counts["sign-ons"] == 2


def test_an_unknown_answer_to_a_password_is_not_asked_for_again(host: Host) -> None:
    host.switches.garbage = 2
    connector = configured(host, CUSTOMERS, timeout="1s")
    with pytest.raises(CredentialsError, match="after a password"):
        connector.open()
    connector.close()


def signed_on_once(host: Host, error: type[PermanentError], told: str, **options: Any) -> None:
    """The log-on fails for good, after one password."""
    connector = configured(host, CUSTOMERS, **{"timeout": "500ms"} | options)
    with pytest.raises(error, match=told) as failure:
        connector.open()
    connector.close()
    assert type(failure.value) is error
    assert [each.field for each in host.told].count("password") == 1


def hung_up_after(*names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host ends a session behind these screens, when a password has been typed."""
    shows = Conversation._show

    async def show(self: Conversation, scene: Scene) -> bool:
        goes_on = await shows(self, scene)
        return goes_on and not (scene.name in names and self.desk.company.counts["sign-ons"])

    monkeypatch.setattr(Conversation, "_show", show)


@both
@pytest.mark.parametrize(
    ("switch", "name", "told"),
    [
        ("", "SIGNON", "DFHCE3523 PASSWORD NOT VALID"),
        ("expired", "EXPIRED", "PASSWORD EXPIRED"),
        ("locked", "LOCKED", "ACCOUNT LOCKED"),
    ],
)
def test_a_refusal_is_read_though_the_host_hangs_up_behind_it(
    host: Host, transport: str, switch: str, name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if switch:
        setattr(host.switches, switch, True)
    else:
        monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    hung_up_after(name, monkeypatch=monkeypatch)
    signed_on_once(host, CredentialsError, told, transport=transport)


@both
@pytest.mark.parametrize("switch", ["drop", "mute"])
def test_no_answer_to_a_password_is_not_asked_for_again(host: Host, transport: str, switch: str) -> None:
    setattr(host.switches, switch, 2)
    signed_on_once(host, CredentialsError, "after a password", transport=transport)


def test_a_log_on_that_expects_nothing_is_doubtful_until_home(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first way home would be a second log-on otherwise."""
    monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    host.switches.garbage = 2
    blind = {"on": "signon", "fill": {"user": "{user}", "password": "{password}"}, "press": "enter"}
    options: dict[str, Any] = {
        "logon": [blind],
        "home": "menu",
        "home_by": [{"type": "MENU", "press": "enter"}],
    }
    with opened(host, CUSTOMERS, timeout="1s", **options) as connector:
        with pytest.raises(CredentialsError, match="after a password"):
            scan(connector, "customers")
        with pytest.raises(CredentialsError):
            scan(connector, "customers")
    assert host.counts["sign-ons"] == 1


SIGN_ON = {"on": "signon", "fill": {"user": "{user}", "password": "{password}"}, "press": "enter"}
BY_MENU: dict[str, Any] = {"home": "menu", "home_by": [{"type": "MENU", "press": "enter"}]}
NEWS = {"identify": [{"row": 1, "text": "NEWS OF TODAY"}]}


@pytest.mark.parametrize(
    "logon",
    [[SIGN_ON, {"when": "news", "press": "enter", "expect": "menu"}], [SIGN_ON | {"expect": "any"}]],
    ids=["a step that is passed over", "any"],
)
def test_only_a_screen_that_was_expected_by_name_answers_a_password(
    host: Host, logon: list[dict[str, Any]]
) -> None:
    """The password has expired, and nobody has mapped the screen that says so."""
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    del screens["expired"]
    unmapped: dict[str, Any] = {"screens": screens | {"news": NEWS}, "maps": [], "refused": []}
    host.switches.expired = True
    with (
        opened(host, CUSTOMERS, timeout="1s", logon=logon, **unmapped, **BY_MENU) as connector,
        pytest.raises(CredentialsError, match="after a password"),
    ):
        scan(connector, "customers")
    assert host.counts["sign-ons"] == 1


@pytest.mark.parametrize(
    "logon",
    [
        [SIGN_ON],
        [SIGN_ON | {"expect": "any"}],
        [SIGN_ON, {"when": "menu", "press": "pf3", "expect": "signed_off"}],
    ],
)
def test_a_cleared_screen_is_no_answer_to_a_password(host: Host, logon: list[dict[str, Any]]) -> None:
    """CLEAR leads there, whether the account was refused or not."""
    connector = configured(host, CUSTOMERS, logon=logon)
    with pytest.raises(ConfigError, match="names no screen that answers its password"):
        connector.open()
    assert host.counts["screens"] == 0
    with opened(
        host, CUSTOMERS, None, logon=[SIGN_ON, {"on": "menu", "press": "pf3", "expect": "signed_off"}]
    ):
        pass


@both
@pytest.mark.parametrize("expected", [{}, {"expect": "any"}])
def test_a_sign_on_that_stands_while_its_answer_is_on_the_way_is_no_refusal(
    host: Host, transport: str, expected: dict[str, str]
) -> None:
    """The host has given the keyboard back already."""
    host.switches.early_ms = {"MENU": 150}
    logon = [SIGN_ON | expected]
    with opened(host, CUSTOMERS, None, transport=transport, logon=logon, **BY_MENU) as connector:
        assert connector.check()[0].level is Level.OK
    assert host.counts["sign-ons"] == 1


@pytest.mark.parametrize("classed", [True, False])
def test_a_password_that_is_refused_on_the_way_home_is_typed_once(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    classed: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    if not classed:
        del screens["signon"]["errors"]
    by_sign_on = [{"press": "enter", "expect": "signon"}, SIGN_ON | {"expect": "menu"}]
    options: dict[str, Any] = {"screens": screens, "maps": [], "logon": [], "logoff": []}
    with (
        opened(host, CUSTOMERS, timeout="1s", home="menu", home_by=by_sign_on, **options) as connector,
        pytest.raises(CredentialsError, match="PASSWORD NOT VALID" if classed else "SIGNON"),
    ):
        scan(connector, "customers")
    assert host.counts["wrong passwords"] == 1


def test_nothing_is_pressed_on_a_sign_on_that_has_refused_on_the_way_home(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hosts keep what was typed: a key alone may send it once more."""
    monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    del screens["signon"]["errors"]
    steps = [{"press": "enter", "expect": "signon"}, SIGN_ON, {"press": "enter", "expect": "menu"}]
    options: dict[str, Any] = {"screens": screens, "maps": [], "logon": [], "logoff": []}
    with (
        opened(host, CUSTOMERS, timeout="1s", home="menu", home_by=steps, **options) as connector,
        pytest.raises(CredentialsError, match="the account is refused"),
    ):
        scan(connector, "customers")
    assert host.counts["sign-ons"] == 1


def test_a_good_bye_types_no_password(host: Host) -> None:
    """Nobody would hear of its refusal, and the next session would type it again."""
    steps = [{"press": "enter", "expect": "signon"}, SIGN_ON | {"expect": "menu"}]
    with opened(host, CUSTOMERS, logon=[], home="menu", home_by=steps) as connector:
        assert connector.check()[0].level is Level.OK
        walk = connector._source._pool.main.walk  # type: ignore[attr-defined]
        walk.press("pf3", "", ())
        walk.unlock("")
        host._company.password = "ANOTHER1"
    assert (host.counts["sign-ons"], host.counts["wrong passwords"]) == (1, 0)


EXPECTS_NOTHING: dict[str, Any] = {"refused": [], "logon": [SIGN_ON], "timeout": "1s", **BY_MENU}


def without_expired() -> dict[str, Any]:
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    del screens["expired"]
    return {"screens": screens, "maps": []}


def test_no_other_session_logs_on_while_one_has_not_come_home(host: Host) -> None:
    goto = [{"fill": {"selection": "1"}, "press": "enter", "expect": "custinq"}]
    streams = {"inquiries": INQUIRIES["inquiries"] | {"goto": goto}}
    with opened(host, streams, sessions=8, **without_expired(), **EXPECTS_NOTHING) as connector:
        host.switches.expired = True
        with pytest.raises(CredentialsError, match="after a password"):
            scan(connector, "inquiries")
    assert host.counts["sign-ons"] == 2


def test_of_sessions_that_were_lost_only_one_logs_on_while_none_has_come_home(host: Host) -> None:
    goto = [{"fill": {"selection": "1"}, "press": "enter", "expect": "custinq"}]
    streams = {"inquiries": INQUIRIES["inquiries"] | {"goto": goto}}
    with opened(host, streams, sessions=4, **without_expired(), **EXPECTS_NOTHING) as connector:
        scan(connector, "inquiries")
        host.switches.expired = True
        host.cut()
        host.until(lambda: not host.sessions)
        with pytest.raises(CredentialsError, match="after a password"):
            scan(connector, "inquiries")
    assert host.counts["sign-ons"] == 4 + 1


def test_a_poll_that_has_no_keys_yet_comes_home_first(host: Host, tmp_path: Path) -> None:
    """Its error would have the next instance type a password that may be refused already."""
    host.switches.expired = True
    streams = {"inquiries": INQUIRY | {"keys": {"file": str(tmp_path / "keys.csv")}}}
    with (
        opened(host, streams, **without_expired(), **EXPECTS_NOTHING) as connector,
        pytest.raises(CredentialsError, match="after a password"),
    ):
        scan(connector, "inquiries")


@both
def test_a_message_that_crosses_a_log_on_is_no_refusal(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No map knows it; it gives the keyboard back before the host has looked at the password."""
    answers = Conversation._answer

    async def answer(self: Conversation, record: bytes) -> bool:
        if not host.counts["sign-ons"]:
            await self._broadcast(self.switches.broadcast_text)
            self._covered = ""
            host.switches.delay_ms = 900
        return await answers(self, record)

    monkeypatch.setattr(Conversation, "_answer", answer)
    host.switches.broadcast_text = "MESSAGE FROM OPERATIONS: COFFEE IS READY"
    with opened(host, CUSTOMERS, None, transport=transport) as connector:
        host.switches.delay_ms = 0
        assert len(scan(connector, "customers").rows) == 30
    assert host.counts["sign-ons"] == 1


def without_restore(text: str) -> Callable[[int, bytes], bytes]:
    """Of records with this text the bit that gives the keyboard back is taken."""

    def mutated(_: int, record: bytes) -> bytes:
        if text.encode("cp037") not in record:
            return record
        command = next(at for at in (0, 5) if record[at] in (0xF1, 0xF5, 0x7E))
        control = bytes([record[command + 1] & ~0x02])
        return record[: command + 1] + control + record[command + 2 :]

    return mutated


@both
@pytest.mark.parametrize("text", ["EXPIRED", "PASSWORD NOT VALID"])
def test_a_refusal_that_leaves_the_keyboard_locked_is_one(
    host: Host, transport: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by the name of its screen; the other is the sign-on once more, with no rule for its message."""
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    del screens["signon"]["errors"]
    host.switches.expired = text == "EXPIRED"
    if not host.switches.expired:
        monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    host.switches.mutate = without_restore(text)
    options: dict[str, Any] = {"transport": transport, "screens": screens, "maps": []}
    signed_on_once(host, CredentialsError, "the account is refused", **options)


def test_a_message_classed_reject_after_a_password_is_not_asked_for_again(host: Host) -> None:
    host.switches.abend = 2
    errors = [{"pattern": "DFHAC2206", "class": "reject"}]
    signed_on_once(host, CredentialsError, "after a password", errors=errors)


def test_a_screen_that_refuses_does_so_whatever_its_message_is_classed(host: Host) -> None:
    host.switches.expired = True
    signed_on_once(host, CredentialsError, "refused", errors=[{"pattern": "DFHCE3525", "class": "retry"}])


def test_an_abend_of_the_log_on_is_tried_again(host: Host) -> None:
    host.switches.abend = 2
    connector = configured(host, CUSTOMERS)
    with pytest.raises(TransientError, match=r"log-on at .*, step 1|log-on at .*step 1"):
        connector.open()
    connector.close()


@both
def test_a_secret_is_typed_into_hidden_fields_alone(host: Host, transport: str) -> None:
    wrong = [{"on": "signon", "fill": {"user": "{password}"}, "press": "enter", "expect": "menu"}]
    connector = configured(host, CUSTOMERS, transport=transport, logon=wrong)
    with pytest.raises(ConfigError, match="a secret would be typed where it shows"):
        connector.open()
    connector.close()
    assert host.told == []


def test_no_secret_leaves_the_terminal(
    host: Host, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    streams = {"customers": DETAILS}
    told: list[str] = []
    for transport in TRANSPORTS:
        with opened(host, streams, tmp_path, transport=transport, timeout="1s") as connector:
            host.switches.garbage = 20
            told.append(str(failing_scan(connector)))
            told.append(repr(connector.config))
    files = [file.read_text() for file in tmp_path.iterdir()]
    printed = capfd.readouterr()
    everything = "".join([*told, *files, printed.out, printed.err, caplog.text])
    assert files
    assert host.password not in everything
    assert "HIDDENPIN" not in everything


def repeat_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def signed_on(user: str, password: str, _: Any) -> SignOn:
        return SignOn(f"DFHCE3523 {password.upper()} IS NOT VALID FOR {user}")

    monkeypatch.setattr(SignOn, "_signed_on", staticmethod(signed_on))


@pytest.mark.parametrize("errors", [[], [{"row": 23, "pattern": "DFHCE3523", "class": "credentials"}]])
def test_a_secret_that_the_host_repeats_is_neither_told_nor_kept(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, errors: list[dict[str, Any]]
) -> None:
    repeat_the_password(monkeypatch)
    monkeypatch.setenv(PASSWORD_VARIABLE, "c4nary77")
    with (
        pytest.raises(CredentialsError, match="seen 'DFHCE3523 IS NOT VALID FOR BRIDGE'") as refusal,
        opened(host, CUSTOMERS, tmp_path, transport="tnz", errors=errors),
    ):
        pass
    (file,) = tmp_path.iterdir()
    assert "IS NOT VALID FOR" in file.read_text()
    assert CANARY not in (str(refusal.value) + file.read_text()).upper()


@pytest.mark.parametrize("command", ["capture", "show"])
def test_a_secret_that_the_host_repeats_is_neither_captured_nor_drawn(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    repeat_the_password(monkeypatch)
    monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    mvs1 = {"kind": "mainframe", "transport": "tnz"} | options(host, CUSTOMERS)
    whole = {
        "version": 1,
        "name": "plant",
        "kafka": {"bootstrap.servers": "localhost:1"},
        "connectors": {"m": mvs1},
    }
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(whole))
    told = [str(file), "--to", str(tmp_path / "screens")] if command == "capture" else ["--live", str(file)]
    assert cli.main(["mainframe", command, *told]) == cli.FAILED
    said = "".join(capsys.readouterr()) + "".join(each.read_text() for each in tmp_path.glob("screens/*"))
    assert "IS NOT VALID FOR" in said
    assert CANARY not in said


# -- sessions that are not given


@both
def test_tls_is_verified_before_anything_is_typed(host: Host, transport: str) -> None:
    try:
        tls = {"ca_file": str(host.authority.file)}
    except AuthorityError as error:
        need(str(error))
    secure: dict[str, Any] = {"transport": transport, "host": "localhost", "port": host.tls_port}
    connector = configured(host, CUSTOMERS, **secure, tls=True)
    with pytest.raises(ConfigError, match="certificate"):
        connector.open()
    connector.close()
    assert host.told == []
    with opened(host, CUSTOMERS, None, **secure, tls=tls) as connector:
        assert len(scan(connector, "customers").rows) == 30


@both
def test_a_screen_that_is_painted_on_while_it_is_filled_in_is_tried_again(host: Host, transport: str) -> None:
    with opened(host, CUSTOMERS, transport=transport) as connector:
        walk = connector._source._pool.main.walk  # type: ignore[attr-defined]
        walk.press("clear", "", ())
        cleared = walk.unlock("")
        walk.type_into(cleared.screen.cursor, "CUSTLIST", cleared, "")
        walk.press("enter", "", ())
        listed = walk.unlock("")
        with pytest.raises(Trouble, match="painted on before") as told:
            walk.type_into(1, "CUSTINQ", cleared, "step")
        assert told.value.kind is Kind.RETRY
        with pytest.raises(ConfigError, match="protected"):
            walk.type_into(1, "CUSTINQ", listed, "step")


@both
def test_no_password_is_typed_on_a_screen_that_is_still_painted_on(host: Host, transport: str) -> None:
    host.switches.broadcast, host.switches.broadcast_ms = 1, 30
    with (
        pytest.raises(TransientError, match="OPERATOR"),
        opened(host, CUSTOMERS, transport=transport, settle="300ms"),
    ):
        pass
    assert host.counts["sign-ons"] == 0
    assert not [told for told in host.told if told.field == "password"]
    with opened(host, CUSTOMERS, transport=transport):
        assert host.counts["wrong passwords"] == 0


@dataclass(frozen=True)
class Other(Scene):
    """Nobody has mapped it, and it has entries where others have theirs."""

    name = "TRANSFER"

    def draw(self, drawing: Drawing, desk: Desk) -> None:
        drawing.text(1, 2, f"TRANSFER OF FUNDS {desk.lu}")
        drawing.entry("account", 5, 16, 20)
        drawing.entry("amount", 6, 16, 20)
        for row in range(5, 20):
            drawing.entry(f"line{row}", row, 3, 1)

    def answer(self, heard: Heard, desk: Desk) -> Scene:
        assert heard.key is not Key.ENTER, f"{desk.lu} has transferred {heard.fields}"
        return self


@both
def test_no_password_is_typed_on_a_screen_that_comes_while_the_user_is(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the password would be hidden, there is an entry that shows."""
    terminal: Any = {"s3270": S3270, "tnz": TnzTerminal}[transport]
    type_, typed = terminal.type, list[str]()

    def pushing(self: Any, address: int, text: str) -> None:
        typed.append(text)
        type_(self, address, text)
        if text == host.user:
            host.push(Other())
            time.sleep(0.05)

    monkeypatch.setattr(terminal, "type", pushing)
    connector = configured(host, CUSTOMERS, transport=transport, timeout="500ms")
    with pytest.raises(TransientError, match="TRANSFER OF FUNDS"):
        connector.open()
    connector.close()
    assert host.told == []
    assert host.password not in typed


@both
def test_no_key_is_pressed_on_another_screen_than_the_one_that_was_typed_on(
    host: Host, transport: str
) -> None:
    def changed(_table: Any, _keys: Any, marks: Any) -> Any:
        host.push(Other())
        time.sleep(0.05)
        return pa.array([True] * len(marks))

    with opened(host, {"details": DETAILS}, transport=transport, timeout="500ms") as connector:
        with pytest.raises(TransientError, match="what was typed is gone"):
            scan(connector, "details", changed)
        assert len(scan(connector, "details").rows) == 30
    assert "TRANSFER" not in {told.screen for told in host.told}


@pytest.fixture
def entry_of_operator(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message with an entry of its own comes once, between what was typed and its key."""
    talks = list[tuple[Conversation, asyncio.AbstractEventLoop]]()
    run, press, sent = Conversation.run, Walk.press, list[str]()
    shows, hides = (ds.sf(ds.field_attribute(protected=each)) for each in (True, False))

    async def noted(self: Conversation) -> None:
        talks.append((self, asyncio.get_running_loop()))
        await run(self)

    def crossed(self: Walk, key: str, *what: Any) -> None:
        if key == "enter" and self._entries and not sent:
            sent.append(key)
            talk, loop = talks[-1]
            text = shows + talk.codec.encode("MSG FROM OPERATOR")
            note = bytes([0xF1, 0xC2]) + ds.sba(22 * 80) + text + ds.sba(22 * 80 + 40) + hides
            asyncio.run_coroutine_threadsafe(talk._send(note + ds.sba(23 * 80 - 1) + shows), loop).result()
            time.sleep(0.1)
        press(self, key, *what)

    monkeypatch.setattr(Conversation, "run", noted)
    monkeypatch.setattr(Walk, "press", crossed)


@both
@pytest.mark.usefixtures("entry_of_operator")
def test_no_password_is_typed_twice_at_the_cursor(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host prompts for it alone, as TSO does, and the cursor stands behind what was typed."""

    def prompt(self: SignOn, drawing: Drawing, _: Desk) -> None:
        framed(drawing, "SIGNON", self.note, "ENTER=SIGN ON PF3=END")
        drawing.entry("password", 6, 16, 24, style=Style.HIDDEN)

    answer, heard_of = SignOn.answer, list[str]()

    def known(self: SignOn, heard: Heard, desk: Desk) -> Any:
        heard_of.append(heard.fields.get("password", ""))
        return answer(self, replace(heard, fields={**heard.fields, "user": host.user}), desk)

    monkeypatch.setattr(SignOn, "draw", prompt)
    monkeypatch.setattr(SignOn, "answer", known)
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    hidden = {"row": 6, "column": 16, "length": 24, "hidden": True}
    screens["signon"]["fields"] = {"password": hidden}
    logon = [{"on": "signon", "type": "{password}", "press": "enter", "expect": "menu"}]
    asked: dict[str, Any] = {"screens": screens, "maps": [], "logon": logon, "transport": transport}
    with pytest.raises(TransientError, match="what was typed is gone"), opened(host, CUSTOMERS, **asked):
        pass
    assert heard_of == []
    with opened(host, CUSTOMERS, **asked):
        assert heard_of == [host.password]


@both
def test_what_was_not_sent_is_cleared_before_a_stream_begins(host: Host, transport: str) -> None:
    with opened(host, CUSTOMERS, transport=transport, **BY_MENU) as connector:
        session = connector._source._pool.main  # type: ignore[attr-defined]
        session.go_home()
        menu = session.walk.look()
        session.walk.type_into(menu.screen.cursor, "9", menu, "")
        session.go_home()
        after = session.walk.look().screen
        assert (after.text, after.cursor) == (menu.screen.text, menu.screen.cursor)


@both
def test_a_line_of_status_before_the_cleared_screen_parks_nothing(host: Host, transport: str) -> None:
    """The client has cleared its screen itself, and the keyboard is free, but nothing can be typed yet."""
    way = {"goto": [{"press": "clear", "expect": "cleared"}, *LIST["goto"]]}
    with opened(host, {"customers": LIST | way}, transport=transport, **BY_MENU) as connector:
        host.switches.early_ms = {"CLEARED": 600}
        host.switches.early_text = "YOUR REQUEST IS BEING PROCESSED"
        assert len(scan(connector, "customers").rows) == 30


@both
def test_nothing_is_typed_where_clear_leads_to_no_cleared_screen(host: Host, transport: str) -> None:
    host.switches.keeps = True
    with (
        opened(host, CUSTOMERS, transport=transport, timeout="500ms") as connector,
        pytest.raises(TransientError, match="CLEAR: expected a cleared screen, seen 'MAIN MENU'") as told,
    ):
        scan(connector, "customers")
    assert "name the screen that CLEAR leads to as `home`" in str(told.value.remedy)
    assert {told.screen for told in host.told} == {"SIGNON"}


@both
@pytest.mark.parametrize("row", [5, 6])
def test_a_sign_on_that_is_painted_in_pieces_is_waited_for(host: Host, transport: str, row: int) -> None:
    """Its map holds at the first piece, which lacks the field for the password, or both."""
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["signon"]["identify"] = [{"row": 1, "column": 2, "text": "SIGNON"}]
    host.switches.two_writes = TwoWrites(after_ms=150, row=row)
    with opened(host, CUSTOMERS, transport=transport, screens=screens, maps=[]):
        host.switches.two_writes = None
    assert [(each.field, each.text) for each in host.told[:2]] == [
        ("user", host.user),
        ("password", host.password),
    ]


@both
def test_a_host_that_is_down_is_tried_again(host: Host, transport: str) -> None:
    connector = configured(host, CUSTOMERS, transport=transport, port=free_ports(1)[0])
    with pytest.raises(TransientError):
        connector.open()
    connector.close()


@both
def test_an_lu_in_use_is_tried_again_with_its_own_message(host: Host, transport: str) -> None:
    with opened(host, CUSTOMERS, transport=transport, lu="LU005"):
        connector = configured(host, CUSTOMERS, transport=transport, lu="LU005")
        with pytest.raises(TransientError, match="refused the LU LU005: it is in use"):
            connector.open()
        connector.close()


@both
def test_another_lu_of_the_list_is_taken_where_one_is_in_use(host: Host, transport: str) -> None:
    either = configured(host, CUSTOMERS, transport=transport, lu=["LU005", "LU006"])
    with opened(host, CUSTOMERS, transport=transport, lu="LU005"):
        either.open()
        assert len(scan(either, "customers").rows) == 30
        assert sorted(host.sessions) == ["LU005", "LU006"]
        either.close()


class SilentLu(Host):
    """LU001 takes the session, and never shows anything."""

    async def converse(self, session: Any, lu: str) -> None:
        if lu == "LU001":
            while await session.receive() is not None:
                pass
            return
        await super().converse(session, lu)


@both
def test_another_lu_of_the_list_is_taken_where_one_is_silent(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SilentLu(count=30) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        named: dict[str, Any] = {"transport": transport, "lu": ["LU001", "LU002"]}
        short = {"timeout": "500ms", "connect_timeout": "500ms"}
        with opened(host, CUSTOMERS, **named, **short) as connector:
            assert len(scan(connector, "customers").rows) == 30
            assert host.sessions == ("LU002",)


@both
def test_no_other_lu_is_tried_once_a_password_was_typed(host: Host, transport: str) -> None:
    host.switches.mute = 2
    connector = configured(host, CUSTOMERS, transport=transport, lu=["LU001", "LU002"], timeout="1s")
    with pytest.raises(CredentialsError):
        connector.open()
    connector.close()
    assert [told.text for told in host.told if told.field == "password"] == [host.password]
    assert host.counts["sign-ons"] == 1


@both
def test_the_hosts_session_limit_is_tried_again_with_its_own_message(host: Host, transport: str) -> None:
    host.switches.session_limit = 0
    connector = configured(host, CUSTOMERS, transport=transport, timeout="1s")
    with pytest.raises(TransientError, match="the host gives no session now: 'SESSION LIMIT EXCEEDED"):
        connector.open()
    connector.close()


@both
def test_with_fewer_sessions_than_are_wanted_inquiries_go_on_and_say_so(
    host: Host, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    host.switches.session_limit = 2
    three: dict[str, Any] = {"transport": transport, "sessions": 3, "timeout": "1s"}
    with opened(host, INQUIRIES, **three) as connector:
        for _ in range(2):
            assert len(scan(connector, "inquiries").rows) == 30
    (told,) = caplog.messages
    assert "going on with 2 of the sessions" in told
    assert "SESSION LIMIT EXCEEDED" in told


def test_a_session_that_the_host_does_not_give_back_is_done_without(host: Host) -> None:
    with opened(host, INQUIRIES, sessions=2, timeout="1s") as connector:
        scan(connector, "inquiries")
        lost = connector._source._pool._sessions[1]  # type: ignore[attr-defined]
        lost._terminal.close()
        host.switches.busy = {f"LU{number:03}" for number in range(1, 100)}
        with pytest.raises(TransientError):
            scan(connector, "inquiries")
        assert len(scan(connector, "inquiries").rows) == 30


@both
def test_a_password_that_was_changed_costs_no_wrong_attempt(
    host: Host, transport: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(host.password)
    file.chmod(0o600)
    with opened(host, CUSTOMERS, transport=transport, password=f"file:{file}") as connector:
        assert len(scan(connector, "customers").rows) == 30
        host._company.password = "NEWPASS1"
        file.write_text("NEWPASS1")
        host.cut()
        host.until(lambda: not host.sessions)
        assert len(scan(connector, "customers").rows) == 30
    assert host.counts["sign-ons"] == 2
    assert host.counts["wrong passwords"] == 0


# -- what operators get


def test_the_screen_is_kept_for_the_operator(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "host"
    with opened(host, CUSTOMERS, folder, timeout="1s") as connector:
        host.switches.abend = 4
        error = failing_scan(connector)
    (file,) = folder.iterdir()
    assert str(file) in str(error)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert captured.load(file).title.startswith("DFHAC2206")


def test_only_the_latest_screens_are_kept(host: Host, tmp_path: Path) -> None:
    with opened(host, CUSTOMERS) as connector:
        scan(connector, "customers")
        screen = connector._source._pool.main.walk.look().screen  # type: ignore[attr-defined]
    paths = [kept.keep(tmp_path, screen, f"trouble {number}") for number in range(kept.MOST + 3)]
    assert sorted(tmp_path.iterdir()) == sorted(path for path in paths[3:] if path)


def test_where_nothing_can_be_kept_the_trouble_is_told_all_the_same(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "no folder"
    file.touch()
    with opened(host, CUSTOMERS, file, timeout="1s") as connector:
        host.switches.abend = 4
        assert "DFHAC2206" in str(failing_scan(connector))


def test_doctor_is_told_what_the_maps_leave_open(host: Host) -> None:
    with opened(host, CUSTOMERS) as connector:
        found = {finding.text: finding.level for finding in connector.check()}
    assert found[f"127.0.0.1:{host.port}: logged on, 1 sessions at most"] is Level.OK
    assert Level.WARNING in found.values()


def test_doctor_is_told_of_a_log_on_that_has_not_led_home(host: Host) -> None:
    """It expects nothing, and nobody has mapped the screen that refuses it."""
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    del screens["expired"]
    host.switches.expired = True
    unmapped: dict[str, Any] = {"screens": screens, "maps": [], "refused": [], "logon": [SIGN_ON]}
    with opened(host, CUSTOMERS, timeout="1s", **unmapped, **BY_MENU) as connector:
        first = connector.check()[0]
    assert first.level is Level.CRITICAL
    assert "after a password" in first.text
    assert host.counts["sign-ons"] == 1


def test_doctor_is_told_where_a_row_could_be_taken_for_another_or_for_none(host: Host) -> None:
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    del screens["custdet"]["fields"]["id"]
    del screens["balance"]["fields"]["customer_id"]
    anywhere = {"missing": [{"pattern": "NOT FOUND"}]}
    streams = {
        "details": DETAILS | {"detail": DETAILS["detail"] | anywhere},
        "inquiries": INQUIRY | anywhere | {"keys": [{"customer_id": "10"}]},
    }
    with opened(host, streams, screens=screens, maps=[]) as connector:
        told = [(finding.stream, finding.text) for finding in connector.check() if finding.stream]
    for stream, screen, key in (("details", "custdet", "id"), ("inquiries", "balance", "customer_id")):
        texts = [text for about, text in told if about == stream]
        assert texts[0] == f"screen {screen} shows no {key}: another row's could be taken for it"
        assert "deletes its row" in texts[1]
    with opened(host, {"details": DETAILS, "inquiries": INQUIRIES["inquiries"]}) as connector:
        assert not [finding for finding in connector.check() if finding.stream]


def test_doctor_is_told_where_a_key_is_hidden_and_so_compared_with_nothing(host: Host) -> None:
    screens: Any = yaml.safe_load(MAPS.read_text())["screens"]
    screens["custdet"]["fields"]["id"]["hidden"] = True
    with opened(host, {"details": DETAILS}, screens=screens, maps=[]) as connector:
        told = [finding.text for finding in connector.check() if finding.stream]
    assert told == ["screen custdet shows no id: another row's could be taken for it"]


def test_doctor_is_told_of_a_file_of_keys_that_is_not_there(host: Host, tmp_path: Path) -> None:
    missing = {"inquiries": INQUIRY | {"keys": {"file": str(tmp_path / "keys.csv")}}}
    with opened(host, missing, transport="tnz") as connector:
        (text,) = [finding.text for finding in connector.check() if finding.stream == "inquiries"]
    assert "keys.csv: cannot read the keys: No such file" in text


@both
def test_a_log_on_that_is_interrupted_behind_its_password_is_not_begun_again(
    host: Host, transport: str
) -> None:
    """As the engine does at a deadline: the next one would end alike, and accounts lock after three."""
    host.switches.mute = 2
    connector = configured(host, CUSTOMERS, transport=transport, timeout="60s")
    try:
        with (
            interrupted_once_heard(host, connector),
            pytest.raises(
                CredentialsError, match=r"interrupted: .*the host's answer was not awaited"
            ) as told,
        ):
            connector.open()
        assert "refused" not in told.value.text
    finally:
        connector.close()


@both
def test_a_log_on_that_is_interrupted_before_its_password_is_sent_parks_nothing(
    host: Host, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, connector = Walk._looked, configured(host, CUSTOMERS, transport=transport)

    def interrupting(self: Walk, *about: Any) -> Any:
        if self.told_secret_on is not None:
            connector.interrupt()
        return looked(self, *about)

    monkeypatch.setattr(Walk, "_looked", interrupting)
    with pytest.raises(TransientError, match="interrupted"):
        connector.open()
    monkeypatch.undo()
    connector.close()


@both
def test_interrupt_ends_a_poll_that_waits(host: Host, transport: str) -> None:
    with opened(host, CUSTOMERS, transport=transport, timeout="60s") as connector:
        (stream,) = connector.discover()
        host.switches.delay_ms = 60_000
        with interrupted_once_heard(host, connector), pytest.raises(TransientError, match="interrupted"):
            connector.poll(stream, None, Ask())

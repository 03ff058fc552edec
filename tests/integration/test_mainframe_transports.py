"""Both ways to a 3270 screen, against a host of our own: they must not differ."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from bridge.errors import ConfigError, TransientError
from bridge.testing.mainframe import Host, Recorder, Recording, Replay, TwoWrites, by_chance, pieces
from bridge.testing.mainframe.replay import Segments, whole
from connectors.mainframe import code_pages
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Refused, Terminal
from connectors.mainframe.transports import terminal
from tests.integration.mainframe_terminals import (
    PASSWORD,
    TRANSPORTS,
    USER,
    Transport,
    at,
    chatting,
    children,
    need_clients,
    refused,
    session,
    signed_on,
    started,
    titled,
    until,
)
from tests.integration.mainframe_vtam import vtam


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    need_clients()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def shared() -> Iterator[Host]:
    """Of tests that set no switches."""
    with Host() as started:
        yield started


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as started:
        yield started


class TestSession:
    def test_a_transaction_from_sign_on_to_the_end_of_a_list(
        self, shared: Host, transport: Transport
    ) -> None:
        with session(transport, at(shared.port)) as held:
            shown = started(shared, held, "CUSTLIST", "CUSTOMER LIST")
            pages = 1
            while "END OF LIST" not in shown.text:
                held.press("pf8")
                pages += 1
                shown = until(held, lambda shown, page=pages: f"PAGE {page}" in " ".join(shown.title.split()))  # type: ignore[misc]
            assert pages == 20

    def test_the_password_is_on_no_screen(self, shared: Host, transport: Transport) -> None:
        with session(transport, at(shared.port)) as held:
            field = titled(held, "SIGNON").field_at(PASSWORD)
            assert field is not None
            assert field.hidden
            assert not field.protected
            held.type(PASSWORD, shared.password)
            shown = held.screen()
            assert shared.password not in shown.text
            assert shown.field_at(PASSWORD) == replace(field, modified=True)

    def test_the_lu_is_told(self, shared: Host, transport: Transport) -> None:
        with session(transport, at(shared.port, lu="LU033")) as held:
            assert held.lu == "LU033"
        shared.until(lambda: "LU033" not in shared.sessions)

    def test_the_lu_can_be_asked_for_without_tn3270e(self, shared: Host, transport: Transport) -> None:
        with session(transport, at(shared.port, lu="LU034", tn3270e=False)):
            shared.until(lambda: "LU034" in shared.sessions)

    def test_a_pool_gives_one_of_its_lus(self, shared: Host, transport: Transport) -> None:
        with session(transport, at(shared.port, lu="CUSTPOOL")) as held:
            assert held.lu in ("CUST01", "CUST02")

    @pytest.mark.parametrize(("model", "size"), [(2, (24, 80)), (3, (32, 80)), (4, (43, 80)), (5, (27, 132))])
    def test_each_model_has_its_size(
        self, shared: Host, transport: Transport, model: int, size: tuple[int, int]
    ) -> None:
        with session(transport, at(shared.port, model=model, color=model % 2 == 0)) as held:
            shown = titled(held, "SIGNON")
            assert (shown.rows, shown.columns) == size
            assert len(shown.text) == size[0] * size[1]

    def test_a_host_that_is_no_mainframe(self, transport: Transport) -> None:
        with chatting(lambda peer: peer.sendall(b"\r\nLinux\r\nlogin: ")) as port:
            assert "does not talk 3270" in refused(transport, at(port)).text


class TestVtam:
    """To s3270 alone: tnz does not agree to be told which application has the session."""

    def test_an_application_is_asked_for_on_the_first_screen(self) -> None:
        with vtam() as host, session("s3270", at(host.port)) as held:
            shown = titled(held, "USSMSG10")
            held.type(shown.cursor, "LOGON APPLID(CICS)")
            held.press("enter")
            titled(held, "SIGNON")
            assert held.lu == "LU0001"
            assert host.heard == [b"\x07\0\0\0\0" + "LOGON APPLID(CICS)".encode("cp037")]


@contextmanager
def _half_painted(host: Host, transport: Transport) -> Iterator[tuple[Terminal, Callable[[], None]]]:
    """A session that has seen half of a screen, and what lets the host paint the other half."""
    with session(transport, at(host.port)) as held:
        titled(held, "SIGNON")
        host.switches.two_writes = TwoWrites(release=(rest := threading.Event()))
        held.type(USER, host.user)
        held.type(PASSWORD, host.password)
        held.press("enter")
        titled(held, "MAIN MENU")
        while held.wait(0.05):
            held.screen()
        sent = host.counts["records"]

        def whole() -> None:
            rest.set()
            host.until(lambda: host.counts["records"] > sent)

        yield held, whole


class TestWaiting:
    def test_each_write_of_the_host_is_waited_for_once(self, host: Host, transport: Transport) -> None:
        with session(transport, at(host.port)) as held:
            titled(held, "SIGNON")
            assert not held.wait(0.05)
            rest = threading.Event()
            host.switches.two_writes = TwoWrites(release=rest)
            held.type(USER, host.user)
            held.type(PASSWORD, host.password)
            held.press("enter")
            assert held.wait(5)
            assert not held.wait(0.05)
            rest.set()
            assert held.wait(5)
            assert not held.wait(0.05)

    def test_what_has_come_is_found_however_late_it_is(self, host: Host, transport: Transport) -> None:
        """On a machine that has too much to do, the time to wait may be over before anybody could look."""
        with _half_painted(host, transport) as (held, whole):
            whole()
            time.sleep(0.1)
            assert held.wait(0)
            assert not held.wait(0)

    @pytest.mark.parametrize("asked", [False, True])
    def test_a_client_that_stood_still_looks_before_it_says_that_nothing_came(
        self, host: Host, *, asked: bool
    ) -> None:
        before = children()
        with _half_painted(host, "s3270") as (held, whole):
            (client,) = children() - before

            def stop() -> None:
                os.kill(client, signal.SIGSTOP)
                whole()
                threading.Timer(0.3, os.kill, (client, signal.SIGCONT)).start()

            if asked:
                threading.Timer(0.02, stop).start()
            else:
                stop()
            assert held.wait(0.1)

    def test_it_lasts_as_long_as_it_is_told_to(self, shared: Host, transport: Transport) -> None:
        with session(transport, at(shared.port)) as held:
            titled(held, "SIGNON")
            begun = time.monotonic()
            assert not held.wait(0.7)
            assert 0.65 < time.monotonic() - begun < 5

    def test_an_interrupt_ends_it_and_leaves_the_session_usable(
        self, shared: Host, transport: Transport
    ) -> None:
        with session(transport, at(shared.port)) as held:
            titled(held, "SIGNON")
            timer = threading.Timer(0.1, held.interrupt)
            timer.start()
            begun = time.monotonic()
            with pytest.raises(TransientError, match="interrupted"):
                held.wait(30)
            assert time.monotonic() - begun < 10
            timer.join()
            signed_on(shared, held)

    def test_an_interrupt_ends_a_connect(self, transport: Transport) -> None:
        def interrupted(peer: socket.socket) -> None:
            held.interrupt()
            peer.recv(1)

        with chatting(interrupted) as port:
            held = terminal(transport, at(port, connect_timeout=30))
            begun = time.monotonic()
            with pytest.raises(TransientError, match="interrupted"):
                held.connect()
            assert time.monotonic() - begun < 10
            held.close()

    def test_a_host_that_hangs_up_ends_it(self, host: Host, transport: Transport) -> None:
        with session(transport, at(host.port)) as held:
            titled(held, "SIGNON")
            threading.Timer(0.1, host.cut).start()
            with pytest.raises(TransientError):
                _heard_out(held)
            with pytest.raises(TransientError):
                held.screen()

    def test_a_terminal_can_be_connected_again(self, host: Host, transport: Transport) -> None:
        held = terminal(transport, at(host.port))
        for _ in range(2):
            held.connect()
            titled(held, "SIGNON")
            held.close()
            held.close()
        with pytest.raises(TransientError, match="closed"):
            held.wait(1)


def _flooding(peer: socket.socket, data: bytes, pause: float = 0) -> None:
    """A host that speaks 3270, and then says this again and again."""
    for said in ("fffd18", "fffa1801fff0", "fffd19fffb19fffd00fffb00"):
        peer.sendall(bytes.fromhex(said))
        peer.recv(100)
    while True:
        peer.sendall(data)
        time.sleep(pause)


class TestFloods:
    SCREEN = bytes.fromhex("f5c31140401df0") + bytes([0xC1]) * 1500 + bytes.fromhex("ffef")

    def test_a_screen_is_had_of_a_host_that_writes_without_a_pause(self, transport: Transport) -> None:
        with (
            chatting(partial(_flooding, data=self.SCREEN * 2000)) as port,
            session(transport, at(port, tn3270e=False)) as held,
        ):
            begun = time.monotonic()
            assert held.screen().columns == 80
            assert time.monotonic() - begun < 10

    def test_an_interrupt_ends_its_screen(self) -> None:
        """Of tnz, which reads all that there is."""
        with (
            chatting(partial(_flooding, data=self.SCREEN * 2000)) as port,
            session("tnz", at(port, tn3270e=False)) as held,
        ):
            held.screen()
            held.interrupt()
            with pytest.raises(TransientError, match="interrupted"):
                held.screen()

    def test_a_host_that_says_nothing_at_length(self) -> None:
        """s3270 refuses it: a session without a first screen is none to it, but is one to tnz."""
        nothing = bytes.fromhex("fff1")
        with chatting(partial(_flooding, data=nothing, pause=0.2)) as port:
            begun = time.monotonic()
            with session("tnz", at(port, tn3270e=False, connect_timeout=1)):
                assert time.monotonic() - begun < 5

    def test_a_host_that_says_nothing_at_length_is_not_waited_for_longer(self) -> None:
        with (
            chatting(partial(_flooding, data=bytes.fromhex("fff1") * 20000)) as port,
            session("tnz", at(port, tn3270e=False, connect_timeout=1)) as held,
        ):
            begun = time.monotonic()
            held.wait(0.5)
            assert time.monotonic() - begun < 5


class TestTyping:
    @pytest.mark.parametrize(
        "text", ['"', "\\", 'a\\"b\\\\', "\\n\\u0041\\pf1(),;", " x", "", "ÄÖÜß{}[]|^~¢¬", "1e5,()"]
    )
    def test_any_text_arrives_as_it_is(self, shared: Host, transport: Transport, text: str) -> None:
        with session(transport, at(shared.port)) as held:
            titled(held, "SIGNON")
            held.type(USER, "OLDSTUFF")
            room = held.screen().field_at(USER)
            assert room is not None
            held.type(USER, text[: room.length])
            assert held.screen().text[USER : USER + room.length] == text[: room.length].ljust(room.length)

    def test_a_locked_keyboard_takes_no_key_and_no_text(self, host: Host, transport: Transport) -> None:
        """s3270 would keep the key, and press it on the next screen, whatever that is."""
        with session(transport, at(host.port)) as held:
            titled(held, "SIGNON")
            host.switches.mute = 1
            held.press("enter")
            assert held.screen().locked
            for key in ("pf3", "clear"):
                with pytest.raises(TransientError, match="locked"):
                    held.press(key)
            with pytest.raises(TransientError, match="locked"):
                held.type(USER, "X")
            held.reset()
            assert not held.screen().locked
            held.type(USER, "X")

    def test_what_cannot_be_typed_is_refused_and_the_keyboard_stays(
        self, shared: Host, transport: Transport
    ) -> None:
        with session(transport, at(shared.port)) as held:
            titled(held, "SIGNON")
            for address, text in [(0, "x"), (USER, "x" * 80), (USER, "€"), (USER, "a\nb"), (USER - 1, "x")]:
                with pytest.raises(ConfigError):
                    held.type(address, text)
            held.type(USER, "FINE")
            assert not held.screen().locked

    def test_both_clients_send_the_same(self) -> None:
        """Formatted, unformatted, and with keys that send no fields."""
        entry = bytes.fromhex("f5c3 11c150 1d40 13 000000 1df0 11c260 1dc1 c1c2 1df0").hex()
        steps = f"write {entry}\nkey\nwrite {entry}\nkey\nwrite f5c3\nkey\nwrite {entry}\nkey\n"
        sent = []
        for transport in TRANSPORTS:
            with Replay(Recording.parse(steps)) as replay, session(transport, at(replay.port)) as held:
                until(held, lambda shown: shown.fields and not shown.locked)
                held.type(81, "ab")
                held.press("enter")
                until(held, lambda shown: shown.fields and not shown.locked)
                held.press("pa1")
                until(held, lambda shown: not shown.fields and not shown.locked)
                held.type(0, "CUSTINQ 1")
                held.press("pf24")
                until(held, lambda shown: shown.fields and not shown.locked)
                held.type(81, "x")
                held.type(81, "")
                held.press("clear")
                replay.until(partial(_has_heard, replay, 4))
                sent.append(replay.heard[:4])
        assert sent[0] == sent[1]

    @pytest.mark.parametrize("after", ["f0", "60", "40", "50"], ids=["skip", "protected", "entry", "numeric"])
    @pytest.mark.parametrize("text", ["abc", "ab", ""])
    def test_the_cursor_goes_on_behind_a_full_field(self, after: str, text: str) -> None:
        """Hosts are told where it is."""
        stream = bytes.fromhex(f"f5c3 11c150 1d40 13 000000 1d{after} 0000 1df0 11c260 1d40 0000 1df0")
        sent = []
        for transport in TRANSPORTS:
            with Replay(Recording.of(stream)) as replay, session(transport, at(replay.port)) as held:
                until(held, lambda shown: shown.fields and not shown.locked)
                held.type(81, text)
                held.press("enter")
                replay.until(partial(_has_heard, replay, 1))
                sent += replay.heard
        assert sent[0] == sent[1]


def _has_heard(replay: Replay, records: int) -> bool:
    return len(replay.heard) >= records


def _heard_out(held: Terminal) -> None:
    while held.wait(5):
        pass


def recorded(host: Host, **changed: Any) -> Recording:
    """What a walk through the application paints."""
    recorder = Recorder()
    host.wire = recorder
    with session("s3270", at(host.port, **changed)) as held:
        started(host, held, "CUSTLIST", "CUSTOMER LIST")
        held.press("pf8")
        until(held, lambda shown: "PAGE 2" in " ".join(shown.title.split()))
        assert held.lu is not None
        recording = recorder.recording(held.lu)
    return Recording.of(*recording.records)


def seen(transport: Transport, recording: Recording, segments: Segments = whole, **changed: Any) -> Screen:
    """What a client shows once it was sent everything."""
    with (
        Replay(recording, segments=segments) as replay,
        session(transport, at(replay.port, **changed)) as held,
    ):
        replay.until(lambda: replay.played, deadline_s=20)
        shown = held.screen()
        end = time.monotonic() + 5
        while held.wait(0.1) or (again := held.screen()) != shown:
            shown = held.screen()
            assert time.monotonic() < end
        return again


ORDERS = {
    "start fields": "f5c3 114040 1df8 e3c9 1d40 c1c2 1d4c e2c5c3d9c5e3 1df0 13",
    "extended attributes": "f5c3 114040 2903c0f841f242f4 e3 2902c0c8c2f0 c1 290146f0 c2 2903c04043f145f2 c3",
    "character sets": "f5c3 114040 1df0 2843f1 85 284300 85 c1 2900 c2",
    "set attribute": "f5c3 114040 1df0 2842f4 c1 2841f2 c2 2846f1 c3 284300 c4 280000 c5",
    "modify field": "f5c3 114040 1df0 c1c2 114040 2c01c04c 114bf0 c3 2c01c0f0 c4",
    "repeat to address": "f5c3 114040 1df0 3c c150 c1 114be8 3c 4040 60 11c150 3c c1f0 00",
    "repeat round the corner": "f5c3 115d7f 3c 40c3 c5",
    "erase unprotected": "f5c3 114040 1d40 c1c2c3 1df0 c4c5 1d40 c6c7 1df0 114041 12 4050",
    "erase all unprotected": "f5c3 114040 1dc1 c1c2c3 1df0 c4c5 1d40 c6c7 1df0 | 6f",
    "program tab": "f5c3 114040 1d40 c1c2c3 1df0 c4c5 1d40 c6c7 1df0 114040 05 d1d2 05 d3",
    "insert cursor": "f5c3 11c150 1d40 13 c1c2",
    "graphic escape": "f5c3 114040 1df0 0885 08c5 08a2 08bf 0840 c1",
    "control codes in text": "f5c3 114040 c1 00 0c 0d 15 19 1c 1e 25 3f ff c2 01 02 16 c3",
    "no fields": "f5c3 114040 c1c2c3",
    "a field that wraps": "f5c3 115d7d 1d4c c1c2 114040 c3c4 1df0 c5",
    "two attributes in a row": "f5c3 114040 1df01d401df0 c1",
    "attribute in the last cell": "f5c3 115d7f 1d4c 114040 c1c2 1df0 c3",
    "local command codes": "05c3 114040 1df0 c1 | 01c3 11c150 1df0 c2",
    "a write without unlocking": "f5c3 114040 1d40 13 | f140 11c150 1df0 c2",
    "the cursor stays where a write left it": "f5c3 114040 1d40 c113 | f1c3 c2c3",
    "writes of modified fields": "f5c3 114040 1dc1 c113 1dd1 c2 | f1c3 11c150 1df0",
    "structured write": "f3 0000 40 00 f5 c3 114040 1df0 c1",
    "a structured field nobody knows": "f5c3 114040 1df0 c1 | f3 0005 99 0102",
    "erase reset": "f5c3 114040 1df0 c1 | f3 0004 03 00 | f1c3 114040 c2",
    "alternate size": "7ec3 114040 1df0 c1 11d9d6 1d40 c2",
    "default size after the alternate": "7ec3 114040 1df0 c1 | f5c3 114040 c2",
    "fourteen bit addresses": "f5c3 110050 1df0 c1 11077f 1d40",
}


class TestSameScreen:
    @pytest.mark.parametrize("stream", ORDERS)
    def test_of_every_order(self, stream: str) -> None:
        records = [bytes.fromhex(record) for record in ORDERS[stream].split("|")]
        shown = [seen(transport, Recording.of(*records)) for transport in TRANSPORTS]
        assert shown[0] == shown[1]
        assert "SECRET" not in shown[0].text

    @pytest.mark.parametrize("model", [2, 3, 4, 5])
    def test_of_a_recorded_session(self, host: Host, model: int) -> None:
        recording = recorded(host, model=model)
        shown = [seen(transport, recording, model=model) for transport in TRANSPORTS]
        assert shown[0] == shown[1]
        assert shown[0].title.startswith("CUSTOMER LIST")

    @pytest.mark.parametrize(
        "segments", [pieces(1), pieces(7), by_chance(1)], ids=["bytes", "sevens", "chance"]
    )
    def test_however_the_network_cuts_it(self, host: Host, transport: Transport, segments: Segments) -> None:
        recording = recorded(host)
        assert seen(transport, recording, segments) == seen("s3270", recording)

    @pytest.mark.parametrize("page", ["cp037", "cp1047", "cp1141", "cp875"])
    def test_of_a_code_page(self, page: str) -> None:
        codes = bytes(code_pages.encoding(page).values())
        recording = Recording.of(bytes.fromhex("f5c3 114040") + codes)
        shown = [seen(transport, recording, code_page=page) for transport in TRANSPORTS]
        assert shown[0] == shown[1]
        assert shown[0].text[: len(codes)] == "".join(code_pages.encoding(page))


@pytest.mark.parametrize(
    ("transport", "page"),
    [*(("s3270", page) for page in code_pages.NAMES), ("tnz", "cp1141"), ("tnz", "cp875")],
)
def test_every_character_of_a_code_page_can_be_typed(transport: Transport, page: str) -> None:
    text = "".join(code_pages.encoding(page))
    stream = bytes.fromhex("f5c3 114040 1d40 13 115d7f 1df0")
    with Replay(Recording.of(stream)) as replay, session(transport, at(replay.port, code_page=page)) as held:
        until(held, lambda shown: shown.fields and not shown.locked)
        if transport == "s3270" and page in ("cp424", "cp875", "cp1026"):
            # A few characters of these it does not know, and must not type others for them.
            with pytest.raises(ConfigError, match="does not take the text"):
                held.type(1, text)
            assert not held.screen().text.strip()
            text = "ABCDEF 123"
        held.type(1, text)
        assert held.screen().text[1 : 1 + len(text)] == text
        held.press("enter")
        replay.until(lambda: replay.heard)
        codes = bytes(code_pages.encoding(page)[character] for character in text)
        assert codes in replay.heard[0]


def test_double_byte_characters_through_s3270() -> None:
    """Typed where the host lets the terminal make shift codes (the input control attribute)."""
    stream = bytes.fromhex("f5c3 114040 1df0 c1 0e4562 45630f c2 2902c040fe01 13 114be8 1df0")
    recording = Recording.parse(f"write {stream.hex()}\nkey\n")
    with Replay(recording) as replay, session("s3270", at(replay.port, code_page="cp930")) as held:
        shown = until(held, lambda shown: shown.fields and not shown.locked)
        assert shown.cut(1, 2, 8) == "A日田B"
        assert shown.row(1)[3:7] == "日\0田\0"
        held.type(shown.fields[1].start, "a日本x")
        held.press("enter")
        replay.until(lambda: replay.heard)
        assert b"\x0e\x45\x62" in replay.heard[0]


@pytest.mark.parametrize(
    ("page", "text"), [("cp870", "ŁÓDŹ Žižkov"), ("cp880", "ЖЮЯ"), ("cp275", "São João")]
)
def test_code_pages_that_only_s3270_knows(page: str, text: str) -> None:
    stream = bytes.fromhex("f5c3 114040 1d40 13 115d7f 1df0")
    with Replay(Recording.of(stream)) as replay, session("s3270", at(replay.port, code_page=page)) as held:
        until(held, lambda shown: shown.fields and not shown.locked)
        held.type(1, text)
        assert held.screen().cut(1, 2, len(text)) == text
        with pytest.raises(ConfigError, match="does not take the text"):
            held.type(1, f"A{text}€")
        assert not held.screen().text.strip()


class TestRefusals:
    def test_an_lu_that_somebody_else_has(self, host: Host, transport: Transport) -> None:
        host.switches.busy.add("LU007")
        error = refused(transport, at(host.port, lu="LU007"))
        assert isinstance(error, Refused)
        assert "refused the LU LU007: it is in use" in error.text

    def test_an_lu_that_is_none(self, shared: Host, transport: Transport) -> None:
        error = refused(transport, at(shared.port, lu="NOSUCH"))
        assert isinstance(error, Refused)
        assert "NOSUCH: there is no such LU" in error.text

    def test_an_lu_refused_without_tn3270e(self, shared: Host, transport: Transport) -> None:
        error = refused(transport, at(shared.port, lu="NOSUCH", tn3270e=False))
        assert isinstance(error, Refused)
        assert "NOSUCH" in error.text

    def test_no_more_sessions(self, host: Host, transport: Transport) -> None:
        host.switches.refuse_lu = 6
        error = refused(transport, at(host.port))
        assert isinstance(error, Refused)
        assert "refused a session" in error.text
        assert "session limit" in error.remedy

    def test_nobody_listens(self, transport: Transport) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        error = refused(transport, at(port))
        assert isinstance(error, TransientError)
        assert "Connection refused" in error.text

    def test_a_name_that_is_not_known(self, transport: Transport) -> None:
        assert "name is not known" in refused(transport, at(23, host="nowhere.invalid")).text

    def test_a_host_that_never_answers(self, transport: Transport) -> None:
        with chatting(lambda peer: peer.recv(1)) as port:
            begun = time.monotonic()
            error = refused(transport, at(port, connect_timeout=0.5))
            assert time.monotonic() - begun < 10
        assert isinstance(error, TransientError)
        assert "within 0.5 s" in error.text

    def test_s3270_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        error = refused("s3270", at(23))
        assert isinstance(error, ConfigError)
        assert "s3270 is not installed" in error.text


def test_a_password_is_in_no_log_and_no_error(
    host: Host, transport: Transport, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    with session(transport, at(host.port)) as held:
        titled(held, "SIGNON")
        for address in (PASSWORD, PASSWORD + 6, 0, USER - 1):
            with suppress(ConfigError):
                try:
                    held.type(address, "C4N4RY99")
                except ConfigError as error:
                    told.append(f"{error!r} {error}")
                    raise
        held.press("enter")
        host.cut()
        try:
            while held.wait(5):
                told.append(held.screen().text)
        except TransientError as error:
            told.append(str(error))
    out, err = capfd.readouterr()
    for text in (*told, caplog.text, out, err):
        assert "C4N4RY" not in text

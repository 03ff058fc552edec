"""Recorded data streams, cut and spoilt on their way: both transports show the same screen, and live on.

tests/streams has each stream as text, with the screen that it paints beside it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

import pytest

from bridge.errors import TransientError
from bridge.testing import need
from bridge.testing.mainframe import Host, Recording, Replay, Spoiling, by_chance, pieces, spoilt
from bridge.testing.mainframe.replay import Segments, whole
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Endpoint, Terminal
from connectors.mainframe.transports import terminal

Transport = Literal["s3270", "tnz"]
TRANSPORTS: tuple[Transport, ...] = ("s3270", "tnz")
STREAMS = Path(__file__).parents[1] / "streams"
NAMES = sorted(file.stem for file in STREAMS.glob("*.3270"))
DOUBLE_BYTE = "double"
SPOILT = 15
"""Streams a transport and recording."""


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    if request.param == "s3270" and shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")
    chosen: Transport = request.param
    return chosen


def stream(name: str) -> Recording:
    return Recording.load(STREAMS / f"{name}.3270")


def painted(name: str) -> list[str]:
    """The screen that the stream ends with."""
    return (STREAMS / f"{name}.screen").read_text(encoding="utf-8").splitlines()


def opened(
    transport: Transport, port: int, *, code_page: str = "cp037", tn3270e: bool = True, patience: float = 10
) -> Terminal:
    endpoint = Endpoint("127.0.0.1", port, code_page=code_page, tn3270e=tn3270e, connect_timeout=patience)
    made = terminal(transport, endpoint)
    made.connect()
    return made


def shown(screen: Screen) -> list[str]:
    lines = [line.replace("\x00", "").rstrip() for line in screen.lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def awaited(client: Terminal, holds: Callable[[Screen], bool], *, deadline_s: float = 5) -> Screen:
    """The first screen that holds; the last one there is, when none does in time."""
    deadline = time.monotonic() + deadline_s
    while not holds(screen := client.screen()) and time.monotonic() < deadline:
        client.wait(0.05)
    return screen


def seen(transport: Transport, replay: Replay, name: str, *, tn3270e: bool = True) -> Screen:
    code_page = "cp939" if name == DOUBLE_BYTE else "cp037"
    with closing(opened(transport, replay.port, code_page=code_page, tn3270e=tn3270e)) as client:
        return awaited(client, lambda screen: shown(screen) == painted(name) and not screen.locked)


@pytest.fixture
def known(request: pytest.FixtureRequest, transport: Transport) -> str:
    """The name of a stream that the transport can show."""
    name: str = request.param
    if transport == "tnz" and name == DOUBLE_BYTE:
        pytest.skip("tnz knows no characters of two bytes")
    return name


@pytest.mark.parametrize("known", NAMES, indirect=True)
@pytest.mark.parametrize("cut", [whole, pieces(1), by_chance(3)], ids=["whole", "bytes", "by chance"])
@pytest.mark.parametrize("tn3270e", [True, False], ids=["tn3270e", "tn3270"])
def test_a_stream_paints_its_screen_however_tcp_cuts_it(
    transport: Transport,
    known: str,
    cut: Segments,
    tn3270e: bool,  # noqa: FBT001
) -> None:
    with Replay(stream(known), segments=cut) as replay:
        screen = seen(transport, replay, known, tn3270e=tn3270e)
    assert shown(screen) == painted(known)
    assert not screen.locked
    assert "SECRET" not in screen.text


@pytest.mark.parametrize("name", [name for name in NAMES if name != DOUBLE_BYTE])
def test_both_transports_see_the_same_cells_fields_and_cursor(name: str) -> None:
    if shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")
    with Replay(stream(name)) as replay:
        one, other = (seen(transport, replay, name) for transport in TRANSPORTS)
    assert one == other


@pytest.mark.parametrize("name", ["orders", "writes"])
@pytest.mark.parametrize("what", ["record", "wire"])
def test_no_spoilt_stream_crashes_or_blocks_a_transport(transport: Transport, name: str, what: str) -> None:
    """A session may end over it, with an error of its own; the next one shows the screen."""
    with Replay(stream(name)) as replay:
        for seed in range(SPOILT):
            replay.spoiling = spoiling(what, seed)
            began = time.monotonic()
            with suppress(TransientError), closing(opened(transport, replay.port, patience=0.2)) as client:
                client.wait(0.01)
                client.screen()
            assert time.monotonic() - began < 5
        replay.spoiling = Spoiling()
        assert shown(seen(transport, replay, name)) == painted(name)


def spoiling(what: str, seed: int) -> Spoiling:
    if what == "wire":
        return Spoiling(wire=lambda wire: spoilt(wire, seed))
    return Spoiling(record=lambda number, record: spoilt(record, seed + number))


@pytest.mark.parametrize("seed", range(5))
def test_a_session_recovers_from_spoilt_records_by_clear_or_by_another(
    transport: Transport, seed: int
) -> None:
    with Host() as host:
        with closing(opened(transport, host.port)) as client:
            awaited(client, lambda screen: screen.title.startswith("SIGNON"))
            host.switches.mutate = lambda number, record: spoilt(record, seed * 100 + number)
            with suppress(TransientError):
                client.press("enter")
                client.wait(0.1)
                client.screen()
            host.switches.mutate = None
            with suppress(TransientError):
                client.reset()
                client.press("clear")
                client.wait(1)
                if client.screen().title == "":
                    return
        with closing(opened(transport, host.port)) as another:
            assert awaited(another, lambda screen: screen.title.startswith("SIGNON")).fields

"""Screens a second: pages of a list turned by our terminals, and by the same clients bare."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tnz import tnz

from bench.measures import Measure
from bridge.testing.mainframe.emulator import Emulator
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Endpoint, Terminal
from connectors.mainframe.transports import terminal

TURNS, ROUNDS = 60, 9
NEAR_MS = 10
"""How long a host takes that is near; what a terminal costs must vanish in that."""
COLUMNS = 80
USER_AT, PASSWORD_AT, SELECTION_AT = (5, 16), (6, 16), (8, 16)
PATIENCE_S = 10.0

type Transport = Literal["s3270", "tnz"]
type Turn = Callable[[str], object]
"""Press this key (pf7, pf8), and read the screen that comes."""


@dataclass(frozen=True)
class Server:
    """The host of bridge.testing, in a process of its own: it shares no interpreter with who reads it."""

    port: int
    user: str
    password: str


@contextmanager
def server(*, delay_ms: float = 0, customers: int = 300) -> Iterator[Server]:
    options = ["--delay-ms", str(delay_ms), "--customers", str(customers)]
    command = [sys.executable, "-m", "bridge.testing.mainframe", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline().replace(",", "").split()
            yield Server(int(told[0].rpartition(":")[2]), told[2], told[4])
        finally:
            process.terminate()


def measures() -> Iterator[Measure]:
    for delay_ms in (NEAR_MS, 0):
        with server(delay_ms=delay_ms) as host, ExitStack() as stack:
            told = f"a host that takes {delay_ms} ms" if delay_ms else "a host that answers at once"
            for name, bare in BARE.items():
                theirs, ours = stack.enter_context(bare(host)), stack.enter_context(_ours(name, host))
                yield from _compared(f"{name}, {told}", theirs, ours, 10 if delay_ms else None)


def _compared(what: str, theirs: Turn, ours: Turn, must: float | None) -> Iterator[Measure]:
    """In turns, because the machine is not the same for long."""
    _rate(theirs), _rate(ours)
    pairs = [(_rate(theirs), _rate(ours)) for _ in range(ROUNDS)]
    yield Measure(f"{what}: the bare client", median(bare for bare, _ in pairs), "screens/s")
    yield Measure(f"{what}: our terminal", median(rate for _, rate in pairs), "screens/s")
    overhead = median(100 * (1 - rate / bare) for bare, rate in pairs)
    yield Measure(f"{what}: overhead", overhead, "%", must=must)


def _rate(turn: Turn) -> float:
    began = time.monotonic()
    for number in range(TURNS):
        turn("pf7" if number % 2 else "pf8")
    return TURNS / (time.monotonic() - began)


# -- ours


@contextmanager
def signed_on(transport: Transport, host: Server) -> Iterator[Terminal]:
    """At the menu."""
    client = terminal(transport, Endpoint("127.0.0.1", host.port))
    client.connect()
    try:
        until(client, "SIGNON")
        client.type(cell(USER_AT), host.user)
        client.type(cell(PASSWORD_AT), host.password)
        client.press("enter")
        until(client, "MAIN MENU")
        yield client
    finally:
        client.close()


def until(client: Terminal, title: str) -> Screen:
    """Wait for a screen. Errors: TimeoutError."""
    while (screen := client.screen()).locked or not screen.title.startswith(title):
        if not client.wait(PATIENCE_S):
            raise TimeoutError(title)
    return screen


def cell(place: tuple[int, int]) -> int:
    """The address of a row and column."""
    row, column = place
    return (row - 1) * COLUMNS + column - 1


@contextmanager
def _ours(transport: Transport, host: Server) -> Iterator[Turn]:
    with signed_on(transport, host) as client:
        client.type(cell(SELECTION_AT), "2")
        client.press("enter")
        until(client, "CUSTOMER LIST")

        def turn(key: str) -> None:
            client.press(key)
            client.wait(PATIENCE_S)
            until(client, "CUSTOMER LIST")

        yield turn


# -- the same clients bare


@contextmanager
def _bare_s3270(host: Server) -> Iterator[Turn]:
    """What is printed of the buffer is not even looked at."""
    with Emulator() as client:
        client.connect(host.port)
        client.type(host.user, USER_AT)
        client.type(host.password, PASSWORD_AT)
        client.press("Enter()")
        client.type("2", SELECTION_AT)
        client.press("Enter()")

        def turn(key: str) -> None:
            client.press(f"PF({key[2:]})")
            client.run("ReadBuffer(Ebcdic)")

        yield turn


@contextmanager
def _bare_tnz(host: Server) -> Iterator[Turn]:
    client = tnz.Tnz("bare")
    client.use_tn3270e = True
    client.connect("127.0.0.1", host.port)

    def until(title: str) -> None:
        while client.pwait or client.system_lock_wait or title not in client.scrstr():
            client.wait(PATIENCE_S)

    def put(place: tuple[int, int], text: str) -> None:
        client.curadd = cell(place)
        client.key_data(text)

    try:
        until("SIGNON")
        put(USER_AT, host.user)
        put(PASSWORD_AT, host.password)
        client.enter()
        until("MAIN MENU")
        put(SELECTION_AT, "2")
        client.enter()
        until("CUSTOMER LIST")

        def turn(key: str) -> None:
            getattr(client, key)()
            until("CUSTOMER LIST")

        yield turn
    finally:
        client.shutdown()


BARE: Mapping[Transport, Callable[[Server], AbstractContextManager[Turn]]] = {
    "s3270": _bare_s3270,
    "tnz": _bare_tnz,
}

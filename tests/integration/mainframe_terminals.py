"""What tests of the ways to a 3270 screen share."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest

from bridge.errors import BridgeError
from bridge.testing import need
from bridge.testing.mainframe import Host
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Endpoint, Terminal
from connectors.mainframe.transports import terminal

Transport = Literal["s3270", "tnz"]
TRANSPORTS: tuple[Transport, ...] = ("s3270", "tnz")
USER, PASSWORD = 4 * 80 + 15, 5 * 80 + 15  # addresses on SIGNON


def need_clients() -> None:
    if shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")
    if find_spec("tnz") is None:
        need("tnz is not installed: pip install tnz")


def at(port: int, **changed: Any) -> Endpoint:
    return replace(Endpoint("localhost", port, connect_timeout=5), **changed)


@contextmanager
def session(transport: Transport, endpoint: Endpoint) -> Iterator[Terminal]:
    made = terminal(transport, endpoint)
    try:
        made.connect()
        yield made
    finally:
        made.close()


def refused(transport: Transport, endpoint: Endpoint) -> BridgeError:
    with pytest.raises(BridgeError) as caught, session(transport, endpoint):
        pass
    return caught.value


def until(held: Terminal, holds: Callable[[Screen], object], seconds: float = 5) -> Screen:
    """The first screen of which this holds."""
    end = time.monotonic() + seconds
    while not holds(shown := held.screen()):
        assert time.monotonic() < end, "\n".join(shown.lines)
        held.wait(end - time.monotonic())
    return shown


def titled(held: Terminal, title: str) -> Screen:
    return until(held, lambda shown: shown.title.startswith(title) and not shown.locked)


def signed_on(host: Host, held: Terminal) -> Screen:
    columns = titled(held, "SIGNON").columns
    held.type(4 * columns + 15, host.user)
    held.type(5 * columns + 15, host.password)
    held.press("enter")
    return titled(held, "MAIN MENU")


def started(host: Host, held: Terminal, code: str, title: str) -> Screen:
    signed_on(host, held)
    held.press("clear")
    until(held, lambda shown: not shown.fields and not shown.locked)
    held.type(0, code)
    held.press("enter")
    return titled(held, title)


@contextmanager
def chatting(say: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of something that is no host."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    open_.append(peer)
                    threading.Thread(target=told, args=(peer,), daemon=True).start()

        def told(peer: socket.socket) -> None:
            with suppress(OSError):
                say(peer)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for peer in open_:
                with suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
                peer.close()


def issued(host: Host, name: str, names: str = "DNS:localhost") -> Any:
    return host.authority.issue(f"{name}-{time.monotonic_ns()}", names=names)


def children(of: int | None = None) -> set[int]:
    """The processes that this one, or that one, has started."""
    listed = Path(f"/proc/{of or os.getpid()}/task").glob("*/children")
    return {int(child) for file in listed for child in file.read_text().split()}


def appeared(parent: int) -> int:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for child in children(parent):
            if "s3270" in told_to(child):
                return child
        time.sleep(0.01)
    raise AssertionError("s3270 was not started")


def running(process: int) -> bool:
    """A zombie has ended; who reaps orphans is the system's business."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def told_to(process: int) -> str:
    return "".join(
        Path(f"/proc/{process}/{file}").read_text(errors="replace") for file in ("cmdline", "environ")
    )

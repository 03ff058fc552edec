"""A SAProuter: lets connections through to the host that their route names last, if it has the password.

The frames: tests/golden/router/ni_route_payload.bin of the project saprfclib, its notes on passwords and on
NI_PONG and NI_RTERR; refusals have the text of a router's own.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from bridge.testing.sap.listening import PATIENCE, Listener, shut

_SIZE = struct.Struct(">I")
PORT = 3299
_ROUTE = b"NI_ROUTE\0"
_HOPS = 24
_PONG = b"NI_PONG\0"
_DENIED = -94
_PIECE = 65_536


class Refused(Exception):
    """Why the router lets nobody through."""


@dataclass(frozen=True)
class Hop:
    """One of a route's stations; the password is for it."""

    host: str
    service: str
    password: str


class Router:
    """`with Router() as router:` listens on a port of its own; `route` is what a client is told."""

    def __init__(self, password: str = "") -> None:
        self.password = password
        self.routes: list[list[Hop]] = []
        """Those asked for."""
        self.host = ""
        self._listener = Listener(self._serve)

    @property
    def route(self) -> str:
        return f"/H/{self.host}/S/{PORT}" + (f"/W/{self.password}" if self.password else "")

    def __enter__(self) -> Self:
        self.host = self._listener.open(PORT)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        try:
            onward = self._through(client)
        except Refused as error:
            client.sendall(_framed(_refusal(str(error))))
            return
        with onward:
            client.sendall(_framed(_PONG))
            back = threading.Thread(target=_pump, args=(onward, client), daemon=True)
            back.start()
            _pump(client, onward)
            back.join(PATIENCE)

    def _through(self, client: socket.socket) -> socket.socket:
        hops = _hops(_frame(client))
        self.routes.append(hops)
        last = hops[-1]
        # Clients differ in which of the two entries has the password.
        if self.password not in {"", *(each.password for each in hops)}:
            raise Refused(f"{self.host}: route permission denied (127.0.0.1 to {last.host}, {last.service})")
        try:
            return socket.create_connection((last.host, int(last.service)))
        except OSError as error:
            raise Refused(f"partner '{last.host}:{last.service}' not reached") from error


def _hops(frame: bytes) -> list[Hop]:
    if not frame.startswith(_ROUTE):
        raise Refused("no route was asked for")
    words = frame[_HOPS:].decode("latin-1").split("\0")[:-1]
    return [Hop(*words[at : at + 3]) for at in range(0, len(words) - 2, 3)]


def _refusal(text: str) -> bytes:
    record = "\0".join(("*ERR*", "1", text, str(_DENIED), "NI (network interface)", "*ERR*", "")).encode()
    return b"NI_RTERR\0\x28\0\0" + struct.pack(">iI", _DENIED, len(record)) + record


def _frame(source: socket.socket) -> bytes:
    (size,) = _SIZE.unpack(_exactly(source, 4))
    return _exactly(source, size)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            raise OSError("the client has hung up")
        data += piece
    return data


def _framed(data: bytes) -> bytes:
    return _SIZE.pack(len(data)) + data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    shut(source)
    shut(target)

"""A TN3270E server as VTAM is one: it binds no application to a session before somebody asks for one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

_SE, _EOR = bytes.fromhex("fff0"), bytes.fromhex("ffef")
_DO_TN3270E, _WILL_TN3270E = bytes.fromhex("fffd28"), bytes.fromhex("fffb28")
_SEND_DEVICE_TYPE = bytes.fromhex("fffa280802fff0")
_DEVICE_TYPE_IS = bytes.fromhex("fffa280204") + b"IBM-3278-2-E\x01LU0001" + _SE
_FUNCTIONS_REQUEST, _FUNCTIONS_IS = bytes.fromhex("280307"), bytes.fromhex("fffa280304")
_DATA, _BIND, _SSCP_LU_DATA = 0, 3, 7
_BIND_IMAGE = bytes.fromhex("31010303b1903080008787f8780002000000000185000007e0")
_SIGNON = bytes.fromhex("f5c31140401df0") + "SIGNON".encode("cp037") + bytes.fromhex("115d7f1d4013")
_WELCOME = "USSMSG10 ENTER LOGON APPLID".encode("cp037") + bytes.fromhex("15")


@dataclass
class Vtam:
    heard: list[bytes] = field(default_factory=list)
    """Records of the client, each with the kind that it has."""
    _listener: socket.socket = field(default_factory=partial(socket.create_server, ("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        with suppress(OSError, EOFError), self._listener.accept()[0] as client:
            client.sendall(_DO_TN3270E)
            _until(client, _WILL_TN3270E)
            client.sendall(_SEND_DEVICE_TYPE)
            _until(client, _SE)
            client.sendall(_DEVICE_TYPE_IS)
            functions = _until(client, _SE).partition(_FUNCTIONS_REQUEST)[2]
            client.sendall(_FUNCTIONS_IS + functions + _SE)
            client.sendall(_record(_SSCP_LU_DATA, _WELCOME))
            self.heard.append(_until(client, _EOR))
            client.sendall(_record(_BIND, _BIND_IMAGE) + _record(_DATA, _SIGNON))
            client.recv(1)

    def close(self) -> None:
        self._listener.close()


@contextmanager
def vtam() -> Iterator[Vtam]:
    made = Vtam()
    threading.Thread(target=made.serve, daemon=True).start()
    try:
        yield made
    finally:
        made.close()


def _record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 0, 0, 0, 0]) + body + _EOR


def _until(client: socket.socket, end: bytes) -> bytes:
    """What comes before it. Errors: EOFError."""
    heard = b""
    while not heard.endswith(end):
        byte = client.recv(1)
        if not byte:
            raise EOFError
        heard += byte
    return heard.removesuffix(end)

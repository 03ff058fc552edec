"""What may stand between a client and an application server: a SAProuter, a message server."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_SIZE = struct.Struct(">I")
_HEADER = len(b"NI_ROUTE\0") + 3 + 8


class Router:
    """Takes a route, answers NI_PONG, and passes on what comes (docs/protocol/framing.md of saprfclib)."""

    def __init__(self, host: str, port: int = 3299) -> None:
        self.routes: list[bytes] = []
        self._listener = socket.create_server((host, port))
        self._lines: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5.0)
        for line in self._lines:
            line.close()

    def _start(self, target: object, *args: socket.socket) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._lines.append(near)
                self._serve(near)

    def _serve(self, near: socket.socket) -> None:
        (size,) = _SIZE.unpack(near.recv(4, socket.MSG_WAITALL))
        route = near.recv(size, socket.MSG_WAITALL)
        self.routes.append(route)
        host, port = route[_HEADER:].rstrip(b"\0").split(b"\0")[-2:]
        far = socket.create_connection((host.decode(), int(port)))
        self._lines.append(far)
        near.sendall(_SIZE.pack(8) + b"NI_PONG\0")
        self._start(_pass, near, far)
        self._start(_pass, far, near)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


class MessageServer:
    """Its HTTP interface, which names an application server: /msgserver/text/logon."""

    def __init__(self, host: str, port: int, server: tuple[str, int]) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"version 1.2\nhost_SIM_00\nRFC\t{server[0]}\t{server[1]}\t\n".encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

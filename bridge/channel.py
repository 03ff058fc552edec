"""Newline-delimited JSON between supervisor and worker, over a socket pair."""

from __future__ import annotations

import json
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

Message = Mapping[str, Any]
CHUNK = 64 * 1024
SEND_S = 5.0


class Channel:
    """The worker's end. `send` may be called from any thread."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(SEND_S)
        self._socket = sock
        self._sending = Lock()
        self._rest = b""
        self._arrived: deque[dict[str, Any]] = deque()
        self.closed = False

    def send(self, message: Message) -> None:
        """Sets `closed` when the supervisor has gone, or has not read for five seconds."""
        with self._sending:
            try:
                self._socket.sendall(encode(message))
            except OSError:
                self.closed = True

    def receive(self, timeout: float) -> Iterator[dict[str, Any]]:
        """What has arrived within `timeout` seconds; `closed` is set when the other side has gone."""
        if not self._arrived:
            self._fill(timeout)
        while self._arrived:
            yield self._arrived.popleft()

    def receive_one(self, timeout: float) -> dict[str, Any] | None:
        """The first message, which may come in pieces; None when there is none in time."""
        deadline = time.monotonic() + timeout
        while not self._arrived and not self.closed and (remaining := deadline - time.monotonic()) > 0:
            self._fill(remaining)
        return self._arrived.popleft() if self._arrived else None

    def _fill(self, timeout: float) -> None:
        if not select.select([self._socket], [], [], timeout)[0]:
            return
        try:
            data = self._socket.recv(CHUNK)
        except OSError:
            data = b""
        self.closed = self.closed or not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._arrived.extend(json.loads(line) for line in lines)


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":"), default=str).encode() + b"\n"

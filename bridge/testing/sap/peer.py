"""The peer: an application server and its gateway on an address of its own, for one simulated system."""

from __future__ import annotations

import itertools
import random
import socket
import threading
from contextlib import suppress
from typing import Self

from bridge.testing.sap.conversation import Conversation
from bridge.testing.sap.gateway import Line
from bridge.testing.sap.logon import Identity, User
from bridge.testing.sap.switches import Switches
from bridge.testing.sap.system import System

PATIENCE = 5.0
_TRIES = 50


class SapPeer:
    """An ABAP system as a client sees it. `with SapPeer() as peer:` serves until the block ends.

    Each has an address of its own in 127/8, so that all can listen on the port of their system number.
    """

    user, password = "BRIDGE", "bridge-password"

    def __init__(self, system: System | None = None, *, ashost: str = "", sysnr: str = "00") -> None:
        self.system = system or System()
        self.sysnr = sysnr
        self.ashost = ashost
        self.switches = Switches()
        self.users = {self.user: User(self.password)}
        self.calls: list[str] = []
        """The functions called, what clients ask for themselves included."""
        self.logons: list[str] = []
        """Who tried to log on."""
        self._lines: set[Line] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._handles = itertools.count(10_000_001)

    @property
    def client(self) -> str:
        return self.system.client

    @property
    def identity(self) -> Identity:
        return Identity(self.system.sysid, self.sysnr, self.system.host, self.system.release)

    @property
    def port(self) -> int:
        return 3300 + int(self.sysnr)

    @property
    def parameters(self) -> dict[str, str]:
        """What a client logs on with."""
        return {
            "ashost": self.ashost,
            "sysnr": self.sysnr,
            "client": self.client,
            "user": self.user,
            "passwd": self.password,
        }

    def __enter__(self) -> Self:
        self._listener = self._listen()
        accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        accepting.start()
        self._threads.append(accepting)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody, and stop listening."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(PATIENCE)

    def cut(self) -> None:
        """Every connection there is ends now."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.cut()

    @property
    def connections(self) -> int:
        """Those open now."""
        with self._lock:
            return len(self._lines)

    def _listen(self) -> socket.socket:
        if self.ashost:
            return socket.create_server((self.ashost, self.port), backlog=64)
        for _ in range(_TRIES):
            host = f"127.{random.randint(64, 126)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
            with suppress(OSError):
                listener = socket.create_server((host, self.port), backlog=64)
                self.ashost = host
                return listener
        raise OSError(f"no address in 127/8 has port {self.port} free")

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(connection, self.switches)
            serving = threading.Thread(target=self._serve, args=(line,), daemon=True)
            with self._lock:
                self._lines.add(line)
                self._threads = [each for each in self._threads if each.is_alive()] + [serving]
            serving.start()

    def _serve(self, line: Line) -> None:
        try:
            Conversation(self, line, b"%d" % next(self._handles)).serve()
        finally:
            with self._lock:
                self._lines.discard(line)
            line.close()

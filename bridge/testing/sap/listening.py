"""A server on loopback: a thread for each connection, and all of them gone when it is closed."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

PATIENCE = 5.0
_TRIES = 50


class Listener:
    """Calls `serve` with each connection, in a thread of its own; what it raises of OSError ends it alone."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    def open(self, port: int, host: str = "") -> str:
        """The address: `host`, or one in 127/8 where this port is free."""
        self._listener = socket.create_server((host, port), backlog=64) if host else _anywhere(port)
        accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._threads.append(accepting)
        accepting.start()
        return str(self._listener.getsockname()[0])

    @property
    def connections(self) -> int:
        """Those open now."""
        with self._lock:
            return len(self._connections)

    def cut(self) -> None:
        """Every connection there is ends now."""
        with self._lock:
            for connection in self._connections:
                shut(connection)

    def close(self) -> None:
        """Stop listening, and hang up on everybody."""
        if self._listener is not None:
            shut(self._listener)
            self._listener.close()
            self._listener = None
        self.cut()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(PATIENCE)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serving = threading.Thread(target=self._run, args=(connection,), daemon=True)
            with self._lock:
                self._connections.add(connection)
                self._threads = [each for each in self._threads if each.is_alive()] + [serving]
                serving.start()

    def _run(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError):
                self._serve(connection)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()


def shut(line: socket.socket) -> None:
    """End both directions, for whoever waits on it too."""
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _anywhere(port: int) -> socket.socket:
    for _ in range(_TRIES):
        host = f"127.{random.randint(64, 126)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        with suppress(OSError):
            return socket.create_server((host, port), backlog=64)
    raise OSError(f"no address in 127/8 has port {port} free")

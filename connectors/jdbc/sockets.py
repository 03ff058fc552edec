"""The last resort against a database that accepts and stays silent."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from connectors.jdbc.dialects import Dialect

_PORT = re.compile(r"[?&;(]\s*(?:port|portnumber|pgport)\s*=\s*(\d{1,5})\b", re.IGNORECASE)


def ports(url: str, dialect: Dialect) -> set[int]:
    """The ports a JDBC URL connects to; none where the database is in this process."""
    if dialect.embedded and re.match(dialect.embedded, url):
        return set()
    place = re.split("[?;]", url, maxsplit=1)[0]
    hosts = re.sub(r"\[.*?\]", "address", place)  # IPv6 is full of colons
    named = re.findall(r"\w:(\d{1,5})\b", hosts) + _PORT.findall(url)
    return {int(port) for port in named} or ({dialect.port} if dialect.port else set())


class Fuse:
    """Does something from a thread of its own, unless it is put out in time."""

    def __init__(self, name: str, does: Callable[[], None]) -> None:
        self._name, self._does = name, does
        self._timer: threading.Timer | None = None

    def light(self, delay: float) -> None:
        """Burn for `delay` seconds; a fuse that burns already is replaced."""
        self.put_out()
        self._timer = threading.Timer(delay, self._does)
        self._timer.name, self._timer.daemon = self._name, True
        self._timer.start()

    def put_out(self) -> None:
        """Waits for what it has begun to do."""
        timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
            timer.join()


def shut(to: set[int]) -> None:
    """Shut down this process's connections to these ports: a driver that waits on one gets an error at once.

    JDBC's own means (cancel, abort, network time-outs) are missing or need the silent server in many drivers.
    A connection of somebody else in this process that is hit by chance sees one reconnect.
    """
    for entry in Path("/proc/self/fd").glob("*") if Path("/proc/self/fd").is_dir() else ():
        try:
            if str(entry.readlink()).startswith("socket:"):
                _shut_one(int(entry.name), to)
        except OSError:
            continue


def _shut_one(fd: int, to: set[int]) -> None:
    with socket.socket(fileno=os.dup(fd)) as ours:
        if ours.family in (socket.AF_INET, socket.AF_INET6) and ours.getpeername()[1] in to:
            ours.shutdown(socket.SHUT_RDWR)

"""This process's connections to a database, beneath its driver: kept alive, and shut as the last resort."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path


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
    each(to, lambda connection: connection.shutdown(socket.SHUT_RDWR))


def keep_alive(to: set[int], every_s: float) -> None:
    """Have the kernel show signs of life on idle connections, and end those that miss three of them.

    Firewalls forget what says nothing for long, and few drivers have a setting for how long that may be.
    """

    def set_up(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            connection.setsockopt(socket.IPPROTO_TCP, option, max(1, round(every_s)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)

    each(to, set_up)


def each(to: set[int], do: Callable[[socket.socket], None]) -> None:
    """With each of this process's connections to these ports."""
    if not to:
        return
    for entry in Path("/proc/self/fd").glob("*") if Path("/proc/self/fd").is_dir() else ():
        try:
            if str(entry.readlink()).startswith("socket:"):
                _if_to(int(entry.name), to, do)
        except OSError:
            continue


def _if_to(fd: int, to: set[int], do: Callable[[socket.socket], None]) -> None:
    with socket.socket(fileno=os.dup(fd)) as ours:
        if ours.family in (socket.AF_INET, socket.AF_INET6) and ours.getpeername()[1] in to:
            do(ours)

"""A connection's sockets, beneath its driver: kept alive, and shut as the last resort.

The driver does not give them away. They are those that appeared while it connected; one of somebody else that
is hit by chance sees one reconnect.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

_FOLDER = Path("/proc/self/fd")


@dataclass(slots=True)
class Sockets:
    """Those of one connection, from when this is made. `ports`: the listener's, where they are known."""

    ports: Collection[int] = ()
    _before: frozenset[str] = field(default_factory=lambda: frozenset(_open().values()))
    _own: frozenset[str] = frozenset()

    def settle(self) -> None:
        """The connection stands: sockets that appear from now on are somebody else's."""
        self._own = frozenset(self._new().values())

    def shut(self) -> None:
        """A call that waits on one of them gets an error at once."""
        self._each(lambda ours: ours.shutdown(socket.SHUT_RDWR))

    def keep_alive(self, every_s: float) -> None:
        """Have the kernel show signs of life on an idle connection, and end one that misses three of them."""

        def set_up(ours: socket.socket) -> None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
                ours.setsockopt(socket.IPPROTO_TCP, option, max(1, round(every_s)))
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)

        self._each(set_up)

    def _new(self) -> dict[int, str]:
        found = {fd: name for fd, name in _open().items() if name not in self._before}
        known = {fd: name for fd, name in found.items() if _peer(fd) in self.ports}
        return known or found  # a listener may pass the connection on to another port

    def _each(self, do: Callable[[socket.socket], None]) -> None:
        ours = {fd for fd, name in _open().items() if name in self._own} if self._own else self._new().keys()
        for fd in ours:
            try:
                with socket.socket(fileno=os.dup(fd)) as one:
                    if one.family in (socket.AF_INET, socket.AF_INET6) and one.type == socket.SOCK_STREAM:
                        do(one)
            except OSError:
                continue


def _peer(fd: int) -> int:
    try:
        with socket.socket(fileno=os.dup(fd)) as one:
            return int(one.getpeername()[1]) if one.family in (socket.AF_INET, socket.AF_INET6) else 0
    except OSError:
        return 0


def _open() -> dict[int, str]:
    """This process's sockets: descriptor -> what the kernel calls it, once in its life."""
    found: dict[int, str] = {}
    for entry in _FOLDER.glob("*") if _FOLDER.is_dir() else ():
        try:
            name = str(entry.readlink())
        except OSError:
            continue
        if name.startswith("socket:"):
            found[int(entry.name)] = name
    return found

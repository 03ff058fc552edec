"""The peer: an application server and its gateway on an address of its own, for one simulated system."""

from __future__ import annotations

import itertools
import socket
from typing import Self

from bridge.testing.sap.conversation import Conversation
from bridge.testing.sap.gateway import Line
from bridge.testing.sap.listening import Listener
from bridge.testing.sap.logon import Identity, User
from bridge.testing.sap.switches import Switches
from bridge.testing.sap.system import System

GATEWAY = 3300


class SapPeer:
    """An ABAP system as a client sees it. `with SapPeer() as peer:` serves until the block ends.

    Each has an address of its own in 127/8, so that all can listen on the port of their system number.
    """

    user, password = "BRIDGE", "bridge-password"

    def __init__(self, system: System | None = None, *, ashost: str = "", sysnr: str = "00") -> None:
        self.system = system or System()
        self.ashost = ashost
        self.sysnr = sysnr
        self.switches = Switches()
        self.users = {self.user: User(self.password)}
        self.calls: list[str] = []
        """The functions called, what clients ask for themselves included."""
        self.logons: list[str] = []
        """Who tried to log on."""
        self.cuts = 0
        self._listener = Listener(self._serve)
        self._handles = itertools.count(10_000_001)

    @property
    def client(self) -> str:
        return self.system.client

    @property
    def identity(self) -> Identity:
        return Identity(self.system.sysid, self.sysnr, self.system.host, self.system.release)

    @property
    def port(self) -> int:
        """The gateway's."""
        return GATEWAY + int(self.sysnr)

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

    @property
    def connections(self) -> int:
        """Those open now."""
        return self._listener.connections

    def __enter__(self) -> Self:
        self.ashost = self._listener.open(self.port, self.ashost)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody, and stop listening."""
        self._listener.close()

    def cut(self) -> None:
        """Every connection there is ends now."""
        self.cuts += 1
        self._listener.cut()

    def _serve(self, connection: socket.socket) -> None:
        Conversation(self, Line(connection, self.switches), b"%d" % next(self._handles)).serve()

"""A message server: it names the application server of a logon group.

Frames, and answers as text: tests/golden/router/sapms_*.bin of the project saprfclib, captured from SAP GUI.
erpl-pyrfc asks otherwise, for a property of the group; how that is answered is published nowhere.
"""

from __future__ import annotations

import socket
from typing import Self

from bridge.testing.sap.gateway import Closed, Line
from bridge.testing.sap.listening import Listener
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.switches import Switches

PORT = 3600
_DISPATCHER = 3200
_HEADER = 110
_OPERATION = 67
_TO, _FROM, _NAME = 14, 68, 40
_REQUEST, _DETACH = 0x01, 0x04
_SELECTOR = _HEADER + 11
_GROUPS = 0x1F
_ANSWER = b"\x1e\x00\x01\x03"


class MessageServer:
    """`with MessageServer(peer) as server:` sends everybody of its groups to this peer."""

    def __init__(self, peer: SapPeer, *groups: str) -> None:
        self._peer = peer
        self.groups = groups or ("PUBLIC",)
        self.mshost = ""
        self.asked = 0
        """How often."""
        self._listener = Listener(self._serve)

    def __enter__(self) -> Self:
        self.mshost = self._listener.open(PORT)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        line = Line(connection, Switches())
        try:
            while (frame := line.read())[_OPERATION] != _DETACH:
                line.write(self._answer(frame))
        except (Closed, IndexError):
            return

    def _answer(self, frame: bytes) -> bytes:
        """The sender's name comes back as the addressee's."""
        header = bytearray(frame[:_HEADER])
        header[_TO : _TO + _NAME] = frame[_FROM : _FROM + _NAME]
        header[_FROM : _FROM + _NAME] = b"MSG_SERVER".ljust(_NAME)
        if frame[_OPERATION] != _REQUEST:
            return bytes(header)
        self.asked += 1
        lines = self._groups() if frame[_SELECTOR] == _GROUPS else [self._server()]
        return bytes(header) + _ANSWER + "\n".join(lines).encode() + b"\0"

    def _server(self) -> str:
        return f"ASNAME={self._peer.identity.instance}|{self._place()}|SAPSRV=DIA UPD BTC"

    def _groups(self) -> list[str]:
        return [f"GROUP={group}|{self._place()}" for group in self.groups]

    def _place(self) -> str:
        return f"HOSTNAME={self._peer.ashost}|PORT={_DISPATCHER + int(self._peer.sysnr)}"

"""A connection from the same process: calls as on a wire, but values for records, and nobody waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.gateway import Closed
from bridge.testing.sap.modules import Session
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.switches import Cut, Fault, Hang, Stage


class Hung(Exception):
    """The call has not been answered within any time that its caller would wait."""


class Direct:
    """Logged on as the peer's own user. Faults of the peer's switches come where they do on a wire."""

    def __init__(self, peer: SapPeer) -> None:
        self._peer = peer
        self._cuts = peer.cuts
        self._is_closed = False
        self._session = Session(peer.user, peer.client)
        peer.logons.append(peer.user)

    def call(self, function: str, sent: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises AbapException, ShortDump; Closed and Hung, after which it is closed."""
        if self._is_closed or self._cuts != self._peer.cuts:
            raise Closed
        self._peer.calls.append(function)
        fault = self._at(function, Stage.BEFORE)
        try:
            if isinstance(fault, AbapException | ShortDump):
                raise fault
            return self._peer.system.invoke(function, sent, self._session)
        finally:
            self._at(function, Stage.AFTER)
            self._at(function, Stage.INSIDE)

    def close(self) -> None:
        self._is_closed = True

    def _at(self, function: str, stage: Stage) -> Fault | None:
        fault = self._peer.switches.due(function, stage)
        if isinstance(fault, Cut | Hang):
            self.close()
            raise Hung if isinstance(fault, Hang) else Closed
        return fault

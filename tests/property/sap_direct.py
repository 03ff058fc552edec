"""A client that calls the simulated system in this process: what others do, without wire, codec and threads.

What of SAP's a caller sees is the same: functions, limits and errors, connections that end, calls that hang.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

from saprfclib import AbapApplicationError

from bridge.testing.sap import abap
from bridge.testing.sap.direct import Direct, Hung
from bridge.testing.sap.errors import AbapException, ShortDump
from bridge.testing.sap.gateway import Closed
from bridge.testing.sap.peer import SapPeer
from connectors.sap_rfc import clients, system
from connectors.sap_rfc.clients.client import Attributes, Function
from connectors.sap_rfc.line import CutError
from tests.integration.sap_invoked import described, trimmed

LIBRARY = "direct"


class Near:
    """Its errors are those of saprfclib."""

    name, version, licence = LIBRARY, "", ""

    def __init__(self, peer: SapPeer, interfaces: dict[int, tuple[abap.Function, Function]]) -> None:
        self._peer, self._interfaces = peer, interfaces
        self._connection = Direct(peer)

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        try:
            return trimmed(self._connection.call(function, parameters))
        except AbapException as error:
            raise AbapApplicationError(key=error.key, message=error.text) from None
        except ShortDump as error:
            raise AbapApplicationError(key=error.key, msg_type="X", message=error.text) from None
        except Closed:
            raise EOFError("the connection has ended") from None

    def describe(self, function: str) -> Function:
        found = self._peer.system.function(function)
        if found is None:
            raise AbapApplicationError(key="FU_NOT_FOUND", message=function)
        known = self._interfaces.setdefault(id(found), (found, described(found)))
        return known[1]

    def attributes(self) -> Attributes:
        peer = self._peer
        return Attributes(peer.system.sysid, peer.client, peer.user, peer.system.release, peer.system.host)

    def ping(self) -> None:
        self.call("RFCPING")

    def cancel(self) -> None:
        self._connection.close()

    def close(self) -> None:
        self._connection.close()


class Straight:
    """A line without a thread: what is begun runs when it is waited for."""

    broken = is_busy = False

    def begin(self, make: Callable[[], Any], *, late: Callable[[Any], object] | None = None) -> None:
        self._make = make

    def wait(self, seconds: float, cancel: Callable[[], object] | None = None) -> Any:
        try:
            return self._make()
        except Hung:
            self.broken = True
            raise CutError from None

    def cut(self) -> None:
        """Nobody waits for anything."""

    def end(self, last: Callable[[], object] | None, seconds: float) -> None:
        with suppress(Exception):
            if last:
                last()


@contextmanager
def near(peer: SapPeer) -> Iterator[None]:
    """Within it, whatever client is named, it is this one, of this peer."""
    interfaces: dict[int, tuple[abap.Function, Function]] = {}
    with (
        patch.object(clients, "connect", lambda *_: Near(peer, interfaces)),
        patch.object(system, "Line", Straight),
        patch.object(system, "_interfaces", {}),
    ):
        yield

"""The simulated system behind a connection of either client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.system import System as Simulated
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.system import System

LIBRARIES = ("saprfclib", "pyrfc")


class Wired:
    """`store`: what tests do to the system; `it`: how the connector sees it."""

    def __init__(self, peer: SapPeer, system: System) -> None:
        self._peer, self.it = peer, system

    @property
    def store(self) -> Simulated:
        return self._peer.system

    @property
    def calls(self) -> list[str]:
        """Of functions, those included that the client makes for itself."""
        return self._peer.calls


@contextmanager
def wired(library: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    with SapPeer() as peer:
        monkeypatch.setenv("SAP_PASSWORD", peer.password)
        config = {
            "ashost": peer.ashost,
            "sysnr": peer.sysnr,
            "client": peer.client,
            "user": peer.user,
            "password": "env:SAP_PASSWORD",
            "library": library,
            "streams": {"KNA1": {"mode": "table", "images": True}},
        }
        system = System(SapConfig.model_validate(config))
        try:
            yield Wired(peer, system)
        finally:
            system.close()

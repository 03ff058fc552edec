"""The simulated system called in this process, with what was asked of it, and by a clock of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bridge.testing.sap.system import System as Simulated
from connectors.sap_rfc.system import Moment
from tests.integration.sap_invoked import Invoked


class Inside(Invoked):
    """`ours`: this machine's clock, which a test may set."""

    def __init__(self, simulated: Simulated) -> None:
        super().__init__(simulated)
        self.store = simulated
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.ours: Callable[[], datetime] = lambda: datetime.now(UTC)

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        self.asked.append((function, parameters))
        return super().call(function, **parameters)

    def moment(self) -> Moment:
        told = super().moment()
        return replace(told, ahead_s=(told.utc - self.ours()).total_seconds())

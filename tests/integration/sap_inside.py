"""The simulated system called in this process, with what was asked of it, and by a clock of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.contract import Ask, Batch, Position
from bridge.testing.sap.abap import Table
from bridge.testing.sap.system import System as Simulated
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.modes.mode import Basis, Mode
from connectors.sap_rfc.modes.table import mode
from connectors.sap_rfc.streams import SapStream
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


class World:
    """The system, and a mode that reads one of its tables from poll to poll."""

    def __init__(self, *tables: Table, release: str = "750") -> None:
        self.store = Simulated(release=release)
        for table in tables:
            self.store.define(table)
        self.system = Inside(self.store)
        self.store.clock.set(datetime(2026, 3, 1, 12, tzinfo=UTC))
        self.store.clock.stop()
        self.system.ours = lambda: self.store.clock.now().astimezone(UTC)

    def mode(self, table: str, **options: Any) -> Mode:
        stream = SapStream.model_validate({"mode": "table", **options})
        return mode(Basis(table, stream, self.system.it, Dictionary(self.system), frozenset()))

    def poll(self, stream: Mode, position: Position = None, rows: int = 1000) -> Batch:
        return stream.poll(self.system, position, Ask(rows=rows))  # type: ignore[arg-type]

    def all(self, stream: Mode, position: Position = None, rows: int = 1000) -> tuple[list[Batch], Position]:
        """Polls until there is no more."""
        batches = [self.poll(stream, position, rows)]
        while batches[-1].more:
            batches.append(self.poll(stream, batches[-1].position, rows))
        return batches, batches[-1].position

    def now(self) -> dict[str, str]:
        shown = self.store.clock.now()
        return {"UPDAT": f"{shown:%Y%m%d}", "UPTIM": f"{shown:%H%M%S}"}

    def wait(self, seconds: float) -> None:
        self.store.clock.advance(timedelta(seconds=seconds))

    @contextmanager
    def before(self, change: Callable[[int], None]) -> Iterator[None]:
        """Before the n-th reading of a table, without those that only ask for places."""
        seen = 0

        def watch(function: str, parameters: Mapping[str, Any]) -> None:
            nonlocal seen
            if "READ_TABLE" in function and not parameters.get("NO_DATA"):
                seen += 1
                change(seen)

        self.store.before.append(watch)
        yield
        self.store.before.remove(watch)


def told(batches: list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for changes in batch.changes for row in changes.rows.to_pylist()]

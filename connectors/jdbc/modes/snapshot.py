"""Everything there is, before the changes: taken up again at any page."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.contract import Op, Position
from connectors.jdbc.keyset import Keyset, Read
from connectors.jdbc.modes.images import Pages, is_page
from connectors.jdbc.modes.mode import Database, Mode, is_object
from connectors.jdbc.modes.timestamp import Timestamp
from connectors.jdbc.statements import Quote, Source, Statement


class Snapshot(Mode):
    """The whole table by key, then `mode` from where the database was when the first page was asked for."""

    def __init__(self, mode: Timestamp, source: Source, key: Keyset, nullable: Sequence[str] = ()) -> None:
        super().__init__(source, mode.columns)
        self.emits, self.caveats = mode.emits, mode.caveats
        self.then = mode
        self._pages = Pages(source, key, nullable)

    def begin(self, position: Position | None, database: Database) -> Position:
        if position is None:
            return {"snapshot": {"after": None, "from": self.then.hand_over(database)}}
        if not _running(position):
            return self.then.begin(position, database)
        place = position["snapshot"]
        if not (isinstance(place, dict) and "from" in place and is_page(_page(place))):
            raise self.stranger("a snapshot")
        self.then.check(place["from"])
        if self._pages.knows(_page(place)):
            return position
        return {"snapshot": {"after": None, "from": place["from"]}}  # the key is another one now

    def statements(self, position: Position, quote: Quote, page: str) -> tuple[Statement, ...]:
        if _running(position):
            return self._pages.statements(position["snapshot"]["after"], quote, page)
        return self.then.statements(position, quote, page)

    def after(self, position: Position, read: Read, began_ms: int) -> Position:
        if not _running(position):
            return self.then.after(position, read, began_ms)
        place = position["snapshot"]
        return {"snapshot": {**self._pages.passed(_page(place), read), "from": place["from"]}}

    def ended(self, position: Position, began_ms: int) -> tuple[Position, bool]:
        if _running(position):
            return position["snapshot"]["from"], True
        return self.then.ended(position, began_ms)

    def op(self, position: Position) -> Op:
        return Op.READ if _running(position) else self.then.op(position)


def _running(position: Position) -> bool:
    return is_object(position, "snapshot")


def _page(place: Position) -> Position:
    return {name: value for name, value in place.items() if name != "from"}

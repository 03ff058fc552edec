"""The whole table, again and again: what changed between two passes is the engine's to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bridge.contract import Caveat, Emits, Position, Scan
from connectors.jdbc.keyset import Keyset, Read
from connectors.jdbc.modes.mode import Database, Mode, is_object
from connectors.jdbc.statements import Condition, Quote, Source, Statement, select

COMPLETE: Position = {"scan": "complete"}
BEGINNING: Position = {"scan": "begins"}
_FORM = "an images scan"


class _Pass(Mode):
    emits = Emits.IMAGES
    caveats = frozenset({Caveat.COLLAPSES})

    def ended(self, _position: Position, _began_ms: int) -> tuple[Position, bool]:
        return COMPLETE, False

    def mark(self, before: Position, after: Position) -> Scan:
        if before == BEGINNING:
            return Scan.ONLY if after == COMPLETE else Scan.FIRST
        return Scan.LAST if after == COMPLETE else Scan.MORE


class Images(_Pass):
    """By pages over a key."""

    def __init__(self, source: Source, key: Keyset, nullable: Sequence[str] = ()) -> None:
        """`nullable`: columns of the key that may be NULL; such rows have no key, and are left out."""
        super().__init__(source, key.names)
        self._pages = Pages(source, key, nullable)

    def begin(self, position: Position | None, _database: Database) -> Position:
        if position in (None, COMPLETE, BEGINNING):
            return BEGINNING
        if not is_page(position):
            raise self.stranger(_FORM)
        return position if self._pages.knows(position) else BEGINNING  # the key is another one now

    def statements(self, position: Position, quote: Quote, page: str) -> tuple[Statement, ...]:
        return self._pages.statements(position.get("after"), quote, page)

    def after(self, position: Position, read: Read, _began_ms: int) -> Position:
        return self._pages.passed(position if "after" in position else {}, read)


class Pages:
    """A table in the order of its key; the place in it is {"after": {column: value of the last key}}.

    After rows whose very keys cannot be read it is that of the last one that can; "skipped" counts.
    """

    def __init__(self, source: Source, key: Keyset, nullable: Sequence[str] = ()) -> None:
        self._source, self._key, self._nullable = source, key, nullable

    def knows(self, place: Position) -> bool:
        """Is it one in this key? The table may have another one by now."""
        after = place["after"]
        try:
            return after is None or bool(self._key.after(after, Quote('"')))
        except (ValueError, TypeError):
            return False

    def statements(
        self, after: Position, quote: Quote, page: str, more: Sequence[Condition] = ()
    ) -> tuple[Statement, ...]:
        """`more`: what else the rows fulfil."""
        whole = [*more, *(Condition(f"{quote.name(name)} IS NOT NULL") for name in self._nullable)]
        parts = self._key.after(after, quote) if after else [[]]
        return tuple(
            select(self._source, quote, [*conditions, *whole], self._key.order(quote), page)
            for conditions in parts
        )

    def passed(self, place: Position, read: Read) -> Position:
        if not len(read):
            return place or {"after": None}
        last = self._key.last(read)
        if last is None:
            return {"after": place.get("after"), "skipped": place.get("skipped", 0) + len(read)}
        return {"after": dict(last)}


def is_page(place: Position) -> bool:
    """Has it the form of a place in pages, by whatever key?"""
    if not (is_object(place, "after") or is_object(place, "after", "skipped")):
        return False
    return place["after"] is None or isinstance(place["after"], dict)


class Unkeyed(_Pass):
    """In any order, with one cursor; when that is lost, the pass begins anew."""

    own_session: ClassVar[bool] = True

    def __init__(self, source: Source) -> None:
        super().__init__(source, ())

    def begin(self, position: Position | None, _database: Database) -> Position:
        if position not in (None, COMPLETE, BEGINNING) and not is_object(position, "pass", "rows"):
            raise self.stranger(_FORM)
        return BEGINNING

    def statements(self, _position: Position, quote: Quote, _page: str) -> tuple[Statement, ...]:
        return (select(self.source, quote, (), (), ""),)

    def after(self, position: Position, read: Read, began_ms: int) -> Position:
        return {"pass": began_ms, "rows": position.get("rows", 0) + len(read)}

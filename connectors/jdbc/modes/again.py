"""Everything there is, once more, beside the changes: by pages over the key, whatever the mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.contract import Op, Position, Ranges
from bridge.errors import PermanentError
from connectors.jdbc.keyset import Keyset, Read
from connectors.jdbc.modes.images import Pages, is_page
from connectors.jdbc.modes.mode import Database, Mode
from connectors.jdbc.statements import Condition, Quote, Source, Statement
from connectors.jdbc.values import bound


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: the rows `within`, where changes have been read up to `position`."""

    within: Ranges
    position: Position | None


class Again(Mode):
    """Its position is that in the pages, and `until`: how far `changes` were read when it began."""

    def __init__(
        self, source: Source, key: Keyset, nullable: Sequence[str], changes: Mode, wanted: Wanted
    ) -> None:
        """Errors: PermanentError for a range that is none of the key's."""
        super().__init__(source, key.names)
        self._key, self._changes, self._wanted = key, changes, wanted
        self._pages = Pages(source, key, nullable)
        self._ranges(Quote(""))

    def begin(self, position: Position | None, _database: Database) -> Position:
        if position is None:
            return {"after": None, "until": self._changes.reached(self._wanted.position)}
        fits = isinstance(position, dict) and "until" in position and is_page(_page(position))
        if not (fits and self._pages.knows(_page(position))):
            raise PermanentError(
                f"the place of the resnapshot is not one in the key of {self.source}, {self._named}",
                remedy="if the table has another key now, cancel the resnapshot and begin another",
            )
        try:
            self._changes.up_to(position["until"], Quote(""))
        except PermanentError:
            raise PermanentError(
                f"when the resnapshot of {self.source} began, changes were read by another column",
                remedy="cancel the resnapshot and begin another",
            ) from None
        return position

    def statements(self, position: Position, quote: Quote, page: str) -> tuple[Statement, ...]:
        conditions = [*self._ranges(quote), *self._changes.up_to(position["until"], quote)]
        return self._pages.statements(position["after"], quote, page, conditions)

    def after(self, position: Position, read: Read, _began_ms: int) -> Position:
        return {**self._pages.passed(_page(position), read), "until": position["until"]}

    def ended(self, position: Position, _began_ms: int) -> tuple[Position, bool]:
        return position, False

    def op(self, _position: Position) -> Op:
        return Op.READ

    @property
    def _named(self) -> str:
        return ", ".join(self._key.names)

    def _ranges(self, quote: Quote) -> list[Condition]:
        """In the order in which the rows are read, so that an index finds them."""
        names = dict(zip(self._key.names, self._key.order(quote), strict=True))
        columns = {column.name: column for column in self._key.columns}
        found = []
        try:
            for name, ends in self._wanted.within.items():
                for end, sign in zip(ends, (">=", "<="), strict=True):
                    if end is not None:
                        one = columns[name]
                        found.append(Condition(f"{names[name]} {sign} {one.value}", (bound(one, end),)))
        except (KeyError, ValueError, ArithmeticError):
            raise PermanentError(
                f"a range of {self.source} is none of its key", remedy="cancel the resnapshot, give another"
            ) from None
        return found


def _page(position: dict[str, Any]) -> Position:
    return {name: value for name, value in position.items() if name != "until"}

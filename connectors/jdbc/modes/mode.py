"""What every way to read a table has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from bridge.contract import Caveat, Emits, Op, Position, Scan
from bridge.errors import ANOTHER_MODE, PermanentError
from connectors.jdbc.clock import Moment
from connectors.jdbc.keyset import Read
from connectors.jdbc.statements import Condition, Quote, Source, Statement


class Database(Protocol):
    """What a mode asks of the database before it reads."""

    def moment(self) -> Moment: ...

    def largest(self, source: Source, column: str) -> str | None: ...


class Mode(ABC):
    """One table, read in one way. It has no state: all of that is in the position."""

    emits: Emits
    caveats: frozenset[Caveat]
    own_session: ClassVar[bool] = False
    """A pass cannot be taken up again elsewhere: its cursor stays open beside those of others."""

    def __init__(self, source: Source, columns: tuple[str, ...]) -> None:
        self.source = source
        self.columns = columns
        """By which it reads, in this order."""

    @abstractmethod
    def begin(self, position: Position | None, database: Database) -> Position:
        """The position at which a cursor for `position` begins. Errors: PermanentError when it is none."""

    @abstractmethod
    def statements(self, position: Position, quote: Quote, page: str) -> tuple[Statement, ...]:
        """What brings the rows after `position`, one after the other; `page` ends each."""

    @abstractmethod
    def after(self, position: Position, read: Read, began_ms: int) -> Position:
        """The position after `read`, which came after `position`, of a cursor opened at `began_ms`."""

    @abstractmethod
    def ended(self, position: Position, began_ms: int) -> tuple[Position, bool]:
        """The position after the last row of the last statement, and whether to ask on at once."""

    def asks_the_same(self, _position: Position) -> bool:
        """While there is nothing after `position`, each poll from there asks one thing, whatever the time."""
        return False

    def op(self, _position: Position) -> Op:
        """What happened to the rows after `position`."""
        return Op.CREATE

    def reached(self, _position: Position | None) -> Position:
        """How far the rows at `position` have been read, where rows after it are yet to come as new."""
        return None

    def up_to(self, _reached: Position, _quote: Quote) -> Sequence[Condition]:
        """What rows fulfil that have been read."""
        return ()

    def mark(self, _before: Position, _after: Position) -> Scan | None:
        """Where the rows between two positions stand in a complete pass, if it is one."""
        return None

    def stranger(self, form: str) -> PermanentError:
        """For a position that this mode has not written."""
        return PermanentError(
            f"the position of {self.source} is not one of {form}",
            remedy=ANOTHER_MODE,
        )


def is_object(position: Any, *keys: str) -> bool:
    """Is it a JSON object with these keys and no others?"""
    return isinstance(position, dict) and position.keys() == set(keys)

"""The ways to read a table: one class each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pyarrow as pa

from bridge.contract import Caveat, Emits, Op, Position
from bridge.errors import ConfigError, PermanentError
from connectors.jdbc.config import JdbcStream
from connectors.jdbc.gaps import Gap, highest, passed_over, without
from connectors.jdbc.statements import Quote, Statement, TableName, select
from connectors.jdbc.types import Column


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table stands: the last number, what was passed over below it, and whose turn it is."""

    last: int | Decimal | None = None
    gaps: tuple[Gap, ...] = ()
    asked: bool = False
    """The gaps were asked for just now; the next statement is for what is new."""

    @property
    def awaits(self) -> bool:
        """The next statement is for what was passed over."""
        return bool(self.gaps) and not self.asked


def check_position(options: JdbcStream | None, position: Position) -> None:
    """What can be known of a position without the table. Errors: ConfigError."""
    column = options.columns[0] if options and options.columns else None
    try:
        _parsed(position, column, Decimal)
    except (ValueError, ArithmeticError, TypeError):
        raise ConfigError(
            "it is not the last value of the column that grows",
            remedy=f'write {{"{column or "COLUMN"}": NUMBER}}',
        ) from None


def _parsed(position: Position, column: str | None, number: type[int | Decimal]) -> Place:
    """`{column: last}`, or `{"after": {column: last}, "gaps": [...]}`. Errors: ValueError and its like."""
    match position:
        case {"after": {**after}, "gaps": [*gaps], **rest} if rest.keys() <= {"asked"}:
            known = tuple(
                Gap(first if first is None else int(first), int(last), int(since))
                for first, last, since in gaps
            )
            return replace(_parsed(after, column, number), gaps=known, asked=bool(rest))
        case {**value} if len(value) == 1 and column in (None, *value):
            (last,) = value.values()
            if last is not None and not Decimal(str(last)).is_finite():
                raise ValueError(last)
            return Place(None if last is None else number(str(last)))
    raise ValueError(position)


class Incrementing:
    """Rows that are only added, in the order of one number."""

    emits = Emits.CHANGES
    op = Op.CREATE
    # A transaction may take longer than the late window, or pass over more gaps than are remembered.
    caveats = frozenset({Caveat.NO_DELETES, Caveat.MAY_MISS})

    def __init__(
        self, table: TableName, column: str, columns: Sequence[Column], late_window_s: float
    ) -> None:
        self.table = table
        self.columns = (column,)
        self._number = self._usable(table, column, columns)
        self._text = any(one.name == column and pa.types.is_string(one.type) for one in columns)
        self._whole = any(one.name == column and _is_whole(one) for one in columns)
        self._late_ms = round(late_window_s * 1000)

    @staticmethod
    def _usable(table: TableName, name: str, columns: Sequence[Column]) -> type[int | Decimal]:
        column = next((column for column in columns if column.name == name), None)
        if column is None:
            known = ", ".join(column.name for column in columns)
            raise PermanentError(f"table {table} has no column {name}", remedy=f"it has {known}")
        if pa.types.is_integer(column.type):
            return int
        if pa.types.is_decimal(column.type) or column.kind == "number":
            return Decimal
        raise PermanentError(
            f"column {name} of {table} is no number",
            remedy="incrementing mode needs an integer or decimal column",
        )

    def statement(self, position: Position | None, quote: Quote, page: str) -> Statement:
        """What was passed over, or else what is new."""
        name, place = quote.name(self.columns[0]), self.place(position)
        values: tuple[int | Decimal, ...]
        if place.awaits:
            where, values = _within(name, place.gaps)
        elif place.last is None:
            where, values = f"{name} IS NOT NULL", ()
        else:
            where, values = f"{name} > ?", (place.last,)
        return select(self.table, quote, where, values, self.columns, page)

    def number(self, text: str | None) -> int | Decimal | str:
        """A value of the column as Arrow has it, from the driver's text."""
        return str(text) if self._text else self._number(str(text))

    def place(self, position: Position | None) -> Place:
        """Errors: PermanentError."""
        try:
            return Place() if position is None else _parsed(position, self.columns[0], self._number)
        except (ValueError, ArithmeticError, TypeError):
            raise PermanentError(
                f"the position of {self.table} is not one of column {self.columns[0]}",
                remedy="set a position with `positions set`, or configure the former column",
            ) from None

    def start(self) -> Position:
        """The position of a table in which no row was seen yet."""
        return self._position(Place())

    def after(self, position: Position, numbers: pa.Array, now_ms: int) -> Position:
        """The position after rows with these values of the column, in their order."""
        if not len(numbers):
            return position
        place = self.place(position)
        if place.awaits:
            found = map(int, numbers.to_pylist())
            return self._position(replace(place, gaps=tuple(without(place.gaps, found))))
        gaps = place.gaps
        if self._whole and self._late_ms:
            last = None if place.last is None else int(place.last)
            gaps = highest((*gaps, *passed_over(last, numbers, now_ms)))
        return self._position(Place(self._number(numbers[-1].as_py()), gaps, asked=bool(gaps)))

    def ended(self, position: Position, asked_ms: int) -> tuple[Position, bool]:
        """The position after the last row of a statement, and whether the next one is due at once."""
        place = self.place(position)
        if not place.awaits:
            return self._position(replace(place, asked=False)), False
        kept = tuple(gap for gap in place.gaps if asked_ms - gap.since < self._late_ms)
        return self._position(replace(place, gaps=kept, asked=bool(kept))), True

    def _position(self, place: Place) -> Position:
        """A JSON number is exact to 64 bits only, so decimals are text."""
        last = place.last
        after = {self.columns[0]: format(last, "f") if isinstance(last, Decimal) else last}
        if not place.gaps:
            return after
        asked = {"asked": True} if place.asked else {}
        return {"after": after, "gaps": [list(gap) for gap in place.gaps], **asked}


def _is_whole(column: Column) -> bool:
    kind = column.type
    return bool(pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0))


def _within(name: str, gaps: Sequence[Gap]) -> tuple[str, tuple[int | Decimal, ...]]:
    """The hull comes first: every database finds that by the index, whatever it makes of the rest."""
    ranges = " OR ".join(f"{name} <= ?" if gap.first is None else f"{name} BETWEEN ? AND ?" for gap in gaps)
    values = [number for gap in gaps for number in (gap.first, gap.last) if number is not None]
    low, high = gaps[0].first, gaps[-1].last
    if low is None:
        return f"{name} <= ? AND ({ranges})", (high, *values)
    return f"{name} BETWEEN ? AND ? AND ({ranges})", (low, high, *values)

"""Rows that are only added, in the order of one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import pyarrow as pa

from bridge.contract import Caveat, Emits, Op, Position
from bridge.errors import PermanentError
from connectors.jdbc.gaps import Gap, passed_over, remembered, without
from connectors.jdbc.keyset import Read
from connectors.jdbc.modes.mode import Database, Mode
from connectors.jdbc.statements import Condition, Quote, Source, Statement, select
from connectors.jdbc.types import Column

WHOLE, LARGEST = pa.decimal256(76, 0), 10**76
PLAIN_DIGITS = 1_000


class Snapshot(Enum):
    """What is there when reading begins."""

    NONE = "is no more than what is added later"
    FIRST = "is read first"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table stands: the last number, what was passed over below it, and whose turn it is."""

    last: int | Decimal | None = None
    gaps: tuple[Gap, ...] = ()
    asked: bool = False
    """The gaps were asked for just now; the next statement is for what is new."""
    snapshot: int | Decimal | None = None
    """Rows up to this number were there when reading began."""

    @property
    def awaits(self) -> bool:
        """The next statement is for what was passed over."""
        return bool(self.gaps) and not self.asked


class Numbers(NamedTuple):
    """Those that rows have."""

    last: int | Decimal
    whole: pa.Array
    only_whole: bool
    """There are no others."""


def parsed(position: Position, column: str | None, number: type[int | Decimal]) -> Place:
    """`{column: last}`, or `{"after": {column: last}, ...}`. Errors: ValueError and its like."""
    match position:
        case {"after": {**after}, **rest} if rest.keys() <= {"gaps", "asked", "snapshot"}:
            gaps: Any = rest.get("gaps", ())
            known = tuple(
                Gap(first if first is None else int(first), int(last), int(since))
                for first, last, since in gaps
            )
            until = _finite(rest["snapshot"], number) if "snapshot" in rest else None
            return Place(_last(after, column, number), known, asked="asked" in rest, snapshot=until)
    return Place(_last(position, column, number))


def _last(after: Any, column: str | None, number: type[int | Decimal]) -> int | Decimal | None:
    match after:
        case {**value} if len(value) == 1 and column in (None, *value):
            (last,) = value.values()
            return None if last is None else _finite(last, number)
    raise ValueError(after)


def _finite(value: object, number: type[int | Decimal]) -> int | Decimal:
    if not Decimal(str(value)).is_finite():
        raise ValueError(value)
    return number(str(value))


class Incrementing(Mode):
    """Rows that are only added, in the order of one number; what is there already comes first, on demand."""

    emits = Emits.CHANGES
    # A transaction may take longer than the late window, or pass over more gaps than are remembered.
    caveats = frozenset({Caveat.NO_DELETES, Caveat.MAY_MISS})

    def __init__(
        self,
        source: Source,
        column: str,
        columns: Sequence[Column],
        late_window_s: float,
        snapshot: Snapshot = Snapshot.NONE,
    ) -> None:
        super().__init__(source, (column,))
        self._snapshot = snapshot
        self._number = self._usable(source, column, columns)
        self._text = any(one.name == column and pa.types.is_string(one.type) for one in columns)
        self._late_ms = round(late_window_s * 1000)

    @staticmethod
    def _usable(source: Source, name: str, columns: Sequence[Column]) -> type[int | Decimal]:
        column = next((column for column in columns if column.name == name), None)
        if column is None:
            known = ", ".join(column.name for column in columns)
            raise PermanentError(f"table {source} has no column {name}", remedy=f"it has {known}")
        if pa.types.is_integer(column.type):
            return int
        if pa.types.is_decimal(column.type) or column.kind == "number":
            return Decimal
        raise PermanentError(
            f"column {name} of {source} is no number",
            remedy="incrementing mode needs an integer or decimal column",
        )

    def begin(self, position: Position | None, database: Database) -> Position:
        if position is not None:
            self.place(position)
            return position
        if self._snapshot is Snapshot.FIRST:
            largest = database.largest(self.source, self.columns[0])
            return self._position(Place(snapshot=None if largest is None else self._told([largest]).last))
        return self._position(Place())

    def statements(self, position: Position, quote: Quote, page: str) -> tuple[Statement, ...]:
        """What was passed over, or else what is new."""
        name, place = quote.name(self.columns[0]), self.place(position)
        if place.awaits:
            conditions = [_within(name, place.gaps)]
        elif place.last is None:
            conditions = [Condition(f"{name} IS NOT NULL")]
        else:
            conditions = [Condition(f"{name} > ?", (place.last,))]
        if place.snapshot is not None and not place.awaits:
            conditions.append(Condition(f"{name} <= ?", (place.snapshot,)))
        return (select(self.source, quote, conditions, [name], page),)

    def asks_the_same(self, position: Position) -> bool:
        place = self.place(position)
        return not place.gaps and place.snapshot is None

    def op(self, position: Position) -> Op:
        place = self.place(position)
        return Op.READ if place.snapshot is not None and not place.awaits else Op.CREATE

    def reached(self, position: Position | None) -> Position:
        return {self.columns[0]: _json(self.place(position).last)}

    def up_to(self, reached: Position, quote: Quote) -> Sequence[Condition]:
        if reached is None:
            raise self.stranger(f"column {self.columns[0]}")
        last = self.place(reached).last
        if last is None:
            return (Condition("1 = 0"),)
        return (Condition(f"{quote.name(self.columns[0])} <= ?", (last,)),)

    def place(self, position: Position | None) -> Place:
        """Errors: PermanentError."""
        try:
            return Place() if position is None else parsed(position, self.columns[0], self._number)
        except (ValueError, ArithmeticError, TypeError):
            raise self.stranger(f"column {self.columns[0]}") from None

    def after(self, position: Position, read: Read, began_ms: int) -> Position:
        if not len(read):
            return position
        numbers, place = self._numbers(read), self.place(position)
        if place.awaits:
            found = map(int, numbers.whole.to_pylist())
            return self._position(replace(place, gaps=remembered(tuple(without(place.gaps, found)))))
        gaps = place.gaps
        if self._late_ms and numbers.only_whole and (place.last is None or _is_whole(place.last)):
            before = None if place.last is None else int(place.last)
            gaps = remembered((*gaps, *passed_over(before, numbers.whole, began_ms)))
        return self._position(replace(place, last=numbers.last, gaps=gaps, asked=bool(gaps)))

    def _numbers(self, read: Read) -> Numbers:
        """Of all rows in their order, those that cannot be read among them. Errors: PermanentError."""
        column = read.rows.column(self.columns[0])
        if read.refused or self._text:
            texts = [str(number) for number in column.to_pylist()]
            for one in reversed(read.refused):
                texts.insert(one.after, str(one.keys[self.columns[0]]))
            return self._told(texts)
        kind = column.type
        only_whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
        return Numbers(column[-1].as_py(), column, only_whole=only_whole)

    def _told(self, texts: Sequence[str]) -> Numbers:
        """A NaN, or an infinity, is none of them: databases sort it last, and after it nothing comes."""
        numbers: list[int | Decimal] = [self._number(text) for text in texts if Decimal(text).is_finite()]
        if not numbers:
            raise PermanentError(
                f"column {self.columns[0]} of {self.source} has a NaN or infinity, after which nothing comes",
                remedy="correct or delete those rows; then `resume`",
            )
        whole = [number for number in numbers if _is_whole(number)]
        return Numbers(numbers[-1], pa.array(map(int, whole), WHOLE), only_whole=len(whole) == len(numbers))

    def ended(self, position: Position, began_ms: int) -> tuple[Position, bool]:
        place = self.place(position)
        if place.awaits:
            kept = tuple(gap for gap in place.gaps if began_ms - gap.since < self._late_ms)
            return self._position(replace(place, gaps=kept, asked=bool(kept))), True
        rest = replace(place, asked=False, snapshot=None)
        return self._position(rest), place.snapshot is not None

    def _position(self, place: Place) -> Position:
        """A JSON number is exact to 64 bits only, so decimals are text."""
        after = {self.columns[0]: _json(place.last)}
        if not place.gaps and place.snapshot is None:
            return after
        asked = {"asked": True} if place.asked else {}
        snapshot = {} if place.snapshot is None else {"snapshot": _json(place.snapshot)}
        return {"after": after, "gaps": [list(gap) for gap in place.gaps], **asked, **snapshot}


def _is_whole(number: int | Decimal) -> bool:
    """And of a size that is reckoned with."""
    return -LARGEST < number < LARGEST and number == int(number)


def _json(number: int | Decimal | None) -> int | str | None:
    """`1E+900000000` stays what it is."""
    if not isinstance(number, Decimal):
        return number
    return format(number, "f") if abs(number.adjusted()) < PLAIN_DIGITS else str(number)


def _within(name: str, gaps: Sequence[Gap]) -> Condition:
    """The hull comes first: every database finds that by the index, whatever it makes of the rest."""
    ranges = " OR ".join(f"{name} <= ?" if gap.first is None else f"{name} BETWEEN ? AND ?" for gap in gaps)
    values = [number for gap in gaps for number in (gap.first, gap.last) if number is not None]
    low, high = gaps[0].first, gaps[-1].last
    if low is None:
        return Condition(f"{name} <= ? AND ({ranges})", (high, *values))
    return Condition(f"{name} BETWEEN ? AND ? AND ({ranges})", (low, high, *values))

"""Rows that say when they were changed: by a column with the time, or by ORA_ROWSCN.

By time, each pass reads from `late_window` before the latest time that was read up to what the database's
clock shows when the pass begins. What either mode reads again is unchanged, and the engine drops it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from bridge.contract import Ask, Batch, Caveat, Emits, Op, Position, Ranges, Table
from bridge.errors import PermanentError
from connectors import clock
from connectors.oracle import statements
from connectors.oracle.catalog import Kind, Relation
from connectors.oracle.config import OracleStream
from connectors.oracle.keyset import bound, kind
from connectors.oracle.modes.flow import Flow, Rows
from connectors.oracle.modes.mode import Beginning, Mode
from connectors.oracle.modes.pages import Open, Pages, ended, filled, keyset, page, table_of, told
from connectors.oracle.rows import Lead, Reading
from connectors.oracle.session import Moment, Session
from connectors.oracle.statements import Condition, Conditions


class _Watermark(Mode):
    """What both have in common: rows as they are now, of a table with a key."""

    emits = Emits.IMAGES

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        if not self.key:
            raise PermanentError(
                f"table {relation.name} has neither a primary key nor a unique index over columns that are"
                " NOT NULL",
                remedy="name the columns that tell its rows apart under `key`, or use images mode",
            )
        self._open = Open()
        self._pages = Pages(relation, keyset(relation, self.key))

    def tables(self) -> tuple[Table, ...]:
        return (table_of(self.relation, self.key),)

    def reread(
        self,
        session: Session,
        position: Position | None,  # noqa: ARG002 -- changes that are yet to come are dropped as known
        place: Position | None,
        within: Ranges,
        ask: Ask,
    ) -> Batch:
        return self._pages.reread(session, place, within, ask)

    def release(self) -> None:
        self._open.close()
        self._pages.release()

    def _opened(
        self,
        session: Session,
        conditions: Conditions,
        order: Sequence[str],
        ask: Ask,
        leads: Sequence[Lead] = (),
    ) -> Flow:
        reading = Reading(self.relation.columns, leads)
        whole = [*conditions, *filled(self.relation, self.key)]
        statement = statements.rows(self.relation.name, reading.items, whole, order)
        return Flow(session, statement, reading, ask)


@dataclass(frozen=True, slots=True)
class Reached:
    """`high`: all rows up to there were read but for late ones; None: none. The rest: the pass that runs."""

    by: str
    """The column whose times these are."""
    high: str | None
    ahead: int | None = None
    """Seconds that the clock on the writers' wall was ahead of UTC by then, where times have no zone."""
    until: str | None = None
    safe: str | None = None
    """Never after `until`: rows that change from now on, or whose transaction is open, are not older."""
    after: tuple[Any, ...] | None = None
    skipped: int = 0

    @classmethod
    def parsed(cls, position: Any, column: str) -> Reached:
        """Errors: ValueError when they are none, or another column's."""
        match position:
            case {"mode": "timestamp", "by": str(by), "high": str() | None as high, **rest} if (
                by == column and rest.keys() <= {"ahead"}
            ):
                return cls(by, high, _seconds(rest.get("ahead")))
            case {
                "mode": "timestamp", "by": str(by), "high": str() | None as high,
                "until": str(until), "safe": str(safe), **rest
            } if by == column and rest.keys() <= {"ahead", "after", "skipped"}:  # fmt: skip
                after: Any = rest.get("after")
                if isinstance(after, list | None):
                    skipped, ahead = int(str(rest.get("skipped", 0))), _seconds(rest.get("ahead"))
                    return cls(by, high, ahead, until, safe, tuple(after) if after else None, skipped)
        raise ValueError(position)

    @property
    def position(self) -> Position:
        place: dict[str, Any] = {"mode": "timestamp", "by": self.by, "high": self.high}
        if self.ahead is not None:
            place["ahead"] = self.ahead
        if self.until is not None:
            place |= {"until": self.until, "safe": self.safe}
        if self.after:
            place["after"] = list(self.after)
        return {**place, "skipped": self.skipped} if self.skipped else place


def _seconds(told: Any) -> int | None:
    """Errors: ValueError."""
    if told is not None and (isinstance(told, bool) or not isinstance(told, int)):
        raise ValueError(told)
    return told


class Timestamp(_Watermark):
    """By the time of the change, and among equal times by what follows it in the order."""

    # A transaction may take longer than the late window; rows without a time are never looked at.
    caveats = frozenset({Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES})

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        self._name, *others = options.columns
        nullable = {column.name for column in relation.columns if column.nullable}
        sure = (name for name in others if name not in nullable)  # the key does without the others
        self._order = keyset(relation, tuple(dict.fromkeys((self._name, *sure, *self.key))))
        self._time = self._order.columns[0]
        self._zone, self._late = options.zone, round(options.late_window * clock.SECOND)
        self._kind = kind(self._time)
        if self._kind not in ("DATE", "TIMESTAMP", "ZONED"):
            raise PermanentError(
                f"column {self._name} of {relation.name} holds no time, but {self._time.declared}",
                remedy="name a DATE or TIMESTAMP column; rowscn and flashback mode need none",
            )

    def start(self, beginning: Beginning) -> Position:
        moment = beginning.moment
        high = self._text(self._walls(moment)[1])
        return Reached(self._name, high, self._ahead(moment)).position

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        place = self._begun(self._place(position), session)
        with self._open.at(place.position, lambda: self._since(session, place, ask)) as flow:
            rows = page(flow, ask)
            changes, rejects = told(self.tables()[0], rows, Op.CREATE)
            done, place = ended(flow), self._passed(place, rows)
            after = self._ended(place) if done else place.position
            self._open.keep(flow, after)
        return Batch(after, changes, rejects, more=not done)

    def _since(self, session: Session, place: Reached, ask: Ask) -> Flow:
        return self._opened(session, self._conditions(place), self._order.order, ask)

    def _passed(self, place: Reached, rows: Rows) -> Reached:
        last = self._order.last(rows.batch)
        if last is not None:
            return replace(place, after=tuple(last), skipped=0)
        return replace(place, skipped=place.skipped + rows.batch.num_rows)

    def _begun(self, place: Reached, session: Session) -> Reached:
        if place.until is not None:
            return place
        moment = session.moment()
        until, safe = self._walls(moment)
        place = self._shown_again(place, self._ahead(moment))
        return replace(place, until=self._text(until), safe=self._text(safe))

    def _ahead(self, moment: Moment) -> int | None:
        if self._kind == "ZONED":
            return None
        return (self._walls(moment)[0] - moment.now) // clock.SECOND

    def _shown_again(self, place: Reached, ahead: int | None) -> Reached:
        """A clock that was put back since shows times again that it had shown when those rows were read."""
        if place.high is None or place.ahead is None or ahead is None or ahead >= place.ahead:
            return replace(place, ahead=ahead)
        again = clock.nanoseconds(place.high) - (place.ahead - ahead) * clock.SECOND
        return replace(place, high=self._text(again), ahead=ahead)

    def _walls(self, moment: Moment) -> tuple[int, int]:
        """The clock as writers of the column see it, and what is safe by it, were it put back since, too."""
        safe = moment.now if moment.oldest is None else min(moment.now, moment.oldest)
        if self._kind == "ZONED":
            return moment.now, safe
        if self._zone:
            now = clock.wall(self._zone, moment.now)
            return now, min(clock.wall(self._zone, safe), safe + now - moment.now)
        ahead = moment.offset_s * clock.SECOND
        return moment.now + ahead, safe + ahead

    def _conditions(self, place: Reached) -> list[Condition]:
        conditions = [self._bound("<=", "until", str(place.until)), statements.there(self._name)]
        if place.after:
            conditions.append(self._order.after(place.after))
        elif place.high is not None:
            conditions.append(self._bound(">=", "since", self._low(place)))
        return conditions

    def _bound(self, sign: str, bind: str, time: str) -> Condition:
        value = self._order.value(self._name, bind)
        return f"{self._order.order[0]} {sign} {value}", {bind: bound(self._time, time)}

    def _low(self, place: Reached) -> str:
        """Whole seconds, for a column may hold no more. A clock that was set back counts as it is."""
        low = min(clock.nanoseconds(str(place.high)), clock.nanoseconds(str(place.safe)))
        return self._text(self._earlier(low) // clock.SECOND * clock.SECOND)

    def _earlier(self, time: int) -> int:
        """By the late window: in spring that is an hour more by the clock on the wall, in autumn no less."""
        if self._zone and self._kind != "ZONED":
            with suppress(OverflowError, ValueError):  # at the ends of the calendar
                early = clock.wall(self._zone, clock.instant(self._zone, time) - self._late)
                return min(early, time - self._late)
        return time - self._late

    def _text(self, time: int) -> str:
        return clock.iso(time) + ("Z" if self._kind == "ZONED" else "")

    def _ended(self, place: Reached) -> Position:
        """`high` is the latest time read, or, when that is older than the late window, the clock itself."""
        rest = replace(place, until=None, safe=None, after=None, skipped=0)
        if not place.after:
            return rest.position
        last, safe = clock.nanoseconds(place.after[0]), clock.nanoseconds(str(place.safe))
        reached = self._text(safe if safe - last >= self._late else min(last, safe))
        if place.high is not None and clock.nanoseconds(reached) <= clock.nanoseconds(place.high):
            return rest.position
        return replace(rest, high=reached).position

    def check(self, position: Position) -> None:
        self._place(position)

    def _place(self, position: Position | None) -> Reached:
        """Errors: PermanentError."""
        if position is None:
            return Reached(self._name, None)
        try:
            place = Reached.parsed(position, self._name)
            for time in (place.high, place.until, place.safe):
                if time is not None:
                    bound(self._time, time)
        except (ValueError, TypeError):
            raise self.stranger(f"timestamp mode with column {self._name}") from None
        return place if self._is_ours(place.after) else replace(place, after=None, skipped=0)

    def _is_ours(self, after: tuple[Any, ...] | None) -> bool:
        """Is it a place in this order? The columns that follow in it may be others by now."""
        try:
            return after is None or bool(self._order.after(after))
        except (ValueError, TypeError):
            return False


class RowScn(_Watermark):
    """By the SCN of the last change of a row, or of its neighbours in the block: never less than its own.

    A change that is committed later than a query began has a greater one than all that the query saw.
    """

    # An exchanged partition, or a tablespace from elsewhere, brings rows with the SCNs that they had there.
    caveats = frozenset({Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES})
    _LEADS = (
        Lead("?scn", "t.ORA_ROWSCN", pa.int64()),
        Lead("?rowid", "ROWIDTOCHAR(t.ROWID)", pa.string()),
    )

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        if relation.kind in (Kind.VIEW, Kind.EXTERNAL):
            raise PermanentError(
                f"{relation.name} is a {relation.kind.value}, whose rows have no ORA_ROWSCN",
                remedy="use images or timestamp mode",
            )
        if relation.kind is Kind.IOT:
            raise PermanentError(
                f"{relation.name} is an {relation.kind.value}, whose rows have no ROWIDs to go on after",
                remedy="use images or timestamp mode",
            )

    def start(self, beginning: Beginning) -> Position:
        return {"mode": "rowscn", "scn": beginning.scn, "rowid": None}

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        after: Position = None if position is None else self._checked(position)
        with self._open.at(after, lambda: self._since(session, after, ask)) as flow:
            rows = page(flow, ask)
            changes, rejects = told(self.tables()[0], rows, Op.CREATE)
            if rows.batch.num_rows:
                scn, rowid = (rows.batch.column(lead.name)[-1].as_py() for lead in self._LEADS)
                after = {"mode": "rowscn", "scn": scn, "rowid": rowid}
            after, more = after or {"mode": "rowscn", "scn": 0, "rowid": None}, not ended(flow)
            self._open.keep(flow, after)
        return Batch(after, changes, rejects, more=more)

    def _since(self, session: Session, after: Position, ask: Ask) -> Flow:
        since = [statements.later(after["scn"], after["rowid"])] if after else []
        return self._opened(session, since, ["t.ORA_ROWSCN", "t.ROWID"], ask, self._LEADS)

    def check(self, position: Position) -> None:
        self._checked(position)

    def _checked(self, position: Position) -> Position:
        match position:
            case {"mode": "rowscn", "scn": int() as scn, "rowid": str() | None as rowid, **rest} if not rest:
                return {"mode": "rowscn", "scn": scn, "rowid": rowid}
            case {"mode": "rowscn", "scn": int() as scn, **rest} if not rest:
                return {"mode": "rowscn", "scn": scn, "rowid": None}
        raise self.stranger('rowscn mode: {"mode": "rowscn", "scn": NUMBER}')

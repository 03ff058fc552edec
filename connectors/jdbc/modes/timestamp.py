"""Rows that say when they were changed, by the database's clock.

Each pass reads from `late_window` before the latest time that was read up to what the database's clock shows
when the pass begins. What it reads again is unchanged, and the engine drops it. Where nobody knows in which
zone the times are, they may be behind that clock: then the latest time that there is when a pass begins takes
its place. A clock that was set back, in autumn or by somebody, shows times again that were read before: they
are read again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from bridge.contract import Caveat, Emits, Position
from bridge.errors import PermanentError
from connectors import clock
from connectors.jdbc.clock import Moment
from connectors.jdbc.keyset import Keyset, Read
from connectors.jdbc.modes.mode import Database, Mode
from connectors.jdbc.statements import Condition, Quote, Source, Statement, select
from connectors.jdbc.types import Column
from connectors.jdbc.values import Noted, bound, form, told

_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?")


_LIKE = {
    "date": "2026-01-31",
    "timestamp": "2026-01-31T12:00:00",
    **dict.fromkeys(("instant", "offset"), "2026-01-31T12:00:00Z"),
}

HOUR = 3600 * clock.SECOND
"""By so much clocks are set back in autumn."""
BEHIND = 12 * HOUR
"""By so much a clock may be behind UTC."""
NEVER = clock.nanoseconds("9999-12-31T23:59:59.999999999")
"""After all times."""
OVER = "over"
"""A pass that began when the late window had passed has read it again: there is nothing older to come."""


@dataclass(frozen=True, slots=True)
class _Place:
    """`high`: all rows up to there were read but for late ones; None: none. The rest: the pass that runs."""

    by: str | None
    """The column whose times these are."""
    high: str | None
    until: str | None = None
    safe: str | None = None
    """Never after `until`: rows that change from now on, or whose transaction is open, are not older."""
    after: Mapping[str, Noted] = field(default_factory=dict)
    skipped: int = 0
    since: str | None = None
    """Where the times' zone is not known: what the clock showed when `high` was first read; or OVER."""
    clock: str | None = None
    """And what it showed when the pass began."""

    @classmethod
    def parsed(cls, position: Any, column: str | None) -> _Place:
        """`column`: whose times they are to be, if that is known. Errors: ValueError."""
        match position:
            case {"high": str() | None as high, **rest} if rest.keys() <= {"by", "since"} and _is_text(high):
                return cls(_named(rest.get("by"), column), high, since=_shown(rest.get("since")))
            case {"high": str() | None as high, "until": str() as until, "safe": str() as safe, **rest} if (
                rest.keys() <= {"by", "after", "skipped", "since", "clock"}
                and all(map(_is_text, (high, until, safe)))
            ):
                after: Any = rest.get("after", {})
                skipped: Any = rest.get("skipped", 0)
                if isinstance(after, dict):
                    by = _named(rest.get("by"), column)
                    since, clock = _shown(rest.get("since")), _shown(rest.get("clock"))
                    return cls(by, high, until, safe, after, int(skipped), since, clock)
        raise ValueError(position)

    @property
    def times(self) -> Sequence[str]:
        return [time for time in (self.high, self.until, self.safe) if time]

    @property
    def position(self) -> Position:
        known = {"since": self.since} if self.since else {}
        if self.until is None:
            return {"by": self.by, "high": self.high, **known}
        place: dict[str, Any] = {
            "by": self.by, "high": self.high, "until": self.until, "safe": self.safe, **known
        }  # fmt: skip
        if self.clock:
            place["clock"] = self.clock
        if self.after:
            place["after"] = dict(self.after)
        return {**place, "skipped": self.skipped} if self.skipped else place


def _is_text(time: str | None) -> bool:
    return time is None or bool(_TIME.fullmatch(time))


def _shown(time: object) -> str | None:
    if not (isinstance(time, str | None) and (time == OVER or _is_text(time))):
        raise ValueError(time)
    return time


def _named(name: object, column: str | None) -> str | None:
    """An operator may leave it out."""
    if not (isinstance(name, str | None) and (name is None or column in (None, name))):
        raise ValueError(name)
    return column or name


def is_time(position: Position, column: str | None) -> bool:
    """Has it the form of this mode's positions, by `column` if that is known?"""
    try:
        _Place.parsed(position, column)
    except (ValueError, TypeError):
        return False
    return True


class Timestamp(Mode):
    """By the time of the change, and among equal times by what follows it in the order."""

    emits = Emits.IMAGES
    # A transaction may take longer than the late window; rows without a time are never looked at.
    caveats = frozenset({Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES})

    def __init__(
        self,
        source: Source,
        order: Keyset,
        late_window_s: float,
        zone: ZoneInfo | None = None,
        nullable: Sequence[str] = (),
    ) -> None:
        """`zone`: of times without one; `nullable`: columns of the order that may be NULL: not such rows."""
        super().__init__(source, order.names)
        self._order, self._nullable, self._zone = order, nullable, zone
        self._time = order.columns[0]
        self._form = form(self._time)
        self._late = round(late_window_s * clock.SECOND)
        self._known: tuple[Position, _Place] = None, _Place(self._time.name, None)
        if self._form not in ("date", "timestamp", "instant", "offset"):
            raise _no_time(source, self._time)

    @property
    def zoned(self) -> bool:
        """Each time says in which zone it is."""
        return self._form in ("instant", "offset")

    @property
    def has_zone(self) -> bool:
        """It is known what the times are, with a zone of their own or by the options."""
        return self.zoned or self._zone is not None

    def begin(self, position: Position | None, database: Database) -> Position:
        place = self._place(position)
        if place.until is not None:
            return position
        moment = database.moment()
        until, safe = self._walls(moment)
        place = replace(place, high=place.high and self._not_shown_again(place.high, until))
        if self.is_known(moment):
            place = replace(place, since=None)
        else:
            clock_text = self._text(safe)
            place = replace(place, since=place.since or clock_text, clock=clock_text)
            latest = self._latest(database)
            until, safe = (until, safe) if latest is None else (min(until, latest), min(safe, latest))
        return replace(place, until=self._text(until), safe=self._text(safe)).position

    def hand_over(self, database: Database) -> Position:
        """Where to go on after something else has read everything from now on."""
        moment = database.moment()
        _, safe = self._walls(moment)
        if self.is_known(moment):
            return _Place(self._time.name, self._text(safe)).position
        latest = self._latest(database)
        if latest is not None and latest > safe:  # one that is wrong, maybe: others may be behind
            latest = safe - BEHIND
        high = None if latest is None else self._text(latest)
        return _Place(self._time.name, high, since=self._text(safe)).position

    def _latest(self, database: Database) -> int | None:
        """Of the times that are there now."""
        latest = told(self._time, database.largest(self.source, self._time.name))
        return None if latest is None else self._since(str(latest))

    def is_known(self, moment: Moment) -> bool:
        """In which zone the times are."""
        return self.has_zone or moment.offset is not None

    def _walls(self, moment: Moment) -> tuple[int, int]:
        """The clock as writers of the column see it, and what is safe by it."""
        now, safe = moment.now, moment.safe()
        if not self.has_zone:
            ahead = moment.offset or 0
            return now + ahead, safe + ahead
        now, safe = now - moment.ahead, safe - moment.ahead
        if self.zoned or not self._zone:
            return now, safe
        # Between the two the clock may have been set back.
        until = clock.wall(self._zone, now)
        return until, min(clock.wall(self._zone, safe), safe + until - now)

    def ahead(self, driver_text: str | None, database: Database) -> float:
        """By how many seconds a time, in the driver's words, is ahead of the clock; 0: unknown."""
        time = told(self._time, driver_text)
        if time is None:
            return 0.0
        return (self._since(str(time)) - self._walls(database.moment())[0]) / clock.SECOND

    def statements(self, position: Position, quote: Quote, page: str) -> tuple[Statement, ...]:
        place, name = self._place(position), quote.name(self._time.name)
        bounds = [Condition(f"{name} <= ?", (bound(self._time, str(place.until)),))]
        bounds += [Condition(f"{quote.name(column)} IS NOT NULL") for column in self._nullable]
        if place.after:
            parts = self._order.after(place.after, quote)
        elif place.high is None:
            parts = [[]]
        else:
            parts = [[Condition(f"{name} >= ?", (bound(self._time, self._low(place)),))]]
        return tuple(
            select(self.source, quote, [*part, *bounds], self._order.order(quote), page) for part in parts
        )

    def _not_shown_again(self, high: str, until: int) -> str:
        """`high`, or what the clock may have shown again after it; `until` is what it shows now."""
        reached = again = clock.nanoseconds(high)
        if until < reached:
            again = until - HOUR
        elif self._zone and not self.zoned:
            with suppress(OverflowError, ValueError):  # at the ends of the calendar
                again = clock.wall(self._zone, clock.instant(self._zone, reached) + HOUR) - HOUR
        return high if again >= reached else self._text(again)

    def _low(self, place: _Place) -> str:
        """Whole seconds, for a column may hold no more."""
        safe = clock.nanoseconds(str(place.safe))
        low = min(clock.nanoseconds(str(place.high)), safe)
        if place.since != OVER:
            low = self._earlier(low)
        return self._text(low // clock.SECOND * clock.SECOND)

    def _earlier(self, time: int) -> int:
        """By the late window: in spring that is an hour more by the clock on the wall."""
        earlier = time - self._late
        if self._zone and not self.zoned:
            with suppress(OverflowError, ValueError):  # at the ends of the calendar
                # In autumn it may have shown less meanwhile than it did then.
                return min(earlier, clock.wall(self._zone, clock.instant(self._zone, time) - self._late))
        return earlier

    def _text(self, moment: int) -> str:
        if self._form == "date":
            return clock.iso(moment)[:10]
        return clock.iso(moment) + ("Z" if self.zoned else "")

    def after(self, position: Position, read: Read, _began_ms: int) -> Position:
        place = self._place(position)
        if not len(read):
            return position
        last = self._order.last(read)
        skipped = place.skipped + len(read) if last is None else 0
        return replace(place, after=place.after if last is None else last, skipped=skipped).position

    def ended(self, position: Position, _began_ms: int) -> tuple[Position, bool]:
        """`high` is the latest time read, or, when that is older than the late window, the clock itself."""
        place = self._place(position)
        if not place.after:
            return self._at_rest(place), False
        last = self._since(str(place.after[self._time.name]))
        safe = clock.nanoseconds(str(place.safe))
        old = place.since is None and safe - last >= self._late
        reached = self._text(safe if old else min(last, safe))
        if place.high is not None and clock.nanoseconds(reached) <= clock.nanoseconds(place.high):
            return self._at_rest(place), False
        return _Place(place.by, reached, since=place.clock).position, False

    def _at_rest(self, place: _Place) -> Position:
        since = place.since
        if since and since != OVER and place.clock:
            passed = clock.nanoseconds(place.clock) - clock.nanoseconds(since)
            since = since if passed < self._late else OVER
        return _Place(place.by, place.high, since=since).position

    def _since(self, text: str) -> int:
        try:
            return clock.nanoseconds(text)
        except (ValueError, OverflowError):  # infinite, or none of the years 1 to 9999
            return clock.FIRST if text.startswith(("-", "0000-")) else NEVER

    def check(self, position: Position) -> None:
        """Errors: PermanentError when it is none of this mode."""
        self._place(position)

    def _place(self, position: Position | None) -> _Place:
        """Errors: PermanentError. The one of a row is asked for again and again until the next has come."""
        if position is None:
            return _Place(self._time.name, None)
        known, place = self._known
        if known is not position:
            place = self._parsed(position)
            self._known = position, place
        return place

    def _parsed(self, position: Position) -> _Place:
        """Errors: PermanentError."""
        name = self._time.name
        try:
            place = _Place.parsed(position, name)
            if isinstance(position, Mapping) and position.get("by"):  # else an operator wrote it
                self._must_be_of_its_type(place)
            for time in place.times:
                bound(self._time, time)
            if place.after and not self._order.knows(place.after):  # the key is another one now
                return _Place(name, place.high)
            if place.after:
                self._order.after(place.after, Quote('"'))
        except (ValueError, TypeError):
            raise self.stranger(f"column {name}") from None
        return place

    def _must_be_of_its_type(self, place: _Place) -> None:
        """Errors: PermanentError."""
        try:
            for time in place.times:
                bound(self._time, time)
        except ValueError:
            like = _LIKE[self._form]
            raise PermanentError(
                f"column {self._time.name} of {self.source} has another type than when it was read up to"
                f" {place.high or place.until}: its times are like {like} now",
                remedy="go on from there with `positions set` and that time in the new form,"
                f' {{"high": "{like}"}}; or begin anew with `positions rewind --to start`',
            ) from None


def _no_time(source: Source, column: Column) -> PermanentError:
    kind = column.kind.partition(":")[0]
    what = "text" if kind.endswith("text") else kind
    return PermanentError(
        f"column {column.name} of {source} holds no date or time, but {what}",
        remedy="name a TIMESTAMP or DATE column; a number that grows is one for incrementing mode; other"
        " forms of time can be cast in a `query`",
    )

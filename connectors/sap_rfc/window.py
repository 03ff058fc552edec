"""What was changed since the last pass, by the clock on SAP's wall: pure.

Positions hold moments of our own clock, and how far the other was ahead of it. So summer time, and a clock
that was set, are one and the same: it is ahead by another amount than before. Until the late window has
passed over that, rows of either time are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.contract import Position

_MOST_LEAPS = 10
_YEARS = range(1000, 9000)
MOST_AHEAD_S = 10**10
"""Beyond them Python's moments end."""
_LEAP_S = 3
"""By less, two looks at a clock that shows whole seconds may differ."""


@dataclass(frozen=True, slots=True)
class Leap:
    """Up to a moment of our clock, the other was ahead by so many seconds."""

    ahead_s: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """All changes up to `high` were read, but for late ones. `ahead_s`: then; None: as now."""

    high: datetime
    ahead_s: int | None = None
    leaps: Sequence[Leap] = ()

    @classmethod
    def parsed(cls, position: Any) -> Mark:
        """Errors: ValueError."""
        match position:
            case {"high": str(high), **rest} if rest.keys() <= {"ahead", "leaps"}:
                ahead, leaps = rest.get("ahead"), rest.get("leaps", [])
                if (
                    isinstance(ahead, int | None)
                    and abs(ahead or 0) <= MOST_AHEAD_S
                    and isinstance(leaps, list)
                ):
                    return cls(_moment(high), ahead, [_leap(each) for each in leaps])
        raise ValueError(f"{position} is no mark")

    @property
    def position(self) -> dict[str, Position]:
        place: dict[str, Position] = {"high": _text(self.high)}
        if self.ahead_s is not None:
            place["ahead"] = self.ahead_s
        if self.leaps:
            place["leaps"] = [[each.ahead_s, _text(each.until)] for each in self.leaps]
        return place


@dataclass(frozen=True, slots=True)
class Window:
    """A pass: all rows with a time from `since` to `until`, both included; YYYYMMDDHHMMSS. None: all rows.

    `then`: what is read when it has ended.
    """

    then: Mark
    since: str | None = None
    until: str | None = None

    @classmethod
    def parsed(cls, position: Any) -> Window:
        """Errors: ValueError."""
        match position:
            case {"since": str() | None as since, "until": str() | None as until, **then}:
                for stamp in filter(None, (since, until)):
                    datetime.strptime(stamp, _STAMP)  # noqa: DTZ007 -- of SAP's wall
                if (since is None) == (until is None):
                    return cls(Mark.parsed(then), since, until)
        raise ValueError(f"{position} is no window")

    @property
    def position(self) -> dict[str, Position]:
        return {"since": self.since, "until": self.until, **self.then.position}


@dataclass(frozen=True, slots=True)
class Look:
    """Our clock, and how far SAP's was ahead of it."""

    ours: datetime
    ahead_s: int
    safety_s: float = field(default=0.0, kw_only=True)
    late_s: float = field(default=0.0, kw_only=True)

    def begun(self, mark: Mark | None) -> Window:
        """The next pass. The first one is of all rows, whatever their times."""
        until = self.ours - timedelta(seconds=self.safety_s)
        if mark is None:
            return Window(Mark(until, self.ahead_s))
        was = self.ahead_s if mark.ahead_s is None else mark.ahead_s
        since = min(mark.high, until) - timedelta(seconds=self.late_s)
        leaps = [each for each in mark.leaps if each.until >= since][-_MOST_LEAPS:]
        if abs(was - self.ahead_s) >= _LEAP_S:
            leaps.append(Leap(was, self.ours))
        aheads = [was, self.ahead_s, *(each.ahead_s for each in leaps)]
        return Window(Mark(until, self.ahead_s, leaps), _wall(since, min(aheads)), _wall(until, max(aheads)))


_STAMP = "%Y%m%d%H%M%S"


def _wall(ours: datetime, ahead_s: int) -> str:
    shown = ours + timedelta(seconds=ahead_s)
    return f"{shown.year:04}{shown:%m%d%H%M%S}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def _moment(text: str) -> datetime:
    """Errors: ValueError."""
    found = datetime.fromisoformat(text)
    if found.year not in _YEARS:
        raise ValueError(f"{text} is no moment to reckon with")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _leap(found: Any) -> Leap:
    match found:
        case [int(ahead), str(until)] if abs(ahead) <= MOST_AHEAD_S:
            return Leap(ahead, _moment(until))
    raise ValueError(f"{found} is no leap")

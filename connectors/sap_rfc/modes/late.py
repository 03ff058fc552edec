"""What is stamped when it is written, and visible when that is committed: read once, however late it comes.

Stamps are texts like 20261122233000 of one clock; numbers tell those of one stamp apart, and say nothing of
the order of commits. What is older than `settled` is there, or never comes.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from bridge.errors import PermanentError
from connectors.sap_rfc.config import SapStream
from connectors.sap_rfc.system import Moment

MOST_SEEN = 5_000
"""Numbers that a position remembers; even with a second of its own for each that fits into it."""
MOST_AT_ONCE = 10_000
"""Of one look; where there are more, the time is divided."""
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- of the clock that the stamps are of
_FORM = "%Y%m%d%H%M%S"
_DIGITS = 14
_PARTS = {"after", "seen", "offset", "before"}
_log = logging.getLogger(__name__)

type Between[T] = Callable[[str, str, int | None], list[T] | None]
"""From, to (empty: all there is), and how many at most: None when there are more."""


FIRST = "19700101000000"
"""Before all that there is."""
_HELD = (
    "%s: %d changes wait until they are older than `late_window`, for more than %d within it cannot be"
    " remembered; none is lost"
)


class Stamped(Protocol):
    """A document, or a pointer."""

    @property
    def stamp(self) -> str: ...

    @property
    def number(self) -> str: ...

    @property
    def group(self) -> str:
        """Of one stamp, those of one group come together: what they tell is in no order by number."""
        ...


class Step[T: Stamped](NamedTuple):
    """`held`: how many wait until they are settled, since no more numbers can be remembered."""

    taken: Sequence[T]
    place: Overlap
    more: bool
    held: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """All before `floor` was published, of its stamp all up to the group `after`, and what is `seen`."""

    floor: str = ""
    after: str = ""
    seen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Stamp, not older than `floor` -> numbers."""
    offset: int | None = None
    """How many seconds the clock was ahead of UTC."""
    before: tuple[int, int] | None = None
    """How many they were before, and when that was noticed, in seconds since the epoch."""

    @classmethod
    def parsed(cls, position: Any, mode: str) -> Overlap:
        """Errors: ValueError when it is none of this mode."""
        match position:
            case None:
                return cls()
            case {"mode": named, "floor": str(floor), **rest} if named == mode and rest.keys() <= _PARTS:
                after, seen, offset = rest.get("after", ""), rest.get("seen", {}), rest.get("offset")
                known = isinstance(after, str) and isinstance(offset, int | None)
                if known and _is_stamp(floor) and _are_seen(seen):
                    return cls(floor, after, seen, offset, _changed(rest.get("before")))  # type: ignore[arg-type]
        raise ValueError(position)

    def position(self, mode: str) -> dict[str, Any]:
        place: dict[str, Any] = {"mode": mode, "floor": self.floor}
        if self.after:
            place["after"] = self.after
        if self.offset is not None:
            place["offset"] = self.offset
        if self.before:
            place["before"] = list(self.before)
        if self.seen:
            place["seen"] = {stamp: list(each) for stamp, each in self.seen.items()}
        return place

    def by(self, moment: Moment, late_s: float) -> tuple[Overlap, str]:
        """With the clock's offset as it is now; and what is settled.

        A clock that goes ahead in spring makes nothing older: for as long as transactions may take, the
        offset counts that was before.
        """
        now, before = int(moment.utc.timestamp()), self.before
        if self.offset not in (None, moment.offset_s):
            before = self.offset, now
        if before and now - before[1] > late_s:
            before = None
        ahead = min(moment.offset_s, before[0]) if before else moment.offset_s
        local = moment.local - timedelta(seconds=moment.offset_s - ahead + late_s)
        return replace(self, offset=moment.offset_s, before=before), local.strftime(_FORM)

    def fresh[T: Stamped](self, found: Iterable[T]) -> list[T]:
        """What was not published, by stamp and number."""
        new = [each for each in found if self._is_new(each)]
        return sorted(new, key=_order)

    def _is_new(self, each: Stamped) -> bool:
        return (each.stamp, each.group) > (self.floor, self.after) and each.number not in self.seen.get(
            each.stamp, ()
        )

    def step[T: Stamped](self, found: Iterable[T], settled: str, most: int, until: str = "") -> Step[T]:
        """`found`: all that is visible from `floor` on, or up to `until`; about `most` of it are taken."""
        end = min(settled, later(until, 1)) if until else settled
        fresh = self.fresh(found)
        old = [each for each in fresh if each.stamp < end]
        young = [each for each in fresh if each.stamp >= settled]
        taken = _first(old, most)
        if len(taken) < len(old):
            last = max(taken, key=_unit)
            return Step(taken, self._moved(last.stamp, last.group, ()), more=True, held=0)
        room = MOST_SEEN - sum(len(each) for stamp, each in self.seen.items() if stamp >= end)
        fitting = _fitting(young, room)
        also = _first(fitting, most - len(taken))
        passed = taken or also or end < settled or any(stamp < end for stamp in self.seen)
        place = self._moved(end, "", also) if passed and end > self.floor else self._with(also)
        more = end < settled or len(also) < len(fitting)
        return Step([*taken, *also], place, more, len(young) - len(fitting))

    def _moved(self, floor: str, after: str, also: Sequence[Stamped]) -> Overlap:
        there = self._with(also).seen
        seen = {stamp: each for stamp, each in there.items() if stamp >= floor}
        return replace(self, floor=floor, after=after, seen=seen)

    def _with(self, also: Sequence[Stamped]) -> Overlap:
        seen = defaultdict(list, {stamp: [*each] for stamp, each in self.seen.items()})
        for each in also:
            if each.number not in seen[each.stamp]:
                seen[each.stamp].append(each.number)
        return replace(self, seen=dict(seen))


class Window:
    """How much time is looked at at once: less where there is more in it than can be taken in."""

    def __init__(self, first: str = FIRST) -> None:
        """`first`: where to begin when nothing was read yet."""
        self._first = first
        self._span: timedelta | None = None

    def look[T](self, floor: str, settled: str, between: Between[T]) -> tuple[list[T], str]:
        """What there is from `floor` on; and up to when, if that is not all."""
        floor = floor or self._first
        hinted = later(floor, self._span.total_seconds()) if self._span else settled
        until = hinted if floor <= hinted < settled else ""
        while (found := between(floor, until, MOST_AT_ONCE)) is None:
            if until == floor or (not until and floor >= settled):
                found = between(floor, until, None) or []
                break
            until = middle(floor, until) if until else settled
        self._span = 2 * (time_of(until) - time_of(floor)) if until and until < settled else None
        return found, until


class Reading:
    """One stream by SAP's clock, from position to position."""

    def __init__(self, name: str, options: SapStream) -> None:
        self._name, self._young_s = name, options.safety_interval
        self._late_s = max(options.late_window, options.safety_interval) + 1
        self.first = f"{options.since:%Y%m%d}000000" if options.since else FIRST
        """Where it begins when nothing was read yet."""
        self._window = Window(self.first)
        self._held = 0

    def look[T: Stamped](self, moment: Moment, place: Overlap, between: Between[T]) -> Look[T]:
        """Errors: PermanentError when SAP's clock was set back too far."""
        clock = moment.local.strftime(_FORM)
        if place.floor > clock:
            raise _set_back(clock, place.floor)
        place, settled = place.by(moment, self._late_s)
        newest = later(clock, -self._young_s)
        found, until = self._window.look(place.floor, settled, between)
        look = Look(place, [each for each in found if each.stamp <= newest], settled, until)
        held = look.step(1).held
        if held and not self._held:
            _log.warning(_HELD, self._name, held, MOST_SEEN)
        self._held = held
        return look


@dataclass(frozen=True, slots=True)
class Look[T: Stamped]:
    """What there is."""

    place: Overlap
    found: Sequence[T]
    settled: str
    until: str

    def step(self, most: int) -> Step[T]:
        """About so many of it."""
        return self.place.step(self.found, self.settled, most, self.until)


def _set_back(clock: str, floor: str) -> PermanentError:
    """What is written while the clock shows what was settled before would never be looked for."""
    return PermanentError(
        f"SAP's clock shows {clock}, and all up to {floor} was read before: what is written now would be"
        " missed",
        remedy="`resume` once the clock has passed that; for what was written meanwhile, `positions set` an"
        " earlier `floor`, which repeats some; with a `late_window` of over an hour, winter time does no"
        " harm",
    )


def later(stamp: str, seconds: float) -> str:
    return (time_of(stamp) + timedelta(seconds=seconds)).strftime(_FORM)


def time_of(stamp: str) -> datetime:
    """Without a zone."""
    return datetime.strptime(stamp, _FORM)  # noqa: DTZ007 -- the clock that it is of is not known here


def middle(floor: str, until: str) -> str:
    first, last = time_of(floor), time_of(until)
    return (first + (last - first) / 2).strftime(_FORM)


def _order(each: Stamped) -> tuple[str, str]:
    return each.stamp, each.number


def _unit(each: Stamped) -> tuple[str, str]:
    return each.stamp, each.group


def _units[T: Stamped](found: Sequence[T]) -> Iterator[list[T]]:
    for _, some in groupby(sorted(found, key=_unit), _unit):
        yield list(some)


def _first[T: Stamped](found: Sequence[T], most: int) -> list[T]:
    """So many, or a few more: whole groups of a stamp."""
    taken: list[T] = []
    for unit in _units(found):
        if len(taken) >= most:
            break
        taken += unit
    return sorted(taken, key=_order)


def _fitting[T: Stamped](found: Sequence[T], room: int) -> list[T]:
    """Those of the first groups for which there is room."""
    taken: list[T] = []
    for unit in _units(found):
        if len(taken) + len(unit) > room:
            break
        taken += unit
    return taken


def _changed(before: object) -> tuple[int, int] | None:
    """Errors: ValueError."""
    match before:
        case None:
            return None
        case [int(offset), int(when)]:
            return offset, when
    raise ValueError(before)


def _is_stamp(text: str) -> bool:
    if not text:
        return True
    try:
        return len(text) == _DIGITS and bool(time_of(text))
    except ValueError:
        return False


def _are_seen(seen: object) -> bool:
    return isinstance(seen, dict) and all(
        _is_stamp(stamp) and isinstance(each, list) and all(isinstance(one, str) for one in each)
        for stamp, each in seen.items()
    )

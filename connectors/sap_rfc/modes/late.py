"""What is stamped when it is written, and visible when that is committed: read once, however late it comes.

Stamps are texts like 20261122233000 of one clock; numbers tell those of one stamp apart, and say nothing of
the order of commits. What is older than `settled` is there, or never comes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple, Protocol

from connectors.sap_rfc.system import Moment
from connectors.sap_rfc.window import MOST_AHEAD_S

MOST_SEEN = 5_000
"""Numbers that a position remembers; even with a second of its own for each that fits into it."""
MOST_TIMELESS = 1_000
"""And of those without a time, of each stamp that they have instead."""
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- of the clock that the stamps are of
_SECONDS = range(int((datetime.max - EPOCH).total_seconds()))  # noqa: DTZ901 -- of that clock, too
FORM = "%Y%m%d%H%M%S"
_DIGITS = 14
_PARTS = {"after", "seen", "offset", "before", "of", "timeless"}
_LATER = frozenset({"alpha", "detail", "enrich"})
"""Kinds of what was read that positions of former releases do not name."""


FIRST = "19700101000000"
"""Before all that there is."""


class Stamped(Protocol):
    """A document, or a pointer."""

    @property
    def stamp(self) -> str: ...

    @property
    def number(self) -> str: ...

    @property
    def mark(self) -> str:
        """By which it is remembered: no other of its stamp has it."""
        ...

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
    """Stamp, not older than `floor` -> marks; numbers, in positions of former releases."""
    offset: int | None = None
    """How many seconds the clock was ahead of UTC."""
    before: tuple[int, int] | None = None
    """How many they were before, and when that was noticed, in seconds since the epoch."""
    of: Sequence[str] = ()
    """What was read: its kind and its name each, or `all tables`. Nothing, where that is not known."""
    timeless: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Stamp, before `floor`, of what has no date, or no time -> marks: more of it may come at any time.

    What is not here, as in positions of former releases, or with too many marks, is over.
    """

    @classmethod
    def parsed(cls, position: Any, mode: str) -> Overlap:
        """Errors: ValueError when it is none of this mode."""
        match position:
            case None:
                return cls()
            case {"mode": named, "floor": str(floor), **rest} if named == mode and rest.keys() <= _PARTS:
                after, seen, offset = rest.get("after", ""), rest.get("seen", {}), rest.get("offset")
                of, timeless = rest.get("of", []), rest.get("timeless", {})
                known = isinstance(after, str) and isinstance(offset, int | None) and _is_near(offset or 0)
                if known and _is_stamp(floor) and _are_seen(seen) and _are_seen(timeless) and _are_texts(of):
                    return cls(floor, after, seen, offset, _changed(rest.get("before")), of, timeless)  # type: ignore[arg-type]
        raise ValueError(position)

    def position(self, mode: str) -> dict[str, Any]:
        place: dict[str, Any] = {"mode": mode, "floor": self.floor}
        if self.after:
            place["after"] = self.after
        if self.offset is not None:
            place["offset"] = self.offset
        if self.before:
            place["before"] = list(self.before)
        if self.of:
            place["of"] = list(self.of)
        if self.seen:
            place["seen"] = {stamp: list(each) for stamp, each in self.seen.items()}
        if self.timeless:
            place["timeless"] = {stamp: list(each) for stamp, each in self.timeless.items()}
        return place

    def unread(self, of: Iterable[str]) -> list[str]:
        """What of that was not read so far, as far as that is known: its past would be missing."""
        was, kinds = {*self.of}, {_kind(each) for each in self.of}
        known = [each for each in of if was and (_kind(each) in kinds or _kind(each) not in _LATER)]
        return [each for each in known if each not in was and f"all {_kind(each)}s" not in was]

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
        return replace(self, offset=moment.offset_s, before=before), local.strftime(FORM)

    def fresh[T: Stamped](self, found: Iterable[T]) -> list[T]:
        """What was not published, in the order of stamp and number."""
        new = [each for each in found if self._is_new(each)]
        return sorted(new, key=_order)

    def _is_new(self, each: Stamped) -> bool:
        seen = self._seen(each.stamp)
        is_behind = (each.stamp, each.group) > (self.floor, self.after)
        may_come = is_behind or each.stamp in self.timeless
        return may_come and each.mark not in seen and each.number not in seen

    def _seen(self, stamp: str) -> list[str]:
        return [*self.timeless.get(stamp, ()), *self.seen.get(stamp, ())]

    def step[T: Stamped](self, found: Iterable[T], settled: str, most: int, until: str = "") -> Step[T]:
        """`found`: all that is visible from `floor` on, or up to `until`; about `most` of it are taken."""
        end = min(settled, later(until, 1)) if until else settled
        fresh = self.fresh(found)
        old = [each for each in fresh if each.stamp < end]
        young = [each for each in fresh if each.stamp >= settled]
        taken = _first(old, most)
        if len(taken) < len(old):
            floor, after = max((self.floor, self.after), *map(_unit, taken))
            return Step(taken, self._moved(floor, after, taken), more=True, held=0)
        room = MOST_SEEN - sum(len(each) for stamp, each in self.seen.items() if stamp >= end)
        fitting = _fitting(young, room)
        also = _first(fitting, most - len(taken))
        passed = taken or also or end < settled or any(stamp < end for stamp in self.seen)
        floor = end if passed and end > self.floor else self.floor
        place = self._moved(floor, self.after if floor == self.floor else "", taken, also)
        more = end < settled or len(also) < len(fitting)
        return Step([*taken, *also], place, more, len(young) - len(fitting))

    def _moved(
        self, floor: str, after: str, taken: Sequence[Stamped], also: Sequence[Stamped] = ()
    ) -> Overlap:
        there = self._with(also).seen
        seen = {stamp: each for stamp, each in there.items() if stamp >= floor}
        timeless = {}
        for stamp in _timeless(floor):
            marks = {*self._seen(stamp), *(each.mark for each in taken if each.stamp == stamp)}
            if len(marks) <= MOST_TIMELESS and (self.floor < stamp or stamp in self.timeless):
                timeless[stamp] = sorted(marks)
        return replace(self, floor=floor, after=after, seen=seen, timeless=timeless)

    def _with(self, also: Sequence[Stamped]) -> Overlap:
        seen = defaultdict(list, {stamp: [*each] for stamp, each in self.seen.items()})
        for each in also:
            if each.mark not in seen[each.stamp]:
                seen[each.stamp].append(each.mark)
        return replace(self, seen=dict(seen))


def later(stamp: str, seconds: float) -> str:
    return (time_of(stamp) + timedelta(seconds=seconds)).strftime(FORM)


def time_of(stamp: str) -> datetime:
    """Without a zone."""
    return datetime.strptime(stamp, FORM)  # noqa: DTZ007 -- the clock that it is of is not known here


def stamp_of(text: str) -> str:
    """The last moment that is not behind it: of 24:00:00, or the 31st of November, the one before.

    So texts are as they are in the order of their stamps, and all up to a stamp are before the next one.
    """
    return text if text and _is_stamp(text) else _text(max(bisect_right(_SECONDS, text, key=_text) - 1, 0))


def _kind(named: str) -> str:
    return named.partition(" ")[0]


def _timeless(floor: str) -> list[str]:
    """Stamps that stand for no date, and for no time of this day."""
    return [FIRST, f"{floor[:8]}000000"] if floor else []


def middle(floor: str, until: str) -> str:
    first, last = time_of(floor), time_of(until)
    return (first + (last - first) / 2).strftime(FORM)


def _text(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).strftime(FORM)


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
        case [int(offset), int(when)] if _is_near(offset):
            return offset, when
    raise ValueError(before)


def _is_near(offset: int) -> bool:
    """Beyond that Python's moments end."""
    return abs(offset) <= MOST_AHEAD_S


def _is_stamp(text: str) -> bool:
    if not text:
        return True
    try:
        return len(text) == _DIGITS and bool(time_of(text))
    except ValueError:
        return False


def _are_seen(seen: object) -> bool:
    return isinstance(seen, dict) and all(
        _is_stamp(stamp) and _are_texts(each) for stamp, each in seen.items()
    )


def _are_texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(each, str) for each in found)

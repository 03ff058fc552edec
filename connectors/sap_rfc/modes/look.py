"""What there is to read by SAP's clock: from a position on, and no more of it than can be taken in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from bridge.errors import PermanentError
from connectors.sap_rfc.modes.late import (
    FIRST,
    FORM,
    MOST_SEEN,
    Overlap,
    Stamped,
    Step,
    later,
    middle,
    time_of,
)
from connectors.sap_rfc.modes.pace import SLICE_S
from connectors.sap_rfc.streams import SapStream
from connectors.sap_rfc.system import Moment

MOST_AT_ONCE = 10_000
"""Of one look; where there are more, the time is divided."""
_HELD = (
    "%s: %d changes wait until they are older than `late_window`, for more than %d within it cannot be"
    " remembered; none is lost"
)
_log = logging.getLogger(__name__)

type Between[T] = Callable[[str, str, int | None], list[T] | None]
"""From, to (empty: all there is), and how many at most: None when there are more."""


class UndecidedError(Exception):
    """There is too much in the time that was looked at; the next look is at less."""


class Window:
    """How much time is looked at at once: less where there is more in it than can be taken in."""

    def __init__(self, first: str = FIRST) -> None:
        """`first`: where to begin when nothing was read yet."""
        self._first = first
        self._span: timedelta | None = None
        self.is_behind = True
        """There may be more than is looked at at once."""

    def look[T](self, floor: str, settled: str, between: Between[T]) -> tuple[list[T], str]:
        """What there is from `floor` on; and up to when, if that is not all.

        Errors: UndecidedError when that takes longer than a poll should.
        """
        ends = monotonic() + SLICE_S
        floor = floor or self._first
        hinted = later(floor, self._span.total_seconds()) if self._span else settled
        until = hinted if floor <= hinted < settled else ""
        while (found := between(floor, until, MOST_AT_ONCE)) is None:
            self.is_behind = True
            if until == floor or (not until and floor >= settled):
                found = between(floor, until, None) or []
                break
            until = middle(floor, until) if until else settled
            if floor < until < settled and monotonic() >= ends:
                self._span = time_of(until) - time_of(floor)
                raise UndecidedError
        self.is_behind = bool(until)
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

    @property
    def is_behind(self) -> bool:
        """Whether it is worth while to ask how many there are before they are read."""
        return self._window.is_behind

    def look[T: Stamped](self, moment: Moment, place: Overlap, between: Between[T]) -> Look[T]:
        """Errors: PermanentError when SAP's clock was set back too far."""
        clock = moment.local.strftime(FORM)
        if place.floor > clock:
            raise _set_back(clock, place.floor)
        place, settled = place.by(moment, self._late_s)
        newest = later(clock, -self._young_s)
        try:
            found, until = self._window.look(place.floor, settled, between)
        except UndecidedError:
            return Look(place, (), settled, "", is_decided=False)
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
    is_decided: bool = True

    def step(self, most: int) -> Step[T]:
        """About so many of it."""
        if not self.is_decided:
            return Step((), self.place, more=True, held=0)
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

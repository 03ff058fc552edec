"""A screen is believed when it was seen at rest for long enough, not when so much time has gone by."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from types import SimpleNamespace

import pytest

from connectors.mainframe import sights, walk
from connectors.mainframe.errors import Looked
from connectors.mainframe.maps import Maps, ScreenMap
from connectors.mainframe.screen import Screen
from connectors.mainframe.sights import AS_BEFORE, Sight
from connectors.mainframe.walk import Pace, Texts, Walk
from tests.unit.mainframe_screens import typed

BLANK = typed([])
HALF, WHOLE = typed(["BALANCE", "NAME: SMITH"]), typed(["BALANCE", "NAME: SMITH", "LIMIT: 100.00"])
MAPS = Maps({"balance": ScreenMap.model_validate({"identify": [{"row": 1, "text": "BALANCE"}]})})
SETTLE_S, PAUSE_S = 0.05, 0.03


type Seen = Callable[..., Screen]


@dataclass
class Machine:
    """A terminal, and the time of its machine, of which the host knows nothing."""

    pause: float = PAUSE_S
    """For so long it must be waited for the host's second write."""
    standstill: float = 0.0
    """While the host is waited for: that time goes by as well."""
    per_look: float = 0.0
    """So long it stands still whenever somebody looks at a clock."""
    now: float = 0.0
    waited: list[float] = field(default_factory=list)
    blind: float = 0.0
    """So long it stands still behind its first look, which was too early."""

    def monotonic(self) -> float:
        self.now += self.per_look
        return self.now

    def screen(self) -> Screen:
        if self.blind:
            self.now, self.blind = self.now + self.blind, 0.0
            return BLANK
        return HALF if self.pause > 0 else WHOLE

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        stirs = 0 < self.pause <= seconds
        self.now += (self.pause if stirs else seconds) + self.standstill
        self.pause = 0.0 if stirs else self.pause
        self.pause, self.standstill = max(0.0, self.pause - self.standstill), 0.0
        return stirs


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    def seen(machine: Machine, judge: Callable[[Looked], Sight] = lambda _: sights.WHOLE) -> Screen:
        clock = SimpleNamespace(**vars(time) | {"monotonic": machine.monotonic})
        monkeypatch.setattr(walk, "time", clock)
        pace, texts = Pace(10.0, SETTLE_S), Texts({}, {})
        walked = Walk(machine, MAPS, pace, texts, Event())  # type: ignore[arg-type]
        return walked.await_screen(("balance",), "a step", rest=SETTLE_S, judge=judge).screen

    return seen


def test_a_host_that_goes_on_within_settle_is_waited_for(seen: Seen) -> None:
    assert seen(Machine()) == WHOLE


def test_a_host_that_was_seen_to_paint_in_pieces_is_waited_for_longer(seen: Seen) -> None:
    """It was not at rest for a moment before its page was whole, and may pause in the next one."""
    machine = Machine(pause=1.0)
    assert seen(machine, lambda each: Sight("" if each.screen == WHOLE else "a line")) == WHOLE
    assert machine.waited[-1] == pytest.approx(5 * SETTLE_S)


def test_a_host_that_is_late_does_not_paint_in_pieces(seen: Seen) -> None:
    machine = Machine(pause=1.0)
    assert seen(machine, lambda each: Sight("" if each.screen == WHOLE else AS_BEFORE)) == WHOLE
    assert machine.waited[-1] == SETTLE_S


def test_a_host_is_waited_for_as_long_on_a_machine_that_has_too_much_to_do(seen: Seen) -> None:
    """The time to rest went by before the host was waited for at all."""
    assert seen(machine := Machine(per_look=0.06)) == WHOLE
    assert machine.waited[0] == SETTLE_S


def test_a_standstill_is_no_rest(seen: Seen) -> None:
    """The host's second write was on its way, and has to be sent once more."""
    assert seen(Machine(pause=0.08, standstill=0.0)) == HALF
    assert seen(Machine(pause=1.04, standstill=1.0)) == WHOLE


def test_a_machine_that_stands_still_for_ever_ends_the_wait_all_the_same(seen: Seen) -> None:
    assert seen(Machine(pause=0.0, standstill=20.0)) == WHOLE


def test_what_has_come_is_looked_at_before_the_time_is_over(seen: Seen) -> None:
    assert seen(Machine(pause=0.0, blind=20.0)) == WHOLE

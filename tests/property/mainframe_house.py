"""A host whose time is told, and the terminals of those who read it: a death or an interrupt at any call.

How long a screen takes is no matter of chance here: a terminal that waits for the host to be at rest waits
until the host has written all it is about to write, however busy the machine is. Where the host pauses in the
middle of a screen, whoever waits for less than `PAUSE_S` finds it at rest.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields
from itertools import count
from threading import Event
from time import sleep
from types import SimpleNamespace
from typing import ClassVar, Literal, Self
from unittest.mock import patch

from mfmock.tn3270 import datastream as ds

import bridge.testing.mainframe.host as hosting
from bridge.errors import BridgeError
from bridge.testing.fakes import Crash
from bridge.testing.mainframe import Host, Switches, spoilt
from bridge.testing.mainframe.conversation import Conversation
from bridge.testing.mainframe.desk import Heard, Scene
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Endpoint, Terminal
from connectors.mainframe.transports import terminal as real

type Transport = Literal["s3270", "tnz"]

ERASES = (ds.CMD_ERASE_WRITE, ds.CMD_ERASE_WRITE_ALT)
"""What follows a spoilt record must not rest on it."""
PAUSE_S = 0.003
"""Longer than the `settle` of lives, and shorter than what is given to a screen that is in doubt."""
ANSWER_S = 0.05
"""Longer than that, too: only whoever knows that no answer has come waits for so long."""
STANDSTILL_S, STANDSTILLS = 0.006, 0.2
"""Longer than what is given to a screen that is in doubt, and how often that happens."""


def halting(chance: random.Random) -> SimpleNamespace:
    """`time`, on a machine that stands still between any two lines."""

    def monotonic() -> float:
        if chance.random() < STANDSTILLS:
            sleep(STANDSTILL_S)
        return time.monotonic()

    return SimpleNamespace(monotonic=monotonic)


@dataclass
class House:
    """One host for many lives."""

    host: Host = field(default_factory=Host)
    terminals: list[Patient] = field(default_factory=list)
    """Of the process that lives now."""
    calls_to_death: int = 0
    """Countdown over the calls of all terminals; so is the next, to an `interrupt`. 0 is never."""
    calls_to_interrupt: int = 0
    interrupt: Callable[[], None] = lambda: None
    meanwhile: Callable[[], None] = lambda: None
    hesitate: Callable[[], None] = lambda: None
    """Both are called before each screen."""
    noise: int = 0
    """Countdown to a screen before which a spoilt record comes."""
    writing: Counter[int] = field(default_factory=Counter)
    """Conversations in which the host is about to write, or will after a pause."""
    pauses: dict[int, tuple[Event, float]] = field(default_factory=dict)
    """Of those, the ones that pause until somebody is patient enough, and for how long that is."""
    status: bool = False
    """Whether the next screen is a line on the one before, the keyboard free, and comes after its time."""
    hasty: bool = False
    """Whether they also go on once something was typed."""
    swallowed: set[str] = field(default_factory=set)
    """LUs whose last password came when a message covered the screen: it went nowhere."""
    unanswered: set[str] = field(default_factory=set)
    """LUs whose last password the host has shown nothing for, but that it is at it."""
    cut: bool = False
    """Whether an interrupt of this process came behind a password, before the key that follows its own."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _seeds: count[int] = field(default_factory=lambda: count(1))

    def __enter__(self) -> Self:
        self._stack.enter_context(
            patch.object(hosting, "Conversation", type("Told", (Told,), {"house": self}))
        )
        self._stack.enter_context(self.host)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._stack.close()

    @contextmanager
    def writes(self, conversation: int) -> Iterator[None]:
        self.writing[conversation] += 1
        try:
            yield
        finally:
            self.writing[conversation] -= 1
            if not self.writing[conversation]:
                del self.writing[conversation]

    def writes_within(self, seconds: float) -> bool:
        """Whoever waits so long lets it go on where it pauses."""
        pauses = self.pauses.copy()
        for pause, patience in pauses.values():
            if seconds >= patience:
                pause.set()
        paused = {each for each, (pause, _) in pauses.items() if not pause.is_set()}
        return bool(self.writing.copy().keys() - paused)

    def heard(self, lu: str, what: Heard, *, covered: bool) -> None:
        if what.fields.get("password"):
            self.unanswered.add(lu)
            note = self.swallowed.add if covered else self.swallowed.discard
            note(lu)

    def heard_typing(self) -> None:
        """It is gone before the next call, where the host paints over it."""
        while self.hasty and (pauses := self.pauses.copy()):
            for each, _ in pauses.values():
                each.set()
            sleep(0.001)

    def calm(self) -> None:
        """All switches as they were, and no death is due."""
        self.calls_to_death = self.calls_to_interrupt = self.noise = 0
        self.status = self.hasty = False
        self.meanwhile = self.hesitate = lambda: None
        for each in fields(Switches):
            if not each.name.startswith("_"):
                setattr(self.host.switches, each.name, getattr(Switches(), each.name))

    def terminal(self, transport: Transport, endpoint: Endpoint) -> Patient:
        """Stands where `transports.terminal` does."""
        made = Patient(self, real(transport, endpoint))
        self.terminals.append(made)
        return made

    def end(self) -> None:
        """As the end of a process does: nobody logs off."""
        terminals, self.terminals, self.cut = self.terminals, [], False
        for each in terminals:
            each.dead = True
            each.close()

    def heed(self) -> None:
        """Before a call of a terminal. Errors: Crash."""
        if self.calls_to_interrupt:
            self.calls_to_interrupt -= 1
            if not self.calls_to_interrupt:
                self.cut = sum(each.halt() for each in self.terminals) > 0
                self.interrupt()
        if self.calls_to_death:
            self.calls_to_death -= 1
            if not self.calls_to_death:
                for each in self.terminals:
                    each.dead = True


class Told(Conversation):
    """Says while it is about to write."""

    house: ClassVar[House]

    async def _answer(self, record: bytes) -> bool:
        with self.house.writes(id(self)):
            return await super()._answer(record)

    def _heard(self, record: bytes) -> Heard:
        heard = super()._heard(record)
        self.house.heard(self.desk.lu, heard, covered=bool(self._covered))
        return heard

    async def _show(self, scene: Scene) -> bool:
        with self.house.writes(id(self)):
            self.house.meanwhile()
            self.house.hesitate()
            status, self.house.status = self.house.status, False
            if status and self._drawing and self._drawing.formatted:
                await self._send(self._early())
                await self._pause(ANSWER_S)
            return await super()._show(scene)

    async def paint(self, scene: Scene) -> None:
        await super().paint(scene)
        self.house.unanswered.discard(self.desk.lu)

    async def _set(self, release: Event) -> None:
        await self._pause(PAUSE_S)

    async def _pause(self, seconds: float) -> None:
        pause = Event()
        self.house.pauses[id(self)] = pause, seconds
        try:
            await super()._set(pause)
        finally:
            del self.house.pauses[id(self)]

    async def _send(self, record: bytes) -> None:
        if self.house.noise and record[0] in ERASES:
            self.house.noise -= 1
            if not self.house.noise:
                await self.session.send(spoilt(record, next(self.house._seeds)))
        await super()._send(record)


class Patient:
    """A terminal of one process, which may end at any call."""

    def __init__(self, house: House, terminal: Terminal) -> None:
        self._house, self._terminal = house, terminal
        self.dead = False
        self._told = False
        """Whether a password was typed that no key has sent."""
        self.asked = False
        """Whether the last key has sent one."""
        self._halted = False
        """Whether an interrupt came when one was typed, and not sent yet."""

    def halt(self) -> bool:
        """Whether the interrupt that comes now comes behind a password that was sent."""
        self._halted = self._told
        return self.asked

    @property
    def lu(self) -> str | None:
        return self._terminal.lu

    def connect(self) -> None:
        self._living().connect()

    def screen(self) -> Screen:
        return self._living().screen()

    def type(self, address: int, text: str) -> None:
        self._living().type(address, text)
        self._told = self._told or text == self._house.host.password
        self._house.heard_typing()

    def press(self, key: str) -> None:
        self.asked, self._told = self._told, False
        self._house.cut = self._house.cut or (self.asked and self._halted)
        self._halted = False
        self._living().press(key)

    def wait(self, seconds: float) -> bool:
        """The time is over only when the host has been at rest all the while."""
        terminal = self._living()
        while True:
            writing = self._house.writes_within(seconds)
            if terminal.wait(seconds):
                return True
            if not writing:
                return False

    def reset(self) -> None:
        self._living().reset()

    def interrupt(self) -> None:
        self._terminal.interrupt()

    def close(self) -> None:
        with suppress(BridgeError):
            self._terminal.close()

    def _living(self) -> Terminal:
        self._house.heed()
        if self.dead:
            raise Crash("at the terminal")
        return self._terminal

"""Clerks at the host's own terminals: they take on customers, change them, strike them off, at any time."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bridge.testing.mainframe import Customer, Host, customer
from bridge.testing.mainframe.customers import STATUSES

NUMBERS = range(10, 100, 10)
POISON = {"balance": "      12.4X ", "id": "0000012X"}
"""What no picture fits; that in an id makes a row that nobody can name."""
DENIED = "ACCESS DENIED BY SECURITY"


@dataclass
class Clerks:
    """What they have done. No two states of a customer are alike.

    A list that counts lines hides a row for one pass whenever a row before it goes while it is read, so that
    whoever reads it must look again. That many times, `shifts`, this may happen; None: as often as they like.
    """

    host: Host
    chance: random.Random
    shifts: int | None
    is_read: Callable[[], bool]
    """Whether somebody is in the middle of the list."""
    written: defaultdict[int, list[Customer]] = field(default_factory=lambda: defaultdict(list))
    """All states of each customer, in their order."""
    gone: Counter[int] = field(default_factory=Counter)
    """How often each was struck off."""
    poisoned: Counter[int] = field(default_factory=Counter)
    """How often each became one that cannot be read."""
    nameless: int = 0
    """How often one could not even be named."""
    hides: bool = False
    """Whether they are after one customer alone."""
    hidden: str = ""
    """The customer whom they hide, pass after pass."""
    _changes: int = 0

    def __post_init__(self) -> None:
        self.hides = self.shifts is not None and self.chance.random() < 0.4

    def begin(self, count: int) -> None:
        with self.host.lock:
            self.host.customers.clear()
            for number in self.chance.sample(NUMBERS, count):
                self._write(number)

    def work(self) -> None:
        self._work(reading=self.is_read())

    def meanwhile(self) -> None:
        """Between any two screens."""
        if self.chance.random() < 0.15:
            self._work(reading=True)

    def _work(self, *, reading: bool) -> None:
        what = self.chance.random()
        if what < 0.4:
            self.take_on()
        elif what < 0.7:
            self.change()
        elif not (reading and self.hides):
            self.strike_off(reading=reading)

    def take_on(self) -> None:
        with self.host.lock:
            self._write(self.chance.choice(NUMBERS))

    def change(self) -> None:
        with self.host.lock:
            if self.host.customers:
                self._write(int(self.chance.choice([*self.host.customers])))

    def strike_off(self, *, reading: bool) -> None:
        with self.host.lock:
            if self.host.customers and (not reading or self.may_shift()):
                self._strike_off(self.chance.choice([*self.host.customers]))

    def _strike_off(self, identity: str) -> None:
        self.gone[int(identity)] += 1
        del self.host.customers[identity]

    def may_shift(self) -> bool:
        """Rows move up while the list is read; counted."""
        if self.shifts is None:
            return True
        self.shifts -= 1
        return self.shifts >= 0

    def _write(self, number: int) -> None:
        self._changes += 1
        states = self.written[number]
        made = replace(
            states[-1] if states else customer(number),
            balance=Decimal(self._changes * self.chance.choice((1, -1))) / 100,
            status=self.chance.choice(STATUSES),
            mark=len(states) + 1,
        )
        states.append(made)
        self.host.customers[made.id] = made

    # -- between two pages

    def come(self, _page: int) -> Iterable[Customer]:
        if self.chance.random() < 0.3:
            self.take_on()
        return ()

    def go(self, page: int) -> Iterable[str]:
        if self.hides:
            self._hide(page)
        elif self.chance.random() < 0.3:
            self.strike_off(reading=True)
        return ()

    def _hide(self, page: int) -> None:
        """Whoever would be the first of this page moves to the page before, if it is the one to be hidden."""
        with self.host.lock:
            shown = [*sorted(self.host.customers)]
            first = (page - 1) * self.host._company.page_size
            if self.hidden not in shown:
                self.hidden = self.chance.choice(shown[len(shown) // 2 :]) if shown else ""
            if 0 < first < len(shown) and shown[first] == self.hidden and self.may_shift():
                self._strike_off(self.chance.choice(shown[:first]))

    # -- rows that cannot be read

    def poison(self) -> None:
        """One that is there, or may come."""
        with self.host.lock:
            numbers = [*map(int, self.host.customers)] or NUMBERS
        number = self.chance.choice(numbers if self.chance.random() < 0.7 else NUMBERS)
        name = self.chance.choices((*POISON, "denied"), (6, 1, 3))[0]
        identity, switches = f"{number:08}", self.host.switches
        self.poisoned[number] += 1
        if name == "denied":
            switches.denied = switches.denied | {identity: DENIED}
        else:
            self.nameless += name == "id"
            switches.shown = switches.shown | {(identity, name): POISON[name]}

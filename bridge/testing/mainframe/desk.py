"""What a scene of the host's application knows: the file, the switches, who sits there, what was heard."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from mfmock.core.keys import Key

from bridge.testing.mainframe.customers import Customer
from bridge.testing.mainframe.datastream import Drawing
from bridge.testing.mainframe.switches import Switches

TRIES = 3
"""Wrong passwords in a row that lock the account."""


class Told(NamedTuple):
    """What a client typed, hidden fields too; `field` is empty on a screen without fields."""

    lu: str
    screen: str
    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A key, and what was typed before it: by field, or on a screen without fields."""

    key: Key
    fields: Mapping[str, str]
    text: str = ""


@dataclass
class Company:
    """What all sessions share."""

    customers: dict[str, Customer]
    lock: threading.RLock
    switches: Switches
    user: str
    password: str
    page_size: int
    counts: Counter[str] = field(default_factory=Counter)
    left: tuple[int, int] = (1, 0)
    """The page of the list that was shown last, and how many rows are before it."""
    wrong_passwords: int = 0
    """In a row."""

    def found(self, identity: str) -> Customer | None:
        with self.lock:
            return self.customers.get(identity.rjust(8, "0"))

    def listed(self) -> list[Customer]:
        with self.lock:
            return sorted(self.customers.values(), key=self.switches.reorder or _identity)  # type: ignore[arg-type]

    def shown(self, customer: Customer, name: str, text: str) -> str:
        return self.switches.shown.get((customer.id, name), text)

    def admits(self, user: str, password: str) -> bool:
        if user.upper() == self.user and password == self.password:
            self.wrong_passwords = 0
            return True
        self.counts["wrong passwords"] += 1
        self.wrong_passwords += 1
        if self.wrong_passwords >= TRIES:
            self.switches.locked = True
        return False


@dataclass
class Desk:
    """One session's."""

    company: Company
    lu: str
    user: str | None = None


class Scene(ABC):
    """One screen of the application, with what it shows."""

    name: ClassVar[str]
    """Its transaction code, or what tests call it."""

    @abstractmethod
    def draw(self, drawing: Drawing, desk: Desk) -> None: ...

    @abstractmethod
    def answer(self, heard: Heard, desk: Desk) -> Scene | None:
        """The scene after a key (but CLEAR, which ends every transaction); None ends the session."""


def _identity(customer: Customer) -> str:
    return customer.id

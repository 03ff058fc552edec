"""Those who write into a table of SAP's, in transactions that overlap; and the truth of what they did."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bridge.testing.sap import clock
from bridge.testing.sap.errors import Locked, Misuse
from bridge.testing.sap.transactions import Transaction
from tests.property.sap_house import CLASS, TABLE, VALUES, House, Key, Row

WRITERS, SITES = 4, ("01", "02")
SERVERS, GROUPS = 3, 3


@dataclass
class Open:
    tx: Transaction
    since: float
    """When it began, by the clock that is never set."""
    keys: set[Key] = field(default_factory=set)
    documents: set[str] = field(default_factory=set)


@dataclass
class Writers:
    """`now`: the time that is never set; `late`: for how long a transaction may take at the most."""

    house: House
    chance: random.Random
    now: Callable[[], float]
    late: float
    marks: bool
    """Each change sets X anew."""
    together: bool = False
    """A document may tell of several rows."""
    overdue: float = 0.0
    """How likely a transaction is left open longer than that."""
    numbers: int = 10
    open: dict[int, Open] = field(default_factory=dict)
    serial: count[int] = field(default_factory=count)
    history: dict[Key, list[Row | None]] = field(default_factory=dict)
    """What each key had, one after the other."""
    missed: set[Key] = field(default_factory=set)
    """Keys that were written by a transaction that took too long."""
    missed_documents: set[str] = field(default_factory=set)

    # -- what they do

    def write(self) -> None:
        """Some rows, by one of them; what is locked or not there is left alone."""
        writer = self.chance.randrange(WRITERS)
        held = self.open.get(writer)
        if held is None:
            server = self.chance.randrange(SERVERS)
            held = self.open[writer] = Open(self.house.system.transaction(server=server), self.now())
        apart = not self.together or self.chance.random() < 0.5
        group, written = self.chance.randrange(GROUPS), list[Key]()
        for _ in range(self.chance.choice((1, 1, 2, 5))):
            acts = {self._insert: 5, self._update: 8, self._delete: 4}
            (act,) = self.chance.choices(list(acts), list(acts.values()))
            key = self._any(group)
            with suppress(Locked, Misuse):
                act(held.tx, key)
                held.keys.add(key)
                written.append(key)
                if apart:
                    self._document(held, key)
        if written and not apart:
            self._document(held, written[0])

    def remove(self, key: Key) -> None:
        held = self.open[0] = Open(self.house.system.transaction(), self.now())
        self._delete(held.tx, key)
        self._document(held, key)
        self.end(0, keep=True)

    def _document(self, held: Open, key: Key) -> None:
        """A row is always of the same object."""
        if number := held.tx.document(CLASS, f"G{_group(key)}" if self.together else "".join(key)):
            held.documents.add(number)

    def _insert(self, tx: Transaction, key: Key) -> None:
        tx.insert(TABLE, {**self._named(key), **self._stamps(), **self._values(VALUES)})

    def _update(self, tx: Transaction, key: Key) -> None:
        names = set(self.chance.sample(VALUES, self.chance.randint(1, len(VALUES))))
        wanted = [name for name in VALUES if name in names or (self.marks and name == "X")]
        tx.update(TABLE, {**self._named(key), **self._stamps(), **self._values(wanted)})

    def _delete(self, tx: Transaction, key: Key) -> None:
        tx.delete(TABLE, self._named(key))

    def _any(self, group: int) -> Key:
        number = self.chance.randrange(self.numbers)
        number += group - number % GROUPS if self.together else 0
        key = {"SITE": self.chance.choice(SITES), "ID": f"{number:04}"}
        return tuple(key[name] for name in self.house.key)

    def _named(self, key: Key) -> dict[str, Any]:
        return dict(zip(self.house.key, key, strict=True))

    def _stamps(self) -> dict[str, str]:
        shown = self.house.system.clock.now()
        return {"UPDAT": clock.date(shown), "UPTIM": clock.time(shown)}

    def _values(self, names: Any) -> Row:
        """No value is written twice."""
        number = next(self.serial)
        return {name: number if name == "X" else f"{name} {number}; |" for name in names}

    # -- how it ends

    def end(self, writer: int | None = None, *, keep: bool) -> None:
        writer = self.chance.randrange(WRITERS) if writer is None else writer
        held = self.open.pop(writer, None)
        if held is None:
            return
        if not keep:
            held.tx.rollback()
            return
        before = self.house.rows()
        held.tx.commit()
        after = self.house.rows()
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                self.history.setdefault(key, [None]).append(after.get(key))
        if self.now() - held.since > self.late:
            self.missed |= held.keys
            self.missed_documents |= held.documents

    def hurry(self, seconds: float) -> None:
        """So much time passes soon: who has written for too long by then commits, or is late."""
        for writer, held in [*self.open.items()]:
            if self.now() + seconds - held.since > self.late and self.chance.random() >= self.overdue:
                self.end(writer, keep=True)

    def end_all(self, *, keep: bool) -> None:
        for writer in range(WRITERS):
            self.end(writer, keep=keep)


def _group(key: Key) -> int:
    return int(key[-1]) % GROUPS

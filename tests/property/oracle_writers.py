"""Those who write into an Oracle table, in transactions that overlap; and the truth of what they did."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.tables import Table
from bridge.testing.oracle.transactions import Transaction
from tests.property.oracle_house import Key, Row, key_of

WRITERS, SITES = 3, ("north", "south")
MANY = 9
"""Rows of a statement that writes many."""


class Commit(NamedTuple):
    """What keys have from this SCN on, if anything; those it did not touch are not in it."""

    scn: int
    rows: dict[Key, Row | None]


@dataclass
class Open:
    tx: Transaction
    written: int
    """The SCN at its last statement."""


@dataclass
class Writers:
    """`now`: the time by which the connector measures; `late`: for how long a commit may stay unseen."""

    store: Store
    table: Table
    shape: str
    chance: random.Random
    now: Callable[[], float]
    late: float = 0.0
    numbers: int = 12
    """Of rows, on each site."""
    commits: list[Commit] = field(default_factory=list)
    open: dict[int, Open] = field(default_factory=dict)
    serial: count[int] = field(default_factory=count)
    looks: list[tuple[float, int]] = field(default_factory=list)
    """When the SCN was what."""

    def __post_init__(self) -> None:
        self.begun = self.store.scn

    # -- what they do

    def write(self) -> None:
        """A statement, or several, of one of them; what is locked or not there is left alone."""
        self.look()
        writer = self.chance.randrange(WRITERS)
        held = self.open.get(writer)
        if held is None:
            held = self.open[writer] = Open(self.store.transaction(), self.store.scn)
        for _ in range(self.chance.choice((1, 1, 2, 3))):
            act = self.chance.choices(*zip(*self._acts, strict=True))[0]
            try:
                act(held.tx)
            except (OracleError, LookupError):
                continue
        held.written = self.store.scn

    @property
    def _acts(self) -> list[tuple[Callable[[Transaction], None], int]]:
        return [
            (self._insert, 10),
            (self._update, 8),
            (self._rename, 5),
            (self._swap, 2),
            (self._delete, 5),
            (self._again, 3),
            (self._move, 4),
            (self._many, 2),
            (self._refresh, 1),
        ]

    def _insert(self, tx: Transaction) -> None:
        tx.insert(self.table, {**self._key(), **self._rest()})

    def _update(self, tx: Transaction) -> None:
        tx.update(self.table, self._any(), self._rest())

    def _rename(self, tx: Transaction) -> None:
        tx.update(self.table, self._any(), {**self._key(), **self._rest()})

    def _swap(self, tx: Transaction) -> None:
        """Keys of two rows, by way of a third; all or nothing."""
        one, other = self._any(), self._any()
        if one == other:
            return
        tx.find(self.table, one), tx.find(self.table, other)
        away = {"ID": 999_999}
        first = tx.update(self.table, one, {**away, **self._rest()})
        second = tx.update(self.table, other, {**self._named(one), **self._rest()})
        assert second is not None
        tx.update(self.table, first, self._named(other))

    def _delete(self, tx: Transaction) -> None:
        tx.delete(self.table, self._any())

    def _again(self, tx: Transaction) -> None:
        """Deleted and inserted, in one transaction."""
        key = self._any()
        tx.delete(self.table, key)
        tx.insert(self.table, {**self._named(key), **self._rest()})

    def _move(self, tx: Transaction) -> None:
        tx.move(self.table, self._any(), self._rest())

    def _many(self, tx: Transaction) -> None:
        """Of rows that lie side by side."""
        act = self.chance.choice((self._insert, self._update, self._delete, self._rename))
        for _ in range(MANY):
            try:
                act(tx)
            except (OracleError, LookupError):
                continue

    def _refresh(self, tx: Transaction) -> None:
        """All rows deleted, and some inserted again."""
        keys = [self._key_of(version.values) for version in self.table.as_of(self.store.scn)]
        for key in keys:
            tx.delete(self.table, key)
        for key in keys:
            if self.chance.random() < 0.8:
                tx.insert(self.table, {**self._named(key), **self._rest()})

    def _any(self) -> Key:
        return tuple(self._key().values())

    def _key(self) -> Row:
        key = {"SITE": self.chance.choice(SITES), "ID": self.chance.randrange(self.numbers)}
        return {name: key[name] for name in self.table.key}

    def _named(self, key: Key) -> Row:
        return dict(zip(self.table.key, key, strict=True))

    def _rest(self) -> Row:
        """Each row is written with another number, so that no change is none."""
        number = next(self.serial)
        site = {} if "SITE" in self.table.key else {"SITE": self.chance.choice(SITES)}
        return {**site, "X": number, "WORD": self.chance.choice((None, f"word {number}"))}

    # -- how it ends

    def end(self, writer: int | None = None, *, keep: bool) -> None:
        if writer is None:
            writer = self.chance.randrange(WRITERS)
        held = self.open.pop(writer, None)
        if held is None:
            return
        if not keep:
            held.tx.rollback()
            return
        before = self._rows()
        scn = held.tx.commit(behind=self._behind(held))
        after = self._rows()
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        self.commits.append(Commit(scn, {key: after.get(key) for key in changed}))
        self.look()

    def _behind(self, held: Open) -> int:
        """By how much the SCN of a commit may be lower than what was shown: an instance was late to tell."""
        if not self.late or self.chance.random() < 0.5:
            return 0
        young = [scn for moment, scn in self.looks if moment > self.now() - self.late / 2]
        most = self.store.scn - max(held.written, min(young, default=self.store.scn))
        return self.chance.randint(0, max(0, most - 1))

    def look(self) -> None:
        self.looks.append((self.now(), self.store.scn))

    # -- the truth

    def _rows(self) -> dict[Key, Row]:
        return self.rows(self.store.scn)

    def rows(self, scn: int) -> dict[Key, Row]:
        """From the store itself."""
        found = (self._told(version.values) for version in self.table.as_of(scn))
        return {key_of(self.shape, row): row for row in found}

    def _told(self, values: tuple[object, ...]) -> Row:
        """As an event has it."""
        row = dict(zip(self.table.place, values, strict=True))
        return {name: int(value) if name in ("ID", "X") else value for name, value in row.items()}  # type: ignore[call-overload]

    def _key_of(self, values: tuple[object, ...]) -> Key:
        return key_of(self.shape, self._told(values))

    def histories(self) -> dict[Key, list[tuple[int, Row | None]]]:
        """Of each key what it had from which SCN on."""
        found: dict[Key, list[tuple[int, Row | None]]] = {}
        for scn, rows in sorted(self.commits, key=lambda commit: commit.scn):
            for key, row in rows.items():
                found.setdefault(key, []).append((scn, row))
        return found

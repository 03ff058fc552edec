"""Writers who overlap, commit late, roll back, write what cannot be read, and whose clocks are off."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.property.jdbc_house import READABLE, WRITERS, House, run

LATE_S, SKEW_S = 5, 2
"""The late window of the modes by time, and by how much the writers' clocks are off."""
IDS, SITES = 5, ("a", "b")
START = 1_720_000_000.0
WORD, POISON = "word", "p" * 3 * READABLE

type Key = tuple[str | int, ...]
"""A row's: (id), (site, id), or where there is none the row itself: (site, id, x)."""


@dataclass(slots=True)
class Work:
    """What an open transaction has done so far."""

    began: float
    times: dict[Key, float] = field(default_factory=dict)
    gone: Counter[Key] = field(default_factory=Counter)
    poisoned: Counter[Key] = field(default_factory=Counter)


@dataclass
class Writers:
    """What they do to a table, and when. Each has ids of its own, so that none waits for another.

    `grows`: each row that comes has a larger id, and none is changed. `shows`: the connector sees when
    transactions began. `late`: they commit when they like, without that.
    """

    house: House
    shape: str
    chance: random.Random
    poison: float = 0.0
    deletes: float = 0.1
    """How often a row is written that cannot be read, and how often one is deleted instead."""
    grows: bool = False
    shows: bool = False
    late: bool = False
    now: float = START
    count: int = 0
    highest: int = 0
    mine: dict[int, list[int]] = field(default_factory=lambda: {each: [0] for each in range(WRITERS)})
    """The ids that each has given away, where they grow."""
    seen: int = 0
    """The highest id that was ever committed."""
    work: dict[int, Work] = field(default_factory=dict)
    gone: Counter[Key] = field(default_factory=Counter)
    """How often a row was deleted, that is, committed so."""
    poisoned: Counter[Key] = field(default_factory=Counter)
    """How often a row was written that cannot be read."""
    overdue: set[Key] = field(default_factory=set)
    """What was committed after the late window."""

    def __post_init__(self) -> None:
        self.house.empty(self.shape)
        self._tell()

    # -- one statement

    def write(self) -> None:
        writer = self._writer()
        work = self.work.setdefault(writer, Work(self.now))
        self._tell()
        self.count += 1
        if self.shape == "loose":
            self._write_loose(writer, work)
        elif self.chance.random() < self.deletes:
            self._delete(writer, work)
        else:
            self._write(writer, work)

    def _writer(self) -> int:
        """Without an index a writer waits for whoever has locked any row: there is one at a time."""
        if self.shape == "loose" and self.work:
            return next(iter(self.work))
        return self.chance.randrange(WRITERS)

    def _write(self, writer: int, work: Work) -> None:
        site, id_, at = self._site(), self._id(writer), self._time(writer)
        key = self._key(site, id_)
        poisoned = self.chance.random() < self.poison
        word = POISON if poisoned else WORD
        row = f"('{site}', {id_}, {self.count}, '{word}', {at})"
        insert = f"INSERT INTO {self.shape} (site, id, x, word, at) VALUES {row}"
        change = f"UPDATE {self.shape} SET x = {self.count}, word = '{word}', at = {at}"
        if self.grows or not self._sql(writer, f"{change} WHERE {self._where(site, id_)}"):
            self._sql(writer, insert)
        work.times[key] = self._latest
        work.poisoned[key] += poisoned

    def _delete(self, writer: int, work: Work) -> None:
        site, id_ = self._site(), self._id_of_old(writer)
        if self._sql(writer, f"DELETE FROM {self.shape} WHERE {self._where(site, id_)}"):
            work.gone[self._key(site, id_)] += 1

    def _write_loose(self, writer: int, work: Work) -> None:
        """Some equal rows; or all of one kind are gone, or become another."""
        site, id_, x = self._site(), self._id(writer), self.chance.randrange(3)
        where = f"site = '{site}' AND id = {id_} AND x = {x}"
        what = self.chance.random()
        if what < 0.5:
            row = f"('{site}', {id_}, {x}, '{WORD}', '2024-01-01 00:00:00')"
            rows = ", ".join([row] * self.chance.randint(1, 3))
            self._sql(writer, f"INSERT INTO loose (site, id, x, word, at) VALUES {rows}")
        elif what < 0.7:
            work.gone[(site, id_, x)] += self._sql(writer, f"UPDATE loose SET x = {x + 1} WHERE {where}")
        else:
            work.gone[(site, id_, x)] += self._sql(writer, f"DELETE FROM loose WHERE {where}")

    def _site(self) -> str:
        return self.chance.choice(SITES) if self.shape != "keyed" else SITES[0]

    def _id(self, writer: int) -> int:
        if not self.grows:
            return self.chance.randrange(IDS) * WRITERS + writer
        self.highest += self.chance.choice((1, 1, 1, 2, 3, 40))
        self.mine[writer].append(self.highest)
        return self.highest

    def _id_of_old(self, writer: int) -> int:
        return self.chance.choice(self.mine[writer]) if self.grows else self._id(writer)

    def _key(self, site: str, id_: int) -> Key:
        return (id_,) if self.shape == "keyed" else (site, id_)

    def _where(self, site: str, id_: int) -> str:
        return f"id = {id_}" if self.shape == "keyed" else f"site = '{site}' AND id = {id_}"

    def _sql(self, writer: int, sql: str) -> int:
        return run(self.house.writers[writer], sql)

    # -- time

    def _time(self, writer: int) -> str:
        """By the writer's clock, which is right most of the time."""
        off, time = (
            self.chance.choice((0, 0, 0, -SKEW_S, -0.5 if self.house.time else SKEW_S)),
            self.house.time,
        )
        self._latest = self.now + off
        if time:
            now = time.second if self.chance.random() < 0.3 else time.now
            return f"{now} - INTERVAL '{-off}' SECOND"
        return f"'{_text(self._latest)}'"

    def tick(self, seconds: float) -> None:
        """No row is committed more than the late window after its time, unless that may be or is seen."""
        then = self.now + seconds
        for writer, work in list(self.work.items()):
            earliest = min(work.times.values(), default=then)
            if not (self.shows or self.late) and then - earliest > LATE_S:
                self.end(writer, keep=True)
        self.now = then
        self._tell()

    def _tell(self) -> None:
        oldest = min((each.began for each in self.work.values()), default=None)
        self.house.tell(self.now, oldest if self.shows else None)

    # -- the end of a transaction

    def end(self, writer: int | None = None, *, keep: bool) -> None:
        writer = self.chance.randrange(WRITERS) if writer is None else writer
        connection = self.house.writers[writer]
        connection.commit() if keep else connection.rollback()
        work = self.work.pop(writer, None)
        if keep and work:
            self._kept(work)
        self._tell()

    def _kept(self, work: Work) -> None:
        self.gone += work.gone
        self.poisoned += work.poisoned
        if self.late:
            self.overdue |= {key for key, at in work.times.items() if self._is_overdue(key, at)}
        if self.grows:
            self.seen = max((self.seen, *(int(key[0]) for key in work.times)))

    def _is_overdue(self, key: Key, at: float) -> bool:
        if self.grows:
            return int(key[0]) < self.seen
        return self.now - at > LATE_S


def _text(at: float) -> str:
    return datetime.fromtimestamp(round(at, 6), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

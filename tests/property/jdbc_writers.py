"""Writers who overlap, commit late, roll back, write what cannot be read, and whose clocks are off."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.property.jdbc_house import READABLE, WRITERS, House, Row, as_told, run

SKEW_S = 2
"""By how much the writers' clocks are off, where the late window bears it."""
IDS, SITES = 5, ("a", "b")
START = 1_720_000_000.0
POISON = "p" * 3 * READABLE
LOOSE_AT = "2024-01-01 00:00:00"

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
    window: float
    """The late window, in seconds."""
    seeds: int = 0
    """How many rows are there before anybody reads."""
    poison: float = 0.0
    deletes: float = 0.1
    """How often a row is written that cannot be read, and how often one is deleted instead."""
    grows: bool = False
    shows: bool = False
    late: bool = False
    behind: float = 0.0
    """By how many seconds their times are behind the database's clock: those of another zone."""
    now: float = START
    count: int = 0
    highest: int = 0
    mine: dict[int, list[int]] = field(default_factory=lambda: {each: [-1 - each] for each in range(WRITERS)})
    """The ids that each has given away, where they grow; the first is no row's."""
    commits: list[tuple[int, float]] = field(default_factory=list)
    """(the highest id, when) of each commit, where they grow."""
    written: dict[int, Row] = field(default_factory=dict)
    """Every row that was ever written, by its x (which only rows without a key have in common)."""
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
        if self.seeds:
            self._seed()

    def _seed(self) -> None:
        rows = [self._row(self._site(), id_, self._time(id_ % WRITERS)) for id_ in range(self.seeds)]
        self.house.keep(f"INSERT INTO {self.shape} (site, id, x, word, at) VALUES {', '.join(rows)}")
        self.highest = self.seeds - 1
        for id_ in range(self.seeds):
            self.mine[id_ % WRITERS].append(id_)

    # -- one statement

    def write(self) -> None:
        writer = self._writer()
        work = self.work.setdefault(writer, Work(self.now))
        self._tell()
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
        values = self._row(site, id_, at, poison=self.poison)
        row = self.written[self.count]
        change = f"UPDATE {self.shape} SET x = {row.x}, word = {_quoted(row.word)}, at = {at}"
        if self.grows or not self._sql(writer, f"{change} WHERE {self._where(site, id_)}"):
            self._sql(writer, f"INSERT INTO {self.shape} (site, id, x, word, at) VALUES {values}")
        work.times[key] = self._latest
        work.poisoned[key] += row.poison

    def _row(self, site: str, id_: int, at: str, poison: float = 0.0) -> str:
        """Its SQL; it is the last that was `written`."""
        self.count += 1
        word = POISON if self.chance.random() < poison else word_of(self.count)
        told = "" if self.house.time else as_told(_text(self._latest))
        self.written[self.count] = Row(site, id_, self.count, word, told)
        return f"('{site}', {id_}, {self.count}, {_quoted(word)}, {at})"

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
            row = f"('{site}', {id_}, {x}, {_quoted(word_of(1))}, '{LOOSE_AT}')"
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
            return self.chance.randrange(max(IDS, self.seeds // WRITERS + 2)) * WRITERS + writer
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
        off = off if self.window > SKEW_S else 0
        if self.behind:  # no clock of the database keeps those that are ahead from being read early
            off = min(off, 0)
        self._latest = self.now + off
        if time:
            now = time.second if self.chance.random() < 0.3 else time.now
            return f"{now} - INTERVAL '{-off}' SECOND"
        return f"'{_text(self._latest)}'"

    def tick(self, seconds: float) -> None:
        """No row is committed more than the late window after its time, unless that may be or is seen."""
        then = round(self.now + seconds, 3)
        for writer, work in list(self.work.items()):
            overdue = any(self._is_overdue(key, at, then) for key, at in work.times.items())
            if overdue and not (self.shows or self.late):
                self.end(writer, keep=True)
        self.now = then
        self._tell()

    def _tell(self) -> None:
        oldest = min((each.began for each in self.work.values()), default=None)
        self.house.tell(self.now + self.behind, oldest if self.shows else None)

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
            self.overdue |= {key for key, at in work.times.items() if self._is_overdue(key, at, self.now)}
        if self.grows and work.times:
            self.commits.append((max(int(key[0]) for key in work.times), self.now))

    def _is_overdue(self, key: Key, at: float, now: float) -> bool:
        """Where ids grow, the window is that of the first larger one that others saw."""
        if not self.grows:
            return now - at > self.window
        return any(id_ > int(key[0]) and round(now - when, 3) >= self.window for id_, when in self.commits)


def word_of(x: int) -> str | None:
    return f"w{x}" if x % 5 else None


def _quoted(word: str | None) -> str:
    return "NULL" if word is None else f"'{word}'"


def _text(at: float) -> str:
    return datetime.fromtimestamp(round(at, 6), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

"""Random lives of a JDBC connector under the real engine: what Kafka has in the end is the table.

Writers begin, write, commit late, roll back, write what cannot be read, and have clocks that are off;
between any two of their steps the engine reads and publishes, Kafka fails, the process ends, a connection is
lost. The databases are real; Kafka is in memory (bridge.testing.simulation), and a committed record is all
that a new life knows. `live` makes everything from one seed.
"""

from __future__ import annotations

import json
import random
import sys
import time as wall
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jpype
from structlog.testing import capture_logs

from bridge.deadletters import DeadLetter, parse
from bridge.positions import RESNAPSHOT, STREAM
from bridge.testing.fakes import FakeKafka, Record
from bridge.testing.simulation import Clock, Engine
from bridge.testing.verifying import verified
from connectors.jdbc import JdbcConnector, jvm, polls, session, sockets
from connectors.jdbc.modes.images import COMPLETE
from tests.property.jdbc_again import Order, ended
from tests.property.jdbc_house import READABLE, SHAPES, WRITERS, House
from tests.property.jdbc_judge import Evidence
from tests.property.jdbc_writers import SKEW_S, Writers
from tests.property.living import PASS_S, Acts, Outcome, Process, Source, folder, happen, settings

GROWING = "incrementing"
BY_TIME = {"timestamp": ("at",), "timestamp+incrementing": ("at", "id")}
MODES = (GROWING, *BY_TIME, "images", "query", "snapshot")
"""`query`: a SELECT read in any of the modes before; `snapshot`: before one of those that can have it."""
STEPS, SEEDS = (20, 70), (20, 60)
"""How much happens, and how many rows there are before a snapshot."""
PATIENCE = 100
"""So many passes it may take to catch up."""
TICKS_S, INSTANT_S = (0.4, 1, 3, 60), 0.001
WINDOWS_S = (0, 1, 3, 5, 60)
RESNAPSHOTS = "resnapshots"


class Database(Source[JdbcConnector]):
    """Whose sessions can be lost."""

    def lose(self, chance: random.Random) -> None:
        """The connection breaks, or a cursor is closed since no poll came for long."""
        lanes = self.open._lanes if self.open else None
        if lanes is None:
            return
        with suppress(jpype.JException):  # it may be lost already
            lanes.session.connection.close() if chance.random() < 0.5 else lanes.end()


@dataclass(frozen=True, slots=True)
class Way:
    """How a table is read, and what is done to it."""

    mode: str
    shape: str
    query: bool
    snapshot: bool
    late: bool
    """What commits after the late window is missed."""
    poison: float
    window: float
    """The late window, in seconds."""
    zone: str | None
    """Of the times, if anybody says it."""

    @classmethod
    def drawn(cls, mode: str, chance: random.Random) -> Way:
        query, snapshot = mode == "query", mode == "snapshot"
        growing = (GROWING, *BY_TIME)
        if query:
            mode, snapshot = chance.choice((*growing, "images")), chance.random() < 0.5
        elif snapshot:
            mode = chance.choice(growing)
        shapes = ["keyed"] if mode == GROWING else [each for each in SHAPES if each != "loose"]
        if mode == "images" and not query:
            shapes.append("loose")
        shape = chance.choice(shapes)
        window = chance.choice(WINDOWS_S)
        late = mode != "images" and (chance.random() < 0.15 or (mode == GROWING and not window))
        poison = 0.0 if late or shape == "loose" else chance.choice((0.0, 0.001, 0.05, 0.3))
        zone = "UTC" if mode in BY_TIME and chance.random() < 0.5 else None
        return cls(mode, shape, query, snapshot and mode != "images", late, poison, window, zone)

    def seeds(self, chance: random.Random) -> int:
        """How many rows are there before anybody reads."""
        return chance.randint(*SEEDS) if self.snapshot else 0

    def options(self, house: House) -> dict[str, Any]:
        columns = [house.spelled(name) for name in BY_TIME.get(self.mode, ())]
        options: dict[str, Any] = {"mode": self.mode, "columns": columns, "max_value_bytes": READABLE}
        if self.mode != "images":
            options |= {"late_window": self.window, "snapshot": self.snapshot}
        if self.zone:
            options |= {"time_zone": self.zone}
        if self.query:
            key = [house.spelled(name) for name in SHAPES[self.shape]]
            options |= {"query": f"SELECT * FROM {self.shape}", "key": key}
        return options


class Life:
    """One history, from its seed to what it has cost."""

    def __init__(self, house: House, mode: str, seed: int, clock: Clock, folder: Path) -> None:
        self.chance = chance = random.Random(f"{mode} {seed}")
        self.began_ms = wall.time() * 1000 - 1
        self.house, self.way = house, Way.drawn(mode, chance)
        # A server shows its transactions: what is late by its clock is found all the same.
        late = self.way.late and (self.way.mode == GROWING or not house.time)
        shows = self.way.mode != GROWING and not late and (bool(house.time) or chance.random() < 0.5)
        strange = self.way.mode in BY_TIME and not (self.way.zone or shows or house.time)
        self.writers = Writers(
            house,
            self.way.shape,
            chance,
            self.way.window,
            self.way.seeds(chance),
            poison=self.way.poison,
            deletes=0.3 if self.way.mode == "images" else 0.1,
            grows=self.way.mode == GROWING,
            shows=shows,
            late=late,
            behind=chance.choice((0.0, 5 * 3600.0)) if strange else 0.0,
        )
        self.kafka, options = FakeKafka(), self.way.options(house)
        self.name = "query" if self.way.query else house.table(self.way.shape)
        self.source = Database(house.connectors(self.name, options))
        self.page = chance.choice((1, 2, 3, 7, 1000))
        told = settings(chance, "jdbc", confirm_deletes=chance.choice((1, 1, 2)))
        cache = folder / "erp.state"
        self.engine = Engine(self.kafka, self.source, clock, told, cache=cache)
        self.process = Process(self.engine, self.kafka, cache, chance)
        self.orders: dict[str, Order] = {}
        """Of resnapshots, by their time."""

    # -- what happens

    def run(self) -> Outcome:
        try:
            happen(self._acts(), self.chance, STEPS)
            kills = self.engine.lives
            outcome, done = self._outcome(), [*ended(self._resnapshots, self.orders)]
            hits = {RESNAPSHOTS: len(done)}
            return replace(outcome, kills=kills, hidden=self.process.hidden, hits=hits)
        finally:
            self.engine.restart()  # which closes the cache
            self.source.close()
            self.house.empty(self.way.shape)

    def _acts(self) -> Acts:
        chance, writers, process = self.chance, self.writers, self.process
        return {
            writers.write: 30,
            lambda: writers.end(keep=True): 14,
            lambda: writers.end(keep=False): 4,
            self._tick: 8,
            lambda: process.several(Engine.read): 12,
            lambda: process.several(Engine.publish): 10,
            process.works: 8,
            lambda: process.living(Engine.restart): 4,
            lambda: process.living(Engine.drain): 2,
            process.spoil: 1,
            process.fault: 4,
            lambda: self.source.lose(chance): 3,
            self._resnapshot: 6 if self.way.shape != "loose" else 0,
        }

    def _tick(self) -> None:
        """The edge of the late window is lived through."""
        edge = self.way.window - INSTANT_S, self.way.window
        self.process.works()  # what is open is passed over before, and asked for afterwards
        self.writers.tick(max(INSTANT_S, self.chance.choice((INSTANT_S, *edge, *TICKS_S))))
        self.process.works()

    def _resnapshot(self) -> None:
        """Each has a time of its own."""
        if self.name not in self.engine.schedule.streams or self.name in self.engine.task.resnapshots:
            return
        self.engine.clock.now += INSTANT_S
        order = Order.drawn(self.house, self.writers, self.chance)
        self.orders[str(self.engine.clock.now)] = order
        self.engine.resnapshot(self.name, *order.where(self.house))

    # -- what has become of it

    def _outcome(self) -> Outcome:
        self.kafka.faults.clear()
        for writer in range(WRITERS):
            self.writers.end(writer, keep=True)
        self.writers.tick(SKEW_S + 1)
        self.engine.resume()
        if not self._ends():
            return Outcome(lost=1, told=f"the resnapshot does not end: {self.engine.schedule.rereads}")
        if not self.process.catches_up(self.name, PATIENCE):
            return Outcome(lost=1, told="it does not catch up")
        self.engine.run((self.engine.settings.defaults.confirm_deletes or 1) * PASS_S)
        said = self._said
        self.engine.run(PASS_S)
        if reason := self.engine.parked(self.name):
            return Outcome(lost=1, told=f"parked: {reason}")
        return self._evidence(self._said - said).judged()

    def _ends(self) -> bool:
        """Whether the resnapshot does, if there is one."""
        for _ in range(PATIENCE):
            self.process.passes()
            if not self._resnapshots or self._resnapshots[-1].value is None:
                return True
        return False

    @property
    def _resnapshots(self) -> list[Record]:
        """What the orders were, how far each has come, and that it has ended."""
        records = self.kafka.committed(self.engine.positions.name)
        return [each for each in records if each.key == (RESNAPSHOT + self.name).encode()]

    def _evidence(self, restless: int) -> Evidence:
        source = self.source.open
        assert source is not None
        return Evidence(
            self.house,
            self.writers,
            self.name,
            self._topic,
            self._first_read,
            [
                letter
                for record in self._letters
                if isinstance(letter := parse(record.value or b""), DeadLetter)
            ],
            restless,
            verified(self.kafka, self.engine.settings, source),
            sees_deletes=self.way.mode == "images",
            began_ms=self.began_ms,
            resnapshots=[*ended(self._resnapshots, self.orders)],
        )

    @property
    def _first_read(self) -> range:
        """From the last place within the first reading of all there is to the first one after it.

        By the numbers of their transactions; what is between them can be of either.
        """
        if not (self.way.snapshot or self.way.mode == "images"):
            return range(0)
        records = self.kafka.committed(self.engine.positions.name)
        own = [each for each in records if each.key == (STREAM + self.name).encode() and each.value]
        places = [(each.transaction.number, json.loads(each.value or b"")["position"]) for each in own]
        over = (number for number, place in places if place and self._is_whole(place))
        end = min(over, default=sys.maxsize)
        return range(max((number for number, _ in places if number < end), default=0), end)

    def _is_whole(self, place: Any) -> bool:
        return place == COMPLETE if self.way.mode == "images" else "snapshot" not in place

    @property
    def _topic(self) -> list[Record]:
        return self.kafka.committed(f"erp.{self.name}")

    @property
    def _letters(self) -> list[Record]:
        return self.kafka.committed(self.engine.positions.letters)

    @property
    def _said(self) -> int:
        """How many events and dead letters there are."""
        return len(self._topic) + len(self._letters)


@contextmanager
def time() -> Iterator[Clock]:
    """A clock as lives want it; no thread a poll that watches how long it takes.

    The one thread of all lives stays one of Java's.
    """
    with (
        Clock() as clock,
        patch.object(session, "MOMENT_S", 0.0),
        patch.object(sockets.Fuse, "light"),
        patch.object(jvm, "detach"),
    ):
        yield clock


def live(house: House, mode: str, seed: int) -> Outcome:
    """The history of this seed."""
    with time() as clock, house.timed(), capture_logs(), folder() as place:
        life = Life(house, mode, seed, clock, place)
        with patch.object(polls, "PAGE_ROWS", life.page):
            return life.run()

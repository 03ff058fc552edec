"""Random lives of a JDBC connector under the real engine: what Kafka has in the end is the table.

Writers begin, write, commit late, roll back and have clocks that are off; between any two of their steps the
engine reads and publishes, Kafka fails, the process ends, a connection is lost. The databases are real; Kafka
is in memory (bridge.testing.simulation), and a committed record is all that a new life knows. `live` makes
everything from one seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import jpype
from structlog.testing import capture_logs

from bridge.config.options import ConnectorSettings, PrefetchOptions, StreamOptions, TransactionOptions
from bridge.errors import Stopped
from bridge.publisher import Fenced
from bridge.testing.fakes import Crash, FakeKafka, Fault, State
from bridge.testing.folding import Folded, folded
from bridge.testing.simulation import Clock, Engine
from connectors.jdbc import JdbcConnector, polls, session, sockets
from tests.property.jdbc_house import LATE_S, SKEW_S, WRITERS, House, Writers

MODES = ("incrementing", "timestamp", "timestamp+incrementing", "images")
STEPS = (20, 70)
PATIENCE = 50
TICKS_S = (0.001, 0.4, 1, 3, LATE_S, 60)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a life has cost; nothing, if all is well. `told` says more of it."""

    lost: int = 0
    doubled: int = 0
    false_deletes: int = 0
    told: str = ""
    kills: int = 0
    hidden: int = 0
    """Records that no committed consumer sees."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.false_deletes)


@dataclass
class Source:
    """What outlives a connector."""

    make: Callable[[], JdbcConnector]
    polls: tuple[object, ...] = ()
    open: JdbcConnector | None = None

    def connector(self) -> JdbcConnector:
        self.close()
        self.open = self.make()
        return self.open

    def close(self) -> None:
        """As the end of a process does."""
        if self.open is not None:
            self.open.close()

    def lose(self, chance: random.Random) -> None:
        """The connection breaks, or a cursor is closed since no poll came for long."""
        lanes = self.open._lanes if self.open else None
        if lanes is None:
            return
        with suppress(jpype.JException):  # it may be lost already
            lanes.session.connection.close() if chance.random() < 0.5 else lanes.end()


class Life:
    """One history, from its seed to what it has cost."""

    def __init__(self, house: House, mode: str, seed: int, clock: Clock, folder: Path) -> None:
        self.chance = chance = random.Random(f"{mode} {seed}")
        shows = bool(house.now) or chance.random() < 0.5
        self.writers = Writers(house, mode, chance, shows=shows)
        self.house, self.kafka = house, FakeKafka()
        options = self._options(house, mode)
        self.source = Source(lambda: house.connector(options, shows=shows))
        self.name = house.stream(options)
        self.page = chance.choice((1, 2, 3, 7, 1000))
        self.cache = folder / "erp.state"
        self.engine = Engine(self.kafka, self.source, clock, self._settings(), cache=self.cache)

    def _options(self, house: House, mode: str) -> dict[str, Any]:
        chance, name = self.chance, house.column
        columns = {
            "timestamp": [name("at")],
            "timestamp+incrementing": [name("at"), name("id")],
        }.get(mode, [])
        options: dict[str, Any] = {"mode": mode, "columns": columns}
        if mode != "images":
            options["snapshot"] = chance.random() < 0.5
            options["late_window"] = 60 if mode == "incrementing" else LATE_S
        if chance.random() < 0.2:
            options |= {"query": "SELECT * FROM t", "key": [name("id")]}
        return options

    def _settings(self) -> ConnectorSettings:
        chance = self.chance
        return ConnectorSettings(
            name="erp",
            kind="jdbc",
            defaults=StreamOptions(interval=1.0, max_delete=1.0, confirm_deletes=chance.choice((1, 1, 2))),
            discover_every=chance.choice((2.0, 60.0)),
            prefetch=PrefetchOptions(rows=chance.choice((1, 2, 5, 1000))),
            transaction=TransactionOptions(rows=chance.choice((1, 10, 1000))),
        )

    # -- what happens

    def run(self) -> Outcome:
        acts = self._acts()
        try:
            for _ in range(self.chance.randint(*STEPS)):
                (act,) = self.chance.choices(list(acts), list(acts.values()))
                act()
            kills = self.engine.lives
            return replace(self._outcome(), kills=kills, hidden=self._hidden)
        finally:
            self.engine.restart()  # which closes the cache
            self.source.close()
            self.house.empty()

    def _acts(self) -> dict[Callable[[], None], int]:
        chance, writers = self.chance, self.writers
        return {
            writers.write: 30,
            lambda: writers.end(keep=True): 14,
            lambda: writers.end(keep=False): 4,
            lambda: writers.tick(chance.choice(TICKS_S)): 8,
            lambda: self._several(Engine.read): 12,
            lambda: self._several(Engine.publish): 10,
            self._works: 8,
            lambda: self.living(Engine.restart): 4,
            lambda: self.living(Engine.drain): 2,
            self._spoil: 1,
            self._fault: 4,
            lambda: self.source.lose(chance): 3,
        }

    def _several(self, step: Callable[[Engine], None]) -> None:
        for _ in range(self.chance.randint(1, 4)):
            self.living(step)

    def _works(self) -> None:
        for _ in range(self.chance.randint(1, 12)):
            self.living(Engine.read)
            self.living(Engine.publish)

    def _spoil(self) -> None:
        self.living(Engine.restart)
        self.cache.write_bytes(self.chance.randbytes(40))

    def _fault(self) -> None:
        self.kafka.fail(self.chance.choice(list(Fault)), self.chance.randint(0, 12))

    def living(self, step: Callable[[Engine], None]) -> None:
        """One step of a process that may not survive it."""
        try:
            step(self.engine)
        except (Fenced, Crash):
            self.engine.restart()
        except Stopped:
            self.engine.drain()

    # -- what has become of it

    def _outcome(self) -> Outcome:
        self.kafka.faults.clear()
        for writer in range(WRITERS):
            self.writers.end(writer, keep=True)
        self.writers.tick(SKEW_S + 1)
        self.engine.resume()
        self._catch_up()
        said = len(self._events())
        self.engine.run(2)
        if reason := self.engine.parked(self.name):
            return Outcome(lost=1, told=f"parked: {reason}")
        return self._judged(len(self._events()) - said)

    def _catch_up(self) -> None:
        """Through back-offs and whatever is under way, then some passes more."""
        clock, name = self.engine.clock, self.name
        for _ in range(PATIENCE):
            began = clock.now
            while clock.now < began + 2:
                self.living(Engine.read)
                self.living(Engine.publish)
            stream = self.engine.schedule.streams.get(name)
            if stream and (stream.parked or (stream.current_at or 0) > began):
                break
        self.engine.run(2)

    def _judged(self, restless: int) -> Outcome:
        """`restless`: events without any change."""
        topic: Folded = folded(self._events(), self.house.column("id"))
        have = {key: row[self.house.column("x")] for (key,), row in topic.rows.items()}
        table = self.house.rows()
        lost = {key for key in table if have.get(key) != table[key]} | (have.keys() - table.keys())
        deleted = {event["before"][self.house.column("id")] for event in self._events() if event["op"] == "d"}
        false = deleted - self.writers.gone
        told = f"table {table}, topic {have}, events {self._events()}" if lost or false else ""
        return Outcome(len(lost), topic.doubled + restless, len(false), told)

    @property
    def _hidden(self) -> int:
        records = (record for records in self.kafka.topics.values() for record in records)
        return sum(record.transaction.state is not State.COMMITTED for record in records)

    def _events(self) -> list[dict[str, Any]]:
        records = self.kafka.committed(f"erp.{self.name}")
        return [json.loads(record.value) for record in records if record.value]


@contextmanager
def time() -> Iterator[Clock]:
    """A clock as lives want it; no thread a poll that watches how long it takes."""
    with Clock() as clock, patch.object(session, "MOMENT_S", 0.0), patch.object(sockets.Fuse, "light"):
        yield clock


def live(house: House, mode: str, seed: int) -> Outcome:
    """The history of this seed."""
    with time() as clock, capture_logs(), TemporaryDirectory() as folder:
        life = Life(house, mode, seed, clock, Path(folder))
        with patch.object(polls, "PAGE_ROWS", life.page):
            return life.run()

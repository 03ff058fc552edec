"""Random lives of an Oracle connector under the real engine: what Kafka has is what was committed.

Writers begin, write, change keys, move rows, commit late or roll back; between any two of their steps, and at
any call of the driver, the engine reads and publishes, Kafka fails, the process ends, the session is lost,
undo is overwritten, the table is shrunk. The database is a peer on a wire (bridge.testing.oracle), read by
the driver as it is; Kafka is in memory, and a committed record is all that a new life knows. `live` makes all
of it from one seed.
"""

from __future__ import annotations

import math
import random
import time as wall
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from structlog.testing import capture_logs

from bridge.config.options import OnGap
from bridge.contract import Ask, Batch, Position, Stream
from bridge.errors import BridgeError, GapError
from bridge.testing.fakes import FakeKafka, Record
from bridge.testing.simulation import Clock, Engine
from connectors.oracle import statements
from connectors.oracle.connector import OracleConnector
from connectors.oracle.modes import flashback, snapshot, stretches, versions
from tests.property.living import PASS_S, Acts, Outcome, Process, Source, folder, happen, settings
from tests.property.oracle_house import COLUMNS, SHAPES, House, is_whole
from tests.property.oracle_judge import Allowed, Judge
from tests.property.oracle_writers import WRITERS, Writers

MODES = ("flashback", "snapshot", "rescan", "cluster")
"""`flashback`: from now on; `snapshot`: what is there, before; `rescan`: that, and gaps; `cluster`: and late
commits."""
STEPS, SEEDS = (15, 60), (0, 25)
"""How much happens, and how many transactions there were before anybody reads."""
PATIENCE = 100
OVERLAP_S = 6.0
TICKS_S = (0.4, 1, 3, 8)
MOST_REFUSED = 3
"""So many chunks of a snapshot are too old."""
CHUNK = r"AS OF SCN :scn t.* ORDER BY t\.ROWID"
LOSSES = (3113, 28, 60, 1089, 12537)


class Database(Source[OracleConnector]):
    """Whose sessions can grow old."""

    def release(self) -> None:
        """What is open grows old."""
        if self.open is not None and self.open._readings is not None:
            self.open._readings.release()


@dataclass(frozen=True, slots=True)
class Way:
    """How a table is read."""

    mode: str
    shape: str
    before: bool
    large: int
    """See versions.LARGE."""
    chunked: bool
    rests: bool
    """No cursor stays open from one poll to the next."""

    @classmethod
    def drawn(cls, mode: str, chance: random.Random) -> Way:
        shape = chance.choice(("keyed", "pair"))
        before, chunked, rests = (chance.random() < 0.5 for _ in range(3))
        return cls(mode, shape, before, chance.choice((0, 1, 4)), chunked, rests)

    @property
    def overlap(self) -> float:
        return OVERLAP_S if self.mode == "cluster" else 0.0

    @property
    def options(self) -> dict[str, Any]:
        known = {"mode": "flashback", "before": self.before, "overlap": self.overlap}
        return known | {"snapshot": self.mode != "flashback"}

    @property
    def on_gap(self) -> OnGap:
        return OnGap.RESCAN if self.mode == "rescan" else OnGap.PARK


class Life:
    """One history, from its seed to what it has cost."""

    def __init__(self, house: House, mode: str, seed: int, clock: Clock, folder: Path) -> None:
        self.chance = chance = random.Random(f"{mode} {seed}")
        self.house, self.clock = house, clock
        self.way = way = Way.drawn(mode, chance)
        store = house.peer.store
        store.per_change, store.split_keys = chance.random() < 0.5, chance.random() < 0.3
        store.reuse = chance.random() < 0.8
        self.ahead_ns = 0
        """How far the database's clock is ahead of ours."""
        store.clock = lambda: wall.time_ns() + self.ahead_ns
        self.table = house.table(f"T_{way.shape}".upper(), COLUMNS, SHAPES[way.shape])
        self.moves = self.table.row_movement = chance.random() < 0.2
        self.name = f"{self.table.owner}.{self.table.name}"
        self.writers = Writers(
            store,
            self.table,
            way.shape,
            chance,
            lambda: clock.now,
            late=way.overlap,
            numbers=chance.choice((4, 12, 60)),
        )
        for _ in range(chance.randint(*SEEDS)):
            self.writers.write()
            self.writers.end(keep=True)
        self.hits = Counter[str]()
        self.source = Database(self._connector)
        self.kafka = FakeKafka()
        cache, told = folder / "erp.state", settings(chance, "oracle", on_gap=way.on_gap)
        self.engine = Engine(self.kafka, self.source, clock, told, cache=cache)
        self.process = Process(self.engine, self.kafka, cache, chance)
        self.begins = 0
        """The SCN from which on all was read."""
        self.anew: dict[int, int] = {}
        """Commits that were told within a reading of all rows, and when that began."""
        self.refused = 0
        for _ in range(chance.choice((0, 1, 2, 3)) if way.mode != "flashback" else 0):
            self._age()
        self.resnapshots = 0

    def _connector(self) -> OracleConnector:
        made, life = self.house.connector(self.name, self.way.options), self

        class Watched(type(made)):  # type: ignore[misc]
            def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
                try:
                    batch: Batch = super().poll(stream, position, ask)
                except BridgeError as error:
                    life.hits["gaps" if isinstance(error, GapError) else "errors"] += 1
                    raise
                life._note(position, batch)
                return batch

        return Watched(made.config)

    def _note(self, position: Position | None, batch: Batch) -> None:
        self.hits["polls"] += 1
        if position is None:
            self.begins = batch.position["scn"]
        if isinstance(position, dict) and "behind" in position:
            for changes in batch.changes:
                assert changes.source is not None
                self.anew.update(dict.fromkeys(changes.source["scn"].to_pylist(), self.begins))
        if isinstance(batch.position, dict):
            self.hits["parts"] += "within" in batch.position
            self.hits["renewals"] += "behind" in batch.position

    # -- what happens

    def run(self) -> Outcome:
        try:
            with self.house.deadly():
                happen(self._acts(), self.chance, STEPS)
                kills = self.engine.lives
                return replace(self._outcome(), kills=kills, hidden=self.process.hidden, hits=self.hits)
        finally:
            self.house.calm()
            self.engine.restart()  # which closes the cache
            self.source.close()
            for writer in range(WRITERS):
                self.writers.end(writer, keep=False)
            self.house.calm()

    def _acts(self) -> Acts:
        chance, writers, process = self.chance, self.writers, self.process
        loses = self.way.mode == "rescan"
        return {
            writers.write: 30,
            lambda: writers.end(keep=True): 16,
            lambda: writers.end(keep=False): 3,
            self._tick: 4,
            lambda: process.several(Engine.read): 12,
            lambda: process.several(Engine.publish): 10,
            process.works: 10,
            lambda: process.living(Engine.restart): 3,
            lambda: process.living(Engine.drain): 2,
            process.spoil: 1,
            process.fault: 4,
            self._die: 5,
            lambda: self._lose(chance): 3,
            self.source.release: 3,
            self._age: 2,
            self._forget: 4 if loses else 0,
            self._resnapshot: 2,
            self._shrink: 2,
        }

    def _tick(self) -> None:
        self.clock.now += self.chance.choice(TICKS_S)
        self.house.peer.bury()
        self.writers.look()

    def _die(self) -> None:
        """At a call of the driver, soon."""
        self.house.calls_to_death = self.chance.randint(1, 15)
        self.process.works()
        self.hits["deaths at a call"] += not self.house.calls_to_death
        self.house.calls_to_death = 0

    def _lose(self, chance: random.Random) -> None:
        """The session."""
        if chance.random() < 0.3:
            self.house.peer.kill()
        else:
            self.house.peer.switches.refuse(
                "versions|AS OF|SCN", chance.choice(LOSSES), after=chance.randint(0, 3)
            )

    def _age(self) -> None:
        """The undo of a snapshot's SCN is gone; that of the changes since is not."""
        if self.refused < MOST_REFUSED:
            self.refused += 1
            self.house.peer.switches.refuse(CHUNK, 1555, after=self.chance.randint(0, 4))

    def _forget(self) -> None:
        """All undo up to a while ago is overwritten, and perhaps before what was committed since was read."""
        for writer in range(self.chance.choice((0, 2, WRITERS))):
            self.writers.write()
            self.writers.end(writer, keep=True)
        store = self.house.peer.store
        store.forget(
            max(1, store.scn - self.chance.choice((0, 1, 3, 10))), code=self.chance.choice((1555, 30052))
        )
        self.hits["undo expired"] += 1

    def _resnapshot(self) -> None:
        progress = self.engine.schedule.streams.get(self.name)
        if progress is None or progress.committed is None or self.name in self.engine.task.resnapshots:
            return
        where = ["ID=2..7"] if self.chance.random() < 0.5 else []
        self.engine.resnapshot(self.name, *where)
        self.resnapshots += 1

    def _shrink(self) -> None:
        """Rows move, and no version tells. When rows were allowed to move is known by the second."""
        self.ahead_ns += 1_000_000_000
        store = self.house.peer.store
        if not self.table.row_movement:
            store.enable_row_movement(self.table)
        store.shrink(self.table)
        if self.chance.random() < 0.5:
            store.enable_row_movement(self.table, on=False)
        self.hits["shrinks"] += 1

    # -- what has become of it

    def _outcome(self) -> Outcome:
        self.kafka.faults.clear()
        self.house.calm()
        for writer in range(WRITERS):
            self.writers.end(writer, keep=True)
        self.engine.resume()
        self._catch_up()
        said = len(self._topic)
        self.engine.run(PASS_S)
        if reason := self.engine.parked(self.name) or self.engine.reader.parked:
            return Outcome(lost=1, told=f"parked: {reason}")
        shrunk = self.refused > 0 and (self.moves or self.hits["shrinks"] > 0)
        allowed = Allowed(
            gaps=self.way.mode == "rescan",
            renewals=self.refused > 0,
            again=self.resnapshots > 0 or shrunk,
            begins=self.begins if self.way.mode == "flashback" else None,
            shrunk=shrunk,
            anew=self.anew,
        )
        judge = Judge(self.way.shape, self.writers.histories(), self._topic, allowed)
        return judge.outcome(len(self._topic) - said)

    def _catch_up(self) -> None:
        ripe, quiet = math.inf, 0
        for _ in range(PATIENCE):
            whole = is_whole(self.process, self.name)
            quiet += whole  # a query may have been open since before the last commit
            if whole:  # a snapshot begins once the overlap is over
                ripe = min(ripe, self.clock.now + 2 * self.way.overlap)
            if whole and quiet > 1 and self.clock.now >= ripe and not self.engine.task.resnapshots:
                break
            self.clock.now += self.chance.choice((0.0, 1.0, OVERLAP_S))

    @property
    def _topic(self) -> list[Record]:
        return self.kafka.committed(f"erp.{self.name}")


class Seconds:
    """Stands where the connector's `time` does: overlaps are measured by the clock of the life."""

    monotonic = staticmethod(wall.monotonic)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.now


@contextmanager
def time(way: Way) -> Iterator[Clock]:
    """A clock as lives want it; tables of a few rows are as large ones elsewhere."""
    with Clock() as clock, ExitStack() as stack:
        for module in (flashback, snapshot):
            stack.enter_context(patch.object(module, "time", Seconds(clock)))
        stack.enter_context(patch.object(versions, "LARGE", way.large))
        if way.chunked:
            stack.enter_context(patch.object(stretches, "CHUNK_ROWS", 0))
            stack.enter_context(patch.object(statements, "PREFIX", 15))
        for module in (flashback, stretches) if way.rests else ():
            stack.enter_context(patch.object(module, "REST_S", 0.0))
        yield clock


def live(house: House, mode: str, seed: int) -> Outcome:
    """The history of this seed."""
    way = Way.drawn(mode, random.Random(f"{mode} {seed}"))
    with time(way) as clock, capture_logs(), folder() as place, house.reached(seed):
        return Life(house, mode, seed, clock, place).run()

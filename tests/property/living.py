"""What random lives of all connectors share: a process that may die at any step, and what a life has cost."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bridge.config.options import ConnectorSettings, PrefetchOptions, StreamOptions, TransactionOptions
from bridge.contract import Connector
from bridge.errors import Stopped
from bridge.publisher import Fenced
from bridge.testing.fakes import Crash, FakeKafka, Fault, State
from bridge.testing.simulation import Engine

SEED_VARIABLE = "BRIDGE_SEED"
"""Repeats a run, or a life that has failed."""
PASS_S = 1.1
"""A pass over a source is begun each second."""
MEMORY = Path("/dev/shm")
"""Where files are not synced to a disk, if there is such a place."""
COUNTS = ("lost", "doubled", "false_deletes", "disordered", "odd", "overdue", "refused")

type Said = Callable[[str, object], None]
"""pytest's record_property: the end of the run shows what was `said`."""
type Acts = Mapping[Callable[[], None], int]
"""What may happen next, by how often it does."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Nothing, if all is well. `told` says more of it."""

    lost: int = 0
    doubled: int = 0
    false_deletes: int = 0
    disordered: int = 0
    """Events of a key that are not in the order of its changes."""
    odd: int = 0
    """Records that are not what their change asks for."""
    told: str = ""
    overdue: int = 0
    """Rows that came after the late window, and are missed: `verify` has said so."""
    refused: int = 0
    """Dead letters."""
    kills: int = 0
    hidden: int = 0
    """Records that no committed consumer sees."""
    hits: Mapping[str, int] = field(default_factory=dict)
    """What has happened, and how often."""

    def __add__(self, other: Outcome) -> Outcome:
        """Of another stream of the same life."""
        counts = (getattr(self, name) + getattr(other, name) for name in COUNTS)
        told = "; ".join(filter(None, (self.told, other.told)))
        return Outcome(**dict(zip(COUNTS, counts, strict=True)), told=told)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.false_deletes or self.disordered or self.odd)


@dataclass
class Source[C: Connector]:
    """What outlives a connector."""

    make: Callable[[], C]
    polls: tuple[object, ...] = ()
    open: C | None = None

    def connector(self) -> C:
        self.close()
        self.open = self.make()
        return self.open

    def close(self) -> None:
        """As the end of a process does."""
        if self.open is not None:
            self.open.close()


def survives(engine: Engine, step: Callable[[Engine], None]) -> bool:
    """Whether a process lives through a step."""
    try:
        step(engine)
    except (Fenced, Crash):
        return False
    except Stopped:
        engine.drain()
    return True


@dataclass
class Process:
    """A worker's engine; whoever dies begins anew, and knows what Kafka has, and nothing else."""

    engine: Engine
    kafka: FakeKafka
    cache: Path
    chance: random.Random
    most: int = 12
    """Rounds of one piece of work."""

    def living(self, step: Callable[[Engine], None]) -> None:
        if not survives(self.engine, step):
            self.dies()

    def dies(self) -> None:
        self.engine.restart()

    def goes_on(self) -> None:
        self.living(Engine.read)
        self.living(Engine.publish)

    def works(self) -> None:
        for _ in range(self.chance.randint(1, self.most)):
            self.goes_on()

    def several(self, step: Callable[[Engine], None]) -> None:
        for _ in range(self.chance.randint(1, 4)):
            self.living(step)

    def spoil(self) -> None:
        """The cache of what is known of rows."""
        self.living(Engine.restart)
        self.cache.write_bytes(self.chance.randbytes(40))

    def fault(self) -> None:
        """Of Kafka, soon."""
        self.kafka.fail(self.chance.choice(list(Fault)), self.chance.randint(0, 12))

    def passes(self) -> float:
        """Live through a pass; when it began."""
        began = self.engine.clock.now
        while self.engine.clock.now < began + PASS_S:
            self.goes_on()
        return began

    def catches_up(self, stream: str, most: int) -> bool:
        """Whether it has, after so many passes at the most, all that there is now.

        Each is measured by this moment: polls in step with the passes would begin too early for every one.
        """
        now = self.engine.clock.now
        for _ in range(most):
            self.passes()
            if self.caught_up(stream, now):
                return True
        return False

    def caught_up(self, stream: str, since: float) -> bool:
        """Whether it has all that there was by then, or is parked for good."""
        known = self.engine.schedule.streams.get(stream)
        return bool(known and (known.parked or (known.current_at or 0) > since))

    @property
    def hidden(self) -> int:
        records = (record for records in self.kafka.topics.values() for record in records)
        return sum(record.transaction.state is not State.COMMITTED for record in records)


def happen(acts: Acts, chance: random.Random, steps: tuple[int, int]) -> None:
    for _ in range(chance.randint(*steps)):
        (act,) = chance.choices(list(acts), list(acts.values()))
        act()


def settings(chance: random.Random, kind: str, name: str = "erp", **defaults: Any) -> ConnectorSettings:
    """Of a connector with queues and transactions of any size."""
    return ConnectorSettings(
        name=name,
        kind=kind,
        defaults=StreamOptions(**{"interval": 1.0, "max_delete": 1.0, **defaults}),
        discover_every=chance.choice((2.0, 60.0)),
        prefetch=PrefetchOptions(rows=chance.choice((1, 2, 5, 1000))),
        transaction=TransactionOptions(rows=chance.choice((1, 10, 1000))),
        max_rejects=1.0,
    )


@contextmanager
def folder() -> Iterator[Path]:
    """For what a life keeps on disk."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made)


def all_end_well(
    what: str, live: Callable[[int], Outcome], seconds: float, said: Said, telling: Sequence[str] = ()
) -> tuple[int, Counter[str]]:
    """For so long lives of one seed after the other; how many, and what has happened in them."""
    first = int(os.environ.get(SEED_VARIABLE) or random.randrange(1_000_000))
    seed, deadline, hits = first, time.monotonic() + seconds, Counter[str]()
    while seed == first or time.monotonic() < deadline:
        outcome = live(seed)
        assert outcome.clean, f"{what}, {SEED_VARIABLE}={seed}: {outcome}"
        hits.update(outcome.hits)
        seed += 1
    told = [f"{hits[name]} {name}" for name in telling]
    said("said", ", ".join([f"{what}: {seed - first} lives", *told, f"{SEED_VARIABLE}={first}"]))
    return seed - first, hits

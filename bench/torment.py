"""One round of a soak run: daemons on fresh systems, killed in every way; then every row is accounted for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

from bench.audit import Audit
from bridge.testing.daemon import DaemonProcess
from bridge.testing.kafka import KafkaBroker
from bridge.testing.killing import DEATHS, PLAN_VARIABLE, Plan, Step
from bridge.testing.sqlite_source import SqliteSource

KILLING = ("-m", "bridge.testing.killing", "run")
DAEMONS, SYSTEMS = 2, 3
"""Daemons a round, and systems a daemon."""
PARTITIONS = 3
SUPERVISORS, RESTARTS = 0.12, 0.04
"""The shares of kills that hit a supervisor, and the broker; the others hit workers at chosen steps."""
PATIENCE_S = 90.0
"""Without any progress for so long, what is missing is lost."""
QUICK = {"reconnect.backoff.max.ms": 500}


@dataclass(frozen=True)
class Until:
    """When a run has done enough: the first of these counts; histories are those of each mode."""

    kills: int
    histories: int
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """What a round has shown; `hidden` are records on the broker that no committed consumer sees."""

    kills: int = 0
    histories: int = 0
    lost: int = 0
    doubled: int = 0
    false_deletes: int = 0
    rows: int = 0
    hidden: int = 0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def __str__(self) -> str:
        return " ".join(f"{each.name}={getattr(self, each.name)}" for each in fields(self))

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.false_deletes)


class Torment:
    """Everything a round needs, made of its seed."""

    def __init__(self, folder: Path, broker: KafkaBroker, seed: int, kills: int) -> None:
        self._broker, self._chance = broker, random.Random(seed)
        systems = [f"erp-{seed}-{number}" for number in range(DAEMONS * SYSTEMS)]
        folder.mkdir(parents=True)
        self.sources = {name: SqliteSource(folder / f"{name}.db") for name in systems}
        self._audit = Audit(broker.address, {name: f"{name}.orders" for name in systems})
        self._kills = max(kills, DAEMONS)
        self._supervisors, self._restarts = (round(self._kills * share) for share in (SUPERVISORS, RESTARTS))
        self._plans = [Plan(folder / f"plan-{number}") for number in range(DAEMONS)]
        self._daemons = [self._daemon(folder, number, systems[number::DAEMONS]) for number in range(DAEMONS)]
        self._supervisors_killed = self._broker_killed = 0

    def _daemon(self, folder: Path, number: int, systems: Sequence[str]) -> DaemonProcess:
        interval = self._chance.choice(("10ms", "50ms", "200ms"))
        connectors = {name: self._connector(name, interval) for name in systems}
        return DaemonProcess(
            folder / f"daemon-{number}", self._broker.address, connectors, name=f"soak-{number}", kafka=QUICK,
            daemon={"restarts": 1_000_000},
            extra={"topics": {"on_missing": "create", "partitions": PARTITIONS}},
            environment={PLAN_VARIABLE: str(folder / f"plan-{number}")}, command=KILLING,
        )  # fmt: skip

    def _connector(self, name: str, interval: str) -> dict[str, Any]:
        path = str(self.sources[name].path)
        return {"kind": "sqlite", "path": path, "interval": interval, "streams": {"orders": {}}}

    def run(self, stop: Event) -> Verdict:
        """Kill, let it settle, count."""
        workers = self._kills - self._supervisors - self._restarts
        for number, plan in enumerate(self._plans):
            plan.write(self._deaths(workers // DAEMONS + (number < workers % DAEMONS)))
        with ExitStack() as stack:
            self._audit.start()
            stack.callback(self._audit.stop)
            for daemon in self._daemons:
                daemon.start()
                stack.callback(daemon.stop)
            with self._writing():
                self._torment(stop)
            rows = {name: len(source.ids()) for name, source in self.sources.items()}
            self._audit.settle(rows, PATIENCE_S)
        return self._verdict(rows)

    def _deaths(self, count: int) -> list[tuple[Step, int]]:
        steps = [DEATHS[number % len(DEATHS)] for number in range(count)]
        self._chance.shuffle(steps)
        return [
            (step, self._chance.randint(200, 2_500) if step is Step.ANY_TIME else self._chance.randint(1, 6))
            for step in steps
        ]

    def _torment(self, stop: Event) -> None:
        """Supervisors and the broker go down while workers die by their plans, spread over all of it."""
        blows = self._blows()
        before = self._left
        for number, blow in enumerate(blows):
            self._wait_for_deaths(before * (1 - (number + 1) / (len(blows) + 1)), stop)
            if not stop.wait(self._chance.uniform(0.0, 1.0)):
                blow()
        self._wait_for_deaths(0, stop)
        stop.wait(3.0)  # for the last of them to be died

    def _blows(self) -> list[Callable[[], None]]:
        supervisors = [
            partial(self._kill_supervisor, self._chance.choice(self._daemons))
            for _ in range(self._supervisors)
        ]
        restarts = [partial(self._restart_broker, number % 2 == 0) for number in range(self._restarts)]
        blows: list[Callable[[], None]] = [*supervisors, *restarts]
        self._chance.shuffle(blows)
        return blows

    @property
    def _left(self) -> int:
        return sum(plan.left for plan in self._plans)

    def _wait_for_deaths(self, left_over: float, stop: Event) -> None:
        """Until so many are left, or nobody has died for so long that something must be wrong."""
        left, since = self._left, time.monotonic()
        while left > left_over and not stop.wait(0.1) and time.monotonic() - since < PATIENCE_S:
            if self._left != left:
                left, since = self._left, time.monotonic()

    def _kill_supervisor(self, daemon: DaemonProcess) -> None:
        daemon.kill()
        self._supervisors_killed += 1
        time.sleep(self._chance.uniform(0.0, 0.5))
        daemon.start()

    def _restart_broker(self, hard: bool) -> None:  # noqa: FBT001
        self._broker.kill() if hard else self._broker.stop()
        self._broker_killed += 1
        time.sleep(self._chance.uniform(0.0, 2.0))
        self._broker.start()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Small transactions into every source, for as long as the block runs."""
        stop = Event()
        chance = random.Random(self._chance.random())

        def write() -> None:
            while not stop.wait(0.05):
                for source in self.sources.values():
                    source.insert(chance.randint(1, 20))

        thread = Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _verdict(self, rows: Mapping[str, int]) -> Verdict:
        found = self._audit.histories.values()
        died = sum(daemon.killed() for daemon in self._daemons)
        return Verdict(
            kills=died + self._supervisors_killed + self._broker_killed,
            histories=len(found),
            lost=sum(self._audit.missing(rows).values()),
            doubled=sum(each.doubled for each in found),
            false_deletes=sum(each.false_deletes for each in found),
            rows=sum(rows.values()),
            hidden=self._audit.uncommitted - self._audit.committed,
        )

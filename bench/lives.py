"""A soak run of the JDBC connector: random lives of each mode on each database, a process a processor.

A kill is the end of a life here, at any step, and what comes after it knows Kafka alone; workers of their own
are killed by the spine's run, and by tests/e2e/test_jdbc.py.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event as Ended
from queue import Empty
from threading import Event

from bench.torment import Until, Verdict
from bridge.testing.databases import DatabaseError, DatabaseServer, MariaServer, PostgresServer
from tests.property import jdbc_house
from tests.property.jdbc_house import House
from tests.property.jdbc_judge import Outcome
from tests.property.jdbc_lives import MODES, live

ON_SERVERS = 30
"""One life in so many is lived on a server, too; H2 is faster."""
SAY_S, LOOK_S = 60.0, 1.0


@dataclass(frozen=True, slots=True)
class Lived:
    """A life, or why there are no more (`trouble`)."""

    database: str = ""
    mode: str = ""
    seed: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    took_s: float = 0.0
    trouble: str = ""


@dataclass
class Tally:
    """What all lives together have shown."""

    total: Verdict = field(default_factory=Verdict)
    lives: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By database and mode, and so is `took_s`."""
    took_s: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    refused: int = 0
    overdue: int = 0

    def add(self, lived: Lived) -> None:
        outcome = lived.outcome
        if not outcome.clean:
            print(f"{lived.database} {lived.mode}, seed {lived.seed}: {outcome}", flush=True)
        amiss = outcome.doubled + outcome.disordered + outcome.odd
        cost = (outcome.lost, amiss, outcome.false_deletes)
        self.total += Verdict(outcome.kills, 1, *cost, hidden=outcome.hidden)
        self.lives[lived.database, lived.mode] += 1
        self.took_s[lived.database, lived.mode] += lived.took_s
        self.refused += outcome.refused
        self.overdue += outcome.overdue

    def say(self, took_s: float) -> None:
        for database in dict.fromkeys(database for database, _ in self.lives):
            print(f"{database}: {', '.join(self._mode(database, mode) for mode in MODES)}")
        print(
            f"{self.total.histories} lives in {took_s:.0f} s, {self.total.kills} deaths; "
            f"{self.refused} dead letters, {self.overdue} rows that came too late and verify reports",
            flush=True,
        )

    def _mode(self, database: str, mode: str) -> str:
        number, took_s = self.lives[database, mode], self.took_s[database, mode]
        return f"{mode} {number} at {1000 * took_s / max(number, 1):.0f} ms"


def soak(until: Until, seed: int, stop: Event) -> Verdict:
    """Lives until there are enough; one that costs something is the last."""
    context, tally, began = get_context("spawn"), Tally(), time.monotonic()
    ended: Ended = context.Event()
    results: Queue[Lived] = context.Queue()
    count = os.cpu_count() or 1
    shares = [range(seed + number, seed + until.histories, count) for number in range(count)]
    processes = [context.Process(target=_live_on, args=(share, ended, results)) for share in shares]
    for process in processes:
        process.start()
    try:
        said = began
        for lived in _results(results, processes):
            tally.add(lived)
            now = time.monotonic()
            if now - said > SAY_S:
                said = now
                tally.say(now - began)
            over = now > began + until.seconds or tally.total.kills >= until.kills
            if over or stop.is_set() or not tally.total.clean:
                break
    finally:
        ended.set()
        for process in processes:
            process.join()
    tally.say(time.monotonic() - began)
    return tally.total


def _results(results: Queue[Lived], processes: Sequence[BaseProcess]) -> Iterator[Lived]:
    """Until each process has said that it has no more. Errors: DatabaseError."""
    done = 0
    while done < len(processes):
        try:
            lived = results.get(timeout=LOOK_S)
        except Empty:
            if any(process.exitcode for process in processes):
                raise DatabaseError("a process of this run has died") from None
            continue
        if lived.trouble:
            raise DatabaseError(lived.trouble)
        if lived.mode:
            yield lived
        else:
            done += 1


def _live_on(seeds: Sequence[int], ended: Ended, results: Queue[Lived]) -> None:
    """The lives of one process, with databases of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's: it says when to end
    os.environ["TEST_PASSWORD"] = DatabaseServer.password
    try:
        with ExitStack() as stack:
            servers = [stack.enter_context(kind()) for kind in (PostgresServer, MariaServer)]
            houses = [jdbc_house.h2(), *map(jdbc_house.of, servers)]
            for house in houses:
                stack.callback(house.close)
            for house, mode, seed in _lives(houses, seeds):
                if ended.is_set():
                    break
                began = time.monotonic()
                outcome = live(house, mode, seed)
                results.put(Lived(house.name, mode, seed, outcome, time.monotonic() - began))
        results.put(Lived())
    except Exception as error:  # noqa: BLE001 -- told where it is heard
        results.put(Lived(trouble=f"{type(error).__name__}: {error}"))
    results.cancel_join_thread() if ended.is_set() else results.close()


def _lives(houses: Sequence[House], seeds: Sequence[int]) -> Iterator[tuple[House, str, int]]:
    h2, *servers = houses
    for number, seed in enumerate(seeds):
        for mode in MODES:
            yield h2, mode, seed
            for turn, house in enumerate(servers):
                if number % ON_SERVERS == turn:
                    yield house, mode, seed

"""Random lives, in processes of their own: until there are enough, or one of them has cost something."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event as Ended
from queue import Empty
from threading import Event

from bench.torment import Until, Verdict

SAY_S, LOOK_S = 60.0, 1.0


class SwarmError(Exception):
    """A process has failed, or has died: nothing is proved."""


@dataclass(frozen=True, slots=True)
class Lived:
    """A life, or why there are no more (`trouble`). `told`: what it has cost, for who looks into it."""

    where: str = ""
    mode: str = ""
    seed: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    counts: Mapping[str, int] = field(default_factory=dict)
    """What else has happened, by what to call it."""
    told: str = ""
    took_s: float = 0.0
    trouble: str = ""


type Lives = Callable[[Sequence[int]], Generator[Lived]]
"""The lives of one process, of these seeds, with a source of its own. A function that can be sent there."""


@dataclass
class Tally:
    """What all lives together have shown."""

    total: Verdict = field(default_factory=Verdict)
    lives: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By where and mode, and so is `took_s`."""
    took_s: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, lived: Lived) -> None:
        if not lived.verdict.clean:
            print(f"{lived.where} {lived.mode}, seed {lived.seed}: {lived.told}", flush=True)
        self.total += lived.verdict
        self.lives[lived.where, lived.mode] += 1
        self.took_s[lived.where, lived.mode] += lived.took_s
        self.counts.update(lived.counts)

    def say(self, took_s: float) -> None:
        for where in dict.fromkeys(where for where, _ in self.lives):
            modes = sorted(mode for place, mode in self.lives if place == where)
            print(f"{where}: {', '.join(self._mode(where, mode) for mode in modes)}")
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.counts.items()))
        lives = f"{self.total.histories} lives in {took_s:.0f} s, {self.total.kills} deaths"
        print(f"{lives}; {counts}", flush=True)

    def _mode(self, where: str, mode: str) -> str:
        number, took_s = self.lives[where, mode], self.took_s[where, mode]
        return f"{mode} {number} at {1000 * took_s / max(number, 1):.0f} ms"


def swarm(lives: Lives, until: Until, seed: int, stop: Event, beside: int = 1) -> Verdict:
    """Lives until there are enough; one that costs something is the last. Errors: SwarmError.

    `beside`: processes a processor, for lives that mostly wait.
    """
    context, tally, began = get_context("spawn"), Tally(), time.monotonic()
    ended: Ended = context.Event()
    results: Queue[Lived] = context.Queue()
    count = beside * (os.cpu_count() or 1)
    shares = [range(seed + number, seed + until.histories, count) for number in range(count)]
    processes = [context.Process(target=_live_on, args=(lives, share, ended, results)) for share in shares]
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
    """Until each process has said that it has no more. Errors: SwarmError."""
    done = 0
    while done < len(processes):
        try:
            lived = results.get(timeout=LOOK_S)
        except Empty:
            if any(process.exitcode for process in processes):
                raise SwarmError("a process of this run has died") from None
            continue
        if lived.trouble:
            raise SwarmError(lived.trouble)
        if lived.mode:
            yield lived
        else:
            done += 1


def _live_on(lives: Lives, seeds: Sequence[int], ended: Ended, results: Queue[Lived]) -> None:
    """In a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's: it says when to end
    try:
        with closing(lives(seeds)) as living:
            for lived in living:
                results.put(lived)
                if ended.is_set():
                    break
        results.put(Lived())
    except Exception as error:  # noqa: BLE001 -- told where it is heard
        results.put(Lived(trouble=f"{type(error).__name__}: {error}"))
    results.cancel_join_thread() if ended.is_set() else results.close()

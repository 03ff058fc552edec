"""A worker that kills itself (SIGKILL) at a chosen step of a transaction, for the exactly-once proofs.

`python -m bridge.testing.killing run CONFIG` is the daemon with such workers. Each worker that starts takes
the first line off the plan (the file named by LEGACY_BRIDGE_KILL_PLAN): `STEP COUNT`, to die at the COUNT-th
passage of STEP. A worker that finds the plan empty lives. With LEGACY_BRIDGE_KILL_PARENT set it kills the
supervisor instead, and the kernel takes the worker with it.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from threading import Thread, get_ident

from bridge import worker
from bridge.cli.run import daemon
from bridge.publisher import Publisher

PLAN_VARIABLE = "LEGACY_BRIDGE_KILL_PLAN"
PARENT_VARIABLE = "LEGACY_BRIDGE_KILL_PARENT"


class Step(StrEnum):
    """Where a worker can die; each but the last is a point in the life of one transaction."""

    BEFORE_BEGIN = "before-begin"
    AFTER_PRODUCE = "after-produce"
    BEFORE_COMMIT = "before-commit"
    DURING_COMMIT = "during-commit"
    AFTER_COMMIT = "after-commit"
    ANY_TIME = "any-time"
    FREEZE = "freeze"
    """Not a death: SIGSTOP after produce, to become a zombie."""
    ASKED = "asked"
    """Not a death: SIGTERM in the middle of a batch, half of which is on the broker."""


DEATHS = tuple(step for step in Step if step not in (Step.FREEZE, Step.ASKED))


class Plan:
    """A file of deaths to die, shared by all workers of a daemon."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, deaths: Sequence[tuple[Step, int]]) -> None:
        self._path.write_text("".join(f"{step} {count}\n" for step, count in deaths))

    @property
    def left(self) -> int:
        with self._path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return len(file.read().splitlines())

    def take(self) -> tuple[Step, int] | None:
        """The next death, removed from the plan."""
        with self._path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            first, _, rest = file.read().partition("\n")
            file.seek(0)
            file.truncate()
            file.write(rest)
        if not first:
            return None
        step, count = first.split()
        return Step(step), int(count)


class KillingPublisher(Publisher):
    """Dies at its step; what it had produced is on the broker by then, uncommitted."""

    death: tuple[Step, int] | None = None

    def begin(self) -> None:
        self._pass(Step.BEFORE_BEGIN)
        super().begin()

    def send(self, topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> None:
        if topic.startswith("_bridge."):
            super().send(topic, keys, values)
            return
        half = len(keys) // 2
        super().send(topic, keys[:half], values[:half])
        self._pass(Step.ASKED, self._push)
        super().send(topic, keys[half:], values[half:])
        self._pass(Step.AFTER_PRODUCE, self._push)
        self._pass(Step.FREEZE, self._push)

    def commit(self) -> None:
        self._pass(Step.BEFORE_COMMIT, self._push)
        self._pass(Step.DURING_COMMIT, soon=True)
        super().commit()
        self._pass(Step.AFTER_COMMIT)

    def _push(self) -> None:
        """Everything queued reaches the broker, so that the kill leaves something to hide."""
        deadline = time.monotonic() + 10.0
        while self._live().flush(1.0) and time.monotonic() < deadline:
            pass

    def _pass(self, step: Step, first: Callable[[], None] | None = None, *, soon: bool = False) -> None:
        if self.death is None or self.death[0] is not step:
            return
        self.death = (step, self.death[1] - 1)
        if self.death[1] > 0:
            return
        self.death = None
        if first is not None:
            first()
        if soon:
            _die_in(random.uniform(0.0, 0.02))
        elif step is Step.ASKED:
            os.kill(_victim(), signal.SIGTERM)
            self._stop.wait(10.0)
        else:
            _die(signal.SIGSTOP if step is Step.FREEZE else signal.SIGKILL)


def _victim() -> int:
    return os.getppid() if PARENT_VARIABLE in os.environ else os.getpid()


def _die(by: signal.Signals = signal.SIGKILL) -> None:
    if by is signal.SIGKILL and _victim() != os.getpid():
        os.kill(_victim(), by)
    # To this very thread: SIGSTOP for the process may wait for another one, while this one commits.
    signal.pthread_kill(get_ident(), by)


def _die_in(seconds: float) -> None:
    def later() -> None:
        time.sleep(seconds)
        _die()

    Thread(target=later, daemon=True).start()


def main(arguments: Sequence[str]) -> int:
    """`run CONFIG` is the daemon; `worker FD` is what it spawns."""
    command, argument = arguments
    if command == "run":
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)  # who is killed has nothing to report
        return daemon(Path(argument), [sys.executable, "-m", "bridge.testing.killing", "worker"])
    death = Plan(Path(os.environ[PLAN_VARIABLE])).take()
    if death is not None and death[0] is Step.ANY_TIME:
        _die_in(death[1] / 1000)
    KillingPublisher.death = death
    return worker.main(int(argument), KillingPublisher)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)

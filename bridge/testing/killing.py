"""A worker that kills itself (SIGKILL) at a chosen step of a transaction, for the exactly-once proofs.

`python -m bridge.testing.killing run CONFIG` is the daemon with such workers. Each worker that starts takes
the first line off the plan (the file named by LEGACY_BRIDGE_KILL_PLAN): `STEP COUNT`, to die at the COUNT-th
passage of STEP. A worker that finds the plan empty lives. With LEGACY_BRIDGE_KILL_PARENT set it kills the
supervisor instead, and the kernel takes the worker with it.

Light, as it is started again and again: what dies is in bridge.testing.mortal.
"""

from __future__ import annotations

import fcntl
import os
import random
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from bridge.cli.run import daemon
from bridge.lean import leave_out_rich

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


def deaths(
    a_step: int, chance: random.Random, *, passages: int = 4, latest_ms: int = 2_500
) -> list[tuple[Step, int]]:
    """`a_step` deaths at each step, in random order, at the first few passages of the step."""
    plan: list[tuple[Step, int]] = [
        (step, chance.randint(200, latest_ms) if step is Step.ANY_TIME else chance.randint(1, passages))
        for step in DEATHS
        for _ in range(a_step)
    ]
    chance.shuffle(plan)
    return plan


class Plan:
    """A file of deaths to die, shared by all workers of a daemon."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, lines: Sequence[tuple[Step, int]]) -> None:
        self._path.write_text("".join(f"{step} {count}\n" for step, count in lines))

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


def main(arguments: Sequence[str]) -> int:
    """`run CONFIG` is the daemon; `worker FD` is what it spawns."""
    command, argument = arguments
    if command == "run":
        return daemon(Path(argument), [sys.executable, "-m", "bridge.testing.killing", "worker"])
    leave_out_rich()
    from bridge.testing import mortal

    return mortal.live(int(argument))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)

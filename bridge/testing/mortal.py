"""Workers that die by a plan; `python -m bridge.testing.killing` starts them."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread, get_ident

from bridge import worker
from bridge.publisher import Publisher
from bridge.testing.killing import PARENT_VARIABLE, PLAN_VARIABLE, Plan, Step


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


def live(fd: int) -> int:
    """A worker's main; it dies the next death of the plan, or none."""
    death = Plan(Path(os.environ[PLAN_VARIABLE])).take()
    if death is not None and death[0] is Step.ANY_TIME:
        _die_in(death[1] / 1000)
    KillingPublisher.death = death
    return worker.main(fd, KillingPublisher)

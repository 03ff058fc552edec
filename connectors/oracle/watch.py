"""Sees to it that calls into the driver end in time, from a thread of its own.

The driver's own `call_timeout` is never set: on a connection that has died, setting it ends the interpreter,
and so may what the driver does when it has passed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bridge.errors import TransientError


class Watch:
    """When time is up it calls `cut(0)`, `cut(1)`, ... which tells after how many seconds to go on.

    Giving more time costs no more than a lock: the thread sleeps on when it wakes up.
    """

    def __init__(self, name: str, cut: Callable[[int], float]) -> None:
        self._name, self._cut = name, cut
        self._changed = threading.Condition()
        self._until: float | None = None
        self._cuts = 0
        self._wakes = float("inf")
        self._thread: threading.Thread | None = None
        self._closed = self._hurried = False

    @property
    def is_up(self) -> bool:
        """Something was cut since the last `begin`."""
        return self._cuts > 0

    @property
    def is_hurried(self) -> bool:
        return self._hurried

    def begin(self, seconds: float) -> None:
        """A call begins."""
        with self._changed:
            self._hurried, self._cuts = False, 0
            self._set(time.monotonic() + seconds)

    def allow(self, seconds: float) -> None:
        """What comes next in the call may take so long. Errors: TransientError after `hurry`."""
        with self._changed:
            if self._hurried:
                raise TransientError("interrupted")
            if self._until is not None:
                self._set(time.monotonic() + seconds)

    def hurry(self) -> bool:
        """From another thread: time is up, for all of the call; whether there is one."""
        with self._changed:
            if self._until is None:
                return False
            self._hurried = True
            self._set(time.monotonic())
            return True

    def end(self) -> None:
        """The call has ended; waits for what has begun to be done to it."""
        with self._changed:
            self._until = None

    def close(self) -> None:
        with self._changed:
            self._closed, self._until = True, None
            self._changed.notify()

    def _set(self, until: float) -> None:
        self._until = until
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        elif until < self._wakes:
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if self._until is not None and self._until <= now:
                    self._cuts += 1  # first: the answer to a cut may be there before it has returned
                    self._until = now + self._cut(self._cuts - 1)
                self._wakes = float("inf") if self._until is None else self._until
                self._changed.wait(None if self._until is None else max(0.0, self._until - now))

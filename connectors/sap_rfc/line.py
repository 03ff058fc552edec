"""A thread for the calls of one connection: what hangs in a client's library is left behind with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

# How long a call that was cancelled may take to end before its thread is left behind.
PATIENCE_S = 1.0
# A process in which so many hang is better replaced by a new one.
MOST_LEFT = 8
_NAME, _LEFT = "sap-line", "sap-left-behind"


class CutError(Exception):
    """The call took too long, or was interrupted: it may run on, and its connection is of no use any more.

    `__cause__`: with what it ended after all, if that is known.
    """


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    make: Callable[[], Any]
    late: Callable[[Any], object] | None
    answer: Future[Any] = field(default_factory=Future)
    ended: threading.Event = field(default_factory=threading.Event)
    errors: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        try:
            value = self.make()
        except BaseException as error:  # noqa: BLE001 -- raised where the answer is waited for
            self.errors.append(error)
            self._settle(self.answer.set_exception, error)
        else:
            if not self._settle(self.answer.set_result, value) and self.late:
                self.late(value)
        finally:
            self.ended.set()

    def _settle(self, settle: Callable[[Any], None], value: Any) -> bool:
        try:
            settle(value)
        except InvalidStateError:  # nobody waits for it any more
            return False
        return True


class Line:
    """Calls of one connection, one after another, each of which can be cut. After that it is `broken`."""

    def __init__(self) -> None:
        """Errors: RuntimeError when too many calls hang: the process is to be replaced."""
        hung = sum(thread.name == _LEFT for thread in threading.enumerate())
        if hung >= MOST_LEFT:
            raise RuntimeError(f"{hung} calls of SAP's client hang and cannot be ended")
        self.broken = False
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._running: _Call | None = None
        self._last: _Call | None = None
        self._thread = threading.Thread(target=self._work, name=_NAME, daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """With a call that nobody may wait for any more."""
        return self._last is not None and not self._last.ended.is_set()

    def begin(self, make: Callable[[], Any], *, late: Callable[[Any], object] | None = None) -> None:
        """Make a call. `late` gets what it returned after all, once nobody waits for it."""
        self._running = self._last = call = _Call(make, late)
        self._calls.put(call)

    def wait(self, seconds: float, cancel: Callable[[], object] | None = None) -> Any:
        """What the call returns or raises. Errors: CutError when that takes too long, or at `cut()`.

        `cancel` makes a running call end.
        """
        call = self._running
        if call is None:
            raise CutError
        try:
            return call.answer.result(seconds)
        except (TimeoutError, CancelledError):
            if call.answer.done() and not call.answer.cancelled():
                return call.answer.result()  # it raises that itself, or has ended in this very moment
        finally:
            self._running = None
        self._leave(call, cancel)
        raise CutError from next(iter(call.errors), None)

    def cut(self) -> None:
        """From another thread: let the running call be as if its time were over."""
        running = self._running
        if running:
            running.answer.cancel()

    def end(self, last: Callable[[], object] | None, seconds: float) -> None:
        """With this as the last call, which may take so long: its errors are nobody's. Safe to call twice."""
        call = _Call(last or (lambda: None), None)
        self._calls.put(call)
        self._calls.put(None)
        if not self.broken:
            call.ended.wait(seconds)

    def _leave(self, call: _Call, cancel: Callable[[], object] | None) -> None:
        self.broken = True
        if not call.answer.cancel() and call.late and not call.answer.exception():
            call.late(call.answer.result())  # it has ended in this very moment
        if cancel:  # it may hang, too
            threading.Thread(target=_quietly, args=(cancel,), name="sap-cancel", daemon=True).start()
        if not call.ended.wait(PATIENCE_S):
            self._thread.name = _LEFT

    def _work(self) -> None:
        for call in iter(self._calls.get, None):
            call.run()
            self._thread.name = _NAME


def _quietly(cancel: Callable[[], object]) -> None:
    with suppress(Exception):  # what cannot be cancelled is left behind
        cancel()

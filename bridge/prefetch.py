"""The queue between the reader and the task: bounded in rows and in bytes, emptied when positions rewind."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition

from bridge.contract import Batch, Changes, Stream
from bridge.progress import Turn

MOST_BATCHES = 100
"""Batches without rows, and so without size, must not pile up either."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A batch on its way from the source to Kafka."""

    turn: Turn
    batch: Batch

    @property
    def name(self) -> str:
        return self.turn.progress.stream.name

    @property
    def size(self) -> int:
        batch = self.batch
        rejects = sum(len(reject.raw) + len(reject.reason) for reject in batch.rejects)
        return sum(map(_size, batch.changes)) + rejects


@dataclass(frozen=True, slots=True)
class Discovered:
    """What the connector found; the task answers by installing it in the schedule."""

    streams: Sequence[Stream]
    opening: int
    """Which opening of the connector found them."""


class Prefetch:
    """First in, first out. A batch larger than the bounds passes alone."""

    def __init__(self, rows: int, size: int) -> None:
        self._changed = Condition()
        self._items: deque[Fetched | Discovered] = deque()
        self._max_rows, self._max_size = rows, size
        self._rows = self._size = 0
        self._idle = self._woken = self._closed = False

    def put(self, item: Fetched | Discovered) -> None:
        """Blocks while the queue is full; returns at once, dropping the item, when it is closed."""
        with self._changed:
            self._idle = False
            while self.full and not self._closed:
                self._changed.wait()
            if self._closed:
                return
            if isinstance(item, Discovered):
                self._items = deque(each for each in self._items if not isinstance(each, Discovered))
            self._items.append(item)
            self._count(item, 1)
            self._changed.notify_all()

    def get(self, timeout: float) -> Fetched | Discovered | None:
        """The next item; None after `timeout` seconds, or once the reader has nothing to read either."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._items:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._closed or self._woken:
                    self._woken = False
                    return None
                was_idle = self._idle
                self._changed.wait(remaining)
                if not self._items and self._idle and not was_idle:
                    return None
            item = self._items.popleft()
            self._count(item, -1)
            self._changed.notify_all()
            return item

    def rest(self, timeout: float) -> bool:
        """Wait for `timeout` seconds, whatever comes in; True at once when woken or closed."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (self._woken or self._closed) and (remaining := deadline - time.monotonic()) > 0:
                self._changed.wait(remaining)
            woken, self._woken = self._woken or self._closed, False
            return woken

    def reader_waits(self) -> None:
        """The reader has no stream due: what was fetched so far may as well be committed now."""
        with self._changed:
            if not self._idle:
                self._idle = True
                self._changed.notify_all()

    @property
    def idle(self) -> bool:
        with self._changed:
            return self._idle and not self._items

    @property
    def full(self) -> bool:
        """Whether `put` would wait."""
        count = len(self._items)
        large = self._rows >= self._max_rows or self._size >= self._max_size
        return count >= MOST_BATCHES or (count > 0 and large)

    def clear(self) -> None:
        """Drop the batches, which will be read again; what was discovered stays true."""
        with self._changed:
            self._idle = False
            self._items = deque(item for item in self._items if isinstance(item, Discovered))
            self._rows = self._size = 0
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Make `get` or `rest` return, the waiting or the next: there is other work."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def _count(self, item: Fetched | Discovered, sign: int) -> None:
        if isinstance(item, Fetched):
            self._rows += sign * item.batch.rows
            self._size += sign * item.size


def _size(changes: Changes) -> int:
    return sum(part.nbytes for part in (changes.rows, changes.before, changes.source) if part is not None)

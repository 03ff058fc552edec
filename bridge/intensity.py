"""How much is too much: crashes in a window (OTP's restart intensity), rejects among rows. Pure."""

from __future__ import annotations

from collections import deque

REJECT_WINDOW_S = 300.0
"""How long a reject counts: for the share that parks a stream, and as a WARNING."""


class Intensity:
    """At most `most` events within `window` seconds."""

    def __init__(self, most: int, window: float) -> None:
        self._most, self._window = most, window
        self._times: deque[float] = deque()

    def exceeded_by(self, now: float) -> bool:
        """Count one event at `now`; whether that was one too many."""
        self._times.append(now)
        while self._times[0] <= now - self._window:
            self._times.popleft()
        return len(self._times) > self._most

    @property
    def recent(self) -> int:
        return len(self._times)

    def forget(self) -> None:
        self._times.clear()


class RejectShare:
    """Rows and rejects of the last `window` seconds, kept by the second."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._seconds: deque[tuple[int, int, int]] = deque()
        self.rows = self.rejects = 0

    def add(self, now: float, rows: int, rejects: int) -> None:
        """Count one batch at monotonic time `now`."""
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            _, more_rows, more_rejects = self._seconds.pop()
            self._seconds.append((second, rows + more_rows, rejects + more_rejects))
        else:
            self._seconds.append((second, rows, rejects))
        self.rows += rows
        self.rejects += rejects
        self._forget_before(now - self._window)

    def _forget_before(self, then: float) -> None:
        while self._seconds and self._seconds[0][0] < int(then):
            _, rows, rejects = self._seconds.popleft()
            self.rows -= rows
            self.rejects -= rejects

    def clear(self) -> None:
        self._seconds.clear()
        self.rows = self.rejects = 0

"""How many crashes are too many: OTP's restart intensity. Pure."""

from __future__ import annotations

from collections import deque


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

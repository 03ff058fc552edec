"""System change numbers and the moments that belong to them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from bridge.testing.oracle.errors import OracleError

FIRST_SCN = 2_000_000
SCN_EVERY = 3_000_000_000
"""Nanoseconds after which the SCN has moved on even where nothing was committed."""


class Scns:
    """Counts them; not safe for several threads.

    PL/SQL Packages and Types Reference, DBMS_FLASHBACK; SQL Language Reference, SCN_TO_TIMESTAMP.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._born = clock()
        self._ticks = 0
        self._last = FIRST_SCN
        self._known: list[tuple[int, int]] = [(FIRST_SCN, self._born)]

    @property
    def current(self) -> int:
        ticks = (self._clock() - self._born) // SCN_EVERY
        if ticks > self._ticks:
            self._move(ticks - self._ticks)
            self._ticks = ticks
        return self._last

    def next(self) -> int:
        """A new one, for a commit."""
        _ = self.current
        self._move(1)
        return self._last

    def _move(self, steps: int) -> None:
        self._last += steps
        self._known.append((self._last, self._clock()))

    def time_of(self, scn: int) -> int:
        """When it was this SCN, in nanoseconds of UTC, as nearly as is known; ORA-08181."""
        if not self._known[0][0] <= scn <= self.current:
            raise OracleError(8181)
        return self._known[max(bisect_right(self._known, scn, key=lambda pair: pair[0]) - 1, 0)][1]

    def at(self, moment: int) -> int:
        """The SCN of a moment; ORA-08180 for one before all that is known, or to come."""
        _ = self.current
        if not self._known[0][1] <= moment <= self._clock() + SCN_EVERY:
            raise OracleError(8180)
        return self._known[bisect_right(self._known, moment, key=lambda pair: pair[1]) - 1][0]

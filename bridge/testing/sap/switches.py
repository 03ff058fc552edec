"""What goes wrong at the peer: switches that a test turns at any time."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.testing.sap.errors import AbapException, ShortDump


class Stage(StrEnum):
    """How far a connection, or a call on it, has come."""

    CONNECT = "connect"
    """Accepted by TCP; the gateway has said nothing."""
    LOGON = "logon"
    """The gateway has passed it on; who is there is not settled."""
    BEFORE = "before"
    """A call has come; the function has not begun."""
    AFTER = "after"
    """The function has run, and has changed what it changes; its answer has not gone out."""
    INSIDE = "inside"
    """Half of the answer has gone out."""


@dataclass(frozen=True, slots=True)
class Drip:
    """A line so slow that so many bytes pass in `every` seconds."""

    size: int = 16
    every: float = 0.01


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing more is said for so long; for ever by default."""

    seconds: float | None = None


class Cut:
    """The line ends."""


Fault = Hang | Cut | AbapException | ShortDump


@dataclass
class _Order:
    """What happens to some of the calls whose function matches."""

    pattern: re.Pattern[str]
    stage: Stage
    fault: Fault
    after: int
    times: int

    def due(self, function: str, stage: Stage) -> bool:
        if self.times <= 0 or stage is not self.stage or not self.pattern.fullmatch(function):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Switches:
    """All off at first."""

    silence: Stage | None = None
    """CONNECT, LOGON or BEFORE: from there on the peer says nothing any more; connections stay open."""
    refuse_logon: str | None = None
    """Every log-on is refused with this text, as when the system is full or being started."""
    drip: Drip | None = None
    cut_after: int | None = None
    """So many bytes more go out, then every line that would carry another is cut."""
    compress: bool = False
    """Tables go compressed, as from systems: saprfclib takes a second for a MB, erpl-pyrfc cannot."""
    _orders: list[_Order] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(
        self, function: str, fault: Fault, *, at: Stage = Stage.BEFORE, after: int = 0, times: int = 1
    ) -> None:
        """What happens to calls of functions that match this regular expression, `after` so many of them.

        An exception or a short dump happens in the place of the function, whatever the stage.
        """
        stage = Stage.BEFORE if isinstance(fault, AbapException | ShortDump) else at
        with self._lock:
            self._orders.append(_Order(re.compile(function), stage, fault, after, times))

    def clear(self) -> None:
        """All off; what hangs goes on hanging until its time is up."""
        with self._lock:
            self.silence = self.refuse_logon = self.drip = self.cut_after = None
            self.compress = False
            self._orders.clear()

    def due(self, function: str, stage: Stage) -> Fault | None:
        """What is to happen to this call now."""
        with self._lock:
            return next((order.fault for order in self._orders if order.due(function, stage)), None)

    def spent(self, size: int) -> bool:
        """Whether the line is cut instead of carrying so many bytes."""
        with self._lock:
            if self.cut_after is None:
                return False
            self.cut_after = max(self.cut_after - size, -1)
            return self.cut_after < 0

"""What goes wrong at the peer: switches that a test turns at any time."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.testing.oracle.errors import TEXTS, OracleError

ENDING = frozenset({28, 600, 1012, 1033, 1034, 1041, 1089, 1092, 2396, 2399, 3113, 3114, 3135})
"""Codes after which the server hangs up."""


FAILURES = {
    20: "maximum number of processes exceeded",
    28: "your session has been killed",
    54: "resource busy and acquire with NOWAIT specified or timeout expired",
    60: "deadlock detected while waiting for resource",
    600: "internal error code, arguments: [simulated], [], [], [], [], [], [], [], [], [], [], []",
    1012: "not logged on",
    1013: "User requested cancel of current operation.",
    1017: "invalid credential or not authorized; logon denied",
    1033: "ORACLE initialization or shutdown in progress",
    1034: "The Oracle instance is not available for use.",
    1045: "Login denied. User {0} does not have CREATE SESSION privilege.",
    1089: "immediate shutdown or close in progress - no operations are permitted",
    2396: "exceeded maximum idle time, please connect again",
    3113: "end-of-file on communication channel",
    3114: "not connected to ORACLE",
    3135: "connection lost contact",
    4068: "existing state of packages has been discarded",
    12516: "TNS:listener could not find available handler with matching protocol stack",
    12528: "TNS:listener: all appropriate instances are blocking new connections",
    28000: "The account is locked.",
    28001: "The password has expired.",
    28150: "proxy not authorized to connect as client",
    38802: "edition does not exist",
}
"""What servers say of themselves and of who logs in, apart from statements."""


def failure(code: int, *details: object) -> OracleError:
    """A code as a server words it; one that nobody has worded here says so."""
    if code in TEXTS and code not in FAILURES:
        return OracleError(code, text=re.sub(r"\{\d\}", "1", TEXTS[code]))
    return OracleError(code, text=FAILURES.get(code, "simulated").format(*(details or ("?",))))


class Stage(StrEnum):
    """How far a connection has come."""

    CONNECT = "connect"
    """Accepted by TCP; the listener has said nothing."""
    LOGIN = "login"
    """The listener has passed it on; who is there is not settled."""
    CALLS = "calls"
    """Logged in."""


@dataclass(frozen=True, slots=True)
class Drip:
    """A line so slow that so many bytes pass in `every` seconds."""

    size: int = 16
    every: float = 0.01


@dataclass
class _Order:
    """What happens to some of the calls that match."""

    pattern: re.Pattern[str]
    after: int
    times: int
    code: int | None = None
    seconds: float = 0.0

    def due(self, text: str) -> bool:
        if self.times <= 0 or not self.pattern.search(text):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Switches:
    """All off at first. Codes are ORA numbers."""

    login: int | None = None
    """Every log-in is refused so: 1017, 28000, 28001, 1045, 12516, 1033 ..."""
    listener: int | None = None
    """The listener is up and refuses: 12514 no such service, 12528 restricted, 12505 no such SID ..."""
    silence: Stage | None = None
    """At this stage the server says nothing any more; connections stay open."""
    drip: Drip | None = None
    cut_after: int | None = None
    """So many bytes more go out, then every line that would carry another is cut."""
    _orders: list[_Order] = field(default_factory=list)
    _fetches: list[_Order] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, pattern: str, code: int | None, *, after: int = 0, times: int = 1) -> None:
        """Answer statements that match with an ORA code, or by cutting the line (None); `after` so many."""
        with self._lock:
            self._orders.append(_Order(re.compile(pattern, re.IGNORECASE), after, times, code=code))

    def refuse_fetch(self, code: int | None, *, after: int = 0, times: int = 1) -> None:
        """The same in the middle of a result: for calls that fetch more rows."""
        with self._lock:
            self._fetches.append(_Order(re.compile(""), after, times, code=code))

    def stall(self, pattern: str, seconds: float, *, after: int = 0, times: int = 1) -> None:
        """Statements that match take so long; a break ends them early with ORA-01013."""
        with self._lock:
            self._orders.append(_Order(re.compile(pattern, re.IGNORECASE), after, times, seconds=seconds))

    def clear(self) -> None:
        """All off."""
        with self._lock:
            self.login = self.listener = self.silence = self.drip = self.cut_after = None
            self._orders.clear()
            self._fetches.clear()

    def for_statement(self, sql: str) -> tuple[float, Refusal | None]:
        """Seconds to stall, and how the statement is refused."""
        with self._lock:
            due = [order for order in self._orders if order.due(sql)]
        stall = sum(order.seconds for order in due)
        refused = next((Refusal(order.code) for order in due if not order.seconds), None)
        return stall, refused

    def for_fetch(self) -> Refusal | None:
        with self._lock:
            return next((Refusal(order.code) for order in self._fetches if order.due("")), None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An ORA code, or None: the line is cut."""

    code: int | None

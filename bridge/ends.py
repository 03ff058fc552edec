"""How processes of ours end: with their parent; and what a worker announces, and its exit code then means."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Ended(IntEnum):
    """Why a worker ended; also its exit code."""

    STOPPED = 0
    CRASHED = 1
    FENCED = 3
    PARKED = 4
    HUNG = 5


PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """The kernel ends this process when the one that started it dies (prctl(2))."""
    import ctypes  # the supervisor has no use for it

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def described(code: int, end: Mapping[str, Any]) -> str:
    """In words; `end` is what the worker announced, if it did."""
    if end.get("error"):
        return str(end["error"])
    if code < 0:
        return exited(code)
    names: Mapping[int | None, str] = {
        Ended.FENCED: "fenced: another producer took over, or a transaction timed out",
        Ended.STOPPED: "stopped",
    }
    return names.get(end.get("code"), exited(code))


def exited(code: int) -> str:
    """How a process did, in words."""
    if code >= 0:
        return f"exit code {code}"
    names = {each.value: each.name for each in signal.Signals}  # but not those of most real-time signals
    return f"killed by {names.get(-code, f'signal {-code}')}"

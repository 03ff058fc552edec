"""How a worker ended: what it announces, and what its exit code then means. Loads no driver."""

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
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

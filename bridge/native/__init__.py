"""What is done in C where there was a compiler; elsewhere, and for all else, Python does the same, slower."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).with_name("native.lib")
VERSION = 1
"""As in rows.c: a library that is older than its callers is none."""


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library, if there is one of this version."""
    try:
        found = ctypes.CDLL(str(LIBRARY))
        return found if found.bridge_version() == VERSION else None
    except (OSError, AttributeError):
        return None

"""What processes that run for years do without, and what they keep."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Any


def leave_out_rich() -> None:
    """Before anything imports structlog: it loads rich where it finds it, for tracebacks no daemon draws.

    A connector may still import rich.
    """
    modules: dict[str, Any] = sys.modules
    if "rich" not in modules:
        modules["rich"] = None  # whoever imports it now is told that it is not installed
        try:
            import structlog  # noqa: F401
        finally:
            del modules["rich"]


# Of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
LARGE = 32 * 1024 * 1024


def keep_memory() -> None:
    """Buffers of some megabytes are used again and not given back to the kernel each time.

    Else it clears the same pages for every batch: a sixth of the processor time that encoding takes.
    """
    with suppress(AttributeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, 2 * LARGE)

"""What processes that run for years do without, and what they keep."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from importlib.util import find_spec
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


def settle_what_is_missing() -> None:
    """Arrow asks for dateutil with each value whose type it finds out: all folders would be searched."""
    if find_spec("dateutil") is None:
        modules: dict[str, Any] = sys.modules
        modules["dateutil"] = None


# Of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
LARGE = 32 * 1024 * 1024


def keep_memory() -> None:
    """Buffers of some megabytes are used again and not given back to the kernel each time.

    Else it clears the same pages for every batch: a sixth of the processor time that encoding takes. Arrow's
    own allocator would keep some ten MiB more of an idle worker.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with suppress(AttributeError):  # another C library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, LARGE)
        mallopt(_TRIM_THRESHOLD, 2 * LARGE)

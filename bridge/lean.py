"""What processes that run for years do without."""

from __future__ import annotations

import sys
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

"""What processes that run for years do without."""

from __future__ import annotations

import sys
from typing import Any


def leave_out_rich() -> None:
    """Before structlog is imported: it loads rich where it finds it, for tracebacks that no daemon draws."""
    modules: dict[str, Any] = sys.modules
    modules["rich"] = None  # whoever imports it is told that it is not installed

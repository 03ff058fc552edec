"""Where the daemon keeps its caches and sockets, and where commands look for them. Imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "legacy-bridge"


def state_dir() -> Path:
    """systemd's StateDirectory, else the system's for root, else the user's."""
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":", 1)[0])
    if os.geteuid() == 0:
        return Path("/var/lib") / NAME
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / NAME


def run_dir() -> Path:
    """systemd's RuntimeDirectory, else the system's for root, else the user's."""
    if given := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":", 1)[0])
    if os.geteuid() == 0:
        return Path("/run") / NAME
    base = os.environ.get("XDG_RUNTIME_DIR")
    return Path(base) / NAME if base else state_dir() / "run"

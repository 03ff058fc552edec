"""Screens kept for the operator: what stood there when a poll failed. Few, and for their owner alone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from connectors.mainframe import captured
from connectors.mainframe.screen import Screen

MOST = 20
_SUFFIX = ".screen"


def keep(folder: Path | None, screen: Screen, note: str) -> Path | None:
    """The file, or None where there is no folder or it cannot be written: what failed matters more."""
    if folder is None:
        return None
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}{_SUFFIX}"
        captured.save(path, screen, [note])
        _drop_the_oldest(folder, path.name)
        return path
    return None


def _drop_the_oldest(folder: Path, latest: str) -> None:
    """Those from the future are older: the clock was set back since."""
    found = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: (path.name <= latest, path.name))
    for path in found[:-MOST]:
        path.unlink(missing_ok=True)

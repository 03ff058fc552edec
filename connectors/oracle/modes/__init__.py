"""The ways to read a table: one class each, behind the interface `Mode`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.errors import ConfigError
from connectors.oracle.modes.mode import Beginning, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.oracle.catalog import Relation
    from connectors.oracle.config import OracleStream

__all__ = ["Beginning", "Mode", "mode_of"]


def _modes() -> Mapping[str, Callable[[Relation, OracleStream], Mode]]:
    """Read here, for they need Arrow, which who only looks at the configuration does not load."""
    from connectors.oracle.modes.flashback import Flashback
    from connectors.oracle.modes.images import Images
    from connectors.oracle.modes.queue import Queue
    from connectors.oracle.modes.settling import Outbox
    from connectors.oracle.modes.snapshot import Once
    from connectors.oracle.modes.viewlog import ViewLog
    from connectors.oracle.modes.watermark import RowScn, Timestamp

    return {
        "flashback": Flashback,
        "snapshot": Once,
        "timestamp": Timestamp,
        "rowscn": RowScn,
        "images": Images,
        "outbox": Outbox,
        "mview_log": ViewLog,
        "aq": Queue,
    }


BEFORE = frozenset({"snapshot", "flashback", "timestamp", "rowscn"})
"""Modes that a snapshot goes before."""


def mode_of(relation: Relation, options: OracleStream) -> Mode:
    """The mode of a stream, a snapshot before it where wanted. Errors: PermanentError if none fits."""
    from connectors.oracle.modes.snapshot import Snapshot

    make = _modes().get(options.mode)
    if make is None:
        raise ConfigError(f"{relation.name}: there is no mode {options.mode}")
    mode = make(relation, options)
    return Snapshot(mode) if options.snapshot and options.mode in BEFORE else mode

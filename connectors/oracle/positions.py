"""What can be known of a position without its table: for an operator who writes one."""

from __future__ import annotations

import re

from bridge.contract import Position
from bridge.errors import ConfigError
from connectors import clock
from connectors.oracle.config import CHANGES, OracleStream
from connectors.oracle.modes.flashback import Told
from connectors.oracle.modes.images import COMPLETE
from connectors.oracle.modes.queue import ids_of
from connectors.oracle.modes.settling import Taken
from connectors.oracle.modes.snapshot import Progress
from connectors.oracle.modes.watermark import Reached

_LIKE = {
    "flashback": ', "scn": NUMBER',
    "rowscn": ', "scn": NUMBER',
    "images": ', "scan": "complete"',
    "timestamp": ', "by": "COLUMN", "high": "TIME"',
    "outbox": "",
    "mview_log": "",
    "aq": "",
}
_LAST_SCN = 2**63 - 1
_ROWID = re.compile(r"[A-Za-z0-9+/]{18}")


def check_form(options: OracleStream, position: Position) -> None:
    """Errors: ConfigError, with the form that would do."""
    mode = options.mode
    try:
        _parse(options, position)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        remedy = "`positions rewind --to start`"
        if mode in _LIKE:
            remedy = f'write {{"mode": "{mode}"{_LIKE[mode]}}}, or {remedy}'
        raise ConfigError(f"it is not one of mode {mode}", remedy=remedy) from None


def _parse(options: OracleStream, position: Position) -> None:
    """Errors: ValueError, TypeError, LookupError, ArithmeticError."""
    mode = options.mode
    named = position.get("mode") if isinstance(position, dict) else None
    before = named == "snapshot" and "scn" in position and (mode == "snapshot" or mode in CHANGES)
    if before and options.snapshot:
        _before(position)
        _parse(options, Progress.parsed(position).then)
        return
    if named != mode:
        raise ValueError(named)
    match mode:
        case "flashback":
            _flashback(position)
        case "snapshot":
            _once(position)
        case "timestamp":
            _timestamp(options, position)
        case "rowscn":
            _rowscn(position)
        case "images":
            _images(position)
        case "outbox" | "mview_log":
            Taken.parsed(position, mode, _width(options, position))
        case "aq":
            ids_of(position)


def _before(position: Position) -> None:
    """Of a snapshot: a key's values or a ROWID, and ROWIDs."""
    after, bounds = position["after"], position["bounds"]
    places = [*bounds, *([after] if isinstance(after, str) else [])]
    places += [position["reach"]] if "reach" in position else []
    if not (_is_scn(position["scn"]) and isinstance(bounds, list) and all(map(_is_rowid, places))):
        raise ValueError


def _flashback(position: Position) -> None:
    told = Told.parsed(position)
    if not _is_scn(told.scn) or (told.within and not _is_rowid(told.within[1])):
        raise ValueError


def _once(position: Position) -> None:
    if position.keys() != {"mode", "done"}:
        raise ValueError


def _timestamp(options: OracleStream, position: Position) -> None:
    told = Reached.parsed(position, options.columns[0])
    for time in (told.high, told.until, told.safe):
        if time is not None:
            clock.nanoseconds(time)


def _rowscn(position: Position) -> None:
    scn, rowid = position["scn"], position.get("rowid")
    known = position.keys() <= {"mode", "scn", "rowid"}
    if not (known and _is_scn(scn) and (rowid is None or _is_rowid(rowid))):
        raise ValueError


def _is_scn(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LAST_SCN


def _is_rowid(value: object) -> bool:
    return isinstance(value, str) and bool(_ROWID.fullmatch(value))


def _images(position: Position) -> None:
    match position:
        case {"began": int(), "rows": int()} | {"after": list() | None}:
            return
    if position != COMPLETE:
        raise ValueError


def _width(options: OracleStream, position: Position) -> int:
    """Of an outbox's rows: of all the same; its key may be the table's."""
    if options.mode == "mview_log":
        return 2
    rows = position.get("rows")
    return 1 + len(options.key) if options.key or not rows else max(2, len(rows[0]))

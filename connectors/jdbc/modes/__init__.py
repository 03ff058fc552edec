"""The ways to read a table: one class each, behind the interface `Mode`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bridge.contract import Position
from bridge.errors import ConfigError, PermanentError
from connectors.jdbc.config import JdbcStream
from connectors.jdbc.keyset import Keyset
from connectors.jdbc.modes import incrementing
from connectors.jdbc.modes.again import Again, Wanted
from connectors.jdbc.modes.images import BEGINNING, COMPLETE, Images, Unkeyed, is_page
from connectors.jdbc.modes.incrementing import Incrementing
from connectors.jdbc.modes.mode import Database, Mode, is_object
from connectors.jdbc.modes.snapshot import Snapshot
from connectors.jdbc.modes.timestamp import Timestamp, is_time
from connectors.jdbc.statements import Query, Quote, Source, index_on
from connectors.jdbc.types import Column

__all__ = ["Again", "Database", "Keys", "Mode", "Wanted", "check_position", "make", "migrated"]


@dataclass(frozen=True, slots=True)
class Keys:
    """What tells the rows of a table from each other."""

    catalogue: tuple[str, ...]
    """The primary key, or else the columns of a unique index; empty without both."""
    declared: tuple[str, ...] = ()
    """What the operator says; it counts more."""
    alone: tuple[str, ...] = ()
    """The column that grows, when it has a unique index of its own."""
    sorted_as: Mapping[str, str] = field(default_factory=dict)
    """See Keyset."""

    @property
    def best(self) -> tuple[str, ...]:
        return self.declared or self.catalogue


def make(
    options: JdbcStream, source: Source, columns: Sequence[Column], keys: Keys, quote: Quote
) -> tuple[Mode, tuple[str, ...]]:
    """The mode of a stream, and the key of its table. Errors: PermanentError when they do not fit."""
    if options.mode == "incrementing":
        return _incrementing(options, source, columns, keys, quote)
    key = Keyset(tuple(_column(source, columns, name) for name in keys.best), keys.sorted_as)
    nullable = () if keys.declared in ((), keys.catalogue) else keys.declared
    if options.mode == "images":
        return Images(source, key, nullable) if key.columns else Unkeyed(source), key.names
    if not key.columns:
        raise PermanentError(
            f"table {source} has neither a primary key nor a unique index over columns that are NOT NULL",
            remedy="name the columns that tell its rows apart under `key`, or use images mode",
        )
    named = [_column(source, columns, name) for name in options.columns]
    order = Keyset((*named, *(column for column in key.columns if column not in named)), keys.sorted_as)
    mode = Timestamp(source, order, options.late_window, options.zone, (*options.columns[1:], *nullable))
    return Snapshot(mode, source, key, nullable) if options.reads_snapshot else mode, key.names


def _incrementing(
    options: JdbcStream, source: Source, columns: Sequence[Column], keys: Keys, quote: Quote
) -> tuple[Mode, tuple[str, ...]]:
    wanted = options.columns or keys.best
    if len(wanted) != 1:
        raise PermanentError(
            f"table {source} has no primary key of one column",
            remedy="under `columns`, name one that grows and has a unique index; or exclude the table",
        )
    first = incrementing.Snapshot.FIRST if options.reads_snapshot else incrementing.Snapshot.NONE
    mode = Incrementing(source, wanted[0], columns, options.late_window, first)
    if not options.unique and wanted not in (keys.catalogue, keys.declared, keys.alone):
        # Of rows with equal numbers, a page could end between two, and the second would never be read.
        raise PermanentError(
            f"no primary key or unique index says that {source} has each {wanted[0]} once",
            remedy=_once(source, wanted[0], quote),
        )
    key = keys.best or wanted
    return mode, tuple(_column(source, columns, name).name for name in key)


def _once(source: Source, column: str, quote: Quote) -> str:
    """What makes sure that no number is there twice."""
    if isinstance(source, Query):
        return f"where the query has each {column} once, set `unique: true`"
    index = index_on(source, column, quote, "UNIQUE INDEX")
    return f"{index}; where each number is there once all the same, as in a view, set `unique: true`"


def _column(source: Source, columns: Sequence[Column], name: str) -> Column:
    found = next((column for column in columns if column.name == name), None)
    if found is None:
        known = ", ".join(column.name for column in columns)
        raise PermanentError(f"table {source} has no column {name}", remedy=f"it has {known}")
    return found


def check_position(options: JdbcStream | None, position: Position) -> None:
    """What can be known of a position without the table. Errors: ConfigError."""
    match options.mode if options else "incrementing":
        case "images":
            fits, wanted = _is_scan(position), '{"scan": "complete"}, which begins a new one'
        case "incrementing":
            column = _column_that_grows(options)
            fits, wanted = _is_number(position, column), f'{{"{column or "COLUMN"}": NUMBER}}'
        case _:
            fits = _is_time(position, options.columns[0] if options and options.columns else None)
            wanted = '{"high": "2026-01-31T12:00:00"}, as the column has its times'
    if not fits:
        what = {"images": "a place in a scan", "incrementing": "the last value of the column that grows"}
        told = what.get(options.mode if options else "incrementing", "a time of the change column")
        raise ConfigError(f"it is not {told}", remedy=f"write {wanted}")


def _column_that_grows(options: JdbcStream | None) -> str | None:
    """As far as the configuration says; else it is the primary key."""
    named = (options.columns or options.key) if options else ()
    return named[0] if len(named) == 1 else None


def _is_scan(position: Any) -> bool:
    return position in (BEGINNING, COMPLETE) or is_object(position, "pass", "rows") or is_page(position)


def _is_number(position: Any, column: str | None) -> bool:
    try:
        incrementing.parsed(position, column, Decimal)
    except (ValueError, ArithmeticError, TypeError):
        return False
    return True


def _is_time(position: Any, column: str | None) -> bool:
    if is_object(position, "snapshot"):
        place = position["snapshot"]
        return isinstance(place, dict) and is_time(place.get("from"), column)
    return is_time(position, column)


def migrated(place: Position) -> Position:
    """Of before version 3, when places did not name their columns: in the middle they begin anew."""
    match place:
        case {"snapshot": {"after": [*_], "from": start}}:
            return {"snapshot": {"after": None, "from": start}}
        case {"high": high, "after": [*_]}:
            return {"high": high}
        case {"after": [*_], "until": until}:
            return {"after": None, "until": until}
        case {"after": [*_]}:
            return BEGINNING
    return place

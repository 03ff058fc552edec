"""What a function answers, once more: in the order of the key, from wherever it was left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Op, Position, Ranges, Reject, Table
from connectors.sap_rfc.clients.client import Field
from connectors.sap_rfc.modes import details
from connectors.sap_rfc.modes.answers import Row
from connectors.sap_rfc.system import System

type Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows as Arrow has them."""

    changes: tuple[Changes, ...] = ()
    rejects: tuple[Reject, ...] = ()
    seen: pa.RecordBatch | None = None
    rows: int = 0
    size: int = 0

    @classmethod
    def of(
        cls,
        table: Table,
        fields: Mapping[str, Field],
        rows: Sequence[Row],
        marks: Sequence[str] | None = None,
    ) -> Piece:
        if not rows:
            return cls()
        shown = details.shown(table, fields, rows)
        marked = None if marks is None else pa.array([marks[place] for place in shown.kept], pa.string())
        changes = (Changes(table, shown.rows, marks=marked),) if shown.rows.num_rows else ()
        return cls(changes, shown.rejects, None, len(rows), shown.rows.nbytes)


class Again:
    """The whole answer, kept from one piece to the next; a new process asks for it anew."""

    def __init__(self, key: Sequence[str], ask: Callable[[System], Sequence[tuple[Row, Key]]]) -> None:
        """`ask`: for all rows and their keys, the values of these columns."""
        self._key, self._ask = key, ask
        self._kept: tuple[Position, Sequence[tuple[Row, Key]]] | None = None
        self._each = 1024.0

    def read(
        self,
        system: System,
        place: Position | None,
        within: Ranges,
        ask: Ask,
        told: Callable[[Sequence[Row]], Piece],
    ) -> Batch:
        """`told`: the first rows, with their details."""
        rows = self._rows(system, place)
        after = _after(place)
        left = [
            (row, name) for row, name in rows if _words(name) > after and _is_within(name, self._key, within)
        ]
        most = max(1, min(ask.rows, int(ask.bytes / self._each)))
        piece = told([row for row, _ in left[:most]])
        some = left[: piece.rows]
        self._each = max(1.0, piece.size / piece.rows) if piece.rows else self._each
        more = len(left) > len(some)
        following = {"mode": "function", "after": _words(some[-1][1]) if some else after}
        self._kept = (following, rows) if more else None
        changes = tuple(Changes(each.table, each.rows, Op.READ, marks=each.marks) for each in piece.changes)
        return Batch(following, changes, piece.rejects, more=more)

    def release(self) -> None:
        self._kept = None

    def _rows(self, system: System, place: Position | None) -> Sequence[tuple[Row, Key]]:
        if self._kept and self._kept[0] == place:
            return self._kept[1]
        return sorted(self._ask(system), key=lambda each: _words(each[1]))


def _words(key: Key) -> list[str]:
    """In a position, and the order of rows."""
    return [str(part) for part in key]


def _after(place: Position | None) -> list[str]:
    match place:
        case {"mode": "function", "after": [*parts]}:
            return [str(part) for part in parts]
    return []


def _is_within(key: Key, names: Sequence[str], within: Ranges) -> bool:
    parts = dict(zip(names, key, strict=True))
    for name, (low, high) in within.items():
        value = parts[name] if isinstance(parts[name], int) else str(parts[name])
        if not (low is None or low <= value) or not (high is None or value <= high):
            return False
    return True

"""What a function answers, once more: from wherever it was left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Op, Position, Ranges, Reject, Table
from connectors.sap_rfc.clients.client import Field
from connectors.sap_rfc.modes import details
from connectors.sap_rfc.modes.answers import Answers, Range, Row
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """All rows of a range, of which those before `place` are done, by their keys."""

    place: Position | None
    within: Range
    rows: Sequence[tuple[Row, Key]]


class Again:
    """What a function answers, range by range, from one piece to the next.

    When a scan begins, rows that were kept are older than its own and dropped; into which ranges they are
    divided is not.
    """

    def __init__(
        self,
        key: Sequence[str],
        begin: Callable[[System, Any], Answers],
        named: Callable[[Sequence[Row]], Sequence[tuple[Row, Key]]],
    ) -> None:
        """`begin`: to ask for all behind a value of the key; `named`: rows, and their values of that."""
        self._key, self._begin, self._named = key, begin, named
        self._answers: Answers | None = None
        self._kept: _Kept | None = None
        self._each = 1024.0

    def read(
        self,
        system: System,
        place: Position | None,
        within: Ranges,
        ask: Ask,
        told: Callable[[Sequence[Row]], Piece],
        in_time: Callable[[], bool],
    ) -> Batch:
        """`told`: the first rows, with their details."""
        behind, after = _left(place)
        kept = self._of(system, place, behind, in_time)
        if kept is None:
            return Batch(place, more=True)
        left = [
            (row, name)
            for row, name in kept.rows
            if _words(name) > after and _is_within(name, self._key, within)
        ]
        most = max(1, min(ask.rows, int(ask.bytes / self._each)))
        piece = told([row for row, _ in left[:most]])
        some = left[: piece.rows]
        self._each = max(1.0, piece.size / piece.rows) if piece.rows else self._each
        if len(left) > len(some):
            following, more = _place(behind, _words(some[-1][1])), True
            self._kept = replace(kept, place=following)
        else:
            following, more = _place(_told(kept.within[1]), []), kept.within[1] is not None
            self._kept = None
        changes = tuple(Changes(each.table, each.rows, Op.READ, marks=each.marks) for each in piece.changes)
        return Batch(following, changes, piece.rejects, more=more)

    def release(self) -> None:
        """Of the rows."""
        kept, self._kept = self._kept, None
        if kept and self._answers:
            self._answers.put_back(kept.within)

    def _of(
        self, system: System, place: Position | None, behind: Any, in_time: Callable[[], bool]
    ) -> _Kept | None:
        """Rows of the range that begins there. None: there was only time to divide it."""
        if self._kept and self._kept.place == place:
            return self._kept
        self.release()
        answers = self._answers
        if answers is None or answers.ended or _told(answers.within[0]) != behind:
            answers = self._answers = self._begin(system, behind)
        while in_time():
            within = answers.within
            rows = answers.next()
            if answers.ended or answers.within[0] != within[0]:  # else it was divided
                named = sorted(self._named(rows), key=lambda each: _words(each[1]))
                self._kept = _Kept(place, within, named)
                return self._kept
        return None


def _words(key: Key) -> list[str]:
    """In a position, and the order of rows."""
    return [str(part) for part in key]


def _told(end: Any) -> Any:
    """The end of a range, in a position."""
    return end if end is None or isinstance(end, int) else str(end)


def _place(behind: Any, after: Sequence[str]) -> Position:
    """All up to the end of a range is done, and of the next one all up to a key."""
    place: dict[str, Any] = {"mode": "function", "after": list(after)}
    return place if behind is None else {**place, "behind": behind}


def _left(place: Position | None) -> tuple[Any, list[str]]:
    match place:
        case {"mode": "function", "after": [*parts], **rest}:
            return rest.get("behind"), [str(part) for part in parts]
    return None, []


def _is_within(key: Key, names: Sequence[str], within: Ranges) -> bool:
    parts = dict(zip(names, key, strict=True))
    for name, (low, high) in within.items():
        value = parts[name] if isinstance(parts[name], int) else str(parts[name])
        if not (low is None or low <= value) or not (high is None or value <= high):
            return False
    return True

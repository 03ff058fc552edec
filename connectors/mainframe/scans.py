"""A scan: what a list or inquiry brings, piece by piece, as batches of one complete pass."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from bridge.contract import Ask, Batch, Caveat, Changes, Position, Reject, Scan, Table
from bridge.errors import PermanentError
from connectors.mainframe import columns
from connectors.mainframe.fitted import Row
from connectors.mainframe.readings import ListReading, Reading
from connectors.mainframe.values import is_blank

COMPLETE: Position = {"scan": "complete"}
# A poll ends after so long, with what it has: other calls have to get their turn.
SLICE_S = 3.0
# Another stream may take the terminal once nobody has asked a scan to go on for so long.
REST_S = 10.0

type Key = tuple[Any, ...]


@dataclass(slots=True)
class Piece:
    """A page, or the answers to some keys. `last`: the source has been read to its end."""

    rows: dict[Key, Mapping[str, Any]] = field(default_factory=dict)
    marks: dict[Key, Any] = field(default_factory=dict)
    seen: dict[Key, None] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    last: bool = False

    def add(self, other: Piece) -> None:
        """What comes later counts; no key is twice in it."""
        for key in other.rows:
            self.rows.pop(key, None)
            self.seen.pop(key, None)
        self.rows |= other.rows
        self.marks |= other.marks
        self.seen |= {key: None for key in other.seen if key not in self.rows}
        self.rejects += other.rejects
        self.last = other.last

    @property
    def size(self) -> int:
        return sum(size_of(row) for row in self.rows.values())


class Pages(Protocol):
    @property
    def place(self) -> Position:
        """Where the next piece begins."""

    def turn(self, ask: Ask, until: float) -> Piece:
        """The next piece; a long one ends at `until` (monotonic)."""


class Pass:
    """One complete pass under way."""

    def __init__(self, reading: Reading, pages: Pages, began: Position | None) -> None:
        """`began`: the place in the middle that it goes on from, if it does."""
        self._reading, self._pages, self._begins = reading, pages, began is None
        self._table = reading.table
        self._used = time.monotonic()

    @property
    def name(self) -> str:
        return self._reading.stream.name

    def serves(self, name: str, position: Position | None) -> bool:
        return (self.name, self._pages.place) == (name, position)

    @property
    def rests(self) -> bool:
        return time.monotonic() > self._used + REST_S

    def read(self, ask: Ask) -> Batch:
        until = time.monotonic() + SLICE_S
        whole = Piece()
        while not whole.last:
            whole.add(self._pages.turn(ask, until))
            full = len(whole.rows) + len(whole.seen) >= ask.rows or whole.size >= ask.bytes
            if full or time.monotonic() >= until:
                break
        first, self._begins = self._begins, False
        self._used = time.monotonic()
        return Batch(
            position=COMPLETE if whole.last else self._pages.place,
            changes=self._changes(whole),
            rejects=tuple(whole.rejects),
            seen=((self._table.name, keys_of(self._table, list(whole.seen))),) if whole.seen else (),
            scan=_mark(first=first, last=whole.last) if self._deletes else None,
            more=not whole.last,
        )

    @property
    def _deletes(self) -> bool:
        return Caveat.NO_DELETES not in self._reading.stream.caveats

    def _changes(self, whole: Piece) -> tuple[Changes, ...]:
        rows = whole.rows
        if not rows:
            return ()
        marks = None
        if isinstance(self._reading, ListReading) and (mark := self._reading.options.mark):
            kind = self._table.schema.field(mark).type
            marks = pa.array([whole.marks[key] for key in rows], kind)
        return (Changes(self._table, columns.batch(self._table.schema, list(rows.values())), marks=marks),)


def begins(position: Position | None) -> bool:
    """Whether a new scan begins there. Errors: PermanentError when it is no position of ours."""
    if position is None or position == COMPLETE:
        return True
    if isinstance(position, dict) and position.keys() in ({"scan", "batch"}, {"keys", "next"}):
        return False
    raise PermanentError(
        "the position is none of a scan of screens",
        remedy=f"set it to {json.dumps(COMPLETE)} with `positions set`: the list is read from its beginning",
    )


def keys_of(table: Table, keys: Sequence[Key]) -> pa.RecordBatch:
    fields = [table.schema.field(name) for name in table.key]
    return columns.batch(pa.schema(fields), [dict(zip(table.key, key, strict=True)) for key in keys])


def judged(
    row: Row, table: Table, asked: Mapping[str, Any] | None = None
) -> tuple[Key | None, Reject | None]:
    """The row's key, if it can be read, and the reject, if the row is none. `asked`: parts of the key."""
    values = {**(asked or {}), **row.values}
    parts = tuple(values.get(name) for name in table.key)
    blank = [name for name, part in zip(table.key, parts, strict=True) if is_blank(part)]
    key = None if blank else parts
    problems = [f"{each.field}: {each.reason}" if each.field else each.reason for each in row.problems]
    if blank and not problems:
        problems = [f"{name}: is blank, and is the key" for name in blank]
    if not problems:
        return key, None
    # How wide the blank behind a value is depends on where its screen put it, and is no other reject.
    cells = {each.field: each.raw.rstrip() for each in row.problems} or row.values
    raw = json.dumps(cells, ensure_ascii=False, default=str)
    told = dict(zip(table.key, key, strict=True)) if key else None
    return key, Reject(table.name, "; ".join(problems), raw, told)


def _mark(*, first: bool, last: bool) -> Scan:
    if first:
        return Scan.ONLY if last else Scan.FIRST
    return Scan.LAST if last else Scan.MORE


def size_of(row: Mapping[str, Any]) -> int:
    """About how many bytes."""
    return sum(len(value) if isinstance(value, str | bytes) else 8 for value in row.values())

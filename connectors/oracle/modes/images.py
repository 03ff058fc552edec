"""The whole table or view, again and again: what changed between two scans is the engine's to find.

One query is one scan: what it shows is as of one SCN (Database Concepts, Data Concurrency and Consistency).
Where it is lost, a table with a key is read on from the last row by another one.
"""

from __future__ import annotations

import time

from bridge.contract import Ask, Batch, Caveat, Emits, Op, Position, Ranges, Scan, Table
from connectors.oracle import statements
from connectors.oracle.catalog import Relation
from connectors.oracle.config import OracleStream
from connectors.oracle.modes.flow import Flow, Rows
from connectors.oracle.modes.mode import Mode
from connectors.oracle.modes.pages import Open, Pages, ended, keyset, page, table_of, told
from connectors.oracle.rows import Reading
from connectors.oracle.session import Session

COMPLETE: Position = {"mode": "images", "scan": "complete"}


class Images(Mode):
    """By pages of its key, else in any order."""

    emits = Emits.IMAGES
    caveats = frozenset({Caveat.COLLAPSES})

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        self._pages = Pages(relation, keyset(relation, self.key)) if self.key else None
        self._reading = Reading(relation.columns)
        self._open = Open()

    def tables(self) -> tuple[Table, ...]:
        return (table_of(self.relation, self.key),)

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        place = None if position in (None, COMPLETE) else self._place(position)
        if not (self._pages or self._open.goes_on(position)):
            place = None  # in no order, a scan begins anew
        with self._open.at(position if place else None, lambda: self._start(session, place, ask)) as flow:
            rows = page(flow, ask)
            changes, rejects = told(self.tables()[0], rows, Op.CREATE)
            last = ended(flow)
            after = COMPLETE if last else {"mode": "images", **self._passed(place, rows)}
            self._open.keep(flow, after)
        return Batch(after, changes, rejects, scan=_mark(place, last=last), more=not last)

    def _start(self, session: Session, place: Position, ask: Ask) -> Flow:
        if self._pages:
            return self._pages.start(session, place, ask)
        return Flow(session, statements.rows(self.relation.name, self._reading.items), self._reading, ask)

    def _passed(self, place: Position, rows: Rows) -> dict[str, Position]:
        if self._pages:
            return self._pages.passed(place, rows)
        place = place or {"began": time.time_ns(), "rows": 0}
        return {**place, "rows": place["rows"] + rows.batch.num_rows}

    def reread(
        self, session: Session, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        if self._pages is None:
            return super().reread(session, position, place, within, ask)
        return self._pages.reread(session, place, within, ask)

    def check(self, position: Position) -> None:
        if position != COMPLETE:
            self._place(position)

    def _place(self, position: Position) -> Position:
        """None where the key is another one now. Errors: PermanentError."""
        match position:
            case {"mode": "images", "began": int(), "rows": int()}:
                return None if self._pages else {"began": position["began"], "rows": position["rows"]}
            case {"mode": "images", "after": list() | None}:
                place = {name: value for name, value in position.items() if name != "mode"}
                return place if self._pages and self._pages.knows(place) else None
        raise self.stranger('an images scan; {"mode": "images", "scan": "complete"} begins a new one')

    def release(self) -> None:
        self._open.close()
        if self._pages:
            self._pages.release()


def _mark(place: Position, *, last: bool) -> Scan:
    if place is None:
        return Scan.ONLY if last else Scan.FIRST
    return Scan.LAST if last else Scan.MORE

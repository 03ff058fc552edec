"""The rows of a table as they were at an SCN, in an order in which they can be taken up again.

By ROWID, chunk by chunk, so that the database sorts a chunk and not the table; an index-organized table by
its key, in whose order it is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from bridge.contract import Ask, Changes, Op, Ranges, Reject
from connectors.oracle import statements
from connectors.oracle.catalog import Kind
from connectors.oracle.keyset import Keyset
from connectors.oracle.modes.flow import Flow, Rows, reject
from connectors.oracle.modes.pages import filled, keyset
from connectors.oracle.modes.versions import ROWID, ROWID_LEAD, SOURCE, Subject
from connectors.oracle.rows import Reading
from connectors.oracle.session import Session

CHUNK_ROWS = 100_000
"""A smaller table, by its statistics, is one chunk."""
MOST_BOUNDS = 500
"""They are in every position of a snapshot."""
REST_S = 5.0
"""A cursor that nobody asked for so long is closed; the next poll opens another one."""


class Stretch(NamedTuple):
    """What is yet to be read: rows behind `after`, chunk by chunk up to each bound, and from the last one on.

    `after`: a ROWID, or the values of a key; None is the beginning.
    """

    after: Any = None
    bounds: tuple[str, ...] = ()


class Read(NamedTuple):
    """`left`: the stretch that is yet to be read; None when it is done."""

    left: Stretch | None
    changes: tuple[Changes, ...]
    rejects: tuple[Reject, ...]


def bounds(session: Session, subject: Subject) -> tuple[str, ...]:
    """Where chunks of a large table end: any rows would do, for what is behind the last one is read, too."""
    relation = subject.relation
    if relation.kind is Kind.IOT or (relation.rows is not None and relation.rows < CHUNK_ROWS):
        return ()
    found = [str(rowid) for (rowid,) in session.rows(statements.ranges(relation.name))][:-1]
    step = max(1, -(-len(found) // MOST_BOUNDS))
    return tuple(found[step - 1 :: step])


@dataclass(slots=True)
class Snap:
    """Reads a stretch as of an SCN. A chunk's cursor stays open from one page to the next."""

    session: Session
    subject: Subject
    scn: int
    left: Stretch
    ranges: Ranges = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)
    _flow: Flow | None = None

    def serves(self, scn: int, left: Stretch) -> bool:
        return (self.scn, self.left) == (scn, left) and time.monotonic() - self.used < REST_S

    def read(self, ask: Ask) -> Read:
        """About as much as is asked for. Errors: the driver's, after which it must be closed."""
        changes: list[Changes] = []
        rejects: list[Reject] = []
        rows, size = ask.rows, ask.bytes
        while rows > 0 and size > 0:
            flow = self._flow = self._flow or self._opened(ask)
            flow.fill(Ask(rows, size))
            each = max(1, flow.size // max(1, flow.rows))
            taken = flow.take(min(flow.rows, rows, max(1, size // each)))
            rows, size = rows - taken.batch.num_rows, size - taken.batch.nbytes
            changes += self._changes(taken)
            rejects += [reject(self._name, each, self.subject.key) for each in taken.refused.values()]
            self.left = self.left._replace(after=self._last(taken))
            if flow.ended and not flow.rows and not self._next_chunk():
                return Read(None, tuple(changes), tuple(rejects))
        self.used = time.monotonic()
        return Read(self.left, tuple(changes), tuple(rejects))

    def close(self) -> None:
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.close()

    def _next_chunk(self) -> bool:
        self.close()
        if not self.left.bounds:
            return False
        self.left = Stretch(self.left.bounds[0], self.left.bounds[1:])
        return True

    @property
    def _name(self) -> str:
        return str(self.subject.relation.name)

    @property
    def _by_key(self) -> Keyset | None:
        """An index-organized table has no ROWIDs that stay; its order is that of its key."""
        relation = self.subject.relation
        return keyset(relation, relation.key) if relation.kind is Kind.IOT else None

    def _opened(self, ask: Ask) -> Flow:
        relation, left, by_key = self.subject.relation, self.left, self._by_key
        reading = Reading(relation.columns, () if by_key else (ROWID_LEAD,))
        ranges = keyset(relation, self.subject.key).within(self.ranges) if self.ranges else []
        conditions = [*ranges, *filled(relation, self.subject.key)]
        if by_key:
            behind = [] if left.after is None else [by_key.after(left.after)]
            order = by_key.order
            statement = statements.by_key(
                relation.name, reading.items, self.scn, [*behind, *conditions], order
            )
        else:
            rows = left.after, next(iter(left.bounds), None)
            statement = statements.chunk(relation.name, reading.items, self.scn, rows, conditions)
        return Flow(self.session, statement, reading, ask)

    def _last(self, taken: Rows) -> Any:
        """Of the last row, by which the next one is found."""
        if not taken.batch.num_rows:
            return self.left.after
        if by_key := self._by_key:
            return by_key.last(taken.batch) or self.left.after
        return taken.batch.column(ROWID)[-1].as_py()

    def _changes(self, taken: Rows) -> tuple[Changes, ...]:
        batch = taken.batch
        if taken.refused:
            kept = [row for row in range(batch.num_rows) if row not in taken.refused]
            batch = batch.take(pa.array(kept, pa.int64()))
        rows = batch.num_rows
        if not rows:
            return ()
        rowids = pa.nulls(rows, pa.string()) if self._by_key else batch.column(ROWID)
        scns = pa.repeat(pa.scalar(self.scn, pa.int64()), rows)
        source = pa.RecordBatch.from_arrays([scns, pa.nulls(rows, pa.string()), rowids], schema=SOURCE)
        table = self.subject.table
        return (Changes(table, batch.select(table.schema.names), Op.READ, source=source),)

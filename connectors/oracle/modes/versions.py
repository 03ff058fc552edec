"""What was committed between two SCNs, page by page: the one reader of versions, for flashback and snapshots.

A page ends between two commits. A transaction that is too large for that is told in parts, by ROWID: then the
database says which keys it has left, and which there were. Memory is bounded by the size of a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bridge.contract import Ask, Changes, Op, Reject, Table
from connectors.oracle import statements
from connectors.oracle.catalog import Relation
from connectors.oracle.modes.flow import Flow, Rows, reject, whole
from connectors.oracle.modes.transactions import Event, Image, Key, Replay, Version, ends_alive, unknown
from connectors.oracle.rows import Lead, Reading
from connectors.oracle.session import Session

SCN, END, OP, XID, ROWID, TIME = "?scn", "?end", "?operation", "?xid", "?rowid", "?time"
"""No column has such names, unless somebody takes pains."""
ROWID_LEAD = Lead(ROWID, "ROWIDTOCHAR(t.ROWID)", pa.string())
LEADS = (
    Lead(SCN, "versions_startscn", pa.int64()),
    Lead(END, "versions_endscn", pa.int64()),
    Lead(OP, "versions_operation", pa.string()),
    Lead(XID, "RAWTOHEX(versions_xid)", pa.string()),
    ROWID_LEAD,
    Lead(TIME, "versions_starttime", pa.timestamp("us")),
)
SOURCE = pa.schema([("scn", pa.int64()), ("xid", pa.string()), ("rowid", pa.string())])
ONE_WAY = ({"I"}, {"D"})
"""Where all versions of a transaction are of one of these, no key has gone from one row to another."""
LARGE = 4
"""So many times a page are kept in memory of one transaction; a larger one is told in parts."""


class Place(NamedTuple):
    """What was committed up to `scn` is told, and of what was committed at `within`, rows up to its ROWID."""

    scn: int
    within: tuple[int, str] | None = None


class Page(NamedTuple):
    place: Place
    changes: tuple[Changes, ...] = ()
    rejects: tuple[Reject, ...] = ()
    transactions: tuple[tuple[int, str], ...] = ()
    """SCN and id of those in it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is read: a table, by which key its rows are known, with whole images of before or without."""

    relation: Relation
    key: tuple[str, ...]
    before: bool = False
    last: str | None = None
    """Up to this ROWID only, as if the table ended there."""

    @property
    def table(self) -> Table:
        return Table(str(self.relation.name), self.schema, self.key)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([column.field for column in self.relation.columns])

    @property
    def past(self) -> Reading:
        """What must be known of rows as they were."""
        columns = self.relation.columns
        wanted = columns if self.before else [each for each in columns if each.name in self.key]
        return Reading(wanted, (ROWID_LEAD,))


@dataclass(slots=True)
class Versions:
    """An open query of what was committed after `place` and up to `until`."""

    session: Session
    subject: Subject
    place: Place
    until: int
    known: Collection[str] = ()
    """Ids of transactions that were told before."""
    ended: bool = False
    _flow: Flow | None = None
    _operations: dict[int, set[str]] = field(default_factory=dict)

    def page(self, ask: Ask) -> Page:
        """The next one. Errors: the driver's, after which it must be closed."""
        flow = self._flow = self._flow or self._opened(ask)
        flow.fill(ask)
        count, part = self._cut(flow, ask)
        rows = flow.take(count)
        self.ended = flow.ended and not flow.rows
        told = _Telling(self, rows, part)
        changes, rejects = told.told()
        self.place = self._reached(told, part, flow)
        return Page(self.place, changes, rejects, told.transactions)

    def close(self) -> None:
        if self._flow is not None:
            self._flow.close()
        self.ended = True

    def _opened(self, ask: Ask) -> Flow:
        subject, (since, within) = self.subject, self.place
        reading = Reading(subject.relation.columns, LEADS)
        name, scns = subject.relation.name, (since, self.until)
        statement = statements.versions(name, reading.items, scns, within, subject.last)
        return Flow(self.session, statement, reading, ask)

    def _cut(self, flow: Flow, ask: Ask) -> tuple[int, int | None]:
        """How many rows are a page, and the SCN of the transaction that they are a part of, if they are."""
        while flow.rows:
            scns = flow.column(SCN)
            first, last = scns[0].as_py(), scns[-1].as_py()
            in_parts = self.place.within is not None and self.place.within[0] == first
            of_first = flow.rows if first == last else pc.index(pc.equal(scns, first), False).as_py()
            whole = flow.ended or first != last
            if in_parts and whole:
                return of_first, first
            if flow.ended:
                return flow.rows, None
            if first != last:
                return pc.index(scns, last).as_py(), None
            if in_parts or flow.rows > LARGE * ask.rows or flow.size > LARGE * ask.bytes:
                rowids = flow.column(ROWID)
                if (count := pc.index(rowids, rowids[-1]).as_py()) > 0:
                    return count, first
            flow.more()
        return 0, None

    def _reached(self, told: _Telling, part: int | None, flow: Flow) -> Place:
        if self.ended:
            return Place(self.until)
        if part is not None:
            over = bool(flow.rows) and flow.column(SCN)[0].as_py() != part
            return Place(part) if over else Place(part - 1, (part, told.last_rowid))
        return Place(told.last_scn)

    def operations(self, scn: int) -> set[str]:
        """What kinds of versions a large transaction has left."""
        if scn not in self._operations:
            rows = self.session.rows(statements.operations(self.subject.relation.name, scn))
            self._operations = {scn: {operation for operation, *_ in rows}}
        return self._operations[scn]


class _Telling:
    """One page, from versions to changes."""

    def __init__(self, of: Versions, rows: Rows, part: int | None) -> None:
        self._of, self._subject, self._part = of, of.subject, part
        self._page, self._refused = rows
        self._scns: list[int] = self._page.column(SCN).to_pylist()
        self._rowids: list[str] = self._page.column(ROWID).to_pylist()
        self._xids: list[str] = self._page.column(XID).to_pylist()
        self._pools = [self._page.select(self._subject.schema.names)]
        self._keys = _keys(self._page, self._subject.key, self._refused)

    @property
    def last_scn(self) -> int:
        return self._scns[-1]

    @property
    def last_rowid(self) -> str:
        return self._rowids[-1]

    @property
    def transactions(self) -> tuple[tuple[int, str], ...]:
        return tuple(dict.fromkeys(zip(self._scns, self._xids, strict=True)))

    def told(self) -> tuple[tuple[Changes, ...], tuple[Reject, ...]]:
        known_part = self._part is not None and self._of.known and {*self._xids} <= {*self._of.known}
        if known_part or not self._scns:
            return (), ()
        operations = self._page.column(OP).to_pylist()
        versions = [
            Version(scn, rowid, ends_alive(scn, end, operation), image, operation)
            for image, (scn, rowid, end, operation) in enumerate(
                zip(self._scns, self._rowids, self._page.column(END).to_pylist(), operations, strict=True)
            )
        ]
        replay = Replay(self._held(self._scns[0], unknown(versions)), self._keys, past=self._past)
        if self._part is not None:
            replay.remains, replay.existed = self._remain, self._existed
        events = [event for event in replay.events(versions) if self._is_news(event)]
        good = [event for event in events if event.op is Op.DELETE or event.image not in self._refused]
        rejects = tuple(
            reject(str(self._subject.relation.name), self._refused[event.image], self._subject.key)
            for event in events
            if event.op is not Op.DELETE and event.image in self._refused
        )
        return ((self._changes(good),) if good else ()), rejects

    def _is_news(self, event: Event) -> bool:
        if None in self._keys[event.image]:
            return False  # as in all modes: a row with NULL in its key is told from no other
        if event.op is Op.DELETE and None is _told_key(self._keys[event.image]):
            return False  # what could not be published has not to be taken back
        return self._xids[event.told] not in self._of.known

    # -- what the database says

    def _held(self, scn: int, rowids: Iterable[str]) -> dict[str, Image | None]:
        """What was at these addresses right before an SCN; it goes into the pool."""
        held: dict[str, Image | None] = {}
        for some in batched(rowids, statements.LISTED[-1]):
            reading, name = self._subject.past, self._subject.relation.name
            statement = statements.rows_at(name, reading.items, scn - 1, some)
            rows = whole(self._of.session, statement, reading, Ask())
            found, begin = rows.batch.column(ROWID).to_pylist(), len(self._keys)
            held.update((rowid, begin + place) for place, rowid in enumerate(found))
            self._keys += _keys(rows.batch, self._subject.key, rows.refused)
            self._pools.append(_widened(rows.batch, self._subject.schema))
        return held

    def _past(self, scn: int, rowids: Collection[str]) -> dict[str, Image | None]:
        if scn == self._scns[0]:  # which was asked already
            return {}
        return dict.fromkeys(rowids) | self._held(scn, rowids)

    @property
    def _pool(self) -> pa.RecordBatch:
        """All rows that images are places in."""
        self._pools = [pa.concat_batches(self._pools)]
        return self._pools[0]

    def _remain(self, rowids: Collection[str]) -> Collection[str]:
        return self._met(rowids, (self._scns[0] - 1, self._scns[0]))

    def _existed(self, rowids: Collection[str]) -> Collection[str]:
        return self._met(rowids, (self._scns[0], self._scns[0] - 1))

    def _met(self, rowids: Collection[str], scns: tuple[int, int]) -> set[str]:
        subject, found = self._subject, set[str]()
        if self._of.operations(max(scns)) in ONE_WAY:
            return found
        for some in batched(rowids, statements.LISTED[-1]):
            statement = statements.met(subject.relation.name, subject.key, scns, some, subject.last)
            found.update(rowid for (rowid,) in self._of.session.rows(statement))
        return found

    # -- what is published

    def _changes(self, events: Sequence[Event]) -> Changes:
        images, told = _places(event.image for event in events), _places(event.told for event in events)
        left = _places(None if event.op is Op.DELETE else event.image for event in events)
        subject, pool = self._subject, self._pool
        columns = [
            pool.column(name).take(images if name in subject.key else left) for name in pool.schema.names
        ]
        return Changes(
            subject.table,
            pa.RecordBatch.from_arrays(columns, schema=pool.schema),
            pa.array([event.op.value for event in events], pa.string()),
            before=self._images_before(events) if subject.before else None,
            source=pa.RecordBatch.from_arrays(
                [self._page.column(name).take(told) for name in (SCN, XID, ROWID)], schema=SOURCE
            ),
            ts=_milliseconds(self._page.column(TIME).take(told), self._of.session.moment().offset_s),
        )

    def _images_before(self, events: Sequence[Event]) -> pa.StructArray:
        places = _places(event.before for event in events)
        rows = self._pool.take(places)
        return pa.StructArray.from_arrays(rows.columns, fields=list(rows.schema), mask=pc.is_null(places))


class _Lost:
    """A key that cannot be had is like no other."""


def _keys(rows: pa.RecordBatch, names: Sequence[str], refused: Any) -> list[Key]:
    columns = [rows.column(name).to_pylist() for name in names]
    keys: list[Key] = list(zip(*columns, strict=True))
    for place, each in refused.items():
        if each.lost.intersection(names):
            keys[place] = (_Lost(),)
    return keys


def _told_key(key: Key) -> Key | None:
    return None if isinstance(key[0], _Lost) else key


def _places(places: Iterable[int | None]) -> pa.Array:
    return pa.array(places, pa.int64())


def _widened(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """With nulls for the columns that were not read."""
    names = rows.schema.names
    columns = [
        rows.column(each.name) if each.name in names else pa.nulls(rows.num_rows, each.type)
        for each in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _milliseconds(times: pa.Array, ahead_s: int) -> pa.Array:
    """Since the epoch, of the database's own local times."""
    shift = pa.scalar(ahead_s * 1000, pa.int64())
    return pc.subtract(times.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()), shift)

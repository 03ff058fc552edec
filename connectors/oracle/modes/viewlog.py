"""The changes of a table by its materialized view log: of each key that changed, the last image.

The log and the table are read by one query, key by key, which stays open while the rows of the log are
deleted: all of it is as of one SCN, so that an image and the notes that go with it are of the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa

from bridge.contract import Ask, Batch, Caveat, Changes, Op, Position, Reject
from bridge.errors import PermanentError
from connectors.oracle import statements
from connectors.oracle.catalog import Kind, Relation
from connectors.oracle.config import OracleStream
from connectors.oracle.keyset import written
from connectors.oracle.modes.flow import Flow, Rows, reject
from connectors.oracle.modes.pages import Open, enduring, keyset
from connectors.oracle.modes.settling import MOST_ROWS, ROWID, Named, Settling, Taken, fitting
from connectors.oracle.rows import Lead, Reading
from connectors.oracle.session import Session
from connectors.oracle.statements import Conditions, TableName

SEQUENCE, NOTED, THERE = "?sequence", "?noted", "?there"
_LEADS = (
    Lead(ROWID, "ROWIDTOCHAR(l.ROWID)", pa.string()),
    Lead(SEQUENCE, 'l."SEQUENCE$$"', pa.int64()),
    Lead(NOTED, 'l."DMLTYPE$$"', pa.string()),
    Lead(THERE, "ROWIDTOCHAR(t.ROWID)", pa.string()),
)


class _Group(NamedTuple):
    """What the log notes of one key on a page: its first and its last row there."""

    key: list[Any]
    first: int
    last: int
    known: bool = True
    """There was such a row before."""


class ViewLog(Settling):
    """A page has all notes of each of its keys.

    Of a key with more than a page's, the last page tells what has become of it; until then the position
    carries on whether it was there before.
    """

    caveats = frozenset({Caveat.COLLAPSES})

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        if relation.kind is Kind.IOT:
            raise PermanentError(
                f"{relation.name} is an {relation.kind.value}, whose rows a log does not tell by ROWIDs",
                remedy="use images or timestamp mode",
            )
        if not relation.key:
            raise PermanentError(
                f"a log tells rows by their primary key, and {relation.name} has none",
                remedy="add one, or use images mode",
            )
        self._key = keyset(relation, self.key, "l")
        self._keys = tuple(
            Lead(f"?key{at}", column.template.format(self._key.order[at]), column.wire or column.field.type)
            for at, column in enumerate(self._key.columns)
        )
        self._reading = Reading(relation.columns, (*_LEADS, *self._keys))
        self._open = Open()
        self._log: TableName | None = None

    @property
    def width(self) -> int:
        return 2

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        before = self.taken(position)
        with self._open.at(position, lambda: self._opened(session, ask, before.carry)) as flow:
            batch = self._page(flow, before, ask)
            self._open.keep(flow, batch.position)
        return replace(batch, more=True) if before.carry else batch

    def _page(self, flow: Flow, before: Taken, ask: Ask) -> Batch:
        with enduring():
            count, whole = self._count(flow, ask)
        rows = flow.take(count)
        self._must_tell(rows.batch)
        groups = [self._known(rows.batch, group, before.carry) for group in self._groups(rows.batch)]
        carry = None if whole else [groups[-1].key, groups[-1].known]
        taken = Taken("mview_log", tuple(_named(rows.batch)), carry=carry)
        return self.brought(taken, self._told(rows, groups if whole else groups[:-1]))

    def _must_tell(self, notes: pa.RecordBatch) -> None:
        """Notes from before the log had what `log_of` asks for: of which row they are is not known."""
        told = (SEQUENCE, *(lead.name for lead in self._keys))
        if any(notes.column(name).null_count for name in told):
            columns = ('"SEQUENCE$$"', *(f'"{name}"' for name in self.key))
            where = " OR ".join(f"{each} IS NULL" for each in columns)
            raise PermanentError(
                f"the materialized view log of {self.name} has notes without a key or a number, from before"
                " it had such columns: which rows have changed, they do not tell",
                remedy=f"delete in {self._log} the rows with {where}; then `resume`, and `resnapshot` it",
            )

    def release(self) -> None:
        self._open.close()

    def _opened(self, session: Session, ask: Ask, carry: Sequence[Any] | None) -> Flow:
        """The notes that are left of a key that is half told come first, and alone."""
        log, only = self._log_of(session), self._only(carry[0]) if carry else []
        statement = statements.logged(log, self.relation.name, self._reading.items, self.key, only)
        return Flow(session, statement, self._reading, ask)

    def _only(self, key: Any) -> Conditions:
        with suppress(ValueError):  # the table may have another key by now
            return [(self._key.same("key"), self._key.bound(key, "key"))]
        return []

    def _log_of(self, session: Session) -> TableName:
        """Errors: PermanentError when there is none, or one that does not do."""
        if self._log is None:
            log = log_of(session, self.relation.name)
            self.need(session, log)
            self._log = log
        return self._log

    def _count(self, flow: Flow, ask: Ask) -> tuple[int, bool]:
        """How many rows are a page, and whether it ends with all that is noted of its last key."""
        flow.fill(ask)
        if not flow.rows:
            return 0, True
        each = max(1, flow.size // flow.rows)
        most = min(flow.rows, ask.rows, MOST_ROWS, max(1, ask.bytes // each))
        named = (flow.column(name)[:most].to_pylist() for name in (ROWID, SEQUENCE))
        most = fitting([*zip(*named, strict=True)])
        if most == flow.rows and not flow.more():
            return most, True
        keys = [*zip(*(flow.column(lead.name)[: most + 1].to_pylist() for lead in self._keys), strict=True)]
        cut = next((at for at in range(most, 0, -1) if keys[at] != keys[at - 1]), 0)
        return (cut, True) if cut else (most, False)

    def _groups(self, batch: pa.RecordBatch) -> Iterator[_Group]:
        columns = [batch.column(lead.name) for lead in self._keys]
        keys = [[written(value) for value in values] for values in zip(*columns, strict=True)]
        for key, places in groupby(range(len(keys)), key=keys.__getitem__):
            all_of_it = list(places)
            yield _Group(key, all_of_it[0], all_of_it[-1])

    def _known(self, batch: pa.RecordBatch, group: _Group, carry: Sequence[Any] | None) -> _Group:
        """With what was carried on from the page before."""
        if carry and carry[0] == group.key:
            return group._replace(known=bool(carry[1]))
        return group._replace(known=batch.column(NOTED)[group.first].as_py() != "I")

    def _told(self, rows: Rows, groups: Iterable[_Group]) -> tuple[tuple[Changes, ...], tuple[Reject, ...]]:
        """Of each key, what has become of the row that the topic knows, or does not."""
        at: list[int] = []
        ops: list[str] = []
        rejects: list[Reject] = []
        for group in groups:
            if refused := rows.refused.get(group.last):
                rejects.append(reject(self.name, refused, self.key))
            elif op := _op(known=group.known, there=rows.batch.column(THERE)[group.last].is_valid):
                at.append(group.last)
                ops.append(op)
        return self._changes(rows.batch, at, ops), tuple(rejects)

    def _changes(self, batch: pa.RecordBatch, at: Sequence[int], ops: Sequence[str]) -> tuple[Changes, ...]:
        """A row that is gone has its key from the log."""
        if not at:
            return ()
        (table,) = self.tables()
        told = batch.take(pa.array(at, pa.int64()))
        keys = dict(zip(self.key, self._finished(told), strict=True))
        columns = [keys[name] if name in keys else told.column(name) for name in table.schema.names]
        rows = pa.RecordBatch.from_arrays(columns, schema=table.schema)
        source = pa.record_batch([told.column(SEQUENCE)], names=["sequence"])
        return (Changes(table, rows, pa.array(ops, pa.string()), source=source),)

    def _finished(self, batch: pa.RecordBatch) -> Iterator[pa.Array]:
        for lead, column in zip(self._keys, self._key.columns, strict=True):
            raw = batch.column(lead.name)
            yield column.finish(raw) if column.finish else raw

    def settle(self, session: Session, taken: Taken, *, again: bool) -> int:  # noqa: ARG002
        log = self._log_of(session)
        binds = [{"place": rowid, "sequence": number} for rowid, number in taken.rows]
        statement = statements.delete(log, 't."SEQUENCE$$" = :sequence')
        found = session.change(statement, binds)
        if found < len(binds):  # the log was moved, or that was done before: numbers never come again
            moved = self._moved(session, log, [number for _, number in taken.rows])
            found += session.change(statement, moved) if moved else 0
        return found

    def _moved(self, session: Session, log: TableName, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Where the notes are now; after a move, ROWIDs are others."""
        found = session.rows(statements.numbered(log, min(numbers), max(numbers)))
        wanted = set(numbers)
        return [{"place": rowid, "sequence": int(each)} for rowid, each in found if int(each) in wanted]


def _named(batch: pa.RecordBatch) -> Iterator[Named]:
    for rowid, number in zip(batch.column(ROWID), batch.column(SEQUENCE), strict=True):
        yield [rowid.as_py(), number.as_py()]


def _op(*, known: bool, there: bool) -> Op | None:
    if there:
        return Op.UPDATE if known else Op.CREATE
    return Op.DELETE if known else None


def log_of(session: Session, master: TableName) -> TableName:
    """The log of a table. Errors: PermanentError, with the statement that would do."""
    found = session.one(statements.view_log(master))
    if found is None:
        raise PermanentError(
            f"{master} has no materialized view log that {session.user} can see",
            remedy=f"CREATE MATERIALIZED VIEW LOG ON {master} WITH PRIMARY KEY, SEQUENCE; GRANT SELECT,"
            f" DELETE ON {master.owner}.MLOG$_{master.name} TO {session.user}",
        )
    log, key, sequence = found
    lacking = [word for word, has in (("PRIMARY KEY", key), ("SEQUENCE", sequence)) if has != "YES"]
    if lacking:
        raise PermanentError(
            f"the materialized view log of {master} has no {' and no '.join(lacking)}",
            remedy=f"ALTER MATERIALIZED VIEW LOG ON {master} ADD {', '.join(lacking)}",
        )
    others = session.allowed(statements.dependents(master))
    if others and others[0][0]:
        raise PermanentError(
            f"{others[0][0]} materialized views are refreshed by the log of {master}: they would miss what is"
            " deleted here",
            remedy="use flashback mode",
        )
    return TableName(master.owner, str(log))

"""Rows that are read, published, and then deleted: exactly those, for the position names them.

A position names each row by its ROWID and by values that tell it from others, since ROWIDs are used again. It
has them until the next poll; when `commit` is told of it a second time, perhaps by another process, the row
that it finds may be a new one with the old address and the old key. The versions since then tell that; the
sequence numbers of a materialized view log never come twice (viewlog.py).
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import oracledb
import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Op, Position, Reject, Table
from bridge.errors import BridgeError, PermanentError
from connectors.oracle import statements
from connectors.oracle.catalog import Kind, Relation
from connectors.oracle.codes import Kind as Code
from connectors.oracle.config import OracleStream
from connectors.oracle.errors import codes, kind
from connectors.oracle.modes.flow import Flow, Rows
from connectors.oracle.modes.mode import Mode
from connectors.oracle.modes.pages import enduring, filled, keyset, page, table_of, told
from connectors.oracle.rows import Lead, Reading
from connectors.oracle.session import Session
from connectors.oracle.statements import TableName

MOST_ROWS = 5_000
MOST_BYTES = 160 * 1024
"""Of the rows that a position names."""
ROWID = "?rowid"
_NOTHING = '{"mode": "outbox"}'
"""The position that deletes nothing."""

type Named = Sequence[Any]
"""A row as a position names it: its ROWID, and the values that tell it from others."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What Kafka has once it has the position: rows to delete. `scn`: they were there then, 0 if unknown."""

    mode: str
    rows: tuple[Named, ...] = ()
    scn: int = 0
    carry: Sequence[Any] | None = None
    """Of notes of one key that go on after it: the key, and whether its row is known to the topic."""
    by: tuple[str, ...] = ()
    """The columns whose values name the rows of an outbox; empty: it was not told yet."""

    @classmethod
    def parsed(cls, position: Any, mode: str, width: int) -> Taken:
        """Errors: ValueError."""
        match position:
            case {"mode": named, **rest} if named == mode and rest.keys() <= {"rows", "scn", "carry", "by"}:
                rows, by = rest.get("rows", []), rest.get("by", [])
                scn, carry = rest.get("scn", 0), rest.get("carry")
                good = isinstance(rows, list) and all(_is_named(row, width) for row in rows)
                good = good and isinstance(by, list) and all(isinstance(name, str) for name in by)
                if good and type(scn) is int and scn >= 0 and isinstance(carry, list | None):
                    return cls(mode, tuple(rows), scn, carry, tuple(by))  # type: ignore[arg-type]
        raise ValueError(position)

    @property
    def position(self) -> Position:
        place: dict[str, Any] = {"mode": self.mode}
        if self.rows:
            place |= {"scn": self.scn} if self.scn else {}
            place |= {"by": list(self.by)} if self.by else {}
            place["rows"] = [list(row) for row in self.rows]
        return {**place, "carry": list(self.carry)} if self.carry else place


def _is_named(row: object, width: int) -> bool:
    return isinstance(row, list) and len(row) == width and isinstance(row[0], str)


class Settling(Mode):
    """What both have in common. All of them share one session that writes."""

    settles: ClassVar[bool] = True

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        self._fresh: Position = None
        """What was read here and not yet deleted: nobody else can have done it."""
        self._granted = False
        self._unfound: set[str] = set()
        """Names of rows some of which a delete did not find, and nobody else deletes: they must not come."""

    def tables(self) -> tuple[Table, ...]:
        return (table_of(self.relation, self.key),)

    @property
    @abstractmethod
    def width(self) -> int:
        """How many values name a row."""

    def check(self, position: Position) -> None:
        self.taken(position)

    def taken(self, position: Position | None) -> Taken:
        """Errors: PermanentError."""
        mode = self.options.mode
        try:
            return Taken(mode) if position is None else Taken.parsed(position, mode, self.width)
        except ValueError:
            raise self.stranger(f'{mode} mode; {{"mode": "{mode}"}} is one that deletes nothing') from None

    def brought(self, taken: Taken, batch: tuple[tuple[Changes, ...], tuple[Reject, ...]]) -> Batch:
        """Polled again at once, it finds that the rows are gone, and the position forgets them.

        Errors: PermanentError when rows come again that were told to be deleted.
        """
        if not self._unfound.isdisjoint(map(json.dumps, taken.rows)):
            self._unfound.clear()
            raise self._undeletable()
        self._fresh = taken.position if taken.rows else None
        return Batch(taken.position, *batch, more=bool(taken.rows))

    def need(self, session: Session, table: TableName) -> None:
        """Errors: PermanentError, before anything is published that cannot be deleted."""
        if self._granted:
            return
        try:
            session.change(statements.nothing(table))
            session.rollback()
        except oracledb.DatabaseError as error:
            if {"ORA-01031", "ORA-41900", "ORA-00942"}.isdisjoint(codes(error)):
                raise
            raise PermanentError(
                f"{session.user} may not read and delete rows of {table}, as mode {self.options.mode} must",
                remedy=f"GRANT SELECT, DELETE ON {table} TO {session.user}",
            ) from error
        self._granted = True

    def commit(self, session: Session, position: Position) -> None:
        taken = self.taken(position)
        if not taken.rows:
            return
        fresh, self._fresh = position == self._fresh, None
        try:
            with enduring():  # a gap of what is deleted is none
                found = self.settle(session, taken, again=not fresh)
            session.commit()
        except BaseException:
            if session.healthy:
                with suppress(oracledb.Error, BridgeError):
                    session.rollback()
            raise
        if fresh and found < len(taken.rows) and len(self._unfound) < MOST_ROWS:
            self._unfound.update(map(json.dumps, taken.rows))

    @abstractmethod
    def settle(self, session: Session, taken: Taken, *, again: bool) -> int:
        """Delete the rows; how many there were. `again`: that may have been done before."""

    def _undeletable(self) -> PermanentError:
        return PermanentError(
            f"published rows of {self.name} are still there: DELETE found none by their ROWIDs and keys",
            remedy="look for a row-level policy (ALL_POLICIES) or a trigger that keeps the account from"
            " deleting what it reads; delete those that Kafka has, then `resume`, or they come again",
        )


class Outbox(Settling):
    """A table to which applications add events, in the order of its key."""

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        if relation.kind not in (Kind.TABLE, Kind.CLUSTER):
            raise PermanentError(
                f"{relation.name} is a {relation.kind.value}, whose rows have no addresses to delete them by",
                remedy="name a table of the usual kind, or use flashback mode",
            )
        if not self.key:
            raise PermanentError(
                f"table {relation.name} has no primary key, by which its rows are ordered and told apart",
                remedy="add one, or name columns under `key` whose values never come again",
            )
        self._key = keyset(relation, self.key)
        leads = (Lead(ROWID, "ROWIDTOCHAR(t.ROWID)", pa.string()),)
        self._reading = Reading(relation.columns, leads)

    @property
    def width(self) -> int:
        return 1 + len(self.key)

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        self.taken(position)
        self.need(session, self.relation.name)
        batch = self._readable(self._read(session, ask))
        names = [self._named(batch, at) for at in range(batch.num_rows)]
        count = fitting(names)
        scn = self._scn(session) if names else 0
        taken = Taken("outbox", tuple(names[:count]), scn, by=tuple(self.key))
        return self.brought(taken, told(self.tables()[0], Rows(batch.slice(0, count), {}), Op.CREATE))

    def _read(self, session: Session, ask: Ask) -> Rows:
        key, most = filled(self.relation, self.key), min(ask.rows, MOST_ROWS)
        name, items = self.relation.name, self._reading.items
        statement = statements.rows(name, items, key, self._key.order, most)
        flow = Flow(session, statement, self._reading, ask)
        try:
            return page(flow, ask)
        finally:
            flow.close()

    def _readable(self, rows: Rows) -> pa.RecordBatch:
        """Those before one that cannot be had: nobody else has it, so it stays where it is.

        Errors: PermanentError when it is the first.
        """
        first = min(rows.refused, default=rows.batch.num_rows)
        if first or not rows.refused:
            return rows.batch.slice(0, first)
        rowid = rows.batch.column(ROWID)[0].as_py()
        away = f"DELETE FROM {self.relation.name.sql} WHERE ROWID = '{rowid}'"  # noqa: S608 -- only told
        raise PermanentError(
            f"the row of {self.name} at ROWID {rowid} cannot be read: {rows.refused[0].reason}",
            remedy=f"it is neither published nor deleted: mend it, or see to it and {away}; then `resume`",
        )

    def _named(self, rows: pa.RecordBatch, at: int) -> Named:
        rowid, key = rows.column(ROWID)[at].as_py(), self._key.place(rows, at)
        return [rowid, *(key or ())]

    def _scn(self, session: Session) -> int:
        """One at which the rows that were read were there: whoever deletes them does so later."""
        session.fresh()
        try:
            return session.scn()
        except PermanentError:  # there is no grant, which this mode can do without
            return 0

    def settle(self, session: Session, taken: Taken, *, again: bool) -> int:
        if taken.by not in ((), tuple(self.key)):
            raise self._renamed(", ".join(taken.by))
        return self._settle_again(session, taken) if again else self._settle(session, taken.rows)

    def _settle(self, session: Session, rows: Sequence[Named]) -> int:
        missing = len(rows) - self._delete(session, rows)
        elsewhere = self._delete(session, rows, anywhere=True) if missing else 0
        if elsewhere > missing:
            raise self._ambiguous()
        return len(rows) - missing + elsewhere

    def _settle_again(self, session: Session, taken: Taken) -> int:
        """All were deleted, or none was; what is found may be new."""
        gone = self._deleted(session, taken.scn)
        rows = [row for row in taken.rows if row[0] not in (gone or ())]
        found = self._delete(session, rows)
        elsewhere = self._delete(session, rows, anywhere=True) if found < len(rows) else 0
        if found + elsewhere > len(rows):
            raise self._ambiguous()
        if not self.options.key:  # which is a promise that its values never come again
            if gone is None and found + elsewhere < len(rows):
                session.rollback()
            elif elsewhere:
                raise self._moved(elsewhere)
        return found + elsewhere

    def _delete(self, session: Session, rows: Sequence[Named], *, anywhere: bool = False) -> int:
        """By place and key, or by key alone."""
        binds = self._binds(rows)
        for each in binds if anywhere else ():
            del each["place"]
        statement = statements.delete(self.relation.name, self._key.same("key"), anywhere=anywhere)
        return session.change(statement, binds) if binds else 0

    def _renamed(self, key: str) -> PermanentError:
        return PermanentError(
            f"rows of {self.name} that Kafka has are named by {key}, and not by {', '.join(self.key)}",
            remedy="configure the former `key` until they are deleted; or delete those that Kafka has, and"
            f" set the position {_NOTHING}",
        )

    def _ambiguous(self) -> PermanentError:
        return PermanentError(
            f"published rows of {self.name} have moved, and several have the same {', '.join(self.key)}",
            remedy=f"delete those that Kafka has, set the position {_NOTHING}, and name another `key`",
        )

    def _moved(self, count: int) -> PermanentError:
        key = ", ".join(self.key)
        return PermanentError(
            f"{count} published rows of {self.name} are not where they were, but elsewhere rows have their"
            " keys: the same ones, moved (ALTER TABLE ... MOVE), or new ones: nothing tells which",
            remedy=f"if values of {key} never come again, say so, `key: [{key}]`, and they are deleted; else"
            f" delete those that Kafka has, and set the position {_NOTHING}",
        )

    def _deleted(self, session: Session, since: int) -> set[str] | None:
        """None where the database does not tell any more, or not us."""
        if not since or self.relation.kind is Kind.CLUSTER:  # which has no versions
            return None
        session.fresh()
        try:
            found = session.allowed(statements.deleted(self.relation.name, since, session.scn()))
        except oracledb.DatabaseError as error:
            if kind(error) is not Code.GAP:
                raise
            return None
        return None if found is None else {rowid for (rowid,) in found}

    def _binds(self, rows: Iterable[Named]) -> list[dict[str, Any]]:
        try:
            return [{"place": rowid, **self._key.bound(key, "key")} for rowid, *key in rows]
        except ValueError:
            raise self._renamed("values of another type") from None


def fitting(names: Sequence[Named]) -> int:
    """How many of them a position has room for; at least one."""
    size = 0
    for count, name in enumerate(names):
        size += len(json.dumps(name)) + 2
        if size > MOST_BYTES and count:
            return count
    return len(names)

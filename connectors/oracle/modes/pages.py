"""Queries that are read page by page, and stay open from one poll to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import oracledb
import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Op, Position, Ranges, Reject, Table
from bridge.errors import PermanentError, TransientError
from connectors.oracle import statements
from connectors.oracle.catalog import Relation
from connectors.oracle.codes import Kind as Code
from connectors.oracle.errors import codes, kind
from connectors.oracle.keyset import Keyset, Place
from connectors.oracle.modes.flow import Flow, Rows, reject
from connectors.oracle.rows import Reading
from connectors.oracle.session import Session
from connectors.oracle.statements import Conditions


class Open:
    """At most one query, and the position that follows all that was taken of it."""

    def __init__(self) -> None:
        self._flow: Flow | None = None
        self._position: Position = None

    @contextmanager
    def at(self, position: Position, start: Callable[[], Flow]) -> Iterator[Flow]:
        """The query that goes on there, else another one; it is closed unless it is kept.

        So it is when anything goes wrong meanwhile: rows may be lost of it that no position has.
        """
        if self._position != position:
            self.close()
        flow, self._flow = self._flow or start(), None
        try:
            yield flow
        finally:
            if self._flow is not flow:
                flow.close()

    def goes_on(self, position: Position) -> bool:
        return self._flow is not None and self._position == position

    def keep(self, flow: Flow, position: Position) -> None:
        """Unless there is no more of it."""
        if not ended(flow):
            self._flow, self._position = flow, position

    def close(self) -> None:
        """Never raises."""
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.close()


@contextmanager
def enduring() -> Iterator[None]:
    """A query of what there is now may be begun anew: that it was too long for the undo is no gap."""
    try:
        yield
    except oracledb.DatabaseError as error:
        if kind(error) is not Code.GAP:
            raise
        raise TransientError(
            f"a query took longer than undo is kept: {', '.join(codes(error))}",
            remedy="it is taken up again; raise UNDO_RETENTION if that goes on",
        ) from error


def page(flow: Flow, ask: Ask) -> Rows:
    """The next rows, about as many as are asked for."""
    with enduring():
        flow.fill(ask)
    each = max(1, flow.size // max(1, flow.rows))
    return flow.take(min(flow.rows, ask.rows, max(1, ask.bytes // each)))


def ended(flow: Flow) -> bool:
    return flow.ended and not flow.rows


def told(table: Table, rows: Rows, op: Op) -> tuple[tuple[Changes, ...], tuple[Reject, ...]]:
    """Rows that are whole as changes, the others as rejects."""
    rejects = tuple(reject(table.name, each, table.key) for each in rows.refused.values())
    batch = rows.batch.select(table.schema.names)
    if rows.refused:
        whole = [at for at in range(batch.num_rows) if at not in rows.refused]
        batch = batch.take(pa.array(whole, pa.int64()))
    return (Changes(table, batch, op),) if batch.num_rows else (), rejects


def table_of(relation: Relation, key: Sequence[str]) -> Table:
    return Table(str(relation.name), pa.schema([column.field for column in relation.columns]), tuple(key))


def keyset(relation: Relation, names: Sequence[str], alias: str = "t") -> Keyset:
    """Errors: PermanentError when the table has no such columns."""
    known = {column.name: column for column in relation.columns}
    for name in names:
        if name not in known:
            raise PermanentError(
                f"table {relation.name} has no column {name}", remedy=f"it has {', '.join(known)}"
            )
    return Keyset(tuple(known[name] for name in names), alias)


def filled(relation: Relation, names: Sequence[str]) -> Conditions:
    """Rows that have a value in each of the columns: others have no key."""
    nullable = {column.name for column in relation.columns if column.nullable}
    return [statements.there(name) for name in names if name in nullable]


class Pages:
    """A table in the order of its key; a place in it is {"after": values of the last key}."""

    def __init__(self, relation: Relation, key: Keyset) -> None:
        self._relation, self._key = relation, key
        self._table = table_of(relation, key.names)
        self._reading = Reading(relation.columns)
        self._open = Open()

    def start(self, session: Session, place: Position, ask: Ask, more: Conditions = ()) -> Flow:
        """The rows after a place, from the beginning without one. `more`: what else they fulfil."""
        after = [self._key.after(place["after"])] if place and place.get("after") else []
        conditions = [*after, *more, *filled(self._relation, self._key.names)]
        name, items = self._relation.name, self._reading.items
        return Flow(session, statements.rows(name, items, conditions, self._key.order), self._reading, ask)

    def passed(self, place: Position, rows: Rows) -> dict[str, Any]:
        """The place after rows that came after `place`. "skipped" counts rows whose very keys are lost."""
        last: Place | None = self._key.last(rows.batch)
        if last is not None or not rows.batch.num_rows:
            return {"after": last} if last else {"after": None, **(place or {})}
        skipped = (place or {}).get("skipped", 0) + rows.batch.num_rows
        return {"after": (place or {}).get("after"), "skipped": skipped}

    def reread(self, session: Session, place: Position, within: Ranges, ask: Ask) -> Batch:
        """All rows that are there now, as `Connector.reread`."""
        place = place if self.knows(place) else None
        with self._open.at(place, lambda: self.start(session, place, ask, self._key.within(within))) as flow:
            rows = page(flow, ask)
            changes, rejects = told(self._table, rows, Op.READ)
            after, more = self.passed(place, rows), not ended(flow)
            self._open.keep(flow, after)
        return Batch(after, changes, rejects, more=more)

    def knows(self, place: Position) -> bool:
        """Is it a place in this order? The table may have another key by now."""
        if not isinstance(place, dict) or not {"after"} <= place.keys() <= {"after", "skipped"}:
            return False
        try:
            return place["after"] is None or bool(self._key.after(place["after"]))
        except (ValueError, TypeError):
            return False

    def release(self) -> None:
        self._open.close()

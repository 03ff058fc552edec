"""A queue: messages are dequeued, published, and the dequeue is committed then.

The transaction in between is the lock. After a crash it is rolled back, and what Kafka has is dequeued by
the ids that the position has. A message that a dead session still holds by then comes again when that is
cleaned up: it is dropped, for positions carry its id on until it was.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

import oracledb
import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Op, Position, Table
from bridge.errors import PermanentError
from connectors.oracle import statements
from connectors.oracle.catalog import Relation
from connectors.oracle.config import OracleStream
from connectors.oracle.errors import codes
from connectors.oracle.modes.mode import Mode
from connectors.oracle.session import Session
from connectors.oracle.statements import TableName
from connectors.oracle.types import Column

MOST = 500
"""Messages of a batch: after a crash each is asked for by its id."""
MOST_HELD = 3_000
"""Of dead sessions, that a position has room for besides those of a batch."""
AT_ONCE = 100
PAYLOAD = "USER_DATA"
_KEY = "MSG_ID"
_ABOUT = (
    Column(_KEY, "RAW(16)", pa.field(_KEY, pa.string()), nullable=False),
    Column("CORR_ID", "VARCHAR2(128)", pa.field("CORR_ID", pa.string()), nullable=True),
    Column("MSG_PRIORITY", "NUMBER", pa.field("MSG_PRIORITY", pa.int64()), nullable=True),
    Column("ENQ_TIME", "DATE", pa.field("ENQ_TIME", pa.timestamp("s")), nullable=True),
)
"""As the view AQ$ of a queue table names them (Database Reference)."""


def described(session: Session, relation: Relation) -> Relation:
    """A queue with the columns of its messages; without any where the account may not dequeue."""
    found = session.one(statements.payload(relation.name))
    if found is None:
        return relation
    kind = "RAW" if found[0] is None else str(found[0]).replace("SYS.JSON", "JSON")
    payload = pa.field(PAYLOAD, pa.binary() if kind == "RAW" else pa.string())
    return replace(relation, columns=(*_ABOUT, Column(PAYLOAD, kind, payload, nullable=True)), key=(_KEY,))


@dataclass(frozen=True, slots=True)
class _Held:
    """Messages that are dequeued in a transaction that is still open."""

    session: Session
    before: Position
    batch: Batch
    again: frozenset[str]
    """Of those that Kafka has, the ids of what came once more, and goes with it."""


class Queue(Mode):
    """Of a queue for one consumer, or for several of whom we are one."""

    settles: ClassVar[bool] = True
    own_session: ClassVar[bool] = True

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        if not relation.columns:
            raise PermanentError(
                f"the account may not dequeue from {relation.name}",
                remedy=may_dequeue(relation.name, "{user}"),
            )
        self._kind = relation.columns[-1].declared
        self._held: _Held | None = None
        self._clean: Session | None = None
        """Whose transaction has no messages in it: those of others may have some that nobody was told of."""
        self._locked: dict[str, None] = {}
        """What Kafka has and another session, a dead one, holds still; in the order in which it was found."""
        self._asked = False
        """It was looked for."""

    def tables(self) -> tuple[Table, ...]:
        schema = pa.schema([column.field for column in self.relation.columns])
        return (Table(self.name, schema, self.relation.key),)

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        ids, known = self._ids(position)
        held = self._holding(session)
        if held and held.before == position:
            return held.batch
        if not self._asked:  # the queue was described anew since that was done
            self.commit(session, position)
        self._let_go(session)
        self._bounded(session)
        messages = list(self._dequeued(session, ask))
        told = {*ids, *known, *self._locked}
        new = [each for each in messages if each.msgid.hex() not in told]
        again = frozenset(each.msgid.hex() for each in messages) & told
        if not new:
            if messages:  # Kafka has them, and these were locked when that was said
                session.commit()
                self._forget(again)
            self._clean = session
            return Batch(position or {"mode": "aq"}, more=bool(messages))
        carried = [*dict.fromkeys((*ids, *self._locked))]
        after = {"mode": "aq", "ids": [each.msgid.hex() for each in new]}
        batch = Batch(
            {**after, "known": carried} if carried else after,
            (self._changes(new),),
            more=len(messages) >= min(2, ask.rows),
        )
        self._held = _Held(session, position, batch, again)
        return batch

    def _bounded(self, session: Session) -> None:
        """Errors: PermanentError when sessions that are not cleaned up hold too much for a position."""
        if len(self._locked) <= MOST_HELD:
            return
        self._remove(session, [*self._locked])
        session.commit()
        if len(self._locked) > MOST_HELD:
            raise PermanentError(
                f"{len(self._locked)} messages of {self.name} that Kafka has are held by dead sessions that"
                " are not cleaned up",
                remedy="end them (V$SESSION shows our MODULE, V$TRANSACTION what is open), then `resume`",
            )

    def _forget(self, ids: Iterable[str]) -> None:
        for msgid in ids:
            self._locked.pop(msgid, None)

    def _holding(self, session: Session) -> _Held | None:
        """Another session's transaction is over."""
        return self._held if self._held and self._held.session is session and session.healthy else None

    def _let_go(self, session: Session) -> None:
        if self._clean is not session and session.healthy:
            session.rollback()
        self._held = self._clean = None

    def _queue(self, session: Session) -> Any:
        payload = None if self._kind == "RAW" else self._kind
        connection = session.connection
        if payload not in (None, "JSON"):
            payload = connection.gettype(payload)
        queue = connection.queue(str(self.relation.name), payload)
        queue.deqoptions.wait = oracledb.DEQ_NO_WAIT
        queue.deqoptions.navigation = oracledb.DEQ_FIRST_MSG
        if self.options.consumer:
            queue.deqoptions.consumername = self.options.consumer
        return queue

    def _dequeued(self, session: Session, ask: Ask) -> Iterator[Any]:
        """About as many as are asked for."""
        queue, most, size = self._queue(session), min(ask.rows, MOST), 0
        while most and size < ask.bytes:
            at_once = min(most, AT_ONCE)
            session.allow()
            messages = queue.deqmany(at_once)
            yield from messages
            size += sum(_size(each.payload) for each in messages)
            most = most - len(messages) if len(messages) == at_once else 0

    def _changes(self, messages: Sequence[Any]) -> Changes:
        (table,) = self.tables()
        rows = pa.RecordBatch.from_arrays(
            [
                pa.array([each.msgid.hex().upper() for each in messages], pa.string()),
                pa.array([each.correlation for each in messages], pa.string()),
                pa.array([each.priority for each in messages], pa.int64()),
                pa.array([each.enqtime for each in messages], pa.timestamp("s")),
                pa.array([self._payload(each.payload) for each in messages], table.schema.types[-1]),
            ],
            schema=table.schema,
        )
        return Changes(table, rows, Op.CREATE)

    def _payload(self, payload: Any) -> Any:
        if self._kind == "RAW" or payload is None:
            return payload
        return json_text(payload)

    def commit(self, session: Session, position: Position | None) -> None:
        ids, known = self._ids(position)
        held = self._holding(session)
        fresh = held if held and held.batch.position == position else None
        if fresh is None:
            self._let_go(session)
            self._remove(session, [*ids, *known])
        session.commit()
        self._forget(fresh.again if fresh else ())
        self._held, self._clean, self._asked = None, session, True

    def _remove(self, session: Session, ids: Sequence[str]) -> None:
        """Those that are still there; what another session holds is remembered."""
        queue = self._queue(session)

        def finds(msgid: str, mode: int) -> bool:
            session.allow()
            return _finds(queue, msgid, mode)

        missing = [each for each in ids if not finds(each, oracledb.DEQ_REMOVE_NODATA)]
        held = [each for each in missing if finds(each, oracledb.DEQ_BROWSE)]
        self._forget(ids)
        self._locked |= dict.fromkeys(held)

    def check(self, position: Position) -> None:
        self._ids(position)

    def _ids(self, position: Position | None) -> tuple[list[str], list[str]]:
        """Errors: PermanentError."""
        try:
            return ids_of(position)
        except ValueError:
            raise self.stranger('aq mode: {"mode": "aq"}') from None


def ids_of(position: Position | None) -> tuple[list[str], list[str]]:
    """Of the last batch, and what Kafka has besides that may come again. Errors: ValueError."""
    match position:
        case None:
            return [], []
        case {"mode": "aq", **rest} if rest.keys() <= {"ids", "known"}:
            ids, known = rest.get("ids", []), rest.get("known", [])
            if _are_ids(ids) and _are_ids(known):
                return list(ids), list(known)  # type: ignore[call-overload]
    raise ValueError(position)


def may_dequeue(queue: TableName | str, user: str) -> str:
    """What grants that."""
    return f"EXECUTE DBMS_AQADM.GRANT_QUEUE_PRIVILEGE('DEQUEUE', '{queue}', '{user}')"


def _finds(queue: Any, msgid: str, mode: int) -> bool:
    """Whether there is such a message, to be taken; or to be browsed, which no lock keeps us from."""
    queue.deqoptions.mode = mode
    queue.deqoptions.msgid = bytes.fromhex(msgid)
    try:
        return queue.deqone() is not None
    except oracledb.DatabaseError as error:
        if "ORA-25263" not in codes(error):  # no message with this id
            raise
        return False


def _are_ids(told: object) -> bool:
    return isinstance(told, list) and all(isinstance(each, str) and _is_hex(each) for each in told)


def _is_hex(text: str) -> bool:
    try:
        return bool(bytes.fromhex(text))
    except ValueError:
        return False


def _size(payload: Any) -> int:
    return len(payload) if isinstance(payload, bytes | str) else len(str(payload))


def json_text(value: Any) -> str:
    """A JSON payload, or an object with its attributes: numbers with all their digits, as they are."""
    if isinstance(value, oracledb.LOB | oracledb.DbObject):
        value = value.read() if isinstance(value, oracledb.LOB) else _attributes(value)
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json_text(str(name))}: {json_text(each)}" for name, each in value.items())
            + "}"
        )
    if isinstance(value, list | tuple | array):
        return "[" + ", ".join(map(json_text, value)) + "]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return json.dumps(_plain(value), ensure_ascii=False, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)  # as text, for JSON has no such number
    return value


def _attributes(value: oracledb.DbObject) -> Any:
    if value.type.iscollection:
        return value.aslist()
    return {each.name: getattr(value, each.name) for each in value.type.attributes}

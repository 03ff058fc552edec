"""A connection to the peer without a wire: what python-oracledb shows of one, as far as a connector asks.

Statements go straight to the session that a wire leads to, so that a random life costs a tenth; what is not
served here is an error, so that nothing passes by accident. Answers and errors are the driver's own, which a
test compares. A session whose line is cut holds what it has until somebody buries it: who is first, its heir
or the database's own cleaning up, is for a life to say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn, Self

import oracledb
import pyarrow as pa
from oracledb.errors import (
    ERR_CONNECTION_CLOSED,
    ERR_NOT_CONNECTED,
    _create_exception,
    _Error,
)
from seerdb.server.backend import BackendError

from bridge.testing.oracle.aq import Dequeue, Message, Visibility, Wanted
from bridge.testing.oracle.aq_calls import AqCalls
from bridge.testing.oracle.backend import PeerBackend, bound, refusal
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.session import Answer
from bridge.testing.oracle.values import RowId, Stamp

if TYPE_CHECKING:
    from bridge.testing.oracle.server import OraclePeer
    from bridge.testing.oracle.wire import Calls

NOTHING_THERE = 25228
Rows = Sequence[tuple[Any, ...]]


@dataclass(eq=False)
class Thread:
    """What a session has of a line when there is none; `lost` when it is cut."""

    lost: Callable[[], None]
    calls: Calls | None = None
    ending: bool = False
    broken: bool = False
    closed: bool = False
    round_trips: int = 0

    @property
    def line(self) -> Self:
        return self

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.lost()

    def interrupted(self, seconds: float) -> bool:
        """Nobody breaks a call: there is nobody else while it runs."""
        raise NotImplementedError(f"a wait of {seconds} s")


class Connection:
    """As `oracledb.Connection`. Errors of all calls: the driver's."""

    def __init__(self, peer: OraclePeer, user: str) -> None:
        self.peer, self._thread = peer, Thread(self._bereft)
        self._backend = PeerBackend(peer, self._thread)
        self._is_healthy = True
        self.module = self.action = self.client_identifier = ""
        self.version = peer.release.version
        with self._call():
            if self._backend.authenticate(user) is None:
                raise refusal(OracleError(1017, text="invalid credential or not authorized; logon denied"))
            self._backend.open_session({})
        peer.lines.add(self._thread)

    def cursor(self) -> Cursor:
        return Cursor(self)

    def fetch_df_batches(
        self,
        statement: str,
        parameters: Mapping[str, Any],
        size: int,
        *,
        fetch_decimals: bool,
        requested_schema: pa.Schema,
    ) -> Iterator[pa.Table]:
        """As Arrow has it, `size` rows with each round trip."""
        assert fetch_decimals
        answer = self.answer(statement, parameters)
        for at in range(0, len(answer.rows), size):
            if at:
                self.ping()
            yield _arrow(answer.rows[at : at + size], requested_schema)

    def queue(self, name: str, payload: None = None) -> Queue:
        assert payload is None
        return Queue(self, name)

    def answer(self, statement: str, binds: Mapping[str, Any]) -> Answer:
        given = {name: bound(value) for name, value in binds.items()}
        with self._call():
            answer = self._backend.answer(statement, given)
        if answer.outs:
            raise NotImplementedError(statement)
        return answer

    def dequeue(self, wanted: Sequence[Wanted]) -> list[Message]:
        with self._call():
            assert isinstance(self._thread.calls, AqCalls)
            try:
                return self._thread.calls.take(wanted)
            except OracleError as error:
                if error.code == NOTHING_THERE:
                    return []
                raise refusal(error) from None

    def ping(self) -> None:
        with self._call():
            self._backend.ping()

    def commit(self) -> None:
        with self._call():
            self._backend.commit()

    def rollback(self) -> None:
        with self._call():
            self._backend.rollback()

    @property
    def transaction_in_progress(self) -> bool:
        session = self._backend.session
        return session is not None and session.tx is not None

    def is_healthy(self) -> bool:
        return self._is_healthy

    def close(self) -> None:
        with self._call():
            self._is_healthy = False
        self._thread.closed = True
        self.peer.lines.discard(self._thread)
        self._backend.close()

    @contextmanager
    def _call(self) -> Iterator[None]:
        if not self._is_healthy:
            raise _create_exception(ERR_NOT_CONNECTED)
        if self._thread.closed:
            self._lost(_create_exception(ERR_CONNECTION_CLOSED))
        self._thread.round_trips += 1
        try:
            yield
        except BackendError as refused:
            if self._thread.closed:
                self._lost(_create_exception(ERR_CONNECTION_CLOSED))
            error = _Error(refused.ora_message, code=refused.ora_code)
            if self._thread.ending:
                self._thread.close()
            if error.is_session_dead:
                self._lost(error.exc_type(error))
            raise error.exc_type(error) from None

    def _lost(self, error: Exception) -> NoReturn:
        self._is_healthy = False
        raise error from None

    def _bereft(self) -> None:
        self.peer.lines.discard(self._thread)
        self.peer.graves.append(self._backend)
        if not self.peer.lingers:
            self.peer.bury()


class Cursor:
    """As `oracledb.Cursor`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self.arraysize = self.prefetchrows = 100
        self.rowcount = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(self, statement: str, binds: Mapping[str, Any] | None = None) -> None:
        answer = self._connection.answer(statement, binds or {})
        self.rowcount = 0 if answer.columns else answer.rowcount
        self._rows = self._fetched([tuple(map(_shown, row)) for row in answer.rows])

    def executemany(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rowcount = 0
        for each in rows:
            self.rowcount += self._connection.answer(statement, each).rowcount

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)

    def close(self) -> None:
        self._rows = iter(())

    def _fetched(self, rows: Rows) -> Iterator[tuple[Any, ...]]:
        for at, row in enumerate(rows):
            if at and at % self.arraysize == 0:
                self._connection.ping()
            yield row


@dataclass
class Options:
    """As `oracledb.DeqOptions`."""

    wait: int = -1
    navigation: int = oracledb.DEQ_NEXT_MSG
    mode: int = Dequeue.REMOVE
    msgid: bytes | None = None
    consumername: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """As `oracledb.MessageProperties`."""

    msgid: bytes
    payload: Any
    correlation: str | None
    priority: int
    enqtime: dt.datetime


@dataclass
class Queue:
    """As `oracledb.Queue`, of RAW messages."""

    connection: Connection
    name: str
    deqoptions: Options = field(default_factory=Options)

    def deqone(self) -> Taken | None:
        return next(iter(self.deqmany(1)), None)

    def deqmany(self, most: int) -> list[Taken]:
        options = self.deqoptions
        wanted = Wanted(
            self.name,
            options.consumername,
            options.mode,
            options.navigation,
            Visibility.ON_COMMIT,
            options.wait,
            options.msgid,
        )
        return [self._told(message) for message in self.connection.dequeue([wanted] * most)]

    def _told(self, message: Message) -> Taken:
        payload = None if self.deqoptions.mode == Dequeue.REMOVE_NODATA else message.payload
        enqueued = self.connection.peer.store.wall(message.enqueued).plain().datetime
        return Taken(message.msgid, payload, message.correlation, message.priority, enqueued)


def _shown(value: Any) -> Any:
    """As the driver brings it where numbers are fetched as decimals, and LOBs as what is in them."""
    return value if value is None else _SHOWN[type(value)](value)


def _as_it_is(value: Any) -> Any:
    return value


_SHOWN: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys((str, bytes, bool, float, Decimal), _as_it_is),
    int: Decimal,
    RowId: str,
    Stamp: lambda stamp: stamp.plain().datetime,
}


def _arrow(rows: Rows, schema: pa.Schema) -> pa.Table:
    columns = zip(zip(*rows, strict=True), schema.types, strict=True)
    return pa.Table.from_arrays([_array(values, kind) for values, kind in columns], schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Whole numbers are as Python has them already."""
    shown = [value if isinstance(value, int) else _shown(value) for value in values]
    return pa.array(shown, kind)

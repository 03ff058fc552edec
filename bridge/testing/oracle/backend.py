"""One session as seerdb's server half drives it: log-in, statements, transactions, and their faults."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from seerdb.common.datatypes import IntervalYM
from seerdb.common.sqltext import bind_placeholders, is_plsql
from seerdb.common.tns import _ENCODE_TXN_IN_PROGRESS
from seerdb.server import lockout
from seerdb.server.backend import BackendError, BindVar, Capability, Result, SessionInfo

from bridge.testing.oracle import evaluate
from bridge.testing.oracle.administration import administered
from bridge.testing.oracle.aq_calls import AqCalls
from bridge.testing.oracle.describing import described, wired
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grants import REFUSED
from bridge.testing.oracle.objects import ASKED, carried, shape
from bridge.testing.oracle.session import Answer, Session
from bridge.testing.oracle.switches import ENDING, failure
from bridge.testing.oracle.values import DaySecond, Stamp, YearMonth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.testing.oracle.datatypes import Type
    from bridge.testing.oracle.server import OraclePeer
    from bridge.testing.oracle.wire import Calls

BREATH = 0.05
CONTEXT = {
    "module": "MODULE",
    "action": "ACTION",
    "client_identifier": "CLIENT_IDENTIFIER",
    "client_info": "CLIENT_INFO",
}
"""What a client labels its session with, as USERENV names it."""


def refusal(error: OracleError) -> BackendError:
    return BackendError(error.text, ora_code=error.code)


class Ends(Protocol):
    """What can be cut."""

    closed: bool

    def close(self) -> None: ...


class Caller(Protocol):
    """Whoever is at the other end of a session."""

    calls: Calls | None
    ending: bool
    broken: bool
    round_trips: int

    @property
    def line(self) -> Ends: ...

    def interrupted(self, seconds: float) -> bool: ...


class PeerBackend:
    """What one connection asks, answered from the store."""

    capabilities = frozenset({Capability.TRANSACTIONS})

    def __init__(self, peer: OraclePeer, stream: Caller) -> None:
        self.peer, self.stream = peer, stream
        self.field_version = peer.release.field_version
        self.server_identity = peer.release.identity
        self.session: Session | None = None
        self.client: dict[str, str] = {}
        self.doomed: int | None = None
        """The code that the next call is answered with: the session was killed."""
        self.since = peer.store.clock()
        self.busy = False
        self._name = ""

    # -- log-in

    def set_client_identity(self, pairs: Mapping[str, str]) -> None:
        self.client |= pairs

    def authenticate(self, username: str) -> str | None:
        lockout.unlock(username)  # the peer's own switches lock accounts, and seerdb's memory outlives a peer
        self._name = username.upper()
        self.peer.logins.append(self._name)
        account = self.peer.accounts.get(self._name)
        return account.password if account else None

    def open_session(self, attributes: Mapping[str, str]) -> None:
        try:
            user = self._admitted(attributes)
        except OracleError as error:
            raise refusal(error) from None
        self.session = Session(self.peer.store, user)
        self.session.grants = self.peer.grants
        self.session.exempt = self.peer.grants.may(user, "EXEMPT ACCESS POLICY")
        self.session.role = lambda: self.peer.role
        self.session.release = int(self.peer.release.version.partition(".")[0])
        self.session.context |= {
            "SERVICE_NAME": attributes.get("service_name", self.peer.service),
            "PROXY_USER": self._name if user != self._name else "",
            "CURRENT_EDITION_NAME": attributes.get("edition", "ORA$BASE").upper(),
            "CLIENT_PROGRAM_NAME": self.client.get("program", ""),
            "SID": str(self.session.sid),
        }
        self.stream.calls = AqCalls(self.peer.queues, self.session, self.stream, self.peer.types)
        self.peer.joined(self)

    def _admitted(self, attributes: Mapping[str, str]) -> str:
        """Who the session belongs to; OracleError for whoever is not let in."""
        if self.peer.switches.login is not None:
            raise failure(self.peer.switches.login)
        account = self.peer.accounts[self._name]
        if account.status in REFUSED:
            raise failure(REFUSED[account.status])
        user = attributes.get("proxy_client_name", self._name).upper()
        client = self.peer.accounts.get(user)
        if user != self._name and (client is None or self._name not in client.proxies):
            raise failure(28150)
        if not self.peer.grants.may(user, "CREATE SESSION"):
            raise failure(1045, user)
        edition = attributes.get("edition", "ORA$BASE").upper()
        if edition not in self.peer.editions:
            raise failure(38802)
        return user

    def session_info(self) -> SessionInfo:
        session = self._open()
        return SessionInfo(session.sid, session.serial, self.peer.instance, self.peer.database)

    def alter_session(self, statement: str) -> None:
        self._run(statement, {})

    def set_end_to_end(self, attributes: Mapping[str, str | None]) -> None:
        for name, value in attributes.items():
            if name in CONTEXT:
                self._open().context[CONTEXT[name]] = value or ""

    # -- statements

    def execute(self, sql: str, binds: Sequence[Any] = ()) -> Result:
        if ASKED.search(sql):
            self._noted(sql)
            return self._shape(sql, binds)
        return self._result(sql, self.answer(sql, self._named(sql, binds)), binds)

    def answer(self, sql: str, binds: Mapping[str, Any]) -> Answer:
        """The same in the store's own terms. Errors: BackendError."""
        self._noted(sql)
        return self._run(sql, binds)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Result:
        self._noted(sql)
        answers = [self._run(sql, self._named(sql, row)) for row in rows]
        total = sum(answer.rowcount for answer in answers)
        last = next((answer.rowid for answer in reversed(answers) if answer.rowid), None)
        return Result(rowcount=total, last_rowid=last)

    def describe(self, sql: str) -> list[Any]:
        try:
            answer = evaluate.describe(self._open(), sql)
        except OracleError as error:
            raise refusal(error) from None
        return [described(column, self.peer.types) for column in answer.columns]

    def ping(self) -> None:
        self._alive()

    def commit(self) -> None:
        self._alive()
        self._ended(self._open().commit)
        self.peer.queues.commit(self._open())

    def rollback(self) -> None:
        self._alive()
        self._ended(self._open().rollback)
        self.peer.queues.rollback(self._open())

    def close(self) -> None:
        """The connection has gone, however it did: what is not committed is undone."""
        self.peer.left(self)
        if self.session is not None:
            self.session.close()
            self.peer.queues.lost(self.session)

    def _open(self) -> Session:
        if self.session is None:
            raise refusal(failure(1012))
        return self.session

    def _alive(self) -> None:
        if self.doomed is not None:
            self._end(self.doomed)

    def _end(self, code: int) -> None:
        """Refuse the call, and hang up where the code says so."""
        self.stream.ending = code in ENDING
        raise refusal(failure(code))

    def _noted(self, sql: str) -> None:
        self._alive()
        self.peer.statements.append(sys.intern(sql))  # hours of polls say the same again and again
        seconds, refused = self.peer.switches.for_statement(sql)
        self._stall(seconds)
        if refused is None:
            return
        if refused.code is None:
            self.stream.line.close()
            raise refusal(failure(3113))
        self._end(refused.code)

    def _stall(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stream.interrupted(min(left, BREATH)):
                self.stream.broken = True
                raise refusal(failure(1013))
            self._alive()

    def _run(self, sql: str, binds: Mapping[str, Any]) -> Answer:
        self.busy = True
        try:
            if administered(self.peer, self._open(), sql):
                return Answer()
            answer = evaluate.execute(self._open(), sql, binds)
            if self._open().tx is not None:  # seerdb knows of those alone that changed something
                _ENCODE_TXN_IN_PROGRESS.set(True)
            return answer
        except OracleError as error:
            raise refusal(error) from None
        finally:
            self.busy = False

    @staticmethod
    def _named(sql: str, binds: Sequence[Any]) -> dict[str, Any]:
        names = _placeholders(sql)
        if len(names) != len(binds):
            names = tuple(str(place + 1) for place in range(len(binds)))
        return {name: bound(value) for name, value in zip(names, binds, strict=True)}

    def _result(self, sql: str, answer: Answer, binds: Sequence[Any]) -> Result:
        if answer.outs:
            names = [name for name, _ in bind_placeholders(sql, dedupe=True)]
            given = self._named(sql, binds)
            return Result(out_binds=[answer.outs.get(name, given.get(name)) for name in names])
        offset = self._open().offset
        types = [column.type for column in answer.columns]
        rows = [
            tuple(self._wired(type_, value, offset) for type_, value in zip(types, row, strict=True))
            for row in answer.rows
        ]
        columns = [described(column, self.peer.types) for column in answer.columns]
        return Result(columns, rows, rowcount=answer.rowcount, last_rowid=answer.rowid)

    def _shape(self, sql: str, binds: Sequence[Any]) -> Result:
        names = [name for name, _ in bind_placeholders(sql, dedupe=True)]
        return Result(out_binds=shape(self.peer.types, names, self._named(sql, binds)))

    def _wired(self, type_: Type, value: Any, offset: int) -> Any:
        if type_.of_object and value is not None:
            return carried(self.peer.types, type_, value)
        return wired(type_, value, offset)

    @staticmethod
    def _ended(end: Any) -> None:
        try:
            end()
        except OracleError as error:
            raise refusal(error) from None


@lru_cache(maxsize=1024)
def _placeholders(sql: str) -> tuple[str, ...]:
    return tuple(name for name, _ in bind_placeholders(sql, is_plsql(sql)))


def bound(value: Any) -> Any:
    """A bind as the store keeps values; empty texts and bytes are NULL."""
    if isinstance(value, BindVar):
        return bound(value.value)
    for kind, convert in _BOUND.items():
        if isinstance(value, kind):
            return convert(value)
    return value


_BOUND: dict[type, Callable[[Any], Any]] = {
    dt.date: Stamp.of,
    dt.timedelta: DaySecond.of,
    IntervalYM: lambda value: YearMonth(value.years * 12 + value.months),
    str: lambda value: str(value) or None,
    bytes: lambda value: bytes(value) or None,
}

"""One session in the database, prepared, and what is asked of it in a word."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import oracledb
import pyarrow as pa

from bridge.errors import PermanentError, TransientError
from connectors.oracle import statements
from connectors.oracle.config import OracleConfig
from connectors.oracle.connecting import Connecting
from connectors.oracle.errors import codes
from connectors.oracle.modes.mode import Beginning
from connectors.oracle.statements import National, Statement
from connectors.oracle.watch import Watch
from connectors.shown import earliest

# A look at the SCN and the clock serves the streams of a round; an older one is only more careful.
SHARED_S = 0.1
# Tables that are first read within so long are read as of the same SCN.
BEGINNING_S = 60.0
# How long a statement that was cancelled may take to end before its socket is shut.
_PATIENCE_S = 0.7
_GOOD_BYE_S = 1.0
_NOT_GRANTED = frozenset({"ORA-00942", "ORA-01031", "ORA-41900", "ORA-00904", "ORA-06550", "ORA-04043"})
_READS = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)
_LONGEST_NAME = 64
"""V$SESSION.ACTION and CLIENT_IDENTIFIER have room for so many bytes."""
_READ_ONLY_SINCE = (23,)
_ARCHIVES_SINCE = (12,)
_NOT_ARCHIVING = frozenset({"ORA-02248", "ORA-00922", "ORA-00406"})
"""What COMPATIBLE says that is older than the release: no table has archived rows then."""
_WRITTEN_TO = "PRIMARY"
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """The database's clock, and what is going on there.

    `now`, `oldest`: ns since the epoch; `offset_s`: what its own clock is ahead of UTC; `oldest`: when the
    oldest open transaction began, in whole seconds, None where none is; `sees`: the account may look, and
    what it sees are the transactions of whoever writes: not so on a `standby`.
    """

    now: int
    offset_s: int
    oldest: int | None
    sees: bool
    standby: bool


class Session:
    """Errors of all methods: the driver's, which the connector translates; TransientError when interrupted.

    Numbers come as Decimal, LOBs as text and bytes. Reads leave a transaction behind only where they go over
    a database link (Administrator's Guide, Distributed Transactions): `leave` ends it. `SET TRANSACTION READ
    ONLY` is not for them: it shows the database as of the transaction's begin, so that versions up to a later
    SCN would be missed. Release 23 has a read-only session, which has no such effect.
    """

    def __init__(self, config: OracleConfig, *, name: str = "", writes: bool = False) -> None:
        self._config, self._name, self._writes = config, name, writes
        self._watch = Watch("oracle-watch", self._cut)
        self._breaking = threading.Lock()
        self._connecting: Connecting | None = None
        self._connection: oracledb.Connection | None = None
        self._number: tuple[float, int] | None = None
        self._moment: tuple[float, Moment] | None = None
        self._beginning: tuple[float, Beginning] | None = None
        self._may_look = True
        self._scn: Statement | None = None
        self._cancelled = False
        self._fetching = 0
        self._doubtful = False
        """A call was cut off: a cancel may be on its way yet, and would end another one."""
        self._labelled = ""
        self.secrets: list[str] = []
        self.identity = ""
        self.version: tuple[int, ...] = ()
        self.user = ""
        self._used = time.monotonic()

    def open(self) -> None:
        """Connect, and prepare the session. Errors: also ConfigError."""
        self._connecting = connecting = Connecting(self._config)
        self._watch.begin(self._config.login_timeout + self._config.statement_timeout)
        if self._cancelled:
            raise TransientError("interrupted")
        try:
            self._connection = connecting.connect()
        finally:
            self.secrets = connecting.secrets
        self.allow()
        self.version = tuple(int(part) for part in self._connection.version.split("."))
        self._connection.module = self._config.session_label
        if self._name:
            self._connection.client_identifier = self._name[:_LONGEST_NAME]
        self._run(Statement(statements.PREPARE))
        self._show_archived()
        if not self._writes and self.version >= _READ_ONLY_SINCE:
            with suppress(oracledb.DatabaseError):  # it is there for good measure
                self._run(Statement(statements.READ_ONLY))
        self._introduce()

    def _show_archived(self) -> None:
        if self.version < _ARCHIVES_SINCE:
            return
        try:
            self._run(Statement(statements.SHOW_ARCHIVED))
        except oracledb.DatabaseError as error:
            if _NOT_ARCHIVING.isdisjoint(codes(error)):
                raise

    def _introduce(self) -> None:
        told = self.one(statements.who())
        name, container, self.user = ("" if each is None else str(each) for each in told or ("", "", ""))
        known = self.allowed(statements.database())
        place = f"{known[0][0]}:{known[0][1]}" if known else name
        self.identity = f"oracle:{place}/{container}"

    def begin(self, stream: str = "") -> None:
        """A call of the connector's begins: it can be interrupted, and its statements end in time."""
        self._doubtful = self._doubtful or self._watch.is_up
        self._watch.begin(self._config.statement_timeout)
        self.label(stream)

    def end(self) -> None:
        self._used = time.monotonic()
        self._watch.end()

    def label(self, stream: str) -> None:
        """For V$SESSION; goes along with the next statement."""
        if stream and stream != self._labelled:  # an empty one is two different things on the wire
            self.connection.action = stream[:_LONGEST_NAME]
            self._labelled = stream

    @property
    def connection(self) -> oracledb.Connection:
        if self._connection is None:
            raise TransientError("the session is not open")
        return self._connection

    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        with self._executed(statement, 1000) as cursor:
            return list(cursor.fetchall())

    def one(self, statement: Statement) -> tuple[Any, ...] | None:
        found = self.rows(statement)
        return found[0] if found else None

    def allowed(self, statement: Statement) -> list[tuple[Any, ...]] | None:
        """The same as `rows`; None where the account lacks the right to ask."""
        try:
            return self.rows(statement)
        except oracledb.DatabaseError as error:
            if _NOT_GRANTED.isdisjoint(codes(error)):
                raise
            return None

    def cursor(self, statement: Statement, *, rows: int) -> oracledb.Cursor:
        """Executed; `rows` come with each round trip."""
        return self._executed(statement, rows)

    def frames(
        self, statement: Statement, *, rows: int, schema: pa.Schema
    ) -> Generator[oracledb.DataFrame, None, None]:
        """As Arrow has it, straight from the driver: `rows` with each round trip, columns as in `schema`."""
        if not _READS.match(statement.sql) and not self._writes:
            raise PermanentError("this session only reads")
        brought = self.connection.fetch_df_batches(
            statement.sql, self._bound(statement), rows, fetch_decimals=True, requested_schema=schema
        )
        self._fetching += 1
        try:
            with closing(cast(Generator[oracledb.DataFrame], brought)):
                while True:
                    self.allow()
                    frame = next(brought, None)
                    if frame is None:
                        return
                    yield frame
        finally:
            self._fetching -= 1

    def change(self, statement: Statement, many: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Insert, update, delete, or call; how many rows it was. A transaction is open then."""
        if not self._writes:
            raise PermanentError("this session only reads")
        self.allow()
        with self.connection.cursor() as cursor:
            if many is None:
                cursor.execute(statement.sql, self._bound(statement))
            elif many:
                national = [name for name, value in many[0].items() if isinstance(value, National)]
                if national:
                    cursor.setinputsizes(**dict.fromkeys(national, oracledb.DB_TYPE_NVARCHAR))
                cursor.executemany(statement.sql, [dict(statement.binds) | dict(each) for each in many])
            return int(cursor.rowcount)

    def scn(self) -> int:
        """The current system change number; one look is shared for a moment. Errors: also PermanentError."""
        if self._number and time.monotonic() < self._number[0]:
            return self._number[1]
        asked = time.monotonic()
        number = self._current()
        self._number = asked + SHARED_S, number
        return number

    def fresh(self) -> None:
        """The next looks at SCN and clock are new ones."""
        self._number = self._moment = None

    def beginning(self, since: float) -> Beginning:
        """The same for all tables that begin within a minute, so that they are read as of one SCN.

        Never from before `since` (monotonic), when the table was read last: what it told would be told again.
        """
        now = time.monotonic()
        if self._beginning is None or not max(since, now - BEGINNING_S) < self._beginning[0]:
            self.fresh()
            self._beginning = now, Beginning(self.moment(), self.scn())
        return self._beginning[1]

    def _current(self) -> int:
        for statement in (self._scn,) if self._scn else statements.scns():
            found = self.allowed(statement)
            if found:
                self._scn = statement
                return int(found[0][0])
        self._scn = None
        raise PermanentError(
            "the account may not ask for the current SCN",
            remedy=f"GRANT SELECT ON SYS.V_$DATABASE TO {self.user}, or EXECUTE ON SYS.DBMS_FLASHBACK",
        )

    def moment(self) -> Moment:
        """Now, and since when the oldest transaction is open; read in this order."""
        if self._moment and time.monotonic() < self._moment[0]:
            return self._moment[1]
        asked = time.monotonic()
        time_there, role = self.one(statements.clock()) or ("", None)
        now, standby = datetime.fromisoformat(str(time_there)), role != _WRITTEN_TO
        offset = int((now.utcoffset() or now - now).total_seconds())
        oldest = None
        if self._may_look and not standby:
            oldest = self.allowed(statements.oldest_transaction())
            self._may_look = oldest is not None
        began = oldest[0][0] if oldest else None
        moment = Moment(
            _nanoseconds(now),
            offset,
            None if began is None else _nanoseconds(earliest(began, now)),
            oldest is not None,
            standby,
        )
        self._moment = asked + SHARED_S, moment
        return moment

    def allow(self) -> None:
        """What is asked of the connection itself next may take as long as any statement."""
        self._watch.allow(self._config.statement_timeout)

    def commit(self) -> None:
        self.allow()
        self.connection.commit()

    def rollback(self) -> None:
        self.allow()
        self.connection.rollback()

    def leave(self, *, perhaps: bool) -> None:
        """What was read has begun a transaction, or perhaps: end it, once no query is open that needs it.

        It would be the oldest of the database for as long as this session lives, and hold one elsewhere.
        """
        if not self._writes and not self._fetching and (perhaps or self.connection.transaction_in_progress):
            self.rollback()

    @property
    def healthy(self) -> bool:
        with self._breaking:
            return self._connection is not None and self._connection.is_healthy()

    def rested(self, seconds: float) -> bool:
        return self._doubtful or time.monotonic() - self._used > seconds

    def lives(self, seconds: float) -> bool:
        """Does the database answer within so many seconds? Firewalls forget what rests for long."""
        if self._doubtful or not self.healthy:
            return False
        try:
            self._watch.allow(seconds)
            self.connection.ping()
        except (oracledb.Error, OSError):
            return False
        return True

    def timed_out(self) -> bool:
        """The call that runs, or ran last, was cut off."""
        return self._watch.is_up and not self._watch.is_hurried

    def cancel(self) -> None:
        """From another thread: what runs ends soon, by an error."""
        self._cancelled = True
        if self._watch.hurry() and (connecting := self._connecting) and self._connection is None:
            connecting.give_up()

    def close(self) -> None:
        """Never raises, and is done within about a second."""
        healthy = self.healthy
        connection, self._connection = self._connection, None
        if connection is not None and healthy:
            self._watch.begin(_GOOD_BYE_S)
            with suppress(oracledb.Error, OSError, AttributeError):
                self._good_bye(connection)
        self._watch.end()
        self._watch.close()
        if self._connecting:
            self._connecting.sockets.shut()

    def _good_bye(self, connection: oracledb.Connection) -> None:
        if self._writes:
            connection.rollback()
        with self._breaking:  # nothing breaks off a connection that is closed meanwhile
            connection.close()

    def _executed(self, statement: Statement, rows: int) -> oracledb.Cursor:
        if not _READS.match(statement.sql) and not self._writes:
            raise PermanentError("this session only reads")
        self.allow()
        cursor = self.connection.cursor()
        try:
            cursor.arraysize, cursor.prefetchrows = rows, rows + 1
            cursor.execute(statement.sql, self._bound(statement))
        except BaseException:
            with suppress(oracledb.Error, OSError, AttributeError):
                cursor.close()
            raise
        return cursor

    def _bound(self, statement: Statement) -> dict[str, Any]:
        return {name: self._variable(value) for name, value in statement.binds.items()}

    def _variable(self, value: Any) -> Any:
        if not isinstance(value, National):
            return value
        variable = self.connection.cursor().var(oracledb.DB_TYPE_NVARCHAR, max(1, len(value)))
        variable.setvalue(0, value)
        return variable

    def _run(self, statement: Statement) -> None:
        self.allow()
        with self.connection.cursor() as cursor:
            cursor.execute(statement.sql)

    def _cut(self, cuts: int) -> float:
        """Ask the database to stop; when it does not answer that, shut the socket."""
        connecting, connection = self._connecting, self._connection
        if connection is not None and cuts == 0 and not (connecting and connecting.encrypts):
            threading.Thread(target=self._break, args=(connection,), name="oracle-break", daemon=True).start()
            return _PATIENCE_S
        if connecting:
            connecting.sockets.shut()
        return _PATIENCE_S

    def _break(self, connection: oracledb.Connection) -> None:
        """The driver ends the interpreter when it is asked to break a connection that is closed."""
        with self._breaking, suppress(oracledb.Error, OSError, AttributeError):
            if connection is self._connection and connection.is_healthy():
                connection.cancel()


def _nanoseconds(moment: datetime) -> int:
    whole = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * _SECOND_NS + whole.microseconds * 1000

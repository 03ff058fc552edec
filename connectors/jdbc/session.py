"""One connection to the database, prepared; what is asked of it in a word; and the one cursor open on it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import jpype

from bridge.errors import ConfigError, PermanentError
from connectors.clock import SECOND, nanoseconds, says_zone
from connectors.jdbc.catalog import Catalog
from connectors.jdbc.clock import Moment
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.dialect import Dialect
from connectors.jdbc.errors import POOLER, translate
from connectors.jdbc.reader import Cursor, Reader
from connectors.jdbc.statements import Source, Statement, largest
from connectors.jdbc.urls import place_of
from connectors.shown import earliest_moment

# Streams that are polled one after the other share a look at the clock: an older one is only more careful.
MOMENT_S = 0.02
# A standby may become the primary under an open session.
SEES_S = 5.0
PROBE_S = 2
# Zones differ by such steps; so far the two clocks may be apart.
QUARTER, APART = 900 * SECOND, 60 * SECOND
# java.sql.Connection's numbers, and SQLServerConnection's.
ISOLATIONS = {
    "read_uncommitted": 1,
    "read_committed": 2,
    "repeatable_read": 4,
    "serializable": 8,
    "snapshot": 4096,
}


class Session:
    def __init__(self, config: JdbcConfig, dialect: Dialect, connection: Any) -> None:
        self._config = config
        self.dialect = dialect
        self.running: Cursor | None = None
        self._moment: tuple[float, Moment] | None = None
        self._oldest: tuple[float, int] | None = None
        self._sees: tuple[float, bool] | None = None
        self.connection = connection
        self._prepare_connection()
        self.catalog = Catalog(connection, dialect.included)
        timeout = 0 if dialect.ends_statements else config.statement_timeout
        self._reader = Reader(connection, timeout, dialect.fetch_rows)
        self.identity = self._identity()

    def _prepare_connection(self) -> None:
        self.fenced = self._fence()
        self._isolate()
        # pgjdbc would otherwise load the whole result before it gives the first row.
        self.connection.setAutoCommit(False)
        for sql in self.dialect.on_connect:
            self.scalar(sql.format(statement_ms=round(self._config.statement_timeout * 1000)))
        self._lent = self._lent_by_a_pooler()
        self.connection.commit()

    def _lent_by_a_pooler(self) -> str | None:
        """The server's session, where the driver was told of another when it connected."""
        served = self.scalar(self.dialect.session) if self.dialect.session else None
        told = getattr(self.connection, "getBackendPID", None)
        return None if told is None or str(told()) == served else served

    @property
    def is_lent(self) -> bool:
        """There is a pooler between, which may lend another session of the server for each transaction."""
        return self._lent is not None

    def _must_be_the_same(self) -> None:
        """Else what was set when it was connected does not hold. Errors: ConfigError."""
        if self._lent is not None and self.scalar(self.dialect.session or "") != self._lent:
            raise ConfigError(
                "a pooler stands between, and lends another session of the database for each transaction:"
                " what is set in one (interval's form, time-outs, that it only reads) does not hold",
                remedy=POOLER,
            )

    def _fence(self) -> bool:
        """Have the session refuse to write; False where nobody sees to that, whatever the driver says."""
        fence = self.dialect.fence
        try:
            self.connection.setReadOnly(True)
            if fence:
                self.scalar(fence)
        except jpype.JException:  # some drivers, and old servers, do not offer it
            return False
        return fence is not None

    def _isolate(self) -> None:
        """Errors: ConfigError when the database has no such isolation."""
        wanted = self._config.isolation
        if wanted is None:
            return
        level = ISOLATIONS[wanted]
        if not self.connection.getMetaData().supportsTransactionIsolationLevel(level):
            raise ConfigError(f"isolation: the database has no {wanted}", remedy="choose another, or none")
        self.connection.setTransactionIsolation(level)

    def _identity(self) -> str:
        """The database itself where it can be asked, else where it is; never how it was reached."""
        known = self.allowed(self.dialect.identity)
        self.end()
        return f"{self.dialect.name}:{known or place_of(self._config.url)}"

    def allowed(self, sql: str | None) -> str | None:
        """The same as `scalar`; None also where the account may not ask that, or nobody can."""
        try:
            return self.scalar(sql) if sql else None
        except jpype.JException as error:
            told = translate(error, "asking")
            if not isinstance(told, PermanentError) or isinstance(told, ConfigError):
                raise  # a lost connection must not look like another database
            self.end()
            return None

    def scalar(self, sql: str) -> str | None:
        """The first value of a statement's first row."""
        statement = self.connection.createStatement()
        try:
            with suppress(jpype.JException):  # some drivers know none: the connection is cut in the end
                statement.setQueryTimeout(round(self._config.statement_timeout))
            if not statement.execute(sql):
                return None
            rows = statement.getResultSet()
            value = rows.getString(1) if rows.next() else None
            return None if value is None else str(value)
        finally:
            statement.close()

    def largest(self, source: Source, column: str) -> str | None:
        return self.scalar(largest(source, column, self.catalog.quote))

    def moment(self) -> Moment:
        """The database's clock and its oldest open transaction, in this order. Errors: PermanentError.

        Ends the transaction: rows are read in one that sees what was committed before it was asked.
        """
        if self._moment and time.monotonic() < self._moment[0]:
            return self._moment[1]
        asked = time.monotonic()
        now = next(filter(None, map(self.allowed, self.dialect.clocks)), None)
        if now is None:
            raise PermanentError(
                "the database does not tell its time", remedy="use images mode, or incrementing"
            )
        oldest = self._began()
        told = self.allowed(self.dialect.offset)
        shown, ahead = _shown(now), nanoseconds(told) if told else None
        if oldest is not None and self.dialect.transactions and self.dialect.transactions.local:
            oldest = earliest_moment(oldest, shown, ahead or 0)
        moment = Moment(
            shown,
            oldest,
            ahead,
            0 if says_zone(now) else _ahead(shown - time.time_ns()),
        )
        self.end()
        self._moment = asked + MOMENT_S, moment
        return moment

    def _began(self) -> int | None:
        """The oldest open transaction; what is not older than that now will not be later, either."""
        transactions, now = self.dialect.transactions, time.monotonic()
        if transactions is None:
            return None
        if self._oldest and now < self._oldest[0]:
            return self._oldest[1]
        oldest = self.allowed(transactions.oldest) if self.sees_transactions else None
        self._oldest = (now + transactions.every, nanoseconds(oldest)) if oldest else None
        return self._oldest[1] if self._oldest else None

    @property
    def sees_transactions(self) -> bool:
        """The account sees when others' transactions began; asked now and then."""
        if self._sees is None or time.monotonic() >= self._sees[0]:
            transactions = self.dialect.transactions
            seen = transactions is not None and self.allowed(transactions.seen) not in (None, "0")
            self._sees = time.monotonic() + SEES_S, seen and not self.is_standby
        return self._sees[1]

    @property
    def is_standby(self) -> bool:
        """Who writes does so on another server."""
        transactions = self.dialect.transactions
        return transactions is not None and self.allowed(transactions.standby) == "1"

    def open(self, statement: Statement) -> Cursor:
        """A cursor, to be executed; the one before is closed, but not its transaction.

        Errors: ConfigError for a pooler.
        """
        running, self.running = self.running, None
        if running:
            running.close()
        self._must_be_the_same()
        self.running = cursor = self._reader.open(statement)
        return cursor

    def is_quiet(self, statement: Statement, description: str) -> bool:
        """Whether the statement brings no row, and its columns are such; ends the transaction."""
        cursor = self.open(statement)
        look = cursor.is_quiet_alone if self.dialect.probe and not self.is_lent else cursor.is_quiet
        quiet = look(description)
        self.running = None
        return quiet

    def cancel(self) -> None:
        """From another thread: ask the database to stop what runs; does not wait."""
        if self.running:
            self.running.cancel()

    def end(self) -> None:
        """Close the cursor and end the read transaction."""
        running, self.running = self.running, None
        if running:
            running.close()
        self.connection.rollback()

    def lives(self) -> bool:
        """Does the database still answer here? A driver that cannot tell is believed."""
        try:
            return bool(self.connection.isValid(PROBE_S))
        except jpype.JException:
            return True

    def close(self) -> None:
        with suppress(jpype.JException):
            self.end()
        with suppress(jpype.JException):
            self.connection.close()


def _shown(now: str) -> int:
    """Errors: PermanentError."""
    try:
        return nanoseconds(now)
    except ValueError:
        raise PermanentError(
            f"the database tells its time as {now}, which is not understood",
            remedy="use images mode, or incrementing",
        ) from None


def _ahead(of_this_host: int) -> int:
    """Of UTC: a clock beside a right one."""
    return -((APART - of_this_host) // QUARTER) * QUARTER

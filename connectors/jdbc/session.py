"""One connection to the database: its streams, and the one cursor that stays open between polls."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import jpype
import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Position, Reject, Stream, Table, pick
from bridge.errors import ConfigError, CredentialsError, PermanentError
from connectors.jdbc.catalog import Catalog, fits
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.connecting import place_of
from connectors.jdbc.dialects import Dialect
from connectors.jdbc.errors import translate
from connectors.jdbc.modes import Incrementing
from connectors.jdbc.reader import Cursor, Reader, Refused
from connectors.jdbc.statements import TableName, shape
from connectors.jdbc.types import Column, column, described

# Bounds how long a read transaction lasts (it holds back PostgreSQL's vacuum) for one index look-up a page.
PAGE_ROWS = 250_000
# While polls wait (for Kafka, for a rate limit) an open cursor counts as a running query in some databases.
SCAN_S = 5.0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is read, as long as its description stays the same."""

    name: TableName
    description: str
    columns: tuple[Column, ...]
    table: Table
    mode: Incrementing

    @property
    def known_by(self) -> tuple[str, ...]:
        """The columns that a row is known by even when it cannot be read."""
        return tuple(dict.fromkeys((*self.table.key, *self.mode.columns)))


@dataclass(slots=True)
class Scan:
    """The open cursor, and the position that its next row follows."""

    stream: str
    position: Position
    cursor: Cursor
    began_ms: int
    ends: float
    """When it is old (monotonic): the next poll opens another one at the place this one has reached."""

    def serves(self, stream: str, position: Position | None) -> bool:
        return (self.stream, self.position) == (stream, position) and time.monotonic() < self.ends


class Session:
    def __init__(self, config: JdbcConfig, dialect: Dialect, connection: Any) -> None:
        self._config = config
        self.dialect = dialect
        self._page = dialect.page.format(rows=PAGE_ROWS)
        self._readings: dict[str, Reading | PermanentError] = {}
        self._scan: Scan | None = None
        self._running: Cursor | None = None
        self.connection = connection
        self._prepare_connection()
        self.catalog = Catalog(connection)
        self._reader = Reader(connection, dialect, config.query_timeout)
        self.identity = self._identity()

    def _prepare_connection(self) -> None:
        with suppress(jpype.JException):  # an extra fence, which some drivers do not offer
            self.connection.setReadOnly(True)
        # pgjdbc would otherwise load the whole result before it gives the first row.
        self.connection.setAutoCommit(False)
        for sql in self.dialect.on_connect:
            self.scalar(sql.format(query_ms=round(self._config.query_timeout * 1000)))
        self.connection.commit()

    def _identity(self) -> str:
        """The database itself where it can be asked, else where it is; never how it was reached."""
        known = None
        try:
            known = self.scalar(self.dialect.identity) if self.dialect.identity else None
        except jpype.JException as error:
            if not isinstance(translate(error, "identity"), PermanentError):
                raise  # a lost connection must not look like another database
        self.end()
        return f"{self.dialect.name}:{known or place_of(self._config.url)}"

    def scalar(self, sql: str) -> str | None:
        """The first value of a statement's first row."""
        statement = self.connection.createStatement()
        try:
            if not statement.execute(sql):
                return None
            rows = statement.getResultSet()
            value = rows.getString(1) if rows.next() else None
            return None if value is None else str(value)
        finally:
            statement.close()

    def discover(self) -> Sequence[Stream]:
        self.end()
        tables = self.catalog.find(tuple(self._config.streams), self._config.exclude_tables)
        for table in tables:
            if not isinstance(self._readings.get(str(table)), Reading):
                self._readings[str(table)] = self._describe_or_refuse(table)
        names = [str(table) for table in tables]
        names += [name for name in self._config.streams if self._is_missed(name) and name not in names]
        self.end()
        return [self._stream(name) for name in names]

    def _is_missed(self, name: str) -> bool:
        return not any(mark in name for mark in "*?[") and not fits(name, self._config.exclude_tables)

    def _stream(self, name: str) -> Stream:
        reading = self.reading(name)
        if isinstance(reading, PermanentError):  # which poll() raises, so that its siblings run on
            return Stream(name, self.identity, ())
        return Stream(name, self.identity, (reading.table,), reading.mode.emits, caveats=reading.mode.caveats)

    def reading(self, name: str) -> Reading | PermanentError:
        """How the stream is read, or why it cannot be."""
        if name not in self._readings:
            found = self.catalog.find((name,), ())
            self._readings[name] = self._describe_or_refuse(found[0]) if found else self._missing(name)
        return self._readings[name]

    def _missing(self, name: str) -> PermanentError:
        nearest = self.catalog.nearest(name)
        meant = f"did you mean {nearest}?" if nearest else "grant SELECT on it, or check its name"
        return PermanentError(f"streams: the database has no table {name}", remedy=meant)

    def _describe_or_refuse(self, table: TableName) -> Reading | PermanentError:
        try:
            with closing(self._reader.open(shape(table, self.catalog.quote))) as cursor:
                return self._built(table, cursor.execute())
        except PermanentError as error:
            return error
        except jpype.JException as error:
            told = translate(error, f"table {table}")
            if not isinstance(told, PermanentError) or isinstance(told, ConfigError | CredentialsError):
                raise
            self.end()
            return told

    def _built(self, name: TableName, description: str) -> Reading:
        columns = tuple(column(one, self.dialect) for one in described(description))
        key = self.catalog.key(name)
        options = pick(self._config.streams, str(name))
        wanted = options.columns if options else ()
        if not wanted and len(key) != 1:
            raise PermanentError(
                f"table {name} has no primary key of one column",
                remedy="under `columns`, name one that grows and has a unique index; or exclude the table",
            )
        late_window = options.late_window if options else 0.0
        mode = Incrementing(name, (wanted or key)[0], columns, late_window)
        if key != mode.columns and not (options and options.unique):
            self._demand_unique(name, *mode.columns)
        fields = [pa.field(one.name, one.type, nullable=one.name not in key) for one in columns]
        return Reading(
            name, description, columns, Table(str(name), pa.schema(fields), key or mode.columns), mode
        )

    def _demand_unique(self, table: TableName, column: str) -> None:
        """Of rows with equal numbers, a page could end between two, and the second would never be read."""
        if self.catalog.unique(table, column):
            return
        quote = self.catalog.quote
        raise PermanentError(
            f"no primary key or unique index says that {table} has each {column} once",
            remedy=f"CREATE UNIQUE INDEX ON {quote.table(table)} ({quote.name(column)}); where each number is"
            " there once all the same, as in a view, set `unique: true`",
        )

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        """What was passed over, or, when nothing of that has come, what is new."""
        batch = self._read(stream, position, ask)
        if batch.more and not batch.changes and not batch.rejects:
            return self._read(stream, batch.position, ask)
        return batch

    def _read(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        scan = self._scan
        if scan is None or not scan.serves(stream.name, position):
            scan = self._open(stream.name, position)
        reading = self._usable(stream.name)
        rows, refused = scan.cursor.read(reading.table.schema, ask.rows, ask.bytes)
        position = scan.position = reading.mode.after(
            scan.position, _numbers(reading, rows, refused), scan.began_ms
        )
        more = scan.cursor.waiting
        if not more:
            more = bool(self._page) and scan.cursor.read_rows >= PAGE_ROWS
            self.end()
            if not more:
                position, more = reading.mode.ended(position, scan.began_ms)
        return Batch(
            position=position,
            changes=(Changes(reading.table, rows, reading.mode.op),) if rows.num_rows else (),
            rejects=tuple(_reject(reading, one) for one in refused),
            more=more,
        )

    def _usable(self, name: str) -> Reading:
        reading = self.reading(name)
        if isinstance(reading, PermanentError):
            raise type(reading)(reading.text, remedy=reading.remedy)
        return reading

    def _open(self, name: str, position: Position | None) -> Scan:
        self.end()
        reading = self._usable(name)
        began_ms = time.time_ns() // 1_000_000
        ends = time.monotonic() + min(SCAN_S, self._config.query_timeout / 2)
        cursor = self._reader.open(reading.mode.statement(position, self.catalog.quote, self._page))
        self._running = cursor
        description = cursor.execute()
        if description != reading.description:
            self._readings[name] = reading = self._built(reading.name, description)
        cursor.bind(reading.columns, reading.known_by)
        begin = reading.mode.start() if position is None else position
        self._scan = Scan(name, begin, cursor, began_ms, ends)
        return self._scan

    @property
    def scans(self) -> bool:
        """A cursor is open, and with it a transaction."""
        return self._scan is not None

    def cancel(self) -> None:
        """From another thread: ask the database to stop what runs; does not wait."""
        if self._running:
            self._running.cancel()

    def end(self) -> None:
        """Close the cursor and end the read transaction."""
        running, self._running, self._scan = self._running, None, None
        if running:
            running.close()
        self.connection.rollback()

    def close(self) -> None:
        with suppress(jpype.JException):
            self.end()
        with suppress(jpype.JException):
            self.connection.close()


def _numbers(reading: Reading, rows: pa.RecordBatch, refused: Sequence[Refused]) -> pa.Array:
    """Of the column that grows, in the order of the rows and of those that cannot be read among them."""
    (name,) = reading.mode.columns
    column = rows.column(name)
    if not refused:
        return column
    numbers = column.to_pylist()
    for one in reversed(refused):
        numbers.insert(one.after, reading.mode.number(one.keys[name]))
    return pa.array(numbers, column.type)


def _reject(reading: Reading, refused: Refused) -> Reject:
    # Only what identifies the row: other columns may be ones that shall not be published.
    key = {
        name: _value(reading.table.schema.field(name).type, refused.keys[name]) for name in reading.table.key
    }
    return Reject(reading.table.name, refused.reason, json.dumps(dict(refused.keys)), key)


def _value(kind: pa.DataType, text: str | None) -> Any:
    return int(text) if text is not None and pa.types.is_integer(kind) else text

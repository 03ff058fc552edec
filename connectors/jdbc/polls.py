"""Polls: a cursor stays open from one to the next as long as they ask for what it brings next."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

import jpype
import pyarrow as pa
import pyarrow.compute as pc

from bridge.contract import Ask, Batch, Changes, Position, Reject, Scan
from bridge.errors import PermanentError, TransientError
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.keyset import Read
from connectors.jdbc.modes import Mode, Wanted
from connectors.jdbc.modes.images import COMPLETE
from connectors.jdbc.reader import Cursor, Refused
from connectors.jdbc.readings import Excluded, Reading, Readings
from connectors.jdbc.session import Session
from connectors.jdbc.statements import Statement, shape
from connectors.jdbc.values import Written, written

# Bounds how long a read transaction lasts (it holds back PostgreSQL's vacuum) for one index look-up a page.
PAGE_ROWS = 250_000
# Of rows that are read once more: a poll of changes ends the page, and some drivers then read it to its end.
REREAD_ROWS = 50_000
# While polls wait (for Kafka, for a rate limit) an open cursor counts as a running query in some databases.
SCAN_S = 5.0
# The time of day by a clock that nobody sets while the process lives: gaps are forgotten by their age.
_STARTED_NS = time.time_ns() - time.monotonic_ns()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a poll is for: a stream's changes, or the rows that are `wanted` once more."""

    stream: str
    wanted: Wanted | None = None

    @property
    def id(self) -> object:
        return self.stream, None if self.wanted is None else self.wanted.within

    @property
    def page_rows(self) -> int:
        return PAGE_ROWS if self.wanted is None else min(REREAD_ROWS, PAGE_ROWS)

    def mode(self, reading: Reading) -> Mode:
        """Errors: PermanentError."""
        return reading.mode if self.wanted is None else reading.again(self.wanted)


@dataclass(slots=True)
class Running:
    """An open cursor, the position that its next row follows, and the statements that come after its own."""

    asked: Asked
    reading: Reading
    mode: Mode
    position: Position
    cursor: Cursor
    rest: list[Statement]
    began_ms: int
    ends: float
    """When it is old (monotonic): the next poll opens another one at the place this one has reached."""
    page_rows: int
    """After so many another page follows; 0: there is but one."""
    statements: Sequence[Statement]
    """Its own, and those that came after it when it was opened."""
    used: float = 0.0
    last: Sequence[Written] = ()
    """By what the last row of the cursor is known among the others."""

    def repeats(self, rows: pa.RecordBatch) -> bool:
        """Do two rows that follow each other have the same values of all columns by which they are read?"""
        if not (self.mode.columns and rows.num_rows):
            return False
        columns = [rows.column(name) for name in self.mode.columns]
        first = [written(each, 0) for each in columns]
        alone = rows.num_rows == 1
        before, self.last = self.last, first if alone else [written(each, -1) for each in columns]
        return first == before or (not alone and _has_equals(columns))

    def serves(self, asked: Asked, position: Position | None) -> bool:
        return (self.asked.id, self.position) == (asked.id, position) and time.monotonic() < self.ends


@dataclass(frozen=True, slots=True)
class Quiet:
    """A poll that found nothing, and what the next one from there asks: the very same."""

    reading: Reading
    position: Position
    statement: Statement


class Polls:
    """The polls that one session answers."""

    def __init__(self, session: Session, readings: Readings, statement_timeout: float) -> None:
        self.session, self._readings = session, readings
        self._scan_s = min(SCAN_S, statement_timeout / 2)
        self._last: Running | None = None
        self._quiet: dict[str, Quiet] = {}
        """Of hundreds of tables most have nothing new: then a poll shall cost little."""

    @property
    def _scan(self) -> Running | None:
        """The one whose cursor is open: the session closes it for what else is asked, and at the end."""
        return self._last if self._last and self.session.running is self._last.cursor else None

    @property
    def busy_with(self) -> str | None:
        """The stream whose cursor is open, and with it a transaction."""
        return self._scan.asked.stream if self._scan else None

    @property
    def rests(self) -> bool:
        """It is long since anybody asked for what the open cursor brings."""
        return self._scan is not None and time.monotonic() > self._scan.used + SCAN_S

    def poll(self, asked: Asked, position: Position | None, ask: Ask) -> Batch:
        """Rows, if there are any: statements that bring none are passed over."""
        scan = self._scan
        if scan is None and self._is_still_quiet(asked, position):
            return Batch(position)
        if scan is None or not scan.serves(asked, position):
            scan = self._begin(asked, position)
        first = scan.position
        while True:
            scan.used = time.monotonic()
            before = scan.position
            read = _read(scan, ask)
            if scan.repeats(read.rows):
                self.session.end()
                raise self._readings.doubted(scan.reading, scan.mode.columns)
            scan.position = scan.mode.after(before, read, scan.began_ms)
            if read.rows.num_rows and scan.position == before:
                self.session.end()
                raise _stands_still(scan)
            more = self._advance(scan)
            if len(read) or not more:
                if first == scan.position and scan.mode.asks_the_same(first):
                    self._quiet[asked.stream] = self._remembered(scan)
                return _batch(scan, read, (first, before, scan.position), more=more)
            if self._scan is None:
                scan = self._begin(asked, scan.position)

    def _is_still_quiet(self, asked: Asked, position: Position | None) -> bool:
        known = self._quiet.get(asked.stream)
        if known is None or known.position != position or asked.wanted:
            return False
        if known.reading is not self._readings.usable(asked.stream):
            return False
        try:
            return self.session.is_quiet(known.statement, known.reading.brought)
        except jpype.JException as error:
            raise self._readings.refused(known.reading, error) from None

    def _remembered(self, scan: Running) -> Quiet:
        dialect = self.session.dialect
        page = dialect.probe or dialect.page.format(rows=scan.asked.page_rows)
        quote = self.session.catalog.quote
        statement, *_ = scan.mode.statements(scan.position, quote, page)
        return Quiet(scan.reading, scan.position, scan.reading.asks(statement, quote))

    def _statements(self, mode: Mode, position: Position, asked: Asked) -> tuple[Statement, ...]:
        page = self.session.dialect.page.format(rows=asked.page_rows)
        return mode.statements(position, self.session.catalog.quote, page)

    def _advance(self, scan: Running) -> bool:
        """Go to the next row, wherever it comes from; False when there is none for now."""
        while self._scan and not scan.cursor.waiting:
            if scan.page_rows and scan.cursor.read_rows >= scan.page_rows:
                self.session.end()
                if self._statements(scan.mode, scan.position, scan.asked) == scan.statements:
                    raise _stands_still(scan)
                return True
            if not scan.rest:
                self.session.end()
                scan.position, more = scan.mode.ended(scan.position, scan.began_ms)
                return more
            reading, scan.cursor = self._run(scan.reading, scan.rest.pop(0))
            scan.ends = max(scan.ends, time.monotonic() + self._scan_s)
            scan.last = ()
            if reading is not scan.reading:
                self.session.end()
        return True

    def _begin(self, asked: Asked, position: Position | None) -> Running:
        """A table that was altered may have another key: what it was asked for is asked anew."""
        self.session.end()
        began_ms = (_STARTED_NS + time.monotonic_ns()) // 1_000_000
        reading, rows = self._readings.usable(asked.stream), asked.page_rows
        while True:
            mode = asked.mode(reading)
            begin = mode.begin(position, self.session)
            statements = self._statements(mode, begin, asked)
            known, (reading, cursor) = reading, self._run(reading, statements[0])
            if reading is known:
                break
        ends = math.inf if mode.own_session else time.monotonic() + self._scan_s
        paged = rows if self.session.dialect.page and not mode.own_session else 0
        self._last = Running(
            asked, reading, mode, begin, cursor, [*statements[1:]], began_ms, ends, paged, statements
        )
        return self._last

    def _run(self, reading: Reading, statement: Statement) -> tuple[Reading, Cursor]:
        """Where the table was altered, another reading, and a cursor that is of no use."""
        quote, of_all = self.session.catalog.quote, statement
        if reading.leaves_out:
            of_all = shape(reading.source, quote)
        cursor, description = self._executed(reading, of_all)
        now = self._readings.as_described(reading, description)
        if reading.leaves_out and now is reading:
            cursor, description = self._executed(reading, reading.asks(statement, quote))
            if description != reading.brought:
                raise TransientError(f"{reading.source} was altered just now", remedy="it is looked at anew")
        cursor.bind(now.columns, now.known_by, now.limit)
        return now, cursor

    def _executed(self, reading: Reading, statement: Statement) -> tuple[Cursor, str]:
        try:
            cursor = self.session.open(statement)
            return cursor, cursor.execute()
        except jpype.JException as error:
            raise self._readings.refused(reading, error) from None


class Lanes:
    """All that is open: a session for most, and one for a pass whose cursor must not be disturbed."""

    def __init__(self, config: JdbcConfig, connect: Callable[[], Session], excluded: Excluded) -> None:
        self._config, self._connect = config, connect
        self.session = connect()
        self.readings = Readings(config, self.session, excluded)
        self._main = self._lane(self.session)
        self._aside: Polls | None = None
        self._is_aside = False
        """The last poll was one of the second session."""
        self._interrupted = Event()

    def _lane(self, session: Session) -> Polls:
        return Polls(session, self.readings, self._config.statement_timeout)

    def poll(self, name: str, position: Position | None, ask: Ask) -> Batch:
        self._interrupted.clear()
        self._is_aside = False
        if not self.readings.usable(name).mode.own_session:
            return self._main.poll(Asked(name), position, ask)
        self._is_aside = True
        if self._main.rests:
            self.session.end()
        return self._poll_aside(name, position, ask)

    def reread(self, name: str, wanted: Wanted, place: Position | None, ask: Ask) -> Batch:
        """Where changes are polled: each ends the other's cursor, and none shows rows as they were before."""
        self._interrupted.clear()
        self._is_aside = False
        return self._main.poll(Asked(name, wanted), place, ask)

    def _poll_aside(self, name: str, position: Position | None, ask: Ask) -> Batch:
        if self._aside is None:
            self._aside = self._lane(self._connect())
        elif self._aside.busy_with not in (None, name) and not self._aside.rests:
            # One pass of this kind at a time, so that there are two sessions and not hundreds.
            self._interrupted.wait(ask.wait_s)
            return Batch(position, scan=None if position in (None, COMPLETE) else Scan.MORE, more=True)
        batch = self._aside.poll(Asked(name), position, ask)
        if not batch.more:
            self._close_aside()
        return batch

    @property
    def scans(self) -> bool:
        """A cursor is open, and with it a transaction."""
        return any(lane.busy_with for lane in (self._main, self._aside) if lane)

    def cancel(self) -> None:
        """From another thread: ask the database to stop what runs; does not wait."""
        self._interrupted.set()
        for lane in (self._main, self._aside):
            if lane:
                lane.session.cancel()

    def settle(self) -> bool:
        """After a poll that failed: end what it has open. A pass beside it goes on. Does the session live?"""
        if self._is_aside:
            self._close_aside()
        self.session.end()
        return self.session.lives()

    def end(self) -> None:
        """Close all cursors and end all transactions."""
        self._close_aside()
        self.session.end()

    def close(self) -> None:
        self._close_aside()
        self.session.close()

    def _close_aside(self) -> None:
        aside, self._aside = self._aside, None
        if aside:
            aside.session.close()


def _stands_still(scan: Running) -> PermanentError:
    """The next page would bring the same rows, for ever."""
    return PermanentError(
        f"the values of {', '.join(scan.mode.columns)} do not tell where in {scan.reading.source} to go on:"
        " they cannot be read, or not as the database compares them (floating-point, BIT, JSON)",
        remedy="name other columns that tell its rows apart under `key`; then `resume`",
    )


def _read(scan: Running, ask: Ask) -> Read:
    if not scan.cursor.waiting:
        return Read(scan.reading.nothing, ())
    return Read(*scan.cursor.read(scan.reading.table.schema, ask.rows, ask.bytes))


def _batch(scan: Running, read: Read, places: tuple[Position, Position, Position], *, more: bool) -> Batch:
    """`places`: the positions before the poll, before these rows, and after them."""
    first, before, after = places
    reading, mode, rows = scan.reading, scan.mode, _published(scan.reading, read.rows)
    return Batch(
        position=after,
        changes=(Changes(reading.table, rows, mode.op(before)),) if rows.num_rows else (),
        rejects=tuple(_reject(reading, one) for one in read.refused),
        scan=mode.mark(first, after),
        more=more,
    )


def _has_equals(columns: Sequence[pa.Array]) -> bool:
    """The first column decides, mostly."""
    equal = None
    for each in columns:
        same = pc.equal(each.slice(0, len(each) - 1), each.slice(1))
        equal = same if equal is None else pc.and_(equal, same)
        if not pc.any(equal).as_py():
            return False
    return True


def _published(reading: Reading, rows: pa.RecordBatch) -> pa.RecordBatch:
    """CHAR without its padding, where it is not wanted. Positions keep it, for statements compare with it."""
    padded = reading.padded
    for place, name in enumerate(rows.schema.names if padded else ()):
        if name in padded:
            rows = rows.set_column(place, rows.schema.field(place), pc.utf8_rtrim(rows.column(place), " "))
    return rows


def _reject(reading: Reading, refused: Refused) -> Reject:
    # Only what identifies the row: other columns may be ones that shall not be published.
    told, names = json.dumps(refused.keys, ensure_ascii=False), reading.table.key
    if not names or not refused.strange.keys().isdisjoint(names):
        return Reject(reading.table.name, refused.reason, told)
    known = _published(reading, refused.known)
    return Reject(reading.table.name, refused.reason, told, {name: known.column(name)[0] for name in names})

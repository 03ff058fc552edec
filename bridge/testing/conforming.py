"""How the conformance suite has a connector read, and what it looks at in what that brings."""

from __future__ import annotations

import json
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import (
    MAX_POSITION_BYTES,
    Ask,
    Batch,
    Changes,
    Connector,
    Emits,
    Op,
    Position,
    Ranges,
    Scan,
    Stream,
    Table,
)
from bridge.errors import BridgeError

MOST_POLLS = 10_000
SEEN_WITHIN_S = 2.0
"""A source may show what was added a moment late: its clock decides, and a look at it may be shared."""


class Subject(ABC):
    """A connector and its source, in the hands of the suite. What stays None is a test that is skipped."""

    secrets: Sequence[str] = ()
    """Values that no text of the connector may contain."""

    @abstractmethod
    def connector(self) -> Connector:
        """A new instance, not open, of a source that works. It has one stream with rows or more."""

    @abstractmethod
    def add(self, count: int) -> None:
        """Make `count` new rows in the first stream of `discover()`; no two have the same key."""

    def unreachable(self) -> Connector | None:
        """An instance whose source is down: TransientError."""
        return None

    def refused(self) -> Connector | None:
        """An instance with wrong credentials: CredentialsError."""
        return None

    def misconfigured(self) -> Connector | None:
        """An instance that asks for what is not there: ConfigError or PermanentError."""
        return None

    def holding(self) -> AbstractContextManager[None] | None:
        """While it is entered, the source keeps a poll waiting."""
        return None


class Read:
    """What a series of polls brought."""

    def __init__(self, position: Position, *, images: bool) -> None:
        self.position, self.images = position, images
        self.batches: list[Batch] = []

    def take(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.position = batch.position

    @property
    def positions(self) -> list[Position]:
        return [batch.position for batch in self.batches]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Of images outside of scans without those that came before: the engine drops what it knows."""
        rows = [row for batch in self.batches for row in rows_of(batch)]
        if self.scans or not self.images:
            return rows
        return [row for place, row in enumerate(rows) if row not in rows[:place]]

    @property
    def scans(self) -> bool:
        """Whether any of it says where it stands in a scan."""
        return any(batch.scan is not None for batch in self.batches)

    @property
    def seen(self) -> list[tuple[Any, ...]]:
        """Keys, as in `keys`."""
        named = [(name, keys) for batch in self.batches for name, keys in batch.seen]
        return [(name, *row.values()) for name, keys in named for row in keys.to_pylist()]

    @property
    def keys(self) -> list[tuple[Any, ...]]:
        """Of a table without a key the whole row."""
        return [
            (changes.table.name, *(row[column] for column in changes.table.key or changes.table.schema.names))
            for batch in self.batches
            for changes in batch.changes
            for row in changes.rows.to_pylist()
        ]


@contextmanager
def opened(subject: Subject) -> Iterator[Connector]:
    connector = subject.connector()
    try:
        connector.open()
        yield connector
    finally:
        connector.close()


def first_stream(connector: Connector) -> Stream:
    return connector.discover()[0]


def drain(connector: Connector, stream: Stream, position: Position | None, ask: Ask | None = None) -> Read:
    """Poll until the source has nothing more, and check what every batch must fulfil."""
    read, scanning = Read(position, images=stream.emits is Emits.IMAGES), False
    for _ in range(MOST_POLLS):
        batch = connector.poll(stream, read.position, ask or Ask())
        scanning = scan_goes_on(batch, scanning)
        read.position = batch.position
        read.batches.append(batch)
        if stream.settles:
            connector.commit(stream, batch.position)
        if not batch.more:
            assert not scanning, "`more` says no in the middle of a scan"
            return read
    raise AssertionError(f"`more` never ends: {MOST_POLLS} polls")


def drain_added(
    connector: Connector, stream: Stream, position: Position | None, count: int, ask: Ask | None = None
) -> Read:
    """Drain until what was added last is there too."""
    ends = time.monotonic() + SEEN_WITHIN_S
    read = drain(connector, stream, position, ask)
    while len(read.rows) < count and time.monotonic() < ends:
        time.sleep(0.01)
        further = drain(connector, stream, read.position, ask)
        read.position = further.position
        read.batches += further.batches
    return read


def read_before(subject: Subject, connector: Connector, count: int) -> tuple[Stream, Position]:
    """A stream of so many rows, all polled; skips the test where they cannot be read once more."""
    stream = first_stream(connector)
    default = type(connector).reread is Connector.reread
    if stream.settles or (default and stream.emits is not Emits.IMAGES):
        pytest.skip("the connector cannot read once more what is there")
    if not all(table.key for table in stream.tables):
        pytest.skip("rows without a key are not read once more")
    subject.add(count)
    return stream, drain(connector, stream, None).position


def reread(
    connector: Connector, stream: Stream, position: Position, ask: Ask, within: Ranges | None = None
) -> Read:
    """All rows that are there, from the beginning."""
    read = Read(None, images=False)
    for _ in range(MOST_POLLS):
        batch = connector.reread(stream, position, read.position, within or {}, ask)
        assert len(json.dumps(batch.position, allow_nan=False).encode()) <= MAX_POSITION_BYTES
        read.take(batch)
        if not batch.more:
            return read
    raise AssertionError(f"`more` never ends: {MOST_POLLS} rereads")


class Answers:
    """Answers `Ask.changed` as the engine does: all rows have changed but those with `known` keys."""

    def __init__(self, known: Collection[tuple[Any, ...]] = ()) -> None:
        self._known = known
        self.asked = 0

    def __call__(self, table: Table, keys: pa.RecordBatch, marks: pa.Array) -> pa.BooleanArray:
        assert len(marks) == keys.num_rows, f"{table.name}: {keys.num_rows} keys and {len(marks)} marks"
        self.asked += keys.num_rows
        rows = keys.select(list(table.key)).to_pylist()
        return pa.array([(table.name, *row.values()) not in self._known for row in rows], pa.bool_())


def scan_goes_on(batch: Batch, scanning: bool) -> bool:  # noqa: FBT001 -- a state, not an option
    """What has no marks has positions; of images some come again."""
    if batch.scan or scanning:
        assert batch.scan is not None, "a batch in the middle of a scan must say where that stands"
        assert begins(batch) != scanning, f"scan mark {batch.scan} in the wrong place"
        ops = [changes.op for changes in batch.changes]
        single = {op for op in ops if isinstance(op, Op)}
        letters = {op for each in ops if not isinstance(each, Op) for op in each.to_pylist()}
        assert Op.DELETE not in single | letters, "a scan brings rows that are there, and nothing else"
    return batch.scan in (Scan.FIRST, Scan.MORE)


def begins(batch: Batch) -> bool:
    return batch.scan in (Scan.FIRST, Scan.ONLY)


def scanned(subject: Subject, connector: Connector, ask: Ask) -> tuple[Stream, Read]:
    """What is read from the start, in pieces; skips the test for a connector that does not scan."""
    stream = first_stream(connector)
    if stream.emits is not Emits.IMAGES:
        pytest.skip("the connector tells changes")
    subject.add(5)
    read = drain(connector, stream, None, ask)
    if not read.scans:
        pytest.skip("the connector's images have positions")
    return stream, read


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    return [row for changes in batch.changes for row in changes.rows.to_pylist()]


def check_changes(changes: Changes, stream: Stream) -> None:
    table, rows = changes.table, changes.rows
    assert table.name in [known.name for known in stream.tables], f"{table.name} is no table of {stream.name}"
    assert isinstance(rows, pa.RecordBatch)
    assert rows.schema.equals(table.schema), (
        f"{table.name}: rows of another schema: {rows.schema} != {table.schema}"
    )
    rows.validate(full=True)
    for column in table.key:
        assert rows.column(column).null_count == 0, f"{table.name}: null in key column {column}"
    if not isinstance(changes.op, Op):
        letters = set(changes.op.to_pylist())
        assert letters <= set(Op), f"{table.name}: operations {letters}"
    sides = (changes.before, changes.source, changes.ts, *changes.absent.values())
    columns = [
        side for side in (*sides, None if isinstance(changes.op, Op) else changes.op) if side is not None
    ]
    assert all(len(side) == rows.num_rows for side in columns), f"{table.name}: columns of different lengths"


def interrupted_poll(connector: Connector, stream: Stream) -> tuple[float, BaseException | None]:
    """Poll while the source holds, interrupt; the time from interrupt() to the end, and how it ended."""
    called: list[float] = []

    def interrupt() -> None:
        called.append(time.monotonic())
        connector.interrupt()

    timer = threading.Timer(0.5, interrupt)
    timer.start()
    error: BaseException | None = None
    try:
        connector.poll(stream, None, Ask(wait_s=30))
    except BridgeError as raised:
        error = raised
    ended = time.monotonic()
    timer.join()
    assert ended > called[0], "the poll did not wait: `holding` holds nothing"
    return ended - called[0], error


def failure_of(connector: Connector) -> BaseException | None:
    """What goes wrong with an instance on its way to its first batches."""
    try:
        connector.open()
        for stream in connector.discover():
            connector.poll(stream, None, Ask())
    except Exception as error:  # noqa: BLE001 -- judged by the caller
        return error
    return None


def expect_failure(connector: Connector | None, kind: type[BridgeError], secrets: Sequence[str]) -> None:
    if connector is None:
        pytest.skip("the subject has no such instance")
    error = failure_of(connector)
    connector.close()
    assert isinstance(error, kind), f"{kind.__name__} was expected, not {error!r}"
    assert "\n" not in str(error), f"an operator reads one line: {error}"
    assert_clean(told(error), secrets)


def told(error: BaseException) -> str:
    """Everything that a log may show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(getattr(error, "remedy", ""))


def assert_clean(text: str, secrets: Sequence[str]) -> None:
    assert not any(secret in text for secret in secrets), "a secret stands in a text of the connector"

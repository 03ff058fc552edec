"""A Kafka and a source in this process's memory, which fail exactly when and how a test says.

`FakeKafka` keeps what matters for exactly once: transactions, aborted and open records hidden, fencing by
transactional.id. `FakePublisher`, `FakePositions` and `FakeTopics` stand where the engine's own edges stand.
What librdkafka retries by itself is inside the real `Publisher`, so it has no counterpart here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count
from threading import Event, RLock
from typing import Any

import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Connector, Op, Position, Ranges, Reject, Stream, Table
from bridge.errors import BridgeError, PermanentError, Stopped, TransientError
from bridge.positions import READ_S, Ledger, topic
from bridge.publisher import Aborted, Broken, Fenced
from bridge.state import STAMP, Seen
from bridge.state import topic as state_topic
from bridge.topics import DEFAULT_MAX_BYTES, Described, Ends, Shape, Wanted, dead_letters


class Step(StrEnum):
    """A call into Kafka, where something can go wrong."""

    ENSURE = "ensure"
    OPEN = "open"
    READ = "read"
    BEGIN = "begin"
    SEND = "send"
    COMMIT = "commit"
    ABORT = "abort"


class Fault(StrEnum):
    """What goes wrong in a call. In calls outside a transaction all but the crashes are transient errors."""

    ABORTED = "aborted"
    """The transaction must be aborted."""
    AMBIGUOUS = "ambiguous"
    """A commit is done, and its answer says it must be aborted; elsewhere as `ABORTED`."""
    BROKEN = "broken"
    """The producer is of no more use."""
    EXPIRED = "expired"
    """The broker ended the transaction: we look fenced."""
    STOPPED = "stopped"
    """We are asked to stop in the middle of it; half of what was to be sent is."""
    CRASH_BEFORE = "crash-before"
    CRASH_AFTER = "crash-after"


class Crash(BaseException):
    """The end of the process: nothing in the engine catches it, nothing it had in memory is used again."""


class State(StrEnum):
    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(slots=True, eq=False)
class Transaction:
    """`number`: the order in which transactions were committed, over all topics."""

    state: State = State.OPEN
    number: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    key: bytes | None
    value: bytes | None
    transaction: Transaction


class FakeKafka:
    """Topics of one partition as far as their order goes. Safe to use from several threads."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {}
        self.partitions: dict[str, int] = {}
        self.ids: dict[str, str] = {}
        self.starts: dict[str, int] = {}
        """Topic -> how many records were cut off at its beginning."""
        self.max_bytes: dict[str, int] = {}
        self.configs: dict[str, dict[str, str]] = {}
        """Of topics that somebody else made."""
        self.refusals: dict[str, BridgeError] = {}
        """Topic -> why the cluster will not have it."""
        self.unwritable: set[str] = set()
        """Topics whose records no broker takes: the commit fails."""
        self.faults: deque[tuple[int, Fault]] = deque()
        """(calls to let pass, what then goes wrong), one after the other."""
        self.calls: list[Step] = []
        self._lock = RLock()
        self._epochs: dict[str, int] = {}
        self._open: dict[str, Transaction] = {}
        self._numbers = count(1)

    def fail(self, fault: Fault, after: int = 0) -> None:
        """Let the call after the next `after` calls go wrong, counted from the last fault planned."""
        self.faults.append((after, fault))

    def passing(self, step: Step) -> Fault | None:
        """What goes wrong in this call."""
        with self._lock:
            self.calls.append(step)
            if not self.faults:
                return None
            left, fault = self.faults[0]
            if left:
                self.faults[0] = (left - 1, fault)
                return None
            self.faults.popleft()
            return fault

    def fence(self, transactional_id: str) -> int:
        """A new epoch of the id; whoever had it before is a zombie, and its open transaction aborted."""
        with self._lock:
            self._end(transactional_id, State.ABORTED)
            self._epochs[transactional_id] = self._epochs.get(transactional_id, 0) + 1
            return self._epochs[transactional_id]

    def check(self, transactional_id: str, epoch: int) -> None:
        if self._epochs.get(transactional_id) != epoch:
            raise Fenced("fenced: another producer has the transactional.id")

    def begin(self, transactional_id: str) -> None:
        with self._lock:
            self._open[transactional_id] = Transaction()

    def append(
        self, transactional_id: str, name: str, keys: Sequence[bytes | None], values: Sequence[bytes | None]
    ) -> None:
        with self._lock:
            transaction = self._open[transactional_id]
            records = self.topics.setdefault(name, [])
            records += [Record(key, value, transaction) for key, value in zip(keys, values, strict=True)]

    def takes(self, transactional_id: str) -> bool:
        """Whether everything in the open transaction was taken."""
        transaction = self._open[transactional_id]
        return not any(
            record.transaction is transaction
            for name in self.unwritable
            for record in self.topics.get(name, ())
        )

    def end(self, transactional_id: str, state: State) -> None:
        with self._lock:
            self._end(transactional_id, state)

    def _end(self, transactional_id: str, state: State) -> None:
        transaction = self._open.pop(transactional_id, None)
        if transaction is not None:
            transaction.state = state
            transaction.number = next(self._numbers) if state is State.COMMITTED else 0

    def committed(self, name: str) -> list[Record]:
        """What read_committed shows: nothing aborted, and nothing behind an open transaction."""
        return [record for _, record in self.visible(name)]

    def visible(self, name: str) -> Iterator[tuple[int, Record]]:
        """(offset, record) of what read_committed shows."""
        with self._lock:
            records = list(self.topics.get(name, ()))
        for offset, record in enumerate(records):
            if record.transaction.state is State.OPEN:
                return
            if record.transaction.state is State.COMMITTED:
                yield offset, record


class FakePublisher:
    """Stands where `bridge.publisher.Publisher` does; strict about the order of calls, as a broker is."""

    trouble: str | None = None

    def __init__(self, kafka: FakeKafka, connector: str, stop: Event) -> None:
        self._kafka, self._id, self._stop = kafka, f"bridge.{connector}", stop
        self._epoch: int | None = None
        self._in_transaction = self._must_abort = False

    def open(self) -> None:
        self.close()
        fault = self._fault(Step.OPEN)
        if fault is Fault.STOPPED:
            self._asked_to_stop(Step.OPEN)
        if fault is not None:
            raise Broken(f"{fault} while opening")
        self._epoch = self._kafka.fence(self._id)
        self._crash_after()

    def begin(self) -> None:
        self._enter(Step.BEGIN, inside=False)
        self._kafka.begin(self._id)
        self._in_transaction = True
        self._crash_after()

    def send(self, topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> None:
        try:
            self._enter(Step.SEND, inside=True)
        except Stopped:
            half = (len(keys) + 1) // 2
            self._kafka.append(self._id, topic, keys[:half], values[:half])
            raise
        self._kafka.append(self._id, topic, keys, values)
        self._crash_after()

    def commit(self) -> None:
        self._enter(Step.COMMIT, inside=True)
        if not self._kafka.takes(self._id):
            self._suffer(Step.COMMIT, Fault.ABORTED)
        self._kafka.end(self._id, State.COMMITTED)
        self._in_transaction = False
        self._crash_after()

    def abort(self) -> None:
        if self._epoch is None or not self._in_transaction:
            return
        self._must_abort = False
        self._enter(Step.ABORT, inside=True)
        self._kafka.end(self._id, State.ABORTED)
        self._in_transaction = False
        self._crash_after()

    def shrink(self, limit: int) -> bool:
        return limit < 1

    def hear(self) -> None:
        return

    def probe(self) -> None:
        return

    def close(self) -> None:
        """An open transaction stays open, for the next `open` to end."""
        self._epoch = None
        self._in_transaction = self._must_abort = False

    def _enter(self, step: Step, *, inside: bool) -> None:
        if self._epoch is None:
            raise Broken("the producer is closed")
        self._kafka.check(self._id, self._epoch)
        if self._must_abort or inside is not self._in_transaction:
            self.close()
            raise Broken(f"{step} in the wrong state")
        self._suffer(step, self._fault(step))

    def _suffer(self, step: Step, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault is Fault.EXPIRED:
            self._kafka.fence(self._id)
            raise Fenced("fenced: the transaction timed out")
        if fault is Fault.BROKEN:
            self.close()
            raise Broken(f"{step} broke the producer")
        if fault is Fault.STOPPED:
            self._asked_to_stop(step)
        if fault is Fault.AMBIGUOUS and step is Step.COMMIT:
            self._kafka.end(self._id, State.COMMITTED)
        self._must_abort = self._in_transaction
        raise Aborted(f"{step} failed")

    def _asked_to_stop(self, step: Step) -> None:
        """As when librdkafka is in the middle of a call: nothing but a new producer ends it then."""
        if step is not Step.SEND:
            self.close()
        self._stop.set()
        raise Stopped(f"asked to stop during {step}")

    def _fault(self, step: Step) -> Fault | None:
        fault = self._kafka.passing(step)
        self._crashes = fault is Fault.CRASH_AFTER
        if fault is Fault.CRASH_BEFORE:
            raise Crash(step)
        return None if self._crashes else fault

    def _crash_after(self) -> None:
        if self._crashes:
            raise Crash("after the call")


class FakePositions:
    """Stands where `bridge.positions.PositionsTopic` does."""

    letters_limit = DEFAULT_MAX_BYTES

    def __init__(self, kafka: FakeKafka, connector: str) -> None:
        self._kafka = kafka
        self.name, self.letters = topic(connector), dead_letters(connector)

    def ensure(self) -> None:
        _outside(self._kafka, Step.ENSURE)
        for name in (self.name, self.letters):
            self._kafka.topics.setdefault(name, [])

    def ends(self, topic: str) -> Ends:
        _outside(self._kafka, Step.ENSURE)
        return Ends(topic, [len(self._kafka.topics.get(topic, ()))])

    def read(self) -> Ledger:
        """Errors: TransientError, also when an open transaction hides the end."""
        _outside(self._kafka, Step.READ)
        if any(record.transaction.state is State.OPEN for record in self._kafka.topics.get(self.name, ())):
            raise TransientError("an open transaction hides the end of the positions")
        return self.glance()

    def glance(self, timeout_s: float = READ_S) -> Ledger:  # noqa: ARG002 - it answers at once
        ledger = Ledger()
        for offset, record in self._kafka.visible(self.name):
            ledger = ledger.fold((record.key or b"").decode(), record.value, offset)
        return ledger


class FakeTopics:
    """Stands where `bridge.topics.Topics` does."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    def ensure(self, wanted: Iterable[Wanted]) -> dict[str, Described]:
        _outside(self._kafka, Step.ENSURE)
        return {each.name: self._one(each) for each in wanted}

    def _one(self, wanted: Wanted) -> Described:
        kafka, name = self._kafka, wanted.name
        if name in kafka.refusals:
            raise kafka.refusals[name]
        created = name not in kafka.topics
        kafka.topics.setdefault(name, [])
        partitions = kafka.partitions.setdefault(name, wanted.partitions)
        return Described(
            partitions,
            kafka.max_bytes.get(name, DEFAULT_MAX_BYTES),
            kafka.configs.get(name, wanted.config),
            created,
            kafka.ids.get(name, ""),
        )

    def shapes(self, names: Iterable[str]) -> dict[str, Shape]:
        _outside(self._kafka, Step.ENSURE)
        kafka = self._kafka
        return {
            name: Shape(kafka.partitions[name], kafka.ids.get(name, ""))
            for name in names
            if name in kafka.topics
        }

    def is_empty(self, name: str, partitions: int) -> bool:  # noqa: ARG002 - the order knows one partition
        return not self._kafka.topics.get(name)


class FakeChangelog:
    """Stands where `bridge.state.StateTopic` does."""

    def __init__(self, kafka: FakeKafka, connector: str) -> None:
        self._kafka = kafka
        self.name = state_topic(connector)

    def ensure(self) -> str:
        _outside(self._kafka, Step.ENSURE)
        self._kafka.topics.setdefault(self.name, [])
        return self._kafka.ids.get(self.name, "")

    def id(self) -> str | None:
        _outside(self._kafka, Step.ENSURE)
        return self._kafka.ids.get(self.name, "") if self.name in self._kafka.topics else None

    def seen(self) -> Seen | None:
        _outside(self._kafka, Step.READ)
        stamps = [record.value or b"" for record in self._kafka.committed(self.name) if record.key == STAMP]
        stamp = stamps[-1].decode() if stamps else None
        kafka = self._kafka
        return Seen(kafka.ids.get(self.name, ""), kafka.starts.get(self.name, 0), stamp)

    def read(self) -> Iterator[list[tuple[bytes, bytes | None]]]:
        _outside(self._kafka, Step.READ)
        yield [(record.key or b"", record.value) for record in self._kafka.committed(self.name)]


def _outside(kafka: FakeKafka, step: Step) -> None:
    """Suffer a fault outside a transaction."""
    fault = kafka.passing(step)
    if fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
        raise Crash(step)
    if fault is not None:
        raise TransientError(f"{step} failed")


SKIPPED = ""
"""The payload of an id without a row, as a rolled-back insert leaves it: the position passes over it."""
SCHEMA = pa.schema([("id", pa.int64()), ("payload", pa.string())])


@dataclass(slots=True)
class FakeTable:
    """One stream of a source: row n has the id n; None is a record that is no row, SKIPPED is none."""

    payloads: list[str | None] = field(default_factory=list)
    settles: bool = False
    table: str = ""
    """What its rows say they are of; else the stream's own name."""
    ballast: str = ""
    """Makes positions larger."""
    settled: Position | None = None
    """What the source was last told to let go of."""


class FakeSource:
    """A legacy system that outlives its connectors, and the whims of its next calls."""

    def __init__(self, *names: str, settling: Iterable[str] = (), most: int = 5) -> None:
        self.tables = {name: FakeTable() for name in names}
        for name in settling:
            self.tables[name] = FakeTable(settles=True)
        self.identity = "the one"
        self.most = most
        """Rows one poll brings."""
        self.whims: deque[BaseException | None] = deque()
        """What the next calls into the connector raise; None is a call that goes well."""
        self.failing: dict[str, BaseException] = {}
        """Stream -> what every poll of it raises."""
        self.refusing: dict[str, BridgeError] = {}
        """Stream -> why it cannot be settled."""
        self.undecided: set[str] = set()
        """Streams whose polls bring nothing, and say that there is more."""
        self.odd: set[str] = set()
        """Streams whose rows lack their key column."""
        self.wider: set[str] = set()
        """Streams whose tables have got one more column."""
        self.closed: set[str] = set()
        """Streams whose tables may not be read, so that nobody knows them."""
        self.unreadable: set[str] = set()
        """Streams whose rows cannot be read once more."""
        self.polls: list[tuple[str, Position | None]] = []
        self.rereads: list[tuple[str, Position | None]] = []
        self.opened = 0

    def insert(self, name: str, *payloads: str | None) -> None:
        self.tables[name].payloads.extend(payloads)

    def settled(self, name: str) -> Position | None:
        return self.tables[name].settled

    def connector(self) -> FakeConnector:
        return FakeConnector(self)

    def heed(self) -> None:
        if self.whims and (whim := self.whims.popleft()) is not None:
            raise whim


class FakeConnector(Connector):
    """Reads a `FakeSource`; its position is `{"id": n}`."""

    config: FakeSource

    def __init__(self, config: FakeSource) -> None:
        super().__init__(config)
        self._source, self._is_open = config, False

    def open(self) -> None:
        self._source.heed()
        self._source.opened += 1
        self._is_open = True

    def discover(self) -> Sequence[Stream]:
        self._source.heed()
        return [self._stream(name, table) for name, table in self._source.tables.items()]

    def _stream(self, name: str, table: FakeTable) -> Stream:
        tables = () if name in self._source.closed else (self._shape(name),)
        return Stream(name, self._source.identity, tables, settles=table.settles)

    def _shape(self, name: str) -> Table:
        wider = SCHEMA.append(pa.field("more", pa.bool_()))
        return Table(name, wider if name in self._source.wider else SCHEMA, ("id",))

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        assert self._is_open, "polled while closed"
        self._source.polls.append((stream.name, position))
        self._source.heed()
        if stream.name in self._source.failing:
            raise self._source.failing[stream.name]
        if not stream.tables:
            raise PermanentError("no right to read it", remedy="grant it")
        table = self._source.tables[stream.name]
        assert not table.settles or position == table.settled, "polled ahead of what has settled"
        if stream.name in self._source.undecided:
            return Batch(position, more=True)
        return self._page(stream, position, len(table.payloads), ask)

    def reread(
        self, stream: Stream, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        """In the order of the ids, up to where the polls have come."""
        assert self._is_open, "reread while closed"
        self._source.rereads.append((stream.name, place))
        self._source.heed()
        if stream.name in self._source.unreadable:
            raise PermanentError("no such table", remedy="make it")
        least, most = within.get("id", (None, None))
        begin = place or {"id": (least or 1) - 1}
        read = position["id"] if position else 0
        return self._page(stream, begin, read if most is None else min(most, read), ask)

    def _page(self, stream: Stream, position: Position | None, until: int, ask: Ask) -> Batch:
        table = self._source.tables[stream.name]
        after = position["id"] if position else 0
        rows = list(enumerate(table.payloads, start=1))[:until]
        found = rows[after : after + min(ask.rows, self._source.most)]
        if not found:
            return Batch(position)
        last = found[-1][0]
        shape = replace(self._shape(stream.name), name=table.table or stream.name)
        good = [(at, text) for at, text in found if text]
        return Batch(
            {"id": last, "ballast": table.ballast} if table.ballast else {"id": last},
            (_changes(shape, good, odd=stream.name in self._source.odd),) if good else (),
            tuple(Reject(stream.name, "no payload", "", {"id": at}) for at, text in found if text is None),
            more=last < until,
        )

    def commit(self, stream: Stream, position: Position) -> None:
        assert self._is_open, "committed while closed"
        self._source.heed()
        if stream.name in self._source.refusing:
            raise self._source.refusing[stream.name]
        self._source.tables[stream.name].settled = position

    def close(self) -> None:
        self._is_open = False


def _changes(table: Table, rows: Sequence[tuple[int, str]], *, odd: bool) -> Changes:
    columns: Mapping[str, Any] = {"id": [at for at, _ in rows], "payload": [text for _, text in rows]}
    more = {name: [None] * len(rows) for name in table.schema.names if name not in columns}
    batch = pa.RecordBatch.from_pydict({**columns, **more}, schema=table.schema)
    return Changes(table, batch.select(["payload"]) if odd else batch, Op.CREATE)

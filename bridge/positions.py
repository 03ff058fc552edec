"""The one place where progress is kept: the connector's compacted topic, written in its transactions.

Keys: `owner`, `stream:<name>`, `pause:<name>` (`pause:` alone for the whole connector, with streams that come
later), `resnapshot:<name>`, `state`. Values are JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cache
from threading import Event
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bridge import kafka
from bridge.contract import CONTRACT_VERSION, MAX_POSITION_BYTES, Position, Ranges
from bridge.errors import ConfigError, CredentialsError, PermanentError, Stopped, TransientError
from bridge.topics import DEFAULT_MAX_BYTES, Ends, Topics, dead_letters, internal

OWNER = "owner"
STREAM = "stream:"
PAUSE = "pause:"
RESNAPSHOT = "resnapshot:"
STATE = "state"

CALL_S = 1.0
"""How long one question to Kafka may take before we look whether we are asked to stop."""
READ_S = 30.0


def topic(connector: str) -> str:
    return f"_bridge.positions.{connector}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds the connector: `instance` is new at every start of a daemon."""

    instance: str
    name: str
    host: str
    lease_s: float
    released: bool = False

    def letting_go(self) -> Owner:
        return replace(self, released=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stream's record. `partitions`: event topic -> partition count, since key order hangs on it.

    `forms`: table -> digest of its columns and key, where a change of them parks.
    `ids`: event topic -> its id; a topic that was deleted and made anew has another one.
    `accept`: an operator has agreed to whatever would park the stream at its next start.
    `keyed`: what is known of its rows was kept up to this position.
    `excluded`: columns that it had, and that were left out.
    `encoder`: the options by which keys were written; empty where these are not known.
    """

    position: Position | None
    kind: str
    version: int
    identity: str
    partitions: Mapping[str, int] = field(default_factory=dict)
    contract: int = CONTRACT_VERSION
    accept: bool = False
    forms: Mapping[str, str] = field(default_factory=dict)
    keyed: bool = False
    ids: Mapping[str, str] = field(default_factory=dict)
    excluded: Sequence[str] = field(default_factory=list)
    encoder: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paused:
    """`lifted`: it is no pause, but leaves its stream out of the one of the whole connector."""

    by: str
    at: str
    lifted: bool = False


@dataclass(frozen=True, slots=True)
class Resnapshot:
    """An order to publish a stream's rows once more, and how far that has come: `rows`, up to `place`."""

    by: str
    at: str
    within: Ranges = field(default_factory=dict)
    place: Position | None = None
    version: int = 1
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What the keyed state is to be like, and which topic has it; see bridge.state."""

    stamp: str
    topic: str = ""
    """The id of the topic; empty where it is not known."""
    start: int | None = None
    """Where the topic began: a compacted one loses its beginning only when somebody cuts it off."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """All records of one connector, read_committed. `owner_offset` changes whenever the owner writes."""

    owner: Owner | None = None
    owner_offset: int = -1
    streams: Mapping[str, Stored] = field(default_factory=dict)
    pauses: Mapping[str, Paused] = field(default_factory=dict)
    resnapshots: Mapping[str, Resnapshot] = field(default_factory=dict)
    state: Kept | None = None

    def pause_of(self, stream: str) -> Paused | None:
        """Its own, or that of the whole connector."""
        found = self.pauses.get(stream, self.pauses.get(""))
        return None if found is None or found.lifted else found

    @property
    def asleep(self) -> bool:
        """The whole connector is paused, without an exception: its source is to be left alone."""
        return "" in self.pauses and not any(each.lifted for each in self.pauses.values())

    def fold(self, key: str, value: bytes | None, offset: int) -> Ledger:
        """The ledger after one more record of the topic."""
        if key == OWNER:
            return replace(self, owner=_parse(Owner, value) if value else None, owner_offset=offset)
        if key.startswith(STREAM):
            return replace(self, streams=_put(self.streams, key[len(STREAM) :], value, Stored))
        if key.startswith(PAUSE):
            return replace(self, pauses=_put(self.pauses, key[len(PAUSE) :], value, Paused))
        if key.startswith(RESNAPSHOT):
            name = key[len(RESNAPSHOT) :]
            return replace(self, resnapshots=_put(self.resnapshots, name, value, Resnapshot))
        if key == STATE:
            return replace(self, state=_parse(Kept, value) if value else None)
        return self


def _put(records: Mapping[str, Any], name: str, value: bytes | None, kind: type) -> dict[str, Any]:
    rest = {known: record for known, record in records.items() if known != name}
    return rest if value is None else {**rest, name: _parse(kind, value)}


def _parse(kind: type, value: bytes) -> Any:
    """A record of a newer daemon may hold fields this one does not know: they are passed over."""
    known = _names(kind)
    return kind(**{key: item for key, item in json.loads(value).items() if key in known})


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


type Value = Owner | Stored | Paused | Resnapshot | Kept | None


def record(key: str, value: Value) -> tuple[bytes, bytes | None]:
    """Key and value as they go into the topic. Errors: PermanentError when a position is too large."""
    if value is None:
        return key.encode(), None
    kind: type = type(value)
    told = {name: getattr(value, name) for name in _names(kind)}
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    body = text.encode(errors="backslashreplace")  # of a lone surrogate: JSON's own escape
    if len(body) > MAX_POSITION_BYTES:
        raise PermanentError(
            f"{key}: the position has {len(body)} bytes, the limit is {MAX_POSITION_BYTES}",
            remedy="this is a defect of the connector: its position must be bounded",
        )
    return key.encode(), body


class Records(Protocol):
    """What the task does with a `PositionsTopic`."""

    @property
    def name(self) -> str: ...
    @property
    def letters(self) -> str: ...
    @property
    def letters_limit(self) -> int: ...
    def ensure(self) -> None: ...
    def ends(self, topic: str) -> Ends: ...
    def read(self) -> Ledger: ...
    def glance(self, timeout_s: float = READ_S) -> Ledger: ...


class PositionsTopic:
    """The connector's internal topics: its positions, and its dead letters beside them."""

    def __init__(self, settings: Mapping[str, Any], connector: str, topics: Topics, stop: Event) -> None:
        self._settings, self._connector, self._topics, self._stop = settings, connector, topics, stop
        self._glances = Glances(settings, connector, stop)
        self.name = topic(connector)
        self.letters = dead_letters(connector)
        self.letters_limit = DEFAULT_MAX_BYTES
        """Bytes the dead-letter topic takes in one record; known after `ensure`."""

    def ensure(self) -> None:
        """Create or check both. Errors: ConfigError, TransientError."""
        try:
            found = self._topics.ensure(internal(self.name, self.letters))
        except ConfigError as error:
            raise ConfigError(error.text, remedy=f"{error.remedy}{self._and_what_is_gone()}") from None
        self.letters_limit = found[self.letters].max_message_bytes

    def _and_what_is_gone(self) -> str:
        """A broker that makes topics by itself may have made a deleted one anew, in a form of its own."""
        known = self._topics.look([self.name])
        if not known or not self._topics.is_empty(self.name, known[self.name].partitions):
            return ""
        return (
            f"; {self.name} is empty: if the connector has run before, its positions are gone; its streams "
            "then wait for `positions import` or `positions accept`"
        )

    def ends(self, topic: str) -> Ends:
        return self._topics.ends(topic)

    def read(self) -> Ledger:
        return read(self._settings, self._connector, self._stop)

    def glance(self, timeout_s: float = READ_S) -> Ledger:
        return self._glances.ledger(timeout_s)


def read(kafka_settings: Mapping[str, Any], connector: str, stop: Event, timeout_s: float = READ_S) -> Ledger:
    """The ledger up to the topic's true end.

    The end is what read_uncommitted sees: a read_committed consumer is told "end of partition" at the last
    stable offset, behind which an open transaction can hide newer records. Call this after
    `init_transactions()`, which ends the predecessor's transaction. Errors: TransientError, Stopped.
    """
    return _read(kafka_settings, connector, "read_uncommitted", stop, timeout_s)


def glance(
    kafka_settings: Mapping[str, Any], connector: str, stop: Event, timeout_s: float = READ_S
) -> Ledger:
    """The ledger as far as it can be seen without fencing anybody; an open transaction may hide its end."""
    return _read(kafka_settings, connector, "read_committed", stop, timeout_s)


def known(kafka_settings: Mapping[str, Any], connector: str, topics: Topics) -> Ledger:
    """As `glance`, for commands: empty for a connector that has never run."""
    if not topics.look([topic(connector)]):
        return Ledger()
    return glance(kafka_settings, connector, Event())


def _read(
    kafka_settings: Mapping[str, Any], connector: str, end_as_seen: str, stop: Event, timeout_s: float
) -> Ledger:
    partition = TopicPartition(topic(connector), 0, 0)
    deadline = time.monotonic() + timeout_s
    with _in_words(partition.topic):
        with closing(_consumer(kafka_settings, end_as_seen)) as consumer:
            end = _end(consumer, partition, stop, deadline)
        with closing(_consumer(kafka_settings, "read_committed")) as consumer:
            consumer.assign([partition])
            return _read_to(consumer, end, stop, deadline, Ledger())


class Glances:
    """`glance` again and again, for whoever holds a connector or awaits it: each reads on from the last one.

    Used from one thread.
    """

    def __init__(self, settings: Mapping[str, Any], connector: str, stop: Event) -> None:
        self._settings, self._topic, self._stop = settings, topic(connector), stop
        self._consumer: Consumer | None = None
        self._ledger, self._end = Ledger(), 0

    def ledger(self, timeout_s: float) -> Ledger:
        """Errors: those of `glance`, after which another consumer goes on."""
        try:
            with _in_words(self._topic):
                self._read_on(time.monotonic() + timeout_s)
        except BaseException:
            self._close()
            raise
        return self._ledger

    def _read_on(self, deadline: float) -> None:
        consumer = self._consumer = self._consumer or _consumer(self._settings, "read_committed")
        end = _end(consumer, TopicPartition(self._topic, 0), self._stop, deadline)
        if end < self._end:  # the topic was made anew
            self._ledger, self._end = Ledger(), 0
        if end > self._end:
            consumer.assign([TopicPartition(self._topic, 0, self._end)])
            self._ledger = _read_to(consumer, end, self._stop, deadline, self._ledger)
            consumer.unassign()  # else it would go on to ask for more
            self._end = end

    def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise TransientError(f"cannot read {name}: {kafka.reason(error)}") from error


def _consumer(kafka_settings: Mapping[str, Any], isolation: str) -> Consumer:
    # The end of the partition is told when a fetch comes back empty, which shall not wait for more.
    own = {"fetch.wait.max.ms": 10, "error_cb": _on_error}
    return kafka.consumer(kafka_settings, isolation, **own)


def _on_error(error: KafkaError) -> None:
    """What this raises, the `poll` raises that serves it: else the client would try again and again."""
    if kafka.refuses(error):
        raise CredentialsError(
            f"Kafka refuses the credentials: {kafka.reason(error)}", remedy="check `kafka:`, then `resume`"
        )
    if error.code() == KafkaError._AUTHENTICATION:
        raise TransientError(f"there is no way into Kafka for now: {kafka.reason(error)}")


def _end(consumer: Consumer, partition: TopicPartition, stop: Event, deadline: float) -> int:
    """The offset after the last record, asked for in small steps, since nothing else cuts the call short."""
    while True:
        try:
            return int(consumer.get_watermark_offsets(partition, timeout=CALL_S)[1])
        except KafkaException as error:
            if stop.is_set():
                raise Stopped("asked to stop while reading the positions") from error
            consumer.poll(0)
            if error.args[0].code() != KafkaError._TIMED_OUT or time.monotonic() > deadline:
                raise


def _read_to(consumer: Consumer, end: int, stop: Event, deadline: float, ledger: Ledger) -> Ledger:
    """The ledger, read on up to offset `end`.

    That is seen passed by a record, or, where markers come last, by an end of partition. The latter alone
    would not do: librdkafka says it only when a fetch brings nothing, as it may never under a busy owner.
    """
    last: dict[str, tuple[bytes | None, int]] = {}
    passed = end == 0
    while not passed:
        if stop.is_set():
            raise Stopped("asked to stop while reading the positions")
        if time.monotonic() > deadline:
            raise TransientError(f"the positions could not be read up to offset {end} in time")
        for message in consumer.consume(1000, timeout=0) or filter(None, [consumer.poll(0.2)]):
            error, offset = message.error(), message.offset() or 0
            if error is None:
                last[(message.key() or b"").decode()] = (message.value(), offset)
                passed = passed or offset >= end - 1
            elif error.code() not in kafka.NO_FAULT:
                raise KafkaException(error)
            else:
                passed = passed or offset >= end
    for key, (value, offset) in last.items():
        ledger = ledger.fold(key, value, offset)
    return ledger

"""One Kafka transaction { events, dead letters, state, positions } at a time.

KIP-98, and the rules of facts measured on a broker: a retriable failure re-calls the SAME operation; an
abortable one aborts, after which the caller re-reads its positions; a fatal one needs a new producer. An
ambiguous commit is never followed by a second publication from memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Event
from typing import Any, Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from bridge import kafka
from bridge.errors import BridgeError, ConfigError, CredentialsError, Stopped
from bridge.native.packed import Packed
from bridge.native.sender import Sender, plugged

log = structlog.get_logger("bridge.publisher")

CALL_S = 1.0
"""How long one call into librdkafka may block; in between we look whether we are asked to stop."""

SLOW_S = 5.0
"""An operation that takes longer is trouble, which shows, though its outcome is still open."""

STUCK_S = 15.0
"""Over a restart, librdkafka can lose Kafka for good: then only a new producer ends the transaction."""

POLL_EVERY = 2_000
FULL_S = 0.01
"""How long to wait for room in the producer's queue; no callback tells of it, and the queue empties fast."""

BATCH = 900_000
"""batch.size in bytes before compression; below what a topic takes by default, with room to grow."""

FILL = 0.95
"""The broker's limit is on the batch as it arrives, and what does not compress grows a little."""


class Fenced(BridgeError):
    """Another producer took the transactional.id, or our transaction timed out: they look the same."""


class Aborted(BridgeError):
    """Nothing was published, or nobody knows: re-read the positions before the next transaction."""


class Broken(Aborted):
    """As `Aborted`, and the producer is of no more use."""


class Transactions(Protocol):
    """What the task does with a `Publisher`."""

    @property
    def trouble(self) -> str | None: ...
    def open(self) -> None: ...
    def begin(self) -> None: ...
    def send(self, topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> None: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...
    def shrink(self, limit: int) -> bool: ...
    def hear(self) -> None: ...
    def probe(self) -> None: ...
    def close(self) -> None: ...


class Publisher:
    """The connector's transactional producer. Used from one thread."""

    def __init__(self, settings: Mapping[str, Any], connector: str, stop: Event) -> None:
        self._settings = settings
        self._id = f"bridge.{connector}"
        self._stop = stop
        self._batch = int(settings.get("batch.size", BATCH))
        self._producer: Producer | None = None
        self._sender: Sender | None = None
        """The producer's, where there is a library for it."""
        self._lost = False
        """Whether records were given up: the client counts them, and the broker refuses what comes next.

        Or it has lost a partition's leader, and can go on so for ever.
        """
        self._reason: str | None = None
        """Why the transaction failed, as first heard; what fails next, its abort too, comes of that."""
        self._denied: str | None = None
        """Why Kafka does not let us in."""
        self._topics: set[str] = set()
        """Those that the transaction has records for."""
        self._looked = -math.inf
        self.open_since: float | None = None
        """Monotonic time at which the transaction began; None outside one."""
        self.trouble: str | None = None
        """Why Kafka cannot be reached, as last heard; None once it answers again."""

    def open(self) -> None:
        """Take the transactional.id: fences the predecessor and ends its open transaction."""
        self.close()
        self._reason = None
        own = {"batch.size": self._batch, **self._reports(), **plugged()}
        self._producer = kafka.producer(self._settings, self._id, self._on_error, **own)
        self._sender = Sender.made()
        producer = self._producer
        self._call(producer.init_transactions)
        self.trouble = None

    def shrink(self, limit: int) -> bool:
        """Keep record batches below a topic's limit in bytes; True: from the next `open` on."""
        largest = int(limit * FILL)
        if self._batch <= largest:
            return False
        self._batch = largest
        return True

    def begin(self) -> None:
        self._ask_sender()
        self._reason, self._lost = None, False  # what that was of has ended
        self._topics.clear()
        self._begin()
        self.open_since = time.monotonic()

    def send(self, topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> None:
        """Queue records in order; blocks while librdkafka's bounded queue is full.

        Errors: Stopped, when no room comes; a part of them is in the transaction then, which must not be
        committed.
        """
        self._topics.add(topic)
        if self._sender and isinstance(keys, Packed) and isinstance(values, Packed):
            queue = partial(self._queue_packed, self._sender, topic, keys, values)
        else:
            queue = partial(self._queue, topic, list(keys), list(values))
        done, count = 0, len(keys)
        stuck, since = -1, 0.0
        while done < count:
            try:
                done = queue(done)
            except KafkaException as error:
                self._ask_why(error)
                raise self._classify(error) from error
            if done == count:
                break
            if done != stuck:
                stuck, since = done, time.monotonic()
            self.hear(FULL_S)
            self._note_if_slow(since, "it takes no more records")
            if time.monotonic() - since > CALL_S:
                self._give_up_when_stopped()

    def _queue(
        self, topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None], done: int
    ) -> int:
        """Records from `done` on, as many as there is room for; returns the place behind them."""
        produce, poll = self._live().produce, self._live().poll
        count = len(keys)
        try:
            while done < count:
                produce(topic, values[done], keys[done])
                done += 1
                if not done % POLL_EVERY:
                    poll(0)
        except BufferError:
            pass
        return done

    def _queue_packed(self, sender: Sender, topic: str, keys: Packed, values: Packed, done: int) -> int:
        """The same in one call."""
        self._live().poll(0)
        return done + sender.send(topic, keys, values, done)

    def commit(self) -> None:
        """Flush and commit; this is the acknowledgement of every record since `begin`."""
        self._call(self._live().commit_transaction, lambda: not self._waiting)
        self.open_since = None
        self.trouble = None

    def abort(self) -> None:
        """End the transaction without publishing it. Errors: Broken, Fenced."""
        if self.open_since is not None:
            self._call(self._live().abort_transaction, lambda: True)
            self.open_since = None

    def hear(self, wait_s: float = 0.0) -> None:
        """Serve callbacks. Errors: Fenced, Aborted; CredentialsError, after which nothing is tried again."""
        if self._producer is not None:
            try:
                self._producer.poll(wait_s)
            except KafkaException as error:  # a fatal one is raised from here, too
                raise self._classify(error) from error
        self._heed()

    def _heed(self) -> None:
        """The client would try the credentials again and again, and accounts lock."""
        if self._denied is not None:
            self.close()
            raise CredentialsError(
                f"Kafka refuses the credentials: {self._denied}", remedy="check `kafka:`, then `resume`"
            )

    def probe(self) -> None:
        """While Kafka was last heard to be away, ask whether it is back."""
        if self.trouble is not None:
            try:
                self._live().list_topics(timeout=CALL_S)
                self.trouble = None
            except KafkaException as error:
                self.trouble = f"Kafka: {kafka.reason(error)}"

    def close(self) -> None:
        """Drop the producer and what it has queued. An open transaction is ended by the next `open`."""
        if self._producer is not None:
            self._producer.purge()
            if self._sender is not None:
                self._sender.close()
            self._producer = self._sender = None
        self.open_since = None

    def _begin(self) -> None:
        self._call(lambda _timeout: self._live().begin_transaction())

    def _ask_why(self, error: KafkaException) -> None:
        """A transaction that has failed takes no record, and says what it failed of only to the next call."""
        if error.args[0].code() in (KafkaError._STATE, KafkaError._FATAL):
            self._begin()

    def _live(self) -> Producer:
        if self._producer is None:
            raise Broken("the producer is closed")
        return self._producer

    def _call(
        self, operation: Callable[[float], object], is_in_vain: Callable[[], bool] = lambda: False
    ) -> None:
        """Re-call the same operation while its failure is retriable: its outcome is then still open.

        `is_in_vain`: whether another producer would do as well, should the answer not come for long.
        """
        began = heard = time.monotonic()
        while True:
            waiting = self._waiting
            try:
                operation(CALL_S)
                return
            except KafkaException as error:
                self.hear()
                cause: KafkaError = error.args[0]
                if not cause.retriable() or cause.code() == KafkaError._CONFLICT:
                    raise self._classify(error) from error
                self._note_if_slow(began, kafka.reason(cause))
                if not is_in_vain():
                    heard = time.monotonic()
                elif time.monotonic() - heard > STUCK_S:
                    raise Broken("Kafka has not ended the transaction: a new producer has to") from error
                if self._waiting == waiting:
                    self._give_up_when_stopped()

    @property
    def _waiting(self) -> int:
        """Records that Kafka has not acknowledged; as long as they grow fewer, it answers."""
        return len(self._producer) if self._producer is not None else 0

    def _note_if_slow(self, since: float, why: str) -> None:
        if (lasting := time.monotonic() - since) > SLOW_S:
            self.trouble = f"Kafka has not answered for {lasting:.0f} s: {why}"
            self._must_have_topics()

    def _must_have_topics(self) -> None:
        """Records wait in vain for a topic that was deleted, and all others with them. Errors: Broken.

        While records wait, the end of the transaction was not asked for: its outcome is not open. But a
        client that was told to commit takes no abort.
        """
        now = time.monotonic()
        if not self._waiting or now - self._looked < SLOW_S:
            return
        self._looked = now
        try:
            known = self._live().list_topics(timeout=CALL_S).topics
        except KafkaException:
            return
        if gone := sorted(self._topics - known.keys()):
            self._topics.clear()
            raise Broken(f"topic {gone[0]} is gone")

    def _give_up_when_stopped(self) -> None:
        if self._stop.is_set():
            raise Stopped("asked to stop while Kafka did not answer")

    def _classify(self, error: KafkaException) -> BridgeError:
        cause: KafkaError = error.args[0]
        self._ask_sender()
        self._reason = self._reason or self._told(cause)
        if cause.code() in (
            KafkaError._FENCED,
            KafkaError.INVALID_PRODUCER_EPOCH,
            KafkaError.PRODUCER_FENCED,
        ):
            return Fenced(f"fenced: {kafka.reason(cause)}")
        if cause.code() == KafkaError.INVALID_TRANSACTION_TIMEOUT:
            return ConfigError(
                f"Kafka takes no transactions as long as transaction.timeout.ms: {kafka.reason(cause)}",
                remedy="lower it under `kafka:`, or raise transaction.max.timeout.ms of the brokers",
            )
        if cause.fatal() or not cause.txn_requires_abort() or self._lost:
            return Broken(self._reason)
        return Aborted(self._reason)

    def _told(self, cause: KafkaError) -> str:
        text, topics = kafka.reason(cause), ", ".join(sorted(self._topics))
        if cause.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:  # which topic, only the broker's log says
            return f"{text}; grant Write on {topics}"
        if cause.code() == KafkaError._INCONSISTENT:  # records were refused, and no report has told of one
            return f"{text}; the brokers' logs say why: {topics}"
        return text

    def _reports(self) -> dict[str, Any]:
        """Only failures are reported, so that a delivered record costs no callback."""
        return {"delivery.report.only.error": True, "on_delivery": self._on_failure}

    def _ask_sender(self) -> None:
        """Of packed records no callback tells."""
        if self._sender and (failure := self._sender.failure()):
            self._note_failure(*failure)

    def _on_failure(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
            self._note_failure(error, message.topic())

    def _note_failure(self, error: KafkaError, topic: str | None) -> None:
        self._reason = self._reason or f"topic {topic}: {self._told(error)}"
        self._lost = True

    def _on_error(self, error: KafkaError) -> None:
        if kafka.refuses(error):
            self._denied = kafka.reason(error)
        elif error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION):
            self.trouble = f"Kafka: {kafka.reason(error)}"

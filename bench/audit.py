"""Checks histories while they are written: every row of a source once, in order, in its topic.

A source numbers its rows 1, 2, 3 ... and never deletes one, and a stream is read in that order. So the last
number of each partition is all that must be remembered: one that is not greater is doubled (or out of
order), and what is missing of the source's count in the end is lost.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from threading import Event, Thread
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

CHUNK = 5_000
SILENT = {KafkaError._PARTITION_EOF, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
"""What a consumer says while all is well, or while the broker restarts."""


class History:
    """One topic as a read_committed consumer sees it."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self.seen = self.doubled = self.false_deletes = 0

    def take(self, message: Message) -> None:
        value = message.value()
        event: dict[str, Any] = json.loads(value) if value else {"op": "d"}
        if event["op"] == "d":
            self.false_deletes += 1
            return
        number, partition = event["after"]["id"], message.partition()
        assert partition is not None
        if number <= self._last.get(partition, 0):
            self.doubled += 1
            return
        self._last[partition] = number
        self.seen += 1


class Audit:
    """Follows topics from their beginning, as committed and as they are, from two threads of its own."""

    def __init__(self, address: str, topics: Mapping[str, str]) -> None:
        self._address, self._topics = address, topics
        self.histories = {name: History() for name in topics}
        self.committed = self.uncommitted = 0
        """Records seen by each kind of consumer; the difference is what kills have left behind."""
        self._stop = Event()
        self._error: BaseException | None = None
        self._threads = [Thread(target=self._run, args=(each,)) for each in (self._commits, self._all)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error

    def missing(self, rows: Mapping[str, int]) -> dict[str, int]:
        """How many of each source's rows have not been seen."""
        return {name: count - self.histories[name].seen for name, count in rows.items()}

    def settle(self, rows: Mapping[str, int], patience_s: float) -> None:
        """Wait until all rows were seen, or none came for a while; then for whatever follows them."""
        before, since = -1, time.monotonic()
        while any(self.missing(rows).values()) and time.monotonic() - since < patience_s:
            if self.committed != before:
                before, since = self.committed, time.monotonic()
            self._stop.wait(0.1)
        self._stop.wait(1.0)

    def _run(self, follow: object) -> None:
        try:
            assert callable(follow)
            follow()
        except BaseException as error:  # noqa: BLE001 - raised by stop(), in the main thread
            self._error = error

    def _commits(self) -> None:
        names = {topic: name for name, topic in self._topics.items()}
        for message in self._messages("read_committed"):
            self.histories[names[message.topic() or ""]].take(message)
            self.committed += 1

    def _all(self) -> None:
        for _ in self._messages("read_uncommitted"):
            self.uncommitted += 1

    def _messages(self, isolation: str) -> Iterator[Message]:
        consumer = self._consumer(isolation)
        try:
            consumer.assign(self._partitions(consumer))
            while not self._stop.is_set():
                for message in consumer.consume(CHUNK, 0.2):
                    error = message.error()
                    if error is None:
                        yield message
                    elif error.code() not in SILENT:
                        raise KafkaException(error)
        finally:
            consumer.close()

    def _partitions(self, consumer: Consumer) -> list[TopicPartition]:
        """Of all topics, once the last of them has been created."""
        counts: Counter[str] = Counter()
        while len(counts) < len(self._topics) and not self._stop.wait(0.2):
            try:
                known = consumer.list_topics(timeout=5.0).topics
            except KafkaException:
                continue
            counts = Counter(
                {topic: len(known[topic].partitions) for topic in self._topics.values() if topic in known}
            )
        return [
            TopicPartition(topic, number, 0) for topic, count in counts.items() for number in range(count)
        ]

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._address,
                "group.id": "audit",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": isolation,
                "reconnect.backoff.max.ms": 1_000,
                "log_level": 0,  # a broker that restarts is no news here
            }
        )

"""What an onlooker sees: events as consumers get them, records as the broker has them, the status."""

from __future__ import annotations

import argparse
import logging
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaException, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec

from bridge import kafka
from bridge.cli.health import look
from bridge.health import Verdict

LOOK_S = 0.25
CALL_S = 5.0


class Tail:
    """Follows topics in a thread of its own, at one isolation level."""

    def __init__(self, address: str, isolation: str, topics: Sequence[str], keep: int = 0) -> None:
        self._address, self._isolation, self._topics = address, isolation, topics
        self._stop = Event()
        self._thread = Thread(target=self._follow, name=isolation, daemon=True)
        self.counts: Counter[str] = Counter()
        self.newest_ms: Counter[str] = Counter()
        """Topic -> when the newest of its records seen was produced."""
        self.last: deque[tuple[str, bytes, bytes]] = deque(maxlen=keep)
        """(topic, key, value)"""
        self.samples: dict[str, tuple[bytes, bytes]] = {}
        """Topic -> key and value of its newest record that is no tombstone."""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def total(self) -> int:
        return self.counts.total()

    def count(self, topics: Iterable[str]) -> int:
        return sum(self.counts[topic] for topic in topics)

    def newest(self, topics: Iterable[str]) -> int:
        """When the newest record of these topics was produced."""
        return max(self.newest_ms[topic] for topic in topics)

    def _follow(self) -> None:
        consumer = kafka.consumer(
            {"bootstrap.servers": self._address, "fetch.wait.max.ms": 50, "reconnect.backoff.max.ms": 250},
            self._isolation,
        )
        try:
            consumer.assign(self._places(consumer))
            while not self._stop.is_set():
                for message in consumer.consume(5_000, timeout=0.1):
                    if message.error() is None:
                        self._saw(message)
        finally:
            consumer.close()

    def _places(self, consumer: Consumer) -> list[TopicPartition]:
        """All partitions, once the bridge has made the topics."""
        while not self._stop.wait(0.1):
            try:
                known = consumer.list_topics(timeout=CALL_S).topics
            except KafkaException:
                continue
            if set(self._topics) <= set(known):
                return [
                    TopicPartition(topic, each, 0)
                    for topic in self._topics
                    for each in known[topic].partitions
                ]
        return []

    def _saw(self, message: Message) -> None:
        topic = str(message.topic())
        self.counts[topic] += 1
        self.newest_ms[topic] = max(self.newest_ms[topic], message.timestamp()[1])
        key, value = message.key() or b"", message.value() or b""
        if value:
            self.samples[topic] = key, value
        self.last.append((topic, key, value))


class Watch:
    """All that is to be seen; its threads keep it up to date until `close`."""

    def __init__(self, address: str, topics: Sequence[str], socket: Path) -> None:
        logging.getLogger("librdkafka").setLevel(logging.CRITICAL)  # the demo itself restarts the broker
        self._asked = argparse.Namespace(config=None, socket=socket, timeout=1.0, connector=None, deep=False)
        self.committed = Tail(address, "read_committed", topics, keep=12)
        self.everything = Tail(address, "read_uncommitted", topics)
        self._admin = kafka.admin({"bootstrap.servers": address})
        self._stop, self._lock = Event(), Lock()
        self._thread = Thread(target=self._look, name="status", daemon=True)
        self._verdict: Verdict | None = None
        self._status: Mapping[str, Any] = {}

    def start(self) -> None:
        for each in (self.committed, self.everything, self._thread):
            each.start()

    def close(self) -> None:
        self._stop.set()
        self.committed.close()
        self.everything.close()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def health(self) -> tuple[Verdict | None, Mapping[str, Any]]:
        with self._lock:
            return self._verdict, self._status

    @property
    def withheld(self) -> int:
        """Records that the broker has and no read_committed consumer has been given."""
        return max(0, self.everything.total - self.committed.total)

    def uncommitted(self, topics: Collection[str]) -> int:
        """Records of transactions that are open now: high watermarks less last stable offsets."""
        high, stable = (
            self._ends(topics, level)
            for level in (IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED)
        )
        return sum(high[place] - stable[place] for place in high)

    def _ends(self, topics: Collection[str], isolation: IsolationLevel) -> dict[tuple[str, int], int]:
        known = self._admin.list_topics(timeout=CALL_S).topics
        places = [TopicPartition(topic, each) for topic in topics for each in known[topic].partitions]
        asked = {place: OffsetSpec.latest() for place in places}
        found = self._admin.list_offsets(asked, isolation_level=isolation, request_timeout=CALL_S)
        return {(place.topic, place.partition): future.result().offset for place, future in found.items()}

    def _look(self) -> None:
        while not self._stop.wait(LOOK_S):
            verdict, status = look(self._asked)
            with self._lock:
                self._verdict, self._status = verdict, status


def now_ms() -> int:
    return int(time.time() * 1000)

"""Can this broker prove anything? An exactly-once figure is stated only on one that qualifies.

Some brokers and all mocks accept transactions and then show aborted records, or do not fence a zombie
(KIP-98); on those every test of exactly once would pass for the wrong reason.
"""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CALL_S = 20.0
ADMIN_S = 5.0
FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)


def _silent() -> logging.Logger:
    """Being fenced is what we ask for here; librdkafka would call it FATAL on the terminal."""
    logger = logging.getLogger("bridge.qualification")
    logger.propagate = False
    logger.handlers = [logging.NullHandler()]
    return logger


@dataclass(frozen=True)
class Qualification:
    """Why a broker cannot prove exactly once; no reasons means that it can."""

    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons

    def __str__(self) -> str:
        return "qualified" if self.passed else "not qualified: " + "; ".join(self.reasons)


def qualify(address: str, settings: Mapping[str, Any] | None = None) -> Qualification:
    """Try a broker for what exactly once rests on; takes 2 s, and a topic that it deletes again.

    `settings` are librdkafka's, for a broker that asks for credentials.
    """
    trial = _Trial({**(settings or {}), "bootstrap.servers": address})
    try:
        trial.create()
        return Qualification(tuple(trial.reasons()))
    except KafkaException as error:
        return Qualification((f"the trial failed: {error.args[0].str()}",))
    finally:
        trial.drop()


class _Trial:
    def __init__(self, conf: Mapping[str, Any]) -> None:
        self._conf = {**conf, "logger": _silent()}
        self._name = f"qualification-{uuid.uuid4().hex}"
        self._admin = AdminClient(self._conf)
        self._created = False

    def create(self) -> None:
        """Raise when nobody answers; a mock has no administration, but makes topics when they are used."""
        self._admin.list_topics(timeout=ADMIN_S)
        new = NewTopic(self._name, 1, 1)
        with suppress(KafkaException):
            self._admin.create_topics([new], request_timeout=ADMIN_S)[self._name].result()
            self._created = True

    def drop(self) -> None:
        if self._created:
            with suppress(KafkaException):
                self._admin.delete_topics([self._name], request_timeout=ADMIN_S)[self._name].result()

    def reasons(self) -> Iterator[str]:
        self._abort_between_commits()
        fenced = self._zombie()
        everything, committed = self._read("read_uncommitted"), self._read("read_committed")
        if missing := {"first", "aborted", "second", "zombie", "successor"} - set(everything):
            yield f"never on the broker, so nothing is shown: {', '.join(sorted(missing))}"
        if "aborted" in committed:
            yield "aborted records are visible to read_committed"
        if not fenced:
            yield "a zombie is not fenced"
        if {"zombie", "late"} & set(committed):
            yield "a zombie's records are visible to read_committed"
        if lost := {"first", "second", "successor"} - set(committed):
            yield f"committed records are not visible to read_committed: {', '.join(sorted(lost))}"

    def _producer(self) -> Producer:
        producer = Producer({**self._conf, "transactional.id": self._name, "linger.ms": 0})
        producer.init_transactions(CALL_S)
        return producer

    def _send(self, producer: Producer, *values: str) -> None:
        """Begin a transaction and bring its records onto the broker, where they wait for its end."""
        producer.begin_transaction()
        for value in values:
            producer.produce(self._name, value, partition=0)
        producer.flush(CALL_S)

    def _abort_between_commits(self) -> None:
        producer = self._producer()
        self._send(producer, "first")
        producer.commit_transaction(CALL_S)
        self._send(producer, "aborted")
        producer.abort_transaction(CALL_S)
        self._send(producer, "second")
        producer.commit_transaction(CALL_S)

    def _zombie(self) -> bool:
        """Whether a producer whose successor has finished is refused, and told why."""
        zombie = self._producer()
        self._send(zombie, "zombie")
        successor = self._producer()
        self._send(successor, "successor")
        successor.commit_transaction(CALL_S)
        try:
            zombie.produce(self._name, "late", partition=0)
            zombie.commit_transaction(CALL_S)
        except KafkaException as error:
            return error.args[0].code() in FENCED
        return False

    def _read(self, isolation: str) -> list[str]:
        """All values up to the end of the topic, which is reached when open transactions hide nothing."""
        conf = {"group.id": self._name, "isolation.level": isolation, "enable.partition.eof": True}
        reader = Consumer({**self._conf, **conf, "enable.auto.commit": False})
        end = self._end()
        values: list[str] = []
        try:
            reader.assign([TopicPartition(self._name, 0, 0)])
            deadline = time.monotonic() + CALL_S
            while time.monotonic() < deadline:
                message = reader.poll(0.2)
                if message is None:
                    continue
                if (error := message.error()) is None:
                    values.append((message.value() or b"").decode())
                elif error.code() == KafkaError._PARTITION_EOF and (message.offset() or 0) >= end:
                    break
        finally:
            reader.close()
        return values

    def _end(self) -> int:
        """Only a read_uncommitted consumer is told the true end; the other's is the last stable offset."""
        reader = Consumer({**self._conf, "group.id": self._name, "isolation.level": "read_uncommitted"})
        try:
            return int(reader.get_watermark_offsets(TopicPartition(self._name, 0), CALL_S)[1])
        finally:
            reader.close()

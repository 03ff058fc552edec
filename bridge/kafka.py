"""How every Kafka client is made: the operator's settings, then ours, which exactly once needs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from bridge.contract import Secret
from bridge.errors import ConfigError

log = structlog.get_logger("bridge.kafka")

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""`message.max.bytes` of the producer where the configuration sets none; a topic's own limit is lower."""

QUEUE_KBYTES = 8 * 1024
"""What the producer holds while Kafka does not take it: this much memory a stalled broker costs."""

REPEAT_S = 30.0
MOST_TEXTS = 1_000
_FENCED = re.compile(r"\bfence[ds]\b|\bold epoch\b")
_FIGURES = re.compile(r"[#/.:\[\]0-9-]+")

_NO_TOKEN = re.compile(
    r"OAUTHBEARER token: (?!.*\"(invalid|unauthorized|unsupported)_)"
    r"(Failed to connect|Could not (connect|resolve)|Empty reply|(Recv|Send) failure"
    r"|.*(timed out|connection (reset|timeout)|\b(408|425|429|50[0234])\b|unavailable|bad gateway"
    r"|gateway time-?out|too many requests|upstream|server_error|slow_down))",
    re.IGNORECASE | re.DOTALL,
)
"""What libcurl says of an identity provider that does not answer, and what is said in place of one.

Of an answer librdkafka tells the text, and not its code.
"""
_OLD_TOKEN = re.compile(r'"status": *"invalid_token"|Request not valid in current SASL state')
"""What a broker says (RFC 7628) of a token that has run out, and of one that it never took.

The latter words are said to who shows one again within a second (KIP-368), as of one that is about to.
"""

NO_FAULT = (KafkaError._PARTITION_EOF, KafkaError.GROUP_AUTHORIZATION_FAILED)
"""What a consumer tells besides records. Its group is a name alone, which nobody need grant us."""

PRODUCER_ONLY = (
    "acks",
    "linger.ms",
    "batch.",
    "compression.",
    "queue.buffering.",
    "message.",
    "transaction.",
    "sticky.",
)
CONSUMER_ONLY = ("fetch.", "session.", "max.poll.", "auto.", "queued.")


def settings(kafka: Mapping[str, Any]) -> dict[str, Any]:
    """The operator's librdkafka settings with their secrets revealed, just before a client is made."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in kafka.items()}


def brokers(kafka: Mapping[str, Any]) -> str:
    """Their addresses as configured, for a message: a reference is not revealed for that."""
    servers = kafka["bootstrap.servers"]
    return servers.reference if isinstance(servers, Secret) else str(servers)


def tools(kafka: Mapping[str, Any]) -> str:
    """The options with which Kafka's own commands (kafka-topics.sh, ...) reach this cluster."""
    servers = re.sub(r"\w+://", "", brokers(kafka))
    guarded = str(kafka.get("security.protocol", "plaintext")).lower() != "plaintext"
    return f"--bootstrap-server {servers}" + (" --command-config client.properties" if guarded else "")


def largest_event(kafka: Mapping[str, Any]) -> int:
    """Bytes of the largest event the producer takes: its own limit, and what its queue can hold at all."""
    queue = int(kafka.get("queue.buffering.max.kbytes", QUEUE_KBYTES)) * 1024
    return min(int(kafka.get("message.max.bytes", MAX_MESSAGE_BYTES)), queue)


def producer(
    kafka: Mapping[str, Any], transactional_id: str, on_error: Callable[[KafkaError], None], **own: Any
) -> Producer:
    """A producer whose transactions carry events and positions (KIP-98)."""
    conf = {
        "compression.type": "lz4",
        "linger.ms": 50,  # costs no time: the end of a transaction sends what there is
        "queue.buffering.max.kbytes": QUEUE_KBYTES,
        "queue.buffering.max.messages": 200_000,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "transaction.timeout.ms": 60_000,
        **_without(settings(kafka), CONSUMER_ONLY),
        "transactional.id": transactional_id,
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "error_cb": on_error,
        "logger": _to_structlog(),
        **own,
    }
    return _made(Producer, conf)


def consumer(kafka: Mapping[str, Any], isolation: str, **own: Any) -> Consumer:
    """A consumer outside any group: it is assigned partitions and commits nothing."""
    conf = {
        # Else who has enough waiting asks for no more for a second, and we wait.
        "fetch.queue.backoff.ms": 10,
        **_without(settings(kafka), PRODUCER_ONLY),
        "group.id": "legacy-bridge",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "isolation.level": isolation,
        "logger": _to_structlog(),
        **own,
    }
    return _made(Consumer, conf)


def admin(kafka: Mapping[str, Any], **own: Any) -> AdminClient:
    conf = {
        # A client that once heard of no controller asks again only then, by default after five minutes.
        "topic.metadata.refresh.interval.ms": 10_000,
        **_without(settings(kafka), PRODUCER_ONLY + CONSUMER_ONLY),
        "logger": _to_structlog(),
        **own,
    }
    return _made(AdminClient, conf)


def _made[Client](kind: Callable[[dict[str, Any]], Client], conf: dict[str, Any]) -> Client:
    """Errors: ConfigError for what only the making of a client shows, as a certificate that is not there."""
    try:
        return kind(conf)
    except (KafkaException, TypeError, ValueError) as error:
        said = reason(error) if isinstance(error, KafkaException) else error
        raise ConfigError(f"no Kafka client can be made: {said}", remedy="check `kafka:`") from error


def refuses(error: KafkaError) -> bool:
    """Whether our credentials were refused. Whoever gives out tokens, and is away, has refused nothing.

    Nor has a broker that a token is too old for, as it becomes meanwhile: no account is locked for that.
    """
    said = error.str()
    passing = _NO_TOKEN.search(said) or _OLD_TOKEN.search(said)
    return error.code() == KafkaError._AUTHENTICATION and not passing


def reason(error: KafkaException | KafkaError) -> str:
    """One line an operator can read, with librdkafka's name of the error."""
    error = error.args[0] if isinstance(error, KafkaException) else error
    return f"{error.str()} ({error.name()})"


def _without(conf: dict[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in conf.items() if not name.startswith(prefixes)}


class _Repeats(logging.Filter):
    """librdkafka tells of a broker that is away many times a second, once a client and address."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether nothing alike was logged in the last half minute; figures and addresses do not count."""
        text, now = _FIGURES.sub("", record.getMessage()), time.monotonic()
        if now - self._said.get(text, -REPEAT_S) < REPEAT_S:
            return False
        if len(self._said) > MOST_TEXTS:
            self._said.clear()
        self._said[text] = now
        return True


_REPEATS = _Repeats()


def _is_no_fence(record: logging.LogRecord) -> bool:
    """librdkafka tells of a fence in several lines at once; whoever is fenced logs one."""
    return not _FENCED.search(record.getMessage())


def _to_structlog() -> logging.Logger:
    """librdkafka's own log lines take the way of every other line, redaction included."""
    logger = logging.getLogger("librdkafka")
    for each in (_is_no_fence, _REPEATS):
        logger.addFilter(each)  # adding it again does nothing
    return logger

"""Which of librdkafka's settings an operator may set: all but those that would break exactly once. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from bridge.contract import Secret
from bridge.redact import has_secret, names_a_secret

type Setting = Secret | str | bool | int | float

_OURS = "the bridge sets it itself"
_FUNCTION = "it takes a function, which no file can give"
_GROUPS = "positions are kept in transactions, not in a consumer group"
REFUSED = {
    "transactional.id": f"{_OURS}: it fences the predecessor of a connector",
    "enable.idempotence": f"{_OURS}: without it Kafka would double events",
    "isolation.level": f"{_OURS}: an aborted position must stay invisible",
    "partitioner": f"{_OURS}: another one would tear the order of a key's events",
    "group.id": _GROUPS,
    "group.instance.id": _GROUPS,
    "enable.auto.commit": _GROUPS,
    "enable.auto.offset.store": _GROUPS,
    "enable.partition.eof": f"{_OURS}: it tells where the positions end",
    "auto.offset.reset": f"{_OURS}: positions are read from the start",
    "enable.gapless.guarantee": "after an error nothing would tell the bridge to read its position again",
    "queuing.strategy": f"{_OURS}: another one would tear the order of a key's events",
    "default.topic.config": "its settings stand beside all others",
    "on_delivery": _FUNCTION,
    "on_commit": _FUNCTION,
    "logger": _FUNCTION,
    "internal.termination.signal": "the signal would end the process",
    "metadata.broker.list": "it would take the place of bootstrap.servers",
    "topic.blacklist": "nothing can be published to a topic that is left out",
    "plugin.library.paths": "it loads foreign code into the worker",
}
REFUSED_PATTERNS = {
    r"^test\.mock\.": "a mock cluster shows aborted transactions and fences nobody",
    "_cb$": _FUNCTION,
}
OAUTH_CONFIG = "sasl.oauthbearer.config"
"""Pairs in one text, some of which may be secret."""
ACKS = ("acks", "request.required.acks")
ALL_REPLICAS = ("all", "-1", -1)
MOST_IN_FLIGHT = 5
TRANSACTION_TIMEOUT_MS = 60_000
COUNTED_WITH = ("batch.size", "message.max.bytes", "queue.buffering.max.kbytes", "transaction.timeout.ms")

ALIASES = (
    ("retries", "message.send.max.retries"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("acks", "request.required.acks"),
    ("compression.type", "compression.codec"),
)
"""Two names of one setting each; librdkafka's messages know but one."""

SUGGESTED = (
    "bootstrap.servers",
    "client.id",
    "compression.type",
    "linger.ms",
    "message.max.bytes",
    "message.timeout.ms",
    "queue.buffering.max.kbytes",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "transaction.timeout.ms",
)
"""What editors offer; librdkafka knows many more."""


def refusal(name: str, value: Any, settings: Mapping[str, Any]) -> str | None:
    """Why a setting is not allowed, or None."""
    for pattern, reason in REFUSED_PATTERNS.items():
        if re.search(pattern, name):
            return reason
    if name in COUNTED_WITH and is_reference(value):
        return "the bridge counts with it and must find a number, not a reference"
    match name:
        case _ if name in ACKS and value not in ALL_REPLICAS:
            return "only acks: all is safe: an event on one broker can be lost"
        case "max.in.flight.requests.per.connection" | "max.in.flight" if _number(value, 0) > MOST_IN_FLIGHT:
            return f"more than {MOST_IN_FLIGHT} breaks the order of events"
        case "message.timeout.ms" | "delivery.timeout.ms":
            return _too_long(value, _number(settings.get("transaction.timeout.ms"), TRANSACTION_TIMEOUT_MS))
    return REFUSED.get(name)


def _too_long(value: Any, limit: float) -> str | None:
    """`value`: for how long a record may wait; 0 is for ever."""
    if _number(value, 0) > limit:
        return f"it must not exceed transaction.timeout.ms ({limit:.0f})"
    if _number(value, limit) <= 0:
        return f"without a limit it exceeds transaction.timeout.ms ({limit:.0f})"
    return None


def remedy(name: str, value: Any) -> str:
    """What to do about a setting that is not allowed."""
    match name:
        case _ if name in COUNTED_WITH and is_reference(value):
            return "write the number"
        case "metadata.broker.list":
            return "write bootstrap.servers"
        case "message.timeout.ms" | "delivery.timeout.ms":
            return "lower it, or raise transaction.timeout.ms"
        case "max.in.flight.requests.per.connection" | "max.in.flight":
            return "lower it"
    return "remove it"


def longest_transaction_s(settings: Mapping[str, Any]) -> float:
    """Half of the broker's patience: the other half is for committing, when Kafka is slow."""
    return _number(settings.get("transaction.timeout.ms"), TRANSACTION_TIMEOUT_MS) / 2000


def _number(value: Any, default: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def in_clear(name: str, value: Any) -> bool:
    """Whether this is a secret written into the file instead of a reference to it."""
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    secret = names_a_secret(name) or (name == OAUTH_CONFIG and has_secret(str(value)))
    return plain and secret and not is_reference(value)


def is_reference(value: Any) -> bool:
    if isinstance(value, Secret):
        return True
    scheme, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    return scheme in ("env", "file", "cred") and bool(name)


def _referenced(settings: Any) -> Any:
    if not isinstance(settings, Mapping):
        return settings
    return {
        name: Secret(value) if isinstance(value, str) and is_reference(value) else value
        for name, value in settings.items()
    }


def _allowed(settings: dict[str, Any]) -> dict[str, Any]:
    for name, value in settings.items():
        if in_clear(name, value):
            raise ValueError(f"{name} is a secret; write env:NAME, file:PATH or cred:NAME")
        if reason := refusal(name, value, settings):
            raise ValueError(f"{name} cannot be set: {reason}")
    return settings


KafkaSettings = Annotated[dict[str, Setting], BeforeValidator(_referenced), AfterValidator(_allowed)]
"""librdkafka's settings with references to secrets in place; refuses what breaks exactly once."""

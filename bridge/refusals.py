"""What a broker's answer about a topic means: there is none, try again, or what an operator has to do."""

from __future__ import annotations

from confluent_kafka import KafkaError

from bridge import kafka
from bridge.errors import ConfigError, CredentialsError, TransientError

REMEDY = "set `topic:` for the stream"

PASSING = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_CONTROLLER,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.LISTENER_NOT_FOUND,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
    }
)
"""A broker's answers that may be others a moment later (RetriableException); so are the client's own."""


class Unknown(Exception):
    """The broker does not know the topic."""


class Exists(Exception):
    """Somebody else created it a moment ago."""


def vanished(name: str) -> TransientError:
    return TransientError(f"topic {name} has just vanished")


def translated(error: KafkaError, name: str, brokers: str) -> Exception:
    """The exception to raise for an answer about topic `name`."""
    code = error.code()
    if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return Unknown(name)
    if code == KafkaError.TOPIC_ALREADY_EXISTS:
        return Exists(name)
    if code in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):
        return CredentialsError(
            f"Kafka refuses the credentials: {kafka.reason(error)}", remedy="check `kafka:`"
        )
    if code in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
        return TransientError(f"Kafka at {brokers} does not answer: {kafka.reason(error)}")
    if code < 0 or code in PASSING:
        return TransientError(f"topic {name}: {kafka.reason(error)}")
    return _refusal(error, name)


def _refusal(error: KafkaError, name: str) -> ConfigError:
    """What will be refused again."""
    match error.code():
        case KafkaError.TOPIC_AUTHORIZATION_FAILED | KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            remedy = "grant Describe, Create, Write (and Read on _bridge.*)"
            return ConfigError(f"topic {name}: {kafka.reason(error)}", remedy=remedy)
        case KafkaError.TOPIC_EXCEPTION:
            remedy = REMEDY
        case _:
            remedy = "see `topics:`"
    return ConfigError(f"topic {name} cannot be created: {kafka.reason(error)}", remedy=remedy)

"""The rows that a topic of events has by now, as another connector's inquiries ask for them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bridge.errors import PermanentError, TransientError
from bridge.live_keys import live_keys
from bridge.testing.kafka import Broker

EVENT = b'{"op":"c"}'


def kafka(broker: Broker) -> Mapping[str, str]:
    return {"bootstrap.servers": broker.address}


@pytest.fixture
def topic(broker: Broker) -> str:
    return made(broker, {"retention.ms": "-1"})


def made(broker: Broker, config: Mapping[str, str]) -> str:
    name = f"keys-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({**kafka(broker)})
    admin.create_topics([NewTopic(name, 2, 1, config=dict(config))])[name].result(30)
    return name


def published(broker: Broker, topic: str, *events: tuple[bytes | None, bytes | None], last: str) -> None:
    """In one transaction, which ends as `last` says: commit or abort."""
    producer = Producer({**kafka(broker), "transactional.id": f"{topic}-{uuid.uuid4().hex[:8]}"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for key, value in events:
        producer.produce(topic, value, key)
    producer.flush(30)
    if last == "commit":
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def test_rows_that_were_deleted_or_never_committed_are_not_there(broker: Broker, topic: str) -> None:
    published(broker, topic, (b'{"id":2}', EVENT), (b'{"id":1}', EVENT), (b'{"id":3}', EVENT), last="commit")
    published(broker, topic, (b'{"id":4}', EVENT), (b'{"id":1}', None), last="abort")
    published(broker, topic, (b'{"id":3}', b'{"op":"d"}'), (b'{"id":3}', None), last="commit")
    assert live_keys(kafka(broker), topic) == [{"id": 1}, {"id": 2}]
    published(broker, topic, (b'{"id":3}', EVENT), (b'{"id":2}', None), last="commit")
    assert live_keys(kafka(broker), topic) == [{"id": 1}, {"id": 3}]


def test_a_topic_that_is_not_there_is_waited_for(broker: Broker) -> None:
    with pytest.raises(TransientError, match="there is no topic nobody-made-it"):
        live_keys(kafka(broker), "nobody-made-it")


@pytest.mark.parametrize("key", [None, b"4711", b"\xff"])
def test_keys_that_are_none_of_rows_are_told(broker: Broker, topic: str, key: bytes | None) -> None:
    published(broker, topic, (key, EVENT), last="commit")
    with pytest.raises(PermanentError, match="no JSON objects as keys"):
        live_keys(kafka(broker), topic)


@pytest.mark.parametrize(
    "config",
    [
        {},  # Kafka's own: seven days
        {"cleanup.policy": "compact,delete"},
        {"retention.ms": "-1", "retention.bytes": "1000000"},
    ],
)
def test_of_a_topic_whose_events_expire_no_key_is_told(broker: Broker, config: Mapping[str, str]) -> None:
    topic = made(broker, config)
    published(broker, topic, (b'{"id":1}', EVENT), last="commit")
    with pytest.raises(PermanentError, match=f"topic {topic} does not keep .*deleted") as told:
        live_keys(kafka(broker), topic)
    assert f"--entity-name {topic} --add-config cleanup.policy=compact" in (told.value.remedy or "")


@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_a_topic_that_keeps_all_needs_no_compaction(broker: Broker, policy: str) -> None:
    topic = made(broker, {"cleanup.policy": policy, "retention.ms": "-1"})
    published(broker, topic, (b'{"id":1}', EVENT), last="commit")
    assert live_keys(kafka(broker), topic) == [{"id": 1}]


def test_nor_of_one_from_which_events_were_taken(broker: Broker) -> None:
    topic = made(broker, {"retention.ms": "-1"})
    published(broker, topic, *((b'{"id":%d}' % each, EVENT) for each in range(9)), last="commit")
    admin = AdminClient({**kafka(broker)})
    for future in admin.delete_records([TopicPartition(topic, each, 1) for each in range(2)]).values():
        future.result(30)
    with pytest.raises(PermanentError, match=f"topic {topic} does not keep"):
        live_keys(kafka(broker), topic)

"""Reading whole topics as a consumer of exactly-once events sees them: read_committed, to a fixed end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from bridge import kafka, reach
from bridge.errors import TransientError

CALL_S = 10.0
PATIENCE_S = 90.0
"""Longer than a transaction whose producer died can stay open (transaction.timeout.ms is 60 s)."""
LOOK_S = 5.0
CHUNK = 10_000

type Bounds = dict[tuple[str, int], tuple[int, int]]
"""(topic, partition) -> first offset and end; the end is the true one, past any open transaction."""


def bounds(settings: Mapping[str, Any], topics: Iterable[str]) -> Bounds:
    """Where the topics begin and end now; those that do not exist are left out. Errors: TransientError."""
    consumer = kafka.consumer(settings, "read_uncommitted")
    try:
        known = consumer.list_topics(timeout=CALL_S).topics
        return {
            (topic, partition): consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=CALL_S
            )
            for topic in topics
            if topic in known
            for partition in known[topic].partitions
        }
    except KafkaException as error:
        reach.cluster(settings)  # when it is Kafka as a whole, that says so
        raise TransientError(f"cannot read the topics: {kafka.reason(error)}") from error
    finally:
        consumer.close()


def behind(within: Bounds, read: Mapping[tuple[str, int], int]) -> Bounds:
    """What of the bounds has not been read before; `read` is how far that went."""
    return {place: (max(first, read.get(place, first)), end) for place, (first, end) in within.items()}


def ends(within: Bounds) -> dict[tuple[str, int], int]:
    return {place: end for place, (_, end) in within.items()}


def messages(settings: Mapping[str, Any], within: Bounds) -> Iterator[tuple[str, list[Message]]]:
    """All committed records within the bounds, each partition's in order. Errors: TransientError."""
    reading = {place: end for place, (first, end) in within.items() if end > first}
    consumer = kafka.consumer(settings, "read_committed")
    try:
        consumer.assign([TopicPartition(*place, within[place][0]) for place in reading])
        yield from _until(consumer, reading, lambda: reach.cluster(settings))
    except KafkaException as error:
        reach.cluster(settings)  # when it is Kafka as a whole, that says so
        raise TransientError(f"cannot read the topics: {kafka.reason(error)}") from error
    finally:
        consumer.close()


def _until(
    consumer: Consumer, reading: Reading, look: Callable[[], object]
) -> Iterator[tuple[str, list[Message]]]:
    """`look` is called now and then while nothing comes, and raises when Kafka is gone."""
    sort = _of_one if len(reading) == 1 else _of_several
    moved = looked = time.monotonic()
    while reading:
        found = sort(consumer.consume(num_messages=CHUNK, timeout=0.2), reading)
        now = time.monotonic()
        if found:
            moved = looked = now
            yield from found.items()
        elif now - looked > LOOK_S:
            look()
            looked = time.monotonic()
        elif now - moved > PATIENCE_S:
            topic, partition = next(iter(reading))
            raise TransientError(
                f"a transaction on {topic}, partition {partition}, stays open and hides what is behind it",
                remedy="wait for transaction.timeout.ms to pass and try again",
            )


type Reading = dict[tuple[str, int], int]
"""Partition -> where it ends for us; one that was read that far is taken out."""


def _of_several(messages: Sequence[Message], reading: Reading) -> dict[str, list[Message]]:
    """Those within the bounds, by topic."""
    found: dict[str, list[Message]] = {}
    for message in messages:
        place = (str(message.topic()), int(message.partition() or 0))
        offset, error = int(message.offset() or 0), message.error()
        if error is not None and error.code() not in kafka.NO_FAULT:
            raise KafkaException(error)
        # The end can be a transaction's marker, which only "end of partition" tells us we have passed.
        if place in reading and offset >= reading[place]:
            del reading[place]
        elif place in reading and error is None:
            found.setdefault(place[0], []).append(message)
    return found


def _of_one(messages: Sequence[Message], reading: Reading) -> dict[str, list[Message]]:
    """The same of one partition alone, where few messages have to be looked at one by one."""
    (((topic, _), end),) = reading.items()
    if messages and int(messages[-1].offset() or 0) < end and not any(each.error() for each in messages):
        return {topic: [*messages]}
    return _of_several(messages, reading)

"""The keys of the rows that a topic of events has by now, for connectors that ask a source key by key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bridge import committed
from bridge import kafka as client
from bridge.config.options import Topics as TopicOptions
from bridge.errors import PermanentError, TransientError
from bridge.topics import Topics

_FOREVER = "-1"


def live_keys(kafka: Mapping[str, Any], topic: str) -> Sequence[Mapping[str, Any]]:
    """Each once, sorted, without those whose last event is a delete: what is committed when it is called.

    Errors: TransientError: Kafka does not answer, or there is no such topic; PermanentError: its keys are not
    those of rows, or Kafka does not keep them all.
    """
    within = committed.bounds(kafka, [topic])
    if not within:
        raise TransientError(
            f"there is no topic {topic}", remedy="start what publishes it, or correct its name"
        )
    _must_keep_all(kafka, topic, cut=any(first for first, _ in within.values()))
    live = dict[bytes, None]()
    for _, messages in committed.messages(kafka, within):
        for message in messages:
            key = message.key()
            if key is None:
                raise _no_keys(topic)
            if message.value() is None:
                live.pop(bytes(key), None)
            else:
                live[bytes(key)] = None
    return [_columns(topic, key) for key in sorted(live)]


def _must_keep_all(kafka: Mapping[str, Any], topic: str, *, cut: bool) -> None:
    """A row whose last event Kafka takes away would count as deleted at its source.

    `cut`: the topic begins above offset 0, as one that is compacted may.
    """
    found = Topics(kafka, TopicOptions()).look([topic]).get(topic)
    config = found.config if found else {}
    if "cleanup.policy" not in config:
        raise PermanentError(
            f"Kafka does not say whether topic {topic} keeps the last event of each key",
            remedy="grant DescribeConfigs on it, then `resume`",
        )
    policy, limits = config["cleanup.policy"], (config["retention.ms"], config["retention.bytes"])
    expires = "delete" in policy and set(limits) != {_FOREVER}
    if expires or (cut and "compact" not in policy):
        tool = f"kafka-configs.sh {client.tools(kafka)} --alter --entity-type topics"
        raise PermanentError(
            f"topic {topic} does not keep the last event of each key (cleanup.policy={policy},"
            f" retention.ms={limits[0]}, retention.bytes={limits[1]}): a row that is there would be taken"
            " for a deleted one",
            remedy=f"{tool} --entity-name {topic} --add-config cleanup.policy=compact; `resnapshot` what"
            " publishes it, if events may be gone by now; then `resume`",
        )


def _columns(topic: str, key: bytes) -> Mapping[str, Any]:
    try:
        columns = json.loads(key)
    except ValueError:
        columns = None
    if not isinstance(columns, dict):
        raise _no_keys(topic)
    return columns


def _no_keys(topic: str) -> PermanentError:
    return PermanentError(
        f"the messages of topic {topic} have no JSON objects as keys",
        remedy="name a topic of this bridge's events",
    )

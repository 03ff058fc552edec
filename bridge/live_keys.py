"""The keys of the rows that a topic of events has by now, for connectors that ask a source key by key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bridge import committed
from bridge.errors import PermanentError, TransientError


def live_keys(kafka: Mapping[str, Any], topic: str) -> Sequence[Mapping[str, Any]]:
    """Each once, sorted, without those whose last event is a delete: what is committed when it is called.

    Errors: TransientError: Kafka does not answer, or there is no such topic; PermanentError: no keys of rows.
    """
    within = committed.bounds(kafka, [topic])
    if not within:
        raise TransientError(
            f"there is no topic {topic}", remedy="start what publishes it, or correct its name"
        )
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

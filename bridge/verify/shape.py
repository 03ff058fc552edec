"""What of an event counts when two are compared: operation, before and after, as digests. Pure."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

type Shape = tuple[str, bytes | None, bytes | None]
"""Operation, before, after; `None` where there is no row, `UNREAD` where a part of it was not read."""

TOMBSTONE: Shape = ("t", None, None)
UNREAD = b""
"""Stands for every value: what was not read cannot differ."""

_PLACEHOLDER = "__debezium_unavailable_value"
# The text of a float is what was published; reading it as a float would round a decimal.
_read = json.JSONDecoder(parse_float=str).decode
_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def shape(value: bytes | None) -> Shape:
    """The shape of an event's value. What is no envelope counts as a row of its own, equal to nothing."""
    if value is None:
        return TOMBSTONE
    try:
        event = _read(value.decode())
        return event["op"], _digest(event["before"]), _digest(event["after"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "?", None, _hash(value)


def _digest(row: dict[str, Any] | None) -> bytes | None:
    """A column that is null and one that is missing are the same: the table has got it since."""
    if row is None:
        return None
    known = {name: value for name, value in row.items() if value is not None}
    if _PLACEHOLDER in known.values():
        return UNREAD
    return _hash(_write(known).encode())


def _hash(octets: bytes) -> bytes:
    return blake2b(octets, digest_size=16).digest()

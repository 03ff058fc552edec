"""A topic of changes as its consumers have it: folded by key into a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

type Event = Mapping[str, Any]
"""The envelope: op, before, after."""


@dataclass(slots=True)
class Folded:
    """The rows by key.

    An event that changes nothing counts as doubled: a create of what is there, an update to what is there
    already, a delete of what is not there.
    """

    rows: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    doubled: int = 0
    operations: dict[str, int] = field(default_factory=dict)


def folded(events: Iterable[Event], *key: str) -> Folded:
    """Of all events of a topic in their order; tombstones are left out."""
    table = Folded()
    for event in events:
        op, after = event["op"], event["after"]
        table.operations[op] = table.operations.get(op, 0) + 1
        known = tuple((after or event["before"])[name] for name in key)
        if op == "d":
            table.doubled += table.rows.pop(known, None) is None
        else:
            creates = op in "cr"
            table.doubled += (known in table.rows) if creates else table.rows.get(known) == after
            table.rows[known] = after
    return table

"""Keys out of a topic of events: the rows that another connector has published and not deleted since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.errors import ConfigError, TransientError
from connectors.mainframe.config import KeyTopic

EMPTY_S = 30.0

type KeysIn = Callable[[str], Sequence[Mapping[str, Any]]]
"""What the engine lends: the keys of the rows that a topic has now."""


def read(keys: KeyTopic, names: Sequence[str], keys_in: KeysIn | None) -> Sequence[Mapping[str, str]]:
    """Errors: TransientError: it has none, as if all rows were deleted; ConfigError: other columns."""
    if keys_in is None:
        raise ConfigError(f"topic {keys.topic} cannot be read here", remedy="run it as a daemon does")
    found = keys_in(keys.topic)
    if not found:
        raise TransientError(
            f"topic {keys.topic} has no keys", remedy="wait for its events", retry_after=EMPTY_S
        )
    told = {name: keys.columns.get(name, name) for name in names}
    for there in told.values():
        if there not in found[0]:
            raise ConfigError(
                f"topic {keys.topic} has no key column '{there}'",
                remedy=f"name one under `columns`: {', '.join(found[0])}",
            )
    return [{name: str(each[there]) for name, there in told.items()} for each in found if _whole(each, told)]


def _whole(key: Mapping[str, Any], told: Mapping[str, str]) -> bool:
    return all(key.get(there) is not None for there in told.values())

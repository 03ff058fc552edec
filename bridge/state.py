"""The keyed state of a connector: a compacted topic written in its transactions, and a cache of it on disk.

As Kafka Streams' changelogs (KIP-28), except that the cache is worth nothing unless it is exactly what the
positions say: every transaction that changes the state has a new stamp, which is in the ledger, in the topic
and in the cache. Record keys: `["stream","table"]`, a line feed, the key's canonical form; values are packed
entries (bridge.diff). Under `["stream"]` is what is known of all its tables together.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import structlog

from bridge import committed
from bridge.cache import Cache
from bridge.encode.texts import compact
from bridge.errors import PermanentError, Stopped
from bridge.topics import Cluster, compacted

log = structlog.get_logger("bridge.state")

STAMP = b"stamp"
NEAR_END = 1000
"""A stamp is the last record of its transaction: markers and what was aborted may follow."""
_BREAK = b"\n"

type Record = tuple[bytes, bytes | None]


def topic(connector: str) -> str:
    return f"_bridge.state.{connector}"


def head(stream: str, table: str) -> bytes:
    return compact([stream, table])


def whole_head(stream: str) -> bytes:
    """Of what is known of the stream as a whole."""
    return compact([stream])


def record_key(head: bytes, key: bytes) -> bytes:
    return head + _BREAK + key


class Changelog(Protocol):
    """What the state does with a `StateTopic`."""

    @property
    def name(self) -> str: ...
    def ensure(self) -> None: ...
    def read(self) -> Iterator[list[Record]]: ...


class StateTopic:
    def __init__(self, settings: Mapping[str, Any], connector: str, topics: Cluster) -> None:
        self._settings, self._topics = settings, topics
        self.name = topic(connector)

    def ensure(self) -> None:
        """Create or check it. Errors: ConfigError, TransientError."""
        self._topics.ensure([compacted(self.name)])

    def read(self) -> Iterator[list[Record]]:
        """All of it, in order. Errors: TransientError."""
        return self._within(committed.bounds(self._settings, [self.name]))

    def stamp(self) -> str | None:
        """That of the last transaction in it. Errors: TransientError."""
        bounds = committed.bounds(self._settings, [self.name])
        near = {place: (max(first, end - NEAR_END), end) for place, (first, end) in bounds.items()}
        found: bytes | None = None
        for within in (near, bounds):
            for records in self._within(within):
                found = dict(records).get(STAMP, found)
            if found:
                return found.decode()
        return None

    def _within(self, bounds: committed.Bounds) -> Iterator[list[Record]]:
        for _, messages in committed.messages(self._settings, bounds):
            yield [(message.key() or b"", message.value()) for message in messages]


class KeyedState:
    """Used from the task's thread. Errors: TransientError, PermanentError."""

    def __init__(self, changelog: Changelog, cache: Path, stop: Event) -> None:
        self.changelog, self.cache, self._stop = changelog, Cache(cache), stop
        self._stamps = (f"{uuid.uuid4().hex[:12]}-{number}" for number in count(1))
        self._aligned = False

    def next_stamp(self) -> str:
        return next(self._stamps)

    def forget(self) -> None:
        """What was not committed was not."""
        self._aligned = False
        self.cache.rollback()

    def align(self, stamp: str | None, meanwhile: Callable[[], None]) -> None:
        """Make the cache what the positions say: as it is on disk, or else as the topic has it.

        `meanwhile` is called now and then while that is being read, which can take minutes.
        """
        if self._aligned:
            return
        self.changelog.ensure()
        if stamp is None or self.cache.stamp() != stamp:
            self._rebuild(stamp, meanwhile)
        self._aligned = True

    def _rebuild(self, stamp: str | None, meanwhile: Callable[[], None]) -> None:
        began, entries, found = time.monotonic(), 0, None
        self.cache.create()
        for records in self.changelog.read():
            if self._stop.is_set():
                raise Stopped("asked to stop while reading the state")
            meanwhile()
            last = dict(records)
            found = last.pop(STAMP, found)
            self._take(last)
            entries += len(last)
        if stamp is not None and found != stamp.encode():
            self.cache.discard()
            raise PermanentError(
                f"topic {self.changelog.name} does not hold the state that the positions speak of",
                remedy="restore the topic; or run `legacy-bridge positions accept`, then `resume`: rows that "
                "were published before are published again then",
            )
        self.cache.filled()
        self.cache.commit(stamp or self.next_stamp())
        if entries:
            took = round(time.monotonic() - began, 1)
            log.info("state read from its topic", topic=self.changelog.name, records=entries, took_s=took)

    def _take(self, records: Mapping[bytes, bytes | None]) -> None:
        for head, keys in _by_head(records).items():
            part, start = self.cache.part(head), len(head) + len(_BREAK)
            gone = [key[start:] for key in keys if records[key] is None]
            if gone:
                self.cache.drop(part, gone)
            values = ((key[start:], records[key]) for key in keys)
            puts = [
                (key, slot, value)
                for slot, (key, value) in enumerate(values, part.slots)
                if value is not None
            ]
            part.slots += len(keys)
            self.cache.put(part, puts, len(puts))

    @staticmethod
    def records(head: bytes, entries: Iterable[Record]) -> tuple[list[bytes | None], list[bytes | None]]:
        """Keys and values as they go into the topic."""
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        for key, value in entries:
            keys.append(record_key(head, key))
            values.append(value)
        return keys, values

    def close(self) -> None:
        self.cache.close()


def _by_head(names: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Record keys by what they begin with; what is none of ours is left out."""
    found: dict[bytes, list[bytes]] = {}
    for name in names:
        if (end := name.find(_BREAK)) > 0:
            found.setdefault(name[:end], []).append(name)
    return found

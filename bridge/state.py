"""The keyed state of a connector: a compacted topic written in its transactions, and a cache of it on disk.

As Kafka Streams' changelogs (KIP-28), except that neither is worth anything unless it is exactly what the
positions say: every transaction that changes the state has a new stamp, which is in the ledger, in the topic
and in the cache. Each of the two is made anew from the other. Record keys: `["stream","table"]`, a line feed,
the key's canonical form; values are packed entries (bridge.diff). Under `["stream"]` is what is known of all
its tables together.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import structlog

from bridge import committed
from bridge.cache import Cache
from bridge.config.options import Daemon
from bridge.encode.texts import compact
from bridge.errors import BridgeError, PermanentError, Stopped
from bridge.positions import Kept
from bridge.topics import Cluster, compacted

log = structlog.get_logger("bridge.state")

STAMP = b"stamp"
NEAR_END = 1000
"""A stamp is the last record of its transaction: markers and what was aborted may follow."""
REFILL = 10_000
"""Records of one transaction in which the topic is filled again."""
_BREAK = b"\n"

type Record = tuple[bytes, bytes | None]


def topic(connector: str) -> str:
    return f"_bridge.state.{connector}"


def cache_of(daemon: Daemon, connector: str) -> Path:
    return daemon.state_dir / f"{connector}.state"


def head(stream: str, table: str) -> bytes:
    return compact([stream, table])


def whole_head(stream: str) -> bytes:
    """Of what is known of the stream as a whole."""
    return compact([stream])


def record_key(head: bytes, key: bytes) -> bytes:
    return head + _BREAK + key


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is of the topic: which it is, where it begins, the stamp of the last transaction in it."""

    id: str
    start: int
    stamp: str | None

    def holds(self, kept: Kept) -> bool:
        """Whether it is all there. The stamp alone would not do: one made anew may have got the last ones."""
        same = not (self.id and kept.topic) or self.id == kept.topic
        return same and kept.start in (None, self.start) and self.stamp == kept.stamp


class Changelog(Protocol):
    """What the state does with a `StateTopic`."""

    @property
    def name(self) -> str: ...
    def ensure(self) -> str: ...
    def id(self) -> str | None: ...
    def seen(self) -> Seen | None: ...
    def read(self) -> Iterator[list[Record]]: ...


class StateTopic:
    def __init__(self, settings: Mapping[str, Any], connector: str, topics: Cluster) -> None:
        self._settings, self._topics = settings, topics
        self.name = topic(connector)

    def ensure(self) -> str:
        """Create or check it; its id, or nothing. Errors: ConfigError, TransientError."""
        return self._topics.ensure([compacted(self.name)])[self.name].id

    def id(self) -> str | None:
        """The same of one that is there; None when it is not. Errors: BridgeError."""
        shape = self._topics.shapes([self.name]).get(self.name)
        return shape and shape.id

    def seen(self) -> Seen | None:
        """None when it is not there. Errors: BridgeError."""
        number, bounds = self.id(), committed.bounds(self._settings, [self.name])
        if number is None or not bounds:
            return None
        return Seen(number, min(first for first, _ in bounds.values()), self._stamp(bounds))

    def read(self) -> Iterator[list[Record]]:
        """All of it, in order. Errors: TransientError."""
        return self._within(committed.bounds(self._settings, [self.name]))

    def _stamp(self, bounds: committed.Bounds) -> str | None:
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
        self._id = ""
        self._start: int | None = None
        """Of the topic, as it was when the cache was aligned with it; likewise its id."""

    def next_stamp(self) -> str:
        return next(self._stamps)

    def kept(self, stamp: str) -> Kept:
        """What the positions say from this transaction on."""
        return Kept(stamp, self._id, self._start)

    def forget(self) -> None:
        """What was not committed was not."""
        self._aligned = False
        self.cache.rollback()

    def holds(self) -> bool:
        """Whether the topic is the one that it was, as far as Kafka tells; if not, `align` looks closer."""
        try:
            if self._aligned and self.changelog.id() != self._id:
                self._aligned = False
                return False
        except BridgeError:  # writing to it will tell
            return True
        return True

    def align(self, kept: Kept | None, meanwhile: Callable[[], None]) -> bool:
        """Make the cache what the positions say: as it is on disk, or else as the topic has it.

        False: the topic has lost it; it must be written `anew`, and then this be called again. `meanwhile` is
        called now and then while the topic is being read, which can take minutes.
        """
        if self._aligned:
            return True
        number = self.changelog.ensure()
        seen = self.changelog.seen() or Seen(number, 0, None)
        self._id, self._start = seen.id, seen.start
        if kept is None:
            self._rebuild(None, meanwhile)
        elif not self._agrees(kept, seen, meanwhile):
            return False
        self._aligned = True
        return True

    def _agrees(self, kept: Kept, seen: Seen, meanwhile: Callable[[], None]) -> bool:
        if self.cache.stamp() == kept.stamp:
            return seen.holds(kept)
        if not seen.holds(kept):
            raise self._lost()
        self._rebuild(kept.stamp, meanwhile)
        return True

    def anew(self) -> Iterator[list[Record]]:
        """What makes the topic what the cache is, whatever it has now: each list is one transaction."""
        for records in self.changelog.read():
            yield [(key, None) for key, value in dict(records).items() if key != STAMP and value is not None]
            self._heed_stop()
        for head in self.cache.heads():
            for entries in self.cache.slots(self.cache.part(head), REFILL):
                yield [(record_key(head, key), value) for key, _, value in entries]
                self._heed_stop()

    def _heed_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped("asked to stop while filling the state's topic")

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
            raise self._lost()
        self.cache.filled()
        self.cache.commit(stamp or self.next_stamp())
        if entries:
            took = round(time.monotonic() - began, 1)
            log.info("state read from its topic", topic=self.changelog.name, records=entries, took_s=took)

    def _lost(self) -> PermanentError:
        return PermanentError(
            f"topic {self.changelog.name} does not hold the state that the positions speak of, and there is "
            "no cache of it here to fill it from",
            remedy="start it where it last ran, if its `daemon.state_dir` is still there; else restore the "
            "topic as far as you can, run `legacy-bridge positions accept`, then `resume`: rows that were "
            "published before, and that the topic does not have, are published again then",
        )

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

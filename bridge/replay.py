"""Dead letters looked at, and published after all: event and replay marker in one transaction."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Message

from bridge import committed
from bridge.committed import Bounds
from bridge.config.options import Settings
from bridge.deadletters import MASKED, TOO_LARGE, DeadLetter, Replayed, Stage, parse
from bridge.errors import BridgeError, ConfigError
from bridge.press import OVERHEAD
from bridge.replayed import Rows
from bridge.takeover import Takeover
from bridge.topics import Described, Topics, dead_letters

DAY_MS = 86_400_000
"""How long Kafka keeps a tombstone in a compacted topic that does not say otherwise."""
_DELETE = re.compile(rb'"op":"d","ts_ms":\d+}$')


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a letter is in the dead-letter topic: what `list` calls it."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}" if self.partition else str(self.offset)

    @classmethod
    def read(cls, text: str) -> Place:
        """Errors: ValueError."""
        fits = re.fullmatch(r"(?:([0-9]+)/)?([0-9]+)", text)
        if fits is None:
            raise ValueError(text)
        return cls(int(fits[1] or 0), int(fits[2]))


@dataclass(frozen=True, slots=True)
class Entry:
    """A letter without its payload, which can be large."""

    place: Place
    letter: DeadLetter
    replayed: Replayed | None = None


type Judged = tuple[Entry, str | None]
"""A letter, and why it cannot be replayed."""


class Archive:
    """A connector's dead-letter topic, read only."""

    def __init__(self, settings: Mapping[str, Any], connector: str) -> None:
        self._settings, self._connector = settings, connector
        self._topic = dead_letters(connector)
        self._found: dict[Place, Entry] = {}
        self._replayed: dict[Place, Replayed] = {}
        self._read: dict[tuple[str, int], int] = {}

    def entries(self) -> list[Entry]:
        """All letters in the order they were written; what was read before is not read again.

        Errors: TransientError.
        """
        bounds = committed.behind(committed.bounds(self._settings, [self._topic]), self._read)
        for place, record in self._records(bounds):
            if isinstance(record, Replayed):
                self._replayed[Place(record.partition, record.offset)] = record
            else:
                self._found[place] = Entry(place, replace(record, payload=None))
        self._read |= committed.ends(bounds)
        return [
            replace(each, replayed=self._replayed.get(place)) for place, each in sorted(self._found.items())
        ]

    def letters(self, places: Iterable[Place]) -> Iterator[tuple[Place, DeadLetter]]:
        """The letters at these places, payload and all."""
        wanted = set(places)
        for place, record in self.around(wanted):
            if place in wanted and isinstance(record, DeadLetter):
                yield place, record

    def around(self, wanted: Collection[Place]) -> Iterator[tuple[Place, DeadLetter | Replayed]]:
        """All records from the first to the last of these places."""
        bounds: Bounds = {}
        for (topic, partition), (first, end) in committed.bounds(self._settings, [self._topic]).items():
            offsets = [place.offset for place in wanted if place.partition == partition]
            inside = [offset for offset in offsets if first <= offset < end]
            if inside:
                bounds[topic, partition] = (min(inside), max(inside) + 1)
        return self._records(bounds)

    def _records(self, bounds: Bounds) -> Iterator[tuple[Place, DeadLetter | Replayed]]:
        for _, messages in committed.messages(self._settings, bounds):
            for message in messages:
                try:
                    record = parse(message.value() or b"")
                except ValueError:
                    continue  # not written by a bridge
                yield Place(int(message.partition() or 0), int(message.offset() or 0)), record


class Replay:
    """One run of `dead-letters replay`."""

    def __init__(self, settings: Settings, connector: str, by: str) -> None:
        self._settings, self._connector, self._by = settings, connector, by
        self._archive = Archive(settings.kafka, connector)
        self._topics = Topics(settings.kafka, settings.topics)
        self._rows = Rows(settings, connector)
        self._late: dict[Place, str] = {}
        """Why a replay would bring an old row back, or might."""
        self._older: dict[str, Place] = {}
        """Digest of each event that was replayed -> its letter."""
        self._last: dict[tuple[str, bytes], str] = {}
        """Topic and key -> digest of the last event, to which a tombstone belongs."""
        self._read: dict[tuple[str, int], int] = {}

    def judged(self, wanted: Collection[Place]) -> list[Judged]:
        """The letters asked for, or all there are, each with the reason why it cannot be replayed.

        Asked again for some of the same, it reads only what has been written since.
        """
        entries = {entry.place: entry for entry in self._archive.entries()}
        for place in wanted:
            if place not in entries:
                raise ConfigError(f"there is no dead letter {place}", remedy="`dead-letters list` shows them")
        chosen = [entries[place] for place in dict.fromkeys(wanted)] if wanted else list(entries.values())
        topics = self._topics.look({entry.letter.topic for entry in chosen if entry.letter.topic})
        self._rows.look(entry.letter for entry in chosen)
        judged = [(entry, refusal(entry, topics) or self._rows.refusal(entry.letter)) for entry in chosen]
        self._older = {entry.letter.sha256: entry.place for entry in entries.values() if entry.replayed}
        self._look_for_newer([entry for entry, reason in judged if reason is None], topics)
        return [(entry, reason or self._late.get(entry.place)) for entry, reason in judged]

    def run(self, judged: Sequence[Judged]) -> list[Judged]:
        """Publish what was judged fit, if it still is, now that nobody else can write."""
        fit = {entry.place: entry.letter.topic for entry, reason in judged if reason is None}
        if not fit:
            return list(judged)
        with Takeover(self._settings, self._connector, fit.values()) as held:
            now = {entry.place: (entry, reason) for entry, reason in self.judged(fit)}
            places = {place for place, (_, reason) in now.items() if reason is None}
            for place, record in self._archive.around(places):
                held.renew()
                if place in places and isinstance(record, DeadLetter):
                    self._publish(held, place, record)
            if places:
                held.deed = f"dead-letters replay: {', '.join(map(str, sorted(places)))}"
        return [now.get(entry.place, (entry, reason)) for entry, reason in judged]

    def _publish(self, held: Takeover, place: Place, letter: DeadLetter) -> None:
        if hashlib.sha256(letter.body).hexdigest() != letter.sha256:
            raise BridgeError(f"dead letter {place} does not fit its digest", remedy="it was tampered with")
        key = None if letter.key is None else letter.key.encode()
        events = [letter.body, None] if key is not None and _DELETE.search(letter.body) else [letter.body]
        held.send(letter.topic, [key] * len(events), events)
        self._rows.publish(held, letter)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        marker_key, marker = Replayed(place.partition, place.offset, self._by, now).record(letter)
        held.send(dead_letters(self._connector), [marker_key], [marker])

    def _look_for_newer(self, entries: Sequence[Entry], topics: Mapping[str, Described]) -> None:
        """Notes letters whose key has a newer event in the topic, or may have had one."""
        waiting: dict[tuple[str, bytes], list[Entry]] = {}
        for entry in entries:
            if entry.letter.key is not None:
                waiting.setdefault((entry.letter.topic, entry.letter.key.encode()), []).append(entry)
        bounds = committed.bounds(self._settings.kafka, {topic for topic, _ in waiting})
        for each in (each for those in waiting.values() for each in those):
            if not _has_all_since(each.letter, topics[each.letter.topic], bounds):
                self._late[each.place] = _unknown(each.letter)
        since = {
            (topic, partition): min(
                _end(each.letter, topics[topic], partition) for each in entries if each.letter.topic == topic
            )
            for topic, partition in bounds
        }
        bounds = committed.behind(committed.behind(bounds, since), self._read)
        for topic, messages in committed.messages(self._settings.kafka, bounds):
            for message in messages:
                place = (topic, message.key() or b"")
                if place in waiting:
                    self._note(message, place, waiting[place], topics[topic])
        self._read |= committed.ends(bounds)

    def _note(
        self, message: Message, place: tuple[str, bytes], entries: Iterable[Entry], topic: Described
    ) -> None:
        """Whether it came after what a letter holds, and not from an older letter."""
        value, partition, offset = message.value(), message.partition() or 0, message.offset() or 0
        if value is not None:
            self._last[place] = hashlib.sha256(value).hexdigest()
        older = self._older.get(self._last.get(place, ""))
        for entry in entries:
            if offset >= _end(entry.letter, topic, partition) and (older is None or older > entry.place):
                self._late[entry.place] = OVERTAKEN


def _end(letter: DeadLetter, topic: Described, partition: int) -> int:
    """Where the partition ended before the letter was written; 0: of this topic, that is not known."""
    known = letter.ends if letter.topic_id == topic.id else []
    return known[partition] if partition < len(known) else 0


def _has_all_since(letter: DeadLetter, topic: Described, bounds: Bounds) -> bool:
    """Whether nothing that came after the letter can be gone; the state knows without the topic."""
    if letter.entry is not None:
        return True
    whole = letter.topic_id == topic.id and all(
        first <= _end(letter, topic, partition)
        for (name, partition), (first, _) in bounds.items()
        if name == letter.topic
    )
    if not whole or "compact" not in topic.config.get("cleanup.policy", ""):
        return whole
    kept = timedelta(milliseconds=int(topic.config.get("delete.retention.ms", DAY_MS)))
    return datetime.now(UTC) - datetime.fromisoformat(letter.at) < kept


def _unknown(letter: DeadLetter) -> str:
    return (
        f"topic {letter.topic} no longer has all that came after it, so it cannot be known whether this "
        f"would bring an old row back; `resnapshot --stream {letter.stream} --where KEYRANGE` publishes the "
        "row as it is, where the stream can have one; else wait for its next change"
    )


REREAD = (
    "have the row change once more in its source, or rewind the stream, "
    "which publishes again all that came after the row"
)
THEN = "`resnapshot --where` then publishes it, should the stream see no updates"
OVERTAKEN = (
    "a newer event of its key was published behind or beside it; this one would undo it, so leave it: "
    "consumers have what came later"
)


def refusal(entry: Entry, topics: Mapping[str, Described]) -> str | None:
    """Why a letter cannot be published as the event it would have been, or None."""
    return next(_reasons(entry, topics), None)


def _reasons(entry: Entry, topics: Mapping[str, Described]) -> Iterator[str]:
    letter = entry.letter
    if entry.replayed is not None:
        yield f"it was replayed by {entry.replayed.by} at {entry.replayed.at}"
    if letter.stage == Stage.SOURCE:
        yield f"it is no row, so there is no event; correct the record in the source; {THEN}"
    if letter.stage == Stage.ENCODE:
        yield f"its row has no event; correct it in the source; {THEN}; or exclude the column, and {REREAD}"
    if not letter.whole:
        unkept = letter.unkept or f"{TOO_LARGE}, or {MASKED}"
        yield f"its event was not kept, since {unkept}; raise the topic's max.message.bytes, and {REREAD}"
    if letter.topic not in topics:
        yield f"topic {letter.topic} does not exist"
        return
    limit = topics[letter.topic].max_message_bytes
    if letter.size + len((letter.key or "").encode()) + OVERHEAD > limit:
        yield (
            f"its event has {letter.size} bytes, topic {letter.topic} takes {limit}; "
            "raise the topic's max.message.bytes"
        )

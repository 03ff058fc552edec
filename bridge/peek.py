"""The events a connector would publish next, made as the engine makes them; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice

from bridge import rehearsal, sources
from bridge.admission import Lane, topics_of
from bridge.config.options import Settings
from bridge.contract import Ask, Batch, Connector, Position, Stream
from bridge.deadletters import DeadLetter
from bridge.errors import BridgeError
from bridge.images import Images
from bridge.press import Outgoing
from bridge.redact import Redactor
from bridge.state import Changelog
from bridge.topics import dead_letters
from bridge.verify.source import Reading, lane_of


class Start(Enum):
    """Where to read from. Only the stored position needs Kafka."""

    STORED = "the stored position"
    BEGINNING = "the beginning"


@dataclass(frozen=True, slots=True)
class Event:
    topic: str
    key: bytes | None
    value: bytes | None
    """None: a tombstone."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A stream's next events and dead letters, or why it would publish none."""

    stream: str
    position: Position | None = None
    events: Sequence[Event] = ()
    letters: Sequence[DeadLetter] = ()
    letters_topic: str = ""
    error: str | None = None


@dataclass(slots=True)
class Filling:
    """A sample that grows until it has `count` events and dead letters."""

    count: int
    events: list[Event] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.count - len(self.events) - len(self.letters)

    def add(self, outgoing: Outgoing) -> None:
        made = (
            Event(topic, key, value)
            for topic, keys, values in outgoing.records
            for key, value in zip(keys, values, strict=True)
        )
        self.letters += outgoing.letters[: max(0, self.missing)]
        self.events += islice(made, max(0, self.missing))


@dataclass(slots=True)
class Peek:
    """Samples of one connector, which is open. `count`: events (and dead letters) of each stream."""

    settings: Settings
    connector: str
    source: Connector
    redactor: Redactor
    count: int
    _reading: Reading = field(init=False)

    def __post_init__(self) -> None:
        options = self.settings.connectors[self.connector]
        self._reading = Reading.of(self.source, options, self.redactor)

    def samples(self, start: Start, wanted: Sequence[str]) -> Iterator[Sample]:
        """One for every stream. Errors: those of the connector as a whole, and of Kafka when it is needed."""
        streams = sources.chosen(self.source.discover(), wanted)
        lanes = self._from_stored(streams) if start is Start.STORED else self._from_beginning(streams)
        with ExitStack() as stack:
            images: Images | None = None
            for stream, lane, position in lanes:
                if not isinstance(lane, Lane):
                    yield Sample(stream.name, position, error=f"parked at the next start: {lane}")
                    continue
                if lane.keyed and images is None:
                    images = stack.enter_context(rehearsal.images(self._changelog(start)))
                yield self._sample(lane, position, images)

    def _changelog(self, start: Start) -> Changelog:
        if start is Start.BEGINNING:
            return rehearsal.NoState()
        return rehearsal.seen_state(self.settings, self.connector)

    def _from_stored(self, streams: Sequence[Stream]) -> Iterator[tuple[Stream, Lane | str, Position | None]]:
        ledger = rehearsal.stored(self.settings, self.connector)
        admitted = rehearsal.admitted(self.settings, self.connector, self.source, streams, ledger)
        for progress, lane in admitted:
            stored = ledger.streams.get(progress.stream.name)
            yield progress.stream, lane or str(progress.parked), self._reading.current(stored)

    def _from_beginning(self, streams: Sequence[Stream]) -> Iterator[tuple[Stream, Lane | str, None]]:
        options = self.settings.connectors[self.connector]
        for stream in streams:
            yield stream, lane_of(options, stream, topics_of(options, self.settings.topics, stream), {}), None

    def _sample(self, lane: Lane, position: Position | None, images: Images | None) -> Sample:
        filling = Filling(self.count)
        error = None
        try:
            self._fill(filling, lane, position, images)
        except BridgeError as failure:
            error = str(failure)
        letters_topic = dead_letters(self.connector)
        return Sample(lane.stream.name, position, filling.events, filling.letters, letters_topic, error)

    def _fill(self, filling: Filling, lane: Lane, position: Position | None, images: Images | None) -> None:
        start, more, rows = position, True, filling.count
        while more and filling.missing > 0:
            batch = self.source.poll(lane.stream, position, Ask(rows=rows))
            for part in self._parts(lane, batch, images, start):
                filling.add(self._reading.press.prepare(lane, part))
            position, more = batch.position, batch.more
            rows = min(2 * rows, Ask().rows)  # of images most are unchanged

    def _parts(
        self, lane: Lane, batch: Batch, images: Images | None, since: Position | None
    ) -> Iterator[Batch]:
        """The batch as it is, or what is new in its images."""
        if not lane.compares(batch) or images is None:
            yield batch
            return
        options = self.settings.connectors[self.connector].stream(lane.stream.name)
        for piece in images.compare(lane, batch, options, since):
            images.keep(piece)  # in our own cache: a key that comes twice is no news the second time
            yield replace(batch, changes=piece.changes, rejects=piece.rejects)

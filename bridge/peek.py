"""The events a connector would publish next, made as the engine makes them; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from bridge import rehearsal, sources
from bridge.admission import Lane
from bridge.config.options import Settings
from bridge.contract import Ask, Connector, Position, Stream
from bridge.deadletters import DeadLetter
from bridge.errors import BridgeError
from bridge.redact import Redactor
from bridge.topics import dead_letters
from bridge.verify.source import Reading, lane_of, topics_of


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
        for stream, lane, position in lanes:
            if isinstance(lane, Lane):
                yield self._sample(lane, position)
            else:
                yield Sample(stream.name, position, error=f"parked at the next start: {lane}")

    def _from_stored(self, streams: Sequence[Stream]) -> Iterator[tuple[Stream, Lane | str, Position | None]]:
        ledger = rehearsal.stored(self.settings, self.connector)
        admitted = rehearsal.admitted(self.settings, self.connector, self.source, streams, ledger)
        for progress, lane in admitted:
            stored = ledger.streams.get(progress.stream.name)
            yield progress.stream, lane or str(progress.parked), self._reading.current(stored)

    def _from_beginning(self, streams: Sequence[Stream]) -> Iterator[tuple[Stream, Lane | str, None]]:
        options = self.settings.connectors[self.connector]
        for stream in streams:
            yield stream, lane_of(options, stream, topics_of(self.settings, self.connector, stream), {}), None

    def _sample(self, lane: Lane, position: Position | None) -> Sample:
        events: list[Event] = []
        letters: list[DeadLetter] = []
        error = None
        try:
            self._fill(lane, position, events, letters)
        except BridgeError as failure:
            error = str(failure)
        return Sample(lane.stream.name, position, events, letters, dead_letters(self.connector), error)

    def _fill(
        self, lane: Lane, position: Position | None, events: list[Event], letters: list[DeadLetter]
    ) -> None:
        more = True
        while more and (missing := self.count - len(events) - len(letters)) > 0:
            batch = self.source.poll(lane.stream, position, Ask(rows=missing))
            outgoing = self._reading.press.prepare(lane, batch)
            made = (
                Event(topic, key, value)
                for topic, keys, values in outgoing.records
                for key, value in zip(keys, values, strict=True)
            )
            letters += outgoing.letters[:missing]
            events += list(made)[: self.count - len(letters)]
            position, more = batch.position, batch.more

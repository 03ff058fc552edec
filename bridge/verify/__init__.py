"""Is everything in Kafka, once, and the same? Compares what a source has with what its topics have.

Works while the bridge runs: the stored positions are read FIRST, then the topics' ends, then the source, and
last what the source has beyond those positions; whatever is found there is not published yet, and not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bridge import committed, positions, sources
from bridge.admission import Lane
from bridge.config.options import Settings
from bridge.contract import Caveat, Connector, Emits, Stream
from bridge.errors import GapError, PermanentError
from bridge.positions import Stored
from bridge.press import Outgoing
from bridge.redact import Redactor
from bridge.topics import Topics, dead_letters
from bridge.verify.comparison import Comparison, Record
from bridge.verify.report import Found, Outcome, Report
from bridge.verify.source import Reading, burial, lane_of, letter_key, topics_of

__all__ = ["Progress", "Report", "Verification"]

type Progress = Callable[[str, int, int | None], None]
"""Told what is being read, how much of it has been, and how much there is, where that is known."""


@dataclass(slots=True)
class Place:
    """One table: its number in the comparison, and what was counted while reading."""

    lane: Lane
    table: str
    number: int
    events: int = 0
    letters: int = 0

    @property
    def topic(self) -> str:
        return self.lane.routes[self.table].topic


class Verification:
    """One connector's streams against their topics."""

    def __init__(
        self, settings: Settings, connector: str, redactor: Redactor, progress: Progress, most: int
    ) -> None:
        self._settings, self._connector = settings, connector
        self._redactor, self._progress, self._most = redactor, progress, most
        self._options = settings.connectors[connector]
        self._topics = Topics(settings.kafka, settings.topics)
        self._places: list[Place] = []
        self._skipped: dict[str, str] = {}
        self._unknown: dict[str, str] = {}

    def run(self, source: Connector, wanted: Sequence[str]) -> Report:
        """`source` is open. Errors: BridgeError of the source or of Kafka."""
        ledger = positions.known(self._settings.kafka, self._connector, self._topics)
        lanes = self._lanes(sources.chosen(source.discover(), wanted))
        topics = [place.topic for place in self._places]
        bounds = committed.bounds(self._settings.kafka, [*topics, dead_letters(self._connector)])
        with Comparison() as comparison:
            reading = Reading.of(source, self._options, self._redactor)
            for lane in lanes:
                try:
                    self._read_source(comparison, reading, lane, ledger.streams.get(lane.stream.name))
                except (PermanentError, GapError) as error:  # of this stream alone
                    self._unknown[lane.stream.name] = str(error)
            self._places = [each for each in self._places if each.lane.stream.name not in self._unknown]
            self._read_topics(comparison, bounds)
            outcomes = tuple(self._judge(comparison, each) for each in self._places)
        return Report(self._connector, outcomes, self._skipped, self._unknown)

    def _lanes(self, streams: Iterable[Stream]) -> list[Lane]:
        names = {stream.name: topics_of(self._settings, self._connector, stream) for stream in streams}
        known = self._topics.look({topic for each in names.values() for topic in each.values()})
        lanes = []
        for stream in streams:
            if reason := _unfit(stream):
                self._skipped[stream.name] = reason
                continue
            lanes.append(lane_of(self._options, stream, names[stream.name], known))
            for table in names[stream.name]:
                self._places.append(Place(lanes[-1], table, len(self._places)))
        return lanes

    # -- reading both sides

    def _read_source(
        self, comparison: Comparison, reading: Reading, lane: Lane, stored: Stored | None
    ) -> None:
        _same_source(lane, stored)
        numbers = {place.table: place.number for place in self._places if place.lane is lane}
        rows = 0
        for outgoing in reading.outgoing(lane, None):
            for table, records in _by_table(lane, outgoing):
                comparison.expect(numbers[table], records)
            for letter in outgoing.letters:
                comparison.expect_refused(numbers[letter.table], [letter_key(letter)])
            rows += outgoing.events
            self._progress(f"rows of {lane.stream.name}", rows, None)
        if lane.stream.emits is Emits.CHANGES:
            self._read_pending(comparison, reading.outgoing(lane, reading.current(stored)), lane, numbers)

    def _read_pending(
        self, comparison: Comparison, rest: Iterable[Outgoing], lane: Lane, numbers: Mapping[str, int]
    ) -> None:
        for outgoing in rest:
            for table, records in _by_table(lane, outgoing):
                comparison.pending(numbers[table], (key for key, _ in records if key is not None))
            for letter in outgoing.letters:
                comparison.pending(numbers[letter.table], [letter_key(letter)])

    def _read_topics(self, comparison: Comparison, bounds: committed.Bounds) -> None:
        places = {place.topic: place for place in self._places}
        total, done = sum(end - first for first, end in bounds.values()), 0
        for topic, messages in committed.messages(self._settings.kafka, bounds):
            place = places.get(topic)
            if topic == dead_letters(self._connector):
                self._read_letters(comparison, [message.value() for message in messages])
            elif place is not None:
                records = ((message.key(), message.value()) for message in messages)
                comparison.published(place.number, records)
                place.events += len(messages)
            done += len(messages)
            self._progress("events", done, total)

    def _read_letters(self, comparison: Comparison, values: Iterable[bytes | None]) -> None:
        tables = {(place.lane.stream.name, place.table): place for place in self._places}
        for stream, table, letter in filter(None, map(burial, values)):
            if place := tables.get((stream, table)):
                comparison.buried(place.number, [letter])
                place.letters += 1

    # -- judging

    def _judge(self, comparison: Comparison, place: Place) -> Outcome:
        verdict = comparison.verdict(place.number, self._most)
        deletes = Caveat.NO_DELETES not in place.lane.stream.caveats
        return Outcome(
            stream=place.lane.stream.name,
            table=place.table,
            topic=place.topic,
            rows=comparison.rows(place.number),
            events=place.events,
            pending=comparison.pending_keys(place.number),
            dead_letters=place.letters,
            lost=verdict.lost,
            doubled=verdict.doubled,
            differing=verdict.differing + verdict.gone if deletes else verdict.differing,
            gone=Found() if deletes else verdict.gone,
        )


def _by_table(lane: Lane, outgoing: Outgoing) -> Iterator[tuple[str, Iterator[Record]]]:
    tables = {route.topic: table for table, route in lane.routes.items()}
    for topic, keys, values in outgoing.records:
        yield tables[topic], zip(keys, values, strict=True)


def _unfit(stream: Stream) -> str | None:
    if stream.settles:
        return "reading it consumes it, so it cannot be read a second time"
    keyless = [table.name for table in stream.tables if not table.key]
    return f"table {keyless[0]} has no key, so its rows cannot be told apart" if keyless else None


def _same_source(lane: Lane, stored: Stored | None) -> None:
    if stored is not None and stored.identity != lane.stream.identity:
        raise PermanentError(
            f"the position of {lane.stream.name} is of {stored.identity}, "
            f"the source is {lane.stream.identity}",
            remedy="connect to the source that was published",
        )

"""Is everything in Kafka, once, and the same? Compares what a source has with what its topics have.

Works while the bridge runs: the stored positions are read FIRST, then the topics' ends, then the source, and
last what the source has beyond those positions; whatever is found there is not published yet, and not judged.
A source that is read as a whole has no position to tell that by: where it differs, the running daemon is
given the time for one more scan, and what has newer events then, or changes all the while, is not judged.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from confluent_kafka import Message

from bridge import committed, positions, sources
from bridge.admission import Lane, all_topics_of
from bridge.config.options import Settings
from bridge.contract import Caveat, Connector, Emits, Position, Stream
from bridge.deadletters import Replayed
from bridge.errors import GapError, PermanentError
from bridge.positions import Stored
from bridge.redact import Redactor
from bridge.refusals import REMEDY
from bridge.topics import Topics, dead_letters
from bridge.verify.comparison import Comparison, Look, Record, Side
from bridge.verify.multiplicity import Multiset
from bridge.verify.patience import Progress, wait_for_scans
from bridge.verify.report import Found, Outcome, Report
from bridge.verify.source import Reading, burial, lane_of, letter_key

__all__ = ["Progress", "Report", "Verification"]


@dataclass(slots=True)
class Place:
    """One table: where it is compared, its number there, and what was counted while reading."""

    lane: Lane
    table: str
    side: Side
    number: int
    events: int = 0
    letters: int = 0
    """Those that were not replayed."""

    @property
    def stream(self) -> Stream:
        return self.lane.stream

    @property
    def topic(self) -> str:
        return self.lane.routes[self.table].topic

    @property
    def keyless(self) -> bool:
        return any(table.name == self.table and not table.key for table in self.stream.tables)

    def judged(self, most: int) -> Outcome:
        verdict = self.side.verdict(self.number, most)
        deletes = Caveat.NO_DELETES not in self.stream.caveats
        compared = self.stream.emits is Emits.IMAGES  # what has not changed is not published again
        return Outcome(
            stream=self.stream.name,
            table=self.table,
            topic=self.topic,
            rows=self.side.rows(self.number),
            events=self.events,
            pending=self.side.pending_keys(self.number),
            dead_letters=self.letters,
            lost=verdict.lost,
            doubled=verdict.doubled + verdict.repeated if compared else verdict.doubled,
            differing=verdict.differing + verdict.gone if deletes else verdict.differing,
            gone=Found() if deletes else verdict.gone,
            keyless=self.keyless,
            repeated=Found() if compared else verdict.repeated,
        )


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
        self._letters: dict[tuple[int, int], Place] = {}
        """Partition and offset of each that was not replayed, and whose it is."""
        self._scanned: dict[str, float] = {}
        """Streams without a position between two scans, and when (monotonic) they had been read."""

    def run(self, source: Connector, wanted: Sequence[str]) -> Report:
        """`source` is open. Errors: BridgeError of the source or of Kafka."""
        ledger = positions.known(self._settings.kafka, self._connector, self._topics)
        with ExitStack() as stack:
            sides = stack.enter_context(Comparison()), stack.enter_context(Multiset())
            lanes = self._lanes(source.discover(), wanted, ledger.streams, *sides)
            bounds = self._bounds(self._places)
            reading = Reading.of(source, self._options, self._redactor)
            for lane in lanes:
                try:
                    self._read_source(reading, lane, ledger.streams.get(lane.stream.name))
                except (PermanentError, GapError) as error:  # of this stream alone
                    self._unknown[lane.stream.name] = str(error)
            self._places = [each for each in self._places if each.stream.name not in self._unknown]
            self._read_topics(self._places, bounds)
            early = self._let_scans_pass(reading, bounds)
            outcomes = tuple(each.judged(self._most) for each in self._places)
        self._unknown |= _without_position(outcomes, ledger.streams)
        return Report(self._connector, outcomes, self._skipped, self._unknown, early)

    def _lanes(
        self,
        streams: Sequence[Stream],
        wanted: Sequence[str],
        stored: Mapping[str, Stored],
        keyed: Side,
        keyless: Side,
    ) -> list[Lane]:
        topics = all_topics_of(self._options, self._settings.topics, streams, stored)
        sound = {stream: each for stream, each in topics.items() if isinstance(each, dict)}
        known = self._topics.look({topic for each in sound.values() for topic in each.values()})
        lanes = []
        for stream in sources.chosen(streams, wanted):
            if stream.settles:
                self._skipped[stream.name] = SETTLES
            elif stream.name in sound:
                lanes.append(lane_of(self._options, stream, sound[stream.name], known))
                self._places += self._places_in(lanes[-1], keyed, keyless)
            else:
                self._unknown[stream.name] = str(topics[stream.name])
        return lanes

    def _places_in(self, lane: Lane, keyed: Side, keyless: Side) -> list[Place]:
        return [
            Place(lane, table.name, keyed if table.key else keyless, number)
            for number, table in enumerate(lane.stream.tables, len(self._places))
        ]

    def _bounds(self, places: Iterable[Place]) -> committed.Bounds:
        topics = [place.topic for place in places]
        return committed.bounds(self._settings.kafka, [*topics, dead_letters(self._connector)])

    # -- the source

    def _read_source(self, reading: Reading, lane: Lane, stored: Stored | None) -> None:
        _same_source(lane, stored)
        self._must_be_its_own(lane, stored)
        self._look(reading, lane, None, Look.FIRST)
        read = time.monotonic()
        if not self._look(reading, lane, reading.current(stored), Look.PENDING):
            self._scanned[lane.stream.name] = read

    def _must_be_its_own(self, lane: Lane, stored: Stored | None) -> None:
        """What is in a topic that it never published to is another's; the daemon has parked it for that."""
        own = stored.partitions if stored and not stored.accept else {}
        for route in lane.routes.values() if own else ():
            if route.topic not in own and not self._topics.is_empty(route.topic, route.partitions):
                raise PermanentError(f"topic {route.topic} is new to it, but has records", remedy=REMEDY)

    def _look(self, reading: Reading, lane: Lane, position: Position | None, look: Look) -> bool:
        """Take in all from `position` on. False: that is a new scan, which tells nothing of what is new."""
        places = {place.table: place for place in self._places if place.lane is lane}
        tables = {route.topic: places[table] for table, route in lane.routes.items()}
        rows = 0
        for scan, outgoing in reading.outgoing(lane, position):
            if look is Look.PENDING and scan is not None and lane.stream.emits is Emits.IMAGES:
                return False
            if look is Look.FIRST and scan is None and outgoing.events and _comes_in_scans(lane.stream):
                raise PermanentError(CUT, remedy="see what `doctor` says of it")
            for topic, keys, values in outgoing.records:
                place = tables[topic]
                place.side.expect(place.number, zip(keys, values, strict=True), look)
            for letter in outgoing.letters:
                place = places[letter.table]
                place.side.expect_refused(place.number, [letter_key(letter)], look)
            rows += outgoing.events
            self._progress(f"rows of {lane.stream.name}", rows, None)
        return True

    # -- the topics

    def _read_topics(
        self, places: Sequence[Place], bounds: committed.Bounds, look: Look | None = None
    ) -> None:
        """`look`: what they are a look at, besides being what was published."""
        by_topic = {place.topic: place for place in places}
        total, done = sum(end - first for first, end in bounds.values()), 0
        for topic, messages in committed.messages(self._settings.kafka, bounds):
            place = by_topic.get(topic)
            if topic == dead_letters(self._connector):
                self._read_letters(places, messages, look)
            elif place is not None:
                records: list[Record] = [(message.key(), message.value()) for message in messages]
                place.side.published(place.number, records)
                place.events += len(messages)
                if look is not None:
                    place.side.expect(place.number, records, look)
            done += len(messages)
            self._progress("events", done, total)

    def _read_letters(self, places: Iterable[Place], messages: Iterable[Message], look: Look | None) -> None:
        tables = {(place.stream.name, place.table): place for place in places}
        for message in messages:
            found = burial(message.value())
            if isinstance(found, Replayed):
                if place := self._letters.pop((found.partition, found.offset), None):
                    place.letters -= 1
            elif found and (place := tables.get(found[:2])):
                place.side.buried(place.number, [found[2]])
                self._letters[int(message.partition() or 0), int(message.offset() or 0)] = place
                place.letters += 1
                if look is not None:
                    place.side.expect_refused(place.number, [found[2][0]], look)

    # -- scans

    def _let_scans_pass(self, reading: Reading, bounds: committed.Bounds) -> dict[str, str]:
        """Stream -> why the daemon has not published what it has now."""
        behind = self._behind(self._scanned)
        if not behind:
            return {}
        since = {stream: self._scanned[stream] for stream in behind}
        early = wait_for_scans(self._settings, self._connector, since, self._progress)
        current = self._places_of(behind - early.keys())
        newer = committed.behind(self._bounds(current), committed.ends(bounds))
        self._read_topics(current, newer, Look.PENDING)
        restless = self._places_of(self._behind({place.stream.name for place in current}))
        for lane in {place.stream.name: place.lane for place in restless}.values():
            self._look(reading, lane, None, Look.AGAIN)
        for place in restless:
            place.side.pass_over_restless(place.number)
        return early

    def _behind(self, streams: Collection[str]) -> set[str]:
        """Those of the streams that show what one more scan may mend."""
        judged = (each.judged(self._most) for each in self._places_of(streams))
        return {outcome.stream for outcome in judged if outcome.as_before_a_scan}

    def _places_of(self, streams: Collection[str]) -> list[Place]:
        return [place for place in self._places if place.stream.name in streams]


def _without_position(outcomes: Iterable[Outcome], stored: Mapping[str, Stored]) -> dict[str, str]:
    """Stream -> why it cannot be known what it has lost: without a position nothing counts as published."""
    at_start = {name for name, record in stored.items() if record.position is None}
    return {
        each.stream: "its position is at the start" if each.stream in at_start else "it has no position"
        for each in outcomes
        if (each.stream in at_start or each.stream not in stored) and (each.rows or each.events)
    }


def _comes_in_scans(stream: Stream) -> bool:
    """Whether its rows are part of one, as far as the source tells them all."""
    return stream.emits is Emits.IMAGES and Caveat.NO_DELETES not in stream.caveats


CUT = "the source does not tell all of its rows"
SETTLES = "reading it consumes it, so it cannot be read a second time"


def _same_source(lane: Lane, stored: Stored | None) -> None:
    if stored is not None and stored.identity != lane.stream.identity:
        raise PermanentError(
            f"the position of {lane.stream.name} is of {stored.identity}, "
            f"the source is {lane.stream.identity}",
            remedy="connect to the source that was published",
        )

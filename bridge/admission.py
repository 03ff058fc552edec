"""Whether a stream may start: its topics, its stored position, and everything that parks it instead.

A stream never starts from scratch in silence: a position of another database, of a newer version, of a
topic that was re-partitioned, or no position beside a topic that is not empty waits for `positions accept`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bridge.config.options import ConnectorSettings, OnSchemaChange
from bridge.config.options import Topics as TopicOptions
from bridge.contract import CONTRACT_VERSION, Batch, Emits, Stream, Table
from bridge.encode.columns import written_otherwise
from bridge.errors import (
    BridgeError,
    ConfigError,
    CredentialsError,
    PermanentError,
    Stopped,
    TransientError,
)
from bridge.policy import Policy
from bridge.positions import Ledger, Stored
from bridge.progress import Progress, is_keyed
from bridge.refusals import REMEDY
from bridge.topics import Cluster, Described, Shape, Wanted, abridged, event_topic, unified

WHOLE = (TransientError, CredentialsError, Stopped)
"""Failures that are no single stream's."""
REFILL = (
    "to publish it again, run `legacy-bridge positions rewind ... --to start`; to go on without it, "
    "`positions accept`"
)
REFILL_IT = "`legacy-bridge positions rewind ... --to start` fills"
ACCEPT = "if that is right, run `legacy-bridge positions accept`"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a table's events go."""

    topic: str
    max_bytes: int
    partitions: int
    created: bool
    id: str = ""
    """The topic's; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Lane:
    """All the task needs to publish one stream."""

    stream: Stream
    policy: Policy
    routes: Mapping[str, Route]
    kind: str
    version: int
    forms: Mapping[str, str] = field(default_factory=dict)
    """Table -> what must not change; without one it may."""
    keyed: bool = False
    """What is known of its rows is kept."""
    refills: frozenset[str] = frozenset()
    """Tables all of which is published, whatever is known of their rows: their topics lack it."""
    excluded: Sequence[str] = ()
    """Columns that it has, or had, and that are left out."""
    encoder: Mapping[str, str] = field(default_factory=dict)
    """The options by which keys are written."""

    def stored(self, position: object) -> Stored:
        partitions = {route.topic: route.partitions for route in self.routes.values()}
        ids = {route.topic: route.id for route in self.routes.values() if route.id}
        return Stored(
            position,
            self.kind,
            self.version,
            self.stream.identity,
            partitions,
            forms=self.forms,
            keyed=self.keyed,
            ids=ids,
            excluded=list(self.excluded),
            encoder=self.encoder,
        )

    def is_judged_by_more_than(self, stored: Stored) -> bool:
        """To be written though the position stays: else the next start takes it for what it was."""
        now = self.stored(stored.position)
        return not (
            now.forms.keys() <= stored.forms.keys()
            and now.ids.keys() <= stored.ids.keys()
            and set(now.excluded) <= set(stored.excluded)
            and now.encoder == stored.encoder
        )

    @property
    def follows(self) -> bool:
        """What is known of its rows follows the changes that it tells."""
        return self.keyed and self.stream.emits is Emits.CHANGES

    def compares(self, batch: Batch) -> bool:
        """Whether only what is new in it is published."""
        return self.stream.emits is Emits.IMAGES or (self.keyed and batch.scan is not None)

    def accept(self, batch: Batch) -> None:
        """Errors: PermanentError when a table of it has changed and must not, or its state cannot follow."""
        for changes in batch.changes if self.follows else ():
            _must_have_a_key(changes.table)
        for table in {id(each.table): each.table for each in batch.changes}.values() if self.forms else ():
            was = next((each for each in self.stream.tables if each.name == table.name), table)
            if table is not was and (what := self.policy.difference(was, table)):
                raise PermanentError(f"table {table.name} has changed: {what}", remedy=ACCEPT)


def topics_of(settings: ConnectorSettings, options: TopicOptions, stream: Stream) -> dict[str, str]:
    """Table -> topic of its events. Errors: ConfigError for a name that cannot be."""
    template = settings.stream(stream.name).topic or options.template
    return {table.name: event_topic(template, settings.name, table.name) for table in stream.tables}


def all_topics_of(
    settings: ConnectorSettings,
    options: TopicOptions,
    streams: Sequence[Stream],
    stored: Mapping[str, Stored],
) -> dict[str, dict[str, str] | BridgeError]:
    """Stream -> table -> topic, or why that cannot be: it is another's, perhaps."""
    names: dict[str, dict[str, str] | BridgeError] = {}
    for stream in streams:
        try:
            names[stream.name] = topics_of(settings, options, stream)
        except BridgeError as error:
            names[stream.name] = error
    sound = {stream: each for stream, each in names.items() if isinstance(each, dict)}
    return {**names, **dict(_collisions(sound, stored))}


def columns_of(
    settings: ConnectorSettings, streams: Sequence[Stream], stored: Mapping[str, Stored]
) -> Mapping[str | None, set[str]]:
    """Entry of the file -> the columns of its streams, and those that they had and left out."""
    known: dict[str | None, set[str]] = {}
    for stream in streams:
        known.setdefault(settings.entry(stream.name), set()).update(_columns(stream))
    for name, record in stored.items():
        known.setdefault(settings.entry(name), set()).update(record.excluded)
    return known


class Admission:
    """Decides stream by stream; a failure of one parks that one alone."""

    def __init__(
        self, settings: ConnectorSettings, topics: Cluster, options: TopicOptions, position_version: int
    ) -> None:
        self._settings, self._topics, self._options = settings, topics, options
        self._version = position_version
        self._shapes: dict[str, Shape] = {}
        """Of the topics of everybody admitted."""

    def admit(self, streams: Sequence[Stream], ledger: Ledger) -> list[tuple[Progress, Lane | None]]:
        """Every stream with its progress; without a lane it is parked. Errors: TransientError from Kafka."""
        names = all_topics_of(self._settings, self._options, streams, ledger.streams)
        wanted = {topic for each in names.values() if isinstance(each, dict) for topic in each.values()}
        known = self._describe(wanted)
        columns = columns_of(self._settings, streams, ledger.streams)
        found = [self._one(each, names[each.name], known, ledger, columns) for each in streams]
        routes = [route for _, lane in found if lane for route in lane.routes.values()]
        self._shapes = {route.topic: Shape(route.partitions, route.id) for route in routes}
        return found

    def missing(self, streams: Sequence[Stream], ledger: Ledger) -> Iterator[Progress]:
        """Streams that have a position and were not found, though the configuration asks for them."""
        found = {each.name for each in streams}
        for progress in self.stored(ledger):
            if progress.stream.name not in found:
                progress.vanished()
                yield progress

    def stored(self, ledger: Ledger) -> Iterator[Progress]:
        """What is known of the streams that the configuration asks for, without the source."""
        for name, record in ledger.streams.items():
            if self._settings.asks_for(name):
                yield self._progress(Stream(name, record.identity, ()), ledger)

    def holds(self) -> bool:
        """Whether the topics are what they were when they were admitted, as far as Kafka tells."""
        try:
            found = self._topics.shapes(self._shapes)
            return all(name in found and found[name].fits(was) for name, was in self._shapes.items())
        except (TransientError, Stopped):
            return True
        except BridgeError:
            return False  # judged anew, it parks its own streams

    def _describe(self, topics: set[str]) -> dict[str, Described | BridgeError]:
        """All topics in one go; when that is refused one by one, to find the culprit."""
        try:
            return dict(self._topics.ensure(self._wanted(topics)))
        except WHOLE:
            raise
        except BridgeError:
            return {topic: self._describe_one(topic) for topic in topics}

    def _describe_one(self, topic: str) -> Described | BridgeError:
        try:
            return self._topics.ensure(self._wanted({topic}))[topic]
        except WHOLE:
            raise
        except BridgeError as error:
            return error

    def _wanted(self, topics: set[str]) -> list[Wanted]:
        return [Wanted(topic, self._options.partitions) for topic in sorted(topics)]

    def _one(
        self,
        stream: Stream,
        names: Mapping[str, str] | BridgeError,
        known: Mapping[str, Described | BridgeError],
        ledger: Ledger,
        columns: Mapping[str | None, Collection[str]],
    ) -> tuple[Progress, Lane | None]:
        progress = self._progress(stream, ledger)
        try:
            stored = ledger.streams.get(stream.name)
            lane = self._lane(stream, names, known, columns[self._settings.entry(stream.name)])
            self._compare(lane, stored)
        except WHOLE:
            raise
        except BridgeError as error:
            progress.parked = str(error)
            return progress, None
        had = stored.excluded if stored else ()
        excluded = lane.policy.left_out({*_columns(stream), *had})
        return progress, replace(lane, refills=_lacking(lane, stored), excluded=excluded)

    def _progress(self, stream: Stream, ledger: Ledger) -> Progress:
        stored, pause = ledger.streams.get(stream.name), ledger.pause_of(stream.name)
        progress = Progress(stream, self._settings.stream(stream.name), fresh=stored is None or stored.accept)
        progress.paused = pause.by if pause else None
        if stored is not None:
            progress.committed = progress.ahead = stored.position
            progress.version = stored.version
        return progress

    def _lane(
        self,
        stream: Stream,
        names: Mapping[str, str] | BridgeError,
        known: Mapping[str, Described | BridgeError],
        columns: Collection[str],
    ) -> Lane:
        if isinstance(names, BridgeError):
            raise names
        routes = {}
        without_key = {table.name for table in stream.tables if not table.key}
        for table, topic in names.items():
            found = known[topic]
            if isinstance(found, BridgeError):
                raise found
            if table in without_key:
                _must_take_all(topic, found, table)
            routes[table] = Route(topic, found.max_message_bytes, found.partitions, found.created, found.id)
        options = self._settings.stream(stream.name)
        policy = Policy(options)
        policy.check(stream.tables, columns)
        parks = options.on_schema_change is OnSchemaChange.PARK
        forms = {table.name: policy.form(table) for table in stream.tables} if parks else {}
        keyed = is_keyed(stream, options)
        encoder = self._settings.encoder.model_dump(exclude={"kind"})
        lane = Lane(stream, policy, routes, self._settings.kind, self._version, forms, keyed, encoder=encoder)
        for each in stream.tables if lane.follows else ():
            _must_have_a_key(each)
        return lane

    def _compare(self, lane: Lane, stored: Stored | None) -> None:
        """Raises the reason for which the stream must wait for an operator."""
        if stored is None:
            self._must_be_empty(lane)
            return
        if stored.accept:
            return
        if stored.identity != lane.stream.identity:
            raise ConfigError(
                f"its position is of {stored.identity}, the source is now {lane.stream.identity}",
                remedy=ACCEPT,
            )
        if stored.kind != lane.kind:
            raise ConfigError(
                f"its position was written by kind {stored.kind}, not {lane.kind}", remedy=ACCEPT
            )
        if (stored.version, stored.contract) > (
            lane.version,
            CONTRACT_VERSION,
        ) or stored.contract > CONTRACT_VERSION:
            raise ConfigError(
                "its position was written by a newer version", remedy=f"install that version, or {ACCEPT}"
            )
        for table, form in lane.forms.items():
            if stored.forms.get(table, form) != form:
                raise ConfigError(
                    f"table {table} is not as it was when its position was written", remedy=ACCEPT
                )
        _must_write_keys_as_before(lane, stored)
        self._compare_topics(lane, stored)

    def _compare_topics(self, lane: Lane, stored: Stored) -> None:
        for route in lane.routes.values():
            was = stored.partitions.get(route.topic, route.partitions)
            if was != route.partitions:
                raise ConfigError(
                    f"topic {route.topic} had {was} partitions and now has {route.partitions}, "
                    "which breaks the order of its keys",
                    remedy=ACCEPT,
                )
        if stored.partitions:  # else it was set by hand, or comes from elsewhere
            self._must_be_empty(lane, stored.partitions)
        for route in lane.routes.values() if stored.position is not None else ():
            _must_have_all(route, stored, lane)

    def _must_be_empty(self, lane: Lane, own: Mapping[str, int] = MappingProxyType({})) -> None:
        """But for those that were its own before."""
        for route in lane.routes.values():
            if route.created or route.topic in own or self._topics.is_empty(route.topic, route.partitions):
                continue
            text = (
                f"topic {route.topic} is new to it, but has records: it would mix with another's"
                if own
                else f"there is no position, but topic {route.topic} has records: a start would repeat them, "
                "or mix with another connector's"
            )
            raise ConfigError(
                text, remedy=f"if another connector writes there, {REMEDY}; otherwise, {ACCEPT}"
            )


def _columns(stream: Stream) -> Iterator[str]:
    return (name for table in stream.tables for name in table.schema.names)


def _lacking(lane: Lane, stored: Stored | None) -> frozenset[str]:
    """Tables of a stream that was sent back to its start, and whose topics are others than before."""
    if stored is None or stored.accept or stored.position is not None or not lane.keyed:
        return frozenset()
    return frozenset(
        table
        for table, route in lane.routes.items()
        if _is_made_anew(route, stored) or _takes_the_place(route, stored, lane)
    )


def _is_made_anew(route: Route, stored: Stored) -> bool:
    was = stored.ids.get(route.topic, "")
    return bool(was) and (route.created or route.id not in ("", was))


def _takes_the_place(route: Route, stored: Stored, lane: Lane) -> bool:
    """Of a topic that the stream had, and has no more; else it is one of a new table."""
    had, has = stored.partitions.keys(), {each.topic for each in lane.routes.values()}
    return bool(had) and route.topic not in had and not had <= has


def _must_have_all(route: Route, stored: Stored, lane: Lane) -> None:
    """What was published up to the position."""
    if _is_made_anew(route, stored):
        raise ConfigError(
            f"topic {route.topic} is not the one that its position was written beside: it was deleted, "
            "and is a new one now, which lacks what was published",
            remedy=REFILL,
        )
    if _takes_the_place(route, stored, lane):
        raise ConfigError(
            f"it published to {', '.join(sorted(stored.partitions))}, and topic {route.topic} lacks that",
            remedy=REFILL,
        )


def _must_write_keys_as_before(lane: Lane, stored: Stored) -> None:
    """Else a row would have two keys in its topic, of which the former one stays there for ever."""
    tables = {table.name: lane.policy.table(table) for table in lane.stream.tables}
    for name, route in lane.routes.items():
        if route.topic not in stored.partitions or _is_made_anew(route, stored):
            continue
        for column, option in written_otherwise(tables[name], stored.encoder, lane.encoder):
            was = stored.encoder[option]
            raise ConfigError(
                f"column {column} tells the rows of table {abridged(name)} apart, and `encoder: {option}` was"
                f" {was}: in topic {route.topic} they have other keys than they would get now",
                remedy=f"set `{option}: {was}` again, or another `topic:` for the stream, which {REFILL_IT};"
                f" to leave the former keys where they are, `positions accept`",
            )


def _must_take_all(topic: str, found: Described, table: str) -> None:
    """Events without a key, too: a broker that refuses one refuses the transaction, and all that is in it."""
    if "compact" in found.config.get("cleanup.policy", ""):
        raise ConfigError(
            f"topic {topic} is compacted, and takes no event of table {table}, which has no key",
            remedy="set its cleanup.policy to delete, or give the table a key; then `resume`",
        )


def _must_have_a_key(table: Table) -> None:
    if not table.key:
        raise ConfigError(
            f"table {abridged(table.name)} has no key, so that a rescan could not find what it missed",
            remedy="set `on_gap: park` for the stream, or give the table a key",
        )


def _collisions(
    names: Mapping[str, Mapping[str, str]], stored: Mapping[str, Stored]
) -> Iterator[tuple[str, ConfigError]]:
    """Streams that must wait, since a table's topic is, or excludes, another's: who has used it goes on."""
    takers: dict[str, list[tuple[str, str, str]]] = {}
    for stream, tables in names.items():
        for table, topic in tables.items():
            takers.setdefault(unified(topic), []).append((stream, table, topic))
    for group in takers.values():
        users = {stream for stream, _, topic in group if topic in _used(stored.get(stream))}
        for stream, table, topic in group:
            others = [each for each in group if each[1] != table]
            rivals = [each for each in others if each[0] == stream or users != {stream}]
            if rivals:
                yield stream, _collision(table, topic, *rivals[0][1:])


def _used(stored: Stored | None) -> Mapping[str, int]:
    return stored.partitions if stored else {}


def _collision(table: str, topic: str, other: str, others: str) -> ConfigError:
    tables = f"the tables {abridged(other)} and {abridged(table)}"
    if topic == others:
        return ConfigError(f"{tables} both go to topic {abridged(topic)}", remedy=REMEDY)
    text = f"{tables} go to topics {abridged(others)} and {abridged(topic)}, which Kafka takes for one"
    return ConfigError(text, remedy=REMEDY)

"""Whether a stream may start: its topics, its stored position, and everything that parks it instead.

A stream never starts from scratch in silence: a position of another database, of a newer version, of a
topic that was re-partitioned, or no position beside a topic that is not empty waits for `positions accept`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.config.options import ConnectorSettings
from bridge.config.options import Topics as TopicOptions
from bridge.contract import CONTRACT_VERSION, Stream
from bridge.errors import BridgeError, ConfigError, TransientError
from bridge.policy import Policy
from bridge.positions import Paused, Stored
from bridge.progress import Progress
from bridge.topics import Cluster, Described, Wanted, event_topic, no_collisions

ACCEPT = "if that is right, run `legacy-bridge positions accept`"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a table's events go."""

    topic: str
    max_bytes: int
    partitions: int
    created: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """All the task needs to publish one stream."""

    stream: Stream
    policy: Policy
    routes: Mapping[str, Route]
    kind: str
    version: int

    def stored(self, position: object) -> Stored:
        partitions = {route.topic: route.partitions for route in self.routes.values()}
        return Stored(position, self.kind, self.version, self.stream.identity, partitions)


class Admission:
    """Decides stream by stream; a failure of one parks that one alone."""

    def __init__(
        self, settings: ConnectorSettings, topics: Cluster, options: TopicOptions, position_version: int
    ) -> None:
        self._settings, self._topics, self._options = settings, topics, options
        self._version = position_version

    def admit(
        self, streams: Sequence[Stream], stored: Mapping[str, Stored], paused: Mapping[str, Paused]
    ) -> list[tuple[Progress, Lane | None]]:
        """Every stream with its progress; without a lane it is parked. Errors: TransientError from Kafka."""
        names = {stream.name: self._names(stream) for stream in streams}
        no_collisions((topic, table) for each in names.values() for table, topic in each.items())
        known = self._describe({topic for each in names.values() for topic in each.values()})
        return [self._one(each, names[each.name], known, stored.get(each.name), paused) for each in streams]

    def _names(self, stream: Stream) -> dict[str, str]:
        own = self._settings.stream(stream.name).topic
        template = own or self._options.template
        return {table.name: event_topic(template, self._settings.name, table.name) for table in stream.tables}

    def _describe(self, topics: set[str]) -> dict[str, Described | BridgeError]:
        """All topics in one go; when that is refused one by one, to find the culprit."""
        try:
            return dict(self._topics.ensure(self._wanted(topics)))
        except TransientError:
            raise
        except BridgeError:
            return {topic: self._describe_one(topic) for topic in topics}

    def _describe_one(self, topic: str) -> Described | BridgeError:
        try:
            return self._topics.ensure(self._wanted({topic}))[topic]
        except TransientError:
            raise
        except BridgeError as error:
            return error

    def _wanted(self, topics: set[str]) -> list[Wanted]:
        return [Wanted(topic, self._options.partitions) for topic in sorted(topics)]

    def _one(
        self,
        stream: Stream,
        names: Mapping[str, str],
        known: Mapping[str, Described | BridgeError],
        stored: Stored | None,
        paused: Mapping[str, Paused],
    ) -> tuple[Progress, Lane | None]:
        progress = Progress(stream, self._settings.stream(stream.name), fresh=stored is None or stored.accept)
        pause = paused.get(stream.name) or paused.get("")
        progress.paused = pause.by if pause else None
        if stored is not None:
            progress.committed = progress.ahead = stored.position
            progress.version = stored.version
        try:
            lane = self._lane(stream, names, known)
            self._compare(lane, stored)
        except TransientError:
            raise
        except BridgeError as error:
            progress.parked = str(error)
            return progress, None
        return progress, lane

    def _lane(
        self, stream: Stream, names: Mapping[str, str], known: Mapping[str, Described | BridgeError]
    ) -> Lane:
        routes = {}
        for table, topic in names.items():
            found = known[topic]
            if isinstance(found, BridgeError):
                raise found
            routes[table] = Route(topic, found.max_message_bytes, found.partitions, found.created)
        policy = Policy(self._settings.stream(stream.name))
        policy.check(stream.tables)
        return Lane(stream, policy, routes, self._settings.kind, self._version)

    def _compare(self, lane: Lane, stored: Stored | None) -> None:
        """Raises the reason for which the stream must wait for an operator."""
        if stored is None:
            return self._must_be_empty(lane)
        if stored.accept:
            return None
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
        for route in lane.routes.values():
            was = stored.partitions.get(route.topic, route.partitions)
            if was != route.partitions:
                raise ConfigError(
                    f"topic {route.topic} had {was} partitions and now has {route.partitions}, "
                    "which breaks the order of its keys",
                    remedy=ACCEPT,
                )
        return None

    def _must_be_empty(self, lane: Lane) -> None:
        for route in lane.routes.values():
            if not route.created and not self._topics.is_empty(route.topic, route.partitions):
                raise ConfigError(
                    f"there is no position, but topic {route.topic} has records: a start would repeat them",
                    remedy=ACCEPT,
                )

"""Topics: their names, and that they are there with the settings exactly once needs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from bridge import kafka, reach
from bridge.config.options import RESERVED_RULE, is_reserved
from bridge.config.options import Topics as TopicOptions
from bridge.errors import ConfigError, CredentialsError, Stopped, TransientError
from bridge.refusals import REMEDY, Exists, Unknown, translated, vanished

CALL_S = 10.0
STEP_S = 0.1
MADE_LOOKS = 20
DOWN_S = 2.0
"""How long to wait for an answer although no broker can be reached: the next attempt may succeed."""
DEFAULT_MAX_BYTES = 1_048_588
NO_ID = "A" * 22
_FORBIDDEN = re.compile(r"[^A-Za-z0-9._-]")
_MAX_NAME = 249
_SHOWN = 60
"""Characters of a name that are told."""

COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.bytes": str(32 * 1024 * 1024),
    "segment.ms": str(6 * 3600 * 1000),
}
"""Read whole at every start, so old segments must be compacted early."""

KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": str(12 * 1024 * 1024)}
"""Dead letters stay until an operator has dealt with them; one may hold an event too large for its topic."""


def dead_letters(connector: str) -> str:
    return f"_bridge.dead-letters.{connector}"


def event_topic(template: str, connector: str, table: str) -> str:
    """The topic of a table; what Kafka forbids in a name becomes `_`. Errors: ConfigError."""
    name = _FORBIDDEN.sub("_", template.format(connector=connector, table=table))
    if len(name) > _MAX_NAME:
        text = f"the topic name {abridged(name)} has {len(name)} characters, Kafka takes {_MAX_NAME}"
        raise ConfigError(text, remedy=REMEDY)
    if name in ("", ".", ".."):
        raise ConfigError(f"{name!r} is no topic name", remedy=REMEDY)
    if is_reserved(name):
        raise ConfigError(f"the topic name {abridged(name)} begins as {RESERVED_RULE}", remedy=REMEDY)
    return name


def unified(topic: str) -> str:
    """Names that are equal in this form exclude each other: Kafka's metrics read `.` as `_`."""
    return topic.replace(".", "_")


def abridged(name: str) -> str:
    """For a message."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic the connector needs; `required` settings must hold, the others are for its creation."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    required: Mapping[str, str] = field(default_factory=dict)
    exact: bool = False
    """The partition count is part of the requirement."""


@dataclass(frozen=True, slots=True)
class Described:
    partitions: int
    max_message_bytes: int
    config: Mapping[str, str]
    created: bool
    """It did not exist before, so it is empty."""
    id: str = ""
    """Another one when the topic was deleted and made anew."""


class Shape(NamedTuple):
    """What must not change while a stream publishes to a topic; the id is empty where it is not known."""

    partitions: int
    id: str

    def fits(self, was: Shape) -> bool:
        return self.partitions == was.partitions and (self.id == was.id or not (self.id and was.id))


class Ends(NamedTuple):
    """Where the partitions of a topic end, and which topic of that name it is."""

    id: str
    offsets: list[int]


def internal(positions: str, letters: str) -> tuple[Wanted, Wanted]:
    """The topics every connector has."""
    return (compacted(positions), Wanted(letters, 1, KEPT))


def compacted(name: str) -> Wanted:
    """A topic of the bridge's own records, of which the last of each key is kept."""
    return Wanted(name, 1, COMPACTED, {"cleanup.policy": "compact"}, exact=True)


class Cluster(Protocol):
    """What admission asks of `Topics`."""

    def ensure(self, wanted: Iterable[Wanted]) -> dict[str, Described]: ...
    def shapes(self, names: Iterable[str]) -> dict[str, Shape]: ...
    def is_empty(self, name: str, partitions: int) -> bool: ...


class Topics:
    """Creates or checks topics through Kafka's admin protocol. Errors: ConfigError, TransientError."""

    _rehearsed = False
    """Missing topics are not created, only judged by the broker as if they were."""

    def __init__(self, settings: Mapping[str, Any], options: TopicOptions, stop: Event | None = None) -> None:
        self._stop = stop or Event()
        self._admin: AdminClient = kafka.admin(settings, error_cb=self._on_error)
        self._options = options
        self._tools = kafka.tools(settings)
        self._producer_limit = kafka.largest_event(settings)
        self._brokers = reach.addresses(settings)
        self._refused: str | None = None
        self._failure = "no connection"
        """What was last heard of one that could not be made."""
        self._down = False
        """No broker could be reached, as far as was heard."""

    def ensure(self, wanted: Iterable[Wanted]) -> dict[str, Described]:
        """Every wanted topic described, after the missing ones were created (or refused)."""
        by_name = {each.name: each for each in wanted}
        found = self.shapes(by_name)
        missing = [each for name, each in by_name.items() if name not in found]
        if missing:
            self._create(missing)
            found |= self._made(missing)
        described = {}
        for name, config in self._configs(by_name).items():
            partitions, number = found[name]
            described[name] = Described(
                partitions, self._max_bytes(config), config, by_name[name] in missing, number
            )
        for name, each in by_name.items():
            _check(each, described[name], self._tools)
        return described

    def _made(self, wanted: Sequence[Wanted]) -> dict[str, Shape]:
        """What was just created, which a broker may take a moment to know."""
        made: dict[str, Shape] = {}
        for _ in range(MADE_LOOKS):
            made = self.shapes(each.name for each in wanted)
            if self._rehearsed or len(made) == len(wanted) or self._stop.wait(STEP_S):
                break
        unseen = Shape(0, "")
        return {each.name: Shape(each.partitions, made.get(each.name, unseen).id) for each in wanted}

    def look(self, names: Iterable[str]) -> dict[str, Described]:
        """Those of the topics that exist; creates nothing and refuses nothing."""
        found = self._describe(names)
        return {
            name: Described(
                len(found[name].partitions),
                self._max_bytes(config),
                config,
                created=False,
                id=str(found[name].topic_id),
            )
            for name, config in self._configs(found).items()
        }

    def ends(self, name: str) -> Ends:
        """Those that every record to come is behind."""
        found = self._describe([name])
        if name not in found:
            raise vanished(name)
        topic = found[name]
        return Ends(str(topic.topic_id), self._offsets(name, len(topic.partitions), OffsetSpec.latest()))

    def is_empty(self, name: str, partitions: int) -> bool:
        """Whether no record is left in the topic (transaction markers count as records)."""
        ends = self._offsets(name, partitions, OffsetSpec.latest())
        starts = self._offsets(name, partitions, OffsetSpec.earliest())
        return ends == starts

    def _offsets(self, name: str, partitions: int, spec: OffsetSpec) -> list[int]:
        asked = {TopicPartition(name, each): spec for each in range(partitions)}
        answers = self._admin.list_offsets(asked, request_timeout=CALL_S)
        try:
            return [self._result(future, name).offset for future in answers.values()]
        except Unknown:
            raise vanished(name) from None

    def partitions(self, names: Iterable[str]) -> dict[str, int]:
        """The partition counts of those that exist."""
        return {name: shape.partitions for name, shape in self.shapes(names).items()}

    def shapes(self, names: Iterable[str]) -> dict[str, Shape]:
        """Those of the topics that exist."""
        found = self._describe(names)
        return {name: Shape(len(topic.partitions), _id(topic)) for name, topic in found.items()}

    def _describe(self, names: Iterable[str]) -> dict[str, Any]:
        """Name -> confluent_kafka's TopicDescription, of those that exist."""
        found: dict[str, Any] = {}
        asked = list(names)
        if not asked:
            return found  # which the client refuses to ask
        answers = self._admin.describe_topics(TopicCollection(asked), request_timeout=CALL_S)
        for name, future in answers.items():
            try:
                found[name] = self._result(future, name)
            except Unknown:
                continue
        return found

    def _configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        if not resources:
            return {}  # which the client refuses to ask
        answers = self._admin.describe_configs(resources, request_timeout=CALL_S)
        configs = {}
        for resource, future in answers.items():
            try:
                configs[resource.name] = {
                    key: str(entry.value) for key, entry in self._result(future, resource.name).items()
                }
            except (Unknown, ConfigError):
                configs[resource.name] = {}
        return configs

    def _create(self, missing: list[Wanted]) -> None:
        if self._options.on_missing == "require":
            commands = (create_command(each, self._options.replication, self._tools) for each in missing)
            raise ConfigError(
                f"topics are missing: {', '.join(each.name for each in missing)}",
                remedy=f"create them (`doctor` names all): {'; '.join(commands)}",
            )
        news = [
            NewTopic(each.name, each.partitions, self._options.replication or -1, config=dict(each.config))
            for each in missing
        ]
        answers = self._admin.create_topics(news, request_timeout=CALL_S, validate_only=self._rehearsed)
        for name, future in answers.items():
            try:
                self._result(future, name)
            except Exists:
                continue

    def _result(self, future: Future[Any], name: str) -> Any:
        """What Kafka answered; refused credentials end the wait, since every new attempt counts."""
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < CALL_S + 1:
            if self._stop.is_set():
                raise Stopped("asked to stop while Kafka did not answer")
            self._admin.poll(0)
            self._must_go_on(waited)
            try:
                answer = future.result(timeout=STEP_S)
            except TimeoutError:
                continue
            except KafkaException as error:
                raise translated(error.args[0], name, self._brokers) from error
            self._down = False
            return answer
        raise TransientError(f"Kafka at {self._brokers} did not answer about topic {name}")

    def _must_go_on(self, waited: float) -> None:
        if self._refused is not None:
            remedy = "check `kafka:`, then `resume`"
            raise CredentialsError(f"Kafka refuses the credentials: {self._refused}", remedy=remedy)
        if self._down and waited > DOWN_S:
            self._down = False
            raise TransientError(f"Kafka at {self._brokers} cannot be reached: {self._failure}")

    def _max_bytes(self, config: Mapping[str, str]) -> int:
        return min(int(config.get("max.message.bytes", DEFAULT_MAX_BYTES)), self._producer_limit)

    def _on_error(self, error: KafkaError) -> None:
        match error.code():
            case KafkaError._AUTHENTICATION if kafka.refuses(error):
                self._refused = kafka.reason(error)
            case KafkaError._AUTHENTICATION:
                self._down, self._failure = True, kafka.reason(error)
            case KafkaError._ALL_BROKERS_DOWN:
                self._down = True
            case KafkaError._TRANSPORT | KafkaError._RESOLVE | KafkaError._SSL:
                self._failure = reach.cleaned(error.str())


def _id(topic: Any) -> str:
    """Brokers before 2.8 have none, and say zero."""
    found = str(topic.topic_id)
    return "" if found == NO_ID else found


def _check(wanted: Wanted, found: Described, tools: str) -> None:
    if wanted.exact and found.partitions != wanted.partitions:
        raise ConfigError(
            f"topic {wanted.name} has {found.partitions} partitions and must have {wanted.partitions}",
            remedy="move it away and create it again",
        )
    for key, value in wanted.required.items():
        if found.config.get(key, value) != value:
            raise ConfigError(
                f"topic {wanted.name} has {key}={found.config[key]} and must have {value}",
                remedy=f"kafka-configs.sh {tools} --alter --entity-type topics "
                f"--entity-name {wanted.name} --add-config {key}={value}",
            )


def create_command(wanted: Wanted, replication: int | None, tools: str) -> str:
    """The command with which an administrator creates the topic; `tools` as of bridge.kafka."""
    settings = "".join(f" --config {key}={value}" for key, value in wanted.config.items())
    factor = f" --replication-factor {replication}" if replication else ""
    return (
        f"kafka-topics.sh {tools} --create --topic {wanted.name} "
        f"--partitions {wanted.partitions}{factor}{settings}"
    )

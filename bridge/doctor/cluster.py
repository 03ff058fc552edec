"""The brokers and topics, as far as Kafka lets one see them, held against what exactly once needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from bridge import kafka, reach
from bridge.config.options import OnMissing, Settings
from bridge.contract import Finding, Level
from bridge.doctor.settings import judge_settings
from bridge.errors import TransientError
from bridge.topics import CALL_S, DEFAULT_MAX_BYTES

TRANSACTIONS = "__transaction_state"
OWN = "_bridge."
"""What the bridge writes there fits, whatever the limits."""
EVENTS = {AclOperation.WRITE, AclOperation.DESCRIBE}
INTERNAL = EVENTS | {AclOperation.READ}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that has answered."""

    settings: Settings
    admin: AdminClient
    about: Any
    """confluent_kafka's DescribeClusterResult"""
    configs: Mapping[int, Mapping[str, str]]
    """Broker id -> its settings; empty where they may not be read."""
    down: Sequence[int]
    """Brokers that have replicas and are not there."""

    @classmethod
    def reach(cls, settings: Settings) -> Self:
        """Errors: TransientError, CredentialsError."""
        admin = reach.cluster(settings.kafka)
        try:
            asked = admin.describe_cluster(include_authorized_operations=True, request_timeout=CALL_S)
            about = asked.result(CALL_S + 1)
            used = _used(admin)
        except TimeoutError as error:
            raise TransientError("the cluster cannot be described: no answer") from error
        except KafkaException as error:
            raise TransientError(f"the cluster cannot be described: {kafka.reason(error)}") from error
        up = [node.id for node in about.nodes]
        return cls(settings, admin, about, dict(_configs(admin, up)), sorted(used.difference(up)))

    @property
    def brokers(self) -> int:
        """How many there are, with those that are down."""
        return len(self.about.nodes) + len(self.down)

    def findings(self) -> Iterator[Finding]:
        """Findings about the brokers."""
        text = f"{self.brokers} broker{'s' * (self.brokers != 1)} of cluster {self.about.cluster_id}"
        yield Finding(Level.OK, text)
        if self.down:
            text = f"down: {', '.join(f'broker {each}' for each in self.down)}, which should hold replicas"
            yield Finding(Level.WARNING, text, "start what is down, or move its replicas to others")
        if not self.configs:
            text = "the brokers' settings may not be read, so replication is not judged"
            yield Finding(Level.WARNING, text, "grant DescribeConfigs on the cluster")
        yield from judge_settings(self.brokers, self.configs, self.settings)
        yield from self._health_of(TRANSACTIONS)

    # -- topics

    def topics(self, names: Sequence[str]) -> Iterator[Finding]:
        """Findings about those of a connector's topics that exist."""
        described = self._describe(names)
        limits = self._limits(described)
        for name, topic in described.items():
            yield from _replicas(name, topic, self.brokers, limits[name])
            if not name.startswith(OWN):
                yield from _sizes(name, limits[name], self.settings)
            yield from _granted(name, topic, kafka.tools(self.settings.kafka))
        if len(described) < len(set(names)) and self.settings.topics.on_missing is OnMissing.CREATE:
            yield from self._may_create()

    def _health_of(self, name: str) -> Iterator[Finding]:
        described = self._describe([name])
        limits = self._limits(described)
        for found, topic in described.items():
            yield from _replicas(found, topic, self.brokers, limits[found])

    def _describe(self, names: Iterable[str]) -> dict[str, Any]:
        """Topic -> confluent_kafka's TopicDescription, of those that may be seen."""
        wanted = TopicCollection(list(dict.fromkeys(names)))
        asked = self.admin.describe_topics(wanted, include_authorized_operations=True, request_timeout=CALL_S)
        return dict(_answered(asked.items()))

    def _limits(self, names: Iterable[str]) -> dict[str, Mapping[str, str]]:
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        if not resources:
            return {}
        asked = self.admin.describe_configs(resources, request_timeout=CALL_S)
        found = {resource.name: _plain(entries) for resource, entries in _answered(asked.items())}
        return {name: found.get(name, {}) for name in names}

    # -- permissions

    def _may_create(self) -> Iterator[Finding]:
        allowed = self.about.authorized_operations
        if allowed and AclOperation.CREATE not in allowed:
            yield Finding(
                Level.WARNING,
                "topics are missing, and Create is not granted on the cluster (on single topics it may be)",
                "grant Create, or create the topics and write `topics: require`",
            )

    def permissions(self, connector: str) -> Iterator[Finding]:
        """Whether the transactional id may be used, as far as that can be seen."""
        name = f"bridge.{connector}"
        checked = any(config.get("authorizer.class.name") for config in self.configs.values())
        if self.configs and not checked:
            return
        command = (
            f"kafka-acls.sh {kafka.tools(self.settings.kafka)} --add --allow-principal User:NAME "
            f"--operation Write --transactional-id {name}"
        )
        visible = self._bindings()
        if visible is None:
            yield Finding(Level.OK, f"whether transactional id {name} may be used cannot be seen; {command}")
        elif not any(_allows(binding, name) for binding in visible):
            yield Finding(
                Level.WARNING, f"no ACL lets anybody but a super user use transactional id {name}", command
            )

    def _bindings(self) -> Sequence[AclBinding] | None:
        """The ACLs for transactional ids; None when they may not be seen (librdkafka says none, then)."""
        if AclOperation.DESCRIBE not in (self.about.authorized_operations or ()):
            return None
        anything: Any = None
        wanted = AclBindingFilter(
            ResourceType.TRANSACTIONAL_ID, anything, ResourcePatternType.ANY, anything, anything,
            AclOperation.ANY, AclPermissionType.ALLOW,
        )  # fmt: skip
        try:
            found: Sequence[AclBinding] = self.admin.describe_acls(wanted, request_timeout=CALL_S).result(
                CALL_S
            )
        except (KafkaException, TimeoutError):
            return None
        return found


def _used(admin: AdminClient) -> set[int]:
    """Brokers that topics are kept on, as far as these may be seen. Errors: KafkaException."""
    topics = admin.list_topics(timeout=CALL_S).topics.values()
    return {broker for topic in topics for part in topic.partitions.values() for broker in part.replicas}


def _configs(admin: AdminClient, brokers: Sequence[int]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """One request a broker: each answers for itself alone."""
    for broker in brokers:
        asked = admin.describe_configs(
            [ConfigResource(ResourceType.BROKER, str(broker))], request_timeout=CALL_S
        )
        for _, entries in _answered(asked.items()):
            yield broker, _plain(entries)


def _answered(asked: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """What was refused, or does not exist, is left out."""
    for what, future in asked:
        try:
            yield what, future.result(CALL_S + 1)
        except (KafkaException, TimeoutError):
            continue


def _plain(entries: Mapping[str, Any]) -> dict[str, str]:
    return {name: entry.value for name, entry in entries.items() if entry.value is not None}


def _replicas(name: str, topic: Any, brokers: int, config: Mapping[str, str]) -> Iterator[Finding]:
    """`topic`: confluent_kafka's TopicDescription."""
    least = int(config.get("min.insync.replicas", 1))
    parts = topic.partitions
    if leaderless := [each.id for each in parts if each.leader is None or each.leader.id < 0]:
        yield Finding(
            Level.CRITICAL, f"topic {name}: partitions {leaderless} have no leader", "start the brokers"
        )
    elif behind := [each.id for each in parts if len(each.isr) < min(least, len(each.replicas))]:
        text = (
            f"topic {name}: partitions {behind} have fewer than {least} replicas in sync and take no writes"
        )
        yield Finding(Level.CRITICAL, text, "start the brokers that are down")
    elif late := [each.id for each in parts if len(each.isr) < len(each.replicas)]:
        text = f"topic {name}: partitions {late} have replicas that are behind"
        yield Finding(Level.WARNING, text, "see whether a broker is down")
    fewest = min((len(each.replicas) for each in parts), default=brokers)
    if fewest == 1 < brokers:
        yield Finding(
            Level.WARNING,
            f"topic {name} has one replica: with its broker, its records are gone",
            "kafka-reassign-partitions.sh gives it more",
        )
    elif least > fewest:
        text = f"topic {name}: min.insync.replicas={least}, but it has {fewest} replicas: it takes no writes"
        yield Finding(Level.CRITICAL, text, f"set min.insync.replicas of {name} to {max(1, fewest - 1)}")


def _sizes(name: str, config: Mapping[str, str], settings: Settings) -> Iterator[Finding]:
    topic = int(config.get("max.message.bytes", DEFAULT_MAX_BYTES))
    producer = kafka.largest_event(settings.kafka)
    if producer < topic:
        yield Finding(
            Level.WARNING,
            f"topic {name} takes {topic:,} bytes, the producer {producer:,}; larger events are dead letters",
            "raise message.max.bytes and queue.buffering.max.kbytes under `kafka:`",
        )


def _granted(name: str, topic: Any, tools: str) -> Iterator[Finding]:
    """A broker that was not asked, or checks nothing, names no operations, or all."""
    allowed = set(topic.authorized_operations or ())
    needed = INTERNAL if name.startswith(OWN) else EVENTS
    if allowed and (missing := needed - allowed):
        words = sorted(operation.name.capitalize() for operation in missing)
        options = " ".join(f"--operation {word}" for word in words)
        yield Finding(
            Level.CRITICAL,
            f"topic {name}: not granted: {', '.join(words)}",
            f"kafka-acls.sh {tools} --add --allow-principal User:NAME {options} --topic {name}",
        )


def _allows(binding: AclBinding, name: str) -> bool:
    if binding.operation not in (AclOperation.WRITE, AclOperation.ALL):
        return False
    if binding.resource_pattern_type is ResourcePatternType.PREFIXED:
        return name.startswith(binding.name)
    return binding.name in (name, "*")

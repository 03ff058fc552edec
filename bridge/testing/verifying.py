"""`verify` as it is, over a Kafka in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from unittest.mock import patch

from bridge.committed import Bounds, behind, ends
from bridge.config.options import ConnectorSettings, Settings
from bridge.contract import Connector
from bridge.redact import Redactor
from bridge.testing.fakes import FakeKafka, FakePositions, Record
from bridge.topics import DEFAULT_MAX_BYTES, Described
from bridge.verify import Report, Verification

MOST = 1_000


@dataclass(frozen=True, slots=True)
class _Message:
    """As much of confluent_kafka's as is looked at."""

    at: int
    record: Record

    def key(self) -> bytes | None:
        return self.record.key

    def value(self) -> bytes | None:
        return self.record.value

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at


class _Committed:
    """Stands where `bridge.committed` does."""

    behind, ends = staticmethod(behind), staticmethod(ends)

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    def bounds(self, _settings: object, topics: Iterable[str]) -> Bounds:
        known = self._kafka.topics
        return {(name, 0): (0, len(known[name])) for name in topics if name in known}

    def messages(self, _settings: object, within: Bounds) -> Iterator[tuple[str, list[_Message]]]:
        for (name, _), (first, end) in within.items():
            yield name, [_Message(*each) for each in self._kafka.visible(name) if first <= each[0] < end]


class _Topics:
    """Stands where `bridge.topics.Topics` does, for those that only look."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    def look(self, names: Iterable[str]) -> dict[str, Described]:
        kafka = self._kafka
        sizes = {name: kafka.max_bytes.get(name, DEFAULT_MAX_BYTES) for name in names if name in kafka.topics}
        return {
            name: Described(kafka.partitions.get(name, 1), size, {}, created=False)
            for name, size in sizes.items()
        }


def verified(kafka: FakeKafka, settings: ConnectorSettings, source: Connector) -> Report:
    """What `verify` says of the connector, whose `source` is open. Nobody is asked for one more scan."""
    whole = Settings(
        name="here", kafka={"bootstrap.servers": "nowhere:9092"}, connectors={settings.name: settings}
    )
    ledger = FakePositions(kafka, settings.name).glance()
    with ExitStack() as stack:
        for name, stand_in in {
            "committed": _Committed(kafka),
            "positions.known": lambda *_: ledger,
            "Topics": lambda *_: _Topics(kafka),
            "wait_for_scans": lambda *_: {},
        }.items():
            stack.enter_context(patch(f"bridge.verify.{name}", stand_in))
        return Verification(whole, settings.name, Redactor(()), lambda *_: None, MOST).run(source, ())

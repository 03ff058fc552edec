"""What the engine would do with a connector's streams, found out without creating or writing anything."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from bridge import kafka, positions
from bridge.admission import Admission, Lane
from bridge.config.options import OnMissing, Settings
from bridge.contract import Connector, Stream
from bridge.errors import CredentialsError, TransientError
from bridge.positions import Ledger
from bridge.schedule import Progress
from bridge.topics import Topics, Wanted

REACH_S = 5.0
_WHEN = re.compile(r" \(after \d+ms in state \w+[^)]*\)")
"""librdkafka's own timing, which helps nobody here."""
HOPELESS = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError._RESOLVE,
)


def reach(kafka_settings: Mapping[str, Any], patience_s: float = REACH_S) -> AdminClient:
    """A client that has heard from the cluster. Errors: TransientError, CredentialsError, saying why not."""
    heard: list[KafkaError] = []
    admin = kafka.admin(kafka_settings, error_cb=heard.append, log_level=0)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            admin.list_topics(timeout=0.5)
            return admin
        except KafkaException as error:
            admin.poll(0.1)
            hopeless = any(each.code() in HOPELESS for each in heard)
            if hopeless or time.monotonic() > deadline:
                raise _unreachable(heard, error) from None


def _unreachable(heard: Sequence[KafkaError], last: KafkaException) -> CredentialsError | TransientError:
    """The most telling of what librdkafka reported; that all brokers are down only sums it up."""
    telling = [each for each in heard if each.code() != KafkaError._ALL_BROKERS_DOWN]
    text = _WHEN.sub("", kafka.reason(telling[-1] if telling else last))
    if any(each.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL) for each in heard):
        return CredentialsError(f"Kafka refuses the connection: {text}", remedy="check the security settings")
    return TransientError(
        f"Kafka cannot be reached: {text}", remedy="check bootstrap.servers and the network"
    )


class Rehearsal(Topics):
    """Judges topics as the engine does, but a missing one that it would create counts as there, and empty."""

    def _create(self, missing: list[Wanted]) -> None:
        if self._options.on_missing is OnMissing.REQUIRE:
            super()._create(missing)


def stored(settings: Settings, connector: str) -> Ledger:
    """The connector's records, seen without fencing anybody; none where there is no topic yet."""
    name = positions.topic(connector)
    if not Topics(settings.kafka, settings.topics).look([name]):
        return Ledger()
    return positions.glance(settings.kafka, connector, Event())


def admitted(
    settings: Settings, connector: str, source: Connector, streams: Sequence[Stream], ledger: Ledger
) -> list[tuple[Progress, Lane | None]]:
    """As the engine would admit them at its next start; without a lane a stream would be parked."""
    topics = Rehearsal(settings.kafka, settings.topics)
    options = settings.connectors[connector]
    admission = Admission(options, topics, settings.topics, source.position_version)
    return admission.admit(streams, ledger.streams, ledger.pauses)

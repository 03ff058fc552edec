"""Is there a Kafka at all? What commands ask first, so that the answer comes soon and says what to mend."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from bridge import kafka
from bridge.errors import CredentialsError, TransientError

PATIENCE_S = 8.0
HANDSHAKE_MS = 4_000
"""For the connection, and for the first answer: librdkafka says what is wrong only when they have run out."""
WAITS_S = (0.5, 1.0, 2.0)
"""For the list of topics, which can be long; in between we see what has been heard meanwhile."""
ADVERTISED_S = 3.0

_WHERE = re.compile(r"^(?:\[[^\]]*\]:? )*(?:\w+://)?(?P<address>\S+)/(?:bootstrap|(?P<broker>\d+)): ")
"""librdkafka's place: an address as configured, or one that the cluster has given for a broker."""
_WHEN = re.compile(r" \(after \d+ms in state (?:[^()]|\(\w*\))*\)")
_ABOUT_US = re.compile(r": receive 0 after POLLIN")
_NO_KAFKA = re.compile(r"ApiVersionRequest failed|Timed out \d+ in-flight|Invalid response size|^$")
_STRANGER = "it does not answer as a Kafka broker does"
_PROTOCOL = re.compile(rf"{_STRANGER}|SSL|Disconnected|closed by peer")


class _Heard(logging.Handler):
    """What librdkafka says while it tries: errors, and the log lines that tell more than they do."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: list[KafkaError] = []
        self.lines: list[str] = []
        self.logger = logging.Logger("reach", logging.WARNING)  # noqa: LOG001 - nobody else shall hear it
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        facility, _, line = record.getMessage().partition(" ")
        if facility == "FAIL":
            self.lines.append(line)

    def says(self, *codes: int) -> bool:
        return any(each.code() in codes for each in self.errors)

    @property
    def refused(self) -> bool:
        """There is no second attempt then: accounts lock."""
        return self.says(KafkaError._SSL) or any(map(kafka.refuses, self.errors))

    @property
    def telling(self) -> str:
        """That all brokers are down only sums it up."""
        errors = [each.str() for each in self.errors if each.code() != KafkaError._ALL_BROKERS_DOWN]
        return (errors or self.lines or [""])[-1]


def cluster_id(settings: Mapping[str, Any]) -> str | None:
    """Kafka's own name of the cluster, if it has one. Errors: as of `cluster`."""
    admin = cluster(settings)
    try:
        return admin.list_topics(timeout=PATIENCE_S).cluster_id
    except KafkaException as error:
        raise TransientError(f"cannot ask Kafka which cluster it is: {kafka.reason(error)}") from error


def cluster(settings: Mapping[str, Any], patience_s: float = PATIENCE_S) -> AdminClient:
    """A client that has heard from the cluster. Errors: TransientError, CredentialsError, saying why not."""
    heard = _Heard()
    admin = kafka.admin(
        settings,
        **{
            "socket.connection.setup.timeout.ms": HANDSHAKE_MS,
            "api.version.request.timeout.ms": HANDSHAKE_MS,
            "error_cb": heard.errors.append,
            "logger": heard.logger,
        },
    )
    deadline = time.monotonic() + patience_s
    for wait in chain(WAITS_S, repeat(WAITS_S[-1])):
        try:
            brokers = admin.list_topics(timeout=wait).brokers.values()
        except KafkaException:
            admin.poll(0.1)
            # Once, all known brokers can be down because only some of them are known.
            down = wait > WAITS_S[0] and heard.says(KafkaError._ALL_BROKERS_DOWN)
            if down or heard.refused or time.monotonic() > deadline:
                break
        else:
            _advertised(settings, [(str(each.host), int(each.port)) for each in brokers])
            return admin
    raise _unreachable(settings, heard)


def addresses(settings: Mapping[str, Any]) -> str:
    """The brokers as configured, for a message."""
    return ", ".join(each.strip() for each in kafka.brokers(settings).split(","))


def _unreachable(settings: Mapping[str, Any], heard: _Heard) -> CredentialsError | TransientError:
    said = cleaned(heard.telling)
    if heard.refused:
        remedy = "check security.protocol, sasl.* and ssl.* under `kafka:`"
        return CredentialsError(
            f"Kafka at {addresses(settings)} refuses the connection: {said}", remedy=remedy
        )
    if heard.says(KafkaError._AUTHENTICATION):
        remedy = "check sasl.oauthbearer.*, and whether what gives out the tokens answers"
        return TransientError(f"no way into Kafka at {addresses(settings)}: {said}", remedy=remedy)
    place = _WHERE.search(heard.telling)
    if place and place["broker"]:
        return _elsewhere(settings, f"{place['address']} ({said})")
    protocol = _PROTOCOL.search(said)
    check = "port, security.protocol and the broker" if protocol else "bootstrap.servers, network and broker"
    return TransientError(
        f"Kafka at {addresses(settings)} cannot be reached: {said}", remedy=f"check {check}"
    )


def cleaned(said: str) -> str:
    """librdkafka's words on a connection, without where, when and how often."""
    if _NO_KAFKA.search(said):
        return _STRANGER
    return _ABOUT_US.sub("", _WHEN.sub("", _WHERE.sub("", said))).rstrip(": ")


def _advertised(settings: Mapping[str, Any], brokers: Sequence[tuple[str, int]]) -> None:
    """Clients go on at the addresses the brokers give, which need not be the ones they were found at."""
    failures = []
    for host, port in brokers:
        try:
            socket.create_connection((host, port), ADVERTISED_S / len(brokers)).close()
        except OSError as error:
            failures.append(f"{host}:{port} ({error.strerror or error})")
        else:
            return
    if failures:
        raise _elsewhere(settings, ", ".join(failures))


def _elsewhere(settings: Mapping[str, Any], brokers: str) -> TransientError:
    return TransientError(
        f"Kafka at {addresses(settings)} refers to brokers that cannot be reached: {brokers}",
        remedy="check the brokers' advertised.listeners, and names and network here",
    )

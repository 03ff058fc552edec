"""What the measures of the spine share: a broker, a database behind JDBC, folders, and an ear at a topic."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bridge.testing.daemon import DaemonProcess
from bridge.testing.databases import H2Server
from bridge.testing.kafka import KafkaBroker, qualify

PATIENCE_S = 60.0
OPTIMIZING = ("-Xmx512m", "-XX:+UseSerialGC")
"""H2's options of Java: all of the JIT."""
TABLE = "PUBLIC.ORDERS"


class Stage:
    """Servers that have been used before, as they are in a company."""

    def __init__(self, folder: Path, broker: KafkaBroker, h2: H2Server) -> None:
        self._folder, self._h2 = folder, h2
        self.address = broker.address
        self._rows = 0
        h2.execute("CREATE TABLE orders (id BIGINT PRIMARY KEY, payload VARCHAR(100))")
        self.insert()

    def insert(self) -> None:
        """One more row into the database's table."""
        self._rows += 1
        self._h2.execute(f"INSERT INTO orders VALUES ({self._rows}, 'order {self._rows}')")

    def folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))

    def jdbc(self) -> dict[str, Any]:
        """The options of a connector to that table."""
        return {
            "kind": "jdbc", "url": self._h2.url, "user": self._h2.user, "password": "env:BENCH_PASSWORD",
            "interval": "1s", "streams": {TABLE: {"mode": "incrementing"}},
        }  # fmt: skip

    def daemon(self, connectors: Mapping[str, Any], **options: Any) -> DaemonProcess:
        environment = {"BENCH_PASSWORD": self._h2.password, **options.pop("environment", {})}
        return DaemonProcess(self.folder(), self.address, connectors, environment=environment, **options)


@contextmanager
def stage(java: Sequence[str]) -> Iterator[Stage]:
    """`java`: the broker's options; see bridge.testing.kafka."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with KafkaBroker(java=java) as broker, H2Server(java=OPTIMIZING) as h2:
            qualify(broker.address)  # also its first transactions, which are slow
            yield Stage(folder, broker, h2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Ear:
    """A consumer that waits at a topic of one partition, which it creates, for committed events."""

    def __init__(self, address: str, topic: str) -> None:
        admin = AdminClient({"bootstrap.servers": address})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "ear",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, 0)])
        self._consumer.poll(0.5)

    def hear(self) -> float:
        """Wait for the next event; the monotonic time at which it came."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            message = self._consumer.poll(0.5)
            if message is not None and message.error() is None:
                return time.monotonic()
        raise TimeoutError(f"no event within {PATIENCE_S:.0f} s")

    def drain(self, quiet_s: float) -> None:
        """Take events until none came for so long."""
        while self._consumer.poll(quiet_s) is not None:
            continue

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def ear(address: str, topic: str) -> Iterator[Ear]:
    listening = Ear(address, topic)
    try:
        yield listening
    finally:
        listening.close()


def fresh(what: str) -> str:
    """A connector's name that nobody has used."""
    return f"{what}-{uuid4().hex[:8]}"

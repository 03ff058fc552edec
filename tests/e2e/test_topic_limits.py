"""A topic may take less at a time than the producer likes to send."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.sqlite_source import SqliteSource

LIMIT = 20_000


@pytest.mark.slow
def test_record_batches_keep_below_a_topics_limit(broker: Broker, tmp_path: Path) -> None:
    name = f"erp-{uuid4().hex[:8]}"
    topic = f"{name}.orders"
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, 1, 1, config={"max.message.bytes": str(LIMIT)})])[topic].result(30)
    source = SqliteSource(tmp_path / "erp.db")
    source.insert(5_000)
    source.insert(1, payload="y" * LIMIT)
    source.insert(100)
    connector = {"kind": "sqlite", "path": str(source.path), "streams": {"orders": {}}}
    with DaemonProcess(tmp_path / "daemon", broker.address, {name: connector}) as daemon:
        wait_until(lambda: len(consume(broker.address, topic)) == 5_100, 40, "all but the one too large", 0.5)
        assert daemon.stream(name, "orders")["rejects"] == 1
    (letter,) = consume(broker.address, f"_bridge.dead-letters.{name}")
    assert letter.event["stage"] == "size"
    assert str(LIMIT) in letter.event["reason"]

"""A topic may take less than the producer likes to send: at a time, or at all."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.databases import DatabaseServer
from bridge.testing.kafka import Broker
from bridge.testing.sqlite_source import SqliteSource
from tests.e2e.evidence import Start, command, in_state, parked_stream

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


@pytest.mark.slow
def test_a_topic_that_is_compacted_in_mid_run_parks_the_stream_without_a_key_and_no_other(
    h2: DatabaseServer, broker: Broker, start: Start, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PASSWORD", h2.password)
    bare, keyed = f"PUBLIC.B{name[4:]}".upper(), f"PUBLIC.K{name[4:]}".upper()
    h2.execute(f"CREATE TABLE {bare} (N int); INSERT INTO {bare} VALUES (1), (2);")
    h2.execute(f"CREATE TABLE {keyed} (N int PRIMARY KEY); INSERT INTO {keyed} VALUES (1), (2);")
    modes = {bare: {"mode": "images"}, keyed: {"mode": "incrementing"}}
    daemon = start({
        name: {
            "kind": "jdbc", "url": h2.url, "user": h2.user, "password": "env:TEST_PASSWORD",
            "interval": "100ms", "discover_every": "1h", "streams": modes,
        }
    })  # fmt: skip

    def numbers(table: str) -> list[int]:
        return [each.event["after"]["N"] for each in consume(broker.address, f"{name}.{table}")]

    wait_until(lambda: numbers(bare) + numbers(keyed) == [1, 2, 1, 2], 60, "the first rows", 0.3)
    _alter(broker, f"{name}.{bare}", "compact")
    h2.execute(f"INSERT INTO {bare} VALUES (3); INSERT INTO {keyed} VALUES (3);")
    reason = parked_stream(daemon, name, bare)
    assert f"topic {name}.{bare} is compacted, and takes no event of table {bare}" in reason
    assert "set its cleanup.policy to delete" in reason
    wait_until(lambda: numbers(keyed) == [1, 2, 3], 30, "the other stream's row", 0.3)
    in_state(daemon, name, "RUNNING", stream=keyed)
    assert not daemon.connector(name)["error"]

    _alter(broker, f"{name}.{bare}", "delete")
    assert command("resume", daemon.config, name, "--stream", bare).returncode == 0
    wait_until(lambda: len(numbers(bare)) >= 3, 30, "the row that was refused", 0.3)
    daemon.stop()
    assert (numbers(bare), numbers(keyed)) == ([1, 2, 3], [1, 2, 3])
    h2.execute(f"DROP TABLE {bare}; DROP TABLE {keyed};")


def _alter(broker: Broker, topic: str, policy: str) -> None:
    entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.incremental_alter_configs([resource])[resource].result(30)

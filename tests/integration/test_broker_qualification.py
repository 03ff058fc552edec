"""A broker that proves nothing must not prove exactly once: this comes before every such figure."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from bridge.testing.kafka import BrokerError, KafkaBroker, free_ports, qualify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.testing.kafka import Broker


@pytest.fixture
def mock_cluster() -> Iterator[str]:
    """Address of librdkafka's mock cluster, which lives as long as its client."""
    client = Producer({"bootstrap.servers": "-", "test.mock.num.brokers": 1, "log_level": 0})
    (member,) = client.list_topics(timeout=10).brokers.values()
    yield f"{member.host}:{member.port}"
    client.flush(1)


def test_a_real_broker_qualifies(broker: Broker) -> None:
    assert qualify(broker.address).reasons == ()


def test_a_broker_unpacks_its_native_code_in_its_own_folder(broker: Broker) -> None:
    if not isinstance(broker, KafkaBroker):
        pytest.skip("somebody else's broker")
    words = Path(f"/proc/{broker.pid}/cmdline").read_text().split("\0")
    assert f"-Djava.io.tmpdir={broker.folder}/tmp" in words
    assert (broker.folder / "tmp").is_dir()


def test_the_qualification_leaves_no_topic_behind(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    run = uuid.uuid4()  # others qualify the same broker at the same time
    monkeypatch.setattr(uuid, "uuid4", lambda: run)
    assert qualify(broker.address).passed
    topics = AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=10).topics
    assert [name for name in topics if run.hex in name] == []


def test_a_mock_that_shows_aborted_records_and_fences_no_zombie_is_refused(mock_cluster: str) -> None:
    verdict = qualify(mock_cluster)
    assert not verdict.passed
    assert "aborted records are visible to read_committed" in verdict.reasons
    assert "a zombie is not fenced" in verdict.reasons
    assert "a zombie's records are visible to read_committed" in verdict.reasons


def test_an_address_where_nobody_listens_is_refused_with_a_reason() -> None:
    (port,) = free_ports(1)
    verdict = qualify(f"127.0.0.1:{port}")
    assert str(verdict).startswith("not qualified: ")


@pytest.mark.slow
def test_a_killed_and_a_restarted_broker_keep_address_topics_and_qualification(broker_jars: Path) -> None:
    with KafkaBroker() as own:
        address = own.address
        own.kill()
        own.start()
        own.restart()
        assert own.address == address
        assert qualify(address).passed


@pytest.mark.slow
def test_a_paused_broker_answers_nothing_until_it_is_resumed(broker_jars: Path) -> None:
    with KafkaBroker() as own:
        own.pause()
        assert not own.answers()
        own.resume()
        assert own.answers()


def test_a_broker_that_cannot_start_says_why_and_leaves_no_process(broker_jars: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    own = KafkaBroker(tmp_path, properties={"process.roles": "nonsense"})
    with pytest.raises(BrokerError, match="nonsense"):
        own.start()
    with pytest.raises(BrokerError, match="does not run"):
        own.pause()
    assert time.monotonic() - started < 30


def test_missing_jars_name_the_command_that_brings_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEGACY_BRIDGE_BROKER_JARS", str(tmp_path))
    with pytest.raises(BrokerError, match="make setup"):
        KafkaBroker(tmp_path / "data").start()

"""Names of topics, and what is required of them; the admin protocol itself is tested on a real broker."""

from __future__ import annotations

import re
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.options import Topics as TopicOptions
from bridge.contract import Secret
from bridge.errors import ConfigError, CredentialsError, TransientError
from bridge.kafka import tools
from bridge.refusals import PASSING, translated
from bridge.topics import (
    Described,
    Topics,
    Wanted,
    _check,
    create_command,
    dead_letters,
    event_topic,
    internal,
)

DEFAULT = "{connector}.{table}"


@given(st.text(min_size=1, max_size=240))
def test_any_table_gets_a_topic_name_that_kafka_takes(table: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,249}", event_topic(DEFAULT, "erp", table))


@pytest.mark.parametrize(
    ("template", "table", "topic"),
    [
        (DEFAULT, "PUBLIC.ORDERS", "erp.PUBLIC.ORDERS"),
        (DEFAULT, "Aufträge 2005", "erp.Auftr_ge_2005"),
        ("legacy.{table}", "orders", "legacy.orders"),
        ("sales.orders", "orders", "sales.orders"),
    ],
)
def test_what_kafka_forbids_becomes_an_underscore(template: str, table: str, topic: str) -> None:
    assert event_topic(template, "erp", table) == topic


def test_a_name_too_long_for_kafka_is_told_in_short_with_its_remedy() -> None:
    with pytest.raises(ConfigError, match=r"erp\.x{56}\.\.\. has 254 characters, .*249; set `topic:`"):
        event_topic(DEFAULT, "erp", "x" * 250)


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_is_none_is_refused_with_its_remedy(name: str) -> None:
    with pytest.raises(ConfigError, match="no topic name; set `topic:`"):
        event_topic("{table}", "erp", name)


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.POLICY_VIOLATION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.INVALID_REQUEST,
    ],
)
def test_what_kafka_will_refuse_again_is_a_mistake_of_the_configuration(code: int) -> None:
    assert type(translated(KafkaError(code, "no"), "t", "k:9")) is ConfigError


@pytest.mark.parametrize("code", [*PASSING, KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._STATE])
def test_what_kafka_may_take_later_is_tried_again(code: int) -> None:
    assert type(translated(KafkaError(code, "not now"), "t", "k:9")) is TransientError


class Forgetful:
    """An admin client of a cluster in which a topic is deleted between two questions."""

    def poll(self, _timeout: float) -> None:
        return

    def list_offsets(self, asked: Any, **_: Any) -> dict[Any, Future[Any]]:
        gone: Future[Any] = Future()
        gone.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
        return dict.fromkeys(asked, gone)


def test_a_topic_that_vanishes_while_it_is_judged_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = Topics({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, TopicOptions())
    monkeypatch.setattr(topics, "_admin", Forgetful())
    with pytest.raises(TransientError, match=r"topic erp\.orders has just vanished"):
        topics.is_empty("erp.orders", 1)


def test_a_kafka_that_is_not_there_is_told_soon_with_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.topics.DOWN_S", 0.0)
    absent = Topics({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, TopicOptions())
    with pytest.raises(TransientError, match=r"Kafka at 127\.0\.0\.1:1 cannot be reached: .*refused$"):
        absent.partitions(["erp.orders"])


def test_refused_credentials_are_not_tried_again() -> None:
    refused = KafkaError(KafkaError.SASL_AUTHENTICATION_FAILED, "who?")
    assert type(translated(refused, "t", "k:9")) is CredentialsError


def test_positions_are_compacted_and_letters_are_kept() -> None:
    positions, letters = internal("_bridge.positions.erp", dead_letters("erp"))
    assert positions.required == {"cleanup.policy": "compact"}
    assert positions.exact
    assert positions.partitions == 1
    assert letters.config["retention.ms"] == "-1"


def described(partitions: int = 1, **config: str) -> Described:
    return Described(
        partitions, 1_000_000, {key.replace("_", "."): value for key, value in config.items()}, False
    )


POSITIONS = internal("p", "l")[0]


def test_a_topic_with_the_wrong_settings_is_refused_with_the_command_that_mends_it() -> None:
    _check(POSITIONS, described(cleanup_policy="compact"), "")
    with pytest.raises(ConfigError, match=r"cleanup.policy=delete.*kafka-configs.sh .*--entity-name p "):
        _check(POSITIONS, described(cleanup_policy="delete"), "")


def test_an_internal_topic_has_exactly_one_partition() -> None:
    with pytest.raises(ConfigError, match="has 3 partitions and must have 1"):
        _check(POSITIONS, described(3), "")
    _check(Wanted("erp.orders", 1), described(3), "")


def test_an_administrator_gets_the_whole_command() -> None:
    assert create_command(Wanted("t", 3, {"a": "b", "c": "d"}), 2, tools({"bootstrap.servers": "k:9"})) == (
        "kafka-topics.sh --bootstrap-server k:9 --create --topic t "
        "--partitions 3 --replication-factor 2 --config a=b --config c=d"
    )
    assert "--replication-factor" not in create_command(Wanted("t", 3), None, "")


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"bootstrap.servers": "a:1,b:2"}, "a:1,b:2"),
        ({"bootstrap.servers": Secret("env:BROKERS")}, "env:BROKERS"),
        ({"bootstrap.servers": "PLAINTEXT://a:1", "security.protocol": "plaintext"}, "a:1"),
        (
            {"bootstrap.servers": "SASL_SSL://a:1", "security.protocol": "SASL_SSL"},
            "a:1 --command-config client.properties",
        ),
    ],
)
def test_an_administrator_s_command_goes_to_the_cluster_that_is_configured(
    settings: dict[str, Any], options: str
) -> None:
    assert tools(settings) == f"--bootstrap-server {options}"


@pytest.mark.parametrize("table", ["__consumer_offsets", "_bridge.positions.erp", "_bridge state"])
def test_an_event_goes_into_no_topic_of_the_bridge_or_of_kafka(table: str) -> None:
    with pytest.raises(ConfigError, match="begins as the names of the bridge's own topics"):
        event_topic("{table}", "erp", table)

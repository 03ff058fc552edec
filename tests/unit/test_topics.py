"""Names of topics, and what is required of them; the admin protocol itself is tested on a real broker."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import ConfigError
from bridge.topics import (
    Described,
    Wanted,
    _check,
    create_command,
    dead_letters,
    event_topic,
    internal,
    no_collisions,
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


def test_a_name_too_long_for_kafka_is_told_with_its_remedy() -> None:
    with pytest.raises(ConfigError, match=r"longer than 249.*set `topic:`"):
        event_topic(DEFAULT, "erp", "x" * 250)


def test_two_tables_that_become_one_topic_are_told_by_name() -> None:
    no_collisions([("a", "t"), ("b", "u"), ("a", "t")])
    with pytest.raises(ConfigError, match="tables t and u both go to topic a"):
        no_collisions([("a", "t"), ("a", "u")])


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
    _check(POSITIONS, described(cleanup_policy="compact"))
    with pytest.raises(ConfigError, match=r"cleanup.policy=delete.*kafka-configs.sh .*--entity-name p "):
        _check(POSITIONS, described(cleanup_policy="delete"))


def test_an_internal_topic_has_exactly_one_partition() -> None:
    with pytest.raises(ConfigError, match="has 3 partitions and must have 1"):
        _check(POSITIONS, described(3))
    _check(Wanted("erp.orders", 1), described(3))


def test_an_administrator_gets_the_whole_command() -> None:
    assert create_command(Wanted("t", 3, {"a": "b", "c": "d"}), 2) == (
        "kafka-topics.sh --bootstrap-server BROKER --create --topic t "
        "--partitions 3 --replication-factor 2 --config a=b --config c=d"
    )
    assert "--replication-factor" not in create_command(Wanted("t", 3), None)

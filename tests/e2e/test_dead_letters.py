"""A row that cannot be published costs that row, with its reason; a topic that is refused is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.databases import DatabaseServer
from bridge.testing.hostile import BROKEN
from bridge.testing.kafka import Broker, KafkaBroker
from bridge.testing.security import SASL, sasl
from bridge.testing.sqlite_source import SqliteSource
from tests.e2e.evidence import Start, arrived, command, hostile, in_state, parked, published, source, sqlite

pytestmark = pytest.mark.slow

MEGABYTE = 1024 * 1024


def letters(address: str, connector: str) -> list[dict[str, Any]]:
    return [record.event for record in consume(address, f"_bridge.dead-letters.{connector}")]


@dataclass
class Plant:
    """A daemon: MIXED has a row of each kind that cannot be published, BAD too many, REAL a database's."""

    daemon: DaemonProcess
    address: str
    bad: SqliteSource
    table: str


MIXED, BAD, REAL = (f"{which}-{uuid4().hex[:8]}" for which in ("mixed", "bad", "real"))


@pytest.fixture(scope="module")
def plant(
    broker: Broker, postgres: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("letters")
    mixed = source(folder / "mixed.db")
    mixed.insert(500)
    for payload in (None, BROKEN, "x" * MEGABYTE):
        mixed.insert(1, payload=payload)
    mixed.insert(500)
    bad = source(folder / "bad.db", ("orders", "items"))
    bad.insert(100)
    bad.insert(50, payload=None)
    bad.insert(10, table="items")
    table = REAL.replace("-", "_")
    postgres.execute(
        f"CREATE TABLE {table} (id BIGINT PRIMARY KEY, due DATE, amount NUMERIC(10, 2));"
        f"INSERT INTO {table} SELECT n, '2024-02-29', 1.5 FROM generate_series(1, 500) n;"
        f"INSERT INTO {table} VALUES (501, NULL, 'NaN'), (502, '2024-02-29', 'NaN'), (503, NULL, NULL);"
    )
    connectors = {
        MIXED: sqlite(mixed.path, "hostile"),
        BAD: sqlite(bad.path, streams={"orders": {}, "items": {}}),
        REAL: {
            "kind": "jdbc", "url": postgres.url, "user": postgres.user, "password": "env:PG_PASSWORD",
            "streams": {f"public.{table}": {"mode": "incrementing"}}, "heap": "64m", "interval": "200ms",
        },
    }  # fmt: skip
    environment = {**hostile(folder / "daemon"), "PG_PASSWORD": postgres.password}
    with DaemonProcess(folder / "daemon", broker.address, connectors, environment=environment) as daemon:
        yield Plant(daemon, broker.address, bad, table)


def test_rows_that_cannot_be_published_become_dead_letters_and_the_rest_is_published(plant: Plant) -> None:
    good = [row for row in range(1, 1004) if row not in (501, 502, 503)]
    assert arrived(plant.address, f"{MIXED}.orders", good) == good

    wait_until(lambda: len(letters(plant.address, MIXED)) == 3, 30, "three dead letters")
    found = {letter["stage"]: letter for letter in letters(plant.address, MIXED)}
    assert {stage: (each["key"], each["topic"]) for stage, each in found.items()} == {
        "source": ('{"id":501}', f"{MIXED}.orders"),
        "encode": ('{"id":502}', f"{MIXED}.orders"),
        "size": ('{"id":503}', f"{MIXED}.orders"),
    }
    assert found["source"]["reason"] == "no payload"
    assert found["encode"]["reason"].startswith("column payload: ")
    assert BROKEN in found["encode"]["payload"]
    assert "raise its max.message.bytes or exclude a column" in found["size"]["reason"]
    assert found["size"]["size"] > MEGABYTE

    in_state(plant.daemon, MIXED, "RUNNING")
    told = command("health", plant.daemon.config, "--connector", MIXED)
    assert told.returncode == 1
    assert "dead letters within the last five minutes" in told.stdout


def test_more_rejects_than_tolerated_park_the_stream_and_resume_goes_on_behind_them(plant: Plant) -> None:
    in_state(plant.daemon, BAD, "FAILED")
    error = plant.daemon.stream(BAD, "orders")["error"]
    assert error == "50 of 150 records in five minutes were rejected; see `dead-letters list`"
    assert command("health", plant.daemon.config).returncode == 2
    in_state(plant.daemon, BAD, "RUNNING", stream="items")

    plant.bad.insert(100)
    assert command("resume", BAD, plant.daemon.config, "--stream", "orders").returncode == 0
    good = [*range(1, 101), *range(151, 251)]
    assert arrived(plant.address, f"{BAD}.orders", good) == good
    assert len(letters(plant.address, BAD)) == 50


def test_rows_of_a_real_database_that_have_no_event_are_rejected_one_by_one(plant: Plant) -> None:
    good = [*range(1, 501), 503]
    assert arrived(plant.address, f"{REAL}.public.{plant.table}", good) == good
    wait_until(lambda: len(letters(plant.address, REAL)) == 2, 30, "two dead letters")
    reasons = {letter["key"]: letter["reason"] for letter in letters(plant.address, REAL)}
    assert reasons.keys() == {'{"id":501}', '{"id":502}'}
    assert all(reason.startswith("column amount: ") for reason in reasons.values())


# -- a broker that refuses


def test_missing_topics_that_are_required_are_named_with_the_commands_that_create_them(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db")
    legacy.insert(10)
    daemon = start({name: sqlite(legacy.path)}, extra={"topics": "require"})
    positions, dead = f"_bridge.positions.{name}", f"_bridge.dead-letters.{name}"
    error = parked(daemon, name)
    assert error.startswith(
        f"topics are missing: {positions}, {dead}; create them (`doctor` names all): kafka-topics.sh "
    )
    assert f"--create --topic {positions} --partitions 1 --config cleanup.policy=compact" in error
    create(broker, NewTopic(positions, 1, 1, config={"cleanup.policy": "compact"}), NewTopic(dead, 1, 1))

    command("resume", name, daemon.config)
    in_state(daemon, name, "FAILED")
    assert daemon.stream(name, "orders")["error"] == (
        f"topics are missing: {name}.orders; create them (`doctor` names all): "
        f"kafka-topics.sh --bootstrap-server {broker.address} --create --topic {name}.orders --partitions 1"
    )
    told = command("health", daemon.config)
    assert told.returncode == 2
    assert f"topics are missing: {name}.orders" in told.stdout
    create(broker, NewTopic(f"{name}.orders", 1, 1))

    assert command("resume", name, daemon.config).returncode == 0
    assert arrived(broker.address, f"{name}.orders", legacy.ids()) == legacy.ids()


def test_an_internal_topic_with_wrong_settings_is_named_with_the_command_that_mends_it(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db")
    many, kept = f"{name}-many", f"{name}-kept"
    create(
        broker,
        NewTopic(f"_bridge.positions.{many}", 2, 1, config={"cleanup.policy": "compact"}),
        NewTopic(f"_bridge.positions.{kept}", 1, 1, config={"cleanup.policy": "delete"}),
    )
    daemon = start({each: sqlite(legacy.path) for each in (many, kept)})
    assert parked(daemon, many).startswith(
        f"topic _bridge.positions.{many} has 2 partitions and must have 1; move it away and create it again"
    )
    error = parked(daemon, kept)
    assert error.startswith(
        f"topic _bridge.positions.{kept} has cleanup.policy=delete and must have compact; "
    )
    assert f"--alter --entity-type topics --entity-name _bridge.positions.{kept} --add-config" in error
    assert "is empty: if the connector has run before, its positions are gone" in error


def test_a_topic_that_was_repartitioned_parks_its_stream_until_accepted(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db")
    legacy.insert(10)
    daemon = start({name: sqlite(legacy.path)})
    assert len(arrived(broker.address, f"{name}.orders", legacy.ids())) == 10
    daemon.stop()
    admin = AdminClient({"bootstrap.servers": broker.address})
    for future in admin.create_partitions([NewPartitions(f"{name}.orders", 2)]).values():
        future.result(10)
    legacy.insert(10)
    daemon.start()
    in_state(daemon, name, "FAILED")
    assert daemon.stream(name, "orders")["error"] == (
        f"topic {name}.orders had 1 partitions and now has 2, which breaks the order of its keys; "
        "if that is right, run `legacy-bridge positions accept`"
    )
    assert len(published(broker.address, f"{name}.orders")) == 10


def test_a_topic_that_is_repartitioned_while_the_daemon_runs_parks_its_stream(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db")
    legacy.insert(10)
    daemon = start({name: sqlite(legacy.path, discover_every="1s")})
    assert len(arrived(broker.address, f"{name}.orders", legacy.ids())) == 10
    admin = AdminClient({"bootstrap.servers": broker.address})
    for future in admin.create_partitions([NewPartitions(f"{name}.orders", 2)]).values():
        future.result(10)
    in_state(daemon, name, "FAILED")
    assert "had 1 partitions and now has 2" in daemon.stream(name, "orders")["error"]
    legacy.insert(10)
    assert len(published(broker.address, f"{name}.orders")) == 10


def test_a_topic_that_was_deleted_is_not_filled_from_the_middle(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db")
    legacy.insert(10)
    daemon = start({name: sqlite(legacy.path, discover_every="1s")})
    assert len(arrived(broker.address, f"{name}.orders", legacy.ids())) == 10
    admin = AdminClient({"bootstrap.servers": broker.address})
    for future in admin.delete_topics([f"{name}.orders"]).values():
        future.result(10)
    in_state(daemon, name, "FAILED")
    legacy.insert(10)
    daemon.stop()
    daemon.start()
    in_state(daemon, name, "FAILED")
    told = daemon.stream(name, "orders")["error"]
    assert f"topic {name}.orders is not the one that its position was written beside" in told
    assert published(broker.address, f"{name}.orders") == []


def test_a_topic_that_is_deleted_holds_up_the_other_streams_for_seconds(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db", ("orders", "items"))
    legacy.insert(10, "orders")
    legacy.insert(10, "items")
    daemon = start({name: sqlite(legacy.path, streams={"orders": {}, "items": {}})})
    for stream in ("orders", "items"):
        arrived(broker.address, f"{name}.{stream}", legacy.ids(stream))
    admin = AdminClient({"bootstrap.servers": broker.address})
    for future in admin.delete_topics([f"{name}.orders"]).values():
        future.result(10)
    legacy.insert(1, "orders")
    legacy.insert(1, "items")
    wait_until(lambda: len(published(broker.address, f"{name}.items")) == 11, 50, "the other stream's row")
    in_state(daemon, name, "FAILED")
    assert "was deleted" in daemon.stream(name, "orders")["error"]


def test_a_topic_that_kafka_refuses_parks_its_stream_and_no_other(
    broker: Broker, start: Start, tmp_path: Path, name: str
) -> None:
    legacy = source(tmp_path / "erp.db", ("orders", "items"))
    legacy.insert(10)
    create(broker, NewTopic(f"{name}_items", 1, 1))
    daemon = start({name: sqlite(legacy.path, streams={"orders": {}, "items": {}})})
    assert len(arrived(broker.address, f"{name}.orders", legacy.ids())) == 10
    refused = daemon.stream(name, "items")
    assert refused["state"] == "FAILED"
    assert refused["error"].startswith(f"topic {name}.items cannot be created: ")
    assert refused["error"].endswith("; set `topic:` for the stream")


def create(broker: Broker, *topics: NewTopic) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    for future in admin.create_topics(list(topics)).values():
        future.result(10)


@pytest.fixture(scope="module")
def guarded(broker_jars: Path) -> Iterator[KafkaBroker]:
    """Its plain listener is for super users; alice may do what is granted, bob nothing."""
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    properties = {"authorizer.class.name": authorizer, "super.users": "User:ANONYMOUS"}
    with KafkaBroker(
        listeners=SASL, properties={**sasl({"alice": "wonder", "bob": "builder"}), **properties}
    ) as broker:
        yield broker


ALICE = {
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "alice",
    "sasl.password": "env:ALICE_PASSWORD",
}


def grant(broker: KafkaBroker, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    prefixed = ResourcePatternType.PREFIXED
    for each in operations:
        binding = AclBinding(kind, name, prefixed, "User:alice", "*", each, AclPermissionType.ALLOW)
        for future in admin.create_acls([binding]).values():
            future.result(10)


CREATED_AND_WRITTEN = (AclOperation.CREATE, AclOperation.DESCRIBE, AclOperation.WRITE)


def test_a_topic_that_may_not_be_written_is_named_and_published_to_once_it_may(
    guarded: KafkaBroker, start: Start, tmp_path: Path, name: str
) -> None:
    """alice may do what docs/security.md asks for, and no more: first all but write events, then that."""
    legacy = source(tmp_path / "erp.db")
    legacy.insert(10)
    create(guarded, NewTopic(f"{name}.orders", 1, 1))
    grant(guarded, ResourceType.TOPIC, "_bridge.", *CREATED_AND_WRITTEN, AclOperation.READ)
    grant(guarded, ResourceType.TRANSACTIONAL_ID, "bridge.", AclOperation.WRITE, AclOperation.DESCRIBE)
    grant(guarded, ResourceType.TOPIC, name, AclOperation.DESCRIBE)
    daemon = start(
        {name: sqlite(legacy.path)}, guarded.address_of("SASL"), kafka=ALICE,
        environment={"ALICE_PASSWORD": "wonder"},
    )  # fmt: skip
    in_state(daemon, name, "BACKOFF")
    told = command("health", daemon.config)
    assert told.returncode == 1
    assert "Topic authorization failed" in told.stdout
    assert f"; grant Write on _bridge.positions.{name}, {name}.orders" in told.stdout

    grant(guarded, ResourceType.TOPIC, name, AclOperation.WRITE)
    in_state(daemon, name, "RUNNING")
    assert arrived(guarded.address, f"{name}.orders", legacy.ids()) == legacy.ids()
    grant(guarded, ResourceType.TOPIC, name, AclOperation.READ)
    around = hostile(tmp_path / "site") | {"ALICE_PASSWORD": "wonder"}
    verified = command("verify", daemon.config, name, environment=around)
    assert verified.returncode == 0, verified


@pytest.mark.parametrize(
    ("password", "told", "remedy"),
    [
        ("guessed", "Kafka refuses the credentials: ", "check `kafka:`, then `resume`"),
        (
            "builder",
            "topic _bridge.positions.{name}: Broker: Topic authorization failed",
            "grant Describe, Create, Write (and Read on _bridge.*)",
        ),
    ],
)
def test_a_user_whom_kafka_refuses_is_parked_with_what_to_do(
    guarded: KafkaBroker, start: Start, tmp_path: Path, password: str, told: str, remedy: str
) -> None:
    name = f"other-{uuid4().hex[:8]}"
    legacy = source(tmp_path / "erp.db")
    daemon = start(
        {name: sqlite(legacy.path)}, guarded.address_of("SASL"),
        kafka={**ALICE, "sasl.username": "bob"}, environment={"ALICE_PASSWORD": password},
    )  # fmt: skip
    error = parked(daemon, name)
    assert error.startswith(told.format(name=name))
    assert error.endswith(remedy)
    assert daemon.connector(name)["restarts"] == 0, "it was tried once"

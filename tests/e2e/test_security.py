"""The bridge reaches Kafka by every way a guarded cluster offers, and says so when it is turned away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from bridge import positions
from bridge.errors import CredentialsError
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.kafka import KafkaBroker, free_ports
from bridge.testing.security import (
    OAUTH,
    SASL,
    STORE_PASSWORD,
    TLS,
    Certificates,
    identity_provider,
    oauth,
    oidc,
    sasl,
)
from bridge.testing.sqlite_source import SqliteSource

pytestmark = pytest.mark.slow

OFTEN = {"listener.name.sasl.scram-sha-256.connections.max.reauth.ms": "3000"}
"""How often whoever has shown a password must show it again (KIP-368)."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(broker_jars: Path, certificates: Certificates) -> Iterator[KafkaBroker]:
    properties = {**sasl({"alice": "wonder"}), **certificates.broker(), **oauth(), **OFTEN}
    listeners = SASL | TLS | OAUTH
    users = {"bob": "builder", "eve": "spy"}
    with KafkaBroker(listeners=listeners, properties=properties, scram=users) as broker:
        yield broker


def login(mechanism: str, user: str) -> dict[str, Any]:
    return {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": "env:KAFKA_PASSWORD",
    }


def unsecured_token() -> dict[str, Any]:
    return {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "OAUTHBEARER",
        "enable.sasl.oauthbearer.unsecure.jwt": True,
        "sasl.oauthbearer.config": "principal=carol",
    }


def daemon_at(
    listener: str, broker: KafkaBroker, folder: Path, kafka: dict[str, Any], password: str
) -> DaemonProcess:
    name = f"erp-{uuid4().hex[:8]}"
    source = SqliteSource(folder / "erp.db")
    source.insert(50)
    connector = {"kind": "sqlite", "path": str(source.path), "interval": "100ms", "streams": {"orders": {}}}
    environment = {"KAFKA_PASSWORD": password}
    return DaemonProcess(
        folder, broker.address_of(listener), {name: connector}, kafka=kafka, environment=environment
    )


@pytest.mark.parametrize("way", ["PLAIN", "SCRAM", "OAUTHBEARER", "client certificate"])
def test_events_flow_through_a_guarded_listener(
    way: str, guarded: KafkaBroker, certificates: Certificates, tmp_path: Path
) -> None:
    listener, kafka, password = {
        "PLAIN": ("SASL", login("PLAIN", "alice"), "wonder"),
        "SCRAM": ("SASL", login("SCRAM-SHA-256", "bob"), "builder"),
        "OAUTHBEARER": ("OAUTH", unsecured_token(), ""),
        "client certificate": (
            "TLS",
            {**certificates.client(), "ssl.keystore.password": "env:KAFKA_PASSWORD"},
            STORE_PASSWORD,
        ),
    }[way]
    daemon = daemon_at(listener, guarded, tmp_path, kafka, password)
    (name,) = daemon.document["connectors"]
    with daemon:
        wait_until(
            lambda: len(consume(guarded.address, f"{name}.orders")) == 50, 40, f"50 events by {way}", 0.5
        )
    assert password == "" or password not in daemon.logged()


def test_a_wrong_password_towards_kafka_parks_the_connector(guarded: KafkaBroker, tmp_path: Path) -> None:
    daemon = daemon_at("SASL", guarded, tmp_path, login("PLAIN", "alice"), "guessed-wrong")
    (name,) = daemon.document["connectors"]
    with daemon:
        wait_until(lambda: daemon.connector(name).get("state") == "FAILED", 40, "FAILED")
        error = daemon.connector(name)["error"]
    assert "credentials" in error
    assert "guessed-wrong" not in daemon.logged()


def test_a_password_that_kafka_takes_no_longer_parks_the_connector_at_work(
    guarded: KafkaBroker, tmp_path: Path
) -> None:
    daemon = daemon_at("SASL", guarded, tmp_path, login("SCRAM-SHA-256", "eve"), "spy")
    (name,) = daemon.document["connectors"]
    with daemon:
        wait_until(lambda: daemon.stream(name, "orders").get("state") == "RUNNING", 40, "RUNNING")
        change_password(guarded, "eve", "another")
        wait_until(lambda: daemon.connector(name).get("state") == "FAILED", 40, "FAILED")
        found = daemon.connector(name)
    assert "credentials" in found["error"]
    assert found["restarts"] == 0, "its only end was the park"


def test_an_identity_provider_that_is_away_parks_nobody_and_one_that_refuses_does(
    guarded: KafkaBroker, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    settings = oidc(port, "env:KAFKA_PASSWORD")
    daemon = daemon_at("OAUTH", guarded, tmp_path, settings, "opensesame")
    (name,) = daemon.document["connectors"]
    with daemon:
        wait_until(lambda: "token" in (daemon.connector(name).get("error") or ""), 40, "the trouble to show")
        assert daemon.connector(name)["state"] == "BACKOFF"
        with identity_provider(port, "opensesame", life_s=10):
            wait_until(lambda: daemon.stream(name, "orders").get("events") == 50, 40, "50 events")
            wait_until(lambda: daemon.connector(name)["state"] == "RUNNING", 40, "RUNNING")
        wait_until(lambda: daemon.connector(name)["state"] != "RUNNING", 60, "its token to run out")
        with identity_provider(port, "opensesame"):
            wait_until(lambda: daemon.connector(name)["state"] == "RUNNING", 90, "RUNNING again")
        assert "connector parked" not in daemon.logged()
    with identity_provider(port, "another"), daemon:
        wait_until(lambda: daemon.connector(name).get("state") == "FAILED", 40, "FAILED")
        assert "invalid_client" in daemon.connector(name)["error"]
    assert "opensesame" not in daemon.logged()


def change_password(broker: KafkaBroker, user: str, password: str) -> None:
    mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    change = UserScramCredentialUpsertion(user, mechanism, password.encode())
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.alter_user_scram_credentials([change])[user].result(20)


def test_credentials_that_are_refused_while_positions_are_read_are_no_passing_trouble(
    guarded: KafkaBroker,
) -> None:
    wrong = {**login("PLAIN", "alice"), "sasl.password": "guessed-wrong", "log_level": 0}
    with pytest.raises(CredentialsError, match="refuses the credentials"):
        positions.read({"bootstrap.servers": guarded.address_of("SASL"), **wrong}, "erp", Event())

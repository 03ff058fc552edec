"""A Kafka that cannot be used is told in one line, which names its address and what to check, and soon."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from bridge import committed, reach
from bridge.errors import BridgeError, CredentialsError, TransientError
from bridge.testing.kafka import Broker, KafkaBroker, free_ports
from bridge.testing.security import SASL, oidc, sasl

PATIENCE_S = 2.0


def refused(address: str, **settings: Any) -> BridgeError:
    kafka = {
        "bootstrap.servers": address,
        **{name.replace("_", "."): each for name, each in settings.items()},
    }
    with pytest.raises(BridgeError) as caught:
        reach.cluster(kafka, PATIENCE_S)
    assert "\n" not in str(caught.value)
    return caught.value


def told(address: str, **settings: Any) -> str:
    return str(refused(address, **settings))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """It accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_broker_that_is_down_is_named_with_the_reason() -> None:
    (port,) = free_ports(1)
    assert told(f"127.0.0.1:{port}") == (
        f"Kafka at 127.0.0.1:{port} cannot be reached: Connect to ipv4#127.0.0.1:{port} failed: Connection "
        "refused; check bootstrap.servers, network and broker"
    )


def test_all_brokers_that_were_tried_are_named() -> None:
    one, two = (f"127.0.0.1:{port}" for port in free_ports(2))
    assert told(f"{one},{two}").startswith(f"Kafka at {one}, {two} cannot be reached: ")


def test_a_name_that_nobody_knows_is_told_as_such() -> None:
    assert "Failed to resolve 'broker.invalid:9092': " in told("broker.invalid:9092")


def test_a_port_where_something_else_listens_is_told_as_such(listener: socket.socket) -> None:
    said = told(f"127.0.0.1:{listener.getsockname()[1]}")
    assert said.endswith(
        "it does not answer as a Kafka broker does; check port, security.protocol and the broker"
    )


def test_tls_towards_a_plain_listener_is_told_as_such(broker: Broker) -> None:
    """Who is first, our client that understands no answer, or the broker that hangs up, is a race."""
    said = told(broker.address, security_protocol="ssl")
    assert said.startswith(f"Kafka at {broker.address} cannot be reached: ")
    assert "SSL handshake failed: " in said or "SSL connection closed by peer" in said
    assert said.endswith("; check port, security.protocol and the broker")


@pytest.fixture(scope="module")
def guarded(broker_jars: Path) -> Iterator[KafkaBroker]:
    """With a listener that asks who is there; what the plain one refers clients to is not there."""
    elsewhere = {"advertised.listeners": "PLAINTEXT://127.0.0.1:1,SASL://127.0.0.1:2"}
    with KafkaBroker(listeners=SASL, properties={**sasl({"alice": "wonder"}), **elsewhere}) as broker:
        yield broker


def test_a_listener_that_wants_a_user_is_told_as_such(guarded: KafkaBroker) -> None:
    said = told(guarded.address_of("SASL"))
    assert "closed by peer; check port, security.protocol and the broker" in said


def test_an_identity_provider_that_is_away_is_no_refusal(guarded: KafkaBroker) -> None:
    (port,) = free_ports(1)
    settings = oidc(port, "ours")
    error = refused(guarded.address_of("SASL"), **settings)
    assert isinstance(error, TransientError)
    assert f"OAUTHBEARER token: Failed to connect to 127.0.0.1:{port}" in error.text
    assert error.remedy == "check sasl.oauthbearer.*, and whether what gives out the tokens answers"


def test_wrong_credentials_are_told_as_such_and_are_no_matter_of_the_network(guarded: KafkaBroker) -> None:
    login = {"sasl_mechanism": "PLAIN", "sasl_username": "alice", "sasl_password": "guessed"}
    error = refused(guarded.address_of("SASL"), security_protocol="sasl_plaintext", **login)
    assert isinstance(error, CredentialsError)
    assert "Invalid username or password; check security.protocol, sasl.* and ssl.*" in str(error)
    assert "guessed" not in str(error)


def test_brokers_that_refer_to_an_address_out_of_reach_are_told_as_such(guarded: KafkaBroker) -> None:
    error = refused(guarded.address)
    assert isinstance(error, TransientError)
    said = str(error)
    assert said.startswith(
        f"Kafka at {guarded.address} refers to brokers that cannot be reached: 127.0.0.1:1 ("
    )
    assert "Connection refused); check the brokers' advertised.listeners" in said


def test_one_broker_of_several_is_enough(broker: Broker) -> None:
    (port,) = free_ports(1)
    admin = reach.cluster({"bootstrap.servers": f"127.0.0.1:{port},{broker.address}"}, PATIENCE_S)
    assert admin.list_topics(timeout=5).brokers


def test_a_broker_that_dies_while_its_topics_are_read_is_told_as_such(
    broker_jars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committed, "LOOK_S", 0.5)
    with KafkaBroker() as broker:
        settings: dict[str, Any] = {"bootstrap.servers": broker.address}
        admin = AdminClient(settings)
        admin.create_topics([NewTopic("rows", 1, 1)])["rows"].result(10)
        end = committed.bounds(settings, ["rows"])["rows", 0][1]
        broker.kill()
        with pytest.raises(TransientError, match=f"Kafka at {broker.address} cannot be reached"):
            list(committed.messages(settings, {("rows", 0): (0, end + 1)}))


def test_what_librdkafka_counts_of_its_tries_is_left_out() -> None:
    said = "Connect to ipv4#10.0.0.1:1 failed: Connection refused"
    when = "(after 0ms in state CONNECT, 1 identical error(s) suppressed)"
    assert reach.cleaned(f"10.0.0.1:1/bootstrap: {said} {when}") == said

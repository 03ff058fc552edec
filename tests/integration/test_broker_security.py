"""The brokers that our tests of security talk to really ask: who has nothing to show is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from bridge.testing.kafka import KafkaBroker, qualify
from bridge.testing.security import SASL, TLS, Certificates, sasl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(broker_jars: Path, certificates: Certificates) -> Iterator[KafkaBroker]:
    properties = {**sasl({"alice": "wonder"}), **certificates.broker()}
    with KafkaBroker(listeners=SASL | TLS, properties=properties, scram={"bob": "builder"}) as broker:
        yield broker


def login(mechanism: str, user: str, password: str) -> dict[str, str]:
    return {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
    }


def serves(address: str, settings: dict[str, str]) -> bool:
    client = AdminClient({**settings, "bootstrap.servers": address, "log_level": 0})
    try:
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False


@pytest.mark.parametrize("user", [("PLAIN", "alice", "wonder"), ("SCRAM-SHA-256", "bob", "builder")])
def test_a_user_with_the_right_password_is_served(guarded: KafkaBroker, user: tuple[str, str, str]) -> None:
    assert serves(guarded.address_of("SASL"), login(*user))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_a_wrong_password_is_refused(guarded: KafkaBroker, mechanism: str) -> None:
    assert not serves(guarded.address_of("SASL"), login(mechanism, "alice", "guessed"))


def test_a_client_with_a_certificate_is_served(guarded: KafkaBroker, certificates: Certificates) -> None:
    assert serves(guarded.address_of("TLS"), certificates.client())


def test_a_client_without_a_certificate_is_refused(guarded: KafkaBroker, certificates: Certificates) -> None:
    nameless = {name: value for name, value in certificates.client().items() if "keystore" not in name}
    assert not serves(guarded.address_of("TLS"), nameless)


def test_transactions_work_through_a_guarded_listener(guarded: KafkaBroker) -> None:
    assert qualify(guarded.address_of("SASL"), login("PLAIN", "alice", "wonder")).passed

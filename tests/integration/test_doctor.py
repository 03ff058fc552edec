"""`doctor` examines real brokers and sources, and changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.kafka import Broker, KafkaBroker
from bridge.testing.security import SASL, sasl
from bridge.testing.sqlite_source import SqliteSource, installed
from tests.commands import command

COMMAND = str(Path(sys.executable).with_name("legacy-bridge"))

type Findings = dict[tuple[str, str], str]
"""(about, level) -> texts and remedies"""


class Patient:
    """A configuration in a folder of its own, with one table of ten rows."""

    def __init__(self, folder: Path, address: str, name: str) -> None:
        self.folder, self.name = folder, name
        self.environment = installed(folder / "site")
        self.config = folder / "bridge.yaml"
        self.database = folder / "db"
        SqliteSource(self.database).insert(10)
        connector = {"kind": "sqlite", "path": str(self.database), "streams": {"orders": {}}}
        self.document: dict[str, Any] = {
            "version": 1,
            "name": "test",
            "kafka": {"bootstrap.servers": address},
            "connectors": {name: connector},
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        self.config.write_text(yaml.safe_dump(self.document))
        return command("doctor", self.config, *words, environment=self.environment, timeout=120)

    def examined(self, *words: str) -> tuple[int, Findings]:
        done = self.run("--json", *words)
        findings: Findings = {}
        for each in json.loads(done.stdout)["findings"]:
            place = (each["about"], each["level"])
            findings[place] = f"{findings.get(place, '')}{each['text']}; {each['remedy']}\n"
        return done.returncode, findings


@pytest.fixture
def patient(tmp_path: Path, broker: Broker, request: pytest.FixtureRequest) -> Patient:
    """Its connector is named after the test, so that tests share the broker and no topics."""
    return Patient(tmp_path, broker.address, f"doc{abs(hash(request.node.name)) % 10**8}")


def topics(address: str) -> set[str]:
    return set(AdminClient({"bootstrap.servers": address}).list_topics(timeout=10).topics)


def test_a_sound_set_up_has_nothing_critical_and_is_left_as_it_was(patient: Patient, broker: Broker) -> None:
    code, findings = patient.examined()

    assert code == 1, "one broker is a warning"
    assert "stand-alone broker, replication 1" in findings["kafka", "warning"]
    assert "connected in" in findings[patient.name, "ok"]
    orders = findings[f"{patient.name}/orders", "ok"]
    assert "starts from the beginning" in orders
    assert f"topic {patient.name}.orders will be created with 1 partition" in orders
    assert "the way it is read does not see deletes" in orders
    assert not [name for name in topics(broker.address) if patient.name in name]


def test_people_read_it_under_headings_with_a_summary(patient: Patient) -> None:
    done = patient.run()

    lines = done.stdout.splitlines()
    assert lines[0] == "config"
    assert "kafka" in lines
    assert f"{patient.name}/orders" in lines
    assert lines[-1].startswith("0 critical, 1 warning, ")
    assert done.stderr == ""


def test_beside_a_running_daemon_it_says_who_holds_the_connector(tmp_path: Path, patient: Patient) -> None:
    connectors = patient.document["connectors"]
    address = patient.document["kafka"]["bootstrap.servers"]
    with DaemonProcess(tmp_path / "daemon", address, connectors) as daemon:
        wait_until(lambda: daemon.stream(patient.name, "orders").get("events") == 10, 60, "events")
        pid = daemon.worker_pid(patient.name)
        _, findings = patient.examined()
        assert daemon.worker_pid(patient.name) == pid, "nobody was fenced"

    assert "held by daemon test" in findings[patient.name, "ok"]
    assert "goes on from its stored position" in findings[f"{patient.name}/orders", "ok"]


def test_a_rescan_that_is_switched_on_late_comes_with_what_it_cannot_find(patient: Patient) -> None:
    patient.document["connectors"][patient.name]["streams"]["orders"]["on_gap"] = "rescan"
    _, findings = patient.examined()
    told = findings[f"{patient.name}/orders", "ok"]
    assert "what is known of its rows is kept, for a rescan after a gap" in told
    assert f"_bridge.state.{patient.name} will be created" in findings[patient.name, "ok"]

    words = ("set", patient.config, patient.name, "orders", '{"id": 3}')
    command("positions", *words, environment=patient.environment, timeout=120)
    _, findings = patient.examined()
    assert "on_gap: rescan counts from the next start on" in findings[f"{patient.name}/orders", "warning"]


def test_what_would_park_a_stream_is_critical(patient: Patient, broker: Broker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    (future,) = admin.create_topics([NewTopic(f"_bridge.positions.{patient.name}", 3, 1)]).values()
    future.result(10)

    code, findings = patient.examined()

    assert code == 2
    assert "has 3 partitions and must have 1" in findings[patient.name, "critical"]


def test_all_required_topics_that_are_missing_come_with_the_commands_to_create_them(
    patient: Patient, broker: Broker
) -> None:
    patient.document["topics"] = "require"

    code, findings = patient.examined()

    assert code == 2
    create = f"kafka-topics.sh --bootstrap-server {broker.address} --create --topic "
    for name in (f"_bridge.positions.{patient.name}", f"_bridge.dead-letters.{patient.name}"):
        assert f"{create}{name} " in findings[patient.name, "critical"]
    assert f"{create}{patient.name}.orders " in findings[patient.name, "critical"]
    assert "".join(findings.values()).count(create) == 3, "each is told once"
    assert (f"{patient.name}/orders", "critical") not in findings


def test_a_source_that_is_gone_and_a_broker_that_is_gone_are_both_told(patient: Patient) -> None:
    patient.document["kafka"]["bootstrap.servers"] = "127.0.0.1:1"
    patient.document["connectors"][patient.name]["path"] = "/nowhere/db"

    code, findings = patient.examined()

    assert code == 2
    assert "Kafka at 127.0.0.1:1 cannot be reached" in findings["kafka", "critical"]
    assert "Connection refused" in findings["kafka", "critical"]
    assert "no database at /nowhere/db" in findings[patient.name, "critical"]


def test_a_secret_that_is_missing_is_named_and_the_source_is_not_tried(patient: Patient) -> None:
    patient.document["connectors"][patient.name]["password"] = "env:DOCTOR_HAS_NONE"

    code, findings = patient.examined()

    assert code == 2
    assert "DOCTOR_HAS_NONE" in findings[patient.name, "critical"]
    assert (patient.name, "ok") not in findings


def test_an_excluded_column_that_no_table_has_is_named(patient: Patient) -> None:
    patient.document["connectors"][patient.name]["exclude"] = ["custmer"]

    code, findings = patient.examined()

    assert code == 2
    assert findings[f"{patient.name}/orders", "critical"].count("did you mean customer?") == 1


def test_a_topic_that_kafka_would_refuse_is_told_before_the_start(patient: Patient, broker: Broker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    (future,) = admin.create_topics([NewTopic(f"{patient.name}_orders", 1, 1)]).values()
    future.result(10)

    code, findings = patient.examined()

    assert code == 2
    refused = findings[f"{patient.name}/orders", "critical"]
    assert f"would be parked: topic {patient.name}.orders cannot be created" in refused
    assert f"{patient.name}.orders" not in topics(broker.address)


def test_a_topic_name_that_kafka_does_not_take_is_its_streams_finding(patient: Patient) -> None:
    patient.document["connectors"][patient.name]["topic"] = "{table}" + "x" * 250

    code, findings = patient.examined()

    assert code == 2
    assert "has 256 characters, Kafka takes 249" in findings[f"{patient.name}/orders", "critical"]


def test_two_connectors_that_publish_to_one_topic_are_told(patient: Patient) -> None:
    """Whose tables only their sources know."""
    url = "jdbc:h2:mem:erp;INIT=CREATE TABLE IF NOT EXISTS t(id INT PRIMARY KEY)"
    one = {
        "kind": "jdbc",
        "url": url,
        "streams": {"PUBLIC.*": {"mode": "images"}},
        "topic": f"{patient.name}.all.{{table}}",
    }
    patient.document["connectors"] = {patient.name: one, f"{patient.name}b": one}

    code, findings = patient.examined()

    assert code == 2
    assert f"is also that of connector {patient.name}" in findings[f"{patient.name}b", "critical"]


def test_a_file_with_mistakes_is_not_acted_upon(patient: Patient) -> None:
    patient.document["connectors"][patient.name]["pth"] = "x"

    code, findings = patient.examined()

    assert code == 2
    assert {about for about, _ in findings} == {"config"}
    assert "pth" in findings["config", "critical"]


def test_a_source_that_hangs_costs_its_own_findings_alone(patient: Patient) -> None:
    (patient.folder / "hanging.py").write_text(
        "import time\n"
        "from bridge.testing.sqlite_source import SqliteConnector\n"
        "class Hanging(SqliteConnector):\n"
        "    def open(self): time.sleep(600)\n"
    )
    environment = installed(patient.folder / "site", hanging="hanging:Hanging")
    environment["PYTHONPATH"] += f":{patient.folder}"
    patient.environment = environment
    hanging = {**patient.document["connectors"][patient.name], "kind": "hanging"}
    patient.document["connectors"][f"{patient.name}h"] = hanging

    code, findings = patient.examined("--timeout", "6")

    assert code == 2
    assert "did not answer within 6 s" in findings[f"{patient.name}h", "critical"]
    assert "connected in" in findings[patient.name, "ok"]


def test_an_unknown_connector_is_a_usage_error(patient: Patient) -> None:
    done = patient.run("--connector", "nowhere")

    assert done.returncode == 3
    assert done.stderr == f"no connector 'nowhere'; there are: {patient.name}\n"


def test_health_looks_deeper_when_asked(tmp_path: Path, patient: Patient) -> None:
    connectors = patient.document["connectors"]
    address = patient.document["kafka"]["bootstrap.servers"]
    with DaemonProcess(tmp_path / "daemon", address, connectors) as daemon:
        wait_until(lambda: daemon.stream(patient.name, "orders").get("events") == 10, 60, "events")
        sound = health(patient, daemon, "--deep")
        patient.database.rename(tmp_path / "away")
        shallow = health(patient, daemon)
        deep = health(patient, daemon, "--deep")

    assert [each.returncode for each in (sound, shallow, deep)] == [0, 0, 2]
    assert f"{patient.name} doctor: no database at" in deep.stdout


def health(patient: Patient, daemon: DaemonProcess, *words: str) -> subprocess.CompletedProcess[str]:
    return command("health", daemon.config, *words, environment=patient.environment)


# -- a broker that checks permissions

USER = {
    "security.protocol": "sasl_plaintext",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "alice",
    "sasl.password": "env:DOCTOR_KAFKA_PASSWORD",
}


@pytest.fixture(scope="module")
def guarded(broker_jars: Path) -> Iterator[KafkaBroker]:
    """Its plain listener is for super users; alice may do only what is granted."""
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    properties = {"authorizer.class.name": authorizer, "super.users": "User:ANONYMOUS"}
    with KafkaBroker(listeners=SASL, properties={**sasl({"alice": "wonder"}), **properties}) as broker:
        yield broker


@pytest.fixture
def alice(guarded: KafkaBroker, tmp_path: Path) -> Patient:
    patient = Patient(tmp_path, guarded.address_of("SASL"), "erp")
    patient.document["kafka"] |= USER
    patient.environment["DOCTOR_KAFKA_PASSWORD"] = "wonder"
    return patient


def grant(broker: KafkaBroker, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    how = (ResourcePatternType.LITERAL, "User:alice", "*")
    for operation in operations:
        binding = AclBinding(kind, name, *how, operation, AclPermissionType.ALLOW)
        for future in admin.create_acls([binding]).values():
            future.result(10)


def test_a_wrong_kafka_password_is_told_at_once(alice: Patient) -> None:
    alice.environment["DOCTOR_KAFKA_PASSWORD"] = "guessed"

    code, findings = alice.examined()

    assert code == 2
    assert "refuses the connection" in findings["kafka", "critical"]
    assert "guessed" not in str(findings)


def test_missing_grants_are_named_with_the_command_that_gives_them(
    alice: Patient, guarded: KafkaBroker
) -> None:
    admin = AdminClient({"bootstrap.servers": guarded.address})
    for future in admin.create_topics([NewTopic("erp.orders", 1, 1)]).values():
        future.result(10)

    code, findings = alice.examined()
    assert code == 2
    assert "grant DescribeConfigs on the cluster" in findings["kafka", "warning"]
    assert "grant Describe, Create, Write" in findings["erp", "critical"]

    grant(guarded, ResourceType.BROKER, "kafka-cluster", AclOperation.CREATE, AclOperation.DESCRIBE_CONFIGS)
    for topic in ("erp.orders", "_bridge.positions.erp", "_bridge.dead-letters.erp"):
        grant(guarded, ResourceType.TOPIC, topic, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    code, findings = alice.examined()
    assert code == 2
    assert "topic erp.orders: not granted: Write" in findings["erp", "critical"]
    assert "--allow-principal User:NAME --operation Write --topic erp.orders" in findings["erp", "critical"]
    assert "cannot be seen" in findings["erp", "ok"], "alice may not look at ACLs"

    grant(guarded, ResourceType.TOPIC, "erp.orders", AclOperation.WRITE)
    grant(guarded, ResourceType.BROKER, "kafka-cluster", AclOperation.DESCRIBE)
    code, findings = alice.examined()
    assert code == 1
    assert "use transactional id bridge.erp" in findings["erp", "warning"]

    grant(guarded, ResourceType.TRANSACTIONAL_ID, "bridge.erp", AclOperation.WRITE)
    assert ("erp", "warning") not in alice.examined()[1]


def test_a_deadline_shorter_than_the_connectors_own_time_out_is_told(patient: Patient) -> None:
    streams = {"PUBLIC.T": {"mode": "images", "deadline": "10s"}, "PUBLIC.U": {"mode": "images"}}
    url = f"jdbc:h2:{patient.folder}/erp"
    patient.document["connectors"][patient.name] = {"kind": "jdbc", "url": url, "streams": streams}
    _, findings = patient.examined()
    assert (
        "a poll ends at its deadline of 10 s, but the connector's own time-out for the source is 20 s"
        " (1 of 2 streams)"
    ) in findings[patient.name, "ok"]
    assert "own time-out" not in findings.get((patient.name, "warning"), "")


def test_a_broker_that_is_down_is_still_one_of_the_brokers_there_are(
    broker_jars: Path, tmp_path: Path
) -> None:
    both = {"transaction.state.log.replication.factor": "2", "default.replication.factor": "2"}
    with (
        KafkaBroker(tmp_path / "first", properties=both) as first,
        KafkaBroker(tmp_path / "second", properties=both, beside=first) as second,
    ):
        admin = AdminClient({"bootstrap.servers": first.address})
        admin.create_topics([NewTopic("theirs", 1, 2)])["theirs"].result(10)
        patient = Patient(tmp_path, first.address, "maintained")
        before = patient.examined()[1]
        second.stop()
        after = patient.examined()[1]

    for findings in (before, after):
        assert "2 brokers of cluster" in findings["kafka", "ok"]
        assert ("kafka", "critical") not in findings, findings["kafka", "critical"]
    assert "down: broker 2" not in before["kafka", "warning"]
    assert "down: broker 2, which should hold replicas; start what is down" in after["kafka", "warning"]

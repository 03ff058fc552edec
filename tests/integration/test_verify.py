"""`verify` on a real broker: it agrees with a sound topic, while the bridge runs, and finds each fault."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bridge import config
from bridge.contract import Ask, Batch, Stream
from bridge.errors import ConfigError, PermanentError
from bridge.redact import Redactor
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.sqlite_source import SqliteConfig, SqliteConnector, SqliteSource, installed
from bridge.verify import Verification
from bridge.verify.report import Report
from tests.commands import command

ROWS = 40
NEW = ("new", "aäb")
"""They came after the daemon had begun; no topic can be called like the second."""
TABLES = ("sound", "doubled", "changed", "truncated", "late", "gone", "letters", "busy", "many", "a_b", *NEW)


class Erp:
    """A legacy system whose tables are published by a daemon, and the means to spoil its topics."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address, self.name = address, f"erp-{uuid4().hex[:8]}"
        self.source = SqliteSource(folder / "erp.db", TABLES)
        for table in TABLES:
            self.source.insert(ROWS, table)
        # Room for a row that commits late, with a number smaller than those already read.
        self.sql("DELETE FROM late WHERE id = 7")
        self.source.insert(2, "letters", payload=None)
        connector = {
            "kind": "sqlite", "path": str(self.source.path), "interval": "50ms",
            "streams": {table: {} for table in TABLES if table not in NEW},
        }  # fmt: skip
        self.daemon = DaemonProcess(
            folder, address, {self.name: connector}, extra={"topics": {"partitions": 3}}
        )
        self.connector = SqliteConnector(
            SqliteConfig.model_validate(
                {"path": self.source.path, "streams": {table: {} for table in TABLES}}
            )
        )

    def sql(self, statement: str) -> None:
        with self.source.session() as database:
            database.execute(statement)

    def topic(self, table: str) -> str:
        return f"{self.name}.{table}"

    def events(self) -> int:
        streams = self.daemon.connector(self.name).get("streams", {})
        return sum(stream["events"] for stream in streams.values())

    def published(self, table: str) -> int:
        return len(consume(self.address, self.topic(table)))

    def send(self, table: str, key: bytes, value: bytes | None) -> None:
        producer = Producer({"bootstrap.servers": self.address, "partitioner": "murmur2_random"})
        producer.produce(self.topic(table), value, key)
        assert producer.flush(10) == 0

    def event(self, table: str, id_: int) -> bytes:
        """The last value of a key."""
        key = b'{"id":%d}' % id_
        return [
            record.value or b"" for record in consume(self.address, self.topic(table)) if record.key == key
        ][-1]

    def verify(self, *tables: str, file: Path | None = None) -> Report:
        settings = config.load(file or self.daemon.config)
        self.connector.open()
        try:
            return Verification(settings, self.name, Redactor(()), lambda *_: None, 5).run(
                self.connector, tables
            )
        finally:
            self.connector.close()


@pytest.fixture(scope="module")
def erp(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    """Everything is published; the daemon goes on running."""
    legacy = Erp(tmp_path_factory.mktemp("verify"), broker.address)
    with legacy.daemon:
        wait_until(lambda: legacy.events() >= ROWS * (len(TABLES) - len(NEW)) - 1, what="all rows")
        yield legacy


def counts(report: Report) -> tuple[int, int, int]:
    return report.total("lost"), report.total("doubled"), report.total("differing")


def test_a_sound_topic_is_found_sound(erp: Erp) -> None:
    report = erp.verify("sound")
    assert counts(report) == (0, 0, 0)
    assert report.sound
    assert (report.total("rows"), report.total("events")) == (ROWS, ROWS)


def test_an_event_published_twice_is_doubled(erp: Erp) -> None:
    erp.send("doubled", b'{"id":5}', erp.event("doubled", 5))
    report = erp.verify("doubled")
    assert counts(report) == (0, 1, 0)
    assert report.outcomes[0].doubled.keys == ('{"id":5}',)
    assert not report.sound


def test_an_event_between_two_equal_ones_makes_them_a_history(erp: Erp) -> None:
    first = erp.event("many", 5)
    erp.send("many", b'{"id":5}', first.replace(b'"customer":4', b'"customer":5'))
    erp.send("many", b'{"id":5}', first)
    assert counts(erp.verify("many")) == (0, 0, 0)


def test_a_value_that_is_not_the_source_s_differs(erp: Erp) -> None:
    erp.send("changed", b'{"id":5}', erp.event("changed", 5).replace(b'"customer":4', b'"customer":77'))
    report = erp.verify("changed")
    assert counts(report) == (0, 0, 1)
    assert report.outcomes[0].differing.keys == ('{"id":5}',)


def test_events_that_are_no_longer_in_the_topic_are_lost(erp: Erp) -> None:
    admin = AdminClient({"bootstrap.servers": erp.address})
    ends: dict[int, int] = {}
    for record in consume(erp.address, erp.topic("truncated")):
        if record.offset < 3:
            ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
    asked = [TopicPartition(erp.topic("truncated"), partition, end) for partition, end in ends.items()]
    for future in admin.delete_records(asked).values():
        future.result(10)
    report = erp.verify("truncated")
    assert report.total("lost") == ROWS - erp.published("truncated") > 0
    assert (report.total("doubled"), report.total("differing")) == (0, 0)


def test_a_row_the_bridge_never_saw_is_lost(erp: Erp) -> None:
    """It committed late, behind the position: what incrementing mode can miss, `verify` tells."""
    erp.sql("INSERT INTO late VALUES (7, 1, 'late')")
    report = erp.verify("late")
    assert counts(report) == (1, 0, 0)
    assert report.outcomes[0].lost.keys == ('{"id":7}',)


def test_a_row_that_is_gone_from_the_source_is_told_and_no_fault(erp: Erp) -> None:
    """The stream reads no deletes, and says so."""
    erp.sql("DELETE FROM gone WHERE id IN (3, 4)")
    report = erp.verify("gone")
    assert report.sound
    assert report.outcomes[0].gone.keys == ('{"id":3}', '{"id":4}')


def test_a_record_in_the_dead_letter_topic_is_not_lost(erp: Erp) -> None:
    report = erp.verify("letters")
    assert report.sound
    assert (report.total("rows"), report.total("events"), report.total("dead_letters")) == (ROWS + 2, ROWS, 2)


def test_it_works_while_rows_are_being_published(erp: Erp) -> None:
    for _ in range(5):
        erp.source.insert(300, "busy")
        report = erp.verify("busy")
        assert counts(report) == (0, 0, 0)
    wait_until(lambda: erp.published("busy") == len(erp.source.ids("busy")), 30)
    assert erp.verify("busy").total("pending") == 0


def test_rows_that_are_not_published_yet_are_not_lost(erp: Erp) -> None:
    """The configuration names no such stream: it has neither a position nor a topic."""
    report = erp.verify("new")
    assert counts(report) == (0, 0, 0)
    assert (report.total("pending"), report.total("events")) == (ROWS, 0)
    assert report.unknown == {"new": "it has no position"}
    assert (report.faulty, report.sound) == (False, False)


def test_an_unknown_stream_is_named_with_those_there_are(erp: Erp) -> None:
    with pytest.raises(ConfigError, match=r"no stream 'ordres'; there are: .*sound"):
        erp.verify("ordres")


def test_a_foreign_record_in_the_dead_letter_topic_is_passed_over(erp: Erp) -> None:
    producer = Producer({"bootstrap.servers": erp.address})
    for value in (b"hello", b"[]", b'{"stage":1}', None):
        producer.produce(f"_bridge.dead-letters.{erp.name}", value, b"foreign")
    assert producer.flush(10) == 0
    assert erp.verify("letters").outcomes[0].dead_letters == 2


def test_a_position_that_cannot_be_read_hides_no_other_stream(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = SqliteConnector.poll

    def failing(source: SqliteConnector, stream: Stream, position: object, ask: Ask) -> Batch:
        if stream.name == "sound" and position is not None:
            raise PermanentError("that is no position")
        return poll(source, stream, position, ask)

    monkeypatch.setattr(SqliteConnector, "poll", failing)
    report = erp.verify("sound", "gone")
    assert [outcome.stream for outcome in report.outcomes] == ["gone"]
    assert report.unknown == {"sound": "that is no position"}
    assert (report.faulty, report.sound) == (False, False)


def test_a_stream_whose_topic_is_another_s_does_not_spoil_that_one_s_account(erp: Erp) -> None:
    report = erp.verify("a_b", "aäb")
    assert [(each.stream, each.rows, each.events) for each in report.outcomes] == [("a_b", ROWS, ROWS)]
    assert counts(report) == (0, 0, 0)
    assert "both go to topic" in report.unknown["aäb"]
    assert erp.verify("a_b").sound


def test_a_position_of_another_database_is_told(erp: Erp, tmp_path: Path) -> None:
    copy = SqliteSource(tmp_path / "copy.db", TABLES)
    other = SqliteConnector(SqliteConfig.model_validate({"path": copy.path, "streams": {"sound": {}}}))
    settings = config.load(erp.daemon.config)
    other.open()
    with closing(other):
        report = Verification(settings, erp.name, Redactor(()), lambda *_: None, 5).run(other, [])
    assert re.search(r"is of .*erp\.db, the source is .*copy\.db", report.unknown["sound"])
    assert (report.faulty, report.sound) == (False, False)


def test_a_topic_that_is_new_to_a_stream_and_has_anothers_records_is_not_compared(
    erp: Erp, tmp_path: Path
) -> None:
    """Its stream waits: nothing was ever published there."""
    foreign = erp.topic("foreign")
    admin = AdminClient({"bootstrap.servers": erp.address})
    admin.create_topics([NewTopic(foreign, 1, 1)])[foreign].result(10)
    erp.send("foreign", b'{"id":1}', erp.event("gone", 1))
    document = deepcopy(erp.daemon.document)
    streams = document["connectors"][erp.name]["streams"]
    streams["sound"] = {"topic": foreign}
    file = tmp_path / "bridge.yaml"
    file.write_text(yaml.safe_dump(document))
    report = erp.verify("sound", file=file)
    assert not report.outcomes
    assert f"topic {foreign} is new to it, but has records" in report.unknown["sound"]
    streams["sound"] = {"topic": f"{erp.name}.empty"}
    file.write_text(yaml.safe_dump(document))
    assert counts(erp.verify("sound", file=file)) == (ROWS, 0, 0)


def run(erp: Erp, *words: str) -> subprocess.CompletedProcess[str]:
    return command("verify", erp.daemon.config, *words, environment=installed(erp.daemon.folder / "site"))


def test_the_command_ends_with_a_line_for_machines_and_0(erp: Erp) -> None:
    done = run(erp, erp.name, "--stream", "sound")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        f"verify {erp.name}: lost=0 doubled=0 differing=0 rows={ROWS} events={ROWS}"
    )
    assert done.stderr == ""


def test_the_command_ends_with_1_when_something_is_wrong(erp: Erp) -> None:
    erp.send("doubled", b'{"id":6}', erp.event("doubled", 6))
    done = run(erp, erp.name, "--stream", "doubled", "--json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["sound"] is False
    assert '{"id":6}' in document["outcomes"][0]["doubled"]["keys"]


def test_a_wrong_name_is_one_line(erp: Erp) -> None:
    done = run(erp, "epr")
    assert done.returncode == 3
    assert re.fullmatch(r"no connector 'epr' in this file; there are: erp-\w+\n", done.stderr)


def test_a_broker_that_is_away_is_one_line(erp: Erp, tmp_path: Path) -> None:
    elsewhere = tmp_path / "bridge.yaml"
    elsewhere.write_text(erp.daemon.config.read_text().replace(erp.address, "127.0.0.1:1"))
    done = command("verify", elsewhere, erp.name, environment=installed(tmp_path / "site"))
    assert done.returncode == 3
    assert re.fullmatch(r"Kafka at 127\.0\.0\.1:1 cannot be reached: .*\n", done.stderr)

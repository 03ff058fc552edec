"""`dead-letters` on a real broker: an event too large for its topic is published later, once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from bridge import committed, config, positions, state, takeover
from bridge.deadletters import Letters
from bridge.redact import Redactor
from bridge.replay import OVERTAKEN, Place, Replay
from bridge.takeover import Takeover
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.sqlite_source import SqliteSource, installed
from bridge.topics import Ends, Topics
from tests.commands import command

ROWS = 5
LARGE = "y" * 5000
CARD = "4111111111111111"


class Erp:
    """A source with rows too large for their topic, one of which holds a card number."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address, self.name = address, f"erp-{uuid4().hex[:8]}"
        self.topic = f"{self.name}.orders"
        self.images = f"{self.name}-images"
        self.admin = AdminClient({"bootstrap.servers": address})
        small = {"max.message.bytes": "2000"}
        topics = [NewTopic(topic, 3, 1, config=small) for topic in (self.topic, f"{self.images}.parts")]
        for future in self.admin.create_topics(topics).values():
            future.result(10)
        self.source = SqliteSource(folder / "erp.db", ["orders", "parts"])
        self.source.insert(2, "parts")
        self.source.insert(3, "parts", payload=LARGE)
        self.source.insert(ROWS)
        self.source.insert(3, payload=LARGE)
        self.source.insert(1, payload=CARD + LARGE)
        self.source.insert(1, payload=None)
        connector = {
            "kind": "sqlite", "path": str(self.source.path), "interval": "50ms", "streams": {"orders": {}},
        }  # fmt: skip
        images = {**connector, "streams": {"parts": {"images": True}}}
        self.daemon = DaemonProcess(folder, address, {self.name: connector, self.images: images})

    def raise_limit(self, topic: str, limit: int = 100_000) -> None:
        self.alter(topic, "max.message.bytes", str(limit))

    def alter(self, topic: str, setting: str, value: str) -> None:
        entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        for future in self.admin.incremental_alter_configs([resource]).values():
            future.result(10)

    def run(self, *words: str, code: int = 0) -> str:
        """Standard output, or standard error where there is no output."""
        done = command(*words, environment=installed(self.daemon.folder / "site"))
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout or done.stderr

    def letters(self, action: str, *words: str, code: int = 0) -> str:
        return self.run("dead-letters", action, str(self.daemon.config), self.name, *words, code=code)

    def numbers(self, stage: str) -> list[str]:
        document = json.loads(self.letters("list", "--json"))
        return [letter["number"] for letter in document["letters"] if letter["stage"] == stage]

    def ids(self) -> list[int]:
        return sorted(record.event["after"]["id"] for record in consume(self.address, self.topic))


@pytest.fixture(scope="module")
def erp(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    """All is published or buried; the daemon goes on running. The tests tell one story, in their order."""
    legacy = Erp(tmp_path_factory.mktemp("letters"), broker.address)
    with legacy.daemon:
        wait_until(
            lambda: legacy.daemon.stream(legacy.name, "orders").get("rejects") == 5, what="dead letters"
        )
        yield legacy


def test_the_list_says_what_and_why(erp: Erp) -> None:
    lines = erp.letters("list").splitlines()
    assert len(lines) == 5
    assert sum(f"topic {erp.topic} takes 2000" in line for line in lines) == 4
    assert sum("no payload" in line for line in lines) == 1
    assert sum('{"id":7}' in line for line in lines) == 1
    told = erp.letters("list", "--stream", "ordres")
    assert told == f"{erp.name}/ordres has no dead letters; there are some of: orders\n"


def test_one_is_shown_with_the_event_it_holds(erp: Erp) -> None:
    number = erp.numbers("size")[0]
    letter: dict[str, Any] = json.loads(erp.letters("show", number, "--json"))["letter"]
    assert letter["whole"] is True
    assert json.loads(letter["payload"])["after"]["payload"] == LARGE
    assert "payload   whole" in erp.letters("show", number)


def test_a_card_number_is_in_no_letter(erp: Erp) -> None:
    records = consume(erp.address, f"_bridge.dead-letters.{erp.name}")
    assert not any(CARD.encode() in (record.value or b"") for record in records)
    assert "not kept" in erp.letters("show", erp.numbers("size")[-1])


def test_what_still_does_not_fit_is_refused(erp: Erp) -> None:
    number = erp.numbers("size")[0]
    said = erp.letters("replay", number, code=1)
    assert "refused: its event has" in said
    assert "takes 2000; raise the topic's max.message.bytes" in said


def test_a_dry_run_publishes_nothing(erp: Erp) -> None:
    erp.raise_limit(erp.topic)
    said = erp.letters("replay", "--all", "--dry-run")
    assert said.endswith("3 of 5 dead letters would be published\n")
    assert erp.ids() == [1, 2, 3, 4, 5]


def test_an_event_is_published_byte_for_byte_and_marked(erp: Erp) -> None:
    number = erp.numbers("size")[0]
    letter = json.loads(erp.letters("show", number, "--json"))["letter"]
    assert "1 of 1 dead letters published" in erp.letters("replay", number)
    told = [line["command"] for line in erp.daemon.lines() if line.get("event") == "operator"]
    assert told == [f"dead-letters replay: {number}"]
    (found,) = (record for record in consume(erp.address, erp.topic) if record.key == letter["key"].encode())
    assert hashlib.sha256(found.value or b"").hexdigest() == letter["sha256"]
    assert sum("(replayed)" in line for line in erp.letters("list").splitlines()) == 1


def test_a_second_replay_is_refused(erp: Erp) -> None:
    said = erp.letters("replay", erp.numbers("size")[0], code=1)
    assert "refused: it was replayed by uid" in said
    assert erp.ids() == [1, 2, 3, 4, 5, 6]


def test_an_event_that_was_overtaken_is_refused(erp: Erp) -> None:
    """A newer event of its key is in the topic: the old row must not come back to life."""
    producer = Producer({"bootstrap.servers": erp.address, "partitioner": "murmur2_random"})
    newer = b'{"before":null,"after":{"id":7},"op":"u","ts_ms":99999999999999}'
    producer.produce(erp.topic, newer, b'{"id":7}')
    assert producer.flush(10) == 0
    said = erp.letters("replay", erp.numbers("size")[1], code=1)
    assert "a newer event of its key was published behind or beside it" in said


def test_all_that_can_be_replayed_is_and_the_rest_is_told(erp: Erp) -> None:
    said = erp.letters("replay", "--all")
    assert said.endswith("1 of 5 dead letters published\n")
    assert "refused: its event was not kept" in said
    assert "refused: it is no row" in said
    assert erp.ids() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_bridge_goes_on_after_a_replay(erp: Erp) -> None:
    erp.source.insert(2)
    wait_until(lambda: erp.ids()[-2:] == [11, 12], 90, what="rows inserted after the replay")
    said = erp.run("verify", str(erp.daemon.config), erp.name, code=1)
    assert "lost=0 doubled=0 differing=1" in said, "the newer event that is not of the source"
    assert "12 rows, 10 events (3 dead letters)" in said, "those that were replayed count no more"


def at_work(erp: Erp) -> None:
    """The worker that the last command fenced is back."""
    before = len(consume(erp.address, erp.topic))
    erp.source.insert(1)
    wait_until(lambda: len(consume(erp.address, erp.topic)) > before, 90, what="a new row")


def ends(erp: Erp) -> Ends:
    """Of the topic as it is."""
    settings = config.load(erp.daemon.config)
    return Topics(settings.kafka, settings.topics).ends(erp.topic)


def judged(erp: Erp, *numbers: str) -> list[str | None]:
    """Why each is refused, by somebody who has read nothing yet."""
    replay = Replay(config.load(erp.daemon.config), erp.name, "a test")
    return [refused for _, refused in replay.judged([Place.read(number) for number in numbers])]


def bury(erp: Erp, *events: tuple[bytes, bytes], since: Ends | None = None) -> None:
    """Letters as a worker writes them, of events that its source cannot be made to have.

    `since`: where the topic ended; at its beginning, where not given.
    """
    since = since or Ends(ends(erp).id, [0, 0, 0])
    producer = Producer({"bootstrap.servers": erp.address})
    for key, event in events:
        letter = Letters(Redactor(), "orders", None, 0).too_large("orders", erp.topic, 10, key, event)
        letter_key, value = letter.placed(since).record(1_000_000)
        producer.produce(f"_bridge.dead-letters.{erp.name}", value, letter_key)
    assert producer.flush(10) == 0


def test_a_delete_is_followed_by_its_tombstone(erp: Erp) -> None:
    key, event = b'{"id":99}', b'{"before":{"id":99},"after":null,"source":{},"op":"d","ts_ms":1}'
    bury(erp, (key, event))
    assert "1 of 1 dead letters published" in erp.letters("replay", erp.numbers("size")[-1])
    assert [record.value for record in consume(erp.address, erp.topic) if record.key == key] == [event, None]


def test_what_is_newer_is_told_by_the_log_and_not_by_clocks(erp: Erp) -> None:
    """The clock goes back all the while: from letter to letter, and once more to a later event."""
    at_work(erp)  # else the worker that is just starting fences the replay
    key, settings = b'{"id":100}', config.load(erp.daemon.config)
    event = b'{"before":null,"after":{},"op":"c","ts_ms":%d}'
    bury(erp, *((key, event % time) for time in (4, 3, 2)), since=ends(erp))
    first, *later = erp.numbers("size")[-3:]

    replay = Replay(settings, erp.name, "a test")
    assert [refused for _, refused in replay.run(replay.judged([Place.read(first)]))] == [None]
    assert judged(erp, *later) == [None, None]

    produce(erp, key, event % 1)
    assert judged(erp, *later) == [OVERTAKEN] * 2


def produce(erp: Erp, key: bytes, *values: bytes | None) -> None:
    producer = Producer({"bootstrap.servers": erp.address, "partitioner": "murmur2_random"})
    for value in values:
        producer.produce(erp.topic, value, key)
    assert producer.flush(10) == 0


def test_a_replay_reads_nothing_twice_and_keeps_the_connector_as_long_as_it_takes(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work(erp)
    keys = [b'{"id":%d}' % number for number in range(200, 205)]
    bury(erp, *((key, b'{"before":null,"after":{},"op":"c","ts_ms":1}') for key in keys))
    renewed: list[int] = []
    spans: list[dict[Any, int]] = []
    messages, claim = committed.messages, Takeover._claim

    def counted(settings: Any, within: committed.Bounds) -> Any:
        spans.append({place: end - first for place, (first, end) in within.items()})
        return messages(settings, within)

    monkeypatch.setattr(takeover, "RENEW_S", 0.0)
    monkeypatch.setattr(committed, "messages", counted)

    def counted_claim(held: Takeover) -> None:
        renewed.append(1)
        claim(held)

    monkeypatch.setattr(Takeover, "_claim", counted_claim)
    replay = Replay(config.load(erp.daemon.config), erp.name, "a test")
    judged = replay.judged([])
    read = len(spans)
    done = replay.run(judged)

    assert [entry.letter.key for entry, reason in done if reason is None] == [key.decode() for key in keys]
    assert sum(sum(span.values()) for span in spans[:read]) > 20
    again, newer, _payloads = spans[read:]
    assert sum(again.values()) + sum(newer.values()) < 5  # the worker may have written meanwhile
    assert len(renewed) > len(keys)
    published = [record.key for record in consume(erp.address, erp.topic)]
    assert [published.count(key) for key in keys] == [1] * len(keys)
    at_work(erp)


def test_a_row_that_is_known_by_a_replay_is_deleted_and_one_that_is_gone_stays_so(erp: Erp) -> None:
    """In a stream that is read as a whole nobody but the state knows of such a row."""

    def parts() -> list[tuple[str, int]]:
        events = [record.event for record in consume(erp.address, f"{erp.images}.parts") if record.value]
        return [(each["op"], (each["after"] or each["before"])["id"]) for each in events]

    def rows_change(gone: int) -> None:
        """And the scan that finds it has ended."""
        with erp.source.session() as database:
            database.execute("DELETE FROM parts WHERE id = ?", (gone,))
        scans = erp.daemon.stream(erp.images, "parts")["scans"] + 2
        wait_until(lambda: erp.daemon.stream(erp.images, "parts").get("scans", 0) >= scans, 90, what="scans")

    wait_until(lambda: erp.daemon.stream(erp.images, "parts").get("rejects") == 3, what="dead letters")
    rows_change(gone=3)
    erp.raise_limit(f"{erp.images}.parts")
    said = erp.run("dead-letters", "replay", str(erp.daemon.config), erp.images, "--all")
    assert "refused: its row is gone from the source" in said
    assert said.endswith("2 of 3 dead letters published\n")
    wait_until(lambda: "scans" in erp.daemon.stream(erp.images, "parts"), 90, what="the worker")
    rows_change(gone=4)
    wait_until(lambda: ("d", 4) in parts(), 90, what="a delete")
    assert sorted(parts()) == [("d", 4), ("r", 1), ("r", 2), ("r", 4), ("r", 5)]


def test_a_state_is_read_once_by_a_replay_and_none_that_was_lost_is_believed(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take minutes to read, and a worker waits for a command no longer than a lease."""
    topic, of_state = f"{erp.images}.parts", state.topic(erp.images)
    parts = partial(erp.daemon.stream, erp.images, "parts")
    settings = config.load(erp.daemon.config)
    buried = parts()["rejects"]
    erp.source.insert(1, "parts", payload="z" * 150_000)
    wait_until(lambda: parts().get("rejects") == buried + 1, 90, what="a dead letter")
    erp.raise_limit(topic, 1_000_000)

    cut_off(erp, of_state)
    replay = Replay(settings, erp.images, "a test")
    assert "was lost with topic" in str([reason for _, reason in replay.judged([])][-1])
    erp.daemon.stop()
    erp.daemon.start()
    wait_until(lambda: "the state's topic is whole again" in erp.daemon.logged(), 90, what="the state")

    spans: list[int] = []
    messages = committed.messages

    def counted(kafka: Any, within: committed.Bounds) -> Any:
        spans.extend(end - first for (name, _), (first, end) in within.items() if name == of_state)
        return messages(kafka, within)

    monkeypatch.setattr(committed, "messages", counted)
    replay = Replay(settings, erp.images, "a test")
    judged = replay.judged([])
    whole, read = max(spans), len(spans)
    done = replay.run(judged)
    assert done[-1][1] is None
    assert sum(spans[read:]) < whole
    kept = positions.known(settings.kafka, erp.images, Topics(settings.kafka, settings.topics)).state
    assert kept is not None, "what the state is to be like is still known"


def cut_off(erp: Erp, topic: str) -> None:
    """At its beginning, as by somebody who had it deleted by age for a while."""
    erp.alter(topic, "cleanup.policy", "compact,delete")

    def deleted() -> bool:
        """A setting has reached the controller when it was taken; the topic's leader hears of it later."""
        for future in erp.admin.delete_records([TopicPartition(topic, 0, 1)]).values():
            error = future.exception(10)
            if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.POLICY_VIOLATION:
                return False
            if error:
                raise error
        return True

    wait_until(deleted, what="records deleted before an offset")
    erp.alter(topic, "cleanup.policy", "compact")


def test_a_tombstone_is_newer_unless_it_is_that_of_an_older_delete_that_was_replayed(erp: Erp) -> None:
    """After compaction it is all that is left of a delete."""
    key, deleted = b'{"id":110}', b'{"before":{"id":110},"after":null,"source":{},"op":"d","ts_ms":1}'
    bury(erp, (key, deleted), (key, b'{"before":null,"after":{},"op":"c","ts_ms":1}'), since=ends(erp))
    delete, created = erp.numbers("size")[-2:]
    assert "1 of 1 dead letters published" in erp.letters("replay", delete)
    assert judged(erp, created) == [None]
    bury(erp, (key, deleted), since=ends(erp))
    produce(erp, key, None)
    assert judged(erp, erp.numbers("size")[-1]) == [OVERTAKEN]


def test_what_the_topic_has_lost_may_have_been_newer(erp: Erp) -> None:
    """By retention, or by its being made anew: nobody can tell any more."""
    key, event = b'{"id":120}', b'{"before":null,"after":{},"op":"c","ts_ms":1}'
    bury(erp, (key, event), (key, event), since=ends(erp))
    bury(erp, (key, event), since=Ends("another", [0, 0, 0]))
    *kept, other = erp.numbers("size")[-3:]
    assert judged(erp, *kept) == [None, None]
    produce(erp, key, event)
    topic = ends(erp)
    gone = [TopicPartition(erp.topic, partition, end) for partition, end in enumerate(topic.offsets)]
    for future in erp.admin.delete_records(gone).values():
        future.result(10)
    for refused in judged(erp, *kept, other):
        assert refused is not None
        assert refused.startswith(f"topic {erp.topic} no longer has all that came after it")
        assert "`resnapshot --stream orders --where KEYRANGE`" in refused
    bury(erp, (key, event), since=topic)
    assert judged(erp, erp.numbers("size")[-1]) == [None]


def test_a_letter_that_is_named_twice_is_one(erp: Erp) -> None:
    number = erp.numbers("size")[-1]
    assert erp.letters("replay", number, number, "--dry-run").endswith(
        "1 of 1 dead letters would be published\n"
    )


def test_mistakes_are_one_line(erp: Erp) -> None:
    for words, complaint in (
        (("show", "9999"), "there is no dead letter 9999"),
        (("show", "x"), "'x' is no number of a dead letter"),
        (("replay",), "no dead letter was named; give their numbers, or --all"),
        (("replay", "1", "--all"), "both some and all dead letters were named"),
        (("replay", "9999"), "there is no dead letter 9999"),
    ):
        said = erp.letters(*words, code=3)
        assert complaint in said
        assert len(said.splitlines()) == 1

"""`peek` shows what would be published next, byte for byte, and writes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.sqlite_source import SqliteSource
from tests.commands import command

COMMAND = str(Path(sys.executable).with_name("legacy-bridge"))


class Peeking:
    """A connector with a name of its own, its source, and a daemon that may be started."""

    def __init__(self, folder: Path, address: str) -> None:
        self.name = f"peek{uuid.uuid4().hex[:8]}"
        self.address = address
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.source = SqliteSource(folder / "db", ["orders", "items"])
        connector: dict[str, Any] = {
            "kind": "sqlite",
            "path": str(folder / "db"),
            "interval": "100ms",
            "streams": {"orders": {}, "items": {"exclude": ["payload"]}},
        }
        self.daemon = DaemonProcess(folder / "daemon", address, {self.name: connector})

    def peek(self, *words: str) -> subprocess.CompletedProcess[str]:
        around = {**self.daemon._environment, "TMPDIR": str(self.temporary)}
        return command("peek", self.daemon.config, self.name, *words, environment=around)

    def published(self, table: str, count: int) -> None:
        """Run the daemon until a table has so many events."""
        with self.daemon:
            self.until(table, count)

    def until(self, table: str, count: int) -> None:
        wait_until(
            lambda: self.daemon.stream(self.name, table).get("events") == count, 60, f"{count} of {table}"
        )


@pytest.fixture
def peeking(tmp_path: Path, broker: Broker) -> Peeking:
    return Peeking(tmp_path, broker.address)


class Images(Peeking):
    """The same tables, read as a whole again and again."""

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder, address)
        connector = self.daemon.document["connectors"][self.name]
        connector["streams"] = {"orders": {"images": True}}
        self.daemon.write()

    def sql(self, *statements: str) -> None:
        with self.source.session() as database:
            for statement in statements:
                database.execute(statement)

    def topics(self) -> set[str]:
        names = AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=10).topics
        return {name for name in names if self.name in name}


@pytest.fixture
def images(tmp_path: Path, broker: Broker) -> Images:
    return Images(tmp_path, broker.address)


def operations(raw: str) -> list[tuple[str, int]]:
    """Operation and id of each line that is no tombstone."""
    return [(value["op"], key["id"]) for key, value in map(parsed, raw.splitlines()) if value]


def parsed(line: str) -> tuple[Any, Any]:
    key, value = map(json.loads, line.split("\t"))
    return key, value


def events(raw: str) -> list[tuple[Any, Any]]:
    """(key, envelope without the time of encoding) of each line."""
    found = []
    for line in raw.splitlines():
        key, value = map(json.loads, line.split("\t"))
        found.append((key, {name: part for name, part in value.items() if name != "ts_ms"}))
    return found


def test_what_it_shows_is_what_is_published_later(peeking: Peeking) -> None:
    peeking.source.insert(3)
    shown = peeking.peek("--raw", "-n", "10")
    peeking.published("orders", 3)

    records = consume(peeking.address, f"{peeking.name}.orders")
    raw = "\n".join(f"{(each.key or b'').decode()}\t{(each.value or b'').decode()}" for each in records)
    assert shown.returncode == 0
    assert events(shown.stdout) == events(raw)
    assert len(records) == 3


def test_nothing_is_written_not_even_a_topic(peeking: Peeking) -> None:
    peeking.source.insert(3)
    peeking.peek()

    names = AdminClient({"bootstrap.servers": peeking.address}).list_topics(timeout=10).topics
    assert not [name for name in names if peeking.name in name]


def test_it_begins_at_the_stored_position_while_the_daemon_runs_on(peeking: Peeking) -> None:
    peeking.source.insert(4)
    with peeking.daemon as daemon:
        peeking.until("orders", 4)
        pid = daemon.worker_pid(peeking.name)
        seen = peeking.peek("--stream", "orders")
        again = peeking.peek("--stream", "orders", "--from-start", "--raw")
        peeking.source.insert(1)
        peeking.until("orders", 5)
        assert daemon.worker_pid(peeking.name) == pid, "the daemon was not fenced"

    assert seen.stdout == f'{peeking.name}/orders, from {{"id": 4}}\n  nothing new\n'
    assert [key["id"] for key, _ in events(again.stdout)] == [1, 2, 3, 4]


def test_people_see_the_topic_the_key_and_each_field(peeking: Peeking) -> None:
    peeking.source.insert(1, "items")

    lines = peeking.peek("--stream", "items").stdout.splitlines()

    assert lines[0] == f"{peeking.name}/items, from the beginning"
    assert lines[1] == f'  -> {peeking.name}.items  {{"id":1}}'
    assert '       after   {"id": 1, "customer": 0}' in lines, "the excluded column is not there"


def test_dead_letters_are_shown_with_their_reason(peeking: Peeking) -> None:
    peeking.source.insert(1, payload=None)

    shown = peeking.peek("--stream", "orders").stdout

    assert f'-> _bridge.dead-letters.{peeking.name}  {{"id":1}}' in shown
    assert "dead letter of orders: no payload" in shown


def test_no_more_is_shown_than_asked_for(peeking: Peeking) -> None:
    peeking.source.insert(50)

    shown = peeking.peek("-n", "7", "--raw", "--stream", "orders")

    assert [key["id"] for key, _ in events(shown.stdout)] == [1, 2, 3, 4, 5, 6, 7]


def test_without_kafka_it_works_from_the_start_alone(peeking: Peeking) -> None:
    peeking.source.insert(2)
    peeking.daemon.document["kafka"]["bootstrap.servers"] = "127.0.0.1:1"
    peeking.daemon.write()

    stored = peeking.peek()
    start = peeking.peek("--from-start", "--raw")

    assert stored.returncode == 1
    assert stored.stderr.startswith("Kafka at 127.0.0.1:1 cannot be reached: ")
    assert stored.stderr.endswith("network and broker; `--from-start` shows events without Kafka\n")
    assert len(stored.stderr.splitlines()) == 1
    assert len(events(start.stdout)) == 2


def test_a_stream_that_would_be_parked_says_why(peeking: Peeking) -> None:
    peeking.source.insert(2)
    peeking.published("orders", 2)
    moved = peeking.daemon.folder / "restored.db"
    SqliteSource(moved, ["orders", "items"])
    peeking.daemon.document["connectors"][peeking.name]["path"] = str(moved)
    peeking.daemon.write()

    done = peeking.peek("--stream", "orders")

    assert done.returncode == 1
    assert "parked at the next start: its position is of" in done.stdout


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--stream", "nowhere"], "no stream 'nowhere'; there are: orders, items"),
        (["-n", "0"], "'0' is no such number; write 1 or more"),
    ],
)
def test_what_cannot_be_shown_is_one_line(peeking: Peeking, words: list[str], error: str) -> None:
    done = peeking.peek(*words)

    assert done.returncode == 3
    assert error in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_source_that_is_gone_is_one_line(peeking: Peeking, tmp_path: Path) -> None:
    (tmp_path / "db").unlink()

    done = peeking.peek("--from-start")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"no database at {tmp_path / 'db'}\n"


def test_of_images_it_shows_what_has_changed(images: Images) -> None:
    """And deletes, which only a complete scan can tell."""
    images.source.insert(30)
    images.published("orders", 30)
    images.sql(
        "UPDATE orders SET payload = 'new' WHERE id = 25",
        "DELETE FROM orders WHERE id IN (3, 4)",
        "INSERT INTO orders (id, payload) VALUES (40, 'a'), (41, NULL)",
    )

    shown = images.peek("--raw", "-n", "20")
    letters = images.peek("-n", "20")

    assert operations(shown.stdout) == [("u", 25), ("c", 40), ("d", 3), ("d", 4)]
    assert "dead letter of orders: no payload" in letters.stdout


def test_of_images_it_shows_no_more_than_asked_for(images: Images) -> None:
    images.source.insert(30)
    images.published("orders", 30)
    images.sql("DELETE FROM orders WHERE id < 6")
    assert operations(images.peek("--raw", "-n", "2").stdout) == [("d", 1)]


def test_images_that_are_as_they_were_are_nothing_new(images: Images) -> None:
    images.source.insert(30)
    with images.daemon as daemon:
        images.until("orders", 30)
        pid = daemon.worker_pid(images.name)
        seen = images.peek()
        assert daemon.worker_pid(images.name) == pid, "the daemon was not fenced"
    assert seen.stdout.splitlines()[1:] == ["  nothing new"]
    assert not list(images.temporary.iterdir()), "its cache is gone"


def test_images_that_were_never_published_are_all_shown_and_no_topic_is_made(images: Images) -> None:
    images.source.insert(30)
    stored, start = images.peek("--raw", "-n", "40"), images.peek("--raw", "-n", "40", "--from-start")
    assert operations(stored.stdout) == operations(start.stdout) == [("r", each) for each in range(1, 31)]
    assert images.topics() == set()


def test_deletes_that_would_park_the_stream_say_so(images: Images) -> None:
    images.source.insert(30)
    images.published("orders", 30)
    images.sql("DELETE FROM orders WHERE id < 20")
    done = images.peek()
    assert done.returncode == 1
    assert "19 of 30 rows of orders are gone at once, which is more than max_delete" in done.stdout

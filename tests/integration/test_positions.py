"""`positions` on a real broker, with the daemon running: fence, change, hand back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bridge import config, kafka, positions, state
from bridge.config.options import Settings
from bridge.errors import TransientError
from bridge.positions import Glances, Ledger, Stored
from bridge.publisher import Fenced, Publisher
from bridge.takeover import Takeover
from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.kafka import Broker
from bridge.testing.sqlite_source import SqliteSource, installed
from bridge.topics import Topics
from tests.commands import command

ROWS = 20
PARKED = ("elsewhere", "unknown", "otherkind", "newer", "repartitioned")


class Bridge:
    """One connector over one database, and the commands an operator gives."""

    def __init__(self, folder: Path, address: str, *tables: str, **options: Any) -> None:
        self.address, self.name, self.tables = address, f"erp-{uuid4().hex[:8]}", tables
        self.source = SqliteSource(folder / "erp.db", tables)
        for table in tables:
            self.source.insert(ROWS, table)
        connector = {
            "kind": "sqlite", "path": str(folder / "erp.db"), "interval": "50ms",
            "streams": {table: {} for table in tables}, **options,
        }  # fmt: skip
        self.daemon = DaemonProcess(folder, address, {self.name: connector})

    @property
    def settings(self) -> Settings:
        return config.load(self.daemon.config)

    def ledger(self) -> Ledger:
        kafka = self.settings.kafka
        return positions.known(kafka, self.name, Topics(kafka, self.settings.topics))

    def topic(self, table: str) -> str:
        return f"{self.name}.{table}"

    def ids(self, table: str) -> list[int]:
        return [record.event["after"]["id"] for record in consume(self.address, self.topic(table))]

    def positions(self, action: str, *words: str, code: int = 0) -> str:
        """Standard output, or standard error when it is to fail."""
        environment = installed(self.daemon.folder / "site")
        done = command("positions", action, self.daemon.config, *words, environment=environment)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout

    def published(self, table: str, rows: int) -> Callable[[], bool]:
        return lambda: self.daemon.stream(self.name, table).get("events", 0) >= rows


@pytest.fixture(scope="module")
def running(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """Some streams, all published; the daemon goes on running."""
    tables = ("orders", "items", "dry", "idle", "travelling", "paused")
    bridge = Bridge(tmp_path_factory.mktemp("running"), broker.address, *tables)
    with bridge.daemon:
        for table in tables:
            wait_until(bridge.published(table, ROWS), what=table)
        yield bridge


def test_a_dry_run_says_what_would_be_and_changes_nothing(running: Bridge) -> None:
    pid, before = running.daemon.worker_pid(running.name), running.ledger()
    said = running.positions("rewind", running.name, "dry", "--to", "start", "--dry-run")
    assert f'is at {{"id": {ROWS}}}, would be at the start' in said
    assert "nothing was written; what follows is published again, of images only what has changed" in said
    ahead = running.positions("rewind", running.name, "dry", "--to", '{"id": 5000}', "--dry-run")
    assert "if that is ahead of where the stream was, what lies between is skipped" in ahead
    assert running.ledger().streams == before.streams
    assert running.daemon.worker_pid(running.name) == pid


def operators(bridge: Bridge) -> list[tuple[str, str, str | None]]:
    """Who did what, as the daemon's log has it, and whether in vain."""
    lines = [line for line in bridge.daemon.lines() if line.get("event") == "operator"]
    return [(line["command"], line["by"], line.get("error")) for line in lines]


def test_rewinding_a_running_stream_publishes_it_again_and_nothing_else(running: Bridge) -> None:
    said = running.positions("rewind", running.name, "orders", "--to", '{"id": 15}')
    deed = f'positions rewind: orders: was at {{"id": {ROWS}}}, is at {{"id": 15}}'
    assert operators(running) == [(deed, f"uid {os.getuid()}", None)]
    assert said.splitlines()[0] == f'{running.name}/orders: was at {{"id": {ROWS}}}, is at {{"id": 15}}'
    wait_until(lambda: len(running.ids("orders")) >= ROWS + 5, what="the repeated rows")
    running.source.insert(3, "orders")
    running.source.insert(3, "items")
    wait_until(lambda: len(running.ids("orders")) >= ROWS + 8, what="new rows")
    wait_until(lambda: len(running.ids("items")) >= ROWS + 3, what="new items")
    assert running.ids("orders") == [*range(1, ROWS + 1), *range(16, ROWS + 4)]
    assert running.ids("items") == running.source.ids("items")
    assert running.daemon.connector(running.name)["state"] == "RUNNING"


def test_a_worker_that_has_nothing_to_publish_is_back_soon(running: Bridge) -> None:
    pid = running.daemon.worker_pid(running.name)
    running.positions("set", running.name, "idle", json.dumps({"id": ROWS}))
    wait_until(lambda: running.daemon.worker_pid(running.name) not in (pid, None), timeout=10)
    wait_until(lambda: running.daemon.stream(running.name, "idle").get("state") == "RUNNING", timeout=10)
    assert running.ids("idle") == running.source.ids("idle")


def test_a_connector_is_handed_back_to_the_daemon_it_was_taken_from(running: Bridge) -> None:
    with Takeover(running.settings, running.name) as held:
        before, now = held.ledger.owner, running.ledger().owner
        assert now is not None
        assert now.instance.startswith("cli-")
    after = running.ledger().owner
    assert after == before
    assert after is not None
    assert not after.released


def test_a_command_that_meets_a_starting_worker_takes_over_from_it_too(
    running: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Publisher(running.settings.kafka, running.name, Event())
    taking = Takeover(running.settings, running.name)
    read = taking._positions.read

    def while_a_worker_starts() -> Ledger:
        monkeypatch.undo()
        worker.open()
        return read()

    monkeypatch.setattr(taking._positions, "read", while_a_worker_starts)
    with taking:
        owner = running.ledger().owner
        assert owner is not None
        assert owner.instance.startswith("cli-")
    worker.close()


def test_positions_travel_through_a_file(running: Bridge, tmp_path: Path) -> None:
    file = tmp_path / "positions.json"
    file.write_text(running.positions("export", running.name))
    document = json.loads(file.read_text())
    travelling = {**document["streams"]["travelling"], "position": {"id": ROWS - 1}}
    document["streams"] = {"travelling": travelling, "gone": travelling}
    file.write_text(json.dumps({**document, "connector": "old"}))
    assert "is of connector old" in running.positions("import", running.name, str(file), code=3)
    said = running.positions("import", running.name, str(file), "--dry-run", "--from", "old")
    assert f"{running.name}/gone: skipped" in said
    file.write_text(json.dumps(document))
    said = running.positions("import", running.name, str(file), "--dry-run")
    assert f'travelling: is at {{"id": {ROWS}}}, would be at {{"id": {ROWS - 1}}}' in said
    running.positions("import", running.name, str(file))
    wait_until(lambda: len(running.ids("travelling")) == ROWS + 1, what="the last row again")
    assert running.ids("travelling")[-2:] == [ROWS, ROWS]


def test_show_tells_where_streams_are_and_who_holds_them(running: Bridge) -> None:
    wait_until(lambda: running.daemon.connector(running.name).get("state") == "RUNNING")
    order = {"command": "pause", "connector": running.name, "stream": "paused"}
    assert running.daemon.ask(order, "admin.sock") == {"error": None}
    text = running.positions("show", running.name)
    document = json.loads(running.positions("show", "--json"))["connectors"][running.name]
    assert text.startswith(f"{running.name}: is held by test on ")
    assert f'  paused: {{"id": {ROWS}}} (paused by uid ' in text
    assert f"to {running.topic('paused')} (1)" in text
    assert document["streams"]["paused"]["position"] == {"id": ROWS}


@pytest.fixture
def make(broker: Broker, tmp_path: Path) -> Callable[..., Bridge]:
    return partial(Bridge, tmp_path, broker.address)


def test_accept_cures_each_reason_for_which_a_stream_waits(
    make: Callable[..., Bridge], broker: Broker
) -> None:
    bridge = make(*PARKED, "healthy")
    park(bridge)
    with bridge.daemon:
        wait_until(
            lambda: (
                [bridge.daemon.stream(bridge.name, each).get("state") for each in PARKED] == ["FAILED"] * 5
            )
        )
        for each in PARKED:
            assert "positions accept" in bridge.daemon.stream(bridge.name, each)["error"]
        said = bridge.positions("accept", bridge.name)
        assert "no `resume` is needed" in said
        assert "healthy" not in said
        for each in PARKED:
            wait_until(bridge.published(each, 1 if each == "unknown" else 10), what=each)
        bridge.source.insert(1, "elsewhere")
        wait_until(bridge.published("elsewhere", 11))
    assert bridge.ids("unknown")[1:] == bridge.source.ids("unknown")
    for each in ("elsewhere", "otherkind", "newer", "repartitioned"):
        assert sorted(bridge.ids(each)) == [id_ for id_ in bridge.source.ids(each) if id_ > 10]
    assert not any(stored.accept for stored in bridge.ledger().streams.values())
    assert "no stream waits for this" in bridge.positions("accept", bridge.name)


def park(bridge: Bridge) -> None:
    """Records and topics as they are after the source, the connector or the topics were exchanged."""
    sound = Stored({"id": 10}, "sqlite", 1, str(bridge.source.path))
    records = {
        "elsewhere": replace(sound, identity="another database"),
        "otherkind": replace(sound, kind="odbc"),
        "newer": replace(sound, version=99),
        "repartitioned": replace(sound, partitions={bridge.topic("repartitioned"): 2}),
    }
    admin = AdminClient({"bootstrap.servers": bridge.address})
    for future in admin.create_topics([NewTopic(bridge.topic("unknown"), 1, 1)]).values():
        future.result(10)
    producer = Producer({"bootstrap.servers": bridge.address})
    producer.produce(bridge.topic("unknown"), b'{"after":{"id":0}}', b'{"id":0}')
    assert producer.flush(10) == 0
    with Takeover(bridge.settings, bridge.name) as held:
        for stream, stored in records.items():
            held.store(stream, stored)


def test_accept_lets_a_connector_go_on_whose_state_was_lost(make: Callable[..., Bridge]) -> None:
    bridge = make("orders", streams={"orders": {"images": True}})
    bridge.daemon.document["daemon"]["restarts"] = 0
    bridge.daemon.write()
    with bridge.daemon:
        wait_until(bridge.published("orders", ROWS), what="all rows")
    lose_state(bridge)
    with bridge.daemon:
        wait_until(lambda: bridge.daemon.connector(bridge.name).get("state") == "FAILED", what="the park")
        assert "positions accept" in bridge.daemon.connector(bridge.name)["error"]
        dry = bridge.positions("accept", bridge.name, "--dry-run")
        assert bridge.ledger().state is not None
        said = bridge.positions("accept", bridge.name)
        assert f"{bridge.name}: what it knew of rows (the keyed state) is from now on what the topic" in said
        assert "dry run" in dry
        assert bridge.ledger().state is None
        order = {"command": "resume", "connector": bridge.name}
        assert bridge.daemon.ask(order, "admin.sock") == {"error": None}
        bridge.source.insert(1, "orders")
        wait_until(lambda: ROWS + 1 in bridge.ids("orders"), what="the new row")
    assert bridge.ids("orders") == [*range(1, ROWS + 1), *range(1, ROWS + 2)], "once more, and then on"
    assert "no stream waits for this" in bridge.positions("accept", bridge.name)


@pytest.mark.parametrize("move", ["deleted", "renamed"])
def test_a_stream_sent_back_to_its_start_fills_a_topic_that_lacks_its_rows(
    make: Callable[..., Bridge], move: str
) -> None:
    """Though what it knows of them is unchanged."""
    bridge = make("orders", streams={"orders": {"images": True}})
    with bridge.daemon:
        wait_until(bridge.published("orders", ROWS), what="all rows")
    topic = bridge.topic("orders")
    if move == "deleted":
        delete(bridge, topic)
    else:
        topic = f"{topic}.new"
        bridge.daemon.document["connectors"][bridge.name]["streams"]["orders"]["topic"] = topic
        bridge.daemon.write()
    with bridge.daemon:
        stream = partial(bridge.daemon.stream, bridge.name, "orders")
        wait_until(lambda: stream().get("state") == "FAILED", what="the park")
        assert "rewind ... --to start" in stream()["error"]
        bridge.positions("rewind", bridge.name, "orders", "--to", "start")
        wait_until(lambda: len(consume(bridge.address, topic)) >= ROWS, what="the rows in the new topic")
        bridge.source.insert(1, "orders")
        wait_until(lambda: len(consume(bridge.address, topic)) > ROWS, what="the row after them")
    assert [each.event["after"]["id"] for each in consume(bridge.address, topic)] == [*range(1, ROWS + 2)]


def lose_state(bridge: Bridge) -> None:
    """The topic is deleted, and the daemon has come to another machine."""
    delete(bridge, state.topic(bridge.name))
    (bridge.daemon.folder / "state" / f"{bridge.name}.state").unlink()


def delete(bridge: Bridge, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bridge.address})
    for future in admin.delete_topics([topic]).values():
        future.result(10)


FAILING = """
from bridge.errors import TransientError
from bridge.testing.sqlite_source import SqliteConnector

class Failing(SqliteConnector):
    def poll(self, stream, position, ask):
        if self.config.path.with_name("away").exists():
            raise TransientError("away")
        return super().poll(stream, position, ask)
"""


def test_positions_that_are_gone_are_said_to_be_so(make: Callable[..., Bridge]) -> None:
    bridge = make("orders")
    assert bridge.positions("show") == f"{bridge.name}: has never run\n"
    with bridge.daemon:
        wait_until(bridge.published("orders", ROWS), what="all rows")
    admin = AdminClient({"bootstrap.servers": bridge.address})
    admin.delete_topics([positions.topic(bridge.name)])[positions.topic(bridge.name)].result()
    assert "has run before, they are gone" in bridge.positions("show")
    said = bridge.positions("accept", bridge.name, "--dry-run")
    assert "orders: is at no position" in said
    assert "has run before, they are gone, and with them its pauses" in said


def test_a_source_that_was_away_is_read_on_from_where_it_was(make: Callable[..., Bridge]) -> None:
    """Its streams are judged anew by the records of now, not by those there were at the start."""
    bridge = make("orders", kind="failing")
    site = bridge.daemon.folder / "site"
    (site / "failing.py").write_text(FAILING)
    installed(site, failing="failing:Failing")
    away = bridge.source.path.with_name("away")
    with bridge.daemon:
        wait_until(bridge.published("orders", ROWS))
        away.touch()
        wait_until(lambda: bridge.daemon.stream(bridge.name, "orders").get("failures", 0) > 0)
        away.unlink()
        wait_until(lambda: bridge.daemon.stream(bridge.name, "orders").get("failures") == 0)
        assert bridge.ledger().streams["orders"].position == {"id": ROWS}
        bridge.source.insert(1)
        wait_until(lambda: len(bridge.ids("orders")) > ROWS)
        assert bridge.daemon.stream(bridge.name, "orders")["state"] == "RUNNING"
        assert bridge.ids("orders") == bridge.source.ids()


def test_what_was_written_before_an_exception_is_not_there_after_it(make: Callable[..., Bridge]) -> None:
    bridge = make("orders")
    with Takeover(bridge.settings, bridge.name) as held:
        held.store("orders", Stored({"id": 1}, "sqlite", 1, "db"))
    before = bridge.ledger()
    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle(bridge)
    after = bridge.ledger()
    assert after.streams == before.streams
    assert after.owner is not None
    assert after.owner.released


def fail_in_the_middle(bridge: Bridge) -> None:
    with Takeover(bridge.settings, bridge.name) as held:
        held.store("orders", Stored({"id": 2}, "sqlite", 1, "db"))
        raise ZeroDivisionError


def test_whoever_looks_again_reads_only_what_is_new(
    make: Callable[..., Bridge], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker with nothing to write looks every five seconds, at a topic that may have a day's positions."""
    bridge = make("orders")
    clients: list[str] = []
    consumer = kafka.consumer

    def counted(settings: Any, isolation: str, **own: Any) -> Any:
        clients.append(isolation)
        return consumer(settings, isolation, **own)

    store(bridge, {"id": 1})
    glances = Glances(bridge.settings.kafka, bridge.name, Event())
    monkeypatch.setattr(kafka, "consumer", counted)
    first = glances.ledger(30)
    assert first.streams["orders"].position == {"id": 1}
    with monkeypatch.context() as nothing_new:
        nothing_new.delattr(positions, "_read_to")
        assert glances.ledger(30) == first
    with monkeypatch.context() as uncounted:
        uncounted.setattr(kafka, "consumer", consumer)
        store(bridge, {"id": 2})
    assert glances.ledger(30).streams["orders"].position == {"id": 2}
    assert clients == ["read_committed"]
    delete(bridge, positions.topic(bridge.name))
    with pytest.raises(TransientError, match="cannot read"):
        glances.ledger(30)


def store(bridge: Bridge, position: Any) -> None:
    with Takeover(bridge.settings, bridge.name) as held:
        held.store("orders", Stored(position, "sqlite", 1, "db"))


def test_of_two_commands_at_once_the_first_says_that_there_is_another(make: Callable[..., Bridge]) -> None:
    bridge = make("orders")
    with pytest.raises(Fenced, match="another command"):
        hold_while_another_does(bridge)
    assert bridge.ledger().streams["orders"].position == {"id": 1}


def hold_while_another_does(bridge: Bridge) -> None:
    with Takeover(bridge.settings, bridge.name) as held:
        with Takeover(bridge.settings, bridge.name) as other:
            other.store("orders", Stored({"id": 1}, "sqlite", 1, "db"))
        held.store("orders", Stored({"id": 2}, "sqlite", 1, "db"))


def test_mistakes_are_one_line_and_fence_nobody(make: Callable[..., Bridge]) -> None:
    bridge = make("orders")
    for words, complaint in (
        (("rewind", bridge.name, "orders", "--to", "start"), "stream orders has no position"),
        (("set", bridge.name, "ordres", '{"id": 1}'), "the configuration names no stream ordres"),
        (("set", bridge.name, "orders", "{"), "'{' is no JSON"),
        (("set", bridge.name, "orders", '{"id": NaN}'), "is no JSON: NaN is Python's alone"),
        (
            ("set", bridge.name, "orders", '{"no": 1}'),
            '/orders: {"no": 1} is no position of this stream: it is not the last id of a table; write {"id"',
        ),
        (("set", "epr", "orders", "1"), "no connector 'epr' in this file"),
        (("import", bridge.name, "/nowhere"), "cannot read /nowhere: No such file"),
        (("accept", bridge.name, "--stream", "ordres"), "the configuration names no stream ordres"),
    ):
        said = bridge.positions(*words, code=3)
        assert complaint in said
        assert len(said.splitlines()) == 1
    assert bridge.ledger() == Ledger()

"""What a mode cannot see is named by `verify`; a stream goes on in another mode as the docs say."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import DaemonProcess, consume, wait_until
from bridge.testing.databases import DatabaseServer
from bridge.testing.kafka import Broker
from tests.commands import command
from tests.e2e.evidence import Start, parked_stream, reload

pytestmark = pytest.mark.slow


class Table:
    """One in H2, and the stream that reads it."""

    def __init__(self, server: DatabaseServer, start: Start, address: str, connector: str) -> None:
        self.server, self.address, self.connector = server, address, connector
        self.name = f"T{uuid4().hex[:8]}".upper()
        self.stream = f"PUBLIC.{self.name}"
        server.execute(f"CREATE TABLE {self.name} (ID int PRIMARY KEY, S varchar(9));")
        self.execute("INSERT INTO $ VALUES (1, 'a'), (2, 'b'), (3, 'c');")
        self.options = {"mode": "incrementing", "interval": "200ms", "max_value_bytes": 3}
        self.daemon: DaemonProcess = start({
            connector: {
                "kind": "jdbc", "url": server.url, "user": server.user, "password": "env:TEST_PASSWORD",
                "max_rejects": "100%", "streams": {self.stream: self.options},
            }
        })  # fmt: skip
        self.tells(3)

    def execute(self, sql: str) -> None:
        self.server.execute(sql.replace("$", self.name))

    def told(self) -> list[tuple[str, int, str | None]]:
        """Of each event: what happened to which row, and what it is now."""
        events = [one.event for one in consume(self.address, f"{self.connector}.{self.stream}") if one.value]
        return [
            (one["op"], (one["after"] or one["before"])["ID"], (one["after"] or {}).get("S"))
            for one in events
        ]

    def tells(self, events: int) -> None:
        wait_until(lambda: len(self.told()) >= events, 60, f"{events} events", 0.3)

    def command(self, *words: str) -> str:
        what, *more = words
        group = [what, more.pop(0)] if what == "positions" else [what]
        done = command(*group, self.daemon.config, self.connector, *more)
        return done.stdout + done.stderr

    def goes_by(self, mode: str) -> str:
        """What it says when it is parked."""
        self.options["mode"] = mode
        reload(self.daemon)
        return parked_stream(self.daemon, self.connector, self.stream)

    def verdict(self) -> dict[str, Any]:
        """The keys of what is not as it should be."""
        (found,) = json.loads(self.command("verify", "--json"))["outcomes"]
        kinds = ("lost", "doubled", "differing")
        return {
            kind: [json.loads(key)["ID"] for key in found[kind]["keys"]]
            for kind in kinds
            if found[kind]["count"]
        }


@pytest.fixture
def table(
    h2: DatabaseServer, start: Start, broker: Broker, name: str, monkeypatch: pytest.MonkeyPatch
) -> Table:
    monkeypatch.setenv("TEST_PASSWORD", h2.password)
    return Table(h2, start, broker.address, name)


def test_a_stream_goes_on_in_another_mode(table: Table) -> None:
    table.execute("DELETE FROM $ WHERE ID = 2;\nUPDATE $ SET S = 'd' WHERE ID = 3;")
    assert "`positions rewind --to start`" in table.goes_by("images")
    table.command("positions", "rewind", table.stream, "--to", "start")
    table.tells(5)
    assert table.told()[3:] == [("r", 1, "a"), ("r", 3, "d")]

    table.goes_by("incrementing")
    table.command("positions", "set", table.stream, '{"ID": 3}')
    table.execute("INSERT INTO $ VALUES (4, 'e');")
    table.tells(6)
    table.goes_by("images")
    table.command("positions", "set", table.stream, '{"scan": "complete"}')
    table.tells(7)
    assert table.told()[5:] == [("c", 4, "e"), ("c", 4, "e")]
    assert table.verdict() == {"differing": [2], "doubled": [4]}, "2 had gone before anything was compared"


def test_a_row_that_is_corrected_where_its_mode_does_not_look_is_lost_until_a_resnapshot(
    table: Table,
) -> None:
    table.execute("INSERT INTO $ VALUES (4, 'too long'), (5, 'e');")
    table.tells(4)
    assert table.verdict() == {}
    table.execute("UPDATE $ SET S = 'f' WHERE ID = 4;")
    assert table.verdict() == {"lost": [4]}
    table.command("resnapshot", "--stream", table.stream, "--where", "4")
    table.tells(5)
    assert table.told()[4:] == [("r", 4, "f")]
    assert table.verdict() == {}

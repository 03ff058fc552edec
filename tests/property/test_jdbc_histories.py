"""Writers that overlap, and polls between any two of their steps: by time, no change is lost.

The database's clock is the test's, so that minutes pass in no time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jpype
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.contract import Ask, Connector, Position, Stream
from bridge.errors import BridgeError
from connectors.clock import nanoseconds
from connectors.jdbc import JdbcConnector, polls
from connectors.jdbc.clock import Moment
from connectors.jdbc.session import Session

URL = "jdbc:h2:mem:histories;DB_CLOSE_DELAY=-1"
START = datetime.fromisoformat("2024-07-01T12:00:00")
LATE_S = 5
WRITERS = 3
STREAMS = {
    "PUBLIC.T": {"mode": "timestamp", "columns": ["AT"], "late_window": LATE_S},
    "PUBLIC.U": {"mode": "timestamp+incrementing", "columns": ["AT", "ID"], "late_window": 0},
}
WRITER, NONE = st.integers(0, WRITERS - 1), st.just(0)
one_step = st.one_of(
    st.tuples(st.just("write"), WRITER, st.integers(0, 4)),
    st.tuples(st.sampled_from(["commit", "commit", "roll back"]), WRITER, NONE),
    st.tuples(st.just("tick"), st.sampled_from([1, 400, 1000, 3000, LATE_S * 1000]), NONE),
    st.tuples(st.sampled_from(["poll", "abort"]), st.integers(1, 6), NONE),
    st.tuples(st.sampled_from(["drain", "drain", "cut"]), NONE, NONE),
    st.tuples(st.just("set back"), st.sampled_from([1, 1000, LATE_S * 1000, 600_000]), NONE),
)
steps = st.lists(one_step, min_size=20, max_size=60)


@dataclass
class World:
    """The database with its writers, and what was published of it."""

    connector: Connector
    stream: Stream
    table: str
    writers: list[Any]
    now: datetime = START
    begun: dict[int, datetime] = field(default_factory=dict)
    position: Position | None = None
    published: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    count: int = 0

    @property
    def shows_transactions(self) -> bool:
        return self.table == "u"

    def moment(self) -> Moment:
        oldest = min(self.begun.values(), default=None) if self.shows_transactions else None
        return Moment(
            nanoseconds(self.now.isoformat()), nanoseconds(oldest.isoformat()) if oldest else None, None
        )

    def write(self, writer: int, key: int) -> None:
        """Each writer has rows of its own, so that none waits for another."""
        self.begun.setdefault(writer, self.now)
        self.count += 1
        row = f"{key * WRITERS + writer}, {self.count}, '{self.now.isoformat(' ')}'"
        self.writers[writer].createStatement().execute(f"MERGE INTO {self.table} VALUES ({row})")

    def end(self, writer: int, how: str) -> None:
        connection = self.writers[writer]
        connection.commit() if how == "commit" else connection.rollback()
        self.begun.pop(writer, None)

    def tick(self, milliseconds: int) -> None:
        """No transaction takes longer than the late window, unless the database shows it."""
        then = self.now + timedelta(milliseconds=milliseconds)
        for writer, since in list(self.begun.items()):
            if not self.shows_transactions and then - since > timedelta(seconds=LATE_S):
                self.end(writer, "commit")
        self.now = then

    def set_back(self, milliseconds: int) -> None:
        """The database's clock; what it has shown is read, and there is a poll before it shows it again."""
        for writer in range(WRITERS):
            self.end(writer, "commit")
        self.drain()
        self.now -= timedelta(milliseconds=milliseconds)
        self.drain()

    def drain(self) -> None:
        for _ in range(2):  # the first may end a pass that began before
            while self.poll(3):
                pass

    def poll(self, rows: int) -> bool:
        batch = self.connector.poll(self.stream, json.loads(json.dumps(self.position)), Ask(rows=rows))
        for changes in batch.changes:
            for row in changes.rows.to_pylist():
                self.published[row["ID"]] = (row["X"], row["AT"])
        self.position = batch.position
        return batch.more

    def abort(self, rows: int) -> None:
        """What was read is not published, and read again."""
        self.connector.poll(self.stream, self.position, Ask(rows=rows))

    def step(self, what: str, number: int, key: int) -> None:
        match what:
            case "write":
                self.write(number, key)
            case "commit" | "roll back":
                self.end(number, what)
            case "tick":
                self.tick(number)
            case "set back":
                self.set_back(number)
            case "poll":
                self.poll(number)
            case "abort":
                self.abort(number)
            case "drain":
                self.drain()
            case _:  # somebody else's turn, which closes the cursor
                self.connector.discover()

    def rows(self) -> dict[int, tuple[Any, Any]]:
        result = self.writers[0].createStatement().executeQuery(f"SELECT id, x, at FROM {self.table}")
        found = {}
        while result.next():
            at = datetime.fromisoformat(str(result.getString(3)))
            found[int(result.getInt(1))] = (int(result.getInt(2)), at)
        return found


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Connector, list[Any]]]:
    connector = JdbcConnector(JdbcConnector.Config.model_validate({"url": URL, "streams": STREAMS}))
    with suppress(BridgeError):
        connector.open()
    writers = [jpype.java.sql.DriverManager.getConnection(URL) for _ in range(WRITERS)]
    for table in "tu":
        statement = writers[0].createStatement()
        statement.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, x int, at timestamp(6))")
    for writer in writers:
        writer.setAutoCommit(False)
    with closing(connector):
        yield connector, writers
    writers[0].createStatement().execute("SHUTDOWN")


@pytest.mark.parametrize("table", ["t", "u"])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=steps, page=st.integers(1, 5))
def test_what_was_published_is_the_table(
    opened: tuple[Connector, list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    history: list[tuple[str, int, int]],
    page: int,
) -> None:
    connector, writers = opened
    writers[0].createStatement().execute(f"DELETE FROM {table}")
    writers[0].commit()
    stream = next(one for one in connector.discover() if one.name.endswith(table.upper()))
    world = World(connector, stream, table, writers)
    monkeypatch.setattr(polls, "PAGE_ROWS", page)
    monkeypatch.setattr(Session, "moment", lambda _: world.moment())
    for what, number, key in history:
        world.step(what, number, key)
    for writer in range(WRITERS):
        world.end(writer, "commit")
    world.drain()
    assert world.published == world.rows()

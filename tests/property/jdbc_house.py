"""A table in a real database, and writers who overlap, commit late, roll back, and whose clocks are off."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import jpype

from bridge.errors import BridgeError
from bridge.testing.databases import DatabaseServer
from connectors.jdbc import JdbcConnector
from connectors.jdbc.dialects import Transactions

LATE_S, SKEW_S = 5, 2
"""The late window of the modes by time, and by how much the writers' clocks are off."""
WRITERS, KEYS = 3, 5
START = 1_720_000_000.0


class House:
    """A database with a table, and connections for its writers.

    `now`: the time in the database's own SQL. Without it the time is a row in a table, so that hours pass in
    no time, and it is up to us whether open transactions are seen.
    """

    def __init__(self, url: str, table: str, user: str = "", password: str = "", now: str = "") -> None:
        self.url, self.table, self.now = url, table, now
        self._user, self._password = user, password
        probe = JdbcConnector(self._config({"mode": "images"}))
        with closing(probe), suppress(BridgeError):  # starts Java; there is no table yet
            probe.open()
        self._connections = [self._connect() for _ in range(WRITERS + 1)]
        *self.writers, self._keeper = self._connections
        self._make()
        for writer in self.writers:
            writer.setAutoCommit(False)
            writer.setTransactionIsolation(2)  # READ COMMITTED: no writer waits for the gaps of another

    def _make(self) -> None:
        time = "datetime(6)" if self.url.startswith("jdbc:mariadb") else "timestamp(6)"
        for table in ("t", "clock_of_t"):
            self.keep(f"DROP TABLE IF EXISTS {table}")
        self.keep(f"CREATE TABLE t (id bigint PRIMARY KEY, x int NOT NULL, at {time} NOT NULL)")
        self.keep("CREATE TABLE clock_of_t (now numeric(20, 6), oldest numeric(20, 6))")
        self.keep("INSERT INTO clock_of_t VALUES (0, NULL)")

    def column(self, name: str) -> str:
        return name.upper() if self.table.isupper() else name

    def _connect(self) -> Any:
        return jpype.java.sql.DriverManager.getConnection(self.url, self._user, self._password)

    def stream(self, options: Mapping[str, Any]) -> str:
        """The name of a stream with these options."""
        return "query" if "query" in options else self.table

    def _config(self, options: Mapping[str, Any]) -> Any:
        streams = {self.stream(options): options}
        account = {"user": self._user, "password": "env:TEST_PASSWORD"} if self._user else {}
        return JdbcConnector.Config.model_validate({"url": self.url, **account, "streams": streams})

    def connector(self, options: Mapping[str, Any], *, shows: bool) -> JdbcConnector:
        """`shows`: open transactions are seen, as they always are by a database with a time of its own."""
        made = JdbcConnector(self._config(options))
        if not self.now:
            open_ones = Transactions("SELECT oldest FROM clock_of_t", "SELECT 1", "")
            seen = open_ones if shows else None
            made._dialect = replace(made._dialect, clock="SELECT now FROM clock_of_t", transactions=seen)
        return made

    def keep(self, sql: str) -> None:
        """Outside of any writer's transaction."""
        _run(self._keeper, sql)

    def rows(self) -> dict[int, int]:
        result = self._keeper.createStatement().executeQuery("SELECT id, x FROM t")
        found = {}
        while result.next():
            found[int(result.getLong(1))] = int(result.getInt(2))
        return found

    def empty(self) -> None:
        for writer in self.writers:
            writer.rollback()
        self.keep("DELETE FROM t")

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def h2() -> House:
    return House("jdbc:h2:mem:house;DB_CLOSE_DELAY=-1", "PUBLIC.T")


def of(server: DatabaseServer) -> House:
    """PostgreSQL or MariaDB, by its own time."""
    if server.kind == "mariadb":
        return House(server.url, f"{server.database}.t", server.user, server.password, "NOW(6)")
    now = "clock_timestamp() AT TIME ZONE 'UTC'"
    return House(server.url, "public.t", server.user, server.password, now)


def _run(connection: Any, sql: str) -> int:
    statement = connection.createStatement()
    try:
        return int(statement.executeUpdate(sql))
    finally:
        statement.close()


@dataclass
class Writers:
    """What they do to the table, and when. Each has keys of its own, so that none waits for another."""

    house: House
    mode: str
    chance: random.Random
    now: float = START
    number: int = 0
    count: int = 0
    begun: dict[int, float] = field(default_factory=dict)
    earliest: dict[int, float] = field(default_factory=dict)
    """Of an open transaction, the earliest time in a row of it."""
    going: dict[int, set[int]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    """Keys that were ever deleted."""
    shows: bool = False

    def __post_init__(self) -> None:
        self.house.empty()
        self._tell()

    def write(self) -> None:
        writer = self.chance.randrange(WRITERS)
        self.begun.setdefault(writer, self.now)
        self._tell()
        self.count += 1
        at = self._time(writer)
        if self.mode == "incrementing":
            self.number += self.chance.choice((1, 1, 1, 2, 3, 40))
            self._sql(writer, f"INSERT INTO t (id, x, at) VALUES ({self.number}, {self.count}, {at})")
            return
        key = self.chance.randrange(KEYS) * WRITERS + writer
        if self.mode == "images" and self.chance.random() < 0.3:
            if self._sql(writer, f"DELETE FROM t WHERE id = {key}"):
                self.going.setdefault(writer, set()).add(key)
        elif not self._sql(writer, f"UPDATE t SET x = {self.count}, at = {at} WHERE id = {key}"):
            self._sql(writer, f"INSERT INTO t (id, x, at) VALUES ({key}, {self.count}, {at})")

    def _sql(self, writer: int, sql: str) -> int:
        return _run(self.house.writers[writer], sql)

    def _time(self, writer: int) -> str:
        """By the writer's clock, which is right most of the time."""
        off = self.chance.choice((0, 0, 0, -SKEW_S, -0.5 if self.house.now else SKEW_S))
        if self.house.now:
            return f"{self.house.now} - INTERVAL '{-off}' SECOND"
        at = self.now + off
        self.earliest[writer] = min(at, self.earliest.get(writer, at))
        return f"'{_text(at)}'"

    def end(self, writer: int | None = None, *, keep: bool) -> None:
        writer = self.chance.randrange(WRITERS) if writer is None else writer
        connection = self.house.writers[writer]
        connection.commit() if keep else connection.rollback()
        gone = self.going.pop(writer, set())
        self.gone |= gone if keep else set()
        self.begun.pop(writer, None)
        self.earliest.pop(writer, None)
        self._tell()

    def tick(self, seconds: float) -> None:
        """No row is committed more than the late window after its time, unless the database shows why."""
        then = self.now + seconds
        for writer, at in list(self.earliest.items()):
            if not self.shows and then - at > LATE_S:
                self.end(writer, keep=True)
        self.now = then
        self._tell()

    def _tell(self) -> None:
        if not self.house.now:
            oldest = min(self.begun.values(), default=None)
            told = "NULL" if oldest is None else f"{oldest:.6f}"
            self.house.keep(f"UPDATE clock_of_t SET now = {self.now:.6f}, oldest = {told}")


def _text(at: float) -> str:
    return datetime.fromtimestamp(round(at, 6), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

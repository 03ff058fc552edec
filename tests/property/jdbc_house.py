"""Tables in a real database, one for each kind of key, and connections for those who write into them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

import jpype

from bridge.errors import BridgeError
from bridge.testing.databases import DatabaseServer
from connectors.clock import SECOND
from connectors.jdbc import JdbcConnector, polls
from connectors.jdbc.clock import Moment
from connectors.jdbc.session import Session

WRITERS = 3
READABLE = 8
"""Bytes of a text that a connector reads here; a longer one is poison."""
SHAPES = {"keyed": ("id",), "pair": ("site", "id"), "loose": ()}
"""The tables, and the key of each."""
COLUMNS = "site varchar(9) NOT NULL, id bigint NOT NULL, x int NOT NULL, word varchar(40), at {} NOT NULL"


class Row(NamedTuple):
    site: str
    id: int
    x: int
    word: str | None
    at: str
    """As an event tells it; empty where only the server knows it."""

    @property
    def poison(self) -> bool:
        return len(self.word or "") > READABLE


@dataclass(frozen=True, slots=True)
class Time:
    """A server's own clock, in its SQL."""

    now: str
    second: str
    """The same without its fraction: many rows have equal times then."""


class House:
    """A database with the tables, and connections for its writers.

    Without a `time` of its own it has the one that `told` says, so that hours pass in no time, and it is up
    to us whether open transactions are seen.
    """

    def __init__(self, url: str, schema: str, account: tuple[str, str] | None, time: Time | None) -> None:
        self.url, self.time = url, time
        self._schema, self._account = schema, account
        self.told = Moment(0, None, None)
        probe = JdbcConnector(self._config("none", {"mode": "images"}))
        with closing(probe), suppress(BridgeError):  # starts Java; there is no table yet
            probe.open()
        *self.writers, self._keeper = (self._connected() for _ in range(WRITERS + 1))
        kind = "datetime(6)" if url.startswith("jdbc:mariadb") else "timestamp(6)"
        for shape, key in SHAPES.items():
            primary = f", PRIMARY KEY ({', '.join(key)})" if key else ""
            self.keep(f"DROP TABLE IF EXISTS {shape}")
            self.keep(f"CREATE TABLE {shape} ({COLUMNS.format(kind)}{primary})")
        for writer in self.writers:
            writer.setAutoCommit(False)
            writer.setTransactionIsolation(2)  # READ COMMITTED: no writer waits for the gaps of another

    @property
    def name(self) -> str:
        return self.url.split(":")[1]

    def table(self, shape: str) -> str:
        return self.spelled(f"{self._schema}.{shape}")

    def spelled(self, name: str) -> str:
        """As the database itself spells it."""
        return name.upper() if self._schema.isupper() else name

    def _connected(self) -> Any:
        return jpype.java.sql.DriverManager.getConnection(self.url, *(self._account or ("", "")))

    def _config(self, stream: str, options: Mapping[str, Any]) -> Any:
        account = {"user": self._account[0], "password": "env:TEST_PASSWORD"} if self._account else {}
        streams = {stream: options}
        return JdbcConnector.Config.model_validate({"url": self.url, **account, "streams": streams})

    def connectors(self, stream: str, options: Mapping[str, Any]) -> Callable[[], JdbcConnector]:
        """Makes one for each life of a process."""
        return partial(JdbcConnector, self._config(stream, options))

    def tell(self, now: float, oldest: float | None) -> None:
        """The time, and when the oldest open transaction began, if that is to be seen."""
        self.told = Moment(round(now * SECOND), None if oldest is None else round(oldest * SECOND), None)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Within it sessions have the time of this house, and gaps age by it."""
        moment = nullcontext() if self.time else patch.object(Session, "moment", lambda _: self.told)
        with moment, patch.object(polls, "time", _Ages(self)):
            yield

    def keep(self, sql: str) -> None:
        """Outside of any writer's transaction."""
        run(self._keeper, sql)

    def rows(self, shape: str) -> list[Row]:
        result = self._keeper.createStatement().executeQuery(f"SELECT site, id, x, word, at FROM {shape}")
        found = []
        while result.next():
            site, word, at = (result.getString(column) for column in (1, 4, 5))
            told = None if word is None else str(word)
            found.append(Row(str(site), result.getLong(2), result.getInt(3), told, as_told(str(at))))
        return found

    def told_of(self, row: Row) -> dict[str, Any]:
        """The row as an event has it."""
        return {self.spelled(name): value for name, value in row._asdict().items()}

    def empty(self, shape: str) -> None:
        for writer in self.writers:
            writer.rollback()
        self.keep(f"DELETE FROM {shape}")

    def close(self) -> None:
        for connection in (*self.writers, self._keeper):
            connection.close()


class _Ages:
    """Stands where the polls' `time` does: cursors grow old by the real clock, gaps by the house's."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, house: House) -> None:
        self._house = house

    def monotonic_ns(self) -> int:
        """Whole milliseconds since the epoch, however large the numbers of seconds are."""
        return round(self._house.told.now / 1e6) * 1_000_000 - polls._STARTED_NS


def as_told(at: str) -> str:
    """A TIMESTAMP(6) of any database, as an event tells it."""
    return datetime.fromisoformat(at).isoformat(timespec="microseconds")


_number = itertools.count()


def h2() -> House:
    return House(f"jdbc:h2:mem:house{next(_number)};DB_CLOSE_DELAY=-1", "PUBLIC", None, None)


def of(server: DatabaseServer) -> House:
    """PostgreSQL or MariaDB, by its own time."""
    account = (server.user, server.password)
    if server.kind == "mariadb":
        return House(server.url, server.database, account, Time("NOW(6)", "NOW(0)"))
    now = "clock_timestamp() AT TIME ZONE 'UTC'"
    return House(server.url, "public", account, Time(now, f"date_trunc('second', {now})"))


def run(connection: Any, sql: str) -> int:
    statement = connection.createStatement()
    try:
        return int(statement.executeUpdate(sql))
    finally:
        statement.close()

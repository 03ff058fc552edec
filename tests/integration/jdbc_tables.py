"""What tests of the JDBC connector share: connectors, and corners of real databases for their tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from bridge.contract import Ask, Batch, Connector, Position, Scan, Stream
from bridge.testing.databases import DatabaseServer
from connectors.jdbc import JdbcConnector

SERVERS = ("h2", "postgres", "mariadb")


def configured(server: DatabaseServer, streams: dict[str, Any], **more: Any) -> JdbcConnector:
    account = {"user": server.user, "password": "env:TEST_PASSWORD"}
    options = {"url": server.url, **account, "streams": streams, **more}
    return JdbcConnector(JdbcConnector.Config.model_validate(options))


@contextmanager
def opened(server: DatabaseServer, streams: dict[str, Any], **more: Any) -> Iterator[JdbcConnector]:
    connector = configured(server, streams, **more)
    try:
        connector.open()
        yield connector
    finally:
        connector.close()


def hide(connector: JdbcConnector, *columns: str) -> None:
    """As an engine does that publishes none of them."""
    connector.excluded = lambda _: columns
    connector.close()
    connector.open()


def stream_of(connector: Connector, name: str) -> Stream:
    return next(stream for stream in connector.discover() if stream.name == name)


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    return [row for changes in batch.changes for row in changes.rows.to_pylist()]


class Corner:
    """A schema of one test's own, or a database where there are no schemas."""

    def __init__(self, server: DatabaseServer) -> None:
        self.server = server
        self.kind = server.kind
        self.schema = f"s{uuid.uuid4().hex[:10]}"
        if self.kind == "h2":
            self.schema = self.schema.upper()
        letters = "CHARACTER SET utf8mb4" if self.kind == "mariadb" else ""
        self.execute(f"CREATE {self._what} {self.schema} {letters};")

    @property
    def _what(self) -> str:
        return "DATABASE" if self.kind == "mariadb" else "SCHEMA"

    def execute(self, sql: str) -> str:
        """Statements that end with a semicolon and a line end, for H2's sake."""
        names = "SET NAMES utf8mb4; " if self.kind == "mariadb" else ""
        return self.server.execute(names + sql.replace("$", self.schema))

    def opened(self, streams: dict[str, Any], **more: Any) -> AbstractContextManager[JdbcConnector]:
        here = {"url": self.server.url.replace("/erp", f"/{self.schema}")} if self.kind == "mariadb" else {}
        return opened(self.server, streams, **{**here, **more})

    def drop(self) -> None:
        cascade = "" if self.kind == "mariadb" else "CASCADE"
        self.execute(f"DROP {self._what} {self.schema} {cascade};")

    def name(self, table: str) -> str:
        """The stream's."""
        return f"{self.schema}.{self.column(table)}"

    def column(self, name: str) -> str:
        return name.upper() if self.kind == "h2" else name

    @contextmanager
    def reading(
        self, table: str, mode: str, hidden: Sequence[str] = (), **options: Any
    ) -> Iterator[tuple[JdbcConnector, Stream]]:
        named = {"columns", "key"} & options.keys()
        told = {name: [self.column(each) for each in options[name]] for name in named}
        with self.opened({self.name(table): {"mode": mode, **options, **told}}) as connector:
            hide(connector, *map(self.column, hidden))
            yield connector, stream_of(connector, self.name(table))

    def rows(self, batch: Batch) -> list[dict[str, Any]]:
        return [{name.lower(): value for name, value in row.items()} for row in rows_of(batch)]


def polled(
    connector: Connector, stream: Stream, position: Position | None = None, ask: Ask | None = None
) -> list[Batch]:
    """Until there is no more."""
    batches = [connector.poll(stream, position, ask or Ask())]
    while batches[-1].more:
        assert len(batches) < 10_000, "`more` never ends"
        batches.append(connector.poll(stream, batches[-1].position, ask or Ask()))
    return batches


def assert_one_pass(batches: list[Batch]) -> None:
    marks = [batch.scan for batch in batches]
    if len(marks) == 1:
        assert marks == [Scan.ONLY]
    else:
        assert marks == [Scan.FIRST, *[Scan.MORE] * (len(marks) - 2), Scan.LAST]

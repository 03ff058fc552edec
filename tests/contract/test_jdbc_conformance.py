"""The JDBC connector fulfils the contract, on every database it is made for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import jpype
import pytest

from bridge.contract import Connector
from bridge.testing.conformance import Conformance, Subject
from bridge.testing.databases import DatabaseServer
from bridge.testing.kafka import free_ports
from bridge.testing.proxy import TcpProxy
from connectors.jdbc import JdbcConnector

SECRET = DatabaseServer.password
WRONG = "no-such-password-4711"


INCREMENTING = {"mode": "incrementing"}


def configured(source: Mapping[str, Any], table: str, options: Mapping[str, Any] = INCREMENTING) -> Connector:
    whole = {**source, "streams": {table: options}}
    return JdbcConnector(JdbcConnector.Config.model_validate(whole))


class Server(Subject):
    """A table of its own in a shared server, reached through a proxy that can fall silent."""

    secrets = (SECRET, WRONG)

    def __init__(
        self, server: DatabaseServer, proxy: TcpProxy, schema: str, options: Mapping[str, Any]
    ) -> None:
        self.server, self.proxy, self.options = server, proxy, options
        self.name = f"{schema}.t{uuid.uuid4().hex[:12]}"
        if server.kind == "h2":
            self.name = self.name.upper()
        self.rows = 0
        server.execute(
            f"CREATE TABLE {self.name} (id bigint PRIMARY KEY, word varchar(40), price numeric(9,2),"
            " at timestamp DEFAULT CURRENT_TIMESTAMP);"
        )

    def reading(self, name: str, port: int | None = None, password: str = "env:TEST_PASSWORD") -> Connector:
        account = {"user": self.server.user, "password": password, "login_timeout": "5s"}
        url = self.server.url.replace(str(self.server.port), str(port or self.proxy.port))
        return configured({"url": url, **account}, name, self.options)

    def connector(self) -> Connector:
        return self.reading(self.name)

    def add(self, count: int) -> None:
        rows = ", ".join(f"({self.rows + n}, 'word {n}', {n}.25)" for n in range(1, count + 1))
        self.rows += count
        self.server.execute(f"INSERT INTO {self.name} (id, word, price) VALUES {rows};")

    def unreachable(self) -> Connector:
        return self.reading(self.name, free_ports(1)[0])

    def refused(self) -> Connector:
        return self.reading(self.name, password="env:TEST_WRONG_PASSWORD")

    def misconfigured(self) -> Connector:
        return self.reading(f"{self.name}_which_is_not_there")

    def holding(self) -> AbstractContextManager[None]:
        return self.proxy.silence()

    def drop(self) -> None:
        self.server.execute(f"DROP TABLE {self.name};")


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", SECRET)
    monkeypatch.setenv("TEST_WRONG_PASSWORD", WRONG)


def table_in(
    server: DatabaseServer, schema: str, options: Mapping[str, Any] = INCREMENTING
) -> Iterator[Subject]:
    with TcpProxy(server.port) as proxy:
        subject = Server(server, proxy, schema, options)
        yield subject
        subject.drop()


class TestPostgreSQL(Conformance):
    @pytest.fixture
    def subject(self, postgres: DatabaseServer) -> Iterator[Subject]:
        yield from table_in(postgres, "public")


class TestImages(Conformance):
    @pytest.fixture
    def subject(self, postgres: DatabaseServer) -> Iterator[Subject]:
        yield from table_in(postgres, "public", {"mode": "images"})


class TestTimestamp(Conformance):
    @pytest.fixture
    def subject(self, postgres: DatabaseServer) -> Iterator[Subject]:
        options = {"mode": "timestamp", "columns": ["at"], "snapshot": False}
        yield from table_in(postgres, "public", options)


class TestTimestampAndNumberAfterASnapshot(Conformance):
    @pytest.fixture
    def subject(self, mariadb: DatabaseServer) -> Iterator[Subject]:
        options = {"mode": "timestamp+incrementing", "columns": ["at", "id"]}
        yield from table_in(mariadb, mariadb.database, options)


class TestSnapshotOfWhatGrows(Conformance):
    @pytest.fixture
    def subject(self, postgres: DatabaseServer) -> Iterator[Subject]:
        yield from table_in(postgres, "public", {"mode": "incrementing", "snapshot": True})


class TestH2Server(Conformance):
    @pytest.fixture
    def subject(self, h2: DatabaseServer) -> Iterator[Subject]:
        yield from table_in(h2, "public")


class TestMariaDB(Conformance):
    @pytest.fixture
    def subject(self, mariadb: DatabaseServer) -> Iterator[Subject]:
        yield from table_in(mariadb, mariadb.database)


class Embedded(Subject):
    """A database file in the process itself; writers are other connections of the same JVM."""

    secrets = (SECRET, WRONG)

    def __init__(self, folder: Path) -> None:
        self.url = f"jdbc:h2:{folder}/erp"
        self.rows = 0
        with suppress(Exception):  # starts the JVM; there is no table yet
            self.connector().open()
        self.writer = jpype.java.sql.DriverManager.getConnection(self.url, "bridge", SECRET)
        self.execute("CREATE TABLE orders (id bigint PRIMARY KEY, word varchar(40), price numeric(9,2))")

    def execute(self, sql: str) -> None:
        statement = self.writer.createStatement()
        statement.execute(sql)
        statement.close()

    def reading(self, name: str, password: str = "env:TEST_PASSWORD") -> Connector:
        return configured({"url": self.url, "user": "bridge", "password": password}, name)

    def connector(self) -> Connector:
        return self.reading("PUBLIC.ORDERS")

    def add(self, count: int) -> None:
        rows = ", ".join(f"({self.rows + n}, 'word {n}', {n}.25)" for n in range(1, count + 1))
        self.rows += count
        self.execute(f"INSERT INTO orders VALUES {rows}")

    def refused(self) -> Connector:
        return self.reading("PUBLIC.ORDERS", "env:TEST_WRONG_PASSWORD")

    def misconfigured(self) -> Connector:
        return self.reading("PUBLIC.ORDER")


class TestH2Embedded(Conformance):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Iterator[Subject]:
        subject = Embedded(tmp_path)
        yield subject
        subject.writer.close()


class Query(Embedded):
    """A SELECT over that table, in a mode by pages of its own key."""

    def reading(self, name: str, password: str = "env:TEST_PASSWORD") -> Connector:
        options = {"mode": "images", "query": f"SELECT id, word, price FROM {name}", "key": ["ID"]}
        return configured(
            {"url": self.url, "user": "bridge", "password": password}, "what was ordered", options
        )


class TestQuery(Conformance):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Iterator[Subject]:
        subject = Query(tmp_path)
        yield subject
        subject.writer.close()

"""The Oracle connector fulfils the contract, in every mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.contract import Connector
from bridge.testing.conformance import Conformance, Subject
from bridge.testing.kafka import free_ports
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.tables import Kind
from bridge.testing.proxy import TcpProxy
from connectors.oracle import OracleConnector

WRONG = "no-such-password-4711"
TABLE = "SALES.ORDERS"
COLUMNS = [
    ("ID", "NUMBER(10) NOT NULL"),
    ("WORD", "VARCHAR2(40)"),
    ("PRICE", "NUMBER(9,2)"),
    ("CHANGED_AT", "TIMESTAMP(6)"),
]


class Table(Subject):
    """A table of the peer, reached through a proxy that can fall silent."""

    name = TABLE
    streams: Mapping[str, Any] = {}
    kind = Kind.TABLE

    def __init__(self, peer: OraclePeer, proxy: TcpProxy, options: Mapping[str, Any]) -> None:
        self.peer, self.proxy, self.options = peer, proxy, options
        self.secrets = (peer.password, WRONG)
        self.rows = 0
        self.make()

    def make(self) -> None:
        self.peer.store.create("SALES", "ORDERS", COLUMNS, key=["ID"], kind=self.kind)

    def reading(self, name: str, **more: Any) -> Connector:
        whole = {
            "dsn": self.peer.dsn.replace(str(self.peer.port), str(self.proxy.port)),
            "user": self.peer.user,
            "password": "env:TEST_ORACLE_PASSWORD",
            "login_timeout": "5s",
            "streams": {name: self.options},
        }
        return OracleConnector(OracleConnector.Config.model_validate(whole | more))

    def connector(self) -> Connector:
        return self.reading(self.name)

    def row(self, number: int) -> dict[str, Any]:
        now = datetime.now(UTC).replace(tzinfo=None)
        return {
            "ID": number,
            "WORD": f"word {number}",
            "PRICE": Decimal(number) + Decimal("0.25"),
            "CHANGED_AT": now,
        }

    def add(self, count: int) -> None:
        numbers = range(self.rows + 1, self.rows + count + 1)
        self.rows += count
        self.peer.store.insert(TABLE, [self.row(number) for number in numbers])

    def unreachable(self) -> Connector:
        return self.reading(self.name, dsn=f"127.0.0.1:{free_ports(1)[0]}/FREEPDB1")

    def refused(self) -> Connector:
        return self.reading(self.name, password="env:TEST_ORACLE_WRONG_PASSWORD")

    def misconfigured(self) -> Connector:
        return self.reading("SALES.WHICH_IS_NOT_THERE")

    def holding(self) -> AbstractContextManager[None]:
        return self.proxy.silence()


class Deletable(Table):
    """The account may delete."""

    def make(self) -> None:
        super().make()
        self.peer.grants.grant("DELETE", TABLE)


class Logged(Table):
    def make(self) -> None:
        super().make()
        self.peer.store.create_log(TABLE)
        self.peer.grants.grant("DELETE", "SALES.MLOG$_ORDERS")


class View(Table):
    name = "SALES.ORDERED"

    def make(self) -> None:
        super().make()
        self.peer.store.create_view("SALES", "ORDERED", "SELECT id, word, price FROM sales.orders")


class Organized(Table):
    kind = Kind.IOT


class Messages(Table):
    name = "SALES.EVENTS_Q"

    def make(self) -> None:
        self.peer.queues.create(self.name)
        self.peer.grants.grant("DEQUEUE", self.name)

    def add(self, count: int) -> None:
        for _ in range(count):
            self.rows += 1
            self.peer.queues.put(self.name, f"message {self.rows}".encode())


@pytest.fixture
def proxy(peer: OraclePeer, monkeypatch: pytest.MonkeyPatch) -> Iterator[TcpProxy]:
    monkeypatch.setenv("TEST_ORACLE_PASSWORD", peer.password)
    monkeypatch.setenv("TEST_ORACLE_WRONG_PASSWORD", WRONG)
    with TcpProxy(peer.port) as proxy:
        yield proxy


class TestFlashback(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Table(peer, proxy, {})


class TestFlashbackWithAllThatWas(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Table(peer, proxy, {"before": True})


class TestTimestamp(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Table(peer, proxy, {"mode": "timestamp", "columns": ["CHANGED_AT"], "snapshot": False})


class TestTimestampAfterASnapshot(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Table(peer, proxy, {"mode": "timestamp", "columns": ["CHANGED_AT", "ID"]})


class TestTimestampOfAnIndexOrganizedTable(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Organized(peer, proxy, {"mode": "timestamp", "columns": ["CHANGED_AT"]})


class TestRowScn(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Table(peer, proxy, {"mode": "rowscn", "snapshot": False})


class TestRowScnAfterASnapshot(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Table(peer, proxy, {"mode": "rowscn"})


class TestImages(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Table(peer, proxy, {"mode": "images"})


class TestImagesOfAView(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return View(peer, proxy, {"mode": "images", "key": ["ID"]})


class TestImagesOfAViewWithoutAKey(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return View(peer, proxy, {"mode": "images"})


class TestOutbox(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Deletable(peer, proxy, {"mode": "outbox"})


class TestViewLog(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Logged(peer, proxy, {"mode": "mview_log"})


class TestQueue(Conformance):
    @pytest.fixture
    def subject(self, peer: OraclePeer, proxy: TcpProxy) -> Subject:
        return Messages(peer, proxy, {"mode": "aq"})

"""The mainframe connector fulfils the contract: lists, details and inquiries, over both 3270 clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from bridge.contract import Connector
from bridge.testing.conformance import Conformance, Subject
from bridge.testing.kafka import free_ports
from bridge.testing.mainframe import Host, customer
from bridge.testing.mainframe.options import INQUIRY, LIST, PASSWORD_VARIABLE, Options
from bridge.testing.proxy import TcpProxy
from tests.integration.mainframe_streams import DETAILS, configured, written

WRONG = "WRONG711"
WRONG_VARIABLE = "TEST_MAINFRAME_WRONG_PASSWORD"


class Screens(Subject):
    """A stream of the customers of a host, which is reached through a proxy that can fall silent."""

    def __init__(self, host: Host, proxy: TcpProxy, transport: str, streams: Mapping[str, Options]) -> None:
        self.host, self.proxy, self.transport, self.streams = host, proxy, transport, streams
        self.secrets = (host.password, WRONG)

    def made(self, **options: Any) -> Connector:
        whole = {"transport": self.transport, "port": self.proxy.port, "settle": "5ms", "sessions": 2}
        return configured(self.host, self.streams, **(whole | options))

    def connector(self) -> Connector:
        return self.made()

    def add(self, count: int) -> None:
        first = 10 * (len(self.host.customers) + 1)
        for number in range(first, first + 10 * count, 10):
            self.host.insert(customer(number))

    def unreachable(self) -> Connector:
        return self.made(port=free_ports(1)[0])

    def refused(self) -> Connector:
        return self.made(password=f"env:{WRONG_VARIABLE}")

    def misconfigured(self) -> Connector:
        return self.made(maps=[], screens={})

    def holding(self) -> AbstractContextManager[None]:
        return self.proxy.silence()


class Inquiries(Screens):
    """The keys are in a file, which grows with the customers."""

    def __init__(self, host: Host, proxy: TcpProxy, transport: str, file: Path) -> None:
        super().__init__(host, proxy, transport, {"inquiries": INQUIRY | {"keys": {"file": str(file)}}})
        self.file = file
        self._write()

    def add(self, count: int) -> None:
        super().add(count)
        self._write()

    def _write(self) -> None:
        """With a key that the host does not know."""
        written(self.file, "\n".join(["customer_id", "99999999", *self.host.customers, ""]))


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with Host(count=0) as host:
        monkeypatch.setenv(PASSWORD_VARIABLE, host.password)
        monkeypatch.setenv(WRONG_VARIABLE, WRONG)
        yield host


@pytest.fixture
def proxy(host: Host) -> Iterator[TcpProxy]:
    with TcpProxy(host.port) as proxy:
        yield proxy


class TestList(Conformance):
    @pytest.fixture
    def subject(self, host: Host, proxy: TcpProxy) -> Subject:
        return Screens(host, proxy, "s3270", {"customers": LIST})


class TestListOverTnz(Conformance):
    @pytest.fixture
    def subject(self, host: Host, proxy: TcpProxy) -> Subject:
        return Screens(host, proxy, "tnz", {"customers": LIST | {"paging": "key"}})


class TestDetails(Conformance):
    @pytest.fixture
    def subject(self, host: Host, proxy: TcpProxy) -> Subject:
        return Screens(host, proxy, "tnz", {"customers": DETAILS | {"paging": "key"}})


class TestInquiries(Conformance):
    @pytest.fixture
    def subject(self, host: Host, proxy: TcpProxy, tmp_path: Path) -> Subject:
        return Inquiries(host, proxy, "s3270", tmp_path / "keys.csv")

"""The configuration in config/ and its maps, against the host whose screens they are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import config, plugins
from bridge.contract import Connector
from bridge.inspection import inspected
from bridge.testing.mainframe import Host
from connectors.mainframe import MainframeConnector, maps
from tests.integration.mainframe_streams import scan
from tests.integration.mainframe_terminals import need_clients

FOLDER = Path(__file__).parents[2] / "config"
CUSTOMERS = 18
ELSEWHERE = {
    "/etc/legacy-bridge/maps/customers.yaml": str(FOLDER / "maps" / "customers.yaml"),
    "mvs1.plant.example": "127.0.0.1",
    "tls: {ca_file: /etc/legacy-bridge/mainframe-ca.pem}": "settle: 5ms",
}


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    need_clients()


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(count=CUSTOMERS, code_page="cp273", pools={"BRIDGES": ["BRDG01", "BRDG02"]}) as host:
        yield host


@pytest.fixture
def connector(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connector]:
    monkeypatch.setenv("MF_PASSWORD", host.password)
    text = (FOLDER / "mainframe.yaml").read_text()
    for there, here in (ELSEWHERE | {"port: 992": f"port: {host.port}"}).items():
        assert there in text
        text = text.replace(there, here)
    file = tmp_path / "mainframe.yaml"
    file.write_text(text)
    made = plugins.configure(config.load(file).connectors["mvs1"])
    try:
        made.open()
        yield made
    finally:
        made.close()


def test_the_example_is_a_configuration() -> None:
    assert list(map(str, inspected(FOLDER / "mainframe.yaml"))) == []


def test_the_example_s_maps_are_read() -> None:
    known = maps.load([FOLDER / "maps" / "customers.yaml"])
    assert {"signon", "expired", "locked", "menu", "custlist", "custdet"} <= known.screens.keys()


def test_the_example_reads_a_list_with_its_details_and_an_inquiry_for_each_key(
    host: Host, connector: Connector
) -> None:
    assert isinstance(connector, MainframeConnector)
    expected = {int(each.id): (each.city, each.balance) for each in host.customers.values()}
    rows = scan(connector, "customers").rows
    assert {row["id"]: (row["city"], row["balance"]) for row in rows} == expected
    answers = scan(connector, "balances").rows
    assert {int(row["id"]): row["limit"] for row in answers} == {
        int(each.id): each.limit for each in host.customers.values()
    }
    assert host.counts["sign-ons"] == len(host.sessions) == 2

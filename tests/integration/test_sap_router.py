"""Connections by way of others: a SAProuter, a message server."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from bridge.errors import BridgeError
from bridge.testing.sap.message_server import MessageServer
from bridge.testing.sap.peer import SapPeer
from bridge.testing.sap.router import Router
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.system import System

Reach = Callable[[str], System]
MESSAGES = {"msserv": "3600", "sysid": "SIM"}


@pytest.fixture
def peer() -> Iterator[SapPeer]:
    with SapPeer() as peer:
        yield peer


@pytest.fixture(params=["saprfclib", "pyrfc"])
def reach(request: pytest.FixtureRequest, peer: SapPeer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reach]:
    """Opens a system by this route."""
    made: list[System] = []

    def open_(route: str) -> System:
        monkeypatch.setenv("SAP_ROUTE", route)
        options = {"ashost": peer.ashost, "saprouter": "env:SAP_ROUTE", "library": request.param}
        made.append(system(peer, monkeypatch, **options))
        made[-1].open()
        return made[-1]

    yield open_
    for each in made:
        with suppress(Exception):
            each.close()


def system(peer: SapPeer, monkeypatch: pytest.MonkeyPatch, **options: Any) -> System:
    monkeypatch.setenv("SAP_PASSWORD", peer.password)
    least: dict[str, Any] = {
        "client": peer.client,
        "user": peer.user,
        "password": "env:SAP_PASSWORD",
        "login_timeout": "5s",
        "streams": {"T001": {"mode": "table", "images": True}},
    }
    return System(SapConfig.model_validate(least | options))


def test_a_system_is_reached_through_a_router(peer: SapPeer, reach: Reach) -> None:
    with Router() as router:
        answer = reach(router.route).call("STFC_CONNECTION", REQUTEXT="through")
        assert answer["ECHOTEXT"] == "through"
        assert [route[-1].host for route in router.routes] == [peer.ashost]


def test_a_router_wants_its_password(reach: Reach) -> None:
    with Router("Pa55-of-the-router") as router:
        assert reach(router.route).call("STFC_CONNECTION", REQUTEXT="through")["ECHOTEXT"] == "through"


def test_a_router_that_refuses_is_no_secret_and_tells_none(peer: SapPeer, reach: Reach) -> None:
    with Router("Pa55-of-the-router") as router, pytest.raises(BridgeError) as caught:
        reach(router.route.replace("Pa55-of-the-router", "wr0ng-one"))
    assert "route permission denied" in f"{caught.value} {caught.value.__cause__}"
    assert "wr0ng-one" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert not peer.logons


def test_a_message_server_whose_http_is_silent_is_asked_by_its_own_protocol_in_time(
    peer: SapPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall that drops what it does not know; and no proxy is asked in its place."""
    options: dict[str, Any] = {"library": "saprfclib", "group": "PUBLIC", "login_timeout": 2, **MESSAGES}
    with MessageServer(peer) as server, socket.create_server((server.mshost, 8100)) as silent:
        with socket.create_server((server.mshost, 0)) as proxy:
            monkeypatch.setenv("http_proxy", f"http://{server.mshost}:{proxy.getsockname()[1]}")
            there = system(peer, monkeypatch, mshost=server.mshost, **options)
            there.open()
            there.close()
            proxy.setblocking(False)
            with pytest.raises(BlockingIOError):
                proxy.accept()
        assert silent.fileno() >= 0
    assert server.asked == 1


def test_a_message_server_names_the_application_server(
    peer: SapPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MessageServer(peer) as server:
        there = system(
            peer, monkeypatch, library="saprfclib", mshost=server.mshost, group="PUBLIC", **MESSAGES
        )
        there.open()
        assert there.call("STFC_CONNECTION", REQUTEXT="balanced")["ECHOTEXT"] == "balanced"
        there.close()
    assert server.asked == 1
    assert peer.logons == [peer.user]


@pytest.mark.parametrize("group", ["BRIDGE", "PUBLIC", "BRIDE"])
def test_a_logon_group_that_the_message_server_does_not_have_is_not_logged_on_by(
    peer: SapPeer, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    """But for PUBLIC, which stands for all servers where there is no group of that name."""
    with MessageServer(peer, "BRIDGE") as server:
        there = system(peer, monkeypatch, library="saprfclib", mshost=server.mshost, group=group, **MESSAGES)
        if group == "BRIDE":
            with pytest.raises(BridgeError, match="no logon group BRIDE; it has BRIDGE"):
                there.open()
        else:
            there.open()
            there.close()
    assert peer.logons == ([] if group == "BRIDE" else [peer.user])


def test_a_message_server_behind_a_router_is_asked_through_it(
    peer: SapPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MessageServer(peer) as server, Router("Pa55-of-the-router") as router:
        monkeypatch.setenv("SAP_ROUTE", router.route)
        through: dict[str, Any] = {"saprouter": "env:SAP_ROUTE", "mshost": server.mshost, "group": "PUBLIC"}
        there = system(peer, monkeypatch, library="saprfclib", **through, **MESSAGES)
        there.open()
        there.close()
        ends = [(each[-1].host, each[-1].service) for each in router.routes]
    assert ends == [(server.mshost, "3600"), (peer.ashost, f"33{peer.sysnr}")]

"""Connections by way of others: a SAProuter, a message server."""

from __future__ import annotations

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

"""Oracle's driver for Java, as far as the simulator understands it: up to the log-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import TransientError
from bridge.testing import need
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.switches import Stage
from connectors.jdbc import JdbcConnector
from connectors.jdbc.config import JdbcConfig

PEERS = Path(__file__).parents[2] / "jars" / "peers"


@pytest.fixture
def driver() -> Path:
    found = next(iter(PEERS.glob("ojdbc11-*.jar")), None)
    if found is None:
        need("ojdbc11 is not in jars/peers: run `make setup`")
    assert found is not None
    return found


@pytest.fixture
def peer() -> Iterator[OraclePeer]:
    with OraclePeer() as served:
        yield served


def opened(driver: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> TransientError:
    """How opening fails."""
    monkeypatch.setenv("ERP_PASSWORD", OraclePeer.password)
    config = {
        "url": f"jdbc:oracle:thin:@//{place}",
        "user": OraclePeer.user,
        "password": "env:ERP_PASSWORD",
        "jars": [str(driver)],
        "login_timeout": 1,
        "streams": {"SALES.*": {"mode": "images"}},
    }
    connector = JdbcConnector(JdbcConfig.model_validate(config))
    with pytest.raises(TransientError) as told:
        connector.open()
    connector.close()
    return told.value


def test_a_service_that_is_down_is_waited_for(
    driver: Path, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{peer.host}:{peer.port}/NOT_YET"
    assert "ORA-12514" in opened(driver, monkeypatch, place).text


def test_a_listener_that_is_not_there_is_waited_for(
    driver: Path, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.stop()
    assert "ORA-12541" in opened(driver, monkeypatch, peer.dsn).text


def test_a_listener_that_says_nothing_is_not_waited_for_longer_than_allowed(
    driver: Path, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.switches.silence = Stage.CONNECT
    began = time.monotonic()
    assert "connecting to oracle:thin" in opened(driver, monkeypatch, peer.dsn).text
    assert time.monotonic() - began < 5


def test_the_log_in_of_this_driver_is_what_the_simulator_does_not_understand(
    driver: Path, peer: OraclePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it does, the tests of tables and types are to run through this driver, too."""
    assert "Protocol violation" in opened(driver, monkeypatch, peer.dsn).text

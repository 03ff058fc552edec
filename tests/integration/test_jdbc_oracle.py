"""Oracle's driver for Java, as far as the simulator understands it: up to the log-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import oracledb
import pytest

from bridge.errors import TransientError
from bridge.testing import need
from bridge.testing.oracle.server import OraclePeer
from bridge.testing.oracle.switches import Stage
from connectors.jdbc import JdbcConnector
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.dialects import dialect_of
from connectors.jdbc.session import Session
from tests.integration.oracle_peer import connected

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


class Asked(Session):
    """Its statements as they are, sent by python-oracledb, which the simulator does understand."""

    def __init__(self, connection: oracledb.Connection) -> None:
        self._asked, self.dialect = connection, dialect_of("jdbc:oracle:")
        self._moment = self._oldest = self._sees = None

    def allowed(self, sql: str | None) -> str | None:
        if sql is None:
            return None
        try:
            with self._asked.cursor() as cursor:
                told = cursor.execute(sql).fetchone()
        except oracledb.DatabaseError:
            return None
        return None if told is None or told[0] is None else str(told[0])

    def end(self) -> None:
        pass


@pytest.fixture
def asked(peer: OraclePeer) -> Iterator[Asked]:
    peer.grants.grant("SELECT", "SYS.GV_$TRANSACTION")
    with connected(peer) as connection:
        yield Asked(connection)


def test_what_began_in_summer_time_is_not_taken_to_be_an_hour_younger(peer: OraclePeer, asked: Asked) -> None:
    now = peer.store.clock
    peer.store.clock = lambda: 1_792_886_700 * 10**9  # 2026-10-25, 02:05 for the first time in Berlin
    peer.store.offset = 120
    transaction = peer.store.transaction()
    began = peer.store.clock()
    peer.store.clock = lambda: began + 3600 * 10**9
    peer.store.offset = 60
    assert asked.moment().oldest == began
    transaction.rollback()
    peer.store.clock = now


def test_transactions_of_all_instances_of_a_cluster_are_seen(peer: OraclePeer, asked: Asked) -> None:
    assert asked.sees_transactions
    assert asked.moment().oldest is None
    with peer.store.transaction() as elsewhere:
        elsewhere.instance = 2
        asked._moment = None
        assert asked.moment().oldest is not None


@pytest.mark.parametrize(
    ("role", "sees"), [("PRIMARY", True), ("PHYSICAL STANDBY", False), ("LOGICAL STANDBY", False)]
)
def test_a_standby_does_not_see_its_primarys_transactions(
    peer: OraclePeer,
    asked: Asked,
    role: str,
    sees: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    peer.role = role
    assert asked.sees_transactions is sees
    assert asked.is_standby is not sees

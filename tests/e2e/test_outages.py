"""Brokers and sources go away, restart and fall silent: it shows, harms nobody else, and costs no event."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.databases import DatabaseServer, PostgresServer
from bridge.testing.hostile import polls
from bridge.testing.kafka import Broker, KafkaBroker
from bridge.testing.proxy import TcpProxy
from bridge.testing.sqlite_source import SqliteSource
from tests.e2e.evidence import (
    Watch,
    arrived,
    command,
    hostile,
    in_state,
    longest_gap,
    source,
    sqlite,
    writing,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OUTAGE_S = float(os.environ.get("LEGACY_BRIDGE_OUTAGE_S", "10"))
"""Longer than every time-out of the clients below, so that a longer outage takes the same ways."""
IMPATIENT = {
    "transaction.timeout.ms": 6_000,
    "message.timeout.ms": 6_000,
    "socket.timeout.ms": 4_000,
    "reconnect.backoff.max.ms": 250,
}
RESTARTS = 10
DEADLINE_S, INTERVAL_S = 3.0, 0.5
PATIENCE_S = max(2 * INTERVAL_S, DEADLINE_S)
SLACK_S = 2.0
"""A heartbeat is half a second old, and the machine may be busy."""


@dataclass
class Traffic:
    """A daemon with two connectors, and what it reads."""

    daemon: DaemonProcess
    broker: KafkaBroker
    sources: dict[str, SqliteSource]

    def events(self) -> list[int]:
        streams = (self.daemon.stream(name, "orders") for name in self.sources)
        return [int(stream.get("events", 0)) for stream in streams]

    def goes_on(self) -> None:
        """Wait until each connector has published something more."""
        before = self.events()
        wait_until(lambda: all(map(int.__gt__, self.events(), before)), 60, "progress")

    def is_complete(self) -> None:
        """Everything is there once and in order, and all is well."""
        for name, legacy in self.sources.items():
            assert arrived(self.broker.address, f"{name}.orders", legacy.ids()) == legacy.ids()
            in_state(self.daemon, name, "RUNNING")
        assert "Traceback" not in self.daemon.logged()


@pytest.fixture(scope="module")
def traffic(ill_treated: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    folder = tmp_path_factory.mktemp("traffic")
    sources = {f"erp-{uuid4().hex[:8]}": source(folder / f"{letter}.db") for letter in "ab"}
    connectors = {each: sqlite(legacy.path) for each, legacy in sources.items()}
    with DaemonProcess(folder / "daemon", ill_treated.address, connectors, kafka=IMPATIENT) as daemon:
        yield Traffic(daemon, ill_treated, sources)


def test_a_broker_restarted_ten_times_under_load_costs_nothing(
    fragile: KafkaBroker, traffic: Traffic
) -> None:
    with writing(*traffic.sources.values()):
        for turn in range(RESTARTS):
            traffic.goes_on()
            fragile.kill() if turn % 5 == 4 else fragile.stop()
            fragile.start()
    traffic.is_complete()


def test_a_broker_that_is_gone_shows_and_costs_nothing(fragile: KafkaBroker, traffic: Traffic) -> None:
    with writing(*traffic.sources.values()):
        traffic.goes_on()
        fragile.kill()
        gone = time.monotonic()
        for name in traffic.sources:
            in_state(traffic.daemon, name, "BACKOFF", within=30)
        told = command("health", traffic.daemon.config)
        time.sleep(max(0.0, gone + OUTAGE_S - time.monotonic()))
        still = [traffic.daemon.stream(name, "orders") for name in traffic.sources]
    fragile.start()
    traffic.is_complete()
    assert told.returncode == 1
    assert all(f"{name} BACKOFF" in told.stdout for name in traffic.sources)
    assert "Kafka" in told.stdout
    assert [stream["state"] for stream in still] == ["BACKOFF", "BACKOFF"]
    assert all(stream["error"] for stream in still)


@pytest.fixture
def own_postgres() -> Iterator[DatabaseServer]:
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.close()


def table_of(server: DatabaseServer, name: str) -> str:
    """A fresh table in the server's spelling, with 1,000 rows."""
    server.execute(f"CREATE TABLE {name} (id BIGINT PRIMARY KEY, payload VARCHAR(100))")
    more(server, name, 1, 1_000)
    return name if isinstance(server, PostgresServer) else name.upper()


def more(server: DatabaseServer, table: str, first: int, last: int) -> None:
    if isinstance(server, PostgresServer):
        server.execute(f"INSERT INTO {table} SELECT n, 'row ' || n FROM generate_series({first}, {last}) n")
    else:
        server.execute(f"INSERT INTO {table} SELECT x, 'row ' || x FROM SYSTEM_RANGE({first}, {last})")


def jdbc(server: DatabaseServer, url: str, stream: str, mode: str) -> dict[str, Any]:
    return {
        "kind": "jdbc", "url": url, "user": server.user, "password": "env:TEST_DB_PASSWORD", "heap": "64m",
        "interval": INTERVAL_S, "deadline": DEADLINE_S, "login_timeout": 2, "statement_timeout": 2,
        "streams": {stream: {"mode": mode}},
    }  # fmt: skip


def changes(daemon: DaemonProcess, connector: str) -> list[str]:
    """What the log says of its states."""
    own = (line for line in daemon.lines() if line.get("connector") == connector)
    return [line["event"] for line in own if " -> " in line["event"]]


def test_sources_that_are_gone_or_silent_show_in_time_and_harm_no_other(
    broker: Broker, own_postgres: DatabaseServer, h2: DatabaseServer, tmp_path: Path
) -> None:
    """A PostgreSQL is killed, an H2 read as images falls silent behind a proxy, an SQLite just goes on."""
    name = f"erp-{uuid4().hex[:8]}"
    gone, silent, fine = f"{name}-gone", f"{name}-silent", f"{name}-fine"
    bare = name.replace("-", "_")
    streams = {gone: f"public.{table_of(own_postgres, bare)}", silent: f"PUBLIC.{table_of(h2, bare)}"}
    legacy = source(tmp_path / "fine.db")
    environment = {**hostile(tmp_path / "daemon"), "TEST_DB_PASSWORD": h2.password}
    with TcpProxy(h2.port) as proxy:
        connectors = {
            gone: jdbc(own_postgres, own_postgres.url, streams[gone], "incrementing"),
            silent: jdbc(h2, h2.url.replace(str(h2.port), str(proxy.port)), streams[silent], "images"),
            fine: sqlite(legacy.path, "hostile", interval="1s"),
        }
        daemon = DaemonProcess(tmp_path / "daemon", broker.address, connectors, environment=environment)
        with daemon, writing(legacy):
            for connector, stream in streams.items():
                in_state(daemon, connector, "RUNNING", stream=stream)
            in_state(daemon, fine, "RUNNING")
            with Watch(daemon) as watch:
                began = time.monotonic()
                own_postgres.kill()
                with proxy.silence():
                    more(h2, bare, 1_001, 1_500)
                    time.sleep(began + OUTAGE_S - time.monotonic())
                own_postgres.start()
                more(own_postgres, bare, 1_001, 1_500)
                ended = time.monotonic()
                for connector, stream in streams.items():
                    in_state(daemon, connector, "RUNNING", stream=stream)
            wait_until(lambda: changes(daemon, gone)[-1].endswith("-> RUNNING"), 60, "a line that it is over")
            for connector, stream in streams.items():
                key = "id" if connector == gone else "ID"
                rows = list(range(1, 1_501))
                assert arrived(broker.address, f"{connector}.{stream}", rows, key) == rows
    for connector, stream in streams.items():
        seen = watch.states(connector, stream)
        left = next(at for at, state in seen if state != "RUNNING")
        assert left - began < PATIENCE_S + INTERVAL_S + SLACK_S
        assert "RUNNING" not in {state for at, state in seen if left < at < began + OUTAGE_S}
    assert {state for _, state in watch.states(fine)} == {"RUNNING"}
    assert longest_gap(polls(legacy.path), began, ended) < 3.0, "a poll a second"
    assert not [line for line in daemon.lines() if "FAILED" in str(line.get("event"))]
    assert [line for line in changes(daemon, gone) if line.endswith("-> BACKOFF")]
    assert changes(daemon, fine) == ["connector: STARTING -> RUNNING"]

"""An account that a real database grants one session, and two connectors that want it."""

from __future__ import annotations

import os
import signal
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import wait_until
from bridge.testing.databases import DatabaseServer
from bridge.testing.kafka import Broker
from tests.e2e.evidence import Start, arrived

pytestmark = pytest.mark.slow


def test_the_database_never_sees_more_sessions_than_the_account_may_have(
    start: Start, broker: Broker, name: str, postgres: DatabaseServer
) -> None:
    schema = f"s{uuid4().hex[:10]}"
    secret = postgres.password
    postgres.execute(
        f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (id int PRIMARY KEY);"
        f" INSERT INTO {schema}.t VALUES (1);"
        f" CREATE ROLE {schema} LOGIN CONNECTION LIMIT 1 PASSWORD '{secret}';"
        f" GRANT USAGE ON SCHEMA {schema} TO {schema}; GRANT SELECT ON {schema}.t TO {schema};"
    )
    options: dict[str, Any] = {
        "kind": "jdbc",
        "url": postgres.url,
        "user": schema,
        "password": "env:TEST_PASSWORD",
        "max_sessions": 1,
        "streams": {f"{schema}.t": {"mode": "incrementing", "interval": "200ms"}},
    }
    first, second = f"{name}-first", f"{name}-second"
    daemon = start({first: options, second: options}, environment={"TEST_PASSWORD": secret})
    assert arrived(broker.address, f"{first}.{schema}.t", [1], "id") == [1]
    waiting = daemon.connector(second)
    assert (waiting["state"], waiting["pid"]) == ("BACKOFF", None)
    assert waiting["error"].endswith(f"1 of 1 are taken by {first}")

    os.kill(daemon.worker_pid(first) or 0, signal.SIGKILL)
    wait_until(
        lambda: daemon.connector(first)["restarts"] == 1 and daemon.connector(first)["state"] == "RUNNING"
    )
    assert daemon.connector(second)["pid"] is None

    del daemon.document["connectors"][first]
    daemon.write()
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    assert arrived(broker.address, f"{second}.{schema}.t", [1], "id") == [1]
    assert "too many connections" not in daemon.logged()
    daemon.stop()
    postgres.execute(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {schema};")

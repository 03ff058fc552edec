"""What tests of Oracle share: clients of the peer that are python-oracledb and nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import oracledb
import pytest

from bridge.testing.oracle.server import OraclePeer


def connect(peer: OraclePeer, **more: Any) -> oracledb.Connection:
    """As the plain account, or whoever `user` says."""
    given = {"user": peer.user, "password": peer.password, "dsn": peer.dsn, "tcp_connect_timeout": 5, **more}
    return oracledb.connect(**given)


@contextmanager
def connected(peer: OraclePeer, **more: Any) -> Iterator[oracledb.Connection]:
    connection = connect(peer, **more)
    try:
        yield connection
    finally:
        if connection.is_healthy():
            connection.close()


def rows(connection: oracledb.Connection, sql: str, **binds: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, binds)
        return list(cursor.fetchall())


def code(raised: pytest.ExceptionInfo[oracledb.Error]) -> str:
    """`ORA-01555` or `DPY-4011` of what was raised."""
    return str(raised.value.args[0].full_code)

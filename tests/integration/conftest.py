"""The corners of databases in which tests make their tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.testing.databases import DatabaseServer
from tests.integration.jdbc_tables import SERVERS, Corner


@pytest.fixture
def test_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", DatabaseServer.password)


@pytest.fixture(params=SERVERS)
def corner(request: pytest.FixtureRequest, test_password: None) -> Iterator[Corner]:
    """Of each database in turn."""
    yield from _made(request.getfixturevalue(request.param))


@pytest.fixture
def postgres_corner(postgres: DatabaseServer, test_password: None) -> Iterator[Corner]:
    yield from _made(postgres)


@pytest.fixture
def h2_corner(h2: DatabaseServer, test_password: None) -> Iterator[Corner]:
    yield from _made(h2)


def _made(server: DatabaseServer) -> Iterator[Corner]:
    corner = Corner(server)
    yield corner
    corner.drop()

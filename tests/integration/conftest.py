"""The corners of databases in which tests make their tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from bridge.testing.databases import DatabaseServer
from tests.integration.jdbc_tables import SERVERS, Corner
from tests.integration.oracle_database import Account, Database, schema, simulated

if TYPE_CHECKING:
    from tests.conftest import Containers


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


@pytest.fixture(scope="session")
def oracle_free(containers: Containers) -> Account:
    """The administrator of an Oracle Database Free."""
    account = Account(containers.oracle, "SYS", containers.oracle_password)
    containers.services.wait_until_responsive(timeout=600, pause=2, check=account.works)
    return account


@pytest.fixture
def oracle_database(request: pytest.FixtureRequest, oracle_place: str) -> Iterator[Database]:
    """A schema of one's own, of the simulator or of a real database."""
    if oracle_place == "simulated":
        with simulated() as made:
            yield made
    else:
        with schema(Account.named() or request.getfixturevalue("oracle_free")) as made:
            yield made


def _made(server: DatabaseServer) -> Iterator[Corner]:
    corner = Corner(server)
    yield corner
    corner.drop()

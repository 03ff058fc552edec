"""What an operator has mended is read after `resume`, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bridge.config.options import ConnectorSettings
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import BRISK, Clock, Engine
from tests.integration.jdbc_tables import Corner, configured
from tests.property.jdbc_lives import Source


@pytest.fixture(params=["h2_corner", "postgres_corner"])
def shop(request: pytest.FixtureRequest) -> Iterator[tuple[Corner, str]]:
    """A corner, and an account without any right in it."""
    corner: Corner = request.getfixturevalue(request.param)
    account, password = f"{corner.schema}_reader", corner.server.password
    if corner.kind == "h2":
        corner.execute(f"CREATE USER {account} PASSWORD '{password}';")
        yield corner, account
        corner.execute(f"DROP USER {account};")
    else:
        corner.execute(
            f"CREATE ROLE {account} LOGIN PASSWORD '{password}'; GRANT USAGE ON SCHEMA $ TO {account};"
        )
        yield corner, account
        corner.execute(f"DROP OWNED BY {account}; DROP ROLE {account};")


@pytest.mark.parametrize("mode", ["incrementing", "images"])
@pytest.mark.parametrize("missing", ["grant", "table"])
def test_a_grant_or_table_that_comes_later_is_read_after_resume(
    shop: tuple[Corner, str], tmp_path: Path, mode: str, missing: str
) -> None:
    corner, account = shop
    table, name = "CREATE TABLE $.t (id int PRIMARY KEY);\n", corner.name("t")
    grant = f"INSERT INTO $.t VALUES (1);\nGRANT SELECT ON $.t TO {account};"
    source = Source(partial(configured, corner.server, {name: {"mode": mode}}, user=account))
    kafka = FakeKafka()
    corner.execute(table if missing == "grant" else "SELECT 1;")
    with Clock() as clock:
        settings = ConnectorSettings(name="erp", kind="jdbc", defaults=BRISK)
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        engine.run(3)
        assert "grant SELECT" in engine.parked(name)
        corner.execute(grant if missing == "grant" else table + grant)
        engine.run(3)
        assert engine.parked(name)
        engine.resume()
        engine.run(3)
        assert not engine.parked(name)
        assert len(kafka.committed(f"erp.{name}")) == 1
        engine.restart()
        source.close()

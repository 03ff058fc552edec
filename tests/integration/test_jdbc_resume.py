"""A grant counts after `resume`, and not before; a table that is gone comes back by itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bridge.config.options import ConnectorSettings
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import BRISK, Clock, Engine
from tests.integration.jdbc_tables import Corner, configured
from tests.property.living import Source

TABLE = "CREATE TABLE $.t (id int PRIMARY KEY);\n"


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
def test_a_grant_that_comes_later_is_read_after_resume(
    shop: tuple[Corner, str], tmp_path: Path, mode: str
) -> None:
    corner, account = shop
    name = corner.name("t")
    grant = f"INSERT INTO $.t VALUES (1);\nGRANT SELECT ON $.t TO {account};"
    source = Source(partial(configured, corner.server, {name: {"mode": mode}}, user=account))
    kafka = FakeKafka()
    corner.execute(TABLE)
    with Clock() as clock:
        settings = ConnectorSettings(name="erp", kind="jdbc", defaults=BRISK)
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        engine.run(3)
        assert "grant SELECT" in engine.parked(name)
        corner.execute(grant)
        engine.run(3)
        assert engine.parked(name)
        engine.resume()
        engine.run(3)
        assert not engine.parked(name)
        assert len(kafka.committed(f"erp.{name}")) == 1
        engine.restart()
        source.close()


@pytest.mark.parametrize("pattern", ["t", "t*", "query"])
def test_a_table_that_is_gone_comes_back_by_itself(
    shop: tuple[Corner, str], tmp_path: Path, pattern: str
) -> None:
    corner, account = shop
    grant = f"GRANT SELECT ON $.t TO {account};"
    fill = "INSERT INTO $.t VALUES ({});\n"
    query = {"query": f"SELECT * FROM {corner.schema}.t", "key": [corner.column("id")]}
    told = {"mode": "images", **(query if pattern == "query" else {})}
    name = pattern if pattern == "query" else corner.name("t")
    entry = {corner.name("t*") if pattern == "t*" else name: told}
    source = Source(partial(configured, corner.server, entry, user=account))
    kafka = FakeKafka()
    corner.execute("SELECT 1;" if pattern == "t" else TABLE + fill.format(1) + grant)
    with Clock() as clock:
        settings = ConnectorSettings(name="erp", kind="jdbc", defaults=BRISK)
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        engine.run(3)
        if pattern == "t":  # named, and never there yet
            assert "has no table" in str(engine.schedule.streams[name].error)
            corner.execute(TABLE + fill.format(1) + grant)
            engine.run(settings.discover_every + 3)
        progress = engine.schedule.streams[name]
        assert (progress.gone, progress.error) == (False, None)
        committed = progress.committed
        corner.execute("DROP TABLE $.t;")
        engine.run(3)
        assert progress.gone
        assert "it goes on when the table is there again" in str(progress.error)
        assert progress.committed == committed
        polls = len(source.polls)
        engine.run(settings.discover_every + 3)
        assert (progress.gone, len(source.polls)) == (True, polls), "nobody asks before it is found"
        corner.execute(TABLE + fill.format(2) + grant)
        engine.run(settings.discover_every + 3)
        assert (progress.gone, progress.parked, progress.error) == (False, None, None)
        assert len(kafka.committed(f"erp.{name}")) >= 2
        engine.restart()
        source.close()

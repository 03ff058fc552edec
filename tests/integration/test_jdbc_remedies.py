"""What `doctor` says to do can be done as it is written."""

from __future__ import annotations

import pytest

from bridge.contract import Ask, Level
from bridge.errors import PermanentError
from connectors.jdbc.catalog import Catalog
from tests.integration.jdbc_tables import Corner


def statement(remedy: str) -> str:
    return remedy.partition(";")[0] + ";"


def test_a_missing_index_is_told_as_a_statement_that_the_database_takes(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (id int PRIMARY KEY, changed_at timestamp NOT NULL);")
    with corner.reading("t", "timestamp", columns=["changed_at"]) as (connector, _):
        (missing,) = [one for one in connector.check() if one.text.startswith("no index begins")]
        corner.execute(statement(missing.remedy))
        assert not [one for one in connector.check() if one.text.startswith("no index begins")]


def test_so_is_a_missing_unique_index(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (a_number int NOT NULL);")
    with corner.reading("t", "incrementing", columns=["a_number"]) as (connector, stream):
        with pytest.raises(PermanentError) as refused:
            connector.poll(stream, None, Ask())
        corner.execute(statement(refused.value.remedy))
        assert [one.level for one in connector.check() if one.stream] == [Level.OK]
        assert connector.poll(stream, None, Ask()).rows == 0


def test_a_primary_key_that_the_driver_does_not_tell_as_an_index_is_one(
    h2_corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SQLite's tells an INTEGER PRIMARY KEY."""
    h2_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY, a int);")
    monkeypatch.setattr(Catalog, "_indexes", lambda *_: [])
    with h2_corner.reading("t", "images") as (connector, _):
        assert [one.level for one in connector.check() if one.stream] == [Level.OK]

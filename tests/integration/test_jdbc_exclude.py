"""A column that is never published spoils no row, whatever is in it: `exclude` is the remedy for rejects."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge import plugins
from bridge.config.options import ConnectorSettings
from bridge.contract import Connector
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import BRISK, Clock, Engine
from bridge.testing.verifying import verified
from tests.integration.jdbc_tables import Corner, polled
from tests.property.living import Source

ROWS = 30
NUMBERS = {"h2": "decfloat", "postgresql": "numeric(9,2)", "mariadb": "datetime"}
UNREADABLE = {"h2": "CAST('1E900000000' AS decfloat)", "postgresql": "'NaN'", "mariadb": "'2024-02-31'"}
STREAMS: list[dict[str, Any]] = [
    {"mode": "incrementing"},
    {"mode": "incrementing", "snapshot": True},
    {"mode": "timestamp", "columns": ["at"]},
    {"mode": "timestamp+incrementing", "columns": ["at", "id"], "snapshot": False},
    {"mode": "images"},
    {"mode": "images", "query": "SELECT * FROM $.t", "key": ["id"]},
]


def fill(corner: Corner, key: str = "PRIMARY KEY") -> None:
    time = "datetime(6)" if corner.kind == "mariadb" else "timestamp(6)"
    free = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'; " if corner.kind == "mariadb" else ""
    corner.execute(
        f"CREATE TABLE $.t (doc varchar(90), id int {key}, x {NUMBERS[corner.kind]}, word varchar(9),"
        f" at {time} DEFAULT '2024-01-01 00:00:00');"
    )
    for number in range(ROWS):
        values = f"('{'a' * 50}', {number}, {UNREADABLE[corner.kind]}, 'w{number}')"
        corner.execute(f"{free}INSERT INTO $.t (doc, id, x, word) VALUES {values};")


def settled(
    corner: Corner, options: dict[str, Any], folder: Path, **stream: Any
) -> tuple[FakeKafka, str, Any]:
    """What an engine has published of the table, and what `verify` says of it."""
    here = {"url": corner.server.url.replace("/erp", f"/{corner.schema}")} if corner.kind == "mariadb" else {}
    name, names = corner.name("t"), {"columns", "key"} & options.keys()
    named = {each: [corner.column(one) for one in options[each]] for each in names}
    query = {"query": options["query"].replace("$", corner.schema)} if "query" in options else {}
    told = {**options, **named, **query, "max_value_bytes": 20}
    account = {"url": corner.server.url, "user": corner.server.user, "password": "env:TEST_PASSWORD", **here}
    excluded = tuple(corner.column(each) for each in ("doc", "x"))
    settings = ConnectorSettings(
        name="erp",
        kind="jdbc",
        defaults=BRISK,
        options={**account, "streams": {name: told}},
        streams={name: BRISK.model_copy(update={"exclude": excluded, **stream})},
    )
    source = Source[Connector](partial(plugins.configure, settings))
    kafka = FakeKafka()
    with Clock() as clock:
        engine = Engine(kafka, source, clock, settings, cache=folder / "erp.state")
        engine.settle()
        assert not engine.parked(name)
        assert source.open is not None
        report = verified(kafka, settings, source.open)
        engine.restart()
        source.close()
    assert not kafka.committed(engine.positions.letters)
    return kafka, name, report


@pytest.mark.parametrize("options", STREAMS, ids=str)
def test_an_excluded_column_costs_no_row(corner: Corner, tmp_path: Path, options: dict[str, Any]) -> None:
    fill(corner)
    kafka, name, report = settled(corner, options, tmp_path, on_schema_change="park")
    rows = [json.loads(record.value or b"")["after"] for record in kafka.committed(f"erp.{name}")]
    shown = [{at.lower(): value for at, value in row.items() if at.lower() != "at"} for row in rows]
    assert sorted(shown, key=lambda row: row["id"]) == [{"id": n, "word": f"w{n}"} for n in range(ROWS)]
    assert report.sound, [*report.lines()]


def test_nor_does_it_in_a_table_without_a_key(corner: Corner, tmp_path: Path) -> None:
    fill(corner, key="")
    kafka, name, report = settled(corner, {"mode": "images"}, tmp_path)
    assert len(kafka.committed(f"erp.{name}")) == ROWS
    assert report.sound, [*report.lines()]


def test_what_rows_are_read_by_is_read_though_nobody_sees_it(h2_corner: Corner, tmp_path: Path) -> None:
    fill(h2_corner)
    options = {"mode": "timestamp", "columns": ["at"]}
    kafka, name, _ = settled(h2_corner, options, tmp_path, exclude=("AT", "DOC", "X"))
    rows = [json.loads(record.value or b"")["after"] for record in kafka.committed(f"erp.{name}")]
    assert [row.keys() for row in rows] == [{"ID", "WORD"}] * ROWS


def test_an_excluded_column_of_a_type_that_nobody_knows_parks_nothing(
    h2_corner: Corner, tmp_path: Path
) -> None:
    h2_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY, doc row(a int), x int);")
    h2_corner.execute("INSERT INTO $.t VALUES (1, row(1), 2);")
    options = {"mode": "images", "unknown_types": "fail"}
    kafka, name, _ = settled(h2_corner, options, tmp_path, exclude=("DOC",))
    assert len(kafka.committed(f"erp.{name}")) == 1


def test_where_no_column_is_left_rows_are_counted_all_the_same(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (a int, b int);\nINSERT INTO $.t VALUES (1, 2), (3, 4);")
    with corner.reading("t", "images", ("a", "b")) as (connector, stream):
        assert sum(batch.rows for batch in polled(connector, stream)) == 2

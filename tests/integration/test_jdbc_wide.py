"""Rows of which few fit into the heap at a time: they come fewer at a time, and none ends the process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.contract import Ask, Batch, Scan
from bridge.errors import PermanentError, TransientError
from tests.integration.jdbc_tables import Corner, hide, opened, stream_of

NARROW, WIDE, KIB = 700, 300, 1024
HEAP_SHARE = str(2 * KIB * KIB)
"""Stands for what a heap has room for, in bytes."""


@pytest.fixture
def wide(postgres_corner: Corner) -> Corner:
    """Narrow rows first, by which nobody would think of the others: ten of these are too many at once."""
    postgres_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY, doc text); CREATE TABLE $.u (LIKE $.t);")
    narrow = f"SELECT n, NULL FROM generate_series(1, {NARROW}) n"
    rest = f"SELECT n, repeat(md5(n::text), {8 * KIB}) FROM generate_series({NARROW + 1}, {NARROW + WIDE}) n"
    postgres_corner.execute(f"INSERT INTO $.t {narrow}; INSERT INTO $.t {rest}; INSERT INTO $.u TABLE $.t;")
    return postgres_corner


def lives(corner: Corner, options: dict[str, Any], table: str, share: str) -> Iterator[Batch]:
    """What comes, by a new connector after each one that must be opened anew."""
    position, name = None, corner.name(table)
    for _ in range(8):
        try:
            with opened(corner.server, {name: options}, properties={"maxResultBuffer": share}) as connector:
                stream = stream_of(connector, name)
                while True:
                    batch = connector.poll(stream, position, Ask())
                    position = batch.position
                    yield batch
                    if not batch.more:
                        return
        except TransientError as error:
            if error.remedy != "it is tried again, with fewer rows at a time":
                raise
    raise AssertionError("they never come")


@pytest.mark.parametrize(
    ("table", "options"),
    [
        ("t", {"mode": "incrementing"}),
        ("t", {"mode": "images"}),
        ("t", {"mode": "images", "query": "SELECT * FROM $.t", "key": ["id"]}),
        ("u", {"mode": "images"}),
    ],
    ids=str,
)
def test_wide_rows_come_fewer_at_a_time(wide: Corner, table: str, options: dict[str, Any]) -> None:
    query = {"query": options["query"].replace("$", wide.schema)} if "query" in options else {}
    found: list[int] = []
    for batch in lives(wide, {**options, **query}, table, HEAP_SHARE):
        found = [] if batch.scan in (Scan.FIRST, Scan.ONLY) else found
        found += [row["id"] for row in wide.rows(batch)]
        assert not batch.rejects
    assert sorted(found) == [*range(1, NARROW + WIDE + 1)]


def test_a_row_that_does_not_fit_at_all_parks_its_stream_alone(wide: Corner) -> None:
    wide.execute("CREATE TABLE $.v (id int PRIMARY KEY); INSERT INTO $.v VALUES (1);")
    with pytest.raises(PermanentError, match=r"one row is wider than a quarter of the heap.* raise `heap`"):
        list(lives(wide, {"mode": "incrementing"}, "t", str(100 * KIB)))
    with opened(wide.server, {wide.name("v"): {"mode": "incrementing"}}) as connector:
        assert wide.rows(connector.poll(stream_of(connector, wide.name("v")), None, Ask())) == [{"id": 1}]


@pytest.mark.parametrize("table", ["t", "u"])
def test_a_column_that_is_left_out_does_not_come_at_all(postgres_corner: Corner, table: str) -> None:
    corner, name = postgres_corner, postgres_corner.name(table)
    corner.execute("CREATE TABLE $.t (doc text, id int PRIMARY KEY); CREATE TABLE $.u (LIKE $.t);")
    corner.execute("INSERT INTO $.t SELECT repeat('x', 300000), n FROM generate_series(1, 1000) n;")
    corner.execute("INSERT INTO $.u TABLE $.t;")
    share = {"maxResultBuffer": str(100 * KIB)}
    with opened(corner.server, {name: {"mode": "images"}}, properties=share) as connector:
        hide(connector, "doc")
        batch = connector.poll(stream_of(connector, name), None, Ask())
    assert corner.rows(batch) == [{"id": number, "doc": None} for number in range(1, 1001)]


ALL_OF_IT = """
import json, sys
from bridge.contract import Ask
from bridge.errors import TransientError
from connectors.jdbc import JdbcConnector

options, position, rows = json.loads(sys.argv[1]), None, 0
for _ in range(8):
    connector = JdbcConnector(JdbcConnector.Config.model_validate(options))
    try:
        connector.open()
        (stream,) = connector.discover()
        more = True
        while more:
            batch = connector.poll(stream, position, Ask())
            position, more, rows = batch.position, batch.more, rows + batch.rows
        break
    except TransientError:
        pass
    finally:
        connector.close()
print(rows)
"""
SERIES = {
    "postgresql": "SELECT n FROM generate_series({}, {}) n",
    "mariadb": "SELECT seq AS n FROM seq_{}_to_{}",
}


def all_of_it(corner: Corner, place: str) -> int:
    """How many rows a process of a small heap reads."""
    options = {
        "url": corner.server.url.replace("/erp", f"/{place}"),
        "user": corner.server.user,
        "password": "env:TEST_PASSWORD",
        "heap": "64m",
        "streams": {corner.name("t"): {"mode": "incrementing"}},
    }
    command = [sys.executable, "-c", ALL_OF_IT, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("corner", ["postgres", "mariadb"], indirect=True)
def test_many_wide_rows_after_narrow_ones_do_not_end_the_process(corner: Corner) -> None:
    kind, here = ("text", "erp") if corner.kind == "postgresql" else ("longtext", corner.schema)
    corner.execute(f"CREATE TABLE $.t (id int PRIMARY KEY, doc {kind});")
    narrow, rest = (SERIES[corner.kind].format(*each) for each in ((1, 600), (601, 700)))
    corner.execute(f"INSERT INTO $.t SELECT n, NULL FROM ({narrow}) s;")
    corner.execute(f"INSERT INTO $.t SELECT n, repeat('x', 1048576) FROM ({rest}) s;")
    assert all_of_it(corner, here) == 700


@pytest.mark.parametrize("corner", ["mariadb"], indirect=True)
def test_mariadbs_driver_holds_one_wide_row_at_a_time(corner: Corner) -> None:
    corner.execute(
        "CREATE TABLE $.t (id int PRIMARY KEY, doc longtext);"
        " INSERT INTO $.t SELECT seq, repeat('x', 9000000) FROM seq_1_to_14;"
    )
    assert all_of_it(corner, corner.schema) == 14

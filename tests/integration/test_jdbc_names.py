"""Names of tables, columns and schemas may be anything that the database lets them be."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from bridge.contract import Ask, Level
from bridge.errors import PermanentError
from bridge.testing.databases import DatabaseServer
from connectors.jdbc.readings import Reading
from tests.integration.jdbc_tables import Corner, opened, polled, rows_of, stream_of

NAMES = (
    "order",
    "SELECT",
    "MixedCase",
    "with  spaces",
    'double"quote',
    "single'quote",
    "back`tick",
    "Größe €",
    "per%cent_and__more",
    "a.b",
    "back\\slash",
    "semi;colon",
    "-- comment",
    "{brace}",
    "question?",
    "star*",
    "separators\x1f\x1e\x1b2",
)


def quoted(corner: Corner, name: str) -> str:
    mark = "`" if corner.kind == "mariadb" else '"'
    return mark + name.replace(mark, mark * 2) + mark


def statements(corner: Corner, number: int, name: str) -> str:
    table, key, time = (quoted(corner, each) for each in (name, f"{name} k", name))
    return (
        f"CREATE TABLE $.{table} ({key} int PRIMARY KEY, {time} timestamp NOT NULL);\n"
        f"CREATE INDEX i{number} ON $.{table} ({time});\n"
        f"INSERT INTO $.{table} VALUES ({number}, '2024-01-01 00:00:00'), (99, '2024-01-02 00:00:00');\n"
    )


@pytest.mark.parametrize("mode", ["images", "incrementing", "timestamp+incrementing"])
def test_strange_names_are_read_in_every_mode(corner: Corner, mode: str) -> None:
    corner.execute("".join(statements(corner, number, name) for number, name in enumerate(NAMES)))
    streams = {f"{corner.schema}.{literal(name)}": {"mode": mode, **options(mode, name)} for name in NAMES}
    with corner.opened(streams) as connector:
        found = connector.discover()
        assert {stream.name for stream in found} == {f"{corner.schema}.{name}" for name in NAMES}
        for number, name in enumerate(NAMES):
            batches = polled(connector, stream_of(connector, f"{corner.schema}.{name}"), ask=Ask(rows=1))
            rows = [row for batch in batches for changes in batch.changes for row in changes.rows.to_pylist()]
            assert [row[f"{name} k"] for row in rows] == [number, 99], name
        findings = [one.text for one in connector.check() if one.level is not Level.OK and one.stream]
        assert findings == []


def options(mode: str, name: str) -> dict[str, Any]:
    by_time = {"columns": [name, f"{name} k"], "time_zone": "UTC"}
    return by_time if mode == "timestamp+incrementing" else {}


def literal(name: str) -> str:
    """A pattern for just this name."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def test_a_name_that_looks_like_a_pattern_is_a_name_first(postgres_corner: Corner) -> None:
    postgres_corner.execute('CREATE TABLE $."x[1]" (id int PRIMARY KEY);')
    name = postgres_corner.name("x[1]")
    with postgres_corner.opened({name: {"mode": "images"}}) as connector:
        assert [stream.name for stream in connector.discover()] == [name]


def test_a_name_that_looks_like_a_pattern_is_no_other_when_it_is_looked_up_alone(
    postgres_corner: Corner,
) -> None:
    postgres_corner.execute(
        'CREATE TABLE $."a*" (id int PRIMARY KEY); CREATE TABLE $.ab (id int PRIMARY KEY);'
    )
    name = postgres_corner.name("a*")
    with postgres_corner.opened({name: {"mode": "images"}}) as connector:
        assert connector._lanes is not None
        assert isinstance(connector._lanes.readings.find(name), Reading)


def test_of_two_tables_that_read_the_same_neither_is_taken_for_the_other(postgres_corner: Corner) -> None:
    corner, dotted = postgres_corner, f"{postgres_corner.schema}.b"
    corner.execute('CREATE TABLE $."b.c" (id int PRIMARY KEY); CREATE TABLE $.d (id int PRIMARY KEY);')
    with corner.opened({f"{corner.schema}*": {"mode": "images"}}) as connector:
        stream = stream_of(connector, f"{dotted}.c")
        position = connector.poll(stream, None, Ask()).position
        corner.execute(f'CREATE SCHEMA "{dotted}"; CREATE TABLE "{dotted}".c (id int PRIMARY KEY);')
        try:
            assert [each.name for each in connector.discover()] == [stream.name, corner.name("d")]
            with pytest.raises(PermanentError, match=r"two tables that read as .*; read each by a `query`"):
                connector.poll(stream, position, Ask())
        finally:
            corner.execute(f'DROP SCHEMA "{dotted}" CASCADE;')
        connector.poll(stream, position, Ask())
        assert stream_of(connector, stream.name).tables


def test_a_schema_may_have_a_strange_name_too(corner: Corner) -> None:
    schema = f'Sché"ma `{uuid.uuid4().hex[:6]}'
    name, table = quoted(corner, schema), f"{quoted(corner, schema)}.{quoted(corner, 'T')}"
    corner.execute(f"CREATE SCHEMA {name};")  # or a database, which MariaDB calls a schema, too
    corner.execute(f"CREATE TABLE {table} (k int, n int, PRIMARY KEY (k, n));")
    corner.execute(f"INSERT INTO {table} VALUES (1, 1), (1, 2), (2, 1);")
    try:
        with corner.opened({f"{schema}.T": {"mode": "images"}}) as connector:
            (stream,) = connector.discover()
            assert stream.name == f"{schema}.T"
            assert sum(batch.rows for batch in polled(connector, stream, ask=Ask(rows=1))) == 3
    finally:
        corner.execute(f"DROP SCHEMA {name} {'' if corner.kind == 'mariadb' else 'CASCADE'};")


def test_another_database_of_the_same_server_is_read_where_databases_have_no_schemas(
    mariadb: DatabaseServer, test_password: None
) -> None:
    corner = Corner(mariadb)
    corner.execute("CREATE TABLE $.one (id int PRIMARY KEY); CREATE TABLE $.two (id int, UNIQUE (id));")
    corner.execute("INSERT INTO $.one VALUES (1); INSERT INTO $.two VALUES (2);")
    streams = {
        f"{corner.schema}.one": {"mode": "incrementing"},
        f"{corner.schema[:6]}*.t*": {"mode": "images"},
    }
    with opened(mariadb, streams) as connector:
        found = {stream.name: stream for stream in connector.discover()}
        assert set(found) == {f"{corner.schema}.one", f"{corner.schema}.two"}
        assert [rows_of(polled(connector, each)[0]) for each in found.values()] == [[{"id": 1}], [{"id": 2}]]
    with opened(mariadb, {"*": {"mode": "images"}}) as connector:
        databases = {stream.name.partition(".")[0] for stream in connector.discover()}
        assert corner.schema in databases
        assert not databases & {"mysql", "sys", "performance_schema", "information_schema"}
    corner.drop()


@pytest.mark.parametrize("corner", ["mariadb"], indirect=True)
def test_an_invisible_column_is_told(corner: Corner) -> None:
    corner.execute(
        "CREATE TABLE $.t (id int PRIMARY KEY, x int INVISIBLE);\n"
        " CREATE TABLE $.u (id int INVISIBLE DEFAULT 1 PRIMARY KEY, x int);"
    )
    streams = {corner.name(table): {"mode": "images"} for table in ("t", "u")}
    with corner.opened(streams) as connector:
        found = {one.stream: one for one in connector.check() if one.level is not Level.OK and one.stream}
        told = {name: f"{one.text}; {one.remedy}".lower() for name, one in found.items()}
    assert told[corner.name("t")].startswith("x: invisible columns are not read")
    assert told[corner.name("u")] == (
        f"column id of {corner.name('u')} is invisible: select * does not bring it;"
        " make it visible, or read the table by a `query` that names its columns".lower()
    )

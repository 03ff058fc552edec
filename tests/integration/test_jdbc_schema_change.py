"""A table that is altered while it is read: its events change with it, or its stream waits."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.admission import Lane
from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.contract import Batch, Connector, Position, Stream
from bridge.encode import EncoderOptions, Origin, encoder
from bridge.errors import PermanentError
from bridge.policy import Policy
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import BRISK, Clock, Engine
from tests.integration.jdbc_tables import Corner, configured, polled, rows_of
from tests.property.living import Source

# What is done, in each database; what the next row is then; what an operator is told.
CHANGES: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "added": (
        dict.fromkeys(("h2", "postgresql", "mariadb"), "ADD d int"),
        {"id": 2, "a": 2, "b": "new", "d": 5},
        "with d int32",
    ),
    "dropped": (
        dict.fromkeys(("h2", "postgresql", "mariadb"), "DROP COLUMN b"),
        {"id": 2, "a": 2},
        "without b string",
    ),
    "widened": (
        {
            "h2": "ALTER COLUMN a SET DATA TYPE bigint",
            "postgresql": "ALTER COLUMN a TYPE bigint",
            "mariadb": "MODIFY a bigint",
        },
        {"id": 2, "a": 2**40, "b": "new"},
        "without a int32, with a int64",
    ),
    "renamed": (
        {
            "h2": "ALTER COLUMN b RENAME TO c",
            "postgresql": "RENAME COLUMN b TO c",
            "mariadb": "RENAME COLUMN b TO c",
        },
        {"id": 2, "a": 2, "c": "new"},
        "without b string, with c string",
    ),
}


def when_it_comes(connector: Connector, stream: Stream, position: Position) -> Batch:
    """The batch with row 2, which by the clock that was looked at last may be one of the future."""
    for _ in range(1_000):
        (batch,) = polled(connector, stream, position)
        if any(2 in row.values() for row in rows_of(batch)):
            return batch
    raise AssertionError("it does not come")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("mode", ["incrementing", "timestamp", "images"])
@pytest.mark.parametrize("hidden", [(), ("x",)])
def test_a_table_that_is_altered_while_it_is_read(
    corner: Corner, mode: str, change: str, hidden: tuple[str, ...]
) -> None:
    how, row, told = CHANGES[change]
    time = "timestamp" if corner.kind == "mariadb" else "timestamp with time zone"
    corner.execute(
        "CREATE TABLE $.t (x int, id int PRIMARY KEY, a int, b varchar(5),"
        f" at {time} NOT NULL DEFAULT now());"
    )
    corner.execute("INSERT INTO $.t (id, a, b) VALUES (1, 1, 'old');")
    options = {"columns": ["at"]} if mode == "timestamp" else {}
    with corner.reading("t", mode, hidden, **options) as (connector, stream):
        position = polled(connector, stream)[-1].position
        for _ in range(6):  # beyond the point where drivers keep the plan of a statement
            position = polled(connector, stream, position)[-1].position
        corner.execute(f"ALTER TABLE $.t {how[corner.kind]};")
        values = ", ".join(f"'{value}'" for value in row.values())
        corner.execute(f"INSERT INTO $.t ({', '.join(row)}) VALUES ({values});")
        batch = when_it_comes(connector, stream, position)
    assert {name: value for name, value in corner.rows(batch)[-1].items() if name not in ("at", "x")} == row
    assert encoder(EncoderOptions()).encode(batch.changes[0], Origin("erp", "jdbc", "1"), 0).failures == ()

    publishes = Lane(stream, Policy(StreamOptions()), {}, "jdbc", 2)
    publishes.accept(batch)
    parks = Lane(stream, Policy(StreamOptions()), {}, "jdbc", 2, {stream.name: "a digest"})
    with pytest.raises(PermanentError) as error:
        parks.accept(batch)
    assert told in error.value.text.lower()


@pytest.mark.parametrize("mode", ["incrementing", "images"])
def test_a_column_that_nobody_sees_may_go_while_its_table_is_read(corner: Corner, mode: str) -> None:
    corner.execute("CREATE TABLE $.t (x int, id int PRIMARY KEY, a int);")
    corner.execute("INSERT INTO $.t (id, a) VALUES (1, 1);")
    with corner.reading("t", mode, ("x",)) as (connector, stream):
        position = polled(connector, stream)[-1].position
        position = polled(connector, stream, position)[-1].position
        corner.execute("ALTER TABLE $.t DROP COLUMN x;")
        corner.execute("INSERT INTO $.t VALUES (2, 2);")
        batch = when_it_comes(connector, stream, position)
    assert corner.rows(batch)[-1] == {"id": 2, "a": 2}


RENAMED = {
    "h2": "ALTER COLUMN id RENAME TO nr",
    "postgresql": "RENAME COLUMN id TO nr",
    "mariadb": "RENAME COLUMN id TO nr",
}


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("PRIMARY KEY", "the key is renamed"),
        *(("NOT NULL", change) for change in ("added", "dropped", "renamed")),
    ],
)
def test_no_discovery_is_needed_for_rows_that_are_known_by_other_columns_now(
    corner: Corner, tmp_path: Path, key: str, change: str
) -> None:
    """It is no mass delete, either."""
    corner.execute(f"CREATE TABLE $.t (id int {key}, a int, b varchar(5));")
    rows = ", ".join(f"({n}, {n}, 'old')" for n in range(30))
    corner.execute(f"INSERT INTO $.t VALUES {rows};")
    here = {"url": corner.server.url.replace("/erp", f"/{corner.schema}")} if corner.kind == "mariadb" else {}
    name, kafka = corner.name("t"), FakeKafka()
    source = Source(partial(configured, corner.server, {name: {"mode": "images"}}, **here))
    settings = ConnectorSettings(name="erp", kind="jdbc", defaults=BRISK, discover_every=3600)
    with Clock() as clock:
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        engine.run(3)
        published = len(kafka.committed(f"erp.{name}"))
        how = CHANGES[change][0] if change in CHANGES else RENAMED
        corner.execute(f"ALTER TABLE $.t {how[corner.kind]};")
        engine.run(20)
        assert not engine.parked(name)
        told = [json.loads(each.value) for each in kafka.committed(f"erp.{name}")[published:] if each.value]
        engine.restart()
        source.close()
    assert [each["op"] for each in told].count("c") == 30
    first = {column.lower() for column in next(each["after"] for each in told if each["op"] == "c")}
    wanted = {"added": {"id", "a", "b", "d"}, "dropped": {"id", "a"}, "renamed": {"id", "a", "c"}}
    assert first == wanted.get(change, {"nr", "a", "b"})


BECOMES = {
    "h2": "ALTER COLUMN id SET DATA TYPE",
    "postgresql": "ALTER COLUMN id TYPE",
    "mariadb": "MODIFY id",
}


@pytest.mark.parametrize("rows", [5, 30])
@pytest.mark.parametrize("restarts", [0, 1])
@pytest.mark.parametrize(
    ("kind", "then", "value", "written"),
    [
        ("numeric(9,2)", "numeric(10,3)", "{}", '"{}.000"'),
        ("int", "double precision", "{}", "{}.0"),
        ("int", "varchar(9)", "{}", '"{}"'),
        ("$time(1)", "$time(2)", "'2024-01-01 00:00:{:02}'", '"2024-01-01T00:00:{:02}.00"'),
    ],
)
def test_a_key_that_is_written_otherwise_is_another(
    corner: Corner, tmp_path: Path, kind: str, then: str, value: str, written: str, restarts: int, rows: int
) -> None:
    """In the topic there is each row by its new key, and none by its former one; it is no mass delete."""
    time = "datetime" if corner.kind == "mariadb" else "timestamp"
    kind, then = (each.replace("$time", time) for each in (kind, then))
    corner.execute(f"CREATE TABLE $.t (id {kind} PRIMARY KEY, a int);")
    corner.execute(f"INSERT INTO $.t VALUES {', '.join(f'({value.format(n)}, {n})' for n in range(rows))};")
    here = {"url": corner.server.url.replace("/erp", f"/{corner.schema}")} if corner.kind == "mariadb" else {}
    name, kafka = corner.name("t"), FakeKafka()
    source = Source(partial(configured, corner.server, {name: {"mode": "images"}}, **here))
    settings = ConnectorSettings(name="erp", kind="jdbc", defaults=BRISK)
    with Clock() as clock:
        engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
        engine.run(3)
        corner.execute(f"ALTER TABLE $.t {BECOMES[corner.kind]} {then};")
        for _ in range(restarts):
            engine.restart()
        engine.run(20)
        assert not engine.parked(name)
        topic = {each.key: each.value for each in kafka.committed(f"erp.{name}")}
        engine.restart()
        source.close()
    keys = {f'{{"{corner.column("id")}":{written.format(number)}}}'.encode() for number in range(rows)}
    assert {key for key, value in topic.items() if value} == keys

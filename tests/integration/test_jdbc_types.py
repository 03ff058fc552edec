"""Every type of real databases, through connector and encoder: docs/connectors/jdbc-types.md is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import Ask, Batch
from bridge.encode import EncoderOptions, Origin, encoder
from bridge.errors import PermanentError
from connectors.jdbc import jvm
from tests.integration.jdbc_tables import Corner, polled
from tests.integration.jdbc_types import BEFORE, SETTINGS, TYPES, Rejected, Type


def column_of(place: int) -> str:
    return f"c{place}"


def rows_of(types: tuple[Type, ...]) -> list[dict[int, str]]:
    """Column -> literal: a row without any, a few with all values, and one for each that is rejected."""
    good = [[text for text, json in one.values.items() if not isinstance(json, Rejected)] for one in types]
    rows: list[dict[int, str]] = [{}]
    rows += [{at: text for at, text in enumerate(texts) if text} for texts in zip_longest(*good)]
    rows += [
        {at: text}
        for at, one in enumerate(types)
        for text, json in one.values.items()
        if isinstance(json, Rejected)
    ]
    return rows


def create(corner: Corner, types: tuple[Type, ...], rows: list[dict[int, str]]) -> None:
    columns = ", ".join(f"{column_of(at)} {one.ddl}" for at, one in enumerate(types))
    corner.execute(BEFORE.get(corner.kind, "") + f"CREATE TABLE $.t (id int PRIMARY KEY, {columns});")
    for number, row in enumerate(rows):
        names = ", ".join(["id", *map(column_of, row)])
        values = ", ".join([str(number), *row.values()])
        corner.execute(SETTINGS.get(corner.kind, "") + f"INSERT INTO $.t ({names}) VALUES ({values});")


def published(corner: Corner, batches: list[Batch]) -> Iterator[dict[str, Any]]:
    """The rows as they are in the events."""
    json_encoder = encoder(EncoderOptions())
    for changes in (changes for batch in batches for changes in batch.changes):
        encoded = json_encoder.encode(changes, Origin("erp", "jdbc", "1"), 0)
        assert not encoded.failures
        for value in encoded.values:
            assert value is not None
            yield {name.lower(): told for name, told in json.loads(value)["after"].items()}


@pytest.fixture
def servers_zone(corner: Corner) -> Iterator[None]:
    """One that is nobody else's."""
    if corner.kind != "mariadb":
        yield
        return
    corner.execute("SET GLOBAL time_zone = '-07:00';")
    yield
    corner.execute("SET GLOBAL time_zone = 'SYSTEM';")


def test_every_type_arrives_as_the_documentation_says(corner: Corner, servers_zone: None) -> None:
    types = TYPES[corner.kind]
    rows = rows_of(types)
    create(corner, types, rows)
    with corner.reading("t", "incrementing") as (connector, stream):
        batches = polled(connector, stream)
    (schema,) = {changes.table.schema for batch in batches for changes in batch.changes}
    arrow = {one.ddl: schema.field(corner.column(column_of(at))).type for at, one in enumerate(types)}
    assert arrow == {one.ddl: one.arrow for one in types}

    told = {row["id"]: row for row in published(corner, batches)}
    rejects = {
        int(str(reject.key[corner.column("id")])): reject.reason
        for batch in batches
        for reject in batch.rejects
        if reject.key
    }
    assert told.keys() | rejects.keys() == set(range(len(rows)))
    assert set(told[0].values()) == {0, None}
    found: dict[tuple[str, str], Any] = {}
    wanted: dict[tuple[str, str], Any] = {}
    for number, row in enumerate(rows):
        for at, literal in row.items():
            value = types[at].values[literal]
            wanted[types[at].ddl, literal] = value
            if isinstance(value, Rejected) and value.reason in rejects.get(number, ""):
                found[types[at].ddl, literal] = value
            else:
                found[types[at].ddl, literal] = told.get(number, {}).get(column_of(at), rejects.get(number))
    assert found == wanted
    assert schema.field(0).type == pa.int32()


WIDE = {"h2": "numeric(60,2)", "postgresql": "numeric", "mariadb": "decimal(60,2)"}


def test_digits_are_the_same_in_every_language(corner: Corner) -> None:
    corner.execute(
        "CREATE TABLE $.t (id int PRIMARY KEY, at time(3));\nINSERT INTO $.t VALUES (1, '01:02:03.5');"
    )
    with corner.reading("t", "images") as (connector, stream):
        locales = jvm.java("java.util.Locale")
        before = locales.getDefault()
        locales.setDefault(locales.forLanguageTag("ar-EG"))
        try:
            batches = polled(connector, stream)
        finally:
            locales.setDefault(before)
    assert [row["at"] for row in published(corner, batches)] == ["01:02:03.500"]


def test_numbers_of_any_precision_are_text_numbers_or_doubles_as_wanted(corner: Corner) -> None:
    columns = f"id int PRIMARY KEY, narrow numeric(9,2), wide {WIDE[corner.kind]}"
    corner.execute(f"CREATE TABLE $.t ({columns}); INSERT INTO $.t VALUES (1, 1.50, 1.50);")
    with corner.reading("t", "incrementing") as (connector, stream):
        (batch,) = polled(connector, stream)
    for decimal, wanted in (("string", '"1.50"'), ("number", "1.50"), ("double", "1.5")):
        options = EncoderOptions.model_validate({"decimal": decimal})
        (value,) = encoder(options).encode(batch.changes[0], Origin("erp", "jdbc", "1"), 0).values
        assert f'"narrow":{wanted},"wide":{wanted}}}' in str(value).lower()


def test_char_is_padded_and_trimmed_when_wanted_in_keys_too(corner: Corner) -> None:
    corner.execute(
        "CREATE TABLE $.t (k char(5) PRIMARY KEY, v varchar(5), n int);"
        " INSERT INTO $.t VALUES ('ab', ' v  ', 1), ('c d', NULL, 2), ('', '', 3);"
    )
    with corner.reading("t", "images", trim=True) as (connector, stream):
        batches = polled(connector, stream, ask=Ask(rows=1))
        rows = [row for batch in batches for row in corner.rows(batch)]
        assert sorted((row["k"], row["v"]) for row in rows) == [("", ""), ("ab", " v  "), ("c d", None)]


def test_the_key_of_a_reject_is_trimmed_as_that_of_an_event_is(postgres_corner: Corner) -> None:
    postgres_corner.execute(
        "CREATE TABLE $.t (k char(5) PRIMARY KEY, n numeric(9,2)); INSERT INTO $.t VALUES ('ab', 'NaN');"
    )
    with postgres_corner.reading("t", "images", trim=True) as (connector, stream):
        (reject,) = connector.poll(stream, None, Ask()).rejects
        assert reject.key == {"k": pa.scalar("ab")}


LONG = {
    "h2": ("varchar", "clob", "varbinary(100)", "blob"),
    "postgresql": ("varchar", "text", "bytea", "bytea"),
    "mariadb": ("varchar(99)", "longtext", "varbinary(100)", "longblob"),
}


def create_long(corner: Corner) -> None:
    """Nine letters of two bytes each, and nine bytes, in a column of each kind."""
    columns = ", ".join(f"c{at} {kind}" for at, kind in enumerate(LONG[corner.kind]))
    octets = "'\\x" if corner.kind == "postgresql" else "x'"
    corner.execute(f"CREATE TABLE $.t (id int PRIMARY KEY, {columns});")
    for number, count in enumerate((4, 9)):
        text, binary = f"'{'ü' * count}'", f"{octets}{'00' * count}'"
        corner.execute(f"INSERT INTO $.t VALUES ({number}, {text}, {text}, {binary}, {binary});")


def test_values_over_the_limit_make_their_row_a_reject(corner: Corner) -> None:
    create_long(corner)
    with corner.reading("t", "incrementing", max_value_bytes=8) as (connector, stream):
        batch = connector.poll(stream, None, Ask())
        assert [row["id"] for row in corner.rows(batch)] == [0]
        assert [reject.reason for reject in batch.rejects] == [
            f"column {corner.column('c0')}: is longer than 8 bytes"
        ]


def test_an_array_over_the_limit_makes_its_row_a_reject(h2_corner: Corner) -> None:
    h2_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY, c varchar ARRAY);")
    h2_corner.execute("INSERT INTO $.t VALUES (1, ARRAY['a', 'b']), (2, ARRAY['abcdefgh']);")
    with h2_corner.reading("t", "incrementing", max_value_bytes=9) as (connector, stream):
        batch = connector.poll(stream, None, Ask())
    assert h2_corner.rows(batch) == [{"id": 1, "c": '["a","b"]'}]
    assert [reject.reason for reject in batch.rejects] == ["column C: is longer than 9 bytes"]


@pytest.mark.parametrize(("limit", "letters"), [(9, 4), (10, 5), (1, 0)])
def test_values_over_the_limit_are_cut_where_that_is_wanted(corner: Corner, limit: int, letters: int) -> None:
    create_long(corner)
    with corner.reading("t", "incrementing", max_value_bytes=limit, oversize="truncate") as (
        connector,
        stream,
    ):
        (batch,) = polled(connector, stream)
        first, last = corner.rows(batch)
    text, octets = "ü" * letters, b"\0" * min(limit, 9)
    assert last == {"id": 1, "c0": text, "c1": text, "c2": octets, "c3": octets}
    assert first["c1"] == "ü" * min(4, letters)
    assert not batch.rejects


def test_a_key_is_not_cut(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (k varchar(9) PRIMARY KEY); INSERT INTO $.t VALUES ('abc'), ('abcd');")
    with corner.reading("t", "images", max_value_bytes=3, oversize="truncate") as (connector, stream):
        (batch,) = polled(connector, stream)
        assert corner.rows(batch) == [{"k": "abc"}]
        assert [reject.key for reject in batch.rejects] == [{corner.column("k"): pa.scalar("abcd")}]


UNKNOWN = {"h2": ("row(a int)", "row(1)", "ROW (1)"), "postgresql": ("$.pair", "'(1,x)'", "(1,x)")}


@pytest.mark.parametrize("server", UNKNOWN)
def test_a_type_that_nobody_knows_is_text_or_a_reject_or_the_end(
    server: str, request: pytest.FixtureRequest
) -> None:
    corner: Corner = request.getfixturevalue({"h2": "h2_corner", "postgresql": "postgres_corner"}[server])
    kind, literal, text = UNKNOWN[server]
    corner.execute(f"{BEFORE.get(server, '')}CREATE TABLE $.t (id int PRIMARY KEY, c {kind});")
    corner.execute(f"INSERT INTO $.t VALUES (1, {literal}), (2, NULL);")
    with corner.reading("t", "incrementing") as (connector, stream):
        assert [row["c"] for row in corner.rows(connector.poll(stream, None, Ask()))] == [text, None]
    with corner.reading("t", "incrementing", unknown_types="reject") as (connector, stream):
        batch = connector.poll(stream, None, Ask())
        assert corner.rows(batch) == [{"id": 2, "c": None}]
        assert [reject.reason for reject in batch.rejects] == [
            f"column {corner.column('c')}: is of a type that is not known"
        ]
    with (
        corner.reading("t", "incrementing", unknown_types="fail") as (connector, stream),
        pytest.raises(PermanentError, match=r"not known: (C|c) \(.*(pair|ROW).*`unknown_types: string`"),
    ):
        connector.poll(stream, None, Ask())

"""Every type of real databases, through connector and encoder: docs/connectors/jdbc-types.md is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pytest

from bridge.contract import Batch
from bridge.encode import EncoderOptions, Origin, encoder
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
        int(str(reject.key["id"])): reject.reason
        for batch in batches
        for reject in batch.rejects
        if reject.key
    }
    assert told.keys() | rejects.keys() == set(range(len(rows)))
    assert set(told[0].values()) == {0, None}
    found, wanted = {}, {}
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

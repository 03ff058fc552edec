"""Rows read once more beside their changes, in every mode, from real databases."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from bridge.contract import Ask, Batch, Connector, Op, Position, Ranges, Stream
from bridge.errors import PermanentError
from bridge.ranges import parsed
from tests.integration.jdbc_tables import Corner, polled

MODES: dict[str, dict[str, Any]] = {
    "incrementing": {"mode": "incrementing", "columns": ["id"]},
    "incrementing after a snapshot": {"mode": "incrementing", "columns": ["id"], "snapshot": True},
    "timestamp": {"mode": "timestamp", "columns": ["at"], "snapshot": False},
    "timestamp after a snapshot": {"mode": "timestamp", "columns": ["at"]},
    "timestamp+incrementing": {"mode": "timestamp+incrementing", "columns": ["at", "id"]},
    "images": {"mode": "images"},
}
TABLE = """
CREATE TABLE $.t (id int PRIMARY KEY, name varchar(9), at timestamp(6) NOT NULL);
INSERT INTO $.t SELECT n, 'x', clock_timestamp() FROM generate_series(1, 9) n;
"""
COMPOSITE = """
CREATE TABLE $.orders (region varchar(9) NOT NULL, number decimal(9, 2) NOT NULL, name varchar(9),
    PRIMARY KEY (region, number));
INSERT INTO $.orders VALUES ('EU', 1.5, 'a'), ('EU', 2, 'b'), ('EU', 10, 'c'), ('US', 2, 'd'), ('ZA', 2, 'e');
"""


def reread(
    connector: Connector, stream: Stream, position: Position, within: Ranges | None = None, rows: int = 2
) -> list[Batch]:
    """Until there is no more; a poll comes between any two."""
    batches = [connector.reread(stream, position, None, within or {}, Ask(rows))]
    while batches[-1].more:
        assert not batches[-1].scan
        connector.poll(stream, position, Ask(rows))
        batches.append(connector.reread(stream, position, batches[-1].position, within or {}, Ask(rows)))
    return batches


def ids(corner: Corner, batches: list[Batch]) -> list[int]:
    assert all(changes.op is Op.READ for batch in batches for changes in batch.changes)
    return [row["id"] for batch in batches for row in corner.rows(batch)]


@pytest.mark.parametrize("options", MODES.values(), ids=MODES)
def test_all_rows_and_a_range_of_them_in_each_mode(postgres_corner: Corner, options: dict[str, Any]) -> None:
    postgres_corner.execute(TABLE)
    with postgres_corner.reading("t", **options) as (connector, stream):
        position = polled(connector, stream)[-1].position
        assert ids(postgres_corner, reread(connector, stream, position)) == list(range(1, 10))
        some = reread(connector, stream, position, parsed(["3..7"], stream.tables[0]))
        assert ids(postgres_corner, some) == [3, 4, 5, 6, 7]
        assert not ids(postgres_corner, reread(connector, stream, position, {"id": (20, None)}))


def test_what_is_added_meanwhile_to_rows_that_grow_is_left_to_the_polls(postgres_corner: Corner) -> None:
    postgres_corner.execute(TABLE)
    with postgres_corner.reading("t", **MODES["incrementing"]) as (connector, stream):
        position = polled(connector, stream)[-1].position
        first = connector.reread(stream, position, None, {}, Ask(2))
        postgres_corner.execute("INSERT INTO $.t VALUES (10, 'new', now());")
        new = polled(connector, stream, position)
        rest = [first]
        while rest[-1].more:  # the polls have come further, the resnapshot has not
            rest.append(connector.reread(stream, new[-1].position, rest[-1].position, {}, Ask(2)))
        assert [row["id"] for batch in new for row in postgres_corner.rows(batch)] == [10]
        assert ids(postgres_corner, rest) == list(range(1, 10))


def test_a_stream_of_which_nothing_was_read_has_nothing_to_read_again(postgres_corner: Corner) -> None:
    postgres_corner.execute(TABLE)
    with postgres_corner.reading("t", **MODES["incrementing"]) as (connector, stream):
        assert not ids(postgres_corner, reread(connector, stream, None))


def test_ranges_of_a_key_of_several_columns(corner: Corner) -> None:
    corner.execute(COMPOSITE)
    with corner.reading("orders", "images") as (connector, stream):
        polled(connector, stream)
        region, number = corner.column("region"), corner.column("number")
        for where, names in (
            ((), "abcde"),
            ((f"{region}=EU",), "abc"),
            ((f"{number}=2",), "bde"),
            ((f"{number}=..2", f"{region}=EU"), "ab"),
            ((f"{number}=1.75..10.00",), "bcde"),
            ((f"{region}=F..",), "de"),
        ):
            found = reread(connector, stream, None, parsed(where, stream.tables[0]))
            assert sorted(row["name"] for batch in found for row in corner.rows(batch)) == [*names], where


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_rows_with_an_empty_or_an_endless_key_can_be_asked_for(postgres_corner: Corner, kind: str) -> None:
    postgres_corner.execute(
        f"""CREATE TABLE $.t (a text, c {kind}, id int, PRIMARY KEY (a, c));
        INSERT INTO $.t VALUES ('', '2026-01-31', 1), ('', 'infinity', 2), ('x', 'infinity', 3),
            ('x', '-infinity', 4);"""
    )
    with postgres_corner.reading("t", "images") as (connector, stream):
        polled(connector, stream)
        for where, found in (
            (("a=",), [1, 2]),
            (("c=infinity",), [2, 3]),
            (("c=infinity", "a="), [2]),
            (("c=..-infinity",), [4]),
        ):
            batches = reread(connector, stream, None, parsed(where, stream.tables[0]))
            numbers = [each.rows["id"].to_pylist() for batch in batches for each in batch.changes]
            assert sorted(chain.from_iterable(numbers)) == found


def test_each_row_is_as_it_is_when_its_page_is_read(postgres_corner: Corner) -> None:
    """No cursor, of the resnapshot or of a scan, shows what is older than what came since."""
    postgres_corner.execute(TABLE)
    with postgres_corner.reading("t", "images") as (connector, stream):
        scan = connector.poll(stream, None, Ask(2))
        again = connector.reread(stream, scan.position, None, {}, Ask(2))
        postgres_corner.execute("UPDATE $.t SET name = 'new';")
        scan = connector.poll(stream, scan.position, Ask(2))
        again = connector.reread(stream, scan.position, again.position, {}, Ask(2))
        assert {row["name"] for batch in (scan, again) for row in postgres_corner.rows(batch)} == {"new"}


def test_a_table_without_a_key_and_a_place_of_another_key_are_refused(postgres_corner: Corner) -> None:
    postgres_corner.execute(f"{TABLE} CREATE TABLE $.loose (id int);")
    with (
        postgres_corner.reading("loose", "images") as (connector, stream),
        pytest.raises(PermanentError, match="has no key"),
    ):
        connector.reread(stream, None, None, {}, Ask())
    with postgres_corner.reading("t", "images") as (connector, stream):
        for place in (
            {"after": {"id": "x"}, "until": None},
            {"after": {"b": 1}, "until": None},
            {"id": 1},
            7,
        ):
            with pytest.raises(PermanentError, match="is not one in the key"):
                connector.reread(stream, None, place, {}, Ask())
        with pytest.raises(PermanentError, match="none of its key"):
            connector.reread(stream, None, None, {"name": ("x", None)}, Ask())

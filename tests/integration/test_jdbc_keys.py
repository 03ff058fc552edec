"""A table whose key is changed while it is read: that is noticed, whoever looks first."""

from __future__ import annotations

from contextlib import suppress

import pytest

from bridge.config.options import StreamOptions
from bridge.contract import Ask
from bridge.errors import PermanentError, TransientError
from bridge.policy import Policy
from connectors.jdbc import polls
from tests.integration.jdbc_tables import Corner, assert_one_pass, polled, rows_of, stream_of


@pytest.fixture
def sites(postgres_corner: Corner) -> Corner:
    """A corner with a table of ten rows."""
    postgres_corner.execute(
        "CREATE TABLE $.t (id int PRIMARY KEY, site int NOT NULL DEFAULT 0);"
        " INSERT INTO $.t SELECT n, 0 FROM generate_series(1, 10) n;"
    )
    return postgres_corner


REKEYED = (
    "BEGIN; ALTER TABLE $.t DROP CONSTRAINT t_pkey; ALTER TABLE $.t ADD PRIMARY KEY (id, site);"
    " INSERT INTO $.t SELECT n, 1 FROM generate_series(1, 10) n; COMMIT;"
)


def test_a_discovery_finds_that_a_table_has_another_key(sites: Corner) -> None:
    with sites.reading("t", "images") as (connector, stream):
        assert stream.tables[0].key == ("id",)
        sites.execute("ALTER TABLE $.t DROP CONSTRAINT t_pkey; ALTER TABLE $.t ADD PRIMARY KEY (id, site);")
        assert stream_of(connector, stream.name).tables[0].key == ("id", "site")


def test_equal_keys_in_a_scan_have_the_catalogue_asked_and_the_scan_begun_anew(
    sites: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "PAGE_ROWS", 7)
    with sites.reading("t", "images") as (connector, was):
        sites.execute(REKEYED)
        position = connector.poll(was, None, Ask(rows=1)).position
        with pytest.raises(TransientError, match="has another key now"):
            polled(connector, was, position, Ask(rows=1))
        stream = stream_of(connector, was.name)
        batches = polled(connector, stream, position)
    assert_one_pass(batches)
    rows = [(row["id"], row["site"]) for batch in batches for row in rows_of(batch)]
    assert rows == [(number, site) for number in range(1, 11) for site in (0, 1)]
    assert Policy(StreamOptions()).difference(was.tables[0], stream.tables[0]) == "with the key id, site"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("int", "varchar(9)"),
        ("varchar(9)", "int USING id::int"),
        ("numeric(9)", "varchar(9)"),
        ("varchar(9)", "numeric(9) USING id::numeric"),
        ("numeric", "varchar(9)"),
        ("varchar(9)", "float USING id::float"),
    ],
)
@pytest.mark.parametrize("mode", ["images", "timestamp"])
def test_a_pass_whose_key_becomes_another_type_begins_anew(
    postgres_corner: Corner, monkeypatch: pytest.MonkeyPatch, mode: str, was: str, now: str
) -> None:
    """Numbers and texts have another order: behind the 6 come others."""
    monkeypatch.setattr(polls, "PAGE_ROWS", 3)
    postgres_corner.execute(
        f"CREATE TABLE $.t (id {was} PRIMARY KEY, at timestamp DEFAULT '2020-01-01');"
        " INSERT INTO $.t SELECT n FROM generate_series(1, 30) n;"
    )
    with postgres_corner.reading("t", mode, columns=["at"] if mode == "timestamp" else []) as (
        connector,
        stream,
    ):
        position = connector.poll(stream, None, Ask(rows=6)).position
        postgres_corner.execute(f"ALTER TABLE $.t ALTER id TYPE {now};")
        with suppress(TransientError):  # where the database compares no number with a text
            connector.poll(stream, position, Ask())
        batches = polled(connector, stream_of(connector, stream.name), position)
    assert {int(row["id"]) for batch in batches for row in rows_of(batch)} == set(range(1, 31))


def test_equal_keys_of_which_the_catalogue_knows_nothing_park(postgres_corner: Corner) -> None:
    postgres_corner.execute(
        "CREATE TABLE $.t (id int, x int); INSERT INTO $.t VALUES (1, 1), (2, 2), (2, 3);"
    )
    for ask in (Ask(), Ask(rows=1)):
        with (
            postgres_corner.reading("t", "images", key=["id"]) as (connector, stream),
            pytest.raises(PermanentError, match="rows with the same id"),
        ):
            polled(connector, stream, ask=ask)


@pytest.mark.parametrize("looks", ["discovery", "poll"])
def test_numbers_that_nothing_keeps_apart_any_longer_park(postgres_corner: Corner, looks: str) -> None:
    postgres_corner.execute("CREATE TABLE $.t (n int UNIQUE NOT NULL); INSERT INTO $.t VALUES (1);")
    with postgres_corner.reading("t", "incrementing", columns=["n"]) as (connector, stream):
        position = polled(connector, stream)[-1].position
        postgres_corner.execute("ALTER TABLE $.t DROP CONSTRAINT t_n_key;")
        if looks == "discovery":
            connector.discover()
        else:
            postgres_corner.execute("INSERT INTO $.t VALUES (2), (2);")
        with pytest.raises(PermanentError, match="no primary key or unique index says"):
            polled(connector, stream, position)


def test_a_key_that_is_no_place_parks_the_stream_and_is_not_read_for_ever(
    h2_corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "PAGE_ROWS", 1)
    h2_corner.execute(
        """CREATE TABLE $.t (k json PRIMARY KEY); INSERT INTO $.t VALUES (JSON '"a"'), (JSON '"b"');"""
    )
    with (
        h2_corner.reading("t", "images") as (connector, stream),
        pytest.raises(PermanentError, match="do not tell where in"),
    ):
        polled(connector, stream)


@pytest.mark.parametrize(
    "made",
    ["CREATE UNIQUE INDEX i ON $.t (a) INCLUDE (b)", "ALTER TABLE $.t ADD PRIMARY KEY (a) INCLUDE (b)"],
)
def test_a_column_that_an_index_only_includes_is_no_part_of_the_key(
    postgres_corner: Corner, made: str
) -> None:
    corner = postgres_corner
    corner.execute(f"CREATE TABLE $.t (a int NOT NULL, b int NOT NULL); {made};")
    with corner.reading("t", "images") as (_, stream):
        assert [table.key for table in stream.tables] == [("a",)]
    with corner.reading("t", "incrementing", columns=["a"]) as (connector, stream):
        assert not polled(connector, stream)[-1].more

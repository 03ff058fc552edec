"""Whole tables, pass by pass, from real databases."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from bridge.contract import Ask, Caveat, Emits, Level, Scan
from bridge.diff.canonical import key_of
from bridge.errors import PermanentError
from bridge.testing.databases import DatabaseServer
from connectors.jdbc import polls
from tests.integration.jdbc_tables import Corner, assert_one_pass, polled, stream_of

ALL = {"h2", "postgresql", "mariadb"}
STRANGE = ["a", "B", "c''d", 'e"f', "Ä", "zürich", "😀", " lead", "x y", "ß", ""]
KEYS: dict[str, tuple[dict[str, str], list[str], list[Any]]] = {
    "int": (dict.fromkeys(ALL, "int"), ["-5", "0", "7", "2147483647"], [-5, 0, 7, 2147483647]),
    "numeric": (
        dict.fromkeys(ALL, "numeric(30,5)"),
        ["-1.5", "0", "99999999999999999999.00001", "99999999999999999999.00002"],
        [Decimal(n) for n in ("-1.5", "0", "99999999999999999999.00001", "99999999999999999999.00002")],
    ),
    "date": (
        dict.fromkeys(ALL, "date"),
        ["'1582-10-10'", "'2024-02-29'", "'9999-12-31'"],
        [date(1582, 10, 10), date(2024, 2, 29), date(9999, 12, 31)],
    ),
    "timestamp(6)": (
        {"h2": "timestamp(6)", "postgresql": "timestamp(6)", "mariadb": "datetime(6)"},
        ["'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000002'", "'2024-03-31 02:30:00'"],
        [
            datetime.fromisoformat(text)
            for text in ("2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000002", "2024-03-31 02:30:00")
        ],
    ),
    "timestamp(9)": (
        {"h2": "timestamp(9)"},
        ["'2024-01-01 00:00:00.000000001'", "'2024-01-01 00:00:00.000000002'"],
        ["2024-01-01T00:00:00.000000001", "2024-01-01T00:00:00.000000002"],
    ),
    "with time zone": (
        {"h2": "timestamp(9) with time zone"},
        ["'2024-01-01 00:00:00.000000001+02:00'", "'2024-01-01 00:00:00.000000002+02:00'"],
        ["2024-01-01T00:00:00.000000001+02:00", "2024-01-01T00:00:00.000000002+02:00"],
    ),
    "timestamptz": (
        {"postgresql": "timestamptz"},
        ["'2024-01-01 00:00:00.000001Z'", "'2024-01-01 00:00:00.000002Z'"],
        [datetime.fromisoformat(f"2024-01-01T00:00:00.00000{n}Z") for n in (1, 2)],
    ),
    "time": (
        {"h2": "time(3)", "postgresql": "time(3)"},
        ["'00:00:00'", "'10:00:00.001'", "'23:59:59.999'"],
        [time(0, 0), time(10, 0, 0, 1000), time(23, 59, 59, 999000)],
    ),
    "mariadb's time": (
        {"mariadb": "time(3)"},
        ["'-10:00:00'", "'09:00:00.001'", "'10:00:00.001'", "'100:00:00'"],
        ["-10:00:00.000", "09:00:00.001", "10:00:00.001", "100:00:00.000"],
    ),
    "uuid": (
        dict.fromkeys(ALL, "uuid"),
        ["'00000000-0000-0000-0000-0000000000aa'", "'ffffffff-0000-0000-0000-000000000001'"],
        ["00000000-0000-0000-0000-0000000000aa", "ffffffff-0000-0000-0000-000000000001"],
    ),
    "binary": (
        {"h2": "varbinary(9)", "postgresql": "bytea", "mariadb": "varbinary(9)"},
        ["x''", "x'00'", "x'00ff'", "x'ff'"],
        [b"", b"\x00", b"\x00\xff", b"\xff"],
    ),
    "boolean": (dict.fromkeys(ALL, "boolean"), ["false", "true"], [False, True]),
    "double": (
        {"h2": "double precision", "postgresql": "double precision", "mariadb": "double"},
        ["-0.1", "0.1", "1e300"],
        [-0.1, 0.1, 1e300],
    ),
    "real": ({"h2": "real", "postgresql": "real"}, ["0.1", "1.5"], [0.10000000149011612, 1.5]),
    "char": (dict.fromkeys(ALL, "char(5)"), ["'ab'", "'b'", "'c d'"], ["ab   ", "b    ", "c d  "]),
    "varchar": (
        {"h2": "varchar(20)", "postgresql": "varchar(20)", "mariadb": "varchar(20) COLLATE utf8mb4_bin"},
        [f"'{word}'" for word in STRANGE],
        [],
    ),
    "text in another order": (
        {
            "h2": "varchar_ignorecase(20)",
            "postgresql": 'varchar COLLATE "und-x-icu"',
            "mariadb": "varchar(9)",
        },
        ["'b'", "'Ä'", "'C'", "'z'", "'a b'", "'O''x'"],
        ["b", "Ä", "C", "z", "a b", "O'x"],
    ),
    "unsigned": ({"mariadb": "bigint unsigned"}, ["1", "18446744073709551615"], [1, 18446744073709551615]),
    "enum": (
        {"h2": "enum('z', 'a', 'm')", "mariadb": "enum('z', 'a', 'm')"},
        ["'z'", "'a'", "'m'"],
        ["z", "a", "m"],
    ),
    "enum that minds case": (
        {"mariadb": "enum('e', 'a', 'A', 'é') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"},
        ["'e'", "'a'", "'A'", "'é'"],
        ["e", "a", "A", "é"],
    ),
    "inet": ({"postgresql": "inet"}, ["'10.0.0.1'", "'10.0.0.20'"], ["10.0.0.1", "10.0.0.20"]),
}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "PAGE_ROWS", 2)


@pytest.mark.parametrize("of", KEYS)
def test_keys_of_any_type_page_a_table(corner: Corner, of: str) -> None:
    kinds, literals, values = KEYS[of]
    if corner.kind not in kinds:
        pytest.skip(f"{corner.kind} has no such type")
    if corner.kind == "postgresql":
        literals = [text.replace("x'", "'\\x") if of == "binary" else text for text in literals]
    if corner.kind == "mariadb" and of == "char":
        values = [value.rstrip() for value in values]
    table = "CREATE TABLE $.t (g int, k {} NOT NULL, x int, PRIMARY KEY (g, k));"
    corner.execute(table.format(kinds[corner.kind]))
    for group in (1, 2):
        rows = ", ".join(f"({group}, {literal}, {place})" for place, literal in enumerate(literals))
        corner.execute(f"INSERT INTO $.t VALUES {rows};")
    with corner.reading("t", "images") as (connector, stream):
        batches = polled(connector, stream, ask=Ask(rows=1))
        assert_one_pass(batches)
        rows_read = [row for batch in batches for row in corner.rows(batch)]
        counted = Counter((row["g"], row["k"]) for row in rows_read)
        wanted = values or [literal[1:-1].replace("''", "'") for literal in literals]
        assert counted == Counter((group, value) for group in (1, 2) for value in wanted)
        for at, batch in enumerate(batches[:-1]):  # every page can be the first after another cursor
            (rest,) = [
                [row for later in batches_of for row in corner.rows(later)]
                for batches_of in [polled(connector, stream, batch.position)]
            ]
            assert rest == [row for later in batches[at + 1 :] for row in corner.rows(later)]


def test_a_pass_brings_the_table_and_the_next_one_brings_it_again(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (id int PRIMARY KEY, x varchar(9));")
    corner.execute("INSERT INTO $.t VALUES (1, 'a'), (2, NULL), (3, 'c');")
    with corner.reading("t", "images") as (connector, stream):
        assert stream.emits is Emits.IMAGES
        assert stream.caveats == {Caveat.COLLAPSES}
        batches = polled(connector, stream)
        assert batches[-1].position == {"scan": "complete"}
        corner.execute("DELETE FROM $.t WHERE id = 2;\nUPDATE $.t SET x = 'b' WHERE id = 1;")
        again = polled(connector, stream, batches[-1].position)
        assert_one_pass(again)
        assert [row for batch in again for row in corner.rows(batch)] == [
            {"id": 1, "x": "b"},
            {"id": 3, "x": "c"},
        ]
        assert connector.check() is not None


def test_an_empty_table_is_one_pass_without_rows(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (id int PRIMARY KEY);")
    corner.execute("CREATE TABLE $.u (x int);")
    for table in "tu":
        with corner.reading(table, "images") as (connector, stream):
            batch = connector.poll(stream, None, Ask())
            assert (batch.scan, batch.rows, batch.more) == (Scan.ONLY, 0, False)


def test_a_unique_index_over_filled_columns_stands_for_the_primary_key(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t_1 (a int NOT NULL, b int NOT NULL, c int, d int NOT NULL);")
    corner.execute("CREATE TABLE $.tx1 (a int, b int);")
    for index, columns in {"i1": "c", "i2": "d, a, b", "i3": "b, a"}.items():
        corner.execute(f"CREATE UNIQUE INDEX {index} ON $.t_1 ({columns});")
    with corner.reading("t_1", "images") as (_, stream):
        assert [name.lower() for name in stream.tables[0].key] == ["b", "a"]


def test_a_key_that_is_declared_counts_and_rows_without_it_are_left_out(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (a int, b int);")
    corner.execute("INSERT INTO $.t VALUES (1, 1), (1, 2), (2, NULL), (NULL, 3), (3, 0);")
    with corner.reading("t", "images", key=["a", "b"]) as (connector, stream):
        batches = polled(connector, stream)
        assert_one_pass(batches)
        found = [(row["a"], row["b"]) for batch in batches for row in corner.rows(batch)]
        assert found == [(1, 1), (1, 2), (3, 0)]


def test_a_declared_key_of_no_column_is_refused(postgres_corner: Corner) -> None:
    postgres_corner.execute("CREATE TABLE $.t (a int);")
    with (
        postgres_corner.reading("t", "images", key=["no"]) as (connector, stream),
        pytest.raises(PermanentError, match="has no column no; it has a"),
    ):
        connector.poll(stream, None, Ask())


def test_a_table_without_a_key_is_one_pass_of_one_cursor(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (a int, b varchar(9));")
    corner.execute("INSERT INTO $.t VALUES (1, 'x'), (1, 'x'), (2, NULL), (2, NULL), (3, 'z');")
    with corner.reading("t", "images") as (connector, stream):
        assert stream.tables[0].key == ()
        batches = polled(connector, stream, ask=Ask(rows=1))
        assert_one_pass(batches)
        found = Counter(tuple(row.values()) for batch in batches for row in corner.rows(batch))
        assert found == {(1, "x"): 2, (2, None): 2, (3, "z"): 1}
        lost = connector.poll(stream, batches[1].position, Ask(rows=1))
        assert lost.scan is Scan.FIRST, "another cursor may bring the rows in another order"
        warned = [finding for finding in connector.check() if finding.stream == stream.name]
        assert [finding.level for finding in warned] == [Level.WARNING]
        assert "whoever alters the table waits until a whole pass over it has ended" in warned[0].text


def test_a_limit_of_the_account_does_not_cut_a_pass_without_a_key(
    mariadb: DatabaseServer, test_password: None
) -> None:
    """As administrators set it by `init_connect`: what it cut off would be deleted."""
    corner = Corner(mariadb)
    corner.execute("CREATE TABLE $.t (a int); INSERT INTO $.t VALUES (1), (2), (3), (4), (5);")
    limited = {"sessionVariables": "sql_select_limit=3"}
    try:
        with corner.opened({corner.name("t"): {"mode": "images"}}, properties=limited) as connector:
            batches = polled(connector, stream_of(connector, corner.name("t")))
            assert [row["a"] for batch in batches for row in corner.rows(batch)] == [1, 2, 3, 4, 5]
    finally:
        corner.drop()


def test_passes_without_a_key_are_not_disturbed_by_other_streams(corner: Corner) -> None:
    for table in "ab":
        corner.execute(f"CREATE TABLE $.{table} (x int);")
    corner.execute("CREATE TABLE $.c (id int PRIMARY KEY);")
    for table in "abc":
        corner.execute(f"INSERT INTO $.{table} VALUES {', '.join(f'({n})' for n in range(20))};")
    with corner.opened({f"{corner.schema}.*": {"mode": "images"}}) as connector:
        streams = [stream_of(connector, corner.name(table)) for table in "abc"]
        places: dict[str, Any] = {}
        seen: dict[str, list[int]] = {stream.name: [] for stream in streams}
        unfinished = {stream.name for stream in streams}
        for _ in range(200):
            for stream in streams:
                if stream.name in unfinished:
                    batch = connector.poll(stream, places.get(stream.name), Ask(rows=3))
                    if batch.scan is None:  # waits for its turn
                        assert (batch.position, batch.more) == (places.get(stream.name), True)
                    places[stream.name] = batch.position
                    seen[stream.name] += [row["x" if "x" in row else "id"] for row in corner.rows(batch)]
                    if not batch.more:
                        unfinished.discard(stream.name)
        assert [sorted(rows) for rows in seen.values()] == [list(range(20))] * 3


def test_a_row_that_cannot_be_read_is_a_reject_with_its_key(postgres_corner: Corner) -> None:
    postgres_corner.execute(
        "CREATE TABLE $.t (g text, at timestamp, n numeric(9,2), PRIMARY KEY (g, at));"
        " INSERT INTO $.t VALUES ('a', '2024-01-01 00:00:00.5', 'NaN'), ('a', '2024-01-02', 2),"
        " ('a', 'infinity', 'NaN'), ('b', '2024-01-01', 'NaN'), ('c', 'infinity', 'NaN');"
    )
    with postgres_corner.reading("t", "images") as (connector, stream):
        batches = polled(connector, stream, ask=Ask(rows=1))
        assert_one_pass(batches)
        assert [row["n"] for batch in batches for row in postgres_corner.rows(batch)] == [Decimal(2)]
        keys = [key_of(reject.key, stream.tables[0]) for batch in batches for reject in batch.rejects]
        assert keys == [
            b'{"g":"a","at":"2024-01-01T00:00:00.500000"}',
            b'{"g":"a","at":"infinity"}',
            b'{"g":"b","at":"2024-01-01T00:00:00.000000"}',
            b'{"g":"c","at":"infinity"}',
        ]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date"])
def test_a_table_is_paged_by_infinite_times(postgres_corner: Corner, kind: str) -> None:
    postgres_corner.execute(
        f"CREATE TABLE $.t (until {kind}, n int, PRIMARY KEY (until, n));"
        " INSERT INTO $.t SELECT u::timestamp, n FROM generate_series(1, 3) n,"
        " unnest(array['-infinity', '2024-01-01', 'infinity']) u;"
    )
    with postgres_corner.reading("t", "images") as (connector, stream):
        batches = polled(connector, stream, ask=Ask(rows=1))
        assert_one_pass(batches)
        numbers = [n for batch in batches for one in batch.changes for n in one.rows.column("n").to_pylist()]
        assert numbers == [1, 2, 3] * 3


def test_a_table_is_paged_by_the_end_of_the_day(postgres_corner: Corner) -> None:
    postgres_corner.execute(
        "CREATE TABLE $.t (until time, n int, PRIMARY KEY (until, n));"
        " INSERT INTO $.t SELECT u::time, n FROM generate_series(1, 3) n, unnest(array['12:00', '24:00']) u;"
    )
    with postgres_corner.reading("t", "images") as (connector, stream):
        batches = polled(connector, stream, ask=Ask(rows=1))
        assert_one_pass(batches)
        numbers = [n for batch in batches for one in batch.changes for n in one.rows.column("n").to_pylist()]
        assert numbers == [1, 2, 3] * 2


def test_the_key_may_change_between_two_pages(postgres_corner: Corner) -> None:
    postgres_corner.execute(
        "CREATE TABLE $.t (a int, b int, PRIMARY KEY (a));"
        " INSERT INTO $.t SELECT n, -n FROM generate_series(1, 9) n;"
    )
    with postgres_corner.reading("t", "images") as (connector, stream):
        first = connector.poll(stream, None, Ask(rows=3))
        postgres_corner.execute(
            "ALTER TABLE $.t DROP CONSTRAINT t_pkey, ADD COLUMN c int, ADD PRIMARY KEY (b, a);"
        )
        altered = stream_of(connector, stream.name)
        again = connector.poll(altered, first.position, Ask(rows=3))
        assert (first.scan, again.scan) == (Scan.FIRST, Scan.FIRST)

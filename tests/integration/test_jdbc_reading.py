"""Tables of real databases, read into Arrow."""

from __future__ import annotations

import threading
import time as time_module
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge.contract import Ask, Caveat, Connector, Finding, Level
from bridge.errors import PermanentError, TransientError
from bridge.testing.conforming import drain
from bridge.testing.databases import DatabaseServer
from connectors.jdbc import connector as connector_module
from connectors.jdbc import polls
from connectors.jdbc.dialects import dialect_of
from tests.integration.jdbc_tables import Corner, configured, polled, rows_of, stream_of


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", DatabaseServer.password)


@contextmanager
def reading(server: DatabaseServer, **streams: dict[str, Any]) -> Iterator[Connector]:
    """A connector that reads these streams, open."""
    connector = configured(server, {name: {"mode": "incrementing", **one} for name, one in streams.items()})
    try:
        connector.open()
        yield connector
    finally:
        connector.close()


def wall(text: str) -> datetime:
    """A time without a zone."""
    return datetime.fromisoformat(text)


@pytest.fixture
def schema(postgres: DatabaseServer) -> Iterator[str]:
    """A schema of this test's own in PostgreSQL."""
    name = f"s{uuid.uuid4().hex[:10]}"
    postgres.execute(f"CREATE SCHEMA {name};")
    yield name
    postgres.execute(f"DROP SCHEMA {name} CASCADE;")


@pytest.fixture
def h2_schema(h2: DatabaseServer) -> Iterator[str]:
    name = f"S{uuid.uuid4().hex[:10]}".upper()
    h2.execute(f"CREATE SCHEMA {name};")
    yield name
    h2.execute(f"DROP SCHEMA {name} CASCADE;")


def test_patterns_choose_tables_and_exclusions_win(postgres: DatabaseServer, schema: str) -> None:
    for name in ("customer_a", "customer_b", "customer_tmp", "customers", "order"):
        postgres.execute(f'CREATE TABLE {schema}."{name}" (id int PRIMARY KEY);')
    streams = {f"{schema}.{name}": {"mode": "incrementing"} for name in ("customer_*", "order")}
    connector = configured(postgres, streams, exclude_tables=["*_tmp"])
    with closing(connector):
        connector.open()
        names = [stream.name for stream in connector.discover()]
        assert names == [f"{schema}.customer_a", f"{schema}.customer_b", f"{schema}.order"]
        postgres.execute(
            f"CREATE TABLE {schema}.customer_c (id int PRIMARY KEY); DROP TABLE {schema}.customer_a;"
        )
        names = [stream.name for stream in connector.discover()]
    assert names == [f"{schema}.customer_b", f"{schema}.customer_c", f"{schema}.order"]


def test_doctor_says_what_an_exclusion_may_have_meant(postgres: DatabaseServer, schema: str) -> None:
    for name in ("a", "a_tmp", "b_old"):
        postgres.execute(f"CREATE TABLE {schema}.{name} (id int PRIMARY KEY);")
    streams = {f"{schema}.*": {"mode": "incrementing"}}
    excluded = [f"{schema}.a_tpm", f"{schema}.B_OLD", "a_t?p", f"{schema}.b_*", "*_backup"]
    with closing(configured(postgres, streams, exclude_tables=excluded)) as connector:
        connector.open()
        told = [each for each in connector.check() if "exclude_tables" in each.text]
    assert [(each.level, each.text.split()[1]) for each in told] == [
        (Level.WARNING, each) for each in excluded[:3]
    ]
    meant = [f"{schema}.a_tmp", f"{schema}.b_old", f"{schema}.a_tmp"]
    assert [each.remedy.split("?")[0] for each in told] == [f"did you mean {each}" for each in meant]


def test_strange_names_are_quoted(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(
        f"""CREATE TABLE {schema}."Odd ""name%_" ("the key" int PRIMARY KEY, "select" text);
        INSERT INTO {schema}."Odd ""name%_" VALUES (1, 'x');"""
    )
    with reading(postgres, **{f'{schema}.Odd "name%_': {}}) as connector:
        (stream,) = connector.discover()
        assert drain(connector, stream, None).rows == [{"the key": 1, "select": "x"}]


def test_a_stream_says_what_it_cannot_promise(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(f"CREATE TABLE {schema}.t (id int PRIMARY KEY);")
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        (stream,) = connector.discover()
    assert stream.caveats == {Caveat.NO_DELETES, Caveat.MAY_MISS}
    assert stream.identity.startswith("postgresql:erp@")


@pytest.mark.parametrize("kind", ["numeric(38,0)", "numeric(20,3)", "numeric"])
def test_decimals_can_be_the_column_that_grows(postgres: DatabaseServer, schema: str, kind: str) -> None:
    big = "9" * (15 if "3" in kind.partition(",")[2] else 37)
    postgres.execute(
        f"CREATE TABLE {schema}.t (id {kind} PRIMARY KEY); INSERT INTO {schema}.t VALUES (-5), (9), ({big});"
    )
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        stream = stream_of(connector, f"{schema}.t")
        read = drain(connector, stream, None, Ask(rows=1))
        assert [Decimal(row["id"]) for row in read.rows] == [-5, 9, Decimal(big)]
        postgres.execute(f"INSERT INTO {schema}.t VALUES ({big} + 1);")
        (later,) = drain(connector, stream, read.position).rows
    assert Decimal(later["id"]) == Decimal(big) + 1


def test_rows_without_a_number_are_left_out(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(
        f"CREATE TABLE {schema}.t (n int UNIQUE, x text);"
        f" INSERT INTO {schema}.t VALUES (NULL, 'a'), (1, 'b');"
    )
    with reading(postgres, **{f"{schema}.t": {"columns": ["n"]}}) as connector:
        assert [row["x"] for row in drain(connector, stream_of(connector, f"{schema}.t"), None).rows] == ["b"]


def test_a_row_that_does_not_fit_its_types_becomes_a_reject(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(
        f"""CREATE TABLE {schema}.t (id int PRIMARY KEY, n numeric(9,2), until timestamp, secret text);
        INSERT INTO {schema}.t VALUES (1, 1, '2024-01-01', 'a'), (2, 'NaN', '2024-01-01', 'hunter2xyz'),
            (3, 3, '294276-01-01', 'hunter2xyz'), (4, 4, NULL, 'd'),
            (5, 5, '294276-01-01', 'hunter2xyz');"""
    )
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        stream = stream_of(connector, f"{schema}.t")
        batch = connector.poll(stream, None, Ask())
        assert [row["id"] for row in rows_of(batch)] == [1, 4]
        assert [reject.key and reject.key["id"].as_py() for reject in batch.rejects] == [2, 3, 5]
        assert [reject.reason.split(":")[0] for reject in batch.rejects] == [
            "column n",
            "column until",
            "column until",
        ]
        assert not any("hunter2xyz" in str(reject) for reject in batch.rejects), (
            "a reject holds more than its key"
        )
        assert batch.position["after"] == {"id": 5}, "the position must pass a reject that came last"
        assert connector.poll(stream, batch.position, Ask()).rejects == ()


@pytest.mark.parametrize("kind", ["numeric(9,0)", "numeric"])
def test_a_number_that_is_none_parks_its_stream_once_all_others_are_read(
    postgres: DatabaseServer, schema: str, kind: str
) -> None:
    postgres.execute(
        f"CREATE TABLE {schema}.t (id {kind} PRIMARY KEY); INSERT INTO {schema}.t VALUES (1), (2), ('NaN');"
    )
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        stream = stream_of(connector, f"{schema}.t")
        batch = connector.poll(stream, None, Ask())
        assert [Decimal(row["id"]) for row in rows_of(batch)][:2] == [1, 2]
        assert Decimal(batch.position["after"]["id"]) == 2
        with pytest.raises(PermanentError, match="has a NaN or infinity"):
            drain(connector, stream, batch.position)
    with reading(postgres, **{f"{schema}.t": {"snapshot": True}}) as connector:
        stream = stream_of(connector, f"{schema}.t")
        with pytest.raises(PermanentError, match="has a NaN or infinity"):  # up to which one would read
            connector.poll(stream, None, Ask())


def test_a_page_ends_and_the_next_begins(
    postgres: DatabaseServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "PAGE_ROWS", 10)
    postgres.execute(
        f"CREATE TABLE {schema}.t (id int PRIMARY KEY); INSERT INTO {schema}.t SELECT generate_series(1, 30);"
    )
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        read = drain(connector, stream_of(connector, f"{schema}.t"), None, Ask(rows=4))
    assert [row["id"] for row in read.rows] == list(range(1, 31))


def test_streams_take_turns_in_the_middle_of_a_large_read(postgres: DatabaseServer, schema: str) -> None:
    for name in "ab":
        postgres.execute(
            f"CREATE TABLE {schema}.{name} (id int PRIMARY KEY);"
            f" INSERT INTO {schema}.{name} SELECT generate_series(1, 50);"
        )
    with reading(postgres, **{f"{schema}.*": {}}) as connector:
        streams = connector.discover()
        positions: dict[str, Any] = {}
        seen: dict[str, list[int]] = {stream.name: [] for stream in streams}
        for _ in range(10):
            for stream in streams:
                batch = connector.poll(stream, positions.get(stream.name), Ask(rows=7))
                positions[stream.name] = batch.position
                seen[stream.name] += [row["id"] for row in rows_of(batch)]
    assert list(seen.values()) == [list(range(1, 51))] * 2


def test_a_row_that_was_committed_late_is_found_and_none_is_repeated(
    postgres: DatabaseServer, schema: str
) -> None:
    """A writer takes number 2, another commits number 3, and only then does the first one commit."""
    table = f"{schema}.t"
    postgres.execute(f"CREATE TABLE {table} (id int PRIMARY KEY); INSERT INTO {table} VALUES (1);")
    late = threading.Thread(
        target=postgres.execute,
        args=(f"BEGIN; INSERT INTO {table} VALUES (2); SELECT pg_sleep(1.5); COMMIT;",),
    )
    seen: list[int] = []
    with reading(postgres, **{table: {}}) as connector:
        stream = stream_of(connector, table)
        late.start()
        time_module.sleep(0.5)
        postgres.execute(f"INSERT INTO {table} VALUES (3);")
        position = None
        deadline = time_module.monotonic() + 20
        while 2 not in seen and time_module.monotonic() < deadline:
            read = drain(connector, stream, position)
            position, seen = read.position, seen + [row["id"] for row in read.rows]
        late.join()
        assert seen == [1, 3, 2]
        assert drain(connector, stream, position).rows == []


@pytest.mark.parametrize(
    ("kind", "number"), [("postgres", "int"), ("postgres", "numeric"), ("h2", "int"), ("mariadb", "int")]
)
def test_late_rows_are_found_wherever_they_were_passed_over(
    kind: str, number: str, request: pytest.FixtureRequest
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind)
    table = f"late_{uuid.uuid4().hex[:8]}"
    server.execute(f"CREATE TABLE {table} (id {number} PRIMARY KEY);")
    try:
        with reading(server, **{"*": {}}) as connector:
            stream = next(each for each in connector.discover() if each.name.lower().endswith(table))
            position, found = None, []
            for rows in ("(4), (9)", "(2), (3), (10)", "(6)", "(1), (5), (8), (12)", "(7), (11)"):
                server.execute(f"INSERT INTO {table} VALUES {rows};")
                read = drain(connector, stream, position, Ask(rows=2))
                position = read.position
                found.append([int(next(iter(row.values()))) for row in read.rows])
            assert found == [[4, 9], [2, 3, 10], [6], [1, 5, 8, 12], [7, 11]]
            assert drain(connector, stream, position).rows == []
    finally:
        server.execute(f"DROP TABLE {table};")


def test_a_row_later_than_the_window_is_missed_as_the_caveat_says(
    postgres: DatabaseServer, schema: str
) -> None:
    table = f"{schema}.t"
    postgres.execute(f"CREATE TABLE {table} (id int PRIMARY KEY); INSERT INTO {table} VALUES (1), (3);")
    with reading(postgres, **{table: {"late_window": "100ms"}}) as connector:
        stream = stream_of(connector, table)
        position = drain(connector, stream, None).position
        time_module.sleep(0.2)
        position = drain(connector, stream, position).position
        assert position == {"id": 3}
        postgres.execute(f"INSERT INTO {table} VALUES (2);")
        assert drain(connector, stream, position).rows == []


def test_a_new_column_is_in_the_next_batch(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(
        f"CREATE TABLE {schema}.t (id int PRIMARY KEY, a int); INSERT INTO {schema}.t VALUES (1, 1);"
    )
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        stream = stream_of(connector, f"{schema}.t")
        read = drain(connector, stream, None)
        for _ in range(8):  # beyond the point where pgjdbc prepares on the server
            connector.poll(stream, read.position, Ask())
        postgres.execute(f"ALTER TABLE {schema}.t ADD b text; INSERT INTO {schema}.t VALUES (2, 2, 'new');")
        (batch,) = drain(connector, stream, read.position).batches
        assert rows_of(batch) == [{"id": 2, "a": 2, "b": "new"}]
        assert batch.changes[0].table.schema.names == ["id", "a", "b"]
        assert stream_of(connector, f"{schema}.t").tables[0] == batch.changes[0].table


def test_a_table_that_goes_away_parks_its_stream_alone(postgres: DatabaseServer, schema: str) -> None:
    for name in "ab":
        postgres.execute(
            f"CREATE TABLE {schema}.{name} (id int PRIMARY KEY); INSERT INTO {schema}.{name} VALUES (1);"
        )
    with reading(postgres, **{f"{schema}.*": {}}) as connector:
        gone, kept = connector.discover()
        postgres.execute(f"DROP TABLE {schema}.a;")
        with pytest.raises(PermanentError, match=f"reading {schema}.a: .*does not exist"):
            connector.poll(gone, None, Ask())
        assert len(drain(connector, kept, None).rows) == 1


def test_a_table_without_a_usable_key_parks_its_stream_alone(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(
        f"CREATE TABLE {schema}.a (x int, y int, PRIMARY KEY (x, y));"
        f" CREATE TABLE {schema}.b (id int PRIMARY KEY);"
    )
    with reading(postgres, **{f"{schema}.*": {}}) as connector:
        keyless, usable = connector.discover()
        with pytest.raises(PermanentError, match="name one that grows and has a unique index"):
            connector.poll(keyless, None, Ask())
        assert connector.poll(usable, None, Ask()).rows == 0


NOT_UNIQUE = {
    "no index": "",
    "no unique one": "CREATE INDEX {0}_i ON {1} ({2});",
    "one over more columns": "CREATE UNIQUE INDEX {0}_i ON {1} ({2}, line);",
    "one of some rows": "CREATE UNIQUE INDEX {0}_i ON {1} ({2}) WHERE line > 5;",
}


@pytest.mark.parametrize(
    ("kind", "index"),
    [
        *(("postgres", index) for index in NOT_UNIQUE),
        *((kind, index) for kind in ("h2", "mariadb") for index in list(NOT_UNIQUE)[:3]),
    ],
)
def test_a_column_that_may_repeat_is_refused_since_rows_would_be_lost(
    kind: str, index: str, request: pytest.FixtureRequest
) -> None:
    server: DatabaseServer = request.getfixturevalue(kind)
    table = f"lines_{uuid.uuid4().hex[:8]}"
    column = {"h2": "ORDER_ID"}.get(kind, "order_id")
    server.execute(f"CREATE TABLE {table} (order_id int NOT NULL, line int NOT NULL);")
    server.execute(NOT_UNIQUE[index].format(table, table, "order_id") or "SELECT 1;")
    try:
        with reading(server, **{"*": {"columns": [column]}}) as connector:
            stream = next(each for each in connector.discover() if each.name.lower().endswith(table))
            with pytest.raises(PermanentError, match=f"says that {stream.name} has each {column} once"):
                connector.poll(stream, None, Ask())
            server.execute(f"CREATE UNIQUE INDEX {table}_u ON {table} (order_id);")
            connector.discover()
            assert connector.poll(stream, None, Ask()).rows == 0
    finally:
        server.execute(f"DROP TABLE {table};")


def test_a_unique_index_on_a_strange_name_is_known(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(f'CREATE TABLE {schema}.t ("The ""Number" int UNIQUE);')
    with reading(postgres, **{f"{schema}.t": {"columns": ['The "Number']}}) as connector:
        assert connector.poll(stream_of(connector, f"{schema}.t"), None, Ask()).rows == 0


def test_a_view_is_read_when_its_numbers_are_said_to_be_unique(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(f"CREATE VIEW {schema}.v AS SELECT 1 AS id;")
    with (
        reading(postgres, **{f"{schema}.v": {"columns": ["id"]}}) as connector,
        pytest.raises(PermanentError, match="`unique: true`"),
    ):
        connector.poll(stream_of(connector, f"{schema}.v"), None, Ask())
    with reading(postgres, **{f"{schema}.v": {"columns": ["id"], "unique": True}}) as connector:
        assert len(drain(connector, stream_of(connector, f"{schema}.v"), None).rows) == 1


def test_a_table_without_the_right_to_read_parks_its_stream_alone(
    postgres: DatabaseServer, schema: str
) -> None:
    role = f"reader_{schema}"
    postgres.execute(
        f"""CREATE ROLE {role} LOGIN PASSWORD '{postgres.password}'; GRANT USAGE ON SCHEMA {schema} TO {role};
        CREATE TABLE {schema}.a (id int PRIMARY KEY); CREATE TABLE {schema}.b (id int PRIMARY KEY);
        GRANT SELECT ON {schema}.b TO {role};"""
    )
    connector = configured(postgres, {f"{schema}.*": {"mode": "incrementing"}}, user=role)
    connector.open()
    denied, granted = connector.discover()
    with pytest.raises(PermanentError, match=r"permission denied.*grant SELECT"):
        connector.poll(denied, None, Ask())
    assert connector.poll(granted, None, Ask()).rows == 0
    critical = [finding for finding in connector.check() if finding.level is Level.CRITICAL]
    assert [finding.stream for finding in critical] == [f"{schema}.a"]
    postgres.execute(f"GRANT SELECT ON {schema}.a TO {role};")
    with pytest.raises(TransientError, match="can be described now"):
        connector.poll(denied, None, Ask())
    denied, _ = connector.discover()
    assert connector.poll(denied, None, Ask()).rows == 0, "it is looked at again"
    connector.close()
    postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role};")


def test_a_wrong_name_is_answered_with_the_nearest(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(f"CREATE TABLE {schema}.orders (id int PRIMARY KEY);")
    for wrong in (f"{schema}.ORDERS", f"{schema}.oders"):
        with reading(postgres, **{wrong: {}}) as connector:
            (stream,) = connector.discover()
            with pytest.raises(PermanentError, match=rf"no table {wrong}; did you mean {schema}\.orders\?"):
                connector.poll(stream, None, Ask())


def test_doctor_misses_an_index_on_the_column_that_grows(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(f"CREATE TABLE {schema}.a (id int PRIMARY KEY); CREATE TABLE {schema}.b (n int);")
    with reading(
        postgres, **{f"{schema}.a": {}, f"{schema}.b": {"columns": ["n"], "unique": True}}
    ) as connector:
        (finding,) = [finding for finding in connector.check() if finding.level is not Level.OK]
    assert finding.stream == f"{schema}.b"
    assert finding.remedy.startswith(f'CREATE INDEX "b_n_i" ON "{schema}"."b" ("n");')


def test_doctor_minds_rights_to_change_tables_where_the_session_is_not_read_only(
    h2: DatabaseServer, h2_schema: str
) -> None:
    table, account = f"{h2_schema}.T", f"R{h2_schema}"
    h2.execute(f"CREATE TABLE {table} (id int PRIMARY KEY);\nCREATE USER {account} PASSWORD '{h2.password}';")
    h2.execute(f"GRANT SELECT, INSERT ON {table} TO {account};")

    def findings() -> list[Finding]:
        with closing(configured(h2, {table: {"mode": "incrementing"}}, user=account)) as connector:
            connector.open()
            return [finding for finding in connector.check() if finding.level is not Level.OK]

    (finding,) = findings()
    assert (finding.stream, finding.text[:25]) == (table, "the account may change it")
    assert finding.remedy == f'REVOKE INSERT, UPDATE, DELETE ON "{h2_schema}"."T" from it'
    h2.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {account};")
    assert findings() == []
    h2.execute(f"DROP USER {account};")


def test_the_read_transaction_ends_with_the_scan(postgres: DatabaseServer, schema: str) -> None:
    """One that stays open holds back vacuum for the whole database."""
    postgres.execute(f"CREATE TABLE {schema}.t (id int PRIMARY KEY); INSERT INTO {schema}.t VALUES (1);")
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        drain(connector, stream_of(connector, f"{schema}.t"), None)
        states = postgres.execute(
            "SELECT state FROM pg_stat_activity WHERE application_name = 'legacy-bridge';"
        )
    assert states == "idle\n"


def state_of_the_connection(postgres: DatabaseServer) -> str:
    return postgres.execute(
        "SELECT state FROM pg_stat_activity WHERE application_name = 'legacy-bridge';"
    ).strip()


def test_the_read_transaction_ends_when_no_poll_comes(
    postgres: DatabaseServer, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader waits for as long as Kafka is away."""
    monkeypatch.setattr(connector_module, "REST_S", 0.1)
    postgres.execute(
        f"CREATE TABLE {schema}.t (id int PRIMARY KEY);"
        f" INSERT INTO {schema}.t SELECT generate_series(1, 9000);"
    )
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        stream = stream_of(connector, f"{schema}.t")
        first = connector.poll(stream, None, Ask(rows=10))
        deadline = time_module.monotonic() + 20
        while (state := state_of_the_connection(postgres)) != "idle" and time_module.monotonic() < deadline:
            time_module.sleep(0.05)
        assert state == "idle"
        rest = drain(connector, stream, first.position)
    assert [row["id"] for row in (*rows_of(first), *rest.rows)] == list(range(1, 9001))


def test_a_cursor_that_polls_keep_open_too_long_is_opened_anew(h2: DatabaseServer, h2_schema: str) -> None:
    """H2 counts an open cursor as a running query, which statement_timeout would end."""
    table = f"{h2_schema}.T"
    h2.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, x varchar(100));")
    h2.execute(f"INSERT INTO {table} SELECT x, repeat('x', 90) FROM system_range(1, 40000);")
    seen: list[int] = []
    with closing(configured(h2, {table: {"mode": "incrementing"}}, statement_timeout="1s")) as connector:
        connector.open()
        stream, position, more = stream_of(connector, table), None, True
        while more:
            batch = connector.poll(stream, position, Ask(rows=10_000))
            position, more = batch.position, batch.more
            seen += [row["ID"] for row in rows_of(batch)]
            time_module.sleep(0.6)
    assert seen == list(range(1, 40001))


def test_a_table_that_was_altered_beyond_use_leaves_no_transaction_open(
    postgres: DatabaseServer, schema: str
) -> None:
    postgres.execute(f"CREATE TABLE {schema}.t (id int PRIMARY KEY); INSERT INTO {schema}.t VALUES (1), (2);")
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        stream = stream_of(connector, f"{schema}.t")
        position = drain(connector, stream, None).position
        postgres.execute(f"ALTER TABLE {schema}.t ADD x int; ALTER TABLE {schema}.t DROP CONSTRAINT t_pkey;")
        with pytest.raises(PermanentError, match="no primary key"):
            connector.poll(stream, position, Ask())
        assert state_of_the_connection(postgres) == "idle"


def test_wide_rows_stay_within_the_bytes_asked(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(
        f"CREATE TABLE {schema}.t (id int PRIMARY KEY, x text);"
        f" INSERT INTO {schema}.t SELECT n, repeat('x', 500000) FROM generate_series(1, 60) n;"
    )
    with reading(postgres, **{f"{schema}.t": {}}) as connector:
        read = drain(connector, stream_of(connector, f"{schema}.t"), None, Ask(bytes=8 << 20))
    sizes = [batch.changes[0].rows.nbytes for batch in read.batches if batch.changes]
    assert len(sizes) > 3
    assert max(sizes) <= 9 << 20


def test_a_lost_right_to_ask_for_the_identity_is_no_error(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(f"CREATE TABLE {schema}.t (id int PRIMARY KEY);")
    role = f"reader_{schema}"
    postgres.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD '{postgres.password}'; GRANT USAGE ON SCHEMA {schema} TO {role};"
        f" GRANT SELECT ON {schema}.t TO {role}; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;"
    )
    with closing(configured(postgres, {f"{schema}.t": {"mode": "incrementing"}}, user=role)) as connector:
        connector.open()
        (stream,) = connector.discover()
    assert stream.identity == f"postgresql:postgresql://127.0.0.1:{postgres.port}/erp"
    postgres.execute(
        f"DROP OWNED BY {role}; DROP ROLE {role}; GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC;"
    )


def test_an_excluded_table_is_not_missed(postgres: DatabaseServer, schema: str) -> None:
    postgres.execute(
        f"CREATE TABLE {schema}.t (id int PRIMARY KEY); CREATE TABLE {schema}.u (id int PRIMARY KEY);"
    )
    streams = {f"{schema}.{name}": {"mode": "incrementing"} for name in "tu"}
    with closing(configured(postgres, streams, exclude_tables=[f"{schema}.t"])) as connector:
        connector.open()
        assert [stream.name for stream in connector.discover()] == [f"{schema}.u"]


# What a server sends for each; MySQL's driver says -92:30:00 of the first, and nothing of the second's sign.
SENT = {
    "-100:30:00.250000": "010400000004 1e00 90d00300",
    "-01:30:00.000000": "010000000001 1e00",
    "-00:00:00.500000": "010000000000 0000 20a10700",
    "00:00:00.000000": "",
    "838:59:59.000000": "002200000016 3b3b",
    "12:00:00.123456": "00000000000c 0000 40e20100",
    "-838:59:59.000000": b"-838:59:59".hex(),
    "10:11:12.000000": b"10:11:12".hex(),
}


def test_spans_of_time_are_what_a_mysql_server_has_sent(
    h2_corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = dialect_of(h2_corner.server.url)
    kinds = {**dialect.types, "BINARY VARYING": dialect_of("jdbc:mysql:").types["TIME"]}
    mysql = replace(dialect, types=kinds, exact_digits=False)
    monkeypatch.setattr(connector_module, "dialect_of", lambda _: mysql)
    rows = ", ".join(f"({n}, x'{sent}')" for n, sent in enumerate(SENT.values()))
    h2_corner.execute(
        f"CREATE TABLE $.t (id int PRIMARY KEY, at varbinary(12)); INSERT INTO $.t VALUES {rows};"
    )
    h2_corner.execute("INSERT INTO $.t VALUES (99, NULL);")
    with h2_corner.reading("t", "images") as (reader, stream):
        found = [row["AT"] for batch in polled(reader, stream) for row in rows_of(batch)]
    assert found == [*SENT, None]

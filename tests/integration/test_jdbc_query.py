"""SELECTs that are read as if they were tables, and snapshots of what only grows, from real databases."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.contract import Ask, Caveat, Emits, Op
from bridge.errors import PermanentError
from connectors.jdbc import polls
from connectors.jdbc.reader import Cursor
from connectors.jdbc.session import Session
from connectors.jdbc.statements import Statement
from tests.integration.jdbc_tables import Corner, assert_one_pass, polled, stream_of

JOINED = (
    "SELECT o.id AS id, o.line AS line, c.name AS name, o.at AS at -- with a comment; and a semicolon\n"
    "FROM $.orders o JOIN $.customers c ON c.id = o.customer WHERE o.id > 0 -- at the end"
)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "PAGE_ROWS", 2)


@pytest.fixture
def shop(corner: Corner) -> Corner:
    time = "datetime(6)" if corner.kind == "mariadb" else "timestamp(6)"
    corner.execute("CREATE TABLE $.customers (id int PRIMARY KEY, name varchar(20));")
    corner.execute(
        f"CREATE TABLE $.orders (id int, line int, customer int, at {time}, PRIMARY KEY (id, line));"
    )
    corner.execute("INSERT INTO $.customers VALUES (1, 'Ä'), (2, 'b');")
    rows = ", ".join(f"({id_}, {line}, {1 + id_ % 2}, '2024-01-01')" for id_ in range(5) for line in (1, 2))
    corner.execute(f"INSERT INTO $.orders VALUES {rows};")
    return corner


def query(shop: Corner, **options: Any) -> dict[str, Any]:
    told = {
        name: [shop.column(each) for each in value]
        for name, value in options.items()
        if isinstance(value, list)
    }
    return {"order lines": {"query": JOINED.replace("$", shop.schema), **options, **told}}


def test_a_query_is_read_as_images_with_its_own_key(shop: Corner) -> None:
    with shop.opened(query(shop, mode="images", key=["id", "line"])) as connector:
        (stream,) = connector.discover()
        assert (stream.name, stream.emits) == ("order lines", Emits.IMAGES)
        assert stream.tables[0].name == "order lines"
        batches = polled(connector, stream, ask=Ask(rows=1))
        assert_one_pass(batches)
        found = [(row["id"], row["line"], row["name"]) for batch in batches for row in shop.rows(batch)]
        assert found == [(id_, line, "Äb"[id_ % 2]) for id_ in range(1, 5) for line in (1, 2)]
        assert connector.check()


@pytest.mark.parametrize(("after", "statements", "batches"), [(None, 1, 4), ({"A": 1, "B": 1}, 2, 3)])
def test_a_query_that_takes_its_time_is_run_once_a_page(
    h2_corner: Corner, monkeypatch: pytest.MonkeyPatch, after: Any, statements: int, batches: int
) -> None:
    h2_corner.execute(
        "CREATE TABLE $.t (a int, b int, PRIMARY KEY (a, b));\n"
        "INSERT INTO $.t VALUES (1, 1), (2, 1), (2, 2), (2, 3);"
    )
    monkeypatch.setattr(polls, "PAGE_ROWS", 100)
    ran: list[Statement] = []
    clock = SimpleNamespace(monotonic=lambda: 10 * len(ran), monotonic_ns=time.monotonic_ns)
    opened = Session.open

    def takes_ten_seconds(session: Session, statement: Statement) -> Cursor:
        ran.append(statement)
        return opened(session, statement)

    with h2_corner.reading("t", "images") as (connector, stream):
        monkeypatch.setattr(Session, "open", takes_ten_seconds)
        monkeypatch.setattr(polls, "time", clock)
        place = after and {"after": after}
        assert len(polled(connector, stream, place, ask=Ask(rows=1))) == batches
    assert len(ran) == statements


def test_a_query_with_two_columns_of_one_name_is_refused(postgres_corner: Corner) -> None:
    twice = {"mode": "images", "key": ["id"], "query": "SELECT 1 AS id, 2 AS x, 3 AS x"}
    with postgres_corner.opened({"q": twice}) as connector:
        (stream,) = connector.discover()
        with pytest.raises(PermanentError, match="q has several columns named x; give each"):
            connector.poll(stream, None, Ask())


@pytest.mark.parametrize("end", ["", ";", " ; \n"])
def test_a_semicolon_may_end_a_query(h2_corner: Corner, end: str) -> None:
    one = {"mode": "images", "key": ["ID"], "query": f"SELECT 1 AS ID{end}"}
    with h2_corner.opened({"q": one}) as connector:
        (stream,) = connector.discover()
        assert [batch.rows for batch in polled(connector, stream)] == [1]


def test_two_statements_are_no_query(corner: Corner) -> None:
    two = {"mode": "images", "key": ["id"], "query": "SELECT 1 AS id; SELECT 2 AS id"}
    with corner.opened({"q": two}) as connector:
        (stream,) = connector.discover()
        with pytest.raises(PermanentError, match=r"; correct the stream's `query`: it is one SELECT$"):
            connector.poll(stream, None, Ask())


def test_a_query_is_read_by_time(shop: Corner) -> None:
    with shop.opened(
        query(shop, mode="timestamp", key=["id", "line"], columns=["at"], time_zone="UTC")
    ) as connector:
        (stream,) = connector.discover()
        batches = polled(connector, stream)
        assert sum(batch.rows for batch in batches) == 8
        shop.execute("UPDATE $.orders SET at = '2024-01-02' WHERE id = 1;")
        (early, *_) = polled(connector, stream, {"high": "2024-01-02T00:00:00"})
        assert {row["id"] for row in shop.rows(early)} == {1}


def test_a_query_is_read_by_a_number_that_grows(shop: Corner) -> None:
    text = "SELECT id, name FROM $.customers".replace("$", shop.schema)
    for options in ({"key": [shop.column("id")]}, {"key": [shop.column("id")], "snapshot": True}):
        with shop.opened({"people": {"query": text, "mode": "incrementing", **options}}) as connector:
            (stream,) = connector.discover()
            batches = polled(connector, stream)
            assert [row["name"] for batch in batches for row in shop.rows(batch)] == ["Ä", "b"]


def test_a_query_that_the_database_refuses_parks_its_stream_alone(shop: Corner) -> None:
    bad = {"people": {"query": "SELECT nothing FROM nowhere", "mode": "images", "key": ["id"]}}
    with shop.opened({**bad, **query(shop, mode="images", key=["id", "line"])}) as connector:
        good = stream_of(connector, "order lines")
        with pytest.raises(PermanentError, match="table people"):
            connector.poll(stream_of(connector, "people"), None, Ask())
        assert connector.poll(good, None, Ask()).rows > 0


def test_a_key_that_the_query_does_not_bring_is_named(shop: Corner) -> None:
    with shop.opened(query(shop, mode="images", key=["customer"])) as connector:
        (stream,) = connector.discover()
        with pytest.raises(PermanentError, match=r"(?i)no column customer; it has id, line, name, at"):
            connector.poll(stream, None, Ask())


def test_a_snapshot_of_what_grows_is_reads_up_to_the_number_that_was_there(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (id bigint PRIMARY KEY);")
    corner.execute("INSERT INTO $.t VALUES (1), (2), (4), (5), (9);")
    with corner.reading("t", "incrementing", snapshot=True) as (connector, stream):
        assert stream.emits is Emits.CHANGES
        assert stream.caveats == {Caveat.NO_DELETES, Caveat.MAY_MISS}
        batches = [connector.poll(stream, None, Ask(rows=1))]
        corner.execute("INSERT INTO $.t VALUES (3), (7), (12), (13);")
        batches += polled(connector, stream, batches[-1].position, Ask(rows=1))
    found = [(row["id"], batch.changes[0].op) for batch in batches for row in corner.rows(batch)]
    assert sorted(id_ for id_, _ in found) == [1, 2, 3, 4, 5, 7, 9, 12, 13]
    assert [op for id_, op in found if id_ in (1, 2, 4, 5, 9)] == [Op.READ] * 5
    assert [op for id_, op in found if id_ > 9] == [Op.CREATE] * 2

    for at, batch in enumerate(batches):  # and again, from wherever a crash makes it begin
        with corner.reading("t", "incrementing", snapshot=True) as (connector, stream):
            again = polled(connector, stream, json.loads(json.dumps(batch.position)), Ask(rows=1))
        before = [row["id"] for each in batches[: at + 1] for row in corner.rows(each)]
        after = [row["id"] for each in again for row in corner.rows(each)]
        assert sorted(before + after) == [1, 2, 3, 4, 5, 7, 9, 12, 13]


def test_a_snapshot_of_an_empty_table_has_no_end_to_wait_for(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.t (id bigint PRIMARY KEY);")
    with corner.reading("t", "incrementing", snapshot=True) as (connector, stream):
        first = connector.poll(stream, None, Ask())
        assert (first.rows, first.more) == (0, False)
        corner.execute("INSERT INTO $.t VALUES (1);")
        (batch,) = polled(connector, stream, first.position)
        assert batch.changes[0].op is Op.CREATE

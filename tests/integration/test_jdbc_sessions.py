"""Sessions: kept alive, found out when they were cut, and no more of them than the account may have."""

from __future__ import annotations

import socket
import time
from dataclasses import replace

import jpype
import pytest

from bridge.contract import Ask
from bridge.errors import ConfigError, PermanentError, TransientError
from bridge.testing.proxy import TcpProxy
from connectors.jdbc import connector as module
from connectors.jdbc import sockets
from connectors.jdbc.dialects import dialect_of
from connectors.jdbc.session import Session
from tests.integration.jdbc_tables import Corner, polled, stream_of


@pytest.fixture
def few(corner: Corner) -> Corner:
    """A table of one row."""
    corner.execute("CREATE TABLE $.t (id int PRIMARY KEY); INSERT INTO $.t VALUES (1);")
    return corner


def test_a_session_that_a_firewall_forgot_is_replaced_without_an_error(
    few: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = few.name("t")
    with TcpProxy(few.server.port) as proxy:
        url = few.server.url.replace(str(few.server.port), str(proxy.port))
        with few.opened({name: {"mode": "incrementing"}}, url=url) as connector:
            stream = stream_of(connector, name)
            (first,) = polled(connector, stream)
            few.execute("INSERT INTO $.t VALUES (2);")
            before = connector._lanes
            proxy.forget()
            monkeypatch.setattr(module, "IDLE_S", 0)
            monkeypatch.setattr(module, "PROBE_S", 0.3)
            (batch,) = polled(connector, stream, first.position)
            assert few.rows(batch) == [{"id": 2}]
            renewed = connector._lanes
            assert renewed is not before
            assert polled(connector, stream, batch.position)[0].rows == 0
            assert connector._lanes is renewed, "this one lives"


def test_a_session_that_was_used_just_now_is_not_asked_whether_it_lives(
    few: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "lives", lambda _: pytest.fail("asked"))
    with few.opened({few.name("t"): {"mode": "incrementing"}}) as connector:
        polled(connector, stream_of(connector, few.name("t")))


def test_a_session_in_whose_place_another_database_answers_is_not_taken_for_it(
    few: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with few.opened({few.name("t"): {"mode": "incrementing"}}) as connector:
        stream = stream_of(connector, few.name("t"))
        monkeypatch.setattr(module, "IDLE_S", 0)
        monkeypatch.setattr(Session, "lives", lambda _: False)
        monkeypatch.setattr(Session, "_identity", lambda _: "a copy")
        with pytest.raises(TransientError, match="another database answers at"):
            connector.poll(stream, None, Ask())


@pytest.mark.parametrize("mode", ["images", "incrementing"])
def test_a_key_that_changed_while_the_session_was_cut_is_found_before_a_row_is_read(
    few: Corner, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    few.execute("CREATE TABLE $.s (id int PRIMARY KEY, site int NOT NULL); INSERT INTO $.s VALUES (1, 7);")
    with few.reading("s", mode, columns=["id"] if mode == "incrementing" else []) as (connector, stream):
        position = polled(connector, stream)[-1].position
        few.execute("DROP TABLE $.s;")
        few.execute("CREATE TABLE $.s (id int UNIQUE NOT NULL, site int NOT NULL, PRIMARY KEY (id, site));")
        few.execute("INSERT INTO $.s VALUES (1, 7), (2, 8);")
        monkeypatch.setattr(module, "IDLE_S", 0)
        monkeypatch.setattr(Session, "lives", lambda _: False)
        with pytest.raises(TransientError, match="has another key now"):
            polled(connector, stream, position)
        found = stream_of(connector, stream.name)
        assert found.tables[0].key == (few.column("id"), few.column("site"))
        rows = sum(batch.rows for batch in polled(connector, found, position))
        assert rows == (2 if mode == "images" else 1)


def test_the_kernel_keeps_idle_connections_alive(few: Corner) -> None:
    seen: list[tuple[int, int]] = []

    def look(connection: socket.socket) -> None:
        on = connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        seen.append((on, connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)))

    with few.opened({few.name("t"): {"mode": "incrementing"}}, keep_alive="45s") as connector:
        sockets.each(connector._ports, look)
    assert (1, 45) in seen


def test_a_table_without_a_key_is_not_read_where_only_one_session_is_allowed(corner: Corner) -> None:
    corner.execute("CREATE TABLE $.bare (a int); CREATE TABLE $.keyed (a int PRIMARY KEY);")
    streams = {corner.name(table): {"mode": "images"} for table in ("bare", "keyed")}
    with corner.opened(streams, sessions=1) as connector:
        assert connector.sessions is not None
        assert connector.sessions.most == 1
        polled(connector, stream_of(connector, corner.name("keyed")))
        with pytest.raises(PermanentError, match="has no key: it is read in a second session"):
            connector.poll(stream_of(connector, corner.name("bare")), None, Ask())


def test_a_session_cannot_write_where_the_driver_keeps_it_from_that(few: Corner) -> None:
    with few.opened({few.name("t"): {"mode": "incrementing"}}) as connector:
        assert connector._lanes is not None
        session = connector._lanes.session
        assert session.fenced == (few.kind != "h2")
        if session.fenced:
            for alone in (False, True):
                session.connection.setAutoCommit(alone)
                with pytest.raises(jpype.JException, match=r"(?i)read.only"):
                    session.scalar(f"INSERT INTO {few.name('t')} VALUES (2)")
                session.connection.setAutoCommit(True)  # ends what the refusal has spoilt


def test_a_limit_on_idle_transactions_cuts_no_pass_between_two_polls(postgres_corner: Corner) -> None:
    """Without a key it would be begun anew each time, for ever."""
    corner, name = postgres_corner, postgres_corner.name("t")
    corner.execute("CREATE TABLE $.t (word text); INSERT INTO $.t SELECT generate_series(1, 300);")
    limits = {"options": "-c idle_in_transaction_session_timeout=100"}
    with corner.opened({name: {"mode": "images"}}, properties=limits) as connector:
        stream, position, rows = stream_of(connector, name), None, 0
        for _ in range(3):
            batch = connector.poll(stream, position, Ask(rows=100))
            position, rows = batch.position, rows + batch.rows
            time.sleep(0.4)
        assert rows == 300


@pytest.fixture
def pooled(postgres_corner: Corner, monkeypatch: pytest.MonkeyPatch) -> Corner:
    """As behind a pooler, whose sessions are numbered by `now`."""
    postgres_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY); INSERT INTO $.t VALUES (1);")
    postgres_corner.execute("CREATE TABLE $.now (session int); INSERT INTO $.now VALUES (-1);")
    asked = f"SELECT session FROM {postgres_corner.name('now')}"
    lent = replace(dialect_of(postgres_corner.server.url), session=asked)
    monkeypatch.setattr(module, "dialect_of", lambda _: lent)
    return postgres_corner


def test_a_pooler_that_lends_another_session_for_each_transaction_is_found_out(pooled: Corner) -> None:
    name = pooled.name("t")
    with pooled.opened({name: {"mode": "images"}}) as connector:
        stream = stream_of(connector, name)
        (batch, *_) = polled(connector, stream)
        assert batch.rows == 1
        assert any("a pooler stands between" in each.text for each in connector.check())
        pooled.execute("UPDATE $.now SET session = -2;")
        with pytest.raises(ConfigError, match="lends another session of the database"):
            polled(connector, stream)


def test_where_there_is_no_pooler_none_is_told_of(few: Corner) -> None:
    with few.opened({few.name("t"): {"mode": "images"}}) as connector:
        assert not [each for each in connector.check() if "pooler" in each.text]

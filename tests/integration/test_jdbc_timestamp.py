"""Tables that say when their rows were changed, in real databases."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jpype
import pytest

from bridge.contract import Ask, Caveat, Connector, Emits, Level, Op, Position, Stream
from bridge.errors import PermanentError
from bridge.testing import need
from bridge.testing.databases import DatabaseError, DatabaseServer, MariaServer
from connectors.jdbc import polls, session
from connectors.jdbc.dialects import dialect_of
from tests.integration.jdbc_tables import Corner, polled, stream_of

NOW = {
    "h2": "CAST(CURRENT_TIMESTAMP(9) AT TIME ZONE 'UTC' AS TIMESTAMP(6))",
    "postgresql": "(clock_timestamp() AT TIME ZONE 'UTC')",
    "mariadb": "NOW(6)",
}
PLAIN = {"h2": "timestamp(6)", "postgresql": "timestamp(6)", "mariadb": "datetime(6)"}
OLD = "2020-01-01 00:00:00"


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "PAGE_ROWS", 2)
    monkeypatch.setattr(session, "MOMENT_S", 0.0)


def made(corner: Corner, times: str | None = None) -> None:
    corner.execute(f"CREATE TABLE $.t (id int PRIMARY KEY, x varchar(9), at {times or PLAIN[corner.kind]});")


def ago(corner: Corner, seconds: float) -> str:
    """SQL for a time so long ago, or, when negative, so far ahead."""
    return {
        "h2": f"DATEADD(MICROSECOND, {-round(seconds * 1e6)}, {NOW['h2']})",
        "postgresql": f"{NOW['postgresql']} - interval '{seconds} s'",
        "mariadb": f"{NOW['mariadb']} - INTERVAL {seconds} SECOND",
    }[corner.kind]


class Folded:
    """What the engine would make of it: rows by key, and what was news."""

    def __init__(self, corner: Corner, connector: Connector, stream: Stream) -> None:
        self.corner, self.connector, self.stream = corner, connector, stream
        self.position: Position | None = None
        self.table: dict[Any, dict[str, Any]] = {}

    def poll(self, ask: Ask | None = None) -> list[Any]:
        """Poll until there is no more; the keys of new and changed rows."""
        news = []
        for batch in polled(self.connector, self.stream, self.position, ask):
            self.position = json.loads(json.dumps(batch.position))
            for row in self.corner.rows(batch):
                if self.table.get(row["id"]) != row:
                    news.append(row["id"])
                self.table[row["id"]] = row
        return news


@contextmanager
def folding(corner: Corner, mode: str = "timestamp", **options: Any) -> Iterator[Folded]:
    columns = ["at"] if mode == "timestamp" else ["at", "id"]
    with corner.reading("t", mode, **{"columns": columns, **options}) as (connector, stream):
        yield Folded(corner, connector, stream)


@contextmanager
def served(kind: type[DatabaseServer]) -> Iterator[DatabaseServer]:
    """A server of the test's own."""
    server = kind()
    try:
        server.start()
    except DatabaseError as error:
        server.close()
        need(str(error))
    with closing(server):
        yield server


@contextmanager
def writer(corner: Corner) -> Iterator[Any]:
    """A transaction of another session; what it has written is committed at the end."""
    server = corner.server
    other = jpype.java.sql.DriverManager.getConnection(server.url, server.user, server.password)
    other.setAutoCommit(False)
    try:
        yield lambda sql: other.createStatement().execute(sql.replace("$", corner.schema))
        other.commit()
    finally:
        other.close()


@pytest.mark.parametrize("mode", ["timestamp", "timestamp+incrementing"])
@pytest.mark.parametrize("options", [{}, {"snapshot": False}])
def test_what_is_there_comes_first_and_then_what_changes(
    corner: Corner, mode: str, options: dict[str, Any]
) -> None:
    made(corner)
    corner.execute(
        f"INSERT INTO $.t VALUES (1, 'a', '{OLD}'), (2, 'b', '{OLD}'), (3, 'c', {ago(corner, 1)});"
    )
    with folding(corner, mode, **options) as folded:
        assert folded.stream.emits is Emits.IMAGES
        assert folded.stream.caveats == {Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES}
        assert folded.poll(Ask(rows=1)) == [1, 2, 3]
        assert folded.poll() == []
        corner.execute(f"UPDATE $.t SET x = 'new', at = {NOW[corner.kind]} WHERE id = 1;")
        corner.execute(f"INSERT INTO $.t VALUES (4, 'd', {NOW[corner.kind]});")
        assert folded.poll() == [1, 4]
        assert folded.poll() == []
        assert folded.table[1]["x"] == "new"


def test_rows_of_the_snapshot_are_reads_and_later_ones_are_not(corner: Corner) -> None:
    made(corner)
    corner.execute(f"INSERT INTO $.t VALUES (1, 'a', '{OLD}'), (2, 'b', NULL);")
    with folding(corner, time_zone="UTC") as folded:
        batches = polled(folded.connector, folded.stream)
        assert {changes.op for batch in batches for changes in batch.changes} == {Op.READ}
        assert [batch.scan for batch in batches] == [None] * len(batches), "nothing is ever deleted"
        corner.execute(f"INSERT INTO $.t VALUES (3, 'c', {NOW[corner.kind]});")
        later = polled(folded.connector, folded.stream, batches[-1].position)
        assert {changes.op for batch in later for changes in batch.changes} == {Op.CREATE}


def test_equal_times_are_never_split_and_lost(corner: Corner) -> None:
    made(corner)
    rows = ", ".join(f"({n}, 'x', '{OLD}')" for n in range(25))
    corner.execute(f"INSERT INTO $.t VALUES {rows};")
    with folding(corner, snapshot=False) as folded:
        batches = polled(folded.connector, folded.stream, ask=Ask(rows=3))
        found = [row["id"] for batch in batches for row in corner.rows(batch)]
        assert found == list(range(25))
        for at, batch in enumerate(batches):  # and from wherever a crash makes it begin
            again = polled(
                folded.connector, folded.stream, json.loads(json.dumps(batch.position)), Ask(rows=4)
            )
            rest = [row["id"] for later in batches[at + 1 :] for row in corner.rows(later)]
            assert [row["id"] for later in again for row in corner.rows(later)][: len(rest)] == rest


def test_a_row_that_is_committed_late_is_found_within_the_window(corner: Corner) -> None:
    made(corner)
    with folding(corner, late_window="60s") as folded:
        folded.poll()
        corner.execute(f"INSERT INTO $.t VALUES (1, 'a', {NOW[corner.kind]});")
        assert folded.poll() == [1]
        corner.execute(
            f"INSERT INTO $.t VALUES (2, 'late', {ago(corner, 30)}), (3, 'lost', {ago(corner, 90)});"
        )
        assert folded.poll() == [2]


@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_an_open_transaction_holds_the_position_back_however_long_it_takes(
    kind: str, request: pytest.FixtureRequest, test_password: None
) -> None:
    corner = Corner(request.getfixturevalue(kind))
    try:
        made(corner)
        with folding(corner, late_window="0s") as folded:
            folded.poll()
            with writer(corner) as write:
                write(f"INSERT INTO $.t VALUES (1, 'slow', {NOW[corner.kind]})")
                corner.execute("DO SLEEP(3.1);" if kind == "mariadb" else "SELECT pg_sleep(1.1);")
                corner.execute(f"INSERT INTO $.t VALUES (2, 'quick', {NOW[corner.kind]});")
                assert folded.poll() == [2]
                assert folded.poll() == []
            assert folded.poll() == [1]
            assert folded.poll() == []
    finally:
        corner.drop()


def test_a_standby_that_becomes_the_primary_shows_its_open_transactions(
    mariadb: DatabaseServer, test_password: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SEES_S", 0.0)
    corner = Corner(mariadb)
    made(corner)
    corner.execute("SET GLOBAL read_only = 1;")
    try:
        with folding(corner, late_window="0s") as folded:
            folded.poll()
            corner.execute("SET GLOBAL read_only = 0;")
            with writer(corner) as write:
                write(f"INSERT INTO $.t VALUES (1, 'slow', {NOW[corner.kind]})")
                corner.execute(f"DO SLEEP(3.1); INSERT INTO $.t VALUES (2, 'quick', {NOW[corner.kind]});")
                assert folded.poll() == [2]
            assert folded.poll() == [1]
    finally:
        corner.execute("SET GLOBAL read_only = 0;")
        corner.drop()


def test_a_statement_that_waits_for_a_table_holds_the_position_back(
    mariadb: DatabaseServer, test_password: None
) -> None:
    """Its NOW() is of when it came; it has no transaction yet."""
    corner = Corner(mariadb)
    made(corner)
    late = threading.Thread(
        target=corner.execute, args=[f"INSERT INTO $.t VALUES (2, 'b', {NOW[corner.kind]});"]
    )
    waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table %'"
    try:
        with folding(corner, late_window="0s") as folded:
            folded.poll()
            corner.execute(f"INSERT INTO $.t VALUES (1, 'a', {NOW[corner.kind]});")
            with writer(corner) as write:
                write("SET autocommit = 1")  # else it has a transaction itself; those that back up have none
                write("LOCK TABLES $.t READ")
                late.start()
                assert any(corner.execute(f"DO SLEEP(0.1); {waiting};").strip() != "0" for _ in range(600))
                corner.execute("DO SLEEP(4.1);")
                assert folded.poll() == [1]
                write("UNLOCK TABLES")
            late.join()
            assert folded.poll() == [2]
    finally:
        corner.drop()


def test_quick_polls_of_mariadb_see_transactions_too(mariadb: DatabaseServer, test_password: None) -> None:
    """Its list of them is not renewed while somebody looks at it ten times a second."""
    corner = Corner(mariadb)
    made(corner)
    try:
        with folding(corner, late_window="0s") as folded, writer(corner) as write:

            def polled_for(seconds: float) -> None:
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    assert folded.poll() == []

            polled_for(0.5)
            write(f"INSERT INTO $.t VALUES (1, 'slow', {NOW[corner.kind]})")
            polled_for(4)
            corner.execute(f"INSERT INTO $.t VALUES (2, 'quick', {NOW[corner.kind]});")
            assert folded.poll() == [2]
            write("COMMIT")
            assert folded.poll() == [1]
    finally:
        corner.drop()


def test_a_transaction_that_only_reads_holds_nothing_back(
    mariadb: DatabaseServer, test_password: None
) -> None:
    """As the pass over a table without a key, which may take hours."""
    corner = Corner(mariadb)
    made(corner)
    try:
        with corner.reading("t", "timestamp", columns=["at"]) as (connector, stream), writer(corner) as read:
            read("START TRANSACTION READ ONLY")
            read("SELECT * FROM $.t")
            corner.execute("DO SLEEP(4);")
            polled(connector, stream)
            assert connector._lanes is not None
            moment = connector._lanes.session.moment()
            assert moment.now - moment.safe() < 3.5 * 10**9
    finally:
        corner.drop()


@pytest.mark.parametrize("own", ["", "&ApplicationName=legacy-bridge-eu"])
def test_nor_does_a_pass_of_the_connector_itself_whatever_its_sessions_are_called(
    postgres_corner: Corner, own: str
) -> None:
    corner = postgres_corner
    made(corner)
    corner.execute("CREATE TABLE $.bare (x int); INSERT INTO $.bare SELECT generate_series(1, 9);")
    options = {"t": {"mode": "timestamp", "columns": ["at"]}, "bare": {"mode": "images"}}
    streams = {corner.name(name): option for name, option in options.items()}
    url = corner.server.url
    with corner.opened(streams, url=f"{url}{own if '?' in url else own.replace('&', '?')}") as connector:
        bare, table = (stream_of(connector, corner.name(name)) for name in ("bare", "t"))
        assert connector.poll(bare, None, Ask(rows=1)).more
        corner.execute("SELECT pg_sleep(2);")
        polled(connector, table)
        assert connector._lanes is not None
        moment = connector._lanes.session.moment()
        assert moment.now - moment.safe() < 10**9


def test_a_server_that_cannot_tell_all_that_is_asked_of_transactions_shows_none(
    mariadb: DatabaseServer, test_password: None
) -> None:
    """As those of before 10.0: else none would be taken for open, and their rows be lost."""
    corner = Corner(mariadb)
    made(corner)
    try:
        with corner.reading("t", "timestamp", columns=["at"]) as (connector, _):
            assert connector._lanes is not None
            here = connector._lanes.session
            assert here.sees_transactions
            known = here.dialect.transactions
            assert known is not None
            oldest, seen = (
                sql.replace("trx_is_read_only", "nobody_knows") for sql in (known.oldest, known.seen)
            )
            assert oldest != known.oldest
            here.dialect = replace(here.dialect, transactions=known._replace(oldest=oldest, seen=seen))
            here._sees = None
            assert not here.sees_transactions
    finally:
        corner.drop()


def test_threads_that_replicate_hold_nothing_back(mariadb: DatabaseServer, test_password: None) -> None:
    transactions = dialect_of(mariadb.url).transactions
    assert transactions is not None
    columns = "'Query' AS command, 'Waiting for an event from Coordinator' AS state, 99999 AS time"
    for user, held in (("system user", False), ("writer", True)):
        threads = f"(SELECT '{user}' AS user, {columns}) t"
        asked = transactions.oldest.replace("information_schema.processlist", threads)
        told = mariadb.execute(f"SET time_zone = '+00:00'; SELECT UNIX_TIMESTAMP(NOW(6)) - ({asked}) > 9999;")
        assert told.strip() == str(int(held))


@pytest.mark.parametrize(
    ("told", "is_one"), [("0", 0), ("1", 1), ("'OFF'", 0), ("'ON'", 1), ("'NO_LOCK'", 1)]
)
def test_mariadb_tells_in_numbers_or_words_whether_it_is_a_standby(
    mariadb: DatabaseServer, told: str, is_one: int
) -> None:
    transactions = dialect_of(mariadb.url).transactions
    assert transactions is not None
    assert transactions.standby is not None
    asked = transactions.standby.replace("@@GLOBAL.read_only", told)
    assert mariadb.execute(f"{asked};").strip() == str(is_one)


def test_a_time_in_the_future_waits_until_it_comes(corner: Corner) -> None:
    made(corner)
    with folding(corner, snapshot=False) as folded:
        corner.execute(
            f"INSERT INTO $.t VALUES (1, 'a', {NOW[corner.kind]}), (2, 'b', {ago(corner, -3600)}),"
            f" (3, 'c', {ago(corner, -2)});"
        )
        assert folded.poll() == [1]
        news: list[int] = []
        while not news:
            news = folded.poll()
        assert news == [3]


def test_times_are_compared_with_all_their_digits(h2_corner: Corner) -> None:
    made(h2_corner, "timestamp(9)")
    with folding(h2_corner, snapshot=False, late_window="0s") as folded:
        for n in (1, 2, 3):
            h2_corner.execute(f"INSERT INTO $.t VALUES ({n}, 'x', '2024-01-01 00:00:00.00000000{n}');")
        batches = polled(folded.connector, folded.stream, ask=Ask(rows=1))
        assert [row["id"] for batch in batches for row in h2_corner.rows(batch)] == [1, 2, 3]
        assert batches[0].position["after"] == {"AT": "2024-01-01T00:00:00.000000001", "ID": 1}
        rest = polled(folded.connector, folded.stream, batches[0].position)
        assert [row["id"] for batch in rest for row in h2_corner.rows(batch)] == [2, 3]


def test_rows_without_a_time_are_not_read_and_doctor_says_so(corner: Corner) -> None:
    made(corner)
    corner.execute(f"INSERT INTO $.t VALUES (1, 'a', NULL), (2, 'b', '{OLD}');")
    with folding(corner, snapshot=False) as folded:
        assert folded.poll() == [2]
        texts = [f.text for f in folded.connector.check() if f.stream and f.level is Level.WARNING]
        assert any("may be NULL" in text for text in texts)
        assert any("no index begins with column" in text for text in texts)


def test_a_quiet_table_is_polled_for_nothing_and_its_position_rests(corner: Corner) -> None:
    made(corner)
    corner.execute(f"INSERT INTO $.t VALUES (1, 'a', '{OLD}'), (2, 'b', '{OLD}');")
    with folding(corner, snapshot=False, time_zone="UTC") as folded:
        folded.poll()
        at_rest = folded.position
        for _ in range(3):
            batch = folded.connector.poll(folded.stream, at_rest, Ask())
            assert (batch.rows, batch.more, batch.position) == (0, False, at_rest)


def test_within_the_window_the_position_rests_too(corner: Corner) -> None:
    made(corner)
    corner.execute(f"INSERT INTO $.t VALUES (1, 'a', {ago(corner, 5)});")
    with folding(corner, snapshot=False) as folded:
        folded.poll()
        at_rest = folded.position
        assert polled(folded.connector, folded.stream, at_rest)[-1].position == at_rest


@pytest.mark.parametrize("times", ["timestamptz", "timestamp", "date"])
def test_postgresqls_kinds_of_time(postgres_corner: Corner, times: str) -> None:
    made(postgres_corner, times)
    now = "clock_timestamp()" if times == "timestamptz" else NOW["postgresql"]
    with folding(postgres_corner) as folded:
        folded.poll()
        postgres_corner.execute(f"INSERT INTO $.t VALUES (1, 'a', {now});")
        assert folded.poll() == [1]
        postgres_corner.execute(
            f"UPDATE $.t SET x = 'b', at = {now}; INSERT INTO $.t VALUES (2, 'c', {now});"
        )
        assert sorted(folded.poll()) == [1, 2]
        rested = folded.position
        assert folded.poll() == []
        assert folded.position == rested


def test_h2s_times_with_a_zone(h2_corner: Corner) -> None:
    made(h2_corner, "timestamp(9) with time zone")
    with folding(h2_corner) as folded:
        folded.poll()
        h2_corner.execute("INSERT INTO $.t VALUES (1, 'a', CURRENT_TIMESTAMP AT TIME ZONE '+05:30');")
        assert folded.poll() == [1]
        h2_corner.execute("INSERT INTO $.t VALUES (2, 'a', CURRENT_TIMESTAMP AT TIME ZONE '-05:30');")
        assert folded.poll() == [2]


@pytest.mark.parametrize("rows", [1, 1000])
def test_mariadbs_zero_dates_are_older_than_all_others(mariadb: Any, test_password: None, rows: int) -> None:
    corner = Corner(mariadb)
    try:
        made(corner, "datetime NOT NULL DEFAULT '0000-00-00 00:00:00'")
        corner.execute(
            "SET sql_mode = ''; INSERT INTO $.t (id, x) VALUES (1, 'a');"
            f" INSERT INTO $.t VALUES (3, 'c', '{OLD}'), (4, 'd', {NOW['mariadb']});"
        )
        with folding(corner, snapshot=False) as folded:
            batches = polled(folded.connector, folded.stream, None, Ask(rows=rows))
            assert [row["id"] for batch in batches for row in corner.rows(batch)] == [1, 3, 4]
    finally:
        corner.drop()


def test_mariadbs_timestamp_type_and_whole_seconds(mariadb: Any, test_password: None) -> None:
    corner = Corner(mariadb)
    try:
        made(corner, "timestamp NULL")
        with folding(corner, late_window="0s") as folded:
            folded.poll()
            seen: set[int] = set()
            for n in range(1, 6):
                corner.execute(f"INSERT INTO $.t VALUES ({n}, 'x', NOW());")
                seen |= set(folded.poll())
            assert seen == {1, 2, 3, 4, 5}, "a second that was read once still gets rows"
    finally:
        corner.drop()


def test_times_of_a_zone_that_is_not_the_databases(postgres_corner: Corner) -> None:
    made(postgres_corner)
    postgres_corner.execute("CREATE INDEX ON $.t (at);")
    in_tokyo = "(clock_timestamp() AT TIME ZONE 'Asia/Tokyo')"
    with folding(postgres_corner) as folded:
        folded.poll()
        postgres_corner.execute(f"INSERT INTO $.t VALUES (1, 'a', {in_tokyo});")
        assert folded.poll() == []
        (ahead,) = [f for f in folded.connector.check() if "ahead of the database's clock" in f.text]
        assert ahead.remedy.startswith("set `time_zone`")
    with folding(postgres_corner, time_zone="Asia/Tokyo") as folded:
        assert folded.poll() == [1]
        postgres_corner.execute(f"INSERT INTO $.t VALUES (2, 'a', {in_tokyo});")
        assert folded.poll() == [2]
        assert not [f for f in folded.connector.check() if "ahead of the database's clock" in f.text]


@pytest.mark.parametrize("far", [[], [9]])
def test_times_behind_the_clock_are_found_though_nobody_says_their_zone(
    postgres_corner: Corner, far: list[int]
) -> None:
    """`far`: rows whose time never comes."""
    made(postgres_corner)
    postgres_corner.execute("CREATE INDEX ON $.t (at);")
    in_new_york = "(clock_timestamp() AT TIME ZONE 'America/New_York')"
    postgres_corner.execute(f"INSERT INTO $.t VALUES (1, 'a', {in_new_york});")
    for id_ in far:
        postgres_corner.execute(f"INSERT INTO $.t VALUES ({id_}, 'a', '9999-12-31');")
    with folding(postgres_corner, snapshot=True) as folded:
        assert folded.poll() == [1, *far]
        for id_ in (2, 3, 4):
            postgres_corner.execute(f"INSERT INTO $.t VALUES ({id_}, 'a', {in_new_york});")
            assert folded.poll() == [id_]
        (zone,) = [f for f in folded.connector.check() if "nobody knows in which zone" in f.text]
        assert zone.remedy.startswith("set `time_zone`")
    with folding(postgres_corner, time_zone="America/New_York") as folded:
        assert not [f for f in folded.connector.check() if "nobody knows in which zone" in f.text]


def test_a_mariadb_on_a_machine_in_another_zone(monkeypatch: pytest.MonkeyPatch, test_password: None) -> None:
    """Of which DATETIME has the wall clock, and the list of transactions, too."""
    monkeypatch.setenv("TZ", "America/New_York")
    with served(MariaServer) as server:
        corner = Corner(server)
        made(corner)
        with folding(corner, late_window="0s") as folded:
            folded.poll()
            with writer(corner) as write:
                write(f"INSERT INTO $.t VALUES (1, 'slow', {NOW[corner.kind]})")
                corner.execute(f"DO SLEEP(3.1); INSERT INTO $.t VALUES (2, 'quick', {NOW[corner.kind]});")
                assert folded.poll() == [2]
            assert folded.poll() == [1]
        transactions = dialect_of(server.url).transactions
        assert transactions is not None
        listed = transactions.oldest[transactions.oldest.index("information_schema.innodb_trx") :]
        for shown, utc in IN_NEW_YORK.items():
            asked = transactions.oldest.replace(listed, f"(SELECT TIMESTAMP'{shown}' AS trx_started) t")
            told = server.execute(f"SET time_zone = '+00:00'; {asked};")
            assert datetime.fromtimestamp(float(told), UTC).isoformat(" ")[:19] == utc


IN_NEW_YORK = {
    "2024-11-03 00:59:59": "2024-11-03 04:59:59",
    "2024-11-03 01:30:00": "2024-11-03 05:30:00",  # for the first time, as it may be
    "2024-11-03 02:30:00": "2024-11-03 07:30:00",
    "2024-03-10 01:30:00": "2024-03-10 06:30:00",
    "2024-03-10 03:30:00": "2024-03-10 07:30:00",
}


def test_a_clock_that_was_set_back_loses_nothing(corner: Corner) -> None:
    made(corner)
    with folding(corner, snapshot=False, time_zone="UTC") as folded:
        ahead = datetime.now(UTC).replace(tzinfo=None, year=2090, microsecond=123_456)
        folded.position = {"high": ahead.isoformat()}
        corner.execute(f"INSERT INTO $.t VALUES (1, 'a', {ago(corner, 600)});")
        assert folded.poll() == [1]
        corner.execute(f"INSERT INTO $.t VALUES (2, 'b', {NOW[corner.kind]});")
        assert folded.poll() == [2]


@pytest.mark.parametrize("times", ["varchar(30)", "int", "time"])
def test_a_column_without_times_is_refused(corner: Corner, times: str) -> None:
    made(corner, times)
    with folding(corner) as folded, pytest.raises(PermanentError, match=r"holds no date or time.*TIMESTAMP"):
        folded.poll()


def test_a_table_without_a_key_is_refused_with_what_to_do(corner: Corner) -> None:
    corner.execute(f"CREATE TABLE $.t (id int, x varchar(9), at {PLAIN[corner.kind]});")
    corner.execute(f"INSERT INTO $.t VALUES (1, 'a', '{OLD}'), (NULL, 'b', '{OLD}');")
    with folding(corner) as folded, pytest.raises(PermanentError, match="under `key`, or use images mode"):
        folded.poll()
    for first in (True, False):
        with folding(corner, key=["id"], snapshot=first) as folded:
            assert folded.poll() == [1]


def test_the_column_that_breaks_ties_need_not_be_the_key(corner: Corner) -> None:
    corner.execute(f"CREATE TABLE $.t (id int PRIMARY KEY, n int NOT NULL, at {PLAIN[corner.kind]});")
    rows = ", ".join(f"({id_}, {id_ % 3}, '{OLD}')" for id_ in range(20))
    corner.execute(f"INSERT INTO $.t VALUES {rows};")
    with folding(corner, "timestamp+incrementing", columns=["at", "n"], snapshot=False) as folded:
        assert folded.poll(Ask(rows=1)) == sorted(range(20), key=lambda id_: (id_ % 3, id_))


def test_a_snapshot_is_taken_up_again_at_any_page_and_hands_over_without_a_gap(corner: Corner) -> None:
    made(corner)
    corner.execute(f"INSERT INTO $.t VALUES {', '.join(f'({n}, {n}, NULL)' for n in range(0, 20, 2))};")
    with folding(corner) as folded:
        places = [folded.connector.poll(folded.stream, None, Ask(rows=3)).position]
        while "snapshot" in places[-1]:
            places.append(folded.connector.poll(folded.stream, places[-1], Ask(rows=3)).position)
        rows = ", ".join(f"({n}, {n}, {NOW[corner.kind]})" for n in range(1, 21, 2))
        corner.execute(f"INSERT INTO $.t VALUES {rows};")
        corner.execute(f"UPDATE $.t SET x = 'new', at = {NOW[corner.kind]} WHERE id < 10;")
    id_ = corner.column("id")
    for place in places:
        last = place.get("snapshot", {"after": {id_: 99}})["after"][id_]
        before = [n for n in range(0, 20, 2) if last >= n]
        with folding(corner) as folded:
            folded.position = place
            folded.poll(Ask(rows=3))
            assert folded.table.keys() | before == set(range(20))
            assert all(folded.table[n]["x"] == "new" for n in range(10))


@pytest.mark.parametrize("isolation", ["read_committed", "repeatable_read"])
def test_what_is_committed_when_open_transactions_are_asked_for_is_read(
    postgres_corner: Corner, monkeypatch: pytest.MonkeyPatch, isolation: str
) -> None:
    made(postgres_corner)
    postgres_corner.execute(f"INSERT INTO $.t VALUES (1, 'a', {ago(postgres_corner, 100)});")
    options = {"mode": "timestamp", "columns": ["at"], "snapshot": False, "late_window": "1s"}
    allowed = session.Session.allowed

    def commits_before(here: session.Session, sql: str | None) -> str | None:
        if "pg_stat_activity" in str(sql):
            monkeypatch.undo()
            postgres_corner.execute(f"INSERT INTO $.t VALUES (2, 'late', {ago(postgres_corner, 50)});")
        return allowed(here, sql)

    with postgres_corner.opened({postgres_corner.name("t"): options}, isolation=isolation) as connector:
        (stream,) = connector.discover()
        monkeypatch.setattr(session.Session, "allowed", commits_before)
        batches = polled(connector, stream)
        assert [row["id"] for batch in batches for row in postgres_corner.rows(batch)] == [1, 2]


def test_doctor_says_whether_open_transactions_are_seen(postgres_corner: Corner) -> None:
    made(postgres_corner)
    may_prepare = postgres_corner.execute("SHOW max_prepared_transactions;").strip() != "0"
    role = f"reader_{postgres_corner.schema}"
    postgres_corner.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD '{postgres_corner.server.password}';"
        f" GRANT USAGE ON SCHEMA $ TO {role}; GRANT SELECT ON $.t TO {role};"
    )
    streams = {postgres_corner.name("t"): {"mode": "timestamp", "columns": ["at"]}}
    try:
        with postgres_corner.opened(streams, user=role) as connector:
            (blind,) = [f for f in connector.check() if "transactions of others" in f.text]
            assert (blind.level, blind.remedy) == (Level.WARNING, f"GRANT pg_read_all_stats TO {role}")
            polled(connector, connector.discover()[0])
        postgres_corner.execute(blind.remedy + ";")
        with postgres_corner.opened(streams, user=role) as connector:
            found = connector.check()
            assert any("open transactions are seen" in f.text for f in found)
            assert any("prepared transaction" in f.text for f in found) is may_prepare
    finally:
        postgres_corner.execute(f"DROP OWNED BY {role}; DROP ROLE {role};")


def test_doctor_says_that_writers_are_elsewhere_where_nobody_may_write(
    mariadb: DatabaseServer, test_password: None
) -> None:
    corner = Corner(mariadb)
    made(corner)
    try:
        with folding(corner) as folded:
            assert any("open transactions are seen" in f.text for f in folded.connector.check())
        corner.execute("SET GLOBAL read_only = 1;")
        with folding(corner) as folded:
            (standby,) = [f for f in folded.connector.check() if "this is a standby" in f.text]
            assert standby.level is Level.WARNING
    finally:
        corner.execute("SET GLOBAL read_only = 0;")
        corner.drop()

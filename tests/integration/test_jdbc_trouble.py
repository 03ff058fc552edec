"""Databases that refuse, hang, die and come back."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import jpype
import pytest

from bridge.contract import Ask, Scan
from bridge.errors import BridgeError, BusyError, ConfigError, CredentialsError, TransientError
from bridge.testing.conforming import drain, interrupted_poll
from bridge.testing.databases import DatabaseServer, H2Server, PostgresServer
from bridge.testing.proxy import TcpProxy
from connectors.jdbc import JdbcConnector, jvm
from connectors.jdbc import connector as module
from connectors.jdbc.session import Session
from connectors.jvm import options as java_options
from tests.integration.jdbc_tables import Corner

WRONG = "no-such-password-4711"


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PASSWORD", DatabaseServer.password)
    monkeypatch.setenv("TEST_WRONG_PASSWORD", WRONG)


def configured(url: str, table: str, **more: Any) -> JdbcConnector:
    options = {"url": url, "user": "bridge", "password": "env:TEST_PASSWORD", **more}
    return JdbcConnector(
        JdbcConnector.Config.model_validate({"streams": {table: {"mode": "incrementing"}}, **options})
    )


@pytest.fixture
def table(postgres: DatabaseServer) -> Iterator[str]:
    """A table of 100 rows in PostgreSQL."""
    name = f"public.t{uuid.uuid4().hex[:10]}"
    postgres.execute(
        f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} SELECT generate_series(1, 100);"
    )
    yield name
    postgres.execute(f"DROP TABLE {name};")


@contextmanager
def locked(server: DatabaseServer, table: str) -> Iterator[None]:
    """Another session holds the table so that nobody can read it."""
    connection = jpype.java.sql.DriverManager.getConnection(server.url, server.user, server.password)
    connection.setAutoCommit(False)
    connection.createStatement().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        connection.close()


def test_a_table_that_is_locked_when_it_is_described_is_no_matter_of_the_others(
    postgres_corner: Corner,
) -> None:
    postgres_corner.execute("CREATE TABLE $.a (id int PRIMARY KEY); CREATE TABLE $.b (id int PRIMARY KEY);")
    postgres_corner.execute("INSERT INTO $.b VALUES (1);")
    streams = {postgres_corner.name(table): {"mode": "incrementing"} for table in "ab"}
    with postgres_corner.opened(streams, statement_timeout="1s") as connector:
        with locked(postgres_corner.server, postgres_corner.name("a")):
            busy, free = connector.discover()
            assert connector.poll(free, None, Ask()).rows == 1
            with pytest.raises(TransientError, match="statement timeout"):
                connector.poll(busy, None, Ask())
            assert connector.poll(free, None, Ask()).rows == 1
        busy, _ = connector.discover()
        assert busy.tables
        connector.poll(busy, None, Ask())


def test_a_table_that_is_locked_does_not_end_the_pass_over_one_without_a_key(
    postgres_corner: Corner,
) -> None:
    """The session lives, and nobody opens another: see BusyError."""
    corner = postgres_corner
    corner.execute("CREATE TABLE $.busy (id int PRIMARY KEY); CREATE TABLE $.loose (id int);")
    corner.execute("INSERT INTO $.busy VALUES (1); INSERT INTO $.loose SELECT generate_series(1, 100);")
    streams = {corner.name(table): {"mode": "images"} for table in ("busy", "loose")}
    with corner.opened(streams, statement_timeout="1s") as connector:
        busy, loose = connector.discover()
        first = connector.poll(loose, None, Ask(rows=10))
        with locked(corner.server, corner.name("busy")), pytest.raises(BusyError, match="statement timeout"):
            connector.poll(busy, None, Ask())
        second = connector.poll(loose, first.position, Ask(rows=100))
        assert [each["id"] for batch in (first, second) for each in corner.rows(batch)] == [*range(1, 101)]
        assert second.scan is Scan.LAST
        assert connector.poll(busy, None, Ask()).rows == 1


def test_a_locked_table_whose_session_is_gone_too_has_it_opened_anew(
    postgres_corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres_corner.execute("CREATE TABLE $.busy (id int PRIMARY KEY);")
    name = postgres_corner.name("busy")
    monkeypatch.setattr(Session, "lives", lambda _: False)
    with postgres_corner.opened({name: {"mode": "images"}}, statement_timeout="1s") as connector:
        (busy,) = connector.discover()
        with locked(postgres_corner.server, name), pytest.raises(TransientError) as caught:
            connector.poll(busy, None, Ask())
        assert type(caught.value) is TransientError


def test_a_table_that_was_locked_is_told_before_it_is_read_whatever_became_of_the_session(
    postgres_corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres_corner.execute("CREATE TABLE $.busy (id int PRIMARY KEY); INSERT INTO $.busy VALUES (1);")
    name = postgres_corner.name("busy")
    with postgres_corner.opened({name: {"mode": "images"}}, statement_timeout="1s") as connector:
        with locked(postgres_corner.server, name):
            (busy,) = connector.discover()
            assert not busy.tables
        monkeypatch.setattr(module, "IDLE_S", 0)
        with monkeypatch.context() as cut:
            cut.setattr(Session, "lives", lambda _: False)
            with pytest.raises(TransientError, match="can be described now"):
                connector.poll(busy, None, Ask())
        (told,) = connector.discover()
        assert connector.poll(told, None, Ask()).rows == 1


def test_tables_that_are_locked_hold_up_no_discovery_past_its_deadline(postgres_corner: Corner) -> None:
    """Each is looked at once, with a word between two; later on one is, in turn."""
    postgres_corner.execute("".join(f"CREATE TABLE $.{table} (id int PRIMARY KEY);" for table in "abcd"))
    streams = {postgres_corner.name("*"): {"mode": "incrementing"}}
    words: list[float] = []
    with postgres_corner.opened(streams, statement_timeout="1s") as connector, ExitStack() as locks:
        connector.goes_on = lambda: words.append(time.monotonic())
        for table in "abc":
            locks.enter_context(locked(postgres_corner.server, postgres_corner.name(table)))
        words.append(time.monotonic())
        assert [bool(each.tables) for each in connector.discover()] == [False, False, False, True]
        assert max(after - before for before, after in pairwise(words)) < 2
        for _ in range(2):
            began = time.monotonic()
            connector.discover()
            assert time.monotonic() - began < 2
        locks.close()
        found = [connector.discover() for _ in range(2)][-1]
        assert all(each.tables for each in found)


def test_queries_over_a_locked_table_are_looked_at_by_their_polls(postgres_corner: Corner) -> None:
    postgres_corner.execute("CREATE TABLE $.t (id int PRIMARY KEY);")
    name = postgres_corner.name("t")
    query = {"mode": "images", "query": f"SELECT * FROM {name}", "key": ["id"]}
    with postgres_corner.opened({"q": query, "r": query}, statement_timeout="1s") as connector:
        with locked(postgres_corner.server, name):
            streams = connector.discover()
            began = time.monotonic()
            connector.discover()
            assert time.monotonic() - began < 1
            with pytest.raises(BusyError):
                connector.poll(streams[0], None, Ask())
        for stream in streams:
            with pytest.raises(TransientError, match="can be described now"):
                connector.poll(stream, None, Ask())
        assert all(each.tables for each in connector.discover())


def test_a_wrong_password_costs_one_attempt(postgres: DatabaseServer, table: str) -> None:
    before = postgres.log.read_text().count("password authentication failed")
    connector = configured(postgres.url, table, password="env:TEST_WRONG_PASSWORD")
    with closing(connector), pytest.raises(CredentialsError) as refusal:
        connector.open()
    assert WRONG not in str(refusal.value)
    assert postgres.log.read_text().count("password authentication failed") == before + 1


def test_a_missing_secret_is_named(postgres: DatabaseServer, table: str) -> None:
    connector = configured(postgres.url, table, password="env:TEST_NOBODY_SET_IT")
    with closing(connector), pytest.raises(ConfigError, match="TEST_NOBODY_SET_IT"):
        connector.open()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"driver": "org.nowhere.Driver"}, "no driver of class org.nowhere.Driver"),
        ({"driver": "java.lang.String"}, "no driver of class java.lang.String"),
        ({"jars": ["/nowhere/*.jar"]}, "there is no file /nowhere/"),
        ({"url": "jdbc:nowhere:x"}, "No suitable driver"),
        ({"properties": {"sslmode": "nonsense"}}, "Invalid sslmode"),
        ({"properties": {"options": "-c work_mem=much"}}, "check the URL and `properties`"),
        *(
            ({"properties": {"maxResultBuffer": written}}, "under `properties`, write maxResultBuffer as")
            for written in ("much", "-5", "0")
        ),
        ({"properties": {"maxResultBuffer": "12p3"}}, "check the URL and `properties`"),
        ({"url": "jdbc:h2:erp"}, "absolute path"),
    ],
)
def test_a_wrong_driver_or_url_is_named(
    postgres: DatabaseServer, table: str, options: dict[str, Any], text: str
) -> None:
    connector = configured(**{"url": postgres.url, "table": table, **options})
    with closing(connector), pytest.raises(ConfigError) as refusal:
        connector.open()
    assert text in str(refusal.value)
    assert refusal.value.remedy
    assert len(str(refusal.value).splitlines()) == 1


def test_a_missing_driver_is_named_with_its_coordinates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEGACY_BRIDGE_JARS", str(tmp_path))
    connector = configured("jdbc:mariadb://127.0.0.1/erp", "erp.t")
    with closing(connector), pytest.raises(ConfigError) as refusal:
        connector.open()
    assert "org.mariadb.jdbc:mariadb-java-client" in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)


def test_a_missing_java_is_named(tmp_path: Path) -> None:
    program = (
        "from connectors.jdbc import JdbcConnector as J;"
        "streams = {'A.B': {'mode': 'incrementing'}};"
        "J(J.Config.model_validate({'url': 'jdbc:h2:mem:x', 'streams': streams})).open()"
    )
    library = tmp_path / "libjvm.so"
    library.write_text("no library")
    env = os.environ | {"JAVA_HOME": str(tmp_path), "PATH": "/nowhere"}
    hidden = f"import jpype; jpype.getDefaultJVMPath = lambda: {str(library)!r}; {program}"
    done = subprocess.run(
        [sys.executable, "-c", hidden], env=env, capture_output=True, text=True, check=False
    )
    assert "ConfigError: no Java" in done.stderr
    assert "set JAVA_HOME" in done.stderr


def test_an_interrupted_statement_ends_in_the_database_too(postgres: DatabaseServer) -> None:
    postgres.execute("CREATE VIEW public.slow AS SELECT n AS x FROM generate_series(1, 5) n, pg_sleep(30);")
    streams = {"public.slow": {"mode": "incrementing", "columns": ["x"], "unique": True}}
    with closing(configured(postgres.url, "", streams=streams)) as connector:
        connector.open()
        (stream,) = connector.discover()
        took, error = interrupted_poll(connector, stream)
    running = "SELECT state FROM pg_stat_activity WHERE query LIKE '%\"slow\"%' AND pid <> pg_backend_pid();"
    assert "active" not in postgres.execute(running)
    assert took < 20
    assert isinstance(error, TransientError)
    postgres.execute("DROP VIEW public.slow;")


def test_an_embedded_database_is_interrupted_too(tmp_path: Path) -> None:
    url = f"jdbc:h2:{tmp_path}/erp"
    streams = {"PUBLIC.ENDLESS": {"mode": "incrementing", "columns": ["X"], "unique": True}}
    with closing(configured(url, "", streams=streams)) as connector:
        with suppress(BridgeError):
            connector.open()
        writer = jpype.java.sql.DriverManager.getConnection(url, "bridge", DatabaseServer.password)
        writer.createStatement().execute(
            "CREATE VIEW endless AS"
            " SELECT a.x + b.x AS x FROM system_range(1, 100000) a, system_range(1, 100000) b"
        )
        (stream,) = connector.discover()
        took, error = interrupted_poll(connector, stream)
        writer.close()
    assert took < 20
    assert isinstance(error, TransientError)


def test_a_statement_that_takes_too_long_is_given_up(postgres: DatabaseServer, table: str) -> None:
    with closing(configured(postgres.url, table, statement_timeout="1s")) as connector:
        connector.open()
        (stream,) = connector.discover()
        with locked(postgres, table), pytest.raises(TransientError, match="raise statement_timeout"):
            connector.poll(stream, None, Ask())


@pytest.mark.parametrize("server", ["postgres", "h2"])
def test_a_silent_database_does_not_hang_anything(server: str, request: pytest.FixtureRequest) -> None:
    """Connecting, reading and closing all end by their own time-outs, without an interrupt."""
    database: DatabaseServer = request.getfixturevalue(server)
    with TcpProxy(database.port) as proxy:
        url = database.url.replace(str(database.port), str(proxy.port))
        connector = configured(url, "PUBLIC.NOTHING", login_timeout="1s", statement_timeout="1s")
        with proxy.silence():
            began = time.monotonic()
            with pytest.raises(TransientError):
                connector.open()
            connector.close()
        connector.open()
        with proxy.silence():
            with pytest.raises(TransientError):
                connector.discover()
            connector.close()
        assert time.monotonic() - began < 12


def test_connecting_can_be_interrupted(postgres: DatabaseServer, table: str) -> None:
    with TcpProxy(postgres.port) as proxy, proxy.silence():
        url = postgres.url.replace(str(postgres.port), str(proxy.port))
        with closing(configured(url, table, login_timeout="30s")) as connector:
            timer = threading.Timer(0.3, connector.interrupt)
            timer.start()
            began = time.monotonic()
            with pytest.raises(TransientError, match="interrupted"):
                connector.open()
            assert time.monotonic() - began < 20
            timer.join()


def test_a_slow_first_look_at_the_database_does_not_count_as_connecting(
    postgres: DatabaseServer, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy host the first statements of a fresh JVM took longer than what login_timeout had left."""
    identity = Session._identity

    def slow(session: Session) -> str:
        time.sleep(3.5)
        return identity(session)

    with closing(configured(postgres.url, table)) as first:
        first.open()
    monkeypatch.setattr(Session, "_identity", slow)
    with closing(configured(postgres.url, table, login_timeout="2s")) as connector:
        connector.open()
        assert len(connector.discover()) == 1


def test_an_interrupt_before_the_connection_is_made_is_not_forgotten(
    postgres: DatabaseServer, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = configured(postgres.url, table)
    start = jvm.start

    def interrupted(*args: Any) -> None:
        start(*args)
        connector.interrupt()

    monkeypatch.setattr(jvm, "start", interrupted)
    with closing(connector), pytest.raises(TransientError, match="interrupted"):
        connector.open()
    assert "jdbc-fuse" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("kind", [PostgresServer, H2Server])
def test_reading_goes_on_where_it_stood_when_the_server_comes_back(kind: type[DatabaseServer]) -> None:
    with kind() as server:
        server.execute("CREATE TABLE t (id int PRIMARY KEY, x varchar(200));\n")
        numbers = "generate_series(1, 50000) x" if kind is PostgresServer else "system_range(1, 50000)"
        server.execute(f"INSERT INTO t SELECT x, repeat('x', 150) FROM {numbers};")
        table = "public.t" if kind is PostgresServer else "PUBLIC.T"
        position, seen = None, []
        connector = configured(server.url, table)
        connector.open()
        (stream,) = connector.discover()
        for _ in range(3):
            batch = connector.poll(stream, position, Ask(rows=1000))
            position = batch.position
            seen += batch.changes[0].rows.column(0).to_pylist()
        server.kill()
        with pytest.raises(TransientError):
            drain(connector, stream, position)
        connector.close()
        with pytest.raises(TransientError):
            connector.open()
        connector.close()
        server.start()
        with closing(configured(server.url, table)) as successor:
            successor.open()
            assert successor.discover()[0].identity == stream.identity
            seen += [row[stream.tables[0].key[0]] for row in drain(successor, stream, position).rows]
    assert seen == list(range(1, 50001))


WORKER = """
import os, signal, sys, threading
from connectors.jdbc import JdbcConnector, jvm
told = []
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda got, _: told.append(int(got)))
def work():
    connector = JdbcConnector(JdbcConnector.Config.model_validate({
        "url": "jdbc:h2:mem:x", "heap": "48m", "streams": {"A.B": {"mode": "incrementing"}}}))
    connector.open()
    %s
thread = threading.Thread(target=work)
thread.start()
thread.join()
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    os.kill(os.getpid(), number)
print(told)
"""


def worker(body: str) -> subprocess.CompletedProcess[str]:
    program = WORKER % body
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )


def test_signals_stay_with_python_and_an_open_connection_does_not_hold_the_process() -> None:
    done = worker("pass")
    assert done.stdout.strip() == str([int(signal.SIGTERM), int(signal.SIGINT), int(signal.SIGHUP)])
    assert done.returncode == 0, done.stderr


def test_java_out_of_memory_ends_the_process() -> None:
    done = worker("import jpype; keep = [jpype.JArray(jpype.JLong)(1 << 20) for _ in range(100)]")
    assert done.returncode == 3, "ExitOnOutOfMemoryError exits with 3"
    assert "[" not in done.stdout


LARGE = """pass
    from bridge.contract import Ask
    reader = JdbcConnector(JdbcConnector.Config.model_validate({
        "url": "%(url)s", "user": "bridge", "password": "env:TEST_PASSWORD",
        "streams": {"%(table)s": {"mode": "incrementing"}}}))
    reader.open()
    batch = reader.poll(reader.discover()[0], None, Ask())
    rows = batch.changes[0].rows.to_pylist()
    print([[row["ID"], len(row["C"] or ""), len(row["B"] or "")] for row in rows])
    print([(reject.key["ID"].as_py(), reject.reason) for reject in batch.rejects])
    reader.close()
"""


def test_a_value_larger_than_the_heap_is_a_reject_and_not_the_end(h2: DatabaseServer, tmp_path: Path) -> None:
    text = "naïve 😀" * 3000
    (small := tmp_path / "small").write_text(text)
    (large := tmp_path / "large").write_bytes(b"x" * (40 << 20))
    table = f"LARGE_{uuid.uuid4().hex[:8].upper()}"
    h2.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, c clob, b blob);")
    for row in (
        f"1, FILE_READ('{small}', 'UTF-8'), FILE_READ('{small}')",
        f"2, FILE_READ('{large}', 'UTF-8'), NULL",
        f"3, '', FILE_READ('{large}')",
        "4, NULL, NULL",
    ):
        h2.execute(f"INSERT INTO {table} VALUES ({row});")
    done = worker(LARGE % {"url": h2.url, "table": f"PUBLIC.{table}"})
    h2.execute(f"DROP TABLE {table};")
    assert done.returncode == 0, done.stdout
    rows, rejects, _ = map(ast.literal_eval, done.stdout.splitlines())
    assert rows == [[1, len(text), len(text.encode())], [4, 0, 0]]
    assert [key for key, _ in rejects] == [2, 3]
    assert [reason.partition(" is longer than ")[0] for _, reason in rejects] == ["column C:", "column B:"]


def test_java_looks_for_garbage_when_it_is_full_not_when_python_has_grown() -> None:
    done = worker(
        "import gc, jpype; beans = jpype.java.lang.management.ManagementFactory;"
        "old = [each for each in beans.getGarbageCollectorMXBeans() if 'MarkSweep' in str(each.getName())];"
        "before = old[0].getCollectionCount();"
        "grown = [([bytes(50_000) for _ in range(20)], gc.collect()) for _ in range(300)];"
        "print(len(old), old[0].getCollectionCount() - before)"
    )
    assert done.stdout.split()[:2] == ["1", "0"], done.stderr


def test_what_drivers_print_and_log_goes_nowhere() -> None:
    """It would stand beside the log, unmasked."""
    done = worker(
        "import jpype; java = jpype.java;"
        "java.util.logging.Logger.getLogger('org.postgresql').severe('hunter2xyz');"
        "java.lang.System.err.println('hunter2xyz'); java.lang.System.out.println('hunter2xyz')"
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert "hunter2xyz" not in done.stdout


def test_java_is_bounded_and_utc() -> None:
    options = java_options("48m")
    assert {"-Xmx48m", "-XX:MaxDirectMemorySize=48m", "-XX:+ExitOnOutOfMemoryError"} <= set(options)
    done = worker(
        "import jpype; java = jpype.java;"
        "print(java.util.TimeZone.getDefault().getID(), java.lang.Runtime.getRuntime().maxMemory() >> 20)"
    )
    zone, heap = done.stdout.split()[:2]
    assert zone == "UTC"
    assert int(heap) <= 48

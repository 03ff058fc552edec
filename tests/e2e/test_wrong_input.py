"""What an operator got wrong costs one line that names the place and the remedy, and harms nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.databases import DatabaseServer
from bridge.testing.kafka import Broker, free_ports
from bridge.testing.sqlite_source import SqliteSource
from tests.e2e.evidence import arrived, command, hostile, in_state, parked, source, sqlite

pytestmark = pytest.mark.slow

UNIQUE = uuid4().hex[:8]
TABLE = f"WRONG_{UNIQUE}".upper()
SEVERAL_BACKOFFS_S = 3.0


def jdbc(server: DatabaseServer, **options: Any) -> dict[str, Any]:
    return {
        "kind": "jdbc", "url": server.url, "user": server.user, "password": "env:TEST_DB_PASSWORD",
        "heap": "64m", "interval": "200ms", "streams": {f"PUBLIC.{TABLE}": {"mode": "incrementing"}},
        **options,
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wrong")


@pytest.fixture(scope="module")
def guarded(folder: Path) -> SqliteSource:
    """A database that asks for a password and counts who asked."""
    legacy = source(folder / "guarded.db")
    with legacy.session() as database:
        database.execute("CREATE TABLE passwords (password TEXT)")
        database.execute("CREATE TABLE attempts (at TEXT DEFAULT CURRENT_TIMESTAMP)")
        database.execute("INSERT INTO passwords VALUES ('right')")
    legacy.insert(10)
    return legacy


def attempts(guarded: SqliteSource) -> int:
    with guarded.session() as database:
        return int(database.execute("SELECT count(*) FROM attempts").fetchone()[0])


@pytest.fixture(scope="module")
def daemon(
    broker: Broker, h2: DatabaseServer, postgres: DatabaseServer, guarded: SqliteSource, folder: Path
) -> Iterator[DaemonProcess]:
    """One connector for each thing that can be wrong, and one with which nothing is."""
    h2.execute(f"CREATE TABLE {TABLE} (ID BIGINT PRIMARY KEY, PAYLOAD VARCHAR(10))")
    h2.execute(f"INSERT INTO {TABLE} VALUES (1, 'one')")
    (folder / "password").write_text("wrong")
    (folder / "folder").mkdir()
    plain = folder / "plain.db"
    source(plain).insert(10)
    tables = {f"PUBLIC.{TABLE}": {"mode": "incrementing"}, f"PUBLIC.{TABLE}S": {"mode": "incrementing"}}
    wrong = {
        "password": sqlite(guarded.path, password=f"file:{folder}/password"),
        "postgres": jdbc(postgres, user=f"stranger_{UNIQUE}"),
        "one": jdbc(h2, streams=tables),
        "column": jdbc(h2, streams={f"PUBLIC.{TABLE}": {"mode": "incrementing", "columns": ["CHANGED"]}}),
        "driver": jdbc(h2, driver="org.example.Driver"),
        "database": jdbc(postgres, url=f"{postgres.url}_{UNIQUE}"),
        "port": jdbc(h2, url=f"jdbc:h2:tcp://127.0.0.1:{free_ports(1)[0]}/./erp"),
        "url": jdbc(h2, url="jdbc:sap:whatever"),
        "jar": jdbc(h2, jars=[f"{folder}/driver-*.jar"]),
        "option": sqlite(plain, pasword="env:X"),
        "secret": sqlite(plain, password="env:NOBODY_SET_THIS"),
        "file": sqlite(plain, password=f"file:{folder}/folder"),
        "kind": sqlite(plain, kind="sqlit"),
        "table": sqlite(plain, streams={"ordres": {}}),
        "fine": sqlite(plain),
    }
    connectors = {f"{name}-{UNIQUE}": options for name, options in wrong.items()}
    environment = {"TEST_DB_PASSWORD": h2.password}
    with DaemonProcess(folder / "daemon", broker.address, connectors, environment=environment) as started:
        yield started


PARKED = {
    "postgres": rf'connecting to postgresql://127.0.0.1:\d+/erp: FATAL: .* "stranger_{UNIQUE}" \[28P01\]; '
    "check user and password; it is not tried again by itself, since accounts lock",
    "driver": r"no driver of class org.example.Driver in h2-[\d.]+jar; check `driver` and `jars`",
    "database": rf'connecting to .*: FATAL: database "erp_{UNIQUE}" does not exist \[3D000\]; '
    "check the database's name in the URL",
    "url": "No suitable driver for sap:whatever; check the URL; see that /.* has the driver's jar, "
    "or name its class under `driver`",
    "jar": r"jars: there is no file /.*/driver-\*\.jar; name the driver's jar",
    "option": rf"connector option-{UNIQUE}: pasword: unknown option 'pasword' "
    r"\(did you mean 'password'\?.*\)",
    "secret": "the environment has no variable NOBODY_SET_THIS; set it, env:NOBODY_SET_THIS reads it",
    "file": "cannot read the secret file:/.*/folder: Is a directory; check the path and its permissions",
    "kind": "no connector of kind 'sqlit'; installed: jdbc, mainframe, oracle, sap, sqlite; "
    "did you mean 'sqlite'[?]",
    "table": "no table 'ordres'; there are: orders, whims",
}


@pytest.mark.parametrize("wrong", PARKED)
def test_what_cannot_work_is_parked_with_one_line_of_place_and_remedy(
    daemon: DaemonProcess, wrong: str
) -> None:
    name = f"{wrong}-{UNIQUE}"
    error = parked(daemon, name)
    assert re.fullmatch(PARKED[wrong], error)
    assert daemon.connector(name)["restarts"] == 0, "it was tried once"


def test_a_table_that_is_not_there_parks_its_stream_and_no_other(daemon: DaemonProcess) -> None:
    there, missing = f"PUBLIC.{TABLE}", f"PUBLIC.{TABLE}S"
    in_state(daemon, f"one-{UNIQUE}", "RUNNING", stream=there)
    in_state(daemon, f"one-{UNIQUE}", "FAILED", stream=missing)
    error = daemon.stream(f"one-{UNIQUE}", missing)["error"]
    assert error == f"streams: the database has no table {missing}; did you mean {there}?"


def test_a_column_that_is_not_there_parks_its_stream_and_names_those_there_are(daemon: DaemonProcess) -> None:
    in_state(daemon, f"column-{UNIQUE}", "FAILED", stream=f"PUBLIC.{TABLE}")
    error = daemon.stream(f"column-{UNIQUE}", f"PUBLIC.{TABLE}")["error"]
    assert error == f"table PUBLIC.{TABLE} has no column CHANGED; it has ID, PAYLOAD"


def test_a_port_where_nobody_listens_is_tried_again_and_named(daemon: DaemonProcess) -> None:
    name = f"port-{UNIQUE}"
    wait_until(lambda: daemon.connector(name).get("state") == "BACKOFF", 60, "BACKOFF")
    error = daemon.connector(name)["error"]
    assert re.fullmatch(r"connecting to h2:tcp://127.0.0.1:\d+/./erp: .* it is tried again; check .*", error)


def test_what_is_wrong_harms_nobody_with_whom_nothing_is(daemon: DaemonProcess, broker: Broker) -> None:
    for name in PARKED:
        parked(daemon, f"{name}-{UNIQUE}")
    in_state(daemon, f"fine-{UNIQUE}", "RUNNING")
    rows = list(range(1, 11))
    assert arrived(broker.address, f"fine-{UNIQUE}.orders", rows) == rows


def test_no_wrong_input_makes_a_traceback(daemon: DaemonProcess) -> None:
    for name in PARKED:
        parked(daemon, f"{name}-{UNIQUE}")
    assert "Traceback" not in daemon.logged()


def test_a_wrong_password_is_tried_exactly_once_and_anew_when_the_secret_changes(
    daemon: DaemonProcess, guarded: SqliteSource, postgres: DatabaseServer, folder: Path
) -> None:
    refused = f'password authentication failed for user "stranger_{UNIQUE}"'
    assert parked(daemon, f"password-{UNIQUE}") == "the database refuses the password; change the secret"
    parked(daemon, f"postgres-{UNIQUE}")
    time.sleep(SEVERAL_BACKOFFS_S)
    assert attempts(guarded) == 1
    assert postgres.log.read_text().count(refused) == 1

    (folder / "password").write_text("right")
    in_state(daemon, f"password-{UNIQUE}", "RUNNING")
    assert attempts(guarded) == 2


# -- files that no daemon starts with


FINE = """\
version: 1
name: plant
kafka: {{bootstrap.servers: "localhost:1"}}
daemon: {{run_dir: {run_dir}}}
connectors:
  erp: {{kind: sqlite, path: /nowhere, streams: {{orders: {{}}}}}}
"""


ENGINES = [
    ("run_dir", "rundir", "4:10: daemon.rundir: unknown option 'rundir'; did you mean 'run_dir'?"),
    (
        "}}}\n", "}}}\n  erp: {kind: sqlite}\n",
        "7:3: connectors.erp: appears twice, first in line 6; rename or remove one",
    ),
    (
        'localhost:1"', 'localhost:1", sasl.password: tiger',
        "3:58: kafka.'sasl.password': a secret in clear (not shown); write env:NAME, file:PATH or cred:NAME",
    ),
    (
        "version: 1", "version: 2",
        "1:10: version: 2 is no version this bridge reads; install a newer legacy-bridge",
    ),
    ("kafka:", "kafka", "3:40: not YAML: did not find expected key; check quotes, colons and indentation"),
]  # fmt: skip
CONNECTORS = [
    (
        "orders: {}", "orders: {intervall: 5s}",
        "6:58: connectors.erp.streams.orders.intervall: unknown option 'intervall'; did you mean 'interval'?",
    ),
    ("path: /nowhere, ", "", "6:3: connectors.erp: 'path' is missing"),
    (
        "path: /nowhere, ", "path: /nowhere, max_rows_per_s: none, ",
        "6:55: connectors.erp.max_rows_per_s: 'none' is not a whole number",
    ),
    ("sqlite", "sqlit", "6:15: connectors.erp.kind: no connector of kind 'sqlit'; installed:"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "told"), ENGINES)
def test_the_daemon_refuses_a_wrong_file_with_one_line(
    tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(FINE.format(run_dir=tmp_path).replace(right, wrong))
    done = command("run", file)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"{file}:{told}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("right", "wrong", "told"), CONNECTORS)
def test_checking_the_file_finds_wrong_options_of_connectors(
    tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(FINE.format(run_dir=tmp_path).replace(right, wrong))
    done = command("config", "check", file, environment=hostile(tmp_path))
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith(f"{file}:{told}")
    assert done.stdout.count("\n") == 1


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    missing = command("run", tmp_path / "missing.yaml")
    assert missing.returncode == 3
    assert missing.stderr == (
        f"{tmp_path}/missing.yaml: cannot read the file: No such file or directory; "
        "check the path and its permissions\n"
    )

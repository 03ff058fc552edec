"""A driver that takes its process with it takes nothing else: the others go on, and it is back in no time."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.databases import driver_jar
from bridge.testing.hostile import polls
from bridge.testing.kafka import Broker, jdk
from tests.e2e.evidence import arrived, command, hostile, in_state, longest_gap, parked, source, sqlite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PASSWORD = "pw-of-the-feed"
STREAM = "PUBLIC.EVENTS"


@dataclass
class Plant:
    """A daemon with a connector that can be made to crash, and one that must not notice."""

    daemon: DaemonProcess
    address: str
    feed: Path
    crashing: str
    bystander: str
    database: Path

    @property
    def pid(self) -> int:
        found = self.daemon.worker_pid(self.crashing)
        assert found is not None
        return found

    def grow(self, rows: int) -> None:
        """So many rows more."""
        file = self.feed / "rows"
        file.write_text(str(int(file.read_text()) + rows))

    def lay(self, trap: str) -> None:
        """For the next poll; written elsewhere first, so that none sees half of it."""
        (self.feed / "new").write_text(trap)
        (self.feed / "new").rename(self.feed / "trap")

    def is_back(self, before: int) -> bool:
        seen = self.daemon.connector(self.crashing)
        stream = seen.get("streams", {}).get(STREAM, {})
        return seen.get("pid") not in (None, before) and stream.get("state") == "RUNNING"

    def ids(self) -> list[int]:
        return list(range(1, int((self.feed / "rows").read_text()) + 1))


@pytest.fixture(scope="module")
def plant(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("crashes")
    feed = folder / "feed"
    feed.mkdir()
    (feed / "rows").write_text("100")
    _compile(feed)
    legacy = source(folder / "bystander.db")
    legacy.insert(100)
    crashing, bystander = (f"{who}-{uuid4().hex[:8]}" for who in ("feed", "bystander"))
    connectors = {
        crashing: {
            "kind": "jdbc", "url": f"jdbc:h2:{feed}/erp", "user": "sa", "password": "env:FEED_PASSWORD",
            "heap": "64m", "interval": "200ms", "jars": [str(driver_jar("h2")), str(feed)],
            "streams": {STREAM: {"mode": "incrementing", "columns": ["ID"], "unique": True}},
        },
        bystander: sqlite(legacy.path, "hostile", interval="1s"),
    }  # fmt: skip
    environment = {
        **hostile(folder / "daemon"),
        "FEED_PASSWORD": PASSWORD,
        # What a JVM leaves behind when it dies belongs to the test.
        "JAVA_TOOL_OPTIONS": f"-XX:ErrorFile={folder}/hs_err -XX:-CreateCoredumpOnCrash",
    }
    with DaemonProcess(folder / "daemon", broker.address, connectors, environment=environment) as daemon:
        in_state(daemon, crashing, "RUNNING", stream=STREAM)
        in_state(daemon, bystander, "RUNNING")
        yield Plant(daemon, broker.address, feed, crashing, bystander, legacy.path)


def _compile(feed: Path) -> None:
    """The class, and an embedded database whose view is made of it."""
    h2 = str(driver_jar("h2"))
    code = Path(__file__).with_name("Feed.java")
    _run(jdk("javac"), "-nowarn", "-cp", h2, "-d", str(feed), str(code))
    sql = f"CREATE ALIAS FEED FOR 'Feed.rows'; CREATE VIEW EVENTS AS SELECT * FROM FEED('{feed}')"
    shell = (jdk("java"), "-cp", f"{h2}:{feed}", "org.h2.tools.Shell", "-url", f"jdbc:h2:{feed}/erp")
    _run(*shell, "-user", "sa", "-password", PASSWORD, "-sql", sql)


def _run(*command_line: str) -> None:
    subprocess.run(command_line, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("crash", "told"),
    [("exit", "exit code 0"), ("oom", "exit code 3"), ("segv", "killed by SIGSEGV")],
)
def test_a_crash_harms_no_other_and_is_soon_over(plant: Plant, crash: str, told: str) -> None:
    """System.exit, OutOfMemoryError, and a wild pointer in Java code."""
    began, before = time.monotonic(), plant.pid
    untouched = plant.daemon.connector(plant.bystander)["pid"]
    plant.grow(10)
    plant.lay(crash)
    wait_until(lambda: not _alive(before), 20, "the crash")
    wait_until(lambda: plant.is_back(before), 30, "a worker that runs")
    back = time.monotonic()

    assert plant.daemon.connector(plant.crashing)["last_exit"] == told
    rows = plant.ids()
    assert arrived(plant.address, f"{plant.crashing}.{STREAM}", rows, "ID") == rows
    assert plant.daemon.connector(plant.bystander)["pid"] == untouched
    assert longest_gap(polls(plant.database), began, back) < 3.0, "a poll a second"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_sixth_crash_parks_health_names_it_and_resume_brings_it_back(plant: Plant) -> None:
    plant.lay("exit again")
    error = parked(plant.daemon, plant.crashing)
    assert error == "6 crashes in 300 s, last: exit code 0; `resume` tries again"
    told = command("health", plant.daemon.config)
    assert told.returncode == 2
    assert told.stdout.startswith(f"BRIDGE CRITICAL - {plant.crashing} FAILED")
    assert plant.daemon.stream(plant.bystander, "orders")["state"] == "RUNNING"

    (plant.feed / "trap").unlink()
    plant.grow(10)
    assert command("resume", plant.crashing, plant.daemon.config).returncode == 0
    in_state(plant.daemon, plant.crashing, "RUNNING", stream=STREAM)
    rows = plant.ids()
    assert arrived(plant.address, f"{plant.crashing}.{STREAM}", rows, "ID") == rows
    assert command("health", plant.daemon.config).returncode == 0

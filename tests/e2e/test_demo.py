"""What a newcomer meets first, `legacy-bridge demo`: in a pipe, on a terminal, ended early, without Java."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest

from bridge.testing.daemon import wait_until
from bridge.testing.databases import DRIVERS_VARIABLE
from bridge.testing.demo import mainframe, oracle
from bridge.testing.demo.afterwards import KEPT, faults
from bridge.testing.demo.story import Outcome
from bridge.testing.kafka import JARS_VARIABLE

PROGRAM = Path(sys.executable).with_name("legacy-bridge")
# In a process of its own: this one has threads, which a fork would not take along.
ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
MAINFRAME = bool(mainframe.transport())
"""Whether it can be read here."""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@dataclass
class Place:
    """Where a demo runs: a folder for what it makes, an environment that marks its processes."""

    folder: Path
    mark: str

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.folder), "TEST_MARK": self.mark, "TERM": "xterm", **more}

    def left_behind(self) -> list[str]:
        processes = [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if self._ours(path)]
        return [*map(str, self.folder.iterdir()), *processes]

    def _ours(self, environ: Path) -> bool:
        with suppress(OSError):
            return self.mark.encode() in environ.read_bytes()
        return False


@pytest.fixture
def place() -> Iterator[Place]:
    # Not pytest's folder: the paths of sockets must be short.
    with tempfile.TemporaryDirectory(prefix="d-") as folder:
        yield Place(Path(folder), uuid4().hex)


def told(log: Path) -> str:
    return log.read_text() if log.exists() else ""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_loses_nothing_can_be_looked_at_and_leaves_nothing_behind(
    place: Place, tmp_path: Path, broker_jars: Path
) -> None:
    log = tmp_path / "out"
    with log.open("wb") as out:
        command = [str(PROGRAM), "demo", "--keep"]
        demo = subprocess.Popen(command, stdout=out, stderr=out, env=place.environment(), cwd=tmp_path)
    with demo:
        try:
            wait_until(
                lambda: "To end it" in told(log) or demo.poll() is not None, 200, "the end of the story"
            )
            assert demo.poll() is None, told(log)
            look_at(next(place.folder.glob("legacy-bridge-demo-*")), place, told(log))
        finally:
            demo.terminate()
    assert demo.returncode == 0, told(log)
    assert "\n0 lost, 0 doubled, 0 differing\n" in told(log)
    open_records = [
        int(count.replace(",", "")) for count in re.findall(r"([\d,]+) records on the broker", told(log))
    ]
    assert len(open_records) == 2
    assert min(open_records) > 0
    assert told(log).count("back after") == 5 + MAINFRAME
    assert told(log).count("bank.customers") == 2 * MAINFRAME
    assert ("the mainframe's worker, while pages turn" in told(log)) == MAINFRAME
    assert "an Oracle Database, simulated, plays a depot" in told(log)
    assert "Oracle's worker, while the depot works" in told(log)
    assert told(log).count("depot.orders ") == 2
    assert "an SAP system, simulated, plays a sales office" in told(log)
    assert "SAP's worker, while the office works" in told(log)
    assert re.search(r"a change document: \w+ changed .* of customer \d{10}", told(log))
    assert told(log).count("crm.customers ") == 1
    assert not CONTROL.search(told(log))
    assert place.left_behind() == []


def test_every_consumer_that_is_suggested_reads_committed() -> None:
    commands = KEPT.replace("\\\n", "").splitlines()
    consumers = [command for command in commands if "kafka-console-consumer.sh" in command]
    assert len(consumers) == 2
    assert all("--isolation-level read_committed" in command for command in consumers)


CONSUMER = "kafka-console-consumer.sh --bootstrap-server $B --topic erp.orders --from-beginning"
LOOKS = (
    ("legacy-bridge health demo.yaml", "BRIDGE OK"),
    ("legacy-bridge positions show demo.yaml erp", "SALES.ORDHDR"),
    (f"{CONSUMER} --max-messages 3", '"after":{"ORDNO":'),
    (
        "kafka-dump-log.sh --deep-iteration --files $(echo broker/data/erp.*/*.log | tr ' ' ,) | grep ABORT",
        "endTxnMarker: ABORT",
    ),
)


def look_at(folder: Path, place: Place, story: str) -> None:
    """Commands as it prints them do what it says."""
    (address,) = re.findall(r"B=(\S+)", story)
    environment = place.environment(PATH=f"{folder}/bin:{os.environ['PATH']}", B=address)
    for command, expected in LOOKS:
        done = subprocess.run(
            ["sh", "-c", command],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            timeout=60,
            env=environment,
        )
        assert expected in done.stdout, (command, done.stdout[-2000:], done.stderr[-2000:])
        assert command.split()[0] in story


BANK = [b"bank.customers", b"bank"] if MAINFRAME else []
SHOWN = (b"RUNNING", b"SALES.ORDHDR", b"depot.orders", b"crm.customers", *BANK)
"""In the picture: all sources, and the newest event of the mainframe, of Oracle and of SAP."""


@pytest.mark.slow
def test_ctrl_c_ends_the_demo_on_a_terminal_and_leaves_nothing_behind(
    place: Place, broker_jars: Path
) -> None:
    command = [sys.executable, "-c", ON_A_TERMINAL, str(PROGRAM), "demo"]
    pipe = subprocess.PIPE
    seen = b""
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0, env=place.environment()) as demo:
        assert demo.stdin is not None
        assert demo.stdout is not None
        deadline = time.monotonic() + 120
        while not all(each in seen for each in SHOWN) and time.monotonic() < deadline:
            seen += os.read(demo.stdout.fileno(), 65536)
        demo.stdin.write(b"\x03")
        while part := os.read(demo.stdout.fileno(), 65536):
            seen += part
    assert demo.returncode == 130
    assert all(each in seen for each in SHOWN)
    assert b"nothing was left behind" in seen
    assert b"Traceback" not in seen
    assert place.left_behind() == []


@pytest.mark.parametrize(
    ("lacking", "remedy"),
    [
        ({JARS_VARIABLE: "/nonexistent"}, "make setup"),
        ({DRIVERS_VARIABLE: "/nonexistent"}, "make setup"),
        ({"JAVA_HOME": "/nonexistent"}, "apt-get install"),
    ],
)
def test_what_is_missing_is_one_line_with_its_remedy(
    lacking: dict[str, str], remedy: str, place: Place, broker_jars: Path
) -> None:
    done = subprocess.run(
        [PROGRAM, "demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=place.environment(**lacking),
    )
    assert done.returncode == 1
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert place.left_behind() == []


def test_without_a_3270_client_there_is_no_mainframe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(mainframe, "find_spec", lambda name: None if name == "tnz" else find_spec(name))
    assert mainframe.Mainframe.raised() is None
    monkeypatch.setattr(mainframe, "find_spec", find_spec)
    assert mainframe.transport() == "tnz"


def test_a_mainframe_compares_its_customers_with_their_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(mainframe.Mainframe("tnz")) as bank:
        rows = list(bank.rows().values())
        events = [{"op": "r", "before": None, "after": row} for row in rows]
        late = {**rows[0], "mark": 7}
        told = [*events[:-1], events[2], {"op": "u", "before": None, "after": late}]
        monkeypatch.setattr(mainframe, "_events", lambda _address: iter(told))
        found = bank.compared("")
        assert [found[name] for name in ("lost", "doubled", "differing")] == [{"count": 1}] * 3
        assert not bank.arrived("")
        monkeypatch.setattr(mainframe, "_events", lambda _address: iter(events))
        assert bank.arrived("")


def test_without_its_simulator_there_is_no_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "find_spec", lambda name: None if name == "seerdb" else find_spec(name))
    assert oracle.Oracle.raised() is None


SOUND = Outcome(rows=10, events=10, withheld=5, kills=2)


def test_an_outcome_without_faults_is_sound() -> None:
    assert SOUND.sound
    assert faults(SOUND) == []


@pytest.mark.parametrize(
    "fault", [{"lost": 1}, {"doubled": 1}, {"differing": 1}, {"pending": 1}, {"withheld": 0}, {"rows": 0}]
)
def test_one_fault_fails_the_demo(fault: dict[str, int]) -> None:
    figures = {"rows": 10, "events": 10, "withheld": 5, "kills": 2, **fault}
    assert not Outcome(**figures).sound
    assert faults(Outcome(**figures))


def test_ends_of_processes_are_found(place: Place) -> None:
    with subprocess.Popen(["sleep", "30"], env=place.environment()) as sleeper:
        wait_until(lambda: place.left_behind() == [str(sleeper.pid)], 10)
        sleeper.send_signal(signal.SIGKILL)

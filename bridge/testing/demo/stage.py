"""What stands on the demo's stage: a database, a broker, the bridge; and how all of it goes away again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event

from bridge.errors import BridgeError
from bridge.testing.databases import H2Server, driver_jar
from bridge.testing.demo import mainframe, oracle, sap
from bridge.testing.demo.mainframe import Mainframe
from bridge.testing.demo.oracle import Oracle
from bridge.testing.demo.sap import Sap
from bridge.testing.kafka import KafkaBroker, free_ports, jars, jdk
from bridge.testing.killing import PLAN_VARIABLE, Plan, Step

CONNECTOR = "erp"
TOPICS = {
    "CUSTMAST": "erp.customers",
    "ORDHDR": "erp.orders",
    "ORDLIN": "erp.order-lines",
    "PAYMT": "erp.payments",
}
"""Table -> the topic of its events."""
JAVA_NEEDED = 17
FREEZE_S = 20.0

CONFIG = """\
# Written by `legacy-bridge demo`; the same file would do for a real database and broker.
version: 1
name: demo
kafka: {{bootstrap.servers: "{address}"}}
topics: {{on_missing: create, partitions: 3}}
daemon:
  run_dir: {folder}/run
  http: 127.0.0.1:{port}
  log: {{format: json}}
connectors:
  {connector}:
    kind: jdbc
    url: {url}
    user: {user}
    password: file:{folder}/password
    interval: 200ms
    streams:
{streams}
{others}"""


type Other = Mainframe | Oracle | Sap


class DemoError(BridgeError):
    """The demo cannot go on, with the reason and the remedy in one line."""


class Bridge:
    """`legacy-bridge run`, with workers that can be stopped in mid-transaction."""

    def __init__(self, folder: Path, address: str, database: H2Server, others: Sequence[Other]) -> None:
        self.config, self.log = folder / "demo.yaml", folder / "bridge.log"
        self.socket = folder / "run" / "status.sock"
        self._plan_file = folder / f"bridge.{CONNECTOR}.cues"
        (self.port,) = free_ports(1)
        self._plan_file.touch()
        (folder / "password").write_text(database.password)
        (folder / "password").chmod(0o600)
        streams = "\n".join(
            f"      SALES.{table}: {{mode: incrementing, topic: {topic}}}" for table, topic in TOPICS.items()
        )
        self.config.write_text(
            CONFIG.format(
                address=address,
                folder=folder,
                port=self.port,
                connector=CONNECTOR,
                url=database.url,
                user=database.user,
                streams=streams,
                others="".join(each.config(folder) for each in others),
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Start the supervisor; its process id."""
        run = (sys.executable, "-m", "bridge.testing.demo.running", str(self.config))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *run],
                env={**os.environ, PLAN_VARIABLE: str(self._plan_file)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL for the supervisor; the kernel takes its workers along."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def last_words(self) -> str:
        """The newest line of its log that is more than information, in short."""
        for line in reversed(self.log.read_text(errors="replace").splitlines() if self.log.exists() else []):
            told = _parsed(line)
            if told.get("level") != "info":
                return ": ".join(str(told[name]) for name in ("event", "error") if told.get(name))
        return "it said nothing"

    def cue(self, *, passages: int = 1) -> None:
        """The worker freezes in a transaction, that many batches of events of which are on the broker."""
        Plan(self._plan_file).write([(Step.FREEZE, passages)])


class Stage:
    """Everything the demo starts; `close` leaves nothing of it."""

    def __init__(self) -> None:
        require_java()
        jars()
        driver_jar("h2")
        self.folder = Path(tempfile.mkdtemp(prefix="legacy-bridge-demo-"))
        self.database = H2Server()
        self.broker = KafkaBroker(self.folder / "broker")
        self.mainframe = Mainframe.raised()
        self.oracle = Oracle.raised()
        self.sap = Sap.raised()
        self.bridge = Bridge(self.folder, self.broker.address, self.database, self.others)

    def close(self) -> None:
        self.bridge.kill()
        self.broker.close()
        self.database.close()
        for each in self.others:
            each.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def others(self) -> list[Other]:
        """The sources besides the order system that could be raised."""
        return [each for each in (self.mainframe, self.oracle, self.sap) if each]

    @property
    def topics(self) -> tuple[str, ...]:
        """All that are watched."""
        bank = [mainframe.TOPIC] if self.mainframe else []
        depot = oracle.TOPICS.values() if self.oracle else ()
        return (*TOPICS.values(), *bank, *depot, *(sap.TOPICS if self.sap else ()))


def _parsed(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"event": line}


def require_java() -> None:
    """Errors: DemoError when there is no Java, or one that is too old for the broker."""
    remedy = (
        f"install Java >= {JAVA_NEEDED} (Debian: apt-get install default-jdk-headless, "
        f"RHEL: dnf install java-{JAVA_NEEDED}-openjdk-devel), or set JAVA_HOME"
    )
    try:
        said = subprocess.run([jdk("java"), "-version"], capture_output=True, text=True, check=False).stderr
    except OSError as error:
        raise DemoError(f"Java does not run ({error.strerror})", remedy=remedy) from None
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < JAVA_NEEDED:
        raise DemoError(
            f"this Java is too old: {said.splitlines()[0] if said else 'no version'}", remedy=remedy
        )


def until_frozen(pid: int, stop: Event) -> None:
    """Wait until a process is stopped (SIGSTOP). Errors: DemoError."""
    deadline = time.monotonic() + FREEZE_S
    while not _stopped(pid):
        if time.monotonic() > deadline:
            raise DemoError(f"worker {pid} began no transaction within {FREEZE_S:.0f} s")
        stop.wait(0.01)


def _stopped(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        raise DemoError(f"worker {pid} ended before it was to be killed") from None
    return status.rpartition(")")[2].split()[0] == "T"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def worker_of(status: Mapping[str, object], connector: str) -> int | None:
    """Its worker's process id in a status document."""
    connectors = status.get("connectors")
    each = connectors.get(connector) if isinstance(connectors, dict) else None
    return each.get("pid") if isinstance(each, dict) else None

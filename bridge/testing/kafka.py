"""A whole real Kafka broker (KRaft, broker and controller in one JVM), to be started and ill-treated."""

from __future__ import annotations

import base64
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Protocol, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from bridge.testing.qualification import Qualification, qualify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "FAST_START",
    "SUSTAINED",
    "Broker",
    "BrokerError",
    "KafkaBroker",
    "Qualification",
    "RemoteBroker",
    "free_ports",
    "jars",
    "jdk",
    "prepare",
    "qualify",
]

JARS_VARIABLE = "LEGACY_BRIDGE_BROKER_JARS"
CLASSES = "classes.jsa"
"""Beside the jars: the JVM's archive of the broker's classes, see `prepare`."""
FORMATTED = "formatted"
"""Beside the jars: the data folder of a broker that never ran."""

FAST_START = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For tests and the demo: what lives for minutes does not earn back what the optimizing compiler costs."""
SUSTAINED = ("-Xmx1g", "-XX:+UseG1GC")
"""For benchmarks: all of the JIT, as in production."""

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A broker that was killed may register again at once, not 9 s later.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    # An expired transaction is noticed within a second instead of ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # 120 MiB less of memory.
    "log.cleaner.dedupe.buffer.size": "4194304",
}

LOGGING = """\
appenders = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
rootLogger.level = INFO
rootLogger.appenderRefs = console
rootLogger.appenderRef.console.ref = console
"""


class BrokerError(Exception):
    """The broker cannot be started, with the reason and the remedy in one message."""


class Broker(Protocol):
    """What a test needs that only talks to a broker."""

    @property
    def address(self) -> str: ...


@dataclass(frozen=True)
class RemoteBroker:
    """Somebody else's broker; bootstrap servers."""

    address: str


class KafkaBroker:
    """One broker on loopback; its ports and its data survive `stop`, `kill` and `restart`.

    `listeners` adds security protocols by listener name, e.g. {"SASL": "SASL_PLAINTEXT"}, configured through
    `properties`. `beside` another it is the second one of that one's cluster. Start it from a thread that
    lives as long as the broker shall: the kernel kills the broker when that thread ends, so that a crashed
    test leaves nothing behind.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        java: Sequence[str] = FAST_START,
        listeners: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        scram: Mapping[str, str] | None = None,
        beside: KafkaBroker | None = None,
    ) -> None:
        self._owns_folder = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="kafka-")) if folder is None else folder
        self.log = self.folder / "broker.log"
        self._java = tuple(java)
        self._protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **(listeners or {})}
        served = [name for name in self._protocols if name != "CONTROLLER" or beside is None]
        self._ports = dict(zip(served, free_ports(len(served)), strict=True))
        self._beside = beside
        role = {} if beside is None else {"process.roles": "broker", "node.id": "2"}
        self._properties = {**PROPERTIES, **role, **self._addresses(), **(properties or {})}
        self._scram = dict(scram or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return self.address_of("PLAINTEXT")

    def address_of(self, listener: str) -> str:
        return f"127.0.0.1:{self._ports[listener]}"

    @property
    def cluster(self) -> str:
        """Its id, once the folder has been made."""
        told = (self.folder / "data" / "meta.properties").read_text().splitlines()
        return next(line.partition("=")[2] for line in told if line.startswith("cluster.id="))

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self, *, deadline_s: float = 60, stop: Event | None = None) -> Self:
        """Return when the broker answers metadata requests; BrokerError at the deadline or on `stop`."""
        if self._process is not None:
            raise BrokerError("the broker runs already")
        if not (self.folder / "server.properties").exists():
            self.make()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command(self._java, "kafka.Kafka"), stdout=log, stderr=log)
        try:
            self._until_ready(time.monotonic() + deadline_s, stop or Event())
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self, *, deadline_s: float = 15) -> None:
        """Shut down cleanly, as an administrator would; killed when that takes longer than the deadline."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(deadline_s)
        self.kill()

    def kill(self) -> None:
        """As the machine would lose it: SIGKILL, no shutdown."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self, *, deadline_s: float = 60) -> None:
        self.stop()
        self.start(deadline_s=deadline_s)

    def pause(self) -> None:
        """Stall it: connections stay open and nothing answers (SIGSTOP)."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        if self._owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BrokerError("the broker does not run")
        return self._process

    def _addresses(self) -> dict[str, str]:
        served = {name: f"{name}://{self.address_of(name)}" for name in self._ports}
        controller = (self._beside or self).address_of("CONTROLLER")
        return {
            "listeners": ",".join(served.values()),
            "advertised.listeners": ",".join(at for name, at in served.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in self._protocols.items()),
            # Voters by configuration: a formatted folder then names no port, and serves any broker.
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self.folder / "data"),
        }

    def _command(self, java: Sequence[str], main: str, *arguments: str) -> list[str]:
        options = (
            *java,
            *_kept_classes(),
            "-XX:-UsePerfData",
            f"-Djava.io.tmpdir={self._scratch()}",
            f"-Dlog4j2.configurationFile={self.folder}/log4j2.properties",
        )
        java = [
            jdk("java"),
            *options,
            "-cp",
            f"{jars()}/*",
            main,
            *arguments,
            f"{self.folder}/server.properties",
        ]
        return ["setpriv", "--pdeathsig", "KILL", "--", *java]

    def _scratch(self) -> Path:
        """Of its own: libraries unpack native code there, and a broker that is killed cannot tidy up."""
        scratch = self.folder / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        return scratch

    def make(self) -> None:
        """Make the folder, as the first start does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}={value}\n" for name, value in self._properties.items())
        (self.folder / "log4j2.properties").write_text(LOGGING)
        (self.folder / "server.properties").write_text(text)
        formatted = jars() / FORMATTED
        if formatted.exists() and not self._scram and self._beside is None:
            shutil.copytree(formatted, self.folder / "data")
        else:
            self._format()

    def _format(self) -> None:
        fresh = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "x")
        cluster = fresh if self._beside is None else self._beside.cluster
        users = [f"SCRAM-SHA-256=[name={name},password={word}]" for name, word in self._scram.items()]
        added = [word for user in users for word in ("--add-scram", user)]
        arguments = ("format", "-t", cluster, *added, "-c")
        command = self._command(FAST_START, "kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            (self.folder / "server.properties").unlink()
            raise BrokerError(f"formatting the broker's folder failed:\n{done.stdout}{done.stderr}")

    def _until_ready(self, deadline: float, stop: Event) -> None:
        while not self.answers():
            if self._running().poll() is not None:
                raise BrokerError(f"the broker ended with {self._running().returncode}:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise BrokerError(f"the broker did not answer in time:\n{self._tail()}")
            if stop.wait(0.05):
                raise BrokerError("interrupted while the broker was starting")

    def answers(self) -> bool:
        # A plain connection first: a client library would log every refused attempt.
        try:
            socket.create_connection(("127.0.0.1", self._ports["PLAINTEXT"]), 1).close()
        except OSError:
            return False
        try:
            return bool(AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def jdk(tool: str) -> str:
    """`java`, `keytool`: JAVA_HOME's, else the one on PATH."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin", tool)) if home else tool


def jars() -> Path:
    """Find the folder of the broker's jars: the environment's, or the checkout's."""
    folder = Path(os.environ.get(JARS_VARIABLE) or Path(__file__).parents[2] / "jars" / "broker")
    if not any(folder.glob("kafka_*.jar")):
        raise BrokerError(
            f"no Kafka broker in {folder}: run `make setup` in a checkout, or set {JARS_VARIABLE} to a folder"
            " with Kafka's jars (bin/kafka's libs/ is one)"
        )
    return folder


def prepare() -> None:
    """Have later brokers start with a third of the processor time.

    Their folder is a copy of a formatted one, and their classes are kept parsed and verified. A JVM other
    than this one, or changed jars, pass the archive of classes over.
    """
    archive, formatted = jars() / CLASSES, jars() / FORMATTED
    archive.unlink(missing_ok=True)
    shutil.rmtree(formatted, ignore_errors=True)
    unfinished = archive.with_suffix(".tmp")
    with KafkaBroker(java=(*FAST_START, f"-XX:ArchiveClassesAtExit={unfinished}")) as broker:
        qualify(broker.address)
        broker.stop(deadline_s=120)
    unfinished.replace(archive)
    with closing(KafkaBroker()) as never_run:
        never_run.make()
        shutil.copytree(never_run.folder / "data", formatted)


def _kept_classes() -> Sequence[str]:
    archive = jars() / CLASSES
    return (f"-XX:SharedArchiveFile={archive}",) if archive.exists() else ()


_SHARE = 1_500
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody takes while their server is down, as far as that can be had.

    They are below the kernel's own range, of a share that other processes of a test run do not take from, and
    given once.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    first = 20_000 + _SHARE * (int(worker or 0) % 8)
    ports: set[int] = set()
    while len(ports) < count:
        if len(_given) > _SHARE // 2:
            _given.clear()
        port = random.randrange(first, first + _SHARE)
        with socket.socket() as probe, suppress(OSError):
            if port not in _given:
                probe.bind(("127.0.0.1", port))
                ports.add(port)
                _given.add(port)
    return sorted(ports)

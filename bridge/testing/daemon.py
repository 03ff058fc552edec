"""The daemon as a process, for tests, soak runs and benchmarks; and what a consumer sees of its work."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bridge.testing.sqlite_source import installed


class DaemonProcess:
    """`legacy-bridge run` on a configuration of its own, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        address: str,
        connectors: Mapping[str, Any],
        *,
        name: str = "test",
        daemon: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        kafka: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = ("-m", "bridge", "run"),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._command = folder, command
        self.config = folder / "bridge.yaml"
        self.log = folder / "daemon.log"
        self._environment = {**installed(folder / "site"), **(environment or {})}
        # Workers end by os._exit, and leave no data: to be measured costs each daemon a third of its start.
        self._environment.pop("COVERAGE_PROCESS_CONFIG", None)
        self.document: dict[str, Any] = {
            "version": 1,
            "name": name,
            "kafka": {"bootstrap.servers": address, **(kafka or {})},
            "daemon": {
                "run_dir": str(folder / "run"),
                "state_dir": str(folder / "state"),
                "http": "off",
                "log": {"format": "json"},
                **(daemon or {}),
            },
            "connectors": dict(connectors),
            **(extra or {}),
        }
        self.write()
        self.process: subprocess.Popen[bytes] | None = None

    def write(self) -> None:
        """Write `document` as the configuration file."""
        self.config.write_text(yaml.safe_dump(self.document, sort_keys=False))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._command, str(self.config)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM; the exit code, -9 when it had to be killed."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def kill(self) -> None:
        """SIGKILL for the supervisor; its workers go with it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask(self, request: Mapping[str, Any], socket_name: str = "status.sock") -> dict[str, Any]:
        """One request to the daemon. Errors: OSError while it does not listen."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(20.0)
            sock.connect(str(self.folder / "run" / socket_name))
            sock.sendall(json.dumps(request).encode() + b"\n")
            with sock.makefile() as answers:
                answer: dict[str, Any] = json.loads(answers.readline() or "{}")
                return answer

    def status(self) -> dict[str, Any]:
        """The status document; empty while the daemon does not answer."""
        with suppress(OSError, ValueError):
            return self.ask({"command": "status"})
        return {}

    def connector(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.status().get("connectors", {}).get(name, {})
        return found

    def stream(self, connector: str, stream: str) -> dict[str, Any]:
        found: dict[str, Any] = self.connector(connector).get("streams", {}).get(stream, {})
        return found

    def worker_pid(self, connector: str) -> int | None:
        return self.connector(connector).get("pid")

    def lines(self) -> list[dict[str, Any]]:
        """The log so far, one mapping a line; lines that are not JSON under `raw`."""
        return [_line(line) for line in self.log.read_text(errors="replace").splitlines()]

    def killed(self) -> int:
        """How many of its workers have died of SIGKILL."""
        return self.logged().count('"how": "killed by SIGKILL"')

    def logged(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def _line(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"raw": text}


def wait_until(
    condition: Callable[[], object], timeout: float = 30.0, what: str = "", every: float = 0.05
) -> None:
    """Errors: TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:.0f} s: {what or condition}")
        time.sleep(every)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a consumer sees it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.value or b"{}")
        return found


def consume(
    address: str, topic: str, isolation: str = "read_committed", since: int = 0, **settings: Any
) -> list[Record]:
    """All records of a topic from the offset `since` up to the ends its partitions had when this began.

    [] when it is missing.
    """
    with _consumer(address, isolation, settings) as consumer:
        found = consumer.list_topics(topic, timeout=10.0).topics[topic]
        if found.error is not None:
            return []
        partitions = [TopicPartition(topic, number, since) for number in found.partitions]
        ends = {each.partition: _end(consumer, each) for each in partitions}
        consumer.assign(partitions)
        return list(_until(consumer, ends))


def end_of(address: str, topic: str, partition: int = 0) -> int:
    """The offset behind the last record that a committed consumer can read."""
    with _consumer(address, "read_committed", {}) as consumer:
        return _end(consumer, TopicPartition(topic, partition))


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    """Its end, once it has a leader: one that was made just now may have none yet."""
    deadline = time.monotonic() + 10.0
    while True:
        try:
            return int(consumer.get_watermark_offsets(partition, timeout=10.0)[1])
        except KafkaException as failure:
            leaderless = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
            if failure.args[0].code() not in leaderless or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _until(consumer: Consumer, ends: dict[int, int]) -> Iterator[Record]:
    open_partitions = {number for number, end in ends.items() if end > 0}
    deadline = time.monotonic() + 60.0
    while open_partitions:
        if time.monotonic() > deadline:
            raise TimeoutError(f"partitions {sorted(open_partitions)} could not be read to their end")
        for message in consumer.consume(1000, timeout=0.2):
            error, number, offset = message.error(), message.partition() or 0, message.offset() or 0
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is None and offset < ends[number]:
                yield Record(number, offset, message.key(), message.value())
            if offset >= ends[number] - (error is None):
                open_partitions.discard(number)


@contextmanager
def _consumer(address: str, isolation: str, settings: Mapping[str, Any]) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": f"test-{os.getpid()}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "allow.auto.create.topics": False,
            **settings,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()

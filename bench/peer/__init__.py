"""Kafka Connect with Debezium's PostgreSQL source: a distributed worker, exactly once, as lean as it can be.

Its best is what counts: plugins found through service files only, the batch size the caller tries, lz4, large
record batches, JSON without schemas, snapshots without streaming afterwards.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from bridge.testing.databases import PostgresServer
from bridge.testing.kafka import BrokerError, free_ports, jdk

JARS = Path(__file__).parents[1] / "out" / "peer"
HEAP = "2g"
PATIENCE_S = 90.0


def resolve() -> None:
    """Have Maven fetch the jars, unless they are there. Errors: BrokerError."""
    if any(JARS.glob("debezium-connector-postgres-*.jar")):
        return
    command = ["mvn", "-B", "-q", "-f", str(Path(__file__).with_name("pom.xml")), "generate-resources"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrokerError(f"the peer's jars cannot be resolved:\n{done.stdout[-2000:]}")


class ConnectWorker:
    """One worker, fresh, with one connector to one table of a PostgreSQL server."""

    def __init__(self, folder: Path, address: str, name: str, *, heap: str = HEAP) -> None:
        self._folder, self._address, self._name, self._heap = folder, address, name, heap
        (self._port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        return self._folder / "connect.log"

    def __enter__(self) -> Self:
        properties = self._folder / "worker.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._worker().items()))
        java = [
            jdk("java"),
            f"-Xmx{self._heap}",
            "-XX:+UseG1GC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        ]
        main = ["-cp", f"{JARS}/*", "org.apache.kafka.connect.cli.ConnectDistributed", str(properties)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *java, *main], stdout=log, stderr=log
            )
        self._until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def copy(self, server: PostgresServer, table: str, batch: int) -> None:
        """Begin to copy a table into topic `<name>.<table>`."""
        self._ask("PUT", f"/connectors/{self._name}/config", self._connector(server, table, batch))

    def failure(self) -> str | None:
        """Why its task has failed, if it has."""
        status = self._ask("GET", f"/connectors/{self._name}/status")
        traces = [task["trace"] for task in status.get("tasks", ()) if task["state"] == "FAILED"]
        return traces[0] if traces else None

    def _worker(self) -> Mapping[str, str]:
        topics = {f"{what}.storage.topic": f"{self._name}-{what}" for what in ("config", "offset", "status")}
        replicas = {f"{what}.storage.replication.factor": "1" for what in ("config", "offset", "status")}
        return {
            "bootstrap.servers": self._address,
            "group.id": self._name,
            **topics,
            **replicas,
            "offset.storage.partitions": "1",
            "status.storage.partitions": "1",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "key.converter.schemas.enable": "false",
            "value.converter.schemas.enable": "false",
            "exactly.once.source.support": "enabled",
            "plugin.discovery": "service_load",
            "listeners": f"http://127.0.0.1:{self._port}",
            "rest.advertised.host.name": "127.0.0.1",
            "scheduled.rebalance.max.delay.ms": "0",
        }

    def _connector(self, server: PostgresServer, table: str, batch: int) -> Mapping[str, str]:
        return {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "tasks.max": "1",
            "database.hostname": "127.0.0.1",
            "database.port": str(server.port),
            "database.user": server.user,
            "database.password": server.password,
            "database.dbname": server.database,
            "topic.prefix": self._name,
            "table.include.list": table,
            "plugin.name": "pgoutput",
            "slot.name": self._name.replace("-", "_"),
            "snapshot.mode": "initial_only",
            "snapshot.fetch.size": "10240",
            "max.batch.size": str(batch),
            "max.queue.size": str(4 * batch),
            "poll.interval.ms": "10",
            "decimal.handling.mode": "string",
            "exactly.once.support": "required",
            "topic.creation.default.replication.factor": "1",
            "topic.creation.default.partitions": "1",
            "producer.override.compression.type": "lz4",
            "producer.override.batch.size": "524288",
            "producer.override.linger.ms": "5",
        }

    def _until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                self._ask("GET", "/connectors")
                return
            except (OSError, ValueError):
                time.sleep(0.2)
        raise BrokerError(f"Kafka Connect did not start:\n{self.log.read_text(errors='replace')[-2000:]}")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode(errors="replace")) from error

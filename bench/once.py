"""What exactly once costs: bulk copies with transactions and without, in turns, on one broker."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from bench.measures import Measure
from bench.processes import cpu_s
from bench.stage import Stage, fresh
from bridge.testing.daemon import DaemonProcess, wait_until
from bridge.testing.sqlite_source import installed

ROWS = 1_000_000
TURNS = 4
ONCE = ("-m", "bridge", "run")
PLAIN = ("-m", "bench.plain", "run")


class Copy(NamedTuple):
    """Rows a second, and the worker's processor seconds for a million rows."""

    rate: float
    cpu: float


def measures(stage: Stage) -> Iterator[Measure]:
    """The first pair warms the broker up and does not count."""
    pairs = [(copy(stage, ONCE), copy(stage, PLAIN)) for _ in range(TURNS + 1)][1:]
    once, plain = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    yield Measure("bulk copy, exactly once", median(each.rate for each in once) / 1000, "k rows/s")
    yield Measure("bulk copy, no transactions", median(each.rate for each in plain) / 1000, "k rows/s")
    yield Measure("bulk copy, worker, exactly once", median(each.cpu for each in once), "CPU s / M rows")
    cost = 1 - median(one.rate / other.rate for one, other in pairs)
    yield Measure("exactly once costs of the bulk rate", cost * 100, "%", must=15)


def copy(stage: Stage, command: Sequence[str]) -> Copy:
    """One copy of a generated table into a topic of its own, from the moment the worker may publish."""
    name, folder = fresh("bulk"), stage.folder()
    root = str(Path(__file__).parents[1])
    kinds = {**installed(folder / "kinds", generated="bench.generated:GeneratedConnector")}
    connector = {"kind": "generated", "rows": ROWS, "streams": {"orders": {}}}
    environment = {"PYTHONPATH": f"{kinds['PYTHONPATH']}:{root}"}
    with stage.daemon({name: connector}, environment=environment, command=command) as daemon:
        wait_until(lambda: "holds the connector" in daemon.logged(), 30, "the worker holding its connector")
        began = _moment(daemon, "holds the connector")
        pid = daemon.worker_pid(name)
        assert pid is not None
        ended = _copied(stage.address, f"{name}.orders")
        return Copy(ROWS / (ended - began), cpu_s(pid) / ROWS * 1e6)


def _moment(daemon: DaemonProcess, event: str) -> float:
    """Seconds since the epoch at which the log says so."""
    line = next(line for line in daemon.lines() if line.get("event") == event)
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def _copied(address: str, topic: str) -> float:
    """Wait until a committed consumer could read all rows; the time, in seconds since the epoch."""
    asked = {"bootstrap.servers": address, "group.id": "end", "isolation.level": "read_committed"}
    consumer = Consumer({**asked, "topic.metadata.refresh.interval.ms": 100})
    try:
        wait_until(lambda: topic in consumer.list_topics(timeout=5).topics, 30, topic)
        partition = TopicPartition(topic, 0)
        wait_until(
            lambda: consumer.get_watermark_offsets(partition, timeout=5)[1] >= ROWS, 120, f"{ROWS} rows", 0.01
        )
        return time.time()
    finally:
        consumer.close()

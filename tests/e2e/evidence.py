"""What tests of faults look at: rows against events, states of streams, the command's answers."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise, zip_longest
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bridge.testing.daemon import DaemonProcess, Record, consume, wait_until
from bridge.testing.hostile import plan
from bridge.testing.killing import PLAN_VARIABLE, Plan, Step
from bridge.testing.sqlite_source import SqliteSource, installed
from tests.commands import command as command  # noqa: PLC0414 -- tests of faults import it from here

type Start = Callable[..., DaemonProcess]
"""The fixture `start`: connectors, and what else DaemonProcess takes."""

HOSTILE = {"hostile": "bridge.testing.hostile:HostileConnector"}


def sqlite(path: Path, kind: str = "sqlite", **options: Any) -> dict[str, Any]:
    """The options of a connector to one SQLite file with a table `orders`."""
    return {"kind": kind, "path": str(path), "interval": "100ms", "streams": {"orders": {}}, **options}


def source(path: Path, tables: Sequence[str] = ("orders",)) -> SqliteSource:
    """A legacy system, with the table of whims in case a hostile connector reads it."""
    plan(path)
    return SqliteSource(path, tables)


def hostile(folder: Path) -> dict[str, str]:
    """The environment in which the kind `hostile` is installed."""
    return installed(folder / "hostile", **HOSTILE)


def doomed(
    folder: Path,
    address: str,
    connectors: Mapping[str, Any],
    deaths: Sequence[tuple[Step, int]],
    *,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> tuple[DaemonProcess, Plan]:
    """A daemon whose workers die these deaths, one each, and what is left of the plan."""
    folder.mkdir(parents=True, exist_ok=True)
    left = Plan(folder / "plan")
    left.write(deaths)
    around = {PLAN_VARIABLE: str(folder / "plan"), **(environment or {})}
    command = ("-m", "bridge.testing.killing", "run")
    daemon = DaemonProcess(folder, address, connectors, environment=around, command=command, **options)
    return daemon, left


@contextmanager
def writing(*sources: SqliteSource, pause: float = 0.02) -> Iterator[None]:
    """Small transactions into the table `orders` of every source, for as long as the block runs."""
    chance = random.Random(11)

    def write() -> None:
        for each in sources:
            each.insert(chance.randint(1, 30))

    with meanwhile(write, pause):
        yield


@contextmanager
def meanwhile(action: Callable[[], object], pause: float) -> Iterator[None]:
    """`action` again and again, from a thread of its own, for as long as the block runs."""
    stop = threading.Event()

    def act() -> None:
        while not stop.wait(pause):
            action()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def published(address: str, topic: str, column: str = "id") -> list[int]:
    """That column of the key of every event, as a read_committed consumer sees them, in order."""
    return [json.loads(record.key or b"{}")[column] for record in consume(address, topic)]


def arrived(address: str, topic: str, rows: Sequence[int], column: str = "id") -> list[int]:
    """What is published once there are as many events as rows; if they are right is for the test to say."""
    found: list[int] = []

    def enough() -> bool:
        if end_of(address, topic) >= len(rows):
            found[:] = published(address, topic, column)
        return len(found) >= len(rows)

    wait_until(enough, 60, f"{len(rows)} events in {topic}", 0.3)
    return found


def end_of(address: str, topic: str) -> int:
    """The end of a topic's first partition, which counts a transaction's marker as well; 0 without one."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "ends", "log_level": 0})
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=5)[1])
    except KafkaException:
        return 0
    finally:
        consumer.close()


def reload(daemon: DaemonProcess) -> None:
    """With its document as it is now."""
    daemon.write()
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)


def in_state(
    daemon: DaemonProcess, connector: str, *states: str, stream: str = "orders", within: float = 60
) -> None:
    """Wait for a stream to be in one of these states."""
    try:
        wait_until(lambda: daemon.stream(connector, stream).get("state") in states, within, every=0.1)
    except TimeoutError:
        raise AssertionError(f"{stream} not {'/'.join(states)}, but {daemon.connector(connector)}") from None


def parked(daemon: DaemonProcess, connector: str, within: float = 60) -> str:
    """The connector's error once it is parked."""
    wait_until(lambda: daemon.connector(connector).get("state") == "FAILED", within, f"{connector} parked")
    return str(daemon.connector(connector)["error"])


def parked_stream(daemon: DaemonProcess, connector: str, stream: str = "orders") -> str:
    """The stream's error once it is parked."""
    in_state(daemon, connector, "FAILED", stream=stream)
    return str(daemon.stream(connector, stream)["error"])


def oddities(records: Sequence[Record], *key: str) -> list[str]:
    """Keys, operations and tombstones that do not follow from a topic's records before them."""
    found: list[str] = []
    for _, each in groupby(records, lambda record: record.partition):
        found += _oddities([*each], key)
    return found


def _oddities(records: Sequence[Record], key: Sequence[str]) -> Iterator[str]:
    known = set[bytes | None]()
    for record, following in zip_longest(records, records[1:]):
        if record.value is None:
            continue
        event, name = record.event, record.key
        gone = event["op"] == "d"
        buried = following is not None and (following.key, following.value) == (name, None)
        row = event["before"] if gone else event["after"]
        if json.loads(name or b"{}") != {column: row[column] for column in key}:
            yield f"key {name!r} of {event}"
        if buried != (gone and bool(key)):
            yield f"tombstone {buried} after {event}"
        if key and (name in known) != (event["op"] in "ud"):
            yield f"operation of {event}"
        (known.discard if gone else known.add)(name)


class Watch:
    """The daemon's status every tenth of a second, for as long as the block runs."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._daemon = daemon
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.seen: list[tuple[float, dict[str, Any]]] = []
        """(monotonic seconds, status)"""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def states(self, connector: str, stream: str = "orders") -> list[tuple[float, str]]:
        """(monotonic seconds, state) of a stream, as often as it was seen."""
        connectors = ((at, status.get("connectors", {})) for at, status in self.seen)
        streams = ((at, each.get(connector, {}).get("streams", {})) for at, each in connectors)
        return [(at, each[stream]["state"]) for at, each in streams if stream in each]

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            status = self._daemon.status()
            self.seen.append((time.monotonic(), status))


def longest_gap(moments: Sequence[float], since: float, until: float) -> float:
    """The longest time without one of the moments, from `since` to `until`."""
    inside = [since, *(at for at in moments if since < at < until), until]
    return max(later - earlier for earlier, later in pairwise(inside))

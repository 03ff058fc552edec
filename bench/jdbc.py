"""The measures of JDBC: copies beside Kafka Connect's, freshness, images, hundreds of tables, outages."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench import copying, limits, live, outage, peer, scanning
from bench.copying import Copy
from bench.measures import Measure
from bench.stage import OPTIMIZING, fresh
from bridge.testing.daemon import consume
from bridge.testing.databases import DatabaseServer, H2Server, PostgresServer
from bridge.testing.kafka import SUSTAINED, KafkaBroker, qualify

TABLE = "public.orders"
BATCHES = (2_048, 8_192, 32_768)
"""Of the peer: its default, and two that suit it better."""
SMALL_HEAP = "512m"
TURNS = 3


def measures() -> Iterator[Measure]:
    peer.resolve()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with (
            KafkaBroker(java=SUSTAINED) as broker,
            PostgresServer(settings={"wal_level": "logical", "shared_buffers": "512MB"}) as server,
        ):
            qualify(broker.address)
            copying.fill(server, TABLE)
            yield from _copies(folder, broker.address, server)
            yield from live.measures(folder / "live", broker.address, server)
            yield from scanning.measures(folder / "scan", broker.address, server)
        with KafkaBroker(java=SUSTAINED) as broker, H2Server(java=OPTIMIZING) as server:
            qualify(broker.address)
            copying.fill(server, "orders")
            copies = _ours(folder, broker.address, server, "PUBLIC.ORDERS")
            yield Measure("bulk copy from H2, first copy of a fresh worker", _rate(copies), "k rows/s")
        yield from outage.measures(folder / "outage")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copies(folder: Path, address: str, server: PostgresServer) -> Iterator[Measure]:
    """The first copy on a fresh broker does not count."""
    copying.bridge(folder / fresh("warm"), address, server, TABLE)
    ours = _ours(folder, address, server, TABLE)
    theirs = [_connect(folder, address, server, batch, peer.HEAP) for batch in BATCHES]
    best = max(theirs, key=lambda copy: copy.rate)
    small = _connect(folder, address, server, BATCHES[theirs.index(best)], SMALL_HEAP)
    middle, cpu = median(each.middle for each in ours), median(each.cpu for each in ours)
    yield Measure("bulk copy, first copy of a fresh worker", _rate(ours), "k rows/s")
    yield Measure("the peer's, at its best batch size", best.rate / 1000, "k rows/s")
    yield Measure("bulk copy against the peer's", _rate(ours) * 1000 / best.rate, "x", 2, 3, "more")
    steady = max(each.middle for each in theirs)
    yield Measure("bulk copy, steady middle", middle / 1000, "k rows/s")
    yield Measure("steady middle against the peer's", middle / steady, "x", 2.5, 4, "more")
    yield Measure("worker, bulk copy", cpu, "CPU s / M rows")
    yield Measure("the peer's worker", best.cpu, "CPU s / M rows")
    share = cpu / min(each.cpu for each in theirs)
    yield Measure("worker CPU per row against the peer's", share, "x", must=1 / 3, aim=1 / 5)
    memory = max(each.memory for each in ours)
    yield Measure("worker, most memory", memory, "MiB", must=350, aim=250)
    yield Measure(f"the peer's, with a heap of {SMALL_HEAP}", small.memory, "MiB")
    yield from _limits(folder, address, server)


def _connect(folder: Path, address: str, server: PostgresServer, batch: int, heap: str) -> Copy:
    """The peer has once stood still in the middle of a copy; that is no figure of its speed."""
    try:
        return copying.connect(folder / fresh("peer"), address, server, TABLE, batch, heap)
    except TimeoutError as error:
        print(f"the peer, once more: {error}", file=sys.stderr)
        return copying.connect(folder / fresh("peer"), address, server, TABLE, batch, heap)


def _limits(folder: Path, address: str, server: PostgresServer) -> Iterator[Measure]:
    """In a copy the database, the reading and the producing share the machine: so they do here.

    In turns with copies: a machine that others share is not as fast now as it was a minute ago.
    """
    name = fresh("bytes")
    copying.bridge(folder / name, address, server, TABLE, name)
    events = consume(address, f"{name}.{TABLE}")
    load = limits.Load([(each.key or b"", each.value or b"") for each in events])
    alone, at_once, middles = [], [], []
    for _ in range(TURNS):
        alone.append(limits.alone(address, load, server, TABLE))
        middles.append(copying.bridge(folder / fresh("copy"), address, server, TABLE).middle)
        at_once.append(limits.at_once(address, load, server, TABLE))
    names = ("reading with Java alone", "producing the same bytes from C alone")
    beside = ("the same reading, while the same producing runs", "and that producing")
    for told, figures in ((names, alone), (beside, at_once)):
        for what, each in zip(told, zip(*figures, strict=True), strict=True):
            yield Measure(what, median(each) / 1000, "k rows/s")
    yield Measure(
        "bulk copy, steady middle, share of the slower of the two at once",
        _share(middles, at_once), "%", 50, 80, "more",
    )  # fmt: skip
    yield Measure("its share of the slower of the two alone", _share(middles, alone), "%")


def _share(middles: Sequence[float], found: Sequence[limits.Limits]) -> float:
    return 100 * median(middle / min(each) for middle, each in zip(middles, found, strict=True))


def _ours(folder: Path, address: str, server: DatabaseServer, table: str) -> list[Copy]:
    return [copying.bridge(folder / fresh("copy"), address, server, table) for _ in range(TURNS)]


def _rate(copies: list[Copy]) -> float:
    """Thousands of rows a second."""
    return median(each.rate for each in copies) / 1000

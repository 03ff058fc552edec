"""The queue between reader and task."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest

from bridge.config.options import StreamOptions
from bridge.contract import Batch, Changes, Reject, Stream, Table
from bridge.prefetch import MOST_BATCHES, Discovered, Fetched, Prefetch
from bridge.progress import Progress, Turn

SCHEMA = pa.schema([("id", pa.int64())])
TABLE = Table("orders", SCHEMA, ("id",))
PROGRESS = Progress(Stream("orders", "db", (TABLE,)), StreamOptions())
SOON_S = 5.0
"""What should happen at once has happened long before."""


def fetched(rows: int = 1, **beside: Any) -> Fetched:
    batch = pa.RecordBatch.from_pydict({"id": list(range(rows))}, schema=SCHEMA)
    changes = (Changes(TABLE, batch, **beside),) if rows else ()
    return Fetched(Turn(PROGRESS, 0, None, 1, 0.0, 0, 0.0, 0.0), Batch({"id": rows}, changes))


@contextmanager
def beside(action: Callable[[], object]) -> Iterator[Thread]:
    """`action` in a thread of its own, which must have ended when the block has."""
    thread = Thread(target=action, daemon=True)
    thread.start()
    yield thread
    thread.join(SOON_S)
    assert not thread.is_alive()


def blocked(thread: Thread) -> bool:
    thread.join(0.05)
    return thread.is_alive()


def test_batches_leave_in_the_order_in_which_they_came() -> None:
    queue = Prefetch(100, 10_000)
    batches = [fetched(rows) for rows in (1, 2, 3)]
    for batch in batches:
        queue.put(batch)
    assert [queue.get(0.0) for _ in batches] == batches
    assert queue.get(0.0) is None


@pytest.mark.parametrize(
    ("queue", "batch"),
    [
        (Prefetch(10, 10**9), fetched(10)),
        (Prefetch(10**9, 80), fetched(10)),
        (Prefetch(10**9, 80), Fetched(fetched().turn, Batch(None, rejects=(Reject("t", "why", "x" * 80),)))),
        (Prefetch(10**9, 80), Fetched(fetched().turn, Batch(None, rejects=(Reject("t", "y" * 80, b""),)))),
        (
            Prefetch(10**9, 160),
            fetched(10, before=pa.StructArray.from_arrays([pa.array(range(10), pa.int64())], names=["id"])),
        ),
        (
            Prefetch(10**9, 160),
            fetched(10, source=pa.RecordBatch.from_pydict({"scn": pa.array(range(10), pa.int64())})),
        ),
    ],
    ids=["rows", "bytes", "rejects", "reasons", "before", "source"],
)
def test_the_reader_waits_while_the_queue_is_full(queue: Prefetch, batch: Fetched) -> None:
    queue.put(batch)
    with beside(lambda: queue.put(fetched())) as reader:
        assert queue.full
        assert blocked(reader)
        assert queue.get(0.0) is batch


def test_batches_without_rows_do_not_pile_up_while_kafka_is_away() -> None:
    queue = Prefetch(10**9, 10**9)
    for _ in range(MOST_BATCHES):
        assert not queue.full
        queue.put(fetched(0))
    assert queue.full


def test_a_batch_larger_than_the_bounds_passes_alone() -> None:
    queue = Prefetch(1, 1)
    queue.put(large := fetched(1000))
    assert queue.get(0.0) is large
    assert not queue.full


def test_only_the_last_discovery_is_kept() -> None:
    queue = Prefetch(10, 1000)
    queue.put(Discovered((), 1))
    queue.put(batch := fetched())
    queue.put(last := Discovered((), 2))
    assert [queue.get(0.0), queue.get(0.0), queue.get(0.0)] == [batch, last, None]


def test_clear_drops_batches_and_keeps_what_was_discovered() -> None:
    queue = Prefetch(1, 1000)
    queue.put(found := Discovered((), 1))
    queue.put(fetched())
    with beside(lambda: queue.put(fetched())) as reader:
        assert blocked(reader)
        queue.clear()
    assert queue.get(0.0) is found
    assert isinstance(queue.get(0.0), Fetched)
    assert not queue.full


def test_get_waits_for_a_batch_no_longer_than_it_takes() -> None:
    queue = Prefetch(10, 1000)
    got: list[object] = []
    with beside(lambda: got.append(queue.get(60.0))) as task:
        assert blocked(task)
        queue.put(batch := fetched())
    assert got == [batch]


def test_get_returns_when_the_reader_finds_nothing_more_to_read() -> None:
    queue = Prefetch(10, 1000)
    with beside(lambda: queue.get(60.0)) as task:
        assert blocked(task)
        queue.reader_waits()
    assert queue.idle


def test_get_waits_while_the_reader_goes_on_having_nothing_to_read() -> None:
    queue = Prefetch(10, 1000)
    queue.reader_waits()
    with beside(lambda: queue.get(60.0)) as task:
        queue.reader_waits()
        assert blocked(task)
        queue.wake()


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_call_to_other_work_is_never_missed(when: str) -> None:
    queue = Prefetch(10, 1000)
    if when == "before":
        queue.wake()
    with beside(lambda: queue.get(60.0)) as task:
        if when == "while":
            assert blocked(task)
            queue.wake()
    began = time.monotonic()
    queue.get(0.1)
    assert time.monotonic() - began >= 0.1, "one call, one return"


def test_close_lets_everybody_go_and_drops_what_comes_later() -> None:
    queue = Prefetch(1, 1000)
    queue.put(batch := fetched())
    with beside(lambda: queue.put(fetched())) as reader:
        assert blocked(reader)
        queue.close()
    assert queue.get(60.0) is batch
    assert queue.get(60.0) is None


def test_it_is_idle_only_while_the_reader_waits_and_nothing_is_left() -> None:
    queue = Prefetch(10, 1000)
    steps: list[Callable[[], object]] = [
        lambda: queue.put(fetched()),
        queue.reader_waits,
        lambda: queue.get(0.0),
        queue.clear,
    ]
    seen = [queue.idle]
    for step in steps:
        step()
        seen.append(queue.idle)
    assert seen == [False, False, False, True, False]

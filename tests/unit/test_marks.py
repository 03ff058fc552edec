"""Which rows of a list with marks are read at all: `Ask.changed`, see bridge.marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from bridge.config.options import StreamOptions
from bridge.testing.images import FakeImages, FakeImagesConnector
from bridge.testing.simulation import Clock
from tests.unit.test_images import Case

TABLE = "orders"
NO_TEXT = "caf\udce9"
LARGE = "x" * 2000


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock


@pytest.fixture
def case(clock: Clock, tmp_path: Path) -> Iterator[Case]:
    case = Case(clock, tmp_path, FakeImages(most=4, marked=True))
    case.kafka.max_bytes[f"erp.{TABLE}"] = 1000
    case.rows.update({each: f"row {each}" for each in range(1, 8)})
    case.scan()
    yield case
    case.engine.restart()


def read(case: Case, change: Callable[[], object] = lambda: None) -> set[int]:
    """The rows that are read after a change, until all is quiet."""
    case.source.read.clear()
    change()
    case.scan()
    return set(case.source.read)


def test_only_rows_with_another_mark_are_read(case: Case) -> None:
    assert read(case) == set()
    assert read(case, lambda: case.rows.update({3: "other", 8: "new"})) == {3, 8}
    assert sorted(case.events()[7:]) == [("c", 8), ("u", 3)]


def test_rows_that_are_not_read_are_there_and_those_that_are_gone_are_deleted(case: Case) -> None:
    assert read(case, lambda: case.rows.pop(5)) == set()
    assert case.events()[7:] == [("d", 5)]


def test_a_mark_that_says_too_much_makes_no_event(case: Case) -> None:
    """The row is read, and is as it was; its new mark is kept."""
    case.source.salt = "another"
    assert read(case) == set(range(1, 8))
    assert read(case) == set()
    assert len(case.events()) == 7


def test_what_has_a_dead_letter_is_read_in_every_scan_and_has_one(case: Case) -> None:
    """Else it would wait for its next mark, though the connector may be able to read it by then."""
    case.rows.update({2: None, 3: NO_TEXT, 4: LARGE})
    case.scan()
    assert read(case) == {2, 3, 4}
    assert sorted(map(str, case.letters())) == ['{"id":2}', '{"id":3}', '{"id":4}']


def test_a_mark_is_kept_across_processes_and_hosts(case: Case) -> None:
    case.engine.drain()
    assert read(case) == set()
    case.engine.drain()
    case.cache.unlink()
    assert read(case) == set()


def test_the_mark_of_a_transaction_that_was_aborted_is_not_believed(case: Case) -> None:
    case.kafka.unwritable.add(f"erp.{TABLE}")
    case.rows[3] = "other"
    case.source.read.clear()
    case.engine.run(30)
    assert case.source.read.count(3) > 1
    case.kafka.unwritable.clear()
    case.scan()
    assert case.events()[7:] == [("u", 3)]


def test_while_a_scan_waits_for_kafka_the_next_reads_everything(case: Case) -> None:
    """A row may have become another one in it, and be as it was by now."""
    case.rows[3] = "other"
    case.engine.read_ahead(2)
    case.rows[3] = "row 3"
    case.source.read.clear()
    for _ in range(8):
        case.engine.read()
        case.engine.clock.now += 1
    assert set(case.source.read) == set(range(1, 8))
    case.scan()
    assert case.events()[7:] == [("u", 3), ("u", 3)]


def test_another_shape_of_the_table_makes_every_row_another_one(case: Case) -> None:
    case.engine.drain()
    stream = StreamOptions(interval=1.0, exclude=("payload",))
    case.engine.settings = case.engine.settings.model_copy(update={"defaults": stream})
    case.engine.restart()
    assert read(case) == set(range(1, 8))
    assert case.events()[7:] == [("u", each) for each in range(1, 8)]
    assert read(case) == set()


def test_a_table_without_a_key_is_read_as_a_whole(clock: Clock, tmp_path: Path) -> None:
    source = FakeImages(most=4, marked=True, keyless=True)
    case = Case(clock, tmp_path / "keyless", source)
    case.rows.update({1: "a", 2: "b"})
    case.scan()
    assert read(case) == {1, 2}
    assert len(case.events()) == 2
    case.engine.restart()


def test_as_many_marks_as_rows_or_the_stream_parks(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.source.marked = False
    case.scan()
    case.engine.drain()
    monkeypatch.setattr(FakeImagesConnector, "_opened", lambda _self, _stream, some, _ask: (some, ()))
    monkeypatch.setattr(FakeImagesConnector, "_marks", lambda _self, _rows: pa.array(["one"]))
    case.source.marked = True
    case.scan()
    assert "table orders has 1 marks beside 4 rows" in case.parked()

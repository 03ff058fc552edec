"""The state of a stream that tells changes, and a scan of it, without an engine around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from bridge import rehearsal
from bridge.admission import Lane, Route
from bridge.config.options import StreamOptions
from bridge.contract import Batch, Changes, Op, Scan, Stream, Table
from bridge.images import Images
from bridge.policy import Policy

SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])
TABLE = Table("notes", SCHEMA, ("id",))
OPTIONS = StreamOptions()
LANE = Lane(
    Stream("notes", "here", (TABLE,)),
    Policy(OPTIONS),
    {"notes": Route("erp.notes", 1_000_000, 1, created=False)},
    "fake",
    1,
    keyed=True,
)

type News = list[tuple[str, int]]
"""Operation and id."""


class Known:
    """What is known of the table, and what that makes of batches."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def told(self, *changes: tuple[str, int, str | None], refused: Iterable[int] = (), **more: Any) -> None:
        """Changes that are published as they are."""
        told = rows([(id_, text) for _, id_, text in changes], pa.array([op for op, *_ in changes]), **more)
        for piece in self._images.follow(LANE, Batch(None, (told,)), [set(refused)]):
            self._images.keep(piece)

    def scanned(self, scan: Scan, texts: dict[int, str]) -> News:
        """What a batch of a scan brings to light."""
        found: News = []
        batch = Batch(None, (rows([*texts.items()], Op.READ),), scan=scan)
        for piece in self._images.compare(LANE, batch, OPTIONS, {"scan": "complete"}):
            for changes in piece.changes:
                ids = changes.rows["id"].to_pylist()
                ops = [changes.op] * len(ids) if isinstance(changes.op, Op) else changes.op.to_pylist()
                found += zip(map(str, ops), ids, strict=True)
            self._images.keep(piece)
        return found


def rows(of: list[tuple[int, str | None]], op: Op | pa.Array, **more: Any) -> Changes:
    columns = [pa.array([id_ for id_, _ in of], pa.int64()), pa.array([text for _, text in of], pa.string())]
    return Changes(TABLE, pa.RecordBatch.from_arrays(columns, schema=SCHEMA), op, **more)


@pytest.fixture
def known() -> Iterator[Known]:
    """Rows 1, 2 and 3, after a first scan."""
    with rehearsal.images(rehearsal.NoState()) as images:
        known = Known(images)
        assert known.scanned(Scan.ONLY, {1: "a", 2: "b", 3: "c"}) == [("r", 1), ("r", 2), ("r", 3)]
        yield known


def test_of_several_changes_of_a_row_the_last_one_counts(known: Known) -> None:
    known.told(("c", 4, "d"), ("d", 4, None), ("d", 1, None), ("c", 1, "a"), ("u", 2, "x"), ("u", 2, "b"))
    assert known.scanned(Scan.ONLY, {1: "a", 2: "b", 3: "c"}) == []


def test_a_row_some_of_whose_values_were_not_read_differs_from_its_image(known: Known) -> None:
    known.told(("u", 2, None), ("u", 3, "x"), absent={"text": pa.array([True, False])})
    assert known.scanned(Scan.ONLY, {1: "a", 2: "b", 3: "x"}) == [("u", 2)]


def test_a_row_that_was_never_published_is_created_when_it_is_another_one(known: Known) -> None:
    known.told(("c", 4, "large"), ("u", 3, "large"), refused={0, 1})
    assert known.scanned(Scan.ONLY, {1: "a", 2: "b", 3: "large", 4: "large"}) == []
    assert known.scanned(Scan.ONLY, {1: "a", 2: "b", 3: "x", 4: "x"}) == [("u", 3), ("c", 4)]


def test_a_row_is_known_when_one_of_its_events_was_published(known: Known) -> None:
    known.told(("c", 4, "small"), ("u", 4, "large"), refused={1})
    assert known.scanned(Scan.ONLY, {1: "a", 2: "b", 3: "c"}) == [("d", 4)]


def test_what_is_told_in_the_middle_of_a_scan_has_been_met(known: Known) -> None:
    assert known.scanned(Scan.FIRST, {1: "a", 2: "b"}) == []
    known.told(("c", 9, "new"), ("d", 1, None), ("u", 2, "x"))
    assert known.scanned(Scan.LAST, {4: "d"}) == [("c", 4), ("d", 3)]
    assert known.scanned(Scan.ONLY, {2: "x", 4: "d", 9: "new"}) == []

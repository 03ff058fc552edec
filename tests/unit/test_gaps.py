"""What a stream of changes does when its source has lost some of them, with `on_gap: rescan`.

Random histories with failures are in tests/property/test_gaps.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.contract import Batch
from bridge.errors import GapError, TransientError
from bridge.testing.fakes import FakeKafka
from bridge.testing.simulation import Clock, Engine
from tests.logged import LoggedTable

TABLE = "orders"
STATE = "_bridge.state.erp"


class Case:
    """A table with a log, its engine, and what Kafka has of it."""

    def __init__(self, clock: Clock, folder: Path, **options: Any) -> None:
        folder.mkdir()
        self.source, self.kafka = LoggedTable(folder), FakeKafka()
        self.engine = Engine(
            self.kafka,
            self.source,
            clock,
            settings(**{"on_gap": "rescan", **options}),
            cache=folder / "erp.state",
        )

    def settle(self) -> list[tuple[str, int]]:
        """Operation and id of each event that comes of what was done since."""
        before = len(self.events())
        self.engine.settle()
        return self.events()[before:]

    def lose(self) -> None:
        """Changes that the engine has not read yet."""
        self.source.lose_log()

    def reconfigure(self, **options: Any) -> None:
        self.engine.drain()
        self.engine.settings = settings(**options)
        self.engine.restart()

    def events(self) -> list[tuple[str, int]]:
        records = self.kafka.committed(f"erp.{TABLE}")
        envelopes = [json.loads(each.value) for each in records if each.value]
        return [(each["op"], (each["after"] or each["before"])["id"]) for each in envelopes]

    def letters(self) -> list[str]:
        """Reasons and keys of the dead letters."""
        records = self.kafka.committed(self.engine.positions.letters)
        found = [json.loads(each.value or b"") for each in records]
        return [each["key"] or each["reason"].split(":")[0] for each in found]

    def close(self) -> None:
        self.engine.restart()
        self.source.close()


def settings(**options: Any) -> ConnectorSettings:
    stream = StreamOptions(interval=1.0, **options)
    return ConnectorSettings(name="erp", kind="fake", defaults=stream, max_rejects=1.0)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Case]]:
    made: list[Case] = []
    with Clock() as clock:

        def case(**options: Any) -> Case:
            made.append(Case(clock, tmp_path / str(len(made)), **options))
            return made[-1]

        yield case
        for each in made:
            each.close()


@pytest.fixture
def case(make: Callable[..., Case]) -> Case:
    return make()


def rows(*ids: int, payload: str = "as it was") -> dict[int, str | None]:
    return dict.fromkeys(ids, payload)


def test_after_a_gap_exactly_what_was_missed_is_published_deletes_included(case: Case) -> None:
    case.source.write(rows(1, 2, 3, 4, 5, 6))
    assert case.settle() == [("r", each) for each in range(1, 7)]
    case.source.write({2: "other", 7: "new"}, gone={3})
    assert sorted(case.settle()) == [("c", 7), ("d", 3), ("u", 2)]
    case.source.write({4: "other", 8: "new"}, gone={5, 7})
    case.lose()
    assert case.settle() == [("u", 4), ("c", 8), ("d", 5), ("d", 7)]
    assert case.letters() == ["gap"]
    case.source.write({1: "other"})
    assert case.settle() == [("u", 1)]


def test_a_row_whose_key_has_changed_is_known_by_the_new_one(case: Case) -> None:
    case.source.write(rows(1, 2))
    case.settle()
    case.source.rename(2, 9)
    assert case.settle() == [("d", 2), ("c", 9)]
    case.lose()
    case.source.write(rows(3))
    case.lose()
    assert case.settle() == [("c", 3)]


def test_two_gaps_one_after_the_other_repeat_nothing(case: Case) -> None:
    case.source.write(rows(1, 2, 3, 4))
    case.settle()
    for gone in (2, 3):
        case.source.write(gone={gone})
        case.lose()
        assert case.settle() == [("d", gone)]


def test_a_log_lost_again_before_the_rescan_has_ended_backs_off_under_one_marker(case: Case) -> None:
    case.source.write(rows(*range(1, 11)))
    case.settle()
    case.source.write({1: "other", 11: "new"}, gone={4})
    case.lose()
    case.source.whims.extend([None, None, GapError("the log is lost")] * 6)
    before, began = len(case.events()), case.engine.clock.now
    progress = case.engine.schedule.streams[TABLE]
    waits: list[dict[str, Any]] = []
    while case.source.whims:
        case.engine.read()
        if progress.restarts > len(waits):
            waits.append(case.engine.schedule.snapshot(None, None)[TABLE])
        case.engine.publish()
    assert {(each["state"], each["health"]) for each in waits} == {("BACKOFF", "warning")}
    assert "changes are lost before that ends: the log is lost" in waits[-1]["error"]
    assert case.engine.clock.now - began > len(waits) * 0.25
    case.engine.settle()
    assert sorted(case.events()[before:]) == [("c", 11), ("d", 4), ("u", 1)]
    assert case.letters() == ["gap"]
    told = case.engine.schedule.snapshot(None, None)[TABLE]
    assert (told["state"], told["error"]) == ("RUNNING", None)


def test_a_gap_is_marked_once_more_when_the_log_was_read_in_between(case: Case) -> None:
    case.source.write(rows(1, 2, 3))
    case.settle()
    for number in range(3):
        case.source.write({4: f"text {number}"})
        case.lose()
        case.settle()
    assert case.letters() == ["gap"] * 3


def test_markers_of_gaps_are_no_rejects(make: Callable[..., Case]) -> None:
    case = make()
    case.engine.settings = settings(on_gap="rescan").model_copy(update={"max_rejects": 0.0})
    case.engine.restart()
    case.source.write(rows(1, 2, 3))
    case.settle()
    case.source.write({2: "other"})
    case.lose()
    assert case.settle() == [("u", 2)]
    assert not case.engine.parked(TABLE)
    assert case.engine.schedule.streams[TABLE].rejects == 1


def test_a_rescan_that_is_cut_short_begins_anew_and_repeats_nothing(case: Case) -> None:
    case.source.write(rows(*range(1, 11)))
    case.settle()
    case.source.write({1: "other", 11: "new"}, gone={4})
    case.lose()
    case.source.whims.extend([None, None, TransientError("connection reset")])
    assert case.settle() == [("u", 1), ("c", 11), ("d", 4)]
    assert not case.source.whims


def test_a_scan_can_tell_what_has_happened_to_rows_that_it_has_met(case: Case) -> None:
    case.source.write(rows(1, 2, 3, 4, 5, 6))
    case.settle()
    case.source.write({5: "other"})
    case.lose()

    def meanwhile(batch: Batch) -> Batch:
        (scanned,) = batch.changes
        happened = pa.RecordBatch.from_pylist(
            [{"id": 1}, {"id": 2, "payload": "new"}, {"id": 9, "payload": "new"}], scanned.rows.schema
        )
        case.source.write({2: "new", 9: "new"}, gone={1})
        told = replace(scanned, rows=happened, op=pa.array(["d", "u", "c"]))
        return replace(batch, changes=(told, scanned))

    case.source.whims.extend([None, None, meanwhile])
    assert case.settle()[:4] == [("d", 1), ("u", 2), ("c", 9), ("u", 5)]
    case.lose()
    case.source.write({3: "other"})
    case.lose()
    assert case.settle() == [("u", 3)], "it is known what was told"


def test_what_is_inserted_during_the_first_scan_is_no_row_of_it(case: Case) -> None:
    case.source.write(rows(1, 2, 3, 4))

    def meanwhile(batch: Batch) -> Batch:
        (scanned,) = batch.changes
        happened = pa.RecordBatch.from_pylist([{"id": 9, "payload": "new"}], scanned.rows.schema)
        return replace(batch, changes=(scanned, replace(scanned, rows=happened, op=pa.array(["c"]))))

    case.source.whims.append(meanwhile)
    assert case.settle()[:5] == [("r", 1), ("r", 2), ("r", 3), ("c", 9), ("r", 4)]


def test_a_mass_delete_after_a_gap_parks_the_stream(case: Case) -> None:
    case.source.write(rows(*range(1, 41)))
    case.settle()
    case.source.write({50: "new"}, gone=set(range(1, 14)))
    case.lose()
    assert case.settle() == [("c", 50)]
    assert "13 of 40 rows of orders are gone at once" in case.engine.parked(TABLE)


def test_a_rescan_deletes_at_once_however_many_scans_confirm_a_delete_elsewhere(
    make: Callable[..., Case],
) -> None:
    case = make(confirm_deletes=3)
    case.source.write(rows(1, 2, 3))
    case.settle()
    case.source.write(gone={2})
    case.lose()
    assert case.settle() == [("d", 2)]


def test_a_rejected_row_is_no_delete_and_is_dead_lettered_once(case: Case) -> None:
    case.source.write(rows(1, 2, 3))
    case.settle()
    case.source.write({2: None, 4: None})
    case.lose()
    assert case.settle() == []
    case.lose()
    case.source.write({3: "other"})
    case.lose()
    assert case.settle() == [("u", 3)]
    assert Counter(case.letters()) == {"gap": 2, '{"id":2}': 1, '{"id":4}': 1}
    case.source.write({2: "mended", 4: "mended"})
    case.lose()
    assert case.settle() == [("u", 2), ("c", 4)]


def test_the_state_survives_the_loss_of_its_cache(case: Case) -> None:
    case.source.write(rows(1, 2, 3))
    case.settle()
    case.source.write({4: "new"}, gone={1})
    case.settle()
    case.engine.drain()
    case.engine._cache.unlink()
    case.engine.restart()
    case.source.write(gone={4})
    case.lose()
    assert case.settle() == [("d", 4)]


def test_a_stream_that_parks_at_a_gap_keeps_no_state(make: Callable[..., Case]) -> None:
    case = make(on_gap="park")
    case.source.write(rows(*range(1, 11)))
    assert case.settle() == [("r", each) for each in range(1, 11)]
    case.source.write({2: "other"}, gone={3})
    case.settle()
    assert STATE not in case.kafka.topics
    case.source.write(gone={2})
    case.lose()
    assert case.settle() == []
    assert "the log of orders begins with" in case.engine.parked(TABLE)


def test_a_rescan_switched_on_later_publishes_what_it_does_not_know_and_says_so(
    make: Callable[..., Case],
) -> None:
    case = make(on_gap="park")
    case.source.write(rows(1, 2, 3))
    case.settle()
    with capture_logs() as logs:
        case.reconfigure(on_gap="rescan")
        case.source.write({2: "other"})
        assert case.settle() == [("u", 2)]
        case.engine.drain()
        case.settle()
    (said,) = [each for each in logs if each["event"].startswith("on_gap: rescan counts from here on")]
    assert (said["log_level"], said["stream"]) == ("warning", TABLE)
    case.source.write({4: "new"}, gone={1})
    case.lose()
    assert case.settle() == [("r", 3), ("r", 4)]
    case.source.write({5: "new"}, gone={3})
    case.lose()
    assert case.settle() == [("c", 5), ("d", 3)]


def test_what_was_known_before_a_time_without_state_is_forgotten(make: Callable[..., Case]) -> None:
    """A row may have been published as another one meanwhile, and be as it was then."""
    case = make()
    case.source.write(rows(1, 2))
    case.settle()
    case.reconfigure(on_gap="park")
    case.source.write({1: "other"})
    assert case.settle() == [("u", 1)]
    case.reconfigure(on_gap="rescan")
    case.settle()
    case.source.write(rows(1))
    case.lose()
    assert case.settle() == [("r", 1), ("r", 2)]


def test_a_row_too_large_for_its_topic_is_not_known_to_its_consumers(case: Case) -> None:
    case.kafka.max_bytes[f"erp.{TABLE}"] = 1000
    case.source.write({1: "a", 2: "b"})
    case.settle()
    case.source.write({1: "x" * 2000, 3: "x" * 2000, 4: "x" * 2000})
    assert case.settle() == []
    case.source.write(gone={4})
    assert case.settle() == [("d", 4)], "changes are published as they come"
    case.lose()
    case.source.write({5: "new"}, gone={1, 3})
    case.lose()
    assert case.settle() == [("c", 5), ("d", 1)]
    assert case.letters().count('{"id":3}') == 1

"""What becomes visible late is published exactly once, whatever the order, the clock and the room."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import PermanentError
from connectors.sap_rfc.modes import late, look
from connectors.sap_rfc.modes.late import Overlap
from connectors.sap_rfc.modes.look import Reading, Window
from connectors.sap_rfc.streams import SapStream
from connectors.sap_rfc.system import Moment

LATE_WINDOW, MODE = 20, "change_documents"
BEGAN = datetime(2026, 11, 22, 23, 59, 30)  # noqa: DTZ001 -- of no zone


@dataclass(frozen=True)
class Change:
    """Written at one second, and visible at another, both since the beginning."""

    written: int
    visible: int
    number: str

    @property
    def mark(self) -> str:
        return self.number

    @property
    def group(self) -> str:
        return str(int(self.number) % 3)

    @property
    def stamp(self) -> str:
        return at(self.written)


def at(second: int) -> str:
    return (BEGAN + timedelta(seconds=second)).strftime("%Y%m%d%H%M%S")


changes = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, LATE_WINDOW)), min_size=1, max_size=60
).flatmap(
    lambda times: st.permutations(range(len(times))).map(
        lambda numbers: [
            Change(written, written + delay, f"{number:010}")
            for (written, delay), number in zip(times, numbers, strict=True)
        ]
    )
)


def visible(written: Sequence[Change], now: int, floor: str, until: str) -> list[Change]:
    return [
        each
        for each in written
        if each.visible <= now and each.stamp >= floor and (not until or each.stamp <= until)
    ]


@given(
    changes,
    st.lists(st.tuples(st.integers(1, 15), st.integers(1, 7)), min_size=1, max_size=40),
    st.integers(1, 6),
    st.integers(2, 9),
)
def test_each_change_is_published_exactly_once(
    written: list[Change], polls: list[tuple[int, int]], most_seen: int, most_at_once: int
) -> None:
    with patch.object(late, "MOST_SEEN", most_seen), patch.object(look, "MOST_AT_ONCE", most_at_once):
        published = Counter[str]()
        window, position, now = Window(at(-1000)), Overlap().position(MODE), 0
        for wait, most in [*polls, *[(15, 5)] * 90]:
            now += wait
            settled = late.later(at(now), -LATE_WINDOW - 1)
            place = Overlap.parsed(json.loads(json.dumps(position)), MODE)

            def between(floor: str, until: str, limit: int | None, now: int = now) -> list[Change] | None:
                found = visible(written, now, floor, until)
                return None if limit is not None and len(found) > limit else found

            found, until = window.look(place.floor, settled, between)
            step = place.step(found, settled, most, until)
            published.update(each.number for each in step.taken)
            position = step.place.position(MODE)
            assert sum(map(len, step.place.seen.values())) <= most_seen
        assert published == Counter(each.number for each in written)


def test_a_change_is_published_at_once_when_there_is_room() -> None:
    change = Change(100, 100, "0000000007")
    step = Overlap(at(0)).step([change], settled=at(80), most=10)
    assert [each.number for each in step.taken] == ["0000000007"]
    assert not Overlap.parsed(step.place.position(MODE), MODE).fresh([change])


def test_what_comes_late_with_an_older_time_and_a_lower_number_is_still_new() -> None:
    early = Overlap(at(0)).step([Change(100, 100, "0000000007")], settled=at(80), most=10)
    late_one = Change(90, 105, "0000000003")
    step = early.place.step([late_one, Change(100, 100, "0000000007")], settled=at(85), most=10)
    assert [each.number for each in step.taken] == ["0000000003"]


def test_what_cannot_be_remembered_waits_and_is_counted() -> None:
    with patch.object(late, "MOST_SEEN", 1):
        found = [Change(100, 100, "1"), Change(101, 101, "2"), Change(102, 102, "3")]
        step = Overlap(at(0)).step(found, settled=at(80), most=10)
    assert ([each.number for each in step.taken], step.held, step.more) == (["1"], 2, False)


def test_at_rest_the_position_stays_as_it_is() -> None:
    place = Overlap(at(0)).step([Change(10, 10, "1")], settled=at(80), most=10).place
    assert place.step([], settled=at(90), most=10).place == place


def test_changes_come_by_their_time_and_then_by_their_numbers() -> None:
    found = [Change(12, 12, "1"), Change(10, 10, "3"), Change(10, 10, "2")]
    assert [each.number for each in Overlap().fresh(found)] == ["2", "3", "1"]


OPTIONS = SapStream.model_validate(
    {"mode": "change_documents", "classes": ["DEBI"], "late_window": 20, "safety_interval": 5}
)


def clock(second: int, offset_s: int = 0) -> Moment:
    """So many seconds after the beginning, in a zone that is ahead of that where it began."""
    return Moment(BEGAN + timedelta(seconds=second + offset_s), offset_s, 0.0)


def test_a_clock_that_was_set_back_stops_the_stream_instead_of_losing_changes() -> None:
    with pytest.raises(PermanentError, match="would be missed"):
        Reading("changes", OPTIONS).look(clock(10), Overlap(at(20)), lambda *_: []).step(10)


def test_a_look_ends_soon_however_much_there_is_and_however_long_it_takes_to_see_that() -> None:
    """Else it would be interrupted, and begin anew, for ever."""
    written = [Change(second, second, f"{second:010}") for second in range(0, 40_000, 7)]
    spent, taken, longest = [0.0], list[str](), 0.0

    def between(floor: str, until: str, limit: int | None) -> list[Change] | None:
        spent[0] += 2.0
        found = visible(written, 100_000, floor, until)
        return None if limit is not None and len(found) > limit else found

    reading, place = Reading("changes", OPTIONS), Overlap()
    with patch.object(look, "MOST_AT_ONCE", 500), patch.object(look, "monotonic", lambda: spent[0]):
        for _ in range(1000):
            began = spent[0]
            step = reading.look(clock(100_000), place, between).step(500)
            place = Overlap.parsed(json.loads(json.dumps(step.place.position(MODE))), MODE)
            taken += [each.number for each in step.taken]
            longest = max(longest, spent[0] - began)
            if not step.more:
                break
    assert taken == [each.number for each in written]
    assert longest <= 8.0


def test_what_is_younger_than_the_safety_interval_waits_so_that_its_second_is_over() -> None:
    found = [Change(94, 94, "1"), Change(95, 95, "2"), Change(96, 96, "3")]
    step = Reading("changes", OPTIONS).look(clock(100), Overlap(at(0)), lambda *_: found).step(10)
    assert ([each.number for each in step.taken], step.more) == (["1", "2"], False)


def test_what_was_open_when_the_clock_went_ahead_in_spring_is_not_lost() -> None:
    reading, place = Reading("changes", OPTIONS), Overlap(at(0))
    place = reading.look(clock(100), place, lambda *_: [Change(95, 95, "1")]).step(10).place
    slow, fast = Change(97, 110, "0"), Change(3705, 3705, "2")
    found = [Change(95, 95, "1"), fast]
    step = reading.look(clock(110, 3600), place, lambda *_: found).step(10)
    assert [each.number for each in step.taken] == ["2"]
    place = Overlap.parsed(json.loads(json.dumps(step.place.position(MODE))), MODE)
    step = reading.look(clock(112, 3600), place, lambda *_: [*found, slow]).step(10)
    assert [each.number for each in step.taken] == ["0"]
    step = reading.look(clock(140, 3600), step.place, lambda *_: [*found, slow]).step(10)
    assert (step.taken, step.place.before) == ([], None)


def test_the_hour_that_comes_twice_in_autumn_is_read_with_a_late_window_of_an_hour() -> None:
    options = OPTIONS.model_copy(update={"late_window": 3700.0})
    reading, first = Reading("changes", options), Change(3590, 3590, "1")
    place = reading.look(clock(0, 3600), Overlap(), lambda *_: [first]).step(10).place
    step = reading.look(clock(20), place, lambda *_: [first, Change(10, 10, "2")]).step(10)
    assert [each.number for each in step.taken] == ["2"]


@pytest.mark.parametrize(
    "position",
    [
        {},
        {"floor": at(0)},
        {"mode": "table", "floor": at(0)},
        {"mode": MODE, "floor": "yesterday"},
        {"mode": MODE, "floor": "20261399000000"},
        {"mode": MODE, "floor": at(0), "seen": {at(1): "1"}},
        {"mode": MODE, "floor": at(0), "seen": [1]},
        {"mode": MODE, "floor": at(0), "more": 1},
        {"mode": MODE, "floor": at(0), "offset": "+1"},
        {"mode": MODE, "floor": at(0), "before": [3600]},
    ],
)
def test_a_strange_position_is_none(position: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the position is all it has to say
        Overlap.parsed(position, MODE)

"""Each stream says how it is, and why when that is not OK."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any, Self

import pytest

from bridge.config.options import StreamOptions
from bridge.config.quiet import QuietHours
from bridge.contract import Batch, Stream
from bridge.errors import TransientError
from bridge.progress import Progress, Turn
from bridge.schedule import Schedule
from bridge.states import State


class Clock:
    """Monotonic time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    stopped = Clock()
    monkeypatch.setattr(time, "monotonic", stopped)
    yield stopped
    monkeypatch.undo()


@pytest.fixture
def schedule(clock: Clock) -> Schedule:
    made = Schedule(critical_after=300.0)
    options = StreamOptions(interval=1.0, deadline=30.0)
    names = ("orders", "items")
    made.install((Progress(Stream(name, "db", ()), options, state_since=clock.now) for name in names), 0)
    return made


def turn(schedule: Schedule) -> Turn:
    found = schedule.next(0.0, lambda: None)
    assert found is not None
    return found


def polled(schedule: Schedule) -> None:
    """Both streams polled well, nothing found."""
    for _ in range(2):
        each = turn(schedule)
        schedule.ended(each, Batch({"id": 1}))
        schedule.caught_up(each.progress, each.asked_at, each.position)


def seen(
    schedule: Schedule, name: str = "orders", trouble: str | None = None, held: str | None = None
) -> Any:
    schedule.snapshot(trouble, held)
    found = schedule.snapshot(trouble, held)[name]
    return found["state"], found["health"], found["error"]


def test_a_stream_that_is_polled_is_ok(schedule: Schedule) -> None:
    polled(schedule)

    assert seen(schedule) == (State.RUNNING, "ok", None)


def test_a_stream_whose_first_poll_has_not_ended_is_starting(schedule: Schedule, clock: Clock) -> None:
    assert seen(schedule) == (State.STARTING, "ok", None)
    turn(schedule)
    clock.now += 29.0
    assert seen(schedule) == (State.STARTING, "ok", None)


def test_a_poll_past_its_deadline_is_stalled_and_says_so(schedule: Schedule, clock: Clock) -> None:
    polled(schedule)
    clock.now += 2.0
    stuck = turn(schedule).progress.stream.name
    clock.now += 31.0

    stalled = (State.STALLED, "critical", "its poll runs past the deadline of 30 s")
    assert seen(schedule, stuck, held=f"poll of {stuck} does not return") == stalled


def test_a_stream_that_waits_says_what_holds_it_up(schedule: Schedule, clock: Clock) -> None:
    polled(schedule)
    clock.now += 32.0

    assert seen(schedule, held="open does not return")[2] == "due, and not polled: open does not return"
    assert seen(schedule)[2] == "due, and not polled: others are"


def test_a_failing_stream_backs_off_and_is_critical_after_a_while(schedule: Schedule, clock: Clock) -> None:
    failed = turn(schedule)
    schedule.failed(failed, TransientError("connection reset"))
    name = failed.progress.stream.name
    assert seen(schedule, name) == (State.BACKOFF, "warning", "connection reset")

    clock.now += 301.0
    failed.progress.due = clock.now
    assert seen(schedule, name) == (State.BACKOFF, "critical", "connection reset")


def test_trouble_of_the_whole_connector_is_every_streams(schedule: Schedule) -> None:
    polled(schedule)

    assert seen(schedule, "items", trouble="Kafka: away") == (State.BACKOFF, "warning", "Kafka: away")


def test_a_paused_stream_says_by_whom_even_when_its_source_is_gone(schedule: Schedule) -> None:
    schedule.failed(turn(schedule), TransientError("gone"))
    for name in ("orders", "items"):
        assert not schedule.paused
        schedule.pause(name, "uid 7")

    assert schedule.paused
    assert seen(schedule, trouble="gone") == (State.PAUSED, "warning", "by uid 7")


def test_a_parked_stream_gives_its_reason_first(schedule: Schedule) -> None:
    schedule.pause("orders", "uid 7")
    schedule.park("orders", "no such table")

    assert seen(schedule, trouble="gone") == (State.FAILED, "critical", "no such table")


@pytest.mark.parametrize(
    ("tolerated", "rows", "rejects", "parks"),
    [
        (0.01, 0, 10, False),
        (0.01, 0, 11, True),
        (0.01, 10_000, 100, False),
        (0.01, 1_000, 11, True),
        (0.0, 10_000, 1, True),
        (0.0, 10_000, 0, False),
        (1.0, 0, 1_000, False),
    ],
)
def test_more_rejects_than_ten_and_than_their_share_park_and_with_a_share_of_nothing_any_does(
    schedule: Schedule, tolerated: float, rows: int, rejects: int, *, parks: bool
) -> None:
    reason = schedule.rejected(schedule.streams["orders"], rows, rejects, tolerated)
    assert bool(reason) is parks


def test_resume_forgives_rejects_only_where_the_stream_was_parked(schedule: Schedule) -> None:
    orders = schedule.streams["orders"]
    schedule.rejected(orders, rows=1000, rejects=1, tolerated=0.01)
    schedule.resume(["orders"])
    assert orders.recent.rejects == 1
    schedule.park("orders", "too many")
    schedule.resume(["orders"])
    assert orders.recent.rejects == 0


def test_a_stream_far_behind_its_source_is_a_warning(schedule: Schedule, clock: Clock) -> None:
    polled(schedule)
    clock.now += 10.0
    for _ in range(2):
        schedule.ended(turn(schedule), Batch({"id": 2}, more=True))
    clock.now += 301.0
    schedule.streams["orders"].due = clock.now

    assert seen(schedule) == (State.RUNNING, "warning", "behind its source")


def test_a_stream_that_waits_for_its_hour_is_not_behind(clock: Clock) -> None:
    schedule = Schedule(critical_after=300.0)
    options = StreamOptions(interval=3600.0)
    schedule.install([Progress(Stream("orders", "db", ()), options, state_since=clock.now)], 0)
    only = turn(schedule)
    schedule.ended(only, Batch({"id": 1}))
    schedule.caught_up(only.progress, only.asked_at, only.position)
    clock.now += 3599.0

    assert seen(schedule) == (State.RUNNING, "ok", None)


def test_a_stream_that_vanished_from_its_source_is_critical(schedule: Schedule) -> None:
    schedule.install([], 0)

    state, health, error = seen(schedule)
    assert (state, health) == (State.FAILED, "critical")
    assert "no longer has this stream" in error


def test_a_stream_that_never_caught_up_is_behind_since_its_first_poll(
    schedule: Schedule, clock: Clock
) -> None:
    for _ in range(2):
        schedule.ended(turn(schedule), Batch({"id": 1}, more=True))
    clock.now += 301.0
    schedule.streams["orders"].due = clock.now

    assert seen(schedule) == (State.RUNNING, "warning", "behind its source")


class Noon(datetime):
    """The clock on the wall has stopped."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(2026, 6, 1, 12, tzinfo=tz)


LUNCH = QuietHours.parse("11:00-13:00 UTC")


@pytest.fixture
def night(schedule: Schedule, monkeypatch: pytest.MonkeyPatch) -> Schedule:
    """Both streams have their quiet hours."""
    monkeypatch.setattr("bridge.schedule.datetime", Noon)
    for progress in schedule.streams.values():
        progress.options = progress.options.model_copy(update={"quiet_hours": LUNCH})
    return schedule


def test_a_source_that_cannot_be_reached_in_its_quiet_hours_is_quiet(night: Schedule, clock: Clock) -> None:
    assert night.quiet
    clock.now += 301.0
    assert seen(night, trouble="shut for its backup")[:2] == (State.QUIET, "ok")
    assert seen(night)[:2] == (State.QUIET, "ok")


def test_a_kafka_that_cannot_be_reached_has_no_quiet_hours(night: Schedule) -> None:
    assert night.snapshot(None, None, "Kafka: away")["orders"]["state"] == State.BACKOFF


def test_a_poll_that_runs_into_the_quiet_hours_is_not_quiet(night: Schedule, clock: Clock) -> None:
    progress = night.streams["orders"]
    progress.polling_since = clock.now
    clock.now += 31.0
    assert seen(night)[0] is State.STALLED


def test_one_stream_awake_ends_the_rest(night: Schedule) -> None:
    assert night.rest() > 0
    orders = night.streams["orders"]
    orders.options = orders.options.model_copy(update={"quiet_hours": None})
    assert not night.quiet
    night.pause("orders", "uid 7")
    assert night.quiet, "one that is paused asks for nothing"

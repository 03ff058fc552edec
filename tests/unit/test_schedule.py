"""Which stream is polled when, by a clock that passes in waits alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from threading import Thread
from typing import Self

import pyarrow as pa
import pytest

from bridge.config.options import StreamOptions
from bridge.contract import Batch, Changes, Level, Scan, Stream, Table
from bridge.errors import PermanentError, TransientError
from bridge.positions import Stored
from bridge.progress import Progress, Turn
from bridge.schedule import Schedule
from bridge.states import State
from bridge.testing.simulation import Clock

TABLE = Table("orders", pa.schema([("id", pa.int64())]), ("id",))
SOON_S = 5.0
"""What should happen at once has happened long before."""


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock


class Streams:
    """A schedule and the reader's and the task's part in it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.schedule = Schedule(position_version=2)
        self.found: dict[str, tuple[Stream, StreamOptions]] = {}
        self.waits = 0

    def add(self, *names: str, settles: bool = False, **options: object) -> None:
        """Discovered besides what is there."""
        chosen = StreamOptions.model_validate({"interval": 10.0, **options})
        for name in names:
            self.found[name] = Stream(name, "db", (TABLE,), settles=settles), chosen
        self.install()

    def install(self, opening: int | None = None) -> None:
        found = (Progress(*each) for each in self.found.values())
        self.schedule.install(found, self.schedule.opening if opening is None else opening)

    def turn(self, timeout: float = 0.0) -> Turn | None:
        return self.schedule.next(timeout, self.wait)

    def wait(self) -> None:
        self.waits += 1

    def started(self, timeout: float = 0.0) -> Turn:
        turn = self.turn(timeout)
        assert turn is not None, "nothing is due"
        return turn

    def ended(
        self, turn: Turn, position: int = 0, rows: int = 0, *, more: bool = False, scan: Scan | None = None
    ) -> Batch:
        batch = pa.RecordBatch.from_pydict({"id": list(range(rows))}, schema=TABLE.schema)
        made = Batch({"id": position}, (Changes(TABLE, batch),) if rows else (), scan=scan, more=more)
        self.schedule.ended(turn, made)
        return made

    def polled(self, seconds: float = 0.0) -> list[str]:
        """The streams that get their turn within some seconds, each polled in no time."""
        end, names = self.clock.now + seconds, []
        while turn := self.turn(max(0.0, end - self.clock.now)):
            names.append(name_of(turn))
            self.ended(turn)
        return names

    def publish(self, turn: Turn, batch: Batch) -> None:
        self.schedule.published(turn.progress, batch, turn.asked_at, batch.rows, 0)

    def state(self, name: str) -> State:
        found: State = self.schedule.snapshot(None, None)[name]["state"]
        return found


@pytest.fixture
def streams(clock: Clock) -> Streams:
    return Streams(clock)


def name_of(turn: Turn) -> str:
    return turn.progress.stream.name


def stored(position: int, version: int = 2) -> Stored:
    return Stored({"id": position}, "fake", version, "db")


# -- the order of turns


def test_what_was_found_first_is_polled_first(streams: Streams) -> None:
    streams.add("orders", "items", "customers")
    assert streams.polled() == ["orders", "items", "customers"]


def test_the_stream_that_is_due_first_is_polled_first(streams: Streams) -> None:
    streams.add("slow", interval=9.0)
    streams.add("fast", interval=2.0)
    assert streams.polled() == ["slow", "fast"]
    assert streams.polled(10.0) == ["fast", "fast", "fast", "fast", "slow", "fast"]


def test_an_interval_runs_from_the_start_of_one_poll_to_the_start_of_the_next(
    streams: Streams, clock: Clock
) -> None:
    streams.add("orders", interval=10.0)
    first = streams.started()
    clock.now += 4.0
    streams.ended(first)
    assert streams.started(60.0).asked_at == pytest.approx(first.asked_at + 10.0)


def test_a_poll_that_took_longer_than_its_interval_is_followed_by_one_and_not_by_many(
    streams: Streams, clock: Clock
) -> None:
    streams.add("orders", interval=10.0)
    first = streams.started()
    clock.now += 35.0
    streams.ended(first)
    assert streams.polled() == ["orders"]


def test_a_stream_that_has_more_goes_on_at_once_and_starves_no_other(streams: Streams) -> None:
    streams.add("busy", "busier", interval=10.0)
    streams.add("calm", interval=10.0)
    seen = []
    for _ in range(6):
        turn = streams.started()
        seen.append(name_of(turn))
        streams.clock.now += 1.0
        streams.ended(turn, more=name_of(turn) != "calm")
    assert seen == ["busy", "busier", "calm", "busy", "busier", "busy"]


def test_a_poll_may_wait_at_the_source_until_the_next_stream_has_its_turn(
    streams: Streams, clock: Clock
) -> None:
    streams.add("orders", interval=10.0, deadline=30.0)
    streams.add("items", interval=4.0, deadline=30.0)
    assert streams.started().wait_s == 0.0
    streams.ended(items := streams.started())
    assert name_of(items) == "items"
    assert items.wait_s == 4.0  # `orders` is being polled: nobody else waits
    clock.now += 4.0
    streams.ended(streams.started())
    assert streams.started(60.0).wait_s == 4.0


def test_a_poll_waits_no_longer_than_half_its_deadline(streams: Streams) -> None:
    streams.add("orders", interval=900.0, deadline=30.0)
    assert streams.started().wait_s == 15.0


def test_nothing_is_due_before_its_time(streams: Streams, clock: Clock) -> None:
    streams.add("orders", interval=10.0)
    streams.polled()
    assert streams.turn(9.0) is None
    assert streams.turn(2.0)


def test_the_queue_hears_of_the_readers_waits_and_of_nothing_else(streams: Streams) -> None:
    streams.add("orders", "items")
    streams.started()
    streams.started()
    assert not streams.waits
    assert streams.turn(1.0) is None
    assert streams.waits


# -- how far a stream runs ahead


def test_a_poll_begins_where_the_one_before_ended_though_kafka_has_nothing_yet(streams: Streams) -> None:
    streams.add("orders", interval=1.0)
    for position in (5, 9):
        streams.ended(streams.started(60.0), position)
    turn = streams.started(60.0)
    assert turn.position == {"id": 9}
    assert turn.progress.committed is None


def test_a_rewind_goes_back_to_what_kafka_has_and_to_the_version_that_wrote_it(streams: Streams) -> None:
    streams.add("orders")
    streams.ended(streams.started(), 9)
    streams.schedule.rewind({"orders": stored(3, version=1)})
    turn = streams.started()
    assert (turn.position, turn.version) == ({"id": 3}, 1)
    streams.ended(turn, 5)
    assert streams.started(60.0).version == 2


def test_what_was_read_before_a_rewind_is_stale(streams: Streams) -> None:
    streams.add("orders", "items")
    before, during = streams.started(), streams.started()
    streams.ended(before, 5)
    streams.schedule.rewind({})
    assert before.stale
    assert not streams.schedule.ended(during, Batch({"id": 7}))
    after = [streams.started(), streams.started()]
    assert [turn.position for turn in after] == [None, None]
    assert not any(turn.stale for turn in after)


def test_a_stream_that_settles_is_polled_when_the_source_has_let_go_and_not_before(streams: Streams) -> None:
    streams.add("queue", settles=True, interval=1.0)
    turn = streams.started()
    batch = streams.ended(turn, 5, rows=5)
    assert not streams.polled(60.0)
    streams.publish(turn, batch)
    assert not streams.polled(60.0)
    assert streams.schedule.to_settle() == [(turn.progress.stream, {"id": 5})]
    streams.schedule.settled("queue", {"id": 5})
    assert not streams.schedule.has_to_settle
    assert streams.started().position == {"id": 5}


def test_a_stream_that_settles_goes_on_when_a_poll_brought_nothing(streams: Streams) -> None:
    streams.add("queue", settles=True, interval=1.0)
    streams.ended(turn := streams.started())
    streams.schedule.passed_over(turn.progress, Batch(None))
    assert streams.turn(60.0)


def test_a_position_that_waits_for_a_ride_is_handed_over_once(streams: Streams) -> None:
    streams.add("orders", interval=1.0)
    turn = streams.started()
    batch = streams.ended(turn, 5)
    streams.schedule.caught_up(turn.progress, turn.began, batch.position)
    assert not streams.schedule.ended(streams.started(60.0), batch)
    streams.schedule.rewind({})
    assert streams.schedule.ended(streams.started(60.0), batch)


def test_a_settled_position_that_is_not_the_last_settles_nothing(streams: Streams) -> None:
    streams.add("queue", settles=True)
    turn = streams.started()
    streams.publish(turn, streams.ended(turn, 5))
    streams.schedule.rewind({"queue": stored(8)})
    streams.schedule.settled("queue", {"id": 5})
    assert streams.schedule.to_settle() == [(turn.progress.stream, {"id": 8})]
    assert not streams.polled(60.0)


def test_what_kafka_has_is_settled_once_more_after_every_opening(streams: Streams) -> None:
    streams.add("queue", settles=True)
    streams.schedule.rewind({"queue": stored(5)})
    streams.schedule.settled("queue", {"id": 5})
    streams.schedule.gate()
    assert not streams.schedule.to_settle()
    streams.install()
    assert [position for _, position in streams.schedule.to_settle()] == [{"id": 5}]


def test_a_parked_stream_is_not_settled(streams: Streams) -> None:
    streams.add("queue", settles=True)
    streams.schedule.rewind({"queue": stored(5)})
    streams.schedule.park("queue", "another database")
    assert not streams.schedule.has_to_settle


# -- failures


def test_a_stream_that_fails_backs_off_alone(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.progress.delay", lambda failures, _least: 8.0 * failures)
    streams.add("locked", "orders", interval=10.0)
    assert streams.schedule.failed(streams.started(), TransientError("locked")) == 8.0
    assert streams.polled(7.0) == ["orders"]
    assert name_of(turn := streams.started(2.0)) == "locked"
    assert streams.schedule.failed(turn, TransientError("locked")) == 16.0
    assert streams.polled(15.0) == ["orders", "orders"]
    assert streams.state("locked") is State.BACKOFF
    assert streams.polled(2.0) == ["locked"]
    assert streams.state("locked") is State.RUNNING
    assert not streams.schedule.streams["locked"].failures


def test_a_pass_that_is_cut_again_and_again_is_not_well_before_it_gets_further(
    streams: Streams, clock: Clock
) -> None:
    streams.add("orders")

    def passes(*rows: int) -> State:
        """A pass that is cut after so many rows a poll."""
        for number, some in enumerate(rows):
            turn = streams.started(400.0)
            streams.ended(turn, number, some, more=True, scan=Scan.MORE if number else Scan.FIRST)
        now = streams.state("orders")
        streams.schedule.failed(streams.started(400.0), TransientError("cut"))
        return now

    assert [passes(10, 10) for _ in range(3)] == [State.RUNNING] * 3
    assert [passes(10, 10) for _ in range(3)] == [State.BACKOFF] * 3
    clock.now += 400.0
    assert streams.schedule.snapshot(None, None)["orders"]["health"] is Level.CRITICAL
    assert passes(10, 10, 1) is State.RUNNING
    streams.ended(streams.started(400.0), 9, 10, scan=Scan.ONLY)
    assert [passes(10, 10) for _ in range(3)] == [State.RUNNING] * 3


def test_a_source_that_asks_for_time_gets_it(streams: Streams) -> None:
    streams.add("orders")
    assert streams.schedule.failed(streams.started(), TransientError("busy", retry_after=50.0)) == 50.0
    assert not streams.polled(49.0)
    assert streams.polled(2.0) == ["orders"]


def test_neither_a_rewind_nor_a_discovery_ends_a_back_off_but_resume_does(streams: Streams) -> None:
    streams.add("orders")
    streams.schedule.failed(streams.started(), TransientError("busy", retry_after=50.0))
    streams.schedule.rewind({})
    streams.install()
    assert not streams.polled(20.0)
    streams.schedule.resume(["orders"])
    streams.install()
    assert streams.polled() == ["orders"]


def test_a_poll_that_failed_for_good_parks_its_stream_alone(streams: Streams) -> None:
    streams.add("dropped", "orders")
    streams.schedule.ended_parked(streams.started(), str(PermanentError("no such table")))
    assert streams.polled(60.0).count("orders") == 7
    assert streams.state("dropped") is State.FAILED


def test_what_was_read_before_the_poll_that_failed_for_good_is_published(streams: Streams) -> None:
    streams.add("dropped", interval=1.0)
    good = streams.started()
    streams.ended(good, 5)
    streams.schedule.ended_parked(streams.started(60.0), "no such table")
    assert not good.stale


def test_a_gap_parks_or_is_marked_and_starts_over(streams: Streams) -> None:
    streams.add("careful", "hasty", on_gap="park")
    streams.add("hasty", on_gap="rescan")
    careful, hasty = streams.started(), streams.started()
    assert streams.schedule.gap(careful, "purged") is None
    assert streams.state("careful") is State.FAILED
    marker = streams.schedule.gap(replace(hasty, position={"id": 1}), "purged")
    assert marker is not None
    assert (marker.position, marker.more) == (None, True)
    assert [reject.reason for reject in marker.rejects] == ["gap: purged"]
    assert streams.schedule.gap(hasty, "nothing is there to start from") is None
    assert streams.state("hasty") is State.FAILED


def test_a_poll_past_its_deadline_is_stalled_until_it_ends(streams: Streams, clock: Clock) -> None:
    streams.add("orders", interval=10.0, deadline=30.0)
    streams.polled()
    turn = streams.started(60.0)
    clock.now += 30.0
    assert streams.state("orders") is State.RUNNING
    clock.now += 1.0
    assert streams.state("orders") is State.STALLED
    streams.ended(turn)
    assert streams.state("orders") is State.RUNNING


def test_a_stream_with_a_long_interval_is_stalled_after_two_of_them(streams: Streams, clock: Clock) -> None:
    streams.add("orders", interval=100.0, deadline=30.0)
    streams.polled()
    clock.now += 100.0
    assert streams.state("orders") is State.RUNNING
    clock.now += 201.0
    assert streams.state("orders") is State.STALLED


# -- pauses and parks


@pytest.mark.parametrize("stopped", [Schedule.pause, Schedule.park])
def test_a_stream_that_is_paused_or_parked_is_not_polled_and_what_was_read_is_stale(
    streams: Streams, stopped: Callable[[Schedule, str, str], None]
) -> None:
    streams.add("orders", "items")
    turn = streams.started()
    streams.ended(turn, 5)
    stopped(streams.schedule, "orders", "why")
    assert turn.stale
    assert "orders" not in streams.polled(60.0)


def test_a_poll_that_ends_in_a_pause_counts_for_nothing(streams: Streams) -> None:
    streams.add("orders")
    turn = streams.started()
    streams.schedule.pause("orders", "uid 7")
    assert not streams.schedule.ended(turn, Batch({"id": 5}))
    assert not streams.polled(60.0)


def test_resume_makes_a_stream_due_at_once_when_it_has_been_judged_anew(streams: Streams) -> None:
    streams.add("orders", interval=900.0)
    streams.polled()
    streams.schedule.pause("orders", "uid 7")
    streams.schedule.resume(["orders"])
    assert not streams.polled(60.0)
    streams.install()
    assert streams.polled() == ["orders"]


def test_what_was_read_of_a_stream_that_is_found_paused_is_stale(streams: Streams) -> None:
    streams.add("orders")
    streams.ended(turn := streams.started(), 5)
    found = Progress(*streams.found["orders"])
    found.paused = "uid 7"
    streams.schedule.install([found], streams.schedule.opening)
    assert turn.stale
    assert not streams.polled(60.0)


def test_a_discovery_ends_no_park(streams: Streams) -> None:
    streams.add("orders")
    streams.schedule.park("orders", "too many rejects")
    streams.install()
    assert not streams.polled(60.0)


# -- quiet hours


@pytest.fixture
def noon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon now, and the clock on the wall goes as the other does."""
    began = clock.now

    class Wall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2026, 6, 1, 12, tzinfo=tz) + timedelta(seconds=clock.now - began)

    monkeypatch.setattr("bridge.schedule.datetime", Wall)


@pytest.mark.usefixtures("noon")
def test_a_stream_is_left_alone_in_its_quiet_hours_and_polled_when_they_end(
    streams: Streams, clock: Clock
) -> None:
    began = clock.now
    streams.add("orders", quiet_hours="11:00-12:10 UTC", interval=60.0)
    streams.add("items", interval=60.0)
    assert set(streams.polled(599.0)) == {"items"}
    assert streams.state("orders") is State.QUIET
    turn = streams.started(2.0)
    while name_of(turn) != "orders":
        streams.ended(turn)
        turn = streams.started(2.0)
    streams.ended(turn)
    assert turn.asked_at == pytest.approx(began + 600.0)
    assert streams.state("orders") is State.RUNNING


@pytest.mark.usefixtures("noon")
def test_quiet_hours_begin_between_two_polls(streams: Streams) -> None:
    streams.add("orders", quiet_hours="12:01-12:30 UTC", interval=10.0)
    assert len(streams.polled(600.0)) == 6
    assert streams.state("orders") is State.QUIET


def test_a_stream_that_waits_for_another_in_its_source_is_not_asked_all_the_time(
    streams: Streams, clock: Clock
) -> None:
    streams.add("running", "waiting", max_rows_per_s=40, interval=1.0)
    turns, began = Counter[str](), clock.now
    while turns["running"] < 10:
        turn = streams.started(60.0)
        turns[name_of(turn)] += 1
        if name_of(turn) == "running":
            streams.ended(turn, turns["running"], rows=40, more=True)
        else:
            streams.schedule.ended(turn, Batch(turn.position, more=True))
            assert turns["waiting"] < 50, "it spins"
    assert clock.now - began == pytest.approx(9.0)


# -- rate limits


def test_a_stream_with_a_rate_is_asked_for_a_second_of_it(streams: Streams) -> None:
    streams.add("orders", max_rows_per_s=40, interval=10.0)
    streams.add("items", max_rows_per_s=40, interval=0.5)
    streams.add("trickle", max_rows_per_s=1, interval=0.5)
    streams.add("free")
    assert [streams.started().rows for _ in range(4)] == [40, 20, 1, 0]


def test_a_rate_holds_though_the_stream_has_more_and_brings_more_than_asked(
    streams: Streams, clock: Clock
) -> None:
    streams.add("orders", max_rows_per_s=40, interval=1.0)
    began, rows = clock.now, 0
    for brought in (40, 120, 1, 40):
        turn = streams.started(60.0)
        assert rows <= 40 * (clock.now - began) + 1e-6
        streams.ended(turn, rows=brought, more=True)
        rows += brought
    assert clock.now - began == pytest.approx((40 + 120 + 1) / 40)


# -- discoveries


def test_a_stream_found_later_starts_at_once(streams: Streams) -> None:
    streams.add("orders", interval=900.0)
    streams.polled()
    streams.add("items")
    assert streams.polled() == ["items"]


def test_a_stream_found_again_keeps_its_turn_and_its_place(streams: Streams) -> None:
    streams.add("orders", interval=10.0)
    streams.ended(streams.started(), 5)
    streams.add("orders", interval=10.0)
    assert not streams.polled(9.0)
    assert streams.started(2.0).position == {"id": 5}


def test_a_stream_that_vanished_is_not_polled_and_goes_on_when_it_is_back(streams: Streams) -> None:
    streams.add("orders", "items")
    streams.ended(streams.started(), 5)
    gone = streams.found.pop("orders")
    streams.install()
    assert "orders" not in streams.polled(60.0)
    assert streams.state("orders") is State.FAILED
    streams.found["orders"] = gone
    streams.install()
    turn = streams.started()
    assert (name_of(turn), turn.position) == ("orders", {"id": 5})
    assert turn.progress.error is None


def test_nothing_is_polled_before_the_streams_of_this_opening_were_judged(streams: Streams) -> None:
    streams.add("orders")
    earlier = streams.schedule.opening
    streams.schedule.gate()
    assert streams.schedule.gated
    streams.install(earlier)
    assert not streams.polled(60.0)
    streams.install()
    assert streams.polled() == ["orders"]


# -- threads


def waiting(schedule: Schedule) -> tuple[Thread, list[Turn | None]]:
    """A reader in `next`, for longer than the test lasts."""
    turns: list[Turn | None] = []
    thread = Thread(target=lambda: turns.append(schedule.next(600.0, lambda: None)), daemon=True)
    thread.start()
    return thread, turns


def test_a_waiting_reader_gets_what_becomes_due() -> None:
    schedule = Schedule()
    thread, turns = waiting(schedule)
    schedule.install([Progress(Stream("orders", "db", (TABLE,)), StreamOptions())], 0)
    thread.join(SOON_S)
    assert [turn and name_of(turn) for turn in turns] == ["orders"]


def test_a_waiting_reader_is_let_go() -> None:
    schedule = Schedule()
    thread, turns = waiting(schedule)
    schedule.close()
    thread.join(SOON_S)
    assert turns == [None]

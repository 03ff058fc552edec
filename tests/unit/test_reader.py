"""The one thread that calls the connector: what it calls, when, and what it makes of failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from threading import Event
from typing import Any, Self

import pytest
from structlog.testing import capture_logs

from bridge.config.options import ConnectorSettings, OnGap, PrefetchOptions, StreamOptions
from bridge.contract import Ask, Batch, Position, Stream
from bridge.errors import (
    BusyError,
    ConfigError,
    CredentialsError,
    GapError,
    GoneError,
    PermanentError,
    TransientError,
)
from bridge.prefetch import Prefetch
from bridge.reader import Call, Reader
from bridge.schedule import Schedule
from bridge.states import State
from bridge.testing.fakes import FakeConnector, FakeKafka, FakeSource
from bridge.testing.simulation import Clock, Engine


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock


class Watched(FakeConnector):
    """Notes what the reader says it is doing while it does it."""

    reader: Reader
    calls: dict[str, Call | None]
    asks: list[Ask]

    def prepare(self) -> None:
        assert self.reader.call
        self.calls["prepare"] = self.reader.call
        raise ConfigError("no Java")

    def open(self) -> None:
        self.calls["open"] = self.reader.call
        super().open()

    def discover(self) -> Sequence[Stream]:
        self.calls["discover"] = self.reader.call
        return super().discover()

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        self.calls["poll"] = self.reader.call
        self.asks.append(ask)
        return super().poll(stream, position, ask)

    def commit(self, stream: Stream, position: Position) -> None:
        self.calls["commit"] = self.reader.call
        super().commit(stream, position)

    def close(self) -> None:
        self.calls["close"] = self.reader.call
        super().close()


class WatchedSource(FakeSource):
    def __init__(self, *names: str, **options: Any) -> None:
        super().__init__(*names, **options)
        self.calls: dict[str, Call | None] = {}
        self.asks: list[Ask] = []
        self.reader: Callable[[], Reader]

    def connector(self) -> FakeConnector:
        made = Watched(self)
        made.reader, made.calls, made.asks = self.reader(), self.calls, self.asks
        return made


def engine_of(clock: Clock, source: FakeSource, **options: Any) -> Engine:
    stream = StreamOptions(**{"interval": 1.0, **options})
    engine = Engine(FakeKafka(), source, clock, ConnectorSettings(name="erp", kind="fake", defaults=stream))
    if isinstance(source, WatchedSource):
        source.reader = lambda: engine.reader
    return engine


def trouble(engine: Engine) -> str | None:
    return engine.reader.trouble


def test_a_discovery_that_goes_on_has_its_deadline_anew(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, ages = WatchedSource("orders"), []

    def discover(connector: Watched) -> Sequence[Stream]:
        for _ in range(3):
            clock.now += 20.0
            assert connector.goes_on
            assert connector.reader.call
            ages.append(clock.now - connector.reader.call.since)
            connector.goes_on()
        return FakeConnector.discover(connector)

    monkeypatch.setattr(Watched, "discover", discover)
    engine = engine_of(clock, source)
    engine.settle()
    assert ages == [20.0] * 3
    assert engine.schedule.streams


@pytest.mark.parametrize(("took", "told"), [(6.0, "cut"), (8.0, "cut, past its deadline of 7 s")])
def test_a_poll_that_fails_past_its_deadline_says_so(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, took: float, told: str
) -> None:
    def poll(*_: object) -> Batch:
        clock.now += took
        raise TransientError("cut", remedy="wait")

    engine = engine_of(clock, WatchedSource("orders"), deadline=7.0)
    engine.settle()
    monkeypatch.setattr(Watched, "poll", poll)
    engine.run(2)
    assert engine.schedule.snapshot(None, None)["orders"]["error"] == f"{told}; wait"


def test_what_holds_up_the_others_is_told(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, held = engine_of(clock, WatchedSource("orders")), []

    def poll(connector: Watched, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        held.append(connector.reader.held)
        return FakeConnector.poll(connector, stream, position, ask)

    monkeypatch.setattr(Watched, "poll", poll)
    engine.settle()
    assert held[0] == "poll of orders does not return"
    assert engine.reader.held is None
    monkeypatch.setattr(Prefetch, "full", True)
    assert engine.reader.held == "Kafka takes no more"


def test_every_call_into_the_connector_can_be_seen_to_hang(clock: Clock) -> None:
    source = WatchedSource("orders", settling=["queue"])
    engine = engine_of(clock, source, deadline=7.0)
    source.insert("queue", "a")
    engine.settle()
    source.whims.append(TransientError("gone"))
    engine.run(3)
    said = {name: call.what for name, call in source.calls.items() if call is not None}
    assert said.keys() == {"open", "discover", "poll", "commit", "close"}
    assert said["close"] == "close"
    assert said["commit"] == "commit of queue"
    assert engine.reader.call is None


def test_a_connector_prepares_while_kafka_is_asked_whether_its_source_is_to_be_left_alone() -> None:
    source, schedule = WatchedSource("orders"), Schedule()
    reader = Reader(
        source.connector, schedule, Prefetch(10, 1000), ConnectorSettings(name="erp", kind="fake"), Event()
    )
    source.reader = lambda: reader
    schedule.heed(asleep=None)
    schedule.close()  # so that nobody waits
    reader.step()
    assert source.calls.pop("prepare"), "it is called, and what it cannot do is for `open` to tell"
    reader.step()
    assert not source.calls, "once is enough"
    schedule.heed(asleep=False)
    reader.step()
    assert source.opened == 1


def test_a_poll_is_never_asked_to_wait_until_its_deadline(clock: Clock) -> None:
    source = WatchedSource("orders")
    engine = engine_of(clock, source, interval=900.0, deadline=30.0)
    engine.settle()
    assert {ask.wait_s for ask in source.asks} == {15.0}


def test_a_poll_waits_for_nothing_while_another_stream_is_due(clock: Clock) -> None:
    source = WatchedSource("orders", "customers")
    engine = engine_of(clock, source)
    engine.read_ahead(0)
    while not source.asks:
        engine.read()
        engine.publish()
    assert source.asks[0].wait_s == 0.0


def test_a_poll_is_asked_for_no_more_than_fits_the_queue(clock: Clock) -> None:
    source = WatchedSource("orders")
    settings = ConnectorSettings(
        name="erp", kind="fake", prefetch=PrefetchOptions.model_validate({"rows": 77, "bytes": 5000})
    )
    engine = Engine(FakeKafka(), source, clock, settings)
    source.reader = lambda: engine.reader
    engine.settle()
    assert {(ask.rows, ask.bytes) for ask in source.asks} == {(77, 5000)}


def test_a_source_that_will_not_settle_is_asked_less_and_less_often(clock: Clock) -> None:
    source = FakeSource(settling=["queue"])
    engine = engine_of(clock, source)
    engine.settle()
    source.refusing["queue"] = TransientError("the queue is locked")
    source.insert("queue", "a")
    opened = source.opened
    engine.run(120)
    assert source.opened - opened < 40
    assert trouble(engine)
    source.refusing.clear()
    engine.settle()
    assert not trouble(engine)
    assert source.settled("queue") == {"id": 1}


def test_a_stream_whose_source_lets_nothing_go_is_parked_and_its_siblings_run_on(clock: Clock) -> None:
    source = FakeSource("orders", settling=["queue"])
    engine = engine_of(clock, source)
    engine.settle()
    source.refusing["queue"] = PermanentError("no right to delete")
    source.insert("queue", "a")
    engine.settle()
    source.insert("orders", "b")
    engine.settle()
    assert engine.parked("queue") == "no right to delete"
    assert engine.published("orders") == [1]
    source.refusing.clear()
    engine.task.order(lambda: engine.task.resume("queue"))
    engine.settle()
    assert source.settled("queue") == {"id": 1}
    assert engine.published("queue") == [1], "it was published before, and once is enough"


def test_a_stream_that_is_gone_when_it_is_to_be_settled_comes_back_by_itself(clock: Clock) -> None:
    source = FakeSource(settling=["queue"])
    engine = engine_of(clock, source)
    engine.settle()
    source.refusing["queue"] = GoneError("no such queue")
    source.insert("queue", "a")
    engine.settle()
    assert engine.schedule.streams["queue"].gone
    source.refusing.clear()
    engine.run(120)
    assert source.settled("queue") == {"id": 1}


def test_a_stream_that_a_poll_missed_goes_on_when_the_next_discovery_finds_it_as_it_was(clock: Clock) -> None:
    source = FakeSource("orders", "customers")
    engine = engine_of(clock, source)
    engine.settle()
    source.failing["orders"] = GoneError("no such table")
    engine.run(3)
    assert engine.schedule.streams["orders"].gone
    source.failing.clear()
    source.insert("orders", "a")
    engine.run(120)
    assert engine.published("orders") == [1]


def test_credentials_refused_when_a_stream_is_to_be_settled_park_the_connector(clock: Clock) -> None:
    source = FakeSource(settling=["queue"])
    engine = engine_of(clock, source)
    engine.settle()
    source.refusing["queue"] = CredentialsError("the account is locked")
    source.insert("queue", "a")
    engine.run(3)
    assert engine.reader.parked


def test_a_source_that_cannot_be_opened_is_tried_less_and_less_often(clock: Clock) -> None:
    source = FakeSource("orders")
    engine = engine_of(clock, source)
    source.whims.extend([TransientError("no route")] * 9)
    engine.run(1)
    assert trouble(engine) == "no route"
    assert source.whims
    engine.run(300)
    assert not trouble(engine)
    assert not source.whims


@pytest.mark.parametrize("error", [ConfigError("no driver"), CredentialsError("refused"), GapError("?")])
def test_a_connector_that_cannot_be_opened_at_all_is_parked_after_one_attempt(
    clock: Clock, error: Exception
) -> None:
    source = FakeSource("orders")
    engine = engine_of(clock, source)
    source.whims.append(error)
    for _ in range(5):
        engine.read()
    assert isinstance(engine.reader.parked, PermanentError)
    assert not source.opened


@pytest.mark.parametrize("error", [CredentialsError("the password has expired"), ConfigError("no such mode")])
def test_what_no_stream_can_do_parks_the_connector_before_the_account_is_locked(
    clock: Clock, error: PermanentError
) -> None:
    source = FakeSource("orders", "customers", "items")
    engine = engine_of(clock, source)
    engine.settle()
    source.polls.clear()
    for name in source.tables:
        source.failing[name] = error
    engine.run(5)
    assert len(source.polls) == 1
    assert engine.reader.parked is error


def test_a_permanent_error_of_a_poll_parks_its_stream_alone(clock: Clock) -> None:
    source = FakeSource("orders", "dropped")
    engine = engine_of(clock, source)
    source.failing["dropped"] = PermanentError("no such table")
    source.insert("orders", "a")
    engine.settle()
    assert engine.parked("dropped") == "no such table"
    assert engine.published("orders") == [1]
    assert source.opened == 1


def test_a_gap_parks_its_stream_unless_told_otherwise(clock: Clock) -> None:
    source = FakeSource("orders")
    engine = engine_of(clock, source)
    source.failing["orders"] = GapError("archived logs are gone")
    engine.settle()
    assert "archived logs" in engine.parked("orders")


def test_a_gap_is_marked_and_read_over_from_the_start_where_that_is_configured(
    clock: Clock, tmp_path: Path
) -> None:
    """What then comes in no scan is published as it is."""
    source = FakeSource("orders")
    stream = StreamOptions(interval=1.0, on_gap=OnGap.RESCAN)
    settings = ConnectorSettings(name="erp", kind="fake", defaults=stream)
    engine = Engine(FakeKafka(), source, clock, settings, cache=tmp_path / "erp.state")
    source.insert("orders", "a", "b")
    engine.settle()
    source.whims.append(GapError("archived logs are gone"))
    engine.run(1)
    engine.settle()
    assert [event.id for event in engine.events("orders")] == [1, 2, 1, 2]
    assert engine.kafka.committed(engine.positions.letters)
    source.failing["orders"] = GapError("nothing is there to start from")
    engine.run(3)
    assert engine.schedule.streams["orders"].parked == "nothing is there to start from"
    engine.restart()  # lets go of the cache


def test_a_bug_of_the_connector_ends_the_reader_and_lets_the_task_go() -> None:
    source = FakeSource("orders")
    schedule, queue, stop = Schedule(), Prefetch(10, 1000), Event()
    reader = Reader(source.connector, schedule, queue, ConnectorSettings(name="erp", kind="fake"), stop)
    source.whims.append(ZeroDivisionError("bug"))
    reader.start()
    assert reader.join(5.0)
    assert isinstance(reader.crash, ZeroDivisionError)
    assert queue.get(5.0) is None


def test_a_reader_that_never_began_is_joined_at_once() -> None:
    settings = ConnectorSettings(name="erp", kind="fake")
    reader = Reader(FakeSource("orders").connector, Schedule(), Prefetch(10, 1000), settings, Event())
    assert reader.join(0.0)


@pytest.mark.parametrize("whim", [TransientError("shut for its backup"), None])
def test_a_source_is_neither_opened_nor_asked_for_streams_in_its_quiet_hours(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, whim: TransientError | None
) -> None:
    source = FakeSource("orders")
    engine = engine_of(clock, source, quiet_hours="12:10-14:00 UTC")
    noon, began = datetime(2026, 6, 1, 12, tzinfo=UTC), clock.now

    class Wall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(noon.timestamp() + clock.now - began, tz)

    monkeypatch.setattr("bridge.schedule.datetime", Wall)
    engine.run(570.0)
    source.whims.extend([whim] * 10_000)
    engine.run(100.0)
    left = len(source.whims)
    engine.run(6000.0)
    assert len(source.whims) == left, "nothing was called"
    assert engine.schedule.snapshot(trouble(engine), None)["orders"]["state"] == State.QUIET
    source.whims.clear()
    engine.run(600.0)
    assert engine.schedule.snapshot(trouble(engine), None)["orders"]["state"] == State.RUNNING


@pytest.mark.parametrize(("whim", "stays"), [(BusyError("locked"), True), (TransientError("gone"), False)])
def test_a_stream_that_is_busy_leaves_the_connector_open(
    clock: Clock, whim: TransientError, *, stays: bool
) -> None:
    source = FakeSource("orders")
    engine = engine_of(clock, source)
    engine.settle()
    before = engine.reader._connector
    source.whims.append(whim)
    while not engine.schedule.streams["orders"].failures:
        engine.reader.step()
    assert (engine.reader._connector is before) is stays
    engine.settle()
    assert not engine.schedule.streams["orders"].failures


def test_what_fails_because_it_was_told_to_stop_is_no_warning(clock: Clock) -> None:
    source = FakeSource("orders")
    engine = engine_of(clock, source)
    engine.settle()
    with capture_logs() as lines:
        for _ in range(2):  # a poll, and then the opening
            engine.stop.set()
            source.whims.append(TransientError("interrupted"))
            engine.clock.now += 5.0
            engine.reader.step()
    assert engine.schedule.streams["orders"].failures == 1
    assert engine.reader.trouble == "interrupted"
    assert not lines

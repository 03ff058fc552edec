"""Who stands by waits as long as another daemon holds the connector, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from bridge.standby import Standby
from bridge.testing.fakes import FakeKafka, FakeSource, Fault
from bridge.testing.simulation import Clock, Engine


class Meanwhile(Event):
    """Every wait lets time pass, and the owner do what it does."""

    def __init__(self, clock: Clock, owner: Iterator[None]) -> None:
        super().__init__()
        self._clock, self._owner = clock, owner
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now += timeout or 0.0
        self.waits += 1
        next(self._owner, None)
        return self.is_set()


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock


@pytest.fixture
def engine(clock: Clock) -> Engine:
    """Of the owner, whose lease is 90 s."""
    made = Engine(FakeKafka(), FakeSource("orders"), clock)
    made.settle()
    return made


def renewing(engine: Engine, times: int) -> Iterator[None]:
    for _ in range(times):
        engine.task.order(engine.task.renew)
        engine.publish()
        yield


def silent() -> Iterator[None]:
    yield from ()


def test_nobody_waits_for_an_owner_that_never_was(clock: Clock) -> None:
    kafka, meanwhile = FakeKafka(), Meanwhile(clock, silent())
    positions = Engine(kafka, FakeSource(), clock).positions
    Standby("two", positions, meanwhile).wait()
    assert not meanwhile.waits


def test_nobody_waits_for_itself(engine: Engine, clock: Clock) -> None:
    meanwhile = Meanwhile(clock, silent())
    Standby("one", engine.positions, meanwhile).wait()
    assert not meanwhile.waits


def test_an_owner_that_falls_silent_is_followed_when_its_lease_has_run_out(
    engine: Engine, clock: Clock
) -> None:
    began = clock.now
    standby = Standby("two", engine.positions, Meanwhile(clock, silent()))
    standby.wait()
    assert 90.0 < clock.now - began < 95.0
    assert not standby.waiting


def test_an_owner_that_renews_its_record_keeps_the_connector(engine: Engine, clock: Clock) -> None:
    began, times = clock.now, 100
    Standby("two", engine.positions, Meanwhile(clock, renewing(engine, times))).wait()
    assert clock.now - began > times * 2.0 + 90.0


@pytest.mark.parametrize("lease_s", [1.0, 5.0, 25.0, 300.0])
def test_an_owner_with_nothing_to_publish_keeps_the_connector_however_short_its_lease(
    clock: Clock, lease_s: float
) -> None:
    owner = Engine(FakeKafka(), FakeSource("orders"), clock, lease_s=lease_s)
    owner.run(lease_s)
    stop = Event()

    def at_work() -> Iterator[None]:
        end = clock.now + 10 * lease_s + 100.0
        while clock.now < end:
            owner.run(lease_s / 10)
            yield
        stop.set()

    meanwhile = Meanwhile(clock, at_work())
    meanwhile.is_set = stop.is_set  # type: ignore[method-assign]
    Standby("two", owner.positions, meanwhile).wait()
    assert stop.is_set(), "it went on standing by until it was asked to stop"


def test_an_owner_that_lets_go_is_followed_at_once(engine: Engine, clock: Clock) -> None:
    def stopping() -> Iterator[None]:
        yield
        engine.stop.set()
        engine.task.run()
        yield

    meanwhile = Meanwhile(clock, stopping())
    Standby("two", engine.positions, meanwhile).wait()
    assert meanwhile.waits == 2


def test_while_the_owner_cannot_be_seen_its_lease_does_not_run(engine: Engine, clock: Clock) -> None:
    for _ in range(60):
        engine.kafka.fail(Fault.ABORTED)
    began = clock.now
    Standby("two", engine.positions, Meanwhile(clock, silent())).wait()
    assert not engine.kafka.faults
    assert clock.now - began > 60 * 2.0 + 90.0


def test_a_stop_ends_the_waiting(engine: Engine, clock: Clock) -> None:
    def stopping() -> Iterator[None]:
        yield
        meanwhile.set()
        yield

    meanwhile = Meanwhile(clock, stopping())
    Standby("two", engine.positions, meanwhile).wait()
    assert meanwhile.waits == 2


def test_who_stands_by_knows_whom_it_waits_for(engine: Engine, clock: Clock) -> None:
    told: list[str | None] = []

    def looking() -> Iterator[None]:
        for _ in range(2):
            told.append(standby.why)
            yield

    standby = Standby("two", engine.positions, Meanwhile(clock, looking()))
    standby.wait()
    (owner,) = set(told)
    assert owner is not None
    assert owner.startswith("daemon ")
    assert owner.endswith(" holds it")
    assert standby.why is None

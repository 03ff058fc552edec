"""The loop of a connector, in one thread and by a clock of its own: see bridge.testing.simulation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.config.options import ConnectorSettings, OnSchemaChange, TransactionOptions
from bridge.contract import MAX_POSITION_BYTES
from bridge.errors import TransientError
from bridge.positions import STREAM, Ledger, Stored, record
from bridge.publisher import Fenced
from bridge.testing.fakes import (
    SKIPPED,
    FakeKafka,
    FakeSource,
    FakeTable,
    Fault,
    Record,
    State,
    Step,
    Transaction,
)
from bridge.testing.images import FakeImages
from bridge.testing.simulation import BRISK, Clock, Engine


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock


@pytest.fixture
def kafka() -> FakeKafka:
    return FakeKafka()


def letters_of(count: int) -> list[str]:
    return [f"row {number}" for number in range(count)]


def engine_of(clock: Clock, kafka: FakeKafka, *names: str, settling: tuple[str, ...] = ()) -> Engine:
    return Engine(kafka, FakeSource(*names, settling=settling), clock)


def test_all_rows_are_published_once_and_in_order(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders", "customers")
    engine.source.insert("orders", *letters_of(23))
    engine.source.insert("customers", *letters_of(4))
    engine.settle()
    assert engine.published("orders") == list(range(1, 24))
    assert engine.published("customers") == [1, 2, 3, 4]


def test_the_position_is_in_the_transaction_of_its_events(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(3))
    engine.settle()
    (written,) = {event.number for event in engine.events("orders")}
    positions = kafka.committed(engine.positions.name)
    assert [each.key for each in positions if each.transaction.number == written] == [b"stream:orders"]


def test_kafka_that_is_away_for_long_is_looked_for_every_few_seconds(
    clock: Clock, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(12))
    read, looked = engine.positions.read, list[float]()

    def away() -> Ledger:
        looked.append(clock.now)
        if len(looked) < 20:
            raise TransientError("Kafka cannot be reached")
        return read()

    monkeypatch.setattr(engine.positions, "read", away)
    for _ in range(20):
        engine.settle()
    assert engine.published("orders") == list(range(1, 13))
    assert max(later - before for before, later in pairwise(looked)) < 7


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("after", range(14))
def test_whatever_fails_in_kafka_at_whatever_call_nothing_is_lost_or_doubled(
    clock: Clock, kafka: FakeKafka, fault: Fault, after: int
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(12))
    kafka.fail(fault, after)
    engine.settle()
    assert not kafka.faults
    assert engine.published("orders") == list(range(1, 13))


def test_a_stream_that_settles_goes_on_after_a_poll_that_found_nothing(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, settling=("queue",))
    engine.settle()
    for _ in range(3):  # the reader looks for its next turn before the task has seen the empty batch
        engine.read()
    engine.source.insert("queue", "a")
    engine.settle()
    assert engine.published("queue") == [1]


def test_a_stream_that_fails_waits_for_its_back_off_though_the_connector_is_opened_anew(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders", "locked")
    engine.source.failing["locked"] = TransientError("the table is locked")
    engine.run(60)
    assert [name for name, _ in engine.source.polls].count("locked") < 25


def test_opening_the_connector_anew_polls_no_stream_before_its_interval(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders", "locked")
    engine.settle()
    engine.source.failing["locked"] = TransientError("the table is locked")
    engine.source.polls.clear()
    engine.run(30)
    assert [name for name, _ in engine.source.polls].count("orders") <= 31


def test_what_kafka_has_is_settled_again_after_a_crash(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, settling=("queue",))
    engine.source.insert("queue", "a")
    while not engine.published("queue"):
        engine.read()
        engine.publish()
    assert not engine.source.settled("queue")
    engine.restart()
    engine.settle()
    assert engine.source.settled("queue") == {"id": 1}
    assert engine.published("queue") == [1]


def test_a_settled_position_without_rows_does_not_keep_the_stream_waiting(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, settling=("queue",))
    engine.settle()
    began = clock.now
    engine.source.insert("queue", *[SKIPPED] * engine.source.most, "a")
    while not engine.published("queue"):
        engine.read()
        engine.publish()
    assert clock.now - began < 5


def test_what_was_read_right_after_a_rewind_is_kept(
    clock: Clock, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    rewind = engine.schedule.rewind

    def with_a_fast_reader(stored: Mapping[str, Stored]) -> None:
        rewind(stored)
        engine.read()

    monkeypatch.setattr(engine.schedule, "rewind", with_a_fast_reader)
    engine.source.insert("orders", *letters_of(12))
    kafka.fail(Fault.ABORTED)
    engine.settle()
    assert engine.published("orders") == list(range(1, 13))


def test_no_stream_of_another_database_is_polled_before_it_was_judged(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.source.tables["customers"] = FakeTable()
    clock.now += 61
    engine.read()  # the discovery of `customers`, which the task has not seen yet
    engine.source.whims.append(TransientError("failed over"))
    engine.read()
    engine.source.identity = "another"
    engine.source.polls.clear()
    for _ in range(20):
        engine.read()
        engine.publish()
    assert "orders" not in {name for name, _ in engine.source.polls}
    assert "the one" in (engine.schedule.streams["orders"].parked or "")


def test_resume_waits_for_the_database_of_a_new_connection_to_be_judged(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.source.whims.append(TransientError("failed over"))
    engine.read()
    engine.source.identity = "another"
    engine.source.polls.clear()
    engine.resume()
    engine.read()
    engine.task.step()
    engine.read()
    assert not engine.source.polls


def test_a_table_that_cannot_be_encoded_parks_its_stream_alone(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders", "odd")
    engine.source.odd.add("odd")
    engine.source.insert("orders", *letters_of(3))
    engine.source.insert("odd", *letters_of(3))
    engine.settle()
    assert engine.published("orders") == [1, 2, 3]
    assert not engine.published("odd")
    assert "no key column" in engine.parked("odd")


def test_nothing_behind_what_parked_a_stream_is_published(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "odd")
    engine.settle()
    engine.source.insert("odd", *letters_of(12))
    engine.source.odd.add("odd")
    engine.read_ahead(1)
    engine.source.odd.clear()
    engine.read_ahead(2)
    engine.settle()
    assert not engine.published("odd")
    engine.resume("odd")
    engine.settle()
    assert engine.published("odd") == list(range(1, 13))


def test_rows_of_a_table_the_stream_does_not_have_park_it(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "log")
    engine.settle()
    engine.source.insert("log", "a")
    engine.source.tables["log"].table = "surprise"
    engine.settle()
    assert "surprise" in engine.parked("log")
    assert not engine.published("log")


def test_a_position_that_is_too_large_parks_its_stream_alone(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders", "verbose")
    engine.source.tables["verbose"].ballast = "x" * MAX_POSITION_BYTES
    engine.source.insert("orders", *letters_of(3))
    engine.source.insert("verbose", *letters_of(3))
    engine.settle()
    assert engine.published("orders") == [1, 2, 3]
    assert not engine.published("verbose")
    assert "position" in engine.parked("verbose")


def test_a_stream_parked_for_its_rejects_publishes_nothing_more(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "bad")
    engine.settle()
    engine.source.insert("bad", *[None] * 15, *letters_of(30))
    engine.read_ahead(5)
    engine.settle()
    assert "rejected" in engine.parked("bad")
    before = engine.published("bad")
    assert before == list(range(1, len(before) + 1))
    assert len(before) < 45
    engine.resume("bad")
    engine.settle()
    assert engine.published("bad") == list(range(1, 46))


def test_nothing_is_published_behind_a_pause(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.source.insert("orders", *letters_of(12))
    engine.read_ahead(2)
    engine.pause("orders")
    engine.settle()
    assert not engine.published("orders")
    engine.resume("orders")
    engine.settle()
    assert engine.published("orders") == list(range(1, 13))


def test_a_first_position_waits_for_no_ride_and_all_others_do(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", SKIPPED)
    engine.settle()
    first = [*engine.stored("orders")]
    assert first[-1] == {"id": 1}
    engine.source.insert("orders", SKIPPED)
    engine.settle()
    assert [*engine.stored("orders")] == first


def test_a_stream_parked_while_its_position_waits_for_a_ride_harms_no_other(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders", "moved")
    engine.source.insert("moved", "a")
    engine.settle()
    engine.source.insert("moved", *[SKIPPED] * 5)
    engine.settle()
    engine.source.identity = "another"
    engine.source.whims.append(TransientError("failed over"))
    engine.settle()
    assert engine.parked("moved")
    clock.now += 31
    engine.settle()


def test_a_few_rejects_among_many_good_rows_park_nothing(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(2000))
    engine.source.most = 100
    engine.settle()
    engine.source.most = 1
    engine.source.insert("orders", *[None] * 15)
    engine.settle()
    assert not engine.parked("orders")
    assert engine.schedule.streams["orders"].rejects == 15


def test_rejects_of_aborted_transactions_do_not_count(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.most = 100
    engine.source.insert("orders", *[None] * 9, *letters_of(50))
    kafka.unwritable.add(engine.positions.letters)
    engine.run(60)
    kafka.unwritable.clear()
    engine.settle()
    assert not engine.parked("orders")
    assert engine.schedule.streams["orders"].rejects == 9


def test_a_commit_that_always_fails_is_tried_less_and_less_often(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    kafka.unwritable.add("erp.orders")
    engine.source.insert("orders", "a")
    calls = len(kafka.calls)
    engine.run(120)
    assert kafka.calls[calls:].count(Step.COMMIT) < 40
    assert engine.task.trouble


def test_trouble_ends_with_the_next_success(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", "a")
    kafka.fail(Fault.ABORTED, after=9)
    engine.settle()
    assert not kafka.faults
    assert engine.task.trouble is None


def test_a_topic_that_changed_under_a_failed_transaction_is_looked_at_again(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    kafka.partitions["erp.orders"] = 3
    kafka.fail(Fault.ABORTED)
    engine.source.insert("orders", "a")
    engine.settle()
    assert "partitions" in engine.parked("orders")
    assert not engine.published("orders")


def test_a_pause_whose_commit_is_in_doubt_holds_when_kafka_has_it(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    done = engine.pause("orders")
    kafka.fail(Fault.AMBIGUOUS, after=2)
    engine.settle()
    assert done.exception()
    engine.source.insert("orders", "a")
    engine.settle()
    assert engine.schedule.streams["orders"].paused
    assert not engine.published("orders")


def test_a_producer_that_dies_while_another_owner_holds_ends_fenced_and_fences_nobody(
    clock: Clock, kafka: FakeKafka
) -> None:
    """librdkafka says only "fatal" when a fence meets it in the middle of producing."""
    source = FakeSource("orders")
    first = Engine(kafka, source, clock, instance="first")
    source.insert("orders", *letters_of(3))
    first.settle()
    second = Engine(kafka, source, clock, instance="second")
    second.settle()
    source.insert("orders", *letters_of(3))
    kafka.fail(Fault.BROKEN, 0)
    with pytest.raises(Fenced):
        first.run(120.0)
    second.settle()
    assert second.task.holds
    assert second.published("orders") == list(range(1, 7))


def test_one_who_was_fenced_while_idle_learns_it_within_seconds(clock: Clock, kafka: FakeKafka) -> None:
    first = Engine(kafka, FakeSource("orders"), clock, instance="first")
    first.settle()
    Engine(kafka, FakeSource("orders"), clock, instance="second").settle()
    with pytest.raises(Fenced, match="holds the connector"):
        first.run(12.0)


@pytest.mark.parametrize("lets_go", [True, False])
def test_one_who_is_restarted_does_not_let_go(clock: Clock, kafka: FakeKafka, *, lets_go: bool) -> None:
    """A standby elsewhere would take the connector, for as long as the next worker needs to start."""
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.task.lets_go = lets_go
    engine.drain()
    owner = engine.positions.glance().owner
    assert owner is not None
    assert owner.released is lets_go


def test_an_order_to_one_who_was_fenced_is_answered_with_who_holds_the_connector(
    clock: Clock, kafka: FakeKafka
) -> None:
    first = Engine(kafka, FakeSource("orders"), clock, instance="first")
    first.settle()
    Engine(kafka, FakeSource("orders"), clock, instance="second").settle()
    done = first.task.order(lambda: first.task.resume(""))
    with pytest.raises(Fenced):
        first.run(120.0)
    told = "fenced: daemon here on host holds the connector; this one stands by; `resume` takes the connector"
    assert str(done.exception()).startswith(told)


def test_a_stream_that_settles_is_not_polled_ahead_of_a_position_without_rows(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, settling=("queue",))
    engine.settle()
    engine.source.insert("queue", SKIPPED)
    engine.settle()  # the source itself complains when it is polled ahead
    assert engine.source.settled("queue") == {"id": 1}


def test_a_commit_in_doubt_is_settled_when_kafka_has_it(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, settling=("queue",))
    engine.settle()
    engine.source.insert("queue", "a")
    kafka.fail(Fault.AMBIGUOUS, after=3)
    engine.settle()
    assert engine.published("queue") == [1]
    assert engine.source.settled("queue") == {"id": 1}


def test_a_stream_that_settles_and_has_nothing_to_say_yet_is_polled_again(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, settling=("queue",))
    engine.source.insert("queue", "a")
    engine.settle()
    engine.source.undecided.add("queue")
    for _ in range(3):
        engine.read()
        engine.publish()
    engine.source.undecided.clear()
    engine.source.insert("queue", "b")
    engine.settle()
    assert engine.published("queue") == [1, 2]


def test_another_database_is_not_told_to_let_go_of_what_kafka_has(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, settling=("queue",))
    engine.source.insert("queue", "a")
    while not engine.published("queue"):
        engine.read()
        engine.publish()
    engine.source.identity = "another"
    engine.source.whims.append(TransientError("failed over"))
    engine.settle()
    engine.restart()
    engine.settle()
    engine.resume("queue")
    engine.settle()
    assert "the one" in engine.parked("queue")
    assert not engine.source.settled("queue")


def test_resume_polls_no_stream_before_it_was_judged_anew(
    clock: Clock, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.source.identity = "another"
    engine.restart()
    engine.settle()
    assert engine.parked("orders")
    engine.source.polls.clear()
    rewind = engine.schedule.rewind

    def with_a_fast_reader(stored: Mapping[str, Stored]) -> None:
        rewind(stored)
        engine.read()

    monkeypatch.setattr(engine.schedule, "rewind", with_a_fast_reader)
    engine.resume("orders")
    engine.settle()
    assert not engine.source.polls
    assert engine.parked("orders")


def test_trouble_ends_though_the_reader_is_never_without_a_poll_to_make(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.source.insert("orders", "a")
    kafka.fail(Fault.AMBIGUOUS, after=3)
    while not engine.task.trouble:
        engine.read()
        engine.publish()
    began = clock.now
    while clock.now - began < 62:
        engine.read_ahead(1)
        engine.publish()
    assert engine.task.trouble is None


def test_resume_of_all_ends_every_pause_though_the_streams_are_not_known_yet(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders", "items")
    engine.settle()
    engine.pause("orders")
    engine.settle()
    engine.restart()
    engine.resume()
    engine.publish()
    engine.source.insert("orders", "a")
    engine.settle()
    assert engine.published("orders") == [1]


def test_resume_before_the_source_was_ever_reached_says_nothing_of_its_streams(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.restart()
    engine.source.whims.append(TransientError("no route"))
    engine.resume()
    engine.read()
    for _ in range(3):
        engine.publish()
    assert not engine.schedule.streams
    engine.source.insert("orders", "a")
    engine.settle()
    assert engine.published("orders") == [1]


@pytest.mark.parametrize("stream", ["", "orders"])
def test_resume_finds_a_table_that_is_back_at_once(clock: Clock, kafka: FakeKafka, stream: str) -> None:
    engine = engine_of(clock, kafka, "orders", "customers")
    engine.settle()
    dropped = engine.source.tables.pop("orders")
    engine.restart()
    engine.settle()
    assert engine.schedule.streams["orders"].gone
    engine.source.tables["orders"] = dropped
    began = clock.now
    engine.resume(stream)
    engine.source.insert("orders", "a")
    while not engine.published("orders"):
        engine.read()
        engine.publish()
    assert clock.now - began < 5


def test_a_stream_whose_table_is_not_known_yet_has_not_begun(clock: Clock, kafka: FakeKafka) -> None:
    """Nobody has looked at its topic: that one may have the records of another."""
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", "a")
    kafka.topics["erp.orders"] = [Record(b"k", b"v", Transaction(State.COMMITTED))]
    engine.source.closed.add("orders")
    engine.settle()
    assert "no right to read it" in engine.parked("orders")
    engine.source.closed.clear()
    engine.resume()
    engine.settle()
    assert "there is no position, but topic erp.orders has records" in engine.parked("orders")
    assert len(kafka.committed("erp.orders")) == 1


def test_a_position_that_waits_for_a_ride_keeps_the_topics_of_a_table_that_is_not_known_any_more(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", "a")
    engine.settle()
    engine.source.insert("orders", SKIPPED)
    engine.settle()
    engine.source.closed.add("orders")
    engine.source.whims.append(TransientError("failed over"))
    engine.settle()
    engine.run(60)
    engine.source.closed.clear()
    kafka.partitions["erp.orders"] = 2
    engine.resume()
    engine.settle()
    assert "topic erp.orders had 1 partitions and now has 2" in engine.parked("orders")


def test_what_was_discovered_before_resume_parks_nothing_after_it(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.source.identity = "another"
    engine.run(engine.settings.discover_every)
    engine.read()  # which may have found the other database once more
    engine.source.identity = "the one"
    engine.resume()
    engine.settle()
    assert not engine.parked("orders")


def test_resume_of_one_stream_leaves_the_pause_of_the_others(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders", "items")
    engine.settle()
    engine.pause()
    engine.settle()
    engine.resume("orders")
    engine.settle()
    engine.restart()
    for name in ("orders", "items"):
        engine.source.insert(name, "a")
    engine.settle()
    assert engine.published("orders") == [1]
    assert not engine.published("items")


def test_the_source_of_a_connector_that_is_paused_is_not_opened_by_a_restart(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders", "items")
    engine.settle()
    engine.pause()
    engine.settle()
    assert engine.schedule.paused
    opened = engine.source.opened
    engine.restart()
    engine.publish()
    engine.run(30.0)
    assert (engine.source.opened, engine.reader.trouble) == (opened, None)
    assert engine.schedule.paused
    assert {name: each.paused for name, each in engine.schedule.streams.items()} == {
        "orders": "test",
        "items": "test",
    }

    engine.source.insert("orders", "a")
    engine.source.insert("items", "a")
    engine.resume("orders")
    engine.settle()
    assert (engine.published("orders"), engine.published("items")) == ([1], [])
    engine.resume()
    engine.settle()
    assert engine.published("items") == [1]


def test_a_pause_of_the_connector_is_one_of_streams_that_come_later(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    engine.pause()
    engine.settle()
    engine.resume("orders")
    engine.settle()
    engine.source.tables["items"] = FakeTable()
    engine.restart()
    for name in ("orders", "items"):
        engine.source.insert(name, "a")
    engine.settle()
    assert engine.published("orders") == [1]
    assert not engine.published("items")

    engine.pause()
    engine.settle()
    assert engine.schedule.streams["orders"].paused, "a pause of the whole leaves nobody out"

    engine.resume()
    engine.settle()
    assert engine.published("items") == [1]


def test_an_order_ends_the_back_off(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.settle()
    for _ in range(40):
        kafka.fail(Fault.ABORTED)
    for _ in range(10):
        engine.publish()
    order = engine.pause("orders")
    began = clock.now
    engine.publish()
    assert clock.now == began, "it tries again at once"
    kafka.faults.clear()
    engine.publish()
    assert order.done()


def test_a_topic_that_is_repartitioned_while_all_runs_parks_its_stream_alone(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders", "customers")
    engine.settle()
    kafka.partitions["erp.orders"] = 2
    engine.run(2 * engine.settings.discover_every)
    assert "had 1 partitions and now has 2" in engine.parked("orders")
    assert not engine.parked("customers")


def test_a_stream_that_vanished_while_nobody_looked_alarms_until_it_is_back(
    clock: Clock, kafka: FakeKafka
) -> None:
    engine = engine_of(clock, kafka, "orders", "customers")
    engine.source.insert("orders", "a")
    engine.settle()
    dropped = engine.source.tables.pop("orders")
    engine.restart()
    engine.settle()
    seen = engine.schedule.snapshot(None, None)
    assert (seen["orders"]["health"], seen["customers"]["health"]) == ("critical", "ok")
    assert "no longer has this stream" in seen["orders"]["error"]

    engine.source.tables["orders"] = dropped
    engine.source.insert("orders", "b")
    engine.run(2 * engine.settings.discover_every)
    assert engine.published("orders") == [1, 2]
    assert engine.schedule.snapshot(None, None)["orders"]["health"] == "ok"


@pytest.mark.parametrize("asked", [{"streams": {"cust*": BRISK}}, {"options": {"exclude_tables": ["ord*"]}}])
def test_a_stream_that_the_configuration_no_longer_names_alarms_nobody(
    clock: Clock, kafka: FakeKafka, asked: dict[str, Any]
) -> None:
    engine = engine_of(clock, kafka, "orders", "customers")
    engine.settle()
    del engine.source.tables["orders"]
    engine.settings = ConnectorSettings(name="erp", kind="fake", defaults=BRISK, **asked)
    engine.restart()
    engine.settle()
    assert set(engine.schedule.streams) == {"customers"}


def test_the_deletes_of_a_large_table_take_as_many_transactions_as_they_need(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    source = FakeImages(most=20_000)
    source.tables["orders"] = dict.fromkeys(range(1, 25_001), "row")
    options = ConnectorSettings(
        name="erp",
        kind="fake",
        defaults=BRISK.model_copy(update={"max_delete": 1.0}),
        transaction=TransactionOptions(rows=8_000),
    )
    engine = Engine(kafka, source, clock, options, cache=tmp_path / "cache")
    engine.settle()
    source.tables["orders"].clear()
    engine.run(3)
    deletes = [each for each in kafka.committed("erp.orders") if b'"op":"d"' in (each.value or b"")]
    assert len(deletes) == 25_000
    assert len({each.transaction.number for each in deletes}) >= 2
    engine.restart()


PARKS = ConnectorSettings(
    name="erp",
    kind="fake",
    defaults=BRISK.model_copy(update={"on_schema_change": OnSchemaChange.PARK}),
)


def parking(clock: Clock, kafka: FakeKafka, *names: str) -> Engine:
    """An engine that parks streams whose tables change."""
    return Engine(kafka, FakeSource(*names), clock, PARKS)


def test_a_changed_table_is_published_as_it_is(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(3))
    engine.settle()
    engine.source.wider.add("orders")
    engine.source.insert("orders", *letters_of(3))
    engine.settle()
    assert engine.published("orders") == [1, 2, 3, 4, 5, 6]
    events = [json.loads(each.value or b"") for each in kafka.committed("erp.orders")]
    assert ["more" in event["after"] for event in events] == [False] * 3 + [True] * 3


def test_a_changed_table_parks_its_stream_alone_where_it_shall(clock: Clock, kafka: FakeKafka) -> None:
    engine = parking(clock, kafka, "orders", "customers")
    for name in engine.source.tables:
        engine.source.insert(name, *letters_of(3))
    engine.settle()
    engine.source.wider.add("orders")
    for name in engine.source.tables:
        engine.source.insert(name, *letters_of(3))
    engine.settle()
    assert engine.published("orders") == [1, 2, 3]
    assert engine.published("customers") == [1, 2, 3, 4, 5, 6]
    assert "table orders has changed: with more bool" in engine.parked("orders")


def test_it_stays_parked_until_its_position_is_accepted(clock: Clock, kafka: FakeKafka) -> None:
    """Also when the table changes while the bridge is down; `resume` and a restart are no consent."""
    engine = parking(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(3))
    engine.settle()
    engine.source.wider.add("orders")
    engine.source.insert("orders", *letters_of(3))
    engine.restart()
    engine.settle()
    engine.resume("orders")
    engine.settle()
    assert "not as it was" in engine.parked("orders")
    assert engine.published("orders") == [1, 2, 3]
    stored = engine.positions.glance().streams["orders"]
    accepted = record(STREAM + "orders", replace(stored, accept=True))
    kafka.topics[engine.positions.name].append(Record(*accepted, Transaction(state=State.COMMITTED)))
    for _ in range(2):
        engine.restart()
        engine.settle()
        assert engine.published("orders") == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("down", [False, True])
def test_it_stays_parked_though_its_position_is_from_before_it_should_park(
    clock: Clock, kafka: FakeKafka, *, down: bool
) -> None:
    """And has not moved since."""
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(3))
    engine.settle()
    engine.settings = PARKS
    engine.restart()
    engine.settle()
    engine.source.wider.add("orders")
    engine.source.insert("orders", *letters_of(3))
    if not down:
        engine.settle()
        assert "table orders has changed: with more bool" in engine.parked("orders")
    for _ in range(2):
        engine.restart()
        engine.settle()
        engine.resume("orders")
        engine.settle()
    assert "not as it was" in engine.parked("orders")
    assert engine.published("orders") == [1, 2, 3]


def test_a_topic_made_anew_is_told_though_the_position_beside_it_was_written_without_its_id(
    clock: Clock, kafka: FakeKafka
) -> None:
    """An imported one, say, that has not moved since."""
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(3))
    engine.settle()
    for kafka.ids["erp.orders"] in ("one", "two"):
        engine.restart()
        engine.settle()
    assert "topic erp.orders is not the one that its position was written beside" in engine.parked("orders")


def test_what_a_table_was_like_is_written_once(clock: Clock, kafka: FakeKafka) -> None:
    engine = engine_of(clock, kafka, "orders")
    engine.source.insert("orders", *letters_of(3))
    engine.settle()
    engine.settings = PARKS
    before = len(list(engine.stored("orders")))
    for _ in range(3):
        engine.restart()
        engine.settle()
    assert len(list(engine.stored("orders"))) == before + 1

"""A stream's rows published once more while its changes go on: in one thread, by a clock of its own."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bridge.cli import resnapshot
from bridge.config.options import ConnectorSettings, StreamOptions, TransactionOptions
from bridge.contract import Ask, Batch, Position, Stream
from bridge.errors import ConfigError, PermanentError, TransientError
from bridge.orders import Orders
from bridge.positions import Resnapshot
from bridge.publisher import Fenced
from bridge.testing.fakes import FakeKafka, FakeSource, Fault
from bridge.testing.images import FakeImages, FakeImagesConnector
from bridge.testing.simulation import BRISK, Clock, Engine

ROWS = 12
IDS = list(range(1, ROWS + 1))


made: list[Engine] = []


@pytest.fixture
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock
        while made:
            made.pop().restart()  # which closes its cache


@pytest.fixture
def kafka() -> FakeKafka:
    return FakeKafka()


def changes(clock: Clock, kafka: FakeKafka, **options: Any) -> Engine:
    """A stream that tells changes, with rows that Kafka has. Each batch is a transaction."""
    defaults = StreamOptions(interval=1.0, **options)
    settings = ConnectorSettings(
        name="erp", kind="fake", defaults=defaults, transaction=TransactionOptions(rows=1)
    )
    engine = Engine(kafka, FakeSource("orders"), clock, settings)
    engine.source.insert("orders", *("row" for _ in IDS))
    engine.settle()
    return engine


def images(clock: Clock, kafka: FakeKafka, folder: Path, **source: Any) -> Engine:
    """The same of a stream of images."""
    settings = ConnectorSettings(name="erp", kind="fake", defaults=BRISK)
    engine = Engine(kafka, FakeImages(**source), clock, settings, cache=folder / "erp.state")
    made.append(engine)
    engine.source.tables["orders"].update(dict.fromkeys(IDS, "row"))
    engine.settle()
    return engine


def events(engine: Engine) -> list[tuple[str, int]]:
    """Operation and id of everything that Kafka has of the stream."""
    values = [json.loads(each.value) for each in engine.kafka.committed("erp.orders") if each.value]
    return [(each["op"], (each["after"] or each["before"])["id"]) for each in values]


def after(engine: Engine, before: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """What was published since."""
    now = events(engine)
    assert now[: len(before)] == before
    return now[len(before) :]


def read(ids: list[int]) -> list[tuple[str, int]]:
    return [("r", each) for each in ids]


def test_all_rows_are_published_once_more_as_read(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    before = events(engine)
    engine.resnapshot("orders")
    engine.settle()
    assert after(engine, before) == read(IDS)
    assert not engine.task.resnapshots


def test_one_resnapshot_is_counted_once_however_many_chunks_a_transaction_has(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    engine = images(clock, kafka, tmp_path, most=2)
    engine.resnapshot("orders")
    engine.publish()
    engine.read_ahead(8)
    engine.settle()
    progress = engine.schedule.streams["orders"]
    assert (progress.reread, progress.resnapshots) == (ROWS, 1)


def test_unchanged_images_are_published_once_more_and_nothing_follows(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    engine = images(clock, kafka, tmp_path)
    before = events(engine)
    engine.resnapshot("orders")
    engine.settle()
    assert after(engine, before) == read(IDS)
    engine.run(5)
    assert after(engine, before) == read(IDS)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("calls", range(14))
def test_whatever_fails_in_kafka_at_whatever_call_each_row_comes_once(
    clock: Clock, kafka: FakeKafka, tmp_path: Path, fault: Fault, calls: int
) -> None:
    engine = images(clock, kafka, tmp_path, most=4)
    before = events(engine)
    engine.resnapshot("orders")
    kafka.fail(fault, calls)
    engine.settle()
    if not engine.task.resnapshots and not after(engine, before):
        engine.resnapshot("orders")  # the order itself had failed, and whoever gave it knows
        engine.settle()
    assert Counter(after(engine, before)) == Counter(read(IDS))


def test_it_goes_on_where_a_crash_left_it_at_any_chunk(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    engine.source.most = 2
    before = events(engine)
    engine.resnapshot("orders")
    chunks = 0
    for _ in range(100):
        engine.read()
        engine.publish()
        if (done := len(after(engine, before))) > chunks:
            chunks = done
            engine.restart()
    engine.settle()
    assert chunks >= ROWS - 2
    assert after(engine, before) == read(IDS)


def test_another_owner_goes_on_with_it(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    engine.source.most = 2
    before = events(engine)
    engine.resnapshot("orders")
    while not after(engine, before):
        engine.read()
        engine.publish()
    other = Engine(kafka, engine.source, clock, instance="two")
    other.settle()
    with pytest.raises(Fenced):
        engine.run(60)
    assert after(other, before) == read(IDS)


def test_changes_go_on_meanwhile(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    engine.source.most = 1
    before = events(engine)
    engine.resnapshot("orders")
    while len(after(engine, before)) < 3:
        engine.read()
        engine.publish()
    engine.source.insert("orders", "new", "new")
    clock.now += 1
    engine.settle()
    news = after(engine, before)
    assert [each for each in news if each[0] == "c"] == [("c", ROWS + 1), ("c", ROWS + 2)]
    assert news.index(("c", ROWS + 1)) < news.index(("r", ROWS))


def test_a_range_of_keys_alone(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    before = events(engine)
    engine.resnapshot("orders", "id=3..5")
    engine.settle()
    assert after(engine, before) == read([3, 4, 5])


def test_a_wrong_range_is_refused_before_anything_happens(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    with pytest.raises(ConfigError, match=r"'x' is no value of column id.*int64"):
        engine.resnapshot("orders", "id=x")
    assert not engine.task.resnapshots


def test_an_order_that_cannot_be_kept_costs_itself_alone(clock: Clock, kafka: FakeKafka) -> None:
    """What was begun of it is not committed with what follows."""
    engine = changes(clock, kafka)
    before = events(engine)
    orders = {"orders": Resnapshot("test", "now"), "other": Resnapshot("x" * 300_000, "now")}
    done = engine.task.order(lambda: engine.task.resnapshot(orders))
    engine.publish()
    assert isinstance(done.exception(), PermanentError)
    engine.source.insert("orders", "b")
    engine.settle()
    assert not engine.task.resnapshots
    assert [op for op, _ in after(engine, before)] == ["c"]


@pytest.mark.parametrize(
    ("stream", "where", "said"),
    [
        ("orders", "id=99999999999999999999", "is no value of column id, which is of type int64"),
        ("", "id=x", "is no value of column id"),
        ("ordres", "id=1", "no stream 'ordres'; there are: orders"),
    ],
)
def test_a_worker_refuses_an_order_in_words(
    clock: Clock, kafka: FakeKafka, stream: str, where: str, said: str
) -> None:
    engine = changes(clock, kafka)
    assert said in answer(engine, stream, where)
    engine.settle()
    assert not engine.task.resnapshots


def test_before_it_has_looked_it_knows_of_no_stream_and_says_so(clock: Clock, kafka: FakeKafka) -> None:
    settings = ConnectorSettings(name="erp", kind="fake", defaults=BRISK)
    engine = Engine(kafka, FakeSource("orders"), clock, settings)
    for stream in ("orders", ""):
        assert answer(engine, stream).startswith("the connector has not looked yet which streams there are")


def answer(engine: Engine, stream: str, *where: str) -> str:
    """What an operator is told at once."""
    told: list[str] = []
    kind = type(engine.source.connector())
    orders = Orders(kind, engine.task, engine.schedule, lambda _, words: told.append(words))
    orders.obey({"command": "resnapshot", "stream": stream, "by": "x", "at": "now", "where": where})
    return told[0]


def test_ranges_are_no_matter_of_a_cancel() -> None:
    with pytest.raises(ConfigError, match="ends a resnapshot as a whole; leave out --where"):
        resnapshot.run(Namespace(cancel=True, where=["id=1"]))


@pytest.mark.parametrize(("rows", "told"), [(0, "all 0 rows were"), (1, "the one row was")])
def test_the_end_of_one_is_told_in_words(rows: int, told: str) -> None:
    before = {"resnapshot": None, "resnapshots": 0, "reread": 5}
    now = {"resnapshot": None, "resnapshots": 1, "reread": 5 + rows}
    assert resnapshot._told(before, now) == f"{told} published again"


def test_a_stream_has_one_at_a_time(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    engine.resnapshot("orders")
    engine.publish()
    with pytest.raises(ConfigError, match="under way since"):
        engine.resnapshot("orders")


def test_one_that_is_cancelled_publishes_nothing_more(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    engine.source.most = 2
    before = events(engine)
    engine.resnapshot("orders")
    while not after(engine, before):
        engine.read()
        engine.publish()
    engine.cancel_resnapshot("orders")
    engine.publish()
    cancelled = after(engine, before)
    engine.settle()
    assert len(cancelled) < ROWS
    assert after(engine, before) == cancelled
    engine.restart()
    engine.settle()
    assert after(engine, before) == cancelled
    engine.resnapshot("orders")
    engine.settle()
    assert after(engine, before) == cancelled + read(IDS)


def test_it_waits_while_its_stream_is_paused(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    engine.source.most = 2
    before = events(engine)
    engine.resnapshot("orders")
    engine.publish()
    engine.read()
    engine.pause("orders")
    engine.settle()
    assert not after(engine, before)
    engine.resume("orders")
    engine.settle()
    assert after(engine, before) == read(IDS)


def test_one_that_fails_for_good_waits_and_the_changes_go_on(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    engine.source.unreadable.add("orders")
    before = events(engine)
    engine.resnapshot("orders")
    engine.settle()
    engine.source.insert("orders", "new")
    engine.settle()
    assert after(engine, before) == [("c", ROWS + 1)]
    told = engine.schedule.snapshot(None, None)["orders"]
    assert told["state"] == "RUNNING"
    assert "make it" in told["resnapshot"]["error"]
    engine.source.unreadable.clear()
    engine.resume("orders")
    engine.settle()
    assert after(engine, before) == [("c", ROWS + 1), *read([*IDS, ROWS + 1])]


def test_one_that_fails_for_now_is_tried_again(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    before = events(engine)
    engine.resnapshot("orders")
    engine.publish()
    engine.source.whims.extend([None, TransientError("connection reset")] * 3)
    engine.settle()
    assert after(engine, before) == read(IDS)


def test_too_many_rejects_stop_the_resnapshot_and_not_the_stream(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka)
    engine.source.insert("orders", *["row"] * 20)
    engine.settle()
    engine.source.tables["orders"].payloads[:] = [None] * (ROWS + 20)
    engine.resnapshot("orders")
    for _ in range(20):
        engine.read()
        engine.publish()
        clock.now += 1
    assert not engine.parked("orders")
    assert "rejected" in engine.schedule.snapshot(None, None)["orders"]["resnapshot"]["error"]


def test_rows_that_have_a_dead_letter_get_no_other(clock: Clock, kafka: FakeKafka, tmp_path: Path) -> None:
    engine = images(clock, kafka, tmp_path)
    engine.source.tables["orders"].update({3: None, 5: "\udcff"})
    engine.settle()
    before, buried = events(engine), engine.letters("orders")
    assert {each.id for each in buried} == {3, 5}
    engine.resnapshot("orders")
    engine.settle()
    assert after(engine, before) == read([each for each in IDS if each not in (3, 5)])
    assert engine.letters("orders") == buried


def test_a_row_that_is_still_too_large_gets_no_other_dead_letter(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    kafka.max_bytes["erp.orders"] = 1000
    engine = images(clock, kafka, tmp_path)
    engine.source.tables["orders"].update({3: "x" * 2000, 50: "x" * 2000})
    engine.settle()
    before = events(engine)
    for _ in range(2):
        engine.resnapshot("orders")
        engine.settle()
    rest = [each for each in IDS if each != 3]
    assert after(engine, before) == read(rest * 2)
    assert [each.id for each in engine.letters("orders")] == [3, 50]
    kafka.max_bytes["erp.orders"] = 10_000
    engine.restart()
    engine.settle()
    engine.resnapshot("orders")
    engine.settle()
    assert after(engine, before)[2 * len(rest) :] == read([*IDS, 50])
    del engine.source.tables["orders"][50]
    engine.settle()
    assert events(engine)[-1] == ("d", 50)


def test_another_row_too_large_under_the_same_key_gets_its_own_dead_letter(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    kafka.max_bytes["erp.orders"] = 1000
    engine = images(clock, kafka, tmp_path, most=4)
    engine.source.tables["orders"][12] = "x" * 2000
    engine.settle()
    engine.resnapshot("orders")
    engine.publish()
    engine.source.tables["orders"][12] = "y" * 2000
    engine.settle()
    assert [each.id for each in engine.letters("orders")] == [12, 12]


def test_a_row_that_a_scan_had_passed_is_not_deleted_at_its_end(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    """It appeared behind the scan, and the resnapshot published it."""
    engine = images(clock, kafka, tmp_path, most=4)
    engine.source.tables["orders"].update(dict.fromkeys(range(101, 200), "row"))
    engine.settle()
    before = events(engine)
    polls = len(engine.source.polls)
    while len(engine.source.polls) < polls + 2:  # a scan is under way
        engine.read()
        engine.publish()
    engine.source.tables["orders"][0] = "behind it"
    engine.resnapshot("orders")
    engine.settle()
    assert ("d", 0) not in after(engine, before)
    assert after(engine, before).count(("r", 0)) == 1


def test_a_row_changed_meanwhile_is_published_as_it_is_and_once(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    engine = images(clock, kafka, tmp_path, most=2)
    before = events(engine)
    engine.resnapshot("orders")
    engine.publish()
    engine.source.tables["orders"][11] = "changed"
    del engine.source.tables["orders"][12]
    engine.settle()
    news = Counter(after(engine, before))
    assert news[("d", 12)] == 1
    assert news[("u", 11)] <= 1
    assert all(count == 1 for (op, _), count in news.items() if op == "r")


def test_a_table_without_a_key_is_refused_with_the_reason(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    engine = images(clock, kafka, tmp_path, keyless=True)
    with pytest.raises(ConfigError, match="has no key"):
        engine.resnapshot("orders")


def test_a_stream_that_is_due_goes_first_and_nobody_waits_for_ever(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    engine = images(clock, kafka, tmp_path, most=1)
    engine.source.cut.add("orders")  # a scan that always has more
    before = events(engine)
    engine.resnapshot("orders")
    for _ in range(200):
        engine.read()
        engine.publish()
        clock.now += 0.1
    assert 5 <= len(after(engine, before)) <= ROWS


def test_the_rate_limit_holds_for_it(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka, max_rows_per_s=1)
    before, began = events(engine), clock.now
    engine.resnapshot("orders")
    while len(after(engine, before)) < ROWS:
        engine.read()
        engine.publish()
    assert clock.now - began >= ROWS - 2


def test_the_rate_limit_is_of_a_stream_and_its_resnapshot_together(clock: Clock, kafka: FakeKafka) -> None:
    engine = changes(clock, kafka, max_rows_per_s=5)
    engine.source.insert("orders", *["more"] * 200)
    progress = engine.schedule.streams["orders"]
    read_before = progress.rows
    engine.resnapshot("orders")
    engine.run(20)
    changed = progress.rows - read_before
    assert changed > 20
    assert progress.reread > 20
    assert changed + progress.reread <= 20 * 5 + 10


@dataclass(slots=True)
class Cursors(FakeImages):
    """A source that has one list open at a time, and begins anew when it is asked for another's next page."""

    cursor: int = 0

    def connector(self) -> FakeImagesConnector:
        return CursorsConnector(self)


class CursorsConnector(FakeImagesConnector):
    config: Cursors

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        if "after" not in (position or {}) or (position or {})["cursor"] != self.config.cursor:
            self.config.cursor += 1
            position = None
        batch = super().poll(stream, position, ask)
        return replace(batch, position={**(batch.position or {}), "cursor": self.config.cursor})


def test_a_resnapshot_that_is_a_scan_and_its_stream_do_not_disturb_each_other(
    clock: Clock, tmp_path: Path
) -> None:
    kafka, source = FakeKafka(), Cursors(most=3)
    settings = ConnectorSettings(name="erp", kind="fake", defaults=BRISK)
    engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
    made.append(engine)
    source.tables["orders"].update(dict.fromkeys(IDS, "row"))
    engine.settle()
    before = events(engine)
    engine.resnapshot("orders")
    for _ in range(40):
        engine.read()
        engine.publish()
        clock.now += 0.3
    assert after(engine, before) == read(IDS)
    assert not engine.task.resnapshots
    del source.tables["orders"][5]
    engine.run(10)
    assert after(engine, before)[ROWS:] == [("d", 5)]


def test_a_resnapshot_whose_source_begins_anew_every_time_gives_up_and_the_stream_goes_on(
    clock: Clock, tmp_path: Path
) -> None:
    kafka, source = FakeKafka(), Cursors(most=3)
    settings = ConnectorSettings(name="erp", kind="fake", defaults=BRISK)
    engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
    made.append(engine)
    source.tables["orders"].update(dict.fromkeys(IDS, "row"))
    engine.settle()
    engine.resnapshot("orders")
    for _ in range(20):
        engine.read()
        engine.publish()
        source.cursor += 1
        clock.now += 0.5
    told = engine.schedule.snapshot(None, None)["orders"]
    assert "began anew 6 times before all of orders was read" in told["resnapshot"]["error"]
    source.tables["orders"][50] = "new"
    engine.run(10)
    assert events(engine)[-1] == ("c", 50)
    engine.resume("orders")
    engine.settle()
    assert not engine.task.resnapshots


def test_a_chunk_and_its_place_are_one_transaction_however_small(
    clock: Clock, kafka: FakeKafka, tmp_path: Path
) -> None:
    settings = ConnectorSettings(
        name="erp", kind="fake", defaults=BRISK, transaction=TransactionOptions(rows=1)
    )
    source = FakeImages(most=5)
    engine = Engine(kafka, source, clock, settings, cache=tmp_path / "erp.state")
    made.append(engine)
    source.tables["orders"].update(dict.fromkeys(IDS, "row"))
    source.tables["orders"][2] = None
    engine.settle()
    before = len(kafka.committed("erp.orders"))
    engine.resnapshot("orders")
    engine.settle()
    written = {each.transaction.number for each in kafka.committed("erp.orders")[before:]}
    placed = {
        each.transaction.number
        for each in kafka.committed(engine.positions.name)
        if (each.key or b"").startswith(b"resnapshot:")
    }
    assert written <= placed
    assert len(written) == 3

"""Random histories of a connector: whatever fails, crashes or is fenced, Kafka has the source exactly once.

The loop is the real one, over a Kafka and a source in memory (bridge.testing.simulation). What a step does to
Kafka, and where in it the process ends, is drawn; so are rivals for the connector, and operators.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.errors import TransientError
from bridge.positions import RESNAPSHOT, STREAM
from bridge.testing.fakes import SKIPPED, FakeKafka, FakeSource, Fault
from bridge.testing.simulation import Clock, Engine
from tests.property.living import survives

names = st.sampled_from(["orders", "items"])
payloads = st.lists(st.sampled_from(["a", "b", "c", SKIPPED, None]), min_size=1, max_size=12)
gaps = st.lists(st.just(SKIPPED), min_size=1, max_size=6)

MOST_PARKS = 40
"""How often a history has so many rejects that a stream is parked for them: after ten at the least."""


class Histories(RuleBasedStateMachine):
    """Two daemons that both think the connector is theirs; a source that settles has one."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clock.__enter__()
        self.kafka = FakeKafka()
        self.engines: list[Engine] = []
        self.seen = -1

    @initialize(settling=st.booleans(), other=st.sampled_from(["one", "two"]))
    def start(self, settling: bool, other: str) -> None:  # noqa: FBT001
        self.source = FakeSource("orders", "items")
        self.source.tables["orders"].settles = settling
        instances = ["one"] if settling else ["one", other]
        self.engines = [Engine(self.kafka, self.source, self.clock, instance=each) for each in instances]

    # -- the source

    @rule(name=names, rows=payloads | gaps)
    def rows_are_inserted(self, name: str, rows: list[str | None]) -> None:
        self.source.insert(name, *rows)

    @rule(after=st.integers(0, 3))
    def a_call_into_the_connector_fails(self, after: int) -> None:
        self.source.whims.extend([*[None] * after, TransientError("connection reset")])

    @rule(name=names, fails=st.booleans())
    def a_stream_fails_until_it_does_not(self, name: str, fails: bool) -> None:  # noqa: FBT001
        self.source.failing.pop(name, None)
        if fails:
            self.source.failing[name] = TransientError("locked")

    # -- the connector

    @rule(engine=st.integers(0, 1), rounds=st.integers(1, 4))
    def it_reads(self, engine: int, rounds: int) -> None:
        for _ in range(rounds):
            self.living(engine, Engine.read)

    @rule(engine=st.integers(0, 1), rounds=st.integers(1, 4))
    def it_publishes(self, engine: int, rounds: int) -> None:
        for _ in range(rounds):
            self.living(engine, self.publish)

    @rule(engine=st.integers(0, 1), seconds=st.integers(1, 40))
    def it_runs(self, engine: int, seconds: int) -> None:
        end = self.clock.now + seconds
        for _ in range(2 * seconds):
            if self.clock.now < end:
                self.living(engine, Engine.read)
                self.living(engine, self.publish)

    @rule(engine=st.integers(0, 1))
    def it_is_killed(self, engine: int) -> None:
        self.living(engine, Engine.restart)

    @rule(engine=st.integers(0, 1))
    def it_is_asked_to_stop(self, engine: int) -> None:
        self.living(engine, Engine.drain)

    @rule(fault=st.sampled_from(Fault), after=st.integers(0, 9))
    def a_call_into_kafka_will_go_wrong(self, fault: Fault, after: int) -> None:
        self.kafka.fail(fault, after)

    @rule(
        engine=st.integers(0, 1),
        stream=st.just("") | names,
        order=st.sampled_from([Engine.pause, Engine.resume]),
    )
    def an_operator_gives_an_order(
        self, engine: int, stream: str, order: Callable[[Engine, str], object]
    ) -> None:
        """While something is read ahead."""
        self.it_reads(engine, 3)
        each = self.engines[engine % len(self.engines)]
        if not stream or stream in each.schedule.streams:
            order(each, stream)
            self.it_publishes(engine, 4)

    @rule(engine=st.integers(0, 1), stream=names, cancels=st.booleans())
    def all_of_it_is_wanted_again(self, engine: int, stream: str, cancels: bool) -> None:  # noqa: FBT001
        """While something is read ahead."""
        self.it_reads(engine, 2)
        each = self.engines[engine % len(self.engines)]
        if cancels:
            each.cancel_resnapshot(stream)
        elif stream not in each.task.resnapshots:
            known = each.schedule.streams.get(stream)
            if known and known.stream.tables:  # of a source that sleeps they are not
                each.resnapshot(stream)
        self.it_publishes(engine, 2)

    def publish(self, engine: Engine) -> None:
        """Nothing of a paused stream, whatever was read before."""
        paused = {name: self.position(name) for name, each in engine.schedule.streams.items() if each.paused}
        engine.publish()
        assert paused == {name: self.position(name) for name in paused}

    def living(self, engine: int, step: Callable[[Engine], None]) -> None:
        """One step of a process that may not survive it."""
        each = self.engines[engine % len(self.engines)]
        if not survives(each, step):
            each.restart()

    # -- what always holds

    @invariant()
    def kafka_has_what_the_position_says_once_and_in_order(self) -> None:
        if self.seen == len(self.kafka.calls):
            return
        self.seen = len(self.kafka.calls)
        for name in self.source.tables:
            rows = self.rows(name)[: self.position(name)]
            assert self.events(name) == [(at, text) for at, text in rows if text]
            refused = [at for at, text in rows if text is None]
            letters, again = Counter(self.letters(name)), Counter(self.read_again(name))
            assert list(letters) == refused
            assert max((letters - Counter(refused)).values(), default=0) <= self.resnapshots(name)
            assert again.keys() <= {at for at, text in rows if text}
            assert max(again.values(), default=0) <= self.resnapshots(name)

    @invariant()
    def the_source_lets_go_of_nothing_that_kafka_does_not_have(self) -> None:
        for name in self.source.tables:
            assert self.let_go(name) <= self.position(name)

    def teardown(self) -> None:
        try:
            if self.engines:
                self.all_is_published_once_the_trouble_is_over()
        finally:
            self.clock.__exit__()

    def all_is_published_once_the_trouble_is_over(self) -> None:
        self.kafka.faults.clear()
        self.source.whims.clear()
        self.source.failing.clear()
        engine = self.engines[0]
        engine.settle()
        for _ in range(MOST_PARKS):
            held = [each for each in engine.schedule.streams.values() if each.parked or each.paused]
            if self.missing() or held or engine.schedule.paused:
                engine.resume()
                engine.settle()
        assert not self.missing()
        self.kafka_has_what_the_position_says_once_and_in_order()
        for name, table in self.source.tables.items():
            assert not table.settles or self.let_go(name) == self.position(name)

        for name in self.source.tables:
            self.all_of_it_comes_once_again_when_asked_for(engine, name)

    def all_of_it_comes_once_again_when_asked_for(self, engine: Engine, name: str) -> None:
        engine.cancel_resnapshot()
        engine.settle()
        before = len(self.read_again(name))
        engine.resnapshot(name)
        engine.settle()
        for _ in range(MOST_PARKS):
            if engine.task.resnapshots:  # too many rows are none
                engine.resume()
                engine.settle()
        rows = self.rows(name)[: self.position(name)]
        assert self.read_again(name)[before:] == [at for at, text in rows if text]

    # -- what Kafka and the source have

    def rows(self, name: str) -> list[tuple[int, str | None]]:
        return list(enumerate(self.source.tables[name].payloads, start=1))

    def missing(self) -> int:
        """How many rows Kafka does not have; ids without a row are passed over when there is occasion."""
        tables = self.source.tables
        return sum(text != SKIPPED for name in tables for _, text in self.rows(name)[self.position(name) :])

    def events(self, name: str) -> list[tuple[int, str]]:
        rows = [each["after"] for each in self.published(name) if each["op"] == "c"]
        return [(row["id"], row["payload"]) for row in rows]

    def read_again(self, name: str) -> list[int]:
        return [each["after"]["id"] for each in self.published(name) if each["op"] == "r"]

    def published(self, name: str) -> list[Any]:
        return [self.value(record) for record in self.kafka.committed(f"erp.{name}")]

    def resnapshots(self, name: str) -> int:
        """How many were begun."""
        records = self.kafka.committed(self.engines[0].positions.name)
        values = [each.value for each in records if each.key == (RESNAPSHOT + name).encode()]
        return sum(json.loads(value)["place"] is None for value in values if value)

    def letters(self, name: str) -> list[int]:
        letters = map(self.value, self.kafka.committed(self.engines[0].positions.letters))
        return [json.loads(each["key"])["id"] for each in letters if each["stream"] == name]

    def position(self, name: str) -> int:
        """Committed; how many rows Kafka is said to have."""
        records = self.kafka.committed(self.engines[0].positions.name)
        found = [self.value(each)["position"] for each in records if each.key == (STREAM + name).encode()]
        return found[-1]["id"] if found and found[-1] else 0

    def let_go(self, name: str) -> int:
        settled = self.source.settled(name)
        return settled["id"] if settled else 0

    @staticmethod
    def value(record: Any) -> Any:
        return json.loads(record.value)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)

"""Random histories of a source that tells changes and loses some: the topic, folded by key, is the table.

As tests/property/test_images.py, with gaps: what is lost is found by a rescan, and nothing is repeated.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bridge.config.options import ConnectorSettings, OnGap, StreamOptions
from bridge.errors import TransientError
from bridge.testing.fakes import FakeKafka, Fault
from bridge.testing.simulation import Clock, Engine
from tests.logged import LoggedTable
from tests.property.living import survives

TABLE = "orders"
TOPIC_TAKES = 1000
ids = st.integers(1, 9)
texts = st.sampled_from(["a", "b", None, "x" * TOPIC_TAKES])
writes = st.dictionaries(ids, texts, max_size=4)


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clock.__enter__()
        self.folder = Path(tempfile.mkdtemp())
        self.kafka = FakeKafka()
        self.kafka.max_bytes[f"erp.{TABLE}"] = TOPIC_TAKES
        self.engine: Engine | None = None

    @initialize(most=st.integers(1, 4), rows=writes)
    def start(self, most: int, rows: dict[int, str | None]) -> None:
        self.source = LoggedTable(self.folder, most)
        self.source.write(rows)
        options = StreamOptions(interval=1.0, on_gap=OnGap.RESCAN)
        chosen = ConnectorSettings(name="erp", kind="fake", defaults=options, max_rejects=1.0)
        self.engine = Engine(self.kafka, self.source, self.clock, chosen, cache=self.folder / "erp.state")

    # -- the source

    @rule(rows=writes, gone=st.sets(ids, max_size=3), loses=st.booleans())
    def rows_are_written_and_deleted(
        self, rows: dict[int, str | None], gone: set[int], *, loses: bool
    ) -> None:
        self.source.write(rows, gone)
        if loses:
            self.source.lose_log()

    @rule(old=ids, new=ids)
    def a_key_changes(self, old: int, new: int) -> None:
        if new not in self.source.rows:
            self.source.rename(old, new)

    @rule(after=st.integers(0, 3))
    def the_source_has_trouble(self, after: int) -> None:
        self.source.whims.extend([*[None] * after, TransientError("connection reset")])

    # -- the connector

    @rule(reads=st.integers(0, 4), publishes=st.integers(0, 4))
    def it_works(self, reads: int, publishes: int) -> None:
        for _ in range(reads):
            self.living(Engine.read)
        for _ in range(publishes):
            self.living(Engine.publish)

    @rule(seconds=st.integers(1, 5))
    def it_runs(self, seconds: int) -> None:
        for _ in range(2 * seconds):
            self.living(Engine.read)
            self.living(Engine.publish)

    @rule(end=st.sampled_from([Engine.restart, Engine.drain]), cache=st.none() | st.binary(max_size=64))
    def it_ends(self, end: Callable[[Engine], None], cache: bytes | None) -> None:
        """And its cache may be spoilt meanwhile."""
        self.living(end)
        if cache is not None:
            (self.folder / "erp.state").write_bytes(cache)

    @rule(fault=st.sampled_from(Fault), after=st.integers(0, 12))
    def a_call_into_kafka_goes_wrong(self, fault: Fault, after: int) -> None:
        self.kafka.fail(fault, after)
        self.it_runs(2)

    def living(self, step: Callable[[Engine], None]) -> None:
        """One step of a process that may not survive it."""
        assert self.engine is not None
        if not survives(self.engine, step):
            self.engine.restart()

    # -- what holds in the end

    def teardown(self) -> None:
        try:
            if self.engine is not None:
                self.the_topic_is_the_table_once_the_trouble_is_over(self.engine)
        finally:
            if self.engine is not None:
                self.engine.restart()
                self.source.close()
            self.clock.__exit__()
            shutil.rmtree(self.folder)

    def the_topic_is_the_table_once_the_trouble_is_over(self, engine: Engine) -> None:
        self.kafka.faults.clear()
        self.source.whims.clear()
        engine.settle()
        assert not engine.parked(TABLE)
        table, topic = self.source.rows, self.folded()
        publishable = {each: text for each, text in table.items() if text is not None and len(text) == 1}
        # What cannot be published is as it was last published, or not there.
        assert publishable == {each: text for each, text in topic.items() if each in publishable}
        assert topic.keys() <= table.keys()
        said = self.published()
        self.source.lose_log()
        self.source.write({99: "new"}, gone={99})
        self.source.lose_log()
        engine.settle()
        assert self.published() == said, "nothing changes, and a rescan publishes nothing"

    def folded(self) -> dict[int, str]:
        """The table as the topic's consumers have it."""
        table: dict[int, str] = {}
        for record in self.kafka.committed(f"erp.{TABLE}"):
            if record.value:
                event = json.loads(record.value)
                if event["op"] == "d":
                    table.pop(event["before"]["id"], None)
                else:
                    table[event["after"]["id"]] = event["after"]["payload"]
        return table

    def published(self) -> int:
        return len(self.kafka.committed(f"erp.{TABLE}"))


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

"""Random histories of a source that tells changes and loses some: the topic, folded by key, is the table.

As tests/property/test_images.py, with gaps: what is lost is found by a rescan, and nothing is repeated.
"""

from __future__ import annotations

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from bridge.config.options import OnGap, StreamOptions
from bridge.errors import TransientError
from bridge.testing.simulation import Engine
from tests.logged import LoggedTable
from tests.property.histories import TABLE, TOPIC_TAKES, Histories

ids = st.integers(1, 9)
texts = st.sampled_from(["a", "b", None, "x" * TOPIC_TAKES])
writes = st.dictionaries(ids, texts, max_size=4)


class Gaps(Histories):
    @initialize(most=st.integers(1, 4), rows=writes)
    def start(self, most: int, rows: dict[int, str | None]) -> None:
        self.source = LoggedTable(self.folder, most)
        self.source.write(rows)
        self.live_with(self.source, StreamOptions(interval=1.0, on_gap=OnGap.RESCAN))

    def close(self) -> None:
        self.source.close()

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

    # -- what holds in the end

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


TestHistories = Gaps.TestCase
TestHistories.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

"""Random histories of a source that can only be read as a whole: the topic, folded by key, is the table.

Where Kafka fails, and where the process ends (between Kafka's commit and the cache's, for one), is
drawn.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from bridge.config.options import StreamOptions
from bridge.errors import TransientError
from bridge.testing.images import FakeImages
from bridge.testing.simulation import Engine
from tests.property.histories import TABLE, TOPIC_TAKES, Histories

ids = st.integers(1, 9)
LARGE = "x" * TOPIC_TAKES
"""Too large for the topic."""
texts = st.sampled_from(["a", "b", None, LARGE])


class Images(Histories):
    @initialize(
        most=st.integers(1, 4),
        confirm=st.integers(1, 3),
        rows=st.dictionaries(ids, texts, min_size=3),
        marked=st.booleans(),
    )
    def start(self, most: int, confirm: int, rows: dict[int, str | None], *, marked: bool) -> None:
        self.source = FakeImages((TABLE, "items"), most=most, marked=marked)
        options = StreamOptions(interval=1.0, confirm_deletes=confirm)
        self.source.tables[TABLE].update(rows)
        self.confirm = confirm
        self.live_with(self.source, options)

    # -- the source

    @rule(rows=st.dictionaries(ids, texts, min_size=1, max_size=4), gone=st.sets(ids, max_size=3))
    def rows_are_written_and_deleted(self, rows: dict[int, str | None], gone: set[int]) -> None:
        self.source.tables[TABLE].update(rows)
        for each in gone:
            self.source.tables[TABLE].pop(each, None)

    @rule(after=st.integers(0, 3), unkeyed=st.integers(0, 1))
    def the_source_has_trouble(self, after: int, unkeyed: int) -> None:
        self.source.whims.extend([*[None] * after, TransientError("connection reset")])
        self.source.unkeyed = unkeyed

    # -- the connector

    @rule(order=st.sampled_from([Engine.pause, Engine.resume]))
    def an_operator_gives_an_order(self, order: Callable[[Engine, str], object]) -> None:
        assert self.engine is not None
        self.it_works(2, 0)
        if TABLE in self.engine.schedule.streams:
            order(self.engine, TABLE)
            self.it_works(0, 3)

    @rule(order=st.sampled_from(["resnapshot", "resnapshot", "cancel"]))
    def an_operator_wants_all_of_it_again(self, order: str) -> None:
        assert self.engine is not None
        if order == "cancel":
            self.engine.cancel_resnapshot(TABLE)
        elif TABLE in self.engine.schedule.streams and TABLE not in self.engine.task.resnapshots:
            self.engine.resnapshot(TABLE)
        self.it_works(1, 1)

    # -- what holds in the end

    def the_topic_is_the_table_once_the_trouble_is_over(self, engine: Engine) -> None:
        self.kafka.faults.clear()
        self.source.whims.clear()
        self.source.unkeyed = 0
        engine.resume()
        for _ in range(self.confirm + 1):
            engine.settle()
            engine.run(3)
        assert not engine.parked(TABLE)
        table, topic = self.source.tables[TABLE], self.folded()
        readable = self.readable()
        # What became unreadable, or too large, is as it was last published.
        assert readable == {each: text for each, text in topic.items() if each in readable}
        assert topic.keys() <= table.keys()
        assert table.keys() - readable.keys() <= self.refused().keys()
        self.all_of_it_comes_once_again_when_asked_for(engine)
        said = len(self.events())
        engine.run(3)
        assert len(self.events()) == said, "nothing changes, and nothing is published"

    def all_of_it_comes_once_again_when_asked_for(self, engine: Engine) -> None:
        assert not engine.task.resnapshots
        said = len(self.events())
        engine.resnapshot(TABLE)
        engine.settle()
        news = [(each["op"], each["after"]["id"]) for each in self.events()[said:]]
        assert news == [("r", each) for each in sorted(self.readable())]

    def readable(self) -> dict[int, str]:
        """The rows that can be published."""
        rows = self.source.tables[TABLE].items()
        return {each: text for each, text in rows if text is not None and text != LARGE}

    def folded(self) -> dict[int, str]:
        """The table as the topic's consumers have it; every event is a change of what they had."""
        table: dict[int, str] = {}
        again: Counter[int] = Counter()
        for event in self.events():
            after, op = event["after"], event["op"]
            if op == "d":
                assert table.pop(event["before"]["id"])
            elif op == "u":
                assert table[after["id"]] != after["payload"] or after["id"] in self.refused()
                table[after["id"]] = after["payload"]
            else:
                assert op in "cr"
                assert op == "r" or after["id"] not in table
                again[after["id"]] += after["id"] in table
                table[after["id"]] = after["payload"]
        assert max(again.values(), default=0) <= self.resnapshots()
        return table

    def resnapshots(self) -> int:
        """How many were begun."""
        assert self.engine is not None
        records = self.kafka.committed(self.engine.positions.name)
        found = [
            each.value for each in records if each.value and (each.key or b"").startswith(b"resnapshot:")
        ]
        return sum(json.loads(each)["place"] is None for each in found)

    def events(self) -> list[dict[str, Any]]:
        records = self.kafka.committed(f"erp.{TABLE}")
        return [json.loads(each.value) for each in records if each.value]

    def refused(self) -> Counter[int]:
        letters = [json.loads(each.value or b"") for each in self.kafka.committed(self.letters)]
        return Counter(json.loads(each["key"])["id"] for each in letters if each["key"])

    @property
    def letters(self) -> str:
        assert self.engine is not None
        return self.engine.positions.letters


TestHistories = Images.TestCase
TestHistories.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)

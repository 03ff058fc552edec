"""What random histories of all kinds of sources share: an engine that dies, and whose cache may be spoilt."""

from __future__ import annotations

import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.testing.fakes import FakeKafka, Fault
from bridge.testing.simulation import Clock, Engine, Source
from tests.property.living import survives

TABLE = "orders"
TOPIC_TAKES = 1000


class Histories(RuleBasedStateMachine):
    """The engine is the real one, with a real cache on disk; Kafka and the source are in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clock.__enter__()
        self.folder = Path(tempfile.mkdtemp())
        self.kafka = FakeKafka()
        self.kafka.max_bytes[f"erp.{TABLE}"] = TOPIC_TAKES
        self.engine: Engine | None = None

    def live_with(self, source: Source, options: StreamOptions) -> None:
        chosen = ConnectorSettings(name="erp", kind="fake", defaults=options, max_rejects=1.0)
        self.engine = Engine(self.kafka, source, self.clock, chosen, cache=self.folder / "erp.state")

    @rule(reads=st.integers(0, 4), publishes=st.integers(0, 4))
    def it_works(self, reads: int, publishes: int) -> None:
        for _ in range(reads):
            self.living(Engine.read)
        for _ in range(publishes):
            self.living(Engine.publish)

    @rule(seconds=st.integers(1, 10))
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
        self.it_runs(4)

    def living(self, step: Callable[[Engine], None]) -> None:
        """One step of a process that may not survive it."""
        assert self.engine is not None
        if not survives(self.engine, step):
            self.engine.restart()

    def teardown(self) -> None:
        try:
            if self.engine is not None:
                self.the_topic_is_the_table_once_the_trouble_is_over(self.engine)
        finally:
            if self.engine is not None:
                self.engine.restart()
                self.close()
            self.clock.__exit__()
            shutil.rmtree(self.folder)

    @abstractmethod
    def the_topic_is_the_table_once_the_trouble_is_over(self, engine: Engine) -> None: ...

    def close(self) -> None:
        """The source."""

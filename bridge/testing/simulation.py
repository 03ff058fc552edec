"""The engine of one connector in one thread, by a clock that only moves when something would wait.

    with Clock() as clock:
        engine = Engine(FakeKafka(), FakeSource("orders"), clock)
        engine.source.insert("orders", "a", "b")
        engine.settle()

Everything between the connector and Kafka's edges is the real thing. A test that wants a crash calls
`restart`: the next engine knows only what Kafka and the source know.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event
from typing import Any, Protocol, Self
from unittest.mock import patch

from bridge.admission import Admission
from bridge.coalescer import Coalescer
from bridge.config.options import ConnectorSettings, StreamOptions
from bridge.config.options import Topics as TopicOptions
from bridge.contract import Connector
from bridge.encode import EncoderOptions, Origin, encoder
from bridge.errors import Stopped
from bridge.images import Images
from bridge.marks import Marks
from bridge.outlet import Outlet
from bridge.positions import STREAM, Owner, Paused, Resnapshot
from bridge.prefetch import Prefetch
from bridge.press import Press
from bridge.publisher import Fenced
from bridge.reader import Reader
from bridge.redact import Redactor
from bridge.rereading import Asking
from bridge.schedule import Schedule
from bridge.state import KeyedState
from bridge.task import Task
from bridge.testing.fakes import (
    Crash,
    FakeChangelog,
    FakeKafka,
    FakePositions,
    FakePublisher,
    FakeTopics,
)

RULED = ("coalescer", "outlet", "prefetch", "reader", "schedule", "standby", "task")
"""The modules of the engine that look at the clock."""

BRISK = StreamOptions(interval=1.0)
ROUNDS = 400
QUIET_ROUNDS = 10
"""A round waits half a second or more: every stream with an interval of a second is polled meanwhile."""


class Clock:
    """Monotonic seconds that pass only in waits; inside its block the engine's modules live by it."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        self._patches = ExitStack()

    def monotonic(self) -> float:
        return self.now

    def condition(self) -> Condition:
        return _Condition(self)

    def __enter__(self) -> Self:
        for module in RULED:
            self._patches.enter_context(patch(f"bridge.{module}.time", self))
        for module in ("prefetch", "schedule"):
            self._patches.enter_context(patch(f"bridge.{module}.Condition", self.condition))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()


class _Condition(Condition):
    """There is nobody else to wait for: the time is up at once."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "it would wait for ever"
        self._clock.now += max(timeout, 0.0)
        return False


class _Stop(Event):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "it would wait for ever"
        self._clock.now += timeout
        return self.is_set()


@dataclass(frozen=True, slots=True)
class Published:
    """A committed event or dead letter; `number` orders transactions over all topics."""

    id: int
    number: int


class Source(Protocol):
    """What outlives its connectors."""

    @property
    def polls(self) -> Sequence[object]:
        """One element for each poll, for `read_ahead`."""

    def connector(self) -> Connector: ...


class Engine:
    """One life of a worker after another, over the same Kafka and the same source."""

    def __init__(
        self,
        kafka: FakeKafka,
        source: Source,
        clock: Clock,
        settings: ConnectorSettings | None = None,
        instance: str = "one",
        lease_s: float = 90.0,
        cache: Path = Path("cache-of-no-use"),
    ) -> None:
        """`cache`: the file for the state of a source of images."""
        self.kafka, self.clock = kafka, clock
        self.source: Any = source  # of the kind that the test knows
        self.settings = settings or ConnectorSettings(name="erp", kind="fake", defaults=BRISK)
        self._cache = cache
        self._images: Images | None = None
        self._owner = Owner(instance, "here", "host", lease_s)
        self.positions = FakePositions(kafka, self.settings.name)
        self.lives = 0
        self.restart()

    def restart(self) -> None:
        """What was in memory is gone."""
        settings, options = self.settings, TopicOptions()
        self.lives += 1
        if self._images is not None:
            self._images.close()  # as the end of a process does
        self.stop = _Stop(self.clock)
        self.schedule = Schedule()
        self.queue = Prefetch(settings.prefetch.rows, settings.prefetch.bytes)
        outlet = Outlet(self._owner, FakePublisher(self.kafka, settings.name, self.stop), self.positions)
        press = Press(encoder(EncoderOptions()), Origin(settings.name, "fake", "1"), Redactor(()))
        state = KeyedState(FakeChangelog(self.kafka, settings.name), self._cache, self.stop)
        self._images = Images(state)
        self.task = Task(
            Coalescer(settings, outlet, press, self._images, self.schedule),
            outlet,
            Admission(settings, FakeTopics(self.kafka), options, 1),
            self.schedule,
            self.queue,
            self.stop,
        )
        self.reader = Reader(
            self.source.connector, self.schedule, self.queue, settings, self.stop, Marks(state).changed
        )

    def drain(self) -> None:
        """Asked to stop, it ends as it should; the next life begins."""
        self.stop.set()
        with suppress(Crash):
            self.task.run()
        self.restart()

    def read(self) -> None:
        """One round of the reader, unless it would block: it polls, or waits for what is due next."""
        if not self.queue.full and self.reader.parked is None:
            self.reader.step()

    def read_ahead(self, count: int) -> None:
        """`count` more batches into the queue."""
        polled = len(self.source.polls) + count
        for _ in range(ROUNDS):
            if len(self.source.polls) >= polled:
                return
            self.read()
        raise AssertionError("nothing is polled")

    def publish(self) -> None:
        """One round of the task. Errors: Fenced, Stopped, and what parks the connector."""
        self.task.step()

    def settle(self) -> None:
        """Both in turn until all is quiet, through faults, fencing and crashes."""
        quiet = 0
        for _ in range(ROUNDS):
            calls = len(self.kafka.calls)
            self.read()
            try:
                self.publish()
            except (Fenced, Crash):
                self.restart()
            except Stopped:
                self.drain()
            quiet = quiet + 1 if len(self.kafka.calls) == calls and self._at_rest else 0
            if quiet > QUIET_ROUNDS:
                return
        raise AssertionError("it does not come to rest")

    def run(self, seconds: float) -> None:
        """Both in turn for some time by the clock."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.read()
            self.publish()

    @property
    def _at_rest(self) -> bool:
        schedule = self.schedule
        failing = any(each.failures and each.pollable for each in schedule.streams.values())
        failing |= any(each.pollable for each in schedule.rereads.values())
        waiting = not schedule.asleep and (schedule.gated or schedule.has_to_settle)
        return self.task.holds and not (waiting or failing or self.task.trouble)

    def pause(self, stream: str = "") -> Future[None]:
        return self.task.order(lambda: self.task.pause(stream, Paused("test", "now")))

    def resume(self, stream: str = "") -> Future[None]:
        return self.task.order(lambda: self.task.resume(stream))

    def resnapshot(self, stream: str, *where: str) -> Future[None]:
        """As a worker does it. Errors: ConfigError."""
        order = Resnapshot("test", str(self.clock.now))
        open_one = self.reader._connector  # noqa: SLF001 - the source would close it to make another
        kind = type(open_one or self.source.connector())
        asking = Asking(kind, self.task.resnapshots, where, order)
        orders = {stream: asking.of(self.schedule.streams[stream].stream)}
        return self.task.order(lambda: self.task.resnapshot(orders))

    def cancel_resnapshot(self, stream: str = "") -> Future[None]:
        return self.task.order(lambda: self.task.cancel_resnapshot(stream))

    def parked(self, stream: str) -> str:
        """Why a stream is parked; empty when it is not."""
        progress = self.schedule.streams.get(stream)
        return (progress.parked or "") if progress else ""

    # -- what Kafka has

    def events(self, stream: str) -> list[Published]:
        """The committed events of a stream, in the order of its topic."""
        records = self.kafka.committed(f"{self.settings.name}.{stream}")
        return [Published(_event(each.value)["after"]["id"], each.transaction.number) for each in records]

    def letters(self, stream: str) -> list[Published]:
        """The committed dead letters of a stream."""
        found = []
        for record in self.kafka.committed(self.positions.letters):
            letter = _event(record.value)
            if letter["stream"] == stream:
                found.append(Published(json.loads(letter["key"])["id"], record.transaction.number))
        return found

    def published(self, stream: str) -> list[int]:
        """The ids of events and dead letters together, in the order of their transactions."""
        both = sorted((*self.events(stream), *self.letters(stream)), key=lambda each: (each.number, each.id))
        return [each.id for each in both]

    def stored(self, stream: str) -> Iterator[Any]:
        """Every position of a stream that was ever committed."""
        for record in self.kafka.committed(self.positions.name):
            if record.key == (STREAM + stream).encode() and record.value is not None:
                yield json.loads(record.value)["position"]


def _event(value: bytes | None) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(value or b"{}")
    return document

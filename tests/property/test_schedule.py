"""The schedule against a model without a heap, a lock or a generation: whatever happens, in whatever order.

The rules are what reader, task and operator do; a turn may be anywhere when the next thing happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.config.options import StreamOptions
from bridge.contract import Batch, Changes, Stream, Table
from bridge.errors import TransientError
from bridge.positions import Stored
from bridge.progress import STILL_S, Progress, Turn
from bridge.schedule import Schedule
from bridge.states import State
from bridge.testing.simulation import Clock

TABLE = Table("t", pa.schema([("id", pa.int64())]), ("id",))
ROWS = [pa.RecordBatch.from_pydict({"id": list(range(count))}, schema=TABLE.schema) for count in range(4)]
OPTIONS = {
    "often": StreamOptions(interval=1.0),
    "seldom": StreamOptions(interval=60.0),
    "limited": StreamOptions(interval=5.0, max_rows_per_s=1),
    "queue": StreamOptions(interval=1.0),
    "slow queue": StreamOptions(interval=30.0),
}
SETTLING = {"queue", "slow queue"}

names = st.sampled_from(sorted(OPTIONS))
seconds = st.sampled_from([0.0, 0.5, 1.0, 7.0, 60.0, 300.0])
picks = st.integers(0, 20)


def position(at: int) -> dict[str, int] | None:
    return {"at": at} if at else None


@dataclass(eq=False)
class Poll:
    """A turn, until what it brought is published or lost. `at`: where the stream stands after it."""

    turn: Turn
    stale: bool = False
    at: int = 0
    batch: Batch = field(default_factory=lambda: Batch(None))


@dataclass
class Model:
    """One stream as it ought to be; positions are numbers, 0 is the beginning."""

    due: float
    earliest: float = 0.0
    committed: int = 0
    held: Poll | None = None
    """Brought no rows but another position, which waits for others' rows."""
    ahead: int = 0
    settled: int = 0
    running: bool = False
    reading: bool = False
    """Something that was read is on its way."""
    parked: bool = False
    paused: bool = False
    gone: bool = False

    @property
    def knows(self) -> set[int]:
        """Places up to which Kafka has all rows, as the stream knows."""
        return {self.committed, *([self.held.at] if self.held else [])}

    def eligible(self, name: str) -> bool:
        stopped = self.parked or self.paused or self.gone or self.running
        unsettled = name in SETTLING and (self.reading or self.settled != self.committed)
        return not (stopped or unsettled)


class Scheduling(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clock.__enter__()
        self.schedule = Schedule()
        self.models: dict[str, Model] = {}
        self.polls: list[Poll] = []
        self.queue: list[Poll] = []
        self.told: list[tuple[str, object]] = []
        self.open = False

    def teardown(self) -> None:
        self.clock.__exit__()

    @initialize(found=st.sets(names, min_size=1))
    def start(self, found: set[str]) -> None:
        self.install(found)

    # -- the reader

    @rule(timeout=seconds)
    def polls_what_is_due(self, timeout: float) -> None:
        turn = self.schedule.next(timeout, lambda: None)
        due = {name: each.due for name, each in self.models.items() if self.open and each.eligible(name)}
        if turn is None:
            work = self.open and any(self.to_settle(name) for name in self.models)
            assert work or not any(at <= self.clock.now for at in due.values())
            return
        name = turn.progress.stream.name
        model = self.models[name]
        assert due[name] == min(due.values())
        assert due[name] <= self.clock.now
        assert turn.position == position(model.ahead)
        assert not turn.stale
        model.running = True
        self.polls.append(Poll(turn))

    @precondition(lambda self: self.polls)
    @rule(pick=picks, rows=st.integers(0, 3), more=st.booleans(), skipped=st.sampled_from([0, 0, 1]))
    def a_poll_ends(self, pick: int, rows: int, more: bool, skipped: int = 0) -> None:  # noqa: FBT001
        poll, name, model = self.take(pick)
        poll.at = model.ahead + rows + skipped
        changes = (Changes(TABLE, ROWS[rows]),) if rows else ()
        poll.batch = Batch(position(poll.at), changes, more=more)
        still = not (rows or more or skipped or name in SETTLING)
        says_nothing = still and not poll.stale and poll.at in model.knows
        kept = self.schedule.ended(poll.turn, poll.batch)
        assert kept is not (poll.stale or says_nothing)
        options, now = OPTIONS[name], self.clock.now
        model.earliest = poll.turn.asked_at + rows / options.max_rows_per_s if options.max_rows_per_s else 0.0
        if poll.stale or more:
            waits = not (poll.stale or rows) and poll.batch.position == poll.turn.position
            self.push(name, now + (STILL_S if waits else 0.0))
        else:
            self.push(name, self.together(name, poll.turn.asked_at + options.interval))
        if kept:
            model.ahead, model.reading = poll.at, True
            self.queue.append(poll)

    @precondition(lambda self: self.polls)
    @rule(pick=picks, retry_after=st.sampled_from([None, 5.0, 40.0]))
    def a_poll_fails(self, pick: int, retry_after: float | None) -> None:
        poll, name, model = self.take(pick)
        wait = self.schedule.failed(poll.turn, TransientError("away", retry_after=retry_after))
        assert wait >= (retry_after or 0.0)
        model.earliest = self.clock.now + wait
        self.push(name, 0.0)

    @precondition(lambda self: self.polls)
    @rule(pick=picks)
    def a_poll_fails_for_good(self, pick: int) -> None:
        poll, _, model = self.take(pick)
        self.schedule.ended_parked(poll.turn, "no such table")
        model.parked = True

    @rule()
    def the_source_is_told_what_kafka_has(self) -> None:
        self.told = [(stream.name, at) for stream, at in self.schedule.to_settle()]

    @rule()
    def the_source_lets_go(self) -> None:
        for name, at in self.told:
            self.schedule.settled(name, at)
            if at == position(self.models[name].committed):
                self.models[name].settled = self.models[name].committed
        self.told = []

    @rule()
    def the_connector_is_opened_anew(self) -> None:
        self.schedule.gate()
        self.open = False
        self.told = []

    @rule(pick=picks, rows=st.integers(0, 3))
    def all_goes_well(self, pick: int, rows: int) -> None:
        self.polls_what_is_due(60.0)
        if self.polls:
            self.a_poll_ends(pick, rows, more=False)
        while self.queue:
            self.kafka_has_a_batch()
        self.the_source_is_told_what_kafka_has()

    # -- the task

    @rule(
        found=st.sets(names, min_size=3),
        parked=st.none() | names,
        paused=st.none() | names,
        behind=st.sampled_from([0, 0, 0, 1]),
    )
    def a_discovery_is_judged(
        self, found: set[str], parked: str | None, paused: str | None, behind: int
    ) -> None:
        self.install(found, parked, paused, behind)

    def install(
        self, found: set[str], parked: str | None = None, paused: str | None = None, behind: int = 0
    ) -> None:
        opens = not self.open and not behind
        admitted = [self.admit(name, name == parked, name == paused) for name in sorted(found)]
        for name, model in self.models.items():
            model.gone = name not in found
        self.schedule.install(admitted, self.schedule.opening - behind)
        if opens:
            self.open = True
            for model in self.models.values():
                model.settled = 0  # for all that is known of this connection

    def admit(self, name: str, parked: bool, paused: bool) -> Progress:  # noqa: FBT001
        model = self.models.setdefault(name, Model(self.clock.now))
        if model.gone:
            self.push(name, self.clock.now)
        model.parked, model.paused = model.parked or parked, paused
        if parked or paused:
            self.forget(name)
        progress = Progress(Stream(name, "db", (TABLE,), settles=name in SETTLING), OPTIONS[name])
        progress.parked, progress.paused = "another database" if parked else None, "op" if paused else None
        return progress

    @precondition(lambda self: self.queue)
    @rule()
    def kafka_has_a_batch(self) -> None:
        poll = self.queue.pop(0)
        assert poll.turn.stale is poll.stale
        if poll.stale:
            return
        name = poll.turn.progress.stream.name
        model = self.models[name]
        model.held = None
        if poll.at == model.committed:
            self.schedule.passed_over(poll.turn.progress, poll.batch)
        else:
            self.schedule.published(poll.turn.progress, poll.batch, poll.turn.asked_at, 0, 0)
            model.committed = poll.at
        model.reading = any(not each.stale and self.is_of(each, name) for each in self.queue)

    @precondition(lambda self: self.queue and self.waits(self.queue[0]))
    @rule()
    def a_position_waits_for_a_ride(self) -> None:
        poll = self.queue.pop(0)
        self.schedule.caught_up(poll.turn.progress, poll.turn.began, poll.batch.position)
        model = self.models[poll.turn.progress.stream.name]
        model.held = poll if poll.at != model.committed else None

    def waits(self, poll: Poll) -> bool:
        without = not (poll.batch.changes or poll.batch.more or poll.turn.progress.stream.settles)
        return without and not poll.stale and poll.batch.position is not None

    @rule(name=names)
    def a_position_has_had_its_ride(self, name: str) -> None:
        if (model := self.models.get(name)) and (poll := model.held):
            self.schedule.published(poll.turn.progress, poll.batch, poll.turn.began, 0, 0)
            model.committed, model.held = poll.at, None

    @rule(in_doubt=st.integers(0, 3))
    def a_transaction_fails(self, in_doubt: int) -> None:
        """All that is read ahead is lost, but for what Kafka turns out to have."""
        for poll in [each for each in self.queue[:in_doubt] if not each.stale]:
            self.models[poll.turn.progress.stream.name].committed = poll.at
        for name, model in self.models.items():
            self.forget(name)
            model.ahead = model.committed
        self.queue.clear()
        self.rewind()

    def rewind(self) -> None:
        records = {
            name: Stored(position(model.committed), "fake", 1, "db")
            for name, model in self.models.items()
            if model.committed
        }
        self.schedule.rewind(records)
        for name in self.models:
            self.push(name, self.clock.now)

    @rule(name=names, verb=st.sampled_from([Schedule.pause, Schedule.park]))
    def a_stream_is_stopped(self, name: str, verb: Callable[[Schedule, str, str], None]) -> None:
        if model := self.models.get(name):
            verb(self.schedule, name, "why")
            self.forget(name)
            model.paused = model.paused or verb is Schedule.pause
            model.parked = model.parked or verb is Schedule.park

    @rule(name=names)
    def a_stream_is_resumed(self, name: str) -> None:
        """As the task does it: from what Kafka has, and judged anew before it is polled."""
        if model := self.models.get(name):
            self.schedule.resume([name])
            model.parked = model.paused = self.open = False
            model.earliest = 0.0
            self.a_transaction_fails(0)

    @rule(passed=seconds)
    def time_passes(self, passed: float) -> None:
        self.clock.now += passed

    # -- what always holds

    @invariant()
    def nothing_old_passes_for_new(self) -> None:
        assert [each.turn.stale for each in self.polls + self.queue] == [
            each.stale for each in self.polls + self.queue
        ]

    @invariant()
    def the_state_of_a_stream_is_what_was_done_to_it(self) -> None:
        for name, shown in self.schedule.snapshot(None, None).items():
            model = self.models[name]
            assert (shown["state"] is State.FAILED) == (model.parked or model.gone)
            assert (shown["state"] is State.PAUSED) == (model.paused and not model.parked and not model.gone)

    @invariant()
    def a_reader_that_waits_long_enough_finds_everything(self) -> None:
        """No stream that may be polled is forgotten by the heap."""
        due = [each.due for name, each in self.models.items() if self.open and each.eligible(name)]
        first = self.schedule._due_of_streams()
        assert (first and first.due) == min(due, default=None)

    @invariant()
    def the_source_is_to_let_go_of_what_kafka_has_and_nothing_else(self) -> None:
        wanted = {name: position(self.models[name].committed) for name in self.models if self.to_settle(name)}
        shown = {stream.name: at for stream, at in self.schedule.to_settle()}
        assert shown == (wanted if self.open else {})
        assert self.schedule.has_to_settle == bool(wanted)

    # -- of the model

    def take(self, pick: int) -> tuple[Poll, str, Model]:
        poll = self.polls.pop(pick % len(self.polls))
        name = poll.turn.progress.stream.name
        self.models[name].running = False
        return poll, name, self.models[name]

    def together(self, name: str, due: float) -> float:
        """No sooner, and so little later that it does not matter."""
        kept: float = self.schedule.streams[name].due
        late = OPTIONS[name].interval / 50
        assert max(due, self.clock.now, self.models[name].earliest) <= kept + 1e-6
        assert kept <= max(due + late, self.clock.now, self.models[name].earliest) + 1e-6
        return kept

    def push(self, name: str, due: float) -> None:
        self.models[name].due = max(due, self.models[name].earliest)

    def forget(self, name: str) -> None:
        self.models[name].reading = False
        self.models[name].held = None
        for poll in self.polls + self.queue:
            poll.stale = poll.stale or self.is_of(poll, name)

    def to_settle(self, name: str) -> bool:
        model = self.models[name]
        behind = name in SETTLING and model.settled != model.committed
        return behind and not model.parked and not model.gone

    @staticmethod
    def is_of(poll: Poll, name: str) -> bool:
        return poll.turn.progress.stream.name == name


TestScheduling = Scheduling.TestCase
TestScheduling.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)

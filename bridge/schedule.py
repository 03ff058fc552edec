"""Which stream is polled when, and what is known of each: the one object shared by the worker's threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from threading import Condition
from typing import Any

from bridge.config.options import StreamOptions
from bridge.contract import Batch, Level, Position, Reject, Stream
from bridge.errors import BridgeError, TransientError
from bridge.intensity import RejectShare
from bridge.positions import Stored
from bridge.retry import delay
from bridge.states import Facts, State, derive, health

REJECT_WINDOW_S = 300.0
REJECTS_TOLERATED = 10
QUIET_RECHECK_S = 30.0


@dataclass(slots=True)
class Progress:
    """One stream's progress; guarded by the schedule's lock. Times are monotonic seconds."""

    stream: Stream
    options: StreamOptions
    committed: Position | None = None
    ahead: Position | None = None
    """Where the next poll begins: past `committed` by what is still in the queue."""
    fresh: bool = False
    """Kafka has no record of it yet."""
    version: int = 1
    """The connector's position version that wrote `ahead`."""
    due: float = 0.0
    earliest: float = 0.0
    """No poll before this, whatever happens meanwhile: a back-off, or the rate limit."""
    polling_since: float | None = None
    generation: int = 0
    """What was read for an earlier one is not to be published."""
    in_flight: int = 0
    current_at: float | None = None
    """When the source was last asked, found to hold no more, and all of it was published."""
    polls: int = 0
    rows: int = 0
    events: int = 0
    bytes: int = 0
    rejects: int = 0
    failures: int = 0
    error: str | None = None
    parked: str | None = None
    paused: str | None = None
    gone: bool = False
    quiet: bool = False
    state: State = State.STARTING
    state_since: float = field(default_factory=time.monotonic)
    recent: RejectShare = field(default_factory=lambda: RejectShare(REJECT_WINDOW_S))
    """Of the last five minutes."""

    def forget(self) -> None:
        """What was read ahead is stale, wherever it is now; the next polls wait for a rewind."""
        self.generation += 1
        self.in_flight = 0

    @property
    def pollable(self) -> bool:
        blocked = self.stream.settles and self.in_flight > 0
        return not (self.parked or self.paused or self.gone or blocked or self.polling_since is not None)


@dataclass(frozen=True, slots=True)
class Turn:
    """One poll to make: what of, from where, and how many rows at the most."""

    progress: Progress
    generation: int
    position: Position | None
    version: int
    asked_at: float
    rows: int
    wait_s: float

    @property
    def stale(self) -> bool:
        """The stream was rewound, parked or paused since."""
        return self.generation != self.progress.generation


class Schedule:
    """A heap of streams by due time, under one lock."""

    def __init__(self, position_version: int = 1, critical_after: float = 300.0) -> None:
        self._version = position_version
        self._changed = Condition()
        self._heap: list[tuple[float, int, str]] = []
        self._tick = count()
        self._critical_after = critical_after
        self._open = self._closed = False
        self.opening = 0
        """How often the connector was opened: what an earlier opening found does not let a later one poll."""
        self._settling: dict[str, Position] = {}
        self.streams: dict[str, Progress] = {}

    # -- the task's side

    def install(self, admitted: Iterable[Progress], opening: int) -> None:
        """Take in what a discovery of that opening found; streams it did not find stay, and alarm."""
        with self._changed:
            found = {each.stream.name: each for each in admitted}
            for name, progress in self.streams.items():
                progress.gone = name not in found
                if progress.gone:
                    progress.error = "the source no longer has this stream; its position is kept"
            for name, new in found.items():
                self.streams[name] = progress = _merge(self.streams.get(name), new, time.monotonic())
                if new.parked or new.paused:
                    progress.forget()
                self._push(progress, progress.due)
            if not self._open and opening == self.opening:
                self._settle_again()
                self._open = True
            self._changed.notify_all()

    def _settle_again(self) -> None:
        """After a new `open()` the source is told once more what Kafka already has."""
        for name, progress in self.streams.items():
            if progress.stream.settles and progress.committed is not None and not progress.gone:
                self._settling.setdefault(name, progress.committed)

    def rewind(self, stored: Mapping[str, Stored]) -> None:
        """Forget what was read ahead: the next polls begin at what Kafka has."""
        with self._changed:
            for name, progress in self.streams.items():
                progress.forget()
                record = stored.get(name)
                progress.committed = progress.ahead = record.position if record else None
                progress.version = record.version if record else progress.version
                self._push(progress, time.monotonic())
            self._changed.notify_all()

    def published(self, progress: Progress, batch: Batch, asked_at: float, events: int, size: int) -> None:
        """Kafka has this batch."""
        with self._changed:
            progress.committed = batch.position
            progress.rows += batch.rows
            progress.events += events
            progress.bytes += size
            if not batch.more:
                progress.current_at = asked_at
            if progress.stream.settles:
                self._settling[progress.stream.name] = batch.position
            else:
                progress.in_flight = max(0, progress.in_flight - 1)
            self._changed.notify_all()

    def caught_up(self, progress: Progress, asked_at: float) -> None:
        """The source was found to hold nothing that Kafka does not have."""
        with self._changed:
            progress.current_at = asked_at
            self._landed(progress)

    def rejected(self, progress: Progress, rows: int, rejects: int, tolerated: float) -> str | None:
        """Count rejects; the reason to park the stream when their share in five minutes is too high."""
        with self._changed:
            progress.rejects += rejects
            recent = progress.recent
            recent.add(time.monotonic(), rows, rejects)
            rejected, records = recent.rejects, recent.rows + recent.rejects
        if rejects and rejected > max(REJECTS_TOLERATED, tolerated * records):
            return f"{rejected} of {records} records in five minutes were rejected; see `dead-letters list`"
        return None

    def park(self, name: str, reason: str) -> None:
        """From now on nothing of it is published."""
        with self._changed:
            self.streams[name].parked = reason
            self.streams[name].forget()

    def pause(self, name: str, by: str) -> None:
        """From now on nothing of it is published."""
        with self._changed:
            self.streams[name].paused = by
            self.streams[name].forget()

    def resume(self, name: str) -> None:
        """Un-park and un-pause."""
        with self._changed:
            progress = self.streams[name]
            progress.parked = progress.paused = progress.error = None
            progress.failures = 0
            progress.earliest = 0.0
            progress.recent.clear()
            self._again(progress)

    def close(self) -> None:
        """Let a waiting reader go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # -- the reader's side

    def gate(self) -> None:
        """No polls until the next `install`: after a new `open()` identities must be compared first."""
        with self._changed:
            self._open = False
            self.opening += 1

    @property
    def gated(self) -> bool:
        with self._changed:
            return not self._open

    @property
    def has_to_settle(self) -> bool:
        with self._changed:
            return bool(self._settling)

    def to_settle(self) -> list[tuple[Stream, Position]]:
        with self._changed:
            return [(self.streams[name].stream, position) for name, position in self._settling.items()]

    def settled(self, name: str) -> None:
        """The source has let go of what Kafka has: the stream may be polled again."""
        with self._changed:
            self._settling.pop(name, None)
            self._landed(self.streams[name])

    def next(self, timeout: float, on_wait: Callable[[], None]) -> Turn | None:
        """The next poll that is due, within `timeout` seconds. `on_wait` is called when idle."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                now = time.monotonic()
                due = self._due()
                if due is not None and due.due <= now:
                    heappop(self._heap)
                    if turn := self._begin(due, now):
                        return turn
                    continue
                if now >= deadline or self._settling or self._closed:
                    return None
                on_wait()
                self._changed.wait(min(deadline, due.due if due else deadline) - now)

    def _due(self) -> Progress | None:
        while self._open and self._heap:
            due, _, name = self._heap[0]
            progress = self.streams[name]
            if due == progress.due and progress.pollable:
                return progress
            heappop(self._heap)
        return None

    def _begin(self, progress: Progress, now: float) -> Turn | None:
        hours = progress.options.quiet_hours
        remaining = hours.remaining(datetime.now(UTC)) if hours else 0.0
        progress.quiet = remaining > 0
        if progress.quiet:
            self._push(progress, now + min(remaining, QUIET_RECHECK_S))
            return None
        progress.polling_since = now
        following = self._due()
        most = min(progress.options.interval, progress.options.deadline / 2)
        wait_s = min(most, max(0.0, following.due - now)) if following else most
        return Turn(
            progress,
            progress.generation,
            progress.ahead,
            progress.version,
            now,
            _row_limit(progress.options),
            wait_s,
        )

    def ended(self, turn: Turn, batch: Batch) -> bool:
        """A poll ended well. False: its batch is stale, since the stream was rewound meanwhile."""
        with self._changed:
            progress = turn.progress
            progress.polling_since = None
            progress.polls += 1
            progress.failures = 0
            progress.error = None
            progress.earliest = _earliest(turn, batch)
            if turn.stale:
                self._again(progress)
                return False
            progress.ahead, progress.version = batch.position, self._version
            progress.in_flight += 1
            self._push(progress, _next_due(turn, batch))
            return True

    def failed(self, turn: Turn, error: BridgeError) -> float:
        """A poll failed and will be tried again; in how many seconds."""
        with self._changed:
            progress = turn.progress
            progress.polling_since = None
            progress.failures += 1
            progress.error = str(error)
            wait = delay(progress.failures, error.retry_after if isinstance(error, TransientError) else None)
            progress.earliest = time.monotonic() + wait
            self._push(progress, progress.earliest)
            return wait

    def ended_parked(self, turn: Turn, reason: str) -> None:
        """A poll failed for good."""
        with self._changed:
            turn.progress.polling_since = None
            turn.progress.parked = reason

    def gap(self, turn: Turn, reason: str) -> Batch | None:
        """The source lost changes: the batch that marks it and starts over, or None when the stream parks."""
        progress = turn.progress
        if progress.options.on_gap == "park":
            self.ended_parked(turn, reason)
            return None
        tables = progress.stream.tables
        return Batch(
            None, rejects=tuple(Reject(table.name, f"gap: {reason}", "") for table in tables), more=True
        )

    def _push(self, progress: Progress, due: float) -> None:
        progress.due = due = max(due, progress.earliest)
        heappush(self._heap, (due, next(self._tick), progress.stream.name))
        self._changed.notify_all()

    def _landed(self, progress: Progress) -> None:
        """Nothing of it is on its way: one that settles, and so was not pollable, has its turn again."""
        progress.in_flight = 0
        self._push(progress, progress.due)

    def _again(self, progress: Progress) -> None:
        self._push(progress, time.monotonic())

    # -- the main thread's side

    def longest_poll(self) -> tuple[Progress, float] | None:
        """The poll that is running, and for how many seconds."""
        with self._changed:
            running = [(each, each.polling_since) for each in self.streams.values() if each.polling_since]
        now = time.monotonic()
        return max(((each, now - since) for each, since in running), key=lambda pair: pair[1], default=None)

    @property
    def paused(self) -> bool:
        """Whether every stream is: then it does not matter that the source cannot be opened."""
        with self._changed:
            return bool(self.streams) and all(each.paused for each in self.streams.values())

    def snapshot(self, trouble: str | None, call: str | None) -> dict[str, dict[str, Any]]:
        """Every stream as health sees it.

        `trouble`: why Kafka, or the whole source, cannot be reached; `call`: what the reader is in now.
        """
        with self._changed:
            now = time.monotonic()
            return {name: self._describe(each, now, trouble, call) for name, each in self.streams.items()}

    def _describe(
        self, progress: Progress, now: float, trouble: str | None, call: str | None
    ) -> dict[str, Any]:
        options = progress.options
        state = derive(
            Facts(
                parked=bool(progress.parked) or progress.gone,
                paused=bool(progress.paused),
                quiet=progress.quiet,
                failing=trouble is not None or (progress.failures > 0 and not progress.quiet),
                polled=progress.polls > 0,
                late_s=0.0 if trouble else _late(progress, now),
                patience_s=max(2 * options.interval, options.deadline),
            )
        )
        if state is not progress.state:
            progress.state, progress.state_since = state, now
        lasting = now - progress.state_since
        limit = options.deadline if state is State.STARTING else self._critical_after
        level, concern = health(state, lasting, limit), self._concern(progress, state, now, call)
        if level is Level.OK and concern:
            level = Level.WARNING
        return {
            "state": state,
            "health": level,
            "state_s": round(lasting, 1),
            "error": progress.parked or concern or progress.error or trouble,
            "lag_s": None if progress.current_at is None else round(now - progress.current_at, 3),
            "next_poll_s": round(max(0.0, progress.due - now), 1),
            "polls": progress.polls,
            "rows": progress.rows,
            "events": progress.events,
            "bytes": progress.bytes,
            "rejects": progress.rejects,
            "failures": progress.failures,
            "paused": progress.paused,
            "caveats": sorted(progress.stream.caveats),
        }

    def _concern(self, progress: Progress, state: State, now: float, call: str | None) -> str | None:
        """Why the health is not OK where nothing has failed."""
        if state is State.STALLED:
            return _stall(progress, call)
        if state is State.PAUSED:
            return f"by {progress.paused}"
        if state is not State.RUNNING:
            return None
        progress.recent.forget_before(now - REJECT_WINDOW_S)
        if progress.recent.rejects:
            return "dead letters within the last five minutes; see `dead-letters list`"
        if progress.current_at is not None and now - progress.current_at > self._critical_after:
            return "behind its source"
        return None


def _merge(old: Progress | None, new: Progress, now: float) -> Progress:
    """A stream found again keeps its progress, its turn and its counters; a park stays until `resume`."""
    if old is None:
        new.due = now
        return new
    if old.gone:
        old.due, old.error = now, None
    old.stream, old.options = new.stream, new.options
    old.parked, old.paused = new.parked or old.parked, new.paused
    old.gone = False
    return old


def _row_limit(options: StreamOptions) -> int:
    rate = options.max_rows_per_s
    return max(1, int(rate * min(1.0, options.interval))) if rate else 0


def _earliest(turn: Turn, batch: Batch) -> float:
    rate = turn.progress.options.max_rows_per_s
    return turn.asked_at + batch.rows / rate if rate else 0.0


def _next_due(turn: Turn, batch: Batch) -> float:
    now = time.monotonic()
    return now if batch.more else max(now, turn.asked_at + turn.progress.options.interval)


def _stall(progress: Progress, call: str | None) -> str:
    if progress.polling_since is not None:
        return f"its poll runs past the deadline of {progress.options.deadline:.0f} s"
    return f"due, and not polled: {f'{call} does not return' if call else 'Kafka takes no more'}"


def _late(progress: Progress, now: float) -> float:
    if progress.polling_since is not None:
        return now - progress.polling_since
    return max(0.0, now - progress.due) if progress.pollable else 0.0

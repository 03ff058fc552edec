"""Which stream is polled when: a heap of streams by due time, the one object shared by the worker's threads.

Resnapshots are few, and not in the heap: one after the other, they have what time the changes leave them.

The reader thread asks for turns and says how they ended, the task thread says what Kafka has, the main thread
looks. Every method takes the one lock, for no longer than it reckons; no connector and no Kafka is called
under it. It is taken before the queue's (`next` tells the queue that the reader waits), never after.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import count
from threading import Condition
from typing import Any

from bridge.contract import Batch, Position, Reject, Stream
from bridge.errors import BridgeError, TransientError
from bridge.positions import Resnapshot, Stored
from bridge.progress import Progress, Turn
from bridge.rereading import Rereading
from bridge.stream_health import Moment, describe

QUIET_RECHECK_S = 30.0
MOST_GRID_S = 0.05
OUTWAITED_S = 1.0
"""So long streams that are due go before a resnapshot; then it has one turn among them."""
HELD_S = 1.0
"""So often a stream looks whether its resnapshot lets it go on."""


class Schedule:
    """A heap of streams by due time, under one lock."""

    def __init__(self, position_version: int = 1, critical_after: float = 300.0) -> None:
        self._version = position_version
        self._changed = Condition()
        self._heap: list[tuple[float, int, str]] = []
        self._tick = count()
        self._began = time.monotonic()
        self._critical_after = critical_after
        self._open = self._closed = False
        self._asleep: bool | None = False
        """Whether the whole connector is paused; None: Kafka has not told yet."""
        self.opening = 0
        """How often the connector was opened, or told to look anew: what it found before lets nobody poll."""
        self.streams: dict[str, Progress] = {}
        self._settling: list[Progress] = []
        """Of the streams those that settle."""
        self.rereads: dict[str, Rereading] = {}
        """By stream, in the order in which they are to be done."""
        self.rereads_are_scans = False
        """A stream's polls read them, and would disturb the stream's own: those wait."""

    # -- the task's side

    def install(self, admitted: Iterable[Progress], opening: int) -> None:
        """Take in what a discovery of that opening found; streams it did not find stay, and alarm.

        Those of an earlier life that it did not find come as `gone`.
        """
        with self._changed:
            found = {each.stream.name: each for each in admitted}
            for name, progress in self.streams.items():
                if name not in found or found[name].gone:
                    progress.vanished()
            for name, new in found.items():
                if new.gone:
                    self.streams.setdefault(name, new)
                else:
                    self._take_in(new)
            self._settling = [each for each in self.streams.values() if each.stream.settles]
            if not self._open and opening == self.opening:
                for progress in self.streams.values():
                    progress.settle_again()
                self._open = True
            self._changed.notify_all()

    def _take_in(self, new: Progress) -> None:
        now = time.monotonic()
        progress = self.streams.get(new.stream.name)
        if progress is None:
            self.streams[new.stream.name] = progress = new
            new.due = new.first_due(now, datetime.now(UTC))
            new.settle_again()
        else:
            progress.found_again(new, now)
        if new.parked or new.paused:
            self._forget(progress)
        self._push(progress, progress.due)

    def heed(self, stored: Iterable[Progress] = (), *, asleep: bool | None) -> None:
        """Whether the source is to be left alone; then of streams nobody has found, what Kafka has."""
        with self._changed:
            self._asleep = asleep
            for each in stored:
                self.streams.setdefault(each.stream.name, each)
            self._changed.notify_all()

    def rewind(self, stored: Mapping[str, Stored]) -> None:
        """Forget what was read ahead: the next polls begin at what Kafka has."""
        with self._changed:
            for name, progress in self.streams.items():
                had_all = progress.options.cron and progress.behind_since is None
                progress.rewind(stored.get(name))
                self._push(progress, progress.due if had_all else time.monotonic())
            self._changed.notify_all()

    def reread(self, orders: Mapping[str, Resnapshot]) -> None:
        """What is to be read once more, and from where, as Kafka has it; what was read ahead is forgotten."""
        with self._changed:
            before, self.rereads = self.rereads, {}
            for again in before.values():
                again.forget()
            for name, order in orders.items():
                if name not in self.streams:
                    continue
                known = before.get(name)
                if known is None or known.order.at != order.at:
                    known = Rereading.ordered(self.streams[name], order, time.monotonic())
                known.rewind(order)
                self.rereads[name] = known
            self._changed.notify_all()

    def published(self, progress: Progress, batch: Batch, asked_at: float, events: int, size: int) -> None:
        """Kafka has this batch."""
        with self._changed:
            progress.published(batch, asked_at, events, size)
            self._unblock(progress)

    def republished(self, again: Rereading, order: Resnapshot | None, figures: tuple[int, int, int]) -> None:
        """Kafka has rows, events and bytes of a resnapshot; and what is left to do of it, if anything."""
        with self._changed:
            again.published(order or again.order, *figures)
            ended = None if order else self.rereads.pop(again.name, None)
            if ended is not None:  # the first of several
                again.changes.resnapshots += 1

    def compared(self, progress: Progress, blind: str | None = None) -> None:
        """The state has all of a whole scan; `blind`: why no deletes were looked for, if so."""
        with self._changed:
            progress.blind = blind
            progress.scans_ahead = max(0, progress.scans_ahead - 1)

    def caught_up(self, progress: Progress, asked_at: float, position: Position | None) -> None:
        """The source was found to hold nothing that Kafka does not have, up to this position."""
        with self._changed:
            progress.caught_up(asked_at)
            progress.riding = position

    def passed_over(self, progress: Progress, batch: Batch) -> None:
        """What was read last says nothing that Kafka does not have."""
        with self._changed:
            progress.scanned(batch)
            progress.in_flight = False
            self._unblock(progress)

    def rejected(
        self, progress: Progress | Rereading, rows: int, rejects: int, tolerated: float
    ) -> str | None:
        """Count rejects; the reason to park when their share in five minutes is too high."""
        with self._changed:
            return progress.rejected(rows, rejects, tolerated, time.monotonic())

    def park(self, name: str, reason: str) -> None:
        """From now on nothing of it is published."""
        with self._changed:
            self.streams[name].parked = reason
            self._forget(self.streams[name])

    def give_up(self, again: Rereading, reason: str) -> None:
        """A resnapshot waits for an operator; the changes go on."""
        with self._changed:
            again.parked = reason
            again.forget()

    def pause(self, name: str, by: str) -> None:
        """From now on nothing of it is published."""
        with self._changed:
            self.streams[name].paused = by
            self._forget(self.streams[name])

    def resume(self, names: Iterable[str]) -> None:
        """Un-park and un-pause. No polls until the connector has looked again, and was judged anew."""
        with self._changed:
            self.gate()
            for name in names:
                self.streams[name].resume()
                self._push(self.streams[name], time.monotonic())
                if again := self.rereads.get(name):
                    again.resume(time.monotonic())

    def _forget(self, progress: Progress) -> None:
        progress.forget()
        if again := self.rereads.get(progress.stream.name):
            again.forget()

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
            self._changed.notify_all()

    @property
    def gated(self) -> bool:
        with self._changed:
            return not self._open

    @property
    def asleep(self) -> bool:
        """The source is to be left alone, or that is not known yet."""
        return self._asleep is not False

    def sleep(self, most: float) -> None:
        """For as long as the source is to be left alone, but for `most` seconds."""
        with self._changed:
            if self.asleep and not self._closed:
                self._changed.wait(most)

    @property
    def has_to_settle(self) -> bool:
        """Now, or once it is known again whose streams they are."""
        with self._changed:
            return any(each.to_settle for each in self._settling)

    def to_settle(self) -> list[tuple[Stream, Position]]:
        """What the source is to let go of."""
        with self._changed:
            return [(each.stream, each.committed) for each in self._to_settle()]

    def _to_settle(self) -> list[Progress]:
        return [each for each in self._settling if self._open and each.to_settle]

    def settled(self, name: str, position: Position) -> None:
        """The source has let go of everything up to there: the stream may be polled again."""
        with self._changed:
            progress = self.streams[name]
            progress.unsettled = progress.unsettled and progress.committed != position
            self._unblock(progress)

    def next(self, timeout: float, on_wait: Callable[[], None]) -> Turn | None:
        """The next poll that is due, within `timeout` seconds. `on_wait` is called when idle."""
        deadline = time.monotonic() + timeout
        with self._changed:
            opening = self.opening
            while True:
                now = time.monotonic()
                due = self._due(now)
                if due is not None and due.due <= now:
                    if turn := self._begin(due, now):
                        return turn
                    continue
                if now >= deadline or self._to_settle() or self._closed or self.opening != opening:
                    return None
                on_wait()
                self._changed.wait(min(deadline, due.due if due else deadline) - now)

    @property
    def quiet(self) -> bool:
        """Whether all streams that would be polled have their quiet hours."""
        with self._changed:
            return self._rest_s() > 0

    def rest(self) -> float:
        """While nothing is open: for how many seconds it may stay so; the next `install` gives turns."""
        with self._changed:
            rest = self._rest_s()
            for progress in self.streams.values() if rest else ():
                progress.due = max(progress.due, time.monotonic() + rest)
            return rest

    def _rest_s(self) -> float:
        wall = datetime.now(UTC)
        return min((each.rest_s(wall) for each in self.streams.values() if each.awake), default=0.0)

    def _due(self, now: float) -> Progress | Rereading | None:
        """Whose turn comes first."""
        progress, again = self._due_of_streams(), self._due_again(now)
        if progress is None or again is None:
            return progress or again
        behind = OUTWAITED_S if progress.due <= now else 0.0
        return again if again.ready + behind < progress.due else progress

    def _due_again(self, now: float) -> Rereading | None:
        """The first resnapshot that is due: two at a time would disturb each other."""
        waiting = [each for each in self.rereads.values() if each.pollable] if self._open else []
        return min(waiting, key=lambda each: max(each.due, now), default=None)

    def _due_of_streams(self) -> Progress | None:
        """The stream whose turn comes first; entries that no longer hold are dropped on the way to it."""
        while self._open and self._heap:
            due, _, name = self._heap[0]
            progress = self.streams[name]
            if due == progress.due and progress.pollable:
                return progress
            heappop(self._heap)
        return None

    def _begin(self, due: Progress | Rereading, now: float) -> Turn | None:
        if isinstance(due, Progress):
            heappop(self._heap)
        rest = max(due.rest_s(datetime.now(UTC)), self._held_s(due, now))
        if rest > 0:
            self._put_off(due, now + min(rest, QUIET_RECHECK_S))
            return None
        due.polling_since = now
        return due.turn(now, self._wait_s(due, now)) if isinstance(due, Progress) else due.turn(now)

    def _held_s(self, due: Progress | Rereading, now: float) -> float:
        """For how long a stream waits for its own resnapshot, or for what that has taken of the rate."""
        if not isinstance(due, Progress):
            return 0.0
        again = self.rereads.get(due.stream.name)
        scans = self.rereads_are_scans and again is not None and again.under_way
        return max(due.earliest - now, HELD_S if scans else 0.0)

    def begins_anew(self, turn: Turn) -> None:
        """The source of a resnapshot began anew in its middle. Errors: PermanentError, if again and again."""
        with self._changed:
            if turn.again and not turn.stale:
                turn.again.begins_anew()

    def _wait_s(self, progress: Progress, now: float) -> float:
        """How long the source may keep a poll waiting for something new: not past another stream's turn."""
        most = min(progress.options.interval, progress.options.deadline / 2)
        following = self._due(now)
        return min(most, max(0.0, following.due - now)) if following else most

    def ended(self, turn: Turn, batch: Batch) -> bool:
        """A poll ended well. False: its batch says nothing, or is stale: the stream was rewound meanwhile."""
        with self._changed:
            now = time.monotonic()
            if turn.again:
                turn.again.ended(turn, batch, self._version, now)
                return not turn.stale
            says_nothing = turn.brought_nothing(batch)
            turn.progress.ended(turn, batch, self._version)
            due = now if turn.stale else turn.next_due(batch, now, datetime.now(UTC))
            self._push(turn.progress, due if due <= now else self._together(due, turn.progress))
            if says_nothing:  # most polls end so, and Kafka has all there is
                turn.progress.caught_up(turn.began)
            return not (turn.stale or says_nothing)

    def failed(self, turn: Turn, error: BridgeError) -> float:
        """A poll failed and will be tried again; in how many seconds."""
        with self._changed:
            if turn.again:
                return turn.again.failed(error, time.monotonic())
            wait = turn.progress.failed(error, time.monotonic())
            self._push(turn.progress, turn.progress.earliest)
            return wait

    def ended_parked(self, turn: Turn, reason: str) -> None:
        """A poll failed for good."""
        with self._changed:
            failed = turn.again or turn.progress
            failed.polling_since = None
            failed.parked = reason

    def holds_gone(self, found: Iterable[Stream]) -> bool:
        """Whether one of them is back: a poll missed what no discovery has missed."""
        with self._changed:
            return any(self.streams[each.name].gone for each in found if each.name in self.streams)

    def gone(self, name: str, reason: str) -> None:
        """It could not let go of what was published, since it is not there."""
        with self._changed:
            self.streams[name].vanished(reason)

    def vanished(self, turn: Turn, reason: str) -> None:
        """A poll, or a resnapshot's, found what no discovery has missed yet."""
        with self._changed:
            (turn.again or turn.progress).polling_since = None
            turn.progress.vanished(reason)

    def gap(self, turn: Turn, reason: str) -> Batch | None:
        """The source lost changes: the batch that marks it and starts over.

        None when the stream parks, or had started over already: then it does so once more, after a back-off.
        """
        progress = turn.progress
        if progress.options.on_gap == "park" or turn.position is None:  # there is nothing before the start
            self.ended_parked(turn, reason)
            return None
        with self._changed:
            if not turn.stale and (progress.gap or progress.scan_began is not None):
                error = TransientError(f"all is read anew, and changes are lost before that ends: {reason}")
                progress.start_over(error, time.monotonic())
                self._push(progress, progress.earliest)
                return None
            progress.gap = not turn.stale
        tables = progress.stream.tables
        return Batch(
            None, rejects=tuple(Reject(table.name, f"gap: {reason}", "") for table in tables), more=True
        )

    def _put_off(self, due: Progress | Rereading, until: float) -> None:
        if isinstance(due, Progress):
            self._push(due, until)
        else:
            due.ready = until

    def _together(self, due: float, progress: Progress) -> float:
        """A little later, so that many streams share one waking: on a grid of a fiftieth of the interval."""
        grid = min(progress.options.interval / 50, MOST_GRID_S)
        return self._began + math.ceil(round((due - self._began) / grid, 6)) * grid

    def _push(self, progress: Progress, due: float) -> None:
        progress.due = due = max(due, progress.earliest)
        heappush(self._heap, (due, next(self._tick), progress.stream.name))
        self._changed.notify_all()

    def _unblock(self, progress: Progress) -> None:
        """A stream that settles, and so perhaps was not pollable, has its turn again."""
        if progress.stream.settles:
            self._push(progress, progress.due)

    # -- the main thread's side

    @property
    def paused(self) -> bool:
        """Whether every stream is: then it does not matter whether the source can be opened."""
        with self._changed:
            all_are = bool(self.streams) and all(each.paused for each in self.streams.values())
            return bool(self._asleep) or all_are

    def snapshot(
        self, trouble: str | None, held: str | None, kafka: str | None = None
    ) -> dict[str, dict[str, Any]]:
        """Every stream as health sees it.

        `trouble`, `kafka`: why the whole source, or Kafka, cannot be reached; `held`: what holds up those
        that are due.
        """
        with self._changed:
            now, wall = time.monotonic(), datetime.now(UTC)
            moment = Moment(now, wall, self._critical_after, trouble, kafka, held)
            again = self.rereads.get
            return {name: describe(each, moment, again(name)) for name, each in self.streams.items()}

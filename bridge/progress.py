"""What is known of one stream: where it stands, what was counted, why it is not polled. No lock, no clock.

The schedule owns every `Progress` and changes it under its lock. Times are monotonic seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from bridge.config.options import OnGap, StreamOptions
from bridge.contract import Batch, Connector, Emits, Position, Scan, Stream
from bridge.errors import BridgeError, TransientError
from bridge.intensity import REJECT_WINDOW_S, RejectShare
from bridge.positions import Stored
from bridge.retry import delay
from bridge.states import State

if TYPE_CHECKING:
    from bridge.rereading import Rereading

REJECTS_TOLERATED = 10
"""However large their share is: a few bad records must not stop a stream of a few. Not so with `0`."""

STILL_S = 0.25
"""A stream that waits for others in its source is not asked for before."""

CUTS = 3
"""A pass that was cut so often in a row is well again when it gets further than those before."""

GONE = (
    "the source no longer has this stream; its position is kept; "
    "if it is gone for good, take it out of `streams:`, or exclude it"
)


@dataclass(slots=True)
class Progress:
    """One stream, from its first discovery to the end of the worker."""

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
    in_flight: bool = False
    """What was read last is not in Kafka yet. Only of streams that settle: they are not polled ahead."""
    unsettled: bool = False
    """Kafka has what the source was not told to let go of."""
    current_at: float | None = None
    """When the source was last asked, found to hold no more, and all of it was published."""
    riding: Position | None = None
    """One further on than Kafka's, with no row between them: it is written with what comes next."""
    polled: bool = False
    """A poll has ended well since the start, or since `resume`."""
    polls: int = 0
    scans: int = 0
    """Complete passes, published, over a source of images."""
    rows: int = 0
    reread: int = 0
    """Rows that resnapshots published again."""
    resnapshots: int = 0
    """Those that have ended."""
    events: int = 0
    bytes: int = 0
    rejects: int = 0
    failures: int = 0
    gap: bool = False
    """The source lost changes, and nothing was read since that follows on what was read anew."""
    restarts: int = 0
    """How often in a row it lost some again before all was read anew."""
    error: str | None = None
    parked: str | None = None
    paused: str | None = None
    gone: bool = False
    behind_since: float | None = None
    """When it was first asked for what was not all read and published since."""
    scan_began: float | None = None
    scan_rows: int = 0
    """Read of the pass that runs, be they refused or known to be as they were."""
    furthest: int = 0
    """The most of those that were cut, since one was not."""
    cuts: int = 0
    """How many of them there were."""
    blind: str | None = None
    """Why its last complete scan could not say what is gone."""
    scans_ahead: int = 0
    """Complete passes that were read and are not compared yet."""
    state: State = State.STARTING
    state_since: float = field(default_factory=time.monotonic)
    recent: RejectShare = field(default_factory=lambda: RejectShare(REJECT_WINDOW_S))
    """Of the last five minutes."""

    @property
    def pollable(self) -> bool:
        waits = self.in_flight or self.unsettled or self.polling_since is not None
        return self.awake and not waits

    @property
    def to_settle(self) -> bool:
        """A parked stream may be another source's: that one must keep what it has."""
        return self.unsettled and not (self.parked or self.gone)

    @property
    def awake(self) -> bool:
        """Nothing but the time keeps it from being polled."""
        return not (self.parked or self.paused or self.gone)

    def patience_s(self, wall: datetime) -> float:
        """For how long it may take to read and publish all there is: until it is due again."""
        return self.options.cron.wait_s(wall) if self.options.cron else self.options.interval

    def first_due(self, now: float, wall: datetime) -> float:
        """At once, unless it has a position and its own times."""
        cron = self.options.cron
        return now if cron is None or self.committed is None else now + cron.wait_s(wall)

    def rest_s(self, wall: datetime) -> float:
        """For how long its quiet hours still last."""
        return self.options.quiet_hours.remaining(wall) if self.options.quiet_hours else 0.0

    def late_s(self, now: float) -> float:
        """For how long a poll has been running, or has been due without beginning."""
        if self.polling_since is not None:
            return now - self.polling_since
        return max(0.0, now - self.due) if self.pollable else 0.0

    # -- discovery and rewinds

    def found_again(self, new: Progress, now: float) -> None:
        """It keeps its position, its turn and its counters; a park stays until `resume`."""
        if self.gone:
            self.due, self.error = now, None
        self.stream, self.options = new.stream, new.options
        self.parked, self.paused = new.parked or self.parked, new.paused
        self.gone = False

    def vanished(self, reason: str = GONE) -> None:
        if not self.gone:
            self.gone, self.error = True, reason

    def forget(self) -> None:
        """What was read ahead is stale, wherever it is now; the next polls wait for a rewind."""
        self.generation += 1
        self.in_flight = False
        self.riding = self.scan_began = None
        self.scans_ahead = 0
        self.gap = False

    def rewind(self, stored: Stored | None) -> None:
        """Back to what Kafka has."""
        self.forget()
        position = stored.position if stored else None
        if position != self.committed:  # a commit in doubt was one
            self.committed = position
            self.settle_again()
        self.ahead = position
        self.version = stored.version if stored else self.version

    def settle_again(self) -> None:
        """The source is told, perhaps once more, what Kafka has."""
        self.unsettled = self.stream.settles and self.committed is not None

    def resume(self) -> None:
        if self.parked:  # else what was rejected is as true as before
            self.recent.clear()
        self.parked = self.paused = self.error = None
        self.polled = False
        self.failures = self.restarts = 0
        self.earliest = 0.0

    # -- one poll

    def turn(self, now: float, wait_s: float) -> Turn:
        began = now if self.scan_began is None else self.scan_began
        if self.behind_since is None:
            self.behind_since = began
        rows = most_rows(self.options)
        return Turn(self, self.generation, self.ahead, self.version, now, rows, wait_s, began)

    def ended(self, turn: Turn, batch: Batch, version: int) -> None:
        """It brought a batch, which counts unless the turn is stale."""
        self.polling_since = None
        self.polled = True
        self.polls += 1
        if not turn.stale:
            self._scanned_on(batch)
        if batch.ends or not (self.restarts or self._goes_round):
            self.failures = 0
            self.error = None
        self.earliest = rest_after(turn, batch, self.options)
        if not turn.stale:
            if self.scan_began is None and turn.position and batch.position:
                self.gap, self.restarts = False, 0
            self.ahead, self.version = batch.position, version
            self.scan_began = (
                None if batch.ends else turn.asked_at if batch.scan is Scan.FIRST else turn.began
            )
            self.in_flight = self.stream.settles
            self.scans_ahead += batch.completes

    def _scanned_on(self, batch: Batch) -> None:
        if batch.scan is Scan.FIRST:
            if self.scan_began is not None:
                self.furthest = max(self.furthest, self.scan_rows)
                self.cuts += 1
            self.scan_rows = 0
        self.scan_rows += batch.rows + len(batch.rejects) + sum(len(keys) for _, keys in batch.seen)
        if batch.ends:
            self.scan_rows = self.furthest = self.cuts = 0

    @property
    def _goes_round(self) -> bool:
        """It reads again what it has read, and may never get further."""
        return self.cuts >= CUTS and self.scan_rows <= self.furthest

    def failed(self, error: BridgeError, now: float) -> float:
        """It is to be tried again; in how many seconds."""
        self.polling_since = None
        self.failures += 1
        self.error = str(error)
        wait = backed_off(self.failures, error)
        self.earliest = now + wait
        return wait

    def start_over(self, error: BridgeError, now: float) -> float:
        """What is read anew was lost in the middle of it, or just behind it; in how many seconds to go on."""
        self.gap = True
        self.restarts += 1
        self.failures = max(self.failures, self.restarts - 1)
        self.ahead = self.scan_began = None
        return self.failed(error, now)

    def published(self, batch: Batch, asked_at: float, events: int, size: int) -> None:
        if batch.position is None:  # a gap's marker, which is a dead letter, and no reject
            self.rejects += len(batch.rejects)
        if batch.ends:
            self.committed = batch.position
        self.in_flight = False
        self.settle_again()
        self.rows += batch.rows
        self.events += events
        self.bytes += size
        if not batch.more:
            self.caught_up(asked_at)
        self.scanned(batch)

    def caught_up(self, asked_at: float) -> None:
        """Then the source held nothing that Kafka does not have now."""
        self.current_at = asked_at
        self.behind_since = None

    def scanned(self, batch: Batch) -> None:
        """Kafka has all that it brought."""
        self.scans += batch.completes

    def rejected(self, rows: int, rejects: int, tolerated: float, now: float) -> str | None:
        """Count rejects; the reason to park when their share in five minutes is too high."""
        self.rejects += rejects
        return too_many(self.recent, rows, rejects, tolerated, now)


class Reached(NamedTuple):
    """A position, and the connector's position version that wrote it."""

    position: Position | None
    version: int


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
    began: float
    """When the scan that it is a part of was begun, else as `asked_at`."""
    again: Rereading | None = None
    """It is not for changes but for what this resnapshot publishes again ..."""
    beside: Reached | None = None
    """... beside changes that have been read so far."""

    @property
    def stale(self) -> bool:
        """The stream, or the resnapshot, was rewound, parked or paused since."""
        return self.generation != (self.again or self.progress).generation

    def brought_nothing(self, batch: Batch) -> bool:
        """Kafka has all that was read before, and the batch says that this is still all there is."""
        held = self.position is not None and self.position == self.progress.riding
        known = self.position == batch.position and (held or self.position == self.progress.committed)
        quiet = batch.scan is None and not (batch.changes or batch.rejects or batch.seen or batch.more)
        return known and quiet and not (self.stale or self.progress.stream.settles)

    def stands_still(self, batch: Batch) -> bool:
        """Its turn has yet to come in the source, which has nothing else to say of it."""
        return self.position == batch.position and not (batch.changes or batch.rejects or batch.seen)

    def next_due(self, batch: Batch, now: float, wall: datetime) -> float:
        options = self.progress.options
        if batch.more:
            return now + (STILL_S if self.stands_still(batch) else 0.0)
        return now + options.cron.wait_s(wall) if options.cron else max(now, self.began + options.interval)


def today(connector: Connector, position: Position | None, version: int) -> Position | None:
    """In the form that the connector's version of today writes."""
    if position is None or version >= connector.position_version:
        return position
    return connector.migrate(position, version)


def is_keyed(stream: Stream, options: StreamOptions) -> bool:
    """Whether what is known of its rows is kept: to find changes in images, or what a gap has swallowed."""
    return stream.emits is Emits.IMAGES or options.on_gap is OnGap.RESCAN


def most_rows(options: StreamOptions) -> int:
    """What one poll may bring by the rate limit; 0 is no limit."""
    rate = options.max_rows_per_s
    return max(1, int(rate * min(1.0, options.interval))) if rate else 0


def rest_after(turn: Turn, batch: Batch, options: StreamOptions) -> float:
    """The rate limit lets nothing be polled before."""
    rate = options.max_rows_per_s
    return turn.asked_at + batch.rows / rate if rate else 0.0


def backed_off(failures: int, error: BridgeError) -> float:
    """Seconds to wait after so many failures in a row."""
    return delay(failures, error.retry_after if isinstance(error, TransientError) else None)


def too_many(recent: RejectShare, rows: int, rejects: int, tolerated: float, now: float) -> str | None:
    """Take in what became of some records; the reason to park when too many were rejected lately."""
    recent.add(now, rows, rejects)
    rejected, records = recent.rejects, recent.rows + recent.rejects
    most = max(REJECTS_TOLERATED, tolerated * records) if tolerated else 0
    if rejects and rejected > most:
        return f"{rejected} of {records} records in five minutes were rejected; see `dead-letters list`"
    return None

"""A stream's rows read and published once more, beside its changes: how far that is. No lock, no clock.

The schedule owns every `Rereading`, as it owns every `Progress`. Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bridge.config.options import StreamOptions
from bridge.contract import Batch, Connector, Emits, Ranges, Stream
from bridge.errors import BridgeError, ConfigError, PermanentError
from bridge.intensity import REJECT_WINDOW_S, RejectShare
from bridge.positions import Resnapshot
from bridge.progress import Progress, Reached, Turn, backed_off, most_rows, rest_after, too_many
from bridge.ranges import parsed

MOST_RESTARTS = 5
"""Each publishes rows again that were published."""


@dataclass(slots=True)
class Rereading:
    """One resnapshot, from its order to its last row. It waits whenever its stream does."""

    changes: Progress
    """Its stream's."""
    order: Resnapshot
    """As Kafka has it."""
    ahead: Reached
    """Where the next chunk begins: past the order's place by what is still in the queue."""
    ready: float
    """No chunk before this: a back-off, or quiet hours."""
    polling_since: float | None = None
    generation: int = 0
    complete: bool = False
    """Its last rows have been read."""
    failures: int = 0
    error: str | None = None
    restarts: int = 0
    """How often its source began anew in the middle."""
    parked: str | None = None
    recent: RejectShare = field(default_factory=lambda: RejectShare(REJECT_WINDOW_S))

    @classmethod
    def ordered(cls, changes: Progress, order: Resnapshot, now: float) -> Rereading:
        return cls(changes, order, Reached(order.place, order.version), now)

    @property
    def name(self) -> str:
        return self.changes.stream.name

    @property
    def within(self) -> Ranges:
        """JSON knows no tuples."""
        return {column: (low, high) for column, (low, high) in self.order.within.items()}

    @property
    def options(self) -> StreamOptions:
        return self.changes.options

    @property
    def due(self) -> float:
        """The rate limit is of both, the stream and what is published once more."""
        return max(self.ready, self.changes.earliest)

    @property
    def under_way(self) -> bool:
        """The source is in the middle of it."""
        return self.ahead.position is not None and not (self.complete or self.parked)

    @property
    def pollable(self) -> bool:
        """Not before the stream itself has begun: what it reads first, it need not read again."""
        begun = self.changes.committed is not None or self.changes.current_at is not None
        waits = self.complete or self.parked is not None or self.polling_since is not None
        return begun and self.changes.awake and not waits

    def rest_s(self, wall: datetime) -> float:
        return self.changes.rest_s(wall)

    def forget(self) -> None:
        """What was read ahead is stale; the next polls wait for a rewind."""
        self.generation += 1

    def rewind(self, order: Resnapshot) -> None:
        """Back to what Kafka has."""
        self.forget()
        self.order, self.complete = order, False
        self.ahead = Reached(order.place, order.version)

    def resume(self, now: float) -> None:
        if self.parked:
            self.recent.clear()
        self.parked = self.error = None
        self.failures = self.restarts = 0
        self.ready = now

    # -- one poll

    def turn(self, now: float) -> Turn:
        changes, (place, version) = self.changes, self.ahead
        rows, read = most_rows(self.options), Reached(changes.ahead, changes.version)
        return Turn(changes, self.generation, place, version, now, rows, 0.0, now, again=self, beside=read)

    def ended(self, turn: Turn, batch: Batch, version: int, now: float) -> None:
        """It brought a batch, which counts unless the turn is stale."""
        self.polling_since = None
        self.failures = 0
        self.error = None
        self.ready = now
        self.changes.earliest = max(self.changes.earliest, rest_after(turn, batch, self.options))
        if not turn.stale:
            self.ahead, self.complete = Reached(batch.position, version), not batch.more

    def begins_anew(self) -> None:
        """Its source did, in the middle. Errors: PermanentError when it does so every time."""
        self.restarts += 1
        if self.restarts > MOST_RESTARTS:
            raise PermanentError(
                f"the source began anew {self.restarts} times before all of {self.name} was read",
                remedy="see that it keeps a list open for as long as reading it takes, or read larger pages",
            )

    def failed(self, error: BridgeError, now: float) -> float:
        """It is to be tried again; in how many seconds."""
        self.polling_since = None
        self.failures += 1
        self.error = str(error)
        wait = backed_off(self.failures, error)
        self.ready = now + wait
        return wait

    def published(self, order: Resnapshot, rows: int, events: int, size: int) -> None:
        """Kafka has a chunk, and the order as it is after it."""
        self.order = order
        self.changes.reread += rows
        self.changes.events += events
        self.changes.bytes += size

    def rejected(self, rows: int, rejects: int, tolerated: float, now: float) -> str | None:
        """Count rejects; the reason to park the resnapshot when their share in five minutes is too high."""
        self.changes.rejects += rejects
        return too_many(self.recent, rows, rejects, tolerated, now)


@dataclass(frozen=True, slots=True)
class Asking:
    """What an operator asks for: resnapshots of a kind's streams, where others are `running`."""

    kind: type[Connector]
    running: Mapping[str, Resnapshot]
    where: Sequence[str]
    order: Resnapshot
    """By whom, and when."""

    def of(self, stream: Stream) -> Resnapshot:
        """The order for one stream. Errors: ConfigError."""
        if running := self.running.get(stream.name):
            raise ConfigError(
                f"a resnapshot of {stream.name} has been under way since {running.at}, "
                f"{running.rows} rows are done",
                remedy="let it end, or end it with --cancel",
            )
        if why := self._refusal(stream):
            raise ConfigError(f"{stream.name} cannot have a resnapshot: {why}")
        within = parsed(self.where, stream.tables[0]) if self.where else {}
        return replace(self.order, within=within)

    def of_all(self, streams: Iterable[Stream]) -> dict[str, Resnapshot]:
        """Those of all that can have one and have none. Errors: ConfigError, also when that leaves none."""
        streams = list(streams)
        able = [each for each in streams if each.name not in self.running and not self._refusal(each)]
        return {each.name: self.of(each) for each in able or streams[:1]}

    def _refusal(self, stream: Stream) -> str | None:
        if not stream.tables:
            return "its tables are not known"
        if keyless := next((table.name for table in stream.tables if not table.key), None):
            return f"table {keyless} has no key, so that its rows are counted, and would be doubled"
        if self.kind.reread is not Connector.reread:
            several = len(stream.tables) > 1 and self.where
            return "it has several tables; ranges are of one" if several else None
        if stream.emits is not Emits.IMAGES or stream.settles:
            return "its kind of connector reads changes, and not what is there"
        return "its kind of connector reads no ranges of keys" if self.where else None

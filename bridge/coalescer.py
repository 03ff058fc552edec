"""Puts batches of several streams into one transaction, and says so when Kafka has them.

A transaction begins when its first batch is encoded; the positions go in last.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import structlog

from bridge.admission import Lane
from bridge.config.options import ConnectorSettings
from bridge.contract import Position
from bridge.errors import PermanentError
from bridge.outlet import Outlet
from bridge.positions import STREAM, record
from bridge.prefetch import Fetched
from bridge.press import Outgoing, Press
from bridge.schedule import Schedule

log = structlog.get_logger("bridge.coalescer")

LIVE_AGE_S = 0.1
"""How old a transaction may get when the streams are up to date."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch in the open transaction, and what it became."""

    fetched: Fetched
    events: int = 0
    size: int = 0
    letters: int = 0

    @property
    def name(self) -> str:
        return self.fetched.name

    @property
    def position(self) -> Position:
        return self.fetched.batch.position


@dataclass(slots=True)
class Transaction:
    """What has gone into the open transaction so far."""

    began: float = 0.0
    rows: int = 0
    size: int = 0
    bulk: bool = False
    batches: list[Sent] = field(default_factory=list)

    def add(self, fetched: Fetched, outgoing: Outgoing) -> None:
        self.rows += fetched.batch.rows
        self.size += outgoing.size
        self.bulk = fetched.batch.more
        self.batches.append(Sent(fetched, outgoing.events, outgoing.size, len(outgoing.letters)))


class Coalescer:
    """Used from the task's thread. Errors: those of the outlet, after which it must `drop` what it has."""

    def __init__(self, settings: ConnectorSettings, outlet: Outlet, press: Press, schedule: Schedule) -> None:
        self._limits, self._max_rejects = settings.transaction, settings.max_rejects
        self._outlet, self._press, self._schedule = outlet, press, schedule
        self._lanes: dict[str, Lane] = {}
        self._held: dict[str, Fetched] = {}
        """Batches without rows, whose positions wait for a ride."""
        self._transaction: Transaction | None = None

    # -- streams

    def admit(self, name: str, lane: Lane | None) -> None:
        """Without a lane nothing of the stream is published."""
        self._lanes.pop(name, None)
        if lane is None:
            self._held.pop(name, None)
        else:
            self._lanes[name] = lane

    @property
    def smallest_limit(self) -> int:
        """Bytes a record batch may have in every topic."""
        routes = (route for lane in self._lanes.values() for route in lane.routes.values())
        return min((route.max_bytes for route in routes), default=sys.maxsize)

    # -- the open transaction

    @property
    def open(self) -> bool:
        return self._transaction is not None

    def begin(self) -> Transaction:
        """The open transaction, or a new one."""
        if self._transaction is None:
            self._outlet.begin()
            self._transaction = Transaction(began=time.monotonic())
        return self._transaction

    @property
    def full(self) -> bool:
        transaction, limits = self._transaction, self._limits
        if transaction is None:
            return False
        large = transaction.rows >= limits.rows or transaction.size >= limits.bytes
        return large or time.monotonic() - transaction.began >= self._age(transaction)

    def patience(self, most: float) -> float:
        """Seconds for which the open transaction may wait for more."""
        transaction = self._transaction
        if transaction is None:
            return most
        return max(0.0, min(most, transaction.began + self._age(transaction) - time.monotonic()))

    def _age(self, transaction: Transaction) -> float:
        return self._limits.age if transaction.bulk else min(LIVE_AGE_S, self._limits.age)

    def drop(self) -> None:
        """Forget it: it was, or will be, aborted."""
        self._transaction = None
        self._held.clear()

    # -- one batch

    def add(self, fetched: Fetched) -> None:
        """Encode a batch and send it. What cannot be encoded at all parks its stream."""
        lane = self._lanes.get(fetched.name)
        if lane is None:
            return  # parked since it was read; `resume` reads it again
        batch = fetched.batch
        try:
            record(STREAM + fetched.name, lane.stored(batch.position))
            outgoing = self._press.prepare(lane, batch)
        except PermanentError as error:
            self._park(fetched.name, str(error))
            return
        if batch.changes or batch.rejects:
            self._send(fetched, outgoing)
        else:
            self._hold(fetched)

    def _send(self, fetched: Fetched, outgoing: Outgoing) -> None:
        transaction = self.begin()
        for topic, keys, values in outgoing.records:
            self._outlet.send(topic, keys, values)
        if letters := outgoing.letters:
            self._outlet.bury(letters)
            log.warning("dead letters", stream=fetched.name, count=len(letters), first=letters[0].reason)
        self._held.pop(fetched.name, None)
        transaction.add(fetched, outgoing)

    def _hold(self, fetched: Fetched) -> None:
        """A batch without rows: when its position is the one Kafka has, that is all there is to say."""
        progress, batch = fetched.turn.progress, fetched.batch
        pending = self._transaction and any(each.name == fetched.name for each in self._transaction.batches)
        if not pending and not batch.more:
            self._schedule.caught_up(progress, fetched.turn.asked_at)
        if pending or batch.position != progress.committed:
            self._held[fetched.name] = fetched
            if progress.stream.settles:
                self.begin()  # it is not polled again before it has settled
        else:
            self._schedule.passed_over(progress)

    def _park(self, name: str, reason: str) -> None:
        log.error("stream parked", stream=name, error=reason)
        self._schedule.park(name, reason)

    # -- the end of a transaction

    def commit(self) -> int:
        """Positions last, then commit: from here on Kafka has all of it, or nothing. How many batches."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return 0
        batches = [*transaction.batches, *(Sent(held) for held in self._held.values())]
        positions = {sent.name: sent.position for sent in batches}
        for name, position in positions.items():
            self._outlet.note(STREAM + name, self._lanes[name].stored(position))
        self._outlet.commit()
        self._held.clear()
        for sent in batches:
            self._acknowledge(sent)
        return len(batches)

    def _acknowledge(self, sent: Sent) -> None:
        turn, batch = sent.fetched.turn, sent.fetched.batch
        self._schedule.published(turn.progress, batch, turn.asked_at, sent.events, sent.size)
        reason = self._schedule.rejected(turn.progress, batch.rows, sent.letters, self._max_rejects)
        if reason:
            self._park(sent.name, reason)

"""Puts batches of several streams into one transaction, and says so when Kafka has them.

A transaction begins when its first batch is encoded; the positions go in last.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace

import structlog

from bridge.admission import Lane
from bridge.config.options import ConnectorSettings
from bridge.contract import Batch, Emits, Position
from bridge.errors import PermanentError
from bridge.images import Images
from bridge.outlet import Outlet
from bridge.positions import STATE, STREAM, Kept, record
from bridge.prefetch import Fetched
from bridge.press import Outgoing, Press
from bridge.schedule import Schedule
from bridge.state import STAMP

log = structlog.get_logger("bridge.coalescer")

LIVE_AGE_S = 0.1
"""How old a transaction may get when the streams are up to date."""


@dataclass(slots=True)
class Sent:
    """A batch in the open transaction, and what it became."""

    fetched: Fetched
    events: int = 0
    size: int = 0
    letters: int = 0

    def add(self, outgoing: Outgoing) -> None:
        self.events += outgoing.events
        self.size += outgoing.size
        self.letters += len(outgoing.letters)

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

    def grow(self, outgoing: Outgoing) -> None:
        self.rows += outgoing.events
        self.size += outgoing.size

    def add(self, sent: Sent) -> None:
        self.bulk = sent.fetched.batch.more
        self.batches.append(sent)


class Coalescer:
    """Used from the task's thread. Errors: those of the outlet, after which it must `drop` what it has."""

    def __init__(
        self, settings: ConnectorSettings, outlet: Outlet, press: Press, images: Images, schedule: Schedule
    ) -> None:
        self._limits, self._max_rejects = settings.transaction, settings.max_rejects
        self._outlet, self._press, self._images, self._schedule = outlet, press, images, schedule
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

    def align(self) -> None:
        """Before batches are compared: the state must be what the positions say. Not in a transaction."""
        if any(lane.stream.emits is Emits.IMAGES for lane in self._lanes.values()):
            kept = self._outlet.ledger.state
            self._images.align(kept.stamp if kept else None, self._outlet.renew)

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
        self._images.forget()

    def close(self) -> None:
        self._images.close()

    # -- one batch

    def add(self, fetched: Fetched) -> None:
        """Encode a batch and send it. What cannot be encoded at all parks its stream."""
        lane = self._lanes.get(fetched.name)
        if lane is None:
            return  # parked since it was read; `resume` reads it again
        batch = fetched.batch
        sent = Sent(fetched)
        try:
            record(STREAM + fetched.name, lane.stored(batch.position))
            lane.accept(batch)
            if lane.stream.emits is Emits.IMAGES:
                has_news = self._send_differences(lane, sent)
            else:
                has_news = self._send(lane, sent, batch)
        except PermanentError as error:
            self._schedule.park(fetched.name, str(error))
            return
        if has_news:
            if batch.ends:
                self._held.pop(fetched.name, None)
            self.begin().add(sent)
        else:
            self._hold(fetched)

    def _send(self, lane: Lane, sent: Sent, batch: Batch) -> bool:
        """Whether there was anything to send."""
        outgoing = self._press.prepare(lane, batch)
        if not (batch.changes or batch.rejects):
            return False
        self.begin().grow(outgoing)
        letters = self._outlet.placed(outgoing.letters)
        for topic, keys, values in outgoing.records:
            self._outlet.send(topic, keys, values)
        if letters:
            self._outlet.bury(letters)
            log.warning("dead letters", stream=lane.stream.name, count=len(letters), first=letters[0].reason)
        sent.add(outgoing)
        return True

    def _send_differences(self, lane: Lane, sent: Sent) -> bool:
        """The same for images: what is not as it was, and the state that it leaves.

        Each piece is whole, so that the deletes of a large table need not go into one transaction.
        """
        progress, batch = sent.fetched.turn.progress, sent.fetched.batch
        first = batch.scan is not None and progress.committed is None
        has_news = False
        for piece in self._images.compare(lane, batch, progress.options, first=first):
            part = replace(batch, changes=piece.changes, rejects=piece.rejects)
            has_news |= self._send(lane, sent, part)
            if piece.puts or piece.drops:
                self.begin()
                self._outlet.send(*self._images.records(piece))
                self._images.keep(piece)
                has_news = True
            if self.full:
                self.commit()
        return has_news

    def _hold(self, fetched: Fetched) -> None:
        """A batch without news: when its position is the one Kafka has, that is all there is to say."""
        progress, batch = fetched.turn.progress, fetched.batch
        if not batch.ends:
            return
        pending = self._transaction and any(each.name == fetched.name for each in self._transaction.batches)
        if not pending and not batch.more:
            self._schedule.caught_up(progress, fetched.turn.began)
        if pending or batch.position != progress.committed:
            self._held[fetched.name] = fetched
            if progress.stream.settles:
                self.begin()  # it is not polled again before it has settled
        else:
            self._schedule.passed_over(progress, batch)

    # -- the end of a transaction

    def commit(self) -> int:
        """Positions last, then commit: from here on Kafka has all of it, or nothing. How many batches."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return 0
        batches = [*transaction.batches, *(Sent(held) for held in self._held.values())]
        positions = {sent.name: sent.position for sent in batches if sent.fetched.batch.ends}
        for name, position in positions.items():
            self._outlet.note(STREAM + name, self._lanes[name].stored(position))
        if stamp := self._images.stamp:
            self._outlet.note(STATE, Kept(stamp))
            self._outlet.send(self._images.topic, [STAMP], [stamp.encode()])
        self._outlet.commit()
        self._images.commit()
        self._held.clear()
        for sent in batches:
            self._acknowledge(sent)
        return len(batches)

    def _acknowledge(self, sent: Sent) -> None:
        turn, batch = sent.fetched.turn, sent.fetched.batch
        self._schedule.published(turn.progress, batch, turn.began, sent.events, sent.size)
        reason = self._schedule.rejected(turn.progress, batch.rows, sent.letters, self._max_rejects)
        if reason:
            self._schedule.park(sent.name, reason)

"""Puts batches of several streams into one transaction, and says so when Kafka has them.

A transaction begins when its first batch is encoded; the positions go in last.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import structlog

from bridge.admission import Lane
from bridge.config.options import ConnectorSettings
from bridge.contract import Batch, Emits, Op
from bridge.errors import PermanentError, TransientError
from bridge.images import Images
from bridge.outlet import Outlet
from bridge.piece import Piece
from bridge.positions import RESNAPSHOT, STATE, STREAM, Ledger, Resnapshot, record
from bridge.prefetch import Fetched
from bridge.press import Outgoing, Press
from bridge.rereading import Rereading
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
    def again(self) -> Rereading | None:
        return self.fetched.turn.again

    @property
    def key(self) -> str:
        """Of the record that says how far it has come."""
        return (RESNAPSHOT if self.again else STREAM) + self.name


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
        self,
        settings: ConnectorSettings,
        outlet: Outlet,
        press: Press,
        images: Images,
        schedule: Schedule,
        announce: Callable[[str], None] = lambda _stream: None,
    ) -> None:
        """`announce` takes the name of a stream before a dead letter of it can be seen by anybody."""
        self._announce = announce
        self._limits, self._max_rejects = settings.transaction, settings.max_rejects
        self._outlet, self._press, self._images, self._schedule = outlet, press, images, schedule
        self._lanes: dict[str, Lane] = {}
        self._held: dict[str, Fetched] = {}
        """Batches without rows, whose positions wait for a ride."""
        self._transaction: Transaction | None = None

    # -- streams

    def admit(self, name: str, lane: Lane | None) -> None:
        """Without a lane nothing of the stream is published.

        Nor is a position where its tables are not known: what is known of their topics would be forgotten.
        """
        self._lanes.pop(name, None)
        if lane is None or not lane.routes:
            self._held.pop(name, None)
        if lane is not None:
            self._lanes[name] = lane

    @property
    def smallest_limit(self) -> int:
        """Bytes a record batch may have in every topic."""
        routes = (route for lane in self._lanes.values() for route in lane.routes.values())
        return min((route.max_bytes for route in routes), default=sys.maxsize)

    def align(self) -> None:
        """Before batches are compared: the state must be what the positions say. Not in a transaction."""
        if any(lane.keyed for lane in self._lanes.values()):
            kept = self._outlet.ledger.state
            if not self._images.align(kept, self._outlet.renew) and kept:
                self._fill_again(kept.stamp)

    def holds(self) -> bool:
        """Whether the state's topic is the one it was; if not, `align` is due."""
        return self._images.holds()

    def _fill_again(self, stamp: str) -> None:
        """The state's topic was lost. Only the last of these transactions makes it count again."""
        topic, records = self._images.topic, 0
        log.warning("the state's topic was lost; it is filled again from the cache", topic=topic)
        for keys, values in self._images.anew():
            self._outlet.begin()
            self._outlet.send(topic, keys, values)
            self._outlet.commit()
            records += len(keys)
        self._outlet.begin()
        self._outlet.note(STATE, self._images.kept(stamp))
        self._outlet.send(topic, [STAMP], [stamp.encode()])
        self._outlet.commit()
        if not self._images.align(self._outlet.ledger.state, self._outlet.renew):
            raise TransientError(f"topic {topic} does not hold the state, though it was just filled again")
        log.info("the state's topic is whole again", topic=topic, records=records)

    def begins_to_follow(self, lane: Lane, ledger: Ledger) -> bool:
        """Whether from now on what is known of its rows is kept; what was known once is dropped."""
        stored = ledger.streams.get(lane.stream.name)
        if lane.keyed and (stored is None or (stored.position is None and not stored.identity)):
            self._forget(lane)  # it is of a former life, whose events may be gone with its position
        elif lane.refills:
            self._forget(lane, lane.refills)
            return True
        if not lane.follows or stored is None or stored.keyed:
            return False
        self._forget(lane)
        if stored.position is not None:
            log.warning(
                "on_gap: rescan counts from here on: of what was published before, a rescan repeats all that "
                "has not changed since, and finds no deletes",
                stream=lane.stream.name,
            )
        return True

    def _forget(self, lane: Lane, tables: Collection[str] | None = None) -> None:
        """What is known of the rows of these tables, or of all."""
        names = lane.routes.keys() if tables is None else tables
        for piece in self._images.forgotten(lane, names):
            self._keep(piece)
            if self.full:
                self.commit()

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
            record(sent.key, lane.stored(batch.position))
            lane.accept(batch)
            if sent.again:
                has_news = self._send_afresh(lane, sent)
            elif lane.compares(batch):
                has_news = self._send_differences(lane, sent)
            else:
                has_news = self._send_changes(lane, sent, batch)
        except PermanentError as error:
            self._park(sent, str(error))
            return
        if has_news:
            if batch.ends and not sent.again:
                self._held.pop(fetched.name, None)
            self.begin().add(sent)
        else:
            self._hold(fetched)

    def _send_changes(self, lane: Lane, sent: Sent, batch: Batch) -> bool:
        """As they are; where it is kept, the state follows. Whether there was anything to send."""
        outgoing = self._send(lane, sent, batch)
        if lane.keyed:
            for piece in self._images.follow(lane, batch, outgoing.refused):
                self._keep(piece)
        return bool(batch.changes or batch.rejects)

    def _send(self, lane: Lane, sent: Sent, batch: Batch, buried: Collection[bytes] = ()) -> Outgoing:
        """What became of it."""
        outgoing = self._press.prepare(lane, batch, buried)
        if not (batch.changes or batch.rejects):
            return outgoing
        self.begin().grow(outgoing)
        letters = self._outlet.placed(outgoing.letters)
        for topic, keys, values in outgoing.records:
            self._outlet.send(topic, keys, values)
        if letters:
            self._announce(lane.stream.name)
            self._outlet.bury(letters)
            log.warning("dead letters", stream=lane.stream.name, count=len(letters), first=letters[0].reason)
        sent.add(outgoing)
        return outgoing

    def _send_differences(self, lane: Lane, sent: Sent) -> bool:
        """The same for images: what is not as it was, and the state that it leaves.

        Each piece is whole, so that the deletes of a large table need not go into one transaction.
        """
        progress, batch = sent.fetched.turn.progress, sent.fetched.batch
        has_news = False
        for piece in self._images.compare(lane, batch, progress.options, progress.committed):
            has_news |= self._send_piece(lane, sent, piece)
            if self.full:
                self.commit()
        if batch.completes:
            self._schedule.compared(progress, self._images.blind(lane))
        return has_news

    def _send_afresh(self, lane: Lane, sent: Sent) -> bool:
        """All the rows of a batch, in one transaction with the place after them."""
        batch = sent.fetched.batch
        if lane.stream.emits is Emits.IMAGES:
            for piece in self._images.afresh(lane, batch):
                self._send_piece(lane, sent, piece)
        else:
            rows = tuple(replace(each, op=Op.READ, before=None) for each in batch.changes)
            self._send_changes(lane, sent, replace(batch, changes=rows))
        return True

    def _send_piece(self, lane: Lane, sent: Sent, piece: Piece) -> bool:
        """Whether there was anything to send."""
        part = replace(sent.fetched.batch, changes=piece.changes, rejects=piece.rejects)
        outgoing = self._send(lane, sent, part, piece.buried)
        for changes, rows in zip(part.changes, outgoing.refused, strict=True):
            piece.refuse(changes, rows)
        return self._keep(piece) or bool(part.changes or part.rejects)

    def _keep(self, piece: Piece) -> bool:
        """Send what the piece changes in the state, if anything."""
        if not (piece.puts or piece.drops):
            return False
        self.begin()
        self._outlet.send(*self._images.records(piece))
        self._images.keep(piece)
        return True

    def _hold(self, fetched: Fetched) -> None:
        """A batch without news: when its position is the one Kafka has, that is all there is to say."""
        progress, batch = fetched.turn.progress, fetched.batch
        if not batch.ends:
            self._schedule.passed_over(progress, batch)
            return
        pending = self._transaction and any(
            each.key == STREAM + fetched.name for each in self._transaction.batches
        )
        if not pending and not batch.more:
            self._schedule.caught_up(progress, fetched.turn.began, batch.position)
        if pending or batch.position != progress.committed:
            self._held[fetched.name] = fetched
            # It is not polled again before it has settled; and without a position nothing counts as read.
            if progress.stream.settles or progress.committed is None:
                self.begin()
        else:
            self._schedule.passed_over(progress, batch)

    # -- the end of a transaction

    def commit(self) -> int:
        """Positions last, then commit: from here on Kafka has all of it, or nothing. How many batches."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return 0
        batches = [*transaction.batches, *(Sent(held) for held in self._held.values())]
        orders = self._orders(batches)
        reached = {sent.key: sent for sent in batches if sent.fetched.batch.ends}
        for key, sent in reached.items():
            position = sent.fetched.batch.position
            self._outlet.note(key, orders[key] if sent.again else self._lanes[sent.name].stored(position))
        if stamp := self._images.stamp:
            self._outlet.note(STATE, self._images.kept(stamp))
            self._outlet.send(self._images.topic, [STAMP], [stamp.encode()])
        self._outlet.commit()
        self._images.commit()
        self._held.clear()
        for sent in batches:
            self._acknowledge(sent, orders.get(sent.key))
        return len(batches)

    def _orders(self, batches: Sequence[Sent]) -> dict[str, Resnapshot | None]:
        """What is left of the resnapshots that the batches are of, by the keys of their records."""
        orders: dict[str, Resnapshot | None] = {}
        for sent in batches:
            before = orders.get(sent.key) or self._outlet.ledger.resnapshots.get(sent.name)
            if sent.again and before:
                place, version = sent.fetched.batch.position, self._lanes[sent.name].version
                rows = before.rows + sent.fetched.batch.rows
                left = replace(before, place=place, version=version, rows=rows)
                orders[sent.key] = left if sent.fetched.batch.more else None
        return orders

    def _acknowledge(self, sent: Sent, order: Resnapshot | None) -> None:
        turn, batch = sent.fetched.turn, sent.fetched.batch
        if sent.again:
            self._schedule.republished(sent.again, order, (batch.rows, sent.events, sent.size))
        else:
            self._schedule.published(turn.progress, batch, turn.began, sent.events, sent.size)
        counted = sent.again or turn.progress
        rejects = sent.letters if sent.again or batch.position is not None else 0  # a gap's marker is none
        reason = self._schedule.rejected(counted, batch.rows, rejects, self._max_rejects)
        if reason:
            self._park(sent, reason)

    def _park(self, sent: Sent, reason: str) -> None:
        """A resnapshot alone, its stream goes on."""
        if sent.again:
            self._schedule.give_up(sent.again, reason)
        else:
            self._schedule.park(sent.name, reason)

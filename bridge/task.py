"""THE loop of a connector: take what the reader fetched, encode it, publish it with its position.

    reader thread: poll -> queue        task thread: policy -> encode -> { events, dead letters, positions }

One transaction takes batches of several streams. It begins when its first batch is encoded and ends when it
is large, or old, or when there is nothing more to put in. Whatever goes wrong in it, the positions are read
again from Kafka before the next one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import IntEnum
from queue import Empty, SimpleQueue
from threading import Event

import structlog

from bridge.admission import Admission, Lane
from bridge.config.options import ConnectorSettings
from bridge.deadletters import DeadLetter
from bridge.errors import BridgeError, PermanentError, Stopped, TransientError
from bridge.positions import OWNER, PAUSE, STREAM, Ledger, Owner, Paused, Records, Stored, record
from bridge.prefetch import Discovered, Fetched, Prefetch
from bridge.press import Press
from bridge.progress import Progress
from bridge.publisher import Aborted, Broken, Fenced, Transactions
from bridge.retry import delay
from bridge.schedule import Schedule

log = structlog.get_logger("bridge.task")

LIVE_AGE_S = 0.1
"""How old a transaction may get when the streams are up to date."""
RENEW_S = 30.0
"""A position that moved without rows, and the owner's record, are written at least this often."""
PROBE_S = 5.0


class Ended(IntEnum):
    """Why the task ended; also the worker's exit code."""

    STOPPED = 0
    CRASHED = 1
    FENCED = 3
    PARKED = 4
    HUNG = 5


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch in the open transaction, and what it became."""

    fetched: Fetched
    events: int = 0
    size: int = 0
    letters: int = 0

    @property
    def name(self) -> str:
        return self.fetched.turn.progress.stream.name


@dataclass(slots=True)
class Transaction:
    """What has gone into the open transaction so far."""

    began: float = 0.0
    rows: int = 0
    size: int = 0
    bulk: bool = False
    batches: list[Sent] = field(default_factory=list)

    def full(self, settings: ConnectorSettings) -> bool:
        limits = settings.transaction
        age = limits.age if self.bulk else min(LIVE_AGE_S, limits.age)
        return self.rows >= limits.rows or self.size >= limits.bytes or time.monotonic() - self.began >= age


class Task:
    """Owns the publisher; `run` is the body of the task thread."""

    def __init__(
        self,
        settings: ConnectorSettings,
        owner: Owner,
        *,
        publisher: Transactions,
        positions: Records,
        admission: Admission,
        press: Press,
        schedule: Schedule,
        queue: Prefetch,
        stop: Event,
    ) -> None:
        self._settings, self._owner = settings, owner
        self._publisher, self._positions = publisher, positions
        self._admission, self._press = admission, press
        self._schedule, self._queue, self._stop = schedule, queue, stop
        self._orders: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._found = Discovered((), 0)
        self._admitted = True
        self._lanes: dict[str, Lane] = {}
        self._ledger = Ledger()
        self._held: dict[str, Fetched] = {}
        """Batches without rows, whose positions wait for a ride."""
        self._transaction: Transaction | None = None
        self._renewed = self._probed = 0.0
        self._failures = 0
        self._stale = True
        """What is known of Kafka must be read (again) before the next batch."""
        self._held_once = False
        self.holds = False
        """We have fenced the predecessor and read its positions."""
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why nothing can be published at the moment."""
        return self._trouble or self._publisher.trouble

    # -- the loop

    def run(self) -> Ended:
        """Until asked to stop. Raises BridgeError when the connector must be parked."""
        while not self._stop.is_set():
            try:
                self.step()
            except Fenced as error:
                log.warning("fenced", reason=str(error))
                return Ended.FENCED
            except Stopped:
                break
        return self._finish()

    def step(self) -> None:
        """Once round the loop. Errors: Fenced, Stopped, and what parks the connector."""
        try:
            if self._stale:
                self._start_again()
            self._turn()
        except (Aborted, TransientError) as error:
            self._recover(error)
        else:
            if self._transaction is None and self._queue.idle:
                self._all_is_well()

    def _all_is_well(self) -> None:
        """Not sooner than batches were committed, or none were left to commit: else no back-off grows."""
        self._failures = 0
        self._trouble = None

    def _take(self) -> None:
        """Fence first, and only then read the positions."""
        self._positions.ensure()
        if self._held_once:
            self._must_be_ours()
        self._publisher.open()
        self._publisher.begin()
        self._send(OWNER, self._owner)
        self._publisher.commit()
        self._renewed = time.monotonic()
        self._read_again()
        self.holds = self._held_once = True
        log.info("holds the connector", streams=len(self._ledger.streams))

    def _must_be_ours(self) -> None:
        """A producer can die of a fence without saying so: before fencing anybody anew, see whose it is."""
        owner = self._positions.glance().owner
        if owner is not None and owner.instance != self._owner.instance and not owner.released:
            raise Fenced(f"fenced: {owner.name} on {owner.host} holds the connector")

    def _turn(self) -> None:
        self._obey()
        if not self._admitted:
            self._admit()
        if self._stale:
            return
        match self._queue.get(self._patience()):
            case Discovered() as found:
                self._found, self._admitted = found, False
            case Fetched() as fetched if not fetched.turn.stale:
                self._publish(fetched)
        self._commit_when_due()
        self._housekeep()

    def _patience(self) -> float:
        if self._transaction is None:
            return 0.5
        age = self._settings.transaction.age if self._transaction.bulk else LIVE_AGE_S
        return max(0.0, min(0.5, self._transaction.began + age - time.monotonic()))

    def _recover(self, error: BridgeError) -> None:
        """Nothing that was read ahead may be trusted: the next round starts from what Kafka has."""
        self._failures += 1
        wait = delay(self._failures)
        text = str(error)
        if text != self._trouble:
            log.warning("publishing failed", error=text, next_try_s=round(wait, 1))
        self._trouble = text
        self._transaction = None
        self._held.clear()
        if isinstance(error, Broken) or self._stale:
            self.holds = False
        self._stale = True
        self._admitted = not self._found.opening  # a topic may have changed, a pause may have been written
        self._stop.wait(wait)

    def _start_again(self) -> None:
        """After a failure: end what is open, or fence anew, and go on from what Kafka has."""
        if not self.holds:
            self._take()
        else:
            self._publisher.abort()
            self._read_again()
        self._stale = False

    def _read_again(self) -> None:
        self._ledger = self._positions.read()
        self._queue.clear()  # before the rewind, after which the reader may at once bring what must be kept
        self._schedule.rewind(self._ledger.streams)

    def _finish(self) -> Ended:
        """Publish what is complete, let go of the connector."""
        try:
            if self.holds and not self._stale:
                self._commit()
                self._publisher.begin()
                self._send(OWNER, self._owner.letting_go())
                self._publisher.commit()
        except BridgeError as error:
            log.warning(
                "stopped without a last commit; the next start reads on from the one before", error=str(error)
            )
        self._publisher.close()
        return Ended.STOPPED

    # -- streams

    def _admit(self) -> None:
        """Judge what was discovered last; a transient failure leaves it to be judged again."""
        self._commit()
        admitted = self._admission.admit(self._found.streams, self._ledger.streams, self._ledger.pauses)
        for progress, lane in admitted:
            name = progress.stream.name
            self._lanes.pop(name, None)
            if lane is not None:
                self._lanes[name] = lane
                continue
            self._held.pop(name, None)
            if name not in self._schedule.streams or not self._schedule.streams[name].parked:
                log.error("stream parked", stream=name, error=progress.parked)
        if self._publisher.shrink(self._smallest_limit()):
            log.info("opening the producer again: a topic takes smaller batches than it makes")
            self.holds, self._stale = False, True
            return
        self._write_starts([(progress, lane) for progress, lane in admitted if progress.fresh and lane])
        self._schedule.install((progress for progress, _ in admitted), self._found.opening)
        self._admitted = True

    def _smallest_limit(self) -> int:
        routes = (route for lane in self._lanes.values() for route in lane.routes.values())
        return min((route.max_bytes for route in routes), default=sys.maxsize)

    def _write_starts(self, fresh: Sequence[tuple[Progress, Lane]]) -> None:
        """A stream's first record goes before its first event: a crash must not look like a lost position.

        And what an operator has accepted is used up: it holds for one start.
        """
        if fresh:
            self._begin()
            for progress, lane in fresh:
                version = min(progress.version, lane.version)
                self._send(
                    STREAM + lane.stream.name, replace(lane.stored(progress.committed), version=version)
                )
            self._commit()

    # -- one batch

    def _publish(self, fetched: Fetched) -> None:
        lane = self._lanes.get(fetched.turn.progress.stream.name)
        if lane is None:
            return  # parked since it was read; `resume` reads it again
        batch = fetched.batch
        try:
            record(STREAM + lane.stream.name, lane.stored(batch.position))
            outgoing = self._press.prepare(lane, batch)
        except PermanentError as error:
            self._park(lane.stream.name, str(error))
            return
        if not batch.changes and not batch.rejects:
            self._hold(fetched)
            return
        transaction = self._begin()
        for topic, keys, values in outgoing.records:
            self._publisher.send(topic, keys, values)
        if outgoing.letters:
            self._bury(fetched, outgoing.letters)
        self._held.pop(lane.stream.name, None)
        transaction.rows += batch.rows
        transaction.size += outgoing.size
        transaction.bulk = batch.more
        transaction.batches.append(Sent(fetched, outgoing.events, outgoing.size, len(outgoing.letters)))

    def _hold(self, fetched: Fetched) -> None:
        """A batch without rows: when its position is the one Kafka has, that is all there is to say."""
        progress, batch = fetched.turn.progress, fetched.batch
        name = progress.stream.name
        pending = self._transaction and any(
            each.fetched.turn.progress is progress for each in self._transaction.batches
        )
        if not pending and not batch.more:
            self._schedule.caught_up(progress, fetched.turn.asked_at)
        if pending or batch.position != progress.committed:
            self._held[name] = fetched
            if progress.stream.settles:
                self._begin()  # it is not polled again before it has settled

    def _begin(self) -> Transaction:
        if self._transaction is None:
            self._publisher.begin()
            self._transaction = Transaction(began=time.monotonic())
        return self._transaction

    def _park(self, name: str, reason: str) -> None:
        log.error("stream parked", stream=name, error=reason)
        self._schedule.park(name, reason)

    def _bury(self, fetched: Fetched, letters: list[DeadLetter]) -> None:
        records = [letter.record(self._positions.letters_limit) for letter in letters]
        self._publisher.send(
            self._positions.letters, [key for key, _ in records], [value for _, value in records]
        )
        name = fetched.turn.progress.stream.name
        log.warning("dead letters", stream=name, count=len(letters), first=letters[0].reason)

    # -- the end of a transaction

    def _commit_when_due(self) -> None:
        if self._transaction and (self._transaction.full(self._settings) or self._queue.idle):
            self._commit()

    def _commit(self) -> None:
        """Positions last, then commit: from here on Kafka has all of it, or nothing."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        batches = [*transaction.batches, *(Sent(held) for held in self._held.values())]
        positions = {sent.name: sent.fetched.batch.position for sent in batches}
        for name, position in positions.items():
            self._send(STREAM + name, self._lanes[name].stored(position))
        self._renew()
        self._publisher.commit()
        if batches:
            self._all_is_well()
        self._held.clear()
        for sent in batches:
            self._acknowledge(sent)

    def _acknowledge(self, sent: Sent) -> None:
        turn, batch = sent.fetched.turn, sent.fetched.batch
        self._schedule.published(turn.progress, batch, turn.asked_at, sent.events, sent.size)
        reason = self._schedule.rejected(turn.progress, batch.rows, sent.letters, self._settings.max_rejects)
        if reason:
            self._park(sent.name, reason)

    def _renew(self) -> None:
        if time.monotonic() - self._renewed > RENEW_S:
            self._send(OWNER, self._owner)
            self._renewed = time.monotonic()

    def _send(self, key: str, value: Owner | Stored | Paused | None) -> None:
        """Write a record; should it not be committed, the ledger is read again before anything else."""
        raw_key, raw_value = record(key, value)
        self._publisher.send(self._positions.name, [raw_key], [raw_value])
        self._ledger = self._ledger.fold(key, raw_value, self._ledger.owner_offset)

    def _housekeep(self) -> None:
        now = time.monotonic()
        if self._transaction is None and now - self._renewed > RENEW_S:
            self._begin()
            self._commit()
        if now - self._probed > PROBE_S:
            self._probed = now
            self._publisher.probe()

    # -- orders from the main thread

    def order(self, action: Callable[[], None]) -> Future[None]:
        """Run `action` on the task's thread, between two transactions."""
        done: Future[None] = Future()
        self._orders.put((action, done))
        self._queue.wake()
        return done

    def pause(self, stream: str, by: Paused) -> None:
        """Keep the pause in Kafka; `stream` is empty for the whole connector. Through `order`."""
        self._write_pause({stream: by})
        for name in self._named(stream):
            self._schedule.pause(name, by.by)

    def resume(self, stream: str) -> None:
        """End pauses and parks, and judge the streams anew from what Kafka has. Through `order`."""
        pauses: dict[str, Paused | None] = {}
        if stream and (whole := self._ledger.pauses.get("")):
            pauses |= {**dict.fromkeys(self._schedule.streams, whole), **self._ledger.pauses}
        pauses |= dict.fromkeys(["", *self._named(stream)])
        self._write_pause(pauses)
        for name in self._named(stream):
            self._schedule.resume(name)
        self._read_again()
        self._admitted = False

    def renew(self) -> None:
        """Write the owner's record now: one who was fenced while idle learns it here. Through `order`."""
        self._begin()
        self._renewed = -RENEW_S
        self._commit()

    def _named(self, stream: str) -> list[str]:
        return [stream] if stream else list(self._schedule.streams)

    def _write_pause(self, pauses: Mapping[str, Paused | None]) -> None:
        self._begin()
        for name, by in pauses.items():
            self._send(PAUSE + name, by)
        self._commit()

    def _obey(self) -> None:
        while True:
            try:
                action, done = self._orders.get_nowait()
            except Empty:
                return
            try:
                action()
                done.set_result(None)
            except BridgeError as error:
                done.set_exception(error)
                raise

"""THE loop of a connector: take what the reader fetched, encode it, publish it with its position.

    reader thread: poll -> queue        task thread: policy -> encode -> { events, dead letters, positions }

One transaction takes batches of several streams (bridge.coalescer). It ends when it is large, or old, or when
there is nothing more to put in. Whatever goes wrong in it, the positions are read again from Kafka before the
next one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Event

import structlog

from bridge.admission import Admission, Lane
from bridge.coalescer import Coalescer
from bridge.ends import Ended
from bridge.errors import BridgeError, CredentialsError, PermanentError, Stopped, TransientError
from bridge.outlet import Outlet
from bridge.positions import PAUSE, RESNAPSHOT, STREAM, Ledger, Paused, Resnapshot, Value
from bridge.prefetch import Discovered, Fetched, Prefetch
from bridge.progress import Progress
from bridge.publisher import Aborted, Broken, Fenced
from bridge.retry import delay
from bridge.schedule import Schedule

log = structlog.get_logger("bridge.task")

IDLE_S = 0.5
NOTHING = Discovered((), 0)
FORGIVEN_S = 60.0
"""After so long without a failure there is no trouble, though there was nothing to publish either."""
AWAY_S = 5.0
"""Kafka that does not answer is looked for this often at least: when it is back, everybody waits for us."""
REFUSED = (PermanentError, ValueError, ArithmeticError)
"""What costs an order alone: should more be wrong, reading the positions again will tell."""


class Task:
    """`run` is the body of the task thread; only `order` and the properties are for others."""

    def __init__(
        self,
        coalescer: Coalescer,
        outlet: Outlet,
        admission: Admission,
        schedule: Schedule,
        queue: Prefetch,
        stop: Event,
    ) -> None:
        self._coalescer, self._outlet, self._admission = coalescer, outlet, admission
        self._schedule, self._queue, self._stop = schedule, queue, stop
        self._orders: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._found = NOTHING
        self._admitted = True
        self._failures = 0
        self._failed_at = 0.0
        self._stale = True
        """What is known of Kafka must be read (again) before the next batch."""
        self._trouble: str | None = None
        self.lets_go = True
        """At its end. Else whoever comes next on this machine has the connector again, before any standby."""
        self.cut_short: str | None = None
        """What it was in the middle of when it was told to stop; the next start reads that again."""

    @property
    def holds(self) -> bool:
        return self._outlet.holds

    @property
    def resnapshots(self) -> Mapping[str, Resnapshot]:
        """Those under way, by stream, as far as they have come."""
        return self._outlet.ledger.resnapshots

    @property
    def trouble(self) -> str | None:
        """Why nothing can be published at the moment."""
        return self._trouble or self._outlet.trouble

    # -- the loop

    def run(self) -> Ended:
        """Until asked to stop. Raises BridgeError when the connector must be parked."""
        while not self._stop.is_set():
            try:
                self.step()
            except Fenced as error:
                log.warning("fenced", reason=str(error))
                return Ended.FENCED
            except Stopped as error:
                self.cut_short = str(error)
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
        except Stopped:  # with a batch half sent, perhaps, which must not be committed with what it follows
            self._coalescer.drop()
            self._stale = True
            raise
        else:
            if not self._coalescer.open and (self._queue.idle or self._forgiven):
                self._all_is_well()

    @property
    def _forgiven(self) -> bool:
        return time.monotonic() - self._failed_at > FORGIVEN_S

    def _turn(self) -> None:
        self._obey()
        if not (self._admitted or self._stale):
            self._admit()
        if self._stale:
            return
        match self._queue.get(self._coalescer.patience(IDLE_S)):
            case Discovered() as found if found.opening == self._schedule.opening:
                self._admitted = (
                    found == self._found
                    and not self._schedule.holds_gone(found.streams)
                    and self._admission.holds()
                    and self._coalescer.holds()
                )
                self._found = found
            case Fetched() as fetched if not fetched.turn.stale:
                self._coalescer.add(fetched)
        if self._coalescer.full or self._queue.idle:
            self._commit()
        if not self._coalescer.open and self._outlet.renewal_due:
            self._coalescer.begin()
            self._commit()
        self._outlet.probe()

    def _commit(self) -> None:
        if self._coalescer.commit():
            self._all_is_well()

    def _all_is_well(self) -> None:
        """Not sooner than batches were committed, or none were left to commit: else no back-off grows."""
        self._failures = 0
        self._trouble = None

    def _recover(self, error: BridgeError) -> None:
        """Nothing that was read ahead may be trusted: the next round starts from what Kafka has."""
        self._failures += 1
        self._failed_at = time.monotonic()
        wait = min(delay(self._failures), AWAY_S if isinstance(error, TransientError) else math.inf)
        text = str(error)
        if text != self._trouble:
            log.warning("publishing failed", error=text, next_try_s=round(wait, 1))
        self._trouble = text
        self._coalescer.drop()
        if isinstance(error, Broken) or self._stale:
            self._outlet.lose()
        self._stale = True
        self._admitted = self._found is NOTHING  # else a topic may have changed, or a pause been written
        self._rest(wait)

    def _rest(self, seconds: float) -> None:
        """As long, unless there comes an order, or a stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._queue.rest(min(left, IDLE_S)):
            self._outlet.hear()

    def _start_again(self) -> None:
        self._outlet.start_again()
        self._coalescer.align()
        self._rewind()
        self._stale = False

    def _rewind(self) -> None:
        self._queue.clear()  # before the rewind, after which the reader may at once bring what must be kept
        self._heed()
        self._schedule.rewind(self._outlet.ledger.streams)
        self._schedule.reread(self.resnapshots)

    def _heed(self) -> None:
        """Who is paused as a whole is so before anybody asks the source for its streams."""
        ledger = self._outlet.ledger
        stored = self._admission.stored(ledger) if ledger.asleep else ()
        self._schedule.heed(stored, asleep=ledger.asleep)

    def _finish(self) -> Ended:
        """Publish what is complete, and nothing else; let go of the connector."""
        try:
            if self.holds and not self._stale:
                self._commit()
            if self.holds and self.lets_go:
                self._outlet.let_go()
        except BridgeError as error:
            log.warning(
                "stopped without a last commit; the next start reads on from the one before", error=str(error)
            )
        self._coalescer.close()
        self._outlet.close()
        return Ended.STOPPED

    # -- streams

    def _admit(self) -> None:
        """Judge what was discovered last; a transient failure leaves it to be judged again."""
        self._commit()
        ledger = self._outlet.ledger
        admitted = self._admission.admit(self._found.streams, ledger)
        for progress, lane in admitted:
            self._coalescer.admit(progress.stream.name, lane)
        if self._outlet.shrink(self._coalescer.smallest_limit):
            log.info("opening the producer again: a topic takes smaller batches than it makes")
            self._stale = True
            return
        self._coalescer.align()
        self._write_starts(
            [(progress, lane) for progress, lane in admitted if lane and self._starts(progress, lane, ledger)]
        )
        missing = self._admission.missing(self._found.streams, ledger)
        self._schedule.install((*(progress for progress, _ in admitted), *missing), self._found.opening)
        self._schedule.reread(self.resnapshots)
        self._admitted = True

    def _starts(self, progress: Progress, lane: Lane, ledger: Ledger) -> bool:
        """Whether it does so with another record than the one that Kafka has."""
        if not lane.routes:
            return False
        stored = ledger.streams.get(lane.stream.name)
        follows = self._coalescer.begins_to_follow(lane, ledger)
        return follows or progress.fresh or stored is None or lane.is_judged_by_more_than(stored)

    def _write_starts(self, fresh: Sequence[tuple[Progress, Lane]]) -> None:
        """A stream's first record goes before its first event: a crash must not look like a lost position.

        And what an operator has accepted is used up: it holds for one start. One whose tables are not known
        yet does not start: whether there are records of others in its topics is still to be seen.
        """
        if not fresh:
            return
        self._coalescer.begin()
        for progress, lane in fresh:
            start = replace(lane.stored(progress.committed), version=min(progress.version, lane.version))
            self._outlet.note(STREAM + lane.stream.name, start)
        self._commit()

    # -- orders from the main thread

    def order(self, action: Callable[[], None]) -> Future[None]:
        """Run `action` on the task's thread, between two transactions."""
        done: Future[None] = Future()
        self._orders.put((action, done))
        self._queue.wake()
        return done

    def _obey(self) -> None:
        while True:
            try:
                action, done = self._orders.get_nowait()
            except Empty:
                return
            try:
                action()
                done.set_result(None)
            except BaseException as error:
                done.set_exception(self._outlet.told(error) if isinstance(error, Fenced) else error)
                if isinstance(error, CredentialsError) or not isinstance(error, REFUSED):
                    raise
                self._coalescer.drop()  # what it had begun must not be committed with what follows
                self._stale = True
                return

    def pause(self, stream: str, by: Paused) -> None:
        """Keep the pause in Kafka; `stream` is empty for the whole connector. Through `order`."""
        pauses = {} if stream else self._outlet.ledger.pauses
        lifted = [name for name, each in pauses.items() if each.lifted]
        self._write_pauses({**dict.fromkeys(lifted), stream: by})
        for name in self._named(stream):
            self._schedule.pause(name, by.by)
        self._heed()

    def resume(self, stream: str) -> None:
        """End pauses and parks; discover and judge the streams anew. Through `order`."""
        pauses = self._outlet.ledger.pauses
        whole = pauses.get("")
        if stream:
            self._write_pauses({stream: whole and replace(whole, lifted=True)})
        else:
            self._write_pauses(dict.fromkeys(["", *pauses]))
        self._schedule.resume(self._named(stream))
        self._outlet.read()
        self._rewind()
        self._found, self._admitted = NOTHING, True  # until the connector has looked again

    def resnapshot(self, orders: Mapping[str, Resnapshot]) -> None:
        """Publish the streams' rows once more; one whose rows are being read has that to end first."""
        known = self.resnapshots
        self._write_resnapshots({name: order for name, order in orders.items() if name not in known})

    def cancel_resnapshot(self, stream: str) -> None:
        """Leave it where it is; `stream` is empty for all. Through `order`."""
        known = self.resnapshots
        self._write_resnapshots(dict.fromkeys(name for name in known if stream in ("", name)))

    def _write_resnapshots(self, orders: Mapping[str, Resnapshot | None]) -> None:
        self._commit()  # what is open may hold rows of one of them, and says how far that is
        self._write({RESNAPSHOT + name: order for name, order in orders.items()})
        self._schedule.reread(self.resnapshots)

    def renew(self) -> None:
        """Write the owner's record now: one who was fenced while idle learns it here. Through `order`."""
        self._coalescer.begin()
        self._outlet.let_renewal_be_due()
        self._commit()

    def _named(self, stream: str) -> list[str]:
        return [stream] if stream else list(self._schedule.streams)

    def _write_pauses(self, pauses: Mapping[str, Paused | None]) -> None:
        self._write({PAUSE + name: by for name, by in pauses.items()})

    def _write(self, records: Mapping[str, Value]) -> None:
        self._coalescer.begin()
        for key, value in records.items():
            self._outlet.note(key, value)
        self._commit()

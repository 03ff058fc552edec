"""The reader thread: the only one that calls the connector (`interrupt()` excepted)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from threading import Event, Thread

import pyarrow as pa
import structlog

from bridge.config.options import ConnectorSettings
from bridge.contract import Ask, Batch, Connector, Emits, Scan, Table
from bridge.errors import (
    BridgeError,
    BusyError,
    ConfigError,
    CredentialsError,
    GapError,
    GoneError,
    PermanentError,
    TransientError,
)
from bridge.prefetch import Discovered, Fetched, Prefetch
from bridge.progress import Turn, is_keyed, today
from bridge.retry import delay
from bridge.schedule import Schedule

log = structlog.get_logger("bridge.reader")

IDLE_S = 1.0

type Changed = Callable[[Turn, Table, pa.RecordBatch, pa.Array], pa.BooleanArray]
"""`Ask.changed` for one turn: see bridge.marks."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call into a connector and when (monotonic) it was made; past its deadline it is interrupted."""

    what: str
    since: float
    deadline: float


class Reader:
    """Polls what the schedule says is due, and keeps the connector open, or tries to."""

    def __init__(
        self,
        make: Callable[[], Connector],
        schedule: Schedule,
        queue: Prefetch,
        settings: ConnectorSettings,
        stop: Event,
        changed: Changed | None = None,
    ) -> None:
        self._make, self._schedule, self._queue, self._stop = make, schedule, queue, stop
        self._changed = changed
        self._discover_every = settings.discover_every
        self._deadline = settings.defaults.deadline
        self._rows = min(Ask().rows, settings.prefetch.rows)
        self._bytes = min(Ask().bytes, settings.prefetch.bytes)
        self._thread = Thread(target=copy_context().run, args=(self._run,), name="reader")
        self._connector: Connector | None = None
        self._prepared = False
        self._discovered_at = 0.0
        self._discovered_for = 0
        """The opening that was last asked for its streams."""
        self._failures = 0
        self.trouble: str | None = None
        """Why the source cannot be opened, or settled, while it cannot."""
        self.parked: PermanentError | None = None
        self.crash: BaseException | None = None
        self.call: Call | None = None
        """The call into the connector that is running now."""

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> bool:
        if self._thread.ident is not None:  # else it stood by and never began
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def interrupt(self) -> None:
        """From another thread: make a running poll end soon."""
        connector = self._connector
        if connector is not None:
            try:
                connector.interrupt()
            except Exception as error:  # noqa: BLE001 - whatever it is, the deadline ends the call
                log.warning("interrupting the connector failed", error=str(error))

    @property
    def held(self) -> str | None:
        """For any thread: what keeps it from the next poll."""
        if call := self.call:
            return f"{call.what} does not return"
        return "Kafka takes no more" if self._queue.full else None

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and self.parked is None:
                self.step()
        except BaseException as error:  # noqa: BLE001 - a bug ends the worker, whatever it is
            self.crash = error
        finally:
            self._close()
            self._queue.close()

    def step(self) -> None:
        """The next call into the connector, or an idle second."""
        connector = self._connector
        if connector is None:
            if self._schedule.asleep:
                self._prepare()
                self._rest(IDLE_S, self._schedule.sleep)
            elif (rest := self._schedule.rest()) > 0:
                self._rest(rest, self._stop.wait)
            else:
                self._open()
            return
        if self._schedule.to_settle():
            self._guard(self._settle, connector)
        elif self._discovery_is_due:
            self._guard(self._discover, connector)
        elif turn := self._schedule.next(IDLE_S, self._queue.reader_waits):
            self._poll(connector, turn)

    def _rest(self, seconds: float, wait: Callable[[float], object]) -> None:
        """A source may be shut in its quiet hours, and while its connector is paused."""
        self._all_is_well()
        self._queue.reader_waits()
        wait(min(seconds, IDLE_S))

    def _prepare(self) -> None:
        """While Kafka is asked whether the source is to be left alone."""
        if self._prepared:
            return
        self._prepared = True
        with suppress(BridgeError), self._calling("prepare"):  # `open` will tell
            self._make().prepare()

    def _open(self) -> None:
        self._schedule.gate()
        try:
            self._connector = self._make()
            self._connector.goes_on = self._goes_on
            self._schedule.rereads_are_scans = type(self._connector).reread is Connector.reread
            with self._calling("open"):
                self._connector.open()
            self._discover(self._connector)
        except TransientError as error:
            self._back_off(error)
        except BridgeError as error:
            self.parked = error if isinstance(error, PermanentError) else PermanentError(str(error))
        else:
            if not self._schedule.has_to_settle:  # else what failed last has yet to succeed
                self._all_is_well()

    def _back_off(self, error: TransientError) -> None:
        """Close, and open anew when some time has passed."""
        self._failures += 1
        wait, text = delay(self._failures, error.retry_after), str(error)
        if text != self.trouble and not self._stop.is_set():
            log.warning("the source fails", error=text, next_try_s=round(wait, 1))
        self.trouble = text
        self._close()
        self._stop.wait(wait)

    def _all_is_well(self) -> None:
        self._failures = 0
        self.trouble = None

    @property
    def _discovery_is_due(self) -> bool:
        """From time to time, and at once for an operator who may have mended the source."""
        wanted = self._discovered_for != self._schedule.opening
        overdue = time.monotonic() - self._discovered_at > self._discover_every
        return (wanted or overdue) and not (self._schedule.quiet or self._schedule.asleep)

    def _discover(self, connector: Connector) -> None:
        opening = self._schedule.opening
        with self._calling("discover"):
            streams = tuple(connector.discover())
        self._discovered_at, self._discovered_for = time.monotonic(), opening
        self._queue.put(Discovered(streams, opening))

    def _settle(self, connector: Connector) -> None:
        for stream, position in self._schedule.to_settle():
            try:
                with self._calling(f"commit of {stream.name}"):
                    connector.commit(stream, position)
            except (ConfigError, CredentialsError):
                raise
            except GoneError as error:
                self._schedule.gone(stream.name, str(error))
            except PermanentError as error:
                log.warning("the source lets nothing go", stream=stream.name, error=str(error))
                self._schedule.park(stream.name, str(error))
            else:
                self._schedule.settled(stream.name, position)

    def _guard(self, call: Callable[[Connector], None], connector: Connector) -> None:
        """Run a call that is no poll; when it fails for now, the connector is opened anew."""
        try:
            call(connector)
        except TransientError as error:
            self._back_off(error)
        except BridgeError as error:
            self.parked = error if isinstance(error, PermanentError) else PermanentError(str(error))
        else:
            self._all_is_well()

    def _poll(self, connector: Connector, turn: Turn) -> None:
        stream = turn.progress.stream
        try:
            with self._calling(
                f"{'resnapshot' if turn.again else 'poll'} of {stream.name}", turn.progress.options.deadline
            ):
                batch = self._read(connector, turn)
        except GapError as error:
            log.warning("gap", stream=stream.name, error=str(error), on_gap=turn.progress.options.on_gap)
            if marker := self._schedule.gap(turn, str(error)):
                self._hand_over(turn, marker)
        except (ConfigError, CredentialsError) as error:  # else every stream would try, and accounts lock
            self.parked = error
        except GoneError as error:
            self._schedule.vanished(turn, str(error))
        except PermanentError as error:
            if turn.again:
                log.warning("the resnapshot waits", stream=stream.name, error=str(error))
            self._schedule.ended_parked(turn, str(error))
        except TransientError as error:
            self._failed(turn, error)
        else:
            self._hand_over(turn, batch)

    def _failed(self, turn: Turn, error: TransientError) -> None:
        wait, name = self._schedule.failed(turn, error), turn.progress.stream.name
        if not self._stop.is_set():
            event = "resnapshot failed" if turn.again else "poll failed"
            log.warning(event, stream=name, error=str(error), next_try_s=round(wait, 1))
        if not isinstance(error, BusyError):
            self._close()

    def _read(self, connector: Connector, turn: Turn) -> Batch:
        stream, ask = turn.progress.stream, self._asked(turn)
        place = today(connector, turn.position, turn.version)
        if turn.again is None or turn.beside is None:
            batch = connector.poll(stream, place, ask)
            return batch if is_keyed(stream, turn.progress.options) else replace(batch, scan=None)
        read = today(connector, *turn.beside)
        try:
            batch = connector.reread(stream, read, place, turn.again.within, ask)
        except GapError as error:
            raise PermanentError(str(error)) from error
        if place is not None and batch.scan in (Scan.FIRST, Scan.ONLY):
            log.warning("the source began anew in the middle of a resnapshot", stream=stream.name)
            self._schedule.begins_anew(turn)
        return replace(batch, scan=None)

    def _asked(self, turn: Turn) -> Ask:
        """What is published once more is read once more, whatever is known of it."""
        images = turn.progress.stream.emits is Emits.IMAGES and not turn.again
        changed = partial(self._changed, turn) if images and self._changed else None
        return Ask(min(turn.rows or self._rows, self._rows), self._bytes, turn.wait_s, changed)

    def _hand_over(self, turn: Turn, batch: Batch) -> None:
        if self._schedule.ended(turn, batch):
            self._queue.put(Fetched(turn, batch))

    @contextmanager
    def _calling(self, what: str, deadline: float | None = None) -> Iterator[None]:
        self.call = Call(what, time.monotonic(), deadline or self._deadline)
        try:
            yield
        except TransientError as error:
            if time.monotonic() - self.call.since > self.call.deadline:  # at which it was interrupted
                error.args = (f"{error.text}, past its deadline of {self.call.deadline:.0f} s",)
            raise
        finally:
            self.call = None

    def _goes_on(self) -> None:
        if self.call:
            self.call = replace(self.call, since=time.monotonic())

    def _close(self) -> None:
        connector, self._connector = self._connector, None
        if connector is not None:
            try:
                with self._calling("close"):
                    connector.close()
            except Exception as error:  # noqa: BLE001 - what it was closed for matters more
                log.warning("closing the connector failed", error=str(error))

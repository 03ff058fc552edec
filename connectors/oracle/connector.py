"""The Oracle connector. Light on purpose: driver and Arrow are loaded by `prepare()`, in the worker alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from bridge.contract import Ask, Batch, Connector, Finding, Position, Ranges, Sessions, Stream, pick
from bridge.errors import (
    BridgeError,
    ConfigError,
    CredentialsError,
    GapError,
    GoneError,
    PermanentError,
    TransientError,
)
from connectors.oracle.config import OracleConfig

if TYPE_CHECKING:
    from connectors.oracle.modes import Mode
    from connectors.oracle.readings import Reading, Readings
    from connectors.oracle.session import Session

# A session that rested for so long is asked whether it still lives, before anything else is asked of it.
IDLE_S = 30.0
PROBE_S = 3.0


class OracleConnector(Connector):
    """Tables, views and queues of an Oracle database; one stream each, named OWNER.NAME."""

    Config: ClassVar[type[OracleConfig]] = OracleConfig
    config: OracleConfig

    def __init__(self, config: OracleConfig) -> None:
        super().__init__(config)
        self.answers_within_s = config.statement_timeout
        self.sessions = Sessions(f"{config.account} at {self.config.place}", config.most_sessions)
        self._sessions: dict[str, Session] = {}
        self._identity = ""
        """Of the database that was opened, in which all of them are."""
        self._readings: Readings | None = None
        self._secrets: list[str] = []
        self._state = threading.Lock()
        self._running: Session | None = None
        self._calling = self._interrupted = False
        self._polled: set[str] = set()
        """Which have used the look at the SCN that they share."""

    def prepare(self) -> None:
        from connectors.oracle import catalog, connecting, modes, rows  # noqa: F401 -- loaded now, not later

    def open(self) -> None:
        from connectors.oracle.readings import Readings

        with self._call(f"connecting to {self.config.place}"):
            self._session("")
            self._readings = Readings(self.config, self.excluded)

    def discover(self) -> Sequence[Stream]:
        with self._call(f"reading the dictionary of {self.config.place}"):
            return self._awake().discover(self._session(""))

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        with self._noticing(stream), self._call(f"reading {stream.name}"):
            return self._current(stream, lambda mode, session: mode.poll(session, position, ask))

    def reread(
        self, stream: Stream, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        with self._noticing(stream), self._call(f"reading {stream.name} once more"):
            return self._current(
                stream, lambda mode, session: mode.reread(session, position, place, within, ask)
            )

    def _current(self, stream: Stream, read: Callable[[Mode, Session], Batch]) -> Batch:
        """What is read, by the columns that the table has: if it was altered meanwhile it is read anew.

        Messages are not: those that were read are dequeued.
        """
        from connectors.oracle.catalog import Kind

        readings, name = self._awake(), stream.name
        while True:
            reading = readings.usable(self._session(""), name)
            if {each.key for each in stream.tables} != {reading.mode.key}:  # which the engine must hear first
                raise TransientError(f"{name} is not what was found before", remedy="it is looked for anew")
            session = self._session_of(reading)
            batch = read(reading.mode, session)
            session.leave(perhaps=reading.relation.kind is Kind.VIEW)
            if reading.mode.own_session or not batch.changes or readings.is_current(self._session(""), name):
                return batch

    def commit(self, stream: Stream, position: Position) -> None:
        if not stream.settles:
            return
        with self._noticing(stream), self._call(f"settling {stream.name}"):
            reading = self._awake().usable(self._session(""), stream.name)
            reading.mode.commit(self._session_of(reading), position)

    def check_position(self, stream: str, position: Position) -> None:
        from connectors.oracle.positions import check_form

        options = pick(self.config.streams, stream)
        if options is not None:
            check_form(options, position)

    def check(self) -> Sequence[Finding]:
        from connectors.oracle.findings import Doctor

        with self._call(f"checking {self.config.place}"):
            readings = self._awake()
            doctor = Doctor(self.config, self._session(""), readings)
            found = doctor.findings()
            self._session("").leave(perhaps=True)
            self.keeps = doctor.keeps
            return found

    def interrupt(self) -> None:
        """Cancel what runs; when the database does not answer that either, its socket is shut."""
        with self._state:
            if not self._calling:
                return
            self._interrupted = True
            running = self._running
        if running:
            running.cancel()

    def close(self) -> None:
        readings, self._readings = self._readings, None
        if readings:
            readings.release()
        self._hang_up()
        self._identity = ""

    def _hang_up(self) -> None:
        while self._sessions:
            self._sessions.popitem()[1].close()

    def _awake(self) -> Readings:
        """What is open; a session that was cut while it rested is replaced without a word."""
        readings = self._readings
        if readings is None:
            raise TransientError(f"{self.config.place} is not open")
        main = self._session("")
        if not main.rested(IDLE_S) or main.lives(PROBE_S):
            return readings
        readings.release()
        self._hang_up()
        self._session("")
        return readings

    def _session_of(self, reading: Reading) -> Session:
        mode = reading.mode
        session = self._session(reading.name if mode.own_session else "*" if mode.settles else "")
        if reading.name in self._polled:  # a round is over when a stream comes again
            self._polled.clear()
            session.fresh()
        self._polled.add(reading.name)
        session.label(reading.name)
        return session

    def _session(self, purpose: str) -> Session:
        """The one that reads (""), the one for what settles ("*"), or a stream's own."""
        session = self._sessions.get(purpose)
        if session is None:
            return self._opened(purpose)
        if session is not self._running:
            self._run(session)
            session.begin()
            self._run(session)  # an interrupt may have come between the two
            if purpose and session.rested(IDLE_S) and not session.lives(PROBE_S):
                self._sessions.pop(purpose).close()
                return self._opened(purpose)
        return session

    def _opened(self, purpose: str) -> Session:
        from connectors.oracle.session import Session

        name = self.folder.name.removesuffix(".kept") if self.folder else ""
        session = Session(self.config, name=name, writes=bool(purpose))
        self._run(session)
        try:
            session.open()
        except BaseException:
            session.close()
            raise
        finally:
            self._secrets = session.secrets
        if self._identity not in ("", session.identity):
            session.close()
            raise TransientError(f"another database answers at {self.config.place}")  # it is opened anew
        self._identity = session.identity
        self._sessions[purpose] = session
        return session

    def _run(self, session: Session) -> None:
        """What an interrupt is for from now on. Errors: TransientError when there was one already."""
        with self._state:
            if self._interrupted:
                raise TransientError("interrupted")
            if self._running and self._running is not session:
                self._running.end()
            self._running = session

    @contextmanager
    def _call(self, doing: str) -> Iterator[None]:
        """Every call into the driver: can be interrupted, and raises only what the contract knows."""
        with self._state:
            self._calling, self._interrupted = True, False
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- raised again, translated
            raise self._translated(error, doing) from None
        finally:
            with self._state:
                self._calling = False
                running, self._running = self._running, None
            if running:
                running.end()

    @contextmanager
    def _noticing(self, stream: Stream) -> Iterator[None]:
        """That its table is gone or has changed: it is looked for again."""
        try:
            yield
        except GoneError as error:
            if self._readings:
                self._readings.missed(stream.name, error)
            raise
        except GapError:
            if self._readings:
                self._readings.doubt(stream.name)
            raise

    def _translated(self, error: Exception, doing: str) -> Exception:
        from connectors.oracle.codes import CODES
        from connectors.oracle.errors import is_the_drivers, translate

        if self._interrupted and (isinstance(error, TransientError) or is_the_drivers(error)):
            return TransientError(f"{doing}: interrupted")
        if isinstance(error, BridgeError):
            return error
        running = self._running
        if running and running.timed_out():
            return TransientError(
                f"{doing}: no answer within {self.config.statement_timeout:g} s",
                remedy=CODES["ORA-01013"].remedy,
            )
        lost = isinstance(error, AttributeError) and running is not None and not running.healthy
        if is_the_drivers(error) or lost:  # some of the driver's calls on a dead connection end so
            found = translate(error, doing, user=self.config.account, secrets=self._secrets)
            return _of_a_statement(found) if running in self._sessions.values() else found
        return error


def _of_a_statement(error: BridgeError) -> BridgeError:
    """What would be a matter of our log-in, were we not logged on, is one of its stream alone."""
    if not isinstance(error, ConfigError | CredentialsError):
        return error
    return PermanentError(
        error.text,
        remedy="our own session is as it should be: if it reads a view, look at the view's database link",
    )

"""The JDBC connector. Light on purpose: Java and Arrow are loaded by `prepare()`, in the worker alone."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bridge.contract import Ask, Batch, Connector, Finding, Position, Ranges, Sessions, Stream, pick
from bridge.errors import BridgeError, BusyError, GoneError, PermanentError, TransientError
from connectors.jdbc import sockets, urls
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.dialects import dialect_of

if TYPE_CHECKING:
    from connectors.jdbc.polls import Lanes
    from connectors.jdbc.session import Session

# How long a statement that was cancelled, or a good-bye, may take before the socket is shut.
_PATIENCE = 0.7
_GOOD_BYE = 2.0
# How long a cursor and its transaction stay open while no poll comes.
REST_S = 5.0
# A session that rested for so long is asked whether it still lives, before anything else is asked of it.
IDLE_S = 30.0
PROBE_S = 3.0


class JdbcConnector(Connector):
    """Tables of a database that has a JDBC driver; one stream a table, named schema.table."""

    Config: ClassVar[type[JdbcConfig]] = JdbcConfig
    position_version = 3  # since 2: gaps; since 3: places name their columns
    config: JdbcConfig

    def __init__(self, config: JdbcConfig) -> None:
        super().__init__(config)
        self.answers_within_s = config.statement_timeout
        self._dialect = dialect = dialect_of(config.url)
        account = f"{config.account} at {urls.server_of(config.url, dialect)}"
        self.sessions = Sessions(account, config.most_sessions)
        self._lanes: Lanes | None = None
        self._secrets: list[str] = []
        self._ports = urls.ports(config.url, dialect)
        self._fuse = sockets.Fuse("jdbc-fuse", partial(sockets.shut, self._ports))
        self._rest = sockets.Fuse("jdbc-rest", self._end_scan)
        self._state = threading.Lock()
        self._calling = self._interrupted = False
        self._used = 0.0

    def prepare(self) -> None:
        from connectors.jdbc import jvm, polls  # noqa: F401 -- loaded now, they need not be later

        with self._call(f"loading the driver for {self._place}"):
            jvm.start(self.config, self._dialect)
            jvm.driver(self.config, self._dialect)

    def open(self) -> None:
        from connectors.jdbc import jvm
        from connectors.jdbc.polls import Lanes

        with self._call(f"connecting to {self._place}"):
            jvm.start(self.config, self._dialect)
            self._lanes = Lanes(self.config, self._connected, self.excluded)

    def _awake(self) -> Lanes:
        """What is open; a session that was cut while it rested is replaced without a word."""
        from connectors.jdbc.polls import Lanes

        lanes = self._opened
        if time.monotonic() - self._used < IDLE_S:
            return lanes
        self._allow(PROBE_S)
        if lanes.session.lives():
            self._allow(None)
            return lanes
        self._allow(_GOOD_BYE)
        lanes.close()
        self._lanes = None
        self._lanes = renewed = Lanes(self.config, self._connected, self.excluded)
        if renewed.session.identity != lanes.session.identity:
            raise TransientError(f"another database answers at {self._place}")  # it is to be opened anew
        renewed.readings.stand_in_for(lanes.readings)
        return renewed

    def _connected(self) -> Session:
        from connectors.jdbc import jvm
        from connectors.jdbc.connecting import NETWORK_GRACE, connect, properties
        from connectors.jdbc.session import Session

        settings, self._secrets = properties(self.config, self._dialect)
        driver = jvm.driver(self.config, self._dialect)
        # Drivers' own time-outs end before these; some have none.
        self._allow(self.config.login_timeout + _PATIENCE)
        connection = connect(self.config, driver, settings)
        try:
            sockets.keep_alive(self._ports, self.config.keep_alive)
            patience = self.config.statement_timeout + NETWORK_GRACE + _PATIENCE
            self._allow(patience)
            session = Session(self.config, self._dialect, connection)
            self._allow(patience + self.config.statement_timeout)  # for what a poll asks of it
            return session
        except BaseException:
            connection.close()
            raise

    def discover(self) -> Sequence[Stream]:
        with self._call(f"reading the catalogue of {self._place}"):
            return self._awake().readings.discover(self._looked_at_one)

    def _looked_at_one(self) -> None:
        """Of tables whose number nobody knows: what bounds a call bounds each of them."""
        self._allow(None)
        if self.goes_on:
            self.goes_on()

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        with self._noticing(stream), self._call(f"reading {stream.name}"):
            return self._awake().poll(stream.name, position, ask)

    def reread(
        self, stream: Stream, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        from connectors.jdbc.modes import Wanted

        with self._noticing(stream), self._call(f"reading {stream.name} once more"):
            return self._awake().reread(stream.name, Wanted(within, position), place, ask)

    def check_position(self, stream: str, position: Position) -> None:
        from connectors.jdbc.modes import check_position

        check_position(pick(self.config.streams, stream), position)

    def migrate(self, position: Position, version: int) -> Position:
        from connectors.jdbc.modes import migrated

        return migrated(position) if version < 3 else position  # noqa: PLR2004 -- see above

    def check(self) -> Sequence[Finding]:
        from connectors.jdbc.findings import findings

        with self._call(f"checking {self._place}"):
            return findings(self._opened, self.config)

    def interrupt(self) -> None:
        """Cancel what runs; when the database does not answer that either, shut the socket."""
        with self._state:
            if not self._calling:
                return
            self._interrupted = True
            self._fuse.light(_PATIENCE)
            lanes = self._lanes
        if lanes:
            from connectors.jdbc import jvm

            lanes.cancel()
            jvm.detach()

    def close(self) -> None:
        lanes, self._lanes = self._lanes, None
        if lanes:
            self._fuse.light(_GOOD_BYE)
            self._rest.put_out()
            lanes.close()
            self._fuse.put_out()
        if "jpype" in sys.modules:
            from connectors.jdbc import jvm

            jvm.detach()

    def _allow(self, seconds: float | None) -> None:
        """What comes next is cut off after this time; the fuse of an interrupt goes before."""
        with self._state:
            if self._interrupted:
                raise TransientError("interrupted")
            if seconds is None:
                self._fuse.put_out()
            else:
                self._fuse.light(seconds)

    @property
    def _opened(self) -> Lanes:
        if self._lanes is None:
            raise TransientError(f"{self._place} is not open")
        return self._lanes

    @property
    def _place(self) -> str:
        return urls.place_of(self.config.url)

    @contextmanager
    def _call(self, doing: str) -> Iterator[None]:
        """Every call into Java: can be interrupted, and raises only what the contract knows."""
        with self._state:
            self._calling, self._interrupted = True, False
        try:
            self._rest.put_out()
            yield
        except Exception as error:  # noqa: BLE001 -- raised again, translated
            raise self._translated(error, doing) from None
        finally:
            self._used = time.monotonic()
            with self._state:
                self._calling = False
                self._fuse.put_out()
            if self._lanes and self._lanes.scans:
                self._rest.light(REST_S)

    @contextmanager
    def _noticing(self, stream: Stream) -> Iterator[None]:
        """That its table is gone: it is not found again before there is one."""
        try:
            yield
        except GoneError as error:
            self._opened.readings.missed(stream.name, error)
            raise

    def _end_scan(self) -> None:
        """Between polls: no transaction stays open for as long as Kafka is away."""
        import jpype

        from connectors.jdbc import jvm

        if self._lanes:
            with suppress(jpype.JException):  # the next poll will meet it, too
                self._lanes.end()
            jvm.detach()

    def _translated(self, error: Exception, doing: str) -> Exception:
        import jpype

        from connectors.jdbc.errors import CONNECTING, RULES, translate

        if self._interrupted and not isinstance(error, PermanentError):
            return TransientError(f"{doing}: interrupted")
        told: Exception = error
        if not isinstance(error, BridgeError) and isinstance(
            error, jpype.JException
        ):  # the second needs a JVM
            told = translate(error, doing, self._secrets, RULES if self._lanes else CONNECTING)
        if isinstance(told, PermanentError | BusyError) and self._lanes:
            # No cursor stays open; and PostgreSQL's transaction would refuse everything else from now on.
            lives = False
            with suppress(jpype.JException):
                lives = self._lanes.settle()
            if isinstance(told, BusyError) and not lives:
                return TransientError(told.text, remedy=told.remedy)
        return told

"""The SAP connector. Light on purpose: client and Arrow are loaded by `prepare()`, in the worker alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, ClassVar

from bridge.contract import Ask, Batch, Connector, Finding, Position, Ranges, Sessions, Stream
from bridge.errors import BridgeError, ConfigError, GapError, GoneError, TransientError
from connectors.sap_rfc.config import SapConfig

if TYPE_CHECKING:
    from connectors.sap_rfc.readings import Readings
    from connectors.sap_rfc.system import System


class SapConnector(Connector):
    """Tables, change documents, functions and change pointers of an SAP system, over RFC."""

    Config: ClassVar[type[SapConfig]] = SapConfig
    config: SapConfig

    def __init__(self, config: SapConfig) -> None:
        super().__init__(config)
        self.answers_within_s = config.call_timeout
        account = f"{config.account} in {config.client} at {config.place}"
        self.sessions = Sessions(account, 2 if config.library == "jco" else 1)  # JCo has one for itself
        self._system: System | None = None
        self._readings: Readings | None = None
        self._state = threading.Lock()
        self._calling = False
        self._polled: set[str] = set()
        """Which have used the look at the clock that they share."""

    @classmethod
    def drivers(cls) -> Sequence[str]:
        from connectors.sap_rfc.clients import WAYS, installed

        return [str(client) for client in installed()] or [f"no client of SAP's RFC: {WAYS}"]

    def prepare(self) -> None:
        from connectors.sap_rfc import clients, readings  # noqa: F401 -- loaded now, not later

        with suppress(BridgeError):  # which open() says
            clients.load(self.config.library, self.config.heap)

    def open(self) -> None:
        from connectors.sap_rfc.readings import Readings
        from connectors.sap_rfc.system import System

        self._system = System(self.config)
        with self._call():
            self._system.open()
            self._readings = Readings(self.config, self.excluded)

    def discover(self) -> Sequence[Stream]:
        with self._call():
            system, readings = self._awake()
            return readings.discover(system)

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        with self._noticing(stream), self._call():
            system, readings = self._awake()
            self._round(stream.name, system)
            batch = readings.usable(system, stream.name).poll(system, position, ask)
            system.prove()
            return batch

    def reread(
        self, stream: Stream, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        with self._noticing(stream), self._call():
            system, readings = self._awake()
            batch = readings.usable(system, stream.name).reread(system, position, place, within, ask)
            system.prove()
            return batch

    def commit(self, stream: Stream, position: Position) -> None:
        if not stream.settles:
            return
        with self._noticing(stream), self._call():
            system, readings = self._awake()
            readings.usable(system, stream.name).commit(system, position)

    def check_position(self, stream: str, position: Position) -> None:
        from connectors.sap_rfc import positions

        options = self.config.streams.get(stream)
        if options is None:
            return
        try:
            positions.check(options, position)
        except ValueError:
            mode = "images" if options.images else options.mode
            raise ConfigError(
                f"it is not one of mode {mode}",
                remedy=f"write {positions.form(options)}, or `positions rewind --to start`",
            ) from None
        if self._readings:
            self._readings.check(stream, position)

    def check(self) -> Sequence[Finding]:
        from connectors.sap_rfc.findings import findings

        with self._call():
            system, readings = self._awake()
            return findings(self.config, system, readings)

    def interrupt(self) -> None:
        """Cut what runs: a client that does not end it is left behind, with its connection."""
        with self._state:
            system = self._system if self._calling else None
        if system:
            system.cancel()

    def close(self) -> None:
        readings, self._readings = self._readings, None
        if readings:
            readings.release()
        system, self._system = self._system, None
        if system:
            system.close()

    def _awake(self) -> tuple[System, Readings]:
        if self._system is None or self._readings is None:
            raise TransientError(f"{self.config.place} is not open")
        return self._system, self._readings

    def _round(self, name: str, system: System) -> None:
        """A round is over when a stream comes again."""
        if name in self._polled:
            self._polled.clear()
            system.fresh()
        self._polled.add(name)

    @contextmanager
    def _call(self) -> Iterator[None]:
        """What can be interrupted. The system has translated all that a client says."""
        with self._state:
            self._calling = True
            if self._system:
                self._system.begin()
        try:
            yield
        finally:
            with self._state:
                self._calling = False

    @contextmanager
    def _noticing(self, stream: Stream) -> Iterator[None]:
        """That its table is gone or has changed, or a function: it is looked for again."""
        from connectors.sap_rfc.errors import AlteredError

        try:
            yield
        except AlteredError:
            if self._readings:
                self._readings.doubt_all()
            raise
        except GoneError as error:
            if self._readings:
                self._readings.missed(stream.name, error)
            raise
        except GapError:
            if self._readings:
                self._readings.doubt(stream.name)
            raise

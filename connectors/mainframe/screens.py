"""Screens as a source: one place at a time on one host's sessions. Arrow is loaded by `open()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

from bridge.contract import Ask, Batch, Finding, Position, Scan, Stream
from bridge.errors import BridgeError, ConfigError, PermanentError, TransientError
from connectors.mainframe.config import MainframeConfig

if TYPE_CHECKING:
    from connectors.mainframe.errors import Trouble
    from connectors.mainframe.lists import Known
    from connectors.mainframe.readings import Reading
    from connectors.mainframe.scans import Pages, Pass
    from connectors.mainframe.sessions import Pool
    from connectors.mainframe.topic_keys import KeysIn


class ScreenSource:
    """Lists, and inquiries key by key; its methods are a connector's, with their errors."""

    def __init__(
        self,
        config: MainframeConfig,
        folder: Callable[[], Path | None],
        keys_in: Callable[[], KeysIn | None],
    ) -> None:
        """What the engine lends by the time: where screens are kept for the operator, and topics' keys."""
        self.config, self._folder, self._keys_in = config, folder, keys_in
        self._state, self._calling = Lock(), False
        self._interrupted = Event()
        self._pool: Pool | None = None
        self._readings: Mapping[str, Reading] = {}
        self._known: dict[str, Known] = {}
        self._pass: Pass | None = None
        """The one under way: there is but one place on a screen."""

    def prepare(self) -> None:
        from connectors.mainframe import inquiry, lists, transports  # noqa: F401 -- loaded now

    def open(self) -> None:
        from connectors.mainframe import maps, readings
        from connectors.mainframe.sessions import Pool, Shared

        with self._call(f"opening {self.config.address}"):
            known = maps.load(self._paths, self.config.screens, self.config.errors)
            self._readings = readings.readings(self.config, known)
            shared = Shared(self.config, known, self._kept, self._interrupted)
            self._pool = Pool(self.config, shared)
            self._pool.take(1)

    def check_options(self) -> None:
        """The maps, and what the streams want of them. Errors: ConfigError."""
        from connectors.mainframe import maps, readings

        if maps.are_here(self._paths):
            known = maps.load(self._paths, self.config.screens, self.config.errors)
            readings.readings(self.config, known)

    @property
    def _paths(self) -> Sequence[Path]:
        return [Path(path) for path in self.config.maps]

    def discover(self) -> Sequence[Stream]:
        return [reading.stream for reading in self._readings.values()]

    def check(self) -> Sequence[Finding]:
        from connectors.mainframe.findings import findings

        try:
            with self._call(f"going home at {self.config.address}"):
                if self._pool:
                    self._pool.main.go_home()  # a log-on that expects nothing has succeeded there
        except BridgeError as error:
            return findings(self.config, self._readings, error)
        return findings(self.config, self._readings)

    def interrupt(self) -> None:
        with self._state:
            pool = self._pool
            if not self._calling:
                return
            self._interrupted.set()
        if pool:
            pool.interrupt()

    def close(self) -> None:
        """Logs off, which may take a moment."""
        pool, self._pool, self._pass = self._pool, None, None
        self._interrupted.clear()
        if pool:
            pool.close()

    # -- one pass at a time

    def poll(self, stream: Stream, position: Position | None, ask: Ask) -> Batch:
        from connectors.mainframe.scans import begins

        name = stream.name
        with self._call(f"reading {stream.name}"), _of_this_stream_alone():
            anew, running = begins(position), self._pass
            if running and running.name != name and not running.rests:
                self._interrupted.wait(ask.wait_s)
                return Batch(position, scan=None if anew else Scan.MORE, more=True)
            self._pass = None  # what fails is lost
            if running is None or not running.serves(name, position):
                running = self._begun(stream, None if anew else position)
            batch = running.read(ask)
            self._pass = running if batch.more else None
            return batch

    def _begun(self, stream: Stream, place: Position | None) -> Pass:
        """From a place, if that is still one, or from the beginning."""
        from connectors.mainframe.inquiry import InquiryPages
        from connectors.mainframe.scans import Pass

        reading = self._readings.get(stream.name)
        if reading is None:
            raise PermanentError(f"there is no stream {stream.name}", remedy="configure it under `streams`")
        pages = self._pages(reading)
        goes_on = place is not None and isinstance(pages, InquiryPages) and pages.resume(place)
        return Pass(reading, pages, place if goes_on else None)

    def _pages(self, reading: Reading) -> Pages:
        from connectors.mainframe.inquiry import InquiryPages
        from connectors.mainframe.lists import Known, ListPages
        from connectors.mainframe.readings import InquiryReading

        if self._pool is None:
            raise TransientError(f"{self.config.address} is not open")
        self._pool.main.confirm()  # else what ends this poll has the password typed again
        known = self._known.setdefault(reading.stream.name, Known())
        if isinstance(reading, InquiryReading):
            return InquiryPages(reading, self._pool, known, self._keys_in())
        return ListPages(reading, self._pool.main, known)

    # -- trouble

    def _kept(self, trouble: Trouble) -> str:
        """Keeps the screen for the operator; where, in words."""
        from connectors.mainframe import kept

        path = kept.keep(self._folder(), trouble.seen.bare, str(trouble))
        return f"the screen is kept in {path}" if path else ""

    @contextmanager
    def _call(self, doing: str) -> Iterator[None]:
        """Can be interrupted, and raises only what the contract knows."""
        from connectors.mainframe.errors import Trouble, translated

        with self._state:
            self._calling = True
            self._interrupted.clear()
        try:
            yield
        except Trouble as trouble:
            raise translated(trouble, doing, self._kept) from None
        except TransientError as error:
            if self._interrupted.is_set():
                raise TransientError(f"{doing}: interrupted") from None
            raise TransientError(
                f"{doing}: {error.text}", remedy=error.remedy, retry_after=error.retry_after
            ) from None
        finally:
            with self._state:
                self._calling = False


@contextmanager
def _of_this_stream_alone() -> Iterator[None]:
    """What one stream asks for cannot be: its siblings can do without."""
    try:
        yield
    except ConfigError as error:
        raise PermanentError(error.text, remedy=error.remedy) from None


def check_place(position: Position) -> None:
    """Errors: PermanentError, when it is none of a scan of screens."""
    from connectors.mainframe.scans import begins

    begins(position)

"""How each stream is read: by which mode, on what the system says of its tables and functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from bridge.contract import Position, Stream
from bridge.errors import GoneError, PermanentError
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.modes import Basis, Mode, mode_of
from connectors.sap_rfc.streams import SapStream
from connectors.sap_rfc.system import System


class Readings:
    """Of all streams. What was refused is looked at again before each poll: a grant may be there now."""

    def __init__(self, config: SapConfig, excluded: Callable[[str], Collection[str]]) -> None:
        self._config, self._excluded = config, excluded
        self._known: dict[str, Mode | PermanentError] = {}
        self._doubted: set[str] = set()
        self._gone: set[str] = set()
        """Which polls have missed."""

    def discover(self, system: System) -> Sequence[Stream]:
        dictionary = Dictionary(system)
        for name in self._config.streams:
            self._look_up(name, system, dictionary)
        return [self._stream(name, system) for name in self._config.streams if not self._is_away(name)]

    def usable(self, system: System, name: str) -> Mode:
        """Errors: PermanentError why it cannot be read."""
        if name in self._doubted or not isinstance(self._known.get(name), Mode):
            self._look_up(name, system, Dictionary(system))
        known = self._known[name]
        if isinstance(known, PermanentError):
            raise type(known)(known.text, remedy=known.remedy)
        return known

    def check(self, name: str, position: Position) -> None:
        """As the next poll will, if it can be read. Errors: PermanentError."""
        known = self._known.get(name)
        if isinstance(known, Mode):
            known.check(position)

    def missed(self, name: str, error: GoneError) -> None:
        """A poll says that what it reads is not there."""
        self._known[name] = error
        self._gone.add(name)

    def doubt(self, name: str) -> None:
        """A poll says that what it reads has changed, or may have."""
        self._doubted.add(name)

    def doubt_all(self) -> None:
        """A function is another one now, and several may call it."""
        self._doubted |= {name for name, known in self._known.items() if isinstance(known, Mode)}

    def release(self) -> None:
        for mode in self.modes:
            mode.release()

    def made(self, name: str, options: SapStream, system: System, dictionary: Dictionary) -> Mode:
        """One that keeps nothing yet. Errors: PermanentError when it cannot be read so; the system's."""
        return mode_of(Basis(name, options, system, dictionary, frozenset(self._excluded(name))))

    @property
    def modes(self) -> Sequence[Mode]:
        """Those that can be read."""
        return [each for each in self._known.values() if isinstance(each, Mode)]

    @property
    def refused(self) -> Sequence[tuple[str, PermanentError]]:
        """Streams that cannot be read, and why."""
        return [(name, each) for name, each in self._known.items() if isinstance(each, PermanentError)]

    def _look_up(self, name: str, system: System, dictionary: Dictionary) -> None:
        """A mode stays, with what it keeps, as long as what it rests on stays what it was."""
        options = self._config.streams.get(name)
        if options is None:
            raise PermanentError(f"`streams` has no {name}", remedy="name it there")
        known = self._known.get(name)
        try:
            mode = self.made(name, options, system, dictionary)
        except PermanentError as error:
            self._known[name] = error
        else:
            self._gone.discard(name)
            if name in self._doubted or not isinstance(known, Mode) or known.rests_on != mode.rests_on:
                self._known[name] = mode
        if isinstance(known, Mode) and self._known[name] is not known:
            known.release()
        self._doubted.discard(name)

    def _is_away(self, name: str) -> bool:
        return name in self._gone and isinstance(self._known[name], GoneError)

    def _stream(self, name: str, system: System) -> Stream:
        mode = self._known[name]
        if not isinstance(mode, Mode):  # which poll() raises, so that its siblings run on
            return Stream(name, system.identity, ())
        return Stream(
            name,
            system.identity,
            mode.tables(),
            emits=mode.emits,
            settles=mode.settles,
            caveats=mode.caveats,
            confirms=mode.confirms,
        )

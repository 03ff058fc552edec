"""What goes wrong between two screens, and what the engine does about it: the one place that says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bridge.errors import BridgeError, CredentialsError, PermanentError, TransientError
from connectors.mainframe import recognise
from connectors.mainframe.maps import ScreenMap
from connectors.mainframe.screen import Screen, without_words


class Kind(StrEnum):
    """Why a step did not lead where it should; the first five are the classes of a map's `errors`."""

    RETRY = "retry"
    RELOGIN = "relogin"
    FATAL = "fatal"
    REJECT = "reject"
    CREDENTIALS = "credentials"
    UNKNOWN = "unknown"
    """The screen is no one's, or not the one expected, or not as its map says."""
    SILENT = "silent"
    """No answer in time."""


AGAIN = frozenset({Kind.RETRY, Kind.RELOGIN, Kind.UNKNOWN, Kind.SILENT})
"""Worth a second attempt from `home`."""

_REMEDY = {
    Kind.FATAL: "mend it at the host, then `resume`",
    Kind.CREDENTIALS: "see to the account at the host, then `resume`",
    Kind.UNKNOWN: "compare the kept screen with its map: `legacy-bridge mainframe check`",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """A screen, and what the maps make of it."""

    screen: Screen
    name: str | None
    told: str
    """Why it has no name: nobody's, or several maps' at once."""
    kind: Kind | None = None
    """Of the error that it shows."""
    error: str = ""
    screen_map: ScreenMap | None = None
    """That knows it."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What may have been typed, and is told nowhere, not even where the host repeats it."""

    @property
    def bare(self) -> Screen:
        """Without what its map calls hidden, and without secrets: to be quoted or kept."""
        shown = recognise.without_hidden(self.screen_map, self.screen) if self.screen_map else self.screen
        return replace(shown, text=without_words(shown.text, self.secrets))

    @property
    def shown(self) -> str:
        """For messages: the error, or the first line."""
        line = " ".join((self.error or self.bare.title).split())
        return f"'{line or 'a blank screen'}' ({self.name or self.told})"


class Trouble(Exception):
    """A step failed. Becomes an error of the bridge in `translated` alone."""

    def __init__(
        self, kind: Kind, step: str, expected: str, seen: Looked, why: str = "", remedy: str = ""
    ) -> None:
        """`remedy`: a better one than its kind has."""
        expectation = f"expected {expected}, " if expected else ""
        super().__init__(f"{step}: {expectation}seen {seen.shown}" + (f": {why}" if why else ""))
        self.kind, self.seen = kind, seen
        self._told, self.why = (step, expected), why
        self.remedy = remedy or _REMEDY.get(kind, "")

    def as_kind(self, kind: Kind, why: str) -> Trouble:
        """The same screen, understood better."""
        return Trouble(kind, *self._told, self.seen, "; ".join(filter(None, (self.why, why))))


class Unanswered(Trouble):
    """The screen is the one of the answer, but tells what it told before, or of another key."""


def is_about_the_account(error: BaseException) -> bool:
    """No other attempt is made after that."""
    if isinstance(error, Trouble):
        return error.kind is Kind.CREDENTIALS
    return isinstance(error, CredentialsError)


def translated(trouble: Trouble, doing: str, kept: Callable[[Trouble], str]) -> BridgeError:
    """The engine's error; `kept` keeps the screen and says where."""
    text, where = f"{doing}: {trouble}", kept(trouble)
    told = "; ".join(filter(None, (trouble.remedy, where)))
    match trouble.kind:
        case Kind.CREDENTIALS:
            return CredentialsError(text, remedy=told)
        case Kind.FATAL:
            return PermanentError(text, remedy=told)
    return TransientError(text, remedy=told)

"""Errors are named by what the engine does next (see the table in docs/architecture.md)."""

ANOTHER_MODE = (
    "begin anew with `positions rewind --to start`, or go on from a place of this mode with `positions set`;"
    " or configure the former mode and columns"
)
"""The remedy for a position that does not fit the way its stream is read now."""


class BridgeError(Exception):
    """An expected failure. `remedy` tells the operator what to do; neither text may hold a secret."""

    def __init__(self, text: str, *, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy

    @property
    def text(self) -> str:
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


class TransientError(BridgeError):
    """The stream backs off and polls again from the same position."""

    def __init__(self, text: str, *, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(text, remedy=remedy)
        self.retry_after = retry_after


class BusyError(TransientError):
    """From poll: the same, of this stream alone; the source itself is well, and the connector stays open."""


class PermanentError(BridgeError):
    """From poll: the stream is parked. From open: the connector is."""


class GoneError(PermanentError):
    """From poll: the stream is not there for now; it alarms, and goes on when a discovery finds it again."""


class ConfigError(PermanentError):
    """What was configured cannot work: the connector is parked, and never retried by itself."""


class HiddenError(ValueError):
    """From a validator of options: what was written may be a secret, and no message shows it."""


class CredentialsError(PermanentError):
    """The source refused who we are: parked after ONE attempt, since accounts lock after three."""


class GapError(BridgeError):
    """The source no longer holds the changes since the position."""


class Stopped(BridgeError):
    """We were asked to stop in the middle of a call; what is open is aborted, here or by the next start."""

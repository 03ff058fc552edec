"""What the connector asks of a 3270 client; `transports` has the two that answer."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from bridge.errors import TransientError
from connectors.mainframe.screen import Screen

SIZES = {2: (24, 80), 3: (32, 80), 4: (43, 80), 5: (27, 132)}  # of the models: rows and columns
KEYS = (
    "enter", "clear", "sysreq", "attn", "pa1", "pa2", "pa3", *(f"pf{number}" for number in range(1, 25))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tls:
    """The host's certificate is always verified, its chain and its name."""

    ca_file: Path | None = None  # None: the system's authorities
    certificate: Path | None = None  # PEM, to show to the host
    key: Path | None = None  # PEM; None: it is in the certificate's file
    key_password: str | None = field(default=None, repr=False)
    host_name: str | None = None  # the name in the certificate; None: the endpoint's host
    minimum: Literal["1.2", "1.3"] = "1.2"


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int
    model: int = 2
    code_page: str = "cp037"
    lu: str | None = None
    tn3270e: bool = True
    tls: Tls | None = None
    connect_timeout: float = 10.0  # seconds, until the host talks 3270
    color: bool = True  # a 3279 instead of a 3278

    @property
    def address(self) -> str:
        """For messages."""
        return f"{self.host}:{self.port}"


class Refused(TransientError):
    """The host is there, and gives no session: the LU is in use, or not known, or leads to no log-on."""


class Terminal(Protocol):
    """One session with the host, which is one LU. Used from one thread, `interrupt` excepted."""

    lu: str | None  # the host's name for the session, once connected, where it tells

    def connect(self) -> None:
        """Errors: TransientError (unreachable), Refused (the LU), ConfigError (TLS, code page, model)."""

    def screen(self) -> Screen:
        """What is there now, without waiting for the host.

        Errors: TransientError when the session is gone, and what the host wrote last has been looked at;
        until then that, with the keyboard locked.
        """

    def type(self, address: int, text: str) -> None:
        """Replace the content of the unprotected field from this cell on.

        Errors: ConfigError (protected, too long, not in the code page), TransientError (locked).
        """

    def press(self, key: str) -> None:
        """One of KEYS; returns once it is sent."""

    def wait(self, seconds: float) -> bool:
        """Whether the host has written since the last screen or wait; False when the time is over.

        Errors: TransientError when the session is gone.
        """

    def reset(self) -> None:
        """Unlock the keyboard. Errors: TransientError where the client cannot."""

    def interrupt(self) -> None:
        """From another thread: a running connect or wait raises TransientError at once."""

    def close(self) -> None:
        """Idempotent; no child process is left."""

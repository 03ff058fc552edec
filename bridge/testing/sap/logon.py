"""Who logs on, and what the system says of itself.

The scrambled password and the records of both sides: docs/protocol/handshake.md of the project saprfclib. The
refusals are the texts of message class 00 as ABAP systems show them, one for each state of a user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from saprfclib.connection import _ab_scramble as unscramble

from bridge.testing.sap.calls import END, done
from bridge.testing.sap.records import Tag, record, records, text

ATTEMPTS = 5
"""Wrong passwords until a user is locked (login/fails_to_user_lock)."""


class State(StrEnum):
    """What a user may do; the values are what the system says instead of logging on."""

    VALID = ""
    LOCKED = "User is locked. Please notify the person responsible"
    EXPIRED = "User account not in validity date"
    INITIAL = "Password has expired. Please log on and choose a new password"
    TRIED_OUT = "Password logon no longer possible - too many failed attempts"


@dataclass
class User:
    """A user of the system."""

    password: str
    state: State = State.VALID
    failures: int = 0


@dataclass(frozen=True)
class Identity:
    """What the system says of itself at log-on."""

    system: str
    number: str
    host: str
    release: str
    kernel: str = "793"

    @property
    def instance(self) -> str:
        return f"{self.host}_{self.system}_{self.number}"


@dataclass(frozen=True)
class Credentials:
    """What a log-on says of who it is."""

    client: str
    user: str
    password: str = field(repr=False)
    language: str


def credentials(stream: bytes) -> Credentials:
    """Of the records of a log-on."""
    found = dict(records(stream))
    return Credentials(
        client=_text(found, Tag.CLIENT),
        user=_text(found, Tag.USER).upper(),
        password=_password(found.get(Tag.PASSWORD, b"")),
        language=_text(found, Tag.LANGUAGE) or "E",
    )


def refusal(given: Credentials, users: Mapping[str, User], client: str) -> str:
    """Why these are refused; nothing when they are not. Counts wrong passwords, and locks the user."""
    user = users.get(given.user)
    if given.client != client or user is None:
        return "Name or password is incorrect (repeat logon)"
    if user.state is not State.VALID:
        return user.state
    if user.password != given.password:
        user.failures += 1
        if user.failures >= ATTEMPTS:
            user.state = State.TRIED_OUT
        return "Name or password is incorrect (repeat logon)"
    user.failures = 0
    return ""


def accepted(given: Credentials, identity: Identity) -> bytes:
    """The records of a log-on that has gone well."""
    said = {
        Tag.SYSTEM: identity.system,
        Tag.SYSTEM_TEXT: "SIMULATOR",
        Tag.SYSTEM_NUMBER: identity.number,
        Tag.HOST: identity.host,
        Tag.RELEASE: identity.release,
        Tag.KERNEL: identity.kernel,
        Tag.INSTANCE: identity.instance,
        Tag.LOGGED_ON_USER: given.user,
        Tag.LOGGED_ON_CLIENT: given.client,
        Tag.LOGGED_ON_LANGUAGE: given.language,
    }
    return done(b"".join(text(tag, value) for tag, value in said.items()), "SAPLSYST")


def refused(why: str) -> bytes:
    """The records of a log-on that has not: a text, and no return code."""
    return record(Tag.ANSWER) + text(Tag.TEXT, why) + END


def _text(found: Mapping[int, bytes], tag: Tag) -> str:
    return found.get(tag, b"").decode("latin-1").strip()


def _password(value: bytes) -> str:
    """A seed of four bytes, and the password scrambled with it, one byte a character."""
    seed, scrambled = int.from_bytes(value[:4], "little"), bytearray(value[4:])
    unscramble(scrambled, seed)
    return scrambled.decode("latin-1")

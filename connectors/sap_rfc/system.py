"""One connection to SAP, and what is known about the system."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.errors import BridgeError, CredentialsError, PermanentError, TransientError
from connectors.sap_rfc import clients
from connectors.sap_rfc.clients.client import Attributes, Client, Function
from connectors.sap_rfc.clients.interface import Interface, Interfaces
from connectors.sap_rfc.config import SapConfig
from connectors.sap_rfc.errors import (
    AbapError,
    AlteredError,
    Asked,
    Kind,
    UnauthorisedError,
    fault,
    is_the_clients,
    translate,
)
from connectors.sap_rfc.line import CutError, Line
from connectors.sap_rfc.logon import logon, secrets

# A look at the clock serves the streams of a round; an older one is only more careful.
SHARED_S = 1.0
# A connection that rested for so long is asked whether it still lives, before anything else is asked of it.
IDLE_S = 30.0
PROBE_S = 3.0
_CLOCK = re.compile(r"Date:\s*(\d{8})\s*Time:\s*(\d{6})", re.IGNORECASE)
_QUARTER_S = 15 * 60
_DAYLIGHT_S = 3600


_refused: dict[int, CredentialsError] = {}
"""What was tried at a logon -> how it was refused when nobody waited for that any more."""
_unanswered: dict[int, Line] = {}
"""What was tried at a logon -> where it may still run, though nobody waits for it."""

_interfaces: dict[tuple[str, str], Interface] = {}
"""System and function -> its interface, for clients that ask for it once in a process."""


@dataclass(frozen=True, slots=True)
class Moment:
    """SAP's clock. `local`: its system date and time, without a zone, whole seconds.

    `offset_s`: how far local time is ahead of UTC; `ahead_s`: how far its clock is ahead of ours.
    """

    local: datetime
    offset_s: int
    ahead_s: float

    @property
    def utc(self) -> datetime:
        return (self.local - timedelta(seconds=self.offset_s)).replace(tzinfo=UTC)


class System:
    """A connection that is made when it is needed, and made anew after each call that may have broken it.

    A call that takes too long, or whose answer was lost, raises TransientError, and its connection is
    discarded: what a client says of it afterwards is not to be trusted. For one thread, but for `cancel`.
    """

    def __init__(self, config: SapConfig) -> None:
        self._config = config
        self._found: clients.Found | None = None
        self._client: Client | None = None
        self._line: Line | None = None
        self._secrets: list[str] = []
        self._functions: dict[str, Function] = {}
        self._interfaces: dict[tuple[str, str], Interface] = {}
        self._unproven: set[str] = set()
        """Functions that were called, and whose answers may have been read by a former interface."""
        self._moment: tuple[float, Moment] | None = None
        self._offset: tuple[int, int] | None = None
        self._used = 0.0
        self._state = threading.Lock()
        self._interrupted = False
        self.identity = ""
        self.user = config.account
        self.release = ""
        self.unicode = True

    @property
    def healthy(self) -> bool:
        return self._client is not None

    @property
    def client(self) -> Client:
        """Errors: as `call`."""
        return self._ready()

    @property
    def found(self) -> clients.Found:
        """Which client it is. Errors: ConfigError when there is none."""
        if self._found is None:
            self._found = clients.found(self._config.library)
        return self._found

    def open(self) -> None:
        """Log on. Errors: CredentialsError after one attempt; ConfigError, TransientError."""
        self._ready()

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        """Errors: TransientError, AbapError and others of connectors.sap_rfc.errors; CredentialsError."""
        client = self._ready()
        asked = self._asked("", function, parameters)
        if self._interface_at(function) in self._watched:
            self._unproven.add(function)
        return self._run(lambda: client.call(function, **parameters), asked)

    def allowed(self, function: str, /, **parameters: Any) -> dict[str, Any] | None:
        """None where an authorisation is missing."""
        try:
            return self.call(function, **parameters)
        except UnauthorisedError:
            return None

    def describe(self, function: str, *, watched: bool = False) -> Function:
        """Its interface, asked for once. `watched`: for `prove`. Errors: as `call`."""
        if watched:
            self._watch(function)
        known = self._functions.get(function)
        if known is None:
            client = self._ready()
            asked = self._asked(f"reading the interface of {function}", function)
            known = self._functions[function] = self._run(lambda: client.describe(function), asked)
        return known

    def prove(self) -> None:
        """That what watched functions have answered was read by the interface that they have.

        A transport may alter it, and no answer tells. Errors: AlteredError, and as `call`; RuntimeError where
        the process is to be replaced, for it keeps the former one.
        """
        while self._unproven:
            function = next(iter(self._unproven))
            self._watch(function)
            self._unproven.discard(function)

    def _watch(self, function: str) -> None:
        """At first before the client asks for the interface: what it reads by is not older."""
        self._ready()
        now, at = self._interface(function), self._interface_at(function)
        if now and now != self._watched.setdefault(at, now):
            self.close()
            raise self._altered(function)

    def _altered(self, function: str) -> Exception:
        text = f"the interface of {function} has changed"
        if self._forgets:
            return AlteredError(text, remedy="it is read anew, and nothing was published")
        return RuntimeError(f"{text}, and {self.found} keeps the former one as long as the process runs")

    @property
    def _forgets(self) -> bool:
        """Whether a new connection of the client asks for interfaces anew."""
        return self.found.library != "pyrfc"

    @property
    def _watched(self) -> dict[tuple[str, str], Interface]:
        return self._interfaces if self._forgets else _interfaces

    def _interface_at(self, function: str) -> tuple[str, str]:
        return f"{self.identity} {self._config.place}", function

    def _interface(self, function: str) -> Interface | None:
        """As it is now; None where that may not be asked for."""
        try:
            return Interfaces(self.call, quiet=True).read(function)
        except AbapError:
            return None

    def moment(self) -> Moment:
        """SAP's date and time. Errors: as `call`; PermanentError where it does not tell them."""
        now = time.monotonic()
        if self._moment is None or now - self._moment[0] > SHARED_S:
            self._moment = (now, self._look())
        return self._moment[1]

    def fresh(self) -> None:
        """A new round: the clock is looked at once more."""
        self._moment = None

    def begin(self) -> None:
        """What was cancelled before is forgotten."""
        with self._state:
            self._interrupted = False

    def cancel(self) -> None:
        """From another thread: the running call, and those to come until `begin`, raise TransientError."""
        with self._state:
            self._interrupted = True
            if self._line:
                self._line.cut()

    def close(self) -> None:
        client, line = self._client, self._line
        self._unproven.clear()
        self._client = self._line = self._moment = None
        if line:
            line.end(client.close if client else None, PROBE_S)

    def _ready(self) -> Client:
        client = self._client
        if client and time.monotonic() - self._used > IDLE_S and not self._lives(client):
            self.close()
            client = None
        if client is None:
            client = self._connected()
        return client

    def _lives(self, client: Client) -> bool:
        assert self._line is not None  # noqa: S101 -- there is no client without
        try:
            self._line.begin(client.ping)
            self._line.wait(PROBE_S, client.cancel)
        except Exception:  # noqa: BLE001 -- whatever it is, a new connection is better
            return False
        self._used = time.monotonic()
        return True

    def _connected(self) -> Client:
        found, way = self.found, logon(self._config)
        self._secrets = secrets(way)
        asked = self._asked(f"logging on to {self._config.place}")
        _must_not_be_under_way(way, asked)
        self._line = line = Line()
        try:
            client, told = self._run(
                lambda: self._logged_on(found, way, asked, line),
                asked,
                seconds=way.timeout,
                late=lambda opened: opened[0].close(),
            )
        except TransientError:
            _unanswered[_tried(way)] = line
            raise
        self._client = client
        self._introduce(told)
        return client

    def _logged_on(
        self, found: clients.Found, way: clients.Logon, asked: Asked, line: Line
    ) -> tuple[Client, Attributes]:
        """In the line's own thread: a refusal for which nobody waits any more is remembered."""
        try:
            return _introduced(clients.connect(found, way))
        except Exception as error:
            if self._line is not line:
                told = translate(error, asked, secrets(way))
                if isinstance(told, CredentialsError):
                    _refused[_tried(way)] = told
            raise

    def _introduce(self, told: Attributes) -> None:
        sysid = told.sysid or self._config.sysid or self._system_id()
        identity = f"{sysid}/{told.client or self._config.client}"
        if self.identity not in ("", identity):
            self.close()
            self.identity, before = "", self.identity
            raise TransientError(f"{self._config.place} was {before} before, and now is {identity}")
        self.identity, self.release, self.unicode = identity, told.release, told.unicode
        self.user = (told.user or self._config.account).upper()
        self._functions.clear()
        self._interfaces.clear()

    def _system_id(self) -> str:
        """Of releases that do not tell it at logon."""
        told = self.call("RFC_SYSTEM_INFO")["RFCSI_EXPORT"]["RFCSYSID"].strip()
        if not told:
            raise PermanentError(f"{self._config.place} does not tell its system ID", remedy="set `sysid`")
        return str(told)

    def _run[T](
        self,
        make: Callable[[], T],
        asked: Asked,
        *,
        seconds: float | None = None,
        late: Callable[[T], object] | None = None,
    ) -> T:
        line, client = self._line, self._client
        assert line is not None  # noqa: S101 -- made by _connected
        limit = self._config.call_timeout if seconds is None else seconds
        try:
            self._begin(line, make, late)
            value: T = line.wait(limit, client.cancel if client else None)
        except CutError as error:
            self.close()
            raise self._cut(error, asked, limit) from None
        except Exception as error:  # noqa: BLE001 -- raised again, translated
            raise self._translated(error, asked) from None
        self._used = time.monotonic()
        return value

    def _begin(self, line: Line, make: Callable[[], Any], late: Callable[[Any], object] | None) -> None:
        with self._state:
            if self._interrupted:
                raise CutError
            line.begin(make, late=late)

    def _cut(self, error: CutError, asked: Asked, limit: float) -> BridgeError:
        last = error.__cause__
        if last and fault(last).kind is Kind.LOGON:  # PyRFC connects anew by itself after a cancel
            return translate(last, asked, self._secrets)
        if self._interrupted:
            return TransientError(f"{asked.doing}: interrupted")
        return TransientError(f"{asked.doing}: no answer within {limit:g} s")

    def _translated(self, error: Exception, asked: Asked) -> Exception:
        known = is_the_clients(error)
        if not known or not fault(error).was_raised:
            self.close()  # it may be out of step: nobody asks anything of it again
        return translate(error, asked, self._secrets) if known else error

    def _asked(self, doing: str, function: str = "", parameters: Mapping[str, Any] | None = None) -> Asked:
        about = Asked(doing, function, parameters or {}, self.user, self._config.client)
        return about if doing else replace(about, doing=f"calling {function}{about.subject}")

    def _look(self) -> Moment:
        before = datetime.now(UTC)
        told = self.call("STFC_CONNECTION", REQUTEXT="")["RESPTEXT"]
        ours = before + (datetime.now(UTC) - before) / 2
        found = _CLOCK.search(told)
        if not found:
            raise PermanentError(
                f"{self._config.place} does not tell its time",
                remedy="STFC_CONNECTION is to answer with `Date:` and `Time:`, as SAP delivers it",
            )
        local = datetime.strptime("".join(found.groups()), "%Y%m%d%H%M%S")  # noqa: DTZ007 -- of no zone
        offset_s = self._offset_s(local - ours.replace(tzinfo=None))
        ahead = local - timedelta(seconds=offset_s) - ours.replace(tzinfo=None)
        return Moment(local, offset_s, ahead.total_seconds())

    def _offset_s(self, apart: timedelta) -> int:
        """Asked for once, and again when local time and our clock drift apart, as they do twice a year."""
        quarters = round(apart.total_seconds() / _QUARTER_S)
        if self._offset is None or self._offset[0] != quarters:
            told = _told_offset(self.allowed("RFC_SYSTEM_INFO"))
            self._offset = (quarters, quarters * _QUARTER_S if told is None else told)
        return self._offset[1]


def _tried(way: clients.Logon) -> int:
    """Another password is another attempt."""
    return hash(frozenset(way.parameters.items()))


def _must_not_be_under_way(way: clients.Logon, asked: Asked) -> None:
    """One attempt more may lock the account. Errors: CredentialsError, TransientError."""
    before = _unanswered.get(_tried(way))
    if before and before.is_busy:
        raise TransientError(
            f"{asked.doing}: the last attempt is not answered yet",
            remedy="no other one is made before, for a wrong password would lock the account; if SAP has long"
            " forgotten it, restart the worker",
        )
    if late := _refused.get(_tried(way)):
        raise CredentialsError(late.text, remedy=late.remedy)


def _introduced(client: Client) -> tuple[Client, Attributes]:
    try:
        return client, client.attributes()
    except BaseException:
        client.close()
        raise


def _told_offset(answer: Mapping[str, Any] | None) -> int | None:
    """Of RFC_SYSTEM_INFO: seconds without the hour of summer, and whether that is added. None: not told."""
    info = answer["RFCSI_EXPORT"] if answer else {}
    zone = str(info.get("RFCTZONE", "")).strip()
    if not re.fullmatch(r"-?\d+-?", zone):
        return None
    seconds = -int(zone.strip("-")) if "-" in zone else int(zone)
    return seconds + (_DAYLIGHT_S if str(info.get("RFCDAYST", "")).strip() else 0)

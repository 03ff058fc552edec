"""saprfclib: the protocol in Python, without SAP's library.

Interfaces are read by calls of our own (clients.descriptions): the library reads one frame alone of what
describes one, puts fields of inner structures beside those of outer ones, and leaves out what it cannot read.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import saprfclib
from saprfclib import invoke
from saprfclib.session import SessionState

from bridge.errors import ConfigError
from connectors.sap_rfc.clients import Found, Logon, lzh
from connectors.sap_rfc.clients.client import Attributes, CallError, Function
from connectors.sap_rfc.clients.descriptions import Descriptions
from connectors.sap_rfc.clients.interface import Interfaces
from connectors.sap_rfc.clients.ways import ProtocolError, application_server, route, way

_REFUSED = re.compile(r"logon failed", re.IGNORECASE)
_NO_AUTHORITY = "RFC_NO_AUTHORITY"
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6}
"""A logon is listened for however late it is answered: by this it ends where the other side is gone."""
_OTHERS = "use another client: library: pyrfc or jco"

lzh.quicken(invoke)


class LogonError(Exception):
    """The library raises a plain ValueError, and exceptions of ABAP, for a logon that was refused."""


class Pure:
    """A connection of saprfclib. It has no time-outs of its own: `cancel` shuts the socket."""

    def __init__(self, found: Found, connection: Any, descriptions: Descriptions, dial: Dial) -> None:
        self.name, self.version, self.licence = found.library, found.version, found.licence
        self._connection, self._descriptions, self._dial = connection, descriptions, dial
        self._interfaces = Interfaces(self._called)
        self._closed = False

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        self.describe(function)
        return self._called(function, **parameters)

    def describe(self, function: str) -> Function:
        name = function.upper()
        if name not in self._descriptions:
            self._descriptions.add(name, self._interfaces.read(name))
        return self._descriptions[name].function

    def attributes(self) -> Attributes:
        told = self._connection.get_connection_attributes()
        return Attributes(
            sysid=told.sys_id.strip(),
            client=told.client.strip(),
            user=told.user.strip(),
            release=told.partner_rel.strip(),
            host=told.partner_host.strip(),
            codepage=told.codepage,
            unicode=told.unicode_mode,
        )

    def ping(self) -> None:
        self._connection.ping()

    def cancel(self) -> None:
        self._dial.cut()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._dial.cut()  # else the library waits for a call that runs
            self._connection.close()
            self._dial.close()

    def _called(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        description = self._descriptions[function.upper()]
        try:
            asked = description.sent(parameters)
        except Exception as error:
            raise CallError(_named(error)) from error
        try:
            answer = self._connection.call(function, **asked)
        except (saprfclib.SapRfcError, OSError, EOFError):
            raise
        except Exception as error:
            if self._is_broken:
                raise ProtocolError(f"the answer cannot be read: {_named(error)}") from error
            raise CallError(_named(error)) from error
        try:
            return description.received(answer)
        except Exception as error:
            raise ProtocolError(f"the answer cannot be read: {_named(error)}") from error

    @property
    def _is_broken(self) -> bool:
        """The library says so by this alone: an answer came, and it could not make sense of it."""
        return self._connection._session.state is SessionState.BROKEN  # noqa: SLF001


class Dial:
    """Opens the connection's socket, and can shut it: where the library would go, or a way round."""

    def __init__(self, timeout: float, way: tuple[str, int] | None) -> None:
        self._timeout, self._way = timeout, way
        self._socket: socket.socket | None = None

    def __call__(self, host: str, port: int) -> socket.socket:
        self._socket = socket.create_connection(self._way or (host, port), self._timeout)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            if hasattr(socket, option):
                self._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        return self._socket

    def patient(self) -> None:
        """From now on an answer may take as long as it takes."""
        if self._socket:
            self._socket.settimeout(None)

    def cut(self) -> None:
        if self._socket:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """For the thread that uses it."""
        self.cut()
        if self._socket:
            self._socket.close()


def connect(found: Found, logon: Logon) -> Pure:
    """Errors: the library's; LogonError; OSError, EOFError; ConfigError for what it cannot do."""
    told = dict(logon.parameters)
    _check(told)
    if "mshost" in told:
        told["ashost"], told["sysnr"] = application_server(told, logon.timeout)
    dial = Dial(logon.timeout, way(told))
    descriptions = Descriptions()
    connection = _logged_on(_arguments(told), dial, descriptions, logon.timeout)
    dial.patient()
    return Pure(found, connection, descriptions, dial)


def _logged_on(arguments: Mapping[str, Any], dial: Dial, cache: Any, timeout: float) -> Any:
    try:
        return saprfclib.connect(
            **arguments,
            strict_params=True,  # it drops without a word what a function does not know
            allow_restricted_logon=True,  # S_RFC of RFCPING is no condition for a logon
            connect_timeout=timeout,
            read_timeout=None,
            metadata_cache=cache,
            socket_factory=dial,
        )
    except saprfclib.AbapApplicationError as error:
        dial.close()
        if error.key == _NO_AUTHORITY:
            raise
        raise LogonError(str(error)) from None
    except (saprfclib.AbapSystemFailure, ValueError) as error:
        dial.close()
        if isinstance(error, ValueError) and not _REFUSED.search(str(error)):
            raise ProtocolError(str(error)) from None
        raise LogonError(str(error)) from None
    except BaseException:
        dial.close()
        raise


def _check(told: Mapping[str, str]) -> None:
    for name in ("mysapsso2", "x509cert"):
        if name in told:
            raise ConfigError(f"saprfclib cannot log on by {name}", remedy=_OTHERS)
    if "snc_mode" in told and "saprouter" in told:
        raise ConfigError("saprfclib cannot use SNC through a SAProuter", remedy=_OTHERS)
    if "snc_mode" in told and "snc_lib" not in told:
        raise ConfigError("saprfclib must be told the security library", remedy="set `snc.lib`")
    # It would send question marks instead, and a wrong password locks the account after a few attempts.
    for name, encoding in (("user", "ascii"), ("passwd", "latin-1")):
        try:
            told.get(name, "").encode(encoding)
        except UnicodeEncodeError:
            text = f"saprfclib cannot send this {name}: it is not {encoding}"
            raise ConfigError(text, remedy=_OTHERS) from None


def _arguments(told: Mapping[str, str]) -> dict[str, Any]:
    plain = (
        "ashost",
        "sysnr",
        "client",
        "user",
        "passwd",
        "lang",
        "snc_lib",
        "snc_partnername",
        "snc_myname",
    )
    arguments: dict[str, Any] = {name: told[name] for name in plain if name in told}
    if "snc_qop" in told:
        arguments["snc_qop"] = int(told["snc_qop"])
    if "saprouter" in told:
        arguments["saprouter"] = route(told["saprouter"])
    return arguments


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

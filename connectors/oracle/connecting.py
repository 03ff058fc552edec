"""From options to an open connection of the driver's, in time, whoever is at the other end."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Any

import oracledb

from bridge.errors import BridgeError, ConfigError, TransientError
from connectors.oracle.config import OracleConfig, OracleTls
from connectors.oracle.sockets import Sockets

_LEAST_SHARE_S = 1.0
# How long the driver may take to notice that its socket was shut.
_NOTICES_S = 0.5
_SERVER = "it is tried again; check that the database runs and can be reached"

oracledb.defaults.fetch_lobs = False
oracledb.defaults.fetch_decimals = True


class Connecting:
    """One attempt, on a thread that is left behind if need be: nothing ends the look-up of a name."""

    def __init__(self, config: OracleConfig) -> None:
        self._config = config
        self.secrets = [] if config.place == config.dsn else [config.dsn]
        """`dsn` is one: the driver cites it, with all that it says beside the place."""
        self.sockets = Sockets()
        self.encrypts = False
        """It may be TLS, whoever asked for it."""
        self._done, self._lock = threading.Event(), threading.Lock()
        self._looked_up = threading.Event()
        self._addresses = 1
        self._given_up = ""
        self._connection: oracledb.Connection | None = None
        self._error: Exception | None = None

    def connect(self) -> oracledb.Connection:
        """Errors: the driver's; ConfigError; TransientError when time is up."""
        parameters = self._parameters()
        self.sockets.ports = frozenset(port for port in _listed(parameters.port) if port)
        self.encrypts = "tcps" in _listed(parameters.protocol)
        threading.Thread(target=self._run, args=(parameters,), name="oracle-connect", daemon=True).start()
        in_time = self._ends()
        with self._lock:
            if self._connection is None:
                if in_time and self._error is not None:
                    raise self._error
                self._given_up = self._given_up or f"no answer within {self._config.login_timeout:g} s"
                raise TransientError(f"connecting to {self._config.place}: {self._given_up}", remedy=_SERVER)
        self.sockets.settle()
        self.sockets.keep_alive(self._config.keep_alive)
        return self._connection

    def give_up(self) -> None:
        """From another thread: `connect` raises soon."""
        with self._lock:
            self._given_up = self._given_up or "interrupted"
        self.sockets.shut()
        self._looked_up.set()
        self._done.set()

    def _ends(self) -> bool:
        """An address that says nothing for its share of the time is passed over for the next one."""
        until = time.monotonic() + self._config.login_timeout
        self._looked_up.wait(self._config.login_timeout)
        while not self._done.wait(max(0.0, min(self._share, until - time.monotonic()))):
            self.sockets.shut()
            if time.monotonic() >= until:
                self._done.wait(_NOTICES_S)
                return False
        return True

    @property
    def _share(self) -> float:
        return max(_LEAST_SHARE_S, self._config.login_timeout / self._addresses)

    def _look_up(self, parameters: oracledb.ConnectParams) -> None:
        self._addresses = sum(map(_addresses, _listed(parameters.host)))
        if self._config.client == "thin":
            parameters.set(tcp_connect_timeout=min(self._share, parameters.tcp_connect_timeout))
        self._looked_up.set()

    def _run(self, parameters: oracledb.ConnectParams) -> None:
        connection, failed = None, None
        self._look_up(parameters)
        try:
            connection = oracledb.connect(params=parameters)
        except Exception as error:  # noqa: BLE001 -- raised again where it is waited for
            failed = error
        with self._lock:
            late = bool(self._given_up)
            if not late:
                self._connection, self._error = connection, failed
        self._done.set()
        if late and connection is not None:
            with suppress(oracledb.Error, OSError):
                connection.close()

    def _parameters(self) -> oracledb.ConnectParams:
        config = self._config
        password = self._revealed(config.password)
        options: dict[str, Any] = {
            "user": config.user,
            "password": password,
            "proxy_user": config.proxy_for,
            "edition": config.edition,
            "program": "legacy-bridge",
            **(self._tls(config.tls) if config.tls else {}),
        }
        if config.client == "thick":
            _load_thick(config)
        elif config.config_dir:
            options["config_dir"] = str(config.config_dir)
        given = {name: value for name, value in options.items() if value}
        parameters: oracledb.ConnectParams = oracledb.ConnectParams(**given)
        parameters.parse_connect_string(config.dsn)
        parameters.set(ssl_server_dn_match=True, retry_count=0)  # one that was given up would log on later
        if config.tls and config.client == "thin" and "tcp" in _listed(parameters.protocol):
            raise ConfigError("`tls` is set, and `dsn` asks for tcp", remedy="write PROTOCOL=TCPS in `dsn`")
        return parameters

    def _tls(self, tls: OracleTls) -> dict[str, Any]:
        told: dict[str, Any] = {"protocol": "tcps", "ssl_server_cert_dn": tls.server_dn}
        if tls.wallet:
            told["wallet_location"] = str(tls.wallet)
        password = self._revealed(tls.wallet_password) if tls.wallet_password else None
        if tls.wallet and password:
            told["wallet_password"] = password
        if tls.ca_file or tls.certificate:
            told["ssl_context"] = _context(tls, password)
        return told

    def _revealed(self, secret: Any) -> str:
        word = str(secret.reveal())
        self.secrets.append(word)
        return word


def _context(tls: OracleTls, password: str | None) -> ssl.SSLContext:
    """Errors: ConfigError naming what cannot be read."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise _unreadable("tls.ca_file", tls.ca_file, error) from None
    if tls.certificate:
        try:
            context.load_cert_chain(tls.certificate, tls.key, password or "")
        except (OSError, ssl.SSLError) as error:
            raise _unreadable("tls.certificate", tls.certificate, error) from None
    return context


def _unreadable(option: str, path: object, error: OSError) -> BridgeError:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return ConfigError(
        f"{option}: cannot read {path}: {reason or 'it is no PEM'}",
        remedy="check the file and its permissions",
    )


def _load_thick(config: OracleConfig) -> None:
    folders = {"lib_dir": config.client_lib, "config_dir": config.config_dir}
    oracledb.init_oracle_client(**{name: str(path) for name, path in folders.items() if path})


def _addresses(host: str | None) -> int:
    """How many a name stands for: RAC's SCAN has three."""
    try:
        return max(1, len({each[4][0] for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}))
    except (OSError, UnicodeError):  # which the driver says
        return 1


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]

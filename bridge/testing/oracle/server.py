"""The peer: a listener on loopback whose sessions are served from one store."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from seerdb.common.tns_consts import (
    FIELD_VERSION_11_2,
    FIELD_VERSION_12_1,
    FIELD_VERSION_19_1_EXT_1,
    FIELD_VERSION_21_1,
    FIELD_VERSION_MAX,
)
from seerdb.server.handshake import connect_data_follows, parse_connect
from seerdb.server.identity import ServerIdentity
from seerdb.server.session import serve_session

from bridge.testing.oracle import dictionary
from bridge.testing.oracle.aq import Queues
from bridge.testing.oracle.backend import Ends, PeerBackend
from bridge.testing.oracle.dictionary_keys import Index
from bridge.testing.oracle.grants import Account, Grants
from bridge.testing.oracle.objects import JMS, ObjectType
from bridge.testing.oracle.store import Store
from bridge.testing.oracle.switches import Stage, Switches
from bridge.testing.oracle.wire import Line, PeerStream

if TYPE_CHECKING:
    from pathlib import Path

HANDSHAKE = 10.0
PATIENCE = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the database, as it introduces itself."""

    version: str
    field_version: int

    @property
    def identity(self) -> ServerIdentity:
        banner = f"Oracle Database {self.version.partition('.')[0]} Release {self.version} - Simulator"
        return ServerIdentity(self._packed(), b"26", b"- Simulator", banner.encode())

    def _packed(self) -> int:
        """As AUTH_VERSION_NO has it: since release 18 with more bits for the update."""
        major, update, revision, increment, extension = (int(part) for part in self.version.split("."))
        if major >= 18:
            return major << 24 | update << 16 | revision << 12 | increment << 4 | extension
        return major << 24 | update << 20 | revision << 12 | increment << 8 | extension


RELEASES = {
    release.version.partition(".")[0]: release
    for release in (
        Release("11.2.0.4.0", FIELD_VERSION_11_2),
        Release("12.1.0.2.0", FIELD_VERSION_12_1),
        Release("19.24.0.0.0", FIELD_VERSION_19_1_EXT_1),
        Release("21.3.0.0.0", FIELD_VERSION_21_1),
        Release("23.6.0.24.10", FIELD_VERSION_MAX),
    )
}


PARAMETERS = {
    "cluster_database": "FALSE",
    "compatible": "23.6.0",
    "max_string_size": "EXTENDED",
    "open_cursors": "300",
    "processes": "200",
    "undo_management": "AUTO",
    "undo_retention": "900",
    "undo_tablespace": "UNDOTBS1",
}


class Refused(Exception):
    """The listener passes this connection on to nobody."""


class _Stream(PeerStream):
    """Looks at who is asked for before anybody answers."""

    def __init__(self, line: Line, peer: OraclePeer) -> None:
        super().__init__(line)
        self._peer = peer
        self._connect = b""

    def read_packet(self, *, within: float | None = None) -> tuple[int, bytes] | None:
        packet = super().read_packet(within=within)
        if packet is not None and self.line.stage is Stage.CONNECT:
            self._connect += packet[1]
            if not connect_data_follows(self._connect):
                self._listen(self._connect)
        return packet

    def _listen(self, body: bytes) -> None:
        code = self._peer.switches.listener
        if code is None:
            service = parse_connect(body).service_name
            code = 12514 if service is not None and service.upper() not in self._peer.services else None
        if code is not None:
            self.refuse(code)
            raise Refused


class OraclePeer:
    """A database server as a client sees it. `with OraclePeer() as peer:` serves until the block ends.

    The account BRIDGE has plain grants, SYSTEM all of them.
    """

    user, password = "BRIDGE", "bridge-password"
    admin, admin_password = "SYSTEM", "system-password"
    host, instance, database, service = "127.0.0.1", "FREE", "FREE", "FREEPDB1"

    def __init__(self, store: Store | None = None, *, release: str = "23", port: int = 0) -> None:
        self.store = store or Store()
        self.release = RELEASES[release]
        self.store.names_rights = int(release) >= 23
        self.switches = Switches()
        self.grants = Grants()
        self.accounts = {self.user: Account(self.password), self.admin: Account(self.admin_password)}
        self.grants.plain(self.user)
        self.grants.everything(self.admin)
        self.queues = Queues(self.store, self.grants)
        self.indexes: list[Index] = []
        self.types: dict[str, ObjectType] = dict(JMS)
        self.born = self.store.clock()
        self.dbid, self.pluggable_dbid, self.resetlogs = 1_460_000_000, 1_470_000_000, 1
        self.open_mode, self.role, self.instances = "READ WRITE", "PRIMARY", 1
        self.tuned_undo_retention, self.longest_query, self.snapshots_too_old = 900, 60, 0
        self.parameters = dict(PARAMETERS)
        self.services = {self.service, self.database}
        self.editions = {"ORA$BASE"}
        self.statements: list[str] = []
        """The texts executed, log-in's own apart."""
        self.logins: list[str] = []
        """Who tried to log in."""
        self.sessions: list[PeerBackend] = []
        """Those logged in now."""
        self.lines: set[Ends] = set()
        """All that a cut of the network would end."""
        self.graves: list[PeerBackend] = []
        """Of sessions without a wire that were lost and are not cleaned up yet."""
        self.lingers = False
        """They are not before somebody says so: until then they hold what they have locked."""
        self._listeners: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._wanted = port
        self.port = 0
        dictionary.install(self)

    def __enter__(self) -> Self:
        self.port = self._listen(None, self._wanted)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def dsn(self) -> str:
        return f"{self.host}:{self.port}/{self.service}"

    @property
    def round_trips(self) -> int:
        """Calls of all sessions there are now, statements and others."""
        with self._lock:
            return sum(backend.stream.round_trips for backend in self.sessions)

    def tcps(self, certificate: Path, key: Path, clients: Path | None = None) -> int:
        """Listen with TLS too; the port. `clients`: the certificates that a client must show one of."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        return self._listen(context, 0)

    def stop(self) -> None:
        """The machine goes down: nobody listens, and all connections end."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.kill()

    def start(self) -> None:
        """Up again, at the same port."""
        self._listen(None, self.port)

    def kill(self, code: int | None = None) -> None:
        """End all sessions: by cutting their lines, or each at its next call with this code (28 ...)."""
        with self._lock:
            backends, lines = list(self.sessions), list(self.lines)
        if code is not None:
            for backend in backends:
                backend.doomed = code
            return
        for line in lines:
            line.close()

    def close(self) -> None:
        self.stop()
        for thread in self._threads:
            thread.join(PATIENCE)

    def bury(self) -> None:
        """What lost sessions held is free: those on a wire notice it themselves, soon."""
        while self.graves:
            self.graves.pop().close()
        until = time.monotonic() + PATIENCE
        while any(each.stream.line.closed for each in self.sessions) and time.monotonic() < until:
            time.sleep(0.001)

    def joined(self, backend: PeerBackend) -> None:
        with self._lock:
            self.sessions.append(backend)

    def left(self, backend: PeerBackend) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self.sessions.remove(backend)

    def _listen(self, context: ssl.SSLContext | None, port: int) -> int:
        listener = socket.create_server((self.host, port))
        self._listeners.append(listener)
        self._start(self._accept, listener, context)
        return int(listener.getsockname()[1])

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name="oracle-peer", daemon=True)  # type: ignore[arg-type]
        self._threads = [alive for alive in self._threads if alive.is_alive()] + [thread]
        thread.start()

    def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._start(self._serve, sock, context)

    def _serve(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        with contextlib.suppress(OSError):
            sock = self._secured(sock, context)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(sock, self.switches)
            with self._lock:
                self.lines.add(line)
            try:
                self._talk(_Stream(line, self))
            finally:
                with self._lock:
                    self.lines.discard(line)
                line.close()
        sock.close()

    def _talk(self, stream: PeerStream) -> None:
        backend = PeerBackend(self, stream)
        try:
            serve_session(stream, backend)
        except Exception as error:  # noqa: BLE001 -- a client that goes in the middle of a word is nothing to fail over
            _log.debug("a session ended: %s", error)
        finally:
            backend.close()

    @staticmethod
    def _secured(sock: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
        if context is None:
            return sock
        sock.settimeout(HANDSHAKE)
        secured = context.wrap_socket(sock, server_side=True)
        secured.settimeout(None)
        return secured

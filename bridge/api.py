"""What the daemon answers: two unix sockets for its own commands, HTTP for probes and scrapers."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from threading import Thread
from typing import Any

import structlog

from bridge.config.options import Daemon
from bridge.errors import BridgeError, ConfigError
from bridge.supervisor import TICK_S, Supervisor

log = structlog.get_logger("bridge.api")

type Answer = Callable[[Mapping[str, Any], int], Awaitable[dict[str, Any]]]

LINE_LIMIT = 8 * 1024
"""Bytes of a request; the longest that commands send name a connector and a stream."""
MOST_BRACKETS = 500
"""An order has one, and those in its names. JSON that nests deeply can overflow the interpreter's stack."""
IDLE_S = 10.0
"""A client that asks nothing, or does not read its answer, for so long is hung up on."""
DEAD_AFTER_S = 20 * TICK_S
STATUS_S = 5.0


@asynccontextmanager
async def serving(supervisor: Supervisor, daemon: Daemon) -> AsyncIterator[None]:
    """Sockets (`status.sock` for a monitoring group, `admin.sock` for the service user alone) and HTTP."""
    folder = _made(daemon.run_dir)
    sockets = (("status.sock", 0o660, _status_only), ("admin.sock", 0o600, _everything))
    with ExitStack() as opened:
        opened.callback(os.close, folder)
        if not _locked(folder):
            raise _another(daemon.run_dir / "status.sock")
        for name, mode, answers in sockets:
            path = daemon.run_dir / name
            server = await _listen(path, mode, answers(supervisor))
            opened.callback(path.unlink, missing_ok=True)
            opened.callback(server.close)
        if daemon.http:
            http = _http(daemon.http, supervisor, asyncio.get_running_loop())
            opened.callback(http.server_close)
            opened.callback(http.shutdown)
        yield


def _made(run_dir: Path) -> int:
    """The folder, open."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        return os.open(run_dir, os.O_RDONLY)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {run_dir} for the sockets: {error.strerror}",
            remedy="set daemon.run_dir to one this user may write to",
        ) from error


def _locked(folder: int) -> bool:
    """Until it is closed, or we die: of two that start at once none sees the other answer."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        log.debug("the run directory cannot be locked")  # not every file system can
    return True


def _another(path: Path) -> ConfigError:
    return ConfigError(
        f"another daemon answers at {path}", remedy="stop it, or give this one its own daemon.run_dir"
    )


def _status_only(supervisor: Supervisor) -> Answer:
    async def answer(request: Mapping[str, Any], _peer: int) -> dict[str, Any]:
        if request.get("command") != "status":
            return {"error": "this socket only answers `status`; orders go to admin.sock"}
        return supervisor.status()

    return answer


def _everything(supervisor: Supervisor) -> Answer:
    async def answer(request: Mapping[str, Any], peer: int) -> dict[str, Any]:
        match request.get("command"):
            case "status":
                return supervisor.status()
            case "reload":
                return {"error": await supervisor.reload()}
            case "pause" | "resume" | "resnapshot" | "cancel-resnapshot" | "renew":
                return {"error": await _obeyed(supervisor, request, f"uid {peer}")}
            case other:
                return {"error": f"unknown command {other!r}"}

    return answer


async def _obeyed(supervisor: Supervisor, request: Mapping[str, Any], by: str) -> str | None:
    """What went wrong with an order, in words."""
    name, connector, stream = request["command"], request.get("connector"), request.get("stream")
    where = request.get("where", [])
    if not isinstance(connector, str) or not isinstance(stream, str | None):
        return "`connector` must be a name, `stream` a name or absent"
    if not (isinstance(where, list) and all(isinstance(each, str) for each in where)):
        return "`where` must be a list of ranges"
    if name == "renew":
        return await supervisor.renew(connector, request.get("deed"), by)
    return await supervisor.command(name, connector, stream, by, where)


async def _listen(path: Path, mode: int, answer: Answer) -> asyncio.Server:
    if await _answers(path):
        raise _another(path)
    try:
        with _permitted(path, mode):
            return await asyncio.start_unix_server(_conversation(answer), path, limit=LINE_LIMIT)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)  # asyncio words it its own way
        raise ConfigError(
            f"cannot make the socket {path}: {reason}",
            remedy="make room, or set daemon.run_dir to a folder this user may write to",
        ) from error


@contextmanager
def _permitted(path: Path, mode: int) -> Iterator[None]:
    """A socket left by a daemon that was killed goes; the new one is never open wider than `mode`."""
    if path.exists() and not path.is_socket():
        raise ConfigError(
            f"there is a file {path}, which is no socket", remedy="move it away, or set daemon.run_dir"
        )
    path.unlink(missing_ok=True)
    mask = os.umask(0o777 & ~mode)
    try:
        yield
    finally:
        os.umask(mask)


async def _answers(path: Path) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_unix_connection(path), 1.0)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _conversation(answer: Answer) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """One JSON line in, one JSON line out, until the other side hangs up, or does nothing for long."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await asyncio.wait_for(_line(reader, writer), IDLE_S):
                if line.count(b"[") + line.count(b"{") > MOST_BRACKETS:
                    break
                request = json.loads(line)
                if not isinstance(request, dict):
                    break
                reply = await answer(request, _peer_uid(writer))
                writer.write(json.dumps(reply, default=str).encode() + b"\n")
                await asyncio.wait_for(writer.drain(), IDLE_S)
        except TimeoutError:
            writer.transport.abort()
        except (ConnectionError, ValueError):
            log.debug("a client was hung up on: what it said was no request")
        writer.close()

    return converse


async def _line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next request; nothing after one that is too long, which only a mistaken client of ours sends."""
    try:
        return await reader.readline()
    except ValueError:
        error = f"a request may have {LINE_LIMIT:,} bytes; ask for fewer ranges at a time"
        writer.write(json.dumps({"error": error}).encode() + b"\n")
        return b""


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    """SO_PEERCRED (unix(7)): who is at the other end, for the audit line."""
    sock = writer.get_extra_info("socket")
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])


def _http(address: str, supervisor: Supervisor, loop: asyncio.AbstractEventLoop) -> ThreadingHTTPServer:
    host, _, port = address.rpartition(":")

    class Handler(_Handler):
        pass

    Handler.supervisor, Handler.loop = supervisor, loop
    try:
        kind = _Server6 if host.startswith("[") else _Server
        server = kind((host.strip("[]"), int(port)), Handler)
    except OSError as error:
        raise BridgeError(  # whoever has it may go: a service manager tries again
            f"cannot listen on {address}: {error.strerror}", remedy="choose another daemon.http, or off"
        ) from error
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        """Without the base class's question for this host's name, which can take a minute to be answered."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Who hangs up in the middle, or does not read its answer, is no error of ours."""
        error = sys.exception()
        if not isinstance(error, OSError):
            log.error("http: a request failed; this is a bug", exc_info=error)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _LoopStands(Exception):
    """The supervisor's loop is busy. No TimeoutError: that is a client's, which does not read."""


class _Handler(BaseHTTPRequestHandler):
    """`/livez` must answer while the loop is busy, so it only looks at when the loop last went round."""

    supervisor: Supervisor
    loop: asyncio.AbstractEventLoop
    server_version = "legacy-bridge"
    timeout = 10

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        try:
            self._answer()
        except _LoopStands:
            self._send(503, "text/plain", b"the loop does not answer\n")

    def _answer(self) -> None:
        match self.path.partition("?")[0]:
            case "/livez":
                alive = time.monotonic() - self.supervisor.ticked < DEAD_AFTER_S
                self._send(
                    200 if alive else 503, "text/plain", b"ok\n" if alive else b"the loop stands still\n"
                )
            case "/readyz":
                ready = self.supervisor.ready
                self._send(200 if ready else 503, "text/plain", b"ok\n" if ready else b"starting\n")
            case "/status":
                self._send(200, "application/json", json.dumps(self._status(), default=str).encode())
            case "/metrics":
                from bridge import metrics  # where nobody scrapes, nobody pays for it

                self._send(200, metrics.CONTENT_TYPE, metrics.render(self._status()))
            case _:
                self._send(404, "text/plain", b"there are /livez, /readyz, /status and /metrics\n")

    def _status(self) -> dict[str, Any]:
        async def ask() -> dict[str, Any]:
            return self.supervisor.status()

        try:
            return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(timeout=STATUS_S)
        except TimeoutError:
            raise _LoopStands from None

    def _send(self, code: int, content: str, body: bytes) -> None:
        self.send_response(code)
        if code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", content)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """The base class would answer in HTML, and to a method it has no function for with 501."""
        known = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self.close_connection = True
        self._send(known, "text/plain", f"{known.phrase}\n".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        log.debug("http", line=format % args)

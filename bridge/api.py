"""What the daemon answers: two unix sockets for its own commands, HTTP for probes and scrapers."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import structlog

from bridge.config.options import Daemon
from bridge.errors import ConfigError
from bridge.supervisor import TICK_S, Supervisor

log = structlog.get_logger("bridge.api")

type Answer = Callable[[Mapping[str, Any], int], Awaitable[dict[str, Any]]]

LINE_LIMIT = 64 * 1024
DEAD_AFTER_S = 20 * TICK_S


@asynccontextmanager
async def serving(supervisor: Supervisor, daemon: Daemon) -> AsyncIterator[None]:
    """Sockets (`status.sock` for a monitoring group, `admin.sock` for the service user alone) and HTTP."""
    _make(daemon.run_dir)
    opened = [
        await _listen(daemon.run_dir / "status.sock", 0o660, _status_only(supervisor)),
        await _listen(daemon.run_dir / "admin.sock", 0o600, _everything(supervisor)),
    ]
    http = _http(daemon.http, supervisor, asyncio.get_running_loop()) if daemon.http else None
    try:
        yield
    finally:
        for server in opened:
            server.close()
        if http is not None:
            http.shutdown()
            http.server_close()
        for name in ("status.sock", "admin.sock"):
            (daemon.run_dir / name).unlink(missing_ok=True)


def _make(run_dir: Path) -> None:
    try:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {run_dir} for the sockets: {error.strerror}",
            remedy="set daemon.run_dir to one this user may write to",
        ) from error


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
            case "pause" | "resume" | "renew" as name:
                connector, stream = str(request.get("connector")), request.get("stream")
                return {"error": await supervisor.command(name, connector, stream, f"uid {peer}")}
            case other:
                return {"error": f"unknown command {other!r}"}

    return answer


async def _listen(path: Path, mode: int, answer: Answer) -> asyncio.Server:
    if await _answers(path):
        raise ConfigError(
            f"another daemon answers at {path}", remedy="stop it, or give this one its own daemon.run_dir"
        )
    with _permitted(path, mode):
        return await asyncio.start_unix_server(_conversation(answer), path, limit=LINE_LIMIT)


@contextmanager
def _permitted(path: Path, mode: int) -> Iterator[None]:
    """A socket left by a daemon that was killed goes; the new one is never open wider than `mode`."""
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
    """One JSON line in, one JSON line out, until the other side hangs up."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError, asyncio.LimitOverrunError):
            while line := await reader.readline():
                request = json.loads(line)
                if not isinstance(request, dict):
                    break
                reply = await answer(request, _peer_uid(writer))
                writer.write(json.dumps(reply, default=str).encode() + b"\n")
                await writer.drain()
        writer.close()

    return converse


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
        server = ThreadingHTTPServer((host.strip("[]"), int(port)), Handler)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {address}: {error.strerror}", remedy="choose another daemon.http, or off"
        ) from error
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    """`/livez` must answer while the loop is busy, so it only looks at when the loop last went round."""

    supervisor: Supervisor
    loop: asyncio.AbstractEventLoop
    server_version = "legacy-bridge"
    timeout = 10

    def do_GET(self) -> None:
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

        return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(timeout=5)

    def _send(self, code: int, content: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        log.debug("http", line=format % args)

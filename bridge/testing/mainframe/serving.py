"""What plays a mainframe: mfmock's server on loopback, on a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mfmock.core.ebcdic import Codec
from mfmock.core.server import MainframeServer, ServerConfig
from mfmock.core.ui.style import DEFAULT_THEME

from bridge.testing.mainframe.authority import Authority
from bridge.testing.mainframe.lus import GENERIC, LuAdapter, Lus
from bridge.testing.mainframe.switches import Switches

if TYPE_CHECKING:
    from mfmock.core.server import DeviceSession

LOOPBACK = "127.0.0.1"
POOLS = {GENERIC: tuple(f"LU{number:03}" for number in range(1, 65)), "CUSTPOOL": ("CUST01", "CUST02")}

# What mfmock tells of each session says nothing to who runs tests or the demo.
logging.getLogger("mfmock").addHandler(logging.NullHandler())


class Serving(ABC):
    """Serves while its `with` lasts. An error of its own code ends the `with` with that error."""

    theme = DEFAULT_THEME

    def __init__(
        self,
        *,
        port: int = 0,
        tn3270e: bool = True,
        code_page: str = "cp037",
        pools: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.port = port
        self.switches = Switches()
        self.codec = Codec(code_page)
        self._adapter = LuAdapter(Lus(pools or POOLS, self.switches), tn3270e=tn3270e, codec=self.codec)
        self._errors: list[Exception] = []
        self._listeners: list[asyncio.Server] = []
        self._open: dict[str, DeviceSession] = {}
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="mainframe", daemon=True)

    @abstractmethod
    async def converse(self, session: DeviceSession, lu: str) -> None:
        """One session from its first screen on; its return ends the connection."""

    @property
    def sessions(self) -> tuple[str, ...]:
        """The LUs in use."""
        return tuple(self._open)

    @cached_property
    def authority(self) -> Authority:
        """Made when first asked for. Errors: AuthorityError."""
        return Authority.make(Path(tempfile.mkdtemp(prefix="mainframe-")))

    @cached_property
    def tls_port(self) -> int:
        """With a certificate of the authority for localhost."""
        return self.listen(self.authority.context(self.authority.issue("host")))

    def listen(self, context: ssl.SSLContext) -> int:
        """One more port, with TLS as the context says."""
        return asyncio.run_coroutine_threadsafe(self._listen(context), self._loop).result()

    def until(self, holds: Callable[[], object], *, deadline_s: float = 5) -> None:
        """Wait for what sessions do on their own; as `until(lambda: not host.sessions)`."""
        deadline, pause = time.monotonic() + deadline_s, threading.Event()
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"in vain for {deadline_s} s; sessions: {self.sessions}")
            pause.wait(0.002)

    def cut(self) -> None:
        """Reset all connections."""
        self._loop.call_soon_threadsafe(self._cut)

    def start(self) -> Self:
        self._thread.start()
        self._started.wait()
        self._raise()
        return self

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if "authority" in vars(self):
            shutil.rmtree(self.authority.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()
        self._raise()

    def _raise(self) -> None:
        if self._errors:
            raise self._errors[0]

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:  # noqa: BLE001 -- told to who has started this thread
            self._errors.append(error)
        self._started.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._server = MainframeServer(self._adapter, self, ServerConfig(host=LOOPBACK, port=self.port))
        async with self._server:
            self.port = self._server.port
            self._started.set()
            await self._stop.wait()
            for listener in self._listeners:
                listener.close()
            self._cut()

    def _cut(self) -> None:
        for session in self._open.values():
            session.conn.writer.transport.abort()

    async def _listen(self, context: ssl.SSLContext) -> int:
        listener = await asyncio.start_server(self._server.handle_client, LOOPBACK, 0, ssl=context)
        self._listeners.append(listener)
        port: int = listener.sockets[0].getsockname()[1]
        return port

    async def handle(self, session: DeviceSession) -> None:
        """Called by the server for each session it has negotiated."""
        lu = self._adapter.granted[session.conn]
        self._open[lu] = session
        try:
            await self.converse(session, lu)
        except ConnectionError:
            return
        except Exception as error:
            self._errors.append(error)
            raise
        finally:
            del self._open[lu]
            self._adapter.leave(session.conn)

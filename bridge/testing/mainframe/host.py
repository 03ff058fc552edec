"""A mainframe on loopback: our own customer application on mfmock's TN3270(E) server, on a thread of its own.

    with Host() as host:
        host.port, host.user, host.password
        host.switches.drop = 3

The transactions are in `transactions`, what can go wrong in `switches`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from mfmock.core.ebcdic import Codec
from mfmock.core.server import DeviceSession, MainframeServer, ServerConfig
from mfmock.core.ui.style import DEFAULT_THEME

from bridge.testing.mainframe.conversation import Conversation
from bridge.testing.mainframe.customers import Customer, customers
from bridge.testing.mainframe.desk import Company, Desk, Told
from bridge.testing.mainframe.lus import GENERIC, LuAdapter, Lus
from bridge.testing.mainframe.switches import Switches

if TYPE_CHECKING:
    import ssl

LOOPBACK = "127.0.0.1"
POOLS = {GENERIC: tuple(f"LU{number:03}" for number in range(1, 65)), "CUSTPOOL": ("CUST01", "CUST02")}
LINGER_S = 0.25
"""How long a session over the limit sees the reason."""


class Host:
    """Serves while its `with` lasts. An error of its own code ends the `with` with that error."""

    theme = DEFAULT_THEME

    def __init__(
        self,
        *,
        count: int = 300,
        port: int = 0,
        tn3270e: bool = True,
        code_page: str = "cp037",
        pools: Mapping[str, Sequence[str]] | None = None,
        page_size: int = 15,
    ) -> None:
        self.port = port
        self.user, self.password = "BRIDGE", "S3CRET42"
        self.switches = Switches()
        self.lock = threading.RLock()
        """Around what reads or changes `customers`."""
        self.customers: dict[str, Customer] = customers(count)
        self.told: list[Told] = []
        self.sent: Callable[[str, bytes], None] = _unheeded
        """Given each LU and 3270 record that goes out; to record what `replay` plays."""
        self._company = Company(self.customers, self.lock, self.switches, self.user, self.password, page_size)
        self._lus = Lus(pools or POOLS, self.switches)
        self._adapter = LuAdapter(self._lus, tn3270e=tn3270e, codec=Codec(code_page))
        self._errors: list[Exception] = []
        self._listeners: list[asyncio.Server] = []
        self._open: dict[str, DeviceSession] = {}
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="mainframe", daemon=True)

    @property
    def counts(self) -> Counter[str]:
        """Screens in all and by name, `pages`, `keys`, `sign-ons`, `wrong passwords`, `inquiries`."""
        return self._company.counts

    @property
    def sessions(self) -> tuple[str, ...]:
        """The LUs in use."""
        return tuple(self._open)

    def change(self, identity: str, **what: Any) -> Customer:
        """As the host's own users do it: the change mark counts on."""
        with self.lock:
            before = self.customers[identity]
            self.customers[identity] = after = replace(before, mark=before.mark + 1, **what)
        return after

    def insert(self, customer: Customer) -> None:
        with self.lock:
            self.customers[customer.id] = customer

    def delete(self, identity: str) -> None:
        with self.lock:
            del self.customers[identity]

    def until(self, holds: Callable[[], object], *, deadline_s: float = 5) -> None:
        """Wait for what sessions do on their own; as `until(lambda: not host.sessions)`."""
        deadline, pause = time.monotonic() + deadline_s, threading.Event()
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"in vain for {deadline_s} s; sessions: {self.sessions}")
            pause.wait(0.002)

    def cut(self) -> None:
        """Reset all connections."""
        self._call(self._cut)

    def listen(self, context: ssl.SSLContext) -> int:
        """One more port, with TLS as the context says."""
        return asyncio.run_coroutine_threadsafe(self._listen(context), self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        self._raise()
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop.set)
        self._thread.join()
        self._raise()

    def _call(self, what: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(what)

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
            await self._converse(session, lu)
        except Exception as error:
            self._errors.append(error)
            raise
        finally:
            del self._open[lu]
            self._adapter.leave(session.conn)

    async def _converse(self, session: DeviceSession, lu: str) -> None:
        desk, codec = Desk(self._company, lu), self._adapter.codec
        conversation = Conversation(session, desk, codec, self.told.append, self._sending)
        limit = self.switches.session_limit
        if limit is None or len(self._open) <= limit:
            await conversation.run()
        else:
            await conversation.tell("SESSION LIMIT EXCEEDED - TRY AGAIN LATER")
            with suppress(TimeoutError):
                await session.receive(LINGER_S)

    def _sending(self, lu: str, record: bytes) -> None:
        self.sent(lu, record)


def _unheeded(_lu: str, _record: bytes) -> None:
    return

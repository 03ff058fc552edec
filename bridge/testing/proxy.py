"""A TCP proxy on loopback that can fall silent: what a firewall that drops packets looks like to a client."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

PIECE = 65_536


class TcpProxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`, on a thread of its own."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._clients: dict[asyncio.Task[None], asyncio.Event] = {}
        """Of each connection: whether it is known still."""
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Connections are accepted and kept, and no byte passes in either direction."""
        self._loop.call_soon_threadsafe(self._flowing.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._flowing.set)

    def cut(self) -> None:
        """End all connections there are; new ones are served."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def forget(self) -> None:
        """What firewalls do to connections that rest: no byte passes on them any more, and nobody is told."""
        for known in list(self._clients.values()):
            self._loop.call_soon_threadsafe(known.clear)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._cut()

    async def _cut(self) -> None:
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = known = asyncio.Event()
        known.set()
        with suppress(OSError, asyncio.CancelledError):
            await self._flowing.wait()
            onward = await asyncio.open_connection("127.0.0.1", self.target)
            try:
                await self._both(self._pump(reader, onward[1], known), self._pump(onward[0], writer, known))
            finally:
                onward[1].close()
        self._clients.pop(task, None)
        writer.close()

    @staticmethod
    async def _both(*pumps: Coroutine[Any, Any, None]) -> None:
        """Until either side ends."""
        tasks = [asyncio.ensure_future(pump) for pump in pumps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, known: asyncio.Event
    ) -> None:
        while piece := await reader.read(PIECE):
            await self._flowing.wait()
            await known.wait()
            writer.write(piece)
            await writer.drain()

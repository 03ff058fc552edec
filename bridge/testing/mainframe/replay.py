"""A host that plays recordings, cut into whatever TCP segments a test wants, and spoilt where it asks for it.

with Replay(Recording.load(file), segments=one_byte) as replay:
    replay.port
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from mfmock.core.telnet import frame_record

from bridge.testing.mainframe.recording import Key, Pause, Recording, Write
from bridge.testing.mainframe.serving import Serving

if TYPE_CHECKING:
    from mfmock.core.server import DeviceSession

Segments = Callable[[bytes], Iterable[bytes]]
"""How what goes over the wire is cut."""


def whole(wire: bytes) -> Iterable[bytes]:
    return (wire,)


def pieces(size: int) -> Segments:
    """Of so many bytes; 1 splits every order, address and IAC."""
    return lambda wire: (wire[at : at + size] for at in range(0, len(wire), size))


def by_chance(seed: int, largest: int = 40) -> Segments:
    """Of other sizes each time, the same for the same seed."""
    chance = Random(seed)

    def cut(wire: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(wire):
            size = chance.randrange(1, largest + 1)
            yield wire[at : at + size]
            at += size

    return cut


@dataclass(frozen=True)
class Spoiling:
    """What is done to a recording on its way: to its n-th record, and to the bytes that telnet sends."""

    record: Callable[[int, bytes], bytes] = lambda _number, record: record
    wire: Callable[[bytes], bytes] = lambda wire: wire


class Replay(Serving):
    """Plays `recording`, which may be changed between connections, to each client."""

    def __init__(
        self,
        recording: Recording,
        *,
        segments: Segments = whole,
        gap_ms: float = 0,
        spoiling: Spoiling | None = None,
        port: int = 0,
        tn3270e: bool = True,
    ) -> None:
        super().__init__(port=port, tn3270e=tn3270e)
        self.recording, self.segments, self.gap_ms = recording, segments, gap_ms
        self.spoiling = spoiling or Spoiling()
        self.stays = True
        """Whether a connection is kept after the recording's end, until the client leaves."""
        self.heard: list[bytes] = []
        """The records that clients have sent."""
        self.played = 0
        """Recordings played to their end."""

    def send(self, record: bytes) -> None:
        """One more record, to every client there is."""
        asyncio.run_coroutine_threadsafe(self._send_all(record), self._loop).result()

    async def _send_all(self, record: bytes) -> None:
        for session in list(self._open.values()):
            await self._send(session, record)

    async def converse(self, session: DeviceSession, lu: str) -> None:  # noqa: ARG002
        number = 0
        for step in self.recording.steps:
            match step:
                case Pause(ms):
                    await asyncio.sleep(ms / 1000)
                case Key():
                    if not await self._hear(session):
                        return
                case Write(record):
                    number += 1
                    await self._send(session, self.spoiling.record(number, record))
        self.played += 1
        while self.stays and await self._hear(session):
            pass

    async def _hear(self, session: DeviceSession) -> bool:
        """False when the client has left."""
        if (record := await session.receive()) is not None:
            self.heard.append(record)
        return record is not None

    async def _send(self, session: DeviceSession, record: bytes) -> None:
        conn = session.conn
        for segment in self.segments(self.spoiling.wire(frame_record(conn.framing.wrap(record)))):
            conn.writer.write(segment)
            await conn.writer.drain()
            await asyncio.sleep(self.gap_ms / 1000)

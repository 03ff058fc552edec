"""One session: scenes are painted, keys are heard, and the switches do their harm in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mfmock.core.keys import Key
from mfmock.tn3270 import datastream as ds

from bridge.testing.mainframe.datastream import Drawing, Erase, Style
from bridge.testing.mainframe.desk import Desk, Heard, Scene, Told
from bridge.testing.mainframe.scenes import Cleared, Noise, SignOn
from bridge.testing.mainframe.transactions import NOTE_ROW, Listing

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from mfmock.core.ebcdic import Codec
    from mfmock.core.server import DeviceSession

    from bridge.testing.mainframe.switches import Switches, TwoWrites

BROADCAST_ROW, CLOCK_ROW = 12, 2
_LOOKS_S = 0.1
KEYBOARD_RESTORE = 0xC2
SHORT_READS = (Key.PA1, Key.PA2, Key.PA3, Key.UNKNOWN)


@dataclass
class Conversation:
    session: DeviceSession
    desk: Desk
    codec: Codec
    told: Callable[[Told], None]
    wire: Callable[[str, bytes | None], None]
    """Called with each record before it is sent, and with None for each that was received."""
    scene: Scene = field(default_factory=SignOn)
    _drawing: Drawing | None = None
    _covered: str = ""
    """By which message of the operator."""

    @property
    def switches(self) -> Switches:
        return self.desk.company.switches

    async def run(self) -> None:
        """Until either side ends it."""
        clock = asyncio.create_task(self._tick())
        try:
            await self._converse()
        finally:
            clock.cancel()

    async def _converse(self) -> None:
        goes_on = await self._show(self.scene)
        while goes_on and (record := await self.session.receive()) is not None:
            goes_on = await self._answer(record)

    async def tell(self, text: str) -> None:
        """What a host says that takes no session."""
        self._drawing = drawing = self._blank()
        drawing.bare(1, 1, text)
        await self._send(drawing.write(self._erase()))

    async def _tick(self) -> None:
        """Beside whatever shows, and whether the keyboard is locked or not."""
        while True:
            await asyncio.sleep(self.switches.clock_s or _LOOKS_S)
            drawing = self._drawing
            if self.switches.clock_s and drawing is not None and drawing.formatted:
                message = self._blank()
                self._clock(message)
                message.cursor = drawing.cursor
                await self._send(message.write(Erase.NOTHING, rows=(CLOCK_ROW,), unlock=False, wipe=False))

    def _clock(self, drawing: Drawing) -> None:
        counts = self.desk.company.counts
        counts["clocks"] += 1
        minutes, seconds = divmod(counts["clocks"] % 3600, 60)
        drawing.text(CLOCK_ROW, 70, f"12:{minutes:02}:{seconds:02}")

    async def _answer(self, record: bytes) -> bool:
        if not record:
            return True
        heard = self._heard(record)
        self.wire(self.desk.lu, None)
        self.desk.company.counts["keys"] += 1
        if self._covered:
            if heard.key not in (Key.ENTER, Key.CLEAR):
                await self._broadcast(self._covered)
                return True
            return await self._show(self.scene)
        if heard.key is Key.CLEAR:
            return await self._show(self.scene if self.switches.keeps else Cleared())
        if heard.key in SHORT_READS:
            return await self._show(self.scene)
        scene = self.scene.answer(heard, self.desk)
        return scene is not None and await self._show(scene)

    async def _show(self, scene: Scene) -> bool:
        """False when the session has ended instead."""
        switches = self.switches
        if switches.due("drop"):
            self.session.conn.writer.transport.abort()
            return False
        if switches.due("mute"):
            self.scene = scene
            return True
        if switches.due("abend"):
            scene = Cleared(switches.abend_text.format(code=scene.name))
        if switches.due("garbage"):
            scene = Noise(self.desk.company.counts["screens"])
        if switches.delay_ms:
            await asyncio.sleep(switches.delay_ms / 1000)
        if early := switches.early_ms.get(scene.name):
            await self._send(self._early())
            await asyncio.sleep(early / 1000)
        # Asked before the client sees that the screen is done.
        message = switches.broadcast_text if switches.due("broadcast") else ""
        await self.paint(scene)
        if message:
            await asyncio.sleep(switches.broadcast_ms / 1000)
            await self._broadcast(message)
        return True

    def _early(self) -> bytes:
        """Before the answer."""
        text, drawing = self.switches.early_text, self._drawing
        if not text or drawing is None or not drawing.formatted:
            return bytes([ds.CMD_WRITE, KEYBOARD_RESTORE])
        message = self._blank()
        row, column = self.switches.early_place
        message.text(row, column, text.format(self.desk.company.counts["keys"]))
        message.cursor = drawing.cursor
        return message.write(Erase.NOTHING, rows=(row,), unlock=self.switches.early_unlock, wipe=False)

    async def paint(self, scene: Scene) -> None:
        counts = self.desk.company.counts
        counts["screens"] += 1
        counts[scene.name] += 1
        drawing, again = self._blank(), scene.name == self.scene.name and self._drawing is not None
        scene.draw(drawing, self.desk)
        if self.switches.clock_s and drawing.formatted:
            self._clock(drawing)
        note = self.switches.note_alone and again and _is_note(scene, self.scene)
        self.scene, self._drawing, self._covered = scene, drawing, ""
        if note:
            record = drawing.write(Erase.NOTHING, rows=(NOTE_ROW,))
            await self._send(bytes([ds.CMD_WRITE, KEYBOARD_RESTORE]) + record[2:])
            return
        once = self.switches.hesitant if self.switches.due("hesitate") else None
        two = self.switches.two_writes or once
        if two is None or not drawing.formatted:
            await self._send(drawing.write(self._erase()))
        else:
            await self._paint_twice(drawing, two, Erase.NOTHING if again and two.overwrite else self._erase())

    async def _paint_twice(self, drawing: Drawing, two: TwoWrites, erase: Erase) -> None:
        later = range(two.row, two.until or drawing.rows + 1)
        first = [row for row in range(1, drawing.rows + 1) if two.again or row not in later]
        await self._send(drawing.write(erase, rows=first, unlock=two.unlock))
        if two.release is None:
            await asyncio.sleep(two.after_ms / 1000)
        else:
            await self._set(two.release)
        if self.switches.due("drop_between"):
            self.session.conn.writer.transport.abort()
            return
        await self._send(drawing.write(Erase.NOTHING, rows=later))

    async def _set(self, release: threading.Event) -> None:
        """Until a test's thread sets it, or the client leaves."""
        while not (release.is_set() or self.session.closed):  # noqa: ASYNC110 -- no event of this loop
            await asyncio.sleep(0.001)

    async def _broadcast(self, text: str) -> None:
        assert self._drawing is not None
        self._covered = text
        message = self._blank()
        text = text[: message.columns - 2]
        message.text(BROADCAST_ROW, 2, text.ljust(message.columns - 2), Style.ALARM)
        message.cursor = self._drawing.cursor
        await self._send(message.write(Erase.NOTHING, rows=range(BROADCAST_ROW, BROADCAST_ROW + 1)))

    def _heard(self, record: bytes) -> Heard:
        inbound = ds.parse_inbound(record)
        drawing = self._drawing
        entries = drawing.entries if drawing else {}
        fields = {entries[at].name: self._text(raw) for at, raw in inbound.fields.items() if at in entries}
        bare = b"" if entries else inbound.text + b"".join(raw for _, raw in sorted(inbound.fields.items()))
        heard = Heard(inbound.key, fields, self._text(bare))
        for name, text in fields.items() if entries else [("", heard.text)] if heard.text else []:
            self.told(Told(self.desk.lu, self.scene.name, name, text))
        return heard

    def _text(self, raw: bytes) -> str:
        return self.codec.decode(raw).replace("\0", "").strip()

    def _blank(self) -> Drawing:
        terminal = self.session.terminal
        return Drawing(terminal.rows, terminal.cols, self.codec, terminal.extended)

    def _erase(self) -> Erase:
        return Erase.ALTERNATE if self.session.terminal.alternate else Erase.DEFAULT

    async def _send(self, record: bytes) -> None:
        self.desk.company.counts["records"] += 1
        if self.switches.mutate:
            record = self.switches.mutate(self.desk.company.counts["records"], record)
        self.wire(self.desk.lu, record)
        await self.session.send(record)


def _is_note(scene: Scene, before: Scene) -> bool:
    """Whether nothing else of the list is another."""
    if not isinstance(scene, Listing) or not isinstance(before, Listing):
        return False
    return bool(scene.note) and replace(scene, note="") == replace(before, note="")

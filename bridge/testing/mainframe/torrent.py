"""Spoilt records by the thousand, each followed by a whole screen, which must show as if nothing had been."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from mfmock.core.ebcdic import CP037

from bridge.errors import TransientError
from bridge.testing.mainframe.datastream import Drawing, Erase, Style
from bridge.testing.mainframe.recording import Recording
from bridge.testing.mainframe.replay import Replay
from bridge.testing.mainframe.spoiling import spoilt
from connectors.mainframe.screen import Screen
from connectors.mainframe.terminal import Terminal

PATIENCE_S = 5
NUMBERS = 10**9
"""What a whole screen has room for."""


@dataclass
class Torrent:
    """What came of it."""

    streams: int = 0
    lost: int = 0
    """Sessions that ended over a spoilt record; each time the next one shows the whole screen."""
    wrong: list[str] = field(default_factory=list)
    """Seeds after which the whole screen was not the one that was sent."""


def whole(number: int) -> bytes:
    """A screen with all kinds of fields and a number; it erases what was there."""
    drawing = Drawing(24, 80, CP037)
    drawing.text(1, 2, f"WHOLE {number:09}", Style.TITLE)
    drawing.text(3, 2, "LABEL:", Style.LABEL)
    drawing.entry("plain", 3, 20, 8, "TYPED")
    drawing.entry("secret", 4, 20, 8, "SECRET", style=Style.HIDDEN)
    drawing.text(24, 2, "LAST LINE")
    return drawing.write(Erase.DEFAULT)


def pour(
    connect: Callable[[int], Terminal],
    records: Sequence[bytes],
    seeds: Iterable[int],
    until: Callable[[], bool],
) -> Torrent:
    """One spoilt record a seed, on one session for as long as it lasts, or until told to end.

    `connect` is given the port of a host. Errors: whatever a terminal raises but TransientError.
    """
    result = Torrent()
    with Replay(Recording.of(whole(0))) as replay:
        client, reference = _opened(connect, replay)
        for seed in seeds:
            if until():
                break
            result.streams += 1
            record, number = spoilt(Random(seed).choice(records), seed), seed % NUMBERS
            try:
                seen = _after(client, replay, record, number)
            except TransientError:
                result.lost += 1
                client.close()
                client, seen = _opened(connect, replay)
                number = 0
            if seen != expected(reference, number):
                result.wrong.append(f"{seed}: {seen.title}")
        client.close()
    return result


def expected(reference: Screen, number: int) -> Screen:
    return replace(reference, text=reference.text.replace(f"{0:09}", f"{number:09}", 1))


def _opened(connect: Callable[[int], Terminal], replay: Replay) -> tuple[Terminal, Screen]:
    client = connect(replay.port)
    return client, _awaited(client, 0)


def _after(client: Terminal, replay: Replay, record: bytes, number: int) -> Screen:
    replay.send(record)
    replay.send(whole(number))
    return _awaited(client, number)


def _awaited(client: Terminal, number: int) -> Screen:
    """The screen with this number; the last one there is, when it does not come."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        screen = client.screen()
        if screen.row(1).strip() == f"WHOLE {number:09}" or time.monotonic() > deadline:
            return screen
        client.wait(0.05)

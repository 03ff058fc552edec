"""What the host is told to do wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.testing.mainframe.customers import Customer

DEVICE_IN_USE, INV_DEVICE_NAME, UNKNOWN_ERROR = 1, 3, 6
"""Reasons to refuse an LU: RFC 2355, 7.1.6."""

ABEND = "DFHAC2206 17:20:33 CICSTEST Transaction {code} failed with abend ASRA."
BROADCAST = "*** OPERATOR: SYSTEM CICSTEST GOES DOWN AT 18:00 - PLEASE SIGN OFF ***"


@dataclass(frozen=True, slots=True)
class TwoWrites:
    """A screen painted in two writes.

    `overwrite`: without erasing, so that until the second one the lower half shows what was there before.
    `unlock`: the first gives the keyboard back already. Both together cannot be told from a finished screen
    by looking at it once.
    """

    after_ms: float = 20
    unlock: bool = True
    overwrite: bool = False
    row: int = 12
    """The first row of the second write."""
    until: int | None = None
    """The first row behind it, that the first write paints, too: as a frame, before what is in it."""
    again: bool = False
    """The first write paints all rows, and the second its own once more: what was typed there is gone."""
    release: threading.Event | None = None
    """What the second write waits for, instead of a time."""


@dataclass
class Switches:
    """Set at any time, from any thread. A countdown of 1 is the next screen of any session, 0 is never."""

    delay_ms: float = 0
    """Before each screen."""
    clock_s: float = 0
    """How often a clock in line 2 is written, whatever shows."""
    early_ms: dict[str, float] = field(default_factory=dict)
    """Scene -> how long before it the keyboard is given back, with nothing painted yet."""
    early_unlock: bool = True
    """Or the keyboard is not."""
    early_text: str = ""
    """What is painted then all the same; `{}` is another number each time."""
    early_place: tuple[int, int] = (22, 2)
    """Row and column."""
    two_writes: TwoWrites | None = None
    hesitate: int = 0
    """Countdown to a screen that is painted as `hesitant`, where `two_writes` says nothing else."""
    hesitant: TwoWrites = TwoWrites(overwrite=True)

    abend: int = 0
    """Countdown to a screen that is the abend message instead; its transaction has ended."""
    abend_text: str = ABEND
    drop: int = 0
    """Countdown to a screen instead of which the connection is reset."""
    drop_between: int = 0
    """Countdown to a screen in two writes between which the connection is reset."""
    mute: int = 0
    """Countdown to a screen that is never painted; the keyboard stays locked."""
    garbage: int = 0
    """Countdown to a screen of noise, until CLEAR."""
    broadcast: int = 0
    """Countdown to a screen over whose row 12 a message is written, until ENTER or CLEAR."""
    broadcast_text: str = BROADCAST
    broadcast_ms: float = 0
    """How long after that screen."""
    mutate: Callable[[int, bytes], bytes] | None = None
    """Given the number of each record that goes out, and the record, which it may spoil; see `spoiling`."""

    keeps: bool = False
    """CLEAR shows the same screen once more."""
    drift: int = 0
    """Cells by which the list's columns after ID, the detail's and the inquiry's values have moved right."""
    end_marker: bool = True
    """Whether the list's last page says END OF LIST, and the others MORE."""
    last_page: bool = False
    """Whether each page of the list says how many there are: PAGE 3 OF 20."""
    resumes: bool = False
    """Whether the list begins at the page that was shown last, by whichever session."""
    note_alone: bool = False
    """Whether a message on the list is written into its line alone, and what was typed is left to be sent."""
    by_key: bool = False
    """Whether PF8 goes on behind the last id shown (in order of id), instead of counting lines."""
    reorder: Callable[[Customer], object] | None = None
    """What the list is sorted by, instead of the id."""
    insert_between_pages: Callable[[int], Iterable[Customer]] | None = None
    """Asked before page n of the list is painted, n > 1."""
    delete_between_pages: Callable[[int], Iterable[str]] | None = None
    shown: dict[tuple[str, str], str] = field(default_factory=dict)
    """(id, field) -> what the screens show there, whatever the file has; such as a balance of `12.4X`."""
    denied: dict[str, str] = field(default_factory=dict)
    """id -> the message that an inquiry and the detail answer instead of data."""

    expired: bool = False
    """The password is right, and has expired."""
    locked: bool = False
    """The account is; also set by three wrong passwords in a row."""
    refuse_lu: int | None = None
    """The reason (RFC 2355) with which every session is refused, such as `INV_DEVICE_NAME`."""
    busy: set[str] = field(default_factory=set)
    """LUs that somebody else has."""
    session_limit: int | None = None
    """More sessions than this are told so, and ended."""

    _counting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def due(self, countdown: str) -> bool:
        """Whether the screen now painted is the one; counts it."""
        with self._counting:
            left: int = getattr(self, countdown)
            setattr(self, countdown, max(0, left - 1))
        return left == 1

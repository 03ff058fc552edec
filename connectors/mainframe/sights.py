"""What the host shows after a key, judged: the one model that lists, inquiries and details go by."""

from __future__ import annotations

from dataclasses import dataclass

AS_BEFORE = "it tells what it told before"


@dataclass(frozen=True, slots=True)
class Sight:
    """Of a screen that by its name is the one that is waited for.

    What it `lacks` is still to come, or not painted yet: it is waited for until the time is over. One that is
    `doubtful` may be all that comes, or half of it: it is believed once it has rested for long. Any other is
    whole, and believed once it rests.
    """

    lacks: str = ""
    doubtful: bool = False


WHOLE = Sight()

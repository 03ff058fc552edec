"""How much a poll takes on: one that is interrupted at its deadline would take on the same again.

Who begins anew after that has forgotten how long it took: so what is taken on first is little.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

SLICE_S = 3.0
"""A poll ends after about so long, with what it has: other streams have to get their turn."""


class Pace:
    """Fewer where they took too long, more where they did not. `most`: how many to take on."""

    def __init__(self, first: int = 1) -> None:
        self.most = first

    @contextmanager
    def of(self, count: int, taken: int = 0) -> Iterator[None]:
        """So many are dealt with inside, for so many that were taken on, where several of those are one."""
        began = monotonic()
        try:
            yield
        finally:
            spent = monotonic() - began
            if spent > SLICE_S:
                self.most = max(1, int(count * SLICE_S / spent))
            elif spent < SLICE_S / 2 and max(count, taken) >= self.most:
                self.most *= 2

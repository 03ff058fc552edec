"""Number ranges buffered in main memory: each application server draws blocks; numbers do not follow time.

SAP Help, "Number Range Buffering". The objects AENDBELEG (change documents) and ALE_CP (change pointers) are
buffered so.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice


class NumberRange:
    """Ten digits; `block`: how many numbers a server takes at once."""

    def __init__(self, first: int, block: int = 10) -> None:
        self._next = count(first)
        self._block = block
        self._buffers: dict[int, Iterator[int]] = {}

    def draw(self, server: int) -> str:
        """The next number of this server's block."""
        number = next(self._buffers.get(server, iter(())), None)
        if number is None:
            self._buffers[server] = iter(list(islice(self._next, self._block)))
            number = next(self._buffers[server])
        return f"{number:010}"

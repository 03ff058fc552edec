"""Ranges of keys that hold about as many rows as are wanted: pure.

Without an order, any n rows of a range may be answered when n are asked for: a page is a range whose answer
was smaller than what was asked for. What is guessed here only decides how many calls that takes: an end that
the database has in another order than Python has makes an empty range, and those are not gone on from.
"""

from __future__ import annotations

import re
from collections.abc import Collection

type Key = tuple[str, ...]
"""A place in the order of a relation's key: its values as the reader tells them, or the first few of them."""

_MOST_KEPT = 200_000
_SPARSE = 4
_DIGITS = re.compile(r"\d+")
_HEX = re.compile(r"[0-9A-F]+")


class Ranges:
    """Of one choice of rows of one table, from scan to scan."""

    def __init__(self, dated: Collection[int] = ()) -> None:
        """`dated`: which columns of the key hold dates or times: not every number is one."""
        self._dated = dated
        self._ends: dict[Key | None, tuple[Key, int]] = {}
        """Where a range began -> where it ended, and its rows."""
        self._guess: dict[Key | None, Key] = {}
        """The same of the one that comes next, by the keys of the last."""

    def end(self, after: Key | None, wanted: int) -> Key | None:
        """Where a range that begins there may end. None: it is not known."""
        if after not in self._ends:
            return self._guess.get(after)
        end, count = self._ends[after]
        while end in self._ends and count + self._ends[end][1] <= wanted:
            end, more = self._ends[end]
            count += more
        return end

    def had(self, after: Key | None, end: Key | None, first: Key | None, count: int, wanted: int) -> None:
        """A range had so many rows, the first of them with that key."""
        if end is None or not count:
            self._ends.pop(after, None)
            self._guess.clear()
            return
        if len(self._ends) >= _MOST_KEPT:
            self._ends.clear()
        self._ends[after] = (end, count)
        ahead = (
            beyond(first, end, wanted / count, self._dated) if first and count * _SPARSE > wanted else None
        )
        self._guess = {end: ahead} if ahead else {}


def beyond(first: Key, last: Key, share: float, dated: Collection[int] = ()) -> Key | None:
    """As far behind `last` as that is behind `first`, times `share`. None where they are no such numbers."""
    at = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    if at is None or at in dated or len(first[at]) != len(last[at]):
        return None
    for form, base in ((_DIGITS, 10), (_HEX, 16)):
        if form.fullmatch(first[at]) and form.fullmatch(last[at]):
            return _moved(last, at, int(first[at], base), share, base)
    return None


def _moved(last: Key, at: int, first: int, share: float, base: int) -> Key | None:
    width, number = len(last[at]), int(last[at], base)
    number += max(1, int((number - first) * min(share, 2.0)))
    if number < int(last[at], base) or number >= base**width:
        return None
    return (*last[:at], f"{number:0{width}{'d' if base == 10 else 'X'}}")  # noqa: PLR2004 -- digits

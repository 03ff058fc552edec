"""Numbers that were passed over: a transaction that commits late may still bring them.

A sequence gives numbers out when rows are written, not when they are committed, so that of two writers the
later one's number can be read first. What was passed over is remembered and asked for again until
`late_window` has passed. A number that was rolled back never comes, and is forgotten then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import gcd
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

MOST = 500
"""Gaps remembered of one table: a statement has two values for each, and a position must not grow large."""


class Gap(NamedTuple):
    """Nobody has seen the numbers from `first` (None: however small) to `last` since `since` (ms, epoch)."""

    first: int | None
    last: int
    since: int


def passed_over(before: int | None, numbers: pa.Array, since: int) -> tuple[Gap, ...]:
    """The gaps among `numbers`, ascending integers, that came after `before` (None: the first ever)."""
    steps = _steps(numbers)
    first = int(numbers[0].as_py())
    if before is None:
        return (Gap(None, first - 1, since), *(Gap(low + 1, high - 1, since) for low, high in steps))
    if first - before > 1:
        steps = [(before, first), *steps]
    return tuple(Gap(low + 1, high - 1, since) for low, high in steps)


def _steps(numbers: pa.Array) -> list[tuple[int, int]]:
    """Neighbours with numbers between them."""
    try:
        whole = numbers.cast(pa.int64())
        lower, upper = whole.slice(0, len(whole) - 1), whole.slice(1)
        at = pc.indices_nonzero(pc.greater(pc.subtract_checked(upper, lower), 1))
        return list(zip(lower.take(at).to_pylist(), upper.take(at).to_pylist(), strict=True))
    except pa.ArrowInvalid:  # beyond 64 bits
        each = [int(number) for number in numbers.to_pylist()]
        return [(low, high) for low, high in pairwise(each) if high - low > 1]


def without(gaps: Iterable[Gap], found: Iterable[int]) -> Iterator[Gap]:
    """What is left of `gaps`, ascending, after `found`, ascending, have come."""
    coming = iter(found)
    number = next(coming, None)
    for gap in gaps:
        first = gap.first
        while number is not None and number <= gap.last:
            if first is None or number >= first:
                if first is None or number > first:
                    yield Gap(first, number - 1, gap.since)
                first = number + 1
            number = next(coming, None)
        if first is None or first <= gap.last:
            yield Gap(first, gap.last, gap.since)


def remembered(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """As many as can be: of too many, those that a step of all numbers leaves, then those below the rest.

    Only then, for numbers that step by two on one node may be interleaved with those of another.
    """
    if len(gaps) > MOST:
        step = _step(gaps)
        gaps = [gap for gap in gaps if gap.first is None or gap.last - gap.first + 1 >= step]
    return tuple(gaps[-MOST:])


def _step(gaps: Sequence[Gap]) -> int:
    """By a multiple of which the numbers around the gaps are apart."""
    seen = [gap.last + 1 for gap in gaps] + [gap.first - 1 for gap in gaps if gap.first is not None]
    return gcd(*(number - seen[0] for number in seen))

"""What was passed over is exactly what has not come."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from connectors.jdbc.gaps import MOST, Gap, highest, passed_over, without

NUMBERS = st.lists(st.integers(-40, 40), min_size=1, unique=True).map(sorted)
SINCE = 7


def members(gaps: tuple[Gap, ...] | list[Gap], least: int = -50) -> set[int]:
    """The numbers in the gaps; what is open below is cut."""
    return {n for gap in gaps for n in range(least if gap.first is None else gap.first, gap.last + 1)}


@given(
    seen=NUMBERS, kind=st.sampled_from([pa.int64(), pa.int16(), pa.decimal128(20, 0), pa.decimal256(60, 0)])
)
def test_gaps_and_numbers_together_are_all_up_to_the_last(seen: list[int], kind: pa.DataType) -> None:
    gaps = passed_over(None, pa.array(seen, kind), SINCE)
    assert members(gaps) == set(range(-50, seen[-1] + 1)) - set(seen)
    assert all(gap.since == SINCE for gap in gaps)


@given(seen=NUMBERS, cut=st.integers(0, 80))
def test_it_does_not_matter_how_the_numbers_were_cut_into_batches(seen: list[int], cut: int) -> None:
    first, second = seen[:cut], seen[cut:]
    if not first or not second:
        return
    parts = passed_over(None, pa.array(first), SINCE) + passed_over(first[-1], pa.array(second), SINCE)
    assert parts == passed_over(None, pa.array(seen), SINCE)


@given(seen=NUMBERS, late=st.lists(st.integers(-60, 39), unique=True).map(sorted))
def test_what_has_come_is_no_longer_asked_for(seen: list[int], late: list[int]) -> None:
    gaps = passed_over(None, pa.array(seen), SINCE)
    left = list(without(gaps, late))
    assert members(left, -70) == members(gaps, -70) - set(late)
    assert all(high.first is not None and low.last < high.first for low, high in pairwise(left))
    assert all(gap.first is None or gap.first <= gap.last for gap in left)


@given(st.lists(st.integers(2**63, 2**64 - 1), min_size=1, unique=True).map(sorted))
def test_numbers_beyond_64_bits_have_gaps_too(seen: list[int]) -> None:
    gaps = passed_over(seen[0] - 5, pa.array(seen, pa.uint64()), SINCE)
    assert gaps[0] == Gap(seen[0] - 4, seen[0] - 1, SINCE)
    assert len(gaps) == 1 + sum(high - low > 1 for low, high in pairwise(seen))


def test_numbers_that_repeat_leave_no_gap() -> None:
    assert passed_over(1, pa.array([2, 2, 2, 3]), SINCE) == ()


def test_of_too_many_gaps_those_of_the_smallest_numbers_are_given_up() -> None:
    numbers = pa.array(range(0, 10 * MOST, 2))
    kept = highest(passed_over(None, numbers, SINCE))
    assert len(kept) == MOST
    assert kept[-1].last == 10 * MOST - 3

"""What was passed over is exactly what has not come."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from connectors.jdbc.gaps import MOST, Gap, passed_over, remembered, without

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
    numbers = [number for number in range(10 * MOST) if number % 7 not in (2, 5)]
    kept = remembered(passed_over(None, pa.array(numbers), SINCE))
    assert len(kept) == MOST
    assert members(kept) == {
        number for number in range(kept[0].first or 0, numbers[-1]) if number % 7 in (2, 5)
    }


@given(
    step=st.integers(2, 50), first=st.integers(-99, 99), late=st.sets(st.integers(1, 2 * MOST), max_size=9)
)
def test_numbers_that_a_step_leaves_out_push_no_late_ones_out(step: int, first: int, late: set[int]) -> None:
    """As of a node among several, which gives out each second or third number alone."""
    numbers = [first + step * number for number in range(2 * MOST + 2) if number not in late]
    kept = remembered(passed_over(numbers[0] - step, pa.array(numbers), SINCE))
    assert members(kept, -999) >= {first + step * number for number in late}
    assert len(kept) <= len(late)


def test_as_long_as_they_are_few_gaps_of_any_width_are_remembered() -> None:
    gaps = passed_over(1, pa.array(range(3, 2 * MOST + 3, 2)), SINCE)
    assert remembered(gaps) == gaps
    assert len(gaps) == MOST

"""Back-off: exponential with full jitter, between a floor and a cap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.retry import CAP_S, FLOOR_S, delay


@given(failures=st.integers(0, 10_000), asked=st.none() | st.floats(0, 1e6))
def test_a_wait_lies_between_the_floor_and_the_cap(failures: int, asked: float | None) -> None:
    assert FLOOR_S <= delay(failures, asked) <= CAP_S


@given(failures=st.integers(0, 50), asked=st.floats(0, CAP_S))
def test_the_source_gets_at_least_the_time_it_asked_for(failures: int, asked: float) -> None:
    assert delay(failures, asked) >= asked


@given(failures=st.integers(1, 6))
def test_early_waits_are_short(failures: int) -> None:
    assert delay(failures) <= FLOOR_S + 0.5 * 2**failures


def test_waits_grow_and_differ_from_one_another() -> None:
    late = [delay(20) for _ in range(200)]
    assert max(late) > 30.0
    assert len(set(late)) > 190

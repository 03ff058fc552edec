"""Crashes and rejects are counted in a window that moves with the clock."""

from __future__ import annotations

from bridge.intensity import Intensity, RejectShare


def test_one_event_more_than_allowed_within_the_window_is_too_many() -> None:
    crashes = Intensity(5, 300.0)
    assert [crashes.exceeded_by(float(at)) for at in range(6)] == [False] * 5 + [True]
    assert crashes.recent == 6


def test_events_outside_the_window_are_forgotten() -> None:
    crashes = Intensity(2, 300.0)
    assert not any(crashes.exceeded_by(at) for at in (0.0, 200.0, 300.0, 500.0, 600.0))
    assert crashes.exceeded_by(601.0)


def test_forgetting_starts_the_count_anew() -> None:
    crashes = Intensity(1, 300.0)
    crashes.exceeded_by(0.0)
    crashes.forget()
    assert not crashes.exceeded_by(1.0)


def test_the_share_of_rejects_is_that_of_the_window() -> None:
    share = RejectShare(60.0)
    share.add(0.0, rows=90, rejects=10)
    share.add(0.5, rows=10, rejects=0)
    assert (share.rows, share.rejects) == (100, 10)
    share.add(61.5, rows=5, rejects=1)
    assert (share.rows, share.rejects) == (5, 1)
    share.clear()
    assert (share.rows, share.rejects) == (0, 0)

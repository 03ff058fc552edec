"""The state table: what follows from what is known, and how bad it is."""

from __future__ import annotations

import itertools

import pytest

from bridge.contract import Level
from bridge.states import TABLE, Facts, State, derive, health

ORDER = [
    (State.FAILED, {"parked": True}),
    (State.PAUSED, {"paused": True}),
    (State.STALLED, {"late_s": 31.0}),
    (State.BACKOFF, {"failing": True}),
    (State.QUIET, {"quiet": True}),
]


def test_every_state_has_a_row() -> None:
    assert set(TABLE) == set(State)


@pytest.mark.parametrize(("state", "facts"), ORDER)
def test_each_fact_alone_makes_its_state(state: State, facts: dict[str, bool]) -> None:
    assert derive(Facts(polled=True, **facts)) is state


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ORDER, 2)))
def test_of_two_facts_the_graver_wins(
    first: tuple[State, dict[str, bool]], second: tuple[State, dict[str, bool]]
) -> None:
    assert derive(Facts(polled=True, **{**first[1], **second[1]})) is first[0]


def test_a_stream_is_running_once_a_poll_has_ended() -> None:
    assert derive(Facts()) is State.STARTING
    assert derive(Facts(polled=True)) is State.RUNNING


def test_a_poll_is_late_only_after_its_patience() -> None:
    assert derive(Facts(polled=True, late_s=30.0, patience_s=30.0)) is State.RUNNING
    assert derive(Facts(polled=True, late_s=30.1, patience_s=30.0)) is State.STALLED


def test_a_start_and_a_back_off_grow_worse_with_time_and_running_does_not() -> None:
    assert health(State.STARTING, 1.0, 30.0) is Level.OK
    assert health(State.STARTING, 31.0, 30.0) is Level.WARNING
    assert health(State.BACKOFF, 1.0, 300.0) is Level.WARNING
    assert health(State.BACKOFF, 301.0, 300.0) is Level.CRITICAL
    assert health(State.RUNNING, 1e9, 300.0) is Level.OK

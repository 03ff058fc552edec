"""The log has each change of a state once, however many streams change, and however often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.states import TABLE, State
from bridge.transitions import CALM_S, Transitions

TICK_S = 0.5


class Watched:
    """A connector whose log is looked at."""

    def __init__(self, lines: list[Any]) -> None:
        self.now, self.lines = 1000.0, lines
        self._transitions = Transitions("erp", self.now)

    def lives(self, seconds: float, state: str, error: str | None = None, **streams: str) -> list[str]:
        """So long in that state, looked at twice a second; what the log says meanwhile."""
        said = len(self.lines)
        for _ in range(round(seconds / TICK_S)):
            self._transitions.note(_status(state, error, streams), self.now)
            self.now += TICK_S
        return [line["event"] for line in self.lines[said:]]


def _status(state: str, error: str | None, streams: dict[str, str]) -> dict[str, Any]:
    own = {"state": State(state), "health": TABLE[State(state)].health, "error": error}
    each = {
        name: {
            "state": State(its),
            "health": TABLE[State(its)].health,
            "error": None if its == "RUNNING" else error,
        }
        for name, its in streams.items()
    }
    return {**own, "streams": each}


@pytest.fixture
def erp() -> Iterator[Watched]:
    with capture_logs() as lines:
        watched = Watched(lines)
        assert watched.lives(5, "STARTING") == []
        assert watched.lives(5, "RUNNING", orders="RUNNING") == ["connector: STARTING -> RUNNING"]
        yield watched


def test_an_outage_is_one_line_with_its_reason_and_one_when_it_is_over(erp: Watched) -> None:
    out = erp.lives(600, "BACKOFF", "Kafka does not answer", orders="BACKOFF")
    assert out == ["connector: RUNNING -> BACKOFF"]
    assert (erp.lines[-1]["log_level"], erp.lines[-1]["error"]) == ("warning", "Kafka does not answer")
    assert erp.lives(60, "RUNNING", orders="RUNNING") == ["connector: BACKOFF -> RUNNING"]
    assert (erp.lines[-1]["log_level"], erp.lines[-1]["lasted_s"]) == ("info", 600.0)


def test_streams_that_change_alike_are_one_line(erp: Watched) -> None:
    streams = dict.fromkeys("abcde", "BACKOFF")
    erp.lives(5, "RUNNING", **dict.fromkeys("abcde", "RUNNING"))
    assert erp.lives(60, "RUNNING", "no table", **streams) == ["streams: RUNNING -> BACKOFF"]
    assert erp.lines[-1]["streams"] == "a, b, c and 2 more"
    assert erp.lives(60, "RUNNING", **dict.fromkeys("abcde", "RUNNING")) == ["streams: BACKOFF -> RUNNING"]


def test_trouble_of_a_stream_is_not_over_because_its_connector_is_in_trouble_too(erp: Watched) -> None:
    assert erp.lives(9, "RUNNING", "locked", orders="BACKOFF") == ["streams: RUNNING -> BACKOFF"]
    assert erp.lives(9, "BACKOFF", "gone", orders="BACKOFF") == ["connector: RUNNING -> BACKOFF"]
    assert erp.lives(9, "RUNNING", "locked", orders="BACKOFF") == ["connector: BACKOFF -> RUNNING"]
    assert erp.lives(9, "RUNNING", orders="RUNNING") == ["streams: BACKOFF -> RUNNING"]


def test_workers_that_hang_one_after_the_other_are_one_line_until_it_is_over(erp: Watched) -> None:
    said = []
    for _ in range(50):
        said += erp.lives(5, "BACKOFF", "open did not return", orders="BACKOFF")
        said += erp.lives(35, "STARTING", "open did not return", orders="STARTING")
    assert said == ["connector: RUNNING -> BACKOFF"]
    assert erp.lives(5, "RUNNING", orders="RUNNING") == ["connector: BACKOFF -> RUNNING"]


@pytest.mark.parametrize("period_s", [1.0, 4.0, 10.0, 50.0])
def test_a_stream_that_flaps_for_a_day_costs_a_few_lines(erp: Watched, period_s: float) -> None:
    said = []
    for _ in range(round(86_400 / period_s / 2 / 10)):
        said += erp.lives(period_s, "RUNNING", "locked", orders="BACKOFF")
        said += erp.lives(period_s, "RUNNING", orders="RUNNING")
    assert len(said) < 15


def test_after_flapping_has_calmed_down_changes_are_told_at_once_again(erp: Watched) -> None:
    for _ in range(20):
        erp.lives(4, "RUNNING", "locked", orders="BACKOFF")
        erp.lives(4, "RUNNING", orders="RUNNING")
    erp.lives(CALM_S + 60, "RUNNING", orders="RUNNING")
    erp.lives(70, "RUNNING", "locked", orders="BACKOFF")
    assert erp.lives(2, "RUNNING", orders="RUNNING") == ["streams: BACKOFF -> RUNNING"]


def test_a_stream_that_is_parked_before_it_ever_ran_is_one_line_that_says_so() -> None:
    with capture_logs() as lines:
        erp = Watched(lines)
        erp.lives(5, "STARTING")
        told = erp.lives(60, "RUNNING", "no table", orders="FAILED", items="RUNNING")
        assert told == ["connector: STARTING -> RUNNING", "streams: STARTING -> FAILED"]
        assert (lines[-1]["log_level"], lines[-1]["error"]) == ("error", "no table")
        assert erp.lives(5, "RUNNING", orders="STARTING", items="RUNNING") == []
        assert erp.lives(60, "RUNNING", "no table", orders="FAILED", items="RUNNING") == []
        assert erp.lives(5, "RUNNING", orders="RUNNING", items="RUNNING") == ["streams: FAILED -> RUNNING"]


def test_a_connector_s_park_is_told_where_it_is_decided_and_its_end_here(erp: Watched) -> None:
    assert erp.lives(60, "FAILED", "wrong password", orders="FAILED") == []
    assert erp.lives(5, "STARTING", orders="STARTING") == []
    assert erp.lives(5, "RUNNING", orders="RUNNING") == ["connector: FAILED -> RUNNING"]

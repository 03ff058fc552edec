"""The states of a stream, in one table; the state is derived from what happened, never set by hand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.contract import Level


class State(StrEnum):
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STALLED = "STALLED"
    QUIET = "QUIET"
    PAUSED = "PAUSED"
    STANDBY = "STANDBY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Row:
    enters: str
    leaves: str
    health: Level
    overdue: Level
    """The health once the state has lasted longer than it should."""


TABLE: dict[State, Row] = {
    State.STARTING: Row(
        "spawned, opening, reading positions, resumed", "first poll", Level.OK, Level.WARNING
    ),
    State.RUNNING: Row("a poll ended within its deadline", "-", Level.OK, Level.WARNING),
    State.BACKOFF: Row("TransientError", "a poll that succeeds", Level.WARNING, Level.CRITICAL),
    State.STALLED: Row(
        "a poll past max(2 x interval, deadline)", "it ends, or is killed", Level.CRITICAL, Level.CRITICAL
    ),
    State.QUIET: Row("quiet_hours", "they end", Level.OK, Level.OK),
    State.PAUSED: Row("`pause`", "`resume`", Level.WARNING, Level.WARNING),
    State.STANDBY: Row("fenced by another owner", "its lease ends, or `resume`", Level.OK, Level.OK),
    State.FAILED: Row(
        "parked", "`resume`, a changed configuration or credential", Level.CRITICAL, Level.CRITICAL
    ),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a stream at one moment; times in seconds."""

    parked: bool = False
    paused: bool = False
    quiet: bool = False
    failing: bool = False
    polled: bool = False
    """At least one poll has ended since the start, or since `resume`."""
    late_s: float = 0.0
    """For how long a poll has been running, or has been due without beginning."""
    patience_s: float = 30.0
    """max(2 x interval, deadline)"""


def derive(facts: Facts) -> State:
    """The state that follows from the facts; the first that applies wins. STANDBY is a whole connector's."""
    answers = (
        (State.FAILED, facts.parked),
        (State.PAUSED, facts.paused),
        (State.STALLED, facts.late_s > facts.patience_s),
        (State.BACKOFF, facts.failing),
        (State.QUIET, facts.quiet),
        (State.STARTING, not facts.polled),
    )
    return next((state for state, applies in answers if applies), State.RUNNING)


def health(state: State, lasting_s: float, limit_s: float) -> Level:
    """How a monitoring system should see a state that has lasted so long."""
    row = TABLE[state]
    return row.overdue if lasting_s > limit_s and state is not State.RUNNING else row.health

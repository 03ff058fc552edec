"""What a worker last said of itself, and what that makes of its connector's state and health."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from bridge.contract import Level
from bridge.states import State, health

SILENT_S = 30.0
"""A worker that sends no heartbeat for so long is dead or frozen, and is killed."""
COUNTERS = ("polls", "rows", "events", "bytes", "rejects")


class Life(NamedTuple):
    """What the supervisor knows of a worker without its word."""

    alive: bool
    parked: str | None
    last_exit: str | None


class Judgement(NamedTuple):
    """A connector's state, how bad that is, and why."""

    state: State
    level: Level
    error: str | None


class Pulse:
    """The heartbeats of a connector's workers, one worker after the other."""

    def __init__(self, starting_s: float, critical_after_s: float) -> None:
        self._starting_s, self._critical_after_s = starting_s, critical_after_s
        self._beat: dict[str, Any] = {}
        self._at = 0.0
        self._before: dict[str, dict[str, int]] = {}
        """Counters of the workers before this one, so that totals never fall."""
        self._state, self._state_since = State.STARTING, time.monotonic()

    def begin(self) -> None:
        """Another worker was started."""
        self._beat, self._at = {}, time.monotonic()

    def take(self, beat: dict[str, Any]) -> None:
        self._beat, self._at = beat, time.monotonic()

    def end(self) -> None:
        """The worker has ended; what it counted remains."""
        for name, stream in self._beat.get("streams", {}).items():
            self._before[name] = _counters(self._with_totals(name, stream))
            stream.update(dict.fromkeys(COUNTERS, 0))

    @property
    def holds(self) -> bool:
        """The worker has said that the connector is its own."""
        return bool(self._beat.get("holds"))

    @property
    def standby(self) -> bool:
        return bool(self._beat.get("standby"))

    @property
    def silent_s(self) -> float:
        """Since the last heartbeat, or since the worker was started."""
        return time.monotonic() - self._at

    def status(self, life: Life) -> dict[str, Any]:
        """`state`, `health`, `state_s`, `error`, `beat_age_s` and `streams`, as docs/health.md has them."""
        judged = self._judge(life)
        if judged.state is not self._state:
            self._state, self._state_since = judged.state, time.monotonic()
        streams = {
            name: self._with_totals(name, each) for name, each in self._beat.get("streams", {}).items()
        }
        if not life.alive:
            streams = {name: self._left_alone(each, judged) for name, each in streams.items()}
        return {
            "state": judged.state,
            "health": judged.level,
            "state_s": round(self._lasting_s, 1),
            "error": judged.error,
            "beat_age_s": round(self.silent_s, 1) if self._at else None,
            "streams": streams,
        }

    @property
    def _lasting_s(self) -> float:
        return time.monotonic() - self._state_since

    def _left_alone(self, stream: Mapping[str, Any], judged: Judgement) -> dict[str, Any]:
        """A stream without a worker: in its connector's state, and its lag goes on growing."""
        lag = stream["lag_s"]
        return {
            **stream,
            "state": judged.state,
            "health": judged.level,
            "error": judged.error,
            "lag_s": None if lag is None else round(lag + self.silent_s, 3),
        }

    def _with_totals(self, name: str, stream: Mapping[str, Any]) -> dict[str, Any]:
        before = self._before.get(name, {})
        return {**stream, **{counter: stream[counter] + before.get(counter, 0) for counter in COUNTERS}}

    def _judge(self, life: Life) -> Judgement:
        if life.parked is not None:
            return self._judged(State.FAILED, life.parked)
        if not life.alive and life.last_exit is None:
            return self._judged(State.STARTING, None)
        if not life.alive:
            return self._judged(State.BACKOFF, life.last_exit)
        if self.silent_s > SILENT_S / 3:
            return self._judged(State.STALLED, "the worker sends no heartbeat")
        state = State(self._beat.get("state", State.STARTING))
        if state is State.RUNNING and not self._beat["streams"]:
            nothing = "no stream was found; a pattern under `streams:` may match nothing"
            return Judgement(state, Level.WARNING, nothing)
        return self._judged(state, self._beat.get("error"))

    def _judged(self, state: State, error: str | None) -> Judgement:
        limit_s = self._starting_s if state is State.STARTING else self._critical_after_s
        return Judgement(state, health(state, self._lasting_s, limit_s), error)


def _counters(stream: Mapping[str, Any]) -> dict[str, int]:
    return {counter: stream[counter] for counter in COUNTERS}

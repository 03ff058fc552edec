"""What a worker last said of itself, and what that makes of its connector's state and health."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from bridge.config.options import ConnectorSettings
from bridge.contract import Level
from bridge.intensity import REJECT_WINDOW_S
from bridge.states import State, health

SILENT_S = 30.0
"""A worker that sends no heartbeat for so long is dead or frozen, and is killed."""
RHYTHM_S = 1.0
"""A heartbeat is due twice in so long: what it says is as good as now."""
COUNTERS = ("polls", "scans", "rows", "events", "bytes", "rejects", "reread", "resnapshots")

REJECTED = "dead letters within the last five minutes; see `dead-letters list`"

UNWELL = (State.STARTING, State.BACKOFF, State.STALLED, State.FAILED)
UNPOLLED = (State.STARTING, State.STALLED)
"""A call that hangs in every worker is over when each stream was polled, not when a worker begins to."""


class Life(NamedTuple):
    """What the supervisor knows of a worker without its word."""

    alive: bool
    parked: str | None
    last_exit: str | None
    waits: str | None = None
    """What it cannot be started for."""


class Judgement(NamedTuple):
    """A connector's state, how bad that is, and why."""

    state: State
    level: Level
    error: str | None


class Pulse:
    """The heartbeats of a connector's workers, one worker after the other."""

    def __init__(self, connector: ConnectorSettings, critical_after_s: float) -> None:
        self._connector, self._critical_after_s = connector, critical_after_s
        self._starting_s = connector.defaults.deadline
        self._beat: dict[str, Any] = {}
        self._at = 0.0
        self._streams: dict[str, dict[str, Any]] = {}
        """As they were last heard of: of this worker, or of the one before until this one knows its own."""
        self._current: dict[str, float] = {}
        """When each was last up to date with its source."""
        self._rejected: dict[str, float] = {}
        """When each was last heard to have written dead letters."""
        self._before: dict[str, dict[str, int]] = {}
        """Counters of the workers before this one, so that totals never fall."""
        self._state, self._state_since = State.STARTING, time.monotonic()
        self._unwell_since: float | None = self._state_since
        """Since when it has not been well: over all workers that did not get that far."""
        self._ended: str | None = None
        """How the last worker ended, unless the connector has been well since."""

    def begin(self) -> None:
        """Another worker was started."""
        self._beat, self._at = {}, time.monotonic()

    def take(self, beat: dict[str, Any]) -> None:
        known = self._beat.get("streams", {})
        self._beat, self._at = beat, time.monotonic()
        if beat.get("streams") or beat.get("state") == State.RUNNING:
            self._streams = beat["streams"]
        for name, stream in beat.get("streams", {}).items():
            if stream["rejects"] > (known[name]["rejects"] if name in known else 0):
                self._rejected[name] = self._at
            if stream["lag_s"] is not None:
                self._current[name] = self._at - stream["lag_s"]
            elif stream["polls"]:
                self._current.setdefault(name, self._at)  # behind since then at least

    def note_letters(self, stream: str) -> None:
        """The worker is about to write some, and may not live to count them."""
        self._rejected[stream] = time.monotonic()

    def end(self, how: str | None) -> None:
        """The worker has ended, badly if `how` says so; what it counted remains."""
        self._ended = how
        for name, stream in self._streams.items():
            self._before[name] = _counters(self._with_totals(name, stream))
        self._streams = {name: {**each, **dict.fromkeys(COUNTERS, 0)} for name, each in self._streams.items()}
        self._beat = {**self._beat, "streams": {}}

    def follow(self, other: Pulse) -> None:
        """The connector has been changed: what its workers counted before, and their dead letters, remain."""
        other.end(None)
        self._before, self._rejected = other._before, other._rejected

    def forgive(self) -> None:
        """What happened so far does not count: somebody has done something about it."""
        self._ended = self._unwell_since = None

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
        state, error = self._found(life)
        self._note(state)
        judged = self._judged(state, error)
        told = life.alive and bool(self._beat.get("streams"))
        return {
            "state": judged.state,
            "health": judged.level,
            "state_s": round(self._lasting_s, 1),
            "error": judged.error,
            "beat_age_s": round(self.silent_s, 1) if self._at else None,
            "streams": {
                name: self._with_totals(
                    name, self._worry(name, each) if told else self._left_alone(each, judged)
                )
                | {"lag_s": self._lag_s(name, each)}
                for name, each in self._streams.items()
            },
        }

    # -- the connector

    def _found(self, life: Life) -> tuple[State, str | None]:
        if life.parked is not None:
            return State.FAILED, life.parked
        if not life.alive and life.waits is not None:
            return State.BACKOFF, life.waits
        if not life.alive and life.last_exit is None:
            return State.STARTING, None
        if not life.alive:
            return State.BACKOFF, life.last_exit
        if self.silent_s > SILENT_S / 3:
            return State.STALLED, "the worker sends no heartbeat"
        return State(self._beat.get("state", State.STARTING)), self._beat.get("error")

    def _note(self, state: State) -> None:
        now = time.monotonic()
        if state is not self._state:
            self._state, self._state_since = state, now
        streams = self._beat.get("streams", {}).values()
        if state not in UNWELL and not any(each["state"] in UNPOLLED for each in streams):
            self._unwell_since = self._ended = None
        elif self._unwell_since is None:
            self._unwell_since = now

    @property
    def _lasting_s(self) -> float:
        return time.monotonic() - self._state_since

    @property
    def _unwell_s(self) -> float:
        return 0.0 if self._unwell_since is None else time.monotonic() - self._unwell_since

    def _judged(self, state: State, error: str | None) -> Judgement:
        if state in (State.STARTING, State.RUNNING) and self._ended is not None:
            limit_s = self._critical_after_s + self._starting_s
            return Judgement(state, health(State.BACKOFF, self._unwell_s, limit_s), self._ended)
        if state is State.RUNNING and not self._streams:
            nothing = "no stream was found; a pattern under `streams:` may match nothing"
            return Judgement(state, Level.WARNING, nothing)
        if state is State.RUNNING and (unfit := self._connector.unfit(self._streams)):
            nothing = f"entries of `streams:` that fit nothing that is there: {', '.join(unfit)}"
            return Judgement(state, Level.WARNING, nothing)
        if state is State.STARTING:
            return Judgement(state, health(state, self._lasting_s, self._starting_s), error)
        lasting = self._unwell_s if state is State.BACKOFF else self._lasting_s
        return Judgement(state, health(state, lasting, self._critical_after_s), error)

    # -- its streams

    def _worry(self, name: str, stream: Mapping[str, Any]) -> Mapping[str, Any]:
        """A stream that runs, with a warning of dead letters, which outlives the worker that wrote them."""
        recent = time.monotonic() - self._rejected.get(name, -math.inf) < REJECT_WINDOW_S
        if not recent or stream["state"] != State.RUNNING:
            return stream
        why = "; ".join(filter(None, (stream["error"], REJECTED)))
        return {**stream, "health": Level.WARNING, "error": why}

    def _left_alone(self, stream: Mapping[str, Any], judged: Judgement) -> dict[str, Any]:
        """A stream no worker speaks of: in its connector's state."""
        return {
            **stream,
            "state": judged.state,
            "health": judged.level,
            "state_s": round(self._lasting_s, 1),
            "error": judged.error,
            "resnapshot": None if judged.state is State.STANDBY else stream.get("resnapshot"),
        }

    def _lag_s(self, name: str, stream: Mapping[str, Any]) -> float | None:
        """As the worker says; it grows while there is none that does. A standby cannot know it."""
        if self._state is State.STANDBY:
            return None
        lag_s: float | None = stream["lag_s"]
        fresh = name in self._beat.get("streams", {}) and self.silent_s <= RHYTHM_S
        if name not in self._current or (fresh and lag_s is not None):
            return lag_s
        return round(time.monotonic() - self._current[name], 3)

    def _with_totals(self, name: str, stream: Mapping[str, Any]) -> dict[str, Any]:
        before = self._before.get(name, {})
        return {**stream, **{counter: stream[counter] + before.get(counter, 0) for counter in COUNTERS}}


def _counters(stream: Mapping[str, Any]) -> dict[str, int]:
    return {counter: stream[counter] for counter in COUNTERS}

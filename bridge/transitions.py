"""Tells the log when a connector, or a stream of it, comes into another state: once, and with the reason.

A state is told when it has lasted a moment. Whatever changes again and again must hold still for longer each
time: so a stream that flaps costs a few lines, not a few a minute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog

from bridge.contract import Level
from bridge.states import State

log = structlog.get_logger("bridge.supervisor")

SHORTEST_S = 1.0
LONGEST_S = 60.0
CALM_S = 300.0
"""What was not told of for so long does not flap."""
MOST_NAMES = 3

type Status = Mapping[str, Any]


class Change(NamedTuple):
    """Out of a state that had lasted so long."""

    was: State
    lasted_s: float


class Watch:
    """What was told of a connector or stream. STARTING is never told: what it leads to is."""

    def __init__(self, told: State, now: float) -> None:
        self._told = self._seen = told
        self._told_since = self._seen_since = now
        self._told_at = -math.inf
        self._patience_s = SHORTEST_S

    def change(self, state: State, now: float) -> Change | None:
        """Look at monotonic time `now`; not None: the change is to be told."""
        if state is not self._seen:
            self._seen, self._seen_since = state, now
        if state in (self._told, State.STARTING) or now - self._seen_since < self._patience_s:
            return None
        change = Change(self._told, self._seen_since - self._told_since)
        calm = now - self._told_at > CALM_S
        self._patience_s = SHORTEST_S if calm else min(LONGEST_S, 2 * self._patience_s)
        self._told, self._told_since, self._told_at = state, self._seen_since, now
        return change


class Transitions:
    """Those of one connector and its streams, from one status (Child.status) after the other."""

    def __init__(self, connector: str, now: float) -> None:
        self._name, self._connector = connector, Watch(State.STARTING, now)
        self._streams: dict[str, Watch] = {}

    def note(self, status: Status, now: float) -> None:
        """Tell what has changed; a connector's park is told where it is decided."""
        change = self._connector.change(State(status["state"]), now)
        if change and status["state"] != State.FAILED:
            self._say("connector", status, change)
        self._streams = {
            name: self._streams.get(name) or Watch(State.STARTING, now) for name in status["streams"]
        }
        for names, stream, change in self._changed(status, now):
            self._say("streams", stream, change, streams=_listed(names))

    def _changed(self, status: Status, now: float) -> list[tuple[list[str], Status, Change]]:
        """Streams that changed alike, together; that one has begun to run, its connector's line tells.

        One that is as its connector is has no trouble of its own.
        """
        alike: dict[tuple[State, str | None], tuple[list[str], Status, Change]] = {}
        for name, stream in status["streams"].items():
            if stream["state"] == status["state"] != State.RUNNING:
                continue
            state = State(stream["state"])
            change = self._streams[name].change(state, now)
            if change and (change.was, state) != (State.STARTING, State.RUNNING):
                key = (stream["state"], stream["error"])
                alike.setdefault(key, ([], stream, change))[0].append(name)
        return list(alike.values())

    def _say(self, what: str, item: Status, change: Change, **facts: str) -> None:
        say = {Level.OK: log.info, Level.WARNING: log.warning}.get(Level(item["health"]), log.error)
        say(
            f"{what}: {change.was} -> {item['state']}",
            connector=self._name,
            **facts,
            error=item["error"],
            lasted_s=round(change.lasted_s, 1),
        )


def _listed(names: list[str]) -> str:
    rest = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")

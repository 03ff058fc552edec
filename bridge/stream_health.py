"""How a stream is, as health, metrics and the status page see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.contract import Level
from bridge.progress import Progress
from bridge.rereading import Rereading
from bridge.states import Facts, State, derive, health


@dataclass(frozen=True, slots=True)
class Moment:
    """What is true of the whole connector now. `now` is monotonic, `wall` is for quiet hours."""

    now: float
    wall: datetime
    critical_after: float
    source: str | None
    """Why the whole source cannot be reached."""
    kafka: str | None
    """Why Kafka cannot be reached."""
    held: str | None
    """What holds up those that are due."""

    @property
    def trouble(self) -> str | None:
        return self.kafka or self.source


def describe(progress: Progress, moment: Moment, again: Rereading | None = None) -> dict[str, Any]:
    """One stream's part of a heartbeat; its state is noted, since a state has a beginning."""
    now, options = moment.now, progress.options
    state = derive(_facts(progress, moment))
    if state is not progress.state:
        progress.state, progress.state_since = state, now
    lasting = now - progress.state_since
    concern = _concern(progress, moment)
    if concern is None and again and again.parked:
        concern = f"the resnapshot waits for `resume`: {again.parked}"
    level = health(state, lasting, options.deadline if state is State.STARTING else moment.critical_after)
    return {
        "state": state,
        "health": Level.WARNING if level is Level.OK and concern else level,
        "state_s": round(lasting, 1),
        "error": progress.parked or concern or progress.error or moment.trouble,
        "lag_s": None if progress.current_at is None else round(now - progress.current_at, 3),
        "next_poll_s": round(max(0.0, progress.due - now), 1),
        "polls": progress.polls,
        "scans": progress.scans,
        "rows": progress.rows,
        "events": progress.events,
        "bytes": progress.bytes,
        "rejects": progress.rejects,
        "reread": progress.reread,
        "resnapshots": progress.resnapshots,
        "failures": progress.failures,
        "paused": progress.paused,
        "caveats": sorted(progress.stream.caveats),
        "resnapshot": _told(again) if again else None,
    }


def _told(again: Rereading) -> dict[str, Any]:
    order, error = again.order, again.parked or again.error
    return {"rows": order.rows, "at": order.at, "by": order.by, "within": order.within, "error": error}


def _facts(progress: Progress, moment: Moment) -> Facts:
    options = progress.options
    quiet = progress.rest_s(moment.wall) > 0 and progress.polling_since is None
    fails = moment.source is not None or progress.failures > 0
    return Facts(
        parked=bool(progress.parked) or progress.gone,
        paused=bool(progress.paused),
        quiet=quiet,
        failing=moment.kafka is not None or (fails and not quiet),
        polled=progress.polled,
        late_s=0.0 if moment.trouble or quiet else progress.late_s(moment.now),
        patience_s=max(2 * options.interval, options.deadline),
    )


def _concern(progress: Progress, moment: Moment) -> str | None:
    """Why the health is not OK where nothing has failed."""
    match progress.state:
        case State.STALLED:
            return _stall(progress, moment.held)
        case State.PAUSED:
            return f"by {progress.paused}"
        case State.RUNNING:
            return _worry(progress, moment)
        case _:
            return None


def _stall(progress: Progress, held: str | None) -> str:
    if progress.polling_since is not None:
        return f"its poll runs past the deadline of {progress.options.deadline:.0f} s"
    return f"due, and not polled: {held or 'others are'}"


def _worry(progress: Progress, moment: Moment) -> str | None:
    patience_s = max(moment.critical_after, progress.patience_s(moment.wall))
    if progress.behind_since is not None and moment.now - progress.behind_since > patience_s:
        return "behind its source"
    if progress.blind is not None:
        return f"deletes are not looked for: {progress.blind}"
    return None

"""Waiting until the daemon has published what a source that is read as a whole showed at some moment."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from bridge import ask
from bridge.config.options import Settings
from bridge.errors import BridgeError
from bridge.states import State

type Progress = Callable[[str, int, int | None], None]
"""Told what is being read, how much of it has been, and how much there is, where that is known."""

LOOK_S = 0.5
ANSWER_S = 5.0
SPARE_S = 60.0
"""Besides two intervals: a scan takes its time."""
RHYTHM_S, ROUNDED_S = 1.0, 0.1
"""What a worker said longer ago is not as good as now; how far a time of the status may be off."""
AT_REST = (State.FAILED, State.PAUSED, State.QUIET, State.STANDBY)
"""In these no scan is to be waited for."""


def wait_for_scans(
    settings: Settings, connector: str, since: Mapping[str, float], progress: Progress
) -> dict[str, str]:
    """Until each stream has published a whole scan that began after its moment (monotonic).

    Those for which that is in vain, each with the reason.
    """
    options, began = settings.connectors[connector], time.monotonic()
    left, vain = dict(since), dict[str, str]()
    while left:
        asked = time.monotonic()
        try:
            status = ask.ask(settings.daemon.run_dir / ask.STATUS, {"command": "status"}, ANSWER_S)
        except BridgeError as error:
            return vain | dict.fromkeys(left, error.text)
        found = status["connectors"].get(connector, {})
        for stream, moment in tuple(left.items()):
            patience_s = 2 * options.stream(stream).interval + SPARE_S - (asked - began)
            if asked - _age_s(found, stream) > moment:
                del left[stream]
            elif reason := _hopeless(found, stream, patience_s):
                vain[stream] = reason
                del left[stream]
        if left:
            progress(f"seconds until the next scan of {min(left)} is published", round(asked - began), None)
            time.sleep(LOOK_S)
    return vain


def _age_s(connector: Mapping[str, Any], stream: str) -> float:
    """How old the beginning of the last whole scan is that was published, at the most."""
    lag_s: float | None = connector.get("streams", {}).get(stream, {}).get("lag_s")
    beat_s: float | None = connector.get("beat_age_s")
    if lag_s is None or beat_s is None or beat_s > RHYTHM_S:
        return math.inf
    return lag_s + beat_s + ROUNDED_S


def _hopeless(connector: Mapping[str, Any], stream: str, patience_s: float) -> str:
    """Why a new scan is not to be waited for; empty when it is."""
    state, found = connector.get("state"), connector.get("streams", {}).get(stream)
    if state is None:
        return "the daemon has no such connector"
    if patience_s < 0:
        return "no new scan of it was published in time"
    if found is None:
        return "the daemon does not run it" if state in (State.RUNNING, *AT_REST) else ""
    if state == State.STANDBY or found["state"] in AT_REST:
        return f"its state is {state if state == State.STANDBY else found['state']}"
    if found["next_poll_s"] > patience_s:
        return f"its next scan begins in {found['next_poll_s']:.0f} s"
    return ""

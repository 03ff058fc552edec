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
            patience = 2 * options.stream(stream).interval + SPARE_S
            if asked - _lag_s(found, stream) > moment:
                del left[stream]
            elif reason := _hopeless(found, stream) or _overdue(asked - began, patience):
                vain[stream] = reason
                del left[stream]
        if left:
            progress(f"seconds until the next scan of {min(left)} is published", round(asked - began), None)
            time.sleep(LOOK_S)
    return vain


def _lag_s(connector: Mapping[str, Any], stream: str) -> float:
    """How old the beginning of the last whole scan is that was published."""
    lag: float | None = connector.get("streams", {}).get(stream, {}).get("lag_s")
    return math.inf if lag is None else lag


def _hopeless(connector: Mapping[str, Any], stream: str) -> str:
    state = connector.get("state")
    if state is None:
        return "the daemon has no such connector"
    found = connector.get("streams", {}).get(stream)
    if found is None:
        return "the daemon does not run it" if state in (State.RUNNING, *AT_REST) else ""
    if state == State.STANDBY or found["state"] in AT_REST:
        return f"its state is {state if state == State.STANDBY else found['state']}"
    return ""


def _overdue(waited: float, patience: float) -> str:
    return f"no new scan of it was published within {patience:.0f} s" if waited > patience else ""

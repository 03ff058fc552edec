"""`legacy-bridge pause CONNECTOR`: no more polls until `resume`, restarts of the daemon included."""

from __future__ import annotations

from functools import partial

from bridge.cli import orders

add = partial(
    orders.add, "pause", "Stop polling a connector, or one of its streams; kept over restarts and logged."
)

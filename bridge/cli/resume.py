"""`legacy-bridge resume CONNECTOR`: ends a pause, a park, or a standby."""

from __future__ import annotations

from functools import partial

from bridge.cli import orders

add = partial(
    orders.add,
    "resume",
    "End a pause, try again what was parked (FAILED); on a standby, take the connector over.",
)

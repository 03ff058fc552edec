"""`legacy-bridge resume CONNECTOR`: ends a pause or a park; or a standby, and nothing else."""

from __future__ import annotations

from functools import partial

from bridge.cli import orders

add = partial(
    orders.add,
    "resume",
    "End a pause, retry what was parked (FAILED); on a standby, take the connector over and keep its pauses.",
)

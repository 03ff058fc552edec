"""The measures of the spine: encoding, the first event, an idle daemon, what exactly once costs."""

from __future__ import annotations

from collections.abc import Iterator

from bench import encode, idle, once, starting
from bench.measures import Measure
from bench.stage import stage
from bridge.testing.kafka import FAST_START, SUSTAINED


def measures() -> Iterator[Measure]:
    """A median each, where not said otherwise."""
    yield from encode.measures()
    with stage(FAST_START) as servers:  # answers like a broker that has long been warm
        yield from starting.measures(servers)
        yield from idle.measures(servers)
    with stage(SUSTAINED) as servers:
        yield from once.measures(servers)

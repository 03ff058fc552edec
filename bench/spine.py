"""The measures of the spine: encoding, the first event, an idle daemon, what exactly once costs."""

from __future__ import annotations

from collections.abc import Iterator

from bench import encode, idle, once, starting
from bench.measures import Measure
from bench.stage import stage


def measures() -> Iterator[Measure]:
    """A median each, where not said otherwise."""
    yield from encode.measures()
    with stage() as servers:
        yield from starting.measures(servers)
        yield from idle.measures(servers)
        yield from once.measures(servers)

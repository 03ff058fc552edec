"""`python -m bench [--only SUITE]`: measures, against what they must be; exit code 1 when one is missed."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import signal
import sys
from collections.abc import Iterator

from bench.measures import Measure, keep, show
from bench.processes import others_share
from bridge.testing.databases import DatabaseError
from bridge.testing.kafka import BrokerError

SUITES = ("spine", "jdbc", "mainframe", "oracle", "sap")
"""Each is a module of this package with `measures()`, from the issue on that brings it."""


def available() -> list[str]:
    return [name for name in SUITES if importlib.util.find_spec(f"bench.{name}")]


def run(suite: str) -> bool:
    """Print and keep one suite's measures as they come; whether all that must hold does."""
    print(f"{suite}:", flush=True)
    found = [Measure("the machine was busy with other things before", others_share(), "%")]
    try:
        for measure in _measures(suite):
            found.append(measure)
            print(f"  {measure.name}: {measure.value:,.2f} {measure.unit} {measure.holds}", flush=True)
    except (BrokerError, DatabaseError) as error:
        print(f"bench {suite}: {error}", file=sys.stderr)
        return False
    show(found)
    print(f"also in {keep(suite, found)}")
    return not any(measure.missed for measure in found)


def _measures(suite: str) -> Iterator[Measure]:
    yield from importlib.import_module(f"bench.{suite}").measures()


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="measures, against what they must be")
    parser.add_argument(
        "--only", metavar="SUITE", help=f"one of {', '.join(SUITES)} (default: all there are)"
    )
    only = parser.parse_args().only
    if only and only not in SUITES:
        parser.error(f"no suite {only!r}; there are: {', '.join(SUITES)}")
    if only and only not in available():
        print(f"bench {only}: not available yet; there are: {', '.join(available())}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the servers it has started
    held = [run(suite) for suite in ([only] if only else available())]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())

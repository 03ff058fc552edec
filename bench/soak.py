"""`python -m bench.soak [--only WHAT] [--minutes N] [--kills N] [--histories N] [--seed N]`: what kills cost.

The last lines, one a run, are for machines; the exit code is 0 only when nothing was lost, doubled or falsely
deleted.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from bench.swarm import SwarmError
from bench.torment import Torment, Until, Verdict
from bridge.testing.kafka import BrokerError, KafkaBroker, qualify

SOAKS = ("spine", "jdbc", "mainframe", "oracle", "sap")
KILLS, HISTORIES = 1_000, 10_000
"""What a run does when it is not told otherwise: kills of the spine, histories of each mode of JDBC, of
Oracle and of SAP, and of the mainframe."""
ROUND, LEAST = 100, 20
"""Kills a round, at the most and about the least; each round has systems and topics of its own."""


def soak(until: Until, seed: int, stop: Event) -> Verdict:
    """Rounds until there are enough; a round that costs something is the last."""
    total, kills, deadline = Verdict(), until.kills, time.monotonic() + until.seconds
    with _folder(lambda: total.clean) as folder, KafkaBroker(folder / "broker") as broker:
        verdict = qualify(broker.address)
        print(f"broker: {verdict}", flush=True)
        if not verdict.passed:
            raise BrokerError(str(verdict))
        while total.kills < kills and time.monotonic() < deadline and total.clean and not stop.is_set():
            total += _round(
                folder, broker, seed + total.histories, min(ROUND, max(LEAST, kills - total.kills)), stop
            )
    return total


def _round(folder: Path, broker: KafkaBroker, seed: int, kills: int, stop: Event) -> Verdict:
    began = time.monotonic()
    place = folder / f"round-{seed}"
    verdict = Torment(place, broker, seed, kills).run(stop)
    print(f"{verdict} in {time.monotonic() - began:.0f} s", flush=True)
    if verdict.clean:
        shutil.rmtree(place)
    return verdict


@contextmanager
def _folder(clean: Callable[[], bool]) -> Iterator[Path]:
    """Kept, with logs and sources, when there is something to find out."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        yield folder
    finally:
        if clean():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"logs, sources and the broker's data are kept in {folder}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="soak", description="kills everything at random, and counts the cost"
    )
    parser.add_argument(
        "--only", metavar="WHAT", help=f"one of {', '.join(SOAKS)} (default: one after the other)"
    )
    parser.add_argument("--minutes", type=float, help="end each run after so long")
    parser.add_argument(
        "--kills", type=int, help=f"end after so many (spine: {KILLS}, or what the minutes allow)"
    )
    parser.add_argument(
        "--histories",
        type=int,
        help="mainframe, and each mode of jdbc, oracle and sap: end after so many "
        f"(default: {HISTORIES}, or what the minutes allow)",
    )
    parser.add_argument(
        "--seed", type=int, default=random.randrange(1_000_000), help="repeat a run's choices"
    )
    args = parser.parse_args()
    if args.only not in (None, *SOAKS):
        parser.error(f"no soak run of {args.only!r}; there are: {', '.join(SOAKS)}")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    totals = {}
    for what in [args.only] if args.only else SOAKS:
        print(f"soak {what}: seed {args.seed}", flush=True)
        try:
            totals[what] = _soak_of(what)(_until(args, what), args.seed, stop)
        except (BrokerError, SwarmError) as error:
            print(f"soak {what}: {error}", file=sys.stderr)
            return 2
    return max([report(what, total, args.seed) for what, total in totals.items()])


def _until(args: argparse.Namespace, what: str) -> Until:
    """What is not said is what a run does by itself, unless anything else bounds it."""
    kills = args.kills or (sys.maxsize if args.minutes or what != "spine" else KILLS)
    histories = args.histories or (sys.maxsize if args.minutes or args.kills else HISTORIES)
    return Until(kills, histories, args.minutes * 60 if args.minutes else math.inf)


def _soak_of(what: str) -> Callable[[Until, int, Event], Verdict]:
    if what == "jdbc":
        from bench import lives  # which needs Java

        return lives.soak
    if what == "mainframe":
        from bench import screens

        return screens.soak
    if what == "oracle":
        from bench import flashbacks

        return flashbacks.soak
    if what == "sap":
        from bench import overlaps

        return overlaps.soak
    return soak


def report(what: str, total: Verdict, seed: int) -> int:
    idle = total.hidden <= 0
    if idle:
        print(f"soak {what}: the kills left nothing uncommitted: this run has proved nothing")
    print(
        f"soak {what}: kills={total.kills} histories={total.histories} lost={total.lost} "
        f"doubled={total.doubled} false_deletes={total.false_deletes} seed={seed}"
    )
    return 0 if total.clean and not idle else 1


if __name__ == "__main__":
    sys.exit(main())

"""`legacy-bridge verify CONFIG CONNECTOR`: is everything in Kafka, once, and the same?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bridge.cli import FAILED, OK, arguments, complain, say
from bridge.cli.parser import UNKNOWN
from bridge.errors import BridgeError

if TYPE_CHECKING:
    from bridge.verify import Progress


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Read a connector's tables and their topics and say which keys were lost, published twice, or "
        "differ. The bridge may run meanwhile. Ends with 0 (none), 1 (some) or 3 (it cannot be known)."
    )
    arguments.config_and_connector(parser)
    arguments.streams(parser)
    parser.add_argument(
        "--keys", type=arguments.count, default=10, metavar="N",
        help="list at most N keys of each kind (default: 10)",
    )  # fmt: skip
    arguments.machines(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when nothing is lost, doubled or differing, 1 when something is, 3 when that cannot be known."""
    try:
        return _compare(args)
    except BridgeError as error:
        complain(error)
        return UNKNOWN


def _compare(args: argparse.Namespace) -> int:
    from bridge import sources
    from bridge.verify import Verification

    settings = sources.reached(sources.load(args.config, args.connector))
    with sources.opened(settings, args.connector) as (source, redactor), _progress() as progress:
        report = Verification(settings, args.connector, redactor, progress, args.keys).run(
            source, args.stream
        )
    if args.json:
        print(json.dumps(redactor.clean(report.as_json()), indent=2, ensure_ascii=False))
    else:
        say(map(redactor.redact, report.lines()))
    if report.faulty:
        return FAILED
    return OK if report.sound else UNKNOWN


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal, on standard error; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("")
        shown = ""

        def show(what: str, done: int, total: int | None) -> None:
            nonlocal shown
            if what != shown:
                bars.reset(bar, description=what)
                shown = what
            bars.update(bar, completed=done, total=total)

        yield show

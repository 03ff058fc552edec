"""`legacy-bridge health`: how the daemon and its streams are, as a Nagios check says it.

It asks the daemon and never a source, so that it answers at once whatever is dead; `--deep` examines the
sources as `doctor` does. What it imports at its top is what it costs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge import ask, health
from bridge.cli import OK, TRACEBACK, arguments, bug
from bridge.errors import BridgeError
from bridge.health import Level, Reason, Verdict

SCHEMA = 1
"""Of the JSON form; a change that could break a reader makes it larger."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "One line and perfdata; exit code 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."
    arguments.daemon(parser, ask.STATUS)
    parser.add_argument("--connector", type=arguments.name, metavar="NAME", help="this connector alone")
    parser.add_argument("--json", action="store_true", help="the verdict and the whole status, for machines")
    parser.add_argument("--watch", action="store_true", help="a live table; in a pipe, a line each interval")
    parser.add_argument(
        "--interval", type=arguments.seconds, default=1.0, metavar="S", help="of --watch (default: 1)"
    )
    parser.add_argument("--deep", action="store_true", help="examine the sources, too, however long it takes")
    parser.add_argument(
        "--timeout", type=arguments.seconds, default=0.15, metavar="S",
        help="patience with the daemon (default: 0.15)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The exit code of the verdict; of `--watch`, 0 when it was ended with Ctrl-C."""
    if args.watch:
        return _watch(args)
    return _print(args, *look(args))


def look(args: argparse.Namespace) -> tuple[Verdict, dict[str, Any]]:
    """The verdict, and the status document it is made of (empty when there is none)."""
    try:
        status = ask.ask(ask.where(ask.STATUS, args.config, args.socket), {"command": "status"}, args.timeout)
        verdict = health.judge(status, args.connector)
        if args.deep:
            verdict = verdict.but(_deep(args, status, verdict))
        return verdict, dict(health.narrowed(status, args.connector))
    except (ask.Down, ask.Silent) as error:
        return _alone(Level.CRITICAL, error), {}
    except (BridgeError, health.Unreadable) as error:
        return _alone(Level.UNKNOWN, error), {}
    except Exception as error:  # a monitoring system must not take a bug of ours for a WARNING
        if os.environ.get(TRACEBACK):
            raise
        return _alone(Level.UNKNOWN, bug(error)), {}


def _alone(level: Level, error: object) -> Verdict:
    text = health.shortened(str(error))
    return Verdict(level, text, reasons=(Reason(level, "daemon", text),))


def _deep(args: argparse.Namespace, status: health.Status, verdict: Verdict) -> Iterator[Reason]:
    """What is wrong with the sources themselves, each looked at by a process of its own."""
    from bridge import doctor

    config = args.config or Path(status["daemon"]["config"])
    connectors = health.narrowed(status, args.connector)["connectors"]
    # One that is parked is left alone: a wrong password tried again and again locks the account.
    names = [name for name, each in connectors.items() if each["state"] != "FAILED"]
    for line in doctor.sources(config, names):
        level = Level(line.level)
        known = any(line.text in reason.text for reason in verdict.reasons)
        if level is not Level.OK and not known:
            yield Reason(level, line.about, f"doctor: {line.told}")


def _print(args: argparse.Namespace, verdict: Verdict, status: dict[str, Any]) -> int:
    indent = None if args.watch else 2
    print(json.dumps(document(verdict, status), indent=indent) if args.json else verdict.line, flush=True)
    return verdict.level.code


def document(verdict: Verdict, status: dict[str, Any]) -> dict[str, Any]:
    """The JSON form; docs/health.md describes it."""
    return {
        "schema": SCHEMA,
        "health": verdict.level,
        "code": verdict.level.code,
        "summary": verdict.summary,
        "reasons": [reason._asdict() for reason in verdict.reasons],
        "daemon": status.get("daemon"),
        "connectors": status.get("connectors", {}),
    }


def _watch(args: argparse.Namespace) -> int:
    try:
        if sys.stdout.isatty() and not args.json:
            from bridge.console.board import live

            live(lambda: look(args), args.interval)
        while True:
            _print(args, *look(args))
            time.sleep(args.interval)
    except KeyboardInterrupt:
        return OK

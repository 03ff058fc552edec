"""`legacy-bridge config check FILE` and `legacy-bridge config schema`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from bridge.cli import OK, arguments, say
from bridge.cli.parser import UNKNOWN


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    line = "say everything that is wrong with a file, with line and column"
    check = arguments.action(actions, "check", line, run)
    arguments.config(check)
    check.add_argument("--json", action="store_true", help="the problems as a JSON list")
    line = "print a JSON Schema that teaches editors to complete and check the file"
    arguments.action(actions, "schema", line, print_schema)


def run(args: argparse.Namespace) -> int:
    """0 when the file is sound, or has warnings only, else 3; connects nowhere and reveals no secret."""
    from bridge import plugins
    from bridge.config import client_check
    from bridge.contract import Level
    from bridge.inspection import inspected

    problems = inspected(args.config, client_check.examine, plugins.examine_together)
    if args.json:
        print(json.dumps([asdict(problem) for problem in problems], indent=2))
    else:
        told = {Level.CRITICAL: "", Level.WARNING: "warning: "}
        lines = [f"{told[problem.level]}{problem}" for problem in problems]
        say(lines or [f"{args.config}: no problems found"])
    return UNKNOWN if any(problem.level is Level.CRITICAL for problem in problems) else OK


def print_schema(_args: argparse.Namespace) -> int:
    from bridge.config.schema import schema

    print(json.dumps(schema(), indent=2))
    return OK

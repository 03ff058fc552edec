"""`legacy-bridge resume CONNECTOR`: ends a pause, a park, or a standby."""

from __future__ import annotations

import argparse

from bridge.cli import orders


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "resume",
        help="go on after a pause, or after a stream was parked",
        description="End a pause, try again what was parked (FAILED); on a standby, take the connector over.",
    )
    orders.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when the daemon has obeyed, 1 when it could not, or cannot be asked."""
    return orders.give("resume", args)

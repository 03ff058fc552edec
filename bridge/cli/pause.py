"""`legacy-bridge pause CONNECTOR`: no more polls until `resume`, restarts of the daemon included."""

from __future__ import annotations

import argparse

from bridge.cli import orders


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "pause",
        help="stop polling a connector or stream until it is resumed",
        description="Stop polling a connector, or one of its streams; kept over restarts and logged.",
    )
    orders.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when the daemon has obeyed, 1 when it could not, or cannot be asked."""
    return orders.give("pause", args)

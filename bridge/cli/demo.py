"""`legacy-bridge demo`: watch the bridge lose nothing while it is being killed."""

from __future__ import annotations

import argparse
import sys

from bridge.cli import FAILED, INTERRUPTED


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Start a database, a mainframe and a Kafka broker, run the bridge, kill it in mid-transaction, "
        "restart the broker, and compare. Needs a checkout after `make setup`; leaves nothing behind."
    )
    parser.add_argument("--keep", action="store_true", help="leave it running afterwards, until Ctrl-C")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when nothing was lost, doubled or differs."""
    from bridge.testing.databases import DatabaseError
    from bridge.testing.demo import afterwards, performance
    from bridge.testing.kafka import BrokerError

    try:
        return performance.perform(afterwards.keep if args.keep else afterwards.leave)
    except (BrokerError, DatabaseError) as error:
        print(f"legacy-bridge demo: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nlegacy-bridge demo: ended early; nothing was left behind", file=sys.stderr)
        return INTERRUPTED

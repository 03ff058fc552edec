"""What `pause`, `resume` and `resnapshot` share: an order to the daemon, and what became of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bridge import ask
from bridge.cli import FAILED, OK, arguments, say
from bridge.errors import BridgeError
from bridge.health import shortened
from bridge.states import State

PATIENCE_S = 20.0
"""The daemon itself waits ten seconds for the worker, which may be in the middle of a transaction."""
SETTLE_S = 4.0
BEAT_S = 0.6
"""A worker says how it is twice a second, so what is seen earlier may be from before the order."""
ON_THE_WAY = {
    "pause": (State.STARTING, State.RUNNING, State.BACKOFF, State.STALLED, State.QUIET),
    "resume": (State.STARTING, State.PAUSED, State.STANDBY),
}
"""States that an order will change."""
KEPT = "the pause is kept: once it can go on, as after `positions accept`, it is PAUSED"
TAKEN_OVER = "taken over; what was paused stays so until you `resume` once more"
IN_VAIN = {
    "pause": (State.BACKOFF, State.STALLED),
    "resume": (State.FAILED, State.BACKOFF, State.STALLED),
}


def add(order: str, description: str, parser: argparse.ArgumentParser) -> None:
    parser.description = description
    take(parser)
    parser.set_defaults(run=partial(give, order))


def take(parser: argparse.ArgumentParser) -> None:
    """To whom an order goes."""
    arguments.connector(parser)
    arguments.daemon(parser, ask.ADMIN)
    arguments.stream(parser)


def give(order: str, args: argparse.Namespace) -> int:
    """Sends the order and prints what became of it: 0, or 1 when that is no good.

    Errors: BridgeError when the daemon refuses.
    """
    path = socket(args)
    stood_by = known(path, args).get("state") == State.STANDBY
    before = _states(path, args)
    send(path, args, order)
    after = _settled(order, path, args)
    for name, (state, reason) in after.items():
        was = before.get(name, (state, None))[0]
        change = f"was {was}, is {state}" if was != state else f"is {state}"
        kept = f" ({KEPT})" if order == "pause" and state == State.FAILED else ""
        say([f"{name} {change}{kept}" + (f": {shortened(reason)}" if reason else "")])
    if order == "resume" and stood_by and any(state == State.PAUSED for state, _ in after.values()):
        say([f"{args.connector}: {TAKEN_OVER}"])
    return FAILED if any(state in IN_VAIN[order] for state, _ in after.values()) else OK


def socket(args: argparse.Namespace) -> Path:
    """The daemon's; the configuration may be given first, as other commands have it."""
    if args.config and Path(args.connector).is_file():
        args.connector, args.config = str(args.config), Path(args.connector)
    return ask.where(ask.ADMIN, args.config, args.socket)


def send(path: Path, args: argparse.Namespace, order: str, **more: object) -> None:
    """Errors: BridgeError when the daemon refuses."""
    request = {"command": order, "connector": args.connector, "stream": args.stream, **more}
    if error := ask.ask(path, request, PATIENCE_S).get("error"):
        raise BridgeError(f"{order}: {error}")


type States = dict[str, tuple[str, str | None]]


def _states(path: Path, args: argparse.Namespace) -> States:
    """Name -> (state, why) of what the order is about: the streams, or the connector while it has none."""
    connector = known(path, args)
    streams = {
        f"{args.connector}/{name}": (each["state"], each["error"])
        for name, each in connector.get("streams", {}).items()
        if args.stream in (None, name)
    }
    if streams or not connector:
        return streams
    return {args.connector: (connector["state"], connector["error"])}


def known(path: Path, args: argparse.Namespace) -> Mapping[str, Any]:
    """The connector as the daemon has it; empty when it has none of that name."""
    status = ask.ask(path, {"command": "status"}, PATIENCE_S)
    connector: Mapping[str, Any] = status.get("connectors", {}).get(args.connector, {})
    return connector


def _settled(order: str, path: Path, args: argparse.Namespace) -> States:
    """The states once they have settled, or as they are when they take too long."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        time.sleep(BEAT_S)
        after = _states(path, args)
        if time.monotonic() > deadline or not any(state in ON_THE_WAY[order] for state, _ in after.values()):
            return after

"""`legacy-bridge resnapshot CONFIG CONNECTOR`: publish all rows once more, while their changes go on."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.cli import FAILED, OK, orders, say
from bridge.errors import ConfigError
from bridge.health import shortened
from bridge.states import State

DESCRIPTION = """\
Publish all rows that streams have once more, as events of op r, while their changes go on. The running
daemon does it, chunk by chunk, each row once, whatever is killed. Rows without a key cannot have it.
"""
WHERE = "rows whose key is in this range: COLUMN=VALUE, COLUMN=FROM..TO, FROM.. or ..TO; may be repeated"

type Streams = dict[str, Mapping[str, Any]]


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    orders.take(parser)
    parser.add_argument("--where", action="append", default=[], metavar="KEYRANGE", help=WHERE)
    parser.add_argument("--cancel", action="store_true", help="end one that is under way, where it is")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sends the order and prints what became of it: 0, or 1 when one fails.

    Errors: BridgeError when the daemon refuses.
    """
    if args.cancel and args.where:
        raise ConfigError("--cancel ends a resnapshot as a whole", remedy="leave out --where")
    path = orders.socket(args)
    before = _streams(path, args)
    if args.cancel:
        orders.send(path, args, "cancel-resnapshot")
    else:
        orders.send(path, args, "resnapshot", where=args.where)
    after = _settled(path, args, before)
    for name, stream in after.items():
        if args.cancel and not before.get(name, stream)["resnapshot"]:
            continue
        told = (_told_of_end if args.cancel else _told)(before.get(name, stream), stream)
        say([f"{args.connector}/{name}: {told}"])
    failing = [each for each in after.values() if (each["resnapshot"] or {}).get("error")]
    return FAILED if failing else OK


def _streams(path: Path, args: argparse.Namespace) -> Streams:
    streams: Streams = orders.known(path, args).get("streams", {})
    return {name: each for name, each in streams.items() if args.stream in (None, name)}


def _settled(path: Path, args: argparse.Namespace, before: Streams) -> Streams:
    """How they are once the worker has said so; before that they are as they were."""
    deadline = time.monotonic() + orders.SETTLE_S
    while True:
        time.sleep(orders.BEAT_S)
        after = _streams(path, args)
        seen = any(
            _has_begun(before.get(name, each), each) is not args.cancel for name, each in after.items()
        )
        if seen or time.monotonic() > deadline:
            return after


def _has_begun(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return now["resnapshot"] is not None or now["resnapshots"] > before["resnapshots"]


def _told_of_end(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if now["resnapshot"]:
        return "it goes on"
    return f"the resnapshot was ended after {before['resnapshot']['rows']:,} rows"


def _told(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    again = now["resnapshot"]
    if again is None:
        done = now["resnapshots"] > before["resnapshots"]
        rows = now["reread"] - before["reread"]
        said = "the one row was" if rows == 1 else f"all {rows:,} rows were"
        return f"{said} published again" if done else "cannot have one; --stream says why"
    if again["error"]:
        return f"the resnapshot waits: {shortened(again['error'])}"
    why = "" if now["state"] == State.RUNNING else f"; the stream is {now['state']}, and it waits for that"
    return f"the resnapshot is under way, {again['rows']:,} rows so far{why}"

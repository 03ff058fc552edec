"""`legacy-bridge dead-letters ...`: what could not be published, and publishing it after all."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bridge.cli import FAILED, OK, arguments, say

if TYPE_CHECKING:
    from bridge.config.options import Settings
    from bridge.deadletters import DeadLetter
    from bridge.replay import Entry, Place

SCHEMA = 1
"""Of the JSON forms; a change that could break a reader makes it larger."""
SHORT = 100
"""Characters of a key or a reason in the list; `show` and --json have all of it."""


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = arguments.action(actions, "list", "what could not be published, and why", list_letters)
    show = arguments.action(
        actions, "show", "one dead letter with its payload, as far as it was kept", show_letter
    )
    replay = arguments.action(
        actions, "replay", "publish events that were too large for their topic", replay_letters
    )
    for action in (listing, show, replay):
        arguments.config_and_connector(action)
        arguments.machines(action)
    listing.add_argument("--stream", type=arguments.name, metavar="NAME", help="only this stream's")
    show.add_argument("number", type=_place, metavar="N", help="as `list` numbers them")
    replay.add_argument("number", type=_place, nargs="*", metavar="N", help="as `list` numbers them")
    replay.add_argument("--all", action="store_true", help="all that can be")
    replay.add_argument("--dry-run", action="store_true", help="say what would be done; publish nothing")


def _place(text: str) -> Place:
    from bridge.replay import Place

    try:
        return Place.read(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a dead letter") from None


def list_letters(args: argparse.Namespace) -> int:
    from bridge.replay import Archive

    found = Archive(_settings(args).kafka, args.connector).entries()
    entries = [entry for entry in found if args.stream in (None, entry.letter.stream)]
    if args.json:
        _print_json({"letters": [_document(entry) for entry in entries]})
    else:
        whose = f"{args.connector}/{args.stream}" if args.stream else args.connector
        others = ", ".join(sorted({entry.letter.stream for entry in found}))
        none = f"{whose} has no dead letters" + (f"; there are some of: {others}" if others else "")
        say(map(_line, entries) if entries else [none])
    return OK


def show_letter(args: argparse.Namespace) -> int:
    from bridge.errors import ConfigError
    from bridge.replay import Archive

    found = list(Archive(_settings(args).kafka, args.connector).letters([args.number]))
    if not found:
        raise ConfigError(f"there is no dead letter {args.number}", remedy="`dead-letters list` shows them")
    letter = found[0][1]
    if args.json:
        _print_json({"letter": asdict(letter)})
    else:
        say(_lines(letter))
    return OK


def replay_letters(args: argparse.Namespace) -> int:
    """0, or 1 when one that was asked for by its number was refused."""
    from bridge.errors import ConfigError
    from bridge.replay import Replay

    if bool(args.number) == args.all:
        text = "both some and all dead letters were named" if args.all else "no dead letter was named"
        raise ConfigError(text, remedy="give their numbers, or --all")
    replay = Replay(_settings(args), args.connector, f"uid {os.getuid()}")
    judged = replay.judged(args.number)
    if not args.dry_run:
        judged = replay.run(judged)
    if args.json:
        outcomes = [{"number": str(entry.place), "refused": reason} for entry, reason in judged]
        _print_json({"dry_run": args.dry_run, "letters": outcomes})
    else:
        say(_told(judged, "would be published" if args.dry_run else "published"))
    return FAILED if args.number and any(reason for _, reason in judged) else OK


def _told(judged: list[tuple[Entry, str | None]], done: str) -> Iterator[str]:
    for entry, reason in judged:
        what = f"refused: {reason}" if reason else f"{done} to {entry.letter.topic}"
        yield f"{entry.place}: {_short(entry.letter.key or 'no key')} of {entry.letter.table} {what}"
    yield f"{sum(reason is None for _, reason in judged)} of {len(judged)} dead letters {done}"


def _line(entry: Entry) -> str:
    letter = entry.letter
    replayed = "  (replayed)" if entry.replayed else ""
    what = f"{letter.table}  {letter.stage}  {_short(letter.key or 'no key')}  {letter.size} bytes"
    return f"{entry.place}  {letter.at}  {letter.stream}  {what}  {_short(letter.reason)}{replayed}"


def _lines(letter: DeadLetter) -> Iterator[str]:
    fields = asdict(letter) | {"position": json.dumps(letter.position, ensure_ascii=False)}
    for name in ("at", "stream", "table", "stage", "topic", "reason", "key", "size", "sha256", "position"):
        yield f"{name:9} {'' if fields[name] is None else fields[name]}"
    state = "whole" if letter.whole else "masked or cut" if letter.payload else "not kept"
    if letter.unkept:
        state += f": {letter.unkept}"
    yield f"payload   {state}" + (", in base64" if letter.payload and letter.encoding == "base64" else "")
    if letter.payload:
        yield from letter.payload.split("\n")


def _document(entry: Entry) -> dict[str, Any]:
    letter = {name: value for name, value in asdict(entry.letter).items() if name != "payload"}
    replayed = asdict(entry.replayed) if entry.replayed else None
    return {"number": str(entry.place), **letter, "replayed": replayed}


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT else line[:SHORT] + "..."


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps({"schema": SCHEMA, **document}, indent=2, ensure_ascii=False))


def _settings(args: argparse.Namespace) -> Settings:
    from bridge import sources

    return sources.reached(sources.without_plugin(args.config, args.connector))

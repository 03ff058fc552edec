"""`legacy-bridge positions ...`: where the streams are in their sources, and moving them by hand."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli import OK

if TYPE_CHECKING:
    from bridge.amend import Amending, Records
    from bridge.config.options import Settings
    from bridge.positions import Ledger, Stored

SCHEMA = 1
"""Of `show --json`; a change that could break a reader makes it larger."""
LONGEST = 300
"""Characters of a position that are shown; --json and export show all of it."""

type Amend = Callable[[Amending, Ledger], Records]


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("positions", help="show and change where streams are in their sources")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = _action(actions, "show", "where the streams are; disturbs nobody", print_positions, connector="?")
    show.add_argument("--json", action="store_true", help="for machines")
    move = _action(actions, "set", "put a stream at a position", set_position)
    move.add_argument("stream")
    move.add_argument("position", type=_json, metavar="JSON", help="as `show` prints it")
    rewind = _action(actions, "rewind", "publish a stream again from a position", rewind_stream)
    rewind.add_argument("stream")
    rewind.add_argument(
        "--to", type=_start_or_json, required=True, metavar="JSON|start", help="where to begin"
    )
    accept = _action(
        actions, "accept", "let parked streams start in spite of what has changed", accept_streams
    )
    accept.add_argument(
        "--stream", action="append", default=[], metavar="NAME", help="only this one; repeatable"
    )
    _action(actions, "export", "print all positions, for `import`", export_positions)
    load = _action(actions, "import", "write the positions of an exported file", import_positions)
    load.add_argument("file", type=Path, help="made by `export`; - is standard input")
    for action in (move, rewind, accept, load):
        action.add_argument("--dry-run", action="store_true", help="print before and after; write nothing")


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    line: str,
    run: Callable[[argparse.Namespace], int],
    connector: str | None = None,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
    parser.add_argument("config", type=Path, help="the configuration file")
    parser.add_argument("connector", nargs=connector, help="name of the connector")
    parser.set_defaults(run=run)
    return parser


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: {error}") from None


def _start_or_json(text: str) -> Any:
    return None if text == "start" else _json(text)


# -- looking


def print_positions(args: argparse.Namespace) -> int:
    """All connectors, or one; fences nobody."""
    settings = _settings(args)
    names = [args.connector] if args.connector else list(settings.connectors)
    ledgers = {name: _glance(settings, name) for name in names}
    if args.json:
        document = {name: asdict(ledger) for name, ledger in ledgers.items()}
        print(json.dumps({"schema": SCHEMA, "connectors": document}, indent=2))
    else:
        print("\n".join(line for name, ledger in ledgers.items() for line in _lines(name, ledger)))
    return OK


def export_positions(args: argparse.Namespace) -> int:
    from bridge import amend

    document = amend.exported(args.connector, _glance(_settings(args), args.connector))
    print(json.dumps(document, indent=2, ensure_ascii=False))
    return OK


def _lines(name: str, ledger: Ledger) -> Iterator[str]:
    owner = ledger.owner
    if owner is None:
        yield f"{name}: has never run"
    else:
        holds = "was last held" if owner.released else "is held"
        yield f"{name}: {holds} by {owner.name} on {owner.host}" + _paused(ledger, "")
    for stream, stored in sorted(ledger.streams.items()):
        yield f"  {stream}: {_shown(stored)}{_paused(ledger, stream)}"
        topics = ", ".join(f"{topic} ({count})" for topic, count in stored.partitions.items())
        yield f"    of {stored.identity or 'any source'}, kind {stored.kind} version {stored.version}" + (
            f", to {topics}" if topics else ""
        )


def _paused(ledger: Ledger, stream: str) -> str:
    pause = ledger.pauses.get(stream)
    return f" (paused by {pause.by} at {pause.at})" if pause else ""


def _shown(stored: Stored | None) -> str:
    if stored is None:
        return "no position"
    text = "the start" if stored.position is None else json.dumps(stored.position, ensure_ascii=False)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text)} characters)"
    return text + (" (accepted)" if stored.accept else "")


# -- changing


def set_position(args: argparse.Namespace) -> int:
    return _change(args, lambda amending, ledger: amending.moved(ledger, args.stream, args.position))


def rewind_stream(args: argparse.Namespace) -> int:
    return _change(
        args,
        lambda amending, ledger: amending.rewound(ledger, args.stream, args.to),
        "what is published from there on is published again",
    )


def accept_streams(args: argparse.Namespace) -> int:
    return _change(
        args,
        lambda amending, ledger: amending.accepted(ledger, args.stream),
        "no `resume` is needed, unless the connector as a whole was parked",
    )


def import_positions(args: argparse.Namespace) -> int:
    from bridge import amend

    records = amend.imported(_text(args.file), str(args.file))
    return _change(args, lambda _amending, _ledger: records)


def _text(path: Path) -> str:
    from bridge.errors import ConfigError

    if str(path) == "-":
        return sys.stdin.read()
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"cannot read {path}: {reason}", remedy="check the path") from None


def _change(args: argparse.Namespace, amend: Amend, note: str = "") -> int:
    """Tried on what can be seen first: a mistake shall not fence anybody."""
    from bridge import plugins
    from bridge.amend import Amending
    from bridge.takeover import Takeover

    settings = _settings(args)
    options = settings.connectors[args.connector]
    amending = Amending(options, plugins.load(options.kind).position_version)
    ledger = _glance(settings, args.connector)
    records = amend(amending, ledger)
    if not args.dry_run:
        with Takeover(settings, args.connector) as held:
            ledger = held.ledger
            records = amend(amending, ledger)
            for stream, stored in records.items():
                held.store(stream, stored)
    for stream, stored in records.items():
        print(
            f"{args.connector}/{stream}: was at {_shown(ledger.streams.get(stream))}, is at {_shown(stored)}"
        )
    done = "dry run: nothing was written" if args.dry_run else "written; a running daemon goes on from there"
    print("; ".join(filter(None, (done, note))))
    return OK


def _settings(args: argparse.Namespace) -> Settings:
    from bridge import config, sources

    settings = config.load(args.config)
    if args.connector:
        sources.named(settings, args.connector)
    sources.quiet(settings)
    return settings


def _glance(settings: Settings, connector: str) -> Ledger:
    from bridge import positions
    from bridge.topics import Topics

    return positions.known(settings.kafka, connector, Topics(settings.kafka, settings.topics))

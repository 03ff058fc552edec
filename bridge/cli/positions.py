"""`legacy-bridge positions ...`: where the streams are in their sources, and moving them by hand."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from bridge.cli import OK, arguments, say

if TYPE_CHECKING:
    from bridge.amend import Amending, Records
    from bridge.config.options import Settings
    from bridge.positions import Ledger, Resnapshot, Stored
    from bridge.takeover import Takeover

SCHEMA = 1
"""Of `show --json`; a change that could break a reader makes it larger."""
LONGEST = 300
"""Characters of a position that are shown; --json and export show all of it."""

LONGEST_WRONG = 60
NOBODY_COMPARES = "if that is ahead of where the stream was, what lies between is skipped"
"""Only the connector knows which of two positions comes first."""
AGAIN = "what follows is published again"
CHANGED = "of images only what has changed (`resnapshot` publishes all rows)"
RESUMES = "no `resume` is needed, unless the connector as a whole was parked"
STATE_LOST = (
    "what it knew of rows (the keyed state) is from now on what the topic still has: rows may be published "
    "again, and of those that are gone from the source nobody will say so"
)
UNSEEN = "that the topics have all that was published up to these positions is not checked"
QUOTES = """write it as `show` does, in single quotes for the shell"""

GONE = (
    "{}: Kafka has no positions of it, but topic {}: if it has run before, they are gone, and with them its "
    "pauses and resnapshots; `positions import` brings positions back that were exported"
)

type Amend = Callable[[Amending, Ledger], Records]


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = arguments.action(actions, "show", "where the streams are; disturbs nobody", print_positions)
    arguments.config(show)
    show.add_argument(
        "connector", nargs="?", type=arguments.name, help="name of the connector (default: all)"
    )
    arguments.machines(show)
    _add_changes(actions)
    export = arguments.action(actions, "export", "print all positions, for `import`", export_positions)
    arguments.config_and_connector(export)


def _add_changes(actions: arguments.Actions) -> None:
    move = arguments.action(actions, "set", "put a stream at a position", set_position)
    rewind = arguments.action(actions, "rewind", "publish a stream again from a position", rewind_stream)
    accept = arguments.action(
        actions, "accept", "let parked streams start in spite of what has changed", accept_streams
    )
    load = arguments.action(actions, "import", "write the positions of an exported file", import_positions)
    for action in (move, rewind, accept, load):
        arguments.config_and_connector(action)
        action.add_argument("--dry-run", action="store_true", help="print before and after; write nothing")
    move.add_argument("stream", help="name of the stream")
    move.add_argument("position", type=_json, metavar="JSON", help="as `show` prints it")
    rewind.add_argument("stream", help="name of the stream")
    rewind.add_argument(
        "--to", type=_start_or_json, required=True, metavar="JSON|start", help="where to begin"
    )
    arguments.streams(accept)
    load.add_argument("file", type=arguments.file, help="made by `export`; - is standard input")
    load.add_argument("--from", metavar="CONNECTOR", dest="origin", help="that was exported under this name")


def _json(text: str) -> Any:
    from bridge.nesting import must_be_shallow_json

    try:
        must_be_shallow_json(text)
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except ValueError as error:
        said = text if len(text) <= LONGEST_WRONG else f"{text[:LONGEST_WRONG]}..."
        raise argparse.ArgumentTypeError(f"{said!r} is no JSON: {error}; {QUOTES}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is Python's alone")


def _finite(text: str) -> float:
    if isinf(number := float(text)):
        raise ValueError(f"{text} is too large a number")
    return number


def _start_or_json(text: str) -> Any:
    return None if text == "start" else _json(text)


# -- looking


def print_positions(args: argparse.Namespace) -> int:
    """All connectors, or one; fences nobody."""
    settings = _looking(args)
    names = [args.connector] if args.connector else list(settings.connectors)
    ledgers = {name: _glance(settings, name) for name in names}
    if args.json:
        document = {name: asdict(ledger) for name, ledger in ledgers.items()}
        print(json.dumps({"schema": SCHEMA, "connectors": document}, indent=2))
    else:
        for name, ledger in ledgers.items():
            say([*_gone(settings, name, ledger)] or _lines(name, ledger))
    return OK


def _looking(args: argparse.Namespace) -> Settings:
    from bridge import sources

    return sources.reached(sources.without_plugin(args.config, args.connector))


def export_positions(args: argparse.Namespace) -> int:
    from bridge import amend

    settings = _looking(args)
    document = amend.exported(args.connector, _glance(settings, args.connector), _cluster(settings) or "")
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
        if again := ledger.resnapshots.get(stream):
            yield f"    resnapshot by {again.by} at {again.at}: {again.rows} rows so far{_where(again)}"
        yield f"    of {stored.identity or 'any source'}, kind {stored.kind} version {stored.version}" + (
            f", to {topics}" if topics else ""
        )


def _gone(settings: Settings, connector: str, ledger: Ledger) -> Iterator[str]:
    """The topic for its dead letters is made together with that of its positions."""
    from bridge.topics import Topics, dead_letters

    if ledger.owner is None and not ledger.streams:
        letters = dead_letters(connector)
        if Topics(settings.kafka, settings.topics).look([letters]):
            yield GONE.format(connector, letters)


def _where(order: Resnapshot) -> str:
    ranges = (f"{column} {_end(low)}..{_end(high)}" for column, (low, high) in order.within.items())
    return f", where {' and '.join(ranges)}" if order.within else ""


def _end(value: Any) -> str:
    """As it was given."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _paused(ledger: Ledger, stream: str) -> str:
    pause = ledger.pauses.get(stream)
    if pause is None:
        return ""
    return " (not paused)" if pause.lifted else f" (paused by {pause.by} at {pause.at})"


def _shown(stored: Stored | None) -> str:
    if stored is None:
        return "no position"
    text = "the start" if stored.position is None else json.dumps(stored.position, ensure_ascii=False)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text)} characters)"
    return text + (" (accepted)" if stored.accept else "")


# -- changing


def set_position(args: argparse.Namespace) -> int:
    return _change(
        args, lambda amending, ledger: amending.moved(ledger, args.stream, args.position), NOBODY_COMPARES
    )


def rewind_stream(args: argparse.Namespace) -> int:
    return _change(
        args,
        lambda amending, ledger: amending.rewound(ledger, args.stream, args.to),
        "; ".join([f"{AGAIN}, {CHANGED}", *([] if args.to is None else [NOBODY_COMPARES])]),
    )


def accept_streams(args: argparse.Namespace) -> int:
    """The streams named, or those that wait for it: who does, only the opened source can tell."""
    from bridge import rehearsal
    from bridge.takeover import Takeover

    settings = _amendable(args)
    lost = rehearsal.state_is_lost(settings, args.connector)
    streams = args.stream or _waiting(settings, args.connector)
    if not streams and not lost:
        print(f"{args.connector}: no stream waits for this; nothing was written")
        return OK
    return _change(
        args,
        lambda amending, ledger: amending.accepted(ledger, streams),
        RESUMES,
        Also(Takeover.forget_state, STATE_LOST) if lost else None,
    )


def _waiting(settings: Settings, connector: str) -> list[str]:
    from bridge import rehearsal, sources

    with sources.opened(settings, connector) as (source, _):
        return rehearsal.waiting(settings, connector, source)


def import_positions(args: argparse.Namespace) -> int:
    from bridge import amend

    name = "standard input" if str(args.file) == "-" else str(args.file)
    found = amend.imported(_text(args.file), name, args.connector, _cluster(_looking(args)), args.origin)
    skipped: set[str] = set()

    def configured(amending: Amending, _ledger: Ledger) -> Records:
        known = amending.configured(found.records)
        skipped.update(found.records.keys() - known.keys())
        return amending.checked(known)

    code = _change(
        args, configured, f"{found.beside_other_topics}: {UNSEEN}" if found.beside_other_topics else ""
    )
    if skipped:
        reason = "skipped, since the configuration does not name it"
        say(f"{args.connector}/{stream}: {reason}" for stream in sorted(skipped))
    return code


def _cluster(settings: Settings) -> str | None:
    """Kafka's own id of it. Errors: TransientError, CredentialsError."""
    from bridge import reach

    return reach.cluster_id(settings.kafka)


def _text(path: Path) -> str:
    from bridge.errors import ConfigError

    if str(path) == "-":
        return sys.stdin.read()
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"cannot read {path}: {reason}", remedy="check the path") from None


class Also(NamedTuple):
    """What else is done, and what is said of it."""

    do: Callable[[Takeover], None]
    said: str


def _change(args: argparse.Namespace, amend: Amend, note: str = "", also: Also | None = None) -> int:
    """Tried on what can be seen first: a mistake shall not fence anybody."""
    from bridge import plugins
    from bridge.amend import Amending
    from bridge.takeover import Takeover

    settings = _amendable(args)
    options = settings.connectors[args.connector]
    amending = Amending(options, plugins.configure(options))
    ledger = _glance(settings, args.connector)
    records, gone = amend(amending, ledger), [*_gone(settings, args.connector, ledger)]
    if not args.dry_run:
        with Takeover(settings, args.connector) as held:
            ledger = held.ledger
            records = amend(amending, ledger)
            for stream, stored in records.items():
                held.store(stream, stored)
            if also:
                also.do(held)
            held.deed = f"positions {args.action}: {'; '.join(_moves(ledger, records, 'was', 'is'))}"
    moves = _moves(ledger, records, *(("is", "would be") if args.dry_run else ("was", "is")))
    more = [*gone, *([f"{args.connector}: {also.said}"] if also else [])]
    done = "dry run: nothing was written" if args.dry_run else "written; a running daemon goes on from there"
    say([*(f"{args.connector}/{line}" for line in moves), *more, "; ".join(filter(None, (done, note)))])
    return OK


def _moves(ledger: Ledger, records: Records, was: str, now: str) -> Iterator[str]:
    for stream, stored in records.items():
        before = _shown(ledger.streams.get(stream))
        yield f"{stream}: {was} at {before}, {now} at {_shown(stored)}"


def _amendable(args: argparse.Namespace) -> Settings:
    from bridge import sources

    return sources.reached(sources.load(args.config, args.connector))


def _glance(settings: Settings, connector: str) -> Ledger:
    from bridge import positions
    from bridge.topics import Topics

    return positions.known(settings.kafka, connector, Topics(settings.kafka, settings.topics))

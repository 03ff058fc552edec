"""`legacy-bridge peek CONFIG CONNECTOR`: the events that would be published next; writes nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bridge.cli import FAILED, OK, arguments, complain, say
from bridge.errors import TransientError

if TYPE_CHECKING:
    from bridge.config.options import Settings
    from bridge.deadletters import DeadLetter
    from bridge.peek import Event, Sample


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Read from where the streams stand and show the events, and dead letters, that would be published "
        "next. Writes nothing, fences nobody; the daemon may run meanwhile."
    )
    arguments.config_and_connector(parser)
    arguments.streams(parser)
    parser.add_argument(
        "-n", type=arguments.count, default=5, metavar="N", help="events of each stream (default: 5)"
    )
    parser.add_argument(
        "--from-start", action="store_true", help="not from the stored position; works while Kafka is down"
    )
    parser.add_argument("--raw", action="store_true", help="key, tab, value as in the topic; events alone")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0, or 1 when a stream cannot be read, or would be parked."""
    from bridge import sources
    from bridge.peek import Peek, Start

    start = Start.BEGINNING if args.from_start else Start.STORED
    settings = sources.load(args.config, args.connector)
    if start is Start.STORED:
        _reach(settings)
    with sources.opened(settings, args.connector) as (source, redactor):
        failed = 0
        for sample in Peek(settings, args.connector, source, redactor, args.n).samples(start, args.stream):
            failed += sample.error is not None
            _print(args, sample, redactor.redact(sample.error or ""))
    return FAILED if failed else OK


def _reach(settings: Settings) -> None:
    from bridge import sources

    try:
        sources.reached(settings)
    except TransientError as error:
        remedy = f"{error.remedy}; `--from-start` shows events without Kafka"
        raise TransientError(error.text, remedy=remedy) from error


def _print(args: argparse.Namespace, sample: Sample, error: str) -> None:
    name = f"{args.connector}/{sample.stream}"
    if args.raw:
        for event in sample.events:
            sys.stdout.buffer.write(b"%s\t%s\n" % (event.key or b"null", event.value or b"null"))
        sys.stdout.buffer.flush()
        if error:
            complain(f"{name}: {error}")
        return
    say(_lines(name, sample, error))


def _lines(name: str, sample: Sample, error: str) -> Iterator[str]:
    at = "the beginning" if sample.position is None else json.dumps(sample.position, ensure_ascii=False)
    yield f"{name}, from {at}"
    for event in sample.events:
        yield from _event(event)
    for letter in sample.letters:
        yield from _letter(letter, sample.letters_topic)
    if error:
        yield f"  {error}"
    elif not sample.events and not sample.letters:
        yield "  nothing new"


def _event(event: Event) -> Iterator[str]:
    key = "no key" if event.key is None else event.key.decode(errors="replace")
    yield f"  -> {event.topic}  {key}"
    if event.value is None:
        yield "       tombstone"
        return
    try:
        envelope = json.loads(event.value)
    except ValueError:  # another encoding than JSON
        envelope = None
    if not isinstance(envelope, dict):
        yield f"       {event.value!r}"
        return
    width = max(map(len, envelope), default=0)
    for field, value in envelope.items():
        yield f"       {field:{width}}  {json.dumps(value, ensure_ascii=False)}"


def _letter(letter: DeadLetter, topic: str) -> Iterator[str]:
    yield f"  -> {topic}  {letter.key or 'no key'}"
    yield f"       dead letter of {letter.table}: {letter.reason}"
    if letter.payload:
        yield f"       {letter.payload}"

"""The words that several commands understand, each with the same help and the same refusals."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

LONGEST_S = 366 * 86_400

type Run = Callable[[argparse.Namespace], int]
type Actions = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name


def config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=file, help="the configuration file")


def config_and_connector(parser: argparse.ArgumentParser) -> None:
    config(parser)
    connector(parser)


def connector(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("connector", type=name, help="name of the connector")


def streams(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stream", action="append", default=[], type=name, metavar="NAME",
        help="only this stream; may be repeated",
    )  # fmt: skip


def stream(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stream", type=name, metavar="NAME", help="this stream alone")


def machines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for machines")


def daemon(parser: argparse.ArgumentParser, name: str) -> None:
    """Which daemon to ask, at its socket `name`."""
    parser.add_argument(
        "config", nargs="?", type=file, help="configuration file of the daemon (default: the usual one's)"
    )
    parser.add_argument("--socket", type=Path, metavar="PATH", help=f"the daemon's {name}, or its folder")


def action(actions: Actions, name: str, line: str, run: Run) -> argparse.ArgumentParser:
    """One of several actions of a command."""
    parser = actions.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
    parser.set_defaults(run=run, action=name)
    return parser


def name(text: str) -> str:
    """An empty one is a shell variable that is not set. Errors: ArgumentTypeError."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return text


def file(text: str) -> Path:
    """Errors: ArgumentTypeError."""
    if not text:
        raise argparse.ArgumentTypeError("the name of the file is empty")
    return Path(text)


def seconds(text: str) -> float:
    """A duration given on the command line. Errors: ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write seconds, as in 0.5, up to a year")
    return value


def count(text: str) -> int:
    """A whole number from 1 on. Errors: ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no such number; write 1 or more")
    return int(text)

"""The command `legacy-bridge`; each of its commands is a module whose `add(parser)` says what it takes.

`add` also sets `run`, a function from the arguments to the exit code. Only the module of the command asked
for is imported: `health` starts at once, and a broken one harms no other. `plugged` has those of packages.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

from bridge.cli.parser import UNKNOWN, Parser
from bridge.errors import BridgeError, ConfigError
from bridge.visible import visible, visible_lines

OK, FAILED, INTERRUPTED, UNHEARD = 0, 1, 130, 141
"""And UNKNOWN: usage, configuration, or a bug. The last two are what a shell says of SIGINT and SIGPIPE."""
TRACEBACK = "LEGACY_BRIDGE_TRACEBACK"

COMMANDS = (
    ("run", "run", "run the daemon in the foreground"),
    ("health", "health", "say how the daemon and its streams are, as a Nagios check does"),
    ("doctor", "doctor", "examine sources, broker and topics, with a remedy for each finding"),
    ("peek", "peek", "show the events that would be published; writes nothing"),
    ("connectors", "connectors", "list the installed kinds of connectors and their options"),
    ("pause", "pause", "stop polling a connector or stream until it is resumed"),
    ("resume", "resume", "go on after a pause, or after a stream was parked"),
    ("resnapshot", "resnapshot", "publish all rows once more while their changes go on"),
    ("positions", "positions", "show and change where streams are in their sources"),
    ("dead-letters", "dead_letters", "list, show and replay records that could not be published"),
    ("verify", "verify", "compare a table with its topic: lost, doubled, differing"),
    ("config", "config", "check a configuration file; print its schema for editors"),
    ("demo", "demo", "watch the bridge lose nothing while it is being killed"),
)
"""Command, its module in this package, its line in the listing."""


class _Version(argparse.Action):
    """Looks the version up when asked: importlib.metadata is slow to import."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"legacy-bridge {version('legacy-bridge')}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; an operator sees one line, no traceback."""
    _prepare_streams()
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # the reader (head, less) has gone
        code = UNHEARD
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        code, line = _told(error)
        complain(line)
    _end_output()
    return code


def say(lines: Iterable[str]) -> None:
    """Prints what people read, in which names and values of a source may stand."""
    print("\n".join(map(visible, lines)), flush=True)


def complain(error: object) -> None:
    """The same for an error, on standard error; it may be of several lines."""
    print(visible_lines(str(error)), file=sys.stderr)


def _told(error: Exception) -> tuple[int, str]:
    match error:
        case ConfigError():
            return UNKNOWN, str(error)
        case BridgeError():
            return FAILED, str(error)
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return UNKNOWN, f"legacy-bridge: {error.strerror}"
    return UNKNOWN, f"legacy-bridge: {bug(error)}"


def bug(error: Exception) -> str:
    """What an operator is told about an exception nobody expected."""
    from bridge.redact import redact_patterns

    said = redact_patterns(" ".join(str(error).split()))
    return f"internal error: {type(error).__name__}: {said}; {TRACEBACK}=1 shows where"


def _run(words: Sequence[str]) -> int:
    try:
        args = _parser(words).parse_args(words)
    except SystemExit as done:  # after --help, --version or a usage error
        return int(done.code or OK)
    return int(args.run(args))


def _prepare_streams() -> None:
    """A closed one (`>&-`) is replaced: print would fail, and the next file opened would take its place.

    What the terminal's encoding does not have is written as an escape.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _end_output() -> None:
    """What cannot be written is forgotten: the interpreter would complain of it once more at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="legacy-bridge", description="Publish the changes of legacy systems to Kafka, exactly once."
    )
    parser.add_argument("--version", action=_Version)
    asked = next((word for word in words if not word.startswith("-")), None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for name, module, help_line in COMMANDS:
        sentence = f"{help_line[0].upper()}{help_line[1:]}."
        one = commands.add_parser(name, help=help_line, description=sentence, add_help=name == asked)
        if name == asked:
            import_module(f"{__name__}.{module}").add(one)
    own = {name for name, _, _ in COMMANDS}
    if asked not in own and words[:1] not in ([], ["--version"]):
        from bridge.cli import plugged

        plugged.add(commands, asked, own)
    return parser

"""The command `legacy-bridge`; each of its commands is a module whose `add(parser)` says what it takes.

`add` also sets `run`, a function from the arguments to the exit code. Only the module of the command asked
for is imported: `health` starts at once, and a broken one harms no other.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from bridge.errors import BridgeError, ConfigError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 3, 130
TRACEBACK = "LEGACY_BRIDGE_TRACEBACK"

COMMANDS = (
    ("run", "run", "run the daemon in the foreground"),
    ("health", "health", "say how the daemon and its streams are, as a Nagios check does"),
    ("doctor", "doctor", "examine sources, broker and topics, with a remedy for each finding"),
    ("peek", "peek", "show the events that would be published; writes nothing"),
    ("connectors", "connectors", "list the installed kinds of connectors and their options"),
    ("pause", "pause", "stop polling a connector or stream until it is resumed"),
    ("resume", "resume", "go on after a pause, or after a stream was parked"),
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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and 3: a monitoring system reads 2 as CRITICAL."""
        self.exit(USAGE, f"{self.prog}: {message}; `{self.prog} --help` tells more\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; an operator sees one line, no traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(words).parse_args(words)
        code = int(args.run(args))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; nor may the interpreter complain when it flushes at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        print(_line(error), file=sys.stderr)
        return USAGE if isinstance(error, ConfigError) else FAILED
    return code


def _line(error: Exception) -> str:
    if isinstance(error, BridgeError):
        return str(error)
    from bridge.redact import redact_patterns

    said = redact_patterns(" ".join(str(error).split()))
    return f"legacy-bridge: internal error: {type(error).__name__}: {said}; {TRACEBACK}=1 shows where"


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="legacy-bridge", description="Publishes the changes of legacy systems to Kafka, exactly once."
    )
    parser.add_argument("--version", action=_Version)
    asked = next((word for word in words if not word.startswith("-")), None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, module, help_line in COMMANDS:
        sentence = f"{help_line[0].upper()}{help_line[1:]}."
        one = commands.add_parser(name, help=help_line, description=sentence, add_help=name == asked)
        if name == asked:
            import_module(f"{__name__}.{module}").add(one)
    return parser

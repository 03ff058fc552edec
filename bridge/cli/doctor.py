"""`legacy-bridge doctor CONFIG`: connects by itself, writes nothing, and has a remedy for each finding."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bridge.cli import arguments
from bridge.visible import visible

if TYPE_CHECKING:
    from bridge.doctor import Line

SCHEMA = 1
"""Of the JSON form; a change that could break a reader makes it larger."""
STYLES = {"ok": "green", "warning": "yellow", "critical": "bold red"}
PATIENCE_S = 90.0


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Connect to Kafka and to the sources and say what is wrong, or will be, and what to do. Writes "
        "nothing; the daemon may run meanwhile. Ends with 0, 1 (warnings) or 2 (something critical)."
    )
    arguments.config(parser)
    parser.add_argument("--connector", type=arguments.name, metavar="NAME", help="this connector alone")
    arguments.machines(parser)
    parser.add_argument(
        "--timeout", type=arguments.seconds, default=PATIENCE_S, metavar="S",
        help=f"patience with each source (default: {PATIENCE_S:.0f})",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0, 1 or 2 by the worst finding."""
    from bridge import doctor
    from bridge.contract import Level

    lines = doctor.examine(args.config, args.connector, args.timeout)
    seen = list(lines) if args.json else list(_shown(lines))
    if args.json:
        findings = [line._asdict() for line in seen]
        print(json.dumps({"schema": SCHEMA, "level": doctor.worst(seen), "findings": findings}, indent=2))
    return list(Level).index(doctor.worst(seen))


def _shown(lines: Iterable[Line]) -> Iterator[Line]:
    """Prints each as it comes, under a heading for what it is about, and a summary at the end."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    counts: dict[str, int] = {}
    about = None
    for line in lines:
        if line.about != about:
            about = line.about
            console.print(Text(visible(about), style="bold"))
        console.print(
            Text.assemble("  ", (f"{line.level.upper():8}", STYLES[line.level]), f"  {visible(line.text)}")
        )
        if line.remedy:
            console.print(Text(f"            {visible(line.remedy)}", style="italic"))
        counts[line.level] = counts.get(line.level, 0) + 1
        yield line
    console.print(", ".join(f"{counts.get(level, 0)} {level}" for level in ("critical", "warning", "ok")))

"""Everything wrong with a configuration file, connectors' options included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bridge import config, needs, plugins
from bridge.config.problems import Problem
from bridge.config.reading import Reading


def inspected(path: Path, *examiners: Callable[[Reading], None]) -> list[Problem]:
    """All problems, in the order of the file; it imports the plugins.

    `examiners` add what needs more than that: librdkafka, or files that connectors read.
    """
    return config.problems(path, plugins.examine, needs.examine, *examiners)

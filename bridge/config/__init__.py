"""Reading the configuration file so that every error names its place, and all errors are told at once.

The engine's options are checked here; what is left over belongs to the connector and is checked by
`bridge.plugins` with the connector's own model: `bridge.inspection` has it all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from bridge.config import tls_files, yaml_places
from bridge.config.options import (
    ConnectorSettings,
    Daemon,
    LogOptions,
    OnGap,
    OnMissing,
    PrefetchOptions,
    Settings,
    StreamOptions,
    Topics,
    TransactionOptions,
)
from bridge.config.problems import ConfigErrors, Problem
from bridge.config.quiet import QuietHours
from bridge.config.reading import Reading

__all__ = [
    "ConfigErrors",
    "ConnectorSettings",
    "Daemon",
    "LogOptions",
    "OnGap",
    "OnMissing",
    "PrefetchOptions",
    "Problem",
    "QuietHours",
    "Reading",
    "Settings",
    "StreamOptions",
    "Topics",
    "TransactionOptions",
    "load",
    "problems",
]


def load(path: Path, *examiners: Callable[[Reading], None]) -> Settings:
    """The engine's view of a file; connectors' own options are left to `plugins`. Errors: ConfigErrors."""
    reading = Reading(yaml_places.read(path))
    found = _examined(reading, examiners)
    if reading.settings is None or found:
        raise ConfigErrors(found)
    return reading.settings


def problems(path: Path, *examiners: Callable[[Reading], None]) -> list[Problem]:
    """Everything wrong with a file, as far as the engine and these examiners know."""
    try:
        reading = Reading(yaml_places.read(path))
    except ConfigErrors as error:
        return list(error.problems)
    return _examined(reading, examiners)


def _examined(reading: Reading, examiners: Iterable[Callable[[Reading], None]]) -> list[Problem]:
    """All problems, one a place, in the order of the file."""
    for examine in (tls_files.examine, *examiners):
        examine(reading)
    first = {(problem.line, problem.column, problem.where): problem for problem in reversed(reading.problems)}
    return sorted(first.values(), key=lambda problem: (problem.line or 0, problem.column or 0))

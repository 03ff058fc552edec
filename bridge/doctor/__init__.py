"""Examines configuration, brokers, topics and sources; writes nothing, fences nobody.

Each connector is examined by a process of its own (`bridge.doctor.examination`): a JVM or a driver that
hangs or crashes costs one connector's findings, and what a process can load only once does not matter.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bridge import config
from bridge.contract import Finding, Level
from bridge.errors import BridgeError, ConfigError

if TYPE_CHECKING:
    from bridge.config.options import Settings

PATIENCE_S = 90.0
AT_ONCE = 4
"""Examinations that run at the same time; a JVM each, at worst."""


class Line(NamedTuple):
    """One finding; `about`: `config`, `kafka`, a connector, or `connector/stream`."""

    level: Level
    about: str
    text: str
    remedy: str = ""

    @property
    def told(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text

    @classmethod
    def of(cls, about: str, finding: Finding) -> Line:
        return cls(finding.level, about, " ".join(finding.text.split()), " ".join(finding.remedy.split()))


@dataclass(frozen=True, slots=True)
class Examined:
    """What one connector's process has found; `topics` are all that it needs."""

    connector: str
    lines: Sequence[Line]
    topics: Sequence[str] = field(default=())


def examine(path: Path, connector: str | None = None, patience_s: float = PATIENCE_S) -> Iterator[Line]:
    """All findings, those of each part together. Errors: ConfigError for an unknown connector."""
    problems = list(_config(path))
    yield from problems
    if any(line.level is Level.CRITICAL for line in problems):
        return
    settings = config.load(path)
    names = chosen(settings, connector)
    from bridge.doctor.cluster import Cluster

    cluster: Cluster | None = None
    try:
        cluster = Cluster.reach(settings)
        yield from (Line.of("kafka", finding) for finding in cluster.findings())
    except BridgeError as error:
        yield Line(Level.CRITICAL, "kafka", error.text, error.remedy)
    taken: dict[str, str] = {}
    for examined in _examinations(path, names, "whole" if cluster else "source", patience_s):
        name = examined.connector
        lines = [*examined.lines, *_shared(examined, taken)]
        if cluster:
            found = (*cluster.topics(examined.topics), *cluster.permissions(name))
            lines += [Line.of(name, each) for each in found]
        yield from sorted(lines, key=lambda line: line.about != name)  # its streams afterwards


def sources(path: Path, connectors: Iterable[str], patience_s: float = PATIENCE_S) -> Iterator[Line]:
    """The findings about the sources alone."""
    for examined in _examinations(path, list(connectors), "source", patience_s):
        yield from examined.lines


def worst(lines: Iterable[Line]) -> Level:
    order = list(Level)
    return max((line.level for line in lines), key=order.index, default=Level.OK)


def chosen(settings: Settings, connector: str | None) -> list[str]:
    """The connectors to examine. Errors: ConfigError lists those there are."""
    names = list(settings.connectors)
    if connector is not None and connector not in names:
        raise ConfigError(f"no connector '{connector}'", remedy=f"there are: {', '.join(names)}")
    return [connector] if connector else names


def _config(path: Path) -> Iterator[Line]:
    from bridge import plugins
    from bridge.config import client_check
    from bridge.inspection import inspected

    problems = inspected(path, client_check.examine, plugins.examine_together)
    for problem in problems:
        yield Line(problem.level, "config", str(problem))
    if not problems:
        yield Line(Level.OK, "config", f"{path}: no problems found")


def _shared(examined: Examined, taken: dict[str, str]) -> Iterator[Line]:
    """Two connectors that publish to one topic would mix their keys."""
    for topic in examined.topics:
        same = topic.replace(".", "_")  # for Kafka, whose client is not imported here
        other = taken.setdefault(same, examined.connector)
        if other != examined.connector:
            text = f"topic {topic} is also that of connector {other}"
            yield Line(Level.CRITICAL, examined.connector, text, "set `topic:` for one of them")


# -- one process a connector


def _examinations(path: Path, names: Sequence[str], extent: str, patience_s: float) -> Iterator[Examined]:
    """In the order of `names`."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda name: _examination(path, name, extent, patience_s), names)


def _examination(path: Path, name: str, extent: str, patience_s: float) -> Examined:
    command = [sys.executable, "-P", "-m", "bridge.doctor.examination", str(path), name, extent]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience_s, check=False
        )
    except subprocess.TimeoutExpired:
        text = f"the source did not answer within {patience_s:.0f} s"
        return Examined(name, [Line(Level.CRITICAL, name, text, "check host, port and firewall")])
    return _report(name, done)


def _report(name: str, done: subprocess.CompletedProcess[bytes]) -> Examined:
    try:
        found = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.decode(errors="replace").split("\n")[-2:-1] or [""])[0]
        text = f"the examination ended with code {done.returncode}: {last}"
        return Examined(
            name,
            [
                Line(
                    Level.CRITICAL,
                    name,
                    text,
                    "mend what it names; else it is a bug of the connector or its driver",
                )
            ],
        )
    lines = [Line(Level(level), *rest) for level, *rest in found["lines"]]
    return Examined(name, lines, tuple(found["topics"]))

"""Commands for somebody who looks at what the demo leaves running, under their usual names."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from bridge.testing.kafka import FAST_START, jars, jdk

KAFKA = {
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions.sh": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-dump-log.sh": "kafka.tools.DumpLogSegments",
}
"""Script of a Kafka distribution -> the class that it starts."""


def write(folder: Path) -> None:
    """Make `folder` and put the scripts into it."""
    folder.mkdir()
    _script(folder / "legacy-bridge", [sys.executable, "-m", "bridge"])
    for name, main in KAFKA.items():
        _script(folder / name, [jdk("java"), *FAST_START, "-cp", f"{jars()}/*", main])


def _script(path: Path, command: list[str]) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)

"""The engine without transactions, to know what they cost: `python -m bench.plain run CONFIG`.

Batches and positions travel as ever, through an idempotent producer; a commit is a flush.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bridge import kafka, worker
from bridge.cli.run import daemon
from bridge.publisher import Publisher


class PlainPublisher(Publisher):
    """The same records to the same topics, each for itself."""

    def open(self) -> None:
        own = {"batch.size": self._batch, **self._reports()}
        self._producer = kafka.producer(self._settings, "", self._on_error, **own)

    def begin(self) -> None:
        self.open_since = time.monotonic()

    def commit(self) -> None:
        while self._live().flush(1.0):
            self._give_up_when_stopped()
        self.open_since = None

    def abort(self) -> None:
        self.open_since = None


def main(arguments: Sequence[str]) -> int:
    """`run CONFIG` is the daemon; `worker FD` is what it spawns."""
    command, argument = arguments
    if command == "run":
        return daemon(Path(argument), [sys.executable, "-m", "bench.plain", "worker"])
    return worker.main(int(argument), PlainPublisher)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)

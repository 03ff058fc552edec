"""The mainframe connector against the host of bridge.testing: how tests configure it, and read with it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from bridge.contract import Ask, Batch, Reject, Scan
from bridge.testing import need
from bridge.testing.mainframe import Host
from bridge.testing.mainframe.options import LIST, Options
from bridge.testing.mainframe.options import options as host_options
from connectors.mainframe import MainframeConnector

TRANSPORTS = ["s3270", "tnz"]

DETAILS: Options = LIST | {
    "mark": "mark",
    "detail": {"select": {"field": "select", "with": "S"}, "screen": "custdet", "back": "pf3"},
}


def keys(*numbers: int) -> list[dict[str, str]]:
    return [{"customer_id": f"{number:08}"} for number in numbers]


def written(path: Path, text: str) -> None:
    """A file that nobody writes to any more."""
    path.write_text(text)
    os.utime(path, (0, 0))


def configured(host: Host, streams: Mapping[str, Options], /, **options: Any) -> MainframeConnector:
    whole = host_options(host, streams, **{"timeout": "2s"} | options)
    if whole.get("transport", "s3270") == "s3270" and shutil.which("s3270") is None:
        need("s3270 is not installed: apt-get install s3270")
    return MainframeConnector(MainframeConnector.Config.model_validate(whole))


@contextmanager
def opened(
    host: Host, streams: Mapping[str, Options], folder: Path | None = None, /, **options: Any
) -> Iterator[MainframeConnector]:
    connector = configured(host, streams, **options)
    connector.folder = folder
    try:
        connector.open()
        yield connector
    finally:
        connector.close()


@contextmanager
def interrupted_once_heard(host: Host, connector: MainframeConnector) -> Iterator[None]:
    """The poll has begun when the host hears its next key."""
    before = host.counts["keys"]

    def interrupt() -> None:
        host.until(lambda: host.counts["keys"] > before, deadline_s=60)
        connector.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    yield
    thread.join()


@dataclass
class Read:
    """What one scan brought."""

    batches: list[Batch] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        changes = (changes for batch in self.batches for changes in batch.changes)
        return [row for each in changes for row in each.rows.to_pylist()]

    @property
    def seen(self) -> list[Any]:
        """First columns of the keys."""
        named = (keys for batch in self.batches for _, keys in batch.seen)
        return [value for keys in named for value in keys.column(0).to_pylist()]

    @property
    def rejects(self) -> list[Reject]:
        return [reject for batch in self.batches for reject in batch.rejects]

    @property
    def marks(self) -> list[Scan | None]:
        return [batch.scan for batch in self.batches]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]


def scan(
    connector: MainframeConnector,
    name: str,
    changed: Callable[..., pa.Array] | None = None,
    rows: int = 10_000,
) -> Read:
    """Polls one complete scan; what it raises goes to the test."""
    stream = next(each for each in connector.discover() if each.name == name)
    read, position = Read(), None
    while True:
        batch = connector.poll(stream, position, Ask(rows=rows, changed=changed))
        read.batches.append(batch)
        position = batch.position
        if not batch.more:
            return read

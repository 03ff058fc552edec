"""The SQLite source with whims: a connector that fails, hangs, dies and blabs exactly when a test says so.

A test makes it a kind with `installed(folder, hostile="bridge.testing.hostile:HostileConnector")`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from bridge.contract import Ask, Batch, Changes, Reject, Secret, Stream
from bridge.errors import PermanentError, TransientError
from bridge.testing.sqlite_source import SqliteConfig, SqliteConnector

BROKEN = "(not UTF-8)"
"""A payload that begins so reaches the encoder as bytes which are no text."""


class HostileConfig(SqliteConfig):
    """With any number of secrets, which `open()` reveals."""

    tokens: tuple[Secret, ...] = Field((), description="secrets that nobody asks for")


class Whim(StrEnum):
    """What the next poll does; `detail` is the text of the error, the log line or the reject."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    BUG = "bug"
    LOG = "log"
    REJECT = "reject"
    HANG = "hang"
    """In a call that nothing interrupts."""
    EXIT = "exit"
    """As a driver's library may: the process ends with the code in `detail`."""


class HostileConnector(SqliteConnector):
    """Obeys the table `whims`, one row a poll, and keeps a diary of its polls beside the database."""

    Config: ClassVar[type[SqliteConfig]] = HostileConfig
    config: HostileConfig

    def open(self) -> None:
        super().open()
        for token in self.config.tokens:
            token.reveal()

    def poll(self, stream: Stream, position: Any, ask: Ask) -> Batch:
        _note(self.config.path)
        whim, detail = self._take() or (None, "")
        if whim is not None and whim is not Whim.REJECT:
            _OBEY[whim](detail)
            return Batch(position)
        batch = _broken(super().poll(stream, position, ask))
        if whim is None:
            return batch
        return replace(batch, rejects=(*batch.rejects, Reject(stream.name, detail, detail, {"k": detail})))

    def _take(self) -> tuple[Whim, str] | None:
        with self._session() as database:
            found = database.execute("SELECT id, whim, detail FROM whims ORDER BY id LIMIT 1").fetchone()
            if found is None:
                return None
            database.execute("DELETE FROM whims WHERE id = ?", found[:1])
        return Whim(found[1]), found[2]


def plan(path: Path, *whims: tuple[Whim, str]) -> None:
    """Queue whims for the connector that reads the database at `path`."""
    with closing(sqlite3.connect(path, timeout=10.0)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS whims (id INTEGER PRIMARY KEY, whim TEXT, detail TEXT)")
        database.executemany("INSERT INTO whims (whim, detail) VALUES (?, ?)", whims)


def polls(path: Path) -> list[float]:
    """When (monotonic seconds) the database at `path` was polled."""
    return [float(line) for line in _diary(path).read_text().split()]


def _note(path: Path) -> None:
    with _diary(path).open("a") as diary:
        diary.write(f"{time.monotonic()}\n")


def _diary(path: Path) -> Path:
    return path.with_suffix(".polls")


def _broken(batch: Batch) -> Batch:
    return replace(batch, changes=tuple(map(_broken_text, batch.changes)))


def _broken_text(changes: Changes) -> Changes:
    column = changes.rows.schema.get_field_index("payload")
    payload = changes.rows.column(column)
    octets = payload.cast(pa.binary())
    noise = pc.binary_join_element_wise(octets, pa.scalar(b"\xff\xfe"), pa.scalar(b" "))
    octets = pc.if_else(pc.starts_with(payload, BROKEN), noise, octets)
    return replace(changes, rows=changes.rows.set_column(column, "payload", octets.view(pa.string())))


def _transient(detail: str) -> NoReturn:
    raise TransientError(detail, remedy=detail)


def _permanent(detail: str) -> NoReturn:
    raise PermanentError(detail, remedy=detail)


def _bug(detail: str) -> NoReturn:
    """With a cause, whose text a traceback shows as well."""
    raise RuntimeError(f"outer {detail}") from LookupError(f"inner {detail}")


def _log(detail: str) -> None:
    logging.getLogger("some.driver").warning("connected with %s", detail)


def _hang(_detail: str) -> None:
    time.sleep(3600)


def _exit(detail: str) -> None:
    os._exit(int(detail))


_OBEY: Mapping[Whim, Callable[[str], None]] = {
    Whim.TRANSIENT: _transient,
    Whim.PERMANENT: _permanent,
    Whim.BUG: _bug,
    Whim.LOG: _log,
    Whim.HANG: _hang,
    Whim.EXIT: _exit,
}

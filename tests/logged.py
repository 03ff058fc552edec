"""A SQLite table with a log that can be lost, for the engine in one thread (bridge.testing.simulation)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.contract import Ask, Batch, Position, Stream
from bridge.testing.sqlite_source import SqliteConfig, SqliteConnector, SqliteSource, SqliteStream


class LoggedTable:
    """Outlives its connectors, of which one at a time is open."""

    def __init__(self, folder: Path, most: int = 3) -> None:
        self.most = most
        """Rows one poll brings."""
        self.whims: deque[BaseException | Callable[[Batch], Batch] | None] = deque()
        """What the next polls raise, or make of their batches; None is one that goes well."""
        self.polls: list[tuple[str, Position | None]] = []
        self._legacy = SqliteSource(folder / "legacy.db")
        self._legacy.keep_log()
        options = {"orders": SqliteStream(log=True)}
        self._config = SqliteConfig(path=self._legacy.path, password=None, streams=options)
        self._open: SqliteConnector | None = None

    def connector(self) -> SqliteConnector:
        self.close()
        self._open = _Reader(self._config, self)
        return self._open

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    def write(self, rows: Mapping[int, str | None] = {}, gone: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        """In one transaction: rows inserted or changed, and rows deleted."""
        with self._legacy.session() as database:
            for at, payload in rows.items():
                query = "INSERT INTO orders (id, payload) VALUES (?, ?) ON CONFLICT DO UPDATE SET payload = ?"
                database.execute(query, (at, payload, payload))
            database.executemany("DELETE FROM orders WHERE id = ?", [(at,) for at in gone])

    def rename(self, old: int, new: int) -> None:
        """A changed key."""
        with self._legacy.session() as database:
            database.execute("UPDATE orders SET id = ? WHERE id = ?", (new, old))

    def lose_log(self) -> None:
        self._legacy.lose_log()

    @property
    def rows(self) -> dict[int, str | None]:
        return self._legacy.rows()


class _Reader(SqliteConnector):
    def __init__(self, config: SqliteConfig, table: LoggedTable) -> None:
        super().__init__(config)
        self._table = table

    def poll(self, stream: Stream, position: Any, ask: Ask) -> Batch:
        self._table.polls.append((stream.name, position))
        whim = self._table.whims.popleft() if self._table.whims else None
        if isinstance(whim, BaseException):
            raise whim
        batch = super().poll(stream, position, replace(ask, rows=min(ask.rows, self._table.most)))
        return whim(batch) if whim else batch

"""A legacy system small enough for tests: SQLite tables, read by their growing key, a log, or as a whole.

Not installed as a kind: `installed(folder)` makes it one for the processes of a test.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from bridge.contract import (
    Ask,
    Batch,
    Caveat,
    Changes,
    Connector,
    ConnectorConfig,
    Emits,
    Op,
    Reject,
    Scan,
    Secret,
    Stream,
    StreamConfig,
    Table,
)
from bridge.errors import ConfigError, CredentialsError, TransientError
from bridge.testing.sqlite_log import CREATE as CREATE_LOG
from bridge.testing.sqlite_log import LogReader

SCHEMA = pa.schema([("id", pa.int64()), ("customer", pa.int64()), ("payload", pa.string())])
CREATE = "CREATE TABLE IF NOT EXISTS {} (id INTEGER PRIMARY KEY, customer INTEGER, payload TEXT)"


class SqliteStream(StreamConfig):
    """One table."""

    images: bool = Field(default=False, description="read all rows in every scan, instead of the new ones")
    log: bool = Field(default=False, description="read all rows once, and then its log of changes")


class SqliteConfig(ConnectorConfig):
    """A database file and its tables."""

    path: Path = Field(description="the database file")
    password: Secret | None = Field(None, description="must equal the one in the file's table `passwords`")
    streams: Mapping[str, SqliteStream] = Field(description="the tables to read")


class SqliteConnector(Connector):
    """Reads `id > position ORDER BY id`; a payload of NULL is a reject."""

    Config = SqliteConfig
    config: SqliteConfig

    def __init__(self, config: SqliteConfig) -> None:
        super().__init__(config)
        self._database: sqlite3.Connection | None = None
        self._log = LogReader()

    def open(self) -> None:
        if not self.config.path.exists():
            raise TransientError(f"no database at {self.config.path}")
        self._database = sqlite3.connect(self.config.path, timeout=5.0)
        if self.config.password is not None:
            self._log_on(self.config.password.reveal())

    def _log_on(self, password: str) -> None:
        with self._session() as database:
            database.execute("INSERT INTO attempts DEFAULT VALUES")
            known = database.execute("SELECT 1 FROM passwords WHERE password = ?", (password,)).fetchone()
        if known is None:
            raise CredentialsError("the database refuses the password", remedy="change the secret")

    def discover(self) -> Sequence[Stream]:
        names = {
            name for (name,) in self._session().execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if unknown := self.config.streams.keys() - names:
            raise ConfigError(f"no table {min(unknown)!r}", remedy=f"there are: {', '.join(sorted(names))}")
        return [
            Stream(
                name,
                str(self.config.path),
                (Table(name, SCHEMA, ("id",)),),
                emits=Emits.IMAGES if options.images else Emits.CHANGES,
                caveats=_caveats(options),
            )
            for name, options in self.config.streams.items()
        ]

    def poll(self, stream: Stream, position: Any, ask: Ask) -> Batch:
        if self.config.streams[stream.name].log:
            return self._log.poll(self._session(), stream, position, ask)
        after = position["id"] if position else 0
        if stream.emits is Emits.IMAGES:
            return self._image(self._read(stream, after, ask), first=after == 0)
        return self._read(stream, after, ask)

    @staticmethod
    def _image(batch: Batch, *, first: bool) -> Batch:
        """A page of a scan; between two scans the position is the start."""
        if batch.more:
            return replace(batch, scan=Scan.FIRST if first else Scan.MORE)
        return replace(batch, position={"id": 0}, scan=Scan.ONLY if first else Scan.LAST)

    def _read(self, stream: Stream, after: int, ask: Ask) -> Batch:
        query = f"SELECT id, customer, payload FROM {stream.name} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608
        try:
            rows = self._session().execute(query, (after, ask.rows)).fetchall()
        except sqlite3.OperationalError as error:
            raise TransientError(f"SQLite: {error}") from error
        if not rows:
            return Batch({"id": after} if after else None)
        good = [row for row in rows if row[2] is not None]
        rejects = tuple(
            Reject(stream.name, "no payload", repr(row), {"id": row[0]}) for row in rows if row[2] is None
        )
        columns = list(zip(*good, strict=True)) or [(), (), ()]
        batch = pa.RecordBatch.from_arrays(
            [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )
        changes = (Changes(stream.tables[0], batch, Op.CREATE),) if good else ()
        return Batch({"id": rows[-1][0]}, changes, rejects, more=len(rows) == ask.rows)

    def check_position(self, stream: str, position: Any) -> None:  # noqa: ARG002
        match position:
            case {"id": int()} | {"log": int()} if len(position) == 1:
                return
        raise ConfigError("it is not the last id of a table", remedy='write {"id": NUMBER}')

    def close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def _session(self) -> sqlite3.Connection:
        if self._database is None:
            raise TransientError("not connected")
        return self._database


def _caveats(options: SqliteStream) -> frozenset[Caveat]:
    if options.log:
        return frozenset()
    return frozenset({Caveat.COLLAPSES if options.images else Caveat.NO_DELETES})


class SqliteSource:
    """The writer's side: what a test does to the legacy system, from any thread."""

    def __init__(self, path: Path, tables: Sequence[str] = ("orders",)) -> None:
        self.path, self.tables = path, tables
        with self.session() as database:
            database.execute("PRAGMA journal_mode = WAL")
            for table in tables:
                database.execute(CREATE.format(table))

    @contextmanager
    def session(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with closing(sqlite3.connect(self.path, timeout=10.0)) as database, database:
            database.execute("PRAGMA synchronous = OFF")
            yield database

    def keep_log(self, table: str = "orders") -> None:
        """From now on there is a log of what happens to the table."""
        with self.session() as database:
            database.executescript(CREATE_LOG.format(table))

    def lose_log(self, table: str = "orders") -> None:
        """All that it has so far."""
        with self.session() as database:
            database.execute(f"DELETE FROM {table}_log")  # noqa: S608

    def insert(
        self, count: int, table: str = "orders", payload: str | None = "x" * 80, customers: int = 100
    ) -> None:
        """`count` rows in one transaction; row n belongs to customer n % customers."""
        rows = [(number % customers, payload) for number in range(count)]
        with self.session() as database:
            database.executemany(f"INSERT INTO {table} (customer, payload) VALUES (?, ?)", rows)  # noqa: S608

    def change(self, most: int, chance: random.Random, table: str = "orders") -> None:
        """In one transaction: up to `most` rows inserted, and as many changed, and as many deleted."""
        with self.session() as database:
            known = [row[0] for row in database.execute(f"SELECT id FROM {table}")]  # noqa: S608
            gone = chance.sample(known, min(len(known) // 4, chance.randint(0, most)))
            texts = [(chance.choice("abcdef"), each) for each in known if chance.random() < most / len(known)]
            news = [
                (chance.randint(1, 10_000), chance.choice("abcdef")) for _ in range(chance.randint(0, most))
            ]
            database.executemany(f"UPDATE {table} SET payload = ? WHERE id = ?", texts)  # noqa: S608
            database.executemany(f"DELETE FROM {table} WHERE id = ?", [(each,) for each in gone])  # noqa: S608
            database.executemany(f"INSERT OR IGNORE INTO {table} (id, payload) VALUES (?, ?)", news)  # noqa: S608

    def rows(self, table: str = "orders") -> dict[int, str | None]:
        """id -> payload."""
        with self.session() as database:
            return dict(database.execute(f"SELECT id, payload FROM {table}"))  # noqa: S608

    def ids(self, table: str = "orders") -> list[int]:
        with self.session() as database:
            return [row[0] for row in database.execute(f"SELECT id FROM {table} ORDER BY id")]  # noqa: S608


def installed(folder: Path, **kinds: str) -> dict[str, str]:
    """The environment in which `kinds` (name -> "module:Class") are installed, besides `sqlite`."""
    info = folder / "testing_connectors-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: testing-connectors\nVersion: 1.0\n")
    points = {"sqlite": "bridge.testing.sqlite_source:SqliteConnector", **kinds}
    lines = "\n".join(f"{kind} = {target}" for kind, target in points.items())
    (info / "entry_points.txt").write_text(f"[bridge.connectors]\n{lines}\n")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path}

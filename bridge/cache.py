"""The state of one connector on this machine's disk: a cache of its topic, that can be thrown away any time.

SQLite, because its memory is bounded whatever the number of keys: of LMDB, which finds a key in half the
time, every page that was looked at counts as the worker's. Keys are clustered in their own order, so that a
scan in the source's order touches few pages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import batched, count
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from bridge.errors import TransientError

FORMAT = "1"
CACHE_KIB = 64 * 1024
MOST_VALUES = 500
"""Keys asked for in one statement."""
SPARSE = 4
"""So many times as many entries may lie between the least and the greatest key as are asked for."""
HOLES = 1_000_000

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE parts (id INTEGER PRIMARY KEY, head BLOB UNIQUE);
CREATE TABLE entries (part INT, key BLOB, slot INT, value BLOB, PRIMARY KEY (part, key)) WITHOUT ROWID;
"""

_RENUMBER = """
UPDATE entries SET slot = numbered.place
FROM (SELECT key, row_number() OVER (ORDER BY slot) - 1 AS place FROM entries WHERE part = ?1) AS numbered
WHERE entries.part = ?1 AND entries.key = numbered.key
"""

type Put = tuple[bytes, int, bytes]
"""Key, slot, packed entry."""


@dataclass(frozen=True, slots=True)
class Found:
    """Entries by key, in two: most of them are only compared."""

    slots: dict[bytes, int] = field(default_factory=dict)
    values: dict[bytes, bytes] = field(default_factory=dict)

    def get(self, key: bytes) -> tuple[int, bytes] | None:
        return (self.slots[key], self.values[key]) if key in self.values else None

    def put(self, key: bytes, slot: int, value: bytes) -> None:
        self.slots[key], self.values[key] = slot, value


class Near(NamedTuple):
    """Entries as they came: a column each. What is looked up in order need not be looked up one by one."""

    keys: Sequence[bytes] = ()
    slots: Sequence[int] = ()
    values: Sequence[bytes] = ()

    def found(self) -> Found:
        return Found(
            dict(zip(self.keys, self.slots, strict=True)), dict(zip(self.keys, self.values, strict=True))
        )

    def of(self, keys: Sequence[bytes | None]) -> Near | None:
        """The entries of these keys, in their order; None when there is not one for each."""
        places: dict[bytes | None, int] = dict(zip(self.keys, count()))
        rows = [*map(places.get, keys)]
        return None if None in rows or not rows else self.at(rows)

    def at(self, rows: Iterable[Any]) -> Near:
        picked = [*rows]
        keys, slots, values = self
        return Near(
            [*map(keys.__getitem__, picked)],
            [*map(slots.__getitem__, picked)],
            [*map(values.__getitem__, picked)],
        )


@dataclass(slots=True)
class Part:
    """The entries of one table of one stream. A slot is an entry's number as long as a scan lasts."""

    id: int
    count: int
    slots: int
    """The least number that no entry has."""

    def new_slot(self) -> int:
        self.slots += 1
        return self.slots - 1


class Cache:
    """Used from one thread, `glance` excepted. Errors: TransientError, for whatever SQLite cannot do."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = RLock()
        """Nobody glances into a database that is being written, or closed."""
        self._database: sqlite3.Connection | None = None
        self._whole = True
        """It can be rolled back."""
        self._parts: dict[bytes, Part] = {}

    # -- the file

    def stamp(self) -> str | None:
        """What it was last committed with; None when it is not there, or of no use."""
        try:
            if self._database is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._database = _connected(self._path)
            rows = dict(self._database.execute("SELECT name, value FROM meta"))
        except (sqlite3.Error, OSError):
            self.discard()
            return None
        return rows.get("stamp") if rows.get("format") == FORMAT else None

    def create(self) -> None:
        """Empty, to be filled, and of no use until it is `filled` and then committed with a stamp."""
        self.discard()
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._database = _connected(self._path)
            self._database.executescript("PRAGMA journal_mode = OFF;" + _TABLES)
            self._whole = False
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from error

    def filled(self) -> None:
        """Until here a crash may leave half of it, from here on it is kept whole."""
        if self._live().in_transaction:
            self._execute("COMMIT")
        self._execute("PRAGMA journal_mode = WAL")
        self._parts.clear()
        self._whole = True

    def discard(self) -> None:
        """Close and delete it: another process that still has it open writes where nobody reads."""
        self.close()
        self._whole = True
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)

    def close(self) -> None:
        self._parts.clear()
        with self._lock, suppress(sqlite3.Error):
            database, self._database = self._database, None
            if database is not None:
                database.close()

    def heads(self) -> list[bytes]:
        """Under which there are, or were, entries."""
        return [head for (head,) in self._execute("SELECT head FROM parts ORDER BY id")]

    # -- transactions

    def commit(self, stamp: str) -> None:
        """Keep everything since the last commit."""
        self._write("INSERT OR REPLACE INTO meta VALUES ('stamp', ?), ('format', ?)", [(stamp, FORMAT)])
        self._execute("COMMIT")

    def rollback(self) -> None:
        """Raises nothing: what cannot even be rolled back is thrown away."""
        self._parts.clear()  # SQLite may have done it by itself already, as when the disk is full
        if not self._whole:
            self.discard()
        elif self._database is not None and self._database.in_transaction:
            try:
                self._database.execute("ROLLBACK")
            except sqlite3.Error:
                self.discard()

    # -- entries

    def part(self, head: bytes) -> Part:
        """The entries under `head`, none so far if it is new."""
        if head not in self._parts:
            self._write("INSERT OR IGNORE INTO parts (head) VALUES (?)", [(head,)])
            ((number,),) = self._execute("SELECT id FROM parts WHERE head = ?", (head,))
            query = "SELECT count(*), coalesce(max(slot) + 1, 0) FROM entries WHERE part = ?"
            ((count, slots),) = self._execute(query, (number,))
            self._parts[head] = Part(number, count, slots)
        return self._parts[head]

    def tidy(self, part: Part) -> None:
        """Number the entries anew when most slots are empty. Not in the middle of a scan."""
        if part.slots > 2 * part.count + HOLES:
            self._write(_RENUMBER, [(part.id,)])
            part.slots = part.count

    def find(self, part: Part, keys: Sequence[bytes]) -> Found:
        """Those of the keys that are there, and perhaps some of their neighbours."""
        return self.near(part, keys).found()

    def near(self, part: Part, keys: Sequence[bytes]) -> Near:
        """The same, in the order of their keys, mostly."""
        if not part.count or not keys:
            return Near()
        between = self._between(part, min(keys), max(keys), SPARSE * len(keys))
        entries = between if between is not None else self._each(part, keys)
        columns: Any = zip(*entries, strict=True)
        return Near(*columns)

    def _between(self, part: Part, low: bytes, high: bytes, most: int) -> list[Put] | None:
        """All entries from one key to another; None when they are too many. A scan comes in order, mostly."""
        query = "SELECT key, slot, value FROM entries WHERE part = ? AND key BETWEEN ? AND ? LIMIT ?"
        found = self._execute(query, (part.id, low, high, most))
        return found if len(found) < most else None

    def _each(self, part: Part, keys: Sequence[bytes]) -> list[Put]:
        return [row for query, values in _asking(part.id, keys) for row in self._execute(query, values)]

    def glance(self, head: bytes, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """From any thread: those of the keys that are there, committed or not. In doubt there are none."""
        found: dict[bytes, bytes] = {}
        with suppress(sqlite3.Error, TransientError):
            for (number,) in self._rows("SELECT id FROM parts WHERE head = ?", (head,)):
                for query, values in _asking(number, keys):
                    found |= {key: value for key, _, value in self._rows(query, values)}
            return found
        return {}

    def put(self, part: Part, puts: Sequence[Put], new: int) -> None:
        """`new` of the entries were not there."""
        rows = ((part.id, *each) for each in puts)
        self._write("INSERT OR REPLACE INTO entries (part, key, slot, value) VALUES (?, ?, ?, ?)", rows)
        part.count += new

    def drop(self, part: Part, keys: Sequence[bytes]) -> None:
        """Entries that are there."""
        self._write("DELETE FROM entries WHERE part = ? AND key = ?", ((part.id, key) for key in keys))
        part.count -= len(keys)

    def slots(self, part: Part, count: int) -> Iterator[list[Put]]:
        """All entries, in their keys' order, `count` at a time. They may be changed meanwhile."""
        after = b""
        query = "SELECT key, slot, value FROM entries WHERE part = ? AND key > ? ORDER BY key LIMIT ?"
        while some := list(self._execute(query, (part.id, after, count))):
            yield some
            after = some[-1][0]

    # -- SQLite

    def _execute(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            return self._rows(query, values)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _rows(self, query: str, values: Sequence[object]) -> list[Any]:
        with self._lock:
            return self._live().execute(query, values).fetchall()

    def _write(self, query: str, rows: Iterable[tuple[object, ...]]) -> None:
        try:
            with self._lock:
                if not self._live().in_transaction:
                    self._live().execute("BEGIN")
                self._live().executemany(query, rows)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _live(self) -> sqlite3.Connection:
        if self._database is None:
            raise TransientError(f"the cache {self._path} is not open")
        return self._database

    def _failed(self, error: Exception) -> TransientError:
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            self.discard()  # it is no database any more
        return TransientError(
            f"cannot keep the state in {self._path}: {error}",
            remedy="see that there is room, and that the service user may write there (`daemon.state_dir`)",
        )


def has(path: Path, stamp: str) -> bool:
    """Whether there is a cache of it, or one that a worker has open, who sees to it; touches neither."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as database:
            rows = dict(database.execute("SELECT name, value FROM meta"))
    except sqlite3.Error as error:
        return error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    return rows.get("format") == FORMAT and rows.get("stamp") == stamp


def _asking(part: int, keys: Sequence[bytes]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """The statements, and their values, that find these keys."""
    for some in batched(keys, MOST_VALUES):
        marks = ",".join("?" * len(some))
        query = f"SELECT key, slot, value FROM entries WHERE part = ? AND key IN ({marks})"  # noqa: S608
        yield query, (part, *some)


def _connected(path: Path) -> sqlite3.Connection:
    # One process at a time; synchronous NORMAL keeps the file whole when the power fails, if not its end.
    database = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    try:
        database.executescript(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;"
            f"PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{CACHE_KIB}; PRAGMA secure_delete = OFF;"
        )
    except sqlite3.Error:
        database.close()
        raise
    return database

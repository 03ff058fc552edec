"""Source and topics side by side in a temporary SQLite file: memory stays bounded whatever the size."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from bridge.verify.report import Found
from bridge.verify.shape import UNREAD, moment, shape, telling

CACHE_KIB = 64 * 1024

_TABLES = """
CREATE TABLE source (topic INT, key BLOB, after BLOB, PRIMARY KEY (topic, key)) WITHOUT ROWID;
CREATE TABLE again (topic INT, key BLOB, after BLOB, PRIMARY KEY (topic, key)) WITHOUT ROWID;
CREATE TABLE pending (topic INT, key BLOB, after BLOB, PRIMARY KEY (topic, key)) WITHOUT ROWID;
CREATE TABLE letters (topic INT, key BLOB, after BLOB, at INT, PRIMARY KEY (topic, key)) WITHOUT ROWID;
CREATE TABLE events (topic INT, key BLOB, op TEXT, told BLOB, after BLOB, at INT, tombstone INT,
    doubled INT, vague INT, PRIMARY KEY (topic, key)) WITHOUT ROWID;
CREATE TABLE buried (topic INT, key BLOB, at INT, PRIMARY KEY (topic, key, at)) WITHOUT ROWID;
CREATE TABLE repeats (topic INT, key BLOB, since INT, at INT, vague INT);
CREATE INDEX repeated ON repeats (topic, key);
CREATE TRIGGER repeat AFTER UPDATE OF doubled ON events WHEN new.doubled > old.doubled AND new.op = 'u'
    AND NOT new.tombstone
    BEGIN INSERT INTO repeats VALUES (new.topic, new.key, old.at, new.at, new.vague); END;
"""

# A tombstone belongs to the delete before it; it neither changes the row nor comes between two events. A row
# that was read (r) says what is there, which a resnapshot says again: it does not come between them either,
# unless it says something else.
_PUBLISHED = """
INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3 = 't', 0, ?7)
ON CONFLICT DO UPDATE SET
    doubled = doubled + CASE excluded.op WHEN 't' THEN tombstone
        ELSE op = excluded.op AND op <> 'r' AND told IS excluded.told END,
    tombstone = excluded.tombstone,
    vague = excluded.vague,
    op = iif(excluded.tombstone OR excluded.op = 'r' AND after IS excluded.after, op, excluded.op),
    at = iif(excluded.tombstone, at, excluded.at),
    told = iif(excluded.tombstone OR excluded.op = 'r' AND after IS excluded.after, told, excluded.told),
    after = iif(excluded.tombstone, after, excluded.after)
"""

_NOT_PENDING = "NOT EXISTS (SELECT 1 FROM pending p WHERE p.topic = {0}.topic AND p.key = {0}.key)"

# A letter excuses what lies at or before it: not a row that has changed since, nor one whose key has had a
# newer event. What was not kept in the letter, or cannot be read from the source, may be equal; a row that
# was none, and can be read now, is another one.
_EXCUSED = """
EXISTS (SELECT 1 FROM letters l WHERE l.topic = {0}.topic AND l.key = {0}.key
    AND (l.after IS {0}.after OR l.after IS x'' OR {0}.after IS x'') AND {1} <= l.at)
"""

_LOST = f"""
SELECT s.key, 1 FROM source s WHERE s.topic = ? AND s.after IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM events e WHERE e.topic = s.topic AND e.key = s.key)
    AND NOT {_EXCUSED.format("s", "0")}
    AND {_NOT_PENDING.format("s")}
"""  # noqa: S608 - put together from constants

# A row that could not be read for a while, and is as it was before, is told once more.
_RETURNED = """
EXISTS (SELECT 1 FROM buried b WHERE b.topic = r.topic AND b.key = r.key AND b.at BETWEEN r.since AND r.at)
"""

_NO_FAULT = f"""
(SELECT count(*) FROM repeats r WHERE r.topic = e.topic AND r.key = e.key AND (r.vague OR {_RETURNED}))
"""  # noqa: S608 - put together from constants

_DOUBLED = f"""
SELECT e.key, e.doubled - {_NO_FAULT} FROM events e
    WHERE e.topic = ? AND e.doubled > 0 AND e.doubled > {_NO_FAULT}
"""  # noqa: S608 - put together from constants

_REPEATED = f"""
SELECT r.key, count(*) FROM repeats r WHERE r.topic = ? AND r.vague AND NOT {_RETURNED} GROUP BY r.key
"""  # noqa: S608 - put together from constants

_DIFFERING = f"""
SELECT s.key, 1 FROM source s JOIN events e USING (topic, key) WHERE s.topic = ?
    AND s.after IS NOT e.after AND s.after IS NOT x'' AND e.after IS NOT x''
    AND NOT {_EXCUSED.format("s", "e.at")}
    AND {_NOT_PENDING.format("s")}
"""  # noqa: S608 - put together from constants

_GONE = f"""
SELECT e.key, 1 FROM events e WHERE e.topic = ? AND e.after IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM source s WHERE s.topic = e.topic AND s.key = e.key)
    AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.topic = e.topic AND l.key = e.key
        AND (l.after IS NULL OR l.after IN (x'', x'00')) AND e.at <= l.at)
    AND {_NOT_PENDING.format("e")}
"""  # noqa: S608 - put together from constants

# What is there already, as when an overlap is read again, is not pending.
_PENDING = f"""
SELECT count(*) FROM pending p LEFT JOIN source s USING (topic, key) LEFT JOIN events e USING (topic, key)
    WHERE p.topic = ? AND (p.after IS NOT e.after OR s.key IS NOT NULL AND s.after IS NOT e.after)
    AND NOT {_EXCUSED.format("p", "coalesce(e.at, 0)")}
"""  # noqa: S608 - put together from constants

_RESTLESS = """
INSERT OR REPLACE INTO pending
SELECT s.topic, s.key, s.after FROM source s LEFT JOIN again a USING (topic, key)
    WHERE s.topic = ?1 AND s.after IS NOT a.after
UNION ALL SELECT a.topic, a.key, a.after FROM again a LEFT JOIN source s USING (topic, key)
    WHERE a.topic = ?1 AND s.key IS NULL
"""

type Letter = tuple[bytes, bytes | None, int]
"""Key, the digest of the row in the event it holds, ms since 1970.

`UNREAD`: that was not kept; `NO_ROW`: there never was an event.
"""

type Record = tuple[bytes | None, bytes | None]
"""Key and value of an event."""


@dataclass(frozen=True, slots=True)
class Verdict:
    lost: Found
    doubled: Found
    differing: Found
    gone: Found
    repeated: Found = field(default_factory=Found)
    """Equal updates of which nothing says whether they are one change."""


class Look(StrEnum):
    """When a row was seen in the source; each is a table of ours.

    PENDING: it was not published when we began to look. Whatever is found about its key, it is not judged.
    """

    FIRST = "source"
    AGAIN = "again"
    PENDING = "pending"


class Side(Protocol):
    """What can be said of tables, whether their rows have keys or not; topics go by number."""

    def expect(self, topic: int, records: Iterable[Record], look: Look = Look.FIRST) -> None: ...
    def expect_refused(self, topic: int, keys: Iterable[bytes], look: Look = Look.FIRST) -> None: ...
    def published(self, topic: int, records: Iterable[Record]) -> None: ...
    def buried(self, topic: int, letters: Iterable[Letter]) -> None: ...
    def pass_over_restless(self, topic: int) -> None: ...
    def verdict(self, topic: int, most: int) -> Verdict: ...
    def rows(self, topic: int) -> int: ...
    def pending_keys(self, topic: int) -> int: ...


class Scratch:
    """A database in SQLite's own temporary file: it has no name, and is gone with the process."""

    def __init__(self, tables: str) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB};{tables}"
        )
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._database.close()


class Comparison(Scratch):
    """Of tables with keys. Takes in both sides in any order of calls, events of a key in theirs."""

    def __init__(self) -> None:
        super().__init__(_TABLES)

    def expect(self, topic: int, records: Iterable[Record], look: Look = Look.FIRST) -> None:
        """The source has these rows, in the form they would be published in."""
        self._note(look, ((topic, key or b"", shape(value)[2]) for key, value in records))

    def expect_refused(self, topic: int, keys: Iterable[bytes], look: Look = Look.FIRST) -> None:
        """The source has these, and they cannot become events."""
        self._note(look, ((topic, key, UNREAD) for key in keys))

    def _note(self, look: Look, rows: Iterable[tuple[int, bytes, bytes | None]]) -> None:
        self._database.executemany(f"INSERT OR REPLACE INTO {look} VALUES (?, ?, ?)", rows)  # noqa: S608

    def pass_over_restless(self, topic: int) -> None:
        """Rows that were others when they were looked at again are not judged: they change all the while."""
        self._database.execute(_RESTLESS, (topic,))

    def published(self, topic: int, records: Iterable[Record]) -> None:
        """The topic has these events, in this order."""
        self._database.executemany(
            _PUBLISHED, ((topic, key or b"", *_event(value)) for key, value in records)
        )

    def buried(self, topic: int, letters: Iterable[Letter]) -> None:
        """The dead-letter topic has these, in this order."""
        for letter in letters:
            key, _, at = letter
            self._database.execute("INSERT OR REPLACE INTO letters VALUES (?, ?, ?, ?)", (topic, *letter))
            self._database.execute("INSERT OR IGNORE INTO buried VALUES (?, ?, ?)", (topic, key, at))

    def verdict(self, topic: int, most: int) -> Verdict:
        """What differs, with at most so many keys of each."""
        queries = (_LOST, _DOUBLED, _DIFFERING, _GONE, _REPEATED)
        return Verdict(*(self._found(query, topic, most) for query in queries))

    def rows(self, topic: int) -> int:
        """How many rows the source has, those that cannot become events included."""
        return self._count("SELECT count(*) FROM source WHERE topic = ? AND after IS NOT NULL", topic)

    def pending_keys(self, topic: int) -> int:
        return self._count(_PENDING, topic)

    def _count(self, query: str, topic: int) -> int:
        return int(self._database.execute(query, (topic,)).fetchone()[0])

    def _found(self, query: str, topic: int, most: int) -> Found:
        count = 0
        keys: list[str] = []
        with closing(self._database.execute(query, (topic,))) as rows:
            for key, times in rows:
                count += times
                if len(keys) < most:
                    keys.append(key.decode(errors="replace"))
        return Found(count, tuple(keys))


def _event(value: bytes | None) -> tuple[str, bytes | None, bytes | None, int, bool]:
    """Operation, digest of what is told, the row after it, ms since 1970, whether it is vague."""
    found = telling(value)
    return found.op, found.told, found.after, moment(value), found.vague

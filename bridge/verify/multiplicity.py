"""Tables without a key: a row is known by its content, and counts as often as it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

from bridge.verify.comparison import Letter, Look, Record, Scratch, Verdict
from bridge.verify.report import Found
from bridge.verify.shape import shape, sides

SHOWN = 200
"""Bytes of a row that is named."""

_TABLES = """
CREATE TABLE counts (topic INT, row BLOB, shown BLOB, source INT DEFAULT 0, again INT DEFAULT 0,
    pending INT DEFAULT 0, events INT DEFAULT 0, PRIMARY KEY (topic, row)) WITHOUT ROWID;
CREATE TABLE keyed (topic INT, key BLOB, row BLOB, shown BLOB, PRIMARY KEY (topic, key)) WITHOUT ROWID;
"""

type Delta = tuple[bytes, bytes, int]
"""A row's digest, what is shown of it, and how many more there are."""


class Multiset(Scratch):
    """As `Comparison`. A surplus in the topic is doubled where the source has the row, and gone where not."""

    def __init__(self) -> None:
        super().__init__(_TABLES)

    def expect(self, topic: int, records: Iterable[Record], look: Look = Look.FIRST) -> None:
        """The source has these rows, in the form they would be published in."""
        deltas = _deltas(records)
        touched = (
            (row, shown, 1) for row, shown, _ in deltas
        )  # what comes and goes again does not cancel out
        self._count(look, topic, touched if look is Look.PENDING else deltas)

    def expect_refused(self, topic: int, keys: Iterable[bytes], look: Look = Look.FIRST) -> None:
        """What is in the dead-letter topic alone is on neither side."""

    def published(self, topic: int, records: Iterable[Record]) -> None:
        """The topic has these events."""
        self._count("events", topic, self._told(topic, records))

    def _told(self, topic: int, records: Iterable[Record]) -> Iterator[Delta]:
        for key, value in records:
            yield from _deltas([(key, value)]) if key is None else self._of_key(topic, key, value)

    def _of_key(self, topic: int, key: bytes, value: bytes | None) -> Iterator[Delta]:
        """An event of when the table had a key: it says what has become of the row with this one."""
        if value is None:
            return
        known = "FROM keyed WHERE topic = ? AND key = ?"
        if was := self._database.execute(f"SELECT row, shown {known}", (topic, key)).fetchone():
            self._database.execute(f"DELETE {known}", (topic, key))
            yield *was, -1
        for row, shown, count in _deltas([(key, value)]):
            if count > 0:
                self._database.execute("INSERT INTO keyed VALUES (?, ?, ?, ?)", (topic, key, row, shown))
                yield row, shown, count

    def buried(self, topic: int, letters: Iterable[Letter]) -> None:
        """As `expect_refused`."""

    def pass_over_restless(self, topic: int) -> None:
        """Rows of which there was another number when they were looked at again are not judged."""
        self._database.execute("UPDATE counts SET pending = 1 WHERE topic = ? AND again <> source", (topic,))

    def verdict(self, topic: int, most: int) -> Verdict:
        """What differs, with at most so many rows of each."""
        return Verdict(
            lost=self._found("source - events", "source > events", topic, most),
            doubled=self._found("events - source", "events > source AND source > 0", topic, most),
            differing=Found(),
            gone=self._found("events", "events > source AND source = 0", topic, most),
        )

    def rows(self, topic: int) -> int:
        """How many rows the source has."""
        return self._sum("source", "1", topic)

    def pending_keys(self, topic: int) -> int:
        """How many rows that are not judged are not there as often as in the source."""
        return self._sum("1", "pending <> 0 AND source <> events", topic)

    def _count(self, column: str, topic: int, deltas: Iterable[Delta]) -> None:
        self._database.executemany(
            f"INSERT INTO counts (topic, row, shown, {column}) VALUES (?, ?, ?, ?) "  # noqa: S608
            f"ON CONFLICT DO UPDATE SET {column} = {column} + excluded.{column}",
            ((topic, *delta) for delta in deltas),
        )

    def _sum(self, what: str, where: str, topic: int) -> int:
        query = f"SELECT coalesce(sum({what}), 0) FROM counts WHERE topic = ? AND {where}"  # noqa: S608
        return int(self._database.execute(query, (topic,)).fetchone()[0])

    def _found(self, times: str, where: str, topic: int, most: int) -> Found:
        where = f"pending = 0 AND {where}"
        query = f"SELECT shown FROM counts WHERE topic = ? AND {where} LIMIT ?"  # noqa: S608
        with closing(self._database.execute(query, (topic, most))) as rows:
            shown = tuple(row.decode(errors="replace") for (row,) in rows)
        return Found(self._sum(times, where, topic), shown)


def _deltas(records: Iterable[Record]) -> Iterator[Delta]:
    """Of rows with columns that were not read nothing can be said."""
    for _, value in records:
        if value is None:
            continue
        op, before, after = shape(value)
        old, new = sides(value) if op != "?" else (b"", value)
        if op in "ud" and before:
            yield before, old[:SHOWN], -1
        if op != "d" and after:
            yield after, new[:SHOWN], 1

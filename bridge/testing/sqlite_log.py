"""A log of what happens to a SQLite table, which its source can lose: for `SqliteConnector`, option `log`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from bridge.contract import Ask, Batch, Changes, Op, Position, Reject, Scan, Stream
from bridge.errors import GapError

CREATE = """
CREATE TABLE IF NOT EXISTS {0}_log
    (seq INTEGER PRIMARY KEY AUTOINCREMENT, op TEXT, id INTEGER, customer INTEGER, payload TEXT);
CREATE TRIGGER IF NOT EXISTS {0}_c AFTER INSERT ON {0} BEGIN
    INSERT INTO {0}_log (op, id, customer, payload) VALUES ('c', new.id, new.customer, new.payload);
END;
CREATE TRIGGER IF NOT EXISTS {0}_u AFTER UPDATE ON {0} WHEN new.id = old.id BEGIN
    INSERT INTO {0}_log (op, id, customer, payload) VALUES ('u', new.id, new.customer, new.payload);
END;
CREATE TRIGGER IF NOT EXISTS {0}_k AFTER UPDATE ON {0} WHEN new.id <> old.id BEGIN
    INSERT INTO {0}_log (op, id) VALUES ('d', old.id);
    INSERT INTO {0}_log (op, id, customer, payload) VALUES ('c', new.id, new.customer, new.payload);
END;
CREATE TRIGGER IF NOT EXISTS {0}_d AFTER DELETE ON {0} BEGIN
    INSERT INTO {0}_log (op, id) VALUES ('d', old.id);
END;
"""
"""Numbers have no holes: SQLite takes them back with what is rolled back."""

type Row = tuple[Any, ...]
"""Operation, id, customer, payload."""


class LogReader:
    """First all rows, in a scan, then what the log says: `{"log": NUMBER}`, and `after` within the scan.

    The rows of a scan are as they were at its beginning, in memory; whoever lost them begins anew.
    """

    def __init__(self) -> None:
        self._scans: dict[str, tuple[int, list[Row]]] = {}

    def poll(
        self, database: sqlite3.Connection, stream: Stream, position: Position | None, ask: Ask
    ) -> Batch:
        """Errors: GapError when the log has lost what comes next."""
        if position is not None and "after" not in position:
            return _changes(database, stream, position["log"], ask)
        end, rows = self._scans.get(stream.name, (-1, []))
        if position is None or position["log"] != end:
            end, rows = self._scans[stream.name] = _snapshot(database, stream.name)
            position = None
        after = position["after"] if position else 0
        left = [row for row in rows if row[1] > after]
        page = left[: ask.rows]
        if len(left) > len(page):
            place = {"log": end, "after": page[-1][1]}
            return _batch(stream, place, page, Scan.MORE if position else Scan.FIRST, more=True)
        return _batch(stream, {"log": end}, page, Scan.LAST if position else Scan.ONLY)


def _snapshot(database: sqlite3.Connection, name: str) -> tuple[int, list[Row]]:
    """The log's last number, and all rows at that moment."""
    query = f"SELECT 'r', id, customer, payload FROM {name} ORDER BY id"  # noqa: S608
    database.execute("BEGIN")
    try:
        rows = database.execute(query).fetchall()
        return _last(database, name), rows
    finally:
        database.execute("COMMIT")


def _last(database: sqlite3.Connection, name: str) -> int:
    known = database.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (f"{name}_log",)).fetchone()
    return known[0] if known else 0


def _changes(database: sqlite3.Connection, stream: Stream, position: int, ask: Ask) -> Batch:
    query = f"SELECT seq, op, id, customer, payload FROM {stream.name}_log WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
    found = database.execute(query, (position, ask.rows)).fetchall()
    following = found[0][0] if found else _last(database, stream.name) + 1
    if following > position + 1:
        raise GapError(f"the log of {stream.name} begins with {following}, after {position} it was deleted")
    end = found[-1][0] if found else position
    return _batch(stream, {"log": end}, [row for _, *row in found], None, more=len(found) == ask.rows)


def _batch(
    stream: Stream,
    position: Position,
    rows: Sequence[Sequence[Any]],
    scan: Scan | None,
    *,
    more: bool = False,
) -> Batch:
    """Rows with their operations. A payload of NULL is a reject, unless its row is gone."""
    table = stream.tables[0]
    good = [row for row in rows if row[0] == Op.DELETE or row[3] is not None]
    bad = [row for row in rows if row[0] != Op.DELETE and row[3] is None]
    ops, *columns = list(zip(*good, strict=True)) or [()] * (1 + len(table.schema))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, table.schema, strict=True)]
    images = pa.RecordBatch.from_arrays(arrays, schema=table.schema)
    changes = (Changes(table, images, pa.array(ops, pa.string())),) if good else ()
    rejects = tuple(Reject(stream.name, "no payload", repr(row), {"id": row[1]}) for row in bad)
    return Batch(position, changes, rejects, scan=scan, more=more)

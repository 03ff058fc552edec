"""The rows of one table, by key and in the order of the key."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from bridge.testing.sap.abap import Table
from bridge.testing.sap.values import Row

Key = tuple[Any, ...]


class Relation:
    """Committed rows. Not locked: the system holds its lock."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.names = tuple(each.name for each in table.row.fields)
        self.places: Mapping[str, int] = {name: place for place, name in enumerate(self.names)}
        self._key = tuple(self.places[name] for name in table.key)
        self._pick = itemgetter(*self._key) if self._key else None
        self._rows: dict[Key, Row] = {}
        self._order: list[Key] = []
        self._sorted = True

    def key_of(self, row: Row) -> Key:
        if self._pick is None:
            return row
        return self._pick(row) if len(self._key) > 1 else (row[self._key[0]],)

    def get(self, key: Key) -> Row | None:
        return self._rows.get(key)

    def put(self, row: Row) -> None:
        key = self.key_of(row)
        if key not in self._rows and self._sorted:
            insort(self._order, key)
        self._rows[key] = row

    def remove(self, key: Key) -> None:
        del self._rows[key]
        if self._sorted:
            del self._order[bisect_left(self._order, key)]

    def load(self, rows: Iterable[Row]) -> None:
        """Many at once; the order is made when somebody asks for it."""
        self._rows.update((self.key_of(row), row) for row in rows)
        self._sorted = False

    def clear(self) -> None:
        self._rows, self._order, self._sorted = {}, [], True

    def scan(self, low: Key = (), high: Key = ()) -> list[Row]:
        """Rows whose key begins from `low` to `high`, both inclusive, in the order of the key."""
        if not self._sorted:
            self._order, self._sorted = sorted(self._rows), True
        keys = self._order
        start = bisect_left(keys, low) if low else 0
        end = bisect_right(keys, high, key=lambda key: key[: len(high)]) if high else len(keys)
        rows = self._rows
        return [rows[key] for key in keys[start:end]]

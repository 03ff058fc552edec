"""Logical units of work: what they change is there for others once they commit, and never if they do not."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bridge.testing.sap.abap import Table
from bridge.testing.sap.change_documents import CDHDR, CDPOS, Change, Document
from bridge.testing.sap.errors import Locked, Misuse
from bridge.testing.sap.pointers import BDCP2, pointers
from bridge.testing.sap.relations import Key
from bridge.testing.sap.values import Row, changed_row, row_of

if TYPE_CHECKING:
    from bridge.testing.sap.system import System

_Place = tuple[str, Key]


class Transaction:
    """Open until commit() or rollback(); as a context it commits, or rolls back when an exception leaves it.

    Rows are locked from the first change on: two transactions never change one row at a time (`Locked`).
    """

    def __init__(self, system: System, *, client: str, user: str, tcode: str, server: int) -> None:
        self.client = client
        self.user = user
        self.tcode = tcode
        self._system = system
        self._server = server
        self._rows: dict[_Place, Row | None] = {}
        self._undocumented: dict[_Place, Row | None] = {}
        self._open = True

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """A new row; what is not named is initial, the client is this transaction's."""
        relation = self._system.relation(table)
        made = row_of(relation.table.row, self._with_client(relation.table, row))
        place = table, relation.key_of(made)
        if self._now(place) is not None:
            raise Misuse(f"{table} has a row {place[1]} already")
        self._change(place, made)

    def update(self, table: str, row: Mapping[str, Any]) -> None:
        """The row with this key, and the values named beside it."""
        relation = self._system.relation(table)
        place = self._place(table, row)
        self._change(place, changed_row(relation.table.row, self._existing(place), row))

    def delete(self, table: str, key: Mapping[str, Any]) -> None:
        place = self._place(table, key)
        self._existing(place)
        self._change(place, None)

    def modify(self, table: str, row: Mapping[str, Any]) -> None:
        """Update, or insert where there is no such row (MODIFY)."""
        if self._now(self._place(table, row)) is None:
            self.insert(table, row)
        else:
            self.update(table, row)

    def row(self, table: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """As this transaction sees it."""
        found = self._now(self._place(table, key))
        return None if found is None else dict(zip(self._system.relation(table).names, found, strict=True))

    def document(self, object_class: str, object_id: str) -> str | None:
        """Writes the change document of all that changed since the last one, with the date and time of now.

        Its number, or None when nothing changed. Others see it when the transaction commits.
        """
        changes = self._changes()
        self._undocumented.clear()
        if not changes:
            return None
        document = self._document(object_class, object_id)
        items = list(document.items(changes))
        if not items:
            return None
        self.insert(CDHDR.name, document.header(changes[0].indicator))
        for item in items:
            self.insert(CDPOS.name, item)
        for pointer in pointers(self._system.messages, document, items):
            self.insert(BDCP2.name, {**pointer, "CPIDENT": self._system.pointer_numbers.draw(self._server)})
        self._undocumented.clear()
        return document.number

    def commit(self) -> None:
        self._close()
        self._system.apply(self, self._rows)

    def rollback(self) -> None:
        self._close()
        self._system.apply(self, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._open:
            return
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def _document(self, object_class: str, object_id: str) -> Document:
        system = self._system
        return Document(
            system.object_class(object_class),
            object_id,
            system.document_numbers.draw(self._server),
            self.client,
            self.user,
            self.tcode,
            system.clock.now(),
        )

    def _changes(self) -> list[Change]:
        """What differs from how it was at the last document, in the order of the first changes."""
        changes = []
        for place, before in self._undocumented.items():
            after = self._now(place)
            if before != after:
                changes.append(Change(self._system.relation(place[0]).table, before, after))
        return changes

    def _change(self, place: _Place, row: Row | None) -> None:
        if not self._open:
            raise Misuse("the transaction has ended")
        self._system.lock(self, place)
        self._undocumented.setdefault(place, self._now(place))
        self._rows[place] = row

    def _now(self, place: _Place) -> Row | None:
        return self._rows[place] if place in self._rows else self._system.relation(place[0]).get(place[1])

    def _existing(self, place: _Place) -> Row:
        row = self._now(place)
        if row is None:
            raise Misuse(f"{place[0]} has no row {place[1]}")
        return row

    def _place(self, table: str, row: Mapping[str, Any]) -> _Place:
        relation = self._system.relation(table)
        named = self._with_client(relation.table, row)
        missing = set(relation.table.key) - named.keys()
        if missing:
            raise Misuse(f"{table}: the key lacks {', '.join(sorted(missing))}")
        key = row_of(relation.table.row, {name: named[name] for name in relation.table.key})
        return table, relation.key_of(key)

    def _with_client(self, table: Table, row: Mapping[str, Any]) -> Mapping[str, Any]:
        return row if table.client is None else {table.client: self.client, **row}

    def _close(self) -> None:
        if not self._open:
            raise Misuse("the transaction has ended")
        self._open = False


class Locks:
    """Which transaction holds which row."""

    def __init__(self) -> None:
        self._holders: dict[_Place, Transaction] = {}

    def take(self, holder: Transaction, place: _Place) -> None:
        if self._holders.setdefault(place, holder) is not holder:
            raise Locked(f"{place[0]} {place[1]} is being changed by {self._holders[place].user}")

    def release(self, holder: Transaction) -> None:
        self._holders = {place: other for place, other in self._holders.items() if other is not holder}

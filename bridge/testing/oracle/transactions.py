"""A transaction: what it changed and nobody else sees yet, its locks, its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.tables import Table, Version
from bridge.testing.oracle.values import AnyRowId, LogicalId, Row, RowId, Stamp

if TYPE_CHECKING:
    from bridge.testing.oracle.store import Store


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one row: `values` after it, or of the row deleted; `known` and `before` undo it."""

    table: Table
    rowid: AnyRowId
    operation: str
    values: Row
    known: bool
    before: Row | None


@dataclass(eq=False)
class Transaction:
    """Made by `Store.transaction`; as a context it commits, or rolls back on an exception."""

    store: Store
    xid: bytes
    user: str
    began: Stamp
    """By the server's clock, as it was set then."""
    start_scn: int
    sid: int | None = None
    instance: int = 1
    """Of a cluster: where its session is."""
    changes: list[Change] = field(default_factory=list)
    over: bool = False
    _rows: dict[Table, dict[AnyRowId, Row | None]] = field(default_factory=dict)
    _keys: dict[Table, Counter[Row]] = field(default_factory=dict)
    _locked: list[tuple[Table, AnyRowId]] = field(default_factory=list)
    _unproved: list[tuple[Table, AnyRowId]] = field(default_factory=list)
    _depth: int = 0

    def overlay(self, table: Table) -> dict[AnyRowId, Row | None]:
        """The rows of a table as this transaction left them; None for those it deleted."""
        return self._rows.setdefault(table, {})

    def insert(self, table: Table | str, values: Mapping[str, Any]) -> AnyRowId:
        """Insert a row; its ROWID."""
        with self.statement():
            table = self.store.table(table)
            row = table.fitted(values)
            rowid = self.store.vacant(table, row)
            self._record(table, rowid, "I", row)
            return rowid

    def update(self, table: Table | str, which: object, values: Mapping[str, Any]) -> AnyRowId:
        """Change a row, found by ROWID or key; its ROWID from now on."""
        with self.statement():
            table = self.store.table(table)
            rowid, old = self.find(table, which)
            row = table.fitted(values, old)
            if isinstance(rowid, LogicalId) and table.key_of(row) != table.key_of(old):
                return self._replace(table, rowid, row)
            if isinstance(rowid, RowId) and table.segment(row).object != rowid.object:
                return self._migrate(table, rowid, row)
            self._record(table, rowid, "U", row)
            return rowid

    def delete(self, table: Table | str, which: object) -> None:
        with self.statement():
            table = self.store.table(table)
            rowid, old = self.find(table, which)
            self._record(table, rowid, "D", old)

    def move(self, table: Table | str, which: object, values: Mapping[str, Any] | None = None) -> AnyRowId:
        """Row movement: an update that gives the row a new ROWID (Database Concepts, Rowids)."""
        with self.statement():
            table = self.store.table(table)
            rowid, old = self.find(table, which)
            return self._replace(table, rowid, table.fitted(values or {}, old))

    def _migrate(self, table: Table, rowid: AnyRowId, row: Row) -> AnyRowId:
        """The update of a partition key: ORA-14402 unless rows may move (VLDB and Partitioning Guide)."""
        if not table.row_movement:
            raise OracleError(14402)
        return self._replace(table, rowid, row)

    def _replace(self, table: Table, rowid: AnyRowId, row: Row) -> AnyRowId:
        _, old = self.find(table, rowid)
        self._record(table, rowid, "D", old)
        moved = self.store.vacant(table, row)
        self._record(table, moved, "I", row)
        return moved

    def find(self, table: Table, which: object) -> tuple[AnyRowId, Row]:
        """A row that this transaction sees, by its ROWID, by the text of it, or by its key; LookupError."""
        rowid = which if isinstance(which, RowId | LogicalId) else self._by_key(table, which)
        values = self._seen(table, rowid)
        if values is None:
            raise LookupError(f"{table} has no row {which}")
        return rowid, values

    def _by_key(self, table: Table, which: object) -> AnyRowId:
        key = which if isinstance(which, tuple) else (which,)
        for rowid, values in self.overlay(table).items():
            if values is not None and table.key_of(values) == key:
                return rowid
        if key not in table.keys:
            raise LookupError(f"{table} has no row {which}")
        return table.keys[key]

    def _seen(self, table: Table, rowid: AnyRowId) -> Row | None:
        overlay = self.overlay(table)
        if rowid in overlay:
            return overlay[rowid]
        version = table.current(rowid)
        return version.values if version else None

    def lock(self, table: Table, rowid: AnyRowId) -> None:
        """Take the row's lock; ORA-00054 where another transaction has it, for nobody waits here."""
        holder = table.locks.setdefault(rowid, self)
        if holder is not self:
            raise OracleError(54)
        self._locked.append((table, rowid))

    def _record(self, table: Table, rowid: AnyRowId, operation: str, values: Row) -> None:
        self.lock(table, rowid)
        overlay = self.overlay(table)
        known = rowid in overlay
        before = overlay.get(rowid)
        old = self._seen(table, rowid)
        self.changes.append(Change(table, rowid, operation, values, known, before))
        self._count(table, before, None if operation == "D" else values)
        overlay[rowid] = None if operation == "D" else values
        self._unproved.append((table, rowid))
        if table.log is not None:
            for entry in log_entries(table, operation, old, values, self):
                self.insert(table.log, entry)

    def _count(self, table: Table, before: Row | None, after: Row | None) -> None:
        """Keep count of the keys in the overlay."""
        if table.key:
            keys = self._keys.setdefault(table, Counter())
            if before is not None:
                keys[table.key_of(before) or ()] -= 1
            if after is not None:
                keys[table.key_of(after) or ()] += 1

    def statement(self) -> Statement:
        """All or nothing: an error within undoes what it did; keys are proved at its end, not row by row."""
        return Statement(self)

    def prove(self) -> None:
        """ORA-00001 where two rows would have one key, ORA-00054 where that hangs on another transaction."""
        for table, rowid in self._unproved:
            values = self.overlay(table).get(rowid)
            key = table.key_of(values) if values is not None else None
            if key is not None:
                self._prove(table, rowid, key)
        self._unproved.clear()

    def _prove(self, table: Table, rowid: AnyRowId, key: Row) -> None:
        owner = table.keys.get(key)
        twice = self._keys[table][key] > 1
        if twice or (owner is not None and owner != rowid and owner not in self.overlay(table)):
            if owner is not None and table.locks.get(owner, self) is not self:
                raise OracleError(54)
            raise OracleError(1, f"{table.owner}.PK_{table.name}")
        if table.claims.setdefault(key, self) is not self:
            raise OracleError(54)

    def undo(self, mark: int) -> None:
        """Take back the changes after the first `mark`."""
        while len(self.changes) > mark:
            change = self.changes.pop()
            overlay = self.overlay(change.table)
            self._count(change.table, overlay[change.rowid], change.before)
            if change.known:
                overlay[change.rowid] = change.before
            else:
                del overlay[change.rowid]
        self._unproved.clear()

    def commit(self, *, behind: int = 0) -> int:
        """Make it all visible at one SCN, which is returned.

        `behind`: so much lower than the SCN already shown, as a cluster's other node may do.
        """
        with self.store.lock:
            self._finish()
            return self.store.committed(self, behind)

    def rollback(self) -> None:
        with self.store.lock:
            self._finish()
            self.store.rolled_back(self)

    def _finish(self) -> None:
        if self.over:
            raise RuntimeError("the transaction is over")
        self.over = True
        for table, rowid in self._locked:
            table.locks.pop(rowid, None)
        for table in self._rows:
            for key in [key for key, holder in table.claims.items() if holder is self]:
                del table.claims[key]

    def by_row(self) -> Mapping[tuple[Table, AnyRowId], list[Change]]:
        """The changes of each row, in the order made."""
        rows: dict[tuple[Table, AnyRowId], list[Change]] = {}
        for change in self.changes:
            rows.setdefault((change.table, change.rowid), []).append(change)
        return rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.over:
            if kind is None:
                self.commit()
            else:
                self.rollback()


class Statement:
    """The frame of one statement within a transaction (Database Concepts, Statement-Level Atomicity)."""

    def __init__(self, tx: Transaction) -> None:
        self._tx, self._mark = tx, 0

    def __enter__(self) -> None:
        self._tx.store.lock.acquire()
        self._tx._depth += 1  # noqa: SLF001 -- the other half of the transaction
        self._mark = len(self._tx.changes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tx = self._tx
        tx._depth -= 1  # noqa: SLF001
        try:
            if kind is None and tx._depth == 0:  # noqa: SLF001
                self._proved()
            elif kind is not None:
                tx.undo(self._mark)
        finally:
            tx.store.lock.release()

    def _proved(self) -> None:
        try:
            self._tx.prove()
        except OracleError:
            self._tx.undo(self._mark)
            raise


def log_entries(
    table: Table, operation: str, old: Row | None, values: Row, tx: Transaction
) -> list[dict[str, Any]]:
    """What a materialized view log notes of one change.

    Data Warehousing Guide, Materialized View Logs: I with new, D with old values, U; an update of the key is
    noted as a D of the old one and an I of the new one.
    """
    if operation == "U" and old is not None and table.key_of(old) != table.key_of(values):
        return [_entry(table, "D", "O", old, tx), _entry(table, "I", "N", values, tx)]
    return [_entry(table, operation, {"I": "N", "D": "O", "U": "U"}[operation], values, tx)]


def _entry(table: Table, kind: str, image: str, values: Row, tx: Transaction) -> dict[str, Any]:
    log = table.log
    entry: dict[str, Any] = {name: values[table.place[name]] for name in table.log_columns}
    entry |= {"DMLTYPE$$": kind, "OLD_NEW$$": image, "SNAPTIME$$": tx.store.never, "CHANGE_VECTOR$$": b"\xfe"}
    entry |= {"XID$$": int.from_bytes(tx.xid)}
    if log is not None and "SEQUENCE$$" in log.place:
        entry["SEQUENCE$$"] = tx.store.next_sequence()
    return entry


def versions_of(changes: list[Change], scn: int, xid: bytes, at: int, *, each: bool) -> list[Version]:
    """What a transaction leaves of one row: every change of it, or only what they come to."""
    kept = changes if each else _net(changes)
    versions = [Version(change.rowid, change.values, scn, change.operation, xid, at) for change in kept]
    for version in versions[:-1]:
        version.ends(scn, at)
    return versions


def _net(changes: list[Change]) -> list[Change]:
    """An insert and its updates are one insert; a row inserted and deleted was never there."""
    net: list[Change] = []
    for change in changes:
        last = net[-1] if net else None
        if last is None or last.operation == "D":
            net.append(change)
        elif last.operation == "I" and change.operation == "D":
            net.pop()
        elif change.operation == "D":
            net[-1] = change
        else:
            net[-1] = _merged(last, change)
    return net


def _merged(first: Change, then: Change) -> Change:
    return Change(then.table, then.rowid, first.operation, then.values, first.known, first.before)

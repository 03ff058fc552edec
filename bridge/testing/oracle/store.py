"""The database: tables in one commit order, what they were at any SCN, and how far undo reaches."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.coercion import stored
from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.space import BLOCKS_PER_EXTENT, Extent, Segment
from bridge.testing.oracle.tables import Column, Kind, Table, Version
from bridge.testing.oracle.transactions import Change, Transaction, versions_of
from bridge.testing.oracle.values import AnyRowId, Fields, LogicalId, Row, RowId, Stamp

if TYPE_CHECKING:
    from bridge.testing.oracle.session import Session

FIRST_SCN = 2_000_000
SCN_EVERY = 3_000_000_000
"""The SCN moves on with time even where nothing is committed, at least once in three seconds."""
FILES = (5, 7)
FIRST_OBJECT = 73_000
Columns = Iterable[tuple[str, str]] | Iterable[Column]
Names = tuple[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """A view of the dictionary: its rows are made when it is asked.

    Whoever asks says what some columns must be: rows that are not so need not be made.
    """

    owner: str
    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Session, Mapping[str, Any]], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Query:
    """A view that somebody created: the text of its query.

    `remote`: over a database link, so that who asks it has a transaction from then on (Administrator's Guide,
    Distributed Transactions Concepts).
    """

    owner: str
    name: str
    text: str
    remote: bool = False


Relation = Table | View | Query


@dataclass
class Undo:
    """How far flashback reaches: queries as of SCNs before `horizon` fail with `code`."""

    horizon: int = 0
    code: int = 1555


class Store:
    """The whole database. Every method may be called from any thread.

    `per_change`: a versions query shows every change that a transaction made to a row, not only what they
    come to. `split_keys`: it shows the update of a key as a delete and an insert, as the manual says it may.
    `reuse`: ROWIDs of deleted rows are used again. `offset`: the zone of the server's clock, in minutes.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.relations: dict[Names, Relation] = {}
        self.synonyms: dict[str, Names] = {}
        """Public ones, by name."""
        self.sequences: dict[Names, Iterator[int]] = {}
        self.types: dict[str, tuple[tuple[str, Type], ...]] = {}
        """The attributes of object types, by `OWNER.NAME`."""
        self.procedures: dict[tuple[str, ...], Callable[[Session, Mapping[str, Any]], None]] = {}
        """What a block may call, by package and name; arguments by name, or `1`, `2` by place."""
        self.plans: dict[Any, Any] = {}
        """Of statements seen, for whoever carries them out."""
        self.undo = Undo()
        self.per_change = True
        self.split_keys = False
        self.reuse = True
        self.offset = 0
        self.names_rights = False
        """Of a missing right on what one sees it says which: ORA-41900, as of release 23."""
        self.version = 0
        """Goes up with every change of the dictionary."""
        self._listed: dict[type, tuple[int, list[Any]]] = {}
        """Relations by their kind, as of a version."""
        self.never = Stamp.at(Fields(4000, 1, 1, 0, 0, 0, 0))
        self.transactions: dict[bytes, Transaction] = {}
        """Those open, by XID."""
        self._born = clock()
        self._scn = FIRST_SCN
        self._moments: list[tuple[int, int]] = [(FIRST_SCN, self._born)]
        self._xids = count(1)
        self._log_numbers = count(1)
        self._objects = count(FIRST_OBJECT)
        self._blocks = dict.fromkeys(FILES, 128)

    # -- time and SCN

    @property
    def scn(self) -> int:
        """The current SCN; all that was committed up to it can be seen."""
        with self.lock:
            passed = FIRST_SCN + (self.clock() - self._born) // SCN_EVERY
            if passed > self._scn:
                self._scn = passed
                self._moments.append((passed, self.clock()))
            return self._scn

    def time_of(self, scn: int) -> int:
        """When it was this SCN, in nanoseconds of UTC, as nearly as is known; ORA-08181."""
        with self.lock:
            if not FIRST_SCN <= scn <= self.scn:
                raise OracleError(8181)
            return self._moments[max(bisect_right(self._moments, (scn, 1 << 80)) - 1, 0)][1]

    def scn_at(self, moment: int) -> int:
        """The SCN of a moment; ORA-08180 for one before all that is known."""
        with self.lock:
            if moment < self._born or moment > self.clock() + SCN_EVERY:
                raise OracleError(8180)
            _ = self.scn
            return self._moments[max(bisect_right(self._moments, moment, key=lambda pair: pair[1]) - 1, 0)][0]

    def wall(self, moment: int) -> Stamp:
        """What the server's own clock shows then, with its zone."""
        return Stamp.utc(moment).zoned(self.offset)

    def now(self) -> Stamp:
        return self.wall(self.clock())

    # -- the dictionary

    def create(
        self,
        owner: str,
        name: str,
        columns: Columns,
        *,
        key: Sequence[str] = (),
        kind: Kind = Kind.TABLE,
        row_movement: bool = False,
        row_dependencies: bool = False,
        partitions: int = 1,
    ) -> Table:
        """Create a table; columns as `("ID", "NUMBER(10) NOT NULL")`. Partitions are by a hash of the key."""
        with self.lock:
            made = tuple(c if isinstance(c, Column) else Column.declared(*c) for c in columns)
            table = Table(owner, name, made, tuple(key), kind, next(self._objects), self._next_scn())
            table.row_movement, table.row_dependencies = row_movement, row_dependencies
            table.segments = [Segment(table.object_id)]
            table.segments += [Segment(next(self._objects)) for _ in range(1, partitions)]
            self._add(table)
            return table

    def create_view(self, owner: str, name: str, text: str, *, remote: bool = False) -> None:
        with self.lock:
            self._add(Query(owner, name, text, remote))

    def register(self, view: View, *synonyms: str) -> None:
        """Add a view of the dictionary, and public synonyms of it."""
        with self.lock:
            self.relations[view.owner, view.name] = view
            self.synonyms |= dict.fromkeys(synonyms, (view.owner, view.name))
            self.version += 1

    def create_log(self, table: Table | str, *, columns: Sequence[str] = (), sequence: bool = True) -> Table:
        """CREATE MATERIALIZED VIEW LOG: a table MLOG$_ that follows every change in its own transaction."""
        with self.lock:
            table = self.table(table)
            table.log_columns = (*table.key, *(name for name in columns if name not in table.key))
            own = [Column(name, table.columns[table.place[name]].type) for name in table.log_columns]
            extra = [("SEQUENCE$$", "NUMBER")] if sequence else []
            kept = [("SNAPTIME$$", "DATE"), ("DMLTYPE$$", "VARCHAR2(1)"), ("OLD_NEW$$", "VARCHAR2(1)")]
            kept += [("CHANGE_VECTOR$$", "RAW(255)"), ("XID$$", "NUMBER")]
            more = [Column.declared(*pair) for pair in [*extra, *kept]]
            table.log = self.create(table.owner, f"MLOG$_{table.name}"[:128], [*own, *more])
            return table.log

    def _add(self, relation: Relation) -> None:
        if (relation.owner, relation.name) in self.relations:
            raise OracleError(955)
        self.relations[relation.owner, relation.name] = relation
        self.version += 1

    def drop(self, owner: str, name: str) -> None:
        with self.lock:
            if (owner, name) not in self.relations:
                raise OracleError(942, f'"{owner}"."{name}"')
            dropped = self.relations.pop((owner, name))
            if isinstance(dropped, Table) and dropped.log is not None:
                self.relations.pop((owner, dropped.log.name), None)
            self.version += 1

    def table(self, name: Table | str) -> Table:
        """By `OWNER.NAME`; LookupError."""
        if isinstance(name, Table):
            return name
        owner, _, plain = name.partition(".")
        found = self.relations.get((owner, plain))
        if not isinstance(found, Table):
            raise LookupError(f"there is no table {name}")  # noqa: TRY004 -- a name, not a type
        return found

    def tables(self) -> list[Table]:
        return self._all(Table)

    def queries(self) -> list[Query]:
        return self._all(Query)

    def _all[R: Relation](self, kind: type[R]) -> list[R]:
        """There are many more views of the dictionary: they are looked through once."""
        with self.lock:
            listed = self._listed.get(kind)
            if listed is None or listed[0] != self.version:
                found = [each for each in self.relations.values() if isinstance(each, kind)]
                listed = self._listed[kind] = self.version, found
            return list(listed[1])

    # -- definition changes, behind some of which flashback cannot look
    # (Development Guide, Using Oracle Flashback Technology, General Guidelines)

    def add_column(self, table: Table | str, name: str, declared: str, default: Any = None) -> None:
        """Rows that were get the default; what they were can still be asked."""
        with self.lock:
            table = self.table(table)
            column = Column.declared(name, declared)
            value = stored(column.type, default)
            self._redefine(table, (*table.columns, column))
            for versions in table.history.values():
                for version in versions:
                    version.values = (*version.values, value)

    def drop_column(self, table: Table | str, name: str) -> None:
        with self.lock:
            table = self.table(table)
            place = table.place[name]
            self._redefine(table, tuple(column for column in table.columns if column.name != name))
            for versions in table.history.values():
                for version in versions:
                    version.values = version.values[:place] + version.values[place + 1 :]
            self._bar(table)

    def rename(self, table: Table | str, name: str) -> None:
        """RENAME: what it was stays with it; in no list of definition changes that bar flashback."""
        with self.lock:
            table = self.table(table)
            if (table.owner, name) in self.relations:
                raise OracleError(955)
            del self.relations[table.owner, table.name]
            table.name, table.altered = name, self._next_scn()
            self._add(table)
            self.plans.clear()

    def truncate(self, table: Table | str) -> None:
        with self.lock:
            table = self.table(table)
            self._empty(table)
            self._bar(table)

    def rebuild(self, table: Table | str) -> None:
        """ALTER TABLE MOVE: every row gets a new ROWID, outside of any transaction."""
        with self.lock:
            table = self.table(table)
            live = [v for versions in table.history.values() if (v := versions[-1]).operation != "D"]
            self._empty(table)
            for old in live:
                rowid = self.vacant(table, old.values)
                table.add(Version(rowid, old.values, old.start, old.operation, old.xid, old.at))
                self._index(table, None, old.values, rowid)
            self._bar(table)

    def shrink(self, table: Table | str) -> None:
        """ALTER TABLE SHRINK SPACE: rows go to free places before them, and versions queries do not tell.

        "Segment shrink operations are filtered out" (Administration Workshop, Flashback Versions Query:
        Considerations). Undo is kept: queries as of SCNs before it find rows where they were. Not every
        release changes LAST_DDL_TIME. Errors: ORA-10636: row movement is not enabled.
        """
        with self.lock:
            table = self.table(table)
            if not table.row_movement:
                raise OracleError(10636)
            scn, at = self._next_scn(), self.clock()
            for segment in table.segments:
                for rowid in sorted((each for each in table.order if table.current(each)), reverse=True):
                    lower = [each for each in segment.free if each < rowid]  # type: ignore[operator]
                    if lower and rowid not in table.locks and rowid.object == segment.object:  # type: ignore[union-attr]
                        self._shift(table, segment, rowid, min(lower), scn, at)

    def enable_row_movement(self, table: Table | str, *, on: bool = True) -> None:
        """ALTER TABLE ENABLE (or DISABLE) ROW MOVEMENT."""
        with self.lock:
            table = self.table(table)
            table.row_movement, table.altered = on, self._next_scn()

    def _shift(self, table: Table, segment: Segment, rowid: AnyRowId, to: RowId, scn: int, at: int) -> None:
        row = table.history[rowid][-1]
        row.ends(scn, at)
        for place, operation in ((rowid, "D"), (to, "I")):
            version = Version(place, row.values, scn, operation, b"", at)
            version.untold = True
            table.add(version)
        segment.free.remove(to)
        self._vacate(table, rowid)
        self._index(table, None, row.values, to)

    def _redefine(self, table: Table, columns: tuple[Column, ...]) -> None:
        table.columns = columns
        table.altered = self._next_scn()
        table.__post_init__()
        self.version += 1

    def _bar(self, table: Table) -> None:
        table.ddl_scn = self._next_scn()

    def _empty(self, table: Table) -> None:
        table.history, table.order, table.commits = {}, [], []
        table.keys, table.touched = {}, {}
        table.segments = [Segment(next(self._objects)) for _ in table.segments]

    # -- transactions

    def transaction(self, user: str = "APP", *, sid: int | None = None) -> Transaction:
        """A new one; open until it is committed or rolled back."""
        with self.lock:
            number = next(self._xids)
            xid = (number % 10 + 1).to_bytes(2, "little") + (number % 34).to_bytes(2, "little")
            tx = Transaction(self, xid + number.to_bytes(4, "little"), user, self.now(), self.scn, sid)
            self.transactions[tx.xid] = tx
            return tx

    def insert(self, table: Table | str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert rows in a transaction of their own; the SCN of its commit."""
        with self.transaction() as tx:
            for row in rows:
                tx.insert(table, row)
            return tx.commit()

    def rolled_back(self, tx: Transaction) -> None:
        for (table, rowid), changes in tx.by_row().items():
            if changes[0].operation == "I" and not changes[0].known:
                self._vacate(table, rowid)
        del self.transactions[tx.xid]

    def committed(self, tx: Transaction, behind: int) -> int:
        scn = self._next_scn()
        if behind:
            scn = max(scn - behind, self.undo.horizon + 1, tx.start_scn + 1)
        at = self.clock()
        rows = tx.by_row()
        for (table, rowid), changes in rows.items():
            self._settle(table, rowid, changes, tx.xid, scn, at)
        for (table, rowid), changes in rows.items():
            self._index_row(table, rowid, changes)
        del self.transactions[tx.xid]
        return scn

    def _next_scn(self) -> int:
        self._scn = self.scn + 1
        self._moments.append((self._scn, self.clock()))
        return self._scn

    def _settle(
        self, table: Table, rowid: AnyRowId, changes: list[Change], xid: bytes, scn: int, at: int
    ) -> None:
        before = table.current(rowid)
        known = self._split(table, before, changes) if self.split_keys else changes
        versions = versions_of(known, scn, xid, at, each=self.per_change)
        if before is not None and versions:
            before.ends(scn, at)
        for version in versions:
            table.add(version)
        if changes[-1].operation == "D":
            self._vacate(table, rowid)

    def _split(self, table: Table, before: Version | None, changes: list[Change]) -> list[Change]:
        """Updates of the key as a delete and an insert."""
        old = before.values if before else None
        parts: list[Change] = []
        for change in changes:
            moved = old is not None and table.key_of(old) != table.key_of(change.values)
            if change.operation == "U" and moved and old is not None:
                parts.append(Change(table, change.rowid, "D", old, known=True, before=None))
                parts.append(Change(table, change.rowid, "I", change.values, known=True, before=None))
            else:
                parts.append(change)
            old = change.values
        return parts

    def _index_row(self, table: Table, rowid: AnyRowId, changes: list[Change]) -> None:
        """Point the keys at the row as it is now; other rows of the transaction may have had them before."""
        versions = table.history.get(rowid, [])
        for version in reversed(versions):
            key = table.key_of(version.values)
            if key is not None and table.keys.get(key) == rowid:
                del table.keys[key]
            if version.start != versions[-1].start:
                break
        last = changes[-1]
        if last.operation != "D":
            self._index(table, None, last.values, rowid)

    def _index(self, table: Table, old: Row | None, new: Row, rowid: AnyRowId) -> None:
        if old is not None:
            table.keys.pop(table.key_of(old) or (), None)
        key = table.key_of(new)
        if key is not None:
            table.keys[key] = rowid

    # -- space

    def vacant(self, table: Table, row: Row) -> AnyRowId:
        """Where a new row goes: into space that a deleted one left, or at the end."""
        if table.kind is Kind.IOT:
            return LogicalId(table.key_of(row) or ())
        return table.segment(row).vacant(self._extent, reuse=self.reuse)

    def _extent(self, segment: Segment) -> Extent:
        """The next extent of a segment: files take turns."""
        file = FILES[len(segment.extents) % len(FILES)]
        block = self._blocks[file]
        self._blocks[file] += BLOCKS_PER_EXTENT
        return Extent(segment.object, file, block)

    def _vacate(self, table: Table, rowid: AnyRowId) -> None:
        for segment in table.segments:
            if isinstance(rowid, RowId) and segment.object == rowid.object:
                segment.free.append(rowid)

    def next_sequence(self) -> int:
        """For SEQUENCE$$ of materialized view logs."""
        return next(self._log_numbers)

    # -- flashback

    def forget(self, before: int, *, code: int = 1555) -> None:
        """Overwrite the undo of all SCNs before this one."""
        with self.lock:
            self.undo = Undo(max(before, self.undo.horizon), code)
            for table in self.tables():
                table.forget(self.undo.horizon)

    def reach(self, table: Table, scn: int | None) -> int:
        """Check that a flashback query may see a table as of an SCN.

        Database Error Messages, ORA-08181, ORA-01555, ORA-01466.
        """
        if scn is None or not 0 < scn <= self.scn:
            raise OracleError(8181)
        if scn < self.undo.horizon:
            raise OracleError(self.undo.code, 9) if self.undo.code == 1555 else OracleError(self.undo.code)
        if scn < table.ddl_scn:
            raise OracleError(1466)
        return scn

    def since(self, moment: int) -> int:
        """The first SCN known after a moment."""
        with self.lock:
            place = bisect_left(self._moments, moment, key=lambda pair: pair[1])
            return self._moments[place][0] if place < len(self._moments) else self.scn

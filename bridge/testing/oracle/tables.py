"""A table and all that its rows were: versions by commit SCN, in blocks and extents."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zlib import crc32

from bridge.testing.oracle.coercion import stored
from bridge.testing.oracle.datatypes import Type, parse_type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.space import Extent, Segment
from bridge.testing.oracle.values import AnyRowId, Row, RowId

if TYPE_CHECKING:
    from bridge.testing.oracle.transactions import Transaction


class Kind(StrEnum):
    TABLE = "TABLE"
    IOT = "IOT"
    MVIEW = "MATERIALIZED VIEW"
    EXTERNAL = "EXTERNAL"
    TEMPORARY = "TEMPORARY"
    CLUSTER = "CLUSTER"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `default` fills what an INSERT leaves out; a hidden one is not in `SELECT *`."""

    name: str
    type: Type
    nullable: bool = True
    default: Any = None
    hidden: bool = False

    @classmethod
    def declared(cls, name: str, declaration: str) -> Column:
        """Read `NUMBER(10) NOT NULL`."""
        text = " ".join(declaration.split())
        bare = text.removesuffix(" NOT NULL").removesuffix(" not null")
        return cls(name, parse_type(bare), nullable=bare == text)


STATE = Column("ORA_ARCHIVE_STATE", parse_type("VARCHAR2(4000)"), default="0", hidden=True)
"""What CREATE TABLE ... ROW ARCHIVAL adds; rows where it is another than 0 are archived."""


class Version:
    """One version of a row. `start` and `end` are commit SCNs; both None in a transaction still open.

    `operation` is I, U or D. A D shows the row as it was, and never ends, unless something follows in its own
    transaction (SQL Language Reference, Version Query Pseudocolumns). `at` and `until` are the moments of the
    commits in nanoseconds of UTC.
    """

    __slots__ = ("at", "end", "operation", "rowid", "start", "until", "untold", "values", "xid")

    def __init__(
        self, rowid: AnyRowId, values: Row, start: int | None, operation: str, xid: bytes, at: int | None
    ) -> None:
        self.rowid, self.values, self.operation, self.xid = rowid, values, operation, xid
        self.start, self.at = start, at
        self.untold = False
        """No versions query shows that it began."""
        self.end: int | None = None
        self.until: int | None = None

    def __repr__(self) -> str:
        return f"Version({self.rowid}, {self.values}, {self.start}..{self.end}, {self.operation})"

    def ends(self, scn: int, at: int) -> None:
        self.end, self.until = scn, at

    def holds(self, scn: int) -> bool:
        """It is what a query as of this SCN finds."""
        start = self.start
        return (
            self.operation != "D"
            and start is not None
            and start <= scn
            and (self.end is None or self.end > scn)
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """A stretch of ROWIDs, or exactly some of them."""

    low: AnyRowId | None = None
    high: AnyRowId | None = None
    only: frozenset[AnyRowId] | None = None

    def within(self, order: list[AnyRowId]) -> Iterable[AnyRowId]:
        """Those of the sorted list that may lie inside; a bound itself counts as inside."""
        if self.only is not None:
            return sorted(rowid for rowid in self.only if _contains(order, rowid))
        low = 0 if self.low is None else bisect_left(order, self.low)
        high = len(order) if self.high is None else bisect_right(order, self.high)
        return order[low:high] if low or high < len(order) else order


EVERYWHERE = Bounds()


def _contains(order: list[AnyRowId], rowid: AnyRowId) -> bool:
    place = bisect_left(order, rowid)
    return place < len(order) and order[place] == rowid


@dataclass(eq=False)
class Table:
    """A table; what it keeps is changed by transactions only, under the store's lock.

    `ddl_scn` is the SCN of the last change of its definition that flashback cannot reach behind, `altered`
    that of the last one of any kind.
    `row_dependencies` says that ORA_ROWSCN is kept by row and not by block.
    """

    owner: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    kind: Kind = Kind.TABLE
    object_id: int = 0
    ddl_scn: int = 0
    altered: int = 0
    validated: bool = True
    """Rows that were there before the key fulfil it, too."""
    row_movement: bool = False
    row_dependencies: bool = False
    policy: Callable[[Row], bool] | None = None
    """Which rows accounts see, by a row-level policy, unless they are exempt from it."""
    log: Table | None = None
    """Its materialized view log."""
    log_columns: tuple[str, ...] = ()
    history: dict[AnyRowId, list[Version]] = field(default_factory=dict)
    order: list[AnyRowId] = field(default_factory=list)
    commits: list[Version] = field(default_factory=list)
    """All versions by their start SCN, in the order of commits."""
    keys: dict[Row, AnyRowId] = field(default_factory=dict)
    """Of the rows as committed last."""
    locks: dict[AnyRowId, Transaction] = field(default_factory=dict)
    claims: dict[Row, Transaction] = field(default_factory=dict)
    """Keys that an open transaction has written."""
    segments: list[Segment] = field(default_factory=list)
    """One, or one for each partition."""
    touched: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """The SCNs of the commits that changed a block, by file and block."""

    def __post_init__(self) -> None:
        self.place = {column.name: index for index, column in enumerate(self.columns)}
        self._key_places = tuple(self.place[name] for name in self.key)

    def __str__(self) -> str:
        return f'"{self.owner}"."{self.name}"'

    def key_of(self, values: Row) -> Row | None:
        """The primary key among a row's values, None where the table has none."""
        return tuple(values[place] for place in self._key_places) if self._key_places else None

    @property
    def extents(self) -> list[Extent]:
        return [extent for segment in self.segments for extent in segment.extents]

    def segment(self, values: Row) -> Segment:
        """The partition of a row, by a hash of its key."""
        if len(self.segments) == 1:
            return self.segments[0]
        return self.segments[crc32(repr(self.key_of(values)).encode()) % len(self.segments)]

    def fitted(self, given: Mapping[str, Any], old: Row | None = None) -> Row:
        """The values of a row with what is given in place; the errors of INSERT and UPDATE."""
        for name in given:
            if name not in self.place:
                raise OracleError(904, f'"{name}"')
        values = []
        for place, column in enumerate(self.columns):
            if column.name in given:
                value = stored(column.type, given[column.name], f'{self}."{column.name}"')
            else:
                value = old[place] if old is not None else column.default
            if value is None and not (column.nullable and column.name not in self.key):
                raise OracleError(1400 if old is None else 1407, f'{self}."{column.name}"')
            values.append(value)
        return tuple(values)

    def current(self, rowid: AnyRowId) -> Version | None:
        """The version committed last, None where there is no row."""
        versions = self.history.get(rowid)
        if not versions or versions[-1].operation == "D":
            return None
        return versions[-1]

    def add(self, version: Version) -> None:
        """Append a committed version, behind what its row was."""
        versions = self.history.get(version.rowid)
        if versions is None:
            versions = self.history[version.rowid] = []
            insort(self.order, version.rowid)
        versions.append(version)
        if self.commits and _started(self.commits[-1]) > _started(version):
            insort(self.commits, version, key=_started)
        else:
            self.commits.append(version)
        if isinstance(version.rowid, RowId):
            scns = self.touched.setdefault((version.rowid.file, version.rowid.block), [])
            insort(scns, _started(version))

    def as_of(self, scn: int, bounds: Bounds = EVERYWHERE) -> Iterator[Version]:
        """The rows at an SCN, in the order of their ROWIDs."""
        history = self.history
        for rowid in bounds.within(self.order):
            for version in reversed(history[rowid]):
                if version.holds(scn):
                    yield version
                    break

    def seen_by(self, tx: Transaction, scn: int, bounds: Bounds = EVERYWHERE) -> Iterator[Version]:
        """The rows at an SCN with the transaction's own changes."""
        overlay = tx.overlay(self)
        order: list[AnyRowId] = sorted({*self.order, *overlay})
        for rowid in bounds.within(order):
            if rowid in overlay:
                values = overlay[rowid]
                if values is not None:
                    yield Version(rowid, values, None, "U", tx.xid, None)
            else:
                yield from (version for version in self.history[rowid] if version.holds(scn))

    def between(self, low: int, high: int, bounds: Bounds = EVERYWHERE) -> Iterator[Version]:
        """All versions that rows had between two SCNs, both included: newest first within a row."""
        for rowid in bounds.within(self.order):
            for version in reversed(self.history[rowid]):
                start = version.start
                if start is None or start > high:
                    continue
                if start >= low or (version.operation != "D" and (version.end is None or version.end > low)):
                    yield version

    def begun(self, low: int, high: int) -> Iterator[Version]:
        """Those versions alone that began between two SCNs, both included; newest first."""
        first = bisect_left(self.commits, low, key=_started)
        last = bisect_right(self.commits, high, key=_started)
        return reversed(self.commits[first:last])

    def row_scn(self, version: Version, scn: int) -> int | None:
        """ORA_ROWSCN: of the last commit to the row's block, unless kept by row.

        SQL Language Reference, ORA_ROWSCN Pseudocolumn: an upper bound; NULL for uncommitted rows.
        """
        if self.row_dependencies or not isinstance(version.rowid, RowId) or version.start is None:
            return version.start
        scns = self.touched[version.rowid.file, version.rowid.block]
        return scns[max(bisect_right(scns, scn) - 1, 0)]

    def forget(self, scn: int) -> None:
        """Drop what only queries as of earlier SCNs would see."""
        self.commits = self.commits[bisect_left(self.commits, scn, key=_started) :]
        for rowid, versions in list(self.history.items()):
            kept = [version for version in versions if not _over(version, scn)]
            if kept:
                self.history[rowid] = kept
            else:
                del self.history[rowid]
        self.order = sorted(self.history)


def _started(version: Version) -> int:
    return -1 if version.start is None else version.start


def _over(version: Version, scn: int) -> bool:
    if version.operation == "D":
        return _started(version) < scn
    return version.end is not None and version.end <= scn and _started(version) < scn

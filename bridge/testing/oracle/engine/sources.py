"""What a query reads from: tables as they are, as they were, in all their versions; views; JSON_TABLE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.datatypes import NUMBER, ROWID, Type
from bridge.testing.oracle.engine.compiling import Compiler
from bridge.testing.oracle.engine.conversion import as_number, as_stamp, comparable, family
from bridge.testing.oracle.engine.documents import document, found, scalar
from bridge.testing.oracle.engine.scope import Context, Env, Field, Fields, Record, Run, Term
from bridge.testing.oracle.engine.times import instant
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.session import ARCHIVAL, Session
from bridge.testing.oracle.store import View
from bridge.testing.oracle.tables import EVERYWHERE, STATE, Bounds, Kind, Table, Version
from bridge.testing.oracle.values import AnyRowId, LogicalId, Row, RowId, Stamp

if TYPE_CHECKING:
    from bridge.testing.oracle.engine.plans import Plan

UNVERSIONED = frozenset({Kind.EXTERNAL, Kind.TEMPORARY, Kind.CLUSTER})
"""SELECT, flashback_query_clause: no VERSIONS of external and temporary tables and of tables in a cluster."""
UNREMEMBERED = frozenset({Kind.EXTERNAL, Kind.TEMPORARY})
STAMP, XID = Type("TIMESTAMP", scale=0), Type("RAW", size=8)
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}


class Nothing:
    """The row of the other side of an outer join: NULL in all columns and pseudocolumns."""

    def __init__(self, columns: int) -> None:
        self.values = (None,) * columns

    def __getattr__(self, name: str) -> None:
        return None


class VersionRow:
    """A version as a versions query shows it: what began before its window has no beginning."""

    __slots__ = ("begun", "end", "operation", "rowid", "scn", "since", "until", "values", "xid")

    def __init__(self, version: Version, low: int, high: int, wall: Callable[[int], Stamp]) -> None:
        self.values, self.rowid = version.values, version.rowid
        self.begun = version.start is not None and version.start >= low and not version.untold
        self.scn = version.start if self.begun else None
        self.operation = version.operation if self.begun else None
        self.xid = version.xid if self.begun else None
        self.since = wall(version.at) if self.begun and version.at is not None else None
        ended = version.end is not None and version.end <= high
        self.end = version.end if ended else None
        self.until = wall(version.until) if ended and version.until is not None else None


@dataclass
class Leaf:
    """One source: `rows` of an environment that holds those of the sources before it."""

    fields: Fields
    rows: Callable[[Env], Iterable[Any]]
    reads: frozenset[int] = frozenset()
    filters: list[Run] = field(default_factory=list)
    scan: Scan | None = None
    wanted: dict[str, Run] = field(default_factory=dict)
    """What columns must be equal to."""

    @property
    def place(self) -> int:
        return self.fields.place

    def found(self, env: Env) -> Iterator[Env]:
        """The environments with each row that passes the filters."""
        filters = self.filters
        for row in self.rows(env):
            longer = (*env, row)
            if all(test(longer) for test in filters):
                yield longer

    def limit(self, condition: s.Expression, compiler: Compiler) -> None:
        """Take note of a condition of WHERE if it says what a column must be, or which rows will do."""
        if self.scan is not None:
            self.scan.limit(condition, compiler)
        elif isinstance(condition, s.Compare) and condition.sign == "=":
            self._want(condition.left, condition.right, compiler)

    def _want(self, one: s.Expression, other: s.Expression, compiler: Compiler) -> None:
        if isinstance(one, s.Name) and isinstance(other, s.Bind | s.Literal):
            self.wanted[one.parts[-1]] = compiler.term(other).run

    def nothing(self) -> Nothing:
        return Nothing(len(self.fields.fields))


@dataclass
class Scan:
    """A table read: the flashback clause, and what of WHERE says which rows will do."""

    table: Table
    place: int
    as_of: Callable[[Env], int] | None = None
    between: Callable[[Env], tuple[int, int]] | None = None
    begun: bool = False
    """Only versions that began within the window are asked for."""
    limits: list[tuple[str, Sequence[Run]]] = field(default_factory=list)
    """Comparisons of ROWID, each a sign or IN with what it is compared to."""

    def rows(self, env: Env) -> Iterable[Any]:
        """Those that the session may see: what hides a row hides its versions (Security Guide, VPD)."""
        tests = list(self._visible(env[0].session))
        found = self._found(env)
        return (row for row in found if all(test(row.values) for test in tests)) if tests else found

    def _visible(self, session: Session) -> Iterator[Callable[[Row], bool]]:
        table = self.table
        place = table.place.get(STATE.name)
        if place is not None and session.settings.get(ARCHIVAL) != "ALL":
            yield lambda values: values[place] == "0"
        if table.policy is not None and not session.exempt:
            yield table.policy

    def _found(self, env: Env) -> Iterable[Any]:
        context: Context = env[0]
        bounds = self._bounds(env)
        if self.between is not None:
            return self._versions(context, *self.between(env), bounds)
        if self.as_of is not None:
            return self.table.as_of(self.as_of(env), bounds)
        tx = context.session.tx
        if tx is not None and tx.overlay(self.table):
            return self.table.seen_by(tx, context.scn, bounds)
        return self.table.as_of(context.scn, bounds)

    def _versions(self, context: Context, low: int, high: int, bounds: Bounds) -> Iterator[VersionRow]:
        def wall(moment: int) -> Stamp:
            return Stamp(context.store.wall(moment).wall // 1_000_000_000 * 1_000_000_000)

        versions = self.table.begun(low, high) if self.begun else self.table.between(low, high, bounds)
        shown = (version for version in versions if not (version.untold and version.operation == "D"))
        return (VersionRow(version, low, high, wall) for version in shown)

    def _bounds(self, env: Env) -> Bounds:
        """The stretch of ROWIDs that can pass; WHERE is asked again, so a little more does no harm."""
        if not self.limits or self.table.kind is Kind.IOT:
            return EVERYWHERE
        low: list[AnyRowId] = []
        high: list[AnyRowId] = []
        only: frozenset[AnyRowId] | None = None
        for sign, runs in self.limits:
            values = [value for run in runs if isinstance(value := run(env), RowId | LogicalId)]
            if sign in ("=", "IN"):
                only = frozenset(values) if only is None else only & frozenset(values)
            elif not values:
                only = frozenset()
            else:
                (low if sign[0] == ">" else high).extend(values)
        if only is not None:
            return Bounds(only=only)
        return Bounds(max(low, default=None), min(high, default=None))

    def limit(self, condition: s.Expression, compiler: Compiler) -> None:
        """Take note of a condition of WHERE if it bounds what must be read."""
        if isinstance(condition, s.Compare) and condition.sign in _MIRRORED:
            self._limit_by(condition.sign, condition.left, (condition.right,), compiler)
            self._limit_by(_MIRRORED[condition.sign], condition.right, (condition.left,), compiler)
            self.begun |= self._is_start(condition.left, compiler) or self._is_start(
                condition.right, compiler
            )
        elif isinstance(condition, s.In) and isinstance(condition.among, tuple):
            self._limit_by("IN", condition.of, condition.among, compiler)
        elif isinstance(condition, s.Not) and isinstance(condition.of, s.Is) and condition.of.what is None:
            self.begun |= self._is_start(condition.of.of, compiler)

    def _limit_by(
        self, sign: str, one: s.Expression, others: Sequence[s.Expression], compiler: Compiler
    ) -> None:
        if not self._is_own(one, "ROWID", compiler):
            return
        terms = [compiler.term(other) for other in others]
        if all(place < self.place for term in terms for place in term.reads):
            rowid = compiler.term(one)
            self.limits.append((sign, [comparable(rowid, term)[1] for term in terms]))

    def _is_start(self, expression: s.Expression, compiler: Compiler) -> bool:
        names = ("VERSIONS_STARTSCN", "VERSIONS_OPERATION", "VERSIONS_XID", "VERSIONS_STARTTIME")
        return any(self._is_own(expression, name, compiler) for name in names)

    def _is_own(self, expression: s.Expression, name: str, compiler: Compiler) -> bool:
        if not isinstance(expression, s.Name) or expression.parts[-1] != name:
            return False
        found_ = compiler.scope.find(expression.parts)
        return found_ is not None and not found_[1] and found_[0].reads == {self.place}


def _extra(place: int, type_: Type, attribute: str) -> Term:
    def read(env: Env) -> Any:
        return getattr(env[place], attribute)

    return Term(type_, read, frozenset({place}))


def table_leaf(table: Table, place: int, names: tuple[tuple[str, ...], ...], scan: Scan) -> Leaf:
    extras: dict[str, Term] = {}
    if table.kind is not Kind.EXTERNAL:
        kind = Type("UROWID", size=4000) if table.kind is Kind.IOT else ROWID
        extras["ROWID"] = _extra(place, kind, "rowid")
    if scan.between is not None:
        extras |= {
            "VERSIONS_STARTSCN": _extra(place, NUMBER, "scn"),
            "VERSIONS_ENDSCN": _extra(place, NUMBER, "end"),
            "VERSIONS_STARTTIME": _extra(place, STAMP, "since"),
            "VERSIONS_ENDTIME": _extra(place, STAMP, "until"),
            "VERSIONS_XID": _extra(place, XID, "xid"),
            "VERSIONS_OPERATION": _extra(place, Type("VARCHAR2", size=1), "operation"),
        }
    elif table.kind is not Kind.EXTERNAL:
        extras["ORA_ROWSCN"] = _row_scn(table, place, scan)
    fields = tuple(
        Field(c.name, c.type, c.nullable and c.name not in table.key, c.hidden) for c in table.columns
    )
    return Leaf(Fields(place, names, fields, extras), scan.rows, scan=scan)


def _row_scn(table: Table, place: int, scan: Scan) -> Term:
    def read(env: Env) -> int | None:
        version = env[place]
        scn = scan.as_of(env) if scan.as_of is not None else env[0].scn
        return table.row_scn(version, scn) if isinstance(version, Version) else None

    return Term(NUMBER, read, frozenset({place}))


def flashback(scan: Scan, clause: s.AsOf | s.Versions, compiler: Compiler) -> frozenset[int]:
    """Put a flashback clause into effect; what its expressions read."""
    table = scan.table
    if isinstance(clause, s.AsOf):
        if table.kind in UNREMEMBERED:
            raise OracleError(8187)
        point, reads = _point(clause.unit, clause.point, compiler)
        scan.as_of = lambda env: env[0].store.reach(table, point(env))
        return reads
    if table.kind in UNVERSIONED:
        raise OracleError(30051)
    low, low_reads = _bound(clause.unit, clause.low, compiler)
    high, high_reads = _bound(clause.unit, clause.high, compiler)

    def between(env: Env) -> tuple[int, int]:
        store = env[0].store
        first = max(store.undo.horizon, table.ddl_scn) if low is None else store.reach(table, low(env))
        last = env[0].scn if high is None else store.reach(table, high(env))
        if first > last:
            raise OracleError(30052)
        return first, last

    scan.between = between
    return low_reads | high_reads


Point = Callable[[Env], int | None]


def _bound(unit: str, bound: s.Expression | None, compiler: Compiler) -> tuple[Point | None, frozenset[int]]:
    return (None, frozenset()) if bound is None else _point(unit, bound, compiler)


def _point(unit: str, expression: s.Expression, compiler: Compiler) -> tuple[Point, frozenset[int]]:
    """An SCN, or the SCN of a timestamp."""
    term = compiler.term(expression)
    if unit == "SCN":
        number = as_number(term)

        def scn(env: Env) -> int | None:
            value = number.run(env)
            return None if value is None else int(value)

        return scn, term.reads
    stamp = as_stamp(term)

    def at(env: Env) -> int | None:
        value = stamp.run(env)
        return None if value is None else int(env[0].store.scn_at(instant(env[0], value)))

    return at, term.reads


def view_leaf(view: View, place: int, names: tuple[tuple[str, ...], ...]) -> Leaf:
    fields = tuple(Field(c.name, c.type, c.nullable, c.hidden) for c in view.columns)

    def rows(env: Env) -> Iterable[Record]:
        wanted = {name: run(env) for name, run in leaf.wanted.items()}
        return map(Record, view.rows(env[0].session, wanted))

    leaf = Leaf(Fields(place, names, fields), rows)
    return leaf


def derived_leaf(plan: Plan, place: int, names: tuple[tuple[str, ...], ...]) -> Leaf:
    fields = tuple(Field(column.name, column.type, column.nullable) for column in plan.columns)
    return Leaf(Fields(place, names, fields), plan.rows, plan.reads)


def json_leaf(clause: s.JsonTable, place: int, compiler: Compiler) -> Leaf:
    """JSON_TABLE: a row for each of what the path finds, its columns by their own paths."""
    term = compiler.term(clause.document)
    if family(term.type) not in ("CHAR", "JSON"):
        raise OracleError(932, "JSON", term.type.name)
    fields = tuple(Field(column.name, column.type) for column in clause.columns)

    def rows(env: Env) -> Iterator[Record]:
        value = term.run(env)
        if value is not None:
            for number, item in enumerate(found(document(value), clause.path), 1):
                yield Record(_json_row(clause.columns, item, number))

    names = ((clause.alias,),) if clause.alias else ()
    return Leaf(Fields(place, names, fields), rows, term.reads)


def _json_row(columns: Sequence[s.JsonColumn], item: Any, number: int) -> Row:
    return tuple(
        number if column.path is None else scalar(column.type, next(found(item, column.path), None))
        for column in columns
    )

"""Queries turned into plans (SQL Language Reference, SELECT)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import islice
from typing import Any

from bridge.testing.oracle import syntax as s
from bridge.testing.oracle.compiling import CONDITIONS, Compiler, Needs
from bridge.testing.oracle.conversion import as_number, comparable, ordered, unified
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.groups import AGGREGATES
from bridge.testing.oracle.joining import Joined, Node, leaves_of
from bridge.testing.oracle.ordering import Key, sorted_by
from bridge.testing.oracle.scope import Env, Record, Run, Scope, Term, padded
from bridge.testing.oracle.session import ResultColumn, Session
from bridge.testing.oracle.sources import (
    Leaf,
    Scan,
    derived_leaf,
    flashback,
    json_leaf,
    table_leaf,
    view_leaf,
)
from bridge.testing.oracle.sql import parse
from bridge.testing.oracle.store import Query, Relation, View
from bridge.testing.oracle.tables import Table


@dataclass(frozen=True, slots=True)
class Plan:
    """A query ready to run: its columns, and its rows for an environment of the queries around it.

    `result` is the place where a row of it may be put to be compared.
    """

    columns: tuple[ResultColumn, ...]
    terms: tuple[Term, ...]
    rows: Callable[[Env], Iterable[Record]]
    reads: frozenset[int]
    result: int


def relation(session: Session, parts: tuple[str, ...]) -> Relation:
    """What a name means: one's own schema comes first, then public synonyms; ORA-00942."""
    store = session.store
    if len(parts) == 1:
        known = store.relations.get((session.schema, parts[0])) or store.relations.get(
            store.synonyms.get(parts[0], ("", ""))
        )
    else:
        owner, name = parts[-2], parts[-1]
        known = store.relations.get((owner, name))
    if known is None:
        raise OracleError(942, ".".join(f'"{part}"' for part in _full(session, parts)))
    return known


def _full(session: Session, parts: tuple[str, ...]) -> tuple[str, ...]:
    return parts if len(parts) > 1 else (session.schema, *parts)


@dataclass
class Planner:
    """Makes plans for one statement. `seen_at` is the flashback clause of the view being looked into."""

    session: Session
    needs: Needs
    seen_at: s.AsOf | None = None

    def plan(self, query: s.Query, outer: Scope | None = None, lock: str | None = None) -> Plan:
        """A query with its ORDER BY, OFFSET and FETCH."""
        scope = Scope(self.session, outer=outer, base=outer.end if outer else 1)
        scope.queries = {**(outer.queries if outer else {}), **dict(query.with_)}
        if query.offset is not None or query.limit is not None:
            if lock is not None:
                raise OracleError(2014)
            return self._sliced(query, scope)
        return self._ordered(query, scope, lock)

    def _ordered(self, query: s.Query, scope: Scope, lock: str | None = None) -> Plan:
        if isinstance(query.body, s.Select):
            return _Block(self, query.body, scope).plan(query.order, lock)
        if lock is not None:
            raise OracleError(1786)
        inner = self._body(query.body, scope)
        if not query.order:
            return inner
        return self._sorted(inner, query.order, scope)

    def _body(self, body: s.Select | s.Combined | s.Query, scope: Scope) -> Plan:
        if isinstance(body, s.Query):
            return self.plan(replace(body, with_=(*scope.queries.items(), *body.with_)), scope.outer)
        if isinstance(body, s.Select):
            fresh = replace(scope, sources=[], merged={})
            return _Block(self, body, fresh).plan((), None)
        return self._combined(body, scope)

    def _combined(self, body: s.Combined, scope: Scope) -> Plan:
        """The Set Operators."""
        left, right = self._body(body.left, scope), self._body(body.right, scope)
        if len(left.terms) != len(right.terms):
            raise OracleError(1789)
        types = [_together(one, other) for one, other in zip(left.terms, right.terms, strict=True)]
        if body.word != "UNION ALL":
            for type_ in types:
                ordered(type_)
        terms = tuple(replace(term, type=type_) for term, type_ in zip(left.terms, types, strict=True))
        columns = tuple(
            ResultColumn(column.name, type_, column.nullable or other.nullable)
            for column, other, type_ in zip(left.columns, right.columns, types, strict=True)
        )
        operate = _OPERATIONS[body.word]

        def rows(env: Env) -> Iterable[Record]:
            return operate(left.rows(env), right.rows(env))

        return Plan(columns, terms, rows, left.reads | right.reads, scope.base)

    def _sorted(self, inner: Plan, order: Sequence[s.OrderItem], scope: Scope) -> Plan:
        """By columns of the result: their names or numbers."""
        names = [column.name for column in inner.columns]
        keys: list[Key] = []
        for item in order:
            place = _position(item.expression, len(names))
            if place is None and isinstance(item.expression, s.Name) and item.expression.parts[-1] in names:
                place = names.index(item.expression.parts[-1])
            if place is None:
                raise OracleError(1785)
            keys.append((_at(inner.terms[place], place), item))

        def rows(env: Env) -> Iterable[Record]:
            return [pair[0] for pair in sorted_by([(row,) for row in inner.rows(env)], keys)]

        return Plan(inner.columns, inner.terms, rows, inner.reads, scope.base)

    def _sliced(self, query: s.Query, scope: Scope) -> Plan:
        """The row_limiting_clause."""
        inner = self._ordered(query, scope)
        compiler = Compiler(Scope(self.session, outer=scope.outer, base=scope.base), self.needs, self.plan)
        skip = as_number(compiler.term(query.offset)).run if query.offset is not None else None
        most = as_number(compiler.term(query.limit)).run if query.limit is not None else None

        def rows(env: Env) -> Iterable[Record]:
            start = _count(skip, env) or 0
            count = _count(most, env)
            return islice(inner.rows(env), start, None if count is None else start + count)

        return replace(inner, rows=rows)

    def leaf(self, source: s.Named, scope: Scope, place: int) -> Leaf:
        """A table, view, or query of WITH, by its name."""
        if len(source.parts) == 1 and source.parts[0] in scope.queries and source.flashback is None:
            name = source.parts[0]
            outside = Scope(self.session, base=place - 3, queries=_before(scope.queries, name))
            return derived_leaf(self.plan(scope.queries[name], outside), place, ((source.alias or name,),))
        known = relation(self.session, source.parts)
        self.needs.ask("SELECT", known.owner, known.name)
        names: tuple[tuple[str, ...], ...] = ((source.alias,),)
        if not source.alias:
            names = ((source.parts[-1],), (known.owner, source.parts[-1]))
        if isinstance(known, Table):
            return self._table(known, source.flashback or self.seen_at, names, scope, place)
        if isinstance(known, View):
            if source.flashback is not None:
                raise OracleError(8187 if isinstance(source.flashback, s.AsOf) else 30051)
            return view_leaf(known, place, names)
        return self._view(known, source.flashback, names, place)

    def _table(
        self,
        table: Table,
        clause: s.AsOf | s.Versions | None,
        names: tuple[tuple[str, ...], ...],
        scope: Scope,
        place: int,
    ) -> Leaf:
        scan, reads = Scan(table, place), frozenset[int]()
        if clause is not None:
            self.needs.ask("FLASHBACK", table.owner, table.name)
            reads = flashback(scan, clause, Compiler(scope, self.needs, self.plan))
        leaf = table_leaf(table, place, names, scan)
        leaf.reads = frozenset(read for read in reads if read > 0)
        return leaf

    def _view(
        self, view: Query, clause: s.AsOf | s.Versions | None, names: tuple[tuple[str, ...], ...], place: int
    ) -> Leaf:
        """A view is read with the rights of its owner; AS OF holds for the tables within."""
        if isinstance(clause, s.Versions):
            raise OracleError(30051)
        if clause is not None:
            self.needs.ask("FLASHBACK", view.owner, view.name)
        statement = parse(view.text)
        if not isinstance(statement, s.Query):
            raise OracleError(900)
        owner = replace(self.session, schema=view.owner)
        inside = Planner(owner, Needs(self.needs.binds), clause or self.seen_at)
        return derived_leaf(inside.plan(statement, Scope(owner, base=place - 3)), place, names)


def _before(queries: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The queries of WITH that one may use: those before it."""
    found: dict[str, Any] = {}
    for known, query in queries.items():
        if known == name:
            break
        found[known] = query
    return found


def _together(one: Term, other: Term) -> Any:
    try:
        return unified([one, other])
    except OracleError:
        raise OracleError(1790) from None


def _count(run: Run | None, env: Env) -> int | None:
    value = run(env) if run is not None else None
    return None if value is None else max(int(value), 0)


def _at(term: Term, place: int) -> Term:
    return Term(term.type, lambda env: env[0].values[place])


def _position(expression: s.Expression, most: int) -> int | None:
    """ORDER BY 2; ORA-01785 beyond the select list."""
    if not isinstance(expression, s.Literal) or not isinstance(expression.value, int):
        return None
    if not 1 <= expression.value <= most:
        raise OracleError(1785)
    return expression.value - 1


def _distinct(rows: Iterable[Record]) -> list[Record]:
    return list({row.values: row for row in reversed(list(rows))}.values())[::-1]


def _minus(left: Iterable[Record], right: Iterable[Record]) -> list[Record]:
    without = {row.values for row in right}
    return [row for row in _distinct(left) if row.values not in without]


def _intersection(left: Iterable[Record], right: Iterable[Record]) -> list[Record]:
    within = {row.values for row in right}
    return [row for row in _distinct(left) if row.values in within]


_OPERATIONS: dict[str, Callable[[Iterable[Record], Iterable[Record]], list[Record]]] = {
    "UNION ALL": lambda left, right: [*left, *right],
    "UNION": lambda left, right: _distinct([*left, *right]),
    "MINUS": _minus,
    "INTERSECT": _intersection,
}


def conjuncts(condition: s.Expression | None) -> list[s.Expression]:
    """What AND joins."""
    if isinstance(condition, s.Logic) and condition.word == "AND":
        return [*conjuncts(condition.left), *conjuncts(condition.right)]
    return [] if condition is None else [condition]


def _groups(tree: Any) -> bool:
    """Whether a group function stands in an expression, outside of queries within."""
    if isinstance(tree, s.Call) and tree.over is None and len(tree.name) == 1 and tree.name[0] in AGGREGATES:
        return True
    if isinstance(tree, tuple):
        return any(_groups(each) for each in tree)
    if isinstance(tree, s.Query) or not is_dataclass(tree):
        return False
    return any(_groups(getattr(tree, each.name)) for each in fields(tree))


def _replaced(tree: Any, names: Mapping[str, s.Expression]) -> Any:
    """An expression of ORDER BY with what the aliases of the select list stand for."""
    if isinstance(tree, s.Name) and len(tree.parts) == 1 and tree.parts[0] in names:
        return names[tree.parts[0]]
    if isinstance(tree, tuple):
        return tuple(_replaced(each, names) for each in tree)
    if isinstance(tree, s.Query) or not is_dataclass(tree) or isinstance(tree, type):
        return tree
    return replace(tree, **{each.name: _replaced(getattr(tree, each.name), names) for each in fields(tree)})


class _Block:
    """One query block being planned."""

    def __init__(self, planner: Planner, select: s.Select, scope: Scope) -> None:
        self._planner, self._select, self._scope = planner, select, scope
        scope.places = _width(select.source)
        self._plain = Compiler(scope, planner.needs, planner.plan)
        self._left_over: list[s.Expression] = []

    def plan(self, order: Sequence[s.OrderItem], lock: str | None) -> Plan:
        select, scope = self._select, self._scope
        self._left_over = conjuncts(select.where)
        source = self._source(select.source, [scope.base], inner=True)
        tests = [self._plain.condition(condition) for condition in self._left_over]
        compiler = self._plain.within(aggregates=None, windows=[])
        grouped = bool(select.group) or select.having is not None or _groups((select.items, tuple(order)))
        if grouped:
            compiler = compiler.within(aggregates=[], keys=select.group)
        names, terms = self._items(compiler)
        having = compiler.condition(select.having) if select.having is not None else None
        keys = self._keys(order, compiler, terms)
        if select.distinct:
            self._unique(order, terms)
        stages = [_filtering(tests, scope)]
        if lock is not None:
            stages.append(_locking(leaves_of(source), lock, grouped=grouped or select.distinct))
        if grouped:
            stages.append(self._grouping(compiler, having))
        if compiler.windows:
            stages.append(_windowing(compiler, scope))
        columns = tuple(
            ResultColumn(name, term.type, term.nullable) for name, term in zip(names, terms, strict=True)
        )
        rows = _running(scope.base, source, stages, terms, keys, distinct=select.distinct)
        return Plan(columns, tuple(terms), rows, self._reads(terms, tests, source), scope.base)

    def _reads(self, terms: Sequence[Term], tests: Sequence[Term], source: Node) -> frozenset[int]:
        reads = source.reads.union(*(term.reads for term in [*terms, *tests]))
        return frozenset(place for place in reads if place < self._scope.base)

    # -- FROM and WHERE

    def _source(self, source: s.Source, place: list[int], *, inner: bool) -> Node:
        """`place` counts the sources; `inner`: no outer join adds rows of NULL for it."""
        if isinstance(source, s.Join):
            return self._join(source, place, inner=inner)
        if isinstance(source, s.Named):
            leaf = self._planner.leaf(source, self._scope, place[0])
        elif isinstance(source, s.Derived):
            outside = replace(self._scope, sources=[], places=0, base=place[0] - 3)
            names = ((source.alias,),) if source.alias else ()
            leaf = derived_leaf(self._planner.plan(source.query, outside), place[0], names)
        else:
            leaf = json_leaf(source, place[0], self._plain)
        place[0] += 1
        self._scope.sources.append(leaf.fields)
        if inner:
            self._left_over = self._pushed(leaf, self._left_over)
        return leaf

    def _pushed(self, leaf: Leaf, conditions: list[s.Expression]) -> list[s.Expression]:
        """Give a source the conditions that ask of nothing else; those that are left."""
        rest = []
        for condition in conditions:
            if self._only(leaf, condition):
                leaf.filters.append(self._plain.condition(condition).run)
                if leaf.scan is not None:
                    leaf.scan.limit(condition, self._plain)
            else:
                rest.append(condition)
        return rest

    def _only(self, leaf: Leaf, condition: s.Expression) -> bool:
        """What cannot be compiled yet names sources still to come."""
        try:
            reads = self._plain.condition(condition).reads
        except OracleError:
            return False
        complete = len(self._scope.sources) == self._scope.places or _qualified(condition)
        own = {read for read in reads if read >= self._scope.base}
        return own == {leaf.place} and complete

    def _join(self, join: s.Join, place: list[int], *, inner: bool) -> Node:
        left = self._source(join.left, place, inner=inner and join.kind in ("INNER", "CROSS", "LEFT"))
        right = self._source(join.right, place, inner=inner and join.kind in ("INNER", "CROSS", "RIGHT"))
        conditions = conjuncts(join.on)
        for name in join.using:
            conditions.append(self._using(name, left, right, join.kind))
        joined = Joined("INNER" if join.kind == "CROSS" else join.kind, left, right)
        joined.tests = [self._plain.condition(condition).run for condition in conditions]
        equalities = [*conditions, *(self._left_over if inner and join.kind in ("INNER", "CROSS") else [])]
        joined.pairs = [pair for condition in equalities if (pair := self._pair(condition, left, right))]
        return joined

    def _using(self, name: str, left: Node, right: Node, kind: str) -> s.Expression:
        """USING: one column of two."""
        mine = next(leaf for leaf in leaves_of(left) if leaf.fields.term(name))
        theirs = next(leaf for leaf in leaves_of(right) if leaf.fields.term(name))
        self._scope.merged[name] = theirs.place if kind == "RIGHT" else mine.place
        return s.Compare("=", s.Name((*mine.fields.names[0], name)), s.Name((*theirs.fields.names[0], name)))

    def _pair(self, condition: s.Expression, left: Node, right: Node) -> tuple[Run, Run] | None:
        if not isinstance(condition, s.Compare) or condition.sign != "=" or not _qualified(condition):
            return None
        try:
            one, other = self._plain.term(condition.left), self._plain.term(condition.right)
        except OracleError:
            return None
        mine = {leaf.place for leaf in leaves_of(left)}
        theirs = {leaf.place for leaf in leaves_of(right)}
        reads = [{read for read in term.reads if read >= self._scope.base} for term in (one, other)]
        if reads[0] and reads[1] and reads[0] <= mine and reads[1] <= theirs:
            return comparable(one, other)
        if reads[0] and reads[1] and reads[0] <= theirs and reads[1] <= mine:
            first, second = comparable(one, other)
            return second, first
        return None

    # -- SELECT and ORDER BY

    def _items(self, compiler: Compiler) -> tuple[list[str], list[Term]]:
        names, terms = [], []
        for item in self._select.items:
            if isinstance(item.expression, s.Star):
                if compiler.keys is not None:
                    raise OracleError(979, "*")
                for column, term in self._scope.star(item.expression.qualifier):
                    names.append(column.name)
                    terms.append(term)
            else:
                if isinstance(item.expression, CONDITIONS):
                    raise OracleError(923)
                term = compiler.term(item.expression)
                names.append(item.alias or _name(item))
                terms.append(term)
        return names, terms

    def _keys(self, order: Sequence[s.OrderItem], compiler: Compiler, terms: Sequence[Term]) -> list[Key]:
        aliases = {item.alias: item.expression for item in self._select.items if item.alias}
        keys: list[Key] = []
        for item in order:
            place = _position(item.expression, len(terms))
            term = terms[place] if place is not None else compiler.term(_replaced(item.expression, aliases))
            keys.append((term, item))
        return keys

    def _unique(self, order: Sequence[s.OrderItem], terms: Sequence[Term]) -> None:
        """DISTINCT: what is compared must be comparable, what is sorted by must be selected."""
        for term in terms:
            ordered(term.type)
        shown = [item.expression for item in self._select.items]
        names = {_name(item) for item in self._select.items} | {item.alias for item in self._select.items}
        for item in order:
            if isinstance(item.expression, s.Literal) or item.expression in shown:
                continue
            if not isinstance(item.expression, s.Name) or item.expression.parts[-1] not in names:
                raise OracleError(1791)

    # -- GROUP BY

    def _grouping(self, compiler: Compiler, having: Term | None) -> Stage:
        keys = [self._plain.term(key) for key in self._select.group]
        for key in keys:
            ordered(key.type)
        functions = [made for _, made in compiler.aggregates or []]
        scope = self._scope

        def group(envs: Iterable[Env], outer: Env) -> Iterator[Env]:
            groups: dict[tuple[Any, ...], list[Env]] = {} if keys else {(): []}
            for env in envs:
                groups.setdefault(tuple(key.run(env) for key in keys), []).append(env)
            for key, members in groups.items():
                row = Record((*key, *(function.run(members) for function in functions)))
                env = (*padded(members[0] if members else outer, scope.group), row)
                if having is None or having.run(env):
                    yield env

        return group


Stage = Callable[[Iterable[Env], Env], Iterable[Env]]
"""From the environments of a query block to others; the second one is that around it."""


def _running(
    base: int,
    source: Node,
    stages: Sequence[Stage],
    terms: Sequence[Term],
    keys: Sequence[Key],
    *,
    distinct: bool,
) -> Callable[[Env], Iterable[Record]]:
    runs = [term.run for term in terms]

    def rows(around: Env) -> Iterable[Record]:
        env = padded(around, base)
        envs: Iterable[Env] = source.found(env)
        for stage in stages:
            envs = stage(envs, env)
        if distinct:
            envs = {tuple(run(each) for run in runs): each for each in envs}.values()
        if keys:
            envs = sorted_by(list(envs), keys)
        return (Record(tuple(run(each) for run in runs)) for each in envs)

    return rows


def _filtering(tests: Sequence[Term], scope: Scope) -> Stage:
    """WHERE, as far as no source has done it, and ROWNUM: the number of a row among those that pass."""
    runs = [test.run for test in tests]

    def plain(envs: Iterable[Env], _: Env) -> Iterable[Env]:
        return (env for env in envs if all(run(env) for run in runs)) if runs else envs

    def numbered(envs: Iterable[Env], _: Env) -> Iterator[Env]:
        number = 1
        for env in envs:
            longer = (*env, Record((number,)))
            if all(run(longer) for run in runs):
                number += 1
                yield longer

    def stage(envs: Iterable[Env], outer: Env) -> Iterable[Env]:
        return (numbered if scope.uses_rownum else plain)(envs, outer)

    return stage


def _locking(leaves: list[Leaf], how: str, *, grouped: bool) -> Stage:
    """FOR UPDATE: rows that others hold are an error, or skipped."""
    if grouped or len(leaves) != 1 or leaves[0].scan is None:
        raise OracleError(1786)
    table, place = leaves[0].scan.table, leaves[0].place

    def stage(envs: Iterable[Env], _: Env) -> Iterator[Env]:
        for env in list(envs):
            session = env[0].session
            session.tx = session.tx or session.store.transaction(session.user, sid=session.sid)
            try:
                session.tx.lock(table, env[place].rowid)
            except OracleError:
                if how == "SKIP":
                    continue
                raise
            yield env

    return stage


def _windowing(compiler: Compiler, scope: Scope) -> Stage:
    windows = [made for _, made in compiler.windows or []]

    def stage(envs: Iterable[Env], _: Env) -> list[Env]:
        listed = list(envs)
        columns = [window.run(listed) for window in windows]
        return [
            (*padded(env, scope.window), Record(tuple(column[number] for column in columns)))
            for number, env in enumerate(listed)
        ]

    return stage


def _name(item: s.Item) -> str:
    return item.expression.parts[-1] if isinstance(item.expression, s.Name) else item.text


def _width(source: s.Source) -> int:
    return _width(source.left) + _width(source.right) if isinstance(source, s.Join) else 1


def _qualified(tree: Any) -> bool:
    """Every column says whose it is, so that no source to come can have one of the same name."""
    if isinstance(tree, s.Name):
        return len(tree.parts) > 1
    if isinstance(tree, tuple):
        return all(_qualified(each) for each in tree)
    if isinstance(tree, s.Query):
        return False
    return not is_dataclass(tree) or all(_qualified(getattr(tree, each.name)) for each in fields(tree))

"""Queries turned into plans (SQL Language Reference, SELECT)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from bridge.testing.oracle.engine.compiling import Compiler
from bridge.testing.oracle.engine.conversion import as_number, ordered, unified
from bridge.testing.oracle.engine.needs import Needs
from bridge.testing.oracle.engine.ordering import Key, sorted_by
from bridge.testing.oracle.engine.plans import (
    Plan,
    position,
)
from bridge.testing.oracle.engine.scope import Env, Record, Run, Scope, Term
from bridge.testing.oracle.engine.selecting import Block
from bridge.testing.oracle.engine.sources import (
    Leaf,
    Scan,
    derived_leaf,
    flashback,
    table_leaf,
    view_leaf,
)
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.grammar.sql import parse
from bridge.testing.oracle.session import ResultColumn, Session
from bridge.testing.oracle.store import Query, Relation, View
from bridge.testing.oracle.tables import Table


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
            return Block(self, query.body, scope).plan(query.order, lock)
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
            return Block(self, body, fresh).plan((), None)
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
            place = position(item.expression, len(names))
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
        plan = inside.plan(statement, Scope(owner, base=place - 3))
        self.needs.transaction |= view.remote or inside.needs.transaction
        return derived_leaf(plan, place, names)


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

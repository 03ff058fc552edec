"""One query block planned (SQL Language Reference, SELECT)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.engine.compiling import CONDITIONS, Compiler
from bridge.testing.oracle.engine.conversion import comparable, ordered
from bridge.testing.oracle.engine.joining import Joined, Node, leaves_of
from bridge.testing.oracle.engine.ordering import Key
from bridge.testing.oracle.engine.plans import (
    Plan,
    conjuncts,
    has_groups,
    is_qualified,
    position,
    replaced,
    shown_name,
    width,
)
from bridge.testing.oracle.engine.scope import Env, Record, Run, Scope, Term, padded
from bridge.testing.oracle.engine.sources import (
    Leaf,
    derived_leaf,
    json_leaf,
)
from bridge.testing.oracle.engine.stages import Stage, filtering, locking, running, windowing
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.session import ResultColumn

if TYPE_CHECKING:
    from bridge.testing.oracle.engine.planning import Planner


class Block:
    """One query block being planned."""

    def __init__(self, planner: Planner, select: s.Select, scope: Scope) -> None:
        self._planner, self._select, self._scope = planner, select, scope
        scope.places = width(select.source)
        self._plain = Compiler(scope, planner.needs, planner.plan)
        self._left_over: list[s.Expression] = []

    def plan(self, order: Sequence[s.OrderItem], lock: str | None) -> Plan:
        select, scope = self._select, self._scope
        self._left_over = conjuncts(select.where)
        source = self._source(select.source, [scope.base], inner=True)
        tests = [self._plain.condition(condition) for condition in self._left_over]
        compiler = self._plain.within(aggregates=None, windows=[])
        grouped = bool(select.group) or select.having is not None or has_groups((select.items, tuple(order)))
        if grouped:
            compiler = compiler.within(aggregates=[], keys=select.group)
        names, terms = self._items(compiler)
        having = compiler.condition(select.having) if select.having is not None else None
        keys = self._keys(order, compiler, terms)
        if select.distinct:
            self._unique(order, terms)
        stages = [filtering(tests, scope)]
        if lock is not None:
            stages.append(locking(leaves_of(source), lock, grouped=grouped or select.distinct))
        if grouped:
            stages.append(self._grouping(compiler, having))
        if compiler.windows:
            stages.append(windowing(compiler, scope))
        columns = tuple(
            ResultColumn(name, term.type, term.nullable) for name, term in zip(names, terms, strict=True)
        )
        rows = running(scope.base, source, stages, terms, keys, distinct=select.distinct)
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
                leaf.limit(condition, self._plain)
            else:
                rest.append(condition)
        return rest

    def _only(self, leaf: Leaf, condition: s.Expression) -> bool:
        """What cannot be compiled yet names sources still to come."""
        try:
            reads = self._plain.condition(condition).reads
        except OracleError:
            return False
        complete = len(self._scope.sources) == self._scope.places or is_qualified(condition)
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
        if not isinstance(condition, s.Compare) or condition.sign != "=" or not is_qualified(condition):
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
                names.append(item.alias or shown_name(item))
                terms.append(term)
        return names, terms

    def _keys(self, order: Sequence[s.OrderItem], compiler: Compiler, terms: Sequence[Term]) -> list[Key]:
        aliases = {item.alias: item.expression for item in self._select.items if item.alias}
        keys: list[Key] = []
        for item in order:
            place = position(item.expression, len(terms))
            term = terms[place] if place is not None else compiler.term(replaced(item.expression, aliases))
            keys.append((term, item))
        return keys

    def _unique(self, order: Sequence[s.OrderItem], terms: Sequence[Term]) -> None:
        """DISTINCT: what is compared must be comparable, what is sorted by must be selected."""
        for term in terms:
            ordered(term.type)
        shown = [item.expression for item in self._select.items]
        names = {shown_name(item) for item in self._select.items} | {
            item.alias for item in self._select.items
        }
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

"""Expressions turned into functions (SQL Language Reference, Expressions; Conditions; Operators)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.datatypes import BOOLEAN, NUMBER, Type
from bridge.testing.oracle.engine.arithmetic import calculated
from bridge.testing.oracle.engine.casting import cast, extracted, in_zone
from bridge.testing.oracle.engine.conversion import (
    NOTHING,
    as_number,
    as_text,
    comparable,
    unified,
)
from bridge.testing.oracle.engine.functions import CONSTANTS, FUNCTIONS
from bridge.testing.oracle.engine.groups import AGGREGATES, Aggregate
from bridge.testing.oracle.engine.logic import all_of, any_of, negated, pattern_of
from bridge.testing.oracle.engine.needs import Needs
from bridge.testing.oracle.engine.scope import Env, Scope, Term, combined, padded
from bridge.testing.oracle.engine.windows import WINDOWS, Windowed
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.values import Obj

if TYPE_CHECKING:
    from bridge.testing.oracle.engine.plans import Plan

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


_LISTED, _WIDEST = 1000, 32_767


CONDITIONS = (s.Compare, s.Logic, s.Not, s.Is, s.In, s.Like, s.Exists)


@dataclass
class Compiler:
    """Compiles what stands in one place of a query block.

    `aggregates` collects group functions where they may stand, `windows` window functions; `keys` are the
    expressions of GROUP BY once rows are grouped.
    """

    scope: Scope
    needs: Needs
    plan: Callable[[s.Query, Scope], Plan]
    aggregates: list[tuple[s.Call, Aggregate]] | None = None
    windows: list[tuple[s.Call, Windowed]] | None = None
    keys: tuple[s.Expression, ...] | None = None

    def within(self, **changes: Any) -> Compiler:
        """The same with some things other."""
        return Compiler(**{**self.__dict__, **changes})

    def condition(self, expression: s.Expression) -> Term:
        """TRUE, FALSE, or NULL for UNKNOWN; ORA-00920 for an expression that is no condition."""
        term = self.term(expression)
        if term.type != BOOLEAN and not isinstance(expression, CONDITIONS):
            raise OracleError(920)
        return term

    def term(self, expression: s.Expression) -> Term:
        if self.keys is not None:
            for place, key in enumerate(self.keys):
                if self._is(key, expression):
                    return self._slot(self.scope.group, place, self.within(keys=None).term(key).type)
        method = _METHODS[type(expression)]
        return method(self, expression)

    def _is(self, key: s.Expression, expression: s.Expression) -> bool:
        if key == expression:
            return True
        if isinstance(key, s.Name) and isinstance(expression, s.Name):
            return key.parts[-1] == expression.parts[-1] and self._same_column(key, expression)
        return False

    def _same_column(self, one: s.Name, other: s.Name) -> bool:
        found = self.scope.find(one.parts), self.scope.find(other.parts)
        if found[0] is None or found[1] is None:
            return False
        return found[0][0].reads == found[1][0].reads and found[0][1] == found[1][1]

    def _slot(self, source: int, place: int, type_: Type) -> Term:
        return Term(type_, lambda env: env[source].values[place], frozenset({source}))

    # -- the simple ones

    def literal(self, e: s.Literal) -> Term:
        value = e.value
        return Term(e.type if value is not None else NOTHING, lambda _: value, nullable=value is None)

    def bind(self, e: s.Bind) -> Term:
        name = e.name
        if name not in self.needs.binds:
            raise OracleError(1008)
        return Term(self.needs.binds[name], lambda env: env[0].binds[name])

    def name(self, e: s.Name) -> Term:
        if e.parts == ("ROWNUM",) and not e.quoted:
            self.scope.uses_rownum = True
            return self._slot(self.scope.rownum, 0, NUMBER)
        found = self.scope.find(e.parts)
        if found is None:
            return self._constant(e)
        term, attributes = found
        if self.keys is not None and any(place >= self.scope.base for place in term.reads):
            raise OracleError(979 if self.keys else 937, e.parts[-1])
        for attribute in attributes:
            term = self._attribute(term, attribute)
        return term

    def _attribute(self, term: Term, name: str) -> Term:
        """An attribute of an object; its type is what the store was told."""
        attributes = self.scope.session.store.types.get(term.type.name)
        type_ = dict(attributes or ()).get(name)
        if type_ is None:
            raise OracleError(904, f'"{name}"')
        run = term.run

        def read(env: Env) -> Any:
            value = run(env)
            return dict(value.attributes).get(name) if isinstance(value, Obj) else None

        return combined(type_, read, [term])

    def _constant(self, e: s.Name) -> Term:
        """A function of a package, called without parentheses."""
        parts = e.parts[1:] if e.parts[0] == "SYS" else e.parts
        if parts not in CONSTANTS:
            raise OracleError(904, ".".join(f'"{part}"' for part in e.parts))
        return self.call(s.Call(parts, ()))

    def star(self, _: s.Star) -> Term:
        raise OracleError(936)

    # -- operators

    def unary(self, e: s.Unary) -> Term:
        term = as_number(self.term(e.of))
        if e.sign == "+":
            return term
        run = term.run
        return combined(term.type, lambda env: None if (value := run(env)) is None else -value, [term])

    def binary(self, e: s.Binary) -> Term:
        left, right = self.term(e.left), self.term(e.right)
        if e.sign != "||":
            return calculated(e.sign, left, right)
        one, other = as_text(left), as_text(right)
        large = {one.type.name, other.type.name} & {"CLOB", "NCLOB"}
        size = (one.type.size or 0) + (other.type.size or 0)
        unit = one.type.unit or other.type.unit
        type_ = Type("CLOB") if large else Type("VARCHAR2", size=min(size, 32_767), unit=unit)
        first, second = one.run, other.run

        def run(env: Env) -> str | None:
            joined: str = (first(env) or "") + (second(env) or "")
            if not large and len(joined) > _WIDEST:
                raise OracleError(1489)
            return joined or None

        return combined(type_, run, [one, other])

    def compare(self, e: s.Compare) -> Term:
        if isinstance(e.left, s.Several) or isinstance(e.right, s.Several):
            return self._compare_lists(e)
        return self._compared(e.sign, self.term(e.left), self.term(e.right))

    def _compared(self, sign: str, left: Term, right: Term) -> Term:
        test = _SIGNS[sign]
        one, other = comparable(left, right)

        def run(env: Env) -> bool | None:
            a, b = one(env), other(env)
            return None if a is None or b is None else test(a, b)

        return combined(BOOLEAN, run, [left, right])

    def _compare_lists(self, e: s.Compare) -> Term:
        """`(a, b) = (1, 2)`: lists are equal or not, and never less."""
        left, right = _items(e.left), _items(e.right)
        if e.sign not in ("=", "<>") or len(left) != len(right):
            raise OracleError(1796)
        pairs = [self._compared("=", self.term(a), self.term(b)) for a, b in zip(left, right, strict=True)]
        equal = all_of(pairs)
        return equal if e.sign == "=" else negated(equal)

    def logic(self, e: s.Logic) -> Term:
        left, right = self.condition(e.left), self.condition(e.right)
        return all_of([left, right]) if e.word == "AND" else any_of([left, right])

    def negation(self, e: s.Not) -> Term:
        return negated(self.condition(e.of))

    def is_(self, e: s.Is) -> Term:
        term = self.term(e.of)
        run, what = term.run, e.what
        return combined(BOOLEAN, lambda env: run(env) is what, [term])

    def in_(self, e: s.In) -> Term:
        if isinstance(e.among, s.Query):
            return self._in_query(e, e.among)
        if len(e.among) > _LISTED:
            raise OracleError(1795)
        if isinstance(e.of, s.Several):
            return any_of([self.compare(s.Compare("=", e.of, item)) for item in e.among])
        return self._in_list(self.term(e.of), [self.term(item) for item in e.among])

    def _in_list(self, left: Term, items: list[Term]) -> Term:
        pairs = [comparable(left, item) for item in items]
        one = pairs[0][0]
        if any(pair[0] is not one for pair in pairs):
            return any_of([self._compared("=", left, item) for item in items])
        others = [pair[1] for pair in pairs]

        def run(env: Env) -> bool | None:
            value = one(env)
            if value is None:
                return None
            unknown = False
            for other in others:
                candidate = other(env)
                if candidate is None:
                    unknown = True
                elif candidate == value:
                    return True
            return None if unknown else False

        return combined(BOOLEAN, run, [left, *items])

    def _in_query(self, e: s.In, query: s.Query) -> Term:
        left = [self.term(item) for item in _items(e.of)]
        plan = self.plan(query, self.scope)
        if len(plan.terms) != len(left):
            raise OracleError(913 if len(plan.terms) > len(left) else 947)
        inner = [_column(plan, place) for place in range(len(left))]
        tests = [self._compared("=", mine, theirs) for mine, theirs in zip(left, inner, strict=True)]
        test, place = all_of(tests), plan.result

        def run(env: Env) -> bool | None:
            answer: bool | None = False
            for row in plan.rows(env):
                found = test.run((*padded(env, place), row))
                if found:
                    return True
                answer = None if found is None else answer
            return answer

        reads = frozenset(read for read in test.reads if read < place) | plan.reads
        return Term(BOOLEAN, run, reads)

    def like(self, e: s.Like) -> Term:
        terms = [as_text(self.term(e.of)), as_text(self.term(e.pattern))]
        escape = as_text(self.term(e.escape)) if e.escape else None
        value, pattern = terms[0].run, terms[1].run

        def run(env: Env) -> bool | None:
            a, b = value(env), pattern(env)
            if a is None or b is None:
                return None
            return pattern_of(b, escape.run(env) if escape else None).fullmatch(a) is not None

        return combined(BOOLEAN, run, [*terms, *([escape] if escape else [])])

    def exists(self, e: s.Exists) -> Term:
        plan = self.plan(e.query, self.scope)
        return Term(BOOLEAN, lambda env: next(iter(plan.rows(env)), None) is not None, plan.reads)

    def scalar(self, e: s.Scalar) -> Term:
        """A scalar subquery: NULL for no row, ORA-01427 for several."""
        plan = self.plan(e.query, self.scope)
        if len(plan.terms) != 1:
            raise OracleError(913)

        def run(env: Env) -> Any:
            rows = list(plan.rows(env))
            if len(rows) > 1:
                raise OracleError(1427)
            return rows[0].values[0] if rows else None

        return Term(plan.terms[0].type, run, plan.reads)

    def case(self, e: s.Case) -> Term:
        tests = [self.condition(test) for test, _ in e.whens]
        values = [self.term(value) for _, value in e.whens]
        default = self.term(e.default) if e.default is not None else self.literal(s.Literal(None, NOTHING))
        pairs = [(test.run, value.run) for test, value in zip(tests, values, strict=True)]
        otherwise = default.run

        def run(env: Env) -> Any:
            for test, value in pairs:
                if test(env):
                    return value(env)
            return otherwise(env)

        return combined(unified([*values, default]), run, [*tests, *values, default])

    def several(self, _: s.Several) -> Term:
        raise OracleError(907)

    # -- functions

    def cast(self, e: s.Cast) -> Term:
        return cast(self.term(e.of), e.type)

    def extract(self, e: s.Extract) -> Term:
        return extracted(e.field, self.term(e.of))

    def at_zone(self, e: s.AtZone) -> Term:
        return in_zone(self.term(e.of), self.term(e.zone) if e.zone is not None else None)

    def call(self, e: s.Call) -> Term:
        name = e.name[1:] if len(e.name) > 1 and e.name[0] in ("SYS", "STANDARD") else e.name
        if e.over is not None:
            return self._window(e)
        if len(name) == 1 and name[0] in AGGREGATES:
            return self._aggregate(e)
        function = FUNCTIONS.get(name)
        if function is None or e.distinct or e.within:
            raise OracleError(904, ".".join(f'"{part}"' for part in e.name))
        if len(name) > 1:
            self.needs.ask("EXECUTE", "SYS", name[0])
        if not function.least <= len(e.arguments) <= function.most:
            raise OracleError(909)
        terms = [self.term(argument) for argument in e.arguments]
        if any(term.type.name in ("LONG", "LONG RAW") for term in terms):
            raise OracleError(932, "CHAR", "LONG")
        return function.build(terms, e.returning)

    def _aggregate(self, e: s.Call) -> Term:
        if self.aggregates is None:
            raise OracleError(934)
        inside = self.within(aggregates=None, windows=None, keys=None)
        for place, (known, made) in enumerate(self.aggregates):
            if known == e:
                return self._slot(self.scope.group, self._keys + place, made.type)
        made = AGGREGATES[e.name[-1]](e, inside)
        self.aggregates.append((e, made))
        return self._slot(self.scope.group, self._keys + len(self.aggregates) - 1, made.type)

    @property
    def _keys(self) -> int:
        return len(self.keys or ())

    def _window(self, e: s.Call) -> Term:
        if self.windows is None:
            raise OracleError(30483)
        if len(e.name) != 1 or e.name[0] not in WINDOWS:
            raise OracleError(904, f'"{e.name[-1]}"')
        made = WINDOWS[e.name[0]](e, self.within(windows=None))
        self.windows.append((e, made))
        return self._slot(self.scope.window, len(self.windows) - 1, made.type)


def _items(e: s.Expression) -> tuple[s.Expression, ...]:
    return e.items if isinstance(e, s.Several) else (e,)


def _column(plan: Plan, place: int) -> Term:
    source = plan.result
    return Term(plan.terms[place].type, lambda env: env[source].values[place], frozenset({source}))


_METHODS: dict[type, Callable[[Compiler, Any], Term]] = {
    s.Literal: Compiler.literal,
    s.Bind: Compiler.bind,
    s.Name: Compiler.name,
    s.Star: Compiler.star,
    s.Call: Compiler.call,
    s.Unary: Compiler.unary,
    s.Binary: Compiler.binary,
    s.Compare: Compiler.compare,
    s.Logic: Compiler.logic,
    s.Not: Compiler.negation,
    s.Is: Compiler.is_,
    s.In: Compiler.in_,
    s.Like: Compiler.like,
    s.Exists: Compiler.exists,
    s.Case: Compiler.case,
    s.Cast: Compiler.cast,
    s.Extract: Compiler.extract,
    s.AtZone: Compiler.at_zone,
    s.Scalar: Compiler.scalar,
    s.Several: Compiler.several,
}

"""Functions of groups of rows (SQL Language Reference, Aggregate Functions)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.coercion import PRECISE, shortest
from bridge.testing.oracle.datatypes import NUMBER, VARCHAR2, Type
from bridge.testing.oracle.engine.conversion import as_number, as_text, ordered
from bridge.testing.oracle.engine.ordering import sorted_by
from bridge.testing.oracle.engine.scope import Env, Term
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s

if TYPE_CHECKING:
    from bridge.testing.oracle.engine.compiling import Compiler


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A group function compiled: the value of all the environments of a group."""

    type: Type
    run: Callable[[Sequence[Env]], Any]


Make = Callable[[s.Call, "Compiler"], Aggregate]


def _one(call: s.Call, compiler: Compiler) -> Term:
    if len(call.arguments) != 1:
        raise OracleError(909)
    return compiler.term(call.arguments[0])


def values_of(term: Term, envs: Sequence[Env], *, distinct: bool = False) -> list[Any]:
    """Those that are not NULL."""
    found = [value for env in envs if (value := term.run(env)) is not None]
    return list(dict.fromkeys(found)) if distinct else found


def _count(call: s.Call, compiler: Compiler) -> Aggregate:
    if call.arguments == (s.Star(),):
        return Aggregate(NUMBER, len)
    term, distinct = _one(call, compiler), call.distinct
    return Aggregate(NUMBER, lambda envs: len(values_of(term, envs, distinct=distinct)))


def _extreme(choose: Callable[[list[Any]], Any]) -> Make:
    def make(call: s.Call, compiler: Compiler) -> Aggregate:
        term = _one(call, compiler)
        ordered(term.type)

        def run(envs: Sequence[Env]) -> Any:
            values = values_of(term, envs)
            return choose(values) if values else None

        return Aggregate(term.type, run)

    return make


def total(values: Sequence[Any]) -> Any:
    """The sum of numbers."""
    if any(isinstance(value, float) for value in values):
        return sum(float(value) for value in values)
    result = Decimal(0)
    for value in values:
        result = PRECISE.add(result, Decimal(value))
    return shortest(result)


def _mean(values: Sequence[Any]) -> Any:
    whole = total(values)
    return (
        whole / len(values)
        if isinstance(whole, float)
        else shortest(PRECISE.divide(Decimal(whole), len(values)))
    )


def _numeric(reduce: Callable[[Sequence[Any]], Any]) -> Make:
    def make(call: s.Call, compiler: Compiler) -> Aggregate:
        term, distinct = as_number(_one(call, compiler)), call.distinct

        def run(envs: Sequence[Env]) -> Any:
            values = values_of(term, envs, distinct=distinct)
            return reduce(values) if values else None

        return Aggregate(NUMBER, run)

    return make


def _listed(call: s.Call, compiler: Compiler) -> Aggregate:
    """LISTAGG (x, separator) WITHIN GROUP (ORDER BY ...)."""
    if not 1 <= len(call.arguments) <= 2:
        raise OracleError(909)
    term = as_text(compiler.term(call.arguments[0]))
    separator = as_text(compiler.term(call.arguments[1])) if len(call.arguments) > 1 else None
    keys = [(compiler.term(item.expression), item) for item in call.within]
    distinct = call.distinct

    def run(envs: Sequence[Env]) -> Any:
        values = values_of(term, sorted_by(envs, keys), distinct=distinct)
        between = (separator.run(envs[0]) or "") if separator and envs else ""
        return between.join(values) or None

    return Aggregate(VARCHAR2, run)


AGGREGATES: dict[str, Make] = {
    "COUNT": _count,
    "MIN": _extreme(min),
    "MAX": _extreme(max),
    "ANY_VALUE": _extreme(lambda values: values[0]),
    "SUM": _numeric(total),
    "AVG": _numeric(_mean),
    "LISTAGG": _listed,
}

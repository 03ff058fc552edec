"""Analytic functions (SQL Language Reference, Analytic Functions), without windows of rows or ranges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.datatypes import NUMBER, Type
from bridge.testing.oracle.engine.groups import AGGREGATES
from bridge.testing.oracle.engine.ordering import Key, sorted_by
from bridge.testing.oracle.engine.scope import Env, Term
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s

if TYPE_CHECKING:
    from bridge.testing.oracle.engine.compiling import Compiler

Each = Callable[[list[Env], list[int]], list[Any]]
"""Of the rows of a partition in order, and for each the place behind its last peer: the values."""


@dataclass(frozen=True, slots=True)
class Windowed:
    """An analytic function compiled: the value of each environment, in the order given."""

    type: Type
    run: Callable[[Sequence[Env]], list[Any]]


Make = Callable[[s.Call, "Compiler"], Windowed]


def _framed(type_: Type, call: s.Call, compiler: Compiler, each: Each) -> Windowed:
    window = call.over or s.Window((), ())
    parts = [compiler.term(part) for part in window.partition]
    keys: list[Key] = [(compiler.term(item.expression), item) for item in window.order]

    def run(envs: Sequence[Env]) -> list[Any]:
        answers: list[Any] = [None] * len(envs)
        for places in _partitions(envs, parts):
            order = _ordered(envs, places, keys)
            rows = [envs[place] for place in order]
            for place, value in zip(order, each(rows, _peers(rows, keys)), strict=True):
                answers[place] = value
        return answers

    return Windowed(type_, run)


def _partitions(envs: Sequence[Env], parts: list[Term]) -> list[list[int]]:
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, env in enumerate(envs):
        found.setdefault(tuple(part.run(env) for part in parts), []).append(place)
    return list(found.values())


def _ordered(envs: Sequence[Env], places: list[int], keys: list[Key]) -> list[int]:
    if not keys:
        return places
    named = [(*envs[place], place) for place in places]
    return [env[-1] for env in sorted_by(named, keys)]


def _peers(rows: list[Env], keys: list[Key]) -> list[int]:
    """Without an order all rows are peers."""
    if not keys:
        return [len(rows)] * len(rows)
    values = [[term.run(row) for term, _ in keys] for row in rows]
    ends = [0] * len(rows)
    end = len(rows)
    for place in range(len(rows) - 1, -1, -1):
        if place + 1 < len(rows) and values[place] != values[place + 1]:
            end = place + 1
        ends[place] = end
    return ends


def _row_number(call: s.Call, compiler: Compiler) -> Windowed:
    _ordering(call, 0)
    return _framed(NUMBER, call, compiler, lambda rows, _: list(range(1, len(rows) + 1)))


def _rank(call: s.Call, compiler: Compiler) -> Windowed:
    _ordering(call, 0)

    def each(rows: list[Env], ends: list[int]) -> list[Any]:
        ranks: list[Any] = []
        for place in range(len(rows)):
            tied = place > 0 and ends[place - 1] == ends[place]
            ranks.append(ranks[-1] if tied else place + 1)
        return ranks

    return _framed(NUMBER, call, compiler, each)


def _ntile(call: s.Call, compiler: Compiler) -> Windowed:
    """Buckets as even as can be, the larger ones first."""
    _ordering(call, 1)
    count = compiler.term(call.arguments[0])

    def each(rows: list[Env], _: list[int]) -> list[Any]:
        buckets = int(count.run(rows[0]))
        if buckets < 1:
            raise OracleError(30494)
        size, larger = divmod(len(rows), buckets)
        turn = larger * (size + 1)
        return [
            place // (size + 1) + 1 if place < turn else larger + (place - turn) // max(size, 1) + 1
            for place in range(len(rows))
        ]

    return _framed(NUMBER, call, compiler, each)


def _neighbour(step: int) -> Make:
    """LAG and LEAD."""

    def make(call: s.Call, compiler: Compiler) -> Windowed:
        if not 1 <= len(call.arguments) <= 3:
            raise OracleError(909)
        _ordering(call, len(call.arguments))
        terms = [compiler.term(argument) for argument in call.arguments]

        def each(rows: list[Env], _: list[int]) -> list[Any]:
            return [_at(rows, place, step, terms) for place in range(len(rows))]

        return _framed(terms[0].type, call, compiler, each)

    return make


def _at(rows: list[Env], place: int, step: int, terms: list[Term]) -> Any:
    distance = int(terms[1].run(rows[place])) if len(terms) > 1 else 1
    other = place + step * distance
    if 0 <= other < len(rows):
        return terms[0].run(rows[other])
    return terms[2].run(rows[place]) if len(terms) > 2 else None


def _edge(call: s.Call, compiler: Compiler) -> Windowed:
    """FIRST_VALUE."""
    term = compiler.term(call.arguments[0])
    return _framed(term.type, call, compiler, lambda rows, _: [term.run(rows[0])] * len(rows))


def _aggregate(call: s.Call, compiler: Compiler) -> Windowed:
    """A group function over the rows up to the last peer of each."""
    made = AGGREGATES[call.name[-1]](call, compiler.within(aggregates=None))

    def each(rows: list[Env], ends: list[int]) -> list[Any]:
        known = {end: made.run(rows[:end]) for end in dict.fromkeys(ends)}
        return [known[end] for end in ends]

    return _framed(made.type, call, compiler, each)


def _ordering(call: s.Call, arguments: int) -> None:
    """ORA-30485 where the order is missing."""
    if len(call.arguments) != arguments:
        raise OracleError(909)
    if call.over is None or not call.over.order:
        raise OracleError(30485)


WINDOWS: dict[str, Make] = {
    "ROW_NUMBER": _row_number,
    "RANK": _rank,
    "NTILE": _ntile,
    "LAG": _neighbour(-1),
    "LEAD": _neighbour(1),
    "FIRST_VALUE": _edge,
    **dict.fromkeys(("COUNT", "MIN", "MAX", "SUM", "AVG"), _aggregate),
}

"""Functions that choose between values (SQL Language Reference, NULL-Related Functions; DECODE)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.engine.building import Build
from bridge.testing.oracle.engine.conversion import (
    CONVERSIONS,
    NOTHING,
    comparable,
    family,
    unified,
)
from bridge.testing.oracle.engine.scope import Env, Term, combined


def coalesce(terms: list[Term], _: Type | None) -> Term:
    runs = [term.run for term in terms]
    return combined(
        unified(terms), lambda env: next((v for run in runs if (v := run(env)) is not None), None), terms
    )


def nvl(terms: list[Term], _: Type | None) -> Term:
    """NVL turns the second into the type of the first."""
    first, second = terms
    if first.type != NOTHING and family(second.type) != family(first.type) and second.type != NOTHING:
        second = CONVERSIONS[family(first.type)](second)
    return coalesce([first, second], None)


def nvl2(terms: list[Term], _: Type | None) -> Term:
    test, there, missing = (term.run for term in terms)
    return combined(unified(terms[1:]), lambda env: (missing if test(env) is None else there)(env), terms)


def nullif(terms: list[Term], _: Type | None) -> Term:
    one, other = comparable(*terms)
    value = terms[0].run
    return combined(terms[0].type, lambda env: None if one(env) == other(env) else value(env), terms)


def extreme(choose: Callable[[list[Any]], Any]) -> Build:
    """GREATEST and LEAST: all in the type of the first, NULL if one is."""

    def build(terms: list[Term], _: Type | None) -> Term:
        kind = family(terms[0].type)
        same = [t if t.type == NOTHING or family(t.type) == kind else CONVERSIONS[kind](t) for t in terms]
        runs = [term.run for term in same]

        def run(env: Env) -> Any:
            values = [each(env) for each in runs]
            return None if None in values else choose(values)

        return combined(unified(same), run, terms)

    return build


def decode(terms: list[Term], _: Type | None) -> Term:
    """DECODE: NULL equals NULL here."""
    subject, rest = terms[0], terms[1:]
    default = rest.pop() if len(rest) % 2 else None
    pairs = [(comparable(subject, rest[place]), rest[place + 1].run) for place in range(0, len(rest), 2)]
    results = [*rest[1::2], *([default] if default else [])]

    def run(env: Env) -> Any:
        for (one, other), value in pairs:
            if one(env) == other(env):
                return value(env)
        return default.run(env) if default else None

    return combined(unified(results), run, terms)

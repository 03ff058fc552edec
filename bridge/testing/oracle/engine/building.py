"""What a function of one row is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.engine.conversion import (
    CONVERSIONS,
    NOTHING,
)
from bridge.testing.oracle.engine.scope import Env, Term, combined

Build = Callable[[list[Term], Type | None], Term]


@dataclass(frozen=True, slots=True)
class Function:
    """How often it takes arguments, and what makes a term of them."""

    least: int
    most: int
    build: Build


def strict(type_: Type, kinds: str, run: Callable[..., Any], optional: int = 0) -> Function:
    """A function that is NULL where an argument is.

    `kinds` says what each is turned into: C text, N number, D date, R ROWID, B bytes, - what it is.
    """

    def build(terms: list[Term], _: Type | None) -> Term:
        return combined(type_, strictly(run, converted(kinds, terms)), terms)

    return Function(len(kinds) - optional, len(kinds), build)


def contextual(type_: Type, kinds: str, run: Callable[..., Any], optional: int = 0) -> Function:
    """The same for a function that asks the session or the database, too: its first argument."""

    def build(terms: list[Term], _: Type | None) -> Term:
        inner = strictly(run, [Term(NOTHING, lambda env: env[0]), *converted(kinds, terms)])
        return combined(type_, inner, [*terms, Term(NOTHING, lambda _: None, frozenset({0}))])

    return Function(len(kinds) - optional, len(kinds), build)


_KINDS = {"C": "CHAR", "N": "NUMBER", "D": "DATE", "R": "ROWID", "B": "RAW"}


def converted(kinds: str, terms: Sequence[Term]) -> list[Term]:
    return [
        term if kind == "-" or term.type == NOTHING else CONVERSIONS[_KINDS[kind]](term)
        for kind, term in zip(kinds, terms, strict=False)
    ]


def strictly(run: Callable[..., Any], terms: Sequence[Term]) -> Callable[[Env], Any]:
    runs = [term.run for term in terms]
    if len(runs) == 1:
        only = runs[0]
        return lambda env: None if (value := only(env)) is None else run(value)

    def strictly(env: Env) -> Any:
        values = [each(env) for each in runs]
        return None if None in values else run(*values)

    return strictly

"""Three-valued logic and patterns (SQL Language Reference, Conditions: Logical, Pattern-matching)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from bridge.testing.oracle.datatypes import BOOLEAN
from bridge.testing.oracle.engine.scope import Env, Term, combined
from bridge.testing.oracle.errors import OracleError


def negated(term: Term) -> Term:
    run = term.run
    return combined(BOOLEAN, lambda env: None if (value := run(env)) is None else not value, [term])


def all_of(terms: list[Term]) -> Term:
    if len(terms) == 1:
        return terms[0]
    runs = [term.run for term in terms]

    def run(env: Env) -> bool | None:
        answer: bool | None = True
        for each in runs:
            value = each(env)
            if value is False:
                return False
            if value is None:
                answer = None
        return answer

    return combined(BOOLEAN, run, terms)


def any_of(terms: list[Term]) -> Term:
    if len(terms) == 1:
        return terms[0]
    runs = [term.run for term in terms]

    def run(env: Env) -> bool | None:
        answer: bool | None = False
        for each in runs:
            value = each(env)
            if value:
                return True
            if value is None:
                answer = None
        return answer

    return combined(BOOLEAN, run, terms)


@lru_cache(maxsize=512)
def pattern_of(pattern: str, escape: str | None) -> re.Pattern[str]:
    """Pattern-matching Conditions: `%` is any text, `_` any character; ORA-01424 for a wrong escape."""
    return re.compile("".join(_pieces(pattern, escape)), re.DOTALL)


def _pieces(pattern: str, escape: str | None) -> Iterator[str]:
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            escaped = next(characters, "")
            if escaped not in ("%", "_", escape):
                raise OracleError(1424)
            yield re.escape(escaped)
        else:
            yield {"%": ".*", "_": "."}.get(character, re.escape(character))

"""Rows put in order (SQL Language Reference, SELECT: order_by_clause)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridge.testing.oracle.engine.conversion import ordered
from bridge.testing.oracle.engine.scope import Env, Run, Term
from bridge.testing.oracle.grammar.syntax import OrderItem

Key = tuple[Term, OrderItem]
_LAST = (1,)


def sorted_by(envs: Sequence[Env], keys: Sequence[Key]) -> list[Env]:
    """In order: NULL counts as the greatest unless NULLS FIRST or LAST says otherwise; rows that tie stay."""
    for term, _ in keys:
        ordered(term.type)
    if keys and not any(item.descending or item.nulls_first for _, item in keys):
        return sorted(envs, key=_ascending([term.run for term, _ in keys]))
    arranged = list(envs)
    for term, item in reversed(keys):
        arranged.sort(key=_key(term.run, item), reverse=item.descending)
    return arranged


def _ascending(runs: Sequence[Run]) -> Callable[[Env], Any]:
    def key(env: Env) -> list[Any]:
        return [_LAST if (value := run(env)) is None else (0, value) for run in runs]

    return key


def _key(run: Run, item: OrderItem) -> Callable[[Env], Any]:
    """Of a pass in one direction; `null` is where NULL stands before the pass is turned around."""
    first = item.descending if item.nulls_first is None else item.nulls_first
    null = (1 if first == item.descending else -1,)

    def key(env: Env) -> Any:
        value = run(env)
        return null if value is None else (0, value)

    return key

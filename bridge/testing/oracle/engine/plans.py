"""A query ready to run, and questions asked of expressions while it is planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from bridge.testing.oracle.engine.groups import AGGREGATES
from bridge.testing.oracle.engine.scope import Env, Record, Term
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.session import ResultColumn


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


def conjuncts(condition: s.Expression | None) -> list[s.Expression]:
    """What AND joins."""
    if isinstance(condition, s.Logic) and condition.word == "AND":
        return [*conjuncts(condition.left), *conjuncts(condition.right)]
    return [] if condition is None else [condition]


def has_groups(tree: Any) -> bool:
    """Whether a group function stands in an expression, outside of queries within."""
    if isinstance(tree, s.Call) and tree.over is None and len(tree.name) == 1 and tree.name[0] in AGGREGATES:
        return True
    if isinstance(tree, tuple):
        return any(has_groups(each) for each in tree)
    if isinstance(tree, s.Query) or not is_dataclass(tree):
        return False
    return any(has_groups(getattr(tree, each.name)) for each in fields(tree))


def replaced(tree: Any, names: Mapping[str, s.Expression]) -> Any:
    """An expression of ORDER BY with what the aliases of the select list stand for."""
    if isinstance(tree, s.Name) and len(tree.parts) == 1 and tree.parts[0] in names:
        return names[tree.parts[0]]
    if isinstance(tree, tuple):
        return tuple(replaced(each, names) for each in tree)
    if isinstance(tree, s.Query) or not is_dataclass(tree) or isinstance(tree, type):
        return tree
    return replace(tree, **{each.name: replaced(getattr(tree, each.name), names) for each in fields(tree)})


def width(source: s.Source) -> int:
    return width(source.left) + width(source.right) if isinstance(source, s.Join) else 1


def is_qualified(tree: Any) -> bool:
    """Every column says whose it is, so that no source to come can have one of the same name."""
    if isinstance(tree, s.Name):
        return len(tree.parts) > 1
    if isinstance(tree, tuple):
        return all(is_qualified(each) for each in tree)
    if isinstance(tree, s.Query):
        return False
    return not is_dataclass(tree) or all(is_qualified(getattr(tree, each.name)) for each in fields(tree))


def position(expression: s.Expression, most: int) -> int | None:
    """ORDER BY 2; ORA-01785 beyond the select list."""
    if not isinstance(expression, s.Literal) or not isinstance(expression.value, int):
        return None
    if not 1 <= expression.value <= most:
        raise OracleError(1785)
    return expression.value - 1


def shown_name(item: s.Item) -> str:
    return item.expression.parts[-1] if isinstance(item.expression, s.Name) else item.text

"""Conditions on rows: what they mean, and which keys they leave."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Any

from bridge.testing.sap.values import Row

Predicate = Callable[[Row], bool]
Bound = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """A column and a value."""

    place: int
    sign: Callable[[Any, Any], bool]
    value: Any


@dataclass(frozen=True, slots=True)
class Columns:
    """Two columns."""

    place: int
    sign: Callable[[Any, Any], bool]
    other: int


@dataclass(frozen=True, slots=True)
class Like:
    place: int
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class In:
    place: int
    values: frozenset[Any]


@dataclass(frozen=True, slots=True)
class Not:
    inner: Condition


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Condition, ...]


Condition = Compare | Columns | Like | In | Not | And | Or
Everything = And(())


def predicate(condition: Condition) -> Predicate:
    match condition:
        case Not(inner):
            holds = predicate(inner)
            return lambda row: not holds(row)
        case And(parts):
            return _all([predicate(part) for part in parts])
        case Or(parts):
            tests = [predicate(part) for part in parts]
            return lambda row: any(test(row) for test in tests)
    return _comparison(condition)


def _comparison(condition: Compare | Columns | Like | In) -> Predicate:
    match condition:
        case Compare(place, sign, value):
            return lambda row: sign(row[place], value)
        case Columns(place, sign, other):
            return lambda row: sign(row[place], row[other])
        case Like(place, pattern):
            return lambda row: pattern.fullmatch(row[place]) is not None
        case In(place, values):
            return lambda row: row[place] in values


def bounds(condition: Condition, key: Sequence[int]) -> tuple[Bound, Bound]:
    """The beginnings of the lowest and the highest key that can hold, both inclusive; () is unbounded."""
    low: Bound = ()
    high: Bound = ()
    for place in key:
        least, most = _range(condition, place)
        low, high = _longer(low, least), _longer(high, most)
        if least is None or least != most:
            break
    return low, high


def _longer(bound: Bound, value: Any) -> Bound:
    return bound if value is None else (*bound, value)


def _range(condition: Condition, place: int) -> tuple[Any, Any]:
    """The least and the most that this column can be; None is unbounded."""
    match condition:
        case Compare(at, sign, value) if at == place:
            return (value if sign in {eq, gt, ge} else None, value if sign in {eq, lt, le} else None)
        case In(at, values) if at == place:
            return min(values), max(values)
        case And(parts):
            ranges = [_range(part, place) for part in parts]
            lows = [low for low, _ in ranges if low is not None]
            highs = [high for _, high in ranges if high is not None]
            return max(lows, default=None), min(highs, default=None)
        case Or(parts) if parts:
            ranges = [_range(part, place) for part in parts]
            lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
            return (None if None in lows else min(lows), None if None in highs else max(highs))
    return None, None


def _all(tests: list[Predicate]) -> Predicate:
    match tests:
        case []:
            return lambda _: True
        case [one]:
            return one
        case [one, two]:
            return lambda row: one(row) and two(row)
    return lambda row: all(test(row) for test in tests)

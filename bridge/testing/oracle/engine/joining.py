"""Sources put together (SQL Language Reference, Joins)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.testing.oracle.engine.scope import Env, Run
from bridge.testing.oracle.engine.sources import Leaf

Pair = tuple[Run, Run]
"""Two sides of an equality: of the left sources, and of the right ones."""


@dataclass
class Joined:
    """`kind` is INNER, LEFT, RIGHT or FULL; `tests` are what ON says, `pairs` its equalities."""

    kind: str
    left: Node
    right: Node
    tests: list[Run] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)

    @property
    def reads(self) -> frozenset[int]:
        return self.left.reads | self.right.reads

    def found(self, env: Env) -> Iterator[Env]:
        start = len(env)
        split = start + len(leaves_of(self.left))
        candidates = self._candidates(env, start, split)
        matched: set[int] = set()
        for one in self.left.found(env):
            alone = True
            for number, other in candidates(one):
                both = (*one, *other)
                if all(test(both) for test in self.tests):
                    alone = False
                    if self.kind in ("RIGHT", "FULL"):
                        matched.add(number)
                    yield both
            if alone and self.kind in ("LEFT", "FULL"):
                yield (*one, *nothing(self.right))
        if self.kind in ("RIGHT", "FULL"):
            yield from self._unmatched(env, split - start, matched)

    def _unmatched(self, env: Env, width: int, matched: set[int]) -> Iterator[Env]:
        padded = env + (None,) * width
        for number, other in enumerate(self.right.found(padded)):
            if number not in matched:
                yield (*env, *nothing(self.left), *other[len(padded) :])

    def _candidates(self, env: Env, start: int, split: int) -> Callable[[Env], Iterator[tuple[int, Env]]]:
        """For a row of the left: those of the right that may match, by number."""
        if any(start <= place < split for place in self.right.reads):
            return lambda one: ((n, other[split:]) for n, other in enumerate(self.right.found(one)))
        padded = env + (None,) * (split - start)
        rows = [other[split:] for other in self.right.found(padded)]
        if not self.pairs:
            return lambda _: iter(enumerate(rows))
        return self._hashed(rows, padded)

    def _hashed(self, rows: Sequence[Env], padded: Env) -> Callable[[Env], Iterator[tuple[int, Env]]]:
        mine, theirs = [pair[0] for pair in self.pairs], [pair[1] for pair in self.pairs]
        known: dict[tuple[Any, ...], list[tuple[int, Env]]] = {}
        for number, other in enumerate(rows):
            full = (*padded, *other)
            known.setdefault(tuple(run(full) for run in theirs), []).append((number, other))

        def candidates(one: Env) -> Iterator[tuple[int, Env]]:
            return iter(known.get(tuple(run(one) for run in mine), ()))

        return candidates


Node = Leaf | Joined


def leaves_of(node: Node) -> list[Leaf]:
    return [node] if isinstance(node, Leaf) else [*leaves_of(node.left), *leaves_of(node.right)]


def nothing(node: Node) -> list[Any]:
    return [leaf.nothing() for leaf in leaves_of(node)]

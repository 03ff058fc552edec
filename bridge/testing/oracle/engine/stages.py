"""What happens to the rows of a query block, step by step (SQL Language Reference, SELECT)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bridge.testing.oracle.engine.compiling import Compiler
from bridge.testing.oracle.engine.joining import Node
from bridge.testing.oracle.engine.ordering import Key, sorted_by
from bridge.testing.oracle.engine.scope import Env, Record, Scope, Term, padded
from bridge.testing.oracle.engine.sources import (
    Leaf,
)
from bridge.testing.oracle.errors import OracleError

Stage = Callable[[Iterable[Env], Env], Iterable[Env]]
"""From the environments of a query block to others; the second one is that around it."""


def running(
    base: int,
    source: Node,
    stages: Sequence[Stage],
    terms: Sequence[Term],
    keys: Sequence[Key],
    *,
    distinct: bool,
) -> Callable[[Env], Iterable[Record]]:
    runs = [term.run for term in terms]

    def rows(around: Env) -> Iterable[Record]:
        env = padded(around, base)
        envs: Iterable[Env] = source.found(env)
        for stage in stages:
            envs = stage(envs, env)
        if distinct:
            envs = {tuple(run(each) for run in runs): each for each in envs}.values()
        if keys:
            envs = sorted_by(list(envs), keys)
        return (Record(tuple(run(each) for run in runs)) for each in envs)

    return rows


def filtering(tests: Sequence[Term], scope: Scope) -> Stage:
    """WHERE, as far as no source has done it, and ROWNUM: the number of a row among those that pass."""
    runs = [test.run for test in tests]

    def plain(envs: Iterable[Env], _: Env) -> Iterable[Env]:
        return (env for env in envs if all(run(env) for run in runs)) if runs else envs

    def numbered(envs: Iterable[Env], _: Env) -> Iterator[Env]:
        number = 1
        for env in envs:
            longer = (*env, Record((number,)))
            if all(run(longer) for run in runs):
                number += 1
                yield longer

    def stage(envs: Iterable[Env], outer: Env) -> Iterable[Env]:
        return (numbered if scope.uses_rownum else plain)(envs, outer)

    return stage


def locking(leaves: list[Leaf], how: str, *, grouped: bool) -> Stage:
    """FOR UPDATE: rows that others hold are an error, or skipped."""
    if grouped or len(leaves) != 1 or leaves[0].scan is None:
        raise OracleError(1786)
    table, place = leaves[0].scan.table, leaves[0].place

    def stage(envs: Iterable[Env], _: Env) -> Iterator[Env]:
        for env in list(envs):
            session = env[0].session
            session.tx = session.tx or session.store.transaction(session.user, sid=session.sid)
            try:
                session.tx.lock(table, env[place].rowid)
            except OracleError:
                if how == "SKIP":
                    continue
                raise
            yield env

    return stage


def windowing(compiler: Compiler, scope: Scope) -> Stage:
    windows = [made for _, made in compiler.windows or []]

    def stage(envs: Iterable[Env], _: Env) -> list[Env]:
        listed = list(envs)
        columns = [window.run(listed) for window in windows]
        return [
            (*padded(env, scope.window), Record(tuple(column[number] for column in columns)))
            for number, env in enumerate(listed)
        ]

    return stage

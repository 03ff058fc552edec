"""Statements read: queries with their flashback clauses, DML, transaction control, blocks, definitions.

SQL Language Reference, SQL Statements. What is not read here is refused, as Oracle refuses what it does not
know.
"""

from __future__ import annotations

from functools import lru_cache

from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar.definitions import alter, create, drop, truncate
from bridge.testing.oracle.grammar.queries import query
from bridge.testing.oracle.grammar.reader import Reader
from bridge.testing.oracle.grammar.syntax import (
    AlterSession,
    Block,
    Delete,
    EndTransaction,
    Expression,
    Insert,
    Named,
    Query,
    Returning,
    SetTransaction,
    Statement,
    Step,
    Update,
)
from bridge.testing.oracle.grammar.terms import expression, expressions
from bridge.testing.oracle.grammar.tokens import Mark
from bridge.testing.oracle.session import ARCHIVAL


@lru_cache(maxsize=4096)
def parse(text: str) -> Statement:
    """The statement that a text is; OracleError where it is none."""
    r = Reader(text.strip(), query)
    word = r.token.text if r.token.mark is Mark.WORD else ""
    if r.at("(") or word in ("SELECT", "WITH"):
        statement: Statement = query(r)
    elif word in _STATEMENTS:
        r.advance()
        statement = _STATEMENTS[word](r)
    else:
        raise OracleError(900)
    r.done()
    return statement


def _insert(r: Reader) -> Statement:
    r.expect("INTO", 925)
    table = r.names()
    columns = r.name_list() if r.at("(") and r.ahead().text not in ("SELECT", "WITH") else ()
    values: tuple[Expression, ...] | Query
    if r.take("VALUES"):
        r.expect("(")
        values = expressions(r)
        r.expect(")")
    else:
        values = query(r)
    return Insert(table, columns, values, _returning(r))


def _update(r: Reader) -> Statement:
    table = _target(r)
    r.expect("SET", 971)
    sets = [_assignment(r)]
    while r.take(","):
        sets.append(_assignment(r))
    where = expression(r) if r.take("WHERE") else None
    return Update(table, tuple(sets), where, _returning(r))


def _assignment(r: Reader) -> tuple[str, Expression]:
    name = r.names(1747)[-1]
    r.expect("=", 927)
    return name, expression(r)


def _delete(r: Reader) -> Statement:
    r.take("FROM")
    table = _target(r)
    where = expression(r) if r.take("WHERE") else None
    return Delete(table, where, _returning(r))


def _target(r: Reader) -> Named:
    parts = r.names()
    return Named(parts, None, "" if r.at("SET") else r.alias())


def _returning(r: Reader) -> Returning | None:
    if not (r.take("RETURNING") or r.take("RETURN")):
        return None
    items = expressions(r)
    r.expect("INTO", 925)
    into = [_bind(r)]
    while r.take(","):
        into.append(_bind(r))
    return Returning(items, tuple(into))


def _bind(r: Reader) -> str:
    if r.token.mark is not Mark.BIND:
        raise OracleError(1008)
    return r.advance().text


def _commit(r: Reader) -> Statement:
    r.take("WORK")
    return EndTransaction(commit=True)


def _rollback(r: Reader) -> Statement:
    r.take("WORK")
    if r.at("TO"):
        raise OracleError(3001)
    return EndTransaction(commit=False)


def _set(r: Reader) -> Statement:
    """SET TRANSACTION; SET ROLE and SET CONSTRAINTS are not known."""
    if not r.take("TRANSACTION"):
        raise OracleError(922)
    if r.take("READ"):
        read_only = r.take("ONLY")
        if not read_only:
            r.expect("WRITE")
        return SetTransaction(read_only)
    for word in ("ISOLATION", "LEVEL"):
        r.expect(word)
    if r.take("SERIALIZABLE"):
        raise OracleError(3001)
    r.expect("READ")
    r.expect("COMMITTED")
    return SetTransaction(read_only=False)


def _alter(r: Reader) -> Statement:
    if not r.take("SESSION"):
        return alter(r)
    r.expect("SET", 2248)
    settings = []
    while r.token.mark is Mark.WORD:
        name = ARCHIVAL if r.take(*ARCHIVAL.split()) else r.name()
        r.expect("=", 2248)
        settings.append((name, r.advance().text))
    return AlterSession(tuple(settings))


def _begin(r: Reader) -> Statement:
    steps = []
    while not r.take("END"):
        if r.token.mark is Mark.END:
            raise OracleError(6550, "END")
        if not (r.take("NULL", ";")):
            steps.append(_step(r))
    r.take(";")
    return Block(tuple(steps))


def _step(r: Reader) -> Step:
    if r.token.mark is Mark.BIND:
        target = r.advance().text
        r.expect(":=", 6550)
        step = Step((), (), target, expression(r))
    else:
        step = Step(r.names(), _call_arguments(r))
    r.expect(";", 6550)
    return step


def _call(r: Reader) -> Statement:
    return Block((Step(r.names(), _call_arguments(r)),))


def _call_arguments(r: Reader) -> tuple[tuple[str, Expression], ...]:
    """Each with its name, empty where it is given by its place."""
    found: list[tuple[str, Expression]] = []
    if r.take("(") and not r.take(")"):
        found.append(_call_argument(r))
        while r.take(","):
            found.append(_call_argument(r))
        r.expect(")")
    return tuple(found)


def _call_argument(r: Reader) -> tuple[str, Expression]:
    name = ""
    if r.ahead().text == "=>":
        name = r.name()
        r.expect("=>")
    return name, expression(r)


_STATEMENTS = {
    "INSERT": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
    "COMMIT": _commit,
    "ROLLBACK": _rollback,
    "SET": _set,
    "ALTER": _alter,
    "BEGIN": _begin,
    "CALL": _call,
    "CREATE": create,
    "DROP": drop,
    "TRUNCATE": truncate,
}

"""Rows inserted, updated, deleted (SQL Language Reference, INSERT, UPDATE, DELETE)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bridge.testing.oracle.datatypes import NUMBERS, Type
from bridge.testing.oracle.engine.compiling import Compiler
from bridge.testing.oracle.engine.conversion import CONVERSIONS, NOTHING, family
from bridge.testing.oracle.engine.planning import Planner, relation
from bridge.testing.oracle.engine.plans import conjuncts
from bridge.testing.oracle.engine.scope import Env, Run, Scope, Term
from bridge.testing.oracle.engine.sources import Leaf
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.session import Answer, Session
from bridge.testing.oracle.tables import Table, Version
from bridge.testing.oracle.transactions import Transaction
from bridge.testing.oracle.values import AnyRowId, Row

Work = Callable[[Env], Answer]


def _table(planner: Planner, parts: tuple[str, ...], action: str) -> Table:
    known = relation(planner.session, parts)
    planner.needs.ask(action, known.owner, known.name)
    if not isinstance(known, Table):
        raise OracleError(1031)
    return known


def _transaction(session: Session) -> Transaction:
    """The session's own, begun with its first change (Database Concepts, Transactions)."""
    if session.read_only_at is not None:
        raise OracleError(1456)
    if session.settings.get("READ_ONLY") == "TRUE":
        raise OracleError(28194)
    if session.tx is None:
        session.tx = session.store.transaction(session.user, sid=session.sid)
    return session.tx


def _assigned(term: Term, type_: Type) -> Run:
    """A value turned into the type of its column, where Oracle would do so unasked."""
    kind = family(type_)
    if term.type == NOTHING or family(term.type) == kind or kind not in CONVERSIONS:
        return term.run
    if type_.name in NUMBERS and family(term.type) not in ("CHAR", "NUMBER"):
        raise OracleError(932, type_.name, term.type.name)
    return CONVERSIONS[kind](term).run


def _type(table: Table, name: str) -> Type:
    if name not in table.place:
        raise OracleError(904, f'"{name}"')
    return table.columns[table.place[name]].type


# -- INSERT


def insert(planner: Planner, statement: s.Insert) -> Work:
    table = _table(planner, statement.table, "INSERT")
    columns = statement.columns or tuple(column.name for column in table.columns if not column.hidden)
    rows = _given(planner, statement, [_type(table, name) for name in columns])
    returned = _returned(planner, statement.returning, table)

    def run(env: Env) -> Answer:
        tx = _transaction(env[0].session)
        made: list[tuple[AnyRowId, Row]] = []
        with tx.statement():
            for row in rows(env):
                rowid = tx.insert(table, dict(zip(columns, row, strict=True)))
                made.append(tx.find(table, rowid))
        return _answer(made, returned, env)

    return run


def _given(planner: Planner, statement: s.Insert, types: Sequence[Type]) -> Callable[[Env], list[Row]]:
    if isinstance(statement.values, s.Query):
        plan = planner.plan(statement.values)
        _match(len(plan.terms), len(types))
        pairs = zip(plan.terms, types, strict=True)
        runs = [_assigned(Term(term.type, _of(place)), type_) for place, (term, type_) in enumerate(pairs)]
        return lambda env: [tuple(run((env[0], row)) for run in runs) for row in list(plan.rows(env))]
    _match(len(statement.values), len(types))
    compiler = Compiler(Scope(planner.session), planner.needs, planner.plan)
    runs = [
        _assigned(compiler.term(value), type_) for value, type_ in zip(statement.values, types, strict=True)
    ]
    return lambda env: [tuple(run(env) for run in runs)]


def _match(given: int, wanted: int) -> None:
    if given != wanted:
        raise OracleError(913 if given > wanted else 947)


def _of(place: int) -> Run:
    return lambda env: env[1].values[place]


# -- UPDATE and DELETE


def _found(planner: Planner, target: s.Named, where: s.Expression | None) -> tuple[Leaf, Compiler]:
    """The rows of the table that WHERE picks."""
    scope = Scope(planner.session, places=1)
    leaf = planner.leaf(target, scope, 1)
    scope.sources.append(leaf.fields)
    compiler = Compiler(scope, planner.needs, planner.plan)
    for condition in conjuncts(where):
        leaf.filters.append(compiler.condition(condition).run)
        if leaf.scan is not None:
            leaf.scan.limit(condition, compiler)
    if scope.uses_rownum:
        raise OracleError(3001)
    return leaf, compiler


def update(planner: Planner, statement: s.Update) -> Work:
    table = _table(planner, statement.table.parts, "UPDATE")
    leaf, compiler = _found(planner, statement.table, statement.where)
    sets = [(name, _assigned(compiler.term(value), _type(table, name))) for name, value in statement.sets]
    returned = _returned(planner, statement.returning, table)

    def run(env: Env) -> Answer:
        tx = _transaction(env[0].session)
        made: list[tuple[AnyRowId, Row]] = []
        with tx.statement():
            for found in list(leaf.found(env)):
                given = {name: value(found) for name, value in sets}
                made.append(tx.find(table, tx.update(table, found[1].rowid, given)))
        return _answer(made, returned, env)

    return run


def delete(planner: Planner, statement: s.Delete) -> Work:
    table = _table(planner, statement.table.parts, "DELETE")
    leaf, _ = _found(planner, statement.table, statement.where)
    returned = _returned(planner, statement.returning, table)

    def run(env: Env) -> Answer:
        tx = _transaction(env[0].session)
        gone: list[tuple[AnyRowId, Row]] = []
        with tx.statement():
            for found in list(leaf.found(env)):
                tx.delete(table, found[1].rowid)
                gone.append((found[1].rowid, found[1].values))
        return _answer(gone, returned, env)

    return run


# -- RETURNING

Returned = Sequence[tuple[str, Run]]


def _returned(planner: Planner, clause: s.Returning | None, table: Table) -> Returned:
    if clause is None:
        return ()
    scope = Scope(planner.session, places=1)
    scope.sources.append(planner.leaf(s.Named((table.owner, table.name)), scope, 1).fields)
    compiler = Compiler(scope, planner.needs, planner.plan)
    terms = [compiler.term(item) for item in clause.items]
    _match(len(terms), len(clause.into))
    return [(name, term.run) for name, term in zip(clause.into, terms, strict=True)]


def _answer(rows: Sequence[tuple[AnyRowId, Row]], returned: Returned, env: Env) -> Answer:
    outs: dict[str, Any] = {}
    for name, run in returned:
        outs[name] = [run((env[0], Version(rowid, values, None, "U", b"", None))) for rowid, values in rows]
    return Answer(rowcount=len(rows), rowid=str(rows[-1][0]) if rows else None, outs=outs)

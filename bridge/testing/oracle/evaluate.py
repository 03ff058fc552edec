"""Statements carried out: the door that the wire server knocks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bridge.testing.oracle.coercion import stored
from bridge.testing.oracle.datatypes import BOOLEAN, NUMBER, ROWID, VARCHAR2, Type
from bridge.testing.oracle.engine.blocks import run_block
from bridge.testing.oracle.engine.defining import define
from bridge.testing.oracle.engine.dml import delete, insert, update
from bridge.testing.oracle.engine.needs import Needs
from bridge.testing.oracle.engine.planning import Planner
from bridge.testing.oracle.engine.plans import Plan
from bridge.testing.oracle.engine.scope import Context, Env
from bridge.testing.oracle.engine.settings import alter_session
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.grammar.sql import parse
from bridge.testing.oracle.grammar.tokens import Mark, tokens
from bridge.testing.oracle.session import Answer, Binds, Session
from bridge.testing.oracle.values import DaySecond, Json, LogicalId, RowId, Stamp, YearMonth

_MOST_PLANS = 2000
_WIDEST = 32_767
_SIZES = (32, 128, 2000, 4000, _WIDEST)
"""Binds of text come in few sizes, so that a statement has few plans."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement ready to run for a user: what it needs is asked at each run."""

    run: Callable[[Env], Answer]
    needs: Needs


def execute(session: Session, sql: str, binds: Binds = ()) -> Answer:
    """Carry out one statement; OracleError for whatever is refused."""
    with session.store.lock:
        given = _named(sql, binds)
        statement = parse(sql)
        match statement:
            case s.EndTransaction(commit):
                (session.commit if commit else session.rollback)()
            case s.SetTransaction():
                _set_transaction(session, statement)
            case s.AlterSession():
                alter_session(session, statement)
            case s.Block():
                return run_block(session, statement, _planner(session, given), _env(session, given))
            case s.Query() | s.Insert() | s.Update() | s.Delete():
                return _prepared(session, sql, statement, given)
            case _:
                define(session, statement, _planner(session, given))
        return Answer()


def describe(session: Session, sql: str) -> Answer:
    """The columns of a query without running it; every bind counts as VARCHAR2."""
    with session.store.lock:
        statement = parse(sql)
        if not isinstance(statement, s.Query):
            return Answer()
        needs = Needs(dict.fromkeys(bind_names(sql), VARCHAR2))
        plan = Planner(session, needs).plan(statement)
        _permit(session, needs)
        return Answer(plan.columns)


@lru_cache(maxsize=4096)
def bind_names(sql: str) -> tuple[str, ...]:
    """Of the binds of a statement, each once, in the order of their first appearance."""
    return tuple(dict.fromkeys(token.text for token in tokens(sql) if token.mark is Mark.BIND))


def _prepared(session: Session, sql: str, statement: s.Statement, binds: Mapping[str, Any]) -> Answer:
    store = session.store
    types = {name: type_of(value) for name, value in binds.items()}
    key = (sql, session.user, session.schema, store.version, tuple(types.items()))
    prepared = store.plans.get(key)
    if prepared is None:
        prepared = _prepare(session, statement, types)
        if len(store.plans) >= _MOST_PLANS:
            store.plans.clear()
        store.plans[key] = prepared
    _permit(session, prepared.needs)
    if prepared.needs.transaction and session.tx is None:
        session.tx = store.transaction(session.user, sid=session.sid)
    answer: Answer = prepared.run(_env(session, binds))
    return answer


def _prepare(session: Session, statement: s.Statement, types: dict[str, Type]) -> Prepared:
    needs = Needs(types)
    planner = Planner(session, needs)
    match statement:
        case s.Query():
            return Prepared(_answering(planner.plan(statement, lock=statement.for_update)), needs)
        case s.Insert():
            return Prepared(insert(planner, statement), needs)
        case s.Update():
            return Prepared(update(planner, statement), needs)
        case s.Delete():
            return Prepared(delete(planner, statement), needs)
    raise OracleError(900)


def _answering(plan: Plan) -> Callable[[Env], Answer]:
    def run(env: Env) -> Answer:
        rows = [row.values for row in plan.rows(env)]
        return Answer(plan.columns, rows, len(rows))

    return run


def _planner(session: Session, binds: Mapping[str, Any]) -> Planner:
    return Planner(session, Needs({name: type_of(value) for name, value in binds.items()}))


def _env(session: Session, binds: Mapping[str, Any]) -> Env:
    """A statement reads as of its beginning, a read-only transaction as of its own."""
    store = session.store
    scn = store.scn if session.read_only_at is None else session.read_only_at
    return (Context(session, binds, scn, store.now()),)


def _named(sql: str, binds: Binds) -> dict[str, Any]:
    """Binds by name; ORA-01008 where one is missing."""
    names = bind_names(sql)
    if not isinstance(binds, Mapping):
        if len(binds) > len(names):
            raise OracleError(1036)
        binds = dict(zip(names, binds, strict=False))
    given = {name.upper(): value for name, value in binds.items()}
    if any(name.upper() not in given for name in names):
        raise OracleError(1008)
    return {name: _value(given[name.upper()]) for name in names}


def _value(value: Any) -> Any:
    """A bind in the store's terms."""
    if value is None or value == "":
        return None
    type_ = type_of(value)
    return (
        stored(type_, value) if type_.name in ("NUMBER", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE") else value
    )


def type_of(value: Any) -> Type:  # noqa: C901, PLR0911 -- one line a type
    """The type of a bind by its value; NULL is a VARCHAR2."""
    match value:
        case None | "":
            return VARCHAR2
        case str():
            size = next((size for size in _SIZES if len(value) <= size), 0)
            return Type("VARCHAR2", size=size, unit="CHAR") if size else Type("CLOB")
        case bool():
            return BOOLEAN
        case float():
            return Type("BINARY_DOUBLE")
        case bytes():
            return Type("RAW", size=_WIDEST) if len(value) <= _WIDEST else Type("BLOB")
        case RowId() | LogicalId():
            return ROWID
        case DaySecond():
            return Type("INTERVAL DAY TO SECOND", 9, 9)
        case YearMonth():
            return Type("INTERVAL YEAR TO MONTH", 9)
        case Json() | dict() | list():
            return Type("JSON")
        case Stamp():
            return Type("TIMESTAMP" if value.offset is None else "TIMESTAMP WITH TIME ZONE", scale=9)
    return _python(value)


def _python(value: Any) -> Type:
    if hasattr(value, "year"):
        zoned = getattr(value, "tzinfo", None) is not None
        return Type("TIMESTAMP WITH TIME ZONE" if zoned else "TIMESTAMP", scale=9)
    return NUMBER


def _permit(session: Session, needs: Needs) -> None:
    """ORA-00942 for what one may not even see, ORA-01031 or ORA-41900 for what one sees; packages: ORA-00904.

    Database Security Guide, Managing Object Privileges; Development Guide, Configuring Your Database for
    Oracle Flashback Technology: FLASHBACK besides SELECT.
    """
    for action, owner, name in needs.grants:
        if session.grants.allows(session.user, action, owner, name):
            continue
        if action == "EXECUTE":
            raise OracleError(904, f'"{name}"')
        if action == "SELECT" or not session.grants.allows(session.user, "SELECT", owner, name):
            raise OracleError(942, f'"{owner}"."{name}"')
        raise OracleError(41900, action, owner, name) if session.store.names_rights else OracleError(1031)


def _set_transaction(session: Session, statement: s.SetTransaction) -> None:
    if session.tx is not None:
        raise OracleError(1453)
    if statement.read_only:
        session.read_only_at = session.store.scn

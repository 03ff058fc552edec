"""Definitions carried out: CREATE, ALTER, DROP, TRUNCATE (SQL Language Reference, SQL Statements).

Each commits what is open, before and after (Database Concepts, DDL Statements).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bridge.testing.oracle.datatypes import parse_type
from bridge.testing.oracle.engine.compiling import Compiler
from bridge.testing.oracle.engine.planning import Planner, relation
from bridge.testing.oracle.engine.scope import Context, Scope
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.session import Session
from bridge.testing.oracle.tables import STATE, Column, Kind, Table


def define(session: Session, definition: s.Definition, planner: Planner) -> None:
    session.commit()
    match definition:
        case s.CreateTable():
            _create(session, definition, planner)
        case s.CreateView():
            session.store.create_view(*_full(session, definition.name), definition.text)
        case s.CreateLog():
            table = _table(session, definition.table)
            if table.log is not None:
                raise OracleError(12000, f"'{table.name}'")
            session.store.create_log(table, columns=definition.columns, sequence=definition.sequence)
        case s.DropObject():
            _drop(session, definition)
        case s.AlterTable():
            _alter(session, definition)


def _full(session: Session, parts: tuple[str, ...]) -> tuple[str, str]:
    owner, name = parts[-2] if len(parts) > 1 else session.schema, parts[-1]
    if owner != session.user and not session.grants.allows(session.user, "CREATE", owner, name):
        raise OracleError(1031)
    return owner, name


def _table(session: Session, parts: tuple[str, ...]) -> Table:
    known = relation(session, parts)
    _full(session, (known.owner, known.name))
    if not isinstance(known, Table):
        raise OracleError(942, f'"{known.owner}"."{known.name}"')
    return known


def _create(session: Session, definition: s.CreateTable, planner: Planner) -> None:
    names = [column.name for column in definition.columns]
    if len(set(names)) < len(names):
        raise OracleError(957)
    kind = Kind.TABLE
    for option, meant in (("IOT", Kind.IOT), ("TEMPORARY", Kind.TEMPORARY)):
        kind = meant if option in definition.options else kind
    columns = [_column(session, column, planner) for column in definition.columns]
    session.store.create(
        *_full(session, definition.name),
        [*columns, STATE] if "ROW ARCHIVAL" in definition.options else columns,
        key=definition.key,
        kind=kind,
        row_movement="ROW MOVEMENT" in definition.options,
        row_dependencies="ROWDEPENDENCIES" in definition.options,
    )


def _column(session: Session, given: s.ColumnDefinition, planner: Planner) -> Column:
    default = _default(session, given.default, planner)
    return Column(given.name, parse_type(given.declared), given.nullable, default)


def _default(session: Session, default: s.Expression | None, planner: Planner) -> Any:
    """Evaluated once: a default that changes with time is not known here."""
    if default is None:
        return None
    if not isinstance(default, s.Literal):
        raise OracleError(3001)
    term = Compiler(Scope(session), planner.needs, planner.plan).term(default)
    return term.run((Context(session, {}, session.store.scn, session.store.now()),))


def _drop(session: Session, definition: s.DropObject) -> None:
    if definition.kind == "LOG":
        table = _table(session, definition.name)
        if table.log is None:
            raise OracleError(12002, f"'{table.name}'")
        log, table.log = table.log, None
        session.store.drop(log.owner, log.name)
        return
    known = relation(session, definition.name)
    if isinstance(known, Table) != (definition.kind == "TABLE"):
        raise OracleError(942, f'"{known.owner}"."{known.name}"')
    session.store.drop(*_full(session, (known.owner, known.name)))


def _rearrange(session: Session, table: Table, how: str) -> None:
    if how == "MOVE":
        session.store.rebuild(table)
    else:
        session.store.shrink(table)


def _add(session: Session, table: Table, columns: Sequence[s.ColumnDefinition]) -> None:
    for column in columns:
        if column.name in table.place:
            raise OracleError(1430)
        literal = column.default.value if isinstance(column.default, s.Literal) else None
        session.store.add_column(table, column.name, column.declared, literal)


def _alter(session: Session, definition: s.AlterTable) -> None:
    table = _table(session, definition.name)
    store = session.store
    match definition.action:
        case "ADD":
            _add(session, table, definition.columns)
        case "DROP":
            for column in definition.columns:
                if column.name not in table.place:
                    raise OracleError(904, f'"{column.name}"')
                store.drop_column(table, column.name)
        case "MOVE" | "SHRINK SPACE":
            _rearrange(session, table, definition.action)
        case "RENAME":
            store.rename(table, definition.columns[0].name)
        case "TRUNCATE":
            store.truncate(table)
        case "ENABLE ROW MOVEMENT":
            store.enable_row_movement(table)

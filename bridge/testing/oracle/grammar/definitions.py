"""Definitions read: tables, views, materialized view logs (SQL Language Reference, SQL Statements)."""

from __future__ import annotations

from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar.reader import Reader
from bridge.testing.oracle.grammar.syntax import (
    AlterTable,
    ColumnDefinition,
    CreateLog,
    CreateTable,
    CreateView,
    Definition,
    DropObject,
)
from bridge.testing.oracle.grammar.terms import operand
from bridge.testing.oracle.grammar.tokens import Mark


def create(r: Reader) -> Definition:
    if r.take("OR"):
        r.expect("REPLACE")
    if r.take("VIEW"):
        return _create_view(r)
    if r.take("MATERIALIZED", "VIEW", "LOG"):
        return _create_log(r)
    temporary = r.take("GLOBAL", "TEMPORARY")
    r.expect("TABLE", 901)
    return _create_table(r, frozenset({"TEMPORARY"} if temporary else ()))


def _create_view(r: Reader) -> Definition:
    name = r.names()
    r.expect("AS")
    text = r.text[r.token.place :]
    r.subquery(r)
    return CreateView(name, text)


def _create_log(r: Reader) -> Definition:
    r.expect("ON")
    table = r.names()
    sequence, columns = False, tuple[str, ...]()
    if r.take("WITH"):
        sequence = _kept(r)
        columns = r.name_list() if r.at("(") else ()
    _ = r.take("INCLUDING", "NEW", "VALUES") or r.take("EXCLUDING", "NEW", "VALUES")
    return CreateLog(table, columns, sequence)


def _kept(r: Reader) -> bool:
    """What a materialized view log keeps; whether a SEQUENCE is among it."""
    sequence = False
    while not r.at_any("(", "INCLUDING", "EXCLUDING") and r.token.mark is not Mark.END:
        if r.take("SEQUENCE"):
            sequence = True
        elif not (r.take("PRIMARY", "KEY") or r.take("ROWID") or r.take(",")):
            raise OracleError(922)
    return sequence


def _create_table(r: Reader, options: frozenset[str]) -> Definition:
    name = r.names()
    r.expect("(")
    columns: list[ColumnDefinition] = []
    key: tuple[str, ...] = ()
    while True:
        if r.at_any("CONSTRAINT", "PRIMARY"):
            key = _constraint(r)
        else:
            column, is_key = _column(r)
            columns.append(column)
            key = (column.name,) if is_key else key
        if not r.take(","):
            break
    r.expect(")")
    return CreateTable(name, tuple(columns), key, options | _options(r))


def _constraint(r: Reader) -> tuple[str, ...]:
    if r.take("CONSTRAINT"):
        r.name()
    if not r.take("PRIMARY", "KEY"):
        raise OracleError(3001)
    return r.name_list()


def _column(r: Reader) -> tuple[ColumnDefinition, bool]:
    name, declared = r.name(904), r.declared()
    nullable, key, default = True, False, None
    while True:
        if r.take("NOT", "NULL"):
            nullable = False
        elif r.take("PRIMARY", "KEY"):
            nullable, key = False, True
        elif r.take("DEFAULT"):
            default = operand(r)
        elif not r.take("NULL"):
            return ColumnDefinition(name, declared.strip(), nullable, default), key


def _options(r: Reader) -> frozenset[str]:
    found = set()
    while r.token.mark is Mark.WORD:
        for words, option in _OPTIONS.items():
            if r.take(*words):
                found.add(option)
                break
        else:
            raise OracleError(922)
    return frozenset(found)


_OPTIONS = {
    ("ORGANIZATION", "INDEX"): "IOT",
    ("ENABLE", "ROW", "MOVEMENT"): "ROW MOVEMENT",
    ("ROWDEPENDENCIES",): "ROWDEPENDENCIES",
    ("ROW", "ARCHIVAL"): "ROW ARCHIVAL",
    ("ON", "COMMIT", "PRESERVE", "ROWS"): "TEMPORARY",
    ("ON", "COMMIT", "DELETE", "ROWS"): "TEMPORARY",
}


def drop(r: Reader) -> Definition:
    if r.take("MATERIALIZED", "VIEW", "LOG"):
        r.expect("ON")
        return DropObject("LOG", r.names())
    for kind in ("TABLE", "VIEW"):
        if r.take(kind):
            name = r.names()
            r.take("CASCADE", "CONSTRAINTS")
            r.take("PURGE")
            return DropObject(kind, name)
    raise OracleError(950)


def alter(r: Reader) -> Definition:
    r.expect("TABLE", 940)
    name = r.names()
    if r.take("ADD"):
        return AlterTable(name, "ADD", _added(r))
    if r.take("DROP"):
        dropped = r.name_list() if r.at("(") or not r.take("COLUMN") else (r.name(),)
        return AlterTable(
            name, "DROP", tuple(ColumnDefinition(column, "", nullable=True) for column in dropped)
        )
    if r.take("ENABLE", "ROW", "MOVEMENT"):
        return AlterTable(name, "ENABLE ROW MOVEMENT")
    if r.take("SHRINK", "SPACE"):
        return AlterTable(name, "SHRINK SPACE")
    if r.take("RENAME", "TO"):
        return AlterTable(name, "RENAME", (ColumnDefinition(r.name(), "", nullable=True),))
    r.expect("MOVE", 1735)
    return AlterTable(name, "MOVE")


def _added(r: Reader) -> tuple[ColumnDefinition, ...]:
    if not r.take("("):
        return (_column(r)[0],)
    found = [_column(r)[0]]
    while r.take(","):
        found.append(_column(r)[0])
    r.expect(")")
    return tuple(found)


def truncate(r: Reader) -> Definition:
    r.expect("TABLE", 3290)
    return AlterTable(r.names(), "TRUNCATE")

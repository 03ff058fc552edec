"""Statements read: queries with their flashback clauses, DML, transaction control, blocks, definitions.

SQL Language Reference, SQL Statements. What is not read here is refused, as Oracle refuses what it does not
know.
"""

from __future__ import annotations

from functools import lru_cache

from bridge.testing.oracle.datatypes import NUMBER, VARCHAR2
from bridge.testing.oracle.definitions import alter, create, drop, truncate
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.reader import Reader
from bridge.testing.oracle.syntax import (
    AlterSession,
    AsOf,
    Block,
    Combined,
    Delete,
    Derived,
    EndTransaction,
    Expression,
    Insert,
    Item,
    Join,
    JsonColumn,
    JsonTable,
    Literal,
    Named,
    Query,
    Returning,
    Select,
    SetTransaction,
    Source,
    Statement,
    Step,
    Update,
    Versions,
)
from bridge.testing.oracle.terms import expression, expressions, operand, order_by
from bridge.testing.oracle.tokens import Mark


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


# -- queries


def query(r: Reader) -> Query:
    """A query with all that may follow it."""
    with_ = _with(r) if r.take("WITH") else ()
    body = _combined(r)
    order = order_by(r) if r.at("ORDER") else ()
    offset = _offset(r) if r.take("OFFSET") else None
    limit = _limit(r) if r.take("FETCH") else None
    return Query(body, with_, order, offset, limit, _for_update(r) if r.take("FOR", "UPDATE") else None)


def _with(r: Reader) -> tuple[tuple[str, Query], ...]:
    found = []
    while True:
        name = r.name()
        r.expect("AS")
        found.append((name, _in_parentheses(r)))
        if not r.take(","):
            return tuple(found)


def _in_parentheses(r: Reader) -> Query:
    r.expect("(")
    found = query(r)
    r.expect(")")
    return found


def _combined(r: Reader) -> Select | Combined | Query:
    left: Select | Combined | Query = _block(r)
    while r.at_any("UNION", "MINUS", "INTERSECT", "EXCEPT"):
        word = r.advance().text
        if r.take("ALL"):
            if word != "UNION":
                raise OracleError(3001)
            word = "UNION ALL"
        left = Combined("MINUS" if word == "EXCEPT" else word, left, _block(r))
    return left


def _block(r: Reader) -> Select | Query:
    if r.at("("):
        return _in_parentheses(r)
    r.expect("SELECT", 928)
    distinct = r.take("DISTINCT") or r.take("UNIQUE") or (r.take("ALL") and False)
    items = [_item(r)]
    while r.take(","):
        items.append(_item(r))
    r.expect("FROM", 923)
    source = _sources(r)
    where = expression(r) if r.take("WHERE") else None
    if r.at_any("CONNECT", "START"):
        raise OracleError(3001)
    group = expressions(r) if r.take("GROUP", "BY") else ()
    having = expression(r) if r.take("HAVING") else None
    return Select(tuple(items), source, where, group, having, distinct)


def _item(r: Reader) -> Item:
    start = r.token.place
    term = expression(r)
    text = "".join(r.text[start : r.token.place].split()).rstrip(",")
    if r.take("AS"):
        return Item(term, r.name(), text.upper())
    return Item(term, r.alias(), text.upper())


def _sources(r: Reader) -> Source:
    left = _joined(r)
    while r.take(","):
        left = Join("CROSS", left, _joined(r))
    return left


def _joined(r: Reader) -> Source:
    left = _source(r)
    while True:
        kind = _join_kind(r)
        if kind is None:
            return left
        right = _source(r)
        if kind == "CROSS":
            left = Join(kind, left, right)
        elif r.take("USING"):
            left = Join(kind, left, right, using=r.name_list())
        else:
            r.expect("ON")
            left = Join(kind, left, right, expression(r))


def _join_kind(r: Reader) -> str | None:
    if r.at("NATURAL"):
        raise OracleError(3001)
    for kind in ("LEFT", "RIGHT", "FULL"):
        if r.take(kind):
            r.take("OUTER")
            r.expect("JOIN")
            return kind
    if r.take("CROSS", "JOIN"):
        return "CROSS"
    return "INNER" if r.take("INNER", "JOIN") or r.take("JOIN") else None


def _source(r: Reader) -> Source:
    if r.at("("):
        return _derived(r)
    if r.at("JSON_TABLE", "("):
        return _json_table(r)
    if r.at("TABLE", "(") or r.at("LATERAL"):
        raise OracleError(3001)
    parts = r.names()
    flashback = _flashback(r)
    return Named(parts, flashback, r.alias())


def _derived(r: Reader) -> Source:
    if r.ahead().text in ("SELECT", "WITH", "("):
        found = _in_parentheses(r)
        return Derived(found, r.alias())
    r.expect("(")
    joined = _sources(r)
    r.expect(")")
    return joined


def _flashback(r: Reader) -> AsOf | Versions | None:
    """SELECT, flashback_query_clause: it stands before the alias."""
    if r.take("VERSIONS", "BETWEEN"):
        unit = _unit(r)
        low = None if r.take("MINVALUE") else operand(r)
        r.expect("AND")
        return Versions(unit, low, None if r.take("MAXVALUE") else operand(r))
    if r.at("AS", "OF"):
        r.take("AS", "OF")
        return AsOf(_unit(r), operand(r))
    return None


def _unit(r: Reader) -> str:
    if not r.at_any("SCN", "TIMESTAMP"):
        raise OracleError(905)
    return r.advance().text


def _json_table(r: Reader) -> Source:
    r.advance()
    r.expect("(")
    document = expression(r)
    r.take("FORMAT", "JSON")
    path = "$"
    if r.take(","):
        path = _path(r)
    r.expect("COLUMNS")
    r.expect("(")
    columns = [_json_column(r)]
    while r.take(","):
        columns.append(_json_column(r))
    r.expect(")")
    r.expect(")")
    return JsonTable(document, path, tuple(columns), r.alias())


def _path(r: Reader) -> str:
    if r.token.mark is not Mark.TEXT:
        raise OracleError(40442)
    return r.advance().text


def _json_column(r: Reader) -> JsonColumn:
    name = r.name()
    if r.take("FOR", "ORDINALITY"):
        return JsonColumn(name, NUMBER, None)
    type_ = VARCHAR2 if r.at("PATH") else r.type()
    return JsonColumn(name, type_, _path(r) if r.take("PATH") else f"$.{name}")


def _offset(r: Reader) -> Expression:
    found = expression(r)
    if not (r.take("ROWS") or r.take("ROW")):
        raise OracleError(905)
    return found


def _limit(r: Reader) -> Expression:
    if not (r.take("FIRST") or r.take("NEXT")):
        raise OracleError(905)
    found: Expression = Literal(1, NUMBER) if r.at_any("ROW", "ROWS") else expression(r)
    if not (r.take("ROWS") or r.take("ROW")):
        raise OracleError(905)
    r.expect("ONLY")
    return found


def _for_update(r: Reader) -> str:
    if r.take("OF"):
        r.names()
    if r.take("SKIP", "LOCKED"):
        return "SKIP"
    if r.take("WAIT"):
        r.advance()
        return "WAIT"
    return "NOWAIT" if r.take("NOWAIT") else "WAIT"


# -- changes


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
    name = r.names()[-1]
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


# -- transactions and sessions


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
        name = r.name()
        r.expect("=", 2248)
        settings.append((name, r.advance().text))
    return AlterSession(tuple(settings))


# -- PL/SQL, as far as calls and assignments go


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

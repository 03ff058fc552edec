"""Queries read, with their flashback clauses (SQL Language Reference, SELECT)."""

from __future__ import annotations

from bridge.testing.oracle.datatypes import NUMBER, VARCHAR2
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar.reader import Reader
from bridge.testing.oracle.grammar.syntax import (
    AsOf,
    Combined,
    Derived,
    Expression,
    Item,
    Join,
    JsonColumn,
    JsonTable,
    Literal,
    Named,
    Query,
    Select,
    Source,
    Versions,
)
from bridge.testing.oracle.grammar.terms import expression, expressions, operand, order_by
from bridge.testing.oracle.grammar.tokens import Mark


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
        return Item(term, r.name(923), text.upper())
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

"""Expressions and conditions read (SQL Language Reference, Expressions; Conditions)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bridge.testing.oracle.coercion import number_of
from bridge.testing.oracle.datatypes import BOOLEAN, DATE, NUMBER, Type
from bridge.testing.oracle.engine.intervals import interval_literal
from bridge.testing.oracle.engine.times_read import timestamp_literal
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar.reader import Reader
from bridge.testing.oracle.grammar.syntax import (
    AtZone,
    Binary,
    Bind,
    Call,
    Case,
    Cast,
    Compare,
    Exists,
    Expression,
    Extract,
    In,
    Is,
    Like,
    Literal,
    Logic,
    Name,
    Not,
    OrderItem,
    Scalar,
    Several,
    Star,
    Unary,
    Window,
)
from bridge.testing.oracle.grammar.tokens import PSEUDOCOLUMNS, RESERVED, Mark

COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")
NULL = Literal(None, Type("VARCHAR2", size=0))
WORDS_ALONE = frozenset(
    {
        *(
            "SYSDATE",
            "SYSTIMESTAMP",
            "CURRENT_TIMESTAMP",
            "CURRENT_DATE",
            "LOCALTIMESTAMP",
            "SESSIONTIMEZONE",
        ),
        *("DBTIMEZONE", "USER", "UID"),
    }
)
"""Functions without parentheses."""


def expression(r: Reader) -> Expression:
    """Any expression or condition."""
    left = _conjunction(r)
    while r.take("OR"):
        left = Logic("OR", left, _conjunction(r))
    return left


def expressions(r: Reader) -> tuple[Expression, ...]:
    """One or more, separated by commas."""
    found = [expression(r)]
    while r.take(","):
        found.append(expression(r))
    return tuple(found)


def _conjunction(r: Reader) -> Expression:
    left = _negation(r)
    while r.take("AND"):
        left = Logic("AND", left, _negation(r))
    return left


def _negation(r: Reader) -> Expression:
    return Not(_negation(r)) if r.take("NOT") else _condition(r)


def _condition(r: Reader) -> Expression:
    left = operand(r)
    while True:
        if r.at_any(*COMPARISONS):
            sign = r.advance().text
            if r.at_any("ANY", "SOME", "ALL"):
                raise OracleError(3001)
            left = Compare(sign, left, operand(r))
        elif r.take("IS"):
            left = _is(r, left)
        elif r.at_any("IN", "BETWEEN", "LIKE") or (
            r.at("NOT") and r.ahead().text in ("IN", "BETWEEN", "LIKE")
        ):
            negated = r.take("NOT")
            test = _test(r, left)
            left = Not(test) if negated else test
        else:
            return left


def _is(r: Reader, left: Expression) -> Expression:
    negated = r.take("NOT")
    for word, what in (("NULL", None), ("TRUE", True), ("FALSE", False)):
        if r.take(word):
            return Not(Is(left, what)) if negated else Is(left, what)
    raise OracleError(908)


def _test(r: Reader, left: Expression) -> Expression:
    if r.take("BETWEEN"):
        low = operand(r)
        r.expect("AND")
        return Logic("AND", Compare(">=", left, low), Compare("<=", left, operand(r)))
    if r.take("LIKE"):
        pattern = operand(r)
        return Like(left, pattern, operand(r) if r.take("ESCAPE") else None)
    r.expect("IN")
    r.expect("(")
    among = In(left, r.subquery(r) if r.at_any("SELECT", "WITH") else expressions(r))
    r.expect(")")
    return among


def operand(r: Reader) -> Expression:
    """An expression that is no condition."""
    left = _product(r)
    while r.at_any("+", "-", "||"):
        left = Binary(r.advance().text, left, _product(r))
    return left


def _product(r: Reader) -> Expression:
    left = _signed(r)
    while r.at_any("*", "/"):
        left = Binary(r.advance().text, left, _signed(r))
    return left


def _signed(r: Reader) -> Expression:
    if r.at_any("+", "-"):
        return Unary(r.advance().text, _signed(r))
    found = _primary(r)
    while r.take("AT"):
        if r.take("LOCAL"):
            found = AtZone(found, None)
        else:
            r.expect("TIME")
            r.expect("ZONE")
            found = AtZone(found, _primary(r))
    return found


def _primary(r: Reader) -> Expression:  # noqa: PLR0911 -- one line a kind of word
    token = r.token
    match token.mark:
        case Mark.TEXT:
            r.advance()
            return Literal(token.text or None, Type("CHAR", size=len(token.text), unit="CHAR"))
        case Mark.NUMBER:
            return _number(r.advance().text)
        case Mark.BIND:
            return Bind(r.advance().text)
        case Mark.QUOTED:
            return _named(r)
        case Mark.WORD:
            return _word(r)
    if r.take("("):
        return _parenthesis(r)
    if r.take("*"):
        return Star()
    raise OracleError(936)


def _number(text: str) -> Literal:
    if text[-1] in "fFdD":
        return Literal(float(text[:-1]), Type("BINARY_FLOAT" if text[-1] in "fF" else "BINARY_DOUBLE"))
    return Literal(number_of(str(Decimal(text))), NUMBER)


def _parenthesis(r: Reader) -> Expression:
    if r.at_any("SELECT", "WITH"):
        found: Expression = Scalar(r.subquery(r))
    else:
        items = expressions(r)
        found = items[0] if len(items) == 1 else Several(items)
    r.expect(")")
    return found


def _word(r: Reader) -> Expression:
    word, following = r.token.text, r.ahead()
    special = _SPECIAL.get(word)
    if special is not None and (special is not _literal or following.mark is Mark.TEXT):
        return special(r)
    if word in RESERVED - PSEUDOCOLUMNS:
        raise OracleError(936)
    return _named(r)


def _named(r: Reader) -> Expression:
    quoted = r.token.mark is Mark.QUOTED
    parts = [r.advance().text]
    while r.take("."):
        if r.take("*"):
            return Star(tuple(parts))
        quoted = r.token.mark is Mark.QUOTED
        parts.append(r.advance().text if r.at("ROWID") else r.name())
    if r.take("("):
        if r.take("+", ")"):
            raise OracleError(3001)
        return _call(r, tuple(parts))
    if not quoted and len(parts) == 1 and parts[0] in WORDS_ALONE:
        return Call((parts[0],), ())
    return Name(tuple(parts), quoted)


def _call(r: Reader, name: tuple[str, ...]) -> Expression:
    """The rest of a function from behind its parenthesis."""
    distinct = r.take("DISTINCT") or r.take("UNIQUE")
    _ = name == ("XMLSERIALIZE",) and (r.take("CONTENT") or r.take("DOCUMENT"))
    arguments = () if r.at(")") else _arguments(r)
    returning = r.type() if r.take("RETURNING") or r.take("AS") else None
    while r.at_any(*_TAILS):
        r.advance()
    r.expect(")")
    call = Call(name, arguments, distinct, returning=returning)
    if r.take("WITHIN", "GROUP", "("):
        call = replace(call, within=order_by(r))
        r.expect(")")
    if r.take("OVER"):
        r.expect("(")
        call = replace(call, over=_window(r))
        r.expect(")")
    return call


_TAILS = ("PRETTY", "ASCII", "NO", "INDENT", "TRUNCATE", "NULL", "ERROR", "ON", "EMPTY", "FORMAT", "JSON")


def _arguments(r: Reader) -> tuple[Expression, ...]:
    found = [_argument(r)]
    while r.take(","):
        found.append(_argument(r))
    return tuple(found)


def _argument(r: Reader) -> Expression:
    """`name => value` counts by its value alone: no function known here can be called in several ways."""
    if r.token.mark in (Mark.WORD, Mark.QUOTED) and r.ahead().text == "=>":
        r.advance()
        r.advance()
    return expression(r)


def _window(r: Reader) -> Window:
    partition: tuple[Expression, ...] = ()
    if r.take("PARTITION", "BY"):
        partition = expressions(r)
    order = order_by(r) if r.at("ORDER") else ()
    if r.at_any("ROWS", "RANGE"):
        raise OracleError(3001)
    return Window(partition, order)


def order_by(r: Reader) -> tuple[OrderItem, ...]:
    r.take("ORDER")
    r.take("SIBLINGS")
    r.expect("BY", 924)
    found = [_order_item(r)]
    while r.take(","):
        found.append(_order_item(r))
    return tuple(found)


def _order_item(r: Reader) -> OrderItem:
    term = expression(r)
    descending = r.take("DESC") or (r.take("ASC") and False)
    nulls_first = None
    if r.take("NULLS"):
        nulls_first = r.take("FIRST")
        if not nulls_first:
            r.expect("LAST")
    return OrderItem(term, descending, nulls_first)


def _null(r: Reader) -> Expression:
    r.advance()
    return NULL


def _truth(r: Reader) -> Expression:
    return Literal(r.advance().text == "TRUE", BOOLEAN)


def _case(r: Reader) -> Expression:
    r.expect("CASE")
    operand = None if r.at("WHEN") else expression(r)
    whens = []
    while r.take("WHEN"):
        test = expression(r)
        r.expect("THEN")
        whens.append((test if operand is None else Compare("=", operand, test), expression(r)))
    default = expression(r) if r.take("ELSE") else None
    r.expect("END")
    if not whens:
        raise OracleError(905)
    return Case(tuple(whens), default)


def _cast(r: Reader) -> Expression:
    r.advance()
    r.expect("(")
    term = expression(r)
    r.expect("AS")
    type_ = r.type()
    r.expect(")")
    return Cast(term, type_)


def _extract(r: Reader) -> Expression:
    if r.ahead().text != "(":
        return _named(r)
    r.advance()
    r.expect("(")
    field = r.advance().text
    r.expect("FROM", 923)
    found = Extract(field, expression(r))
    r.expect(")")
    return found


def _exists(r: Reader) -> Expression:
    r.advance()
    r.expect("(")
    query = r.subquery(r)
    r.expect(")")
    return Exists(query)


def _literal(r: Reader) -> Expression:
    """DATE '...', TIMESTAMP '...', INTERVAL '...' DAY TO SECOND."""
    word, text = r.advance().text, r.advance().text
    if word == "DATE":
        return Literal(timestamp_literal(text, DATE), DATE)
    if word == "TIMESTAMP":
        stamp = timestamp_literal(text, Type("TIMESTAMP", scale=9))
        zoned = "TIMESTAMP" if stamp.offset is None else "TIMESTAMP WITH TIME ZONE"
        return Literal(stamp, Type(zoned, scale=9))
    leading = _interval_field(r)
    trailing = _interval_field(r) if r.take("TO") else leading
    return Literal(*interval_literal(text, leading, trailing))


def _interval_field(r: Reader) -> str:
    field = r.advance().text
    if r.take("("):
        while not r.take(")"):
            if r.advance().mark is Mark.END:
                raise OracleError(907)
    return field


def _trim(r: Reader) -> Expression:
    """TRIM([LEADING|TRAILING|BOTH] ['x'] FROM y)."""
    if r.ahead().text != "(":
        return _named(r)
    r.advance()
    r.expect("(")
    side = "BOTH"
    if r.at_any("LEADING", "TRAILING", "BOTH"):
        side = r.advance().text
    what: Expression = Literal(" ", Type("CHAR", size=1, unit="CHAR"))
    first = what if r.at("FROM") else expression(r)
    if r.take("FROM"):
        what, first = first, expression(r)
    r.expect(")")
    names = {"LEADING": "LTRIM", "TRAILING": "RTRIM", "BOTH": "TRIM"}
    return Call((names[side],), (first, what))


_SPECIAL = {
    "NULL": _null,
    "TRUE": _truth,
    "FALSE": _truth,
    "CASE": _case,
    "CAST": _cast,
    "EXTRACT": _extract,
    "EXISTS": _exists,
    "TRIM": _trim,
    "DATE": _literal,
    "TIMESTAMP": _literal,
    "INTERVAL": _literal,
}

"""Numbers, dates and intervals added up (SQL Language Reference, Datetime/Interval Arithmetic)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bridge.testing.oracle.coercion import PRECISE, shortest
from bridge.testing.oracle.datatypes import DATE, NUMBER, Type
from bridge.testing.oracle.engine.conversion import NOTHING, as_number, family
from bridge.testing.oracle.engine.scope import Env, Run, Term, combined
from bridge.testing.oracle.engine.times_read import check_date
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, DaySecond, Fields, Stamp, YearMonth

Number = int | Decimal | float
DAY_SECOND, YEAR_MONTH = Type("INTERVAL DAY TO SECOND", 9, 9), Type("INTERVAL YEAR TO MONTH", 9)


def calculated(sign: str, left: Term, right: Term) -> Term:
    """`left sign right`; ORA-00932 for what has no sense."""
    if NOTHING in (left.type, right.type):
        return combined(NUMBER, lambda _: None, [left, right])
    known = _DATES.get((_kind(left), sign, _kind(right)))
    if known is not None:
        type_, function = known
        return combined(type_ or left.type, _of(function, left.run, right.run), [left, right])
    one, other = as_number(left), as_number(right)
    type_ = NUMBER
    if {one.type.name, other.type.name} & {"BINARY_FLOAT", "BINARY_DOUBLE"}:
        type_ = Type("BINARY_DOUBLE")
    return combined(type_, _of(_NUMBERS[sign], one.run, other.run), [one, other])


def _kind(term: Term) -> str:
    kind = family(term.type)
    return (
        "TIMESTAMP" if kind == "DATE" and term.type.name != "DATE" else "NUMBER" if kind == "CHAR" else kind
    )


def _of(function: Callable[[Any, Any], Any], one: Run, other: Run) -> Run:
    def run(env: Env) -> Any:
        a, b = one(env), other(env)
        return None if a is None or b is None else function(a, b)

    return run


def _number(
    plain: Callable[[Any, Any], Any], precise: Callable[[Any, Any], Decimal]
) -> Callable[[Any, Any], Any]:
    def run(a: Number, b: Number) -> Any:
        if isinstance(a, float) or isinstance(b, float):
            return plain(float(a), float(b))
        return shortest(precise(Decimal(a), Decimal(b)))

    return run


def _quotient(a: Number, b: Number) -> Number:
    """ORA-01476; binary numbers become infinite instead."""
    if b == 0:
        raise OracleError(1476)
    if isinstance(a, float) or isinstance(b, float):
        return float(a) / float(b)
    return shortest(PRECISE.divide(Decimal(a), Decimal(b)))


_NUMBERS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _number(lambda a, b: a + b, PRECISE.add),
    "-": _number(lambda a, b: a - b, PRECISE.subtract),
    "*": _number(lambda a, b: a * b, PRECISE.multiply),
    "/": _quotient,
}


def moved(stamp: Stamp, days: Number) -> Stamp:
    """A date and a number of days: to the second."""
    nanoseconds = round(Decimal(days) * DAY)
    whole = (stamp.wall + nanoseconds + 500_000_000) // 1_000_000_000 * 1_000_000_000
    return checked(Stamp(whole))


def checked(stamp: Stamp) -> Stamp:
    """ORA-01841 outside of the calendar."""
    if not -4712 <= stamp.fields.year <= 9999:
        raise OracleError(1841)
    return stamp


def by_months(stamp: Stamp, months: int) -> Stamp:
    """The same day of another month; ORA-01839 where it has none."""
    fields = stamp.fields
    years, month = divmod(
        (fields.year if fields.year > 0 else fields.year + 1) * 12 + fields.month - 1 + months, 12
    )
    year = years if years > 0 else years - 1
    check_date(year, month + 1, fields.day)
    return Stamp.at(Fields(year, month + 1, *fields[2:]), stamp.offset)


def _days(a: Stamp, b: Stamp) -> Number:
    return shortest(PRECISE.divide(Decimal(a.wall - b.wall), Decimal(DAY)))


_D, _T, _N, _I, _Y = "DATE", "TIMESTAMP", "NUMBER", "INTERVAL DAY TO SECOND", "INTERVAL YEAR TO MONTH"
_DATES: dict[tuple[str, str, str], tuple[Type | None, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(((_D, "+", _N), (_T, "+", _N)), (DATE, moved)),
    **dict.fromkeys(((_D, "-", _N), (_T, "-", _N)), (DATE, lambda a, b: moved(a, -b))),
    **dict.fromkeys(((_N, "+", _D), (_N, "+", _T)), (DATE, lambda a, b: moved(b, a))),
    (_D, "-", _D): (NUMBER, _days),
    **dict.fromkeys(
        ((_T, "-", _T), (_T, "-", _D), (_D, "-", _T)),
        (DAY_SECOND, lambda a, b: DaySecond(a.instant - b.instant)),
    ),
    **dict.fromkeys(((_D, "+", _I), (_T, "+", _I)), (None, lambda a, b: checked(a.shifted(b.nanoseconds)))),
    **dict.fromkeys(((_D, "-", _I), (_T, "-", _I)), (None, lambda a, b: checked(a.shifted(-b.nanoseconds)))),
    **dict.fromkeys(((_D, "+", _Y), (_T, "+", _Y)), (None, lambda a, b: by_months(a, b.months))),
    **dict.fromkeys(((_D, "-", _Y), (_T, "-", _Y)), (None, lambda a, b: by_months(a, -b.months))),
    (_I, "+", _I): (DAY_SECOND, lambda a, b: DaySecond(a.nanoseconds + b.nanoseconds)),
    (_I, "-", _I): (DAY_SECOND, lambda a, b: DaySecond(a.nanoseconds - b.nanoseconds)),
    (_I, "*", _N): (DAY_SECOND, lambda a, b: DaySecond(round(a.nanoseconds * b))),
    (_N, "*", _I): (DAY_SECOND, lambda a, b: DaySecond(round(a * b.nanoseconds))),
    (_I, "/", _N): (DAY_SECOND, lambda a, b: DaySecond(round(a.nanoseconds / b))),
    (_Y, "+", _Y): (YEAR_MONTH, lambda a, b: YearMonth(a.months + b.months)),
    (_Y, "-", _Y): (YEAR_MONTH, lambda a, b: YearMonth(a.months - b.months)),
}

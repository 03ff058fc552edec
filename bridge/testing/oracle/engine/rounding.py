"""Numbers and dates cut and rounded (SQL Language Reference, Numeric Functions; TRUNC, ROUND)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bridge.testing.oracle.coercion import shortest
from bridge.testing.oracle.datatypes import DATE, NUMBER, VARCHAR2, Type
from bridge.testing.oracle.engine.building import Build, Function, strict, strictly
from bridge.testing.oracle.engine.conversion import (
    as_number,
    as_text,
    family,
)
from bridge.testing.oracle.engine.scope import Term, combined
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, SECOND, Fields, Stamp


def cut_or_rounded(digits: Callable[[Any, int], Any], dates: Callable[[Stamp, str], Stamp]) -> Build:
    def build(terms: list[Term], _: Type | None) -> Term:
        if family(terms[0].type) == "DATE":
            unit = as_text(terms[1]) if len(terms) > 1 else Term(VARCHAR2, lambda _: "DD")
            return combined(DATE, strictly(dates, [terms[0], unit]), terms)
        places = as_number(terms[1]) if len(terms) > 1 else Term(NUMBER, lambda _: 0)
        return combined(NUMBER, strictly(digits, [as_number(terms[0]), places]), terms)

    return build


def cut_number(value: Any, places: int) -> Any:
    return _at(value, places, "ROUND_DOWN")


def round_number(value: Any, places: int) -> Any:
    return _at(value, places, "ROUND_HALF_UP")


def _at(value: Any, places: int, rounding: str) -> Any:
    scaled = Decimal(str(value)).scaleb(int(places)).to_integral_value(rounding=rounding)
    return (
        float(scaled.scaleb(-int(places)))
        if isinstance(value, float)
        else shortest(scaled.scaleb(-int(places)))
    )


def cut_stamp(stamp: Stamp, unit: str) -> Stamp:
    """TRUNC (date); ORA-01898 for a unit that is not known here."""
    fields, unit = stamp.fields, unit.upper()
    if unit in ("DD", "DDD", "J"):
        return Stamp(stamp.wall // DAY * DAY)
    if unit in ("HH", "HH12", "HH24", "MI"):
        size = 3600 * SECOND if unit != "MI" else 60 * SECOND
        return Stamp(stamp.wall // size * size)
    if unit in ("MM", "MON", "MONTH"):
        return Stamp.at(Fields(fields.year, fields.month, 1, 0, 0, 0, 0))
    if unit in ("YYYY", "YEAR", "YY", "SYYYY"):
        return Stamp.at(Fields(fields.year, 1, 1, 0, 0, 0, 0))
    raise OracleError(1898)


def round_stamp(stamp: Stamp, unit: str) -> Stamp:
    if unit.upper() not in ("DD", "DDD", "J"):
        raise OracleError(1898)
    return Stamp((stamp.wall + DAY // 2) // DAY * DAY)


def modulo(a: Any, b: Any) -> Any:
    if b == 0:
        return a
    if isinstance(a, float) or isinstance(b, float):
        return float(a) - float(b) * int(a / b)
    return shortest(Decimal(a) % Decimal(b))


def power(a: Any, b: Any) -> Any:
    return float(a) ** float(b) if isinstance(a, float) else shortest(Decimal(a) ** Decimal(b))


def whole(rounding: str) -> Callable[[Any], Any]:
    return lambda value: _at_unit(value, rounding)


def _at_unit(value: Any, rounding: str) -> Any:
    return shortest(Decimal(str(value)).to_integral_value(rounding=rounding))


def same_number(function: Callable[[Any], Any]) -> Function:
    return strict(NUMBER, "N", function)

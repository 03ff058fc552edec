"""CAST, EXTRACT and AT TIME ZONE (SQL Language Reference, Functions; Datetime Expressions)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bridge.testing.oracle.coercion import shortest, stored
from bridge.testing.oracle.datatypes import INTERVALS, NUMBER, Type
from bridge.testing.oracle.engine.conversion import CONVERSIONS, NOTHING, as_text, family
from bridge.testing.oracle.engine.formats import ZONED
from bridge.testing.oracle.engine.intervals import parsed_day_second
from bridge.testing.oracle.engine.scope import Context, Env, Term, combined
from bridge.testing.oracle.engine.times_read import zone_offset
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, SECOND, DaySecond, Stamp, YearMonth


def cast(term: Term, type_: Type) -> Term:
    """CAST: text too long is cut, a number is rounded; ORA-00932 where types do not meet."""
    if term.type == NOTHING:
        return combined(type_, lambda _: None, [term])
    kind = family(type_)
    source = CONVERSIONS[kind](term) if kind in CONVERSIONS else term
    if family(source.type) != kind and not (kind in INTERVALS and family(source.type) == "CHAR"):
        raise OracleError(932, type_.name, source.type.name)
    run, given = source.run, source.type

    def converted(env: Env) -> Any:
        value = run(env)
        return None if value is None else _fitted(env[0], given, type_, value)

    return combined(type_, converted, [term])


def _fitted(context: Context, given: Type, type_: Type, value: Any) -> Any:
    if isinstance(value, Stamp):
        return stored(type_, _zoned(context, given, type_, value))
    if isinstance(value, str) and type_.name == "INTERVAL DAY TO SECOND":
        return parsed_day_second(value)
    if isinstance(value, str) and type_.size:
        value = _cut(value, type_)
    return stored(type_, value)


def _cut(value: str, type_: Type) -> str:
    if type_.unit == "CHAR":
        return value[: type_.size]
    return value.encode()[: type_.size].decode(errors="ignore")


def _zoned(context: Context, given: Type, type_: Type, stamp: Stamp) -> Stamp:
    """A value gets the session's zone, or loses its own."""
    offset = context.session.offset
    if given.name == "TIMESTAMP WITH LOCAL TIME ZONE":
        stamp = stamp.zoned(offset)
    if type_.name in ZONED:
        return stamp if stamp.offset is not None else Stamp(stamp.wall, offset)
    return stamp.plain()


def in_zone(term: Term, zone: Term | None) -> Term:
    """AT TIME ZONE, or AT LOCAL."""
    where = as_text(zone) if zone is not None else None
    run, given = term.run, term.type
    if family(given) != "DATE":
        raise OracleError(932, "TIMESTAMP", given.name)

    def moved(env: Env) -> Stamp | None:
        stamp: Stamp | None = run(env)
        if stamp is None:
            return None
        offset = env[0].session.offset
        if stamp.offset is None:
            stamp = Stamp(stamp.wall, offset)
        if where is not None:
            text = where.run(env)
            if text is None:
                return None
            offset = zone_offset(text, stamp.instant)
        return stamp.zoned(offset)

    type_ = Type("TIMESTAMP WITH TIME ZONE", scale=9 if given.scale is None else given.scale)
    return combined(type_, moved, [term, *([where] if where else [])])


_FIELDS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")


def extracted(field: str, term: Term) -> Term:
    """EXTRACT (datetime): times of zoned values are in UTC; ORA-30076."""
    type_ = term.type
    if family(type_) not in ("DATE", *INTERVALS) or not _has(field, type_):
        raise OracleError(30076)
    run = term.run

    def read(env: Env) -> Any:
        value = run(env)
        return None if value is None else _part(field, value)

    return combined(NUMBER, read, [term])


def _has(field: str, type_: Type) -> bool:
    match type_.name:
        case "INTERVAL YEAR TO MONTH":
            return field in _FIELDS[:2]
        case "INTERVAL DAY TO SECOND":
            return field in _FIELDS[2:]
        case "DATE":
            return field in _FIELDS[:3]
    zone = field in ("TIMEZONE_HOUR", "TIMEZONE_MINUTE") and type_.name in ZONED
    return field in _FIELDS or zone


def _part(field: str, value: Any) -> Any:
    if isinstance(value, YearMonth):
        sign = -1 if value.months < 0 else 1
        years, months = divmod(abs(value.months), 12)
        return sign * (years if field == "YEAR" else months)
    if isinstance(value, DaySecond):
        return _duration(field, value.nanoseconds)
    if field.startswith("TIMEZONE"):
        offset = value.offset or 0
        hours, minutes = divmod(abs(offset), 60)
        return (-1 if offset < 0 else 1) * (hours if field.endswith("HOUR") else minutes)
    fields = Stamp(value.instant).fields
    if field == "SECOND":
        return _seconds(fields.second * SECOND + fields.nano)
    return fields[_FIELDS.index(field)]


def _duration(field: str, nanoseconds: int) -> Any:
    sign = -1 if nanoseconds < 0 else 1
    days, rest = divmod(abs(nanoseconds), DAY)
    if field == "SECOND":
        return sign * _seconds(rest % (60 * SECOND))
    return sign * {"DAY": days, "HOUR": rest // (3600 * SECOND), "MINUTE": rest // (60 * SECOND) % 60}[field]


def _seconds(nanoseconds: int) -> Any:
    return shortest(Decimal(nanoseconds) / SECOND)

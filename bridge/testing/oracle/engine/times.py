"""Functions of times, and of their SCNs (SQL Language Reference, Datetime Functions)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.engine.arithmetic import by_months
from bridge.testing.oracle.engine.building import Build
from bridge.testing.oracle.engine.conversion import (
    FORMATS,
    as_text,
    family,
)
from bridge.testing.oracle.engine.formats import ZONED
from bridge.testing.oracle.engine.scope import Context, Env, Term, combined
from bridge.testing.oracle.engine.times_read import parsed_stamp, zone_offset
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, SECOND, DaySecond, Stamp


def read_by_model(type_: Type, setting: str) -> Build:
    """TO_DATE and its like: by the model given, or by the session's."""

    def build(terms: list[Term], _: Type | None) -> Term:
        value, model = as_text(terms[0]).run, as_text(terms[1]).run if len(terms) > 1 else None

        def read(env: Env) -> Stamp | None:
            given = value(env)
            how = model(env) if model else env[0].session.settings.get(*FORMATS[setting])
            if given is None or how is None:
                return None
            offset = env[0].session.offset if type_.name in ZONED else None
            return parsed_stamp(given, how, env[0].now, offset)

        return combined(type_, read, terms)

    return build


def interval_of(number: Any, unit: str) -> DaySecond:
    units = {"DAY": DAY, "HOUR": 3600 * SECOND, "MINUTE": 60 * SECOND, "SECOND": SECOND}
    if unit.strip().upper() not in units:
        raise OracleError(1867)
    return DaySecond(round(Decimal(str(number)) * units[unit.strip().upper()]))


def extract_utc(terms: list[Term], _: Type | None) -> Term:
    """SYS_EXTRACT_UTC: of a value without zone as the session sees it."""
    term = terms[0]
    if family(term.type) != "DATE":
        raise OracleError(30175)
    run = term.run

    def extract(env: Env) -> Stamp | None:
        stamp: Stamp | None = run(env)
        if stamp is None:
            return None
        return (
            (stamp if stamp.offset is not None else Stamp(stamp.wall, env[0].session.offset)).zoned(0).plain()
        )

    return combined(
        Type("TIMESTAMP", scale=6 if term.type.scale is None else term.type.scale), extract, terms
    )


def from_zone(stamp: Stamp, zone: str) -> Stamp:
    return Stamp(stamp.wall, zone_offset(zone, stamp.wall))


def add_months(stamp: Stamp, months: Any) -> Stamp:
    """The last day of a month stays the last one."""
    last = last_day(stamp)
    first = by_months(Stamp(stamp.wall - (stamp.fields.day - 1) * DAY), int(months))
    end = last_day(first)
    if last.fields.day == stamp.fields.day or stamp.fields.day > end.fields.day:
        return Stamp(end.wall // DAY * DAY + stamp.wall % DAY)
    return first.shifted((stamp.fields.day - 1) * DAY)


def last_day(stamp: Stamp) -> Stamp:
    first = Stamp(stamp.wall - (stamp.fields.day - 1) * DAY)
    return by_months(first, 1).shifted(-DAY)


def scn_time(context: Context, scn: Any) -> Stamp:
    return context.store.wall(context.store.time_of(int(scn))).plain()


def time_scn(context: Context, stamp: Stamp) -> int:
    return context.store.scn_at(instant(context, stamp))


def instant(context: Context, stamp: Stamp) -> int:
    """A moment in nanoseconds of UTC since 1970; without a zone it is the server's own."""
    return (stamp if stamp.offset is not None else Stamp(stamp.wall, context.store.offset)).unix


def session_now(context: Context) -> Stamp:
    return context.now.zoned(context.session.offset)


def zone_text(offset: int) -> str:
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"


def whole_second(stamp: Stamp) -> Stamp:
    return Stamp(stamp.wall // SECOND * SECOND)

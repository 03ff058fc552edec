"""Dates and times read from text (SQL Language Reference, Format Models; Literals)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.engine.formats import FIRST_JULIAN, MONTHS, elements
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, Fields, Stamp

_DIGITS = {
    "SYYYY": r"[-+]?\d{1,4}",
    **dict.fromkeys(("YYYY", "RRRR"), r"\d{1,4}"),
    **dict.fromkeys(("RR", "YY", "MM", "DD", "HH24", "HH12", "HH", "MI", "SS", "TZM"), r"\d{1,2}"),
    **dict.fromkeys(("YYY", "DDD"), r"\d{1,3}"),
    "Y": r"\d",
    "J": r"\d{1,7}",
    "SSSSS": r"\d{1,5}",
    "TZH": r"[-+ ]?\d{1,2}",
    "TZR": r"[-+]\d{1,2}:\d{2}|[A-Za-z_/]+",
    "TZD": r"[A-Za-z]*",
    "X": r"\.",
    **dict.fromkeys(("MON", "DY"), r"[A-Za-z]{3}"),
    **dict.fromkeys(("MONTH", "DAY"), r"[A-Za-z]+"),
    **dict.fromkeys(("AM", "PM"), r"[AaPp][Mm]"),
    **dict.fromkeys(("A.M.", "P.M."), r"[AaPp]\.[Mm]\."),
    **dict.fromkeys(("AD", "BC"), r"[AaBb][DdCc]"),
    **dict.fromkeys(("A.D.", "B.C."), r"[AaBb]\.[DdCc]\."),
}
"""How the elements look in a text that is read."""


def parsed_stamp(text: str, model: str, today: Stamp, offset: int | None = None) -> Stamp:
    """TO_DATE, TO_TIMESTAMP, TO_TIMESTAMP_TZ: what is not given is this month's first day, midnight.

    `offset` is the session's zone where the answer has one and the text names none.
    """
    return _built(_read(text, model), today, offset)


@lru_cache(maxsize=1024)
def _read(text: str, model: str) -> Mapping[str, str]:
    """What stands where the elements of the model are."""
    rest, found = text.strip(), dict[str, str]()
    for element in elements(model):
        name = element.upper()
        if name in ("FM", "FX"):
            continue
        if not rest and name[0].isalpha():
            if name.startswith(("FF", "TZ", "X")):
                continue
            raise OracleError(1840)
        rest = _eaten(rest, element, name, found)
    if rest:
        raise OracleError(1830)
    return found


def _eaten(rest: str, element: str, name: str, found: dict[str, str]) -> str:
    """What is left of the text behind an element."""
    if element[0] == '"' or name == "T":
        literal = element.strip('"')
        if not rest.startswith(literal):
            raise OracleError(1861)
        return rest[len(literal) :]
    if not name[0].isalpha():
        return rest[1:] if rest and not rest[0].isalnum() else rest.lstrip() if element == " " else rest
    pattern = r"\d{1,9}" if name.startswith("FF") else _DIGITS.get(name)
    if pattern is None:
        raise OracleError(1820)
    match = re.match(pattern, rest.lstrip())
    if match is None:
        raise OracleError(1843 if name.startswith("MON") else 1858)
    found["FF" if name.startswith("FF") else name] = match[0]
    return rest.lstrip()[match.end() :]


def _built(found: Mapping[str, str], today: Stamp, offset: int | None) -> Stamp:
    zone = _found_zone(found)
    if "J" in found:
        day = Stamp((int(found["J"]) - FIRST_JULIAN) * DAY).fields
        year, month, first = day.year, day.month, day.day
    else:
        year, month, first = _year(found, today), _month(found, today), int(found.get("DD", "1"))
    hour, minute, second = _clock(found)
    nano = int(found.get("FF", "0").ljust(9, "0"))
    check_date(year, month, first)
    stamp = Stamp.at(Fields(year, month, first, hour, minute, second, nano))
    if "DDD" in found:
        stamp = Stamp.at(Fields(year, 1, 1, hour, minute, second, nano)).shifted(
            (int(found["DDD"]) - 1) * DAY
        )
    return Stamp(stamp.wall, zone(stamp) if zone else offset)


def _found_zone(found: Mapping[str, str]) -> Callable[[Stamp], int] | None:
    if "TZR" in found:
        return lambda stamp: zone_offset(found["TZR"], stamp.wall)
    if "TZH" in found:
        text = found["TZH"].strip()
        minutes = abs(int(text)) * 60 + int(found.get("TZM", "0"))
        return lambda _: -minutes if text.startswith("-") else minutes
    return None


def _year(found: Mapping[str, str], today: Stamp) -> int:
    for name in ("SYYYY", "YYYY", "RRRR", "RR", "YY", "YYY", "Y"):
        if name in found:
            return _full_year(name, found[name], today) * _sign(found)
    return today.fields.year


def _full_year(name: str, digits: str, today: Stamp) -> int:
    year, now = int(digits), today.fields.year
    if name in ("RR", "RRRR") and len(digits) <= 2:
        century = now // 100 * 100
        if now % 100 < 50 <= year:
            return century - 100 + year
        return century + 100 + year if year < 50 <= now % 100 else century + year
    if name in ("YY", "YYY", "Y"):
        unit: int = 10 ** len(name)
        return now // unit * unit + year
    return year


def _sign(found: Mapping[str, str]) -> int:
    era = next((found[name] for name in ("AD", "BC", "A.D.", "B.C.") if name in found), "AD")
    return -1 if era.upper().startswith("B") else 1


def _month(found: Mapping[str, str], today: Stamp) -> int:
    if "MM" in found:
        return int(found["MM"])
    name = found.get("MON") or found.get("MONTH")
    if name is None:
        return today.fields.month
    for number, month in enumerate(MONTHS, 1):
        if month == name.upper() or (len(name) == 3 and month.startswith(name.upper())):
            return number
    raise OracleError(1843)


def _clock(found: Mapping[str, str]) -> tuple[int, int, int]:
    if "SSSSS" in found:
        minutes, second = divmod(int(found["SSSSS"]), 60)
        return minutes // 60, minutes % 60, second
    hour = int(found.get("HH24") or found.get("HH12") or found.get("HH") or 0)
    half = next((found[name] for name in ("AM", "PM", "A.M.", "P.M.") if name in found), None)
    if half is not None:
        hour = hour % 12 + (12 if half.upper().startswith("P") else 0)
    minute, second = int(found.get("MI", "0")), int(found.get("SS", "0"))
    for value, limit, code in ((hour, 24, 1850), (minute, 60, 1851), (second, 60, 1852)):
        if value >= limit:
            raise OracleError(code)
    return hour, minute, second


def check_date(year: int, month: int, day: int) -> None:
    """ORA-01841, ORA-01843, ORA-01847 or ORA-01839 for a day that no calendar has."""
    if not -4712 <= year <= 9999 or year == 0:
        raise OracleError(1841)
    if not 1 <= month <= 12:
        raise OracleError(1843)
    if not 1 <= day <= 31:
        raise OracleError(1847)
    shown = Stamp.at(Fields(year, month, day, 0, 0, 0, 0)).fields
    if (shown.month, shown.day) != (month, day):
        raise OracleError(1839)


def zone_offset(zone: str, wall: int) -> int:
    """Minutes east of UTC, of an offset or a region at a local time; ORA-01882."""
    match = re.fullmatch(r"([-+]?)(\d{1,2}):(\d{2})", zone.strip())
    if match:
        minutes = int(match[2]) * 60 + int(match[3])
        return -minutes if match[1] == "-" else minutes
    try:
        there = ZoneInfo(zone.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise OracleError(1882, zone) from None
    local = Stamp(wall).datetime.replace(tzinfo=there)
    return int((local.utcoffset() or dt.timedelta()).total_seconds()) // 60


_LITERAL = re.compile(
    r"\s*(?P<year>[-+]?\d{1,4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[ T](?P<hour>\d{1,2}):(?P<minute>\d{1,2}):(?P<second>\d{1,2})(?:\.(?P<nano>\d{1,9}))?)?"
    r"\s*(?P<zone>[-+]\d{1,2}:\d{2}|[A-Za-z][\w/+-]*)?\s*"
)


def timestamp_literal(text: str, type_: Type) -> Stamp:
    """What stands in the quotes of DATE '...' or TIMESTAMP '...'."""
    match = _LITERAL.fullmatch(text)
    if match is None or (type_.name == "DATE" and match["hour"]):
        raise OracleError(1861)
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    check_date(year, month, day)
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    nano = int((match["nano"] or "0").ljust(9, "0"))
    stamp = Stamp.at(Fields(year, month, day, hour, minute, second, nano))
    return Stamp(stamp.wall, zone_offset(match["zone"], stamp.wall)) if match["zone"] else stamp

"""Dates, timestamps and intervals as text (SQL Language Reference, Format Models; Literals)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, SECOND, DaySecond, Fields, Stamp, YearMonth

MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE"),
    *("JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_ELEMENT = re.compile(
    r'"[^"]*"|FM|FX|SYYYY|YYYY|IYYY|YYY|YY|Y|RRRR|RR|MONTH|MON|MM|DDD|DD|DAY|DY|D|HH24|HH12|HH|MI|SSSSS|SS'
    r"|FF[1-9]?|A\.M\.|P\.M\.|AM|PM|A\.D\.|B\.C\.|AD|BC|TZH|TZM|TZR|TZD|J|Q|IW|WW|X|T|[-/,.;: _]",
    re.IGNORECASE,
)
_TEXT_PLACE = 1
_EPOCH_JULIAN = 1_721_426
"""The Julian day of 0001-01-01."""
ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE")


@lru_cache(maxsize=512)
def elements(model: str) -> tuple[str, ...]:
    """The parts of a datetime format model; ORA-01821."""
    found, place = [], 0
    while place < len(model):
        match = _ELEMENT.match(model, place)
        if match is None:
            raise OracleError(1821)
        found.append(match[0])
        place = match.end()
    return tuple(found)


def formatted_stamp(stamp: Stamp, model: str, type_: Type) -> str:
    """TO_CHAR (datetime). ORA-01821 for elements that the type does not have."""
    out, fill = [], True
    for element in elements(model):
        name = element.upper()
        if name == "FM":
            fill = not fill
        elif element[0] == '"':
            out.append(element[1:-1])
        elif name[0].isalpha() and name not in ("FX", "T"):
            _check(name, type_)
            text = _shown(name, stamp, type_)
            out.append(_cased(element, text) if fill else _cased(element, text.strip()).lstrip("0") or "0")
        elif name != "FX":
            out.append(element)
    return "".join(out)


def _check(name: str, type_: Type) -> None:
    if (name.startswith("FF") and type_.name == "DATE") or (
        name.startswith("TZ") and type_.name not in ZONED
    ):
        raise OracleError(1821)


def _cased(element: str, text: str) -> str:
    """Month and day names follow the case of the element."""
    if not text.isalpha() or element.isupper():
        return text
    return text.capitalize() if element[0].isupper() else text.lower()


def _shown(name: str, stamp: Stamp, type_: Type) -> str:
    if name.startswith("FF"):
        digits = int(name[2:]) if len(name) > 2 else (6 if type_.scale is None else type_.scale)
        return f"{stamp.fields.nano:09d}"[:digits]
    return _SHOWN[name](stamp)


def _hour12(stamp: Stamp) -> str:
    return f"{(stamp.fields.hour + 11) % 12 + 1:02d}"


def _half(stamp: Stamp) -> str:
    return "PM" if stamp.fields.hour >= 12 else "AM"


def _dotted_half(stamp: Stamp) -> str:
    return "P.M." if stamp.fields.hour >= 12 else "A.M."


def _era(stamp: Stamp) -> str:
    return "AD" if stamp.fields.year > 0 else "BC"


def _dotted_era(stamp: Stamp) -> str:
    return "A.D." if stamp.fields.year > 0 else "B.C."


def _zone_hour(stamp: Stamp) -> str:
    offset = stamp.offset or 0
    return f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}"


def _zone_minute(stamp: Stamp) -> str:
    return f"{abs(stamp.offset or 0) % 60:02d}"


def _zone(stamp: Stamp) -> str:
    return f"{_zone_hour(stamp)}:{_zone_minute(stamp)}"


def _weekday(stamp: Stamp) -> int:
    return stamp.wall // DAY % 7


def _day_of_year(stamp: Stamp) -> int:
    first = Stamp.at(Fields(stamp.fields.year, 1, 1, 0, 0, 0, 0))
    return (stamp.wall - first.wall) // DAY + 1


def _iso(stamp: Stamp) -> tuple[int, int]:
    year, week, _ = stamp.datetime.isocalendar()
    return year, week


_SHOWN: dict[str, Callable[[Stamp], str]] = {
    "SYYYY": lambda s: f"{'-' if s.fields.year < 0 else ' '}{abs(s.fields.year):04d}",
    "YYYY": lambda s: f"{abs(s.fields.year):04d}",
    "RRRR": lambda s: f"{abs(s.fields.year):04d}",
    "YYY": lambda s: f"{abs(s.fields.year) % 1000:03d}",
    "YY": lambda s: f"{abs(s.fields.year) % 100:02d}",
    "RR": lambda s: f"{abs(s.fields.year) % 100:02d}",
    "Y": lambda s: f"{abs(s.fields.year) % 10}",
    "IYYY": lambda s: f"{_iso(s)[0]:04d}",
    "IW": lambda s: f"{_iso(s)[1]:02d}",
    "WW": lambda s: f"{(_day_of_year(s) - 1) // 7 + 1:02d}",
    "Q": lambda s: f"{(s.fields.month + 2) // 3}",
    "MONTH": lambda s: f"{MONTHS[s.fields.month - 1]:9}",
    "MON": lambda s: MONTHS[s.fields.month - 1][:3],
    "MM": lambda s: f"{s.fields.month:02d}",
    "DDD": lambda s: f"{_day_of_year(s):03d}",
    "DD": lambda s: f"{s.fields.day:02d}",
    "DAY": lambda s: f"{WEEKDAYS[_weekday(s)]:9}",
    "DY": lambda s: WEEKDAYS[_weekday(s)][:3],
    "D": lambda s: str((_weekday(s) + 1) % 7 + 1),
    "HH24": lambda s: f"{s.fields.hour:02d}",
    "HH12": _hour12,
    "HH": _hour12,
    "MI": lambda s: f"{s.fields.minute:02d}",
    "SSSSS": lambda s: f"{s.wall % DAY // SECOND:05d}",
    "SS": lambda s: f"{s.fields.second:02d}",
    "AM": _half,
    "PM": _half,
    "A.M.": _dotted_half,
    "P.M.": _dotted_half,
    "AD": _era,
    "BC": _era,
    "A.D.": _dotted_era,
    "B.C.": _dotted_era,
    "TZH": _zone_hour,
    "TZM": _zone_minute,
    "TZR": _zone,
    "TZD": lambda _: "",
    "J": lambda s: str(s.wall // DAY + _EPOCH_JULIAN),
    "X": lambda _: ".",
}

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
    return _built(found, today, offset)


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


def _built(found: dict[str, str], today: Stamp, offset: int | None) -> Stamp:
    zone = _found_zone(found)
    if "J" in found:
        day = Stamp((int(found["J"]) - _EPOCH_JULIAN) * DAY).fields
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


def _found_zone(found: dict[str, str]) -> Callable[[Stamp], int] | None:
    if "TZR" in found:
        return lambda stamp: zone_offset(found["TZR"], stamp.wall)
    if "TZH" in found:
        text = found["TZH"].strip()
        minutes = abs(int(text)) * 60 + int(found.get("TZM", "0"))
        return lambda _: -minutes if text.startswith("-") else minutes
    return None


def _year(found: dict[str, str], today: Stamp) -> int:
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


def _sign(found: dict[str, str]) -> int:
    era = next((found[name] for name in ("AD", "BC", "A.D.", "B.C.") if name in found), "AD")
    return -1 if era.upper().startswith("B") else 1


def _month(found: dict[str, str], today: Stamp) -> int:
    if "MM" in found:
        return int(found["MM"])
    name = found.get("MON") or found.get("MONTH")
    if name is None:
        return today.fields.month
    for number, month in enumerate(MONTHS, 1):
        if month == name.upper() or (len(name) == 3 and month.startswith(name.upper())):
            return number
    raise OracleError(1843)


def _clock(found: dict[str, str]) -> tuple[int, int, int]:
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


# -- intervals

_UNITS = {"DAY": DAY, "HOUR": 3600 * SECOND, "MINUTE": 60 * SECOND, "SECOND": SECOND}
_DAY_TIME = re.compile(
    r"\s*(?P<sign>[-+]?)\s*(?P<days>\d+)\s+(?P<hours>\d+)(?::(?P<minutes>\d+)(?::(?P<seconds>\d+(?:\.\d+)?))?)?\s*"
)


def interval_literal(text: str, leading: str, trailing: str) -> tuple[DaySecond | YearMonth, Type]:
    """What stands in the quotes of INTERVAL '...' DAY TO SECOND and its like; ORA-01867."""
    if leading in ("YEAR", "MONTH"):
        return _year_month(text, leading, trailing), Type("INTERVAL YEAR TO MONTH", precision=9)
    if leading not in _UNITS or trailing not in _UNITS:
        raise OracleError(1867)
    nanoseconds = _sum_of(text.strip().lstrip("+-"), leading, trailing)
    negative = text.strip().startswith("-")
    return DaySecond(-nanoseconds if negative else nanoseconds), Type("INTERVAL DAY TO SECOND", 9, 9)


def _sum_of(text: str, leading: str, trailing: str) -> int:
    names = list(_UNITS)
    wanted = names[names.index(leading) : names.index(trailing) + 1]
    parts = re.split(r"[ :]+", text.strip())
    if len(parts) != len(wanted) or not all(re.fullmatch(r"\d+(\.\d+)?", part) for part in parts):
        raise OracleError(1867)
    total = 0
    for unit, part in zip(wanted, parts, strict=True):
        whole, _, fraction = part.partition(".")
        total += int(whole) * _UNITS[unit]
        total += int(fraction.ljust(9, "0")[:9]) if fraction else 0
    return total


def _year_month(text: str, leading: str, trailing: str) -> YearMonth:
    match = re.fullmatch(r"\s*([-+]?)(\d+)(?:-(\d+))?\s*", text)
    if match is None:
        raise OracleError(1867)
    first, second = int(match[2]), int(match[3] or 0)
    months = first * 12 + second if leading == "YEAR" else first
    if trailing == leading and match[3]:
        raise OracleError(1867)
    return YearMonth(-months if match[1] == "-" else months)


def interval_text(value: DaySecond | YearMonth, type_: Type) -> str:
    """As TO_CHAR shows it: `+05 10:30:00.500000`, `+01-02`."""
    leading = 2 if type_.precision is None else type_.precision
    if isinstance(value, YearMonth):
        years, months = divmod(abs(value.months), 12)
        return f"{'-' if value.months < 0 else '+'}{years:0{leading}d}-{months:02d}"
    days, rest = divmod(abs(value.nanoseconds), DAY)
    seconds, nano = divmod(rest, SECOND)
    digits = 6 if type_.scale is None else type_.scale
    fraction = f".{nano:09d}"[: digits + 1] if digits else ""
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{'-' if value.nanoseconds < 0 else '+'}{days:0{leading}d} {clock}{fraction}"


def parsed_day_second(text: str) -> DaySecond:
    """TO_DSINTERVAL: the SQL format; ORA-01867."""
    match = _DAY_TIME.fullmatch(text)
    if match is None:
        raise OracleError(1867)
    seconds, _, fraction = (match["seconds"] or "0").partition(".")
    total = int(match["days"]) * DAY + int(match["hours"]) * _UNITS["HOUR"]
    total += int(match["minutes"] or 0) * _UNITS["MINUTE"] + int(seconds) * SECOND
    total += int(fraction.ljust(9, "0")[:9]) if fraction else 0
    return DaySecond(-total if match["sign"] == "-" else total)

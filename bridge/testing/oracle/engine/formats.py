"""Dates and times shown as text (SQL Language Reference, Format Models: Datetime Format Models)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from bridge.testing.oracle.datatypes import Type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.values import DAY, SECOND, Fields, Stamp

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


FIRST_JULIAN = 1_721_426
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
    "J": lambda s: str(s.wall // DAY + FIRST_JULIAN),
    "X": lambda _: ".",
}

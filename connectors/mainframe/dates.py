"""Dates and times as screens show them: their parts in any order, two-digit years by a window. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

type Kind = Literal["date", "time", "timestamp"]

PARTS = "YYYY YY MM M MMM DD D DDD HH H MM SS F..FFFFFF AM"
"""D, M and H have one digit or two; DDD is the day of the year, MM after HH the minute, F a fraction."""
_TOKEN = re.compile(r"YYYY|YY|MMM|MM|M|DDD|DD|D|HH|H|SS|F+|AM|PM|.", re.DOTALL)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MOST_DIGITS = 6
_HALF_DAY = 12
_PATTERNS = {
    "YYYY": ("year", "[0-9]{4}"),
    "YY": ("short", "[0-9]{2}"),
    "MMM": ("name", "|".join(_MONTHS)),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[ 01]?[0-9]"),
    "DDD": ("days", "[0-9]{3}"),
    "DD": ("day", "[0-9]{2}"),
    "D": ("day", "[ 0-3]?[0-9]"),
    "HH": ("hour", "[0-9]{2}"),
    "H": ("hour", "[ 012]?[0-9]"),
    "SS": ("second", "[0-9]{2}"),
    "AM": ("half", "AM|PM"),
    "PM": ("half", "AM|PM"),
}
_CODES = {
    "name": "%b",
    "month": "%m",
    "days": "%j",
    "day": "%d",
    "hour": "%H",
    "hour of the half": "%I",
    "minute": "%M",
    "second": "%S",
    "half": "%p",
}
"""How strftime writes a part, in the C locale, which a daemon of Python is in."""
_AS_IT_IS = "T"  # between date and time, as ISO 8601 has it
_SHORT = ("D", "M", "H")
_DATES = ({"year", "month", "day"}, {"year", "name", "day"}, {"year", "days"})
_TIMES = ({"hour", "minute"}, {"hour", "minute", "second"})


class NoFormat(ValueError):
    """What is wrong with a format, as in `has no day`."""


@dataclass(frozen=True, slots=True)
class Format:
    """A compiled `DD.MM.YY`. `digits`: of the fraction of a second; `window`: the first year YY can mean."""

    text: str
    kind: Kind
    tokens: tuple[tuple[str, str], ...]  # part ("" for what stands as it is), token
    window: int
    digits: int
    fits: re.Pattern[str]

    @property
    def width(self) -> int:
        """Cells it takes at most."""
        return sum(2 if token in _SHORT and part else len(token) for part, token in self.tokens)

    def parse(self, shown: str) -> date | time | datetime:
        """The value; blanks around it do not count. Errors: ValueError."""
        text = shown.strip(" ")
        found = self.fits.fullmatch(text)
        if found is None:
            raise ValueError(f"does not have the form {self.text}" if text else "is blank")
        parts = found.groupdict()
        try:
            if self.kind == "date":
                return self._date(parts)
            if self.kind == "time":
                return self._time(parts)
            return datetime.combine(self._date(parts), self._time(parts))
        except ValueError:
            raise ValueError(f"is no {self.kind} by {self.text}") from None

    def _date(self, parts: dict[str, str]) -> date:
        year = int(parts["year"]) if "year" in parts else self._within(int(parts["short"]))
        if "days" in parts:
            first, days = date(year, 1, 1), int(parts["days"])
            day = first + timedelta(days=days - 1)
            if day.year != year:
                raise ValueError("days")
            return day
        month = _MONTHS.index(parts["name"].upper()) + 1 if "name" in parts else int(parts["month"])
        return date(year, month, int(parts["day"]))

    def _within(self, short: int) -> int:
        """The year of the window that ends with these two digits."""
        return self.window + (short - self.window) % 100

    def _time(self, parts: dict[str, str]) -> time:
        hour = int(parts["hour"])
        if "half" in parts:
            if not 1 <= hour <= _HALF_DAY:
                raise ValueError("hour")
            hour = hour % _HALF_DAY + _HALF_DAY * (parts["half"].upper() == "PM")
        fraction = parts.get("fraction", "").ljust(_MOST_DIGITS, "0")
        return time(hour, int(parts["minute"]), int(parts.get("second", 0)), int(fraction))

    def format(self, value: date | time | datetime) -> str:
        """The cells that show a value. Errors: ValueError when they would show another one."""
        text = "".join(self._shown(part, token, value) for part, token in self.tokens)
        if self.parse(text) != value:
            raise ValueError(f"cannot be written as {self.text}")
        return text

    def _shown(self, part: str, token: str, value: date | time | datetime) -> str:
        if part in ("year", "short"):
            return f"{value:%Y}"[-len(token) :].zfill(len(token))
        if part == "fraction":
            return f"{value:%f}"[: len(token)]
        if part == "hour" and any(other == "half" for other, _ in self.tokens):
            part = "hour of the half"
        code = _CODES.get(part)
        shown = f"{value:{code}}".upper() if code else token
        return shown.lstrip("0") or "0" if part and token in _SHORT else shown


def form(text: str, kind: Kind, window: int | None = None) -> Format:
    """A compiled format. Errors: NoFormat."""
    tokens = tuple(_tokens(text.upper(), kind))
    parts = [part for part, _ in tokens if part]
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice:
        raise NoFormat(f"has two parts for the {twice}")
    _check(set(parts), kind)
    if ("short" in parts) != (window is not None):
        raise NoFormat(
            "has a year of two digits: give the first year it can mean, as in `window: 1950`"
            if window is None
            else "has no year of two digits, and needs no `window`"
        )
    fraction = next((len(token) for part, token in tokens if part == "fraction"), 0)
    if fraction > _MOST_DIGITS:
        raise NoFormat(f"has more than {_MOST_DIGITS} digits of a second: read it as text")
    fits = "".join(f"(?P<{part}>{_pattern(token)})" if part else re.escape(token) for part, token in tokens)
    return Format(text, kind, tokens, window or 0, fraction, re.compile(fits, re.ASCII | re.IGNORECASE))


def _tokens(text: str, kind: Kind) -> Iterator[tuple[str, str]]:
    before = "hour" if kind == "time" else ""
    for token in _TOKEN.findall(text):
        if token in ("MM", "M") and before == "hour":
            part = "minute"
        elif token.startswith("F"):
            part = "fraction"
        else:
            part = _PATTERNS.get(token, ("",))[0]
        if not part and token.isalpha() and token not in _AS_IT_IS:
            raise NoFormat(f"has '{token}', which is no part of a {kind}; parts are {PARTS}")
        before = part or before
        yield part, token


def _pattern(token: str) -> str:
    return f"[0-9]{{{len(token)}}}" if token.startswith("F") else _PATTERNS[token][1]


def _check(parts: set[str], kind: Kind) -> None:
    """Errors: NoFormat."""
    years = {"year" if part == "short" else part for part in parts}
    clock = parts & {"hour", "minute", "second", "half", "fraction"}
    if kind != "time" and years - clock not in _DATES:
        raise NoFormat("has no whole date: year, month and day, or year and day of the year (DDD)")
    if kind != "date" and clock - {"half", "fraction"} not in _TIMES:
        raise NoFormat("has no whole time: HH and MM, or HH, MM and SS")
    if kind == "date" and clock:
        raise NoFormat("has a time: write `timestamp` instead of `date`")
    if kind == "time" and parts - clock:
        raise NoFormat("has a date: write `timestamp` instead of `time`")
    if "fraction" in parts and "second" not in parts:
        raise NoFormat("has a fraction, and no second")

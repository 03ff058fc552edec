"""Hours in which a source is left alone, by the clock on its wall. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

DAY = 24 * 60
_RANGE = re.compile(r"(\d\d?):([0-5]\d)\s*-\s*(\d\d?):([0-5]\d)")
_FORM = "write it like 22:00-02:00 Europe/Berlin, several ranges with commas between them"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Daily ranges of wall-clock time in one time zone; `text` is how the operator wrote them.

    A wall clock that is put back shows some hours twice: both count. Hours it leaves out do not exist.
    """

    text: str
    zone: ZoneInfo
    ranges: tuple[tuple[int, int], ...]
    """Minutes since midnight, from (inclusive) and to (exclusive); a range that passes midnight is two."""

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """Errors: ValueError saying what does not fit."""
        times, _, name = text.strip().rpartition(" ")
        zone = zone_of(name, _FORM)
        ranges = tuple(piece for part in times.split(",") for piece in _minutes(part.strip()))
        if all(any(start <= minute < end for start, end in ranges) for minute in range(DAY)):
            raise ValueError("leaves no minute of the day to read in; shorten the ranges")
        return cls(text, zone, ranges)

    def remaining(self, now: datetime) -> float:
        """Seconds until the quiet hours that hold at `now` (aware) end; 0 outside of them."""
        moment = now.astimezone(UTC)
        while left := self._left_on_the_wall(moment):
            moment = self._pass(moment, timedelta(seconds=left))
        return (moment - now.astimezone(UTC)).total_seconds()

    def longest_s(self, day: datetime) -> float:
        """The most seconds that they last without a break, on a day like that (aware)."""
        midnight = day.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return max(self.remaining(midnight + timedelta(minutes=start)) for start, _ in self.ranges)

    def _left_on_the_wall(self, moment: datetime) -> float:
        """Seconds the wall clock must run to leave the range it is in; 0 outside."""
        wall = moment.astimezone(self.zone)
        second = wall.hour * 3600 + wall.minute * 60 + wall.second + wall.microsecond / 1e6
        return max(
            (end * 60 - second for start, end in self.ranges if start * 60 <= second < end * 60), default=0.0
        )

    def _pass(self, moment: datetime, step: timedelta) -> datetime:
        """The moment a step later, or the one before that at which the wall clock is put forward or back."""
        offset = moment.astimezone(self.zone).utcoffset()
        if (moment + step).astimezone(self.zone).utcoffset() == offset:
            return moment + step
        start, end = int(moment.timestamp()), int((moment + step).timestamp()) + 1
        while end - start > 1:
            middle = (start + end) // 2
            if datetime.fromtimestamp(middle, self.zone).utcoffset() == offset:
                start = middle
            else:
                end = middle
        return datetime.fromtimestamp(end, UTC)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return as_text(cls, cls.parse)


def as_text(kind: type, parse: Callable[[str], object]) -> CoreSchema:
    """Of an option that the operator writes as a text, and that is a text again in JSON."""
    return core_schema.no_info_before_validator_function(
        lambda value: parse(value) if isinstance(value, str) else value,
        core_schema.is_instance_schema(kind),
        json_schema_input_schema=core_schema.str_schema(),
        serialization=core_schema.plain_serializer_function_ser_schema(str),
    )


def zone_of(name: str, form: str) -> ZoneInfo:
    """The time zone of this name. Errors: ValueError, which tells the form of the whole."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(_no_zone(name, form)) from None


def _no_zone(name: str, form: str) -> str:
    zones = available_timezones()
    if not zones:
        return "needs a time zone database, and this machine has none; install tzdata"
    close = get_close_matches(name, zones, n=1)
    return "has no known time zone at its end; " + (f"did you mean {close[0]}?" if close else form)


def _minutes(part: str) -> tuple[tuple[int, int], ...]:
    match = _RANGE.fullmatch(part)
    if match is None:
        raise ValueError(f"has {part!r}, which is not a range of hours; {_FORM}")
    start, end = (int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3))
    for minute, last, at in ((start, DAY - 1, 1), (end, DAY, 3)):
        if minute > last:
            raise ValueError(f"has {match[at]}:{match[at + 1]}, a time that no day has; {_FORM}")
    if start == end:
        raise ValueError(f"has {part}, which ends where it begins; to stop a stream all day, pause it")
    pieces = ((start, end),) if start < end else ((start, DAY), (0, end))
    return tuple(piece for piece in pieces if piece[0] < piece[1])

"""Values as the store keeps them.

NUMBER is `int` or `Decimal`; BINARY_FLOAT and BINARY_DOUBLE `float`; characters `str`, bytes `bytes`;
BOOLEAN `bool`; dates and timestamps `Stamp`; intervals `DaySecond` and `YearMonth`; ROWID `RowId`; JSON
`Json`; XMLTYPE `Xml`; VECTOR a tuple of numbers; an object `Obj`. NULL, and the empty VARCHAR2, is `None`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, total_ordering
from typing import Any, NamedTuple, Self

from bridge.testing.oracle.errors import OracleError

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
_EPOCH = dt.datetime(1, 1, 1)  # noqa: DTZ001 -- a wall clock has no zone
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PLACES = {digit: place for place, digit in enumerate(_DIGITS)}
_LENGTH, _OBJECT, _FILE, _BLOCK = 18, 6, 9, 15


class Fields(NamedTuple):
    """A moment as a clock and calendar show it. Years before 1 count down from -1: there is no year 0."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    nano: int


@total_ordering
@dataclass(frozen=True, eq=False)
class Stamp:
    """A date or timestamp: nanoseconds of the wall clock since 0001-01-01, and its zone where it has one.

    `offset` is in minutes east of UTC. Two with zones are ordered by their instants.
    """

    wall: int
    offset: int | None = None

    @classmethod
    def of(cls, moment: dt.datetime | dt.date) -> Self:
        """What Python's clock says, to the microsecond."""
        if not isinstance(moment, dt.datetime):
            moment = dt.datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001
        since = moment.replace(tzinfo=None) - _EPOCH
        wall = (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1000
        zone = moment.utcoffset()
        return cls(wall, None if zone is None else int(zone.total_seconds()) // 60)

    @classmethod
    def at(cls, fields: Fields, offset: int | None = None) -> Self:
        days = _days(fields.year + 1 if fields.year < 0 else fields.year, fields.month, fields.day)
        seconds = fields.hour * 3600 + fields.minute * 60 + fields.second
        return cls(days * DAY + seconds * SECOND + fields.nano, offset)

    @classmethod
    def utc(cls, nanoseconds: int) -> Self:
        """From the Unix clock."""
        return cls(nanoseconds + 719_162 * DAY, 0)

    @property
    def instant(self) -> int:
        """In UTC; a wall clock without a zone counts as such."""
        return self.wall - (self.offset or 0) * 60 * SECOND

    @property
    def unix(self) -> int:
        """Nanoseconds since 1970 in UTC."""
        return self.instant - 719_162 * DAY

    @cached_property
    def fields(self) -> Fields:
        days, rest = divmod(self.wall, DAY)
        year, month, day = _civil(days)
        seconds, nano = divmod(rest, SECOND)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return Fields(year if year > 0 else year - 1, month, day, hour, minute, second, nano)

    @property
    def datetime(self) -> dt.datetime:
        """For Python, to the microsecond; OverflowError before the year 1."""
        moment = _EPOCH + dt.timedelta(microseconds=self.wall // 1000)
        zone = None if self.offset is None else dt.timezone(dt.timedelta(minutes=self.offset))
        return moment.replace(tzinfo=zone)

    def shifted(self, nanoseconds: int) -> Stamp:
        return Stamp(self.wall + nanoseconds, self.offset)

    def zoned(self, offset: int) -> Stamp:
        """The same instant seen elsewhere."""
        return Stamp(self.instant + offset * 60 * SECOND, offset)

    def plain(self) -> Stamp:
        return Stamp(self.wall)

    def rounded(self, digits: int) -> Stamp:
        """To so many digits of the second."""
        unit = 10 ** (9 - digits)
        return Stamp((self.wall + unit // 2) // unit * unit, self.offset)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stamp) and self.instant == other.instant

    def __lt__(self, other: Stamp) -> bool:
        return self.instant < other.instant

    def __hash__(self) -> int:
        return hash(self.instant)


def _days(year: int, month: int, day: int) -> int:
    """Days since 0001-01-01 of the Gregorian calendar, continued backwards with a year 0."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 306


def _civil(days: int) -> tuple[int, int, int]:
    era, of_era = divmod(days + 306, 146_097)
    years = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * years + years // 4 - years // 100)
    index = (5 * of_year + 2) // 153
    month = index + (3 if index < 10 else -9)
    return years + era * 400 + (month <= 2), month, of_year - (153 * index + 2) // 5 + 1


class RowId(NamedTuple):
    """An extended ROWID; ordered as the rows lie in the table (SQL Language Reference, ROWID Data Type)."""

    object: int
    file: int
    block: int
    row: int

    def __str__(self) -> str:
        return _base64(self.object, 6) + _base64(self.file, 3) + _base64(self.block, 6) + _base64(self.row, 3)

    @classmethod
    def parse(cls, text: str) -> RowId:
        """Read its eighteen characters; ORA-01410 for anything else."""
        if len(text) != _LENGTH or any(character not in _PLACES for character in text):
            raise OracleError(1410)
        parts = text[:_OBJECT], text[_OBJECT:_FILE], text[_FILE:_BLOCK], text[_BLOCK:]
        return cls(*(_number(part) for part in parts))


def _base64(number: int, length: int) -> str:
    return "".join(_DIGITS[number >> 6 * place & 63] for place in reversed(range(length)))


def _number(text: str) -> int:
    total = 0
    for character in text:
        total = total * 64 + _PLACES[character]
    return total


@dataclass(frozen=True, order=True, slots=True)
class LogicalId:
    """The UROWID of a row of an index-organized table: its key, so it moves when the key changes."""

    key: tuple[Any, ...]

    def __str__(self) -> str:
        return "*" + "".join(
            f"{_KINDS[type(part)]}{_shown(part).encode().hex().upper()}." for part in self.key
        )

    @classmethod
    def parse(cls, text: str) -> LogicalId:
        """Read its own text; ORA-01410."""
        try:
            return cls(tuple(_part(part) for part in text[1:].removesuffix(".").split(".")))
        except (ValueError, KeyError, ArithmeticError):
            raise OracleError(1410) from None


_KINDS: dict[type, str] = {int: "I", Decimal: "N", str: "S", bytes: "B", Stamp: "T"}


def _shown(part: Any) -> str:
    if isinstance(part, Stamp):
        return str(part.wall)
    return part.hex() if isinstance(part, bytes) else str(part)


def _part(text: str) -> Any:
    shown = bytes.fromhex(text[1:]).decode()
    match text[:1]:
        case "I":
            return int(shown)
        case "N":
            return Decimal(shown)
        case "B":
            return bytes.fromhex(shown)
        case "T":
            return Stamp(int(shown))
        case "S":
            return shown
    raise KeyError(text)


AnyRowId = RowId | LogicalId


@dataclass(frozen=True, order=True, slots=True)
class DaySecond:
    """INTERVAL DAY TO SECOND, in nanoseconds."""

    nanoseconds: int

    @classmethod
    def of(cls, delta: dt.timedelta) -> Self:
        return cls((delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1000)


@dataclass(frozen=True, order=True, slots=True)
class YearMonth:
    """INTERVAL YEAR TO MONTH, in months."""

    months: int


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON document, as Python has it."""

    value: Any

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True, slots=True)
class Xml:
    text: str


@dataclass(frozen=True, slots=True)
class Obj:
    """An object of a type `OWNER.NAME`; its attributes by name, collections as tuples."""

    type: str
    attributes: tuple[tuple[str, Any], ...]


Row = tuple[Any, ...]

"""Times at which a stream is polled, by the clock on some wall, as cron has them (crontab(5)). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

from bridge.config.quiet import as_text, zone_of

_FIELDS = 5
_WEEK = timedelta(days=7)
_FORM = "write it like 30 2 * * 1-5 Europe/Berlin: minute, hour, day, month, day of the week, time zone"


@dataclass(frozen=True, slots=True)
class Cron:
    """`text` is how the operator wrote it.

    What happens when a wall clock is put forward or back is as in Debian's cron.
    """

    text: str
    times: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Errors: ValueError saying what does not fit."""
        times = text.split()
        if len(times) != _FIELDS + 1:
            raise ValueError(f"has not five fields and a time zone; {_FORM}")
        made = cls(text, " ".join(times[:-1]), zone_of(times[-1], _FORM))
        try:
            made.wait_s(datetime(2026, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError(f"{str(error).lower()}; {_FORM}") from None
        return made

    def wait_s(self, now: datetime) -> float:
        """Seconds from `now` (aware) to the next of its times, which is later."""
        coming: datetime = next(CronSim(self.times, now.astimezone(self.zone)))
        return (coming.astimezone(UTC) - now.astimezone(UTC)).total_seconds()

    def longest_s(self, now: datetime) -> float:
        """The most seconds between two of its times, of those in a week from `now` (aware) and the next."""
        return _longest(self.times, self.zone, now)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return as_text(cls, cls.parse)


@lru_cache
def _longest(times: str, zone: ZoneInfo, now: datetime) -> float:
    week, longest = now + _WEEK, 0.0
    coming = (each.astimezone(UTC) for each in CronSim(times, now.astimezone(zone)))
    for each, following in pairwise(coming):
        longest = max(longest, (following - each).total_seconds())
        if following > week:
            break
    return longest

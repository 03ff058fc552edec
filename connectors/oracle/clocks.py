"""What a clock showed whose offset is known for now alone."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones


def earliest(shown: datetime, now: datetime) -> datetime:
    """The earliest moment at which a clock may have shown `shown` that has the offset of `now` now.

    An hour comes twice when summer time ends, and before that the offset was another one: so it is what any
    of the zones says that have this offset now, and of an hour that came twice the first.
    """
    offset = now.utcoffset()
    may_be = (zone for zone in _zones() if now.astimezone(zone).utcoffset() == offset)
    return min(
        shown.replace(tzinfo=now.tzinfo), *(shown.replace(tzinfo=zone, fold=0) for zone in may_be), key=_utc
    )


def _utc(moment: datetime) -> float:
    return moment.timestamp()


@cache
def _zones() -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in sorted(available_timezones()))

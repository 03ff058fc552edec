"""What a clock showed whose offset is known for now alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def earliest(shown: datetime, now: datetime) -> datetime:
    """The earliest moment at which a clock may have shown `shown` that has the offset of `now` now.

    An hour comes twice when summer time ends, and before that the offset was another one: so it is what any
    of the zones says that have this offset now, and of an hour that came twice the first.
    """
    alike = _alike(now.replace(second=0, microsecond=0), now.utcoffset())
    may_be = (shown.replace(tzinfo=zone, fold=0) for zone in alike)
    return min(shown.replace(tzinfo=now.tzinfo), *may_be, key=_utc)


def earliest_moment(by_offset: int, now: int, ahead: int) -> int:
    """The same of what was taken for UTC by the offset of now; never after it. All in nanoseconds."""
    zone = timezone(timedelta(seconds=ahead // _SECOND))
    shown, there = ((_EPOCH + timedelta(seconds=at // _SECOND)).astimezone(zone) for at in (by_offset, now))
    return by_offset + int((earliest(shown.replace(tzinfo=None), there) - shown).total_seconds()) * _SECOND


@lru_cache(maxsize=16)
def _alike(now: datetime, offset: timedelta | None) -> tuple[ZoneInfo, ...]:
    """Zones that have this offset now; none of them changes it within a minute."""
    return tuple(zone for zone in _zones() if now.astimezone(zone).utcoffset() == offset)


def _utc(moment: datetime) -> float:
    return moment.timestamp()


@cache
def _zones() -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in sorted(available_timezones()))

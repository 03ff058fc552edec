"""Times of databases, in whole nanoseconds: no double and no millisecond is exact enough."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
FIRST = -62_135_596_800 * SECOND
"""The beginning of the year 1."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)? ?(Z|[+-]\d\d(?::?\d\d)?)?"
)


def nanoseconds(text: str) -> int:
    """Since the epoch: of ISO 8601, UTC without a zone, or of a number of seconds. Errors: ValueError."""
    try:
        return int(Decimal(text) * SECOND)
    except InvalidOperation:
        pass
    found = _ISO.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text} is no time")
    day, time, fraction, zone = found.groups()
    offset = {None: "+00:00", "Z": "+00:00"}.get(zone, zone)
    since = datetime.fromisoformat(f"{day}T{time or '00:00:00'}{offset}") - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + int((fraction or "").ljust(9, "0"))


def says_zone(text: str) -> bool:
    """A number of seconds is UTC."""
    found = _ISO.fullmatch(text.strip())
    return found is None or found[4] is not None


def iso(moment: int) -> str:
    """ISO 8601 without a zone, with as many digits as it takes; nothing before our era."""
    seconds, rest = divmod(max(moment, FIRST), SECOND)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19] + fraction


def wall(zone: ZoneInfo, moment: int) -> int:
    """What the zone's clock on the wall shows at a moment, as nanoseconds of a UTC that showed it."""
    return moment + _offset(datetime.fromtimestamp(moment // SECOND, zone))


def instant(zone: ZoneInfo, shown: int) -> int:
    """The first moment at which the zone's clock shows that."""
    return shown - _offset((_EPOCH + timedelta(seconds=shown // SECOND)).replace(tzinfo=zone))


def _offset(time: datetime) -> int:
    ahead = time.utcoffset()
    return int(ahead.total_seconds()) * SECOND if ahead else 0

"""Local times of SAP's as moments: by the system's zone, else only those whose offset was seen."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from connectors.sap_rfc.system import Moment

_NAMES = {
    "CET": "Europe/Berlin", "EET": "Europe/Helsinki", "WET": "Europe/Lisbon", "GMTUK": "Europe/London",
    "EST": "America/New_York", "CST": "America/Chicago", "MST": "America/Denver",
    "PST": "America/Los_Angeles",
}  # fmt: skip
"""Zones as SAP delivers them in TTZZ, with their rules for summer time."""
_HOURS = re.compile(r"UTC(?:([+-])(\d{1,2}))?")


def zone_of(name: str) -> tzinfo | None:
    """Of TTZCU's TZONESYS. None: not known."""
    found = _HOURS.fullmatch(name)
    if found:
        hours = int(found[2] or 0)
        return timezone(timedelta(hours=-hours if found[1] == "-" else hours)) if hours < 24 else None  # noqa: PLR2004
    return ZoneInfo(_NAMES[name]) if name in _NAMES else None


class Offsets:
    """Of one process, which has looked at the clock again and again."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._offset_s: int | None = None
        self._since = datetime.max  # noqa: DTZ901 -- of no zone, as SAP's times

    def seen(self, moment: Moment) -> None:
        """A look at the clock: a change of its offset leaves open when it was."""
        if self._zone and moment.utc.astimezone(self._zone).utcoffset() != timedelta(seconds=moment.offset_s):
            self._zone = None  # it is another one than the customizing says
        if moment.offset_s != self._offset_s:
            back = max(0, (self._offset_s or moment.offset_s) - moment.offset_s)
            self._since = moment.local + timedelta(seconds=back)
            self._offset_s = moment.offset_s

    def ms(self, local: datetime) -> int | None:
        """Since the epoch; None where the offset then is not known, or the hour came twice."""
        if self._zone:
            both = {_utc(local, self._zone, fold) for fold in (0, 1)}
            return None if len(both) > 1 else _ms(both.pop())
        if self._offset_s is None or local < self._since:
            return None
        return _ms((local - timedelta(seconds=self._offset_s)).replace(tzinfo=UTC))


def _utc(local: datetime, zone: tzinfo, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp()) * 1000

"""The clock of the application server: it can be set, stopped and pushed, and has a zone of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo


class Clock:
    """Follows `source`, by default this machine's clock; SY-DATUM and SY-UZEIT are in `zone`."""

    def __init__(
        self, zone: tzinfo = UTC, source: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.zone = zone
        self._source = source
        self._ahead = timedelta()
        self._stopped: datetime | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The moment, in the system's zone."""
        with self._lock:
            return self._utc().astimezone(self.zone)

    def set(self, moment: datetime) -> None:
        """The clock shows this from now on, and goes on unless it is stopped."""
        with self._lock:
            aware = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
            if self._stopped is not None:
                self._stopped = aware.astimezone(UTC)
            else:
                self._ahead = aware.astimezone(UTC) - self._source()

    def stop(self) -> None:
        with self._lock:
            self._stopped = self._utc()

    def go(self) -> None:
        with self._lock:
            if self._stopped is not None:
                self._ahead, self._stopped = self._stopped - self._source(), None

    def advance(self, by: timedelta) -> None:
        with self._lock:
            if self._stopped is not None:
                self._stopped += by
            else:
                self._ahead += by

    def _utc(self) -> datetime:
        return self._stopped if self._stopped is not None else self._source() + self._ahead


def date(moment: datetime) -> str:
    """SY-DATUM."""
    return moment.strftime("%Y%m%d")


def time(moment: datetime) -> str:
    """SY-UZEIT."""
    return moment.strftime("%H%M%S")

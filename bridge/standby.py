"""Waiting beside another owner of the connector until it lets go, or falls silent."""

from __future__ import annotations

import time
from threading import Event

import structlog

from bridge.errors import TransientError
from bridge.positions import Ledger, Owner, Records

log = structlog.get_logger("bridge.standby")

LOOK_S = 2.0


class Standby:
    """`wait` runs on the task's thread; other threads may look at `waiting`."""

    def __init__(self, instance: str, positions: Records, stop: Event) -> None:
        self._instance, self._positions, self._stop = instance, positions, stop
        self._offset, self._since = -2, 0.0
        self.waiting = False
        self.why: str | None = None
        """Who holds the connector, while `waiting`."""

    def wait(self) -> None:
        """Until the owner has let go, or has not renewed its record for as long as its lease is."""
        self._since = time.monotonic()
        while not self._stop.is_set():
            try:
                self._positions.ensure()
                ledger = self._positions.glance()
            except TransientError as error:
                log.warning("standing by; cannot see the owner", error=str(error))
                self._since = time.monotonic()
            else:
                owner = self._other(ledger)
                if owner is None:
                    break
                self._say(owner)
            self._stop.wait(LOOK_S)
        self.waiting, self.why = False, None

    def _other(self, ledger: Ledger) -> Owner | None:
        """Who holds the connector, so far as can be seen."""
        owner, now = ledger.owner, time.monotonic()
        if owner is None or owner.released or owner.instance == self._instance:
            return None
        if ledger.owner_offset != self._offset:
            self._offset, self._since = ledger.owner_offset, now
        return owner if now - self._since <= owner.lease_s else None

    def _say(self, owner: Owner) -> None:
        if not self.waiting:
            log.warning("standing by", owner=owner.name, host=owner.host)
        self.why = f"daemon {owner.name} on {owner.host} holds it"
        self.waiting = True

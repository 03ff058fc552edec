"""What a database says of its clock."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """The database's clock, asked once; all in nanoseconds since the epoch."""

    now: int
    oldest: int | None
    """When the oldest open transaction began, where the database tells."""
    offset: int | None
    """How far times without a zone are ahead of UTC in the database's own zone, where that is known."""
    ahead: int = 0
    """How far `now` itself is, where the clock says no zone; by this host's clock, and rather too far."""

    def safe(self) -> int:
        """Whatever is written from now on, or not yet committed, is not older."""
        return self.now if self.oldest is None else min(self.now, self.oldest)

"""Who may start: an account has so many sessions at its source, over all connectors of the daemon. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple


class Need(NamedTuple):
    """A connector takes `sessions` of the `limit` that `account` may have."""

    account: str
    sessions: int
    limit: int

    @property
    def hopeless(self) -> str | None:
        """Why it can never have them, in words."""
        if self.sessions <= self.limit:
            return None
        return f"it takes {_count(self.sessions)} of {self.account}, and max_sessions is {self.limit}"


type Needs = Mapping[str, Need]
"""Connector -> what it needs, in the order of the configuration; who is not in it needs nothing."""


class Turnstile:
    """Whom it lets in has its sessions until its worker has ended for good: first configured, first served.

    What those before it are still to have is kept for them, so that nobody is overtaken for ever.
    """

    def __init__(self) -> None:
        self._needs: Needs = {}
        self._inside: dict[str, Need] = {}
        self._parked: set[str] = set()
        self._bells: list[Callable[[], object]] = []

    def expect(self, needs: Needs) -> None:
        """These are configured from now on. Who is inside stays there."""
        self._needs = needs
        self._ring()

    def admit(self, name: str, bell: Callable[[], object]) -> bool:
        """Let it in, or have `bell` rung when it is worth to ask again."""
        self._parked.discard(name)
        if self.obstacle(name) is not None:
            self._bells.append(bell)
            return False
        if name in self._needs:
            self._inside[name] = self._needs[name]
        return True

    def park(self, name: str) -> None:
        """Its worker has ended, and no other one is wanted for now."""
        self._inside.pop(name, None)
        self._parked.add(name)
        self._ring()

    def leave(self, name: str) -> None:
        """Its worker has ended; if it is still configured, it comes again."""
        self._inside.pop(name, None)
        self._parked.discard(name)
        self._ring()

    def obstacle(self, name: str) -> str | None:
        """What it waits for, in words; None: nothing."""
        need = self._needs.get(name)
        if need is None or name in self._inside:
            return None
        if need.hopeless:
            return need.hopeless
        inside = {other: its for other, its in self._inside.items() if its.account == need.account}
        first = self._before(name, need)
        taken, kept = (sum(each.sessions for each in those.values()) for those in (inside, first))
        if taken + kept + need.sessions <= need.limit:
            return None
        told = f"waits for {_count(need.sessions)} of {need.account}: {taken} of {need.limit} are taken"
        return (
            told
            + (f" by {_listed(inside)}" if inside else "")
            + (f"; before it: {_listed(first)}" if first else "")
        )

    def _before(self, name: str, need: Need) -> Needs:
        """Those that are configured before it, and are not inside but will be."""
        order = list(self._needs)
        return {
            other: its
            for other, its in list(self._needs.items())[: order.index(name)]
            if its.account == need.account
            and other not in {*self._inside, *self._parked}
            and not its.hopeless
        }

    def _ring(self) -> None:
        bells, self._bells = self._bells, []
        for bell in bells:
            bell()


def _count(sessions: int) -> str:
    return "a session" if sessions == 1 else f"{sessions} sessions"


def _listed(names: Collection[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last

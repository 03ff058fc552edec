"""Rows that are another each time that they are read: no other waits for them, and in time it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.contract import Reject
from connectors.sap_rfc.tables import Key, Page

PATIENT = 3
"""In so many passes, one after another, a row may be so before a dead letter says it."""
MOST = 50
"""So many of them a position remembers."""
_WHY = (
    "it changes faster than its columns can be read, which takes several calls; it is read again with each"
    " pass, and published once it rests"
)


class Restless:
    """Of one stream; nothing but when it is told depends on what is remembered here."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: dict[Key, int] = {}
        """Key -> in how many passes up to the last one."""
        self._now: dict[Key, int] = {}

    def begin(self) -> None:
        """Another pass."""
        self._before, self._now = self._now, {}

    def told(self, pages: Iterable[Page]) -> Iterator[Reject]:
        """Of the rows of these pages that did not rest, those that have not for long."""
        found = {key: named for page in pages for key, named in page.named_left}
        for key, named in found.items():
            self._now[key] = self._before.get(key, 0) + 1
            if self._now[key] >= PATIENT:
                yield letter(self._name, named)


def letter(name: str, key: dict[str, object]) -> Reject:
    return Reject(name, _WHY, ", ".join(f"{column} {value}" for column, value in key.items()), key)

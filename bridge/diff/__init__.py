"""Images against what is known of them: pure, no Kafka, no disk.

`Entry` is what the engine keeps of a key; `Pass` is one complete scan of a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.diff.canonical import DIGEST

_PUBLISHED, _REFUSED = 1, 2
_HEAD = 2
_MANY = 255
"""The most that a byte counts to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a key: 2 bytes of flags and absences, the digest, and what the connector marks it with.

    `published`: its consumers know of it; `refused`: what the digest is of, a reject or a row, has its dead
    letter; `absent`: in how many complete scans, one after the other, it was missing. Of rows without a key
    the digest is the number of equal ones.
    """

    digest: bytes
    published: bool = True
    refused: bool = False
    absent: int = 0
    mark: bytes = b""

    def packed(self) -> bytes:
        flags = self.published * _PUBLISHED | self.refused * _REFUSED
        return bytes((flags, self.absent)) + self.digest + self.mark

    @classmethod
    def parse(cls, packed: bytes) -> Entry:
        flags, absent = packed[:_HEAD]
        end = _HEAD + DIGEST
        return cls(packed[_HEAD:end], bool(flags & _PUBLISHED), bool(flags & _REFUSED), absent, packed[end:])


PLAIN = bytes((_PUBLISHED, 0))
"""How an entry begins, packed, as almost all of them are; the digest follows."""
REFUSED = bytes((_REFUSED, 0))
"""The same of a row that cannot be an event."""


def plain(digest: bytes) -> bytes:
    return PLAIN + digest


def number(count: int) -> bytes:
    """How many equal rows there are, in place of a digest."""
    return count.to_bytes(DIGEST)


@dataclass(slots=True)
class Pass:
    """A complete scan of one table, under way: which of the known entries it has met."""

    known: int = 0
    """How many rows were known before it began; of rows without a key, those of them that it has met."""
    seen: bytearray = field(default_factory=bytearray)
    """A byte for each slot: how often it was met."""
    many: dict[int, int] = field(default_factory=dict)
    """The same of slots for which a byte is too small."""
    fewer: int = 0
    """How many equal rows without a key have not been met again yet, of those that were met at all."""
    blind: str | None = None
    """Why it cannot say what is gone."""

    @property
    def met(self) -> int:
        return len(self.seen) - self.seen.count(0)

    def meet(self, slot: int) -> None:
        self.meet_all([slot])

    def meet_all(self, slots: Sequence[int]) -> None:
        self._reach(max(slots, default=-1))
        seen = self.seen
        for slot in slots:
            seen[slot] = 1

    def meet_one(self, slot: int, there: int) -> int:
        """One more of equal rows, of which so many were known; how often it has been met by now."""
        met = self.times(slot) + 1
        if met == 1:
            self.known += there
            self.fewer += max(0, there - 1)
        elif met <= there:
            self.fewer -= 1
        self._reach(slot)
        self.seen[slot] = min(met, _MANY)
        if met >= _MANY:
            self.many[slot] = met
        return met

    def times(self, slot: int) -> int:
        """How often it was met."""
        met = 0 if slot >= len(self.seen) else self.seen[slot]
        return met if met < _MANY else self.many[slot]

    def _reach(self, slot: int) -> None:
        if slot >= len(self.seen):
            self.seen.extend(bytes(slot + 1 - len(self.seen) + len(self.seen) // 8))

    def leave(self, slot: int) -> None:
        """What was met there is no entry any more."""
        if slot < len(self.seen):
            self.seen[slot] = 0

    def missed(self, slot: int) -> bool:
        return slot >= len(self.seen) or not self.seen[slot]

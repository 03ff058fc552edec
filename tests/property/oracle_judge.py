"""What a life has cost: every event of a key beside what the key had from which SCN on."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.testing.fakes import Record
from tests.property.living import Outcome
from tests.property.oracle_house import SHAPES, Key, Row

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a life may have seen. Nothing: each commit after the first reading is told, once."""

    gaps: bool = False
    """Rows were read anew: commits before that are passed over."""
    renewals: bool = False
    """A snapshot went on at a newer SCN: a row that moved meanwhile goes and comes."""
    again: bool = False
    """All rows were published once more."""
    begins: int | None = None
    """Nothing was read before the changes since this SCN."""
    shrunk: bool = False
    """Rows came, by no change, to where a reading had been already: what was told of them came first."""
    anew: Mapping[int, int] = field(default_factory=dict)
    """Commits that were told within a reading of all rows, with the SCN at which that began: of a row
    that was known before, what happened until then is passed over."""


class Event(NamedTuple):
    op: str
    scn: int | None
    """None: it is a delete that a scan found."""
    xid: str | None
    row: Row | None
    before: Row | None
    ts: int | None

    @property
    def is_image(self) -> bool:
        return self.xid is None


def _is_retold(image: Event, event: Event) -> bool:
    """All rows were published once more in the middle of a large transaction, as that has left them."""
    return image.op == "r" and (image.scn, image.row) == (event.scn, event.row)


class History:
    """What one key had, as the database knows it."""

    def __init__(self, commits: Sequence[tuple[int, Row | None]]) -> None:
        self._scns = [scn for scn, _ in commits]
        self._rows = [row for _, row in commits]

    def at(self, scn: int) -> Row | None:
        place = bisect_right(self._scns, scn)
        return self._rows[place - 1] if place else None

    def between(self, after: int, before: int) -> int:
        """Commits after the first and before the second."""
        return max(0, bisect_right(self._scns, before - 1) - bisect_right(self._scns, after))

    def absent_since(self, scn: int) -> int | None:
        """The first SCN from there on at which there is no such key."""
        if self.at(scn) is None:
            return scn
        later = (at for at, row in zip(self._scns, self._rows, strict=True) if at > scn and row is None)
        return next(later, None)

    @property
    def last(self) -> Row | None:
        return self._rows[-1] if self._rows else None


@dataclass
class Judge:
    """All events of a topic, and the truth."""

    shape: str
    histories: Mapping[Key, Sequence[tuple[int, Row | None]]]
    records: Sequence[Record]
    allowed: Allowed
    found: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def outcome(self, restless: int) -> Outcome:
        events: dict[Key, list[Event]] = {}
        for key, event in self._events():
            events.setdefault(key, []).append(event)
        for key in {*events, *self.histories}:
            self._key(key, events.get(key, []), History(self.histories.get(key, ())))
        self.found["doubled"] += restless
        found = self.found
        return Outcome(
            found["lost"],
            found["doubled"],
            found["false_deletes"],
            found["disordered"],
            found["odd"],
            "; ".join(self.told[:6]),
        )

    def _events(self) -> Iterator[tuple[Key, Event]]:
        for at, record in enumerate(self.records):
            if record.value is None:
                continue
            told = json.loads(record.value)
            after, before, source = told["after"], told["before"], told["source"]
            if told["op"] == "d":
                following = self.records[at + 1] if at + 1 < len(self.records) else None
                if following is None or (following.key, following.value) != (record.key, None):
                    self._say("odd", f"no tombstone after {told}")
            row = after if after is not None else before
            key = tuple(row[name] for name in SHAPES[self.shape])
            if json.loads(record.key or b"{}") != dict(zip(SHAPES[self.shape], key, strict=True)):
                self._say("odd", f"the key of {told}")
            event = Event(told["op"], source.get("scn"), source.get("xid"), after, before, source["ts_ms"])
            yield key, event

    def _key(self, key: Key, events: Sequence[Event], history: History) -> None:
        allowed = self.allowed
        row: Row | None = None
        scn = allowed.begins or 0
        fresh = True
        """Nothing is known of it yet."""
        for place, event in enumerate(events):
            if allowed.again and place and _is_retold(events[place - 1], event):
                continue
            what = f"{key}: {event} after {row} at {scn}"
            if event.scn is None:
                absent = history.absent_since(scn)
                if row is None or absent is None or not allowed.gaps:
                    self._say("false_deletes", what)
                row, scn = None, absent or scn
                continue
            if event.scn < scn or (event.scn == scn and not event.is_image):
                self._say("disordered" if event.scn < scn else "doubled", what)
            if event.is_image:
                self._image(event, row, history, what, fresh=fresh, scn=scn)
            else:
                self._change(event, row, history, what, fresh=fresh, scn=scn)
            row, scn, fresh = event.row, event.scn, False
        begins = allowed.begins
        untold = fresh and begins is not None and not history.between(begins, 1 << 62)
        if row != history.last and not untold:
            self._say("lost", f"{key}: {row} is {history.last}")

    def _image(
        self, event: Event, row: Row | None, history: History, what: str, *, fresh: bool, scn: int
    ) -> None:
        """A row as it was, from a snapshot."""
        allowed = self.allowed
        if event.row != history.at(event.scn or 0):
            self._say("odd", what)
        skips = allowed.gaps or fresh or (allowed.renewals and row is None)
        seen = (event.scn or 0) + (not allowed.again)  # see _is_retold
        if not skips and history.between(scn, seen):
            self._say("lost", what)
        if not (fresh or allowed.again) and event.row == row:
            self._say("doubled", what)
        if not (fresh or allowed.again or allowed.gaps or allowed.renewals):
            self._say("doubled", what)

    def _change(
        self, event: Event, row: Row | None, history: History, what: str, *, fresh: bool, scn: int
    ) -> None:
        """What was committed."""
        allowed, at = self.allowed, event.scn or 0
        before, after = history.at(at - 1), history.at(at)
        moved = allowed.renewals and event.op in ("c", "d")
        unread = fresh and allowed.begins is not None
        if not history.between(at - 1, at + 1):
            self._say("odd", f"no commit for {what}")
        if event.row != after and not (moved and event.row is None):
            self._say("odd", f"not {after}: {what}")
        since = allowed.anew.get(at, 0) if allowed.gaps and row is not None else 0
        passed_over = scn < since and not history.between(since, at)
        moved_first = allowed.shrunk and fresh and at in allowed.anew
        if row != before and not (unread or passed_over or moved_first) and not (moved and row is None):
            self._say("lost", f"it was {before}: {what}")
        unknown = fresh and allowed.begins is None
        skips = allowed.gaps or unknown or moved_first or (moved and row is None)
        if history.between(scn, at) and not skips:
            self._say("lost", f"passed over some: {what}")
        op = "d" if after is None else "c" if before is None else "u"
        if event.op != op and not moved:
            self._say("odd", f"not {op}: {what}")
        known = event.before is not None and len(event.before) > len(SHAPES[self.shape])
        if known and event.before != before:
            self._say("odd", f"before was {before}: {what}")
        if event.ts is None or abs(event.ts - time.time() * 1000) > MINUTE_MS * 10:
            self._say("odd", f"the time of {what}")

    def _say(self, kind: str, what: str) -> None:
        self.found[kind] += 1
        self.told.append(f"{kind}: {what}")

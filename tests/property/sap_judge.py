"""What a life has cost: every event of a key beside what the key had, one after the other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from bridge.testing.fakes import Record
from tests.property.living import Outcome
from tests.property.sap_house import CLASS, TABLE, VALUES, House, Key, Row
from tests.property.sap_writers import Writers

UNAVAILABLE = "__debezium_unavailable_value"
_OPS = {"U": "u", "I": "c", "J": "c", "D": "d", "E": "d"}


class Event(NamedTuple):
    op: str
    row: Row | None
    before: Row | None
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a life may have seen. Nothing: each row as it was at some time, none twice."""

    again: bool = False
    """All rows were published once more."""
    parts: tuple[tuple[str, ...], ...] = (VALUES,)
    """Columns that were asked for at one moment, those of the others later."""
    no_deletes: bool = False
    repeats: bool = False
    """A row is told as it is now, for each time that it was changed."""
    whole: bool = False
    """Documents tell of rows as they are now."""
    leapt: bool = False
    """The clock was set back: documents are told in the order of what it showed."""


@dataclass
class Judge:
    """All events of a topic, and the truth."""

    house: House
    writers: Writers
    records: Sequence[Record]
    key: tuple[str, ...]
    allowed: Allowed
    found: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def outcome(self, restless: int, letters: int) -> Outcome:
        if restless:
            self._say("doubled", f"{restless} events after all was quiet")
        if letters:
            self._say("odd", f"{letters} dead letters")
        found = self.found
        return Outcome(
            found["lost"],
            found["doubled"],
            found["false_deletes"],
            found["disordered"],
            found["odd"],
            "; ".join(self.told[:6]),
        )

    def _say(self, kind: str, what: str) -> None:
        self.found[kind] += 1
        self.told.append(f"{kind}: {what}")

    # -- events

    @cached_property
    def events(self) -> Mapping[Key, Sequence[Event]]:
        found: dict[Key, list[Event]] = {}
        for key, event in self._events():
            found.setdefault(key, []).append(event)
        return found

    def _events(self) -> Iterator[tuple[Key, Event]]:
        for record, following in pairwise([*self.records, None]):
            assert record is not None
            if record.value is None:
                continue
            told = json.loads(record.value)
            row = told["after"] or told["before"]
            key = tuple(row[name] for name in self.key)
            if told["op"] == "d" and (
                following is None or (following.key, following.value) != (record.key, None)
            ):
                self._say("odd", f"no tombstone after {told}")
            if json.loads(record.key or b"{}") != dict(zip(self.key, key, strict=True)):
                self._say("odd", f"the key of {told}")
            yield key, Event(told["op"], told["after"], told["before"], told["source"])

    # -- rows as they were at some time

    def images(self, name: Any) -> Judge:
        """`name`: of the key that history has, given that of an event."""
        histories = self.writers.history
        events = {name(key): each for key, each in self.events.items()}
        for key in {*events, *histories}:
            self._walk(key, events.get(key, ()), histories.get(key, [None]))
        return self

    def _walk(self, key: Key, events: Sequence[Event], history: Sequence[Row | None]) -> None:
        parts = self.allowed.parts
        known = [name for names in parts for name in names]
        places = [0] * len(parts)
        row: Row | None = None
        for event in events:
            now = _flat(event.row) if event.row else None
            what = f"{key}: {event.op} {now} after {row} at {places} of {history}"
            if now == row:
                if not (self.allowed.repeats or (self.allowed.again and event.op == "r")):
                    self._say("doubled", what)
                continue
            self._op(event, row, what)
            for part, names in enumerate(parts):
                place = _next(history, places[part], names, now)
                if place is None:
                    kind = (
                        "false_deletes"
                        if now is None
                        else "disordered"
                        if _ever(history, names, now)
                        else "odd"
                    )
                    self._say(kind, what)
                else:
                    places[part] = place
            row = now
        if (
            not _same(history[-1], known, row)
            and not (self.allowed.no_deletes and history[-1] is None)
            and key not in self.writers.missed
        ):
            self._say("lost", f"{key}: {row} is {history[-1]}; {[each.op for each in events]} of {history}")

    def _op(self, event: Event, row: Row | None, what: str) -> None:
        fits = event.op in ("c", "r") if row is None else event.op in "urd"
        if not fits and not self.allowed.repeats:
            self._say("odd", f"not {event.op}: {what}")

    # -- documents

    def documents(self) -> Judge:
        """Each once; all together make the table."""
        due = Counter(self._due())
        told = Counter(
            (each.source["changenr"], key, each.op)
            for key, some in self.events.items()
            for each in some
            if each.op != "r"
        )
        late = self.writers.missed_documents
        for each in due - told:
            if each[0] not in late:
                self._say("lost", f"{each}")
        for each in told - due:
            self._say("doubled" if each in due else "odd", f"{each}")
        store = self.house.rows()
        for key in {*store, *self.events} - self.writers.missed:
            row = self._folded(key, self.events.get(key, ()))
            if row != store.get(key) and not (self.allowed.leapt or _is_open(self.events.get(key, ()))):
                self._say("lost", f"{key}: {row} is {store.get(key)}; {self.events.get(key)}")
        return self

    def _due(self) -> Iterator[tuple[str, Key, str]]:
        widths = [each.type.leng for each in self.house.table.row.fields if each.key]  # type: ignore[union-attr]
        lines = {
            (row["CHANGENR"], row["TABKEY"], _OPS[row["CHNGIND"]])
            for row in self.house.system.rows("CDPOS")
            if row["OBJECTCLAS"] == CLASS and row["TABNAME"] == TABLE
        }
        for number, text, op in lines:
            key, at = [], 0
            for width in widths:
                key.append(text[at : at + width].rstrip())
                at += width
            yield number, tuple(key[1:]), op

    def _folded(self, key: Key, events: Sequence[Event]) -> Row | None:
        """What events make of a row; those of one second may come in any order, and nobody knows which."""
        seconds = Counter(each.source.get("changed_at") for each in events)
        judged = not (self.allowed.leapt or self.allowed.again) and key not in self.writers.missed
        row: Row | None = None
        clear = judged
        for event in events:
            what, before_is_clear = f"{key}: {event} after {row}", clear
            clear = judged and seconds[event.source.get("changed_at")] == 1
            if clear and before_is_clear:
                self._sequel(event, row, what)
            row = _after(event, row)
        return row

    def _sequel(self, event: Event, row: Row | None, what: str) -> None:
        if (row is None) is not (event.op == "c"):
            self._say("disordered", what)
        if row and not self.allowed.whole and not _fits(event.before, row):
            self._say("disordered", f"before: {what}")

    # -- pointers

    def pointers(self) -> Judge:
        """Each once."""
        due = Counter(row["CPIDENT"] for row in self.house.system.rows("BDCP2"))
        told = Counter(event.row["CPIDENT"] for some in self.events.values() for event in some if event.row)
        numbers = self.writers.missed_documents
        late = {row["CPIDENT"] for row in self.house.system.rows("BDCP2") if row["CDCHGNO"] in numbers}
        for each in due - told:
            if each not in late:
                self._say("lost", f"pointer {each}")
        for each in told - due:
            self._say("doubled" if each in due else "odd", f"pointer {each}")
        return self


def _flat(row: Row) -> Row:
    """The values of a row, and of the structure of its details."""
    both = {**row, **(row.get("ES_ROW") or {})}
    return {name: both[name] for name in VALUES if name in both}


def _is_open(events: Sequence[Event]) -> bool:
    """Created twice in the last second, and deleted without values: nothing tells in which order."""
    seconds = [each.source.get("changed_at") for each in events if each.op == "c"]
    return len(seconds) > 1 and seconds.count(seconds[-1]) > 1


def _after(event: Event, row: Row | None) -> Row | None:
    """What was never logged is initial."""
    if event.row is None:
        return None
    known = {name: value for name, value in _flat(event.row).items() if value != UNAVAILABLE}
    return {"X": 0, "A": "", "B": "", "C": "", **((row or {}) if event.op == "u" else {}), **known}


def _fits(before: Row | None, row: Row) -> bool:
    told = {name: value for name, value in (before or {}).items() if name in VALUES and value != UNAVAILABLE}
    return all(_plain(row[name]) == _plain(value) for name, value in told.items() if value is not None)


def _plain(value: Any) -> Any:
    return value or ""


def _next(history: Sequence[Row | None], place: int, names: Sequence[str], row: Row | None) -> int | None:
    """Where it was so, from there on."""
    return next((at for at in range(place, len(history)) if _same(history[at], names, row)), None)


def _ever(history: Sequence[Row | None], names: Sequence[str], row: Row | None) -> bool:
    return _next(history, 0, names, row) is not None


def _same(had: Row | None, names: Sequence[str], row: Row | None) -> bool:
    if had is None or row is None:
        return had is row
    return all(had[name] == row[name] for name in names)

"""What a life has cost: the topic beside the table, and what `verify` says of both."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise, zip_longest
from typing import Any

from bridge.contract import Op
from bridge.deadletters import DeadLetter
from bridge.testing.fakes import Record
from bridge.testing.folding import Folded, folded
from bridge.verify import Report
from tests.property.jdbc_again import Resnapshot, Retelling, Said
from tests.property.jdbc_house import SHAPES, House, Row
from tests.property.jdbc_writers import Key, Writers
from tests.property.living import Outcome


@dataclass(frozen=True)
class Evidence:
    """What there is when all is quiet. `restless`: events that came after that."""

    house: House
    writers: Writers
    stream: str
    records: list[Record]
    first_read: range
    """The transactions in which the first reading of all there was may have ended; of 0: none was wanted."""
    letters: list[DeadLetter]
    restless: int
    report: Report
    sees_deletes: bool
    began_ms: float
    """By the clock that nobody patches."""
    resnapshots: Sequence[Resnapshot]

    def judged(self) -> Outcome:
        found = self._loose() if self.writers.shape == "loose" else self._keyed()
        if found.clean and not self._agrees:
            found = Outcome(lost=1, told=f"verify does not agree: {[*self.report.lines()]}")
        odd = [*Form(self).odd()]
        found = replace(found, odd=len(odd), told=f"{odd[:3]} {found.told}")
        return found if found.clean else replace(found, told=f"{found.told} {self._all}")

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.records if record.value]

    @property
    def _agrees(self) -> bool:
        """By name, and of all that there is."""
        report, missed = self.report, set[Key]() if self.writers.shape == "loose" else self._missed
        told = [key for each in report.outcomes for key in (*each.lost.keys, *each.differing.keys)]
        unsure = report.unknown or report.early or report.total("doubled") or report.total("pending")
        named = sorted(map(self._of_key, map(json.loads, told))) == sorted(missed)
        return bool(report.outcomes) and not unsure and named

    @property
    def _all(self) -> str:
        return f"table {self._rows}, events {self.events}, letters {self.letters}"

    @property
    def _rows(self) -> list[Row]:
        return self.house.rows(self.writers.shape)

    # -- a table with a key

    def _keyed(self) -> Outcome:
        key, topic, missed = SHAPES[self.writers.shape], self._folded, self._missed
        again = Counter(self._buried()) - self.writers.poisoned - self.retelling.buried_again()
        readable = {row: each for each, row in self._table.items() if not row.poison}
        untold, twice = [*self.retelling.missed(readable)], [*self.retelling.twice(self.first_read)]
        return Outcome(
            lost=len(missed - self.writers.overdue) + self._unclear_letters + len(untold),
            doubled=topic.doubled + again.total() + self.restless + len(twice),
            false_deletes=(self._deleted(key) - self.writers.gone).total(),
            disordered=self._disordered(key),
            told=f"missed {missed}, dead letters again {again}; by resnapshots not {untold}, {twice} twice",
            overdue=len(missed & self.writers.overdue),
            refused=len(self.letters),
        )

    @cached_property
    def _table(self) -> dict[Key, Row]:
        return {tuple(getattr(row, name) for name in SHAPES[self.writers.shape]): row for row in self._rows}

    @cached_property
    def _news(self) -> list[dict[str, Any]]:
        return [*self.retelling.news()]

    @cached_property
    def _folded(self) -> Folded:
        return folded(self._news, *map(self.house.spelled, SHAPES[self.writers.shape]))

    @cached_property
    def _missed(self) -> set[Key]:
        """Rows that consumers do not have as the table has them."""
        have, table, buried = self._folded.rows, self._table, {*self._buried()}
        missed = {
            each
            for each, row in table.items()
            if (each not in buried if row.poison else have.get(each) != self.house.told_of(row))
        }
        kept = have.keys() - table.keys()
        return missed | (kept if self.sees_deletes else kept - self.writers.gone.keys())

    def _buried(self) -> Iterator[Key]:
        return (self._of_key(json.loads(letter.key or "{}")) for letter in self.letters)

    def _of_key(self, told: dict[str, Any]) -> Key:
        return tuple(told.get(self.house.spelled(name), "") for name in SHAPES[self.writers.shape])

    @property
    def _unclear_letters(self) -> int:
        """Those that do not tell what is wrong with the row, which row it is, and where it was read."""
        key = {self.house.spelled(name) for name in SHAPES[self.writers.shape]}
        return sum(
            self.house.spelled("word") not in letter.reason
            or letter.position is None
            or not key <= json.loads(letter.body).keys()
            for letter in self.letters
        )

    @cached_property
    def retelling(self) -> Retelling:
        key, numbers = (
            SHAPES[self.writers.shape],
            (each.transaction.number for each in self.records if each.value),
        )
        said = [
            Said(number, self._of(event["after"] or event["before"], key), event)
            for number, event in zip(numbers, self.events, strict=True)
        ]
        return Retelling(said, self.resnapshots, {*self._buried()}, self.writers.grows)

    def _disordered(self, key: tuple[str, ...]) -> int:
        """Every change of a row has a larger number than the one before."""
        changes = defaultdict[Key, list[int]](list)
        for event in self._news:
            if event["op"] != "d":
                changes[self._of(event["after"], key)].append(event["after"][self.house.spelled("x")])
        return sum(later <= earlier for numbers in changes.values() for earlier, later in pairwise(numbers))

    def _deleted(self, columns: tuple[str, ...]) -> Counter[Key]:
        return Counter(self._of(event["before"], columns) for event in self.events if event["op"] == "d")

    def _of(self, row: dict[str, Any], columns: tuple[str, ...]) -> Key:
        return tuple(row[self.house.spelled(name)] for name in columns)

    # -- a table without one

    def _loose(self) -> Outcome:
        have, amiss = Counter[Key](), 0
        for event in self.events:
            if event["op"] == "d":
                row = self._of(event["before"], Row._fields)
                amiss += not have[row]
                have[row] -= 1
            else:
                have[self._of(event["after"], Row._fields)] += 1
        rows: list[Any] = self._rows
        table = Counter[Key](rows)
        return Outcome(
            lost=(table - have).total(),
            doubled=(have - table).total() + self.restless + amiss,
            false_deletes=(self._deleted(("site", "id", "x")) - self.writers.gone).total(),
            told=f"missing {table - have}, too many {have - table}",
        )


@dataclass
class Form:
    """Each record by itself, and after those before it: key, envelope, values, operation, tombstone."""

    evidence: Evidence
    known: set[bytes] = field(default_factory=set)
    """The keys that consumers know by now."""
    again: set[bytes] = field(default_factory=set)
    """Those of which a resnapshot spoke last."""

    def odd(self) -> Iterator[str]:
        """What is not as it should be."""
        records, key = self.evidence.records, self._key
        for record, after in zip_longest(records, records[1:]):
            if record.value is None:
                continue
            event = json.loads(record.value)
            if deleted := event["op"] == "d" and bool(key):
                if after is None or (after.key, after.value) != (record.key, None):
                    yield f"no tombstone after {event}"
            elif after and after.value is None:
                yield f"a tombstone after {event}"
            for what, odd in self._faults(record, event):
                if odd:
                    yield f"{what} of {record.key!r} {event} in transaction {record.transaction.number}"
            if key and record.key:
                (self.known.discard if deleted else self.known.add)(record.key)
                is_again = self._is_again(record, event["op"])
                (self.again.add if is_again else self.again.discard)(record.key)

    @property
    def _key(self) -> list[str]:
        return [self.evidence.house.spelled(name) for name in SHAPES[self.evidence.writers.shape]]

    def _faults(self, record: Record, event: dict[str, Any]) -> Iterator[tuple[str, bool]]:
        op, after, before, key = event["op"], event["after"], event["before"], self._key
        row = before if op == "d" else after
        yield "key", (json.loads(record.key) if record.key else {}) != {name: row[name] for name in key}
        yield "image", (op == "d") != (after is None)
        yield "image before", (before is not None) if op != "d" else bool(key) and before.keys() != {*key}
        yield "source", event["source"] != self._source(op)
        yield "time", not self.evidence.began_ms <= event["ts_ms"] <= time.time() * 1000
        yield "operation", not (self._is_again(record, op) or op in self._ops(record, row))
        yield "values", after is not None and bool(key) and not self._was_written(after)

    def _source(self, op: str) -> dict[str, Any]:
        constant = {"version": "1", "connector": "fake", "name": "erp", "ts_ms": None}
        return {**constant, "snapshot": "true" if op == "r" else "false", "table": self.evidence.stream}

    def _is_again(self, record: Record, op: str) -> bool:
        return bool(self._key) and self.evidence.retelling.is_again(record.transaction.number, op)

    def _ops(self, record: Record, row: dict[str, Any]) -> set[Op]:
        """Those that it can have been."""
        number, writers, end = record.transaction.number, self.evidence.writers, self.evidence.first_read
        if self._key and record.key in self.known:
            if not writers.grows:
                return {Op.DELETE, Op.UPDATE}
            return {Op.DELETE, Op.CREATE} if record.key in self.again else {Op.DELETE}
        new = {Op.READ} if number < end.start else {Op.CREATE} if number > end.stop else {Op.READ, Op.CREATE}
        if writers.grows and number < end.stop and row[self.evidence.house.spelled("x")] > writers.seeds:
            new.add(Op.CREATE)  # a number that was passed over, and came meanwhile
        return new if self._key else {*new, Op.DELETE}

    def _was_written(self, after: dict[str, Any]) -> bool:
        house = self.evidence.house
        written = self.evidence.writers.written.get(after[house.spelled("x")])
        if written is None:
            return False
        return after == house.told_of(
            written if written.at else written._replace(at=after[house.spelled("at")])
        )

"""What a life has cost: the topic beside the table, and what `verify` says of both."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bridge.deadletters import DeadLetter
from bridge.testing.folding import folded
from bridge.verify import Report
from tests.property.jdbc_house import SHAPES, House, Row
from tests.property.jdbc_writers import Key, Writers


@dataclass(frozen=True, slots=True)
class Outcome:
    """Nothing, if all is well. `told` says more of it."""

    lost: int = 0
    doubled: int = 0
    false_deletes: int = 0
    disordered: int = 0
    """Events of a key that are not in the order of its changes."""
    told: str = ""
    overdue: int = 0
    """Rows that were committed after the late window, and are missed: `verify` has said so."""
    refused: int = 0
    """Dead letters."""
    kills: int = 0
    hidden: int = 0
    """Records that no committed consumer sees."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.false_deletes or self.disordered)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is when all is quiet. `restless`: events that came after that."""

    house: House
    writers: Writers
    events: list[dict[str, Any]]
    letters: list[DeadLetter]
    restless: int
    report: Report
    sees_deletes: bool

    def judged(self) -> Outcome:
        found = self._loose() if self.writers.shape == "loose" else self._keyed()
        if found.clean and not self._agrees(found):
            found = Outcome(lost=1, told=f"verify does not agree: {[*self.report.lines()]}")
        return (
            found
            if found.clean
            else Outcome(
                found.lost, found.doubled, found.false_deletes, found.disordered, f"{found.told} {self._all}"
            )
        )

    def _agrees(self, found: Outcome) -> bool:
        missed = self.report.total("lost") + self.report.total("differing")
        sound = not (self.report.unknown or self.report.early or self.report.total("doubled"))
        return sound and missed == found.overdue and bool(self.report.outcomes)

    @property
    def _all(self) -> str:
        return f"table {self._rows}, events {self.events}, letters {self.letters}"

    @property
    def _rows(self) -> list[Row]:
        return self.house.rows(self.writers.shape)

    # -- a table with a key

    def _keyed(self) -> Outcome:
        key = SHAPES[self.writers.shape]
        topic = folded(self.events, *map(self.house.spelled, key))
        have = {each: row[self.house.spelled("x")] for each, row in topic.rows.items()}
        table = {tuple(getattr(row, name) for name in key): row for row in self._rows}
        buried = Counter(self._buried())
        missed = {each for each, row in table.items() if not _is_there(row, each in buried, have.get(each))}
        kept = have.keys() - table.keys()
        missed |= kept if self.sees_deletes else kept - self.writers.gone.keys()
        again = buried - self.writers.poisoned
        return Outcome(
            lost=len(missed - self.writers.overdue) + self._unclear_letters,
            doubled=topic.doubled + again.total() + self.restless,
            false_deletes=(self._deleted(key) - self.writers.gone).total(),
            disordered=self._disordered(key),
            told=f"missed {missed}, dead letters again {again}",
            overdue=len(missed & self.writers.overdue),
            refused=len(self.letters),
        )

    def _buried(self) -> Iterator[Key]:
        for letter in self.letters:
            told = json.loads(letter.key or "{}")
            yield tuple(told.get(self.house.spelled(name)) for name in SHAPES[self.writers.shape])

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

    def _disordered(self, key: tuple[str, ...]) -> int:
        """Every change of a row has a larger number than the one before."""
        changes = defaultdict[Key, list[int]](list)
        for event in self.events:
            if event["op"] != "d":
                changes[self._of(event["after"], key)].append(event["after"][self.house.spelled("x")])
        return sum(later <= earlier for numbers in changes.values() for earlier, later in pairwise(numbers))

    def _deleted(self, columns: tuple[str, ...]) -> Counter[Key]:
        return Counter(self._of(event["before"], columns) for event in self.events if event["op"] == "d")

    def _of(self, row: dict[str, Any], columns: tuple[str, ...]) -> Key:
        return tuple(row[self.house.spelled(name)] for name in columns)

    # -- a table without one

    def _loose(self) -> Outcome:
        columns = ("site", "id", "x")
        have, amiss = Counter[Key](), 0
        for event in self.events:
            if event["op"] == "d":
                row = self._of(event["before"], columns)
                amiss += not have[row]
                have[row] -= 1
            else:
                have[self._of(event["after"], columns)] += 1
        table = Counter[Key]((row.site, row.id, row.x) for row in self._rows)
        return Outcome(
            lost=(table - have).total(),
            doubled=(have - table).total() + self.restless + amiss,
            false_deletes=(self._deleted(columns) - self.writers.gone).total(),
            told=f"missing {table - have}, too many {have - table}",
        )


def _is_there(row: Row, is_buried: bool, published: int | None) -> bool:  # noqa: FBT001
    return is_buried if row.poison else published == row.x

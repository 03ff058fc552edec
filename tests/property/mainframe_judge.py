"""What a life has cost: the topic beside the host's file, and each event beside what the host ever showed."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from bridge.deadletters import DeadLetter
from bridge.testing.fakes import Record
from bridge.testing.folding import folded
from bridge.testing.mainframe import Customer
from tests.property.living import Outcome
from tests.property.mainframe_clerks import DENIED, Clerks

type Event = Mapping[str, Any]


OF_A_MESSAGE = "COFFEE"
"""Where no customer stands, such a line is one that cannot be read."""


@dataclass(frozen=True)
class Shape:
    """How a stream tells of a customer."""

    key: str
    columns: tuple[str, ...]
    typed: str | None = None
    """A column that no screen shows: the number that was asked for."""
    screens: int = 1
    """On which a row may be found unreadable, each time for a reason of its own."""

    def told_of(self, customer: Customer) -> dict[str, Any]:
        whole = {
            "id": int(customer.id),
            "customer_id": customer.id,
            "request_type": "BALANCE",
            "name": customer.name,
            "city": customer.city,
            "status": customer.status,
            "opened": customer.opened.isoformat(),
            "balance": f"{customer.balance:.2f}",
            "limit": f"{customer.limit:.2f}",
            "mark": customer.mark,
            "message": "",
        }
        told = {name: whole[name] for name in self.columns}
        return told if self.typed is None else {self.typed: customer.id} | told


LISTED = ("id", "name", "balance", "status", "mark")
ASKED = ("customer_id", "request_type", "name", "balance", "limit", "status")
SHAPES = {
    "list": Shape("id", LISTED),
    "details": Shape("id", (*LISTED, "city", "opened", "limit"), screens=2),
    "inquiry": Shape("id", ASKED, typed="id"),
    "keys": Shape("customer_id", ASKED),
}
"""By stream."""


@dataclass(frozen=True)
class Evidence:
    """Of one stream, when all is quiet. `restless`: records that came after that."""

    clerks: Clerks
    shape: Shape
    records: list[Record]
    letters: list[DeadLetter]
    restless: int
    early: int
    """Deletes that were published before their customer was struck off."""

    def judged(self) -> Outcome:
        topic, key = folded(self.events, self.shape.key), self.shape.key
        have = {self._number(row): row for row in topic.rows.values()}
        with self.clerks.host.lock:
            file = {int(each.id): self.shape.told_of(each) for each in self.clerks.host.customers.values()}
        wrong = {
            number: (have.get(number), file.get(number))
            for number in have.keys() | file.keys()
            if have.get(number) != file.get(number)
        }
        deleted = Counter(int(event["before"][key]) for event in self.events if event["op"] == "d")
        odd = [*self._never_there(), *self._unfounded()]
        return Outcome(
            lost=len(wrong),
            doubled=topic.doubled - self._mended + self.restless,
            false_deletes=(deleted - self.clerks.gone).total() + self.early,
            disordered=self._disordered,
            odd=len(odd),
            told="" if not (wrong or odd) else f"has and should have: {wrong}, odd: {odd[:3]}",
            refused=len(self.letters),
        )

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.records if record.value]

    def _number(self, row: Event) -> int:
        return int(row[self.shape.key])

    def _state(self, after: Event) -> int | None:
        """Which state of its customer this is, if it ever was one."""
        for number, state in enumerate(self.clerks.written.get(self._number(after), ())):
            if self.shape.told_of(state) == after:
                return number
        return None

    def _never_there(self) -> Iterator[str]:
        for event in self.events:
            if event["op"] != "d" and self._state(event["after"]) is None:
                yield f"no customer ever was {event['after']}"

    @cached_property
    def _states(self) -> Mapping[int, list[int]]:
        """Of each customer, as the topic tells them."""
        states = defaultdict[int, list[int]](list)
        for event in self.events:
            if event["op"] != "d" and (state := self._state(event["after"])) is not None:
                states[self._number(event["after"])].append(state)
        return states

    @property
    def _disordered(self) -> int:
        return sum(later < earlier for each in self._states.values() for earlier, later in pairwise(each))

    @property
    def _mended(self) -> int:
        """Events of rows that could not be read for a while, and then are what they were before."""
        again = {number: sum(a == b for a, b in pairwise(each)) for number, each in self._states.items()}
        return sum(min(count, self._buried[number]) for number, count in again.items())

    @cached_property
    def _buried(self) -> Counter[int | None]:
        """Dead letters by customer; None for those who cannot be named."""
        letters = (letter for letter in self.letters if OF_A_MESSAGE not in (letter.payload or ""))
        told = (json.loads(letter.key or "{}").get(self.shape.key) for letter in letters)
        return Counter(None if number is None else int(number) for number in told)

    def _unfounded(self) -> Iterator[str]:
        """Dead letters are of rows that could not be read, one each time that one became such a row."""
        clerks = self.clerks
        for letter in self.letters:
            if not (
                "12.4X" in (letter.payload or "")
                or "12X" in (letter.payload or "")
                or DENIED in letter.reason
                or OF_A_MESSAGE in (letter.payload or "")
            ):
                yield f"a dead letter: {letter.reason}, {letter.payload}"
        for number, count in self._buried.items():
            if number is None:
                if not clerks.nameless:
                    yield "a dead letter without a key"
            elif count > self.shape.screens * (clerks.poisoned[number] + clerks.gone[number]):
                yield f"{count} dead letters of {number}"

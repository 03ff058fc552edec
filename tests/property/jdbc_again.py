"""The resnapshots of a life: who asked for what, in which transactions it was done, and whether it was."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from bridge.testing.fakes import Record
from tests.property.jdbc_house import SHAPES, House, Row
from tests.property.jdbc_writers import SITES, Key, Writers

MOST_IDS = 20


@dataclass(frozen=True, slots=True)
class Order:
    """For all rows, or those of some ids, of one site; with the table as it was by then."""

    ids: range | None
    site: str | None
    rows: frozenset[Row]

    @classmethod
    def drawn(cls, house: House, writers: Writers, chance: random.Random) -> Self:
        ids = site = None
        if chance.random() < 0.4:
            first = chance.randint(0, max(MOST_IDS, writers.highest))
            ids = range(first, first + chance.randint(1, MOST_IDS))
        if "site" in SHAPES[writers.shape] and chance.random() < 0.3:
            site = chance.choice(SITES)
        return cls(ids, site, frozenset(house.rows(writers.shape)))

    def where(self, house: House) -> Iterator[str]:
        """As an operator writes it."""
        if self.ids:
            yield f"{house.spelled('id')}={self.ids[0]}..{self.ids[-1]}"
        if self.site:
            yield f"{house.spelled('site')}={self.site}"

    def wants(self, key: Key) -> bool:
        """Of (id) or (site, id)."""
        *site, id_ = key
        return (self.ids is None or id_ in self.ids) and (self.site is None or self.site in site)


class Resnapshot(NamedTuple):
    """One that has ended. `within`: the transactions after that of its order, and that of its end."""

    order: Order
    within: range


def ended(records: Sequence[Record], orders: Mapping[str, Order]) -> Iterator[Resnapshot]:
    """`records`: those of one stream's resnapshots, of whose orders each is known by its time."""
    began, at = 0, ""
    for record in records:
        number = record.transaction.number
        if record.value is None:
            yield Resnapshot(orders[at], range(began + 1, number + 1))
            began = 0
        elif not began:
            began, at = number, json.loads(record.value)["at"]


class Said(NamedTuple):
    """An event, of which row, in which transaction."""

    number: int
    key: Key
    event: dict[str, Any]

    @property
    def row(self) -> dict[str, Any] | None:
        row: dict[str, Any] | None = self.event["after"]
        return row


@dataclass(frozen=True, slots=True)
class Retelling:
    """A topic of a table with a key, and the resnapshots that there were.

    `grows`: rows are only added, and nobody keeps their state: late ones come after a resnapshot as well.
    """

    said: Sequence[Said]
    resnapshots: Sequence[Resnapshot]
    buried: Collection[Key]
    """Rows that cannot be read: of these there are dead letters."""
    grows: bool

    def is_again(self, number: int, op: str) -> bool:
        """Is it a resnapshot's event? It can be."""
        return op == "r" and any(number in each.within for each in self.resnapshots)

    def news(self) -> Iterator[dict[str, Any]]:
        """The events without what is only said again; a change that a resnapshot met first is an update."""
        last: dict[Key, tuple[Any, bool]] = {}
        reached = max(self.buried, default=()) if self.grows else ()
        for number, key, event in self.said:
            row, was_again = last.get(key, (None, False))
            again = self.is_again(number, event["op"])
            last[key] = event["after"], again
            late = was_again and event["op"] == "c" and key < reached
            reached = max(reached, key) if self.grows else ()
            if not ((again or late) and event["after"] == row):
                yield event | {"op": "u"} if again and row else event

    def buried_again(self) -> Counter[Key]:
        """Dead letters that may come again: where their state is kept, none."""
        orders = [each.order for each in self.resnapshots] if self.grows else []
        return Counter(key for key in self.buried for order in orders if order.wants(key))

    def missed(self, kept: Mapping[Row, Key]) -> Iterator[Key]:
        """Rows that were there all the time, `kept` among them, and were not brought again."""
        for order, within in self.resnapshots:
            due = {key for row, key in kept.items() if row in order.rows and order.wants(key)}
            if self.grows:  # what was not read by then comes as new
                due &= {each.key for each in self.said if each.number < within.start}
            yield from due - self._brought(within).keys()

    def twice(self, first_read: range) -> Iterator[Key]:
        """What one resnapshot brought more than once. The rows that were there at first come beside it."""
        for _, within in self.resnapshots:
            most = 1 + (within.start <= first_read.stop)
            yield from (key for key, times in self._brought(within).items() if times > most)

    def _brought(self, within: range) -> Counter[Key]:
        return Counter(each.key for each in self.said if each.number in within and each.event["op"] == "r")

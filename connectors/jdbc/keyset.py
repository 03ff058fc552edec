"""Paging by key: each page begins after the last row of the one before, by its values and not by counting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from connectors.jdbc.reader import Refused
from connectors.jdbc.statements import Condition, Quote
from connectors.jdbc.types import Column
from connectors.jdbc.values import Noted, Written, bound, may_have_noted, noted, plain, told, written

type Place = Mapping[str, Noted]
"""The values of a row in the columns of its key, in their order."""


class Read(NamedTuple):
    """What one reading of a cursor brought: rows, and those among them that are none."""

    rows: pa.RecordBatch
    refused: Sequence[Refused]

    def __len__(self) -> int:
        return int(self.rows.num_rows) + len(self.refused)


@dataclass(frozen=True, slots=True)
class Keyset:
    """Columns that together tell every row from every other, in the order in which the rows are read."""

    columns: tuple[Column, ...]
    sorted_as: Mapping[str, str] = field(default_factory=dict)
    """Column -> template of what is compared instead, where the database sorts and compares differently."""
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(column.name for column in self.columns))

    def order(self, quote: Quote) -> list[str]:
        """What the rows are sorted by."""
        return [self.sorted_as.get(name, "{}").format(quote.name(name)) for name in self.names]

    def knows(self, place: Place) -> bool:
        """Whether they are values of these columns, as far as their names and forms tell."""
        return tuple(place) == self.names and all(
            may_have_noted(one, place[one.name]) for one in self.columns
        )

    def after(self, place: Place, quote: Quote) -> list[list[Condition]]:
        """Several statements, one after the other, that bring the rows after the one with these values.

        First those equal in all columns but the last, at the end those larger in the first. Each is one range
        of an index; of (a > ? OR a = ? AND b > ?) many a planner makes a walk over the whole of it.
        Errors: ValueError when they are of other columns, or in another order.
        """
        if not self.knows(place):
            raise ValueError(f"{', '.join(place)} is not {', '.join(self.names)}")
        places = [bound(column, plain(place[column.name])) for column in self.columns]
        known = list(zip(self.order(quote), self.columns, places, strict=True))
        return [
            [*(_compared(*each, "=") for each in known[:last]), _compared(*known[last], ">")]
            for last in reversed(range(len(known)))
        ]

    def last(self, read: Read) -> Place | None:
        """The values of the last row; None when it is one that cannot be read, not even so far."""
        values = zip(self.columns, self._last(read), strict=True)
        place = {one.name: noted(one, value) for one, value in values if value is not None}
        return place if len(place) == len(self.names) else None

    def _last(self, read: Read) -> list[Written | None]:
        if read.refused and read.refused[-1].after == read.rows.num_rows:
            keys, strange = read.refused[-1].keys, read.refused[-1].strange
            return [
                told(one, strange[one.name]) if one.name in strange else keys[one.name]
                for one in self.columns
            ]
        columns = [read.rows.column(name) for name in self.names]
        # MariaDB's zero dates, of which its driver makes NULL, are none.
        return [written(column, -1) if column[-1].is_valid else None for column in columns]


def _compared(name: str, column: Column, value: object, sign: str) -> Condition:
    return Condition(f"{name} {sign} {column.value}", (value,))

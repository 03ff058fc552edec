"""The columns of a table that say when a row was changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.errors import PermanentError
from connectors.sap_rfc import conditions
from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.dictionary import Relation
from connectors.sap_rfc.reading import of
from connectors.sap_rfc.types import Column

_STAMPS = ((15, 0), (21, 7))
"""TIMESTAMP and TIMESTAMPL: ABAP Keyword Documentation, "Time Stamps in Packed Numbers"."""


@dataclass(frozen=True, slots=True)
class Times:
    """Columns with a date, or with a date and a time; or one with a time stamp in UTC."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def is_stamp(self) -> bool:
        return self.columns[0].inttype == "P"

    def within(self, since: str, until: str) -> Condition:
        return conditions.both(
            conditions.since(self.names, self._texts(since), timeless=True),
            conditions.until(self.names, self._texts(until, "9")),
        )

    def _texts(self, stamp: str, rest: str = "0") -> list[str]:
        """`rest`: what follows where a second has parts."""
        if self.is_stamp:
            decimals = self.columns[0].decimals
            return [f"'{stamp}.{rest * decimals}'" if decimals else f"'{stamp}'"]
        return [f"'{part}'" for part in (stamp[:8], stamp[8:])[: len(self.columns)]]


def times_of(relation: Relation, names: Sequence[str]) -> Iterator[Times]:
    """A date takes the time that follows it. Errors: PermanentError."""
    columns = [of(relation, name) for name in names]
    while columns:
        first = columns.pop(0)
        if first.inttype == "D":
            yield Times((first, columns.pop(0)) if columns and columns[0].inttype == "T" else (first,))
        elif first.inttype == "P" and (first.length, first.decimals) in _STAMPS:
            yield Times((first,))
        else:
            raise PermanentError(
                f"column {first.name} of {relation.name} holds no date, but {first.abap}",
                remedy="under `columns` name dates (DATS), each with its time (TIMS) behind it if it has one,"
                " or a time stamp (DEC 15, or DEC 21 with 7 decimals)",
            )

"""The rows of tables that change documents tell of, as they are now, page by page: for a resnapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.contract import Ask, Batch, Changes, Op, Position, Ranges
from bridge.errors import PermanentError
from connectors.sap_rfc import conditions
from connectors.sap_rfc.modes.restless import letter
from connectors.sap_rfc.modes.table import bounds, without
from connectors.sap_rfc.modes.told import Subject
from connectors.sap_rfc.tables import TableReader

type Keys = frozenset[tuple[Any, ...]]
type Created = Callable[[], Mapping[str, Keys]]
"""Table -> rows that were created by now, and that polls are yet to bring."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One table after another; those whose rows have a key of their own."""

    name: str
    subjects: Mapping[str, Subject]
    reader: TableReader

    def read(self, place: Position | None, within: Ranges, ask: Ask, created: Created) -> Batch:
        """Errors: PermanentError when there is no such table or key; the system's."""
        tables = self._tables(within)
        table, after = self._resumed(place, tables)
        subject = self.subjects[table]
        ranges = [each for name, ends in within.items() for each in bounds(subject.column(name), ends)]
        choice = replace(subject.choice, where=conditions.both(*ranges))
        width = max(1, sum(column.length for column in subject.choice.relation.columns))
        page = self.reader.page(choice, after, max(1, min(ask.rows, ask.bytes // width)))
        letters = [letter(subject.table.name, key) for key in page.unsettled.to_pylist()]
        rows = without(page.rows, subject.table.key, created().get(table, frozenset()))
        further = [*tables[tables.index(table) + 1 :], None]
        following = (table, list(page.after)) if page.after else (further[0], None)
        changes = (Changes(subject.table, rows, Op.READ),) if rows.num_rows else ()
        left = {"mode": "change_documents", "table": following[0], "after": following[1]}
        return Batch(left, changes, (*page.rejects, *letters), more=following[0] is not None)

    def _tables(self, within: Ranges) -> list[str]:
        """Errors: PermanentError."""
        tables = [
            name
            for name, subject in sorted(self.subjects.items())
            if subject.places and within.keys() <= set(subject.table.key)
        ]
        if not tables:
            what = f"has the key {', '.join(within)}" if within else "has its key in TABKEY"
            raise PermanentError(f"no table of {self.name} {what}", remedy="cancel the resnapshot")
        return tables

    def _resumed(self, place: Any, tables: Sequence[str]) -> tuple[str, tuple[str, ...] | None]:
        """From the beginning, if the table is not there any more, or its key is another one now."""
        match place:
            case {"table": str(table), "after": list() | None as after} if table in tables:
                try:
                    plan = self.reader.plan(self.subjects[table].choice)
                    return table, None if after is None else plan.check(after)
                except ValueError:
                    pass
        return tables[0], None

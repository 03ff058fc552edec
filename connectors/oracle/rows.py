"""A running query, as Arrow record batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from connectors.oracle.statements import quoted
from connectors.oracle.types import Column

TROUBLE = "?"
"""Names the last select item: what is wrong with the row, else NULL."""


@dataclass(frozen=True, slots=True)
class Lead:
    """What a mode selects before the table's columns; `name` is the result's, `expression` is SQL."""

    name: str
    expression: str
    type: pa.DataType


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of a table: `items` are a query's select items, `schema` is that of its batches.

    Errors: none here; a value that cannot be had makes its row a `Refused`, never an error of the query.
    """

    columns: Sequence[Column]
    leads: Sequence[Lead] = ()
    alias: str = "t"

    @property
    def items(self) -> str:
        leads = [f"{lead.expression} AS {quoted(lead.name)}" for lead in self.leads]
        told = [f"{column.template.format(self._of(column))} AS {quoted(column.name)}" for column in self.columns]
        return ", ".join([*leads, *told, *self._trouble])

    @property
    def _trouble(self) -> list[str]:
        cases = [
            f"WHEN {column.trouble.format(self._of(column))} THEN {at}"
            for at, column in enumerate(self.columns)
            if column.trouble
        ]
        return [f'CASE {" ".join(cases)} END AS "{TROUBLE}"'] if cases else []

    def _of(self, column: Column) -> str:
        return f"{self.alias}.{quoted(column.name)}"

    @property
    def schema(self) -> pa.Schema:
        leads = [pa.field(lead.name, lead.type) for lead in self.leads]
        return pa.schema([*leads, *(column.field for column in self.columns)])


@dataclass(frozen=True, slots=True)
class Refused:
    """A row whose values cannot all be had: `after` so many rows of its batch.

    `row`: one row of the same schema, leads and keys included, with null where a value (`lost`) was not had.
    """

    after: int
    reason: str
    row: pa.RecordBatch
    lost: frozenset[str]

"""A running query, as Arrow record batches: straight from the driver, no Python objects between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import oracledb
import pyarrow as pa
import pyarrow.compute as pc

from bridge.errors import PermanentError, TransientError
from connectors.oracle import values
from connectors.oracle.statements import Statement, quoted
from connectors.oracle.types import Column

if TYPE_CHECKING:
    from connectors.oracle.session import Session

TROUBLE = "?"
"""Names the last item of a query: the number of what is wrong with the row, or NULL."""
_MISFITS = frozenset({"DPY-3038", "DPY-4042"})
"""The driver's codes: a type, or a value, cannot become what it was asked to."""
_ALTERED = "values do not fit their columns as they were described: a table was altered; it is looked at anew"
AT_ONCE = 256 * 1024 * 1024
"""Bytes that a round trip may bring at the very most."""


class Lead(NamedTuple):
    """What a mode selects before the table's columns: an expression, and how it is called in the result."""

    name: str
    expression: str
    type: pa.DataType


@dataclass(frozen=True)
class Reading:
    """What is read of a table: `items` is a query's select list, `schema` that of its batches.

    A value that cannot be had makes its row a `Refused`, and never an error of the query.
    """

    columns: Sequence[Column]
    leads: Sequence[Lead] = ()
    alias: str = "t"

    def __post_init__(self) -> None:
        """Errors: PermanentError when a column is named like what is selected before them."""
        leads = {lead.name for lead in self.leads} | ({TROUBLE} if self.troubles else set())
        for column in self.columns:
            if column.name in leads:
                raise PermanentError(
                    f"column {column.name} has a name that the connector needs for itself",
                    remedy="rename it, or read a view in which it has another one, by images mode",
                )

    @cached_property
    def items(self) -> str:
        """Every item has a name of its own, so that the query may stand in another one's FROM."""
        leads = [f"{lead.expression} AS {quoted(lead.name)}" for lead in self.leads]
        own = [
            f"{expression} AS {quoted(f'{at}.{part}' if part else column.name)}"
            for at, column in enumerate(self.columns)
            for part, (expression, _) in enumerate(column.selected(self._of(column)))
        ]
        cases = "".join(f" WHEN {what} THEN {at}" for at, (what, _, _) in enumerate(self.troubles))
        return ", ".join([*leads, *own, *([f'CASE{cases} END AS "{TROUBLE}"'] if cases else [])])

    @cached_property
    def troubles(self) -> Sequence[tuple[str, str, str]]:
        """What may be wrong: the condition, the column, and how to say it."""
        return [
            (what, column.name, why)
            for column in self.columns
            for what, why in column.troubles(self._of(column))
        ]

    @cached_property
    def schema(self) -> pa.Schema:
        leads = [pa.field(lead.name, lead.type) for lead in self.leads]
        return pa.schema([*leads, *(column.field for column in self.columns)])

    @cached_property
    def wire(self) -> pa.Schema:
        """As the driver shall bring it."""
        kinds = [lead.type for lead in self.leads]
        kinds += [kind for each in self.columns for _, kind in each.selected("")]
        kinds += [pa.int64()] if self.troubles else []
        return pa.schema([pa.field(str(at), kind) for at, kind in enumerate(kinds)])

    def at_once(self, rows: int) -> int:
        """So many rows in a round trip: fewer when they may be long."""
        longest = sum(32 + min(column.most, 4 * column.how.limit) for column in self.columns)
        return max(1, min(rows, AT_ONCE // longest))

    def _of(self, column: Column) -> str:
        return f"{self.alias}.{quoted(column.name)}"


@dataclass(frozen=True, slots=True)
class Refused:
    """A row whose values cannot all be had: `after` so many rows of its batch.

    `row`: one row of the same schema, its leads and key included, with null for each value that was `lost`.
    """

    after: int
    reason: str
    row: pa.RecordBatch
    lost: frozenset[str]


def batches(
    session: Session, statement: Statement, reading: Reading, rows: int
) -> Iterator[tuple[pa.RecordBatch, Sequence[Refused]]]:
    """Read a query whose select list is `reading.items`, about `rows` rows at a time; close it when done.

    Errors: the driver's; TransientError when the table was altered since it was described.
    """
    with closing(session.frames(statement, rows=reading.at_once(rows), schema=reading.wire)) as frames:
        while (frame := _next(frames)) is not None:
            for raw in pa.table(frame).combine_chunks().to_batches():
                yield _read(reading, raw)


def _next(frames: Iterator[oracledb.DataFrame]) -> oracledb.DataFrame | None:
    try:
        return next(frames, None)
    except oracledb.DatabaseError as error:
        if getattr(error.args[0], "full_code", "") in _MISFITS:
            raise TransientError(_ALTERED) from error
        raise


def _read(reading: Reading, raw: pa.RecordBatch) -> tuple[pa.RecordBatch, Sequence[Refused]]:
    if raw.schema.types != reading.wire.types:
        raise TransientError(_ALTERED)
    try:
        return _Rows(reading).read(raw)
    except pa.ArrowInvalid as error:
        raise TransientError(_ALTERED) from error


@dataclass(slots=True)
class _Rows:
    """One batch of the driver's becoming one of ours. `faults`: row -> what is wrong with it first."""

    reading: Reading
    faults: dict[int, str] = field(default_factory=dict)
    lost: dict[int, set[str]] = field(default_factory=dict)

    def read(self, raw: pa.RecordBatch) -> tuple[pa.RecordBatch, Sequence[Refused]]:
        arrays = iter(raw.columns)
        leads = [next(arrays) for _ in self.reading.leads]
        own = [
            pa.nulls(raw.num_rows) if column.unread else self._column(column, column.name, arrays)
            for column in self.reading.columns
        ]
        whole = pa.RecordBatch.from_arrays([*leads, *own], schema=self.reading.schema)
        if self.reading.troubles:
            self._told(next(arrays))
        return self._parted(whole) if self.faults else (whole, ())

    def _column(self, column: Column, name: str, arrays: Iterator[pa.Array]) -> pa.Array:
        array = next(arrays)
        if column.parts:
            parts = [self._column(part, name, arrays) for part in column.parts]
            fields = [part.field for part in column.parts]
            return pa.StructArray.from_arrays(parts, fields=fields, mask=pc.equal(array, 0))
        if pa.types.is_string(array.type):
            array = self._without(array, values.no_texts(array), name, values.NO_TEXT)
        if column.is_long:
            array = self._within(column, name, array)
        return column.finish(array) if column.finish else array

    def _within(self, column: Column, name: str, array: pa.Array) -> pa.Array:
        long = pc.greater(pc.binary_length(array), column.how.limit)
        if column.how.oversize == "truncate":
            return values.cut(array, column.how.limit) if pc.any(long).as_py() else array
        return self._without(array, long, name, values.too_long(column.how.limit))

    def _without(self, array: pa.Array, bad: pa.Array | None, name: str, why: str) -> pa.Array:
        """Values that are `bad` become null, and their rows faults."""
        if bad is None or not pc.any(bad).as_py():
            return array
        for row in pc.indices_nonzero(bad).to_pylist():
            self._fault(row, name, f"column {name}: {why}")
        return pc.if_else(bad, pa.scalar(None, array.type), array)

    def _told(self, numbers: pa.Array) -> None:
        """What the database says of rows."""
        if numbers.null_count == len(numbers):
            return
        for row, number in enumerate(numbers.to_pylist()):
            if number is not None:
                _, name, why = self.reading.troubles[number]
                self._fault(row, name, why)

    def _fault(self, row: int, name: str, why: str) -> None:
        self.faults.setdefault(row, why)
        self.lost.setdefault(row, set()).add(name)

    def _parted(self, whole: pa.RecordBatch) -> tuple[pa.RecordBatch, Sequence[Refused]]:
        refused = [
            Refused(row - before, self.faults[row], *self._rest(whole.slice(row, 1), row))
            for before, row in enumerate(sorted(self.faults))
        ]
        kept = [row for row in range(whole.num_rows) if row not in self.faults]
        return whole.take(pa.array(kept, pa.int64())), refused

    def _rest(self, row: pa.RecordBatch, at: int) -> tuple[pa.RecordBatch, frozenset[str]]:
        """What is left of it. The database tells of one trouble: others are null, or seem to be."""
        seldom = {name for _, name, _ in self.reading.troubles}
        lost = self.lost[at] | {name for name in seldom if not row.column(name)[0].is_valid}
        arrays = [
            pa.nulls(1, each.type) if each.name in lost else row.column(each.name) for each in row.schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=row.schema), frozenset(lost)

"""The ways to read a table: one class each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pyarrow as pa

from bridge.contract import Caveat, Emits, Op, Position
from bridge.errors import ConfigError, PermanentError
from connectors.jdbc.config import JdbcStream
from connectors.jdbc.statements import Quote, Statement, TableName, select
from connectors.jdbc.types import Column


def check_position(options: JdbcStream | None, position: Position) -> None:
    """What can be known of a position without the table. Errors: ConfigError."""
    column = options.columns[0] if options and options.columns else None
    match position:
        case {**value} if len(value) == 1 and column in (None, *value) and all(map(_is_last, value.values())):
            return
    raise ConfigError(
        "it is not the last value of the column that grows",
        remedy=f'write {{"{column or "COLUMN"}": NUMBER}}',
    )


def _is_last(value: Any) -> bool:
    """A number, exact as text, or none yet."""
    try:
        return value is None or Decimal(str(value)).is_finite()
    except ArithmeticError:
        return False


class Incrementing:
    """Rows that are only added, in the order of one number. Positions are {column: its last value}."""

    emits = Emits.CHANGES
    op = Op.CREATE
    # A transaction that commits late may bring a smaller number than one that was read already.
    caveats = frozenset({Caveat.NO_DELETES, Caveat.MAY_MISS})

    def __init__(self, table: TableName, column: str, columns: Sequence[Column]) -> None:
        self.table = table
        self.columns = (column,)
        self._number = self._usable(table, column, columns)

    @staticmethod
    def _usable(table: TableName, name: str, columns: Sequence[Column]) -> type[int | Decimal]:
        column = next((column for column in columns if column.name == name), None)
        if column is None:
            known = ", ".join(column.name for column in columns)
            raise PermanentError(f"table {table} has no column {name}", remedy=f"it has {known}")
        if pa.types.is_integer(column.type):
            return int
        if pa.types.is_decimal(column.type) or column.kind == "number":
            return Decimal
        raise PermanentError(
            f"column {name} of {table} is no number",
            remedy="incrementing mode needs an integer or decimal column",
        )

    def statement(self, position: Position | None, quote: Quote, page: str) -> Statement:
        name = quote.name(self.columns[0])
        last = self._last(position)
        where, values = (f"{name} IS NOT NULL", ()) if last is None else (f"{name} > ?", (last,))
        return select(self.table, quote, where, values, self.columns, page)

    def _last(self, position: Position | None) -> int | Decimal | None:
        match position:
            case None:
                return None
            case {**value} if list(value) == list(self.columns):
                with suppress(ValueError, ArithmeticError):
                    last = value[self.columns[0]]
                    return None if last is None else self._number(str(last))
        raise PermanentError(
            f"the position of {self.table} is not one of column {self.columns[0]}",
            remedy="set a position with `positions set`, or configure the former column",
        )

    def start(self) -> Position:
        """The position of a table in which no row was seen yet."""
        return {self.columns[0]: None}

    def after(self, values: Mapping[str, Any]) -> Position:
        """The position after a row with these `values` (as Arrow's or as the driver's text has them)."""
        value = self._number(values[self.columns[0]])
        # A JSON number is exact to 64 bits only.
        return {self.columns[0]: value if isinstance(value, int) else format(value, "f")}

"""Paging by key: each page begins after the last row of the one before, by its values and not by counting.

Values travel in positions as numbers and text, and go back to the database as binds of their columns' types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bridge.errors import PermanentError
from connectors.oracle.statements import Condition, National, quoted

if TYPE_CHECKING:
    from bridge.contract import Ranges
    from connectors.oracle.types import Column

type Written = int | str
"""What a position keeps of a value."""
type Place = Sequence[Written]
"""The values of a row in the columns of its key, in their order."""

_CLOCK = 'YYYY-MM-DD"T"HH24:MI:SS'
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?")
_TEXTS = ("VARCHAR2", "NVARCHAR2", "VARCHAR")
_PADDED = ("CHAR", "NCHAR")
_NATIONAL = ("NVARCHAR2", "NCHAR")
_NUMBERS = ("NUMBER", "FLOAT")


@dataclass(frozen=True, slots=True)
class Keyset:
    """Columns that together tell every row from every other, in the order in which the rows are read.

    Errors: PermanentError for a column whose values cannot be compared.
    """

    columns: tuple[Column, ...]
    alias: str = "t"

    def __post_init__(self) -> None:
        for column in self.columns:
            if not _template(column):
                raise PermanentError(
                    f"column {column.name} is {column.declared}, by which rows cannot be told apart",
                    remedy="name other columns under `key`",
                )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def order(self) -> list[str]:
        """What the rows are sorted by."""
        return [f"{self.alias}.{quoted(name)}" for name in self.names]

    def after(self, place: Place) -> Condition:
        """Of the rows after the one with these values. Errors: ValueError when they are no such values."""
        binds = self.bound(place, "after")
        terms = list(zip(self.order, self.columns, binds, strict=True))
        sql = ""
        for name, column, bind in reversed(terms):
            value = _template(column).format(f":{bind}")
            equal = f" OR {name} = {value} AND ({sql})" if sql else ""
            sql = f"{name} > {value}{equal}"
        name, column, bind = terms[0]
        if len(terms) > 1:  # by which an index is entered
            sql = f"{name} >= {_template(column).format(f':{bind}')} AND ({sql})"
        return sql, binds

    def same(self, prefix: str) -> str:
        """Of the row whose values are bound as `prefix`0, `prefix`1, ..."""
        return " AND ".join(
            f"{name} = {_template(column).format(f':{prefix}{at}')}"
            for at, (name, column) in enumerate(zip(self.order, self.columns, strict=True))
        )

    def value(self, name: str, bind: str) -> str:
        """A bind, as it compares with the column."""
        return _template(self.columns[self.names.index(name)]).format(f":{bind}")

    def bound(self, place: Place, prefix: str) -> Mapping[str, Any]:
        """Errors: ValueError."""
        if not isinstance(place, list | tuple) or len(place) != len(self.columns):
            raise ValueError(f"{place!r} is no value of {', '.join(self.names)}")
        return {
            f"{prefix}{at}": bound(column, value)
            for at, (column, value) in enumerate(zip(self.columns, place, strict=True))
        }

    def within(self, ranges: Ranges) -> list[Condition]:
        """Of the rows whose values lie in the ranges. Errors: PermanentError for what is no value."""
        return [condition for name, ends in ranges.items() for condition in self._range(name, ends)]

    def _range(self, name: str, ends: tuple[Any, Any]) -> list[Condition]:
        at = self.names.index(name)
        column, sql = self.columns[at], self.order[at]
        found: list[Condition] = []
        for sign, end, bind in ((">=", ends[0], f"least{at}"), ("<=", ends[1], f"most{at}")):
            if end is None:
                continue
            try:
                value = bound(column, end)
            except ValueError as error:
                raise PermanentError(
                    f"{end} is no value of {name}, which is {column.declared}", remedy="give one that is"
                ) from error
            found.append((f"{sql} {sign} {_template(column).format(f':{bind}')}", {bind: value}))
        return found

    def place(self, rows: pa.RecordBatch, at: int = -1) -> list[Written] | None:
        """The values of a row; None where it has none in one of the columns."""
        values = [written(rows.column(column.name)[at]) for column in self.columns]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else None

    def last(self, rows: pa.RecordBatch) -> list[Written] | None:
        """The values of the last row that has all of them."""
        places = (self.place(rows, at) for at in reversed(range(rows.num_rows)))
        return next((place for place in places if place is not None), None)


def written(value: pa.Scalar) -> Written | None:
    """For a position: whole numbers as they are, all else as text."""
    if not value.is_valid:
        return None
    if pa.types.is_timestamp(value.type) or pa.types.is_date(value.type):
        return iso(value)
    told: Any = value.as_py()
    if isinstance(told, bytes):
        return told.hex()
    return told if isinstance(told, int) else f"{told:f}" if isinstance(told, Decimal) else str(told)


def iso(value: pa.Scalar) -> str:
    """With all digits, and Z where the type has a zone."""
    if not pa.types.is_timestamp(value.type):
        return str(value.as_py().isoformat())
    units = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[value.type.unit]
    seconds, rest = divmod(value.value, units)
    whole = pa.scalar(seconds, pa.int64()).cast(pa.timestamp("s")).as_py()
    fraction = f".{rest * (10**9 // units):09}".rstrip("0") if rest else ""
    return f"{whole.isoformat()}{fraction}{'Z' if value.type.tz else ''}"


def bound(column: Column, value: Any) -> Any:
    """What is bound for a value of a position. Errors: ValueError when it is none of the column."""
    word = kind(column)
    if word in _NUMBERS:
        return _number(value)
    text = _text(value)
    if word in ("DATE", "TIMESTAMP", "ZONED"):
        return _moment(text, word)
    if word in _NATIONAL:
        return National(text)
    return bytes.fromhex(text).hex().upper() if word == "RAW" else text


def _number(value: Any) -> int | Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return Decimal(_text(value))
    except InvalidOperation:
        raise ValueError(f"{value} is no number") from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{value} is no text")


def _moment(value: str, word: str) -> str:
    found = _TIME.fullmatch(value)
    if not found or (word != "ZONED" and found[4]):
        raise ValueError(f"{value} is no time of the column")
    day, clock, fraction, zone = found.groups()
    whole = f"{day}T{clock or '00:00:00'}"
    if word == "DATE":
        return whole
    digits = f"{whole}.{(fraction or '').ljust(9, '0')}"
    return digits if word == "TIMESTAMP" else digits + ("+00:00" if zone in (None, "Z") else zone)


def kind(column: Column) -> str:
    """The word of its type; ZONED for timestamps with a zone of any sort."""
    declared = re.sub(r"\([^)]*\)", "", column.declared.upper()).strip()
    if declared.startswith("TIMESTAMP"):
        return "ZONED" if "ZONE" in declared else "TIMESTAMP"
    if declared in ("INTEGER", "INT", "SMALLINT", "DECIMAL", "NUMERIC", "REAL"):
        return "NUMBER"
    return declared.split(" ")[0] if declared else ""


def _template(column: Column) -> str:
    """What compares with the column; empty where nothing does."""
    word = kind(column)
    if word in _PADDED:  # else what has no blanks at its end would not be equal
        return f"CAST({{}} AS {column.declared})"
    if word in (*_NUMBERS, *_TEXTS):
        return "{}"
    return {
        "DATE": f"TO_DATE({{}}, '{_CLOCK}')",
        "TIMESTAMP": f"TO_TIMESTAMP({{}}, '{_CLOCK}.FF9')",
        "ZONED": f"TO_TIMESTAMP_TZ({{}}, '{_CLOCK}.FF9TZH:TZM')",
        "RAW": "HEXTORAW({})",
        "ROWID": "CHARTOROWID({})",
    }.get(word, "")

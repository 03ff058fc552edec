"""Rows of a table as its reader tells them, texts, made columns of Arrow."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from bridge.contract import Reject
from bridge.errors import PermanentError
from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.currencies import Currencies
from connectors.sap_rfc.dictionary import Relation
from connectors.sap_rfc.texts import texts_to_array, without_zeros
from connectors.sap_rfc.types import Column, shifted

_ISO = re.compile("[A-Z]{3}")
"""Of a currency that TCURX need not name."""

type Texts = Mapping[str, pa.StringArray]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is read of a table: rows with `columns`, the key among them, that fulfil `where`.

    `changed`: columns of which a row never has the same twice; without them, groups of columns are
    compared. `currencies`: amount -> the column with its currency, or a currency, where the dictionary names
    none in the table. `stripped`: columns without leading zeros. `excluded`: those that nobody will see: they
    are not read. `name`: of the table in rejects.
    """

    relation: Relation
    columns: tuple[str, ...]
    where: Condition = ()
    changed: tuple[str, ...] = ()
    currencies: Mapping[str, str] = field(default_factory=dict)
    stripped: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    name: str = ""

    @property
    def read(self) -> tuple[str, ...]:
        """Its columns but those that are left out: never one of the key."""
        away = self.excluded.difference(self.relation.key)
        return tuple(each for each in self.columns if each not in away)


class Reading:
    """Errors: PermanentError when the table has no such columns; the system's, for currencies."""

    def __init__(self, choice: Choice, currencies: Currencies) -> None:
        self._name = choice.name or choice.relation.name
        self._stripped = choice.stripped
        self._currencies = currencies
        self._columns = [of(choice.relation, name) for name in choice.read]
        for amount, named in choice.currencies.items():
            _check(choice.relation, amount, named, currencies)
        self._currency = {
            each.name: currency
            for each in self._columns
            if each.is_amount and (currency := _currency(choice, each)) is not None
        }
        self.key = choice.relation.key
        read = dict.fromkeys((*choice.read, *self._currency.values()))
        known = {each.name for each in choice.relation.columns}
        self.names = tuple(name for name in read if name in known)
        """Of the columns that it takes, those with currencies among them."""
        if self._currency:
            most = currencies.most
            self._columns = [
                shifted(each, most) if each.name in self._currency else each for each in self._columns
            ]
        fields = {each.name: each.field for each in self._columns}
        self.schema = pa.schema([fields.get(name) or pa.field(name, pa.null()) for name in choice.columns])

    def rows(self, texts: Texts) -> tuple[pa.RecordBatch, tuple[Reject, ...]]:
        """Rows that are whole, and why the others are not."""
        arrays: dict[str, pa.Array] = {}
        refused: dict[int, dict[str, str]] = defaultdict(dict)
        for column in self._columns:
            converted = texts_to_array(column, self._shown(column, texts), self._places(column, texts))
            arrays[column.name] = converted.array
            for row, why in converted.refused.items():
                refused[row][column.name] = why
        none = pa.nulls(len(texts[self.names[0]]))
        whole = [arrays.get(name, none) for name in self.schema.names]
        batch = pa.RecordBatch.from_arrays(whole, schema=self.schema)
        if not refused:
            return batch, ()
        rejects = tuple(self._reject(batch.slice(row, 1), texts, row, why) for row, why in refused.items())
        kept = [row for row in range(batch.num_rows) if row not in refused]
        return batch.take(pa.array(kept, pa.int64())), rejects

    def keys(self, texts: Texts) -> pa.RecordBatch:
        """The columns of the key alone."""
        columns = [column for column in self._columns if column.name in self.key]
        arrays = [texts_to_array(column, self._shown(column, texts)).array for column in columns]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([column.field for column in columns]))

    def _shown(self, column: Column, texts: Texts) -> pa.StringArray:
        return without_zeros(texts[column.name]) if column.name in self._stripped else texts[column.name]

    def _places(self, column: Column, texts: Texts) -> pa.Array | None:
        currency = self._currency.get(column.name)
        if currency is None:
            return None
        count = len(texts[column.name])
        return self._currencies.places(texts[currency] if currency in texts else pa.repeat(currency, count))

    def _reject(self, row: pa.RecordBatch, texts: Texts, at: int, why: Mapping[str, str]) -> Reject:
        """Only what identifies the row is told: other columns may be ones that shall not be published."""
        told = {name: texts[name][at].as_py() for name in self.key}
        key = None if set(why) & set(self.key) else {name: row.column(name)[0] for name in self.key}
        return Reject(self._name, "; ".join(why.values()), json.dumps(told, ensure_ascii=False), key)


def of(relation: Relation, name: str) -> Column:
    """Errors: PermanentError when the table has no such column."""
    try:
        return relation.column(name)
    except KeyError:
        known = ", ".join(each.name for each in relation.columns)
        raise PermanentError(
            f"table {relation.name} has no column {name}", remedy=f"it has {known}"
        ) from None


def _check(relation: Relation, amount: str, currency: str, currencies: Currencies) -> None:
    """Errors: PermanentError where an amount is none, or its currency is neither a column nor a currency."""
    if not of(relation, amount).is_amount:
        amounts = ", ".join(each.name for each in relation.columns if each.is_amount)
        raise PermanentError(
            f"`currencies`: {amount} of {relation.name} is no amount",
            remedy=f"amounts are {amounts or 'none'}",
        )
    own = {each.name: each.abap for each in relation.columns}
    if currency in own or _ISO.fullmatch(currency) or currency in currencies.known:
        return
    columns = ", ".join(name for name, abap in own.items() if abap == "CUKY")
    raise PermanentError(
        f"`currencies`: {currency} is no column of {relation.name}, and no currency",
        remedy=f"its columns of currencies are {columns or 'none'}",
    )


def _currency(choice: Choice, column: Column) -> str | None:
    """A column of the table, or a currency; None where nobody knows."""
    named = choice.currencies.get(column.name)
    if named is not None:
        return named
    own = {each.name for each in choice.relation.columns}
    return column.reference if column.reference in own else None

"""Reading tables: RFC_READ_TABLE, its successors, and functions of a customer's with the same interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from bridge.contract import Reject
from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.dictionary import Calls, Relation

type Key = tuple[str, ...]
"""A place in the order of a relation's key: its values as the reader tells them, or the first few of them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is read of a table: rows with `columns` (key and change columns among them) that fulfil `where`.

    `changed`: columns that are another with each change of a row; without them, groups of columns are
    compared. `currencies`: amount -> column with its currency, or a currency.
    """

    relation: Relation
    columns: tuple[str, ...]
    where: Condition = ()
    changed: tuple[str, ...] = ()
    currencies: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """All the rows from where it began up to `after`; that is None at the end of the table.

    `unsettled`: rows that were another each time that they were read; they are not among `rows`.
    """

    rows: pa.RecordBatch
    after: Key | None
    rejects: tuple[Reject, ...] = ()
    unsettled: pa.RecordBatch | None = None

    @property
    def more(self) -> bool:
        return self.after is not None


class TableReader:
    """Pages in the order of the key. What it remembers of a table's ranges only makes it faster."""

    def __init__(self, system: Calls, reader: str = "RFC_READ_TABLE") -> None:
        self._system, self._reader = system, reader

    def page(self, choice: Choice, after: Key | None, rows: int) -> Page:
        """About `rows` rows after that place; all that are there. Errors: the system's; PermanentError."""
        raise NotImplementedError

    def schema(self, choice: Choice) -> pa.Schema:
        """Of the rows of its pages."""
        raise NotImplementedError

    def some(self, choice: Choice, keys: Sequence[Key]) -> Page:
        """The rows with these keys, if they are there."""
        raise NotImplementedError

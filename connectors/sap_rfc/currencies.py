"""How many decimals amounts have: by TCURX, which names the currencies that do not have two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.dictionary import Dictionary, Relation
from connectors.sap_rfc.types import MINOR

TABLE = "TCURX"
_COLUMNS = ("CURRKEY", "CURRDEC")


class Reads(Protocol):
    """What it takes of a Reader."""

    def read(
        self, relation: Relation, names: Sequence[str], condition: Condition, count: int
    ) -> tuple[pa.StringArray, Mapping[str, pa.StringArray]]: ...


class Currencies:
    """Asked for once, by the stream's own reader. Errors: the reader's."""

    def __init__(self, reader: Reads, dictionary: Dictionary) -> None:
        self._reader, self._dictionary = reader, dictionary

    @property
    def most(self) -> int:
        """Decimals that a currency has."""
        return max(self.known.values(), default=MINOR)

    @cached_property
    def known(self) -> Mapping[str, int]:
        """The decimals of the currencies that do not have two."""
        _, texts = self._reader.read(self._dictionary.relation(TABLE), _COLUMNS, (), 0)
        keys, decimals = (texts[name].to_pylist() for name in _COLUMNS)
        return {key.strip(): int(told.strip() or 0) for key, told in zip(keys, decimals, strict=True)}

    def places(self, keys: pa.StringArray) -> pa.Int64Array:
        """How many decimals each row's currency has."""
        decimals = pa.array(list(self.known.values()), pa.int64())
        found = pc.index_in(keys, value_set=pa.array(list(self.known), pa.string()))
        return pc.fill_null(decimals.take(found), MINOR)

"""How many decimals amounts have: by TCURX, which names the currencies that do not have two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.dictionary import Dictionary, Relation
from connectors.sap_rfc.types import MINOR

TABLE = "TCURX"
FRESH_S = 3600.0
"""Currencies are added while a bridge runs for years, and are worth a hundredth until it knows them."""
_COLUMNS = ("CURRKEY", "CURRDEC")


class Reads(Protocol):
    """What it takes of a Reader."""

    def read(
        self, relation: Relation, names: Sequence[str], condition: Condition, count: int
    ) -> tuple[pa.StringArray, Mapping[str, pa.StringArray]]: ...


class Currencies:
    """Asked for once an hour, by the stream's own reader. Errors: the reader's."""

    def __init__(self, reader: Reads, dictionary: Dictionary) -> None:
        self._reader, self._dictionary = reader, dictionary
        self._told: tuple[float, Mapping[str, int]] | None = None

    @property
    def most(self) -> int:
        """Decimals that a currency has."""
        return max(self.known.values(), default=MINOR)

    @property
    def known(self) -> Mapping[str, int]:
        """The decimals of the currencies that do not have two."""
        now = monotonic()
        if self._told is None or now - self._told[0] > FRESH_S:
            self._told = now, self._read()
        return self._told[1]

    def _read(self) -> Mapping[str, int]:
        _, texts = self._reader.read(self._dictionary.relation(TABLE), _COLUMNS, (), 0)
        keys, decimals = (texts[name].to_pylist() for name in _COLUMNS)
        return {key.strip(): int(told.strip() or 0) for key, told in zip(keys, decimals, strict=True)}

    def decimals(self, key: str) -> int:
        """Of a currency."""
        return self.known.get(key.strip(), MINOR)

    def places(self, keys: pa.StringArray) -> pa.Int64Array:
        """How many decimals each row's currency has."""
        known = self.known
        decimals = pa.array(list(known.values()), pa.int64())
        found = pc.index_in(keys, value_set=pa.array(list(known), pa.string()))
        return pc.fill_null(decimals.take(found), MINOR)

"""What the dictionary tells of a table, by DDIF_FIELDINFO_GET, and TCURX of currencies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from bridge.errors import PermanentError
from connectors.sap_rfc.errors import AbapError
from connectors.sap_rfc.types import MINOR, Column, column


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view. `key` is without the client, which is `client`: the column (MANDT), if it has one."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    client: str | None

    def column(self, name: str) -> Column:
        """Errors: KeyError."""
        for each in self.columns:
            if each.name == name:
                return each
        raise KeyError(name)


class Calls(Protocol):
    """What it takes of a System."""

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]: ...


class Dictionary:
    """Asks once for each table; `forget` one that may have been altered."""

    def __init__(self, system: Calls) -> None:
        self._system = system
        self._relations: dict[str, Relation] = {}

    def relation(self, name: str) -> Relation:
        """Errors: the system's; PermanentError when there is no such table."""
        known = self._relations.get(name)
        if known is None:
            known = self._relations[name] = self._asked(name)
        return known

    def forget(self, name: str) -> None:
        self._relations.pop(name, None)

    def _asked(self, name: str) -> Relation:
        try:
            answer = self._system.call("DDIF_FIELDINFO_GET", TABNAME=name)
        except AbapError as error:
            if error.key != "NOT_FOUND":
                raise
            raise _no_table(name) from error
        lines = [line for line in answer["DFIES_TAB"] if _is_column(line)]
        if not lines:
            raise _no_table(name)
        columns = tuple(column(line) for line in lines)
        client = next((each.name for each in columns[:1] if each.abap == "CLNT"), None)
        return Relation(name, columns, tuple(c.name for c in columns if c.key and c.name != client), client)

    @cached_property
    def currencies(self) -> Mapping[str, int]:
        """The decimals of the currencies that do not have two. Errors: the system's."""
        answer = self._system.call(
            "RFC_READ_TABLE", QUERY_TABLE="TCURX", FIELDS=[{"FIELDNAME": "CURRKEY"}, {"FIELDNAME": "CURRDEC"}]
        )
        places = [(int(line["OFFSET"]), int(line["LENGTH"])) for line in answer["FIELDS"]]
        lines = [str(line["WA"]) for line in answer["DATA"]]
        told = ([line[at : at + length].strip() for at, length in places] for line in lines)
        return {key: int(decimals or 0) for key, decimals in told}

    def places(self, keys: pa.StringArray) -> pa.Int64Array:
        """How many decimals each row's currency has."""
        known = pa.array(list(self.currencies.values()), pa.int64())
        found = pc.index_in(keys, value_set=pa.array(list(self.currencies), pa.string()))
        return pc.fill_null(known.take(found), MINOR)


def _is_column(line: Mapping[str, Any]) -> bool:
    """Not an include, which a line begins with a point."""
    return bool(re.match("[^.]", str(line["FIELDNAME"]).strip()))


def _no_table(name: str) -> PermanentError:
    return PermanentError(f"{name} is no table or view of the dictionary", remedy="mind how it is written")

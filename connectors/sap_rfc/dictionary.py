"""What the dictionary tells of a table, by DDIF_FIELDINFO_GET, and of currencies, by TCURX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa

from connectors.sap_rfc.types import Column


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view. `key` is without the client, which is `client`: the column (MANDT), if it has one."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    client: str | None

    def column(self, name: str) -> Column:
        """Errors: KeyError."""
        return next(each for each in self.columns if each.name == name)


class Calls(Protocol):
    """What it takes of a System."""

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]: ...


class Dictionary:
    """Asks once for each table; `forget()` it when a table may have been altered."""

    def __init__(self, system: Calls) -> None:
        self._system = system
        self._relations: dict[str, Relation] = {}

    def relation(self, name: str) -> Relation:
        """Errors: the system's; PermanentError when there is no such table."""
        raise NotImplementedError

    def forget(self, name: str) -> None:
        self._relations.pop(name, None)

    @cached_property
    def currencies(self) -> Mapping[str, int]:
        """Of the currencies in TCURX: how many decimals each has; those that are not there have two."""
        raise NotImplementedError

    def places(self, keys: pa.StringArray) -> pa.Array:
        """How many decimals each row's currency has."""
        raise NotImplementedError

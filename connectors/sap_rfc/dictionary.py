"""What the dictionary tells of a table, by DDIF_FIELDINFO_GET."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.errors import GoneError
from connectors.sap_rfc.types import Column, column


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
    """Asks once for each table."""

    def __init__(self, system: Calls) -> None:
        self._system = system
        self._relations: dict[str, Relation] = {}

    def relation(self, name: str) -> Relation:
        """Errors: the system's; GoneError when there is no such table."""
        known = self._relations.get(name)
        if known is None:
            known = self._relations[name] = self._asked(name)
        return known

    def _asked(self, name: str) -> Relation:
        answer = self._system.call("DDIF_FIELDINFO_GET", TABNAME=name, ALL_TYPES="X")
        columns = tuple(column(line) for line in answer["DFIES_TAB"] if _is_column(line))
        if not columns:
            raise GoneError(f"there is no {name} in the active dictionary")
        client = columns[0].name if columns[0].abap == "CLNT" else None
        key = tuple(each.name for each in columns if each.key and each.name != client)
        if client and not key:  # T000, of all clients
            key, client = (client,), None
        return Relation(name, columns, key, client)


def _is_column(line: Mapping[str, Any]) -> bool:
    """Not an include (.INCLUDE)."""
    return not str(line["FIELDNAME"]).startswith(".")

"""Every SQL text of the connector: names come from the dictionary and are quoted, values are always bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def quoted(name: str) -> str:
    """A name as the dictionary has it, in quotation marks."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Statement:
    """Binds are named, and never anything else."""

    sql: str
    binds: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table or view as the dictionary has it."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"

    @property
    def sql(self) -> str:
        return f"{quoted(self.owner)}.{quoted(self.name)}"

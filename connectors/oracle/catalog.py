"""What tables there are, their columns and keys: a few statements, however many tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connectors.oracle.statements import TableName
from connectors.oracle.types import Column


class Kind(StrEnum):
    TABLE = "table"
    IOT = "index-organized table"
    VIEW = "view"
    MVIEW = "materialized view"
    EXTERNAL = "external table"
    TEMPORARY = "temporary table"
    CLUSTER = "table in a cluster"


@dataclass(frozen=True, slots=True)
class Relation:
    """`rows`: by the optimizer's statistics. `key`: empty where nothing tells the rows apart."""

    name: TableName
    kind: Kind
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: int | None = None

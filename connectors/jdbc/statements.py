"""SQL: identifiers come from the catalogue and are quoted, values are always bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class TableName:
    """A table in the catalogue; `schema` is the database's name where there are no schemas."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Quote:
    """Quotes names with the mark that DatabaseMetaData.getIdentifierQuoteString() told."""

    mark: str

    def name(self, name: str) -> str:
        return self.mark + name.replace(self.mark, self.mark * 2) + self.mark if self.mark.strip() else name

    def means(self, written: str, name: str) -> bool:
        """Some drivers tell a name quoted, PostgreSQL's without the outer marks."""
        quoted = self.name(name)
        return written in (name, quoted, quoted.removeprefix(self.mark).removesuffix(self.mark))

    def table(self, table: TableName) -> str:
        return ".".join(self.name(part) for part in (table.schema, table.name) if part)


def shape(table: TableName, quote: Quote) -> Statement:
    """Brings no row, but the columns."""
    return Statement(f"SELECT * FROM {quote.table(table)} WHERE 1 = 0")  # noqa: S608 -- quoted


def select(
    table: TableName, quote: Quote, where: str, values: Sequence[Any], order: Sequence[str], page: str
) -> Statement:
    by = ", ".join(map(quote.name, order))
    sql = f"SELECT * FROM {quote.table(table)} WHERE {where} ORDER BY {by} {page}"  # noqa: S608 -- quoted
    return Statement(sql.rstrip(), tuple(values))

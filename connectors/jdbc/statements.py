"""SQL: identifiers come from the catalogue and are quoted, values are always bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    values: tuple[Any, ...] = ()

    def naming(self, columns: Sequence[str], quote: Quote) -> Statement:
        """The same of these columns, where it is one of all."""
        return replace(self, sql=self.sql.replace("*", ", ".join(map(quote.name, columns)), 1))


class Condition(NamedTuple):
    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class TableName:
    """A table in the catalogue; `schema` is the database's name where there are no schemas."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def sql(self, quote: Quote) -> str:
        return ".".join(quote.name(part) for part in (self.schema, self.name) if part)


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT of the operator's, read as if it were a table."""

    name: str
    text: str

    def __str__(self) -> str:
        return self.name

    def sql(self, _quote: Quote) -> str:
        """On lines of its own, for it may end with a comment."""
        return f"(\n{self.text.strip().rstrip(';')}\n) q"


type Source = TableName | Query


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


def shape(source: Source, quote: Quote) -> Statement:
    """Brings no row, but the columns."""
    return Statement(f"SELECT * FROM {source.sql(quote)} WHERE 1 = 0")  # noqa: S608 -- quoted


def largest(source: Source, column: str, quote: Quote) -> str:
    return f"SELECT MAX({quote.name(column)}) FROM {source.sql(quote)}"  # noqa: S608 -- quoted


def index_on(table: TableName, column: str, quote: Quote, kind: str = "INDEX") -> str:
    """As all databases take it: with a name, of a length that suits the old ones."""
    name = quote.name(f"{table.name[:20]}_{column[:7]}_i")
    return f"CREATE {kind} {name} ON {table.sql(quote)} ({quote.name(column)})"


def select(
    source: Source, quote: Quote, conditions: Sequence[Condition], order: Sequence[str], page: str
) -> Statement:
    """All columns of the rows that fulfil all conditions; by the expressions of `order`, else in any."""
    where = " AND ".join(condition.sql for condition in conditions)
    by = ", ".join(order)
    parts = (f"WHERE {where}" if where else "", f"ORDER BY {by}" if by else "", page)
    sql = " ".join(filter(None, (f"SELECT * FROM {source.sql(quote)}", *parts)))  # noqa: S608 -- quoted
    return Statement(sql, tuple(value for condition in conditions for value in condition.values))

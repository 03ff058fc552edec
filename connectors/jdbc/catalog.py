"""What tables there are, and their keys: through DatabaseMetaData, the same for every driver."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from connectors.jdbc.jvm import java
from connectors.jdbc.statements import Quote, TableName
from connectors.tables import fits, nearest

_READABLE = frozenset(
    {
        *("TABLE", "BASE TABLE", "VIEW", "PARTITIONED TABLE", "MATERIALIZED VIEW", "FOREIGN TABLE"),
        *("SYNONYM", "ALIAS", "NICKNAME", "MATERIALIZED QUERY TABLE"),
    }
)


_SYSTEMS_SCHEMAS = frozenset({"information_schema", "pg_catalog"})
_SYSTEMS_DATABASES = frozenset({"information_schema", "mysql", "performance_schema", "sys"})


class _Index(NamedTuple):
    unique: bool
    columns: tuple[str, ...]


class Catalog:
    def __init__(self, connection: Any, included: str | None = None) -> None:
        """`included`: see Dialect."""
        self._connection, self._included_sql = connection, included
        self._meta = connection.getMetaData()
        self._catalog = connection.getCatalog()
        self._schemas = bool(self._meta.supportsSchemasInDataManipulation())
        self._column = "TABLE_SCHEM" if self._schemas else "TABLE_CAT"
        self._hidden = _SYSTEMS_SCHEMAS if self._schemas else _SYSTEMS_DATABASES
        self._escape = str(self._meta.getSearchStringEscape() or "")
        self.quote = Quote(str(self._meta.getIdentifierQuoteString() or ""))

    def find(self, patterns: Sequence[str], excluded: Sequence[str]) -> list[TableName]:
        """The tables that fit any pattern and no excluded one, by name."""
        found = {
            table: None
            for pattern in patterns
            for table in self._tables(*self._like(pattern))
            if (fnmatchcase(str(table), pattern) or str(table) == pattern) and not fits(str(table), excluded)
        }
        return sorted(found, key=str)

    def nearest(self, name: str) -> str | None:
        """A table that `name` may have meant: another case first, then another spelling."""
        return nearest(name, list(map(str, self._tables(*self._like("*")))))

    def key(self, table: TableName) -> tuple[str, ...]:
        """The primary key's columns in their order; empty without one."""
        rows = _told(self._meta.getPrimaryKeys, *self._place(table.schema), table.name)
        ordered = sorted((int(row.getShort("KEY_SEQ")), _text(row, "COLUMN_NAME")) for row in rows)
        return tuple(name for _, name in ordered)

    def unique_key(self, table: TableName) -> tuple[str, ...]:
        """The columns of the smallest unique index over columns that are never NULL; empty without one."""
        candidates = [index.columns for index in self._indexes(table) if index.unique]
        filled = self._filled(table) if candidates else []
        fitting = [
            tuple(name for column in columns for name in filled if self.quote.means(column, name))
            for columns in candidates
        ]
        whole = [key for key, columns in zip(fitting, candidates, strict=True) if len(key) == len(columns)]
        return min(whole, key=lambda key: (len(key), key), default=())

    def may_be_null(self, table: TableName, column: str) -> bool:
        return column not in self._filled(table)

    def may_be_changed(self, table: TableName) -> bool:
        """By this account, as far as its rights are its own or everybody's."""
        account = str(self._meta.getUserName() or "").partition("@")[0].lower()
        rows = _told(self._meta.getTablePrivileges, *self._like_it(table))
        return any(
            _text(row, "PRIVILEGE").upper() in ("INSERT", "UPDATE", "DELETE")
            and _text(row, "GRANTEE").lower() in (account, "public")
            for row in rows
        )

    def _filled(self, table: TableName) -> list[str]:
        """The columns declared NOT NULL."""
        return [_text(row, "COLUMN_NAME") for row in self._columns(table) if row.getInt("NULLABLE") == 0]

    def sorted_as(self, table: TableName, by_type: Mapping[str, str]) -> dict[str, str]:
        """Column -> template, of the columns whose types are in `by_type`."""
        if not by_type:
            return {}
        types = {_text(row, "COLUMN_NAME"): _text(row, "TYPE_NAME") for row in self._columns(table)}
        return {name: by_type[kind] for name, kind in types.items() if kind in by_type}

    def invisible(self, table: TableName, visible: Collection[str]) -> list[str]:
        """Columns that `SELECT *` does not bring: it brings those that are `visible`."""
        names = [_text(row, "COLUMN_NAME") for row in self._columns(table)]
        return [name for name in names if not any(self.quote.means(name, each) for each in visible)]

    def _columns(self, table: TableName) -> Iterator[Any]:
        rows = self._meta.getColumns(*self._like_it(table), "%")
        for row in _rows(rows):
            if TableName(_text(row, self._column), _text(row, "TABLE_NAME")) == table:
                yield row

    def _like_it(self, table: TableName) -> tuple[str | None, str | None, str]:
        """A pattern for the table; it may fit more."""
        catalog, schema = self._place(table.schema)
        return catalog, schema and self._escaped(schema), self._escaped(table.name)

    def _escaped(self, name: str) -> str:
        """The escape itself is any letter: MariaDB's driver does not find it escaped."""
        escaped = (
            {self._escape: "_", "%": f"{self._escape}%", "_": f"{self._escape}_"} if self._escape else {}
        )
        return "".join(escaped.get(letter, letter) for letter in name)

    def indexed(self, table: TableName, column: str) -> bool:
        """Does an index begin with `column`? A primary key does, whether it is told as an index or not."""
        return self.key(table)[:1] == (column,) or any(
            self.quote.means(index.columns[0], column) for index in self._indexes(table)
        )

    def unique(self, table: TableName, column: str) -> bool:
        """Does an index, of all rows, allow no two with the same value of `column`?"""
        return any(
            index.unique and len(index.columns) == 1 and self.quote.means(index.columns[0], column)
            for index in self._indexes(table)
        )

    def _indexes(self, table: TableName) -> list[_Index]:
        found: dict[str, dict[int, str]] = {}
        unique = set()
        rows = _told(self._meta.getIndexInfo, *self._place(table.schema), table.name, False, True)
        for row in rows:
            index, place = _text(row, "INDEX_NAME"), int(row.getShort("ORDINAL_POSITION"))
            if place == 0:  # statistics of the table
                continue
            found.setdefault(index, {})[place] = _text(row, "COLUMN_NAME")
            if not row.getBoolean("NON_UNIQUE") and not row.getString("FILTER_CONDITION"):
                unique.add(index)
        keys = self._first(table) if any(len(columns) > 1 for columns in found.values()) else {}
        return [
            _Index(index in unique, tuple(of[at] for at in sorted(of)[: keys.get(index)]))
            for index, of in found.items()
        ]

    def _first(self, table: TableName) -> dict[str, int]:
        """Index -> how many of its columns are its key, where others are only included: drivers tell both."""
        if self._included_sql is None:
            return {}
        statement = self._connection.prepareStatement(self._included_sql)
        try:
            statement.setString(1, table.schema)
            statement.setString(2, table.name)
            return {str(row.getString(1)): int(row.getInt(2)) for row in _rows(statement.executeQuery())}
        finally:
            statement.close()

    def _tables(self, catalog: str | None, schema: str | None, name: str) -> Iterator[TableName]:
        offered = [str(row.getString(1)).strip() for row in _rows(self._meta.getTableTypes())]
        types = [kind for kind in offered if kind in _READABLE] or None
        for row in _rows(self._meta.getTables(catalog, schema, name, types)):
            table = TableName(_text(row, self._column), _text(row, "TABLE_NAME"))
            if table.schema.lower() not in self._hidden:
                yield table

    def _like(self, pattern: str) -> tuple[str | None, str | None, str]:
        """Catalogue and JDBC's patterns for one like `public.customer_*`: they may find more, never less."""
        schema, dot, name = pattern.partition(".")
        if not dot or "." in name:
            schema = name = "*"
        if self._schemas:
            return self._catalog, self._translated(schema), self._translated(name)
        return None if any(mark in schema for mark in "*?[") else schema, None, self._translated(name)

    def _translated(self, pattern: str) -> str:
        if "[" in pattern or not self._escape:
            return "%"
        return self._escaped(pattern).replace("*", "%").replace("?", "_")

    def _place(self, schema: str) -> tuple[str | None, str | None]:
        """Catalogue and schema; databases are catalogues where there are no schemas."""
        return (self._catalog, schema or None) if self._schemas else (schema or self._catalog, None)


def _text(row: Any, column: str) -> str:
    """Names without a UTF-8 form are told as Utf8.java does, and are those of no table."""
    try:
        return str(row.getString(column) or "")
    except UnicodeDecodeError:
        return str(java("bridge.jdbc.Utf8").string(row, column))


def _told(ask: Callable[..., Any], *about: object) -> Iterator[Any]:
    """None where the driver cannot tell: the operator may."""
    try:
        result = ask(*about)
    except java("java.sql.SQLFeatureNotSupportedException"):
        return iter(())
    return _rows(result)


def _rows(result: Any) -> Iterator[Any]:
    try:
        while result.next():
            yield result
    finally:
        result.close()

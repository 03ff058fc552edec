"""Rows of the dictionary about keys, indexes and materialized view logs (Database Reference, Part I)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.dictionary_columns import length
from bridge.testing.oracle.dictionary_tables import live
from bridge.testing.oracle.tables import Kind, Table

if TYPE_CHECKING:
    from bridge.testing.oracle.server import OraclePeer
    from bridge.testing.oracle.session import Session

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Index:
    """An index that somebody created, apart from those of primary keys."""

    owner: str
    name: str
    table: str
    columns: tuple[str, ...]
    unique: bool = False


def constraints(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for table in peer.store.tables():
        common = {
            "OWNER": table.owner,
            "TABLE_NAME": table.name,
            "STATUS": "ENABLED",
            "VALIDATED": "VALIDATED",
        }
        common |= {"DEFERRABLE": "NOT DEFERRABLE", "DEFERRED": "IMMEDIATE"}
        if table.key:
            name = f"PK_{table.name}"
            key = {"CONSTRAINT_NAME": name, "CONSTRAINT_TYPE": "P", "GENERATED": "USER NAME"}
            key |= {"VALIDATED": "VALIDATED" if table.validated else "NOT VALIDATED"}
            yield common | key | {"INDEX_OWNER": table.owner, "INDEX_NAME": name}
        for place, column in enumerate(table.columns, 1):
            if not column.nullable:
                yield common | {
                    "CONSTRAINT_NAME": f"SYS_C{table.object_id:06}{place:03}",
                    "CONSTRAINT_TYPE": "C",
                    "GENERATED": "GENERATED NAME",
                    "SEARCH_CONDITION": f'"{column.name}" IS NOT NULL',
                    "SEARCH_CONDITION_VC": f'"{column.name}" IS NOT NULL',
                }


def constraint_columns(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for table in peer.store.tables():
        common = {"OWNER": table.owner, "TABLE_NAME": table.name}
        for place, name in enumerate(table.key, 1):
            yield common | {"CONSTRAINT_NAME": f"PK_{table.name}", "COLUMN_NAME": name, "POSITION": place}
        for place, column in enumerate(table.columns, 1):
            if not column.nullable:
                constraint = f"SYS_C{table.object_id:06}{place:03}"
                yield common | {"CONSTRAINT_NAME": constraint, "COLUMN_NAME": column.name}


def _all_indexes(peer: OraclePeer) -> Iterator[tuple[Index, Table]]:
    for table in peer.store.tables():
        if table.key:
            yield Index(table.owner, f"PK_{table.name}", table.name, table.key, unique=table.validated), table
    for index in peer.indexes:
        yield index, peer.store.table(f"{index.owner}.{index.table}")


def indexes(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for index, table in _all_indexes(peer):
        yield {
            "OWNER": index.owner,
            "INDEX_NAME": index.name,
            "INDEX_TYPE": "IOT - TOP"
            if table.kind is Kind.IOT and index.name == f"PK_{table.name}"
            else "NORMAL",
            "TABLE_OWNER": table.owner,
            "TABLE_NAME": table.name,
            "TABLE_TYPE": "TABLE",
            "UNIQUENESS": "UNIQUE" if index.unique else "NONUNIQUE",
            "TABLESPACE_NAME": "USERS",
            "STATUS": "VALID",
            "NUM_ROWS": live(table),
            "PARTITIONED": "NO",
            "VISIBILITY": "VISIBLE",
        }


def index_columns(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for index, table in _all_indexes(peer):
        for place, name in enumerate(index.columns, 1):
            yield {
                "INDEX_OWNER": index.owner,
                "INDEX_NAME": index.name,
                "TABLE_OWNER": table.owner,
                "TABLE_NAME": table.name,
                "COLUMN_NAME": name,
                "COLUMN_POSITION": place,
                "COLUMN_LENGTH": length(table.columns[table.place[name]].type),
                "DESCEND": "ASC",
            }


def logs(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for table in peer.store.tables():
        if table.log is not None:
            yield {
                "LOG_OWNER": table.owner,
                "MASTER": table.name,
                "LOG_TABLE": table.log.name,
                "ROWIDS": "NO",
                "PRIMARY_KEY": "YES",
                "OBJECT_ID": "NO",
                "FILTER_COLUMNS": "YES" if len(table.log_columns) > len(table.key) else "NO",
                "SEQUENCE": "YES" if "SEQUENCE$$" in table.log.place else "NO",
                "INCLUDE_NEW_VALUES": "NO",
                "PURGE_ASYNCHRONOUS": "NO",
                "PURGE_DEFERRED": "NO",
                "COMMIT_SCN_BASED": "NO",
            }

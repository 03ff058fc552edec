"""Rows of the dictionary about columns, and how it spells their types (Database Reference, ALL_TAB_COLS)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle import evaluate
from bridge.testing.oracle.datatypes import CHARACTERS, Type
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.session import Session
from bridge.testing.oracle.store import View
from bridge.testing.oracle.tables import Column

if TYPE_CHECKING:
    from bridge.testing.oracle.server import OraclePeer

Record = Mapping[str, Any]
NATIONAL = frozenset({"NCHAR", "NVARCHAR2", "NCLOB"})
LENGTHS = {
    **dict.fromkeys(("NUMBER", "FLOAT"), 22),
    **dict.fromkeys(("CLOB", "NCLOB", "BLOB"), 4000),
    **dict.fromkeys(("JSON", "VECTOR"), 8200),
    "BINARY_FLOAT": 4,
    "BINARY_DOUBLE": 8,
    "DATE": 7,
    "TIMESTAMP": 11,
    "TIMESTAMP WITH TIME ZONE": 13,
    "TIMESTAMP WITH LOCAL TIME ZONE": 11,
    "INTERVAL DAY TO SECOND": 11,
    "INTERVAL YEAR TO MONTH": 5,
    "ROWID": 10,
    "XMLTYPE": 2000,
    "BOOLEAN": 1,
    "BFILE": 530,
    "LONG": 0,
    "LONG RAW": 0,
}


def columns(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001 -- a family's signature
    for table in peer.store.tables():
        yield from _columns_of(table.owner, table.name, table.columns)
    for query in peer.store.queries():
        try:
            answer = evaluate.describe(Session(peer.store, query.owner), query.text)
        except OracleError:
            continue  # a view that no longer compiles
        made = tuple(Column(column.name, column.type, column.nullable) for column in answer.columns)
        yield from _columns_of(query.owner, query.name, made)


def of_system(peer: OraclePeer, session: Session) -> Iterator[Record]:
    for relation in peer.store.relations.values():
        if isinstance(relation, View) and peer.grants.allows(
            session.user, "SELECT", relation.owner, relation.name
        ):
            yield from _columns_of(relation.owner, relation.name, relation.columns)


def visible(peer: OraclePeer, session: Session) -> Iterator[Record]:
    return _shown(columns(peer, session))


def visible_of_system(peer: OraclePeer, session: Session) -> Iterator[Record]:
    return _shown(of_system(peer, session))


def _shown(records: Iterator[Record]) -> Iterator[Record]:
    return (record for record in records if record["HIDDEN_COLUMN"] == "NO")


@lru_cache(maxsize=1024)
def _columns_of(owner: str, table: str, columns: tuple[Column, ...]) -> tuple[Record, ...]:
    return tuple(_each_of(owner, table, columns))


def _each_of(owner: str, table: str, columns: tuple[Column, ...]) -> Iterator[Record]:
    shown = 0
    for place, column in enumerate(columns, 1):
        shown += not column.hidden
        yield {
            "OWNER": owner,
            "TABLE_NAME": table,
            "COLUMN_NAME": column.name,
            "NULLABLE": "Y" if column.nullable else "N",
            "COLUMN_ID": None if column.hidden else shown,
            "SEGMENT_COLUMN_ID": place,
            "INTERNAL_COLUMN_ID": place,
            "HIDDEN_COLUMN": "YES" if column.hidden else "NO",
            "VIRTUAL_COLUMN": "NO",
            "USER_GENERATED": "YES",
            "QUALIFIED_COL_NAME": f'"{column.name}"' if not column.name.isupper() else column.name,
            "IDENTITY_COLUMN": "NO",
            "DEFAULT_ON_NULL": "NO",
        } | _declared(column.type)


def _declared(type_: Type) -> dict[str, Any]:
    """A type as ALL_TAB_COLS spells it."""
    record: dict[str, Any] = {"DATA_TYPE": spelled(type_), "DATA_LENGTH": length(type_)}
    if type_.of_object:
        record["DATA_TYPE_OWNER"], _, record["DATA_TYPE"] = type_.name.partition(".")
    elif type_.name == "XMLTYPE":
        record["DATA_TYPE_OWNER"] = "SYS"
    else:
        record |= {"DATA_PRECISION": type_.precision, "DATA_SCALE": type_.scale}
    if type_.name in CHARACTERS:
        national = type_.name in NATIONAL
        record["CHARACTER_SET_NAME"] = "NCHAR_CS" if national else "CHAR_CS"
        if type_.size is not None:
            record |= {"CHAR_LENGTH": type_.size, "CHAR_COL_DECL_LENGTH": record["DATA_LENGTH"]}
            record["CHAR_USED"] = "C" if national or type_.unit == "CHAR" else "B"
    return record | {"CHAR_LENGTH": record.get("CHAR_LENGTH", 0)}


def spelled(type_: Type) -> str:
    """Times and intervals with their digits, all others bare."""
    match type_.name:
        case "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE" | "TIMESTAMP WITH LOCAL TIME ZONE":
            return type_.name.replace("TIMESTAMP", f"TIMESTAMP({type_.scale})")
        case "INTERVAL DAY TO SECOND":
            return f"INTERVAL DAY({type_.precision}) TO SECOND({type_.scale})"
        case "INTERVAL YEAR TO MONTH":
            return f"INTERVAL YEAR({type_.precision}) TO MONTH"
    return type_.name


def length(type_: Type) -> int:
    if type_.name in NATIONAL and type_.size:
        return type_.size * 2
    if type_.name in ("VARCHAR2", "CHAR") and type_.unit == "CHAR":
        return min((type_.size or 0) * 4, 32_767)
    return LENGTHS.get(type_.name, type_.size or 1)

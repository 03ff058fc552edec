"""The data dictionary's static views (Database Reference, Part I), made from the store when they are asked.

Of each family there are the views ALL_ (what the account has any privilege on), USER_ (its own) and DBA_. They
have the columns that somebody needs, under the reference's names and with its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle import evaluate
from bridge.testing.oracle.datatypes import CHARACTERS, Type
from bridge.testing.oracle.dynamic import DYNAMIC
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grants import CHANGES
from bridge.testing.oracle.session import Session
from bridge.testing.oracle.store import Query, View
from bridge.testing.oracle.tables import Column, Kind, Table
from bridge.testing.oracle.values import Stamp

if TYPE_CHECKING:
    from bridge.testing.oracle.server import OraclePeer

Record = Mapping[str, Any]
Records = Callable[["OraclePeer", Session], Iterable[Record]]
NAME = "VARCHAR2(128)"
BLOCK = 8192
NATIONAL = frozenset({"NCHAR", "NVARCHAR2", "NCLOB"})
LENGTHS = {
    **dict.fromkeys(("NUMBER", "FLOAT"), 22),
    **dict.fromkeys(("CLOB", "NCLOB", "BLOB"), 4000),
    **dict.fromkeys(("JSON", "VECTOR"), 8200),
    **{"BINARY_FLOAT": 4, "BINARY_DOUBLE": 8, "DATE": 7, "TIMESTAMP": 11, "TIMESTAMP WITH TIME ZONE": 13},
    **{"TIMESTAMP WITH LOCAL TIME ZONE": 11, "INTERVAL DAY TO SECOND": 11, "INTERVAL YEAR TO MONTH": 5},
    **{"ROWID": 10, "XMLTYPE": 2000, "BOOLEAN": 1, "BFILE": 530, "LONG": 0, "LONG RAW": 0},
}


@dataclass(frozen=True, slots=True)
class Index:
    """An index that somebody created, apart from those of primary keys."""

    owner: str
    name: str
    table: str
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """A family of views: its columns as declared, how its rows are made, and the columns that say whose they are."""

    name: str
    columns: str
    records: Records
    owner: str = "OWNER"
    object: str = "TABLE_NAME"


def fields(declared: str) -> tuple[Column, ...]:
    """Read `OWNER VARCHAR2(128); NUM_ROWS NUMBER`."""
    pairs = (field.strip().split(" ", 1) for field in declared.split(";"))
    return tuple(Column.declared(name, type_) for name, type_ in pairs)


def install(peer: OraclePeer) -> None:
    """Register every view with the peer's store."""
    for family in FAMILIES:
        _install(peer, family)
    for name, (declared, records) in {**SINGLE, **DYNAMIC}.items():
        view = View("SYS", name, columns := fields(declared), _rows(peer, records, columns))
        peer.store.register(view, name.replace("V_$", "V$"))


def _install(peer: OraclePeer, family: Family) -> None:
    columns = fields(family.columns)
    own = tuple(column for column in columns if column.name != family.owner)

    def seen(session: Session, record: Record) -> bool:
        return peer.grants.sees(session.user, record[family.owner], record[family.object])

    def owned(session: Session, record: Record) -> bool:
        return bool(record[family.owner] == session.user)

    for prefix, shown, filtered in (("ALL", columns, seen), ("USER", own, owned), ("DBA", columns, None)):
        name = f"{prefix}_{family.name}"
        rows = _rows(peer, family.records, shown, filtered)
        peer.store.register(View("SYS", name, shown, rows), name)


def _rows(
    peer: OraclePeer,
    records: Records,
    columns: tuple[Column, ...],
    keep: Callable[[Session, Record], bool] | None = None,
) -> Callable[[Session], Iterable[tuple[Any, ...]]]:
    names = [column.name for column in columns]

    def rows(session: Session) -> Iterator[tuple[Any, ...]]:
        with peer.store.lock:
            found = list(records(peer, session))
        for record in found:
            if keep is None or keep(session, record):
                yield tuple(record.get(name) for name in names)

    return rows


# -- objects


def _objects(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001 -- a family's signature
    created = peer.store.wall(peer.born).plain().rounded(0)
    for number, relation in enumerate(peer.store.relations.values()):
        if isinstance(relation, View):
            continue
        record = {
            "OWNER": relation.owner,
            "OBJECT_NAME": relation.name,
            "OBJECT_ID": 90_000 + number,
            "CREATED": created,
            "LAST_DDL_TIME": created,
            "STATUS": "VALID",
            "TEMPORARY": "N",
            "GENERATED": "N",
            "SECONDARY": "N",
        }
        if isinstance(relation, Query):
            yield record | {"OBJECT_TYPE": "VIEW"}
            continue
        record |= _of_table(peer, relation)
        yield record | {"OBJECT_TYPE": "TABLE"}
        if relation.kind is Kind.MVIEW:
            yield record | {"OBJECT_TYPE": "MATERIALIZED VIEW", "DATA_OBJECT_ID": None}


def _of_table(peer: OraclePeer, table: Table) -> Record:
    changed = peer.store.wall(peer.store.time_of(table.ddl_scn)).plain()
    own_segment = table.kind in (Kind.TABLE, Kind.MVIEW, Kind.CLUSTER)
    return {
        "OBJECT_ID": table.object_id,
        "DATA_OBJECT_ID": table.object_id if own_segment else None,
        "LAST_DDL_TIME": Stamp(changed.wall // 1_000_000_000 * 1_000_000_000),
        "TEMPORARY": "Y" if table.kind is Kind.TEMPORARY else "N",
    }


def _live(table: Table) -> int:
    return sum(versions[-1].operation != "D" for versions in table.history.values() if versions)


def _tables(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    analyzed = peer.store.wall(peer.born).plain().rounded(0)
    for table in peer.store.tables():
        stored = table.kind is not Kind.EXTERNAL
        yield {
            "OWNER": table.owner,
            "TABLE_NAME": table.name,
            "TABLESPACE_NAME": "USERS" if table.kind in (Kind.TABLE, Kind.MVIEW, Kind.CLUSTER) else None,
            "CLUSTER_NAME": f"{table.name}_CLUSTER" if table.kind is Kind.CLUSTER else None,
            "STATUS": "VALID",
            "NUM_ROWS": _live(table) if stored else None,
            "BLOCKS": sum(extent.blocks for extent in table.extents) if stored else None,
            "AVG_ROW_LEN": 100 if stored else None,
            "LAST_ANALYZED": analyzed if stored else None,
            "PARTITIONED": "NO",
            "IOT_TYPE": "IOT" if table.kind is Kind.IOT else None,
            "TEMPORARY": "Y" if table.kind is Kind.TEMPORARY else "N",
            "SECONDARY": "N",
            "NESTED": "NO",
            "ROW_MOVEMENT": "ENABLED" if table.row_movement else "DISABLED",
            "DURATION": "SYS$TRANSACTION" if table.kind is Kind.TEMPORARY else None,
            "DEPENDENCIES": "ENABLED" if table.row_dependencies else "DISABLED",
            "READ_ONLY": "NO",
            "DROPPED": "NO",
            "EXTERNAL": "YES" if table.kind is Kind.EXTERNAL else "NO",
        }


def _views(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for query in _queries(peer):
        yield {
            "OWNER": query.owner,
            "VIEW_NAME": query.name,
            "TEXT_LENGTH": len(query.text),
            "TEXT": query.text,
            "TEXT_VC": query.text[:4000],
            "READ_ONLY": "N",
        }


def _queries(peer: OraclePeer) -> list[Query]:
    return [relation for relation in peer.store.relations.values() if isinstance(relation, Query)]


def _mviews(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for table in peer.store.tables():
        if table.kind is Kind.MVIEW:
            yield {
                "OWNER": table.owner,
                "MVIEW_NAME": table.name,
                "CONTAINER_NAME": table.name,
                "UPDATABLE": "N",
                "REFRESH_MODE": "DEMAND",
                "REFRESH_METHOD": "FORCE",
                "STALENESS": "FRESH",
            }


def _external(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for table in peer.store.tables():
        if table.kind is Kind.EXTERNAL:
            yield {
                "OWNER": table.owner,
                "TABLE_NAME": table.name,
                "TYPE_OWNER": "SYS",
                "TYPE_NAME": "ORACLE_LOADER",
                "DEFAULT_DIRECTORY_OWNER": "SYS",
                "DEFAULT_DIRECTORY_NAME": "DATA_PUMP_DIR",
                "REJECT_LIMIT": "0",
                "ACCESS_TYPE": "CLOB",
            }


# -- columns


def _columns(peer: OraclePeer, session: Session) -> Iterator[Record]:
    for table in peer.store.tables():
        yield from _columns_of(table.owner, table.name, table.columns)
    for query in _queries(peer):
        try:
            answer = evaluate.describe(Session(peer.store, query.owner), query.text)
        except OracleError:
            continue  # a view that no longer compiles
        made = tuple(Column(column.name, column.type, column.nullable) for column in answer.columns)
        yield from _columns_of(query.owner, query.name, made)
    for relation in peer.store.relations.values():
        if isinstance(relation, View) and peer.grants.allows(
            session.user, "SELECT", relation.owner, relation.name
        ):
            yield from _columns_of(relation.owner, relation.name, relation.columns)


def _visible(peer: OraclePeer, session: Session) -> Iterator[Record]:
    return (record for record in _columns(peer, session) if record["HIDDEN_COLUMN"] == "NO")


def _columns_of(owner: str, table: str, columns: tuple[Column, ...]) -> Iterator[Record]:
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
    record: dict[str, Any] = {"DATA_TYPE": spelled(type_), "DATA_LENGTH": _length(type_)}
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


def _length(type_: Type) -> int:
    if type_.name in NATIONAL and type_.size:
        return type_.size * 2
    if type_.name in ("VARCHAR2", "CHAR") and type_.unit == "CHAR":
        return min((type_.size or 0) * 4, 32_767)
    return LENGTHS.get(type_.name, type_.size or 1)


# -- keys and indexes


def _constraints(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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


def _constraint_columns(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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
            yield Index(table.owner, f"PK_{table.name}", table.name, table.key, unique=True), table
    for index in peer.indexes:
        yield index, peer.store.table(f"{index.owner}.{index.table}")


def _indexes(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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
            "NUM_ROWS": _live(table),
            "PARTITIONED": "NO",
            "VISIBILITY": "VISIBLE",
        }


def _index_columns(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for index, table in _all_indexes(peer):
        for place, name in enumerate(index.columns, 1):
            yield {
                "INDEX_OWNER": index.owner,
                "INDEX_NAME": index.name,
                "TABLE_OWNER": table.owner,
                "TABLE_NAME": table.name,
                "COLUMN_NAME": name,
                "COLUMN_POSITION": place,
                "COLUMN_LENGTH": _length(table.columns[table.place[name]].type),
                "DESCEND": "ASC",
            }


def _logs(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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


# -- queues and types


def _queues(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for number, queue in enumerate(peer.queues.all.values()):
        yield {
            "OWNER": queue.owner,
            "NAME": queue.name,
            "QUEUE_TABLE": queue.table,
            "QID": 95_000 + number,
            "QUEUE_TYPE": "NORMAL_QUEUE",
            "MAX_RETRIES": queue.max_retries,
            "RETRY_DELAY": 0,
            "ENQUEUE_ENABLED": _padded(queue.enqueue_enabled),
            "DEQUEUE_ENABLED": _padded(queue.dequeue_enabled),
            "RETENTION": str(queue.retention),
            "SHARDED": "FALSE",
        }


def _padded(yes: bool) -> str:  # noqa: FBT001 -- a value of two
    """As the database itself spells it, blanks and all."""
    return "  YES  " if yes else "  NO   "


def _queue_tables(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for queue in peer.queues.all.values():
        yield {
            "OWNER": queue.owner,
            "QUEUE_TABLE": queue.table,
            "TYPE": queue.payload,
            "SORT_ORDER": "ENQUEUE_TIME",
            "RECIPIENTS": "MULTIPLE" if queue.subscribers else "SINGLE",
            "MESSAGE_GROUPING": "NONE",
            "COMPATIBLE": "10.0.0",
            "SECURE": "NO",
        }


def _subscribers(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for queue in peer.queues.all.values():
        for name in queue.subscribers:
            common = {"OWNER": queue.owner, "QUEUE_NAME": queue.name, "QUEUE_TABLE": queue.table}
            yield common | {"CONSUMER_NAME": name}


def _types(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for made in peer.types.values():
        yield {
            "OWNER": made.owner,
            "TYPE_NAME": made.name,
            "TYPE_OID": made.oid,
            "TYPECODE": "COLLECTION" if made.element else "OBJECT",
            "ATTRIBUTES": len(made.attributes),
            "METHODS": 0,
            "PREDEFINED": "NO",
            "INCOMPLETE": "NO",
            "FINAL": "YES",
            "INSTANTIABLE": "YES",
        }


def _attributes(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for made in peer.types.values():
        for place, (name, declared) in enumerate(made.attributes, 1):
            common = {"OWNER": made.owner, "TYPE_NAME": made.name, "ATTR_NAME": name, "ATTR_NO": place}
            yield common | _element("ATTR", Column.declared(name, declared).type) | {"INHERITED": "NO"}


def _collections(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for made in peer.types.values():
        if made.element:
            kind = "TABLE" if made.bound is None else "VARYING ARRAY"
            common = {
                "OWNER": made.owner,
                "TYPE_NAME": made.name,
                "COLL_TYPE": kind,
                "UPPER_BOUND": made.bound,
            }
            yield common | _element("ELEM", Column.declared("E", made.element).type)


def _element(prefix: str, type_: Type) -> dict[str, Any]:
    """Of an attribute or an element: bare names here, digits in columns of their own (ALL_TYPE_ATTRS)."""
    owner, _, name = type_.name.rpartition(".")
    return {
        f"{prefix}_TYPE_OWNER": owner or None,
        f"{prefix}_TYPE_NAME": name.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TZ").replace(
            "TIMESTAMP WITH LOCAL TIME ZONE", "TIMESTAMP WITH LOCAL TZ"
        ),
        "LENGTH": type_.size,
        "PRECISION": type_.precision,
        "SCALE": type_.scale,
        "CHARACTER_SET_NAME": "CHAR_CS" if type_.name in CHARACTERS else None,
        "CHAR_USED": "C" if type_.unit == "CHAR" else "B" if type_.name in CHARACTERS else None,
    }


# -- space and privileges


def _extents(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for table in peer.store.tables():
        for number, extent in enumerate(table.extents):
            yield {
                "OWNER": table.owner,
                "SEGMENT_NAME": table.name,
                "SEGMENT_TYPE": "CLUSTER" if table.kind is Kind.CLUSTER else "TABLE",
                "TABLESPACE_NAME": "USERS",
                "EXTENT_ID": number,
                "FILE_ID": extent.file,
                "BLOCK_ID": extent.block,
                "BYTES": extent.blocks * BLOCK,
                "BLOCKS": extent.blocks,
                "RELATIVE_FNO": extent.file,
            }


def _privileges(peer: OraclePeer, session: Session) -> Iterator[Record]:
    """Grants to the account on what it does not own; wide ones of the simulator counted out by table."""
    grants, user = peer.grants, session.user
    for relation in peer.store.relations.values():
        if relation.owner in ("SYS", user):
            continue
        for action in ("SELECT", "FLASHBACK", "READ", *CHANGES):
            if {(user, action, "*"), (user, action, f"{relation.owner}.{relation.name}")} & grants.objects:
                if (user, action, f"{relation.owner}.{relation.name}") not in grants.withheld:
                    yield _privilege(user, relation.owner, relation.name, action)
    for grantee, action, name in sorted(grants.objects):
        owner, _, plain = name.partition(".")
        if grantee == user and (owner == "SYS" or name in peer.queues.all):
            yield _privilege(user, owner, plain, action)


def _privilege(user: str, owner: str, name: str, action: str) -> Record:
    record = {"GRANTEE": user, "OWNER": owner, "TABLE_SCHEMA": owner, "TABLE_NAME": name, "GRANTOR": owner}
    return record | {
        "PRIVILEGE": action,
        "GRANTABLE": "NO",
        "HIERARCHY": "NO",
        "COMMON": "NO",
        "INHERITED": "NO",
    }


def _system_privileges(peer: OraclePeer, session: Session) -> Iterator[Record]:
    for privilege in sorted(peer.grants.system.get(session.user, ())):
        yield {"USERNAME": session.user, "PRIVILEGE": privilege, "ADMIN_OPTION": "NO"}


def _roles(peer: OraclePeer, session: Session) -> Iterator[Record]:
    return ({"ROLE": role} for role in sorted(peer.grants.roles.get(session.user, ())))


def _synonyms(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for name, (owner, table) in peer.store.synonyms.items():
        yield {"OWNER": "PUBLIC", "SYNONYM_NAME": name, "TABLE_OWNER": owner, "TABLE_NAME": table}


def _users(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    names = {*peer.accounts, *(table.owner for table in peer.store.tables()), "SYS"}
    created = peer.store.wall(peer.born).plain().rounded(0)
    for number, name in enumerate(sorted(names)):
        yield {"USERNAME": name, "USER_ID": 100 + number, "CREATED": created}


_COLUMNS = (
    f"OWNER {NAME}; TABLE_NAME {NAME}; COLUMN_NAME {NAME}; DATA_TYPE {NAME}; DATA_TYPE_MOD VARCHAR2(3);"
    f"DATA_TYPE_OWNER {NAME}; DATA_LENGTH NUMBER; DATA_PRECISION NUMBER; DATA_SCALE NUMBER; NULLABLE VARCHAR2(1);"
    "COLUMN_ID NUMBER; DEFAULT_LENGTH NUMBER; DATA_DEFAULT LONG; CHARACTER_SET_NAME VARCHAR2(44);"
    "CHAR_COL_DECL_LENGTH NUMBER; CHAR_LENGTH NUMBER; CHAR_USED VARCHAR2(1); HIDDEN_COLUMN VARCHAR2(3);"
    "VIRTUAL_COLUMN VARCHAR2(3); SEGMENT_COLUMN_ID NUMBER; INTERNAL_COLUMN_ID NUMBER;"
    "QUALIFIED_COL_NAME VARCHAR2(4000); USER_GENERATED VARCHAR2(3); DEFAULT_ON_NULL VARCHAR2(3);"
    "IDENTITY_COLUMN VARCHAR2(3)"
)
_OBJECTS = (
    f"OWNER {NAME}; OBJECT_NAME {NAME}; SUBOBJECT_NAME {NAME}; OBJECT_ID NUMBER; DATA_OBJECT_ID NUMBER;"
    "OBJECT_TYPE VARCHAR2(23); CREATED DATE; LAST_DDL_TIME DATE; STATUS VARCHAR2(7); TEMPORARY VARCHAR2(1);"
    "GENERATED VARCHAR2(1); SECONDARY VARCHAR2(1)"
)
_TABLES = (
    f"OWNER {NAME}; TABLE_NAME {NAME}; TABLESPACE_NAME VARCHAR2(30); CLUSTER_NAME {NAME}; IOT_NAME {NAME};"
    "STATUS VARCHAR2(8); NUM_ROWS NUMBER; BLOCKS NUMBER; AVG_ROW_LEN NUMBER; LAST_ANALYZED DATE;"
    "PARTITIONED VARCHAR2(3); IOT_TYPE VARCHAR2(12); TEMPORARY VARCHAR2(1); SECONDARY VARCHAR2(1);"
    "NESTED VARCHAR2(3); ROW_MOVEMENT VARCHAR2(8); DURATION VARCHAR2(15); DEPENDENCIES VARCHAR2(8);"
    "READ_ONLY VARCHAR2(3); DROPPED VARCHAR2(3); EXTERNAL VARCHAR2(3)"
)
_CONSTRAINTS = (
    f"OWNER {NAME}; CONSTRAINT_NAME {NAME}; CONSTRAINT_TYPE VARCHAR2(1); TABLE_NAME {NAME}; SEARCH_CONDITION LONG;"
    f"SEARCH_CONDITION_VC VARCHAR2(4000); R_OWNER {NAME}; R_CONSTRAINT_NAME {NAME}; STATUS VARCHAR2(8);"
    "DEFERRABLE VARCHAR2(14); DEFERRED VARCHAR2(9); VALIDATED VARCHAR2(13); GENERATED VARCHAR2(14);"
    f"INDEX_OWNER {NAME}; INDEX_NAME {NAME}"
)
_INDEXES = (
    f"OWNER {NAME}; INDEX_NAME {NAME}; INDEX_TYPE VARCHAR2(27); TABLE_OWNER {NAME}; TABLE_NAME {NAME};"
    "TABLE_TYPE VARCHAR2(11); UNIQUENESS VARCHAR2(9); TABLESPACE_NAME VARCHAR2(30); STATUS VARCHAR2(8);"
    "NUM_ROWS NUMBER; PARTITIONED VARCHAR2(3); VISIBILITY VARCHAR2(9)"
)
_INDEX_COLUMNS = (
    f"INDEX_OWNER {NAME}; INDEX_NAME {NAME}; TABLE_OWNER {NAME}; TABLE_NAME {NAME}; COLUMN_NAME VARCHAR2(4000);"
    "COLUMN_POSITION NUMBER; COLUMN_LENGTH NUMBER; DESCEND VARCHAR2(4)"
)
_LOGS = (
    f"LOG_OWNER {NAME}; MASTER {NAME}; LOG_TABLE {NAME}; LOG_TRIGGER {NAME}; ROWIDS VARCHAR2(3);"
    "PRIMARY_KEY VARCHAR2(3); OBJECT_ID VARCHAR2(3); FILTER_COLUMNS VARCHAR2(3); SEQUENCE VARCHAR2(3);"
    "INCLUDE_NEW_VALUES VARCHAR2(3); PURGE_ASYNCHRONOUS VARCHAR2(3); PURGE_DEFERRED VARCHAR2(3);"
    "COMMIT_SCN_BASED VARCHAR2(3)"
)
_QUEUES = (
    f"OWNER {NAME}; NAME {NAME}; QUEUE_TABLE {NAME}; QID NUMBER; QUEUE_TYPE VARCHAR2(20); MAX_RETRIES NUMBER;"
    "RETRY_DELAY NUMBER; ENQUEUE_ENABLED VARCHAR2(7); DEQUEUE_ENABLED VARCHAR2(7); RETENTION VARCHAR2(40);"
    "USER_COMMENT VARCHAR2(50); SHARDED VARCHAR2(5)"
)
_QUEUE_TABLES = (
    f"OWNER {NAME}; QUEUE_TABLE {NAME}; TYPE VARCHAR2(7); OBJECT_TYPE VARCHAR2(257); SORT_ORDER VARCHAR2(22);"
    "RECIPIENTS VARCHAR2(8); MESSAGE_GROUPING VARCHAR2(13); COMPATIBLE VARCHAR2(8); SECURE VARCHAR2(3)"
)
_TYPES = (
    f"OWNER {NAME}; TYPE_NAME {NAME}; TYPE_OID RAW(16); TYPECODE {NAME}; ATTRIBUTES NUMBER; METHODS NUMBER;"
    "PREDEFINED VARCHAR2(3); INCOMPLETE VARCHAR2(3); FINAL VARCHAR2(3); INSTANTIABLE VARCHAR2(3);"
    f"SUPERTYPE_OWNER {NAME}; SUPERTYPE_NAME {NAME}"
)
_SIZES = "LENGTH NUMBER; PRECISION NUMBER; SCALE NUMBER; CHARACTER_SET_NAME VARCHAR2(44)"
_PRIVILEGES = (
    f"GRANTEE {NAME}; OWNER {NAME}; TABLE_NAME {NAME}; GRANTOR {NAME}; PRIVILEGE VARCHAR2(40);"
    "GRANTABLE VARCHAR2(3); HIERARCHY VARCHAR2(3); COMMON VARCHAR2(3); INHERITED VARCHAR2(3)"
)
FAMILIES = (
    Family("OBJECTS", _OBJECTS, _objects, object="OBJECT_NAME"),
    Family("TABLES", _TABLES, _tables),
    Family(
        "VIEWS",
        f"OWNER {NAME}; VIEW_NAME {NAME}; TEXT_LENGTH NUMBER; TEXT LONG; TEXT_VC VARCHAR2(4000);"
        "READ_ONLY VARCHAR2(1)",
        _views,
        object="VIEW_NAME",
    ),
    Family(
        "MVIEWS",
        f"OWNER {NAME}; MVIEW_NAME {NAME}; CONTAINER_NAME {NAME}; QUERY LONG; UPDATABLE VARCHAR2(1);"
        "REFRESH_MODE VARCHAR2(9); REFRESH_METHOD VARCHAR2(8); LAST_REFRESH_DATE DATE; STALENESS VARCHAR2(19)",
        _mviews,
        object="MVIEW_NAME",
    ),
    Family(
        "EXTERNAL_TABLES",
        f"OWNER {NAME}; TABLE_NAME {NAME}; TYPE_OWNER VARCHAR2(3); TYPE_NAME {NAME};"
        f"DEFAULT_DIRECTORY_OWNER VARCHAR2(3); DEFAULT_DIRECTORY_NAME {NAME}; REJECT_LIMIT VARCHAR2(40);"
        "ACCESS_TYPE VARCHAR2(7)",
        _external,
    ),
    Family("TAB_COLS", _COLUMNS, _columns),
    Family("TAB_COLUMNS", _COLUMNS, _visible),
    Family("CONSTRAINTS", _CONSTRAINTS, _constraints),
    Family(
        "CONS_COLUMNS",
        f"OWNER {NAME}; CONSTRAINT_NAME {NAME}; TABLE_NAME {NAME}; COLUMN_NAME VARCHAR2(4000); POSITION NUMBER",
        _constraint_columns,
    ),
    Family("INDEXES", _INDEXES, _indexes),
    Family("IND_COLUMNS", _INDEX_COLUMNS, _index_columns, owner="INDEX_OWNER"),
    Family("MVIEW_LOGS", _LOGS, _logs, owner="LOG_OWNER", object="LOG_TABLE"),
    Family("QUEUES", _QUEUES, _queues, object="NAME"),
    Family("QUEUE_TABLES", _QUEUE_TABLES, _queue_tables, object="QUEUE_TABLE"),
    Family(
        "QUEUE_SUBSCRIBERS",
        f"OWNER {NAME}; QUEUE_NAME {NAME}; QUEUE_TABLE {NAME}; CONSUMER_NAME {NAME}; ADDRESS VARCHAR2(1024);"
        "PROTOCOL NUMBER",
        _subscribers,
        object="QUEUE_NAME",
    ),
    Family("TYPES", _TYPES, _types, object="TYPE_NAME"),
    Family(
        "TYPE_ATTRS",
        f"OWNER {NAME}; TYPE_NAME {NAME}; ATTR_NAME {NAME}; ATTR_TYPE_MOD VARCHAR2(7); ATTR_TYPE_OWNER {NAME};"
        f"ATTR_TYPE_NAME {NAME}; {_SIZES}; ATTR_NO NUMBER; INHERITED VARCHAR2(3); CHAR_USED VARCHAR2(1)",
        _attributes,
        object="TYPE_NAME",
    ),
    Family(
        "COLL_TYPES",
        f"OWNER {NAME}; TYPE_NAME {NAME}; COLL_TYPE {NAME}; UPPER_BOUND NUMBER; ELEM_TYPE_MOD VARCHAR2(7);"
        f"ELEM_TYPE_OWNER {NAME}; ELEM_TYPE_NAME {NAME}; {_SIZES}; CHAR_USED VARCHAR2(1)",
        _collections,
        object="TYPE_NAME",
    ),
)
SINGLE: dict[str, tuple[str, Records]] = {
    "ALL_TAB_PRIVS": (
        f"GRANTOR {NAME}; GRANTEE {NAME}; TABLE_SCHEMA {NAME}; TABLE_NAME {NAME}; PRIVILEGE VARCHAR2(40);"
        "GRANTABLE VARCHAR2(3); HIERARCHY VARCHAR2(3); COMMON VARCHAR2(3); INHERITED VARCHAR2(3)",
        _privileges,
    ),
    "USER_TAB_PRIVS": (_PRIVILEGES, _privileges),
    "USER_SYS_PRIVS": (
        f"USERNAME {NAME}; PRIVILEGE VARCHAR2(40); ADMIN_OPTION VARCHAR2(3)",
        _system_privileges,
    ),
    "SESSION_PRIVS": ("PRIVILEGE VARCHAR2(40)", _system_privileges),
    "SESSION_ROLES": (f"ROLE {NAME}", _roles),
    "ALL_SYNONYMS": (f"OWNER {NAME}; SYNONYM_NAME {NAME}; TABLE_OWNER {NAME}; TABLE_NAME {NAME}", _synonyms),
    "ALL_USERS": (f"USERNAME {NAME}; USER_ID NUMBER; CREATED DATE", _users),
    "DBA_EXTENTS": (
        f"OWNER {NAME}; SEGMENT_NAME {NAME}; PARTITION_NAME {NAME}; SEGMENT_TYPE VARCHAR2(18);"
        "TABLESPACE_NAME VARCHAR2(30); EXTENT_ID NUMBER; FILE_ID NUMBER; BLOCK_ID NUMBER; BYTES NUMBER;"
        "BLOCKS NUMBER; RELATIVE_FNO NUMBER",
        _extents,
    ),
}

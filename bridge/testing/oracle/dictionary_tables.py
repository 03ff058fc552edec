"""Rows of the dictionary about tables, views and their like (Database Reference, Part I)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.store import Query, View
from bridge.testing.oracle.tables import Kind, Table
from bridge.testing.oracle.values import Stamp

if TYPE_CHECKING:
    from bridge.testing.oracle.server import OraclePeer
    from bridge.testing.oracle.session import Session

Record = Mapping[str, Any]


def objects(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001 -- a family's signature
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
    altered = min(max(table.ddl_scn, table.altered), peer.store.scn)
    changed = peer.store.wall(peer.store.time_of(altered)).plain()
    own_segment = table.kind in (Kind.TABLE, Kind.MVIEW, Kind.CLUSTER)
    return {
        "OBJECT_ID": table.object_id,
        "DATA_OBJECT_ID": table.segments[0].object if own_segment and len(table.segments) == 1 else None,
        "LAST_DDL_TIME": Stamp(changed.wall // 1_000_000_000 * 1_000_000_000),
        "TEMPORARY": "Y" if table.kind is Kind.TEMPORARY else "N",
    }


def live(table: Table) -> int:
    return sum(versions[-1].operation != "D" for versions in table.history.values() if versions)


def tables(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    analyzed = peer.store.wall(peer.born).plain().rounded(0)
    for table in peer.store.tables():
        stored = table.kind is not Kind.EXTERNAL
        yield {
            "OWNER": table.owner,
            "TABLE_NAME": table.name,
            "TABLESPACE_NAME": "USERS" if table.kind in (Kind.TABLE, Kind.MVIEW, Kind.CLUSTER) else None,
            "CLUSTER_NAME": f"{table.name}_CLUSTER" if table.kind is Kind.CLUSTER else None,
            "STATUS": "VALID",
            "NUM_ROWS": live(table) if stored else None,
            "BLOCKS": sum(extent.blocks for extent in table.extents) if stored else None,
            "AVG_ROW_LEN": 100 if stored else None,
            "LAST_ANALYZED": analyzed if stored else None,
            "PARTITIONED": "YES" if len(table.segments) > 1 else "NO",
            "IOT_TYPE": "IOT" if table.kind is Kind.IOT else None,
            "TEMPORARY": "Y" if table.kind is Kind.TEMPORARY else "N",
            "SECONDARY": "N",
            "NESTED": "NO",
            "ROW_MOVEMENT": "ENABLED" if table.row_movement else "DISABLED",
            "DURATION": "SYS$TRANSACTION" if table.kind is Kind.TEMPORARY else None,
            "DEPENDENCIES": "ENABLED" if table.row_dependencies else "DISABLED",
            "READ_ONLY": "NO",
            "DROPPED": "NO" if len(table.segments) <= 1 else None,
            "EXTERNAL": "YES" if table.kind is Kind.EXTERNAL else "NO",
        }


def views(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for query in peer.store.queries():
        yield {
            "OWNER": query.owner,
            "VIEW_NAME": query.name,
            "TEXT_LENGTH": len(query.text),
            "TEXT": query.text,
            "TEXT_VC": query.text[:4000],
            "READ_ONLY": "N",
        }


def mviews(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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


def external(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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

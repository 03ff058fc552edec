"""Rows of the dictionary about queues, types, space, accounts and privileges (Database Reference, Part I)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.datatypes import CHARACTERS, Type
from bridge.testing.oracle.grants import CHANGES
from bridge.testing.oracle.tables import Column, Kind

if TYPE_CHECKING:
    from bridge.testing.oracle.server import OraclePeer
    from bridge.testing.oracle.session import Session

Record = Mapping[str, Any]
BLOCK = 8192


def queues(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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


def queue_tables(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for queue in peer.queues.all.values():
        yield {
            "OWNER": queue.owner,
            "QUEUE_TABLE": queue.table,
            "TYPE": queue.payload if queue.payload in ("RAW", "JSON") else "OBJECT",
            "OBJECT_TYPE": _payload_type(queue.payload),
            "SORT_ORDER": "ENQUEUE_TIME",
            "RECIPIENTS": "MULTIPLE" if queue.subscribers else "SINGLE",
            "MESSAGE_GROUPING": "NONE",
            "COMPATIBLE": "10.0.0",
            "SECURE": "NO",
        }


def _payload_type(payload: str) -> str | None:
    """What a queue of JSON shows here no manual tells: this is a guess."""
    return {"RAW": None, "JSON": "SYS.JSON"}.get(payload, payload)


def policies(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for table in peer.store.tables():
        if table.policy is not None:
            common = {"OBJECT_OWNER": table.owner, "OBJECT_NAME": table.name, "ENABLE": "YES"}
            yield common | {"POLICY_NAME": f"{table.name}_ROWS", "SEL": "YES"}


def subscribers(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for queue in peer.queues.all.values():
        for name in queue.subscribers:
            common = {"OWNER": queue.owner, "QUEUE_NAME": queue.name, "QUEUE_TABLE": queue.table}
            yield common | {"CONSUMER_NAME": name}


def types(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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


def attributes(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for made in peer.types.values():
        for place, (name, declared) in enumerate(made.attributes, 1):
            common = {"OWNER": made.owner, "TYPE_NAME": made.name, "ATTR_NAME": name, "ATTR_NO": place}
            yield common | _element("ATTR", Column.declared(name, declared).type) | {"INHERITED": "NO"}


def collections(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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


def extents(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
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


def privileges(peer: OraclePeer, session: Session) -> Iterator[Record]:
    """Grants to the account on what it does not own; wide ones of the simulator counted out by table."""
    grants, user = peer.grants, session.user
    for relation in peer.store.relations.values():
        if relation.owner in ("SYS", user):
            continue
        for action in ("SELECT", "FLASHBACK", "READ", *CHANGES):
            named, wide = (user, action, f"{relation.owner}.{relation.name}"), (user, action, "*")
            if named in grants.objects or (wide in grants.objects and named not in grants.withheld):
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


def system_privileges(peer: OraclePeer, session: Session) -> Iterator[Record]:
    for privilege in sorted(peer.grants.system.get(session.user, ())):
        yield {"USERNAME": session.user, "PRIVILEGE": privilege, "ADMIN_OPTION": "NO"}


def roles(peer: OraclePeer, session: Session) -> Iterator[Record]:
    return ({"ROLE": role} for role in sorted(peer.grants.roles.get(session.user, ())))


def synonyms(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for name, (owner, table) in peer.store.synonyms.items():
        yield {"OWNER": "PUBLIC", "SYNONYM_NAME": name, "TABLE_OWNER": owner, "TABLE_NAME": table}


def users(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    names = {*peer.accounts, *(table.owner for table in peer.store.tables()), "SYS"}
    created = peer.store.wall(peer.born).plain().rounded(0)
    for number, name in enumerate(sorted(names)):
        yield {"USERNAME": name, "USER_ID": 100 + number, "CREATED": created}

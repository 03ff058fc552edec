"""The data dictionary's views (Database Reference, Part I), made from the store when they are asked.

Of each family there are the views ALL_ (what the account has any privilege on), USER_ (its own) and DBA_.
They have the columns that somebody needs, under the reference's names and with its values: see views.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bridge.testing.oracle import dictionary_columns as columns
from bridge.testing.oracle import dictionary_keys as keys
from bridge.testing.oracle import dictionary_others as others
from bridge.testing.oracle import dictionary_tables as tables
from bridge.testing.oracle.dynamic import CLUSTERED, DYNAMIC
from bridge.testing.oracle.session import Session
from bridge.testing.oracle.store import View
from bridge.testing.oracle.tables import Column

if TYPE_CHECKING:
    from bridge.testing.oracle.server import OraclePeer

Record = Mapping[str, Any]
Records = Callable[["OraclePeer", Session], Iterable[Record]]
INSTANCE = Column.declared("INST_ID", "NUMBER")


@dataclass(frozen=True, slots=True)
class Family:
    """How the rows of ALL_, USER_ and DBA_ are made, and the columns that say whose and what they are."""

    records: Records
    object: str = "TABLE_NAME"
    owner: str = "OWNER"
    system: Records | None = None
    """More, of what belongs to SYS."""


FAMILIES = {
    "OBJECTS": Family(tables.objects, "OBJECT_NAME"),
    "TABLES": Family(tables.tables),
    "VIEWS": Family(tables.views, "VIEW_NAME"),
    "MVIEWS": Family(tables.mviews, "MVIEW_NAME"),
    "EXTERNAL_TABLES": Family(tables.external),
    "TAB_COLS": Family(columns.columns, system=columns.of_system),
    "TAB_COLUMNS": Family(columns.visible, system=columns.visible_of_system),
    "CONSTRAINTS": Family(keys.constraints),
    "CONS_COLUMNS": Family(keys.constraint_columns),
    "INDEXES": Family(keys.indexes),
    "IND_COLUMNS": Family(keys.index_columns, owner="INDEX_OWNER"),
    "MVIEW_LOGS": Family(keys.logs, "LOG_TABLE", "LOG_OWNER"),
    "POLICIES": Family(others.policies, "OBJECT_NAME", "OBJECT_OWNER"),
    "QUEUES": Family(others.queues, "NAME"),
    "QUEUE_TABLES": Family(others.queue_tables, "QUEUE_TABLE"),
    "QUEUE_SUBSCRIBERS": Family(others.subscribers, "QUEUE_NAME"),
    "TYPES": Family(others.types, "TYPE_NAME"),
    "TYPE_ATTRS": Family(others.attributes, "TYPE_NAME"),
    "COLL_TYPES": Family(others.collections, "TYPE_NAME"),
}
SINGLE: dict[str, Records] = {
    "ALL_TAB_PRIVS": others.privileges,
    "USER_TAB_PRIVS": others.privileges,
    "USER_SYS_PRIVS": others.system_privileges,
    "SESSION_PRIVS": others.system_privileges,
    "SESSION_ROLES": others.roles,
    "ALL_SYNONYMS": others.synonyms,
    "ALL_USERS": others.users,
    "DBA_EXTENTS": others.extents,
}


def declared() -> dict[str, tuple[Column, ...]]:
    """The columns of every view, read from views.yaml."""
    text = Path(__file__).with_name("views.yaml").read_text()
    return {
        name: tuple(Column.declared(*line.split(" ", 1)) for line in lines.splitlines())
        for name, lines in yaml.safe_load(text).items()
    }


def install(peer: OraclePeer) -> None:
    """Register every view with the peer's store."""
    known = declared()
    for name, family in FAMILIES.items():
        _install(peer, name, family, known[name])
    for name, records in {**SINGLE, **DYNAMIC}.items():
        _register(peer, name, records, known[name])
        if name in CLUSTERED:
            _register(peer, f"G{name}", CLUSTERED[name], (INSTANCE, *known[name]))


def _register(peer: OraclePeer, name: str, records: Records, columns: tuple[Column, ...]) -> None:
    view = View("SYS", name, columns, _rows(peer, Family(records), columns))
    peer.store.register(view, name.replace("V_$", "V$"))


def _install(peer: OraclePeer, name: str, family: Family, columns: tuple[Column, ...]) -> None:
    own = tuple(column for column in columns if column.name != family.owner)

    def seen(session: Session, record: Record) -> bool:
        return peer.grants.sees(session.user, record[family.owner], record[family.object])

    def owned(session: Session, record: Record) -> bool:
        return bool(record[family.owner] == session.user)

    for prefix, shown, keep in (("ALL", columns, seen), ("USER", own, owned), ("DBA", columns, None)):
        view = View("SYS", f"{prefix}_{name}", shown, _rows(peer, family, shown, keep))
        peer.store.register(view, view.name)


def _rows(
    peer: OraclePeer,
    family: Family,
    columns: tuple[Column, ...],
    keep: Callable[[Session, Record], bool] | None = None,
) -> Callable[[Session, Mapping[str, Any]], Iterable[tuple[Any, ...]]]:
    names = [column.name for column in columns]

    def rows(session: Session, wanted: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        with peer.store.lock:
            found = list(family.records(peer, session))
            if family.system and wanted.get(family.owner, "SYS") == "SYS":
                found += family.system(peer, session)
        named = [(name, wanted[name]) for name in (family.owner, family.object) if name in wanted]
        for record in found:
            if named and any(record.get(name) != value for name, value in named):
                continue
            if keep is None or keep(session, record):
                yield tuple(map(record.get, names))

    return rows

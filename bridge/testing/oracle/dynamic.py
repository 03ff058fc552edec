"""The dynamic performance views (Database Reference, Part II), SYS's single ones, and DUAL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.testing.oracle.session import Session
from bridge.testing.oracle.values import SECOND, Stamp

if TYPE_CHECKING:
    from bridge.testing.oracle.backend import PeerBackend
    from bridge.testing.oracle.server import OraclePeer
    from bridge.testing.oracle.transactions import Transaction

Record = Mapping[str, Any]
Records = Callable[["OraclePeer", Session], Iterable[Record]]
TEN_MINUTES = 600 * SECOND


def _date(peer: OraclePeer, moment: int) -> Stamp:
    """A DATE of the server's own clock."""
    return Stamp(peer.store.wall(moment).wall // SECOND * SECOND)


def _dual(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001 -- a view's signature
    yield {"DUMMY": "X"}


def _database(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    yield {
        "INST_ID": 1,
        "DBID": peer.dbid,
        "NAME": peer.database,
        "CREATED": _date(peer, peer.born),
        "RESETLOGS_CHANGE#": peer.resetlogs,
        "RESETLOGS_TIME": _date(peer, peer.born),
        "LOG_MODE": "NOARCHIVELOG",
        "OPEN_MODE": peer.open_mode,
        "DATABASE_ROLE": peer.role,
        "CURRENT_SCN": peer.store.scn,
        "SUPPLEMENTAL_LOG_DATA_MIN": "NO",
        "SUPPLEMENTAL_LOG_DATA_PK": "NO",
        "SUPPLEMENTAL_LOG_DATA_ALL": "NO",
        "FLASHBACK_ON": "NO",
        "FORCE_LOGGING": "NO",
        "DB_UNIQUE_NAME": peer.database,
        "PLATFORM_NAME": "Linux x86 64-bit",
        "CDB": "YES",
        "CON_ID": 0,
        "CON_DBID": peer.pluggable_dbid,
    }


def _instance(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for number in range(1, peer.instances + 1):
        yield {
            "INST_ID": number,
            "INSTANCE_NUMBER": number,
            "INSTANCE_NAME": f"{peer.instance}{number if peer.instances > 1 else ''}",
            "HOST_NAME": "simulator",
            "VERSION": f"{peer.release.version.partition('.')[0]}.0.0.0.0",
            "VERSION_FULL": peer.release.version,
            "STARTUP_TIME": _date(peer, peer.born),
            "STATUS": "OPEN",
            "PARALLEL": "YES" if peer.instances > 1 else "NO",
            "THREAD#": number,
            "DATABASE_STATUS": "ACTIVE",
            "INSTANCE_ROLE": "PRIMARY_INSTANCE",
            "CON_ID": 0,
        }


def _own_instance(peer: OraclePeer, session: Session) -> Iterator[Record]:
    return (record for record in _instance(peer, session) if record["INST_ID"] == 1)


def _transactions(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    """Instances tell their own: a standby that only applies redo has none of its primary's."""
    for tx in () if peer.role == "PHYSICAL STANDBY" else list(peer.store.transactions.values()):
        yield _transaction(tx)


def _own_transactions(peer: OraclePeer, session: Session) -> Iterator[Record]:
    return (record for record in _transactions(peer, session) if record["INST_ID"] == 1)


def _transaction(tx: Transaction) -> Record:
    at = Stamp(tx.began.wall // SECOND * SECOND)
    fields = at.fields
    return {
        "INST_ID": tx.instance,
        "ADDR": tx.xid,
        "XIDUSN": int.from_bytes(tx.xid[:2], "little"),
        "XIDSLOT": int.from_bytes(tx.xid[2:4], "little"),
        "XIDSQN": int.from_bytes(tx.xid[4:], "little"),
        "STATUS": "ACTIVE",
        "START_TIME": (
            f"{fields.month:02}/{fields.day:02}/{fields.year % 100:02} "
            f"{fields.hour:02}:{fields.minute:02}:{fields.second:02}"
        ),
        "START_SCNB": tx.start_scn & 0xFFFF_FFFF,
        "START_SCNW": tx.start_scn >> 32,
        "SES_ADDR": (tx.sid or 0).to_bytes(8, "big"),
        "USED_UBLK": 1,
        "USED_UREC": len(tx.changes),
        "XID": tx.xid,
        "START_DATE": at,
        "START_SCN": tx.start_scn,
        "CON_ID": 0,
    }


def _sessions(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for backend in list(peer.sessions):
        if backend.session is not None:
            yield _session(peer, backend, backend.session)


def _session(peer: OraclePeer, backend: PeerBackend, session: Session) -> Record:
    context = session.context
    return {
        "INST_ID": 1,
        "SADDR": session.sid.to_bytes(8, "big"),
        "SID": session.sid,
        "SERIAL#": session.serial,
        "AUDSID": session.sid + 400_000,
        "USERNAME": session.user,
        "STATUS": "ACTIVE" if backend.busy else "INACTIVE",
        "SCHEMANAME": session.schema,
        "OSUSER": backend.client.get("osuser"),
        "MACHINE": backend.client.get("machine"),
        "TERMINAL": backend.client.get("terminal"),
        "PROGRAM": (backend.client.get("program") or "")[:48] or None,
        "TYPE": "USER",
        "MODULE": context.get("MODULE") or None,
        "ACTION": context.get("ACTION") or None,
        "CLIENT_INFO": context.get("CLIENT_INFO") or None,
        "CLIENT_IDENTIFIER": context.get("CLIENT_IDENTIFIER") or None,
        "LOGON_TIME": _date(peer, backend.since),
        "TADDR": session.tx.xid if session.tx is not None else None,
        "SERVICE_NAME": context.get("SERVICE_NAME"),
        "CON_ID": 0,
    }


def _undo(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    """One row for each ten minutes; of the current ones alone here."""
    now = peer.store.clock()
    yield {
        "INST_ID": 1,
        "BEGIN_TIME": _date(peer, now // TEN_MINUTES * TEN_MINUTES),
        "END_TIME": _date(peer, now),
        "UNDOTSN": 2,
        "UNDOBLKS": 100,
        "TXNCOUNT": 100,
        "MAXQUERYLEN": peer.longest_query,
        "SSOLDERRCNT": peer.snapshots_too_old,
        "NOSPACEERRCNT": 0,
        "TUNED_UNDORETENTION": peer.tuned_undo_retention,
        "CON_ID": 0,
    }


def _parameters(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for number, (name, value) in enumerate(sorted(peer.parameters.items())):
        yield {"INST_ID": 1, "NUM": number, "NAME": name, "TYPE": 2, "VALUE": value, "DISPLAY_VALUE": value}


def _version(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    banner = peer.release.identity.banner.decode()
    yield {"BANNER": banner, "BANNER_FULL": f"{banner}\nVersion {peer.release.version}", "CON_ID": 0}


def _product(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    base = f"{peer.release.version.partition('.')[0]}.0.0.0.0"
    yield {
        "PRODUCT": "Oracle Database Simulator",
        "VERSION": base,
        "VERSION_FULL": peer.release.version,
        "STATUS": "Simulator",
    }


def _charsets(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    for name, value in (("NLS_CHARACTERSET", "AL32UTF8"), ("NLS_NCHAR_CHARACTERSET", "AL16UTF16")):
        yield {"PARAMETER": name, "VALUE": value}


def _global_name(peer: OraclePeer, session: Session) -> Iterator[Record]:  # noqa: ARG001
    yield {"GLOBAL_NAME": peer.service}


DYNAMIC: dict[str, Records] = {
    "DUAL": _dual,
    "V_$DATABASE": _database,
    "V_$INSTANCE": _own_instance,
    "V_$TRANSACTION": _own_transactions,
    "V_$SESSION": _sessions,
    "V_$UNDOSTAT": _undo,
    "V_$PARAMETER": _parameters,
    "V_$SYSTEM_PARAMETER": _parameters,
    "V_$VERSION": _version,
    "PRODUCT_COMPONENT_VERSION": _product,
    "NLS_DATABASE_PARAMETERS": _charsets,
    "GLOBAL_NAME": _global_name,
}
CLUSTERED: dict[str, Records] = {
    "V_$DATABASE": _database,
    "V_$INSTANCE": _instance,
    "V_$TRANSACTION": _transactions,
    "V_$SESSION": _sessions,
    "V_$UNDOSTAT": _undo,
    "V_$PARAMETER": _parameters,
}
"""Those with a GV_$ of all instances."""

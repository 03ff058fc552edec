"""ALTER SESSION (SQL Language Reference, ALTER SESSION; Globalization Support Guide, NLS parameters)."""

from __future__ import annotations

from bridge.testing.oracle.engine.times_read import zone_offset
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grammar import syntax as s
from bridge.testing.oracle.session import ARCHIVAL, Session

KNOWN = frozenset(
    {
        *("NLS_CALENDAR", "NLS_COMP", "NLS_CURRENCY", "NLS_DATE_FORMAT", "NLS_DATE_LANGUAGE", "NLS_LANGUAGE"),
        *("NLS_ISO_CURRENCY", "NLS_LENGTH_SEMANTICS", "NLS_NCHAR_CONV_EXCP", "NLS_NUMERIC_CHARACTERS"),
        *("NLS_SORT", "NLS_TERRITORY", "NLS_TIMESTAMP_FORMAT", "NLS_TIMESTAMP_TZ_FORMAT", "READ_ONLY"),
        *(
            "CONTAINER",
            "EDITION",
            "ISOLATION_LEVEL",
            "OPTIMIZER_MODE",
            "STATISTICS_LEVEL",
            "DDL_LOCK_TIMEOUT",
        ),
    }
)

ARCHIVES = 12
"""The release that has in-database archiving."""


def alter_session(session: Session, statement: s.AlterSession) -> None:
    """ORA-02248 for a setting that there is not."""
    for name, value in statement.settings:
        if name == "TIME_ZONE":
            session.offset = _zone(session, value)
        elif name == "CURRENT_SCHEMA":
            session.schema = value
        elif name in KNOWN or (
            name == ARCHIVAL and value in ("ACTIVE", "ALL") and session.release >= ARCHIVES
        ):
            session.settings[name] = value
        else:
            raise OracleError(2248)


def _zone(session: Session, value: str) -> int:
    if value.upper() == "LOCAL":
        return session.store.offset
    return 0 if value.upper() == "DBTIMEZONE" else zone_offset(value, session.store.now().instant)

"""SYS_CONTEXT: what a session knows of itself (SQL Language Reference, SYS_CONTEXT)."""

from __future__ import annotations

from bridge.testing.oracle.engine.conversion import (
    FORMATS,
)
from bridge.testing.oracle.engine.scope import Context
from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.session import Session


def context_value(context: Context, namespace: str, name: str) -> str | None:
    """SYS_CONTEXT; ORA-02003 for a parameter that USERENV does not have."""
    if namespace.upper() != "USERENV":
        return None
    known = {**_USERENV, **_of_session(context.session), **context.session.context}
    if name.upper() not in known:
        raise OracleError(2003)
    return known[name.upper()] or None


def _of_session(session: Session) -> dict[str, str]:
    return {
        "SESSION_USER": session.user,
        "CURRENT_USER": session.user,
        "CURRENT_SCHEMA": session.schema,
        "SID": str(session.sid),
        "DATABASE_ROLE": session.role(),
        "SESSIONID": str(session.sid),
        "NLS_DATE_FORMAT": session.settings.get(*FORMATS["DATE"]),
    }


_UNTOLD = (
    *("MODULE", "ACTION", "CLIENT_IDENTIFIER", "CLIENT_INFO", "PROXY_USER", "HOST", "IP_ADDRESS", "OS_USER"),
    *("TERMINAL", "CURRENT_EDITION_NAME", "SERVICE_NAME", "DB_DOMAIN"),
)


_USERENV = {
    **dict.fromkeys(_UNTOLD, ""),
    "DB_NAME": "FREE",
    "DB_UNIQUE_NAME": "FREE",
    "CON_NAME": "FREEPDB1",
    "CON_ID": "3",
    "INSTANCE": "1",
    "INSTANCE_NAME": "FREE",
    "SERVER_HOST": "simulator",
    "LANG": "US",
    "ISDBA": "FALSE",
}
"""What nobody told the session otherwise."""

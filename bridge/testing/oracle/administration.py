"""What administrators say of accounts (SQL Language Reference): CREATE, ALTER, DROP USER, GRANT, REVOKE."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from bridge.testing.oracle.errors import OracleError
from bridge.testing.oracle.grants import Account, Status

if TYPE_CHECKING:
    from bridge.testing.oracle.server import OraclePeer
    from bridge.testing.oracle.session import Session

_WORD = r'("[^"]+"|[\w$#]+)'
_CREATE = re.compile(rf"CREATE\s+USER\s+{_WORD}\s+IDENTIFIED\s+BY\s+{_WORD}\s*$", re.IGNORECASE)
_ALTER = re.compile(rf"ALTER\s+USER\s+{_WORD}\s+ACCOUNT\s+(LOCK|UNLOCK)\s*$", re.IGNORECASE)
_DROP = re.compile(rf"DROP\s+USER\s+{_WORD}(\s+CASCADE)?\s*$", re.IGNORECASE)
_GRANT = re.compile(
    rf"(GRANT|REVOKE)\s+([\w\s,]+?)(?:\s+ON\s+{_WORD}\.{_WORD})?\s+(?:TO|FROM)\s+{_WORD}\s*$", re.IGNORECASE
)


def administered(peer: OraclePeer, session: Session, sql: str) -> bool:
    """Whether the statement was one of these, and is carried out; ORA-01031 for whoever may not."""
    for pattern, carry_out in _STATEMENTS:
        found = pattern.match(sql.strip())
        if found is not None:
            _allowed(peer, session, found)
            session.commit()
            carry_out(peer, found)
            return True
    return False


def _allowed(peer: OraclePeer, session: Session, said: re.Match[str]) -> None:
    """An administrator, or the owner of what is granted."""
    owns = said.re is _GRANT and said[3] is not None and _name(said[3]) == session.user
    if not owns and "DBA" not in peer.grants.roles.get(session.user, ()):
        raise OracleError(1031)


def _create(peer: OraclePeer, said: re.Match[str]) -> None:
    name = _name(said[1])
    if name in peer.accounts:
        raise OracleError(1920, text=f"user name '{name}' conflicts with another user or role name")
    peer.accounts[name] = Account(said[2].strip('"'))


def _alter(peer: OraclePeer, said: re.Match[str]) -> None:
    _account(peer, said[1]).status = Status.LOCKED if said[2].upper() == "LOCK" else Status.OPEN


def _drop(peer: OraclePeer, said: re.Match[str]) -> None:
    name = _name(said[1])
    _account(peer, name)
    owned = [key for key in peer.store.relations if key[0] == name]
    if owned and said[2] is None:
        raise OracleError(1922, text=f"CASCADE must be specified to drop '{name}'")
    for key in owned:
        peer.store.drop(*key)
    del peer.accounts[name]


def _grant(peer: OraclePeer, said: re.Match[str]) -> None:
    user = _name(said[5])
    _account(peer, user)
    on = "" if said[3] is None else f"{_name(said[3])}.{_name(said[4])}"
    change = peer.grants.grant if said[1].upper() == "GRANT" else peer.grants.revoke
    for privilege in said[2].split(","):
        change(" ".join(privilege.upper().split()), on, user)


def _account(peer: OraclePeer, name: str) -> Account:
    found = peer.accounts.get(_name(name))
    if found is None:
        raise OracleError(1918, text=f"user '{_name(name)}' does not exist")
    return found


def _name(word: str) -> str:
    return word[1:-1] if word.startswith('"') else word.upper()


_STATEMENTS: tuple[tuple[re.Pattern[str], Callable[[OraclePeer, re.Match[str]], None]], ...] = (
    (_CREATE, _create),
    (_ALTER, _alter),
    (_DROP, _drop),
    (_GRANT, _grant),
)

"""Statements carried out: the door that the wire server knocks at."""

from __future__ import annotations

from bridge.testing.oracle.session import Answer, Binds, Session


def execute(session: Session, sql: str, binds: Binds = ()) -> Answer:
    """Carry out one statement; OracleError for whatever is refused."""
    raise NotImplementedError


def describe(session: Session, sql: str) -> Answer:
    """The columns of a query without running it; every bind counts as VARCHAR2."""
    raise NotImplementedError

"""A schema of one's own, in the simulated Oracle Database or in a real one: all by SQL, so that both do.

The real one is at ORACLE_TEST_DSN. ORACLE_TEST_USER and ORACLE_TEST_PASSWORD are of somebody who may create
users and grant SELECT on V_$DATABASE (SYS logs in AS SYSDBA); two users are created and dropped again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import oracledb

from bridge.testing.oracle.server import OraclePeer

DSN = os.environ.get("ORACLE_TEST_DSN", "")
PLACES = ("simulated", *(["real"] if DSN else []))
READS, SETTLES = "SELECT, FLASHBACK", "SELECT, FLASHBACK, DELETE"


@dataclass(frozen=True)
class Database:
    """Where it is, who reads it with plain grants, and who may do everything."""

    dsn: str
    user: str
    password: str
    admin: str
    admin_password: str
    owner: str
    peer: OraclePeer | None = None
    """The simulator, where it is one."""

    def writer(self) -> oracledb.Connection:
        """Of the administrator; nothing is committed by itself."""
        mode = oracledb.AUTH_MODE_SYSDBA if self.admin.upper() == "SYS" else oracledb.AUTH_MODE_DEFAULT
        return oracledb.connect(user=self.admin, password=self.admin_password, dsn=self.dsn, mode=mode)

    def execute(self, *statements: str, **binds: Any) -> None:
        """In one transaction; `$` stands for the schema."""
        with self.writer() as connection:
            for statement in statements:
                connection.cursor().execute(self.named(statement), binds)
            connection.commit()

    def named(self, statement: str) -> str:
        return statement.replace("$.", f'"{self.owner}".')

    def create(self, table: str, columns: str, privileges: str = READS) -> str:
        """A table that the reader may read; its stream's name."""
        self.execute(f"CREATE TABLE $.{table} ({columns})")
        self.grant(table, privileges)
        return f"{self.owner}.{table}"

    def grant(self, table: str, privileges: str = READS) -> None:
        if self.peer is None:
            self.execute(f"GRANT {privileges} ON $.{table} TO {self.user}")
            return
        for privilege in privileges.split(", "):
            self.peer.grants.grant(privilege, f"{self.owner}.{table}", self.user)


@contextmanager
def database(place: str) -> Iterator[Database]:
    """With an empty schema, which is gone again afterwards."""
    with simulated() if place == "simulated" else _real() as made:
        yield made


@contextmanager
def simulated() -> Iterator[Database]:
    with OraclePeer() as peer:
        who = (peer.user, peer.password, peer.admin, peer.admin_password)
        yield Database(peer.dsn, *who, "LB_TEST", peer)


@contextmanager
def _real() -> Iterator[Database]:
    mark, password = secrets.token_hex(4).upper(), f"Lb1_{secrets.token_hex(8)}"
    admin, word = os.environ["ORACLE_TEST_USER"], os.environ["ORACLE_TEST_PASSWORD"]
    made = Database(DSN, f"LB_R_{mark}", password, admin, word, f"LB_T_{mark}")
    try:
        made.execute(
            f'CREATE USER {made.owner} IDENTIFIED BY "{password}"',
            f"GRANT UNLIMITED TABLESPACE, CREATE TABLE TO {made.owner}",
            f'CREATE USER {made.user} IDENTIFIED BY "{password}"',
            f"GRANT CREATE SESSION TO {made.user}",
            f"GRANT SELECT ON SYS.V_$DATABASE TO {made.user}",
        )
        yield made
    finally:
        for user in (made.user, made.owner):
            made.execute(f"DROP USER {user} CASCADE")

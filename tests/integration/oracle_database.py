"""A schema of one's own, in the simulated Oracle Database or in a real one: all by SQL, so that both do.

The real one is at ORACLE_TEST_DSN. ORACLE_TEST_USER and ORACLE_TEST_PASSWORD are of somebody who may create
users and grant SELECT on V_$DATABASE (SYS logs in AS SYSDBA); two users are created and dropped again. With
`pytest --oracle=docker` it is a container that the tests start.
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

READS, SETTLES = "SELECT, FLASHBACK", "SELECT, FLASHBACK, DELETE"


@dataclass(frozen=True)
class Account:
    """Somebody who may do everything, and where."""

    dsn: str
    user: str
    password: str

    @classmethod
    def named(cls) -> Account | None:
        """By the environment."""
        if dsn := os.environ.get("ORACLE_TEST_DSN"):
            return cls(dsn, os.environ["ORACLE_TEST_USER"], os.environ["ORACLE_TEST_PASSWORD"])
        return None

    def connect(self) -> oracledb.Connection:
        """Nothing is committed by itself."""
        mode = oracledb.AUTH_MODE_SYSDBA if self.user.upper() == "SYS" else oracledb.AUTH_MODE_DEFAULT
        return oracledb.connect(user=self.user, password=self.password, dsn=self.dsn, mode=mode)

    def works(self) -> bool:
        try:
            self.connect().close()
        except oracledb.Error:
            return False
        return True


@dataclass(frozen=True)
class Database:
    """Where it is, who reads it with plain grants, and who may do everything."""

    user: str
    password: str
    admin: Account
    owner: str
    peer: OraclePeer | None = None
    """The simulator, where it is one."""

    @property
    def dsn(self) -> str:
        return self.admin.dsn

    def writer(self) -> oracledb.Connection:
        """Of the administrator; nothing is committed by itself."""
        return self.admin.connect()

    def execute(self, *statements: str, **binds: Any) -> None:
        """In one transaction; `$` stands for the schema."""
        with self.writer() as connection:
            for statement in statements:
                connection.cursor().execute(self.named(statement), binds)
            connection.commit()

    def named(self, statement: str) -> str:
        return statement.replace("$.", f'"{self.owner}".')

    def create(self, table: str, columns: str, privileges: str = READS, *, how: str = "") -> str:
        """A table that the reader may read; its stream's name."""
        self.execute(f"CREATE TABLE $.{table} ({columns}) {how}")
        self.grant(table, privileges)
        return f"{self.owner}.{table}"

    def grant(self, table: str, privileges: str = READS) -> None:
        if self.peer is None:
            self.execute(f"GRANT {privileges} ON $.{table} TO {self.user}")
            return
        for privilege in privileges.split(", "):
            self.peer.grants.grant(privilege, f"{self.owner}.{table}", self.user)


@contextmanager
def simulated() -> Iterator[Database]:
    """With an empty schema."""
    with OraclePeer() as peer:
        admin = Account(peer.dsn, peer.admin, peer.admin_password)
        yield Database(peer.user, peer.password, admin, "LB_TEST", peer)


@contextmanager
def schema(admin: Account) -> Iterator[Database]:
    """Made in a real database, and gone again afterwards."""
    mark, password = secrets.token_hex(4).upper(), f"Lb1_{secrets.token_hex(8)}"
    made = Database(f"LB_R_{mark}", password, admin, f"LB_T_{mark}")
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

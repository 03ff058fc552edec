"""What databases do differently: one row of a table each. A database without a row works by the first one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Dialect:
    """`properties` are templates of {login}, {socket} (s), {login_ms}, {socket_ms}; `page` of {rows}."""

    name: str
    url: str
    driver: str | None = None
    coordinates: str | None = None
    """Maven's name of the driver."""
    port: int | None = None
    embedded: str = ""
    """Fits the beginning of URLs that connect to nothing."""
    properties: Mapping[str, str] = field(default_factory=dict)
    on_connect: tuple[str, ...] = ()
    """Statements, templates of {query_ms}."""
    page: str = ""
    """Ends a statement that shall bring a bounded number of rows, so that the planner knows."""
    fetch_size: int = 5_000
    identity: str | None = None
    """Says which database this is, wherever it was reached from."""
    clock: str | None = None
    """The database's time in seconds since the epoch."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Type name -> kind (types.py), where the JDBC type code says too little."""
    exact_digits: bool = False
    """The driver tells how many digits of a second a column holds."""

    @property
    def artifact(self) -> str | None:
        return self.coordinates.split(":")[1] if self.coordinates else None


GENERIC = Dialect(name="database", url="jdbc:")

_POSTGRESQL = Dialect(
    name="postgresql",
    url="jdbc:postgresql:",
    driver="org.postgresql.Driver",
    coordinates="org.postgresql:postgresql",
    port=5432,
    properties={
        "ApplicationName": "legacy-bridge",
        "connectTimeout": "{login}",
        "loginTimeout": "{login}",
        "socketTimeout": "{socket}",
        "cancelSignalTimeout": "2",
        "tcpKeepAlive": "true",
        # Values come in binary, a sixth cheaper; no plan is kept, so that a table may change between polls.
        "prepareThreshold": "-1",
        "preparedStatementCacheQueries": "0",
        # Arrays are read as text, and the driver's own rendering of binary ones is not the server's.
        "binaryTransferDisable": ",".join(
            f"{name}_ARRAY" for name in ("INT2", "INT4", "INT8", "FLOAT4", "FLOAT8", "TEXT", "VARCHAR")
        ),
    },
    page="LIMIT {rows}",
    # Holds while a statement is parsed, too, when the driver's own time-out and cancel() do not.
    on_connect=("SET statement_timeout = {query_ms}",),
    identity="SELECT current_database() || '@' || system_identifier FROM pg_control_system()",
    clock="SELECT extract(epoch FROM clock_timestamp())",
    types={"timestamptz": "instant", "timetz": "offset_time_text", "money": "text", "bit": "text"},
    exact_digits=True,
)

_H2 = Dialect(
    name="h2",
    url="jdbc:h2:",
    driver="org.h2.Driver",
    coordinates="com.h2database:h2",
    port=9092,
    embedded=r"jdbc:h2:(?!tcp:|ssl:)",
    properties={"NETWORK_TIMEOUT": "{socket_ms}"},
    # Without it H2 builds the whole result before the first row comes.
    on_connect=("SET LAZY_QUERY_EXECUTION 1",),
    page="LIMIT {rows}",
    identity="SELECT DATABASE_PATH()",
    clock="SELECT EXTRACT(EPOCH FROM CURRENT_TIMESTAMP)",
    types={"UUID": "text", "DECFLOAT": "text"},
    exact_digits=True,
)

_MARIADB = Dialect(
    name="mariadb",
    url="jdbc:mariadb:",
    driver="org.mariadb.jdbc.Driver",
    coordinates="org.mariadb.jdbc:mariadb-java-client",
    port=3306,
    properties={"connectTimeout": "{login_ms}", "socketTimeout": "{socket_ms}"},
    page="LIMIT {rows}",
    clock="SELECT UNIX_TIMESTAMP(NOW(6))",
    exact_digits=True,
)

DIALECTS = (_POSTGRESQL, _H2, _MARIADB)


def dialect_of(url: str) -> Dialect:
    return next((dialect for dialect in DIALECTS if url.startswith(dialect.url)), GENERIC)

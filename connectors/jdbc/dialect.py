"""The form of a row in the table of what databases do differently."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

ARRAY = 2003
"""Of java.sql.Types."""


class Transactions(NamedTuple):
    """Those of others that are open."""

    oldest: str
    """When the oldest began, written as the clock is; NULL without one."""
    seen: str
    """Tells 0, or fails, when the account sees none of them."""
    grant: str
    """What makes it see them; a template of {user}."""
    standby: str | None = None
    """Tells 1 where they run on another server, which this one follows."""
    prepared: str | None = None
    """Tells how many there may be of which it is only known when they were prepared; else of none."""
    local: bool = False
    """The database notes its own clock's time alone, and `oldest` is by the offset that this has now."""
    every: float = 0.0
    """Seconds between two looks at the oldest, where looks themselves keep the database from looking anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One row."""

    name: str
    scheme: str = ""
    """How URLs begin after `jdbc:`, when not with the name."""
    driver: str | None = None
    coordinates: str | None = None
    """Maven's name of the driver."""
    jar: str | None = None
    """How the names of the driver's jars begin, when not like the last part of that."""
    port: int | None = None
    embedded: str = ""
    """Fits the beginning of URLs that connect to nothing."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """For the driver; templates of {login}, {socket} (s), {login_ms}, {socket_ms}."""
    fetch_rows: int = 5_000
    """At most in a round trip, and so in memory; fewer when they are wide."""
    on_connect: tuple[str, ...] = ()
    """Statements, templates of {statement_ms}."""
    fence: str | None = None
    """Makes a session refuse to write: a statement, or empty where the driver's setReadOnly() does."""
    page: str = ""
    """Ends a statement that shall bring {rows} rows and no more, so that the planner knows."""
    probe: str = ""
    """Ends one that only shows whether there is a row, where that is cheaper outside a transaction."""
    session: str | None = None
    """Says which of the server's sessions this is; its driver has been told by getBackendPID()."""
    identity: str | None = None
    """Says which database this is, wherever it was reached from."""
    included: str | None = None
    """Of a schema's table (two ?) the indexes of more columns than their key's: name, how many it has."""
    clock: str | None = None
    """The database's time: seconds since the epoch, or ISO 8601 with its zone. Else standard SQL is tried."""
    offset: str | None = None
    """By how many seconds the clock of those who write times without a zone is ahead of UTC; else by none."""
    transactions: Transactions | None = None
    sorted_as: Mapping[str, str] = field(default_factory=dict)
    """Type name -> template of what is sorted by and compared instead of a column of that type."""
    bound_as: Mapping[str, str] = field(default_factory=dict)
    """Type name -> what a value is compared as, where the driver binds one that compares differently."""
    types: Mapping[str | int, str] = field(default_factory=dict)
    """Type name, its first word, or JDBC type code -> kind (types.py), where the code says too little."""
    exact_digits: bool = False
    """The driver tells how many digits of a second a column holds."""
    lengths: Mapping[str, int] = field(default_factory=dict)
    """Type name -> its length without them, where the driver tells of the length alone."""
    loose: bool = False
    """A value may be of another type than its column, for all that is known: each is looked at."""
    whole_digits: int = 0
    """Decimals without a fraction, of no more digits, are whole numbers: the database has no others."""

    @property
    def url(self) -> str:
        """How URLs begin."""
        return f"jdbc:{self.scheme or self.name + ':'}"

    @property
    def clocks(self) -> tuple[str, ...]:
        """What tells the time, to be tried in turn."""
        return (self.clock,) if self.clock else ("SELECT CURRENT_TIMESTAMP", "VALUES CURRENT_TIMESTAMP")

    @property
    def ends_statements(self) -> bool:
        """The database itself ends those that take too long; a driver has a timer for each of them."""
        return any("{statement_ms}" in statement for statement in self.on_connect)

    def kind(self, type_name: str, code: int) -> str | None:
        """Of an array the name says what it is of: `UUID ARRAY`."""
        named = () if code == ARRAY else (type_name, re.split(r"[ (]", type_name, maxsplit=1)[0])
        return next((self.types[name] for name in (*named, code) if name in self.types), None)

    @property
    def artifact(self) -> str | None:
        """How the names of the driver's jars begin."""
        return self.jar or (self.coordinates.split(":")[1] if self.coordinates else None)

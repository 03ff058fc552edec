"""Every SQL text of the connector: names come from the dictionary and are quoted, values are always bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def quoted(name: str) -> str:
    """A name as the dictionary has it, in quotation marks."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Statement:
    """Binds are named, and never anything else."""

    sql: str
    binds: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table or view as the dictionary has it."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"

    @property
    def sql(self) -> str:
        return f"{quoted(self.owner)}.{quoted(self.name)}"


# -- snapshots and flashback (SQL Language Reference, SELECT: flashback_query_clause)

PREFIX = 13
"""Characters of a ROWID that 4096 blocks share: its data object, its file, and all of the block but two."""


def ranges(table: TableName) -> Statement:
    """The last row of each stretch of blocks, in the order of ROWIDs: one pass that sorts no rows."""
    return Statement(
        f"SELECT ROWIDTOCHAR(MAX(t.ROWID)) FROM {table.sql} t"  # noqa: S608 -- quoted
        f" GROUP BY SUBSTR(ROWIDTOCHAR(t.ROWID), 1, {PREFIX}) ORDER BY MAX(t.ROWID)"
    )


def chunk(
    table: TableName, items: str, scn: int, rows: tuple[str | None, str | None], conditions: Conditions = ()
) -> Statement:
    """Rows as they were at `scn`, after the first ROWID and up to the second one, in that order."""
    after, last = rows
    bounds = [*_rowid(">", "after", after), *_rowid("<=", "last", last), *conditions]
    sql = f"SELECT {items} FROM {table.sql} AS OF SCN :scn t{_where(bounds)} ORDER BY t.ROWID"  # noqa: S608
    return Statement(sql, {"scn": scn, **_binds(bounds)})


def by_key(
    table: TableName, items: str, scn: int, conditions: Conditions, order: Sequence[str]
) -> Statement:
    """Rows of an index-organized table as they were at `scn`, in the order in which they are kept."""
    return Statement(
        f"SELECT {items} FROM {table.sql} AS OF SCN :scn t{_where(conditions)} ORDER BY {', '.join(order)}",  # noqa: S608
        {"scn": scn, **_binds(conditions)},
    )


def versions(
    table: TableName, items: str, scns: tuple[int, int], within: tuple[int, str] | None, last: str | None
) -> Statement:
    """What was committed after the first SCN and up to the second one, in the order of commits.

    `within`: from the middle of what was committed at an SCN, after a ROWID; `last`: up to this ROWID alone.
    """
    conditions: list[Condition] = [("versions_startscn > :since", {}), ("versions_operation IS NOT NULL", {})]
    if within is not None:
        scn, rowid = within
        behind = "versions_startscn = :at AND t.ROWID > CHARTOROWID(:after)"
        conditions.append((f"(versions_startscn > :at OR ({behind}))", {"at": scn, "after": rowid}))
    conditions += _rowid("<=", "last", last)
    return Statement(
        f"SELECT {items} FROM {_between(table)}{_where(conditions)} ORDER BY versions_startscn, t.ROWID",  # noqa: S608
        {"since": scns[0], "until": scns[1], **_binds(conditions)},
    )


def operations(table: TableName, scn: int) -> Statement:
    """What kinds of versions were committed at `scn`."""
    return Statement(
        f"SELECT versions_operation, COUNT(*) FROM {_between(table)}"  # noqa: S608 -- quoted
        " WHERE versions_startscn = :until GROUP BY versions_operation",
        {"since": scn - 1, "until": scn},
    )


def rows_at(table: TableName, items: str, scn: int, rowids: Sequence[str]) -> Statement:
    """What was at these addresses at `scn`."""
    places, binds = _listed(rowids)
    sql = f"SELECT {items} FROM {table.sql} AS OF SCN :scn t WHERE t.ROWID IN ({places})"  # noqa: S608 -- quoted
    return Statement(sql, {"scn": scn, **binds})


def met(
    table: TableName, key: Sequence[str], scns: tuple[int, int], rowids: Sequence[str], last: str | None
) -> Statement:
    """Of the rows at these addresses at the first SCN, those whose keys a row has at the second one."""
    places, binds = _listed(rowids)
    same = " AND ".join(f"n.{quoted(name)} = o.{quoted(name)}" for name in key)
    bounds = _rowid("<=", "last", last, "n")
    also = "".join(f" AND {sql}" for sql, _ in bounds)
    return Statement(
        f"SELECT ROWIDTOCHAR(o.ROWID) FROM {table.sql} AS OF SCN :at o"  # noqa: S608 -- quoted
        f" JOIN {table.sql} AS OF SCN :other n ON {same} WHERE o.ROWID IN ({places}){also}",
        {"at": scns[0], "other": scns[1], **binds, **_binds(bounds)},
    )


type Condition = tuple[str, Mapping[str, Any]]
type Conditions = Sequence[Condition]

LISTED = (10, 100, 1000)
"""So many places has a list, the last ones filled with what is there already: few texts are parsed."""


def _listed(rowids: Sequence[str]) -> tuple[str, dict[str, str]]:
    size = next(size for size in LISTED if size >= len(rowids))
    padded = [*rowids, *[rowids[-1]] * (size - len(rowids))]
    return (
        ", ".join(f"CHARTOROWID(:r{place})" for place in range(size)),
        {f"r{place}": rowid for place, rowid in enumerate(padded)},
    )


def _between(table: TableName) -> str:
    return f"{table.sql} VERSIONS BETWEEN SCN :since AND :until t"


def _rowid(sign: str, name: str, rowid: str | None, alias: str = "t") -> list[Condition]:
    return [] if rowid is None else [(f"{alias}.ROWID {sign} CHARTOROWID(:{name})", {name: rowid})]


def _where(conditions: Conditions) -> str:
    return f" WHERE {' AND '.join(sql for sql, _ in conditions)}" if conditions else ""


def _binds(conditions: Conditions) -> dict[str, Any]:
    return {name: value for _, binds in conditions for name, value in binds.items()}


# The session.

PREPARE = (
    "ALTER SESSION SET NLS_SORT = BINARY NLS_COMP = BINARY NLS_CALENDAR = GREGORIAN"
    " NLS_NUMERIC_CHARACTERS = '.,' TIME_ZONE = '+00:00'"
)
"""Rows are compared and sorted in one order, numbers and times told in one form, whatever the account has."""
READ_ONLY = "ALTER SESSION SET READ_ONLY = TRUE"


def who() -> Statement:
    return Statement(
        "SELECT SYS_CONTEXT('USERENV', 'DB_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'),"
        " SYS_CONTEXT('USERENV', 'SESSION_USER') FROM DUAL"
    )


def database() -> Statement:
    """The database itself: a copy has the same, until it is opened with RESETLOGS."""
    return Statement("SELECT DBID, RESETLOGS_CHANGE# FROM V$DATABASE")


def scns() -> tuple[Statement, ...]:
    """Ways to ask for the current system change number; either needs a grant."""
    return (
        Statement("SELECT CURRENT_SCN FROM V$DATABASE"),
        Statement("SELECT DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER FROM DUAL"),
    )


def clock() -> Statement:
    return Statement("SELECT TO_CHAR(SYSTIMESTAMP, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6TZH:TZM') FROM DUAL")


def oldest_transaction() -> Statement:
    """By the database's own clock, of all instances."""
    return Statement("SELECT MIN(START_DATE) FROM GV$TRANSACTION")


# -- whole tables, times of changes, and ORA_ROWSCN


def rows(
    table: TableName,
    items: str,
    conditions: Conditions = (),
    order: Sequence[str] = (),
    most: int | None = None,
) -> Statement:
    """Rows as they are now, at `most` so many of them."""
    return _select(f"{table.sql} t", items, conditions, order, most)


def _select(
    tables: str, items: str, conditions: Conditions = (), order: Sequence[str] = (), most: int | None = None
) -> Statement:
    sorted_by = f" ORDER BY {', '.join(order)}" if order else ""
    first = " FETCH FIRST :most ROWS ONLY" if most else ""
    return Statement(
        f"SELECT {items} FROM {tables}{_where(conditions)}{sorted_by}{first}",  # noqa: S608 -- quoted
        {**_binds(conditions), **({"most": most} if most else {})},
    )


def later(scn: int, rowid: str | None) -> Condition:
    """Rows that ORA_ROWSCN puts after one, in the order of both (SQL Language Reference, ORA_ROWSCN)."""
    if rowid is None:
        return "t.ORA_ROWSCN > :scn", {"scn": scn}
    behind = "t.ORA_ROWSCN = :scn AND t.ROWID > CHARTOROWID(:rowid)"
    return f"(t.ORA_ROWSCN > :scn OR ({behind}))", {"scn": scn, "rowid": rowid}


def there(name: str) -> Condition:
    return f"t.{quoted(name)} IS NOT NULL", {}

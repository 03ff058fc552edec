"""Every SQL text of the connector: names come from the dictionary and are quoted, values are always bound."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.tables import is_pattern


def quoted(name: str) -> str:
    """A name as the dictionary has it, in quotation marks."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Statement:
    """Binds are named, by no reserved word: ORA-01745 is what Oracle says to :rowid or :date."""

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


def by_key(table: TableName, items: str, scn: int, conditions: Conditions, order: Sequence[str]) -> Statement:
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


def committed(table: TableName, scn: int) -> Statement:
    """How many rows of versions there are since `scn`, as of then: none."""
    return Statement(
        f"SELECT COUNT(*) FROM {_between(table)} WHERE versions_startscn > :since",  # noqa: S608 -- quoted
        {"since": scn, "until": scn},
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


class National(str):
    """Text to be bound in the national character set: the database's own may lack its characters."""

    __slots__ = ()


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
SHOW_ARCHIVED = "ALTER SESSION SET ROW ARCHIVAL VISIBILITY = ALL"
"""Else an UPDATE that archives a row hides it, its versions, and its delete (In-Database Archiving)."""
READ_ONLY = "ALTER SESSION SET READ_ONLY = TRUE"


def who() -> Statement:
    return Statement(
        "SELECT SYS_CONTEXT('USERENV', 'DB_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'),"
        " SYS_CONTEXT('USERENV', 'SESSION_USER') FROM DUAL"
    )


def database() -> Statement:
    """The (pluggable) database itself: a copy has the same, until it is cloned, or opened with RESETLOGS."""
    return Statement("SELECT CON_DBID, RESETLOGS_CHANGE# FROM V$DATABASE")


def scns() -> tuple[Statement, ...]:
    """Ways to ask for the current system change number; either needs a grant."""
    return (
        Statement("SELECT CURRENT_SCN FROM V$DATABASE"),
        Statement("SELECT DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER FROM DUAL"),
    )


def clock() -> Statement:
    """And the role in which the database shows it."""
    return Statement(
        "SELECT TO_CHAR(SYSTIMESTAMP, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6TZH:TZM'),"
        " SYS_CONTEXT('USERENV', 'DATABASE_ROLE') FROM DUAL"
    )


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
    behind = "t.ORA_ROWSCN = :scn AND t.ROWID > CHARTOROWID(:place)"
    return f"(t.ORA_ROWSCN > :scn OR ({behind}))", {"scn": scn, "place": rowid}


def there(name: str) -> Condition:
    return f"t.{quoted(name)} IS NOT NULL", {}


# -- the dictionary (Database Reference, static data dictionary views)

_KEPT = "(DROPPED = 'NO' OR DROPPED IS NULL)"
"""Not in the recycle bin; of partitioned tables that is not said."""
ASKED = 100
"""So many names or patterns has a statement."""


def _like(pattern: str) -> str:
    """At least what the pattern of a file name fits."""
    escaped = re.sub(r"[\\%_]", r"\\\g<0>", pattern)
    return re.sub(r"\[[^\]]*\]|\?", "_", escaped).replace("*", "%")


def _named(columns: tuple[str, str], asked: Sequence[TableName]) -> Condition:
    """The two columns are one of those owners and names, or fit one of those patterns.

    What looks like a pattern may be a name all the same.
    """
    sql, binds = [], {}
    for at, each in enumerate(asked):
        for column, prefix, text in zip(columns, "on", (each.owner, each.name), strict=True):
            equal, bind = f"{column} = :{prefix}{at}", f"{prefix}l{at}"
            binds[f"{prefix}{at}"] = text
            if is_pattern(text):
                binds[bind] = _like(text)
                equal = f"({equal} OR {column} LIKE :{bind} ESCAPE '\\')"
            sql.append(equal)
    pairs = [f"({' AND '.join(pair)})" for pair in zip(sql[::2], sql[1::2], strict=True)]
    return f"({' OR '.join(pairs)})", binds


def tables(asked: Sequence[TableName]) -> Statement:
    """No recycle bin, and nothing that is a part of another table."""
    conditions = [
        _named(("OWNER", "TABLE_NAME"), asked),
        (f"{_KEPT} AND NESTED = 'NO' AND SECONDARY = 'N'", {}),
        ("(IOT_TYPE IS NULL OR IOT_TYPE = 'IOT')", {}),
    ]
    return _select("ALL_TABLES", "OWNER, TABLE_NAME, CLUSTER_NAME, IOT_TYPE, TEMPORARY, NUM_ROWS", conditions)


def views(asked: Sequence[TableName]) -> Statement:
    return _select("ALL_VIEWS", "OWNER, VIEW_NAME", [_named(("OWNER", "VIEW_NAME"), asked)])


def materialized_views(asked: Sequence[TableName]) -> Statement:
    return _select("ALL_MVIEWS", "OWNER, MVIEW_NAME", [_named(("OWNER", "MVIEW_NAME"), asked)])


def external_tables(asked: Sequence[TableName]) -> Statement:
    return _select("ALL_EXTERNAL_TABLES", "OWNER, TABLE_NAME", [_named(("OWNER", "TABLE_NAME"), asked)])


def queues(asked: Sequence[TableName]) -> Statement:
    """Those that somebody puts messages in; each has one for its exceptions besides."""
    conditions = [_named(("OWNER", "NAME"), asked), ("QUEUE_TYPE = 'NORMAL_QUEUE'", {})]
    return _select("ALL_QUEUES", "OWNER, NAME", conditions)


def objects(asked: Sequence[TableName]) -> Statement:
    """By which a table is told from another one that took its name."""
    conditions = [_named(("OWNER", "OBJECT_NAME"), asked), ("OBJECT_TYPE = 'TABLE'", {})]
    return _select("ALL_OBJECTS", "OWNER, OBJECT_NAME, OBJECT_ID", conditions)


def columns(asked: Sequence[TableName]) -> Statement:
    """Those that `SELECT *` shows."""
    items = (
        "OWNER, TABLE_NAME, COLUMN_NAME, DATA_TYPE, DATA_TYPE_OWNER, DATA_LENGTH, DATA_PRECISION, DATA_SCALE,"
        " NULLABLE, DATA_TYPE_MOD"
    )
    conditions = [_named(("OWNER", "TABLE_NAME"), asked), ("HIDDEN_COLUMN = 'NO'", {})]
    return _select("ALL_TAB_COLS", items, conditions, ("OWNER", "TABLE_NAME", "COLUMN_ID"))


def primary_keys(asked: Sequence[TableName]) -> Statement:
    source = (
        "ALL_CONSTRAINTS c JOIN ALL_CONS_COLUMNS k"
        " ON k.OWNER = c.OWNER AND k.CONSTRAINT_NAME = c.CONSTRAINT_NAME AND k.TABLE_NAME = c.TABLE_NAME"
    )
    conditions = [
        _named(("c.OWNER", "c.TABLE_NAME"), asked),
        ("c.CONSTRAINT_TYPE = 'P' AND c.STATUS = 'ENABLED' AND c.VALIDATED = 'VALIDATED'", {}),
    ]
    items = "c.OWNER, c.TABLE_NAME, c.CONSTRAINT_NAME, k.COLUMN_NAME"
    return _select(source, items, conditions, ("c.OWNER", "c.TABLE_NAME", "k.POSITION"))


def unique_indexes(asked: Sequence[TableName]) -> Statement:
    source = "ALL_INDEXES i JOIN ALL_IND_COLUMNS k ON k.INDEX_OWNER = i.OWNER AND k.INDEX_NAME = i.INDEX_NAME"
    conditions = [
        _named(("i.TABLE_OWNER", "i.TABLE_NAME"), asked),
        ("i.UNIQUENESS = 'UNIQUE'", {}),
    ]
    items = "i.TABLE_OWNER, i.TABLE_NAME, i.INDEX_NAME, k.COLUMN_NAME"
    return _select(source, items, conditions, ("i.OWNER", "i.INDEX_NAME", "k.COLUMN_POSITION"))


def attributes(asked: Sequence[TableName]) -> Statement:
    """Of object types that no other type is under: their values have these and no more."""
    source = "ALL_TYPES t JOIN ALL_TYPE_ATTRS a ON a.OWNER = t.OWNER AND a.TYPE_NAME = t.TYPE_NAME"
    conditions = [
        _named(("t.OWNER", "t.TYPE_NAME"), asked),
        ("t.TYPECODE = 'OBJECT' AND t.FINAL = 'YES' AND t.INCOMPLETE = 'NO'", {}),
    ]
    items = (
        "a.OWNER, a.TYPE_NAME, a.ATTR_NAME, a.ATTR_TYPE_NAME, a.ATTR_TYPE_OWNER, a.LENGTH, a.PRECISION,"
        " a.SCALE, 'Y', a.ATTR_TYPE_MOD"
    )
    return _select(source, items, conditions, ("a.OWNER", "a.TYPE_NAME", "a.ATTR_NO"))


def alike(owner: str) -> tuple[Statement, ...]:
    """The tables and views of an owner, however his name is written."""
    condition = ("UPPER(OWNER) = UPPER(:owner)", {"owner": owner})
    return (
        _select("ALL_TABLES", "OWNER, TABLE_NAME", [condition, (_KEPT, {})]),
        _select("ALL_VIEWS", "OWNER, VIEW_NAME", [condition]),
    )


def synonyms(table: TableName) -> Statement:
    """What a name stands for; those of PUBLIC are everybody's."""
    conditions = [
        ("UPPER(SYNONYM_NAME) = UPPER(:name)", {"name": table.name}),
        ("(UPPER(OWNER) = UPPER(:owner) OR OWNER = 'PUBLIC')", {"owner": table.owner}),
    ]
    return _select("ALL_SYNONYMS", "TABLE_OWNER, TABLE_NAME", conditions)


# doctor


def undo_statistics() -> Statement:
    """Seconds, over the days that the view covers: least kept, longest query; snapshots that were too old."""
    return Statement("SELECT MIN(TUNED_UNDORETENTION), MAX(MAXQUERYLEN), SUM(SSOLDERRCNT) FROM V$UNDOSTAT")


def parameter(name: str) -> Statement:
    return Statement("SELECT VALUE FROM V$PARAMETER WHERE NAME = :name", {"name": name})


def password_expires() -> Statement:
    return Statement("SELECT EXPIRY_DATE FROM USER_USERS")


def system_privileges() -> Statement:
    return Statement("SELECT PRIVILEGE FROM SESSION_PRIVS")


def privileges(table: TableName) -> Statement:
    return Statement(
        "SELECT PRIVILEGE FROM ALL_TAB_PRIVS WHERE TABLE_SCHEMA = :owner AND TABLE_NAME = :name",
        {"owner": table.owner, "name": table.name},
    )


def policies(table: TableName) -> Statement:
    """Row-level ones that queries obey (Database Reference, ALL_POLICIES)."""
    return Statement(
        "SELECT POLICY_NAME FROM ALL_POLICIES WHERE OBJECT_OWNER = :owner AND OBJECT_NAME = :name"
        " AND SEL = 'YES' AND ENABLE = 'YES'",
        {"owner": table.owner, "name": table.name},
    )


def storage(table: TableName) -> Statement:
    return Statement(
        "SELECT NUM_ROWS, BLOCKS, ROW_MOVEMENT, DEPENDENCIES FROM ALL_TABLES"
        " WHERE OWNER = :owner AND TABLE_NAME = :name",
        {"owner": table.owner, "name": table.name},
    )


def altered(table: TableName) -> Statement:
    """When the table had its last DDL, partitions apart, which come and go by themselves."""
    return Statement(
        "SELECT MAX(LAST_DDL_TIME) FROM ALL_OBJECTS"
        " WHERE OWNER = :owner AND OBJECT_NAME = :name AND OBJECT_TYPE = 'TABLE'",
        {"owner": table.owner, "name": table.name},
    )


def create_index(table: TableName, column: str) -> str:
    """For the operator. Its name is one of 12.1, too, which has room for 30 bytes."""
    name = f"{table.name}_{column}".encode()[:27].decode(errors="ignore")
    return f"CREATE INDEX {TableName(table.owner, f'{name}_IX').sql} ON {table.sql} ({quoted(column)})"


def indexed(table: TableName, column: str) -> Statement:
    """A row for each index that begins with the column."""
    return Statement(
        "SELECT INDEX_NAME FROM ALL_IND_COLUMNS WHERE TABLE_OWNER = :owner AND TABLE_NAME = :name"
        " AND COLUMN_NAME = :named AND COLUMN_POSITION = 1",
        {"owner": table.owner, "name": table.name, "named": column},
    )


def can_look_back(table: TableName, scn: int, items: str = "1") -> Statement:
    """Brings nothing, but needs the right to."""
    return Statement(f"SELECT {items} FROM {table.sql} AS OF SCN :scn t WHERE 1 = 0", {"scn": scn})  # noqa: S608


def has_versions(table: TableName, scn: int, items: str = "1") -> Statement:
    """Brings nothing, but needs a table that has versions."""
    return Statement(
        f"SELECT {items} FROM {_between(table)} WHERE 1 = 0",  # noqa: S608 -- quoted
        {"since": scn, "until": scn},
    )


def can_read(table: TableName, items: str = "1") -> Statement:
    return Statement(f"SELECT {items} FROM {table.sql} t WHERE 1 = 0")  # noqa: S608


# -- rows that are deleted once they are published


def nothing(table: TableName) -> Statement:
    """Deletes no row, and yet needs the right to (SQL Language Reference, DELETE)."""
    return Statement(f"DELETE FROM {table.sql} t WHERE t.ROWID IS NULL")  # noqa: S608 -- quoted


def readable(table: TableName) -> Statement:
    return Statement(f"SELECT COUNT(*) FROM {table.sql} t WHERE t.ROWID IS NULL")  # noqa: S608 -- quoted


def delete(table: TableName, same: str, *, anywhere: bool = False) -> Statement:
    """The row that `same` tells from the others: at the ROWID bound as `place`, or anywhere."""
    place = "" if anywhere else "t.ROWID = CHARTOROWID(:place) AND "
    return Statement(f"DELETE FROM {table.sql} t WHERE {place}{same}")  # noqa: S608 -- quoted


def deleted(table: TableName, since: int, until: int) -> Statement:
    """The ROWIDs of rows that were deleted after one SCN and up to another."""
    return Statement(
        f"SELECT ROWIDTOCHAR(t.ROWID) FROM {_between(table)}"  # noqa: S608 -- quoted
        " WHERE versions_startscn > :since AND versions_operation = 'D'",
        {"since": since, "until": until},
    )


def view_log(master: TableName) -> Statement:
    """Its materialized view log (Database Reference, ALL_MVIEW_LOGS)."""
    return Statement(
        "SELECT LOG_TABLE, PRIMARY_KEY, SEQUENCE FROM ALL_MVIEW_LOGS"
        " WHERE LOG_OWNER = :owner AND MASTER = :name",
        {"owner": master.owner, "name": master.name},
    )


def dependents(master: TableName) -> Statement:
    """How many materialized views live on that log (Database Reference, ALL_BASE_TABLE_MVIEWS)."""
    return Statement(
        "SELECT COUNT(*) FROM ALL_BASE_TABLE_MVIEWS WHERE OWNER = :owner AND MASTER = :name",
        {"owner": master.owner, "name": master.name},
    )


def logged(
    log: TableName, master: TableName, items: str, key: Sequence[str], conditions: Conditions = ()
) -> Statement:
    """What the log notes as l, and the rows as they are now as t: by key, and in the order of the changes."""
    same = " AND ".join(f"t.{quoted(name)} = l.{quoted(name)}" for name in key)
    order = [*(f"l.{quoted(name)}" for name in key), 'l."SEQUENCE$$"']
    return _select(f"{log.sql} l LEFT OUTER JOIN {master.sql} t ON {same}", items, conditions, order)


def numbered(log: TableName, least: int, most: int) -> Statement:
    """Where the notes with these numbers are in a log."""
    return Statement(
        f'SELECT ROWIDTOCHAR(l.ROWID), l."SEQUENCE$$" FROM {log.sql} l'  # noqa: S608 -- quoted
        ' WHERE l."SEQUENCE$$" BETWEEN :least AND :most',
        {"least": least, "most": most},
    )


def tries(queue: TableName) -> Statement:
    """How often a message may be given back."""
    return _select("ALL_QUEUES", "MAX_RETRIES", [_named(("OWNER", "NAME"), [queue])])


def payload(queue: TableName) -> Statement:
    """The type of a queue's messages, NULL for RAW (Database Reference, ALL_QUEUES, ALL_QUEUE_TABLES)."""
    return Statement(
        "SELECT t.OBJECT_TYPE FROM ALL_QUEUES q JOIN ALL_QUEUE_TABLES t"
        " ON t.OWNER = q.OWNER AND t.QUEUE_TABLE = q.QUEUE_TABLE WHERE q.OWNER = :owner AND q.NAME = :name",
        {"owner": queue.owner, "name": queue.name},
    )

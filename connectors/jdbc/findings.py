"""What `doctor` says about a database and its tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from bridge.contract import Finding, Level
from connectors.clock import SECOND, nanoseconds
from connectors.jdbc.config import JdbcConfig
from connectors.jdbc.dialects import GENERIC
from connectors.jdbc.errors import POOLER
from connectors.jdbc.modes.images import Unkeyed
from connectors.jdbc.modes.snapshot import Snapshot
from connectors.jdbc.modes.timestamp import Timestamp
from connectors.jdbc.polls import Lanes
from connectors.jdbc.readings import Reading, Refusal
from connectors.jdbc.session import Session
from connectors.jdbc.statements import TableName, index_on
from connectors.tables import in_vain

_CLOCK_S = 2.0
_AHEAD_S = 60.0


def findings(lanes: Lanes, config: JdbcConfig) -> Sequence[Finding]:
    session = lanes.session
    found = [*_database(session), *_in_vain(session, config)]
    readings = {stream.name: lanes.readings.find(stream.name) for stream in lanes.readings.discover()}
    modes = [_timestamp(reading) for reading in readings.values() if isinstance(reading, Reading)]
    if any(modes):
        found += _transactions(session)
    for name, reading in readings.items():
        found += _table(session, name, reading)
    lanes.end()
    return found


def _database(session: Session) -> Iterator[Finding]:
    meta = session.connection.getMetaData()
    yield Finding(
        Level.OK,
        f"{meta.getDatabaseProductName()} {meta.getDatabaseProductVersion()},"
        f" driver {meta.getDriverName()} {meta.getDriverVersion()}",
    )
    if session.dialect is GENERIC:
        yield Finding(
            Level.WARNING,
            "whether this driver reads large tables piece by piece is not known",
            remedy="try a large table; the driver's own settings for it go under `properties`",
        )
    if session.is_lent:
        yield Finding(
            Level.WARNING,
            "a pooler stands between: one in transaction mode parks the connector, and leaves other clients"
            " of the pool sessions that only read",
            remedy=POOLER,
        )
    yield from _clock(session)


def _in_vain(session: Session, config: JdbcConfig) -> Iterator[Finding]:
    if config.exclude_tables:
        patterns = [name for name, options in config.streams.items() if not options.query]
        names = [str(table) for table in session.catalog.find(patterns, ())]
        yield from in_vain(config.exclude_tables, names)


def _clock(session: Session) -> Iterator[Finding]:
    told = session.scalar(session.dialect.clock) if session.dialect.clock else None
    if told is None:
        return
    ahead = nanoseconds(told) / SECOND - time.time()
    if abs(ahead) > _CLOCK_S:
        yield Finding(
            Level.WARNING,
            f"the database's clock differs from this host's by {ahead:+.1f} s",
            remedy="synchronise both with NTP: times in events are the database's",
        )
    else:
        yield Finding(Level.OK, "the clocks agree")


def _transactions(session: Session) -> Iterator[Finding]:
    """Timestamp modes look for the oldest one."""
    if session.sees_transactions:
        yield Finding(
            Level.OK, "open transactions are seen: rows of long ones are found whenever they commit"
        )
        yield from _prepared(session)
        return
    text = "rows of a transaction that takes longer than `late_window` are missed"
    if session.is_standby:
        yield Finding(
            Level.WARNING,
            f"this is a standby, which does not show the transactions of its primary: {text}",
            remedy="make `late_window` longer than the longest transaction and the delay of the replication,"
            " or read from the primary",
        )
        return
    if session.dialect.transactions is None:
        yield Finding(
            Level.WARNING,
            f"this database does not show its open transactions: {text}",
            remedy="make `late_window` longer than the longest transaction",
        )
        return
    user = session.connection.getMetaData().getUserName()
    yield Finding(
        Level.WARNING,
        f"the account does not see the transactions of others: {text}",
        remedy=session.dialect.transactions.grant.format(user=user),
    )


def _prepared(session: Session) -> Iterator[Finding]:
    transactions = session.dialect.transactions
    if transactions and session.allowed(transactions.prepared) not in (None, "0"):
        yield Finding(
            Level.WARNING,
            "of a prepared transaction (two-phase commit) it is known when it was prepared, not when it"
            " began: rows of one that took longer than `late_window` until then are missed",
            remedy="make `late_window` longer than that, or set max_prepared_transactions to 0",
        )


def _table(session: Session, name: str, reading: Reading | Refusal) -> Iterator[Finding]:
    if not isinstance(reading, Reading):
        yield Finding(Level.CRITICAL, reading.text, reading.remedy, name)
        return
    if isinstance(reading.mode, Unkeyed):
        yield Finding(
            Level.WARNING,
            "has no key: a changed row counts as one deleted and one inserted, and whoever alters the table"
            " waits until a whole pass over it has ended, as do all who come to it after that",
            remedy="name the columns that tell its rows apart under `key`",
            stream=name,
        )
        return
    table = reading.source if isinstance(reading.source, TableName) else None
    if table and (hidden := session.catalog.invisible(table, reading.table.schema.names)):
        yield Finding(
            Level.WARNING,
            f"{', '.join(hidden)}: invisible columns are not read, and nobody learns when they change",
            remedy="make them visible, or read the table by a `query` that names them",
            stream=name,
        )
    yield Finding(Level.OK, f"can be read, by {', '.join(reading.mode.columns)}", stream=name)
    column = reading.mode.columns[0]
    if table and not session.fenced and session.catalog.may_be_changed(table):
        yield Finding(
            Level.WARNING,
            "the account may change it, and nothing keeps the session read-only",
            remedy=f"REVOKE INSERT, UPDATE, DELETE ON {table.sql(session.catalog.quote)} from it",
            stream=name,
        )
    indexed = table is not None and session.catalog.indexed(table, column)
    if table and not indexed:
        yield _no_index(session, table, column)
    mode = _timestamp(reading)
    if mode and indexed:  # else the latest time would cost a look at each row
        yield from _latest(session, reading, mode)
    if mode and table and session.catalog.may_be_null(table, column):
        yield Finding(
            Level.WARNING,
            f"column {column} may be NULL: changes of such rows are not found",
            remedy=f"let {column} be NOT NULL",
            stream=name,
        )


def _no_index(session: Session, table: TableName, column: str) -> Finding:
    return Finding(
        Level.WARNING,
        f"no index begins with column {column}: every poll reads the whole table",
        remedy=f"{index_on(table, column, session.catalog.quote)}; of a view, on its table",
        stream=str(table),
    )


def _timestamp(reading: Reading | Refusal) -> Timestamp | None:
    mode = reading.mode.then if isinstance(reading, Reading) and isinstance(reading.mode, Snapshot) else None
    if mode is None and isinstance(reading, Reading) and isinstance(reading.mode, Timestamp):
        mode = reading.mode
    return mode


def _latest(session: Session, reading: Reading, mode: Timestamp) -> Iterator[Finding]:
    """Times ahead of the clock are read when it has come there: few are meant to be."""
    column = mode.columns[0]
    if not mode.is_known(session.moment()):
        yield Finding(
            Level.WARNING,
            f"nobody knows in which zone the times of {column} are; they are taken for UTC",
            remedy="set `time_zone` to that of those who write them, be it UTC: until then rows may come late"
            ", and those of a transaction longer than `late_window`, or of an hour in autumn, be missed",
            stream=reading.name,
        )
    ahead = mode.ahead(session.largest(reading.source, column), session)
    if ahead > _AHEAD_S:
        yield Finding(
            Level.WARNING,
            f"the latest {column} is {ahead:.0f} s ahead of the database's clock, and read only then",
            remedy="correct it" if mode.has_zone else "set `time_zone` to that of the times, or correct them",
            stream=reading.name,
        )

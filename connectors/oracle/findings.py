"""What `doctor` says about a database, the account and the tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import oracledb

from bridge.contract import Finding, Level
from bridge.errors import PermanentError
from connectors.oracle import statements
from connectors.oracle.codes import CODES
from connectors.oracle.config import CHANGES, OracleConfig, OracleStream
from connectors.oracle.errors import codes, translate
from connectors.oracle.modes.queue import may_dequeue
from connectors.oracle.modes.viewlog import log_of
from connectors.oracle.readings import Reading, Readings
from connectors.oracle.rows import Reading as Items
from connectors.oracle.session import Session
from connectors.tables import in_vain

_CLOCK_S = 2.0
_EXPIRES_DAYS = 14
_BLOCK_BYTES = 8192
"""As nearly all databases have it; what it is costs a grant to know."""
_HEAVY_BYTES = 1024**3
_SETTLES = ("outbox", "mview_log")
_OVERLAP = "5s"
_FEW_TRIES = 100
"""A worker that is started again as often in a bad night is none that nobody has seen."""
_EXEMPT = "EXEMPT ACCESS POLICY"
_WRITING = ("INSERT", "UPDATE", "DELETE")


class Doctor:
    def __init__(self, config: OracleConfig, session: Session, readings: Readings) -> None:
        self._config, self._session, self._readings = config, session, readings
        self._scn: int | None = None
        self.keeps: dict[str, float] = {}
        """Stream -> for how many seconds the database keeps its changes."""

    def findings(self) -> Sequence[Finding]:
        found = [*self._database(), *self._account(), *self._times(), *self._in_vain()]
        kept = None
        if self._reads("flashback"):
            undo = Undo(self._session)
            found += undo.findings()
            kept = undo.kept_s
        for name, reading in self._readings.known.items():
            if isinstance(reading, Reading):
                found += self._table(reading)
                if kept and reading.mode.options.mode == "flashback":
                    self.keeps[name] = kept
            else:
                found.append(Finding(Level.CRITICAL, reading.text, reading.remedy, name))
        return found

    def _reads(self, *modes: str) -> bool:
        return any(each.mode in modes for each in self._config.streams.values())

    def _in_vain(self) -> Iterator[Finding]:
        names = [*self._readings.known, *self._readings.left_out]
        return in_vain(self._config.exclude_tables, names)

    def _database(self) -> Iterator[Finding]:
        version = ".".join(map(str, self._session.version))
        yield Finding(
            Level.OK,
            f"Oracle Database {version}, python-oracledb {oracledb.__version__} {self._config.client}",
        )
        if any(map(_looks_back, self._config.streams.values())):
            yield self._number()
        if self._reads("flashback"):
            yield Finding(
                Level.OK,
                "supplemental logging, archived logs and LogMiner are not needed: changes come from the undo",
            )
            yield from self._instances()

    def _number(self) -> Finding:
        try:
            self._scn = self._session.scn()
        except PermanentError as error:
            return Finding(Level.CRITICAL, error.text, error.remedy)
        return Finding(Level.OK, f"the system change number is {self._scn}")

    def _instances(self) -> Iterator[Finding]:
        told = self._session.allowed(statements.parameter("cluster_database"))
        bare = [
            name
            for name, each in self._config.streams.items()
            if each.mode == "flashback" and not each.overlap
        ]
        if bare and told and str(told[0][0]).upper() == "TRUE":
            yield Finding(
                Level.WARNING,
                "this is a cluster (RAC), and without `overlap` what an instance shows late is missed",
                remedy=f"set `overlap: {_OVERLAP}` for {', '.join(bare)}",
            )

    def _account(self) -> Iterator[Finding]:
        user = self._session.user
        told = self._session.allowed(statements.password_expires())
        expires = told[0][0] if told else None
        days = (expires - datetime.now(UTC).replace(tzinfo=None)).days if expires else None
        if days is not None and days < _EXPIRES_DAYS:
            yield Finding(
                Level.WARNING,
                f"the password of {user} expires on {expires:%Y-%m-%d}",
                remedy="change it, and what `password` points to; or give the account a profile with"
                " PASSWORD_LIFE_TIME UNLIMITED",
            )

    def _times(self) -> Iterator[Finding]:
        moment = self._session.moment()
        ahead = moment.now / 1e9 - time.time()
        if abs(ahead) > _CLOCK_S:
            yield Finding(
                Level.WARNING,
                f"the database's clock differs from this host's by {ahead:+.1f} s",
                remedy="synchronise both with NTP: times in events are the database's",
            )
        else:
            yield Finding(Level.OK, "the clocks agree")
        if self._reads("timestamp") and moment.standby:
            yield Finding(
                Level.WARNING,
                "this is a standby, which does not show the transactions of its primary: rows of one that"
                " takes longer than `late_window` are missed in timestamp mode",
                remedy="make `late_window` longer than the longest transaction and the delay of the redo, or"
                " read from the primary",
            )
        elif self._reads("timestamp", "rowscn") and not moment.sees:
            yield Finding(
                Level.WARNING,
                "the account does not see open transactions: rows of one that takes longer than `late_window`"
                " are missed in timestamp mode",
                remedy=f"GRANT SELECT ON SYS.GV_$TRANSACTION TO {self._session.user}",
            )

    def _table(self, reading: Reading) -> Iterator[Finding]:
        """What cannot be asked of one table is said of that one."""
        try:
            yield from self._found(reading)
        except oracledb.DatabaseError as error:
            if not self._session.healthy:
                raise
            yield self._refused(reading, error)

    def _refused(self, reading: Reading, error: oracledb.DatabaseError) -> Finding:
        if "ORA-01466" in codes(error):
            told = "was made or altered a moment ago: its past cannot be asked for yet"
            return Finding(Level.WARNING, told, "ask again in two minutes", reading.name)
        failure = translate(error, f"{reading.name} cannot be read", user=self._session.user)
        return Finding(Level.CRITICAL, failure.text, failure.remedy, reading.name)

    def _found(self, reading: Reading) -> Iterator[Finding]:
        options = reading.mode.options
        missing = list(self._grants(reading, options))
        if not any(each.level is Level.CRITICAL for each in missing):
            missing += self._parsed(reading, options)
        yield from missing
        blind = self._scn is None and _looks_back(options)
        if blind or any(each.level is Level.CRITICAL for each in missing):
            return
        yield Finding(
            Level.OK, f"can be read, by {options.mode}{_told(reading.mode.key)}", stream=reading.name
        )
        if not reading.mode.key and options.mode != "aq":
            yield Finding(
                Level.WARNING,
                "has no key: neither a primary key nor a unique index over columns that are NOT NULL",
                remedy="name the columns that tell its rows apart under `key`",
                stream=reading.name,
            )
        if options.mode == "aq":
            yield from self._queue(reading)
        else:
            yield from self._policies(reading)
        yield from self._load(reading, options)
        if options.mode == "timestamp" and not self._session.rows(
            statements.indexed(reading.relation.name, options.columns[0])
        ):
            create = statements.create_index(reading.relation.name, options.columns[0])
            yield Finding(
                Level.WARNING,
                f"no index begins with {options.columns[0]}: every poll reads the whole table",
                remedy=f"{create}; of a view, on its table",
                stream=reading.name,
            )

    def _grants(self, reading: Reading, options: OracleStream) -> Iterator[Finding]:
        """Asked by doing, which knows of roles and of ANY privileges."""
        table, user, name = reading.relation.name, self._session.user, reading.name
        if options.mode == "aq":
            yield from self._dequeues(reading)
            return
        if not self._may(statements.can_read(table)):
            yield _lacks(name, f"GRANT SELECT ON {table.sql} TO {user}")
        elif _looks_back(options) and (scn := self._scn) is not None:
            if not self._may(statements.can_look_back(table, scn)):
                yield _lacks(name, f"GRANT FLASHBACK ON {table.sql} TO {user}")
            elif options.mode == "flashback" and not self._may(statements.has_versions(table, scn)):
                meaning = CODES["ORA-30051"]
                yield Finding(Level.CRITICAL, meaning.says, meaning.remedy, name)
        held, owns = self._held(table), table.owner == user
        if options.mode in _SETTLES:
            yield from self._deletes(reading)
        able = [each for each in _WRITING if owns or each in held or f"{each} ANY TABLE" in held]
        if able and options.mode not in _SETTLES and self._session.version < (23,):
            yield Finding(
                Level.WARNING,
                "the account may change it, and before release 23 nothing keeps a session from it",
                remedy="use an account of the bridge's own, that does not own it"
                if owns
                else f"REVOKE {', '.join(able)} ON {table.sql} FROM {user}",
                stream=name,
            )

    def _parsed(self, reading: Reading, options: OracleStream) -> Iterator[Finding]:
        """What polls select: one of its columns may need more than the right to read the table."""
        table, scn, items = reading.relation.name, self._scn, Items(reading.relation.columns).items
        if options.mode == "aq" or (scn is None and _looks_back(options)):
            return
        asked = [statements.can_read(table, items)]
        if scn is not None and _looks_back(options):
            asked = [statements.can_look_back(table, scn, items)]
        if scn is not None and options.mode == "flashback":
            asked.append(statements.has_versions(table, scn, items))
        try:
            for statement in asked:
                self._session.rows(statement)
        except oracledb.DatabaseError as error:
            if not self._session.healthy:
                raise
            yield self._refused(reading, error)

    def _deletes(self, reading: Reading) -> Iterator[Finding]:
        """From an outbox, or from the log of a table."""
        table, user = reading.relation.name, self._session.user
        if reading.mode.options.mode == "mview_log":
            try:
                table = log_of(self._session, table)
            except PermanentError as error:
                yield Finding(Level.CRITICAL, error.text, error.remedy, reading.name)
                return
            if not self._may(statements.can_read(table)):
                yield _lacks(reading.name, f"GRANT SELECT ON {table.sql} TO {user}")
        if table.owner != user and self._held(table).isdisjoint({"DELETE", "DELETE ANY TABLE"}):
            yield _lacks(reading.name, f"GRANT DELETE ON {table.sql} TO {user}")

    def _dequeues(self, reading: Reading) -> Iterator[Finding]:
        queue, user = reading.relation.name, self._session.user
        if queue.owner != user and self._held(queue).isdisjoint({"DEQUEUE", "DEQUEUE ANY QUEUE"}):
            yield _lacks(reading.name, may_dequeue(queue, user))

    def _held(self, name: statements.TableName) -> set[str]:
        """Privileges on it, and those on the system."""
        asked = (statements.privileges(name), statements.system_privileges())
        return {str(row[0]) for statement in asked for row in self._session.allowed(statement) or ()}

    def _may(self, statement: statements.Statement) -> bool:
        try:
            return self._session.allowed(statement) is not None
        except oracledb.DatabaseError as error:
            if {"ORA-30051", "ORA-08187"}.isdisjoint(codes(error)):
                raise
            return False

    def _queue(self, reading: Reading) -> Iterator[Finding]:
        told = self._session.rows(statements.tries(reading.relation.name))
        if told and told[0][0] is not None and told[0][0] < _FEW_TRIES:
            yield Finding(
                Level.WARNING,
                f"a message that was given back more than {told[0][0]} times goes to the exception queue;"
                " each poll that fails, and each worker that stops, gives back what it has",
                remedy=f"DBMS_AQADM.ALTER_QUEUE('{reading.relation.name}', max_retries => 1000)",
                stream=reading.name,
            )

    def _policies(self, reading: Reading) -> Iterator[Finding]:
        """What hides a row hides its versions, too: neither the update nor the delete is told."""
        found = self._session.allowed(statements.policies(reading.relation.name))
        privileges = self._session.allowed(statements.system_privileges()) or ()
        if found and (_EXEMPT,) not in privileges:
            yield Finding(
                Level.WARNING,
                f"a row-level policy (VPD) hides rows: {', '.join(str(row[0]) for row in found)}; the update"
                " that hides a row is not told, nor is its delete",
                remedy=f"GRANT {_EXEMPT} TO {self._session.user}, or use images mode: there a row is"
                " deleted when it is hidden",
                stream=reading.name,
            )

    def _load(self, reading: Reading, options: OracleStream) -> Iterator[Finding]:
        """By the optimizer's statistics."""
        told = self._session.rows(statements.storage(reading.relation.name))
        if not told:
            return
        rows, blocks, movement, dependencies = told[0]
        if blocks is not None and options.mode in ("flashback", "rowscn", "images"):
            yield _scans(reading, options, int(rows or 0), int(blocks) * _BLOCK_BYTES)
        if options.mode == "rowscn" and dependencies == "DISABLED":
            yield Finding(
                Level.WARNING,
                "ORA_ROWSCN is kept by block: with each change the block's other rows are read again",
                remedy="what did not change is dropped; a table made with ROWDEPENDENCIES has it by row",
                stream=reading.name,
            )
        if movement == "ENABLED":
            yield Finding(
                Level.WARNING if options.mode in _SETTLES else Level.OK,
                "row movement is enabled: "
                + (
                    "a row that moves after it was read is published again"
                    if options.mode in _SETTLES
                    else "a row that moves counts as updated, since its key stays"
                ),
                remedy="ALTER TABLE ... DISABLE ROW MOVEMENT" if options.mode in _SETTLES else "",
                stream=reading.name,
            )


class Undo:
    """For how long the database keeps what versions queries need."""

    def __init__(self, session: Session) -> None:
        self._user = session.user
        self._statistics = session.allowed(statements.undo_statistics())
        self._parameter = session.allowed(statements.parameter("undo_retention"))

    @property
    def kept_s(self) -> float | None:
        """What was kept at the least in the last days; else what is configured."""
        tuned = _number(self._statistics, 0)
        return tuned if tuned is not None else _number(self._parameter, 0)

    def findings(self) -> Iterator[Finding]:
        for seen, view, unknown in (
            (self._statistics, "V_$UNDOSTAT", "for how long changes are kept"),
            (self._parameter, "V_$PARAMETER", "for how long changes are kept, and whether this is RAC,"),
        ):
            if seen is None:
                yield Finding(
                    Level.WARNING,
                    f"the account does not see {view}: {unknown} is not known",
                    remedy=f"GRANT SELECT ON SYS.{view} TO {self._user}",
                )
        kept, longest, too_old = self.kept_s, _number(self._statistics, 1), _number(self._statistics, 2)
        if kept is None:
            return
        yield Finding(Level.OK, f"keeps {kept / 60:.0f} minutes of changes, as undo")
        if longest is not None and longest > kept:
            yield Finding(
                Level.WARNING,
                f"the longest query of the last days took {longest / 60:.0f} minutes, more than undo is kept:"
                " a snapshot of a large table may begin anew several times",
                remedy=f"ALTER SYSTEM SET UNDO_RETENTION = {round(longest * 1.5)}, with room for it, or ALTER"
                " TABLESPACE the undo's RETENTION GUARANTEE",
            )
        if too_old:
            yield Finding(
                Level.WARNING,
                f"snapshots were too old (ORA-01555) {too_old:.0f} times in the last days",
                remedy="enlarge the undo tablespace, or raise UNDO_RETENTION",
            )


def _looks_back(options: OracleStream) -> bool:
    """Is it read as of a system change number?"""
    return options.mode in ("flashback", "snapshot") or (options.mode in CHANGES and options.snapshot)


def _scans(reading: Reading, options: OracleStream, rows: int, size: int) -> Finding:
    told = f"about {rows:,} rows in {max(1, round(size / 1024**2)):,} MiB, by the optimizer's statistics"
    if size < _HEAVY_BYTES:
        return Finding(Level.OK, f"each poll reads the table: {told}", stream=reading.name)
    return Finding(
        Level.WARNING,
        f"each poll reads the whole table: {told}",
        remedy="give it an `interval` that the database can bear, and a `statement_timeout` that reading it"
        " fits into"
        + (
            "; with an index on a time column, timestamp mode reads less"
            if options.mode == "flashback"
            else ""
        ),
        stream=reading.name,
    )


def _lacks(stream: str, grant: str) -> Finding:
    return Finding(Level.CRITICAL, "the account lacks a right", grant, stream)


def _number(rows: list[tuple[Any, ...]] | None, place: int) -> float | None:
    return float(rows[0][place]) if rows and rows[0][place] is not None else None


def _told(key: Sequence[str]) -> str:
    return f", key {', '.join(key)}" if key else ""

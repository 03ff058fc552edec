"""Inserts, updates and deletes in the order of commits, by flashback version queries (modes/versions.py).

The SCN is read first, then what was committed up to it; it goes into the position only with that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import oracledb

from bridge.contract import Ask, Batch, Emits, Position, Ranges, Table
from bridge.errors import GapError, PermanentError, TransientError
from connectors.oracle import statements
from connectors.oracle.catalog import Kind
from connectors.oracle.errors import codes
from connectors.oracle.modes.again import read_again
from connectors.oracle.modes.mode import Beginning, Mode, is_object
from connectors.oracle.modes.versions import Page, Place, Subject, Versions

if TYPE_CHECKING:
    from connectors.oracle.catalog import Relation
    from connectors.oracle.config import OracleStream
    from connectors.oracle.session import Session

REST_S = 5.0
"""A cursor that nobody asked for so long is closed; the next poll opens another one."""
MOST_KNOWN = 1000
"""Transactions that a position remembers; older ones leave the overlap."""
LOOKS = 8
"""So many looks at the SCN are remembered for each overlap."""
REFUSED: Mapping[Kind, str] = {
    Kind.VIEW: "of a view",
    Kind.EXTERNAL: "of an external table",
    Kind.TEMPORARY: "of a temporary table",
    Kind.CLUSTER: "of a table in a cluster",
    Kind.IOT: "by ROWID of an index-organized table",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a position says: see `Place`, and with an overlap what is known of the time before it."""

    scn: int
    within: tuple[int, str] | None = None
    looks: tuple[tuple[int, int], ...] = ()
    """SCN and second (by our clock) of looks at it, the oldest first."""
    known: tuple[tuple[int, str], ...] = ()
    """SCN and id of transactions after the first look, in the order of their SCNs."""
    open: tuple[str, ...] = ()
    """Ids of those that are told in part."""
    object: int = 0
    """The number of the table; 0 where it was not noted."""
    again: int = 0
    """How far it was read since the overlap was begun once more, if not to the end."""

    @classmethod
    def parsed(cls, position: Any) -> Self:
        """Errors: ValueError, TypeError."""
        if not is_object(position, {"mode", "scn"}, {"within", "looks", "known", "open", "again", "object"}):
            raise ValueError
        within = position.get("within")
        return cls(
            _scn(position["scn"]),
            None if within is None else (_scn(within[0]), str(within[1])),
            tuple((_scn(scn), int(second)) for scn, second in position.get("looks", ())),
            tuple((_scn(scn), str(xid)) for scn, xid in position.get("known", ())),
            tuple(str(xid) for xid in position.get("open", ())),
            _scn(position.get("object", 0)),
            _scn(position.get("again", 0)),
        )

    @property
    def position(self) -> Position:
        parts = {"within": self.within, "looks": self.looks, "known": self.known, "open": self.open}
        listed = {name: [_listed(each) for each in part] for name, part in parts.items() if part}
        numbers = {"object": self.object, "again": self.again}
        given = {name: number for name, number in numbers.items() if number}
        return {"mode": "flashback", "scn": self.scn, **listed, **given}

    @property
    def seen(self) -> int:
        """Rows as of this SCN are no newer than what the polls are yet to bring of them, but for repeats."""
        return max(self.scn, self.within[0]) if self.within else self.scn

    @property
    def since(self) -> int:
        """What was committed after this is read (once more)."""
        return self.again or (min(self.scn, self.looks[0][0]) if self.looks else self.scn)

    def after(self, page: Page) -> Self:
        """Once `page` is published."""
        scn, within = page.place
        moved = replace(self, scn=max(self.scn, scn), within=within)
        if not self.looks:
            return moved
        was = self.within[0] if self.within else 0
        told = {*page.transactions, *((was, xid) for xid in self.open)}
        parts = {each for each in told if within and each[0] == within[0]}
        known = tuple(sorted({*self.known, *(told - parts)}))
        moved = replace(moved, known=known, open=tuple(sorted(xid for _, xid in parts)), again=scn)
        return moved.bounded()

    def overlapping(self, overlap: float) -> Self:
        """As an overlap asks for it, whatever was asked for when the position was written."""
        if not overlap:
            return replace(self, looks=(), known=(), open=(), again=0)
        return self if self.looks else replace(self, looks=((self.scn, int(time.time())),))

    def looked(self, scn: int, overlap: float) -> Self:
        """Everything up to `scn` was asked for now: what is older than the overlap is not asked for again."""
        if not self.looks:
            return self
        now, looks = int(time.time()), list(self.looks)
        if scn == looks[-1][0]:
            looks[-1] = (scn, now)
        elif now - looks[-1][1] >= overlap / LOOKS:
            looks.append((scn, now))
        while len(looks) > 1 and looks[1][1] <= now - overlap:
            del looks[0]
        known = tuple(each for each in self.known if each[0] > looks[0][0])
        return replace(self, looks=tuple(looks), known=known, again=0).bounded()

    def bounded(self) -> Self:
        """The latest transactions; before them it will not be read back."""
        if len(self.known) <= MOST_KNOWN:
            return self
        since = self.known[-MOST_KNOWN - 1][0]
        later = [look for look in self.looks if look[0] > since]
        second = self.looks[-len(later) - 1][1]
        known = tuple(each for each in self.known if each[0] > since)
        return replace(self, looks=((since, second), *later), known=known)


@dataclass(slots=True)
class Running:
    """An open query and the position that its next page follows."""

    told: Told
    versions: Versions
    used: float = field(default_factory=time.monotonic)

    def serves(self, told: Told) -> bool:
        return self.told == told and time.monotonic() - self.used < REST_S


class Flashback(Mode):
    """One table's committed changes, since an SCN."""

    emits = Emits.CHANGES

    def __init__(self, relation: Relation, options: OracleStream) -> None:
        super().__init__(relation, options)
        if what := REFUSED.get(relation.kind):
            raise PermanentError(
                f"Oracle tells no changes {what}, and {self.name} is one",
                remedy="use images mode, or timestamp mode with a column that changes with the row",
            )
        if not self.key:
            raise PermanentError(
                f"table {self.name} has neither a primary key nor a unique index over columns that are"
                " NOT NULL",
                remedy="name the columns that tell its rows apart under `key` (ROWIDs do not: rows move),"
                " or use images mode",
            )
        self._subject = Subject(relation, self.key, options.before)
        self._running: Running | None = None

    def tables(self) -> tuple[Table, ...]:
        return (self._subject.table,)

    def start(self, beginning: Beginning) -> Position:
        return Told(beginning.scn, object=self.relation.object).position

    def begins(self, session: Session, scn: int) -> None:
        """Versions of a table that is new can be told later than what it was."""
        try:
            session.rows(statements.committed(self.relation.name, scn))
        except oracledb.DatabaseError as error:
            if "ORA-01466" not in codes(error):
                raise
            raise self.just_altered() from error

    def fits(self, position: Position) -> None:
        self._told(position)

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        if position is None:
            return self._begun(session)
        told = self._told(position).overlapping(self.options.overlap)
        try:
            running = self._running_at(session, told)
            if running is None:
                return Batch(position)
            page = running.versions.page(ask)
        except BaseException:
            self.release()
            raise
        told = told.after(page)
        more = not running.versions.ended
        if more:
            running.told, running.used = told, time.monotonic()
        else:
            self.release()
            told = told.looked(running.versions.until, self.options.overlap)
        return Batch(told.position, page.changes, page.rejects, more=more)

    def _begun(self, session: Session) -> Batch:
        """From now: nothing goes before it. That it is known what was committed since is seen first."""
        now = session.scn()
        self.begins(session, now)
        return Batch(Told(now, object=self.relation.object).position, more=True)

    def _running_at(self, session: Session, told: Told) -> Running | None:
        """The open query if it goes on there, or a new one; None where there is nothing to ask."""
        running = self._running
        if running is not None and running.serves(told):
            return running
        self.release()
        until = session.scn()
        if until < told.scn:
            raise TransientError(
                f"the database is at SCN {until}, before that of the position of {self.name}, {told.scn}",
                remedy="if it was restored or flashed back, changes since are others: `positions rewind --to"
                " start`; else another instance is behind, and it passes",
            )
        if until == told.scn and not (told.within or self.options.overlap):
            return None
        known = {xid for _, xid in told.known}
        place = Place(told.since, told.within)
        versions = Versions(session, self._subject, place, until, known)
        self._running = Running(told, versions)
        return self._running

    def reread(
        self, session: Session, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        if position is None:
            return Batch(place)
        return read_again(session, self._subject, self._told(position).seen, place, within, ask)

    def check(self, position: Position) -> None:
        self._parsed(position)

    def release(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.versions.close()

    def _told(self, position: Position) -> Told:
        """Errors: PermanentError; GapError when it is of another table."""
        told, now = self._parsed(position), self.relation.object
        if told.object and now and told.object != now:
            raise GapError(
                f"another table has the name {self.name} now (object {now}, was {told.object}): what is in it"
                " was not told",
                remedy="`on_gap: rescan` reads it; else `positions rewind --to start`",
            )
        return replace(told, object=now or told.object)

    def _parsed(self, position: Position) -> Told:
        """Errors: PermanentError."""
        try:
            if not (isinstance(position, dict) and position.get("mode") == "flashback"):
                raise ValueError  # noqa: TRY301 -- one message for all
            return Told.parsed(position)
        except (ValueError, TypeError, KeyError, IndexError):
            raise self.stranger('flashback mode, like {"mode": "flashback", "scn": 4711}') from None


def _scn(value: Any) -> int:
    """Errors: ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(value)
    return value


def _listed(part: Any) -> Any:
    return list(part) if isinstance(part, tuple) else part

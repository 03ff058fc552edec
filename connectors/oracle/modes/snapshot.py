"""Everything there is, as of one SCN, and then what was committed since, without a gap and without a repeat.

The position has the SCN and where to go on. When the undo for that SCN is gone, what is yet to be read is
read at a newer one; before that, changes of what was read are told up to it. So all is as of the newer SCN.
"""

from __future__ import annotations

import math
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import oracledb

from bridge.contract import Ask, Batch, Emits, Position, Ranges, Scan, Table
from bridge.errors import PermanentError, TransientError
from connectors.oracle import statements
from connectors.oracle.catalog import Kind
from connectors.oracle.codes import Kind as Code
from connectors.oracle.errors import codes, kind
from connectors.oracle.modes.again import read_again
from connectors.oracle.modes.mode import Beginning, Mode, is_object
from connectors.oracle.modes.stretches import Snap, Stretch, bounds
from connectors.oracle.modes.versions import Place, Subject, Versions
from connectors.oracle.session import Session

UNKEPT = frozenset({Kind.VIEW, Kind.EXTERNAL, Kind.TEMPORARY})
"""They have no ROWIDs to go on after, or no past (ORA-08187)."""
UNTOLD = frozenset({Kind.IOT, Kind.CLUSTER})
"""There are no versions to tell by what became of rows that were read."""
MOST_RENEWALS = 3
"""So often a chunk may be begun anew at a newer SCN before it is said that undo does not last for one."""
_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
ALTERED_S = 5.0
"""SCNs are known by times that are about three seconds apart."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a position of a snapshot says."""

    scn: int
    left: Stretch
    then: Position
    """Of the mode that follows."""
    behind: Place | None = None
    """What was read is as of this; changes up to `scn` are to be told first."""
    renewals: int = 0
    """How often the SCN was renewed without reading a row."""
    again: int = 0
    """How often it was begun again from the first row."""
    ripe: int = 0
    """Not before this second, by our clock, is everything up to the SCN to be seen on every instance."""
    altered: str = ""
    """When the table had its last DDL, by the database's clock."""
    anew: bool = False
    """Once the changes are told, all is read again from the first row."""
    reach: str | None = None
    """Up to this ROWID rows were read before it began again: what becomes of them is told all the same."""

    @classmethod
    def parsed(cls, position: Any) -> Self:
        """Errors: ValueError, TypeError, KeyError, IndexError."""
        wanted = {"mode", "scn", "after", "bounds", "then"}
        more = {"behind", "renewals", "again", "ripe", "altered", "anew", "reach"}
        if not is_object(position, wanted, more) or type(position["scn"]) is not int:
            raise ValueError
        behind = position.get("behind")
        return cls(
            position["scn"],
            Stretch(_after(position["after"]), tuple(str(each) for each in position["bounds"])),
            position["then"],
            None if behind is None else _place(*behind),
            int(position.get("renewals", 0)),
            int(position.get("again", 0)),
            int(position.get("ripe", 0)),
            str(position.get("altered", "")),
            bool(position.get("anew", False)),
            None if (reach := position.get("reach")) is None else str(reach),
        )

    @property
    def position(self) -> Position:
        behind = self.behind and [self.behind.scn, *(self.behind.within or ())]
        return {
            "mode": "snapshot",
            "scn": self.scn,
            "after": self.left.after,
            "bounds": list(self.left.bounds),
            "then": self.then,
            **({"behind": behind} if behind else {}),
            **({"renewals": self.renewals} if self.renewals else {}),
            **({"again": self.again} if self.again else {}),
            **({"ripe": self.ripe} if self.ripe else {}),
            **({"altered": self.altered} if self.altered else {}),
            **({"anew": True} if self.anew else {}),
            **({"reach": self.reach} if self.reach else {}),
        }

    @property
    def read(self) -> Any:
        """The last of all rows that were read; None before the first one."""
        after, reach = self.left.after, self.reach
        return max(after, reach, key=_in_order) if after and reach else after or reach


class Snapshot(Mode):
    """A table as it is, then `then`. Where that tells changes, it is a scan, too, for `on_gap: rescan`."""

    def __init__(self, then: Mode) -> None:
        super().__init__(then.relation, then.options)
        if then.relation.kind in UNKEPT:
            raise PermanentError(
                f"no snapshot can be read of {self.name} ({then.relation.kind.value}): its rows"
                " have no ROWIDs, or are not kept as they were",
                remedy="use images mode"
                if then.options.mode == "snapshot"
                else f"set `snapshot: false`: {then.options.mode} mode reads what is there, too",
            )
        self._then = then
        self.emits, self.caveats = then.emits, then.caveats
        self._tells = then.emits is Emits.CHANGES
        self._subject = Subject(then.relation, then.key)
        self._pages: Snap | None = None
        self._versions: Versions | None = None
        self._read_at = time.monotonic()
        """What was told is no newer; and who made this has read none of it before."""

    def tables(self) -> tuple[Table, ...]:
        return self._then.tables()

    def start(self, beginning: Beginning) -> Position:
        return Progress(beginning.scn, Stretch(), self._then.start(beginning)).position

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:
        if position is None:
            batch = self._guarded(session, self._begun(session), ask, Scan.FIRST)
        elif _running(position):
            progress = self._progress(position)
            self._then.fits(progress.then)
            batch = self._guarded(session, progress, ask, Scan.MORE)
        else:
            self._close()
            batch = self._then.poll(session, position, ask)
        self._read_at = time.monotonic()
        return batch

    def _begun(self, session: Session) -> Progress:
        altered = self._altered(session)
        beginning = session.beginning(self._read_at)
        self._then.begins(session, beginning.scn)
        left = Stretch(None, bounds(session, self._subject))
        then = self._then.start(beginning)
        return Progress(beginning.scn, left, then, ripe=self._ripe, altered=altered)

    def _altered(self, session: Session) -> str:
        (told,) = session.one(statements.altered(self.relation.name)) or (None,)
        return "" if told is None else str(told)

    @property
    def _ripe(self) -> int:
        overlap = self.options.overlap
        return math.ceil(time.time() + overlap) if overlap else 0

    @staticmethod
    def _settled(error: BaseException) -> int:
        """From which second on an SCN is sure to be known as later than a definition that is new."""
        return math.ceil(time.time() + ALTERED_S) if "ORA-01466" in codes(error) else 0

    def _is_early(self, ripe: int) -> bool:
        """Not for longer than was meant, should our clock have been put back since."""
        return 0 < ripe - time.time() <= max(self.options.overlap, ALTERED_S) + 1

    def _guarded(self, session: Session, progress: Progress, ask: Ask, scan: Scan) -> Batch:
        if self._is_early(progress.ripe):
            return Batch(progress.position, scan=self._mark(scan))
        try:
            if progress.behind is not None:
                return self._caught_up(session, progress, progress.behind, ask)
            return self._read(session, progress, ask, scan)
        except BaseException as error:
            self._close()
            if scan is Scan.FIRST and "ORA-01466" in codes(error):
                raise self.just_altered() from error
            renewals = max(progress.renewals, progress.again)
            if self._renewable(progress) and renewals < MOST_RENEWALS and is_too_old(error):
                return self._renewed(session, progress, scan, error)
            raise

    def _renewable(self, progress: Progress) -> bool:
        """What became of rows that were read is known, where that must be told."""
        told = self._tells and progress.read is not None
        return progress.behind is None and not (told and self.relation.kind in UNTOLD)

    def _read(self, session: Session, progress: Progress, ask: Ask, scan: Scan) -> Batch:
        pages = self._pages
        if pages is None or not pages.serves(progress.scn, progress.left):
            self._close()
            pages = self._pages = Snap(session, self._subject, progress.scn, progress.left)
        read = pages.read(ask)
        if read.left is None:
            self._close()
            over = Scan.ONLY if scan is Scan.FIRST else Scan.LAST
            more = over is Scan.LAST or bool(read.changes or read.rejects)  # else the table is empty
            return Batch(progress.then, read.changes, read.rejects, scan=self._mark(over), more=more)
        renewals = 0 if read.left.after != progress.left.after else progress.renewals
        position = replace(progress, left=read.left, renewals=renewals).position
        return Batch(position, read.changes, read.rejects, scan=self._mark(scan), more=True)

    def _renewed(self, session: Session, progress: Progress, scan: Scan, error: BaseException) -> Batch:
        """At a newer SCN; from the first row on where some can have moved unseen to what was read."""
        beginning = _anew(session)
        altered = self._altered(session)  # of what comes later, nothing is read as of that SCN
        read = progress.read is not None
        tells = self._tells and read
        again = read and (altered != progress.altered or self._moves(session, error))
        renewed = replace(
            progress,
            scn=beginning.scn,
            then=self._then.start(beginning) if self._tells else progress.then,
            behind=Place(progress.scn) if tells else None,
            renewals=progress.renewals + 1,
            again=progress.again + again,
            ripe=max(self._ripe, self._settled(error)),
            altered=altered,
            anew=again,
        )
        if again and not tells:
            renewed = self._from_the_first(session, renewed)
        return Batch(renewed.position, scan=self._mark(scan), more=True)

    def _moves(self, session: Session, error: BaseException) -> bool:
        """Whether rows may be by now where it has been already: SHRINK SPACE leaves no versions.

        It wants row movement (ORA-10636), which ALTER TABLE gives and takes: that has a time, and a SHRINK
        SPACE none to be relied on.
        """
        if self.options.mode == "timestamp" and "ORA-01466" in codes(error):
            return True
        told = session.rows(statements.storage(self.relation.name))
        return not told or told[0][2] != "DISABLED"

    def _caught_up(self, session: Session, progress: Progress, behind: Place, ask: Ask) -> Batch:
        """Of what was read, changes up to the SCN at which the rest will be."""
        versions = self._versions
        if versions is None or (versions.place, versions.until) != (behind, progress.scn):
            self._close()
            subject = replace(self._subject, before=self.options.before, last=progress.read)
            versions = self._versions = Versions(session, subject, behind, progress.scn)
        page = versions.page(ask)
        if versions.ended:
            self._close()
        place = None if page.place == Place(progress.scn) else page.place
        progress = replace(progress, behind=place)
        if place is None and progress.anew:
            progress = self._from_the_first(session, progress)
        return Batch(progress.position, page.changes, page.rejects, scan=self._mark(Scan.MORE), more=True)

    def _from_the_first(self, session: Session, progress: Progress) -> Progress:
        reach = progress.read if self._tells else None
        return replace(progress, left=Stretch(None, bounds(session, self._subject)), anew=False, reach=reach)

    def _mark(self, scan: Scan) -> Scan | None:
        return scan if self._tells else None

    def reread(
        self, session: Session, position: Position | None, place: Position | None, within: Ranges, ask: Ask
    ) -> Batch:
        """Of images what is there now; of changes, what the snapshot has not told yet comes with it.

        Nor can anything be read beside it: a row that it is yet to read at a newer SCN may be gone by then,
        and nobody would tell. Errors: TransientError while it is in the middle.
        """
        if not _running(position):
            return self._then.reread(session, position, place, within, ask)
        progress = self._progress(position)
        if not self._tells:
            return self._then.reread(session, progress.then, place, within, ask)
        if progress.read is not None:
            raise TransientError(f"rows of {self.name} are read once more when its snapshot is through")
        return Batch(place)

    def check(self, position: Position) -> None:
        if _running(position):
            self._then.check(self._progress(position).then)
        else:
            self._then.check(position)

    def release(self) -> None:
        self._close()
        self._then.release()

    def _close(self) -> None:
        for each in (self._pages, self._versions):
            if each is not None:
                each.close()
        self._pages = self._versions = None

    def _progress(self, position: Position) -> Progress:
        """Errors: PermanentError."""
        try:
            return Progress.parsed(position)
        except (ValueError, TypeError, KeyError, IndexError):
            raise self.stranger("a snapshot, in the middle") from None


class Once(Mode):
    """Nothing follows a snapshot; what it was as of is kept."""

    def tables(self) -> tuple[Table, ...]:
        return (Subject(self.relation, self.key).table,)

    def start(self, beginning: Beginning) -> Position:
        return {"mode": "snapshot", "done": beginning.scn}

    def poll(self, session: Session, position: Position | None, ask: Ask) -> Batch:  # noqa: ARG002
        return Batch(position)

    def reread(
        self,
        session: Session,
        position: Position | None,  # noqa: ARG002 -- nothing is yet to be told
        place: Position | None,
        within: Ranges,
        ask: Ask,
    ) -> Batch:
        return read_again(session, Subject(self.relation, self.key), session.scn(), place, within, ask)

    def check(self, position: Position) -> None:
        if not (is_object(position, {"mode", "done"}) and position["mode"] == "snapshot"):
            raise self.stranger("a snapshot; `positions rewind --to start` reads another one")


def is_too_old(error: BaseException) -> bool:
    """Undo that the SCN needs is gone, or the table was altered since; at a newer one it can be read."""
    return isinstance(error, oracledb.Error) and kind(error) is Code.GAP


def _anew(session: Session) -> Beginning:
    """One that is not shared."""
    session.fresh()
    return Beginning(session.moment(), session.scn())


def _running(position: Position | None) -> bool:
    return isinstance(position, dict) and position.get("mode") == "snapshot" and "scn" in position


def _place(scn: int, *within: Any) -> Place:
    return Place(int(scn), (int(within[0]), str(within[1])) if within else None)


def _in_order(rowid: str) -> list[int]:
    """Its digits: in base 64, and not in the order of their codes."""
    return [_DIGITS.index(digit) for digit in rowid]


def _after(after: Any) -> Any:
    if not (after is None or isinstance(after, str | Sequence)):
        raise TypeError(after)
    return after

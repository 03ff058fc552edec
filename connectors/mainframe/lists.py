"""Lists: page after page, and the screen behind each row where there is one.

A list that pages by position shows rows twice, or never, when others come or go while it is read. Twice does
no harm. So that a row that was there all the time does not count as deleted, what is missing since the last
scan is looked for in a second pass before the scan ends.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from bridge.contract import Ask, Position, Reject
from connectors.mainframe import details, recognise
from connectors.mainframe.config import Detail
from connectors.mainframe.doubled import Doubled
from connectors.mainframe.errors import Kind, Looked, Trouble, Unanswered
from connectors.mainframe.fitted import Row
from connectors.mainframe.pages import Awaited, Shown
from connectors.mainframe.readings import CONFIRMS, ListReading
from connectors.mainframe.recognise import Page
from connectors.mainframe.scans import Key, Piece, judged, keys_of
from connectors.mainframe.sessions import Session

# Passes of one scan, where it pages by position.
PASSES = 2
ONCE_MORE = "the page once more"


@dataclass(slots=True)
class Known:
    """Of a list, while the connector is open: the keys of former scans, and how many missed each since."""

    missed: dict[Key, int] = field(default_factory=dict)
    scans: int = 0

    def doubts(self, met: Collection[Key]) -> bool:
        """Whether a pass that met these is to be repeated; of earlier processes' scans nothing is known."""
        return self.scans < CONFIRMS or any(key not in met for key in self.missed)

    def scanned(self, met: Collection[Key]) -> None:
        gone = {key: count + 1 for key, count in self.missed.items() if key not in met}
        self.missed = dict.fromkeys(met, 0) | {key: count for key, count in gone.items() if count < CONFIRMS}
        self.scans += 1


class ListPages:
    """The pages of one scan."""

    def __init__(
        self, reading: ListReading, session: Session, known: Known | None, told: Sequence[str] = ()
    ) -> None:
        """`told`: columns whose `texts` are wanted; `known`: None where no deletes rest on the scan."""
        self._reading, self._session, self._known, self._told = reading, session, known, told
        self._walk = session.walk
        self._shown: Shown | None = None
        self._number = self._turned = self._repaints = 0
        self._pass, self._id = 1, secrets.token_hex(4)
        self._fresh: dict[Key, Row] = {}
        """Of the page shown, rows that are still to be opened."""
        self._opened: set[Key] = set()
        """Of the page shown, too."""
        self._met: dict[Key, Mapping[str, Any] | None] = {}
        """Key -> what the list shows of the row; None for a reject."""
        self._unnamed: set[str] = set()
        """Lines without a key: each is told once a scan, not in every pass."""
        self._doubled = Doubled(reading.table.name, reading.table.key)
        self.texts: dict[Key, Mapping[str, str]] = {}
        self._longest = 0
        """Rows of the longest page so far that goes on; the last one may hold any number."""
        self._waited = False
        """Whether the page shown, which is not full, has been waited for as long as may be."""

    @property
    def place(self) -> Position:
        """Of this pass alone: another one would have to begin anew."""
        return {"scan": self._id, "batch": self._turned}

    def turn(self, ask: Ask, until: float) -> Piece:
        """A page, or some rows of it; after the last page of a pass the first of the next one, too."""
        self._turned += 1
        piece = Piece()
        if not self._fresh:
            before = self._shown
            self._shown = self._first() if before is None else self._next(before)
            self._opened.clear()
            self._note(before, self._shown, piece)
            self._list(self._shown, piece, ask)
        elif self._shown and not self._stands(self._shown):  # others may stand where its rows stood
            self._shown = self._same(self._shown, self._once_more(self._shown), ONCE_MORE)
        self._open_rows(piece, ask, until)
        if not self._fresh and self._shown and self._shown.page.ended:
            if self._is_complete():
                piece.last = True
            else:
                piece.add(self.turn(ask, until))
        return piece

    # -- turning

    def _first(self) -> Shown:
        self._number = 1
        try:
            return self._from_home()
        except Trouble as trouble:
            if trouble.kind is not Kind.RELOGIN and not isinstance(trouble, Unanswered):
                raise
        self._session.renew()  # it was signed off while it rested, or does not lead to the first page
        return self._from_home()

    def _from_home(self) -> Shown:
        """Errors: Unanswered, too."""
        self._waited = False
        self._session.go_home()
        self._walk = self._session.walk
        self._walk.perform(self._reading.options.goto, "to the list")
        return self._rewound(self._arrived())

    def _arrived(self) -> Shown:
        """The page that the way to the list leads to."""
        before = self._stood()
        if before is None:
            return self._page("page 1")
        try:
            return self._turned_to(before, "page 1")
        except Unanswered:
            if before.page == self._walk.turned:
                raise
        return self._page("page 1")  # it is the first page that the key was pressed on

    def _rewound(self, shown: Shown) -> Shown:
        """The first page: a host may come back to the one that it showed last."""
        table = self._reading.list
        told = f"back to page 1 by {table.previous}"
        for _ in range(table.pages):
            if shown.page.first is not False:
                return shown
            self._walk.press(table.previous, told, (self._reading.options.screen,))
            shown = self._turned_to(shown, told)
        raise self._trouble(shown, told, f"it is not the first page after {table.pages} of them")

    def _stood(self) -> Shown | None:
        """The page that the last key was pressed on, where the way to the list ends on its own screen."""
        left = self._walk.left
        return Shown.of(self._reading, left) if left and left.name == self._reading.options.screen else None

    def _next(self, before: Shown) -> Shown:
        if not self._stands(before):
            return self._anew_by_itself(before)
        self._number += 1
        self._repaints = 0
        told, table = f"page {self._number}", self._reading.list
        if self._number > table.pages:
            raise self._trouble(before, told, f"there is no end after {table.pages} pages", Kind.FATAL)
        short, self._waited = self._waited, False
        self._walk.press(table.next, told, (self._reading.options.screen,))
        after = self._after(before, told)
        if short and not (after.page.ended and {*before.keys} <= {*after.keys}):
            raise self._trouble(after, told, "the page before it was not full, and is not the last one")
        return after

    def _anew_by_itself(self, before: Shown) -> Shown:
        """The page, where the host has painted on it since."""
        told, self._waited = f"page {self._number}, once more", False
        self._repaints += 1
        if self._repaints > self._reading.list.pages:
            raise self._trouble(before, told, "it is painted again and again")
        return self._same(before, self._page(told, number=before.page.number), told)

    def _after(self, before: Shown, told: str) -> Shown:
        number = None if before.page.number is None else before.page.number + 1
        try:
            return self._turned_to(before, told, number)
        except Unanswered as stays:
            if self._reading.list.tells_its_end:
                raise
            return Shown(stays.seen, Page([], ended=True, more=False, short=True), ())

    def _turned_to(self, before: Shown, told: str, number: int | None = None) -> Shown:
        """Another page than the one before: until the time is over the host may yet answer.

        Errors: Unanswered.
        """
        try:
            return self._page(told, turned=before, number=number)
        except Trouble as trouble:
            if trouble.kind is not Kind.UNKNOWN or not self._stands(before):
                raise
            screen, why = self._reading.options.screen, "the key leaves it as it was"
            raise Unanswered(Kind.UNKNOWN, told, screen, trouble.seen, why) from None

    def _stands(self, before: Shown) -> bool:
        """Whether it is still that page; a clock beside its lines may go on."""
        seen, then = self._walk.look(), before.seen
        same = (seen.name, seen.kind) == (then.name, then.kind)
        return same and recognise.page(self._reading.map, seen.screen) == before.page

    def _once_more(self, shown: Shown) -> Shown:
        """That page, as it is by now."""
        return self._page(ONCE_MORE, number=shown.page.number)

    def _page(
        self, told: str, turned: Shown | None = None, left: Shown | None = None, number: int | None = None
    ) -> Shown:
        """The page that it was turned to, or that was left; or whichever stands there."""
        awaited = Awaited(self._reading, self._longest, self._waited, turned, left, number)
        return self._taken(self._awaited(awaited, told))

    def _awaited(self, awaited: Awaited, told: str) -> Shown:
        screen, rest = self._reading.options.screen, self._walk.pace.rest(0 if awaited.left else 1)

        def refuses_a_row(seen: Looked) -> bool:
            """It still says so, and is the page all the same."""
            return (seen.name, seen.kind) == (screen, Kind.REJECT)

        try:
            seen = self._walk.await_screen(
                (screen,), told, rest=rest, judge=awaited.sight, also=refuses_a_row
            )
        except Trouble as trouble:
            patient = awaited.after(trouble)
            if patient is None:
                raise
            self._waited = patient.waited
            return self._awaited(patient, told)
        return Shown.of(self._reading, seen)

    def _taken(self, shown: Shown) -> Shown:
        page = shown.page
        if not page.ended:
            self._longest = max(self._longest, len(page.rows))
        if self._number > 1 or page.first is False:
            self._walk.turned = page
        return shown

    def _is_complete(self) -> bool:
        """At the end of a pass; False: another one follows."""
        known = self._known
        if known is None or self._reading.options.paging == "key":
            return True
        if self._pass < PASSES and known.doubts(self._met.keys()):
            self._pass += 1
            self._shown = None
            return False
        known.scanned(self._met.keys())
        return True

    # -- the rows of a page

    def _note(self, before: Shown | None, shown: Shown, piece: Piece) -> None:
        """A page with a message of rows that nobody has asked for may lack them."""
        error = shown.seen.error if shown.seen.kind is Kind.REJECT else ""
        if error and error not in self._unnamed and not (before and before.seen.error == error):
            self._unnamed.add(error)
            piece.rejects.append(Reject(self._reading.table.name, f"page {self._number}: {error}", error))

    def _list(self, shown: Shown, piece: Piece, ask: Ask) -> None:
        """What the page alone tells: rows, or which of them are to be opened."""
        fresh = self._sorted(shown, piece)
        if self._reading.detail is None:
            piece.rows |= {key: row.values for key, row in fresh.items()}
            return
        self._fresh = {key: row for key, row in fresh.items() if key not in self._opened}
        self._leave_unchanged(piece, ask)

    def _open_rows(self, piece: Piece, ask: Ask, until: float) -> None:
        while self._fresh:
            key = next(iter(self._fresh))
            self._opened.add(key)
            self._open(key, self._fresh.pop(key), piece)
            if not self._fresh:
                self._look_again(piece, ask)
            if time.monotonic() >= until:
                return

    def _look_again(self, piece: Piece, ask: Ask) -> None:
        """Rows may have come to the page while others were opened: the next page would not show them."""
        if self._shown and self._has_news(self._shown):
            self._shown = self._once_more(self._shown)
            self._list(self._shown, piece, ask)

    def _has_news(self, shown: Shown) -> bool:
        """A line that nobody can name counts, too: its row must not be missed."""
        if {*shown.keys} - {None, *self._met, *self._opened}:
            return True
        unnamed = (row for row, key in zip(shown.page.rows, shown.keys, strict=True) if key is None)
        return any(_line_of(row) not in self._unnamed for row in unnamed)

    def _sorted(self, shown: Shown, piece: Piece) -> dict[Key, Row]:
        """The rows of the page that were not met like this; rejects go to the piece."""
        fresh = dict[Key, Row]()
        found = [(row, *judged(row, self._reading.table)) for row in shown.page.rows]
        self._doubled.note(self._number, [(key, row) for row, key, reject in found if key and not reject])
        for row, key, reject in found:
            values = None if reject else row.values
            if self._is_known(key, row, values):
                continue
            if key is None:
                self._unnamed.add(_line_of(row))
            else:
                self._met[key] = values
                self.texts[key] = shown.texts(self._reading, row, self._told)
            if reject:
                piece.rejects.append(reject)
            elif key is not None:
                fresh[key] = row
        return fresh

    def _is_known(self, key: Key | None, row: Row, values: Mapping[str, Any] | None) -> bool:
        if key is None:
            return _line_of(row) in self._unnamed
        return key in self._met and self._met[key] == values

    def _leave_unchanged(self, piece: Piece, ask: Ask) -> None:
        """Rows whose marks are known are seen, and not opened."""
        mark, table = self._reading.options.mark, self._reading.table
        if mark is None or ask.changed is None or not self._fresh:
            return
        marks = [row.values.get(mark) for row in self._fresh.values()]
        shown = pa.array(marks, table.schema.field(mark).type)
        must = ask.changed(table, keys_of(table, list(self._fresh)), shown).to_pylist()
        for key, wanted in zip(list(self._fresh), must, strict=True):
            if not wanted:
                piece.seen[key] = None
                del self._fresh[key]

    # -- the screen behind a row

    def _open(self, key: Key, row: Row, piece: Piece) -> None:
        """Reads it, and comes back to the page, which may show other rows by then."""
        detail = self._reading.options.detail
        if detail is None or self._shown is None or key not in self._shown.keys:
            del self._met[key]  # it went to another page, or away
            self._opened.discard(key)  # and may come back
            return
        found = self._read(detail, self._shown, key)
        if found is None:  # deleted since the list was painted
            del self._met[key]
        elif isinstance(found, Reject):
            piece.rejects.append(found)
        else:
            piece.rows[key] = {**row.values, **found.values}
            if mark := self._reading.options.mark:
                piece.marks[key] = row.values.get(mark)
        self._back(detail, self._shown, key)

    def _read(self, detail: Detail, shown: Shown, key: Key) -> Row | Reject | None:
        try:
            return details.read(self._walk, self._reading, detail, shown, key)
        except Unanswered:
            self._shown = shown = self._anew(key)
        return details.read(self._walk, self._reading, detail, shown, key, again=True)

    def _anew(self, key: Key) -> Shown:
        """The same page, come to from `home`: no message stands on it that could be taken for an answer."""
        number, shown = self._number, self._first()
        while self._number < number and not shown.page.ended:
            shown = self._next(shown)
        if {key, *self._fresh} - {*shown.keys}:
            raise self._trouble(shown, f"page {number} once more", "it shows other rows by now")
        return shown

    def _back(self, detail: Detail, before: Shown, key: Key) -> None:
        told = f"row {details.written(key)}, back"
        if self._walk.look().name != self._reading.options.screen:
            self._walk.perform(detail.back, told)
        details.take_back(self._walk, self._reading, detail, before, key)
        self._shown = self._same(before, self._page(told, left=before, number=before.page.number), told)

    def _same(self, before: Shown, after: Shown, told: str) -> Shown:
        """The page as it is by now. Errors: Trouble, when it has none of the rows that it had."""
        if not {*before.keys} & {*after.keys}:
            raise self._trouble(after, told, "it is another page of the list")
        return after

    def _trouble(self, shown: Shown, told: str, why: str, kind: Kind = Kind.UNKNOWN) -> Trouble:
        return Trouble(kind, told, self._reading.options.screen, shown.seen, why)


def _line_of(row: Row) -> str:
    """What tells it from others where it has no key."""
    return row.raw or repr(row.values)

"""Rows of a table: those that say they were changed since the last pass, or all of them, again and again.

Either way the engine compares them with what it knows. Rows come by pages in the order of the key, and a new
process goes on behind the last page. Of passes by time the first one is of all rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from bridge.contract import Ask, Batch, Caveat, Changes, Emits, Op, Position, Ranges, Scan, Table
from bridge.errors import PermanentError
from connectors.sap_rfc import conditions, positions
from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.modes.mode import Basis, Mode
from connectors.sap_rfc.modes.restless import MOST, Restless, letter
from connectors.sap_rfc.modes.times import times_of
from connectors.sap_rfc.plan import Plan
from connectors.sap_rfc.reading import of
from connectors.sap_rfc.tables import Choice, Key, Page, TableReader
from connectors.sap_rfc.window import Look, Mark, Window

if TYPE_CHECKING:
    from connectors.sap_rfc.system import Moment, System
    from connectors.sap_rfc.types import Column

COMPLETE: Position = {"mode": "images", "scan": "complete"}


def mode(basis: Basis) -> Mode:
    """Errors: PermanentError when it cannot be read so; the system's."""
    kind = Images if basis.options.images else Watermark
    return kind(basis)


class _Place(NamedTuple):
    """Where a page begins, and where it is to end if that is known."""

    after: Key | None = None
    to: Key | None = None
    left: tuple[Key, ...] = ()
    """Rows of the pass, or at its beginning of the last one, that did not rest: they are read again."""


_START = _Place()


class TableMode(Mode):
    """What both have in common."""

    emits = Emits.IMAGES

    def __init__(self, basis: Basis) -> None:
        super().__init__(basis.name)
        self._reader = TableReader(basis.system, basis.options.reader, basis.dictionary)
        self._choice = _chosen(basis)
        relation = self._choice.relation
        self._table = Table(self.name, self._reader.schema(self._choice), relation.key)
        self._restless = Restless(self.name)
        self._width = sum(of(relation, column).length for column in self._choice.read)

    def tables(self) -> tuple[Table, ...]:
        return (self._table,)

    @property
    def rests_on(self) -> object:
        return self._choice, self._table

    @property
    def plan(self) -> Plan:
        """How its rows are read."""
        return self._reader.plan(self._choice)

    def reread(
        self,
        system: System,  # noqa: ARG002 -- the reader has it
        position: Position | None,  # noqa: ARG002 -- changes that are yet to come are dropped as known
        place: Position | None,
        within: Ranges,
        ask: Ask,
    ) -> Batch:
        ranges = [
            bound for name, ends in within.items() for bound in bounds(of(self._choice.relation, name), ends)
        ]
        choice = replace(self._choice, where=conditions.both(self._choice.where, *ranges))
        page = self._read(choice, self._resumed(place), ask)
        letters = [letter(self.name, key) for key in page.unsettled.to_pylist()]
        page = replace(page, rejects=(*page.rejects, *letters))
        return self._batch(page.place if page.more else {"after": None}, page, Op.READ)

    def _read(self, choice: Choice, place: _Place, ask: Ask) -> Page:
        rows = max(1, min(ask.rows, ask.bytes // max(1, self._width)))
        return self._reader.page(choice, place.after, rows, place.to)

    def _batch(self, position: Position, page: Page, op: Op, scan: Scan | None = None) -> Batch:
        changes = (Changes(self._table, page.rows, op),) if page.rows.num_rows else ()
        return Batch(position, changes, page.rejects, scan=scan, more=page.more)

    def _resumed(self, place: Position | None) -> _Place:
        """Where a reading goes on; from the beginning, if the key is another one now."""
        try:
            return self._place(place) if isinstance(place, dict) else _START
        except ValueError:
            return _START

    def _place(self, place: Mapping[str, Any]) -> _Place:
        """Errors: ValueError."""
        match place:
            case {"after": list() as after, "to": list() as to, **rest} if not rest:
                return _Place(self.plan.check(after), self.plan.check(to))
            case {"after": list() as after, **rest} if not rest:
                return _Place(self.plan.check(after))
        raise ValueError(place)


class Images(TableMode):
    """The whole table, again and again: what is gone is found, too."""

    caveats = frozenset({Caveat.COLLAPSES})

    def poll(self, system: System, position: Position | None, ask: Ask) -> Batch:  # noqa: ARG002
        place = _START if position in (None, COMPLETE) else self._checked(position)
        if place == _START:
            self._restless.begin()
        page = self._read(self._choice, place, ask)
        page = replace(page, rejects=(*page.rejects, *self._restless.told([page])))
        after = {"mode": "images", **page.place} if page.more else COMPLETE
        batch = self._batch(after, page, Op.CREATE, _mark(place.after, more=page.more))
        if page.unsettled.num_rows:  # they are there, and read anew by the next scan
            return replace(batch, seen=((self._table.name, page.unsettled),))
        return batch

    def check(self, position: Position) -> None:
        if position != COMPLETE:
            self._checked(position)

    def _checked(self, position: Position) -> _Place:
        """Errors: PermanentError."""
        try:
            match position:
                case {"mode": "images", **place}:
                    return self._place({str(name): value for name, value in place.items()})
        except ValueError:
            pass
        raise self.stranger('an images scan; {"mode": "images", "scan": "complete"} begins a new one')


class Watermark(TableMode):
    """By the times of changes, in windows of SAP's clock that overlap."""

    # A transaction may take longer than the late window; rows without a time are read but once.
    caveats = frozenset({Caveat.NO_DELETES, Caveat.MAY_MISS, Caveat.COLLAPSES})

    def __init__(self, basis: Basis) -> None:
        super().__init__(basis)
        options, relation = basis.options, self._choice.relation
        self._columns, self._of = list(options.columns), _digest(self._choice, options.where)
        keys = [relation.column(each) for each in relation.key]
        self._alpha = options.alpha if any(each.alpha for each in keys) else None
        self._times = list(times_of(relation, options.columns))
        self._stamped = self._times[0].is_stamp
        self._late_s, self._safety_s = options.late_window, options.safety_interval
        if any(times.is_stamp != self._stamped for times in self._times):
            raise PermanentError(
                f"{self.name}: `columns` are time stamps in UTC and dates in SAP's local time",
                remedy="name columns of one sort",
            )

    def poll(self, system: System, position: Position | None, ask: Ask) -> Batch:
        found, place = self._checked(position)
        begins = not isinstance(found, Window)
        window = found if isinstance(found, Window) else self._look(system.moment()).begun(found)
        pages = [page := self._read(self._chosen(window), place, ask)]
        if begins:
            self._restless.begin()
            pages += [self._reader.some(self._choice, place.left)] if place.left else []
        left = dict.fromkeys(key for each in pages for key in each.left)
        left = left if begins else {**dict.fromkeys(place.left), **left}
        if len(left) > MOST:
            page.settled(self.name)
        after = {**window.position, **page.place} if page.more else window.then.position
        told = {"left": [[*key] for key in left]} if left else {}
        named = {"mode": "table", "columns": self._columns, "of": self._of}
        named |= {"alpha": self._alpha} if self._alpha else {}
        rows = [each.rows for each in pages]
        rows[0] = without(
            rows[0], self._table.key, {key for each in rows[1:] for key in keys(each, self._table.key)}
        )
        return Batch(
            {**named, **after, **told},
            tuple(Changes(self._table, each, Op.CREATE) for each in rows if each.num_rows),
            (*(each for some in pages for each in some.rejects), *self._restless.told(pages)),
            more=page.more,
        )

    def _look(self, moment: Moment) -> Look:
        offset_s = 0 if self._stamped else moment.offset_s
        ours = _ours(moment)
        return Look(ours, round(moment.ahead_s) + offset_s, safety_s=self._safety_s, late_s=self._late_s)

    def _chosen(self, window: Window) -> Choice:
        if window.since is None or window.until is None:
            return self._choice
        times = [each.within(window.since, window.until) for each in self._times]
        return replace(self._choice, where=conditions.both(self._choice.where, conditions.either(*times)))

    def check(self, position: Position) -> None:
        self._checked(position)

    def _checked(self, position: Position | None) -> tuple[Window | Mark | None, _Place]:
        """Where a pass is, or the last one ended; None where all rows are yet to be read.

        Errors: PermanentError.
        """
        if position is None:
            return None, _START
        try:
            match position:
                case {"mode": "table", "columns": list(by), **rest} if by == self._columns:
                    self._must_have(rest.pop("alpha", self._alpha))
                    if rest.pop("of", self._of) != self._of:
                        return None, _START
                    left = tuple(map(self._named, positions.left(rest.pop("left", []))))
                    if "after" not in rest:
                        return Mark.parsed(rest), _Place(left=left)
                    place: Mapping[str, Any] = {
                        name: rest.pop(name) for name in ("after", "to") if name in rest
                    }
                    return Window.parsed(rest), self._place(place)._replace(left=left)
        except ValueError:
            pass
        raise self.stranger(f"table mode by {', '.join(self._columns)}")

    def _must_have(self, alpha: object) -> None:
        """Errors: PermanentError: rows would be there by two keys, and nothing deletes the former one."""
        if self._alpha and alpha != self._alpha:
            self.must_be_known([f"alpha {self._alpha}"])

    def _named(self, key: Sequence[str]) -> Key:
        """Errors: ValueError when it is no key of a row."""
        self.plan.check(key)
        if len(key) != len(self._table.key):
            raise ValueError(key)
        return tuple(key)


def keys(rows: pa.RecordBatch, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return (tuple(each.values()) for each in rows.select([*names]).to_pylist())


def without(
    rows: pa.RecordBatch, names: Sequence[str], others: Collection[tuple[Any, ...]]
) -> pa.RecordBatch:
    """Those with none of these keys."""
    if not others or not rows.num_rows:
        return rows
    return rows.filter(pa.array([key not in others for key in keys(rows, names)], pa.bool_()))


def _digest(choice: Choice, where: str) -> str:
    """What a position is of: other rows were never read, and values of another form are told anew."""
    form = [dict(sorted(choice.currencies.items())), sorted(choice.stripped - {*choice.relation.key})]
    what = [choice.relation.name, choice.relation.key, where, *(form if any(form) else ())]
    return hashlib.blake2b(json.dumps(what).encode(), digest_size=6).hexdigest()


def _chosen(basis: Basis) -> Choice:
    """Errors: PermanentError."""
    name, options = basis.name, basis.options
    relation = basis.dictionary.relation(options.table or name)
    if options.key:
        relation = replace(relation, key=tuple(options.key))
    try:
        where = conditions.parsed(options.where)
    except ValueError as error:
        raise PermanentError(f"`where` of {name}: {error}", remedy="close it, or use a shorter one") from None
    wanted = {of(relation, each).name for each in (*options.fields, *relation.key)}
    columns = [each.name for each in relation.columns if each.name != relation.client]
    if options.fields:
        columns = [each.name for each in relation.columns if each.name in wanted]
    stripped = [each.name for each in relation.columns if each.alpha and options.alpha == "strip"]
    return Choice(
        relation,
        tuple(columns),
        where,
        currencies=options.currencies,
        stripped=frozenset(stripped),
        excluded=basis.excluded,
        name=name,
    )


def bounds(column: Column, ends: tuple[Any, Any]) -> Iterator[Condition]:
    """Errors: PermanentError for what is no value of the column."""
    for sign, end in zip((">=", "<="), ends, strict=True):
        if end is None:
            continue
        try:
            literal = conditions.literal(column, _told(column, end))
        except ValueError as error:
            raise PermanentError(
                f"{end} is no value of {column.name}, which is {column.abap}", remedy="give one that is"
            ) from error
        yield conditions.compare(column.name, sign, literal)


def _told(column: Column, value: Any) -> str:
    """A value of a key as events have it, in the words of SAP. Errors: ValueError."""
    text = str(value)
    match column.inttype:
        case "D":
            return datetime.strptime(text[:10], "%Y-%m-%d").strftime("%Y%m%d")  # noqa: DTZ007 -- a day
        case "T":
            return time.fromisoformat(text).strftime("%H%M%S")
        case "X":
            return bytes.fromhex(text).hex().upper()
        case "N":
            return text.zfill(column.length)
        case "C" if column.alpha and text.isdigit():
            return text.zfill(column.length)
    return text


def _ours(moment: Moment) -> datetime:
    return moment.utc - timedelta(seconds=moment.ahead_s)


def _mark(after: Key | None, *, more: bool) -> Scan:
    if after is None:
        return Scan.FIRST if more else Scan.ONLY
    return Scan.MORE if more else Scan.LAST

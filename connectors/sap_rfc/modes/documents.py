"""Inserts, updates and deletes as change documents log them: headers in CDHDR, lines in CDPOS.

A row of a table that a document tells of is an event of that table: its key out of TABKEY, the logged fields
before and after; what the document does not log was not read. SAP Help, "Change Documents".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any
from zlib import crc32

import pyarrow as pa

from bridge.contract import Ask, Batch, Caveat, Emits, Finding, Level, Op, Position, Ranges, Reject, Table
from bridge.errors import ConfigError, GoneError, PermanentError, TransientError
from connectors.sap_rfc import conditions
from connectors.sap_rfc.conditions import compare, quoted
from connectors.sap_rfc.dictionary import Relation
from connectors.sap_rfc.errors import UnauthorisedError
from connectors.sap_rfc.modes import details, late, lines
from connectors.sap_rfc.modes.late import Overlap
from connectors.sap_rfc.modes.log import Key, Lines, pages
from connectors.sap_rfc.modes.look import MOST_AT_ONCE, Reading
from connectors.sap_rfc.modes.mode import Basis, Mode
from connectors.sap_rfc.modes.objects import Objects, Touched
from connectors.sap_rfc.modes.order import ordered
from connectors.sap_rfc.modes.pace import Pace
from connectors.sap_rfc.modes.told import Subject, Telling, Told, is_there, told
from connectors.sap_rfc.modes.whole import Whole
from connectors.sap_rfc.system import System
from connectors.sap_rfc.tables import Choice, TableReader
from connectors.sap_rfc.zones import Offsets, zone_of

_HEADER = (
    "OBJECTCLAS", "OBJECTID", "CHANGENR", "USERNAME", "UDATE", "UTIME", "TCODE", "PLANCHNGNR", "ACT_CHNGNO",
    "WAS_PLANND", "CHANGE_IND",
)  # fmt: skip
_LINE = (
    "OBJECTCLAS", "OBJECTID", "CHANGENR", "TABNAME", "TABKEY", "FNAME", "CHNGIND", "TEXT_CASE", "UNIT_OLD",
    "UNIT_NEW", "CUKY_OLD", "CUKY_NEW", "VALUE_NEW", "VALUE_OLD",
)  # fmt: skip
_OBJECT = ("OBJECTCLAS", "OBJECTID")
_TIME = ("UDATE", "UTIME")
_CLASSES = "TCDOB"
_ZONES = "TTZCU"
_FIRST, _MOST = 20, 500
"""Documents of a poll: at first those whose lines are read by one call; for many it takes dozens."""


@dataclass(frozen=True, slots=True)
class Document:
    """A header. `given`: UDATE and UTIME."""

    stamp: str
    given: str
    number: str
    fields: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return self.fields["OBJECTCLAS"], self.fields["OBJECTID"], self.number

    @property
    def mark(self) -> str:
        """CHANGENR alone is no key: a number may come again for another object."""
        return f"{self.number}.{crc32(self.group.encode()):08x}"

    @property
    def group(self) -> str:
        return f"{self.fields['OBJECTCLAS']} {self.fields['OBJECTID']}"


class ChangeDocuments(Mode):
    """Of some object classes; one table for each of SAP's that they log."""

    emits = Emits.CHANGES
    # A transaction may take longer than the late window; what is not logged is not told.
    caveats = frozenset({Caveat.MAY_MISS})

    def __init__(self, basis: Basis) -> None:
        """Errors: PermanentError; the system's."""
        name, options = basis.name, basis.options
        super().__init__(name)
        self._options, self._dictionary = options, basis.dictionary
        self._reader = TableReader(basis.system, options.reader, basis.dictionary)
        headers = self._choice("CDHDR", _HEADER)
        self._headers = replace(headers, relation=_with_texts(headers.relation, _TIME))
        self._lines = Lines(self._choice("CDPOS", _LINE), self._reader)
        self._reading = Reading(name, options)
        self._each = 1.0
        """About how many bytes a document makes."""
        self._pace = Pace(_FIRST)
        if options.enrich:
            self.caveats = frozenset({Caveat.MAY_MISS, Caveat.COLLAPSES})  # rows are told as they are now
        try:
            named = options.tables or self._logged()
            self._subjects = {each: self._subject(each, basis.excluded) for each in named}
            self._objects = self._enriched(basis)
            self._whole = Whole(name, self._subjects, self._reader)
        except ConfigError as error:
            raise details.parked(error, f"stream {name}") from None

    def _choice(self, table: str, columns: Sequence[str]) -> Choice:
        relation = self._dictionary.relation(table)
        there = {each.name for each in relation.columns}
        return Choice(relation, tuple(each for each in columns if each in there), changed=("CHANGENR",))

    def _logged(self) -> list[str]:
        """All tables of the classes. Errors: ConfigError."""
        try:
            logs = self._logs()
        except UnauthorisedError as error:
            raise ConfigError(
                f"which tables the classes log is not known: {error.text}", remedy="name them under `tables`"
            ) from None
        for name in self._options.classes:
            if name not in {each for each, _ in logs}:
                raise ConfigError(f"`classes`: there is no object class {name} (transaction SCDO)")
        return sorted({table for _, table in logs})

    def _logs(self) -> list[tuple[str, str]]:
        """Classes and their tables, as transaction SCDO has them. Errors: UnauthorisedError."""
        classes = self._options.classes
        choice = Choice(
            self._dictionary.relation(_CLASSES),
            ("OBJECT", "TABNAME"),
            conditions.either(*(compare("OBJECT", "=", quoted(each)) for each in classes)),
            changed=("OBJECT",),
        )
        return [(row["OBJECT"], row["TABNAME"]) for page in self._pages(choice) for row in page]

    def probe(self, system: System) -> Iterator[Finding]:  # noqa: ARG002 -- the reader has it
        """Names that fit nothing: no poll would say so."""
        try:
            logs = self._logs() if self._options.tables else []
        except UnauthorisedError:  # for those that are named, it need not be known
            return
        classes, known = self._options.classes, {each for each, _ in logs}
        for name in classes if self._options.tables else ():
            if name not in known:
                yield Finding(
                    Level.WARNING,
                    f"there is no object class {name} in TCDOB: it has no change documents",
                    "look for its name in transaction SCDO",
                    self.name,
                )
        strange = sorted({*self._options.tables} - {table for _, table in logs}) if known else []
        if strange:
            yield Finding(
                Level.WARNING,
                f"{', '.join(classes)} does not log {', '.join(strange)}, as TCDOB has it:"
                " its changes are not seen",
                "look in transaction SCDO which class does",
                self.name,
            )

    def _subject(self, name: str, excluded: frozenset[str]) -> Subject:
        enrich = self._options.enrich
        return Subject.of(
            self.name,
            self._relation(name),
            self._reader,
            whole=enrich is not None and enrich.table == name,
            stripped=self._options.alpha == "strip",
            excluded=excluded,
        )

    def _relation(self, name: str) -> Relation:
        try:
            return self._dictionary.relation(name)
        except GoneError as error:
            remedy = (
                "spell it as SE11 does" if self._options.tables else "name those to be read under `tables`"
            )
            raise ConfigError(error.text, remedy=remedy) from None

    def _enriched(self, basis: Basis) -> Objects | None:
        enrich = self._options.enrich
        if enrich is None:
            return None
        if enrich.table is not None:
            if enrich.table not in self._subjects:
                raise ConfigError(
                    f"`enrich.table`: {enrich.table} is none of the tables that are logged",
                    remedy=f"name one of {', '.join(self._subjects)}",
                )
            return None
        return Objects(basis, f"{self.name}.object", enrich, self._headers.relation, _OBJECT)

    def tables(self) -> tuple[Table, ...]:
        more = (self._objects.table,) if self._objects else ()
        return (*(each.table for each in self._subjects.values()), *more)

    @property
    def rests_on(self) -> object:
        return self.tables(), self._subjects

    # -- polls

    def poll(self, system: System, position: Position | None, ask: Ask) -> Batch:
        place = self._place(position)
        self._offsets.seen(system.moment())
        look = self._reading.look(system.moment(), place, partial(self._between, place))
        most = min(self._pace.most, self._objects.most if self._objects else _MOST, _MOST)
        step = look.step(min(ask.rows, most, max(1, int(ask.bytes / self._each))))
        with self._pace.of(len(step.taken)):
            told = self._told(system, step.taken)
        if told.size > ask.bytes and len(step.taken) > 1:
            step = look.step(max(1, int(len(step.taken) * ask.bytes / told.size)))
            told = self._told(system, step.taken)
        self._each = max(1.0, told.size / len(step.taken)) if step.taken else self._each
        after = step.place.position(self._options.mode)
        return Batch(after, told.changes, told.rejects, more=step.more)

    def _between(self, place: Overlap, floor: str, until: str, most: int | None) -> list[Document] | None:
        """None where there are more than `most`."""
        timeless = f"{floor[:8]}000000" in place.timeless
        where = conditions.both(
            conditions.either(*(compare("OBJECTCLAS", "=", quoted(each)) for each in self._options.classes)),
            conditions.since(_TIME, _quoted(floor), timeless=timeless) if floor > late.FIRST else (),
            conditions.until(_TIME, _quoted(late.later(until, 1)), "") if until else (),
        )
        choice, found = replace(self._headers, where=where), list[Document]()
        if most is not None and self._reading.is_behind and self._reader.has_more(choice, most):
            return None
        for rows in self._pages(choice):
            found += map(_document, rows)
            if most is not None and len(found) > most:
                return None
        return found

    def _pages(self, choice: Choice) -> Iterator[list[dict[str, Any]]]:
        """Errors: PermanentError for what cannot be read: a change that is left out is lost."""
        for page in pages(self._reader, choice):
            if page.rejects:
                raise PermanentError(
                    f"a row of {choice.relation.name} cannot be read: {page.rejects[0].reason}"
                    f" ({page.rejects[0].raw!s})",
                    remedy="correct it in SAP",
                )
            yield page.rows.to_pylist()

    @cached_property
    def _offsets(self) -> Offsets:
        """By the system's zone, if the account may read which that is."""
        try:
            choice = Choice(self._dictionary.relation(_ZONES), ("FLAGACTIVE", "TZONESYS"))
            rows = [row for page in self._pages(choice) for row in page]
        except PermanentError:
            rows = []
        names = {str(row["TZONESYS"]).strip() for row in rows}
        return Offsets(zone_of(names.pop()) if len(names) == 1 else None)

    # -- lines

    def _told(self, system: System, documents: Sequence[Document]) -> Told:
        found, refused = self._lines.of(each.key for each in documents)
        rows = [(each, row) for each in documents for row in self._rows(found[each.key])]
        batch = told(self._subjects, ordered(rows, self._is_there), self._offsets, self._reader)
        batch = batch.and_also(Told((), tuple(self._letters(refused))))
        if self._objects:
            touched = (Touched(each.fields, each.fields["CHANGE_IND"] in ("I", "J")) for each in documents)
            batch = batch.and_also(self._objects.read(system, touched))
        return batch

    def _letters(self, refused: Iterable[Reject]) -> Iterator[Reject]:
        """Lines that cannot be read, of the tables that are told of: the others of their rows are."""
        for each in refused:
            if each.table in self._subjects:
                yield replace(each, table=self._subjects[each.table].table.name)

    def _rows(self, some: Sequence[lines.Line]) -> Iterator[lines.RowChange]:
        return lines.rows(some, {name: each.logged for name, each in self._subjects.items()})

    def _is_there(self, row: lines.RowChange) -> bool:
        return is_there(self._subjects[row.table], row, self._reader)

    # -- once more

    def reread(
        self,
        system: System,  # noqa: ARG002 -- the reader has it
        position: Position | None,
        place: Position | None,
        within: Ranges,
        ask: Ask,
    ) -> Batch:
        """The rows of the tables, without those that polls will tell to be created."""
        overlap = self._place(position)
        return self._whole.read(place, within, ask, lambda: self._created(overlap))

    def _created(self, overlap: Overlap) -> Mapping[str, frozenset[tuple[Any, ...]]]:
        found = self._between(overlap, overlap.floor or self._reading.first, "", MOST_AT_ONCE)
        fresh = overlap.fresh(found or ())
        if found is None or len(fresh) > _MOST:
            raise TransientError(
                f"{self.name} is behind by more than {_MOST} change documents",
                remedy="the resnapshot goes on when it has caught up",
            )
        by_table: dict[str, list[lines.RowChange]] = defaultdict(list)
        found_lines, _ = self._lines.of(each.key for each in fresh)
        for row in (row for some in found_lines.values() for row in self._rows(some)):
            if row.op is Op.CREATE:
                by_table[row.table].append(row)
        return {table: self._keys(table, rows) for table, rows in by_table.items()}

    def _keys(self, table: str, rows: Sequence[lines.RowChange]) -> frozenset[tuple[Any, ...]]:
        keys = Telling(self._subjects[table], self._offsets, self._reader).keys(rows)
        return frozenset(zip(*(each.to_pylist() for each in keys.values()), strict=True))

    # -- positions

    def check(self, position: Position) -> None:
        self._place(position)

    def _place(self, position: Position | None) -> Overlap:
        """Errors: PermanentError."""
        try:
            place = Overlap.parsed(position, self._options.mode)
        except ValueError:
            form = '{"mode": "change_documents", "floor": "YYYYMMDDHHMMSS"}'
            raise self.stranger(f"change_documents mode: {form}") from None
        needless = {_asked(None), *(() if self._has_alpha else self._of[-1:])}
        self.must_be_known(place.unread(each for each in self._of if each not in needless))
        return replace(place, of=self._of)

    @cached_property
    def _of(self) -> Sequence[str]:
        """What is read, what is asked beside it, and in which form its keys are told."""
        tables = [f"table {each}" for each in self._options.tables] or ["all tables"]
        classes = [f"class {each}" for each in self._options.classes]
        return [*classes, *tables, _asked(self._options.enrich), f"alpha {self._options.alpha}"]

    @cached_property
    def _has_alpha(self) -> bool:
        """Whether a key has another form by that."""
        keys = (each.column(name) for each in self._subjects.values() for name, _, _ in each.places)
        return any(each.alpha for each in keys)


_asked = partial(details.asked, "enrich")


def _document(row: Mapping[str, Any]) -> Document:
    day = row["UDATE"] if row["UDATE"].strip("0 ") else late.FIRST[:8]
    given = day + max(row["UTIME"], "000000")  # midnight is the initial time, too; blanks are before it
    return Document(late.stamp_of(given), given, row["CHANGENR"], row)


def _with_texts(relation: Relation, names: Sequence[str]) -> Relation:
    """With the digits of dates and times: whatever a program gave, documents are in their order."""
    columns = (
        replace(each, inttype="C", field=pa.field(each.name, pa.string())) if each.name in names else each
        for each in relation.columns
    )
    return replace(relation, columns=tuple(columns))


def _quoted(stamp: str) -> tuple[str, str]:
    return quoted(stamp[:8]), quoted(stamp[8:])

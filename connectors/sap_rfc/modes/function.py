"""What a remote-enabled function answers, again and again: the changes are the engine's to find.

A scan whose answers may lack rows ends without a mark, so that nothing counts as deleted.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import pyarrow as pa

from bridge.contract import (
    Ask,
    Batch,
    Caveat,
    Emits,
    Finding,
    Level,
    Op,
    Position,
    Ranges,
    Reject,
    Scan,
    Table,
)
from bridge.errors import ConfigError, PermanentError
from connectors.sap_rfc.clients.client import Field, Kind
from connectors.sap_rfc.modes import details, returns
from connectors.sap_rfc.modes.again import Again, Key, Piece
from connectors.sap_rfc.modes.answers import Answers, Range, Row
from connectors.sap_rfc.modes.details import Details, Refusal, Shown
from connectors.sap_rfc.modes.mode import Basis, Mode
from connectors.sap_rfc.modes.pace import SLICE_S
from connectors.sap_rfc.modes.returns import Meaning
from connectors.sap_rfc.system import System
from connectors.sap_rfc.types import row_of

SOUND = frozenset({Caveat.COLLAPSES})
CUT = SOUND | {Caveat.NO_DELETES, Caveat.MAY_MISS}
COMPLETE: Position = {"mode": "function", "scan": "complete"}
AT_ONCE, AT_ONCE_WITH_DETAILS = 1_000, 50
_REMEDY = "raise `cap`, or ask in `pages`"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Scan:
    """One under way. `initial`: the stream has never been read."""

    answers: Answers
    initial: bool
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    begins: bool = True
    rows: list[Row] = field(default_factory=list)
    """Answered, and not published."""
    done: int = 0
    known: dict[Key, int] = field(default_factory=dict)
    """Key -> hash of the row."""

    @property
    def place(self) -> Position:
        return {"mode": "function", "scan": self.id, "rows": self.done}

    @property
    def ended(self) -> bool:
        return not self.rows and self.answers.ended

    def mark(self) -> Scan | None:
        """Of a batch that ends here."""
        begins, self.begins = self.begins, False
        if self.answers.capped:
            return None
        if begins:
            return Scan.ONLY if self.ended else Scan.FIRST
        return Scan.LAST if self.ended else Scan.MORE


class FunctionImages(Mode):
    """A function and, for each row that has changed, another one that tells more of it."""

    emits = Emits.IMAGES

    def __init__(self, basis: Basis) -> None:
        """Errors: PermanentError; the system's."""
        options = basis.options
        super().__init__(basis.name)
        self._options, self._excluded = options, basis.excluded.difference(options.key)
        self._scan: _Scan | None = None
        self._cap: Any = None
        """As its parameter takes it."""
        self._each = 1024.0
        """About how many bytes a row has."""
        self._asks = options.detail and json.dumps(options.detail.model_dump(), sort_keys=True, default=str)
        self._until = 0.0
        """No more details are asked for after that: by the monotonic clock."""
        self._again = Again(options.key, self._answers_behind, self._named)
        self.caveats = SOUND
        try:
            self._describe(basis.system, options.function or "")
        except ConfigError as error:
            raise details.parked(error, f"stream {basis.name}") from None

    def _describe(self, system: System, function: str) -> None:
        options, described = self._options, system.describe(function, watched=True)
        details.must_tell_messages(described)
        filled = {each.parameter for each in (options.cap, options.pages) if each}
        if both := sorted(filled & options.parameters.keys()):
            raise ConfigError(f"`parameters` names {both[0]}, which `cap` or `pages` fills in")
        self._sent = details.sent(described, options.parameters, filled)
        rows = details.told(described, options.rows or "", "rows").field
        self._is_table = rows.kind is Kind.TABLE
        line = row_of(rows) if self._is_table else rows
        fields = {each.name: each for each in line.fields} or {rows.name: details.renamed(line, rows.name)}
        self._whole = not line.fields
        self._detail = Details(options.detail, system, fields, options.missing) if options.detail else None
        more = self._detail.fields if self._detail else {}
        if twice := sorted(fields.keys() & more.keys()):
            raise ConfigError(
                f"{twice[0]} is a column of the rows and of their details", remedy="use `detail.rows`"
            )
        self._must_have(fields, options.key, "key")
        if nested := [name for name in options.key if fields[name].kind in (Kind.STRUCTURE, Kind.TABLE)]:
            raise ConfigError(f"`key`: {nested[0]} is no single value", remedy="name others")
        self._must_have(fields, options.mark, "mark")
        if options.cap:
            self._cap = details.limit(described, options.cap)
        if options.pages:
            self._must_divide(options.pages.fixed)
            details.must_have_fields(described, options.pages)
        self._fields: Mapping[str, Field] = {**fields, **more}
        deep = dict(_deep(self._fields))
        self._must_have(deep, options.unordered, "unordered")
        if single := [path for path in options.unordered if deep[path].kind is not Kind.TABLE]:
            raise ConfigError(f"`unordered`: {single[0]} is no table", remedy="name columns that are tables")
        self._table = Table(self.name, details.schema(self._fields, function, self._excluded), options.key)

    def _must_have(self, fields: Mapping[str, Field], names: Sequence[str], option: str) -> None:
        for name in names:
            if name not in fields:
                raise ConfigError(
                    f"`{option}`: the rows have no {name}", remedy=f"they have {', '.join(fields)}"
                )

    def _must_divide(self, fixed: Mapping[str, Any]) -> None:
        if len(self._options.key) != 1:
            raise ConfigError("`pages` needs a `key` of one column", remedy="leave `pages` out")
        if "I" not in fixed.values():
            raise ConfigError("`pages.fixed` has no sign I", remedy="write {SIGN: I, OPTION: GT}")

    def tables(self) -> tuple[Table, ...]:
        return (self._table,)

    # -- polls

    def poll(self, system: System, position: Position | None, ask: Ask) -> Batch:
        scan, self._scan = self._scan, None  # a call that fails leaves none
        if scan is None or scan.place != position:
            scan = self._begun(system, position)
            self._again.release()  # what it kept is older than this, and must not come after it
        batch = self._turn(system, scan, ask)
        if batch.more:
            self._scan = scan
        else:
            self._tell(scan.answers)
        return batch

    def _begun(self, system: System, position: Position | None) -> _Scan:
        if position is not None:
            self.check(position)
        return _Scan(self._answers_behind(system, None), initial=position is None)

    def _answers_behind(self, system: System, behind: Any) -> Answers:
        cap, paged = self._options.cap, self._options.pages
        column = self._options.key[0] if paged else None
        return Answers(lambda within: self._call(system, within), cap.value if cap else None, column, behind)

    def _turn(self, system: System, scan: _Scan, ask: Ask) -> Batch:
        pieces = list(self._pieces(system, scan, ask))
        mark = scan.mark()
        changes = [each for piece in pieces for each in piece.changes]
        if mark is None and scan.initial:
            changes = [replace(each, op=Op.READ) for each in changes]
        return Batch(
            COMPLETE if scan.ended else scan.place,
            tuple(changes),
            tuple(each for piece in pieces for each in piece.rejects),
            tuple((self.name, piece.seen) for piece in pieces if piece.seen is not None),
            scan=mark,
            more=not scan.ended,
        )

    def _pieces(self, system: System, scan: _Scan, ask: Ask) -> Iterator[Piece]:
        self._until = monotonic() + SLICE_S
        rows = size = 0
        while not scan.ended and rows < ask.rows and size < ask.bytes and self._in_time():
            room = max(1, int((ask.bytes - size) / self._each))
            piece = self._piece(system, scan, min(ask.rows - rows, room, self._at_once or AT_ONCE), ask)
            rows, size = rows + piece.rows, size + piece.size
            if piece.rows:
                self._each = max(1.0, piece.size / piece.rows)
            yield piece

    def _in_time(self) -> bool:
        return monotonic() < self._until

    @property
    def _at_once(self) -> int | None:
        """Rows of a piece, if they have details."""
        return AT_ONCE_WITH_DETAILS if self._detail else None

    def _piece(self, system: System, scan: _Scan, most: int, ask: Ask) -> Piece:
        scan.done += 1
        if not scan.rows:
            scan.rows = list(self._once(scan.known, scan.answers.next()))
            if self._detail and not self._in_time():
                return Piece()
        piece = self._told(system, scan.rows[:most], ask)
        scan.rows = scan.rows[piece.rows :]
        return piece

    def _told(self, system: System, rows: Sequence[Row], ask: Ask) -> Piece:
        """The first of them, as many as there is time for."""
        if self._detail is None:
            return Piece.of(self._table, self._fields, rows)
        return self._with_details(system, self._detail, rows, ask)

    def _once(self, known: dict[Key, int], rows: Sequence[Row]) -> Iterator[Row]:
        """Errors: PermanentError when two different rows have one key."""
        for row in rows:
            key, now = tuple(row[name] for name in self._options.key), hash(repr(row))
            if key not in known:
                known[key] = now
                yield row
            elif known[key] != now:
                raise PermanentError(
                    f"{self._options.function} answers two rows with {' and '.join(self._options.key)}"
                    f" {', '.join(map(str, key))}",
                    remedy="name all columns that tell its rows apart under `key`",
                )

    def _with_details(self, system: System, detail: Details, rows: Sequence[Row], ask: Ask) -> Piece:
        keys = self._keys(rows)
        known = [rows[place] for place in keys.kept]
        marks = [self._mark(row) for row in known]
        must = [True] * len(known)
        if self._options.mark and ask.changed is not None and known:
            must = ask.changed(self._table, keys.rows, pa.array(marks, pa.string())).to_pylist()
        answers = list(self._answers(system, detail, known, must))
        if len(answers) < len(known):
            rows, must = rows[: keys.kept[len(answers)]], must[: len(answers)]
            keys = self._keys(rows)
        found, rejects, marked = list[Row](), list[Reject](), list[str]()
        for place, (row, answer) in enumerate(zip(known, answers, strict=False)):
            if isinstance(answer, Refusal):
                rejects.append(details.reject(self._table, keys.rows, place, answer.reason))
            elif answer is not None:
                found.append({**row, **self._sorted(answer)})
                marked.append(marks[place])
        seen = keys.rows.filter(pa.array([not each for each in must], pa.bool_()))
        piece = Piece.of(self._table, self._fields, found, marked if self._options.mark else None)
        return replace(
            piece,
            rejects=(*keys.rejects, *piece.rejects, *rejects),
            seen=seen if seen.num_rows else None,
            rows=len(rows),
        )

    def _mark(self, row: Row) -> str:
        """Of all that the list tells, for it is published with the details; and of what is asked then."""
        unseen = self._excluded.difference(self._options.mark)
        told = {name: value for name, value in row.items() if name not in unseen}
        return json.dumps([self._asks, told], default=str)

    def _answers(
        self, system: System, detail: Details, rows: Sequence[Row], must: Sequence[bool]
    ) -> Iterator[Row | Refusal | None]:
        """Of the first of them, and of no more when the time is over: a poll must end before its deadline."""
        for row, asked in zip(rows, must, strict=True):
            yield detail.read(system, row) if asked else None
            if asked and not self._in_time():
                return

    def _keys(self, rows: Sequence[Row]) -> Shown:
        schema = pa.schema([self._table.schema.field(name) for name in self._table.key])
        return details.shown(Table(self.name, schema, self._table.key), self._fields, rows)

    def _call(self, system: System, within: Range) -> Sequence[Row]:
        options, function = self._options, self._options.function or ""
        asked = dict(self._sent)
        if options.cap:
            asked[options.cap.parameter] = self._cap
        if options.pages:
            asked[options.pages.parameter] = list(self._ranges(within))
        answer = system.call(function, **asked)
        message = returns.failure(answer, (options.rows or "",), options.missing)
        if message is not None:
            meaning = message.meaning(options.missing)
            if meaning is not Meaning.NOTHING:
                raise returns.error(function, message, meaning)
            if not returns.has_rows(answer.get(options.rows or ""), [*asked.values()]):
                return []
        rows = answer[options.rows or ""]
        rows = rows if self._is_table else [rows]
        return [{options.rows or "": row} for row in rows] if self._whole else list(map(self._sorted, rows))

    def _sorted(self, row: Row) -> Row:
        paths = [path.split(".") for path in self._options.unordered]
        for path in sorted(paths, key=len, reverse=True):  # lines are in order by what is in them
            row = _in_order(row, path)
        return row

    def _ranges(self, within: Range) -> Iterator[Row]:
        """Those behind the one, and not those behind the other."""
        pages, (low, high) = self._options.pages, within
        if pages and low is not None:
            yield {**pages.fixed, pages.low: low}
        if pages and high is not None:
            excluded = {name: "E" if value == "I" else value for name, value in pages.fixed.items()}
            yield {**excluded, pages.low: high}

    def _tell(self, answers: Answers) -> None:
        was, self.caveats = self.caveats, CUT if answers.capped else SOUND
        if answers.capped and was != CUT:
            _log.warning("%s: %s; %s", self.name, self._cut, _REMEDY)

    @property
    def _cut(self) -> str:
        cap = self._options.cap
        told = f"{cap.value} rows, which {cap.parameter} allows at most" if cap else "no more rows"
        return f"the answer has {told}: some may be missing, so none counts as deleted"

    def probe(self, system: System) -> Iterable[Finding]:  # noqa: ARG002 -- what was answered says it
        if self.caveats == CUT or (self._scan and self._scan.answers.capped):
            yield Finding(Level.WARNING, self._cut, _REMEDY, self.name)

    def reread(
        self,
        system: System,
        position: Position | None,  # noqa: ARG002 -- what is read twice is dropped as known
        place: Position | None,
        within: Ranges,
        ask: Ask,
    ) -> Batch:
        if self._scan is not None:
            return Batch(place, more=True)  # its rows are older, and must not come after these
        every = replace(ask, rows=min(ask.rows, self._at_once or ask.rows), changed=None)
        self._until = monotonic() + SLICE_S
        return self._again.read(
            system, place, within, every, lambda rows: self._told(system, rows, every), self._in_time
        )

    def _named(self, rows: Sequence[Row]) -> Sequence[tuple[Row, Key]]:
        """Rows of one answer, and their keys as events have them."""
        rows = list(self._once({}, rows))
        keys = self._keys(rows)
        told = [tuple(each.values()) for each in keys.rows.to_pylist()]
        return [(rows[place], key) for place, key in zip(keys.kept, told, strict=True)]

    def check(self, position: Position) -> None:
        match position:
            case {"mode": "function", "scan": str(), **rest} if rest.keys() <= {"rows"}:
                return
        raise self.stranger(f"a scan of a function; {json.dumps(COMPLETE)} begins a new one")

    def release(self) -> None:
        self._scan = None
        self._again.release()


def _deep(fields: Mapping[str, Field], within: str = "") -> Iterator[tuple[str, Field]]:
    """By their paths, also those in structures and in lines of tables."""
    for name, each in fields.items():
        yield within + name, each
        yield from _deep({part.name: part for part in each.fields if part.name}, f"{within}{name}.")


def _in_order(value: Any, path: Sequence[str]) -> Any:
    """With the tables of that path sorted."""
    if not path:
        return sorted(value or (), key=repr)
    if isinstance(value, list):
        return [_in_order(each, path) for each in value]
    name, *rest = path
    return {**value, name: _in_order(value[name], rest)} if value and value.get(name) else value

"""Change pointers: BDCP2 says which objects ALE is to send, a function tells of them.

They are left as they are, for whoever distributes by them, unless they are to be processed: then they are
read, published, and marked. SAP Help, "Master Data Distribution with Change Pointers".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, ClassVar

import pyarrow as pa

from bridge.contract import Ask, Batch, Caveat, Changes, Emits, Finding, Level, Op, Position, Table
from bridge.errors import ConfigError, PermanentError, TransientError
from connectors.sap_rfc import conditions
from connectors.sap_rfc.clients.client import Direction
from connectors.sap_rfc.conditions import Condition, compare, quoted
from connectors.sap_rfc.errors import UnknownFunctionError
from connectors.sap_rfc.modes import details, late, returns
from connectors.sap_rfc.modes.late import Overlap
from connectors.sap_rfc.modes.look import MOST_AT_ONCE, Reading
from connectors.sap_rfc.modes.mode import Basis, Mode
from connectors.sap_rfc.modes.objects import Objects, Touched
from connectors.sap_rfc.modes.told import Told
from connectors.sap_rfc.system import System
from connectors.sap_rfc.tables import Choice, TableReader

_COLUMNS = (
    "MESTYPE", "CPIDENT", "TABNAME", "TABKEY", "FLDNAME", "CRETIME", "USRNAME", "CDOBJCL", "CDOBJID",
    "CDCHGNO", "CDCHGID",
)  # fmt: skip
_OBJECT = ("CDOBJCL", "CDOBJID")
_FIRST_SIZE = 4096
_MOST = 500
"""Pointers of a poll."""
_MARKED = {"MESSAGE_TYPE": Direction.IMPORT, "CHANGE_POINTERS_IDENTS": Direction.TABLES}
"""Parameters of CHANGE_POINTERS_STATUS_WRITE, which is not remote-enabled."""


def mode(basis: Basis) -> Mode:
    """Errors: PermanentError; the system's."""
    kind = ProcessedPointers if basis.options.process else ChangePointers
    return kind(basis)


@dataclass(frozen=True, slots=True)
class Pointer:
    """`stamp`: CRETIME, the system's date and time."""

    stamp: str
    number: str
    fields: Mapping[str, Any]

    @property
    def mark(self) -> str:
        return self.number

    @property
    def group(self) -> str:
        return f"{self.fields['CDOBJCL']} {self.fields['CDOBJID']}"

    @property
    def touched(self) -> Touched:
        """The object is new when the row was created whose key is the object's, behind the client."""
        created = self.fields["CDCHGID"] in ("I", "J")
        return Touched(self.fields, created and self.fields["TABKEY"][3:] == self.fields["CDOBJID"])


class Pointers:
    """Of one message type: how they are read, and what is told of them."""

    def __init__(self, basis: Basis) -> None:
        """Errors: ConfigError."""
        options = basis.options
        self._type = options.message_type or ""
        relation = basis.dictionary.relation("BDCP2")
        self._choice = Choice(relation, _COLUMNS, changed=("CPIDENT",))
        self._reader = TableReader(basis.system, options.reader, basis.dictionary)
        self._objects: Objects | None = None
        if options.detail:
            self._objects = Objects(basis, basis.name, options.detail, relation, _OBJECT)
            self.table = self._objects.table
        else:
            self.table = Table(basis.name, self._reader.schema(self._choice), ("MESTYPE", "CPIDENT"))

    @property
    def most(self) -> int:
        """Of a poll: a function may be called for each."""
        return min(_MOST, self._objects.most) if self._objects else _MOST

    def has_more(self, where: Condition, count: int) -> bool:
        return self._reader.has_more(self._chosen(where), count)

    def _chosen(self, where: Condition) -> Choice:
        of_type = compare("MESTYPE", "=", quoted(self._type))
        return replace(self._choice, where=conditions.both(of_type, where))

    def read(self, where: Condition, most: int | None) -> tuple[list[Pointer], bool]:
        """About so many, or all, by their numbers; and whether there are more."""
        choice = self._chosen(where)
        found: list[Pointer] = []
        after = None
        while True:
            page = self._reader.page(choice, after, min(most or MOST_AT_ONCE, MOST_AT_ONCE))
            page.settled(choice.relation.name)
            if page.rejects:
                raise PermanentError(
                    f"a row of BDCP2 cannot be read: {page.rejects[0].reason} ({page.rejects[0].raw!s})",
                    remedy="correct it in SAP",
                )
            found += [
                Pointer(late.stamp_of(row["CRETIME"]), row["CPIDENT"], row) for row in page.rows.to_pylist()
            ]
            after = page.after
            if after is None or (most is not None and len(found) > most):
                return found, after is not None

    def of_first_objects(self, pointers: Sequence[Pointer]) -> Sequence[Pointer]:
        """All of as many objects as there is time to ask for."""
        if self._objects is None:
            return pointers
        first = {*islice(dict.fromkeys(each.group for each in pointers), self._objects.most)}
        return [each for each in pointers if each.group in first]

    def missing(self, stream: str) -> Iterator[Finding]:
        """A wrong name looks as if nothing ever changed."""
        if not self.has_more((), 0):
            yield Finding(
                Level.WARNING,
                f"BDCP2 has no change pointer of message type {self._type}",
                "check `message_type`, and that its change pointers are active (transactions BD61, BD50 and"
                " BD52); if so, nothing has changed yet",
                stream,
            )

    def told(self, system: System, pointers: Sequence[Pointer]) -> Told:
        if self._objects:
            return self._objects.read(system, (each.touched for each in pointers))
        if not pointers:
            return Told()
        rows = pa.RecordBatch.from_pylist([dict(each.fields) for each in pointers], schema=self.table.schema)
        return Told((Changes(self.table, rows, Op.CREATE),))


class ChangePointers(Mode):
    """Left as they are: by the time of their creation, however late they become visible."""

    emits = Emits.CHANGES
    # A transaction may take longer than the late window; an object is told of as it is when it is read.
    caveats = frozenset({Caveat.MAY_MISS, Caveat.COLLAPSES})

    def __init__(self, basis: Basis) -> None:
        super().__init__(basis.name)
        self._reading = Reading(basis.name, basis.options)
        self._of = [f"type {basis.options.message_type}", details.asked("detail", basis.options.detail)]
        self._each = float(_FIRST_SIZE)
        """About how many bytes a pointer makes."""
        try:
            self._pointers = Pointers(basis)
        except ConfigError as error:
            raise details.parked(error, f"stream {basis.name}") from None

    def tables(self) -> tuple[Table, ...]:
        return (self._pointers.table,)

    def probe(self, system: System) -> Iterable[Finding]:  # noqa: ARG002 -- the reader has it
        return self._pointers.missing(self.name)

    def poll(self, system: System, position: Position | None, ask: Ask) -> Batch:
        place = self._place(position)
        look = self._reading.look(system.moment(), place, partial(self._between, place))
        step = look.step(min(ask.rows, self._pointers.most, max(1, int(ask.bytes / self._each))))
        # In the same order, however many at once.
        taken = sorted(step.taken, key=lambda each: (each.stamp, each.group))
        told = self._pointers.told(system, taken)
        self._each = max(1.0, told.size / len(step.taken)) if step.taken else self._each
        after = step.place.position("change_pointers")
        return Batch(after, told.changes, told.rejects, more=step.more)

    def _between(self, place: Overlap, floor: str, until: str, most: int | None) -> list[Pointer] | None:
        since = [compare("CRETIME", ">=", quoted(floor))] if floor > late.FIRST else []
        if since and late.FIRST in place.timeless:
            since += [compare("CRETIME", "<", quoted(late.later(late.FIRST, 1)))]
        to = compare("CRETIME", "<", quoted(late.later(until, 1))) if until else ()
        where = conditions.both(conditions.either(*since) if since else (), to)
        if most is not None and self._reading.is_behind and self._pointers.has_more(where, most):
            return None
        found, _ = self._pointers.read(where, most)
        return None if most is not None and len(found) > most else found

    def check(self, position: Position) -> None:
        self._place(position)

    def _place(self, position: Position | None) -> Overlap:
        """Errors: PermanentError."""
        try:
            place = Overlap.parsed(position, "change_pointers")
        except ValueError:
            form = '{"mode": "change_pointers", "floor": "YYYYMMDDHHMMSS"}'
            raise self.stranger(f"change_pointers mode: {form}") from None
        self.must_be_known(place.unread(self._of))
        return replace(place, of=self._of)


class ProcessedPointers(Mode):
    """Those that nobody has processed, which are marked once Kafka has them."""

    emits = Emits.CHANGES
    caveats = frozenset({Caveat.COLLAPSES})
    settles: ClassVar[bool] = True

    def __init__(self, basis: Basis) -> None:
        super().__init__(basis.name)
        self._type, self._function = basis.options.message_type or "", basis.options.process_function
        self._marked = frozenset[str]()
        """What was, for all that the function says."""
        try:
            self._pointers = Pointers(basis)
            self._must_mark(basis.system)
        except ConfigError as error:
            raise details.parked(error, f"stream {basis.name}") from None

    def _must_mark(self, system: System) -> None:
        remedy = (
            "name a remote-enabled function with the interface of CHANGE_POINTERS_STATUS_WRITE that calls it"
        )
        try:
            described = system.describe(self._function)
        except UnknownFunctionError as error:
            raise ConfigError(f"`process_function`: {error.text}", remedy=remedy) from None
        details.must_tell_messages(described)
        for name, direction in _MARKED.items():
            known = described.parameters.get(name)
            if known is None or known.direction is not direction:
                raise ConfigError(f"`process_function`: {self._function} has no {name}", remedy=remedy)

    def tables(self) -> tuple[Table, ...]:
        return (self._pointers.table,)

    def probe(self, system: System) -> Iterable[Finding]:  # noqa: ARG002 -- the reader has it
        return self._pointers.missing(self.name)

    def poll(self, system: System, position: Position | None, ask: Ask) -> Batch:
        done = self._done(position)
        most = min(ask.rows, _MOST)
        found, more = self._pointers.read(compare("PROCESS", "=", quoted("")), most + len(done))
        new = [each for each in found if each.number not in done]
        left, is_marked = len(found) - len(new), done == self._marked
        if left and is_marked:
            self._mark(system, done)
        if left and (new or is_marked):
            raise TransientError(
                f"{left} change pointers that were published are not marked yet, though {self._function} was"
                " called",
                remedy="it is called again, and nothing is published before; check what it does, and that"
                " it commits",
            )
        if not new:
            return Batch(position or {"mode": "change_pointers", "done": []})
        taken = self._pointers.of_first_objects(new[:most])
        told = self._pointers.told(system, taken)
        after = {"mode": "change_pointers", "done": [each.number for each in taken]}
        return Batch(after, told.changes, told.rejects, more=more or len(new) > len(taken))

    def commit(self, system: System, position: Position) -> None:
        done = self._done(position)
        if done:
            self._mark(system, done)
            self._marked = done

    def _mark(self, system: System, numbers: Iterable[str]) -> None:
        rows = [{"CPIDENT": number} for number in sorted(numbers)]
        answer = system.call(self._function, MESSAGE_TYPE=self._type, CHANGE_POINTERS_IDENTS=rows)
        if message := returns.failure(answer):
            raise returns.error(self._function, message, message.meaning())

    def check(self, position: Position) -> None:
        self._done(position)

    def _done(self, position: Position | None) -> frozenset[str]:
        """What was published last. Errors: PermanentError."""
        match position:
            case None:
                return frozenset()
            case {"mode": "change_pointers", "done": list(numbers), **rest} if not rest:
                return frozenset(map(str, numbers))
        raise self.stranger('change_pointers mode with `process`: {"mode": "change_pointers", "done": []}')

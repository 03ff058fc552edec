"""Reading tables: RFC_READ_TABLE, its successors, and functions of a customer's with the same interface.

Pages are ranges of keys, since the function has no order: what it answers is all there is of a range when it
is less than what was asked for. Values are cut out by the places that it tells, never by a delimiter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bridge.contract import Reject
from bridge.errors import PermanentError, TransientError
from connectors.sap_rfc import unique
from connectors.sap_rfc.conditions import Condition
from connectors.sap_rfc.currencies import Currencies
from connectors.sap_rfc.dictionary import Dictionary
from connectors.sap_rfc.errors import AbapError
from connectors.sap_rfc.groups import SEPARATOR, Joined, Part, composed, joined, stacked
from connectors.sap_rfc.plan import Plan, split
from connectors.sap_rfc.ranges import Key as Key  # noqa: PLC0414 -- the modes take it from here
from connectors.sap_rfc.readers import TOO_MUCH, Reader, Reads
from connectors.sap_rfc.reading import Choice as Choice  # noqa: PLC0414 -- and this
from connectors.sap_rfc.reading import Reading

TRIES = 5
"""So often a row is read that was another each time."""
_AT_ONCE = 50
"""Keys in one condition."""
_TEXT = 500_000
"""Characters of an answer: saprfclib takes twice as long for each row of one that is ten times as large."""


@dataclass(frozen=True, slots=True)
class Page:
    """All the rows from where it began up to `after`; that is None at the end of the table.

    `to`: where the next one is to end, if that is guessed.
    `unsettled`: keys of rows that were another each time that they were read; they are not among `rows`.
    `left`: the same as the reader tells them.
    """

    rows: pa.RecordBatch
    after: Key | None
    rejects: tuple[Reject, ...]
    unsettled: pa.RecordBatch
    to: Key | None = None
    left: Sequence[Key] = ()

    @property
    def place(self) -> dict[str, list[str]]:
        """As positions have it."""
        place = {"after": list(self.after or ())}
        return {**place, "to": list(self.to)} if self.to else place

    @property
    def named_left(self) -> Iterator[tuple[Key, dict[str, Any]]]:
        """And as events have them."""
        return zip(self.left, self.unsettled.to_pylist(), strict=True)

    @property
    def more(self) -> bool:
        return self.after is not None

    def settled(self, name: str) -> None:
        """Errors: TransientError where something is not."""
        if self.unsettled.num_rows:
            raise TransientError(
                f"{self.unsettled.num_rows} rows of {name} change faster than they can be read",
                remedy="they are read again; fewer columns, or a `reader` of longer rows, need but one call",
            )


class _Range(NamedTuple):
    """What was read of each group up to `end`; nothing, if that was not all."""

    parts: Sequence[Part]
    end: Key | None

    @property
    def is_empty(self) -> bool:
        """Yet there may be rows behind it."""
        return self.end is not None and not len(self.parts[0])


class TableReader:
    """Pages in the order of the key. What it remembers of a table's ranges only makes it faster.

    Errors: the system's; PermanentError when the table cannot be read so.
    """

    def __init__(
        self, system: Reads, reader: str = "RFC_READ_TABLE", dictionary: Dictionary | None = None
    ) -> None:
        self._reader = Reader(system, reader)
        self.currencies = Currencies(self._reader, dictionary or Dictionary(system))
        self._plans: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Plan] = {}

    def schema(self, choice: Choice) -> pa.Schema:
        """Of the rows of its pages."""
        return self.plan(choice).reading.schema

    def types(self, choice: Choice) -> pa.Schema:
        """The same, whether or not there are pages of it: of columns no reader has room for, too."""
        return Reading(choice, self.currencies).schema

    def page(self, choice: Choice, after: Key | None, rows: int, to: Key | None = None) -> Page:
        """About `rows` rows after that place: all that are there, up to another one.

        `to`: of the page before this one; the same place read to the same end has the same rows.
        """
        plan = self.plan(choice)
        rows = max(min(rows, _TEXT // plan.widest), 1)
        found = self._range(plan, after, to or plan.ranges.end(after, rows), rows)
        if found.is_empty:
            found = self._range(plan, after, None, rows)
        if found.is_empty:
            raise PermanentError(
                f"more rows of {choice.relation.name} than a page holds have keys that begin with"
                f" {' '.join(found.end or ()) or 'a sign'}, and a condition can tell no more of them",
                remedy="name other columns under `key`, or another `reader`",
            )
        whole = _with_untold(plan, _joined(plan, found.parts), found.parts[0])
        page = self._page(plan, whole, found.end, rows)
        self._check_alone(plan, found.parts[0])
        return page

    def _check_alone(self, plan: Plan, part: Part) -> None:
        """Errors: PermanentError when a row has the key of one on another page, but for leading zeros."""
        others = unique.padded(plan, part)
        if not len(others):
            return
        same = self._page(plan, Joined(_nothing(plan), others), None).rows
        if same.num_rows:
            raise unique.shared(plan, tuple(str(same.column(name)[0]) for name in plan.key))

    def some(self, choice: Choice, keys: Sequence[Key]) -> Page:
        """The rows with these keys, in any order, if they are there."""
        plan = self.plan(choice)
        wanted = pa.array([SEPARATOR.join(key) for key in keys], pa.string())
        return self._page(plan, Joined(_nothing(plan), pc.unique(wanted)), None)

    def has_more(self, choice: Choice, count: int) -> bool:
        """Whether there are more than so many rows: asked for in one call, and not known to all readers."""
        plan = self.plan(choice)
        try:
            keys, _ = self._reader.read(choice.relation, plan.key[-1:], plan.between(None, None), count + 1)
        except AbapError as error:
            if error.key != TOO_MUCH:
                raise
            return False
        return len(keys) > count

    def plan(self, choice: Choice) -> Plan:
        """How it is read."""
        place = (choice.relation.name, choice.columns, choice.changed)
        known = self._plans.get(place)
        if known is None or replace(known.choice, where=choice.where) != choice:
            reading = Reading(choice, self.currencies)
            names = tuple(dict.fromkeys((*choice.relation.key, *choice.changed, *reading.names)))
            widths = self._reader.widths(choice.relation, names)
            known = self._plans[place] = Plan(choice, reading, widths, self._reader)
        return known.of(choice.where)

    def _range(self, plan: Plan, after: Key | None, end: Key | None, rows: int) -> _Range:
        """All that is there of each group, up to where it is known that it is all."""
        while True:
            try:
                found = self._parts(plan, after, end, rows)
            except AbapError as error:  # some say so of many rows, too
                if error.key != TOO_MUCH or rows == 1:
                    raise
                self._check(plan)
                found, rows = _Range((), None), rows // 2
            if found.parts:
                first = pc.min(found.parts[0].keys).as_py()
                plan.ranges.had(after, found.end, first and split(first), len(found.parts[0]), rows)
                return found
            end = found.end

    def _check(self, plan: Plan) -> None:
        """Errors: TransientError when columns take more room than they did."""
        relation = plan.choice.relation
        if self._reader.widths(relation, tuple(plan.widths)) != plan.widths:
            raise TransientError(f"columns of {relation.name} have another length now")

    def _parts(self, plan: Plan, after: Key | None, end: Key | None, rows: int) -> _Range:
        limit = rows + 1 if end is None else 2 * rows + 1
        first: Part | None = self._part(plan, plan.order[0], plan.between(after, end), limit)
        if first is not None and len(first) >= limit:
            first, end = self._shortened(plan, first, after, end, rows)
        if first is None:
            return _Range((), end)
        if not len(first):
            return _Range([_nothing(plan)], end)
        parts = [first]
        for group in plan.order[1:]:
            parts.append(self._part(plan, group, plan.between(after, end), limit))
            if len(parts[-1]) >= limit:
                return _Range((), self._end(plan, after, end, rows))
        return _Range(parts, end)

    def _shortened(
        self, plan: Plan, part: Part, after: Key | None, end: Key | None, rows: int
    ) -> tuple[Part | None, Key | None]:
        """Most databases answer in the order of the key, and then the first rows are a range.

        That they are is known when a range has just their keys. If not, another end is told.
        """
        if end is not None:
            return None, self._end(plan, after, end, rows)
        shorter = plan.bound(plan.ordered(part.keys)[:rows][-1])
        there = self._part(plan, plan.key, plan.between(after, shorter), rows + 1)
        inside = pc.is_in(part.keys, value_set=there.keys)
        if len(there) <= rows and pc.sum(inside).as_py() == len(there):
            return part.only(inside), shorter
        return None, self._end(plan, after, shorter, rows)

    def _end(self, plan: Plan, after: Key | None, end: Key | None, rows: int) -> Key | None:
        """The place of so many rows, found by their keys alone, in whatever order they come.

        Errors: PermanentError when they have one key.
        """
        limit = 4 * rows + 1
        while True:
            part = self._part(plan, plan.key, plan.between(after, end), limit)
            if not len(part):
                return end
            found = self._shorter(plan, part, end, rows)
            if found == end and len(part) > 2 * rows:
                plan.must_tell(part.keys)
                raise PermanentError(
                    f"{len(part)} rows of {plan.choice.relation.name} or more have the key {' '.join(found)}",
                    remedy="name the columns that tell its rows apart under `key`",
                )
            if len(part) < limit:
                return found
            end = found

    @staticmethod
    def _shorter(plan: Plan, part: Part, end: Key | None, rows: int) -> Key:
        """An end before that one, if there is any: where the database has another order, any other key is."""
        keys = plan.ordered(part.keys)
        found = plan.bound(keys[:rows][-1])
        if found != end or len(part) <= 2 * rows:
            return found
        others = [each for each in map(plan.bound, keys) if each != end]
        return others[len(others) // 2] if others else found

    def _page(self, plan: Plan, found: Joined, end: Key | None, wanted: int = 0) -> Page:
        whole, left = self._settled(plan, found)
        whole = whole.taken(pc.sort_indices(whole.keys))  # databases promise no order, nor the same one twice
        rows, rejects = plan.reading.rows(whole.texts)
        unique.check(plan, rows)
        to = None if end is None else plan.ranges.end(end, wanted)
        unsettled = plan.reading.keys(_columns(plan, left))
        return Page(rows, end, rejects, unsettled, to, [split(key) for key in left.to_pylist()])

    def _settled(self, plan: Plan, found: Joined) -> tuple[Part, pa.StringArray]:
        """Rows that were another in the next group are read again; those that still were are left."""
        whole, doubtful = [found.whole], found.doubtful
        for _ in range(TRIES):
            if not len(doubtful):
                break
            again = [self._again(plan, keys) for keys in batched(doubtful.to_pylist(), _AT_ONCE)]
            whole += [each.whole for each in again]
            doubtful = pa.concat_arrays([each.doubtful for each in again])
        return stacked([each for each in whole if len(each)] or [found.whole]), doubtful

    def _again(self, plan: Plan, keys: Sequence[str]) -> Joined:
        wanted, condition = pa.array(keys, pa.string()), plan.among(keys)
        parts = [self._part(plan, group, condition, 0) for group in plan.order]
        return _joined(plan, [part.only(pc.is_in(part.keys, value_set=wanted)) for part in parts])

    def _part(self, plan: Plan, names: Sequence[str], condition: Condition, count: int) -> Part:
        rows, texts = self._reader.read(plan.choice.relation, names, condition, count)
        proof = composed([texts[name] for name in plan.proof if name in texts]) if plan.proof else rows
        return Part(composed([texts[name] for name in plan.key]), proof, texts)


def _columns(plan: Plan, keys: pa.StringArray) -> dict[str, pa.StringArray]:
    values = [split(key) for key in keys.to_pylist()]
    return {name: pa.array([each[at] for each in values], pa.string()) for at, name in enumerate(plan.key)}


def _nothing(plan: Plan) -> Part:
    none = pa.array([], pa.string())
    return Part(none, none, dict.fromkeys((*plan.key, *plan.reading.names), none))


def _with_untold(plan: Plan, found: Joined, first: Part) -> Joined:
    """Rows that were written between two groups and cannot be read by their keys.

    Where the key is none, they are rejects for that, whatever else is in them. Errors: TransientError.
    """
    if not (untold := plan.untold(found.doubtful)):
        return found
    keys = pa.array(untold, pa.string())
    part = first.only(pc.is_in(first.keys, value_set=keys))
    none = pa.array([""] * len(part), pa.string())
    torn = replace(part, texts={**dict.fromkeys(found.whole.texts, none), **part.texts})
    rejects = plan.reading.rows(torn.texts)[1]
    if len([each for each in rejects if each.key is None]) < len(keys):
        raise TransientError(
            f"{len(untold)} rows of {plan.choice.relation.name} were written while they were read, and have"
            " keys that no condition can tell",
            remedy="they are read again; fewer columns, or a `reader` of longer rows, need but one call",
        )
    doubtful = found.doubtful.filter(pc.invert(pc.is_in(found.doubtful, value_set=keys)))
    return Joined(stacked([found.whole, torn]), doubtful)


def _joined(plan: Plan, parts: Sequence[Part]) -> Joined:
    try:
        return joined(parts, plan.twins)
    except ValueError as error:
        raise PermanentError(
            f"{plan.choice.relation.name}: {error}, so groups of columns cannot be put together",
            remedy="name the columns that tell its rows apart under `key`",
        ) from None

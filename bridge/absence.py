"""What a complete scan of a table has not brought: counted, guarded, deleted. See bridge.images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from bridge.cache import Cache, Part, Put
from bridge.comparison import Comparison, counted, had_key, is_unnamed
from bridge.contract import Changes, Op, Table
from bridge.diff import Entry, Pass, number, plain
from bridge.diff.canonical import alike, fields_of, rows_of
from bridge.errors import PermanentError
from bridge.piece import Piece

log = structlog.get_logger("bridge.absence")

FEW = 10
"""Deletes that are no mass delete, however few rows there are."""
CHUNK = 10_000


def gone(comparison: Comparison, max_delete: float, confirm: int) -> Iterator[Piece]:
    """Deletes, after a complete scan. Errors: PermanentError when it is more than may be."""
    table, tracked = comparison.table, comparison.tracked
    if tracked is None:
        return
    absence = Absence(table, comparison.head, comparison.part, tracked, comparison.cache, confirm)
    if tracked.blind is not None:
        log.warning("deletes are not looked for in this scan", table=table.name, why=tracked.blind)
        yield from absence.unnamed()
        return
    missed, known = absence.count()
    if missed > max(FEW, max_delete * known):
        raise PermanentError(
            f"{missed} of {known} rows of {table.name} are gone at once, which is more than "
            f"max_delete ({max_delete:.0%}); nothing was deleted",
            remedy="see that the source shows all its rows; if they are gone indeed, raise `max_delete` "
            "and `resume`",
        )
    yield from absence.pieces()


@dataclass(frozen=True, slots=True)
class Absence:
    """Of one table, after one scan."""

    table: Table
    head: bytes
    part: Part
    tracked: Pass
    cache: Cache
    confirm: int
    """So many scans in a row must have missed a row."""

    def pieces(self) -> Iterator[Piece]:
        if self.part.count > self.tracked.met:
            for entries in self.cache.slots(self.part, CHUNK):
                yield self._deleted([each for each in entries if self.tracked.missed(each[1])])
        if self.tracked.fewer:
            for entries in self.cache.slots(self.part, CHUNK):
                yield self._fewer(entries)

    def unnamed(self) -> Iterator[Piece]:
        """Rejects without a key that have not come again: else other ones of each scan would pile up."""
        for entries in self.cache.slots(self.part, CHUNK):
            missed = [key for key, slot, _ in entries if is_unnamed(key) and self.tracked.missed(slot)]
            yield Piece(self.part, self.head, drops=missed)
            if entries[-1][0].startswith(b"{"):  # rows, which come after
                break

    def count(self) -> tuple[int, int]:
        """How many rows are gone, of how many that were known before the scan began."""
        unmet = self.part.count - self.tracked.met
        if self.table.key:
            others = sum(sum(self._others(each)) for each in self._unmet()) if unmet > FEW else 0
            return unmet - others, self.tracked.known - others
        all_gone = sum(
            counted(Entry.parse(each[2]))
            for some in (self._unmet() if unmet else ())
            for each, is_another in zip(some, self._others(some), strict=True)
            if not is_another
        )
        return all_gone + self.tracked.fewer, all_gone + self.tracked.known

    def _unmet(self) -> Iterator[Sequence[Put]]:
        for entries in self.cache.slots(self.part, CHUNK):
            yield [each for each in entries if self.tracked.missed(each[1])]

    def _others(self, unmet: Sequence[Put]) -> Sequence[bool]:
        """Of each: is it no row, or known by columns, or in a form, that the table had once?

        Then it is there, perhaps, by what is of today.
        """
        today = self.table.key or tuple(self.table.schema.names)
        fields = alike(map(self.table.schema.field, today))
        named = [form for form, *_ in unmet if form.startswith(b"{") and _columns_of(form) == today]
        same = {
            form
            for form, own in zip(named, fields_of(named, self.table, today), strict=True)
            if alike(own) == fields
        }
        return [is_unnamed(form) or (form.startswith(b"{") and form not in same) for form, *_ in unmet]

    def _deleted(self, gone: Sequence[Put]) -> Piece:
        piece = Piece(self.part, self.head)
        keys: list[bytes] = []
        rows: list[bytes] = []
        for key, slot, value in gone:
            entry = Entry.parse(value)
            if entry.absent + 1 < self.confirm:
                piece.put(key, slot, replace(entry, absent=entry.absent + 1).packed())
                continue
            piece.drops.append(key)
            if entry.published:
                (keys if had_key(entry) else rows).extend([key] * counted(entry))
        piece.changes = (*_by_keys(self.table, keys), *_by_rows(self.table, rows))
        return piece

    def _fewer(self, entries: Sequence[Put]) -> Piece:
        """Of equal rows some are gone."""
        piece = Piece(self.part, self.head)
        forms: list[bytes] = []
        for key, slot, value in entries:
            entry, met = Entry.parse(value), self.tracked.times(slot)
            if not 0 < met < counted(entry):
                continue
            if entry.absent + 1 < self.confirm:
                piece.put(key, slot, replace(entry, absent=entry.absent + 1).packed())
                continue
            forms += [key] * (counted(entry) - met)
            piece.put(key, slot, plain(number(met)))
        piece.changes = tuple(_by_rows(self.table, forms))
        return piece


def _columns_of(form: bytes) -> tuple[str, ...]:
    """By which a row is known."""
    return tuple(json.loads(form))


def _by_keys(table: Table, forms: Sequence[bytes]) -> Iterator[Changes]:
    """Deletes. Consumers know a row by the key that the table had then."""
    for names, some in _by_columns(forms).items():
        if set(names) <= set(table.schema.names):  # else there are no words for it
            for rows in rows_of(some, table, names):
                yield Changes(replace(table, key=names), rows, Op.DELETE)


def _by_rows(table: Table, forms: Sequence[bytes]) -> Iterator[Changes]:
    """The same, where the table had none then."""
    for names, some in _by_columns(forms).items():
        there = [name for name in names if name in table.schema.names]
        for rows in rows_of(some, table, there):
            yield Changes(replace(table, key=()), rows, Op.DELETE)


def _by_columns(forms: Sequence[bytes]) -> Mapping[tuple[str, ...], Sequence[bytes]]:
    found: dict[tuple[str, ...], list[bytes]] = {}
    for form in forms:
        found.setdefault(_columns_of(form), []).append(form)
    return found

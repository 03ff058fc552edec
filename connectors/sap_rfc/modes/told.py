"""Rows that change documents tell of, as Arrow's: what was logged, and whatever else is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from bridge.contract import Changes, Op, Reject, Table
from connectors.sap_rfc.dictionary import Relation
from connectors.sap_rfc.modes import details, late
from connectors.sap_rfc.modes.lines import RowChange, Value, key_places
from connectors.sap_rfc.tables import Choice, TableReader
from connectors.sap_rfc.texts import Converted, slices, strings, texts_to_array, without_zeros
from connectors.sap_rfc.types import Column, shifted
from connectors.sap_rfc.zones import Offsets

_RAW_KEY = "TABKEY"
_NUMBERS = frozenset("PIbs8Fae")
_OTHERS = pa.list_(pa.struct([pa.field(name, pa.string()) for name in ("field", "kind", "old", "new")]))
"""Lines that are of no column: long texts, mostly."""


class Document(Protocol):
    """A header: CDHDR's columns but for the client."""

    @property
    def stamp(self) -> str: ...

    @property
    def given(self) -> str:
        """What it is written with, as programs give whatever they like; the stamp, where that is a moment."""
        ...

    @property
    def number(self) -> str: ...

    @property
    def fields(self) -> Mapping[str, Any]: ...


type Found = tuple[Document, RowChange]


@dataclass(frozen=True, slots=True)
class Now:
    """Rows as they are now, and where each change's own is among them. `names`: what of it is told so."""

    rows: pa.RecordBatch
    at: Sequence[int | None]
    names: Sequence[frozenset[str]] | None = None
    """Of each change; None: all."""

    def over(self, name: str, values: pa.Array, known: Sequence[bool]) -> tuple[pa.Array, Sequence[bool]]:
        """A column with what is there now; and where it is known."""
        if name not in self.rows.schema.names:
            return values, known
        told = [name in each for each in self.names] if self.names else [True] * len(values)
        there = [place if also else None for place, also in zip(self.at, told, strict=True)]
        both = pa.concat_arrays([self.rows.column(name), values])
        places = [self.rows.num_rows + i if place is None else place for i, place in enumerate(there)]
        known = [was or place is not None for was, place in zip(known, there, strict=True)]
        return both.take(pa.array(places, pa.int64())), known


@dataclass(frozen=True, slots=True)
class Told:
    changes: tuple[Changes, ...] = ()
    rejects: tuple[Reject, ...] = ()

    @property
    def size(self) -> int:
        return sum(each.rows.nbytes for each in self.changes)

    def and_also(self, other: Told) -> Told:
        return Told((*self.changes, *other.changes), (*self.rejects, *other.rejects))


@dataclass(frozen=True, slots=True)
class Subject:
    """A table whose rows documents tell of. `places`: its key in TABKEY; without them TABKEY is the key.

    `whole`: its rows are read as they are now.
    """

    choice: Choice
    table: Table
    places: tuple[tuple[str, int, int], ...]
    logged: frozenset[str]
    whole: bool

    @classmethod
    def of(
        cls,
        stream: str,
        relation: Relation,
        reader: TableReader,
        *,
        whole: bool,
        stripped: bool,
        excluded: frozenset[str],
    ) -> Subject:
        """`stripped`: without leading zeros where the dictionary says ALPHA. Errors: PermanentError."""
        names = [each.name for each in relation.columns if not each.is_deep and each.name != relation.client]
        places = key_places(relation)
        alpha = frozenset(each.name for each in relation.columns if stripped and each.alpha)
        choice = Choice(relation, tuple(names), stripped=alpha, excluded=excluded)
        schema = reader.schema(choice) if whole and places else reader.types(choice)
        if not places:
            schema = pa.schema([pa.field(_RAW_KEY, pa.string()), *schema])
        key = tuple(name for name, _, _ in places) or (_RAW_KEY,)
        table = Table(f"{stream}.{relation.name}", schema, key)
        return cls(choice, table, places, frozenset(names) - frozenset(key), whole and bool(places))

    def column(self, name: str) -> Column:
        return self.choice.relation.column(name)

    @property
    def amounts(self) -> Mapping[str, str]:
        """Those that anybody sees, and the columns with their currencies."""
        columns = [self.column(name) for name in self.choice.read]
        own = {each.name for each in self.choice.relation.columns}
        return {each.name: each.reference for each in columns if each.is_amount and each.reference in own}


def told(
    subjects: Mapping[str, Subject],
    found: Sequence[Found],
    offsets: Offsets,
    reader: TableReader,
) -> Told:
    """Tables one after another, and of each its rows in the order of the documents."""
    by_table: dict[str, list[Found]] = {}
    for each in found:
        by_table.setdefault(each[1].table, []).append(each)
    batch = Told()
    for name, some in by_table.items():
        telling = Telling(subjects[name], offsets, reader)
        for group in _groups(some):
            batch = batch.and_also(telling.of(group))
    return batch


def _groups(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Of each, the same fields are known as they were before; what happened to one row stays in order."""
    groups: dict[tuple[str, ...], list[Found]] = {}
    where: dict[str, tuple[str, ...]] = {}
    for each in found:
        row = each[1]
        names = tuple(sorted(row.old))
        if not names:
            names = where.get(row.key, next(iter(groups), ()))
        if where.get(row.key, names) != names:
            yield from groups.values()
            groups, where = {}, {}
        groups.setdefault(names, []).append(each)
        where[row.key] = names
    yield from groups.values()


class Telling:
    """Rows of one table."""

    def __init__(self, subject: Subject, offsets: Offsets, reader: TableReader) -> None:
        self._subject, self._offsets, self._reader = subject, offsets, reader
        self._refused: dict[int, str] = {}
        self._shared: dict[int, str] = {}
        """Of these, those whose key would be that of another row."""

    def of(self, found: Sequence[Found]) -> Told:
        subject, self._refused, self._shared = self._subject, {}, {}
        rows = [row for _, row in found]
        old = sorted({name for row in rows for name in row.old})
        keys = self.keys(rows)
        after, absent = self._after(rows, keys)
        before = self._before(rows, keys, old)
        source, times = _source(found, subject.logged), _times(found, self._offsets)
        ops = pa.array([row.op.value for row in rows], pa.string())
        kept = pa.array([place for place in range(len(rows)) if place not in self._refused], pa.int64())
        rejects = [self._reject(after, at, why) for at, why in sorted(self._refused.items())]
        if not len(kept):
            return Told((), tuple(rejects))
        if self._refused:
            after, before, source = after.take(kept), before and before.take(kept), source.take(kept)
            times, ops = times.take(kept), ops.take(kept)
            absent = {name: mask.take(kept) for name, mask in absent.items()}
        changes = Changes(subject.table, after, ops, before, absent, source, times)
        return Told((changes,), tuple(rejects))

    def _reject(self, after: pa.RecordBatch, at: int, why: str) -> Reject:
        told = details.reject(self._subject.table, after, at, why)
        return replace(told, key=None) if at in self._shared else told

    def names(self, row: RowChange) -> bool:
        """Whether its key is one that can be told."""
        self._refused = {}
        self.keys([row])
        return not self._refused

    def keys(self, rows: Sequence[RowChange]) -> dict[str, pa.Array]:
        """The columns of the key, or TABKEY."""
        texts, places = strings([row.key for row in rows]), self._subject.places
        if not places:
            return {_RAW_KEY: texts}
        cut = slices(texts, [(at, length) for _, at, length in places])
        for (name, _, length), each in zip(places, cut, strict=True):
            if name in self._subject.choice.stripped:
                self._refuse_short(name, each, length)
        return {
            name: self._kept(texts_to_array(self._subject.column(name), self._shown(name, each)))
            for (name, _, _), each in zip(places, cut, strict=True)
        }

    def _refuse_short(self, name: str, texts: pa.StringArray, length: int) -> None:
        """Without zeros, 7 and 0000000007 are one key: only that which has them all is told by it."""
        short = pc.match_substring_regex(texts, rf"^\d{{1,{length - 1}}}$")
        why = f"{name} lacks leading zeros, and `alpha: strip` would make it the key of another row"
        self._shared |= dict.fromkeys(pc.indices_nonzero(short).to_pylist(), why)
        self._refused |= self._shared

    def _after(
        self, rows: Sequence[RowChange], keys: Mapping[str, pa.Array]
    ) -> tuple[pa.RecordBatch, dict[str, pa.BooleanArray]]:
        schema = self._subject.table.schema
        looks = [*self._looks(rows, keys)]
        arrays, absent = [], {}
        for field in schema:
            if field.name in keys:
                arrays.append(keys[field.name])
                continue
            values = self._values(field, [row.new.get(field.name) for row in rows])
            known: Sequence[bool] = [row.op is Op.DELETE or field.name in row.new for row in rows]
            for now in looks:
                values, known = now.over(field.name, values, known)
            arrays.append(values)
            if not all(known):
                absent[field.name] = pa.array([not each for each in known], pa.bool_())
        return pa.RecordBatch.from_arrays(arrays, schema=schema), absent

    def _before(
        self, rows: Sequence[RowChange], keys: Mapping[str, pa.Array], names: Sequence[str]
    ) -> pa.StructArray | None:
        """Of the fields that were logged, and the key; nothing more is known of how the row was."""
        if not names:
            return None
        schema = self._subject.table.schema
        arrays = [self._values(schema.field(name), [row.old.get(name) for row in rows]) for name in names]
        fields = [schema.field(name) for name in (*self._subject.table.key, *names)]
        unknown = pa.array([not row.old for row in rows], pa.bool_())
        return pa.StructArray.from_arrays([*keys.values(), *arrays], fields=fields, mask=unknown)

    def _values(self, field: pa.Field, values: Sequence[Value | None]) -> pa.Array:
        if not any(values) or pa.types.is_null(field.type):
            return pa.nulls(len(values), field.type)
        column = self._subject.column(field.name)
        initial = "0" if column.inttype in _NUMBERS else None
        texts = strings([value and (value.text if value.text.strip() else initial) for value in values])
        if column.inttype not in _NUMBERS and pa.types.is_string(field.type):
            known = pa.array([value is not None for value in values], pa.bool_())
            texts = pc.if_else(known, texts.fill_null(""), texts)
        places = None
        if column.field.type != field.type:  # the currency counts
            column = shifted(column, field.type.scale)
            units = strings([value.unit if value else "" for value in values])
            places = self._reader.currencies.places(units)
        return self._kept(texts_to_array(column, self._shown(column.name, texts), places))

    def _shown(self, name: str, texts: pa.StringArray) -> pa.StringArray:
        return without_zeros(texts) if name in self._subject.choice.stripped else texts

    def _kept(self, converted: Converted) -> pa.Array:
        self._refused |= converted.refused
        return converted.array

    def _looks(self, rows: Sequence[RowChange], keys: Mapping[str, pa.Array]) -> Iterator[Now]:
        """What of the rows is told as it is now: all of it, or amounts that have another currency."""
        subject = self._subject
        if subject.whole:
            there = [row.op is not Op.DELETE for row in rows]
            yield Now(*self._now(subject.choice, rows, keys, there))
            return
        stale = [self._stale(row) for row in rows]
        names = frozenset[str]().union(*stale)
        if not names:
            return
        if not subject.places:
            told = {at: ", ".join(sorted(each)) for at, each in enumerate(stale) if each}
            self._refused |= {at: f"{each}: a currency alone was logged" for at, each in told.items()}
            return
        choice = replace(subject.choice, columns=(*subject.choice.relation.key, *sorted(names)))
        yield Now(*self._now(choice, rows, keys, [*map(bool, stale)]), stale)

    def _stale(self, row: RowChange) -> frozenset[str]:
        """Amounts that are another number, though they are not logged, since their currency is; and that."""
        if row.op is not Op.UPDATE:
            return frozenset()
        moved = {
            (amount, currency)
            for amount, currency in self._subject.amounts.items()
            if amount not in row.new and currency in row.new and self._moves(row, currency)
        }
        return frozenset(name for both in moved for name in both)

    def _moves(self, row: RowChange, currency: str) -> bool:
        decimals = self._reader.currencies.decimals
        was = row.old.get(currency)
        return was is None or decimals(was.text) != decimals(row.new[currency].text)

    def _now(
        self,
        choice: Choice,
        rows: Sequence[RowChange],
        keys: Mapping[str, pa.Array],
        asked: Sequence[bool],
    ) -> tuple[pa.RecordBatch, list[int | None]]:
        """Rows as they are now; and where each is among them, if it is. One that cannot be had is refused.

        One that never rests is as if it were not there: nothing waits for what nobody can read whole.
        """
        asked = [is_asked and at not in self._refused for at, is_asked in enumerate(asked)]  # by its key
        cut = [tuple(_cut(row.key, self._subject.places)) for row in rows]
        wanted = {key for key, is_asked in zip(cut, asked, strict=True) if is_asked}
        page, names = self._reader.some(choice, sorted(wanted)), self._subject.table.key
        there = {tuple(row.values()): at for at, row in enumerate(page.rows.select(list(names)).to_pylist())}
        bad = {
            tuple(each.key[name].as_py() for name in names): each.reason for each in page.rejects if each.key
        }
        told = zip(*(keys[name].to_pylist() for name in names), strict=True)
        known = [key if is_asked else () for key, is_asked in zip(told, asked, strict=True)]
        self._refused |= {at: bad[key] for at, key in enumerate(known) if key in bad}
        return page.rows, [there.get(key) for key in known]


def is_there(subject: Subject, row: RowChange, reader: TableReader) -> bool:
    """Whether the table has it now, as far as it can be asked."""
    if not subject.places or not Telling(subject, Offsets(None), reader).names(row):
        return True
    key = replace(subject.choice, columns=subject.choice.relation.key)
    return bool(reader.some(key, [tuple(_cut(row.key, subject.places))]).rows.num_rows)


def _cut(key: str, places: Sequence[tuple[str, int, int]]) -> Iterator[str]:
    for each in slices(strings([key]), [(at, length) for _, at, length in places]):
        yield each[0].as_py()


def _source(found: Sequence[Found], logged: frozenset[str]) -> pa.RecordBatch:
    """The header, by the names of CDHDR's columns in small letters; which fields were logged; the rest."""
    names = [name for name in found[0][0].fields if name not in ("UDATE", "UTIME")]
    columns = {
        name.lower(): pa.array([each.fields[name] for each, _ in found], pa.string()) for name in names
    }
    columns["changed_at"] = pa.array([_iso(each.given) for each, _ in found], pa.string())
    columns["changed"] = pa.array(
        [sorted(logged & {*row.changed}) for _, row in found], pa.list_(pa.string())
    )
    others = [[_other(line) for line in row.others] for _, row in found]
    if any(others):
        columns["others"] = pa.array(others, _OTHERS)
    return pa.RecordBatch.from_pydict(columns)


def _other(line: Mapping[str, Any]) -> dict[str, str]:
    old, new = line["VALUE_OLD"] or "", line["VALUE_NEW"] or ""
    return {"field": line["FNAME"], "kind": line["CHNGIND"], "old": old, "new": new}


def _times(found: Sequence[Found], offsets: Offsets) -> pa.Array:
    stamps = [each.stamp if each.stamp == each.given else None for each, _ in found]
    return pa.array([each and offsets.ms(late.time_of(each)) for each in stamps], pa.int64())


def _iso(given: str) -> str:
    """Be it a moment or not."""
    day, time = given[:8], given[8:]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}"

"""One table's images against what is known of them: see bridge.images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import pyarrow as pa
import structlog

from bridge.cache import Cache, Found, Part
from bridge.contract import Changes, Op, Reject, Table
from bridge.diff import PLAIN, REFUSED, Entry, Pass, number, plain
from bridge.diff.canonical import digest, digests, key_of, texts
from bridge.errors import PermanentError
from bridge.piece import Piece, picked

log = structlog.get_logger("bridge.comparison")

LONGEST = 512 * 1024
"""Bytes of a key, as which a row without one counts: it is one in a topic that takes a mebibyte, mostly."""
ESCAPED = 6
"""So many bytes JSON makes of one, at most."""
MOST_EQUAL = 2**64
_LONG = b"long:"
_UNNAMED = b"unnamed:"
_BURIED = Entry(number(1), published=False, refused=True).packed()


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table of a stream, while a batch of it is compared. Errors: TransientError from the cache."""

    table: Table
    head: bytes
    part: Part
    tracked: Pass | None
    unknown: Op
    """What becomes of a row whose key is not known."""
    cache: Cache

    def piece(self) -> Piece:
        return Piece(self.part, self.head)

    def rows(self, changes: Changes, marks: Sequence[bytes] = ()) -> Piece:
        """Rows of a table with a key, and what is kept of their marks where they have any."""
        piece = self.piece()
        keys, values = self._written(changes, marks)
        near = self.cache.near(self.part, [key for key in keys if key is not None])
        if known := near.of(keys):
            self._meet(known.slots)
            different = [row for row, was, is_now in zip(count(), known.values, values) if was != is_now]
            found = known.at(different).found()
        else:
            found = self._met(keys, near.found())
            get = found.values.get
            different = [
                row for row, key, value in zip(count(), keys, values) if key is None or get(key) != value
            ]
        at: list[int] = []
        ops: list[str] = []
        for row in different:
            if _is_long(keys[row]):
                self._bury_key(piece, found, changes.rows.slice(row, 1))
                continue
            op = self._row(piece, found, keys[row], values[row])
            if op is not None:
                at.append(row)
                ops.append(op)
        piece.changes = picked(changes, at, ops)
        return piece

    def afresh(self, changes: Changes, marks: Sequence[bytes] = ()) -> Piece:
        """Rows of a table with a key, known or not: all are published but those that can be no event.

        What was too large for its topic once may fit now; if not, its dead letter is there.
        """
        piece = self.piece()
        keys, values = self._written(changes, marks)
        found = self._met(keys, self.cache.find(self.part, [key for key in keys if key is not None]))
        at = []
        for row, (key, value) in enumerate(zip(keys, values, strict=True)):
            if _is_long(key):
                self._bury_key(piece, found, changes.rows.slice(row, 1))
                continue
            news = self._row(piece, found, key, value)
            if news is not None or not Entry.parse(value).refused:
                at.append(row)
                self._try_again(piece, found, key, news)
        piece.changes = picked(changes, at, [Op.READ] * len(at))
        return piece

    def _try_again(self, piece: Piece, found: Found, key: bytes | None, news: Op | None) -> None:
        """What was refused once counts as published, unless it is refused again."""
        if key is None:
            return
        if news is not None:
            piece.buried.discard(key)
        if not (entry := Entry.parse(found.values[key])).refused:
            return
        if news is None:
            piece.buried.add(key)
        if not entry.published:
            piece.news.add(key)
        piece.put(key, found.slots[key], replace(entry, published=True, refused=False).packed())

    def _written(
        self, changes: Changes, marks: Sequence[bytes]
    ) -> tuple[Sequence[bytes | None], Sequence[bytes]]:
        """Key and entry of each row."""
        keys = self._keys(changes.rows)
        values = digests(changes.rows, changes.absent, before=PLAIN, formless=REFUSED)
        return keys, [value + mark for value, mark in zip(values, marks, strict=True)] if marks else values

    def _keys(self, rows: pa.RecordBatch) -> Sequence[bytes | None]:
        """Each as the state calls it."""
        own = rows.select(list(self.table.key))
        keys = texts(own)
        if own.nbytes * ESCAPED <= LONGEST:  # no single one is longer, then, names apart
            return keys
        return [key if key is None else named(key) for key in keys]

    def _met(self, keys: Sequence[bytes | None], found: Found) -> Found:
        slots = found.slots
        self._meet([slots[key] for key in keys if key in slots])
        return found

    def _meet(self, slots: Sequence[int]) -> None:
        if self.tracked is not None:
            self.tracked.meet_all(slots)

    def _row(self, piece: Piece, found: Found, key: bytes | None, value: bytes) -> Op | None:
        """What becomes of a row that is not as it was, or came twice."""
        if key is None:  # which is no row of the table that could be told from others: a dead letter
            self._be_blind(f"a row of {self.table.name} has a key that cannot be written")
            return self.unknown
        before = found.get(key)
        op: Op | None = self.unknown
        if before is None:
            slot = self.part.new_slot()
            piece.new += 1
            if self.tracked is not None:
                self.tracked.meet(slot)
        else:
            slot = before[0]
            op, value = _changed(Entry.parse(before[1]), value, self.unknown)
        if op is self.unknown:
            piece.news.add(key)
        elif op is Op.UPDATE:
            piece.news.discard(key)
        if value:
            found.put(key, slot, value)
            piece.put(key, slot, value)
        return op

    def equals(self, changes: Changes) -> Piece:
        """Rows of a table without a key: what is known of one is how many there are."""
        piece, part, tracked = self.piece(), self.part, self.tracked
        if tracked is None:
            raise PermanentError(
                f"table {self.table.name} has no key, and is not read as a whole",
                remedy="name key columns, or read it with mode: images",
            )
        forms = texts(changes.rows, changes.absent)
        names = [form if form is None else named(form) for form in forms]
        found = self.cache.find(part, [name for name in names if name is not None])
        at: list[int] = []
        for row, (form, name) in enumerate(zip(forms, names, strict=True)):
            if form is None or name is None:
                self._be_blind(f"a row of {self.table.name} cannot be written")
                at.append(row)
                continue
            if form is not name:
                reason = f"a row of {len(form)} bytes without a key; {LONGEST} can be compared: name a `key`"
                self._bury(piece, found, name, Reject(self.table.name, reason, form))
                continue
            known = found.get(form)
            slot = part.new_slot() if known is None else known[0]
            there = 0 if known is None else counted(Entry.parse(known[1]))
            met = tracked.meet_one(slot, there)
            if met > there:
                at.append(row)
                piece.new += known is None
                found.put(form, slot, plain(number(met)))
                piece.put(form, slot, plain(number(met)))
            elif known is not None and met == there and (back := _back(known[1])):
                found.put(form, slot, back)
                piece.put(form, slot, back)
        piece.changes = picked(changes, at, [self.unknown] * len(at))
        return piece

    def _bury_key(self, piece: Piece, found: Found, row: pa.RecordBatch) -> None:
        own = row.select(list(self.table.key))
        (key,) = texts(own)
        form = key or b""
        reason = f"a key of {len(form)} bytes; {LONGEST} can be compared: name a shorter `key`"
        values = {name: own.column(name)[0] for name in own.schema.names}
        self._bury(piece, found, named(form), Reject(self.table.name, reason, form, values))

    def _bury(self, piece: Piece, found: Found, name: bytes, letter: Reject) -> None:
        """A row that is too long to be told from others becomes a dead letter, once."""
        known = found.get(name)
        slot = self.part.new_slot() if known is None else known[0]
        if self.tracked is not None:
            self.tracked.meet(slot)
        if known is None:
            piece.rejects += (letter,)
            piece.new += 1
        if known is None or _back(known[1]):
            found.put(name, slot, _BURIED)
            piece.put(name, slot, _BURIED)

    def reject(self, reject: Reject) -> Piece:
        """Has its key been seen; and is there a dead letter of this very record?"""
        piece = self.piece()
        key = key_of(reject.key, self.table) if reject.key is not None and self.table.key else None
        if key is None:
            self._be_blind(f"a record of {self.table.name} was rejected that has no key")
            self._count(piece, reject)
            return piece
        key = named(key)
        known = self.cache.find(self.part, [key]).get(key)
        before = Entry.parse(known[1]) if known else None
        now = Entry(_digest_of(reject), refused=True)
        now = replace(now, published=before is not None and before.published)
        slot = known[0] if known else self.part.new_slot()
        if self.tracked is not None:
            self.tracked.meet(slot)
        if before != now:
            piece.new += known is None
            piece.put(key, slot, now.packed())
        if before is None or (before.digest, before.refused) != (now.digest, True):
            piece.rejects = (reject,)
        return piece

    def _count(self, piece: Piece, reject: Reject) -> None:
        """A record that could be any row becomes a dead letter unless as many of its like have theirs."""
        if self.tracked is None:
            piece.rejects = (reject,)
            return
        name = _UNNAMED + _digest_of(reject).hex().encode()
        known = self.cache.find(self.part, [name]).get(name)
        slot = known[0] if known else self.part.new_slot()
        there = counted(Entry.parse(known[1])) if known else 0
        met = self.tracked.meet_one(slot, there)
        if met > there:
            piece.rejects = (reject,)
            piece.new += known is None
            piece.put(name, slot, Entry(number(met), published=False, refused=True).packed())

    def met(self, keys: pa.RecordBatch) -> Piece:
        """Keys that the connector knows to be there unchanged."""
        piece = self.piece()
        forms = [form for form in self._keys(keys) if form is not None]
        found = self.cache.find(self.part, forms)
        for form in forms:
            if self.tracked is not None and (known := found.get(form)):
                slot, value = known
                self.tracked.meet(slot)
                if back := _back(value):
                    piece.put(form, slot, back)
        return piece

    def _be_blind(self, why: str) -> None:
        if self.tracked is not None and self.tracked.blind is None:
            self.tracked.blind = why


def _back(value: bytes) -> bytes:
    """An entry that was missing in earlier scans and is there again; empty when it was not."""
    entry = Entry.parse(value)
    return replace(entry, absent=0).packed() if entry.absent else b""


def _changed(before: Entry, value: bytes, unknown: Op) -> tuple[Op | None, bytes]:
    """What a known key's row is to be published as, if at all, and its entry, empty when that stays."""
    now = Entry.parse(value)
    if before.digest == now.digest:
        kept = replace(before, absent=0, mark=now.mark)
        return None, b"" if kept == before else kept.packed()
    published = now.published or before.published
    return (Op.UPDATE if before.published else unknown), replace(now, published=published).packed()


def named(form: bytes) -> bytes:
    """What the state calls it; of one that is too long for its topic no row is written like that."""
    return form if len(form) <= LONGEST else _LONG + digest(form).hex().encode()


def _digest_of(reject: Reject) -> bytes:
    raw = reject.raw.encode(errors="surrogatepass") if isinstance(reject.raw, str) else reject.raw
    return digest(raw + b"\0" + reject.reason.encode(errors="surrogatepass"))


def is_unnamed(name: bytes) -> bool:
    """It counts records that were rejected without a key, and is no row."""
    return name.startswith(_UNNAMED)


def _is_long(name: bytes | None) -> bool:
    return name is not None and name.startswith(_LONG)


def counted(entry: Entry) -> int:
    """Of equal rows without a key, how many there are; one that had a key is one."""
    return 1 if had_key(entry) else int.from_bytes(entry.digest)


def had_key(entry: Entry) -> bool:
    """Its digest is none of a number, then."""
    return int.from_bytes(entry.digest) >= MOST_EQUAL

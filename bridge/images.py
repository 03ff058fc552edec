"""Finds the changes in images: rows as they are, against what was known of them (bridge.diff, bridge.state).

Every piece that comes out of a comparison is whole: once its events and its part of the state are sent,
`keep` makes the cache follow. A piece that is not sent is found again by the next scan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched, count

import pyarrow as pa
import structlog

from bridge.admission import Lane
from bridge.cache import Found, Part, Put
from bridge.config.options import StreamOptions
from bridge.contract import Batch, Changes, Op, Reject, Scan, Table
from bridge.diff import PLAIN, Entry, Pass, number, plain
from bridge.diff.canonical import digest, digests, key_of, rows_of, texts
from bridge.errors import PermanentError
from bridge.state import KeyedState, head

log = structlog.get_logger("bridge.images")

FEW = 10
"""Deletes that are no mass delete, however few rows there are."""
CHUNK = 10_000


@dataclass(slots=True)
class Piece:
    """Changes and rejects to publish, and what the state is then: entries to put, keys to drop."""

    part: Part
    head: bytes
    changes: tuple[Changes, ...] = ()
    rejects: tuple[Reject, ...] = ()
    puts: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    drops: list[bytes] = field(default_factory=list)
    new: int = 0
    """How many of the entries to put are new."""

    def put(self, key: bytes, slot: int, value: bytes) -> None:
        self.puts[key] = (slot, value)


@dataclass(frozen=True, slots=True)
class Compared:
    """One table of a stream, while a batch of it is compared."""

    table: Table
    head: bytes
    part: Part
    tracked: Pass | None
    unknown: Op
    """What becomes of a row whose key is not known."""

    def piece(self) -> Piece:
        return Piece(self.part, self.head)


class Images:
    """Of one connector. Used from the task's thread. Errors: TransientError from the cache."""

    def __init__(self, state: KeyedState) -> None:
        self._state = state
        self._passes: dict[str, dict[str, Pass]] = {}
        """Stream -> table -> the scan under way."""
        self._stamp: str | None = None
        """Of the open transaction, once it changes the state."""

    # -- transactions

    def align(self, stamp: str | None) -> None:
        self._state.align(stamp)

    def forget(self) -> None:
        """The open transaction was not committed: scans under way start over."""
        self._passes.clear()
        self._stamp = None
        self._state.forget()

    def drop(self, stream: str) -> None:
        """A scan of the stream that is under way will not end."""
        self._passes.pop(stream, None)

    def records(self, piece: Piece) -> tuple[str, list[bytes | None], list[bytes | None]]:
        """Topic, keys and values of what the piece changes in the state."""
        entries = [
            *((key, value) for key, (_, value) in piece.puts.items()),
            *((k, None) for k in piece.drops),
        ]
        return self._state.changelog.name, *self._state.records(piece.head, entries)

    def keep(self, piece: Piece) -> None:
        """The piece is in the transaction."""
        cache = self._state.cache
        if piece.puts:
            cache.put(piece.part, [(key, *entry) for key, entry in piece.puts.items()], piece.new)
        if piece.drops:
            cache.drop(piece.part, piece.drops)
        if self._stamp is None and (piece.puts or piece.drops):
            self._stamp = self._state.next_stamp()

    @property
    def stamp(self) -> str | None:
        """What the open transaction must leave in the ledger and in the topic; None if nothing changed."""
        return self._stamp

    @property
    def topic(self) -> str:
        return self._state.changelog.name

    def commit(self) -> None:
        """Kafka has the transaction."""
        if self._stamp is not None:
            self._state.cache.commit(self._stamp)
            self._stamp = None

    def close(self) -> None:
        self._state.close()

    # -- comparing

    def compare(self, lane: Lane, batch: Batch, options: StreamOptions, *, first: bool) -> Iterator[Piece]:
        """The batch's changes; `first`: no scan of the stream was ever complete.

        Errors: PermanentError, when too much is gone or a table cannot be compared.
        """
        passes = self._passes_of(lane, batch.scan)
        unknown = Op.READ if first else Op.CREATE

        def compared(table: Table, op: Op = unknown) -> Compared:
            name = head(lane.stream.name, table.name)
            return Compared(
                table, name, self._state.cache.part(name), passes.get(table.name) if passes else None, op
            )

        for changes in batch.changes:
            shown = lane.policy.apply(changes)
            one = compared(shown.table, Op.READ if changes.op is Op.READ else unknown)
            yield self._rows(one, shown) if shown.table.key else self._equals(one, shown)
        for reject in batch.rejects:
            table = next((each for each in lane.stream.tables if each.name == reject.table), None)
            if table is None:
                yield Piece(Part(0, 0, 0), b"", rejects=(reject,))
            else:
                yield self._reject(compared(table), reject)
        for name, keys in batch.seen:
            table = next(each for each in lane.stream.tables if each.name == name)
            yield self._met(compared(table), keys)
        if passes is not None and batch.scan in (Scan.LAST, Scan.ONLY):
            for table in lane.stream.tables:
                yield from self._gone(compared(lane.policy.table(table)), options)
            self.drop(lane.stream.name)

    def _passes_of(self, lane: Lane, scan: Scan | None) -> dict[str, Pass] | None:
        name = lane.stream.name
        if scan is None:
            return None
        if scan in (Scan.FIRST, Scan.ONLY):
            self._passes[name] = {}
            for table in lane.stream.tables:
                self._passes[name][table.name] = Pass()
                self._state.cache.tidy(self._state.cache.part(head(name, table.name)))
        elif name not in self._passes:
            blind = "its beginning was not seen"
            self._passes[name] = {table.name: Pass(blind=blind) for table in lane.stream.tables}
        return self._passes[name]

    def _rows(self, one: Compared, changes: Changes) -> Piece:
        """Rows of a table with a key."""
        piece, part, tracked = one.piece(), one.part, one.tracked
        keys = texts(changes.rows.select(list(one.table.key)))
        values = digests(changes.rows, changes.absent, before=PLAIN)
        found = self._state.cache.find(part, [key for key in keys if key is not None])
        if tracked is not None:
            slots = found.slots
            tracked.meet_all([slots[key] for key in keys if key in slots])
        known = found.values.get
        rows = zip(count(), keys, values)
        different = [row for row, key, value in rows if key is None or known(key) != value]
        at: list[int] = []
        ops: list[str] = []
        for row in different:
            op = self._row(one, piece, found, keys[row], values[row])
            if op is not None:
                at.append(row)
                ops.append(op)
        piece.changes = _picked(changes, at, ops)
        return piece

    def _row(self, one: Compared, piece: Piece, found: Found, key: bytes | None, value: bytes) -> Op | None:
        """What becomes of a row that is not as it was, or came twice."""
        if key is None:  # which is no row of the table that could be told from others: a dead letter
            self._be_blind(one.tracked, f"a row of {one.table.name} has a key that cannot be written")
            return one.unknown
        before = found.get(key)
        op: Op | None = one.unknown
        if before is None:
            slot = one.part.new_slot()
            piece.new += 1
            if one.tracked is not None:
                one.tracked.meet(slot)
        else:
            slot = before[0]
            op, value = _changed(Entry.parse(before[1]), value, one.unknown)
        if value:
            found.put(key, slot, value)
            piece.put(key, slot, value)
        return op

    def _equals(self, one: Compared, changes: Changes) -> Piece:
        """Rows of a table without a key: what is known of one is how many there are."""
        piece, part, tracked = one.piece(), one.part, one.tracked
        if tracked is None:
            raise PermanentError(
                f"table {one.table.name} has no key, and is not read as a whole",
                remedy="name key columns, or read it with mode: images",
            )
        forms = texts(changes.rows, changes.absent)
        found = self._state.cache.find(part, [form for form in forms if form is not None])
        at: list[int] = []
        for row, form in enumerate(forms):
            if form is None:
                self._be_blind(tracked, f"a row of {one.table.name} cannot be written")
                at.append(row)
                continue
            known = found.get(form)
            slot = part.new_slot() if known is None else known[0]
            there = 0 if known is None else _count(Entry.parse(known[1]))
            met = 1 if tracked.meet(slot) else tracked.counts.get(form, 1) + 1
            if max(met, there) > 1:
                tracked.counts[form] = met
            if met > there:
                at.append(row)
                piece.new += known is None
                found.put(form, slot, plain(number(met)))
                piece.put(form, slot, plain(number(met)))
            elif known is not None and (back := _back(known[1])):
                found.put(form, slot, back)
                piece.put(form, slot, back)
        piece.changes = _picked(changes, at, [one.unknown] * len(at))
        return piece

    def _reject(self, one: Compared, reject: Reject) -> Piece:
        """Has its key been seen; and is there a dead letter of this very record?"""
        piece = one.piece()
        key = key_of(reject.key, one.table) if reject.key is not None and one.table.key else None
        if key is None:
            self._be_blind(one.tracked, f"a record of {one.table.name} was rejected that has no key")
            piece.rejects = (reject,)
            return piece
        raw = reject.raw.encode(errors="surrogatepass") if isinstance(reject.raw, str) else reject.raw
        known = self._state.cache.find(one.part, [key]).get(key)
        before = Entry.parse(known[1]) if known else None
        now = Entry(digest(raw + b"\0" + reject.reason.encode(errors="surrogatepass")), refused=True)
        now = replace(now, published=before is not None and before.published)
        slot = known[0] if known else one.part.new_slot()
        if one.tracked is not None:
            one.tracked.meet(slot)
        if before != now:
            piece.new += known is None
            piece.put(key, slot, now.packed())
        if before is None or (before.digest, before.refused) != (now.digest, True):
            piece.rejects = (reject,)
        return piece

    def _met(self, one: Compared, keys: pa.RecordBatch) -> Piece:
        """Keys that the connector knows to be there unchanged."""
        piece = one.piece()
        forms = [form for form in texts(keys.select(list(one.table.key))) if form is not None]
        found = self._state.cache.find(one.part, forms)
        for form in forms:
            if one.tracked is not None and (known := found.get(form)):
                slot, value = known
                one.tracked.meet(slot)
                if back := _back(value):
                    piece.put(form, slot, back)
        return piece

    @staticmethod
    def _be_blind(tracked: Pass | None, why: str) -> None:
        if tracked is not None and tracked.blind is None:
            tracked.blind = why

    # -- what is gone

    def _gone(self, one: Compared, options: StreamOptions) -> Iterator[Piece]:
        tracked, part = one.tracked, one.part
        if tracked is None:
            return
        if tracked.blind is not None:
            log.warning("deletes are not looked for in this scan", table=one.table.name, why=tracked.blind)
            return
        missed = part.count - tracked.met
        if missed > max(FEW, options.max_delete * part.count):
            raise PermanentError(
                f"{missed} of {part.count} rows of {one.table.name} are gone at once, which is more than "
                f"max_delete ({options.max_delete:.0%}); nothing was deleted",
                remedy="see that the source shows all its rows; if they are gone indeed, raise `max_delete` "
                "and `resume`",
            )
        if missed:
            for entries in self._state.cache.slots(part, CHUNK):
                gone = [each for each in entries if tracked.missed(each[1])]
                if gone:
                    yield self._deleted(one, gone, options.confirm_deletes)
        for keys in batched(tracked.counts, CHUNK):
            yield self._fewer(one, self._state.cache.find(part, keys), tracked.counts)

    def _deleted(self, one: Compared, gone: Sequence[Put], confirm: int) -> Piece:
        piece = one.piece()
        forms: list[bytes] = []
        for key, slot, value in gone:
            entry = Entry.parse(value)
            if entry.absent + 1 < confirm:
                piece.put(key, slot, replace(entry, absent=entry.absent + 1).packed())
                continue
            piece.drops.append(key)
            if one.table.key:
                forms += [key] * entry.published
            else:
                forms += [key] * _count(entry)
        piece.changes = _deletes(one.table, forms)
        return piece

    def _fewer(self, one: Compared, found: Found, counts: dict[bytes, int]) -> Piece:
        """Of equal rows some are gone."""
        piece = one.piece()
        forms: list[bytes] = []
        for key, value in found.values.items():
            known, met = _count(Entry.parse(value)), counts.get(key, 0)
            if 0 < met < known:
                forms += [key] * (known - met)
                piece.put(key, found.slots[key], plain(number(met)))
        piece.changes = _deletes(one.table, forms)
        return piece


def _back(value: bytes) -> bytes:
    """An entry that was missing in earlier scans and is there again; empty when it was not."""
    entry = Entry.parse(value)
    return replace(entry, absent=0).packed() if entry.absent else b""


def _changed(before: Entry, value: bytes, unknown: Op) -> tuple[Op | None, bytes]:
    """What a known key's row is to be published as, if at all, and its entry, empty when that stays."""
    if before.refused or plain(before.digest) != value:
        return (Op.UPDATE if before.published else unknown), value
    return None, _back(before.packed())


def _count(entry: Entry) -> int:
    return int.from_bytes(entry.digest)


def _deletes(table: Table, forms: Sequence[bytes]) -> tuple[Changes, ...]:
    if not forms:
        return ()
    names = list(table.key) or list(table.schema.names)
    return (Changes(table, rows_of(forms, table, names), Op.DELETE),)


def _picked(changes: Changes, at: Sequence[int], ops: Sequence[str]) -> tuple[Changes, ...]:
    """The rows at these places, with these operations."""
    if not at:
        return ()
    op = Op(ops[0]) if len(set(ops)) == 1 else pa.array(ops, pa.string())
    if len(at) == changes.rows.num_rows:
        return (replace(changes, op=op),)
    places = pa.array(at, pa.int64())

    def take[A](array: A) -> A:
        return array.take(places) if isinstance(array, pa.Array | pa.RecordBatch) else array

    return (
        replace(
            changes,
            rows=take(changes.rows),
            op=op,
            before=take(changes.before),
            absent={name: take(mask) for name, mask in changes.absent.items()},
            source=take(changes.source),
            ts=take(changes.ts),
        ),
    )

"""Finds the changes in images: rows as they are, against what was known of them (bridge.diff, bridge.state).

Every piece that comes out of a comparison is whole: once its events and its part of the state are sent,
`keep` makes the cache follow. A piece that is not sent is found again by the next scan.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bridge.absence import CHUNK, gone
from bridge.admission import Lane
from bridge.cache import Part
from bridge.comparison import Comparison
from bridge.config.options import StreamOptions
from bridge.contract import Batch, Changes, Emits, Op, Position, Reject, Scan, Table
from bridge.diff import Pass, number, plain
from bridge.diff.canonical import marked
from bridge.errors import PermanentError
from bridge.following import followed
from bridge.piece import Piece, letters_of
from bridge.positions import Kept
from bridge.state import KeyedState, head, whole_head

type Passes = Mapping[str, Pass]

WHOLE = b"whole"
"""The key under which a stream that tells changes is known to have been read as a whole."""


class Images:
    """Of one connector. Used from the task's thread. Errors: TransientError from the cache."""

    def __init__(self, state: KeyedState) -> None:
        self._state = state
        self._passes: dict[str, dict[str, Pass]] = {}
        """Stream -> table -> the scan under way."""
        self._blind: dict[str, str] = {}
        """Stream -> why its last complete scan could not say what is gone."""
        self._stamp: str | None = None
        """Of the open transaction, once it changes the state."""

    # -- transactions

    def align(self, kept: Kept | None, meanwhile: Callable[[], None]) -> bool:
        """See `KeyedState.align`."""
        return self._state.align(kept, meanwhile)

    def holds(self) -> bool:
        """See `KeyedState.holds`."""
        return self._state.holds()

    def anew(self) -> Iterator[tuple[list[bytes | None], list[bytes | None]]]:
        """Keys and values, a transaction each: see `KeyedState.anew`."""
        for records in self._state.anew():
            yield [key for key, _ in records], [value for _, value in records]

    def kept(self, stamp: str) -> Kept:
        """See `KeyedState.kept`."""
        return self._state.kept(stamp)

    def forget(self) -> None:
        """The open transaction was not committed: scans under way start over."""
        self._passes.clear()
        self._stamp = None
        self._state.forget()

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

    def compare(
        self, lane: Lane, batch: Batch, options: StreamOptions, since: Position | None
    ) -> Iterator[Piece]:
        """The batch's changes; `since`: where the stream stood before, None at its beginning.

        Errors: PermanentError, when too much is gone or a table cannot be compared.
        """
        passes = self._passes_of(lane, batch.scan)
        tells = lane.stream.emits is Emits.CHANGES
        initial = batch.scan is not None and (not self._was_scanned(lane) if tells else since is None)
        unknown = Op.READ if initial else Op.CREATE
        tables = {table.name: table for table in lane.stream.tables}

        def comparison(table: Table, op: Op = unknown) -> Comparison:
            return self._comparison(lane, table, passes, op)

        for changes in batch.changes:
            shown = lane.policy.apply(changes)
            if tells and Op.DELETE in letters_of(changes):  # what has happened to rows met before
                yield replace(followed(comparison(shown.table), shown, ()), changes=(shown,))
                continue
            with_op = comparison(shown.table, _new(lane, changes, unknown))
            marks = _marks(lane, changes)
            yield with_op.rows(shown, marks) if shown.table.key else with_op.equals(shown)
        for reject in batch.rejects:
            yield self._refused(lane, reject, passes, unknown)
        for name, keys in batch.seen:
            yield comparison(tables[name]).met(keys)
        if batch.completes:
            # Of one that tells changes it may be long until it is read as a whole again.
            confirm = 1 if tells else options.confirm_deletes or lane.stream.confirms
            for table in tables.values():
                yield from gone(comparison(lane.policy.table(table)), options.max_delete, confirm)
            self._passes.pop(lane.stream.name, None)
            self._blind[lane.stream.name] = next((each.blind for each in passes.values() if each.blind), "")
            if tells:
                yield self._scanned(lane)

    def blind(self, lane: Lane) -> str | None:
        """Why its last complete scan did not look for deletes, if so."""
        return self._blind.get(lane.stream.name) or None

    def follow(self, lane: Lane, batch: Batch, refused: Sequence[Collection[int]]) -> Iterator[Piece]:
        """The state after changes that were published as they are; of each, some rows were `refused`."""
        passes = self._passes.get(lane.stream.name, {})
        for changes, rows in zip(batch.changes, refused, strict=True):
            shown = lane.policy.apply(changes)
            yield followed(self._comparison(lane, shown.table, passes, Op.CREATE), shown, rows)

    def forgotten(self, lane: Lane, tables: Iterable[str]) -> Iterator[Piece]:
        """All that is known of these tables of a stream, dropped."""
        cache = self._state.cache
        for name in (head(lane.stream.name, table) for table in tables):
            for entries in cache.slots(cache.part(name), CHUNK):
                yield Piece(cache.part(name), name, drops=[key for key, *_ in entries])
        whole = whole_head(lane.stream.name)
        if self._was_scanned(lane):
            yield Piece(cache.part(whole), whole, drops=[WHOLE])

    def _was_scanned(self, lane: Lane) -> bool:
        """Of a stream that tells changes: whether it was ever read as a whole since its state is kept."""
        cache = self._state.cache
        return bool(cache.find(cache.part(whole_head(lane.stream.name)), [WHOLE]).values)

    def _scanned(self, lane: Lane) -> Piece:
        name = whole_head(lane.stream.name)
        piece = Piece(self._state.cache.part(name), name)
        if not self._was_scanned(lane):
            piece.new = 1
            piece.put(WHOLE, piece.part.new_slot(), plain(number(1)))
        return piece

    def afresh(self, lane: Lane, batch: Batch) -> Iterator[Piece]:
        """All rows of the batch, whatever is known of them; a scan under way has met them, too.

        Errors: PermanentError, when a table cannot be compared.
        """
        passes = self._passes.get(lane.stream.name, {})
        for changes in batch.changes:
            shown = lane.policy.apply(changes)
            yield self._comparison(lane, shown.table, passes, Op.READ).afresh(shown, _marks(lane, changes))
        for reject in batch.rejects:
            yield self._refused(lane, reject, passes, Op.READ)

    def _refused(self, lane: Lane, reject: Reject, passes: Passes, op: Op) -> Piece:
        table = next((each for each in lane.stream.tables if each.name == reject.table), None)
        if table is None:
            return Piece(Part(0, 0, 0), b"", rejects=(reject,))
        return self._comparison(lane, table, passes, op).reject(reject)

    def _comparison(self, lane: Lane, table: Table, passes: Passes, op: Op) -> Comparison:
        name, cache = head(lane.stream.name, table.name), self._state.cache
        return Comparison(table, name, cache.part(name), passes.get(table.name), op, cache)

    def _passes_of(self, lane: Lane, scan: Scan | None) -> Passes:
        name = lane.stream.name
        if scan is None:
            return {}
        if scan in (Scan.FIRST, Scan.ONLY):
            self._passes[name] = {}
            for table in lane.stream.tables:
                part = self._state.cache.part(head(name, table.name))
                self._state.cache.tidy(part)
                self._passes[name][table.name] = Pass(part.count if lane.policy.table(table).key else 0)
        elif name not in self._passes:
            blind = "its beginning was not seen"
            self._passes[name] = {table.name: Pass(blind=blind) for table in lane.stream.tables}
        return self._passes[name]


def _new(lane: Lane, changes: Changes, unknown: Op) -> Op:
    """What becomes of rows that are not known; what was inserted during a scan is no row of it."""
    if lane.stream.emits is Emits.CHANGES:
        return unknown if set(letters_of(changes)) == {Op.READ} else Op.CREATE
    return Op.READ if changes.op is Op.READ else unknown


def _marks(lane: Lane, changes: Changes) -> Sequence[bytes]:
    """What is kept of the marks, if there are any. Errors: PermanentError."""
    if changes.marks is None:
        return ()
    if len(changes.marks) != changes.rows.num_rows:
        raise PermanentError(
            f"table {changes.table.name} has {len(changes.marks)} marks beside {changes.rows.num_rows} rows",
            remedy="this is the connector's to mend",
        )
    return marked(changes.marks, lane.policy.form(changes.table))

"""Finds the changes in images: rows as they are, against what was known of them (bridge.diff, bridge.state).

Every piece that comes out of a comparison is whole: once its events and its part of the state are sent,
`keep` makes the cache follow. A piece that is not sent is found again by the next scan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bridge.admission import Lane
from bridge.cache import Part
from bridge.comparison import Comparison, Piece
from bridge.config.options import StreamOptions
from bridge.contract import Batch, Op, Scan, Table
from bridge.diff import Pass
from bridge.state import KeyedState, head


class Images:
    """Of one connector. Used from the task's thread. Errors: TransientError from the cache."""

    def __init__(self, state: KeyedState) -> None:
        self._state = state
        self._passes: dict[str, dict[str, Pass]] = {}
        """Stream -> table -> the scan under way."""
        self._stamp: str | None = None
        """Of the open transaction, once it changes the state."""

    # -- transactions

    def align(self, stamp: str | None, meanwhile: Callable[[], None]) -> None:
        """See `KeyedState.align`."""
        self._state.align(stamp, meanwhile)

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

    def compare(self, lane: Lane, batch: Batch, options: StreamOptions, *, first: bool) -> Iterator[Piece]:
        """The batch's changes; `first`: no scan of the stream was ever complete.

        Errors: PermanentError, when too much is gone or a table cannot be compared.
        """
        passes = self._passes_of(lane, batch.scan)
        unknown = Op.READ if first else Op.CREATE
        tables = {table.name: table for table in lane.stream.tables}

        def comparison(table: Table, op: Op = unknown) -> Comparison:
            name, cache = head(lane.stream.name, table.name), self._state.cache
            return Comparison(table, name, cache.part(name), passes.get(table.name), op, cache)

        for changes in batch.changes:
            shown = lane.policy.apply(changes)
            with_op = comparison(shown.table, Op.READ if changes.op is Op.READ else unknown)
            yield with_op.rows(shown) if shown.table.key else with_op.equals(shown)
        for reject in batch.rejects:
            if reject.table in tables:
                yield comparison(tables[reject.table]).reject(reject)
            else:
                yield Piece(Part(0, 0, 0), b"", rejects=(reject,))
        for name, keys in batch.seen:
            yield comparison(tables[name]).met(keys)
        if batch.scan in (Scan.LAST, Scan.ONLY):
            for table in tables.values():
                yield from comparison(lane.policy.table(table)).gone(options)
            self._passes.pop(lane.stream.name, None)

    def _passes_of(self, lane: Lane, scan: Scan | None) -> dict[str, Pass]:
        name = lane.stream.name
        if scan is None:
            return {}
        if scan in (Scan.FIRST, Scan.ONLY):
            self._passes[name] = {}
            for table in lane.stream.tables:
                self._passes[name][table.name] = Pass()
                self._state.cache.tidy(self._state.cache.part(head(name, table.name)))
        elif name not in self._passes:
            blind = "its beginning was not seen"
            self._passes[name] = {table.name: Pass(blind=blind) for table in lane.stream.tables}
        return self._passes[name]

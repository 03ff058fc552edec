"""Turns a batch into finished bytes: events by topic, and dead letters for what cannot become an event."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from bridge.admission import Lane
from bridge.contract import Batch, Changes, Op, Position, Reject
from bridge.deadletters import DeadLetter, Letters
from bridge.diff.canonical import key_row, texts
from bridge.encode import Encoder, Origin
from bridge.errors import PermanentError
from bridge.native.packed import Packed
from bridge.piece import letters_of
from bridge.redact import Redactor

OVERHEAD = 100
"""Bytes of a record batch around one message, at most."""


type Texts = Sequence[bytes | None]


@dataclass(slots=True)
class Outgoing:
    """One batch, encoded: records by topic, in source order."""

    records: list[tuple[str, Texts, Texts]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    refused: list[set[int]] = field(default_factory=list)
    """Of each changes of the batch, the rows that became dead letters."""
    events: int = 0
    size: int = 0

    def add(self, topic: str, keys: Texts, values: Texts) -> None:
        self.records.append((topic, keys, values))
        self.events += len(values)
        self.size += values.size if isinstance(values, Packed) else sum(map(len, filter(None, values)))


class Press:
    """Policy, encoder and size limit, for one connector."""

    def __init__(self, encoder: Encoder, origin: Origin, redactor: Redactor) -> None:
        self._encoder, self._origin, self._redactor = encoder, origin, redactor

    def prepare(self, lane: Lane, batch: Batch, buried: Collection[bytes] = ()) -> Outgoing:
        """Everything the batch publishes. Errors: PermanentError when a part of it can never be.

        `buried`: what the state calls the rows that have their dead letter, should they be too large again.
        """
        outgoing = Outgoing()
        for changes in batch.changes:
            self._encode(lane, lane.policy.apply(changes), batch.position, outgoing, buried)
        letters = Letters(self._redactor, lane.stream.name, batch.position, _now_ms())
        for reject in batch.rejects:
            route = lane.routes.get(reject.table)
            key = self._key(lane, reject)
            outgoing.letters.append(letters.rejected(reject, route.topic if route else "", key))
        if lane.stream.settles:
            _keep_the_only_copy(outgoing.letters)
        return outgoing

    def _key(self, lane: Lane, reject: Reject) -> bytes | None:
        """As an event of that row would have it."""
        table = next((each for each in lane.stream.tables if each.name == reject.table), None)
        row = key_row(reject.key, table) if table else None
        if table is None or row is None:
            return None
        keys = self._encoder.encode(Changes(replace(table, schema=row.schema), row), self._origin, 0).keys
        return keys[0] if keys else None

    def _encode(
        self, lane: Lane, changes: Changes, position: Position, outgoing: Outgoing, buried: Collection[bytes]
    ) -> None:
        table, route = changes.table.name, lane.routes.get(changes.table.name)
        if route is None:
            raise PermanentError(
                f"a batch has rows of table {table}, which `discover` did not name for this stream",
                remedy="this is a defect of the connector",
            )
        now = _now_ms()
        letters = Letters(self._redactor, lane.stream.name, position, now)
        encoded = self._encoder.encode(changes, self._origin, now)
        for each in encoded.failures:
            outgoing.letters.append(letters.unencodable(table, route.topic, each.reason, each.key, each.raw))
        failed = {each.row for each in encoded.failures}
        keys, values, limit = encoded.keys, encoded.values, route.max_bytes - OVERHEAD
        large: dict[int, DeadLetter | None] = {}
        if _longest(keys) + _longest(values) > limit:  # only then is each of them measured
            keys, values = list(keys), list(values)
            rows, names = _rows(values, failed), _names(lane, changes)
            for at in reversed(_too_large(keys, values, limit)):
                key, value = keys.pop(at), values.pop(at)
                if value is not None:
                    name = names(rows[at])
                    letter = letters.too_large(table, route.topic, route.max_bytes, key, value)
                    large[rows[at]] = None if name in buried else letter.of_entry(name)
        outgoing.letters += filter(None, reversed(large.values()))
        outgoing.refused.append(failed | large.keys())
        outgoing.add(route.topic, keys, values)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _keep_the_only_copy(letters: Iterable[DeadLetter]) -> None:
    """Of a stream that settles, the source lets go of what is published. Errors: PermanentError."""
    for letter in letters:
        if not letter.whole:
            raise PermanentError(
                f"{letter.table}, key {letter.key}: {letter.reason}; no dead letter can have all of it,"
                " and the source would let go of the only copy",
                remedy="mend that, or take the record out of the source; then `resume`",
            )


def _rows(values: Sequence[bytes | None], failed: Collection[int]) -> list[int]:
    """The row that each event is of: a tombstone of its delete's, and none of those that failed."""
    left = (row for row in count() if row not in failed)
    rows: list[int] = []
    for value in values:
        rows.append(rows[-1] if value is None else next(left))
    return rows


def _names(lane: Lane, changes: Changes) -> Callable[[int], bytes | None]:
    """What the state, where there is one, calls a row; of rows that are gone it knows nothing."""
    key, ops = list(changes.table.key), letters_of(changes)

    def name(row: int) -> bytes | None:
        known = lane.keyed and key and ops[row] != Op.DELETE
        return texts(changes.rows.slice(row, 1).select(key))[0] if known else None

    return name


def _too_large(keys: Sequence[bytes | None], values: Sequence[bytes | None], limit: int) -> list[int]:
    """The events over the limit, and the tombstones of those among them that are deletes."""
    found: list[int] = []
    for at, (key, value) in enumerate(zip(keys, values, strict=True)):
        orphaned = value is None and found[-1:] == [at - 1]
        if orphaned or len(key or b"") + len(value or b"") > limit:
            found.append(at)
    return found


def _longest(texts: Texts) -> int:
    if isinstance(texts, Packed):
        return texts.longest
    return max(map(len, filter(None, texts)), default=0)

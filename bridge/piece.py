"""What comparing makes of a batch: changes to publish, and what is known of their rows then."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from bridge.cache import Part
from bridge.contract import Changes, Op, Reject
from bridge.diff import Entry
from bridge.diff.canonical import digests, texts


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
    news: set[bytes] = field(default_factory=set)
    """Keys whose consumers did not know them."""
    buried: set[bytes] = field(default_factory=set)
    """Keys of rows that are tried again as they are, and have their dead letter."""

    def put(self, key: bytes, slot: int, value: bytes) -> None:
        self.puts[key] = (slot, value)

    def refuse(self, changes: Changes, rows: Collection[int]) -> None:
        """These of its rows became dead letters: their consumers know what they knew before, if anything.

        A row whose key came again has made way for that one. Rows without a key are only counted.
        """
        if not rows or not changes.table.key:
            return
        (part,) = picked(changes, sorted(rows), [Op.READ] * len(rows))
        keys = texts(part.rows.select(list(part.table.key)))
        for key, value in zip(keys, digests(part.rows, part.absent), strict=True):
            if key is None or key not in self.puts:
                continue
            slot, packed = self.puts[key]
            entry = Entry.parse(packed)
            if entry.digest == value:
                self.put(key, slot, replace(entry, published=key not in self.news, refused=True).packed())


def letters_of(changes: Changes) -> Sequence[str]:
    """The operation of each row."""
    if isinstance(changes.op, Op):
        return [changes.op] * changes.rows.num_rows
    letters: list[str] = changes.op.to_pylist()
    return letters


def picked(changes: Changes, at: Sequence[int], ops: Sequence[str]) -> tuple[Changes, ...]:
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

"""What is known of the rows of a stream that tells changes, for the day on which it must be read anew.

It follows what was published, in the same transaction; see bridge.images.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from bridge.cache import Found
from bridge.comparison import LONGEST, Comparison
from bridge.contract import Changes, Op
from bridge.diff import PLAIN, REFUSED, Entry
from bridge.diff.canonical import digests, texts
from bridge.piece import Piece, letters_of


def followed(comparison: Comparison, changes: Changes, refused: Collection[int]) -> Piece:
    """What is known of a table once these changes are published, those rows excepted that were `refused`.

    A value that was not read (`absent`) leaves a digest that no row has: the next image is another one.
    """
    keys = texts(changes.rows.select(list(comparison.table.key)))
    values = digests(changes.rows, changes.absent, before=PLAIN, formless=REFUSED)
    found = comparison.cache.find(comparison.part, [key for key in keys if key is not None])
    last: dict[bytes, bytes | None] = {}
    for row, (key, value, op) in enumerate(zip(keys, values, letters_of(changes), strict=True)):
        if key is None or len(key) > LONGEST:
            continue  # a dead letter, which nobody can tell from others
        if op == Op.DELETE:
            last[key] = None
        elif row in refused:
            last[key] = _refused(last.get(key, found.values.get(key)), value)
        else:
            last[key] = value
    return _settled(comparison, found, last)


def _refused(before: bytes | None, value: bytes) -> bytes:
    published = before is not None and Entry.parse(before).published
    return replace(Entry.parse(value), published=published, refused=True).packed()


def _settled(comparison: Comparison, found: Found, last: Mapping[bytes, bytes | None]) -> Piece:
    """From what was known to what is known. A scan under way has met the rows that were told meanwhile."""
    piece, part, tracked = comparison.piece(), comparison.part, comparison.tracked
    for key, value in last.items():
        known = found.get(key)
        if value is None:
            if known is not None:
                piece.drops.append(key)
                if tracked is not None:
                    tracked.leave(known[0])
            continue
        slot = part.new_slot() if known is None else known[0]
        if known is None:
            piece.new += 1
            piece.news.add(key)
        if tracked is not None:
            tracked.meet(slot)
        if known is None or known[1] != value:
            piece.put(key, slot, value)
    return piece

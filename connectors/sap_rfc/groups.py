"""Groups of columns that fit into a row of the reader's, and rows put together again from them: pure.

Groups are read one after the other, and a row may change in between. Where each holds columns of which a
row never has the same twice, they are the same in all; else all groups but the last are read once more, after
the last. A row that was the same then was so when the last was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

SEPARATOR = "\ufffe"
"""Between the values of a key: no character, nor in any value (see texts.slices)."""
_SEPARATOR = pa.scalar(SEPARATOR, pa.string())
"""Made once: to find the type of a Python value takes Arrow longer than to read many rows."""


def composed(columns: Sequence[pa.StringArray]) -> pa.StringArray:
    """Keys, of their columns."""
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, _SEPARATOR)


class TooWideError(ValueError):
    """There is no room for these columns in one row."""

    def __init__(self, columns: Sequence[str], width: int) -> None:
        super().__init__(f"{', '.join(columns)} take {width} characters")
        self.columns, self.width = columns, width


def divided(
    widths: Mapping[str, int], head: Sequence[str], columns: Sequence[str], most: int
) -> tuple[tuple[str, ...], ...]:
    """Each group begins with `head`. Errors: TooWideError."""
    room = most - sum(widths[name] for name in head)
    if room < 0:
        raise TooWideError(head, most - room)
    found: list[list[str]] = [[]]
    left = room
    for name in (name for name in columns if name not in head):
        if widths[name] > room:
            raise TooWideError((*head, name), most - room + widths[name])
        if widths[name] > left:
            found.append([])
            left = room
        found[-1].append(name)
        left -= widths[name]
    return tuple((*head, *group) for group in found)


@dataclass(frozen=True, slots=True)
class Part:
    """One reading of a group. `proof`: another text for each row that has changed."""

    keys: pa.StringArray
    proof: pa.StringArray
    texts: Mapping[str, pa.StringArray]

    def __len__(self) -> int:
        return len(self.keys)

    def along(self, keys: pa.StringArray) -> Part:
        """The rows with these keys, in their order; null where there is none."""
        if self.keys.equals(keys):
            return self
        return self.taken(pc.index_in(keys, value_set=self.keys))

    def taken(self, rows: pa.Array) -> Part:
        return Part(
            self.keys.take(rows),
            self.proof.take(rows),
            {name: texts.take(rows) for name, texts in self.texts.items()},
        )

    def only(self, mask: pa.BooleanArray) -> Part:
        if pc.all(mask).as_py() is not False:
            return self
        return self.taken(pc.indices_nonzero(mask))


class Joined(NamedTuple):
    """`whole`: rows with all their columns; `doubtful`: keys of those that changed or came or went."""

    whole: Part
    doubtful: pa.StringArray


def joined(parts: Sequence[Part], twins: Sequence[tuple[int, int]]) -> Joined:
    """`twins`: parts whose proofs are the same for a row that did not change between them.

    Errors: ValueError when two rows have one key.
    """
    keys = parts[0].keys
    if len(parts) == 1:
        return Joined(parts[0], keys.slice(0, 0))
    if any(pc.count_distinct(part.keys).as_py() < len(part) for part in parts):
        raise ValueError("two rows have one key")
    if all(part.keys.equals(keys) for part in parts[1:]) and _are_same(parts, twins):
        return Joined(_merged(parts), keys.slice(0, 0))
    aligned = [part.along(keys) for part in parts]
    good = _all([part.keys.is_valid() for part in aligned])
    equal = [pc.equal(aligned[a].proof, aligned[b].proof).fill_null(False) for a, b in twins]
    good = _all([good, *equal])
    doubt = [keys.filter(pc.invert(good))]
    doubt += [_others(part.keys, keys) for part in parts[1:]]
    return Joined(_merged(aligned).only(good), pc.unique(pa.concat_arrays(doubt)))


def _others(found: pa.StringArray, known: pa.StringArray) -> pa.StringArray:
    return found.filter(pc.invert(pc.is_in(found, value_set=known)))


def _are_same(parts: Sequence[Part], twins: Sequence[tuple[int, int]]) -> bool:
    return all(parts[a].proof.equals(parts[b].proof) for a, b in twins)


def _all(masks: Sequence[pa.BooleanArray]) -> pa.BooleanArray:
    found = masks[0]
    for mask in masks[1:]:
        found = pc.and_(found, mask)
    return found


def _merged(parts: Sequence[Part]) -> Part:
    """Of columns that are in several, the first reading counts: where it matters they are the same."""
    texts: dict[str, pa.StringArray] = {}
    for part in reversed(parts):
        texts |= part.texts
    return Part(parts[0].keys, parts[0].proof, texts)


def stacked(parts: Sequence[Part]) -> Part:
    """One below the other."""
    if len(parts) == 1:
        return parts[0]
    return Part(
        pa.concat_arrays([part.keys for part in parts]),
        pa.concat_arrays([part.proof for part in parts]),
        {name: pa.concat_arrays([part.texts[name] for part in parts]) for name in parts[0].texts},
    )

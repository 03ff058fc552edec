"""Texts side by side in one buffer, which no Python object stands for until it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import overload

import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Packed(Sequence[bytes]):
    """`ends` are 64-bit integers, the first of them 0: where each text begins and the one before it ends."""

    texts: pa.Buffer
    ends: pa.Buffer
    longest: int

    @cached_property
    def _ends(self) -> memoryview[int]:
        return memoryview(self.ends).cast("q")

    @property
    def size(self) -> int:
        """Bytes of all."""
        return self._ends[-1]

    def __eq__(self, other: object) -> bool:
        """As a list of the same."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as no list has one

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[bytes]:
        texts = memoryview(self.texts)
        return (bytes(texts[start:end]) for start, end in pairwise(self._ends))

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        return bytes(memoryview(self.texts)[self._ends[at] : self._ends[at + 1]])
